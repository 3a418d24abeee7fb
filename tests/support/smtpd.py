"""The tests' own SMTP server: aiosmtpd's, with BDAT (RFC 3030), limits and faults, and quick on its plain way."""

from __future__ import annotations

import asyncio
import logging
import re
from functools import partial
from typing import TYPE_CHECKING, Any

import aiosmtpd.smtp
from aiosmtpd.smtp import MISSING, syntax

from tests.support import certificates
from tests.support.faults import of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from aiosmtpd.smtp import LoginPassword

    from tests.support.faults import Faults
    from tests.support.mail import MailServer

logging.getLogger("mail.log").setLevel(logging.CRITICAL)

NAME = "127.0.0.1"
_STUFFED = re.compile(rb"\r\n\.")
_TOO_LONG = re.compile(rb"[^\n]{1001}")  # RFC 5321, 4.5.3.1.6, and the stuffed dot
_PLAIN_ADDRESS = re.compile(r"<([\w.+=-]+@[\w.-]+)>(?: +(.*))?$")
_CHUNK = re.compile(r"(\d{1,12})( LAST)?$", re.IGNORECASE)
_TOO_BIG = "552 5.3.4 Error: message too big"
_ALONE = ("EHLO", "MAIL", "RCPT", "DATA", "RSET", "NOOP")


class Envelope(aiosmtpd.smtp.Envelope):
    """One transaction; `chunks` once BDAT has begun, `broken` once a chunk was refused."""

    def __init__(self) -> None:
        super().__init__()
        self.chunks: list[bytes] | None = None
        self.broken = False


class TurnedAway(asyncio.Protocol):
    """One connection too many."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.write(b"421 4.7.0 127.0.0.1 Error: too many connections\r\n")
        transport.close()


class Hooks:
    """What aiosmtpd asks of whoever uses it."""

    def __init__(self, server: MailServer) -> None:
        self.server = server

    async def handle_MAIL(
        self, smtp: SMTP, session: Any, envelope: Envelope, address: str, options: Any
    ) -> str:
        if self.server.faults.refuse_mail:
            return self.server.faults.refuse_mail
        envelope.mail_from = address
        return "250 2.1.0 Ok"

    async def handle_RCPT(
        self, smtp: SMTP, session: Any, envelope: Envelope, address: str, options: Any
    ) -> str:
        faults = self.server.faults
        if envelope.chunks is not None:
            return "503 5.5.1 Error: RCPT after BDAT"
        if faults.recipients and len(envelope.rcpt_tos) >= faults.recipients:
            return "452 4.5.3 Error: too many recipients"
        refusal = of(faults.refuse_rcpt, (address,))
        if isinstance(refusal, str):
            return refusal
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Ok"

    async def handle_AUTH(self, smtp: SMTP, session: Any, envelope: Envelope, words: Any) -> Any:
        return self.server.faults.refuse_auth or MISSING


class SMTP(aiosmtpd.smtp.SMTP):
    """One connection."""

    line_length_limit = 2**26  # a message is read in one go

    def __init__(self, server: MailServer, number: int) -> None:
        self.server = server
        self.number = number
        self._holds = False
        self._silence: asyncio.TimerHandle | None = None
        faults = server.faults
        starttls = faults.tls in {"starttls", "required"}
        super().__init__(
            server.hooks,
            hostname=NAME,
            ident="ESMTP",
            data_size_limit=faults.size,
            enable_SMTPUTF8=True,
            timeout=faults.timeout,
            tls_context=certificates.made(faults.certificate).context() if starttls else None,
            require_starttls=faults.tls == "required",
            auth_callback=self._knows,
            loop=server.loop,
        )
        # Not through the constructor, which warns of a password in clear: this machine is all there is.
        self._auth_require_tls = False
        self._auth_required = bool(faults.login)
        if not faults.chunking:
            del self._smtp_methods["BDAT"]
        if not faults.pipelining:
            self._smtp_methods.update(
                (name, partial(self._alone, self._smtp_methods[name])) for name in _ALONE
            )

    @property
    def faults(self) -> Faults:
        return self.server.faults

    @property
    def held(self) -> int | None:
        """How many bytes of an unfinished message it has, or nothing if there is none."""
        chunks = getattr(self.envelope, "chunks", None)
        if chunks is None and not self._holds:
            return None
        return sum(map(len, chunks or ())) + (len(self._reader._buffer) if self._holds else 0)

    def _knows(self, mechanism: str, *given: LoginPassword) -> bool:
        return b":".join(given).decode() == self.faults.login

    def _create_envelope(self) -> Envelope:
        self._quiet(None)
        return Envelope()

    def _getaddr(self, arg: str) -> tuple[str | None, str | None]:
        plain = _PLAIN_ADDRESS.match(arg)
        return (plain[1], plain[2] or "") if plain else super()._getaddr(arg)

    # What goes by the clock

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._holds:
            self._reset_timeout()
            self._listen()

    def connection_lost(self, error: Exception | None) -> None:
        self._quiet(None)
        self.server.live.discard(self)
        super().connection_lost(error)

    def _listen(self) -> None:
        """Whoever holds a message is dropped after some silence, if that is the fault."""
        if self.faults.drop_held:
            seconds = of(self.faults.drop_held, self.envelope.rcpt_tos)
            self._quiet(None if seconds is None else self.loop.call_later(seconds, self.drop))

    def _quiet(self, timer: asyncio.TimerHandle | None) -> None:
        if self._silence is not None:
            self._silence.cancel()
        self._silence = timer

    def _timeout_cb(self) -> None:
        if self.transport is not None:
            self.transport.write(b"421 4.4.2 127.0.0.1 Error: timeout exceeded\r\n")
            self.transport.close()

    def drop(self) -> None:
        """Leave without a word."""
        if self.transport is not None:
            self.transport.abort()

    # Commands

    async def _alone(self, method: Callable[[Any], Awaitable[None]], arg: str | None) -> None:
        if self._reader._buffer:
            await self.push("503 5.5.0 Error: commands before the reply, and no PIPELINING")
        else:
            await method(arg)

    @syntax("EHLO hostname")
    async def smtp_EHLO(self, hostname: str) -> None:
        if not hostname:
            await self.push("501 Syntax: EHLO hostname")
            return
        self._set_rset_state()
        self.session.extended_smtp, self.session.host_name = True, hostname
        lines = [NAME, *self._offers()]
        await self.push("".join(f"250-{line}\r\n" for line in lines[:-1]) + f"250 {lines[-1]}")

    def _offers(self) -> list[str]:
        faults = self.faults
        offers = {
            "PIPELINING": faults.pipelining,
            f"SIZE {faults.size}": True,
            "STARTTLS": self.tls_context is not None and not self._tls_protocol,
            "AUTH PLAIN LOGIN": bool(faults.login),
            "8BITMIME": True,
            "SMTPUTF8": True,
            "CHUNKING": faults.chunking,
        }
        return [word for word, offered in offers.items() if offered]

    @syntax("DATA")
    async def smtp_DATA(self, arg: str | None) -> None:
        refusal = "501 Syntax: DATA" if arg else self._refusal()
        if refusal is None and self.envelope.chunks is not None:
            refusal = "503 5.5.1 Error: DATA after BDAT"
        if refusal is not None:
            await self.push(refusal)
            return
        self._holds = True
        try:
            await self.push("354 End data with <CR><LF>.<CR><LF>")
            self._listen()
            # The line end of DATA itself, so that a message without a line ends like any other.
            self._reader._buffer[:0] = b"\r\n"
            whole = (await self._reader.readuntil(b"\r\n.\r\n"))[:-3]
        finally:
            self._holds = False
        await self._finish(_STUFFED.sub(b"\r\n", whole)[2:], "DATA")

    @syntax("BDAT <size> [LAST]")
    async def smtp_BDAT(self, arg: str | None) -> None:
        said = _CHUNK.match(arg or "")
        if said is None:  # what follows may be a chunk or a command: nobody knows
            await self.push("521 5.5.4 Syntax: BDAT count [LAST]")
            self.transport.close()
            return
        chunk = await self._chunk(int(said[1]))  # refused or not, it has been sent
        refusal = self._refusal() or self._keep(chunk)
        if refusal is not None:
            self.envelope.broken = bool(self.envelope.mail_from)
            await self.push(refusal)
        elif said[2]:
            await self._finish(b"".join(self.envelope.chunks), "BDAT")
        else:
            await self.push(f"250 2.0.0 Ok: {len(chunk)} bytes")
            self._listen()

    async def _chunk(self, size: int) -> bytes:
        self._holds = True
        try:
            return await self._reader.readexactly(size)
        finally:
            self._holds = False

    def _keep(self, chunk: bytes) -> str | None:
        chunks = self.envelope.chunks = self.envelope.chunks or []
        chunks.append(chunk)
        if sum(map(len, chunks)) > self.faults.size:
            return _TOO_BIG
        return None

    def _refusal(self) -> str | None:
        """Return why no message can come now, if none can."""
        if not self.session.host_name:
            return "503 5.5.1 Error: send EHLO first"
        if self._auth_required and not self.session.authenticated:
            return "530 5.7.0 Authentication required"
        if not self.envelope.rcpt_tos:
            return "503 5.5.1 Error: need RCPT command"
        if self.envelope.broken:
            return "503 5.5.1 Error: a chunk was refused, RSET first"
        return None

    async def _finish(self, content: bytes, how: str) -> None:
        self._quiet(None)
        if len(content) > self.faults.size:
            reply: str | None = _TOO_BIG
        elif _TOO_LONG.search(content):
            reply = "500 5.5.2 Error: line too long"
        else:
            reply = await self.server.decide(self, self.envelope, content, how)
        self._set_post_data_state()
        if reply is not None:
            await self.push(reply)

"""SMTP in two moves: stage everything but the end of the message, then write the end.

Staging gives the server MAIL, every RCPT and the whole message; until its end is written nobody has
anything, and dropping the connection delivers nothing. The end is `BDAT 0 LAST` where the server offers
CHUNKING (RFC 3030): it has then acknowledged every byte before; elsewhere it is the final dot of DATA
(RFC 5321, 3.3). A letter that nothing else waits for is given whole once its recipients are taken: `begin`,
then `finish`. What happened is told as an `Outcome`; an exception is never the answer to « was it sent? ».
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import aiosmtplib
from aiosmtplib import SMTPException, SMTPResponseException, SMTPServerDisconnected

from engine.errors import Unavailable
from notifications.outcome import Outcome, Staged, answered, nobody, said

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from aiosmtplib.protocol import SMTPProtocol

    from notifications.settings import MailSettings

_LEADING_DOT = re.compile(rb"(?m)^\.")
_READY = 354
_OK = 250
#: Taken, or taken to be forwarded (RFC 5321, 3.4).
_TAKEN = (_OK, 251)
#: RFC 5321, 4.5.3.1.10: « too many recipients »; the rest goes in another transaction.
_FULL = 452


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """What a mail server says that it can do (EHLO).

    Attributes:
        name: As it greets.
        chunking: BDAT (RFC 3030).
        pipelining: RFC 2920.
        size: The largest message in bytes, None when it does not say (RFC 1870).
        recipients: The most recipients of one transaction, None when it does not say (RFC 9422).
        dsn: Delivery status notifications can be asked for (RFC 3461).
        utf8: Addresses beyond ASCII (RFC 6531).
    """

    name: str
    chunking: bool
    pipelining: bool
    size: int | None
    recipients: int | None
    dsn: bool
    utf8: bool


class Connection:
    """One connection to the mail server, for one message after another.

    `stage`, then `end` and `reply`; or `begin`, then `finish`; `abort` at any time before the end.
    """

    def __init__(self, settings: MailSettings) -> None:
        self._settings = settings
        self._client: aiosmtplib.SMTP | None = None
        self._held: str | None = None
        #: Whether the server takes whatever we say for a message's text.
        self._within_data = False
        self.server: Server | None = None

    async def open(self, timeout: float | None = None) -> None:  # noqa: ASYNC109 - the library's own
        """Connect, encrypt and authenticate.

        Args:
            timeout: Seconds, if not the settings' own.

        Raises:
            Unavailable: The server cannot be reached, is not encrypted, or refuses the login.
        """
        settings = self._settings
        settings.check()
        client = aiosmtplib.SMTP(
            hostname=settings.host,
            port=settings.port,
            use_tls=settings.security == "tls",
            start_tls=settings.security == "starttls",
            timeout=settings.timeout,
        )
        try:
            await client.connect(timeout=timeout or settings.timeout)
            if settings.username:
                await client.login(settings.username, settings.password())
            self.server = await _greeted(client)
        except (SMTPException, OSError, ValueError) as error:
            client.close()
            raise Unavailable("mail", f"{settings.host}:{settings.port}: {said(error)}") from error
        self._client = client

    @property
    def is_open(self) -> bool:
        """Tell whether the connection still stands."""
        return self._client is not None and self._client.is_connected

    @property
    def _chunks(self) -> bool:
        return self.server is not None and self.server.chunking

    @property
    def holds(self) -> bool:
        """Tell whether a message is staged here and its connection still stands."""
        return self._held is not None and self.is_open

    async def stage(self, addresses: Sequence[str], body: bytes) -> Staged:
        """Give the server everything but the end of the message; `end` and `reply` come after.

        Args:
            addresses: The recipients of this one transaction.
            body: The message; each of its lines ends with CRLF (RFC 5321, 2.3.8).

        Returns:
            What is held. When nothing is, the connection can be used again if it is open.
        """
        staged = await self._begun(addresses, len(body), partial(self._content, body=body))
        if staged.outcome.state == "staged":
            self._held = staged.method
        return staged

    async def begin(self, addresses: Sequence[str], size: int) -> Staged:
        """Give the server the envelope of a message that `finish` gives whole, in one move.

        Args:
            addresses: The recipients of this one transaction.
            size: Of the message, in bytes.

        Returns:
            `staged` when the server waits for the message. When it does not, the connection can be used
            again if it is open.
        """
        return await self._begun(addresses, size, self._awaited)

    async def finish(self, body: bytes) -> Outcome:
        """Give the message that `begin` announced, with its end; return what the server says to it.

        One move less than `stage`, `end` and `reply`, for what no other message waits for. Whatever
        happens from here on without a reply is `uncertain`.
        """
        protocol = None if self._client is None else self._client.protocol
        try:
            if protocol is None:
                raise SMTPServerDisconnected("before the message")
            if self._chunks:
                protocol.write(b"BDAT %d LAST\r\n%b" % (len(body), body))
            else:
                protocol.write(_LEADING_DOT.sub(b"..", body) + b".\r\n")
        except SMTPException as error:
            self.close()
            return Outcome(state="lost_before_dot", reply=said(error))
        return await self.reply()

    async def _begun(
        self,
        addresses: Sequence[str],
        size: int,
        give: Callable[[aiosmtplib.SMTP], Awaitable[tuple[Outcome, str]]],
    ) -> Staged:
        """Give the envelope, then what follows it; give up what the server does not take."""
        refused: dict[str, Outcome] = {}
        taken: list[str] = []
        try:
            client = self._standing()
            left = await self._envelope(client, addresses, size, taken, refused)
            if not taken:
                await self.abort()
                return Staged(outcome=nobody(refused), refused=refused, left=left)
            outcome, method = await give(client)
        except SMTPResponseException as error:
            await self.abort()
            answer = answered("staging", error.code, error.message)
            return Staged(outcome=answer, refused=refused, taken=len(taken))
        except (SMTPException, OSError) as error:
            self.close()
            lost = Outcome(state="lost_before_dot", reply=said(error))
            return Staged(outcome=lost, refused=refused, taken=len(taken))
        if outcome.state != "staged":
            await self.abort()
        return Staged(outcome=outcome, refused=refused, left=left, taken=len(taken), method=method)

    async def probe(self, addresses: Sequence[str], size: int) -> Staged:
        """Ask which recipients the server would take, and leave it at that: nothing is sent.

        Args:
            addresses: The recipients.
            size: Of the message, in bytes.
        """
        refused: dict[str, Outcome] = {}
        taken: list[str] = []
        try:
            left = await self._envelope(self._standing(), addresses, size, taken, refused)
        except (SMTPException, OSError) as error:
            self.close()
            return Staged(outcome=Outcome(state="lost_before_dot", reply=said(error)))
        await self.abort()
        outcome = Outcome(state="staged", reply="250") if taken else nobody(refused)
        return Staged(outcome=outcome, refused=refused, left=left, taken=len(taken))

    def _standing(self) -> aiosmtplib.SMTP:
        if self._client is None or not self._client.is_connected:
            raise SMTPServerDisconnected("before the message")
        return self._client

    async def _envelope(
        self,
        client: aiosmtplib.SMTP,
        addresses: Sequence[str],
        size: int,
        taken: list[str],
        refused: dict[str, Outcome],
    ) -> tuple[str, ...]:
        """Give MAIL and every RCPT; return the addresses that there is no room for."""
        server = self.server
        options = [b"SIZE=%d" % size] if client.supports_extension("size") else []
        if server is not None and server.utf8 and not all(a.isascii() for a in addresses):
            options.append(b"SMTPUTF8")
        await _said_yes(client, b"MAIL FROM:<%b>" % self._settings.sender.encode(), *options)
        most = server.recipients if server is not None and server.recipients else len(addresses)
        for n, address in enumerate(addresses[:most]):
            if not address.isascii() and (server is None or not server.utf8):
                refused[address] = Outcome(state="refused_rcpt", reply="not an ASCII address")
                continue
            try:
                await _said_yes(client, b"RCPT TO:<%b>" % address.encode(), *self._notify(address))
            except SMTPResponseException as error:
                if error.code == _FULL and taken:
                    return tuple(addresses[n:])
                refused[address] = answered("rcpt", error.code, error.message)
            else:
                taken.append(address)
        return tuple(addresses[most:])

    def _notify(self, address: str) -> list[bytes]:
        """Ask to be told of failures by the address that we used (RFC 3461, 4.1 and 4.2)."""
        if self.server is None or not self.server.dsn or not address.isascii():
            return []
        quoted = re.sub(r"[^!-*,-<>-~]", lambda m: f"+{ord(m[0]):02X}", address)
        return [b"NOTIFY=FAILURE,DELAY", b"ORCPT=rfc822;%b" % quoted.encode()]

    async def _awaited(self, client: aiosmtplib.SMTP) -> tuple[Outcome, str]:
        """Let the server wait for the message: with BDAT there is nothing to ask (RFC 3030, 2)."""
        if self._chunks:
            return Outcome(state="staged", reply="250"), "BDAT"
        response = await client.execute_command(b"DATA")
        if response.code != _READY:
            return answered("staging", response.code, response.message), "DATA"
        self._within_data = True
        return Outcome(state="staged", reply=f"{response.code} {response.message}"), "DATA"

    async def _content(self, client: aiosmtplib.SMTP, body: bytes) -> tuple[Outcome, str]:
        outcome, method = await self._awaited(client)
        protocol = client.protocol
        if outcome.state != "staged":
            return outcome, method
        if protocol is None:
            raise SMTPServerDisconnected("before the message")
        if method == "BDAT":
            protocol.write(b"BDAT %d\r\n%b" % (len(body), body))
            response = await protocol.read_response(timeout=self._settings.timeout)
            if response.code != _OK:
                return answered("staging", response.code, response.message), method
            return Outcome(state="staged", reply=f"{response.code} {response.message}"), method
        await self._drained(protocol, _LEADING_DOT.sub(b"..", body))
        if not client.is_connected:
            raise SMTPServerDisconnected("before the final dot")
        return outcome, method

    async def _drained(self, protocol: SMTPProtocol, stuffed: bytes) -> None:
        """Write, and wait until the system has it all: « staged » means that the server can have it."""
        transport: Any = protocol.transport
        protocol.write(stuffed)
        deadline = time.monotonic() + self._settings.timeout
        while protocol.transport is not None and transport.get_write_buffer_size():
            if time.monotonic() > deadline:
                raise SMTPServerDisconnected("the server stopped reading")
            await asyncio.sleep(0.001)

    async def keep(self) -> None:
        """Keep a staged message from timing out, where the server lets us (not within DATA)."""
        if self._held == "BDAT" and self._client is not None:
            with contextlib.suppress(SMTPException, OSError):
                await self._client.noop()

    def end(self) -> bool:
        """Write the end of the staged message, without waiting; tell whether it was written."""
        protocol = None if self._client is None else self._client.protocol
        if protocol is None or not self.holds:
            return False
        try:
            protocol.write(b"BDAT 0 LAST\r\n" if self._held == "BDAT" else b".\r\n")
        except SMTPException:
            return False
        return True

    def fileno(self) -> int:
        """Return the number of the open connection's socket, by which a selector knows it."""
        protocol = None if self._client is None else self._client.protocol
        transport = None if protocol is None else protocol.transport
        return -1 if transport is None else transport.get_extra_info("socket").fileno()

    async def reply(self) -> Outcome:
        """Return what the server says to the end of the message that was written.

        Whatever happens after the end without a reply is `uncertain`: nobody knows.
        """
        self._held, self._within_data = None, False
        protocol = None if self._client is None else self._client.protocol
        try:
            if protocol is None:
                raise SMTPServerDisconnected("after the end of the message")
            response = await protocol.read_response(timeout=self._settings.timeout)
        except SMTPResponseException as error:
            self.close()
            if error.code > 0:
                return answered("dot", error.code, error.message)
            return Outcome(state="uncertain", reply=said(error))
        except (SMTPException, OSError) as error:
            self.close()
            return Outcome(state="uncertain", reply=said(error))
        if response.code == _OK:
            return Outcome(state="accepted", reply=f"{response.code} {response.message}")
        return answered("dot", response.code, response.message)

    async def abort(self) -> None:
        """Give up what is not ended: by RSET, or within DATA by leaving (RFC 5321, 4.1.1.5)."""
        self._held, client = None, self._client
        if client is None or not client.is_connected:
            return
        if not self._within_data:
            with contextlib.suppress(SMTPException, OSError):
                await client.rset()
                return
        self.close()

    async def quit(self) -> None:
        """Leave politely; never fail."""
        if self._client is not None and self._client.is_connected and not self._within_data:
            with contextlib.suppress(SMTPException, OSError):
                await self._client.quit()
        self.close()

    def close(self) -> None:
        """Drop the connection: what was staged and not ended is not delivered."""
        if self._client is not None:
            self._client.close()
        self._client = self._held = None
        self._within_data = False


async def _said_yes(client: aiosmtplib.SMTP, *command: bytes) -> None:
    """Say a command of the envelope; raise `SMTPResponseException` when the server does not take it.

    The library's own `mail` and `rcpt` read each address again as a header's; ours are dot-atoms
    (`engine.contact`), and a line end within a command is still refused.
    """
    response = await client.execute_command(*command)
    if response.code not in _TAKEN:
        raise SMTPResponseException(response.code, response.message)


async def _greeted(client: aiosmtplib.SMTP) -> Server:
    if client.is_ehlo_or_helo_needed:
        await client.ehlo()
    answer = client.last_ehlo_response
    offers = {
        words[0].lower(): words[1:]
        for words in (line.split() for line in (answer.message if answer else "").splitlines())
        if words
    }
    size = (offers.get("size") or ["0"])[0]
    limits = dict(w.upper().split("=", 1) for w in offers.get("limits", []) if "=" in w)
    most = limits.get("RCPTMAX", "")
    return Server(
        name=(answer.message if answer else "").split("\n")[0].split(" ")[0][:200],
        chunking="chunking" in offers,
        pipelining="pipelining" in offers,
        size=int(size) if size.isdecimal() and int(size) else None,
        recipients=int(most) if most.isdecimal() and int(most) else None,
        dsn="dsn" in offers,
        utf8="smtputf8" in offers,
    )

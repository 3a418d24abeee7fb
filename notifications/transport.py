"""SMTP in two moves: stage everything but the final dot, then release it.

Staging gives the server MAIL, every RCPT, DATA and the whole message; until the dot nobody has
anything, and dropping the connection delivers nothing. Releasing writes the dot and waits for the one
reply that counts (RFC 5321, 3.3 and 4.2.5). What happened is told as an `Outcome`; an exception is never
the answer to « was it sent? ».
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING

import aiosmtplib
from aiosmtplib import SMTPException, SMTPResponseException, SMTPServerDisconnected

from engine.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from notifications.settings import MailSettings

_LONE_BREAKS = re.compile(rb"\r\n|\r|\n")
_LEADING_DOT = re.compile(rb"(?m)^\.")
_READY = 354
_OK = 250
_PERMANENT = 500
#: The usual faults, by the errors that tell them; the most telling first.
FAULTS: dict[str, tuple[type[BaseException], ...]] = {
    "authentication refused": (aiosmtplib.SMTPAuthenticationError,),
    "TLS failed": (ssl.SSLError,),
    "unknown host": (socket.gaierror,),
    "connection refused": (ConnectionRefusedError,),
    "timed out": (TimeoutError,),
    "connection lost": (SMTPServerDisconnected, ConnectionResetError, BrokenPipeError),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one move.

    Attributes:
        state: A delivery's state: `staged`, `refused_rcpt`, `deferred_rcpt`, `staging_failed`,
            `lost_before_dot`, `accepted`, `deferred`, `refused` or `uncertain`.
        reply: The server's reply, or what happened instead of one.
    """

    state: str
    reply: str


class Session:
    """One connection to the mail server: `stage`, then `release` or `abort`, as often as needed."""

    def __init__(self, settings: MailSettings) -> None:
        self._settings = settings
        self._client: aiosmtplib.SMTP | None = None

    async def open(self) -> None:
        """Connect, encrypt and authenticate.

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
            await client.connect()
            if settings.username:
                await client.login(settings.username, settings.password())
        except (SMTPException, OSError, ValueError) as error:
            client.close()
            raise Unavailable("mail", f"{settings.host}:{settings.port}: {_said(error)}") from error
        self._client = client

    @property
    def is_open(self) -> bool:
        """Tell whether the connection still stands."""
        return self._client is not None and self._client.is_connected

    async def stage(self, addresses: Sequence[str], message: bytes) -> Outcome:
        """Give the server everything but the final dot.

        Args:
            addresses: The recipients of this one message.
            message: Its bytes; line ends and leading dots are seen to here (RFC 5321, 4.5.2).

        Returns:
            `staged`, or why not; then nothing is held, and the session can be used again if open.
        """
        client = self._client
        if client is None or not client.is_connected:
            return Outcome(state="staging_failed", reply="connection lost (before the message)")
        try:
            await client.mail(self._settings.sender, options=_utf8_options(client, addresses))
            for address in addresses:
                await client.rcpt(address)
            response = await client.execute_command(b"DATA")
            if response.code != _READY:
                await self.abort()
                return _answered("staging", response.code, response.message)
            await self._write(client, message)
        except SMTPResponseException as error:
            await self.abort()
            refused = isinstance(error, aiosmtplib.SMTPRecipientRefused)
            return _answered("rcpt" if refused else "staging", error.code, error.message)
        except (SMTPException, OSError) as error:
            self.close()
            return Outcome(state="lost_before_dot", reply=_said(error))
        return Outcome(state="staged", reply=f"{response.code} {response.message}")

    async def _write(self, client: aiosmtplib.SMTP, message: bytes) -> None:
        protocol = client.protocol
        if protocol is None or protocol.transport is None:
            raise SMTPServerDisconnected("before the message")
        body = _LONE_BREAKS.sub(b"\r\n", message)
        body = _LEADING_DOT.sub(b"..", body)
        protocol.write(body if body.endswith(b"\r\n") else body + b"\r\n")
        deadline = asyncio.get_running_loop().time() + self._settings.timeout
        # The transport buffers; « staged » means that the server has it all.
        while protocol.transport is not None and protocol.transport.get_write_buffer_size():  # type: ignore[attr-defined]
            if asyncio.get_running_loop().time() > deadline:
                raise SMTPServerDisconnected("the server stopped reading")
            await asyncio.sleep(0.001)
        if not client.is_connected:
            raise SMTPServerDisconnected("before the final dot")

    async def release(self) -> Outcome:
        """Write the final dot and return what the server replied.

        Whatever happens after the dot without a reply is `uncertain`: nobody knows.
        """
        client = self._client
        if client is None or not client.is_connected:
            return Outcome(state="lost_before_dot", reply="connection lost (before the final dot)")
        try:
            response = await client.execute_command(b".")
        except SMTPResponseException as error:
            self.close()
            if error.code > 0:
                return _answered("dot", error.code, error.message)
            return Outcome(state="uncertain", reply=_said(error))
        except (SMTPException, OSError) as error:
            self.close()
            return Outcome(state="uncertain", reply=_said(error))
        if response.code == _OK:
            return Outcome(state="accepted", reply=f"{response.code} {response.message}")
        return _answered("dot", response.code, response.message)

    async def abort(self) -> None:
        """Give up what is not released: before DATA by RSET, after it by leaving."""
        client = self._client
        if client is None or not client.is_connected:
            return
        with contextlib.suppress(SMTPException, OSError):
            await client.rset()
            return
        self.close()

    async def quit(self) -> None:
        """Leave politely; never fail."""
        if self._client is not None and self._client.is_connected:
            with contextlib.suppress(SMTPException, OSError):
                await self._client.quit()
        self.close()

    def close(self) -> None:
        """Drop the connection: what was staged and not released is not delivered."""
        if self._client is not None:
            self._client.close()
        self._client = None


def _utf8_options(client: aiosmtplib.SMTP, addresses: Sequence[str]) -> list[str]:
    """Ask for SMTPUTF8 (RFC 6531) only where an address needs it."""
    needed = not all(a.isascii() for a in addresses)
    return ["SMTPUTF8"] if needed and client.supports_extension("smtputf8") else []


def _answered(stage: str, code: int, message: str) -> Outcome:
    states = {
        "rcpt": ("deferred_rcpt", "refused_rcpt"),
        "staging": ("staging_failed", "refused"),
        "dot": ("deferred", "refused"),
    }[stage]
    return Outcome(state=states[code >= _PERMANENT], reply=f"{code} {' '.join(message.split())}")


def _said(error: BaseException) -> str:
    """Return what happened: its kind first where it is a usual one, then the library's own words."""
    text = " ".join(str(error).split()) or type(error).__name__
    kind = _kind(error)
    return text if kind is None else f"{kind} ({text})"


def _kind(error: BaseException) -> str | None:
    if "STARTTLS" in str(error):  # the library has no type for a server that does not offer it
        return "TLS failed"
    causes: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and cause not in causes:
        causes.append(cause)
        cause = cause.__cause__ or cause.__context__
    return next(
        (kind for kind, types in FAULTS.items() if any(isinstance(c, types) for c in causes)), None
    )

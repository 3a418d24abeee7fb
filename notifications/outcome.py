"""What a mail server's replies come to: what became of one move, and whom a transaction is held for."""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import aiosmtplib
from aiosmtplib import SMTPServerDisconnected

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Staged:
    """What the server holds, and what it does not.

    Attributes:
        outcome: `staged`, or why nothing is held.
        refused: Each address that the server did not take, with `refused_rcpt` or `deferred_rcpt`.
        left: Addresses that this transaction has no room for; another one may.
        taken: How many addresses it took.
        method: `BDAT` or `DATA`.
    """

    outcome: Outcome
    refused: Mapping[str, Outcome] = field(default_factory=dict)
    left: tuple[str, ...] = ()
    taken: int = 0
    method: str = "DATA"

    def of(self, addresses: Sequence[str]) -> Outcome:
        """Return what became of one recipient, whatever the number of its addresses.

        It is staged when the server took one of them; what it refused of the others is told.
        """
        refused = {a: self.refused[a] for a in addresses if a in self.refused}
        if self.outcome.state != "staged" and self.taken:
            return self.outcome
        if len(refused) == len(addresses):
            later = [o for o in refused.values() if o.state == "deferred_rcpt"]
            return later[0] if later else next(iter(refused.values()))
        said = "".join(f"; {a}: {o.reply}" for a, o in refused.items())
        return Outcome(state=self.outcome.state, reply=f"{self.outcome.reply}{said}")


def nobody(refused: Mapping[str, Outcome]) -> Outcome:
    """Return what a transaction came to that has no recipient: worth another try if one of them is."""
    later = [o for o in refused.values() if o.state == "deferred_rcpt"]
    first = next(iter(refused.values()), Outcome(state="refused_rcpt", reply="no recipient"))
    return later[0] if later else first


def answered(stage: str, code: int, message: str) -> Outcome:
    """Return what a reply means at a stage: `rcpt`, `staging` or `dot` (RFC 5321, 4.2.1)."""
    states = {
        "rcpt": ("deferred_rcpt", "refused_rcpt"),
        "staging": ("staging_failed", "refused"),
        "dot": ("deferred", "refused"),
    }[stage]
    return Outcome(state=states[code >= _PERMANENT], reply=f"{code} {' '.join(message.split())}")


def said(error: BaseException) -> str:
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

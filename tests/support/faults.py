"""What a mail server does wrong, and what it does not allow; read anew each time, so it may change while it runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_T = TypeVar("_T")
EVERYBODY = "*"


@dataclass
class Faults:
    """Faults and limits. By recipient address where it says so, `*` for all; of a transaction with
    several, any of them is enough.

    Attributes:
        refuse_mail: The reply to any MAIL, such as `550 not from you`; nothing to take it.
        refuse_rcpt: Replies to RCPT, by address: `550 no such user`, `450 later`.
        after_dot: Replies to the final dot or to `BDAT … LAST`, by address; nothing is kept.
        drop_in_data: Addresses: the connection is gone after the dot; nothing is kept.
        drop_after_dot: Addresses: the connection is gone after the dot; the message is kept.
        drop_held: Seconds by address: the connection is gone after so much silence of a client that has
            sent DATA or a chunk, and neither the dot nor the last chunk.
        slow: Seconds between the dot and the decision; a client that has left in between has lost.
        slow_reply: Seconds between the message's being kept and the reply.
        timeout: Seconds of silence, at any time, before `421` and the end; any command starts it anew.
        connections: How many at once; the others are told 421. 0 for no limit.
        recipients: How many a transaction may have; the others are told 452. 0 for no limit.
        size: Bytes that a message may have.
        pipelining: Whether it is offered; where not, who does it all the same is told 503.
        chunking: Whether BDAT is offered, and known.
        tls: Empty for none; `starttls` offers it, `required` demands it before anything else (530),
            `implicit` speaks it from the first byte (only from the start).
        certificate: A kind of `tests.support.certificates`.
        login: `user:password` that a client must give before MAIL (530, 535); empty for none.
        refuse_auth: The reply to any AUTH, whatever the password.
    """

    refuse_mail: str = ""
    refuse_rcpt: dict[str, str] = field(default_factory=dict)
    after_dot: dict[str, str] = field(default_factory=dict)
    drop_in_data: set[str] = field(default_factory=set)
    drop_after_dot: set[str] = field(default_factory=set)
    drop_held: dict[str, float] = field(default_factory=dict)
    slow: float = 0.0
    slow_reply: float = 0.0
    timeout: float = 300.0
    connections: int = 0
    recipients: int = 0
    size: int = 2**25
    pipelining: bool = True
    chunking: bool = True
    tls: str = ""
    certificate: str = "good"
    login: str = ""
    refuse_auth: str = ""


def of(faults: Mapping[str, _T] | set[str], recipients: Iterable[str]) -> _T | bool | None:
    """Return what is planned for any of these recipients, or nothing."""
    if not faults:
        return None
    found = next((r for r in (*recipients, EVERYBODY) if r in faults), None)
    if found is None:
        return None
    return True if isinstance(faults, set) else faults[found]


def parse(words: Iterable[str]) -> Faults:
    """Return faults told in words.

    `slow=0.02`, `connections=3`, `no_chunking`, `tls=required`, `drop_after_dot=e01@example.org`,
    `drop_held=*:0.5`, `refuse_rcpt=e01@example.org:550 no such user`; those by address can be repeated.
    """
    faults = Faults()
    for word in words:
        name, _, value = word.partition("=")
        if name.startswith("no_") and isinstance(getattr(faults, name[3:]), bool):
            setattr(faults, name[3:], False)
        else:
            _set(faults, name, value)
    return faults


def _set(faults: Faults, name: str, value: str) -> None:
    current = getattr(faults, name)
    if isinstance(current, set):
        current.add(value)
    elif isinstance(current, dict):
        address, _, said = value.partition(":")
        current[address] = float(said) if name == "drop_held" else said
    else:
        setattr(faults, name, type(current)(value))

"""What a step did, as it is told to who asked for it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a step did.

    Attributes:
        number: The case.
        version: Its version now.
        state: Its state now.
        actions: The action asked for, then the automatic ones that it set off.
        queued: How many messages to one recipient were queued.
        children: Numbers of the child cases opened.
        probable_duplicates: Numbers of open cases that look like this one (opening only).
        late: Registered later after its reception than the definition allows (opening only).
        replayed: The same idempotency key had been used: nothing was written now.
    """

    number: str
    version: int
    state: str
    actions: tuple[str, ...]
    queued: int = 0
    children: tuple[str, ...] = ()
    probable_duplicates: tuple[str, ...] = ()
    late: bool = False
    replayed: bool = False

"""What a condition may see of a case, read from the database only when it is asked."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from engine import holders, outbox, register, roster
from engine.errors import ArrimageError
from engine.schema import cases

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import Connection

    from engine.calendar import Calendar


@dataclass(frozen=True, slots=True)
class Child:
    """A child case as a join sees it."""

    process: str
    outcome: str | None
    number: str


def _outcome(versions: Mapping[tuple[str, int], Mapping[str, Any]], row: Any) -> str:
    """Return how a case ended, in the words of the version that it follows."""
    summary = versions[(row.process, row.definition_version)]
    return str(summary["states"][row.state]["outcome"])


@dataclass(slots=True, kw_only=True)
class CaseFacts:
    """The facts of one case at one instant (`engine.definition.compiled.Facts`).

    `data`, `owner`, `entered` and `due` follow the step as it is worked out, so that a condition sees
    the case as the action would leave it. `connection` is None on the hot path, whose actions were
    proved to look at nothing but their own case.
    """

    case_id: int
    data: Mapping[str, Any]
    now: datetime
    opened: datetime
    entered: datetime
    due: datetime | None
    actor: str
    owner: str | None
    calendar: Calendar
    connection: Connection | None
    tellers: Mapping[
        str, tuple[str, ...]
    ]  #: message that tells each of its copy → of which batches
    asked: set[str] = field(default_factory=set)  #: messages that this step is about to queue
    left: set[str] = field(default_factory=set)  #: messages that this step accepts as incomplete

    def children(self) -> Sequence[Child]:
        """Return the child cases; the outcome is the one of their ending, None while open."""
        versions = register.summaries(self._look())
        rows = self._look().execute(
            select(
                cases.c.process, cases.c.definition_version, cases.c.state, cases.c.ended_at,
                cases.c.number,
            ).where(cases.c.parent_id == self.case_id)
        )  # fmt: skip
        return [
            Child(r.process, None if r.ended_at is None else _outcome(versions, r), r.number)
            for r in rows
        ]

    def message_state(self, name: str) -> frozenset[str]:
        """Return what holds of the messages of a name that count now (`outbox.message_state`)."""
        read = outbox.state_with_another if name in self.asked else outbox.message_state
        holds = read(self._look(), self.case_id, name)
        return holds - {"stuck"} if name in self.left else holds

    def message_left(self, names: tuple[str, ...], recipient: str | None = None) -> datetime | None:
        """Return when the first copy of the last message of a name left; None while none has.

        For a recipient who has it, or may have it: when it left for them, with that message or with one of
        the others that are named.
        """
        if names[0] in self.asked:
            return None
        if recipient is not None:
            theirs = holders.left_for(self._look(), self.case_id, names, recipient)
            if theirs is not None:
                return theirs
        return outbox.left_at(self._look(), self.case_id, names[0])

    def untold(self, name: str) -> bool:
        """Tell whether a message that tells each of its copy has somebody to tell."""
        return name not in self.asked and bool(
            holders.untold(self._look(), self.case_id, self.tellers[name], name)
        )

    def roster_state(self, name: str) -> tuple[int, tuple[str, ...]]:
        """Return the number of active members, and the names of those without an address."""
        day = self.calendar.today(self.now)
        connection = self._look()
        return (
            len(roster.active(connection, name, day)),
            tuple(roster.unreachable(connection, name, day)),
        )

    def _look(self) -> Connection:
        if self.connection is None:
            raise ArrimageError("a plain action looked around: the compiler missed it")
        return self.connection

"""What can be done with a case: each action, why not, and what to do first; each checklist."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine import awaited, outbox, register, staff
from engine.judge import judge, next_step
from engine.ways import shortest_way

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Connection

    from engine.actor import Actor
    from engine.definition.compiled import CompiledAction, CompiledDefinition
    from engine.draft import Draft
    from engine.errors import Reason
    from engine.ways import Step


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """An action of a case, why it is not possible now (empty: it is), and what to do first.

    Attributes:
        action: The action.
        reasons: All of them: the state, the person, the guards.
        way: The steps that make it possible; None: nothing leads there from here.
        lost: It awaits child cases that have ended otherwise.
    """

    action: CompiledAction
    reasons: tuple[Reason, ...]
    way: tuple[Step, ...] | None
    lost: bool = False


#: A checklist: its label, and its items: key, label, done, next action towards it.
Checklist = tuple["Mapping[str, str]", list[tuple[str, "Mapping[str, str]", bool, str | None]]]


def options(draft: Draft, actor: Actor) -> tuple[Option, ...]:
    """Return every action of a case for a person, possible or not, with all the reasons."""
    definition = draft.process.definition
    return tuple(
        _option(definition, action, draft, actor) for action in definition.actions.values()
    )


def blocked(draft: Draft, connection: Connection) -> tuple[awaited.Hindrance, ...]:
    """Return why nobody and nothing can take a case on any more; none while something may."""
    people = staff.list_staff(connection, draft.facts.calendar.today(draft.now))
    around = awaited.Around(
        roles=frozenset(role for person in people for role in person.roles),
        timers=frozenset(t["name"] for t in register.pending_timers(connection, draft.row.id)),
        sent=outbox.names_sent(connection, draft.row.id),
    )
    return awaited.blocked(draft.process.definition, draft.state, draft.facts, around)


def checklists(draft: Draft) -> list[Checklist]:
    """Return each checklist of a case as it stands."""
    definition = draft.process.definition
    return [
        (
            checklist.label,
            [
                (key, label, done(draft.facts), next_step(definition, draft.state, action))
                for key, (label, done, action) in checklist.items.items()
            ],
        )
        for checklist in definition.checklists.values()
    ]


def _option(
    definition: CompiledDefinition, action: CompiledAction, draft: Draft, actor: Actor
) -> Option:
    reasons = judge(definition, action, draft.state, actor, draft.facts, everything=True)
    way = shortest_way(definition, draft.state, action, draft.facts) if reasons else ()
    lost = awaited.is_lost(definition, action, draft.state, draft.facts)
    return Option(action=action, reasons=tuple(reasons), way=way, lost=lost)

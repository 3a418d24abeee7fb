"""What can be done with a case: each action, why not, and what to do first; each checklist."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import TYPE_CHECKING

from sqlalchemy import select

from engine import awaited, outbox, register, staff
from engine.judge import judge
from engine.schema import cases
from engine.ways.remedy import mended
from engine.ways.search import Ways

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Connection

    from engine.actor import Actor
    from engine.cases import Engine
    from engine.definition.compiled import CompiledAction, CompiledDefinition
    from engine.draft import Draft
    from engine.errors import Reason
    from engine.ways.search import Step


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """An action of a case, why it is not possible now (empty: it is), and what to do first.

    Attributes:
        action: The action.
        reasons: All of them: the state, the person, the guards.
        way: The steps that make it possible; None: nothing leads there from here.
        lost: It awaits child cases that have ended, or can only end, otherwise.
        hopeless: The open child cases that cannot end as it awaits any more, each with that ending.
    """

    action: CompiledAction
    reasons: tuple[Reason, ...]
    way: tuple[Step, ...] | None
    lost: bool = False
    hopeless: tuple[tuple[str, str], ...] = ()


#: A checklist: its label, and its items: key, label, done, next action towards it.
Checklist = tuple["Mapping[str, str]", list[tuple[str, "Mapping[str, str]", bool, str | None]]]


class Outlook:
    """One case, looked at for what can be done with it."""

    def __init__(self, engine: Engine, draft: Draft, connection: Connection) -> None:
        """Take the engine, the case as it is, and a full connection."""
        self._engine, self._draft, self._connection = engine, draft, connection

    @cached_property
    def around(self) -> awaited.Around:
        """Return what there is around the case."""
        draft, connection = self._draft, self._connection
        return awaited.Around(
            roles=_roles(draft, connection),
            timers=frozenset(t["name"] for t in register.pending_timers(connection, draft.row.id)),
            sent=outbox.names_sent(connection, draft.row.id),
            endings=cache(self._endings),
        )

    @cached_property
    def ways(self) -> Ways:
        """Return the ways from where it is."""
        draft = self._draft
        return Ways(draft.process.definition, draft.state, draft.facts, self.around)

    def has(self, action: str) -> bool:
        """Tell whether it is an action of the case's process."""
        return action in self._draft.process.definition.actions

    def options(self, actor: Actor, *, ways: bool = True) -> tuple[Option, ...]:
        """Return every action of a case for a person, possible or not, with all the reasons.

        Args:
            actor: The person.
            ways: Look for the ways too; without, the reasons do not say what to do first either.
        """
        actions = self._draft.process.definition.actions.values()
        return tuple(self._option(a, actor) if ways else self._judged(a, actor) for a in actions)

    def blocked(self) -> tuple[awaited.Hindrance, ...]:
        """Return why nobody and nothing can take the case on any more; none while something may."""
        draft = self._draft
        return awaited.blocked(draft.process.definition, draft.state, draft.facts, self.around)

    def checklists(self) -> list[Checklist]:
        """Return each checklist as it stands."""
        draft = self._draft
        return [
            (
                checklist.label,
                [
                    (key, label, (is_done := done(draft.facts)),
                     None if is_done else self.towards(action))
                    for key, (label, done, action) in checklist.items.items()
                ],
            )
            for checklist in draft.process.definition.checklists.values()
        ]  # fmt: skip

    def towards(self, action: str | None) -> str | None:
        """Return an action where it is possible now, else the first one on the way to it.

        None where nothing leads there, or what comes first is nobody's of this case.
        """
        if action is None:
            return None
        way = self.ways.to(action)
        if way is None:
            return None
        first = way[0] if way else None
        if first is None:
            wanted = self._draft.process.definition.actions[action]
            return action if wanted.automatic is None else None
        return None if first.alone or first.child else first.action

    def mended(self, reasons: tuple[Reason, ...], action: str) -> tuple[Reason, ...]:
        """Return the reasons of a refusal, each with what is to be done first to make the action possible."""
        definition = self._draft.process.definition
        return tuple(mended(reason, action, self.ways, definition) for reason in reasons)

    def _judged(self, action: CompiledAction, actor: Actor) -> Option:
        draft = self._draft
        definition, facts = draft.process.definition, draft.facts
        reasons = judge(definition, action, draft.state, actor, facts, everything=True)
        return Option(action=action, reasons=tuple(reasons), way=())

    def _option(self, action: CompiledAction, actor: Actor) -> Option:
        draft = self._draft
        judged = self._judged(action, actor)
        return replace(
            judged,
            reasons=self.mended(judged.reasons, action.name),
            way=self.ways.to(action.name) if judged.reasons else (),
            lost=awaited.is_lost(
                draft.process.definition, action, draft.state, draft.facts, self.around
            ),
            hopeless=self._hopeless(action),
        )

    def _hopeless(self, action: CompiledAction) -> tuple[tuple[str, str], ...]:
        """Return the open child cases that cannot end any more as an action awaits, with that ending."""
        draft = self._draft
        joins = awaited.joins_of(draft.process.definition, action)
        if draft.state not in action.sources or not joins:
            return ()
        still = [c for c in draft.facts.children() if c.outcome is None]
        return tuple(dict.fromkeys(
            (child.number or "", join.outcome)
            for join in joins
            for child in still
            if join.outcome is not None and join.process in (None, child.process)
            and join.outcome not in (self.around.endings(child.process, child.number) or {join.outcome: ()})
        ))  # fmt: skip

    # --- child cases ----------------------------------------------------------------------------

    def _endings(self, process: str, number: str | None) -> Mapping[str, tuple[str, ...]] | None:
        if number is None:
            return _every_ending(self._engine.library.current(process).definition)
        row = self._connection.execute(select(cases.c.id).where(cases.c.number == number)).one()
        return self._engine.outlook(self._connection, row.id).ways.endings()


def _roles(draft: Draft, connection: Connection) -> frozenset[str]:
    people = staff.list_staff(connection, draft.facts.calendar.today(draft.now))
    return frozenset(role for person in people for role in person.roles)


def _every_ending(definition: CompiledDefinition) -> dict[str, tuple[str, ...]]:
    """Return how a case of a definition may end, and by which actions, whatever happens before."""
    found: dict[str, list[str]] = {}
    for action in definition.actions.values():
        for branch in action.branches:
            outcome = None if branch.state is None else definition.states[branch.state].outcome
            if outcome is not None:
                found.setdefault(outcome, []).append(action.name)
    return {outcome: tuple(dict.fromkeys(by)) for outcome, by in found.items()}

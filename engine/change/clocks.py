"""The timers of a case from one version to another: kept where nothing about them has changed, else planned

again from the case as it will stand. A moment that has passed already is no surprise of the night after:
a message is not sent for it, and an action waits for the mapping to say `fire` or `skip`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from engine.errors import Reason
from engine.schema import from_micros, to_micros

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from engine.change.plan import Plan
    from engine.definition.compiled import CompiledTimer
    from engine.draft import Draft

#: A pending timer: when it fires (microseconds), and which occurrence of a repeating one.
Pending = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class TimerMove:
    """A timer before and after, UTC; None: not planned. `passed`: its time was over already."""

    name: str
    before: datetime | None
    after: datetime | None
    passed: bool = False


def replan(
    draft: Draft,
    plan: Plan,
    pending: Mapping[str, Pending],
    before: Mapping[str, Any],
    *,
    kept: bool,
) -> tuple[list[TimerMove], list[Reason]]:
    """Arm and cancel the timers of a draft that stands in its new state.

    Args:
        draft: In its new state, with its new form and due date.
        plan: The migration.
        pending: The case's pending timers by name, without the engine's own.
        before: The case's form as it was.
        kept: It stays in the state that it was in.

    Returns:
        What becomes of each timer, and why some cannot be planned.
    """
    moves: list[TimerMove] = []
    reasons: list[Reason] = []
    for name in draft.process.definition.states[draft.state].timers:
        old = plan.timers.get(name)
        was = pending.get(old) if old else None
        if kept and old is not None and _unchanged(draft, plan, before, old, name):
            following, passed = was, False
        else:
            following, passed = _planned(draft, plan, name, reasons)
        moves.append(_moved(name, was, following, passed=passed))
        if following is not None and (old, following) != (name, was):
            draft.arm(name, from_micros(following[0]), following[1])
    armed = {move.name for move in moves if move.after is not None}
    kept_names = {plan.timers.get(move.name) for move in moves}
    for name, (at, _) in pending.items():
        if name not in armed:
            draft.cancel(name)
        if name not in kept_names:
            moves.append(TimerMove(name=name, before=from_micros(at), after=None))
    return moves, reasons


def _moved(name: str, was: Pending | None, following: Pending | None, *, passed: bool) -> TimerMove:
    return TimerMove(
        name=name,
        before=None if was is None else from_micros(was[0]),
        after=None if following is None else from_micros(following[0]),
        passed=passed,
    )


def _unchanged(draft: Draft, plan: Plan, before: Mapping[str, Any], old: str, new: str) -> bool:
    """Tell whether a timer says the same as before, counted from the same."""
    rule, after = plan.old.definition.written.timers[old], plan.new.definition.written.timers[new]
    if old not in plan.old.definition.states[draft.row.state].timers:
        return False
    if (rule.at, rule.repeat) != (after.at, after.repeat):
        return False
    if rule.at.of == "due" and draft.case.get("due_at", draft.row.due_at) != draft.row.due_at:
        return False
    read = {rule.at.of, rule.at.after_field or "now"} - {"now", "opened", "entered", "due"}
    return all(draft.data.get(name) == before.get(name) for name in read)


def _planned(
    draft: Draft, plan: Plan, name: str, reasons: list[Reason]
) -> tuple[Pending | None, bool]:
    """Return when a timer fires in the new state, and whether its first time has passed."""
    rule = draft.process.definition.timers[name]
    at = rule.at(draft.facts)
    if at is None or at > draft.now:
        return (None if at is None else (to_micros(at), 1)), False
    choice = plan.given.timers.get(name)
    if choice == "fire":
        return (to_micros(at), 1), True
    if choice is None and rule.action is not None:
        reasons.append(
            Reason(code="migration_timer", field=name, params={"label": dict(rule.label), "at": at})
        )
    if rule.explain.get("before"):
        return None, True  # a warning that comes too late is none
    return next_after(rule, (to_micros(at), 1), draft), True


def next_after(rule: CompiledTimer, pending: Pending, draft: Draft) -> Pending | None:
    """Return the first occurrence of a timer that is still to come; None when there is none."""
    at, occurrence = from_micros(pending[0]), pending[1]
    while at <= draft.now:
        following = rule.next_after(at, occurrence, draft.facts.calendar)
        if following is None:
            return None
        at, occurrence = following, occurrence + 1
    return to_micros(at), occurrence

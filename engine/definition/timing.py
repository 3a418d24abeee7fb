"""Dates that have always passed, and timers that act where their action does not start."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.calendar import Span
from engine.definition.walk import states_of, states_of_timer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engine.definition import model
    from engine.definition.flow import Flow
    from engine.errors import Finding

#: Fewest and most hours that a unit of time takes; a business day may come after many closed ones.
_HOURS = {
    "minutes": (0, 1), "hours": (1, 1), "days": (23, 25), "weeks": (167, 169), "months": (671, 745),
    "business days": (23, 24 * 15),
}  # fmt: skip
#: What has begun when a rule is worked out.
_PAST = frozenset({"now", "opened", "entered"})


def check(flow: Flow) -> Iterator[Finding]:
    """Yield the findings."""
    definition, source = flow.d, flow.graph.source
    for name, state in definition.states.items():
        if state.due is not None and state.due.before is not None and state.due.of in _PAST:
            yield source.finding(
                "already-past", ("states", name, "due"),
                "cette échéance est passée avant de commencer : « after », sans doute.",
                "this due date has passed before it begins: 'after', probably.",
            )  # fmt: skip
    for name, timer in definition.timers.items():
        yield from _armed(flow, name, timer)
        yield from _acts(flow, name, timer)


def _armed(flow: Flow, name: str, timer: model.Timer) -> Iterator[Finding]:
    """Yield a timer whose time has always passed when its state is entered."""
    states = [s for s in states_of_timer(flow.d, timer) if s in flow.d.states]
    if timer.at.before is None or not states or not all(_late(flow.d, timer, s) for s in states):
        return
    yield flow.graph.source.finding(
        "timer-never-armed", ("timers", name, "at"),
        "cette minuterie compte avant un moment qui est toujours trop proche : elle ne s'arme jamais.",
        "this timer counts back from a moment that is always too near: it is never armed.",
    )  # fmt: skip


def _late(definition: model.Definition, timer: model.Timer, state: str) -> bool:
    if timer.at.of in _PAST:
        return True
    due = definition.states[state].due
    if timer.at.of != "due" or due is None or due.of not in _PAST:
        return False
    if due.before is not None:
        return True
    if due.after is None:
        return False
    after, before = Span.parse(due.after), Span.parse(str(timer.at.before))
    if after.unit == before.unit:
        return before.count > after.count
    # A due date is the end of its day.
    return before.count * _HOURS[before.unit][0] >= after.count * _HOURS[after.unit][1] + 24


def _acts(flow: Flow, name: str, timer: model.Timer) -> Iterator[Finding]:
    action = flow.d.actions.get(timer.action or "")
    if action is None or timer.action in flow.graph.doubts.ways:
        return
    starts = set(states_of(flow.d, action))
    wrong = [s for s in states_of_timer(flow.d, timer) if s in flow.d.states and s not in starts]
    if wrong:
        yield flow.graph.source.finding(
            "wrong-state", ("timers", name, "action"),
            f"la minuterie compte dans « {wrong[0]} », où « {timer.action} » ne part pas.",
            f"the timer counts in {wrong[0]!r}, from which {timer.action!r} does not start.",
        )  # fmt: skip

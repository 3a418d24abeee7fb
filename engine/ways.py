"""The shortest way to an action from where a case is: what to do first, and then.

Worked out on the state graph with what is known of the case: a step whose guard does not hold costs what
mends it, and a branch that the case's own data rules out is no way. Only what somebody would do on
purpose is a step; what asks for a confirmation, or is seldom meant, is one only where nothing else leads
there. No way leads through an ending.
"""

from __future__ import annotations

from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import count
from typing import TYPE_CHECKING

from engine.awaited import is_barred
from engine.definition.walk import (
    conditions_in,
    fields_read,
    split_form,
    through_checklists,
    timed_fields,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from engine.definition import model
    from engine.definition.compiled import (
        CompiledAction,
        CompiledBranch,
        CompiledDefinition,
        CompiledRequirement,
        Facts,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of a way.

    Attributes:
        action: What to do, or what happens by itself.
        source: The state it is done in.
        to: The state it leads to.
        when: The condition on which it leads there, where it may lead elsewhere too.
        alone: The engine does it as soon as it can: there is only to wait.
    """

    action: str
    source: str
    to: str
    when: model.Condition | None = None
    alone: bool = False


def shortest_way(
    definition: CompiledDefinition, state: str, wanted: CompiledAction, facts: Facts | None = None
) -> tuple[Step, ...] | None:
    """Return the steps before an action can be taken, none when it can be now; None: nothing leads there.

    Args:
        definition: The case's definition.
        state: Where the case is.
        wanted: What is to become possible.
        facts: What is known of the case; None: only the graph is looked at.
    """
    if (
        facts is not None
        and wanted.automatic is None
        and is_barred(definition, wanted, state, facts)
    ):
        return None
    for asking in (False, True):
        found = _searched(definition, state, wanted, facts, asking=asking)
        if found is not None:
            end = found[-1].to if found else state
            last = Step(action=wanted.name, source=end, to=end)
            return found if facts is None else _mended(definition, (*found, last), facts)[:-1]
    return None


def _searched(
    definition: CompiledDefinition,
    state: str,
    wanted: CompiledAction,
    facts: Facts | None,
    *,
    asking: bool,
) -> tuple[Step, ...] | None:
    """Return the cheapest steps from a state to one where an action is possible (Dijkstra)."""
    order, seen = count(), set[str]()
    waiting: list[tuple[int, int, str, tuple[Step, ...]]] = [(0, next(order), state, ())]
    while waiting:
        cost, _, here, way = heappop(waiting)
        if here in wanted.sources:
            return way
        if here in seen:
            continue
        seen.add(here)
        for step in _steps(definition, here, facts if here == state else None, asking=asking):
            if here == state and step.alone and not asking:
                continue  # what happens by itself is no first step
            price = 1 + len(_helpers(definition, definition.actions[step.action], facts))
            heappush(waiting, (cost + price, next(order), step.to, (*way, step)))
    return None


def _steps(
    definition: CompiledDefinition, state: str, facts: Facts | None, *, asking: bool
) -> Iterator[Step]:
    for action in definition.actions.values():
        if state not in action.sources or not (asking or not (action.confirm or action.hidden)):
            continue
        if facts is not None and is_barred(definition, action, state, facts):
            continue
        for i, branch in enumerate(action.branches):
            to = branch.state
            if to is None or to == state or definition.states[to].outcome is not None:
                continue
            if facts is None or not _ruled_out(definition, action, i, branch, facts):
                yield Step(action=action.name, source=state, to=to, alone=action.automatic is not None,
                           when=_when(definition, action, i))  # fmt: skip


def _when(definition: CompiledDefinition, action: CompiledAction, i: int) -> model.Condition | None:
    to = definition.written.actions[action.name].to
    return to[i].when if isinstance(to, list) else None


def _ruled_out(
    definition: CompiledDefinition,
    action: CompiledAction,
    i: int,
    branch: CompiledBranch,
    facts: Facts,
) -> bool:
    """Tell whether a branch cannot be taken now, whatever the action's own form says."""
    written = _when(definition, action, i)
    if branch.when is None or written is None or branch.when(facts):
        return False
    given = {split_form(item.name)[0] or item.name for item in action.form}
    given |= {name for name, _ in action.sets}
    parts = [part for _, part in conditions_in(written)]
    if any(part.checklist or part.children or part.message or part.earlier for part in parts):
        return False
    read = {n for part in parts if not any(timed_fields(part)) for n in fields_read(part)}
    return bool(read) and given.isdisjoint(read)


def _helpers(
    definition: CompiledDefinition, action: CompiledAction, facts: Facts | None
) -> list[str]:
    """Return the actions that mend the guards of an action that do not hold now, in order."""
    if facts is None:
        return []
    found: list[str | None] = []
    given = _asked(action)
    for requirement in action.requirements:
        # What looks at the action's own form is judged with it; nothing can be done about it before.
        if requirement.holds(facts) or not requirement.reads.isdisjoint(given):
            continue
        found += _undone(definition, requirement.checklists, facts) or _mending(
            definition, requirement
        )
    if action.automatic is not None and not action.automatic(facts):
        found += _undone(definition, _awaited_lists(definition, action.name), facts)
    return [name for name in dict.fromkeys(found) if name is not None and name != action.name]


def _mending(definition: CompiledDefinition, requirement: CompiledRequirement) -> list[str | None]:
    """Return the action of a guard where it changes what the guard looks at, not where it does instead."""
    if requirement.action is None or not requirement.reads:
        return [requirement.action]
    helper = definition.actions[requirement.action]
    written = _asked(helper) | {name for name, _ in helper.sets} | {*helper.clears}
    changes = helper.opens is not None or not requirement.reads.isdisjoint(written)
    return [helper.name] if changes else []


def _asked(action: CompiledAction) -> set[str]:
    """Return the fields and lists that an action's form is to give."""
    return {item.record or item.field.name for item in action.form}


def _undone(
    definition: CompiledDefinition, checklists: Iterable[str], facts: Facts
) -> list[str | None]:
    return [
        helper
        for name in checklists
        for _, done, helper in definition.checklists[name].items.values()
        if not done(facts)
    ]


def _awaited_lists(definition: CompiledDefinition, action: str) -> list[str]:
    """Return the checklists that an automatic action waits for."""
    root = definition.written.actions[action].automatic
    parts = [] if root is None else through_checklists(definition.written, root)
    return [part.checklist for part in parts if part.checklist is not None]


def _mended(
    definition: CompiledDefinition, way: tuple[Step, ...], facts: Facts
) -> tuple[Step, ...]:
    """Return a way with what mends the guards on it, done in the last state where it can be."""
    planned = list(way)
    for step in way:
        for name in _helpers(definition, definition.actions[step.action], facts):
            if any(other.action == name for other in planned):
                continue
            at = planned.index(step)
            places = [
                i for i in range(at + 1)
                if planned[i].source in definition.actions[name].sources
            ]  # fmt: skip
            if places and _stays(definition.actions[name]):
                here = planned[places[-1]].source
                planned.insert(places[-1], Step(action=name, source=here, to=here))
    return tuple(planned)


def _stays(action: CompiledAction) -> bool:
    return any(branch.state is None or branch.state in action.sources for branch in action.branches)

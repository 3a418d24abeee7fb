"""Which open cases a change of a definition touches: by the state they are in, or by what they hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.definition.walk import (
    conditions_in,
    states_of,
    states_of_timer,
    through_checklists,
)

if TYPE_CHECKING:
    from engine.definition import model


def states_touched(definition: model.Definition, kind: str, key: str) -> set[str]:
    """Return the states whose cases a change touches, as one version has it.

    Args:
        definition: That version.
        kind: `state`, `action`, `timer`, `notification`, `checklist`, `table` or `role`.
        key: Of the part that changes; one that this version does not have touches nothing in it.
    """
    if kind == "state":
        return {key} & {*definition.states}
    if kind == "timer":
        timer = definition.timers.get(key)
        return set() if timer is None else {*states_of_timer(definition, timer)}
    found = {
        state
        for name, action in definition.actions.items()
        if _is_concerned(definition, name, action, kind, key)
        for state in states_of(definition, action)
    }
    return found | _beside(definition, kind, key)


def _is_concerned(
    definition: model.Definition, name: str, action: model.Action, kind: str, key: str
) -> bool:
    if kind == "action":
        return name == key
    if kind == "notification":
        return key in action.notify
    if kind == "role":
        return key in action.by
    if kind == "table":
        tables = [value.table.table for value in action.sets.values() if value.table]
        return key in tables
    if kind == "checklist":
        return any(
            part.checklist == key
            for _, root in conditions_in(action)
            for part in through_checklists(definition, root)
        )
    return False


def _beside(definition: model.Definition, kind: str, key: str) -> set[str]:
    """Return the states touched otherwise than by an action."""
    if kind == "notification":
        timers = [t for t in definition.timers.values() if key in t.notify]
        return {state for timer in timers for state in states_of_timer(definition, timer)}
    if kind == "role":
        return {
            name
            for name, state in definition.states.items()
            if state.task and state.task.role == key
        }
    return set()

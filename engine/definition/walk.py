"""Walks over a typed definition: every condition, every date rule, with its path in the file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.definition import model

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engine.definition.source import Path


def only_one(part: model.Model) -> bool:
    """Tell whether exactly one key of a part is set."""
    return sum(getattr(part, name) is not None for name in type(part).model_fields) == 1


def split_form(name: str) -> tuple[str | None, str]:
    """Return the list and the field of a form's name: `list.field`, or just `field`."""
    record, _, field = name.rpartition(".")
    return record or None, field


def states_of(definition: model.Definition, action: model.Action) -> list[str]:
    """Return the states an action can be taken from."""
    if isinstance(action.source, list):
        return action.source
    ended = action.source == "ended"
    return [name for name, state in definition.states.items() if (state.end is not None) == ended]


def states_of_timer(definition: model.Definition, timer: model.Timer) -> list[str]:
    """Return the states in which a timer is armed."""
    if isinstance(timer.states, list):
        return timer.states
    return [name for name, state in definition.states.items() if state.end is None]


def targets_of(action: model.Action, source: str) -> list[str]:
    """Return the states an action may lead to from one state."""
    if action.to == "same":
        return [source]
    return [action.to] if isinstance(action.to, str) else [b.state for b in action.to]


def conditions(definition: model.Definition) -> Iterator[tuple[Path, model.Condition]]:
    """Yield every condition, the nested ones too, with its path in the file."""
    for path, part in _parts(definition, ()):
        if isinstance(part, model.Condition):
            yield path, part


def moments(definition: model.Definition) -> Iterator[tuple[Path, model.When]]:
    """Yield every date rule with its path in the file."""
    for path, part in _parts(definition, ()):
        if isinstance(part, model.When):
            yield path, part


def inner(condition: model.Condition) -> Iterator[model.Condition]:
    """Yield a condition and every one inside it."""
    yield condition
    for part in [*(condition.all or []), *(condition.any or [])]:
        yield from inner(part)
    if condition.negation is not None:
        yield from inner(condition.negation)


def _parts(part: object, path: Path) -> Iterator[tuple[Path, model.Model]]:
    if isinstance(part, model.Model):
        yield path, part
        for name, field in type(part).model_fields.items():
            yield from _parts(getattr(part, name), (*path, field.alias or name))
    elif isinstance(part, dict):
        for name, value in part.items():
            yield from _parts(value, (*path, name))
    elif isinstance(part, list):
        for i, value in enumerate(part):
            yield from _parts(value, (*path, i))

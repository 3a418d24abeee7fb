"""Walks over a typed definition: every condition, every date rule, with its path in the file."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, get_args

from engine.definition import model

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from engine.definition.source import Path


def only_one(part: model.Model) -> bool:
    """Tell whether exactly one key of a part is set."""
    return sum(getattr(part, name) is not None for name in type(part).model_fields) == 1


def split_form(name: str) -> tuple[str | None, str]:
    """Return the list and the field of a form's name: `list.field`, or just `field`."""
    record, _, field = name.rpartition(".")
    return record or None, field


def spec_of(definition: model.Definition, name: str) -> model.FieldSpec:
    """Return the specification of a field, or of `list.field`; raise KeyError."""
    record, field = split_form(name)
    if record is None:
        return definition.fields[field]
    return (definition.fields[record].of or {})[field]


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


def batches_of(to: model.Recipients) -> list[str]:
    """Return the batches to whose recipients a message goes; none for any other kind."""
    if to.recipients_of is None:
        return []
    return [to.recipients_of] if isinstance(to.recipients_of, str) else to.recipients_of


def accepted_by(action: model.Action) -> list[str]:
    """Return the messages that an action accepts as incomplete."""
    if action.accepts is None:
        return []
    names = action.accepts.message
    return [names] if isinstance(names, str) else names


def named_by(part: model.Earlier) -> list[str]:
    """Return the batches than which something came earlier."""
    return [part.than] if isinstance(part.than, str) else part.than


def conditions(definition: model.Definition) -> Iterator[tuple[Path, model.Condition]]:
    """Yield every condition, the nested ones too, with its path in the file."""
    return conditions_in(definition)


def conditions_in(part: model.Model) -> Iterator[tuple[Path, model.Condition]]:
    """Yield every condition of one part of a definition, with its path inside that part."""
    for path, found in _parts(part, ()):
        if isinstance(found, model.Condition):
            yield path, found


def moments(definition: model.Definition) -> Iterator[tuple[Path, model.When]]:
    """Yield every date rule with its path in the file."""
    for path, part in _parts(definition, ()):
        if isinstance(part, model.When):
            yield path, part


def looks_around(definition: model.Definition, action: model.Action) -> bool:
    """Tell whether an action's step reads or writes more than its own case.

    It does when it opens a child, writes to more than one address, takes a message back or accepts what
    became of one, ends with a redirect, or when any condition judged on the way (its messages' own, and
    inside checklists too) reads children, messages or a roster.
    """
    targets = {t for s in states_of(definition, action) for t in targets_of(action, s)}
    ends = [definition.states[t].end for t in targets]
    messages = [definition.notifications[n] for n in action.notify]
    return (
        action.opens is not None
        or bool(action.cancels or action.recalls)
        or action.accepts is not None
        or any(m.to.address is None for m in messages)
        or any(end.redirect for end in ends if end is not None)
        or any(
            c.children or c.message or c.audience or c.earlier or c.untold
            for part in [action, *messages]
            for _, root in conditions_in(part)
            for c in through_checklists(definition, root)
        )
    )


def through_checklists(
    definition: model.Definition, condition: model.Condition
) -> Iterator[model.Condition]:
    """Yield a condition and every one inside it, following checklists, each of them once."""
    waiting, seen = [condition], set[str]()
    while waiting:
        for part in inner(waiting.pop()):
            yield part
            name = part.checklist
            if name is not None and name not in seen and name in definition.checklists:
                seen.add(name)
                waiting += [i.when for i in definition.checklists[name].items.values()]


def inner(condition: model.Condition) -> Iterator[model.Condition]:
    """Yield a condition and every one inside it."""
    yield condition
    for part in [*(condition.all or []), *(condition.any or [])]:
        yield from inner(part)
    if condition.negation is not None:
        yield from inner(condition.negation)


@cache
def _keys(kind: type[model.Model]) -> tuple[tuple[str, str], ...]:
    """Return the attributes of a part below which there may be conditions or dates, each with its key."""
    fields = kind.model_fields.items()
    return tuple((n, f.alias or n) for n, f in fields if _leads_on(f.annotation, frozenset()))


def _leads_on(annotation: object, passed: frozenset[object]) -> bool:
    """Tell whether there may be a condition or a date rule in what is annotated so."""
    if annotation in {model.Condition, model.When}:
        return True
    inside: Iterable[object] = get_args(annotation)
    if isinstance(annotation, type) and issubclass(annotation, model.Model):
        inside = [f.annotation for f in annotation.model_fields.values()]
    return annotation not in passed and any(_leads_on(i, passed | {annotation}) for i in inside)


def fields_read(part: model.Condition) -> Iterator[str]:
    """Yield the fields, or lists of records, that one part of a condition looks at."""
    names = [part.present, part.obtained, *timed_fields(part)]
    if part.compare is not None:
        compare = part.compare
        names += [compare.field, compare.at_least_field, compare.count_at_least_field]
    yield from (name.partition(".")[0] for name in names if name)


def timed_fields(condition: model.Condition) -> Iterator[str]:
    """Yield the field whose instant one part of a condition looks at, if it does."""
    if isinstance(condition.within, model.Within):
        yield condition.within.field
    if condition.ahead is not None:
        yield condition.ahead.field
    if condition.earlier is not None:
        yield condition.earlier.field


def _parts(part: object, path: Path) -> Iterator[tuple[Path, model.Model]]:
    if isinstance(part, model.Model):
        yield path, part
        for name, written in _keys(type(part)):
            value = getattr(part, name)
            if isinstance(value, (model.Model, dict, list)):
                yield from _parts(value, (*path, written))
    elif isinstance(part, dict):
        for name, value in part.items():
            yield from _parts(value, (*path, name))
    elif isinstance(part, list):
        for i, value in enumerate(part):
            yield from _parts(value, (*path, i))

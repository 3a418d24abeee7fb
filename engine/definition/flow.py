"""What is surely known at each state: a data flow that intersects what every way into it has set.

A message without an address would silently not leave, a task without its date would never be late, a
redirect without a number would lead nowhere: what they read must be there on every way.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from engine.definition import model
from engine.definition.walk import split_form, states_of, states_of_timer, timed_fields

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engine.definition.source import Path, Source
    from engine.errors import Finding

#: Points in time that are always known; `due` may not be.
_KNOWN = frozenset({"now", "opened", "entered"})


# --- what is there ------------------------------------------------------------------------------


def surely_there(definition: model.Definition) -> dict[str, set[str]]:
    """Return, for each state, the fields that have a value whatever the way into it."""
    sure = {name: set(definition.fields) for name in definition.states}
    first = definition.opening.to
    sure[first] = after_action(definition, definition.opening, set())
    waiting, reached = deque([first]), {first}
    while waiting:
        here = waiting.popleft()
        for action in definition.actions.values():
            if here not in states_of(definition, action):
                continue
            for _, target, after in _arrivals(definition, action, here, sure[here]):
                narrowed = sure[target] & after
                if narrowed != sure[target] or target not in reached:
                    sure[target] = narrowed
                    reached.add(target)
                    waiting.append(target)
    return sure


def _arrivals(
    definition: model.Definition, action: model.Action, state: str, before: set[str]
) -> Iterator[tuple[Path, str, set[str]]]:
    """Yield each way of an action: where it stands in `to`, its target, what is there after it."""
    after = after_action(definition, action, before)
    if isinstance(action.to, str):
        yield (), state if action.to == "same" else action.to, after
        return
    for i, branch in enumerate(action.to):
        when = set() if branch.when is None else told_by(definition, branch.when)
        yield (i, "state"), branch.state, after | when


def after_action(
    definition: model.Definition, action: model.Action | model.Opening, before: set[str]
) -> set[str]:
    """Return the fields surely there after an action that was taken with `before` there."""
    there = set(before)
    for item in action.form:
        _ask(definition, item, there)
    if isinstance(action, model.Action):
        for requirement in action.requires:
            if requirement.exception is None:
                there |= told_by(definition, requirement.when)
        if action.automatic is not None:
            there |= told_by(definition, action.automatic)
        there -= set(action.clears)
    for name, value in action.sets.items():
        if _is_sure(definition, value, there):
            there.add(name)
        else:
            there.discard(name)
    return there


def _ask(definition: model.Definition, item: str | model.FormItem, there: set[str]) -> None:
    name = item if isinstance(item, str) else item.field
    record, field = split_form(name)
    if record is None and definition.fields[field].reason_if_missing:
        # What was there may be replaced by a reason why it is not.
        there.discard(field)
    elif isinstance(item, str) or item.required is True:
        there.add(record or field)


def _is_sure(definition: model.Definition, value: model.SetValue, there: set[str]) -> bool:
    if value.table is not None:
        # A table answers every input, once each of them is there.
        return set(definition.tables[value.table.table].reads) <= there
    return value.when is None or (value.when.of != "due" and needed_by(value.when) <= there)


def read_by(when: model.When) -> set[str]:
    """Return the fields that a date rule counts from."""
    of = set() if when.of in _KNOWN or when.of == "due" else {when.of}
    return of | ({when.after_field} if when.after_field is not None else set())


def needed_by(when: model.When) -> set[str]:
    """Return the fields that a date rule cannot do without."""
    return read_by(when) - ({when.of} if when.otherwise is not None else set())


def told_by(definition: model.Definition, condition: model.Condition) -> set[str]:
    """Return the fields that surely have a value when a condition holds."""
    if condition.all is not None:
        return set().union(*(told_by(definition, c) for c in condition.all))
    if condition.any:
        return set.intersection(*(told_by(definition, c) for c in condition.any))
    if condition.checklist is not None:
        items = definition.checklists[condition.checklist].items.values()
        return set().union(*(told_by(definition, i.when) for i in items))
    name = condition.obtained or (condition.compare.field if condition.compare else "")
    name = name or next(timed_fields(condition), "")
    if condition.present is not None:
        name = condition.present
        if definition.fields[name.partition(".")[0]].reason_if_missing:
            return set()
    return {name.partition(".")[0]} - {""}


# --- what is needed -----------------------------------------------------------------------------


def check(
    definition: model.Definition, source: Source, ways: dict[str, list[str]]
) -> Iterator[Finding]:
    """Yield what may be absent where it is needed.

    Args:
        definition: Whose names and types are right.
        source: For places.
        ways: For each state that can be reached, a shortest list of actions to it.
    """
    sure = surely_there(definition)
    opening = definition.opening
    there = after_action(definition, opening, set())
    for i, name in enumerate(opening.notify):
        yield from _absent(
            source, ("opening", "notify", i), _for_message(definition, name) - there, []
        )
    for name, action in definition.actions.items():
        told: set[Path] = set()
        for state in (s for s in states_of(definition, action) if s in ways):
            for path, missing, why in _lacking(definition, name, action, state, sure[state]):
                # The same lack from several states is one mistake.
                if missing and path not in told:
                    told.add(path)
                    yield from _absent(source, path, missing, [*ways[state], name], why)
        yield from _not_added(source, name, action)
    yield from _in_states(definition, source, sure, ways)
    yield from _in_timers(definition, source, sure, ways)


def _lacking(
    definition: model.Definition, name: str, action: model.Action, state: str, before: set[str]
) -> Iterator[tuple[Path, set[str], str]]:
    for i, notification in enumerate(action.notify):
        # All ways lead past the message; what is there on each of them is there.
        there = set.intersection(*(a for _, _, a in _arrivals(definition, action, state, before)))
        missing = _for_message(definition, notification) - there
        yield ("actions", name, "notify", i), missing, "message"
    for path, target, after in _arrivals(definition, action, state, before):
        end = definition.states[target].end
        if end is not None and end.redirect is not None:
            yield ("actions", name, "to", *path), {end.redirect} - after, "redirect"


def _for_message(definition: model.Definition, name: str) -> set[str]:
    """Return the fields without which a message cannot leave, unless its `when` asks for them."""
    part = definition.notifications[name]
    needed = {part.to.address or "", part.calendar.start if part.calendar else ""} - {""}
    return needed - (set() if part.when is None else told_by(definition, part.when))


def _not_added(source: Source, name: str, action: model.Action) -> Iterator[Finding]:
    """Yield a record's field handed to a child by an action that may add no record."""
    demanded = {
        split_form(i if isinstance(i, str) else i.field)[0]
        for i in action.form
        if isinstance(i, str) or i.required is True
    }
    for theirs, ours in (action.opens.form if action.opens else {}).items():
        record, _ = split_form(ours)
        if record is not None and record not in demanded:
            path = ("actions", name, "opens", "form", theirs)
            yield from _absent(source, path, {record}, [name], "child")


def _in_states(
    definition: model.Definition,
    source: Source,
    sure: dict[str, set[str]],
    ways: dict[str, list[str]],
) -> Iterator[Finding]:
    for name, state in definition.states.items():
        if state.due is not None and name in ways:
            missing = needed_by(state.due) - sure[name]
            yield from _absent(source, ("states", name, "due"), missing, ways[name], "due")


def _in_timers(
    definition: model.Definition,
    source: Source,
    sure: dict[str, set[str]],
    ways: dict[str, list[str]],
) -> Iterator[Finding]:
    for name, timer in definition.timers.items():
        told = set() if timer.only is None else told_by(definition, timer.only)
        needs: list[tuple[Path, set[str], str]] = [
            (("timers", name, "notify", i), _for_message(definition, n) - told, "message")
            for i, n in enumerate(timer.notify)
        ]
        needs.append((("timers", name, "at"), needed_by(timer.at) - told, "timer"))
        for path, needed, why in needs:
            lacking = (
                (s, needed - sure[s]) for s in states_of_timer(definition, timer) if s in ways
            )
            state, missing = next(((s, m) for s, m in lacking if m), ("", set[str]()))
            yield from _absent(source, path, missing, [*ways.get(state, []), name], why)


def _absent(
    source: Source, path: Path, missing: set[str], way: list[str], why: str = "message"
) -> Iterator[Finding]:
    if not missing:
        return
    field, said = min(missing), " → ".join(["ouvrir", *way])
    fr, en = _WHY[why]
    yield source.finding(
        "may-be-absent", path,
        f"{said} : le champ « {field} » peut être absent {fr.format(field=field)}.",
        f"{said}: field {field!r} may be absent {en.format(field=field)}.",
    )  # fmt: skip


_WHY = {
    "message": (
        "quand ce message part ; ajoutez « when: {{obtained: {field}}} »",
        "when this message leaves; add 'when: {{obtained: {field}}}'",
    ),
    "due": ("quand l'échéance se calcule", "when the due date is counted"),
    "timer": (
        "quand la minuterie s'arme ; si c'est voulu, ajoutez « only: {{obtained: {field}}} »",
        "when the timer is armed; if that is meant, add 'only: {{obtained: {field}}}'",
    ),
    "redirect": ("alors que cette fin y renvoie", "although this ending leads to it"),
    "child": (
        "quand le dossier enfant s'ouvre : l'action peut n'y rien ajouter",
        "when the child case is opened: the action may add nothing to it",
    ),
}

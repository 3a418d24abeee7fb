"""What depends on the ways through the states: reaching, ending, and data that is surely there.

The state graph is small, so everything is worked out exactly, by breadth first search and by a data
flow that intersects what every way into a state has surely set.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from engine.definition.walk import inner, split_form, states_of, states_of_timer, targets_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engine.definition import model
    from engine.definition.source import Source
    from engine.errors import Finding

Edges = dict[str, list[tuple[str, str]]]


def check(definition: model.Definition, source: Source) -> Iterator[Finding]:
    """Yield the findings of one definition whose names are all known."""
    edges = _edges(definition)
    ways = shortest_ways(definition, edges)
    yield from _unreachable(definition, source, ways)
    yield from _endless(definition, source, edges, ways)
    yield from _dead(definition, source, ways)
    yield from _circles(definition, source)
    yield from _absent(definition, source, edges, ways)


def _edges(definition: model.Definition) -> Edges:
    edges: Edges = {name: [] for name in definition.states}
    for name, action in definition.actions.items():
        for state in states_of(definition, action):
            edges[state] += [(name, target) for target in targets_of(action, state)]
    return edges


def shortest_ways(definition: model.Definition, edges: Edges) -> dict[str, list[str]]:
    """Return, for each state that can be reached, a shortest list of actions that leads to it."""
    ways: dict[str, list[str]] = {definition.opening.to: []}
    queue = deque([definition.opening.to])
    while queue:
        here = queue.popleft()
        for action, target in edges[here]:
            if target not in ways:
                ways[target] = [*ways[here], action]
                queue.append(target)
    return ways


def _unreachable(
    definition: model.Definition, source: Source, ways: dict[str, list[str]]
) -> Iterator[Finding]:
    for name in definition.states:
        if name not in ways:
            yield source.finding(
                "unreachable-state", ("states", name),
                f"aucune suite d'actions ne mène à « {name} ».",
                f"no sequence of actions leads to {name!r}.", of_key=True,
            )  # fmt: skip


def _endless(
    definition: model.Definition, source: Source, edges: Edges, ways: dict[str, list[str]]
) -> Iterator[Finding]:
    ending = {n for n, s in definition.states.items() if s.end is not None}
    grew = True
    while grew:
        more = {n for n, out in edges.items() if any(t in ending for _, t in out)} - ending
        grew = bool(more)
        ending |= more
    for name in definition.states:
        if name not in ending and name in ways:
            said = _said(ways[name], name)
            yield source.finding(
                "no-way-out", ("states", name),
                f"de « {name} », aucune fin ne peut être atteinte ({said}).",
                f"from {name!r} no ending can be reached ({said}).", of_key=True,
            )  # fmt: skip


def _dead(
    definition: model.Definition, source: Source, ways: dict[str, list[str]]
) -> Iterator[Finding]:
    for name, action in definition.actions.items():
        if not any(state in ways for state in states_of(definition, action)):
            yield source.finding(
                "dead-action", ("actions", name),
                f"« {name} » n'est jamais possible : aucun de ses états n'est atteint.",
                f"{name!r} is never possible: none of its states is reached.", of_key=True,
            )  # fmt: skip


def _circles(definition: model.Definition, source: Source) -> Iterator[Finding]:
    """Yield automatic actions that would set off themselves again: they lead nowhere else.

    An automatic action that stays in its state must make its own condition false, which only a field
    that it sets can do.
    """
    for name, action in definition.actions.items():
        if action.automatic is None:
            continue
        read = {c.compare.field for c in inner(action.automatic) if c.compare is not None}
        read |= {c.present or c.obtained or "" for c in inner(action.automatic)}
        written = {*action.sets, *action.clears}
        for state in states_of(definition, action):
            if state in targets_of(action, state) and not read & written:
                yield source.finding(
                    "automatic-circle", ("actions", name),
                    f"« {name} » se relancerait sans fin dans « {state} ».",
                    f"{name!r} would set itself off for ever in {state!r}.", of_key=True,
                )  # fmt: skip
                break


def _said(way: list[str], state: str) -> str:
    return " → ".join(["ouvrir", *way, state])


# --- data flow ----------------------------------------------------------------------------------


def surely_set(definition: model.Definition, edges: Edges) -> dict[str, set[str]]:
    """Return, for each state, the fields that every way into it has set."""
    everything = set(definition.fields)
    sure = {name: set(everything) for name in definition.states}
    sure[definition.opening.to] = _always_set(definition.opening)
    queue = deque([definition.opening.to])
    seen: set[str] = set()
    while queue:
        here = queue.popleft()
        for name, target in edges[here]:
            after = after_action(definition.actions[name], sure[here])
            narrowed = sure[target] & after
            if narrowed != sure[target] or target not in seen:
                sure[target] = narrowed
                seen.add(target)
                queue.append(target)
    return sure


def after_action(action: model.Action, before: set[str]) -> set[str]:
    """Return the fields surely set after an action that was taken with `before` set."""
    demanded = {
        c.present or c.obtained or ""
        for requirement in action.requires
        if requirement.exception is None
        for c in _conjuncts(requirement.when)
    }
    return ((before | demanded) - set(action.clears) | _always_set(action)) - {""}


def _conjuncts(condition: model.Condition) -> Iterator[model.Condition]:
    if condition.all is None:
        yield condition
        return
    for part in condition.all:
        yield from _conjuncts(part)


def _always_set(action: model.Action | model.Opening) -> set[str]:
    given = set()
    for item in action.form:
        name = item if isinstance(item, str) else item.field
        if isinstance(item, str) or item.required is True:
            record, field = split_form(name)
            given.add(record or field)
    # A value may be absent when the rule it comes from reads something absent.
    fixed = {n for n, v in action.sets.items() if v.table is None and not _from_field(v)}
    return given | fixed


def _from_field(value: model.SetValue) -> bool:
    when = value.when
    return when is not None and (
        when.after_field is not None or when.of not in {"now", "opened", "entered"}
    )


def _absent(
    definition: model.Definition, source: Source, edges: Edges, ways: dict[str, list[str]]
) -> Iterator[Finding]:
    """Yield recipients' addresses and invitations' dates that may be absent when a message leaves.

    A timer whose date is not known is simply not armed, and a template is checked with nothing there;
    but a message without an address would silently not leave.
    """
    sure = surely_set(definition, edges)
    for name, action in definition.actions.items():
        for state in states_of(definition, action):
            if state not in ways:
                continue
            after = after_action(action, sure[state])
            for i, notification in enumerate(action.notify):
                missing = _needs(definition.notifications[notification]) - after
                if missing:
                    yield _may_be_absent(
                        source, ("actions", name, "notify", i), missing, [*ways[state], name]
                    )
                    break
    yield from _absent_in_timers(definition, source, sure, ways)


def _absent_in_timers(
    definition: model.Definition,
    source: Source,
    sure: dict[str, set[str]],
    ways: dict[str, list[str]],
) -> Iterator[Finding]:
    for name, timer in definition.timers.items():
        for state in states_of_timer(definition, timer):
            for i, notification in enumerate(timer.notify):
                missing = _needs(definition.notifications[notification]) - sure[state]
                if state in ways and missing:
                    path = ("timers", name, "notify", i)
                    yield _may_be_absent(source, path, missing, [*ways[state], name])
                    return


def _needs(notification: model.Notification) -> set[str]:
    """Return the fields without which a message cannot leave, unless `when` asks for them."""
    needed = set()
    if notification.to.address is not None:
        needed.add(notification.to.address)
    if notification.calendar is not None:
        needed.add(notification.calendar.start)
    if notification.when is None:
        return needed
    return needed - {c.present or c.obtained or "" for c in _conjuncts(notification.when)}


def _may_be_absent(
    source: Source, path: tuple[str | int, ...], missing: set[str], way: list[str]
) -> Finding:
    field = min(missing)
    said = " → ".join(["ouvrir", *way])
    return source.finding(
        "may-be-absent", path,
        f"{said} : le champ « {field} » peut être absent quand ce message part ; "
        f"ajoutez « when: {{obtained: {field}}} ».",
        f"{said}: field {field!r} may be absent when this message leaves; "
        f"add 'when: {{obtained: {field}}}'.",
    )  # fmt: skip

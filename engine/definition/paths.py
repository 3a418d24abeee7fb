"""What depends on the ways through the states: reaching each of them, ending, and never being stuck.

The state graph is small, so everything is worked out exactly, by breadth first search. What is surely
known at each state is in `flow`, what conditions allow in `guards`.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from engine.definition import flow, guards
from engine.definition.walk import states_of, targets_of

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
    yield from flow.check(definition, source, ways)
    yield from guards.check(definition, source)


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


def _said(way: list[str], state: str) -> str:
    return " → ".join(["ouvrir", *way, state])

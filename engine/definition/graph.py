"""The states and the actions between them: what leads where, and the shortest way to it."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.definition.doubts import Doubts
from engine.definition.walk import states_of
from engine.errors import Stop

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from engine.definition import model
    from engine.definition.source import Path, Source

Way = tuple[Stop, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """One way of one action from one state.

    Attributes:
        action: The action.
        source: Where it is taken.
        target: Where it leads.
        branch: Which of the ways in `to`, from 0; None when `to` is one state.
    """

    action: str
    source: str
    target: str
    branch: int | None


class Graph:
    """The state graph of a definition, with what is in doubt."""

    def __init__(
        self, definition: model.Definition, source: Source, doubts: Doubts | None = None
    ) -> None:
        self.d = definition
        self.source = source
        self.doubts = doubts or Doubts()
        self.first = definition.opening.to
        self.out: dict[str, list[Edge]] = {name: [] for name in definition.states}
        for edge in self._edges():
            self.out[edge.source].append(edge)
        self.came_by = self.reached(None)

    def _edges(self) -> Iterator[Edge]:
        for name, action in self.d.actions.items():
            for state in states_of(self.d, action):
                if isinstance(action.to, str):
                    target = state if action.to == "same" else action.to
                    yield Edge(action=name, source=state, target=target, branch=None)
                    continue
                for i, branch in enumerate(action.to):
                    yield Edge(action=name, source=state, target=branch.state, branch=i)

    @property
    def edges(self) -> Iterator[Edge]:
        """Every edge, state by state."""
        return (edge for out in self.out.values() for edge in out)

    def reached(self, but: set[Edge] | None) -> dict[str, Edge | None]:
        """Return, for each state that is reached, the last edge of a shortest way to it.

        Args:
            but: Edges that are never taken.
        """
        came: dict[str, Edge | None] = {self.first: None}
        waiting = deque([self.first])
        while waiting:
            for edge in self.out[waiting.popleft()]:
                if edge.target not in came and not (but and edge in but):
                    came[edge.target] = edge
                    waiting.append(edge.target)
        return came

    # --- ways, as they are shown ----------------------------------------------------------------

    def way_to(self, state: str, *then: Edge) -> Way:
        """Return a shortest way to a state, and the edges that follow it."""
        return self.way([*self.edges_to(state), *then])

    def edges_to(self, state: str) -> list[Edge]:
        """Return the edges of a shortest way to a state."""
        last, edges = self.came_by.get(state), []
        while last is not None:
            edges.append(last)
            last = self.came_by[last.source]
        return edges[::-1]

    def way(self, edges: Iterable[Edge]) -> Way:
        """Return the stops of a way from the opening on."""
        opening = self.d.opening
        stops = [
            self._stop("opening", "opening", opening.label, ("opening",)),
            self._state(self.first),
        ]
        for edge in edges:
            label = self.d.actions[edge.action].label
            stops += [
                self._stop("action", edge.action, label, ("actions", edge.action)),
                self._state(edge.target),
            ]
        return tuple(stops)

    def timer(self, name: str) -> Stop:
        """Return a timer as the last stop of a way."""
        return self._stop("timer", name, self.d.timers[name].label, ("timers", name))

    def _state(self, name: str) -> Stop:
        return self._stop("state", name, self.d.states[name].label, ("states", name))

    def _stop(self, kind: str, name: str, label: model.Label, path: Path) -> Stop:
        line, column = self.source.place(path, of_key=True)
        words = {"fr": label.fr, "en": label.en}
        return Stop(kind=kind, name=name, label=words, line=line, column=column)


def said(way: Way) -> str:
    """Return the states of a way, in a line."""
    names = [stop.name for stop in way if stop.kind == "state"]
    kept = [n for i, n in enumerate(names) if i == 0 or n != names[i - 1]]
    return " → ".join(kept)

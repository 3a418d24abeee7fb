"""What depends on the ways through the states: reaching each of them, ending, and never being stuck.

The state graph is small, so everything is worked out exactly: each action is judged at each state from
which it starts, with what is surely and what may be there (`flow`), and the ways that no case can take are
left out before it is asked what can be reached and what can end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.definition import guards, joins, relations, stuck, timing, unused
from engine.definition.arrivals import Arrivals
from engine.definition.decide import Decider
from engine.definition.graph import said
from engine.definition.needs import Needs
from engine.definition.possible import Possible
from engine.definition.walk import states_of
from engine.definition.worlds import Worlds

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engine.definition.flow import Flow
    from engine.definition.graph import Edge
    from engine.errors import Finding


def check(flow: Flow) -> Iterator[Finding]:
    """Yield the findings of one definition whose names are all known.

    Args:
        flow: What is there at each state of its sound part.
    """
    decider = Decider(flow.d, flow.graph.doubts)
    possible = Possible(flow, decider)
    yield from _Ways(flow, possible).check()
    yield from possible.findings()
    # How child cases end is known once their processes are: `family` looks again.
    yield from stuck.check(possible, lambda _: None)
    arrivals = Arrivals(Worlds(possible, lambda _: None))
    yield from Needs(flow, arrivals).check()
    yield from relations.check(possible, arrivals)
    yield from timing.check(flow)
    yield from joins.check(flow, decider)
    yield from unused.check(flow)
    yield from guards.check(flow.d, flow.graph.source, decider)


class _Ways:
    """Finds states and actions that no case reaches, and states that no case leaves."""

    def __init__(self, flow: Flow, possible: Possible) -> None:
        self.flow = flow
        self.graph = flow.graph
        self.d = flow.d
        doubts = self.graph.doubts
        self.never: set[Edge] = possible.never
        self.reached = self.graph.reached(self.never)
        # An action that may lead anywhere may lead to whatever nothing else leads to.
        self.open = doubts.anywhere or any(
            s in self.reached for a in doubts.ways for s in states_of(self.d, self.d.actions[a])
        )

    def check(self) -> Iterator[Finding]:
        """Yield the findings."""
        if not self.open:
            yield from self._unreachable()
            yield from self._dead()
        if not self.graph.doubts.anywhere:
            yield from self._endless()

    def _unreachable(self) -> Iterator[Finding]:
        for name in self.d.states:
            if name not in self.reached:
                yield self.graph.source.finding(
                    "unreachable-state", ("states", name),
                    f"aucune suite d'actions ne mène à « {name} ».",
                    f"no sequence of actions leads to {name!r}.", of_key=True,
                )  # fmt: skip

    def _endless(self) -> Iterator[Finding]:
        ending = {n for n, s in self.d.states.items() if s.end is not None}
        ending |= {s for a in self.graph.doubts.ways for s in states_of(self.d, self.d.actions[a])}
        into: dict[str, list[str]] = {}
        for edge in self.graph.edges:
            if edge not in self.never:
                into.setdefault(edge.target, []).append(edge.source)
        waiting = list(ending)
        while waiting:
            more = [s for s in into.get(waiting.pop(), ()) if s not in ending]
            ending.update(more)
            waiting += more
        for name in self.d.states:
            if name not in ending and name in self.reached:
                way = self.graph.way_to(name)
                yield self.graph.source.finding(
                    "no-way-out", ("states", name),
                    f"{said(way)} : de « {name} », aucune fin ne peut être atteinte.",
                    f"{said(way)}: from {name!r} no ending can be reached.", of_key=True, way=way,
                )  # fmt: skip

    def _dead(self) -> Iterator[Finding]:
        for name, action in self.d.actions.items():
            if not any(state in self.reached for state in states_of(self.d, action)):
                yield self.graph.source.finding(
                    "dead-action", ("actions", name),
                    f"« {name} » n'est jamais possible : aucun de ses états n'est atteint.",
                    f"{name!r} is never possible: none of its states is reached.", of_key=True,
                )  # fmt: skip

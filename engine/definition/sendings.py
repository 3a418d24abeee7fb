"""Where each message leaves from, and what is surely there when it does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.definition.compiled import ASSIGNED
from engine.definition.walk import states_of, states_of_timer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engine.definition.arrivals import Arrivals
    from engine.definition.flow import Flow
    from engine.definition.graph import Edge, Way


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """One place from which a message leaves.

    Attributes:
        sure: What is there then, as `flow` names it.
        state: Where the case comes from; None at the opening.
        edge: The action that sends it, if one does.
        timer: The timer that sends it, if one does.
    """

    sure: frozenset[str]
    state: str | None
    edge: Edge | None = None
    timer: str | None = None

    def there(self, flow: Flow) -> str:
        """Return the state that the case is in when the message leaves."""
        if self.edge is not None:
            return self.edge.target
        return flow.graph.first if self.state is None else self.state

    def way(self, arrivals: Arrivals) -> Way:
        """Return a shortest way to it."""
        graph, last = arrivals.flow.graph, () if self.edge is None else (self.edge,)
        way = graph.way([] if self.state is None else arrivals.way_to(self.state, *last))
        return way if self.timer is None else (*way, graph.timer(self.timer))

    def way_without(self, arrivals: Arrivals, name: str) -> Way | None:
        """Return a shortest way to it on which a field is not there; None when there is none."""
        graph = arrivals.flow.graph
        if self.state is None:
            return graph.way([])
        last = () if self.edge is None else (self.edge,)
        edges = arrivals.way_without(name, self.state, *last)
        if edges is None:
            return None
        timer = () if self.timer is None else (graph.timer(self.timer),)
        return (*graph.way(edges), *timer)


def sendings(flow: Flow, name: str) -> list[Sending]:
    """Return the places from which a message leaves."""
    told = frozenset(flow.told_by(flow.d.notifications[name].when))
    return [
        Sending(sure=s.sure | told, state=s.state, edge=s.edge, timer=s.timer)
        for s in _sendings(flow, name)
    ]


def _sendings(flow: Flow, name: str) -> Iterator[Sending]:
    if name in flow.d.opening.notify:
        yield Sending(sure=frozenset(flow.sure_at_opening()), state=None)
    if name == ASSIGNED:
        yield from (Sending(sure=frozenset(sure), state=s) for s, sure in flow.sure.items())
    for action_name, action in flow.d.actions.items():
        for state in states_of(flow.d, action) if name in action.notify else ():
            for edge in flow.graph.out[state]:
                if edge.action == action_name and state in flow.sure:
                    yield Sending(sure=frozenset(flow.after(edge)), state=state, edge=edge)
    for timer_name, timer in flow.d.timers.items():
        told = flow.told_by(timer.only)
        for state in states_of_timer(flow.d, timer) if name in timer.notify else ():
            if state in flow.sure:
                sure = frozenset(flow.sure[state] | told)
                yield Sending(sure=sure, state=state, timer=timer_name)

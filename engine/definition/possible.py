"""Whether an action can be taken at a state at all, with what is surely and what may be there.

An action that asks for what nobody ever gave, or for what is always there to be absent, is dead although
its state is reached; a join on child cases that nothing opened never holds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.definition.decide import Known, past_of
from engine.definition.domains import others
from engine.definition.graph import said
from engine.definition.walk import (
    states_of,
    states_of_timer,
    targets_of,
    through_checklists,
    timed_fields,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from engine.definition import model
    from engine.definition.decide import Decider
    from engine.definition.flow import Flow
    from engine.definition.graph import Edge
    from engine.errors import Finding


class Possible:
    """Judges every edge of a graph that can be reached.

    Attributes:
        guards: What must hold for each action, but for what can be said of it whatever the state.
        dead: Actions that ask for what nothing ever gives, each with a state where they do.
        behind: Actions before which an automatic one is always taken, each with a state, and with that.
        never: Edges that no case takes, of actions that are possible elsewhere.
    """

    def __init__(self, flow: Flow, decider: Decider) -> None:
        self.flow = flow
        self.d = flow.d
        self.decider = decider
        self._memo: dict[tuple[object, ...], bool] = {}
        self._reads: dict[tuple[object, ...], frozenset[str]] = {}
        self.guards = {n: self._guarded(n, a) for n, a in self.d.actions.items()}
        self._told = {e for e in flow.graph.edges if self._said_elsewhere(e)}
        self._into: dict[str, list[Edge]] = {s: [] for s in self.d.states}
        for edge in flow.graph.edges:
            self._into[edge.target].append(edge)
        automatic = {n: a for n, a in self.d.actions.items() if a.automatic is not None}
        self._acting = {s: self._automatics(automatic, s) for s in self.d.states}
        flow.spread(self.taken)
        self.dead = dict(self._dead_actions())
        # What comes after a dead action is worth following all the same.
        flow.spread(lambda edge: edge.action in self.dead or self.taken(edge))
        self.behind = dict(self._behind())
        self.never = {
            e
            for e in flow.graph.edges
            if e.source in flow.sure and e.action not in self.dead and not self.taken(e)
        }

    def _guarded(self, name: str, action: model.Action) -> list[model.Condition]:
        """Return what must hold for an action, but for what can be said of it whatever the state."""
        if name in self.flow.graph.doubts.data or self.flow.graph.doubts.anywhere:
            return []
        guards = [r.when for r in action.requires if r.exception is None]
        guards += [] if action.automatic is None else [action.automatic]
        return guards if self.decider.possible(guards) else []

    def _said_elsewhere(self, edge: Edge) -> bool:
        """Tell whether a branch is never taken, or not known, whatever the state."""
        doubts, (asked, before) = self.flow.graph.doubts, self.branch(edge)
        unknown = doubts.anywhere or edge.action in doubts.data
        return unknown or not self.decider.possible(asked, before)

    def branch(self, edge: Edge) -> tuple[list[model.Condition], list[model.Condition]]:
        """Return what must and what must not hold for a branch to be taken."""
        to = self.d.actions[edge.action].to
        if edge.branch is None or isinstance(to, str):
            return [], []
        when = to[edge.branch].when
        before = [b.when for b in to[: edge.branch] if b.when is not None]
        return ([] if when is None else [when]), before

    def taken(self, edge: Edge) -> bool:
        """Tell whether an edge can be taken, with what is there at its source so far."""
        if self._first(edge.action, edge.source) is not None:
            return False
        guards = self.guards[edge.action]
        known = self.asked(edge.action, edge.source)
        if guards and not self.holds(("guards", edge.action), guards, known):
            return False
        if edge in self._told:
            return True
        return self.chosen(edge, self.afterwards(edge))

    def afterwards(self, edge: Edge) -> Known:
        """Return what is known when the branches of an action are tried."""
        sure = self.flow.effects[edge.action].after(self.flow.sure[edge.source])
        return self._known(sure, self.flow.may_after(edge))

    def chosen(self, edge: Edge, known: Known) -> bool:
        """Tell whether a branch may be the one that is taken."""
        asked, before = self.branch(edge)
        return self.holds(("branch", edge.action, edge.branch), asked, known, before)

    def _automatics(
        self, automatic: Mapping[str, model.Action], state: str
    ) -> list[tuple[str, model.Condition]]:
        """Return the automatic actions that lead out of a state, in the order in which they are tried."""
        return [
            (name, action.automatic)
            for name, action in automatic.items()
            # One that stays where it is goes round in circles, which is said elsewhere.
            if action.automatic is not None
            and state in states_of(self.d, action)
            and set(targets_of(action, state)) != {state}
        ]

    def _first(self, name: str, state: str) -> str | None:
        """Return the automatic action that is taken before another one whatever the case, if one is.

        As less and less is surely there while the ways are followed, one that is none stays none.
        """
        known = self._known(self.flow.sure[state], self.flow.may[state])
        for acting, condition in self._acting[state]:
            if acting == name:
                return None
            if not self.holds(("always", acting), [], known, [condition]):
                return acting
        return None

    def at_once(self, state: str) -> str | None:
        """Return the automatic action that is taken whatever the case as soon as it is in a state."""
        known = self._known(self.flow.sure[state], self.flow.may[state])
        for acting, condition in self._acting[state]:
            if not self.holds(("always", acting), [], known, [condition]):
                return acting
            if self.holds(("acts", acting), [condition], known):
                return None
        return None

    def acting(self, state: str) -> list[tuple[str, model.Condition]]:
        """Return the automatic actions that lead out of a state, in order, each with its condition."""
        return self._acting[state]

    def _acts(self, name: str) -> bool:
        return self.d.actions[name].automatic is not None

    def _dead_actions(self) -> Iterator[tuple[str, str]]:
        """Yield each action that is possible from none of its states, and one of those."""
        for name, action in self.d.actions.items():
            reached = [s for s in states_of(self.d, action) if s in self.flow.sure]
            known = (self.asked(name, s) for s in reached)
            guards = self.guards[name]
            if (
                reached
                and guards
                and not any(self.holds(("guards", name), guards, k) for k in known)
            ):
                yield name, reached[0]

    def told(self, edge: Edge) -> bool:
        """Tell whether whatever is wrong with a branch is said whatever the state."""
        return edge in self._told

    def asked(self, name: str, state: str) -> Known:
        """Return what is known when an action is judged: its form is laid over the case."""
        effect = self.flow.effects[name]
        sure = effect.asked(self.flow.sure[state])
        may = self.flow.may[state] | effect.may_give
        return self._known(sure, may - self._not_yet(state))

    def _not_yet(self, state: str) -> set[str]:
        """Return the child cases that are not there yet when a state is left at once.

        Those that an action opens are opened once the automatic ones that follow it are done.
        """
        if self._first("", state) is None:
            return set()
        # Nobody stays there to open more.
        into = (e for e in self._into[state] if e.source != state or self._acts(e.action))
        before = [
            self.flow.effects[None].leaves,
            *(self.flow.may.get(e.source, set()) for e in into),
        ]
        return {n for n in self.flow.everything if n.startswith("children:")}.difference(*before)

    def _known(self, sure: set[str], may: set[str]) -> Known:
        """Return what is known; where an action is in doubt, it may have emptied anything."""
        sure = set() if self.flow.graph.doubts.data else sure
        return Known(sure=frozenset(sure), may=frozenset(may))

    def holds(
        self,
        key: tuple[object, ...],
        conditions: Sequence[model.Condition],
        known: Known,
        but: Sequence[model.Condition] = (),
    ) -> bool:
        """Tell whether some conditions may hold, and others not, with what is known.

        Args:
            key: What stands for these conditions, so that the answer is remembered.
            conditions: What must hold.
            known: What is known of the case.
            but: What must not.
        """
        if not conditions and not but:
            return True
        read = self.reads(key, [*conditions, *but])
        fixed = frozenset((n, h) for n, h in known.fixed.items() if n in read)
        memo = (key, known.sure & read, known.may & read, fixed)
        if memo not in self._memo:
            self._memo[memo] = self.decider.possible(conditions, but, known)
        return self._memo[memo]

    def reads(
        self, key: tuple[object, ...], conditions: Sequence[model.Condition]
    ) -> frozenset[str]:
        """Return what conditions read; see `holds`."""
        if key not in self._reads:
            self._reads[key] = self.read(conditions)
        return self._reads[key]

    def read(self, conditions: Sequence[model.Condition]) -> frozenset[str]:
        """Return what conditions read, as `flow` names it."""
        return frozenset(
            name
            for root in conditions
            for part in through_checklists(self.d, root)
            for name in _names(part)
        )

    # --- findings -------------------------------------------------------------------------------

    def findings(self) -> Iterator[Finding]:
        """Yield the actions and the timers that nothing ever makes possible."""
        for name, (state, first) in self.behind.items():
            yield self._dead_action(
                name, state, f"« {first} » s'y fait toujours d'abord, d'elle-même",
                f"{first!r} is always done there first, by itself",
            )  # fmt: skip
        for name, state in self.dead.items():
            if name in self.behind:
                continue
            yield self._dead_action(name, state, *self._why_dead(name, state))
        for name, timer in self.d.timers.items():
            sure = not self.flow.graph.doubts.anywhere
            if sure and timer.only is not None and self.decider.possible([timer.only]):
                yield from self._timer(name, timer, timer.only)

    def _why_dead(self, name: str, state: str) -> tuple[str, str]:
        """Return what makes an action impossible: what is never there, or what always is."""
        anything = self._known(set(), self.flow.may[state])
        if self.guards[name] and self.decider.possible(self.guards[name], (), anything):
            return ("ce dont elle demande l'absence y est toujours donné",
                    "what it asks to be absent is always given there")  # fmt: skip
        return ("ce qu'elle demande n'a jamais été donné, ni ne peut l'être",
                "what it asks for was never given, and never can be")  # fmt: skip

    def _behind(self) -> Iterator[tuple[str, tuple[str, str]]]:
        """Yield the actions before which another one is always taken, in each of their states.

        Each with one of those, and what is taken there first.
        """
        for name, action in self.d.actions.items():
            reached = [s for s in states_of(self.d, action) if s in self.flow.sure]
            first = [self._first(name, state) for state in reached]
            if reached and first[0] is not None and None not in first:
                yield name, (reached[0], first[0])

    def _dead_action(self, name: str, state: str, fr: str, en: str) -> Finding:
        way = self.flow.graph.way_to(state)
        return self.flow.graph.source.finding(
            "dead-action", ("actions", name),
            f"{said(way)} : « {name} » n'y est jamais possible : {fr}.",
            f"{said(way)}: {name!r} is never possible there: {en}.", of_key=True, way=way,
        )  # fmt: skip

    def _timer(self, name: str, timer: model.Timer, only: model.Condition) -> Iterator[Finding]:
        states = [s for s in states_of_timer(self.d, timer) if s in self.flow.sure]
        known = [self._known(self.flow.sure[s], self.flow.may[s]) for s in states]
        if states and not any(self.holds(("only", name), [only], k) for k in known):
            way = (*self.flow.graph.way_to(states[0]), self.flow.graph.timer(name))
            yield self.flow.graph.source.finding(
                "never-true", ("timers", name, "only"),
                f"{said(way)} : cette condition n'y est jamais remplie, la minuterie ne fait rien.",
                f"{said(way)}: this condition never holds there, the timer does nothing.", way=way,
            )  # fmt: skip


def _names(part: model.Condition) -> Iterator[str]:
    """Yield what one part of a condition reads, as `flow` names it."""
    compared = () if part.compare is None else (part.compare.field, *others(part.compare))
    for name in (part.present, part.obtained, *compared, *timed_fields(part)):
        if name is not None:
            yield name.partition(".")[0]
    if part.ahead is not None:
        yield past_of(part.ahead.field)
    if part.message is not None:
        yield f"message:{part.message.message}"
    if part.children is not None and part.children.process is not None:
        yield f"children:{part.children.process}"

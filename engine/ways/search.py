"""The search: as few steps as can be, from where a case is to where an action can be taken.

First only what the action itself looks at is followed; then, whatever the steps of the way that was found
look at too, and it is looked for again, until its steps look at nothing else: the way that is shown can be
gone. What somebody would not do on purpose, or what only time brings, is a step where nothing else leads
there. No way leads through an ending.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count
from typing import TYPE_CHECKING, Any

from engine.ways.moves import ASKED, AWAITED, DONE, Ground, Move, Moves, Place

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engine.awaited import Around
    from engine.definition import model
    from engine.definition.compiled import CompiledAction, CompiledDefinition, Facts
    from engine.ways.judging import Child

#: A search that goes through more places, or looks at more steps, than this is given up: no way is told.
_MAX_PLACES, _MAX_LOOKS = 2_500, 15_000
#: So are all ways of a case, once they went through so many places together.
_MAX_ALL_PLACES = 8_000
#: How much what is still to go weighs against what is done: the more, the sooner a way is found.
_HASTE = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """A child case that is to end.

    Attributes:
        process: Its process.
        number: Its number; None where it is still to be opened.
        by: The actions of its own that end it as is asked, the nearest first; none: they are not known.
    """

    process: str
    number: str | None
    by: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of a way.

    Attributes:
        action: What to do, or what happens by itself; empty: a child case is to end.
        source: The state it is done in.
        to: The state it leads to.
        when: The condition on which it leads there, where it may lead elsewhere too.
        alone: The engine does it as soon as it can: there is only to wait.
        gives: What its form is to give although it does not always ask for it, or as it would not always
            be: by the name that is typed, the value; None: any.
        child: The child case that is to end.
    """

    action: str
    source: str
    to: str
    when: model.Condition | None = None
    alone: bool = False
    gives: Mapping[str, Any] = field(default_factory=dict)
    child: Ending | None = None


class _GivenUpError(Exception):
    """The search grew too large."""


class Ways:
    """The ways from where one case is."""

    def __init__(
        self, definition: CompiledDefinition, state: str, facts: Facts, around: Around
    ) -> None:
        """Take where a case is.

        Args:
            definition: The case's definition.
            state: Its state.
            facts: What is known of it.
            around: What there is around it.
        """
        self._ground = Ground(definition, state, facts, around)
        self._moves: dict[frozenset[str], Moves] = {}
        self._needed = frozenset[str]()
        self._left = _MAX_ALL_PLACES
        self._far: dict[frozenset[str], dict[str, int]] = {}
        self._edges = _edges(self._ground)
        self._told: dict[str, tuple[Step, ...] | None] = {}

    def to(self, name: str) -> tuple[Step, ...] | None:
        """Return the steps before an action can be taken, none when it can be now; None: nothing leads there.

        None are told either where a search grew too large.

        Args:
            name: The action.
        """
        if name not in self._told:
            try:
                self._told[name] = self._way(self._ground.definition.actions[name])
            except _GivenUpError:
                self._told[name] = ()
        return self._told[name]

    def endings(self) -> dict[str, tuple[str, ...]]:
        """Return how the case may end, each with the actions that end it so, the nearest first."""
        found: dict[str, list[tuple[int, str]]] = {}
        states = self._ground.definition.states
        for action in self._ground.definition.actions.values():
            for i, branch in enumerate(action.branches):
                outcome = None if branch.state is None else states[branch.state].outcome
                far = None if outcome is None else self._length(action, i)
                if outcome is not None and far is not None:
                    found.setdefault(outcome, []).append((far, action.name))
        return {o: tuple(dict.fromkeys(n for _, n in sorted(by))) for o, by in found.items()}

    def _length(self, action: CompiledAction, branch: int) -> int | None:
        try:
            way = self._way(action, branch)
        except _GivenUpError:
            return _MAX_PLACES
        return None if way is None else len(way)

    def _way(self, wanted: CompiledAction, branch: int | None = None) -> tuple[Step, ...] | None:
        followed = self._ground.reads(wanted)
        while True:
            moves = self._followed(followed)
            way = self._search(moves, wanted, branch)
            if way is None:
                return None
            more = self._read_on(way) - followed
            if not more:
                return tuple(self._step(place, move) for place, move in way)
            # What one way had to follow, others will: together they need to look only once.
            self._needed |= followed | more
            followed = self._needed

    def _followed(self, followed: frozenset[str]) -> Moves:
        if followed not in self._moves:
            self._moves[followed] = Moves(self._ground, followed)
        return self._moves[followed]

    def _read_on(self, way: list[tuple[Place, Move]]) -> frozenset[str]:
        """Return what the steps of a way look at, and what may happen by itself between them."""
        definition, ground = self._ground.definition, self._ground
        found = set[str]()
        for place, move in way:
            named = [*definition.states[place.state].automatic]
            named += [] if move.action is None else [move.action.name]
            for name in named:
                found |= ground.reads(definition.actions[name])
        return frozenset(found)

    def _search(
        self, moves: Moves, wanted: CompiledAction, branch: int | None
    ) -> list[tuple[Place, Move]] | None:
        far = self._distances(wanted.sources)
        first, order = moves.first(), count()
        if first.state not in far:
            return None
        came: dict[Place, tuple[int, Place, Move] | None] = {first: None}
        waiting = [(far[first.state], 0, next(order), first)]
        done, looks = set[Place](), 0
        while waiting:
            _, back, _, here = heappop(waiting)
            if here in done:
                continue
            done.add(here)
            if _is_there(moves, wanted, here) and moves.may_lead(wanted, here, branch):
                return _back(here, came)
            self._left -= 1
            if len(done) > _MAX_PLACES or looks > _MAX_LOOKS or self._left < 0:
                raise _GivenUpError
            for move, place in moves.steps(here):
                looks += 1
                cost = move.cost - back
                known = came.get(place, (cost + 1,))
                if place.state in far and known is not None and cost < known[0]:
                    came[place] = (cost, here, move)
                    heappush(waiting, (cost + _HASTE * far[place.state], -cost, next(order), place))
        return None

    def _distances(self, goals: frozenset[str]) -> dict[str, int]:
        """Return what it costs at least to come from each state to one of some, guards aside."""
        if goals not in self._far:
            far: dict[str, int] = {}
            waiting = [(0, state) for state in sorted(goals)]
            while waiting:
                cost, here = heappop(waiting)
                if here in far:
                    continue
                far[here] = cost
                for source, price in self._edges.get(here, ()):
                    heappush(waiting, (cost + price, source))
            self._far[goals] = far
        return self._far[goals]

    def _step(self, place: Place, move: Move) -> Step:
        if move.child is not None:
            return Step(
                action="", source=place.state, to=place.state, child=self._ending(move.child)
            )
        action = move.action
        assert action is not None
        written = self._ground.written.actions[action.name]
        when = written.to[move.branch].when if isinstance(written.to, list) else None
        said = set() if when is None or exact(when) else self._ground.judge.reads(when)
        always = {i.name for i in action.form if i.always}
        literal = self._ground.literal
        gives = {
            name: value if name in literal else None
            for name, value in move.gives.items()
            if name not in said and (name not in always or name in literal)
        }
        to = action.branches[move.branch].state or place.state
        return Step(action=action.name, source=place.state, to=to, when=when, gives=gives,
                    alone=action.automatic is not None)  # fmt: skip

    def _ending(self, child: Child) -> Ending:
        known = self._ground.around.endings(child.process, child.number) or {}
        told = child.outcome in self._ground.outcomes
        by = known.get(child.outcome or "", ()) if told else [n for v in known.values() for n in v]
        return Ending(process=child.process, number=child.number, by=tuple(dict.fromkeys(by)))


def exact(when: model.Condition) -> tuple[str, Any] | None:
    """Return the one field and the one value that a condition asks for, if that is all it says."""
    part = when.compare
    if part is None or part.equals is None or part.model_fields_set != {"field", "equals"}:
        return None
    return part.field, part.equals


def _is_there(moves: Moves, wanted: CompiledAction, place: Place) -> bool:
    """Tell whether an action can be taken in a place."""
    if place.state not in wanted.sources:
        return False
    view, ground = moves.view(place), moves.ground
    for name in ground.definition.states[place.state].automatic:
        may, sure = moves.by_itself(ground.definition.actions[name], place)
        if name == wanted.name:
            return may
        if sure:
            return False  # it happens first
    if ground.timed_by(wanted):
        return moves.is_armed(place, view, wanted)
    return wanted in ground.leaving[place.state] and bool(moves.forms(wanted, place))


def _back(
    place: Place, came: Mapping[Place, tuple[int, Place, Move] | None]
) -> list[tuple[Place, Move]]:
    way: list[tuple[Place, Move]] = []
    while (before := came[place]) is not None:
        _, place, move = before
        way.append((place, move))
    return way[::-1]


def _edges(ground: Ground) -> dict[str, list[tuple[str, int]]]:
    """Return, for each state, those from which an action leads there, with what that costs at least."""
    edges: dict[str, list[tuple[str, int]]] = {}
    for state, actions in ground.leaving.items():
        for action in actions:
            alone = AWAITED if ground.timed_by(action) else DONE
            cost = ASKED if action.confirm or action.hidden else alone
            for branch in action.branches:
                to = branch.state
                if to is not None and ground.definition.states[to].outcome is None:
                    edges.setdefault(to, []).append((state, cost))
    return edges

"""Whether a case can come to a state with some things held to be so, and by which shortest way.

A value that a form may give is given; one that nothing clears stays; child cases are counted. What the
guards on the way ask of these things is asked of them. The fields that a way found so reads are then
followed too, and it is looked for again, until it reads nothing else: the way that is shown can be gone.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from itertools import combinations, product
from typing import TYPE_CHECKING

from engine.definition import model
from engine.definition.decide import Decider, Ended, Held, Known
from engine.definition.possible import Possible
from engine.definition.tables import cell_holds
from engine.definition.worlds import Worlds, is_past

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from engine.definition.flow import Flow
    from engine.definition.graph import Edge

#: A search that goes through more places than this is given up: then nothing is said. So are all, once
#: they went through so many together, or tried so many steps.
MAX_PLACES = 4_000
MAX_ALL_PLACES = 12_000
MAX_ALL_STEPS = 20_000
#: Of a field that may be more than this, it is only followed whether it is there.
MAX_VALUES = 6

#: What something is when it is not what is looked for.
_OTHERWISE = Held("otherwise")

_So = tuple[Held, ...]


class _GivenUpError(Exception):
    """The search grew too large."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a case is: its state, what each thing is by now, how many child cases there are of each."""

    state: str
    so: _So
    opened: tuple[tuple[str, int], ...]


class Arrivals:
    """Finds a shortest way to a state on which some things come to be so."""

    def __init__(self, worlds: Worlds) -> None:
        self.worlds = worlds
        self.possible = worlds.possible
        self.flow = worlds.flow
        self.d = worlds.d
        self._comes: dict[tuple[Held, str], bool] = {}
        self._without: dict[tuple[str, str], list[Edge] | None] = {}
        self._ways: dict[str, list[Edge]] = {}
        self._left = MAX_ALL_PLACES
        self._steps = MAX_ALL_STEPS

    def comes(self, name: str, held: Held, state: str) -> bool:
        """Tell whether one thing may be so in a state by any way; of child cases, nothing is said.

        A date is past once one has waited there.
        """
        if isinstance(held.value, Ended) or is_past(name):
            return True
        if (held, state) not in self._comes:
            try:
                found = self._search(_Search(self, {name: held}), state) is not None
            except _GivenUpError:
                found = False
            self._comes[(held, state)] = found
        return self._comes[(held, state)]

    def way(self, state: str, wanted: Mapping[str, Held]) -> list[Edge] | None:
        """Return the edges of a shortest way; None when there is none, or none is sure or found in time."""
        try:
            search, way = self._refined(state, {n: h for n, h in wanted.items() if not is_past(n)})
        except _GivenUpError:
            return None
        return None if way is None or search.guesses(way) else way

    def way_without(self, name: str, state: str, *then: Edge) -> list[Edge] | None:
        """Return the edges of a shortest way to a state on which something is not there, and what follows.

        None when it is there on every way. A search that grows too large tells a shortest way to the
        state, whatever is there.
        """
        if (name, state) not in self._without:
            self._without[(name, state)] = self._way_without(name, state)
        way = self._without[(name, state)]
        if way is None and any(name in self.worlds.touched(e.action) for e in then):
            way = self.flow.graph.edges_to(state)
        return None if way is None else [*way, *then]

    def way_to(self, state: str, *then: Edge) -> list[Edge]:
        """Return the edges of a shortest way to a state that can be gone, and what follows.

        A search that grows too large tells a shortest way on the graph.
        """
        if state not in self._ways:
            self._ways[state] = self._way_to(state)
        return [*self._ways[state], *then]

    def _way_to(self, state: str) -> list[Edge]:
        try:
            way = self._refined(state, {})[1]
        except _GivenUpError:
            way = None
        return self.flow.graph.edges_to(state) if way is None else way

    def _way_without(self, name: str, state: str) -> list[Edge] | None:
        try:
            ways = [self._refined(state, {name: h})[1] for h in self.worlds.absences(name)]
        except _GivenUpError:
            return self.flow.graph.edges_to(state)
        return min((w for w in ways if w is not None), key=len, default=None)

    def _refined(self, state: str, wanted: Mapping[str, Held]) -> tuple[_Search, list[Edge] | None]:
        search = _Search(self, wanted)
        way = self._search(search, state)
        while way is not None and (more := search.read_on(way)):
            refined = _Search(self, wanted, search.followed | more)
            try:
                way = self._search(refined, state)
            except _GivenUpError:
                break
            search = refined
        return search, way

    def _search(self, search: _Search, state: str) -> list[Edge] | None:
        came: dict[_Place, tuple[_Place, Edge] | None] = dict.fromkeys(search.first())
        waiting = deque(came)
        while waiting:
            if len(came) > MAX_PLACES or self._left <= 0:
                raise _GivenUpError
            self._left -= 1
            here = waiting.popleft()
            if here.state == state and search.there(here):
                return _back(here, came)
            for edge, place in self._steps_from(here, search):
                if place not in came:
                    came[place] = (here, edge)
                    waiting.append(place)
        return None

    def _steps_from(self, here: _Place, search: _Search) -> Iterator[tuple[Edge, _Place]]:
        for edge in self.flow.graph.out[here.state]:
            if edge in self.possible.never:
                continue
            for place in search.after(here, edge):
                yield edge, place

    def step(self) -> None:
        """Count one step of a search; raise _GivenUpError after too many."""
        self._steps -= 1
        if self._steps <= 0:
            raise _GivenUpError


def of(flow: Flow) -> Arrivals:
    """Return what finds the ways of a definition of whose child cases nothing is known."""
    possible = Possible(flow, Decider(flow.d, flow.graph.doubts))
    return Arrivals(Worlds(possible, lambda _: None))


def _back(place: _Place, came: Mapping[_Place, tuple[_Place, Edge] | None]) -> list[Edge]:
    edges: list[Edge] = []
    while (before := came[place]) is not None:
        place, edge = before
        edges.append(edge)
    return edges[::-1]


class _Search:
    """The steps of one search."""

    def __init__(
        self, arrivals: Arrivals, wanted: Mapping[str, Held], followed: frozenset[str] = frozenset()
    ) -> None:
        self.flow, self.d = arrivals.flow, arrivals.d
        self.possible, self.worlds = arrivals.possible, arrivals.worlds
        self.step = arrivals.step
        self.wanted = wanted
        self.followed = followed
        self.children = {n: h.value for n, h in wanted.items() if isinstance(h.value, Ended)}
        self.things = [
            n for n in {**wanted, **dict.fromkeys(sorted(followed))} if n not in self.children
        ]
        self.values = {n: self._values(n) for n in self.things}

    def _values(self, name: str) -> list[Held]:
        """Return what something may be, what it is when it is absent first if that is told apart."""
        wanted = self.wanted.get(name)
        if name not in self.followed and wanted is not None and not _absent(wanted):
            return [wanted, _OTHERWISE]
        every = self.worlds.every(name) if name in self.followed else []
        if not 0 < len(every) <= MAX_VALUES:
            every = [*self.worlds.absences(name), _OTHERWISE]
        return list(dict.fromkeys([*every, *([] if wanted is None else [wanted])]))

    def read_on(self, way: list[Edge]) -> frozenset[str]:
        """Return the fields that a way reads and that are not followed yet."""
        read = set[str]()
        for name in (None, *(e.action for e in way)):
            asked = [c for field, c in self._asked_if(name) if field in self.things]
            read |= self.possible.read(asked)
            effect = self.flow.effects[name]
            read |= set().union(*(effect.sets.get(n) or () for n in self.things))
            read |= set().union(*(effect.sends.get(n) or () for n in self.things))
        for edge in way:
            read |= self.possible.read(self.possible.guards[edge.action])
            read |= self.possible.read([c for part in self.possible.branch(edge) for c in part])
        return frozenset(read & set(self.d.fields)) - self.flow.graph.doubts.fields - self.followed

    def guesses(self, way: list[Edge]) -> bool:
        """Tell whether a way takes what a table gives without all that its rows ask for being followed."""
        return any(
            n not in self.things or n in self._rewritten(action) or _OTHERWISE in self.values[n]
            for action in (None, *(e.action for e in way))
            for name, value in self._acting(action).sets.items()
            if name in self.things and value.table is not None
            for n in self.d.tables[value.table.table].reads
        )

    def _acting(self, action: str | None) -> model.Action | model.Opening:
        return self.d.opening if action is None else self.d.actions[action]

    def _rewritten(self, action: str | None) -> set[str]:
        """Return what an action empties or writes itself, once its form is laid over the case."""
        effect = self.flow.effects[action]
        return effect.drops | set(effect.sets)

    def first(self) -> Iterator[_Place]:
        """Yield where a case may be once it is open."""
        nothing = tuple(self._empty(n) for n in self.things)
        for given in self._given(None, nothing):
            self.step()
            if not self._may_leave_out(None, given, [], self._known_at_opening(), {}):
                continue
            for so in self._written(None, given):
                place = _Place(self.flow.graph.first, so, tuple((n, 0) for n in self.children))
                if self._agrees(place):
                    yield place

    def there(self, place: _Place) -> bool:
        """Tell whether everything is as wanted."""
        counted = all(n == len(self.children[p].outcomes) for p, n in place.opened)
        named = zip(self.things, place.so, strict=True)
        return counted and all(self.wanted.get(n, h) is h for n, h in named)

    def after(self, place: _Place, edge: Edge) -> Iterator[_Place]:
        """Yield where an action may lead."""
        guards, known = self.possible.guards[edge.action], self.worlds.known(edge)[0]
        for given in self._given(edge, place.so):
            self.step()
            if not any(
                self._may_leave_out(edge, given, guards, known, c) for c in self._joined(place)
            ):
                continue
            for so in self._written(edge, given):
                if not self._goes(edge, so):
                    continue
                for opened in self._opened(place, edge):
                    found = _Place(edge.target, so, opened)
                    if self._agrees(found):
                        yield found

    def _may_leave_out(
        self,
        edge: Edge | None,
        given: _So,
        guards: list[model.Condition],
        known: Known,
        children: Mapping[str, Held],
    ) -> bool:
        """Tell whether an action may be taken with what its form leaves so."""
        name = None if edge is None else edge.action
        but = self._left_out(name, given)
        key = ("left out", name, tuple(field for field, _ in but))
        return self.possible.holds(
            key, guards, self._with(known, given, children), [c for _, c in but]
        )

    def _left_out(self, name: str | None, given: _So) -> list[tuple[str, model.Condition]]:
        """Return what a form does not give although it asks for it under a condition."""
        absent = {n for n, h in zip(self.things, given, strict=True) if h.value is None}
        return [(field, c) for field, c in self._asked_if(name) if field in absent]

    def _asked_if(self, name: str | None) -> Iterator[tuple[str, model.Condition]]:
        """Yield the fields that a form asks for under a condition."""
        for item in self._acting(name).form:
            if isinstance(item, model.FormItem) and isinstance(item.required, model.Condition):
                yield item.field, item.required

    def _with(self, known: Known, so: _So, children: Mapping[str, Held]) -> Known:
        """Return what is known of a case, and what things are."""
        named = list(zip(self.things, so, strict=True))
        fixed = {n: h for n, h in named if h is not _OTHERWISE}
        # What is not absent has a value.
        there = {n for n, h in named if h is _OTHERWISE and _absent(self.values[n][0])}
        return replace(known, sure=known.sure | there, fixed={**fixed, **children})

    def _known_at_opening(self) -> Known:
        effect = self.flow.effects[None]
        return Known(sure=frozenset(effect.gives), may=frozenset(effect.may_give))

    def _goes(self, edge: Edge, so: _So) -> bool:
        if self.possible.told(edge) or edge.branch is None:
            return True
        return self.possible.chosen(edge, self._with(self.worlds.known(edge)[1], so, {}))

    def _agrees(self, place: _Place) -> bool:
        """Tell whether things can be so in a state, with what is known of every case there."""
        sure, may = self.flow.sure[place.state], self.flow.may[place.state]
        return all(
            h is _OTHERWISE or (name not in sure if _absent(h) else name in may)
            for name, h in zip(self.things, place.so, strict=True)
        )

    # --- child cases ----------------------------------------------------------------------------

    def _joined(self, place: _Place) -> Iterator[dict[str, Held]]:
        """Yield how the child cases that there are may have ended, if they are to end as wanted."""
        ways = []
        for process, count in place.opened:
            ended = self.children[process]
            whole = count == len(ended.outcomes)
            some = {ended.outcomes} if whole else set(combinations(ended.outcomes, count))
            ways.append([
                (process, self.wanted[process] if whole else Held(replace(ended, outcomes=o)))
                for o in sorted(some)
            ])  # fmt: skip
        yield from (dict(way) for way in product(*ways))

    def _opened(self, place: _Place, edge: Edge) -> Iterator[tuple[tuple[str, int], ...]]:
        opens = self.d.actions[edge.action].opens
        ways = [
            [
                (p, n + more)
                for more in self._more(opens, p)
                if n + more <= len(self.children[p].outcomes)
            ]
            for p, n in place.opened
        ]
        yield from product(*ways)

    def _more(self, opens: model.Child | None, process: str) -> range:
        if opens is None or f"children:{opens.process}" != process:
            return range(1)
        options = None if opens.for_each is None else self.d.fields[opens.for_each].options
        return range(1, len(options or "1") + 1)

    # --- things ---------------------------------------------------------------------------------

    def _empty(self, name: str) -> Held:
        """Return what something is when it is absent."""
        return next((h for h in self.values[name] if h.value is None), _OTHERWISE)

    def _filled(self, name: str) -> list[Held]:
        """Return what something may be when it is not absent."""
        return [h for h in self.values[name] if h.value is not None]

    def _given(self, edge: Edge | None, so: _So) -> Iterator[_So]:
        """Yield what things may be once the form of an action, or of the opening, is laid over them."""
        action = self._acting(None if edge is None else edge.action)
        items = [(i, i if isinstance(i, str) else i.field) for i in action.form]
        asked = {name.partition(".")[0] for _, name in items}
        demanded = {
            name.partition(".")[0]
            for i, name in items
            if "." in name or isinstance(i, str) or i.required is True
        }
        yield from product(*(
            dict.fromkeys([*([] if n in demanded else [was]), *(self._filled(n) if n in asked else [])])
            for n, was in zip(self.things, so, strict=True)
        ))  # fmt: skip

    def _written(self, edge: Edge | None, given: _So) -> Iterator[_So]:
        """Yield what things may be once an action, or the opening, has written what it writes."""
        effect = self.flow.effects[None if edge is None else edge.action]
        if effect.all:
            anything = ([h for h in self._filled(n) if not _absent(h)] for n in self.things)
            yield from product(*anything)
            return
        lacking = {n for n, h in zip(self.things, given, strict=True) if _absent(h)} - effect.drops
        sure = self.flow.sure[edge.source] if edge is not None else set[str]()
        there = (effect.asked(sure) | effect.told | set(self.things)) - lacking - effect.drops
        so = dict(zip(self.things, given, strict=True))
        yield from product(*(self._after(edge, n, so, there) for n in self.things))

    def _after(
        self, edge: Edge | None, name: str, so: Mapping[str, Held], there: set[str]
    ) -> list[Held]:
        effect, was = self.flow.effects[None if edge is None else edge.action], so[name]
        if name in effect.sets:
            needed = effect.sets[name]
            sure = needed is not None and needed <= there
            return [*self._set(edge, name, so), *([] if sure else [self._empty(name)])]
        if name in effect.drops:
            return [self._empty(name)]
        if name.startswith("message:"):
            return self._sent(edge, name, was, there)
        return [was]

    def _set(self, edge: Edge | None, name: str, so: Mapping[str, Held]) -> list[Held]:
        """Return what an action may write into a field."""
        acting = None if edge is None else edge.action
        value = self._acting(acting).sets[name]
        values = [h for h in self._filled(name) if not _absent(h)]
        if value.table is not None:
            inputs = {n: h for n, h in so.items() if n not in self._rewritten(acting)}
            given = self._answers(value.table, inputs)
            named = {h.value for h in values}
            return [h for h in values if h.value in given or (h is _OTHERWISE and given - named)]
        written = [] if value.value is None else [value.value]
        same = [h for h in values if h.value in written]
        if len(same) == len(set(written)) > 0:
            return [*same, *(h for h in values if h is _OTHERWISE)]
        # A date, a person, what nothing compares with: it is not known to be what is looked for.
        return same + [h for h in values if h not in same and h is not self.wanted.get(name)]

    def _answers(self, value: model.TableValue, so: Mapping[str, Held]) -> set[object]:
        """Return what a table may give with what its inputs are, where that is followed."""
        table = self.d.tables[value.table]
        known = {
            n: None if _absent(so[n]) else so[n].value
            for n in table.reads
            if n in so and so[n] is not _OTHERWISE
        }
        return {
            row.give[value.output]
            for row in table.rows
            if all(cell_holds(cell, known[n]) for n, cell in row.when.items() if n in known)
        }

    def _sent(self, edge: Edge | None, name: str, was: Held, there: set[str]) -> list[Held]:
        effect = self.flow.effects[None if edge is None else edge.action]
        state = self.flow.graph.first if edge is None else edge.target
        needed = effect.sends.get(name)
        if name in effect.leaves or (needed is not None and needed <= there):
            return [_OTHERWISE]
        may = name in effect.sends or name in self.flow.passing[state]
        return [was, _OTHERWISE] if may else [was]


def _absent(held: Held) -> bool:
    return held.value is None or isinstance(held.value, dict)

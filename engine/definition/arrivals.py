"""Whether a case can come to a state with some things held to be so, and by which shortest way.

A value that a form may give is given; one that nothing clears stays; child cases are counted. What the
guards on the way ask of these things is asked of them, so that the way that is shown can be gone.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from itertools import combinations, product
from typing import TYPE_CHECKING

from engine.definition import model
from engine.definition.decide import Ended, Held
from engine.definition.walk import split_form

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from engine.definition.graph import Edge
    from engine.definition.worlds import Worlds

#: A search that goes through more places than this is given up: then nothing is said. So are all, once
#: they went through so many together.
MAX_PLACES = 4_000
MAX_ALL_PLACES = 12_000


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a case is: its state, which things are so by now, how many child cases there are of each."""

    state: str
    so: frozenset[str]
    opened: tuple[tuple[str, int], ...]


class Arrivals:
    """Finds a shortest way to a state on which some things come to be so."""

    def __init__(self, worlds: Worlds) -> None:
        self.worlds = worlds
        self.possible = worlds.possible
        self.flow = worlds.flow
        self.d = worlds.d
        self._comes: dict[tuple[Held, str], bool] = {}
        self._left = MAX_ALL_PLACES

    def comes(self, name: str, held: Held, state: str) -> bool:
        """Tell whether one thing may be so in a state by any way; of child cases, nothing is said."""
        if isinstance(held.value, Ended):
            return True
        if (held, state) not in self._comes:
            self._comes[(held, state)] = self.way(state, {name: held}) is not None
        return self._comes[(held, state)]

    def way(self, state: str, wanted: Mapping[str, Held]) -> list[Edge] | None:
        """Return the edges of a shortest way; None when there is none, or none was found in time."""
        search = _Search(self, wanted)
        came: dict[_Place, tuple[_Place, Edge] | None] = dict.fromkeys(search.first())
        waiting = deque(came)
        while waiting and len(came) <= MAX_PLACES and self._left > 0:
            self._left -= 1
            here = waiting.popleft()
            if here.state == state and search.there(here):
                return _back(here, came)
            for edge in self.flow.graph.out[here.state]:
                if edge in self.possible.never:
                    continue
                for place in search.after(here, edge):
                    if place not in came:
                        came[place] = (here, edge)
                        waiting.append(place)
        return None


def _back(place: _Place, came: Mapping[_Place, tuple[_Place, Edge] | None]) -> list[Edge]:
    edges: list[Edge] = []
    while (before := came[place]) is not None:
        place, edge = before
        edges.append(edge)
    return edges[::-1]


class _Search:
    """The steps of one search."""

    def __init__(self, arrivals: Arrivals, wanted: Mapping[str, Held]) -> None:
        self.flow, self.d = arrivals.flow, arrivals.d
        self.possible, self.worlds = arrivals.possible, arrivals.worlds
        self.wanted = wanted
        self.children = {n: h.value for n, h in wanted.items() if isinstance(h.value, Ended)}
        self.things = [n for n in wanted if n not in self.children]

    def first(self) -> Iterator[_Place]:
        """Yield where a case may be once it is open."""
        absent = frozenset(n for n in self.things if self.wanted[n].value is None)
        for so in self._changed(None, absent):
            place = _Place(self.flow.graph.first, so, tuple((n, 0) for n in self.children))
            if self._agrees(place):
                yield place

    def there(self, place: _Place) -> bool:
        """Tell whether everything is as wanted."""
        counted = all(n == len(self.children[p].outcomes) for p, n in place.opened)
        return counted and len(place.so) == len(self.things)

    def after(self, place: _Place, edge: Edge) -> Iterator[_Place]:
        """Yield where an action may lead."""
        asked = self.worlds.asked(edge.action)
        for so in self._changed(edge, place.so):
            before = {n: self.wanted[n] for n in place.so - asked}
            given = {n: self.wanted[n] for n in so & asked}
            if not any(self._may(edge, before | given | c) for c in self._joined(place)):
                continue
            after = {n: self.wanted[n] for n in so}
            if not self._goes(edge, after):
                continue
            for opened in self._opened(place, edge):
                found = _Place(edge.target, so, opened)
                if self._agrees(found):
                    yield found

    def _may(self, edge: Edge, fixed: Mapping[str, Held]) -> bool:
        guards = self.possible.guards[edge.action]
        read = self.possible.reads(("guards", edge.action), guards)
        if read.isdisjoint(fixed):
            return True
        known = replace(self.worlds.known(edge)[0], fixed=fixed)
        return self.possible.holds(("guards", edge.action), guards, known)

    def _goes(self, edge: Edge, fixed: Mapping[str, Held]) -> bool:
        if self.possible.told(edge) or edge.branch is None:
            return True
        return self.possible.chosen(edge, replace(self.worlds.known(edge)[1], fixed=fixed))

    def _agrees(self, place: _Place) -> bool:
        """Tell whether things can be so in a state, with what is known of every case there."""
        sure, may = self.flow.sure[place.state], self.flow.may[place.state]
        return all(
            name not in sure if self.wanted[name].value is None else name in may
            for name in place.so
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

    def _changed(self, edge: Edge | None, so: frozenset[str]) -> Iterator[frozenset[str]]:
        """Yield which things may be so once an action, or the opening, is done."""
        ways = [[(n, w) for w in self._ways(edge, n, was=n in so)] for n in self.things]
        for way in product(*ways):
            yield frozenset(n for n, is_so in way if is_so)

    def _ways(self, edge: Edge | None, name: str, *, was: bool) -> set[bool]:
        action = self.d.opening if edge is None else self.d.actions[edge.action]
        value = self.wanted[name].value
        if isinstance(action, model.Action) and name in action.clears:
            return {value is None}
        if name in action.sets:
            return {True, False} if self._may_set(edge, name, action.sets[name]) else {False}
        if name.startswith("message:"):
            return {was and not self._sent(edge, name)}
        items = [
            i
            for i in action.form
            if (i if isinstance(i, str) else i.field).partition(".")[0] == name
        ]
        if not items:
            return {was}
        if value is not None:
            return {True, False}
        return {was, False} if all(self._may_skip(edge, i) for i in items) else {False}

    def _may_skip(self, edge: Edge | None, item: str | model.FormItem) -> bool:
        if isinstance(item, str) or item.required is True or split_form(item.field)[0]:
            return False
        if item.required is False or edge is None:
            return item.required is False
        asked, before = self.possible.branch(edge)
        action = self.d.actions[edge.action]
        if not self.possible.read([*asked, *before]).isdisjoint({*action.sets, *action.clears}):
            return False  # The branch is chosen with other values than those that the form asks by.
        # Asked for where the case goes this way, or not: the same values answer both.
        known = self.possible.asked(edge.action, edge.source)
        key = ("skipped", edge.action, edge.branch, item.field)
        needed = [*self.possible.guards[edge.action], *asked]
        return self.possible.holds(key, needed, known, [*before, item.required])

    def _may_set(self, edge: Edge | None, name: str, value: model.SetValue) -> bool:
        wanted = self.wanted[name].value
        if wanted is None:
            effect = self.flow.effects[None if edge is None else edge.action]
            needed, sure = effect.sets[name], set() if edge is None else self.flow.sure[edge.source]
            return needed is None or not needed <= effect.asked(sure) | effect.told
        if value.value is not None:
            return bool(value.value == wanted)
        table = None if value.table is None else self.d.tables[value.table.table]
        return table is not None and value.table is not None and any(
            row.give[value.table.output] == wanted for row in table.rows
        )  # fmt: skip

    def _sent(self, edge: Edge | None, name: str) -> bool:
        effect = self.flow.effects[None if edge is None else edge.action]
        if name in effect.leaves:
            return True
        needed = effect.sends.get(name)
        sure = set() if edge is None else self.flow.sure[edge.source]
        return needed is not None and needed <= effect.after(sure)

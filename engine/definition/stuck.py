"""Cases that can never end, although others in the same state can.

A state has ways out, but some case that reaches it may be refused each of them for ever: they ask for a
field that nobody fills any more, a value that nothing changes any more, an ending that no child case had.
For each state, things are held to be so until every way to an ending is closed; then a way is looked for
on which they come to be so. Whatever somebody can still change holds nothing back, and what cannot be
decided is passed over in silence: a finding is always right.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, replace
from itertools import combinations, islice, product
from operator import itemgetter
from typing import TYPE_CHECKING

from engine.definition import model
from engine.definition.arrivals import Arrivals
from engine.definition.graph import said
from engine.definition.walk import states_of_timer
from engine.definition.worlds import Kin, Worlds, is_past, said_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

    from engine.definition.decide import Held
    from engine.definition.graph import Edge
    from engine.definition.possible import Possible
    from engine.errors import Finding

    World = Mapping[str, Held]

#: So many things at most are held to be so at once.
MAX_THINGS = 3
#: So many combinations of them are tried for a state, and for one way out of it.
MAX_TRIES = 30
MAX_CUTS = 100
#: A case that may still go through so many states, or steps, is not called stuck.
MAX_STATES = 40
MAX_STEPS = 8
#: So many of those that would close every way are looked for from the opening.
MAX_SEALS = 10
#: So many ways out are looked at for a state, and in all: a definition is checked in bounded time.
MAX_STATE_LOOKS = 4_000
MAX_LOOKS = 100_000


def check(possible: Possible, kin: Callable[[str], Kin | None]) -> Iterator[Finding]:
    """Yield the states where some case can never end.

    Args:
        possible: Which actions can be taken where.
        kin: Gives what is known of the child cases of a process; None when nothing is.
    """
    if possible.flow.graph.doubts.anywhere:
        return
    told = set[tuple[frozenset[str], frozenset[str]]]()
    for stuck in _Stuck(Worlds(possible, kin)).run():
        mistake = (stuck.refused, frozenset(stuck.world))
        if mistake not in told:
            told.add(mistake)
            yield _finding(possible, stuck)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """A case that can never end: where it is, what is so, what it is refused, how it came there."""

    state: str
    world: World
    refused: frozenset[str]
    edges: list[Edge]


def _finding(possible: Possible, case: _Case) -> Finding:
    graph, state = possible.flow.graph, case.state
    way = graph.way(case.edges)
    words = [said_of(name, held) for name, held in case.world.items()]
    fr, en = " et ".join(w[0] for w in words), " and ".join(w[1] for w in words)
    return graph.source.finding(
        "may-not-end", ("states", state),
        f"{said(way)}, quand {fr} : de « {state} », ce dossier ne peut plus jamais finir.",
        f"{said(way)}, when {en}: from {state!r}, this case can never end any more.",
        of_key=True, way=way,
    )  # fmt: skip


class _Stuck:
    """Looks for what closes every way from a state to an ending."""

    def __init__(self, worlds: Worlds) -> None:
        self.worlds, self.arrivals = worlds, Arrivals(worlds)
        self.possible, self.flow, self.d = worlds.possible, worlds.flow, worlds.d
        self.left = MAX_LOOKS
        self._guards: dict[tuple[str, str], list[model.Condition]] = {}
        self.out = {
            s: [e for e in out if self._usable(e)] for s, out in self.flow.graph.out.items()
        }
        self.ways = self.flow.graph.doubts.ways
        self.safe = {n for n, s in self.d.states.items() if s.end is not None}
        self._spread_safe()

    def run(self) -> Iterator[_Case]:
        """Yield a case for each state and each thing that one may be stuck there for."""
        ending = self._ending()
        states = [s for s in self.flow.graph.came_by if s in ending and s not in self.safe]
        left = MAX_LOOKS
        for state in states:
            self.left = share = min(left, MAX_STATE_LOOKS)
            seals = 0
            told = set[frozenset[str]]()
            for world in islice(self._seals(state, told), MAX_SEALS):
                seals += 1
                closed = frozenset(e.action for e in self.out[state] if self._closed(e, world))
                way = self.arrivals.way(state, world) if closed else None
                if way is not None:
                    told.add(frozenset(world))
                    yield _Case(state=state, world=world, refused=closed, edges=way)
            if not seals and self.left > 0:
                self.safe.add(state)
            left -= share - max(self.left, 0)

    def _ending(self) -> set[str]:
        """Return the states from which an ending can be reached by some case."""
        into = self._into()
        found = dict.fromkeys(self.safe)
        waiting = deque(found)
        while waiting:
            for state in into.get(waiting.popleft(), ()):
                if state not in found:
                    found[state] = None
                    waiting.append(state)
        return set(found)

    def _into(self) -> dict[str, dict[str, None]]:
        """Return the states that lead to each state."""
        into: dict[str, dict[str, None]] = {}
        for edge in (e for out in self.out.values() for e in out):
            into.setdefault(edge.target, {})[edge.source] = None
        return into

    # --- ways out -------------------------------------------------------------------------------

    def _usable(self, edge: Edge) -> bool:
        return edge.source in self.flow.sure and edge not in self.possible.never

    def _asked(self, edge: Edge) -> list[model.Condition]:
        """Return what an action asks for; one that only a timer takes, what its timers ask for too."""
        key = (edge.action, edge.source)
        if key not in self._guards:
            dead = edge.action in self.possible.dead
            guards = [] if dead else self.possible.guards[edge.action]
            self._guards[key] = [*guards, *self._timed(*key)]
        return self._guards[key]

    def _timed(self, name: str, state: str) -> list[model.Condition]:
        action = self.d.actions[name]
        if action.by or action.owner_only or action.automatic is not None:
            return []
        timers = [t for t in self.d.timers.values() if t.action == name]
        only = [t.only for t in timers if state in states_of_timer(self.d, t)]
        known = [c for c in only if c is not None]
        return [model.Condition(any=known)] if known and len(known) == len(only) else []

    def _closed(self, edge: Edge, world: World) -> bool:
        """Tell whether what is so refuses a way for as long as it is so."""
        self.left -= 1
        guards = self._asked(edge)
        judged, chosen = self.worlds.reads(edge, guards)
        asked, after = self.worlds.known(edge)
        if self._in_time(edge):
            world = {n: h for n, h in world.items() if not is_past(n)}
        fixed = {n: h for n, h in world.items() if n in judged}
        key = ("asked", edge.action, edge.source)
        if fixed and not self.possible.holds(key, guards, replace(asked, fixed=fixed)):
            return True
        fixed = {n: h for n, h in world.items() if n in chosen}
        return bool(fixed) and not self.possible.chosen(edge, replace(after, fixed=fixed))

    def _in_time(self, edge: Edge) -> bool:
        """Tell whether an action is taken by itself, and so before a date is past if it can be."""
        action = self.d.actions[edge.action]
        timed = any(t.action == edge.action for t in self.d.timers.values())
        return timed or action.automatic is not None

    # --- states from which every case can end ---------------------------------------------------

    def _spread_safe(self) -> None:
        """Note the states from which an action leads to the end that nothing can refuse for ever."""
        into = self._into()
        waiting = deque(self.out)
        while waiting:
            state = waiting.popleft()
            if state not in self.safe and self._leads_to_safety(state):
                self.safe.add(state)
                waiting += into.get(state, ())

    def _leads_to_safety(self, state: str) -> bool:
        actions: dict[str, list[Edge]] = {}
        for edge in self.out[state]:
            actions.setdefault(edge.action, []).append(edge)
        by_hand = self._by_hand(state, actions)
        return any(self._is_safe(edges, by_hand) for edges in actions.values())

    def _by_hand(self, state: str, actions: Mapping[str, list[Edge]]) -> set[str]:
        """Return the fields that somebody can always give there, as often as need be."""
        staying = (
            name
            for name, edges in actions.items()
            if all(e.target == state for e in edges) and not self._asked(edges[0])
        )
        return {n for name in staying for n in self.worlds.asked(name)}

    def _is_safe(self, edges: list[Edge], by_hand: set[str]) -> bool:
        if edges[0].action in self.ways:
            return True
        given = by_hand | self.worlds.asked(edges[0].action)
        if not self.possible.read(self._asked(edges[0])) <= given:
            return False
        chosen = [c for e in edges for part in self.possible.branch(e) for c in part]
        some = self.possible.read(chosen) <= given
        return (any if some else all)(e.target in self.safe for e in edges)

    # --- what closes every way ------------------------------------------------------------------

    def _seals(self, state: str, told: Collection[frozenset[str]]) -> Iterator[World]:
        """Yield what closes every way from a state to an ending, the fewest things first.

        Other values of the same things are passed over once they were told, and so is whatever holds a
        seal within it: it says nothing more.
        """
        waiting: deque[World] = deque([{}])
        seen: set[frozenset[tuple[str, Held]]] = set()
        sealed: list[World] = []
        tries = MAX_TRIES
        while waiting and tries and self.left > 0:
            world = waiting.popleft()
            if frozenset(world) in told or any(s.items() <= world.items() for s in sealed):
                continue
            tries -= 1
            way, held = self._way_out(state, world)
            if way is None:
                if world:
                    sealed.append(world)
                    yield world
                continue
            if len(world) == MAX_THINGS:
                continue
            for edge in way[:MAX_STEPS]:
                for more in _in_turns(self._cuts(edge, world, held[edge.source], state)):
                    key = frozenset({**world, **more}.items())
                    if key not in seen and len(key) <= MAX_THINGS:
                        seen.add(key)
                        waiting.append({**world, **more})

    def _way_out(
        self, state: str, world: World
    ) -> tuple[list[Edge] | None, dict[str, frozenset[str]]]:
        """Return a way to where every case can end, None when all are closed; and what stays untouched.

        What stays so in each state is what nothing touches on any way to it from the first.
        """
        held = {state: frozenset(self.worlds.everything - self.flow.passing[state])}
        came: dict[str, Edge | None] = {state: None}
        waiting = deque([state])
        while waiting:
            here = waiting.popleft()
            so = {n: h for n, h in world.items() if n in held[here]}
            for edge in self.out[here]:
                if self._closed(edge, so):
                    continue
                far = len(held) > MAX_STATES
                if far or edge.target in self.safe or edge.action in self.ways:
                    return [*_back(here, came), edge], held
                kept = held[here] - self.worlds.touched(edge.action)
                kept -= self.flow.passing[edge.target]
                narrowed = held.get(edge.target, kept) & kept
                if held.get(edge.target) != narrowed:
                    held[edge.target] = narrowed
                    came.setdefault(edge.target, edge)
                    waiting.append(edge.target)
        return None, held

    def _cuts(
        self, edge: Edge, world: World, held: frozenset[str], state: str
    ) -> Iterator[dict[str, Held]]:
        """Yield the fewest things that close one way, among those that stay so on the way to it."""
        guards, branches = self._asked(edge), [c for p in self.possible.branch(edge) for c in p]
        judged, chosen = self.worlds.reads(edge, guards)
        key, asked = (edge.action, edge.source, edge.branch), [*guards, *branches]
        names = sorted(((judged | chosen) & held) - set(world))
        values = {
            n: [
                h
                for h in self.worlds.values(n, key, asked, state)
                if self.arrivals.comes(n, h, state)
            ]
            for n in names
        }
        so, tries, found = {n: h for n, h in world.items() if n in held}, MAX_CUTS, False
        for size in range(1, MAX_THINGS - len(world) + 1):
            for chosen_names in combinations(values, size):
                for given in product(*(values[n] for n in chosen_names)):
                    tries -= 1
                    more = dict(zip(chosen_names, given, strict=True))
                    if self._closed(edge, {**so, **more}):
                        found = True
                        yield more
                    if tries <= 0:
                        return
            if found:
                return


def _in_turns(cuts: Iterable[dict[str, Held]]) -> list[dict[str, Held]]:
    """Return cuts, one value of each of the things that they are about before another of the same."""
    rounds = Counter[frozenset[str]]()
    ranked = []
    for cut in cuts:
        names = frozenset(cut)
        rounds[names] += 1
        ranked.append((rounds[names], cut))
    return [cut for _, cut in sorted(ranked, key=itemgetter(0))]


def _back(state: str, came: Mapping[str, Edge | None]) -> list[Edge]:
    edges: list[Edge] = []
    while (edge := came[state]) is not None:
        edges.append(edge)
        state = edge.source
    return edges[::-1]

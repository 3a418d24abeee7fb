"""What is never possible because of what the fields of a case are together, whatever the way.

Each thing alone (`possible`) does not tell that a table excludes two values at once, nor that an earlier
guard has left only other values. Fields that are asked about together are followed together (`spread`);
what none of the combinations that come to a state allows is dead. What was not looked at, because there
is too much of it, is said: nothing is passed over in silence.
"""

from __future__ import annotations

from collections import Counter
from math import prod
from typing import TYPE_CHECKING

from engine.definition.decide import Held, Known
from engine.definition.graph import said
from engine.definition.masks import Values
from engine.definition.spread import Together
from engine.definition.walk import states_of, states_of_timer
from engine.definition.worlds import said_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from engine.definition import model
    from engine.definition.arrivals import Arrivals
    from engine.definition.graph import Edge
    from engine.definition.possible import Possible
    from engine.definition.source import Path
    from engine.errors import Finding

#: So many combinations of a few fields are followed at once.
MAX_COMBINATIONS = 1 << 14
#: So many ways are looked at in all, each counted once for so many combinations.
MAX_STEPS = 100_000
_COUNTED_ONCE = 4_096
#: So many combinations are said.
_FEW = 3


def check(possible: Possible, arrivals: Arrivals) -> Iterator[Finding]:
    """Yield what is never possible, and what was not proved.

    Args:
        possible: Which actions can be taken where, as far as each thing alone tells.
        arrivals: Finds the ways that are shown.
    """
    if not possible.flow.graph.doubts.anywhere:
        yield from _Relations(possible, arrivals).check()


class _Relations:
    def __init__(self, possible: Possible, arrivals: Arrivals) -> None:
        self.possible, self.arrivals = possible, arrivals
        self.flow, self.d = possible.flow, possible.d
        self.values = Values(self.d, possible.decider, self.flow.graph.doubts)
        self.left = MAX_STEPS
        #: What was found: dead actions, each once.
        self.dead = dict[str, None]()
        self.told: set[Path] = set()
        self._said = {*possible.dead, *possible.behind}
        self.asked: dict[Path, list[frozenset[str]]] = {}
        self._given = {state: self._given_in(state) for state in self.d.states}
        for path, conditions in self._asked():
            self.asked[path] = self._parts(conditions)

    def check(self) -> Iterator[Finding]:
        """Yield the findings, then what was not proved."""
        done: list[frozenset[str]] = []
        for names in self._clusters():
            if self.left <= 0:
                break
            done.append(frozenset(names))
            yield from self._in(names)
        yield from self._unproved(done)

    # --- what is asked about together -----------------------------------------------------------

    def _asked(self) -> Iterator[tuple[Path, list[model.Condition]]]:
        """Yield what is judged at once, by its place."""
        for name, action in self.d.actions.items():
            ways = [b.when for b in action.to if b.when] if isinstance(action.to, list) else []
            for path, conditions in (
                (("actions", name), self.possible.guards[name]),
                (("actions", name, "to"), ways),
            ):
                if not self._alive_by_hand(name, conditions, path):
                    yield path, conditions
        for name, timer in self.d.timers.items():
            only = [] if timer.only is None else [timer.only]
            yield ("timers", name), only

    def _parts(self, conditions: list[model.Condition]) -> list[frozenset[str]]:
        """Return the fields that are asked about at once; where they are too many, part by part."""
        read = self.possible.read(conditions) & self.values.compared
        inside = [c for root in conditions for c in self._within(root)]
        if self._fits(read) or len(inside) == len(conditions):
            return [read] if read else []
        return [part for condition in inside for part in self._parts([condition])]

    def _within(self, condition: model.Condition) -> list[model.Condition]:
        """Return the conditions that one is made of, through a negation too."""
        if condition.negation is not None:
            return self._within(condition.negation)
        if condition.checklist is not None and condition.checklist in self.d.checklists:
            return [i.when for i in self.d.checklists[condition.checklist].items.values()]
        return condition.all or condition.any or [condition]

    def _alive_by_hand(self, name: str, conditions: list[model.Condition], path: Path) -> bool:
        """Tell whether all that is asked may be so because it can be given there in any way."""
        if not self._by_hand(name, conditions):
            return False
        read = self.possible.read(conditions)
        given = Known(sure=read, may=read)
        if len(path) == 2:  # noqa: PLR2004 - the guards of an action, all at once
            return self.possible.decider.possible(conditions, (), given)
        return all(
            self.possible.decider.possible([way], conditions[:i], given)
            for i, way in enumerate(conditions)
        )

    def _by_hand(self, name: str, conditions: list[model.Condition]) -> bool:
        """Tell whether whoever is where an action starts can give all that it looks at, in any way."""
        read = self.possible.read(conditions)
        action = self.d.actions[name]
        if not read.isdisjoint({*action.sets, *action.clears}):
            return False
        given = self.flow.effects[name].may_give
        return any(
            read <= self._given[state] | given and not self.possible.acting(state)
            for state in states_of(self.d, action)
            if state in self.flow.sure
        )

    def _given_in(self, state: str) -> frozenset[str]:
        """Return the fields that somebody can always give in a state, and stay there."""
        edges: dict[str, list[Edge]] = {}
        for edge in self.flow.graph.out[state]:
            edges.setdefault(edge.action, []).append(edge)
        return frozenset().union(*(
            self.flow.effects[name].may_give - set(self.d.actions[name].sets)
            for name, ways in edges.items()
            if not self.d.actions[name].requires and self.d.actions[name].by
            and all(e.target == state and e not in self.possible.never for e in ways)
        ))  # fmt: skip

    def _clusters(self) -> list[tuple[str, ...]]:
        """Return the fields that are followed together, those that most is asked of first."""
        near = self._near()
        asked = Counter(r for parts in self.asked.values() for r in parts if self._fits(r))
        made: list[frozenset[str]] = []
        for read, _ in sorted(asked.items(), key=lambda a: (-len(a[0]), -a[1], sorted(a[0]))):
            if not any(read <= cluster for cluster in made):
                made.append(self._grown(read, near))
        worth = {c: sum(n for read, n in asked.items() if read <= c) for c in made}
        return [tuple(sorted(c)) for c in sorted(made, key=lambda c: (-worth[c], sorted(c)))]

    def _fits(self, names: Iterable[str]) -> bool:
        of = self.values.of
        return all(n in of for n in names) and prod(len(of[n]) for n in names) <= MAX_COMBINATIONS

    def _near(self) -> dict[str, Counter[str]]:
        """Return how often two fields are asked about together, or one is given by the other."""
        near: dict[str, Counter[str]] = {}
        together = [read for parts in self.asked.values() for read in parts]
        every: list[model.Action | model.Opening] = [self.d.opening, *self.d.actions.values()]
        for acting in every:
            for name, value in acting.sets.items():
                if value.table is not None:
                    # A table ties what it gives to what it reads more than a guard does.
                    tied = frozenset({name, *self.d.tables[value.table.table].reads})
                    together += [tied] * len(self.asked)
        for names in together:
            for name in names:
                near.setdefault(name, Counter()).update(names - {name})
        return near

    def _grown(self, read: frozenset[str], near: dict[str, Counter[str]]) -> frozenset[str]:
        """Return a few fields with those that are nearest to them, as long as they can be followed."""
        cluster, weights = set(read), Counter[str]()
        for name in read:
            weights.update(near.get(name, {}))
        while True:
            more = [n for n in weights if n not in cluster and self._fits({*cluster, n})]
            if not more:
                return frozenset(cluster)
            best = min(more, key=lambda n: (-weights[n], n))
            cluster.add(best)
            weights.update(near.get(best, {}))

    # --- what is never possible -----------------------------------------------------------------

    def _in(self, names: tuple[str, ...]) -> Iterator[Finding]:
        """Yield what is never possible because of a few fields."""
        together = Together(self.possible, self.values, names, frozenset(self.dead))
        while (dead := self._dead(together)) is not None:
            self.dead[dead[0]] = None
            yield self._dead_action(*dead, self._fewest(names, *dead))
            together.open(dead[0])
        yield from self._branches(together)
        yield from self._timers(together)
        self._count(together)

    def _count(self, together: Together) -> None:
        self.left -= together.steps * (1 + together.grid.every.bit_length() // _COUNTED_ONCE)

    def _dead(self, together: Together) -> tuple[str, str] | None:
        """Return an action that is possible from none of its states, and one of those; None if all are."""
        for name in self.d.actions:
            state = self._dead_at(together, name)
            if state is not None:
                return name, state
        return None

    def _dead_at(self, together: Together, name: str) -> str | None:
        if name in together.free | self._said or (
            not self.possible.guards[name] and not self._hurried(name)
        ):
            return None
        states = [s for s in states_of(self.d, self.d.actions[name]) if together.there.get(s)]
        never = states and not any(together.allowed(name, s) for s in states)
        return states[0] if never else None

    def _hurried(self, name: str) -> bool:
        """Tell whether some automatic action is tried before another one."""
        return any(self.possible.acting(s) for s in states_of(self.d, self.d.actions[name]))

    def _fewest(self, names: tuple[str, ...], name: str, state: str) -> Together:
        """Return the fewest fields because of which an action is dead."""
        free = frozenset(self.dead) - {name}
        kept = list(names)
        for left_out in names if self.left > 0 else ():
            fewer = [n for n in kept if n != left_out]
            together = Together(self.possible, self.values, fewer, free)
            self._count(together)
            if self._dead_at(together, name) == state:
                kept = fewer
        return Together(self.possible, self.values, kept, free)

    def _dead_action(self, name: str, state: str, together: Together) -> Finding:
        edges = self.arrivals.way_to(state)
        way = self.flow.graph.way(edges)
        fr, en = self._why(name, state, edges, together)
        return self.flow.graph.source.finding(
            "dead-action", ("actions", name),
            f"{said(way)} : « {name} » n'y est jamais possible : {fr}.",
            f"{said(way)}: {name!r} is never possible there: {en}.", of_key=True, way=way,
        )  # fmt: skip

    def _why(self, name: str, state: str, edges: list[Edge], together: Together) -> tuple[str, str]:
        if not together.judged(name, state):
            return ("une action automatique s'y fait toujours d'abord",
                    "an automatic action is always done there first")  # fmt: skip
        read = self.possible.read(self.possible.guards[name])
        names = [n for n in together.grid.values if n in read]
        seen = together.grid.seen(names, together.judged(name, state))
        fr, en = _listed(names)
        fr = f"{fr} n'y {'est' if len(names) == 1 else 'sont'} jamais comme elle le demande"
        en = f"{en} {'is' if len(names) == 1 else 'are'} never there as it asks"
        if len(seen) <= _FEW and all(self._exact(n) for n in names):
            ways = [
                [said_of(n, Held(v)) for n, v in zip(names, values, strict=True)] for values in seen
            ]
            fr += " (" + ", ou ".join(" et ".join(w[0] for w in way) for way in ways) + ")"
            en += " (" + ", or ".join(" and ".join(w[1] for w in way) for way in ways) + ")"
        return self._because(edges, together, fr, en)

    def _exact(self, name: str) -> bool:
        """Tell whether the values that are followed of a field are all that it may be."""
        spec = self.d.fields[name]
        return spec.type == "boolean" or name in self.possible.decider.written

    def _because(self, edges: list[Edge], together: Together, fr: str, en: str) -> tuple[str, str]:
        """Return a sentence with what decided it: what was asked and given on the way."""
        causes: dict[str, str] = {}
        for name in (None, *(e.action for e in edges)):
            acting = self.d.opening if name is None else self.d.actions[name]
            for field, value in acting.sets.items():
                if field in together.grid.values and value.table is not None:
                    table = value.table.table
                    causes[f"la table « {table} »"] = f"table {table!r}"
                elif field in together.grid.values and value.value is not None:
                    by = name or "opening"
                    causes[f"ce que « {by} » y écrit"] = f"what {by!r} writes"
        for edge in edges:
            if together.guard(edge.action) != together.grid.every:
                causes[f"ce que « {edge.action} » demande avant"] = (
                    f"what {edge.action!r} asks for before"
                )
            elif together.way(edge) != together.grid.every:
                causes[f"la voie que « {edge.action} » prend"] = (
                    f"the way that {edge.action!r} takes"
                )
        if not causes:
            return fr, en
        return (
            f"{fr}, à cause de {' et de '.join(causes)}",
            f"{en}, because of {' and '.join(causes.values())}",
        )

    def _branches(self, together: Together) -> Iterator[Finding]:
        for name, action in self.d.actions.items():
            if not isinstance(action.to, list) or name in together.free | self._said:
                continue
            states = [s for s in states_of(self.d, action) if together.there.get(s)]
            if not any(together.allowed(name, s) for s in states):
                continue
            for i, branch in enumerate(action.to):
                ways = [
                    e for s in states for e in self.flow.graph.out[s]
                    if e.action == name and e.branch == i
                ]  # fmt: skip
                if branch.when is None or any(
                    self.possible.told(e) or together.chosen(e) for e in ways
                ):
                    continue
                yield from self._once(
                    ("actions", name, "to", i), self._dead_branch(name, i, branch, states[0])
                )

    def _dead_branch(self, name: str, at: int, branch: model.Branch, state: str) -> Finding:
        way = self.flow.graph.way(self.arrivals.way_to(state))
        return self.flow.graph.source.finding(
            "dead-branch", ("actions", name, "to", at),
            f"{said(way)} : « {name} » n'y mène jamais à « {branch.state} » par cette voie : ce qu'elle "
            "demande n'y est jamais, une fois l'action faite.",
            f"{said(way)}: {name!r} never leads to {branch.state!r} this way: what it asks for is "
            "never there once the action is done.", way=way,
        )  # fmt: skip

    def _timers(self, together: Together) -> Iterator[Finding]:
        for name, timer in self.d.timers.items():
            if timer.only is None or not self.possible.decider.possible([timer.only]):
                continue
            states = [s for s in states_of_timer(self.d, timer) if together.there.get(s)]
            holds = together.judge.of(timer.only)[0]
            if states and not any(together.staying(s) & holds for s in states):
                yield from self._once(("timers", name, "only"), self._idle(name, states[0]))

    def _idle(self, name: str, state: str) -> Finding:
        graph = self.flow.graph
        way = (*graph.way(self.arrivals.way_to(state)), graph.timer(name))
        return graph.source.finding(
            "never-true", ("timers", name, "only"),
            f"{said(way)} : cette condition n'y est jamais remplie, la minuterie ne fait rien.",
            f"{said(way)}: this condition never holds there, the timer does nothing.", way=way,
        )  # fmt: skip

    def _once(self, path: Path, finding: Finding) -> Iterator[Finding]:
        if path not in self.told:
            self.told.add(path)
            yield finding

    # --- what was not looked at -----------------------------------------------------------------

    def _unproved(self, done: list[frozenset[str]]) -> Iterator[Finding]:
        for path, parts in self.asked.items():
            if all(any(read <= names for names in done) for read in parts):
                continue
            fr, en = _WHAT[(str(path[0]), len(path))]
            yield self.flow.graph.source.finding(
                "not-proved", path,
                f"« {path[1]} » : il n'est pas prouvé que {fr}.",
                f"{path[1]!r}: it is not proved that {en}.", of_key=True,
            )  # fmt: skip


#: What may not have been proved, by the section of a file and the depth there.
_WHAT = {
    ("actions", 2): ("ce que l'action demande puisse être là tout ensemble",
                     "what the action asks for can be there all at once"),
    ("actions", 3): ("chacune de ses voies puisse être prise", "each of its ways can be taken"),
    ("timers", 2): ("ce que la minuterie demande puisse être là tout ensemble",
                    "what the timer asks for can be there all at once"),
}  # fmt: skip


def _listed(names: list[str]) -> tuple[str, str]:
    return (" et ".join(f"« {n} »" for n in names), " and ".join(repr(n) for n in names))

"""What a case may hold on to, one thing at a time: an absent field, a value, a message that never left,

child cases that all ended so, a date that is past. `stuck` looks for those with which a case can never end; here is what each
thing may be, what an action does to it, and how it is said.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import combinations_with_replacement
from typing import TYPE_CHECKING

from engine.definition import model
from engine.definition.decide import Ended, Held, past_of
from engine.definition.domains import OTHER, Domains
from engine.definition.walk import conditions as all_conditions
from engine.definition.walk import split_form, through_checklists

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from engine.definition.decide import Known
    from engine.definition.graph import Edge
    from engine.definition.possible import Possible

#: Child cases of one process are looked at up to so many, and in so many ways to end.
MAX_CHILDREN = 6
MAX_ENDED = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Kin:
    """What is known of the child cases of one process: how they may end, and whether that lasts."""

    outcomes: tuple[str, ...]
    reopened: bool


def kin_of(child: model.Definition) -> Kin:
    """Return what a parent may know of the cases of a process."""
    ended = {name for name, state in child.states.items() if state.end is not None}
    again = any(
        a.source == "ended" or (isinstance(a.source, list) and ended & set(a.source))
        for a in child.actions.values()
    )
    outcomes = dict.fromkeys(s.end.outcome for s in child.states.values() if s.end is not None)
    return Kin(outcomes=tuple(outcomes), reopened=again)


class Worlds:
    """Says what each thing that a definition's conditions read may be held to be."""

    def __init__(self, possible: Possible, kin: Callable[[str], Kin | None]) -> None:
        self.possible = possible
        self.flow = possible.flow
        self.d = possible.d
        self.kin = kin
        self._values: dict[tuple[str, tuple[object, ...]], list[Held]] = {}
        self._every: dict[str, list[Held]] = {}
        self._held: dict[tuple[str, str], Held] = {}
        self._known: dict[Edge, tuple[Known, Known]] = {}
        self._reads: dict[Edge, tuple[frozenset[str], frozenset[str]]] = {}
        self._touched = {n: _and_past(self._writes(a)) for n, a in self.d.actions.items()}
        self._conditions = [c for _, c in all_conditions(self.d)]
        #: All that a case may hold on to: the dates that some condition wants to be ahead, too.
        self.everything = self.flow.everything | {
            past_of(c.ahead.field) for c in self._conditions if c.ahead is not None
        }

    def touched(self, action: str) -> set[str]:
        """Return what an action may change."""
        everything = self.flow.effects[action].all
        return self.everything if everything else self._touched[action]

    def _writes(self, action: model.Action) -> Iterator[str]:
        for item in action.form:
            record, name = split_form(item if isinstance(item, str) else item.field)
            yield record or name
        yield from action.sets
        yield from action.clears
        yield from (f"message:{name}" for name in action.notify)
        if action.opens is not None:
            yield f"children:{action.opens.process}"

    def asked(self, action: str) -> set[str]:
        """Return what an action's own form may give before it is judged."""
        return _and_past(self.flow.effects[action].may_give)

    # --- what is asked of them ------------------------------------------------------------------

    def reads(
        self, edge: Edge, guards: Sequence[model.Condition]
    ) -> tuple[frozenset[str], frozenset[str]]:
        """Return what a way reads of what stood before it: in its guards, in its branches."""
        if edge not in self._reads:
            branches = [c for part in self.possible.branch(edge) for c in part]
            told = self.possible.told(edge)
            self._reads[edge] = (
                self.possible.read(guards) - self.asked(edge.action),
                frozenset() if told else self.possible.read(branches) - self.touched(edge.action),
            )
        return self._reads[edge]

    def known(self, edge: Edge) -> tuple[Known, Known]:
        """Return what is known of every case when a way's guards, then its branches, are judged."""
        if edge not in self._known:
            asked = self.possible.asked(edge.action, edge.source)
            self._known[edge] = (asked, self.possible.afterwards(edge))
        return self._known[edge]

    # --- what they may be -----------------------------------------------------------------------

    def values(
        self, name: str, key: tuple[object, ...], conditions: Sequence[model.Condition], state: str
    ) -> list[Held]:
        """Return what something may be at a state, as far as some conditions can tell."""
        if (name, key) not in self._values:
            self._values[(name, key)] = [self._hold(name, v) for v in self._all(name, conditions)]
        return [h for h in self._values[(name, key)] if self._may_be(name, h, state)]

    def every(self, name: str) -> list[Held]:
        """Return what a field may be, as far as all the conditions and tables of a definition can tell."""
        if name not in self._every:
            self._every[name] = [self._hold(name, v) for v in self._domains.values(name)]
        return self._every[name]

    @cached_property
    def _domains(self) -> Domains:
        """What fields may be, as far as all the conditions and tables of a definition can tell."""
        asked = (c.compare for c in self._conditions if c.compare is not None)
        cells = (
            model.Compare.model_construct(field=name, **cell.model_dump())
            for table in self.d.tables.values()
            for row in table.rows
            for name, cell in row.when.items()
        )
        return Domains(self.d, self.possible.decider.written, [*asked, *cells],
                       doubtful=self.flow.graph.doubts.fields)  # fmt: skip

    def absences(self, name: str) -> list[Held]:
        """Return the ways in which a field, or a message, may not be there."""
        spec = self.d.fields.get(name)
        reason = [{"missing": OTHER}] if spec is not None and spec.reason_if_missing else []
        return [self._hold(name, v) for v in (None, *reason)]

    def _hold(self, name: str, value: object) -> Held:
        return self._held.setdefault((name, repr(value)), Held(value))

    def _all(self, name: str, conditions: Sequence[model.Condition]) -> Iterator[object]:
        kind, _, what = name.rpartition(":")
        if kind == "message":
            yield from self._never_left(name)
        elif kind == "past":
            yield kind
        elif kind == "children":
            yield from self._ended(what, conditions)
        elif name not in self.flow.graph.doubts.fields:
            yield from self._of_field(name, conditions)

    def _never_left(self, name: str) -> Iterator[object]:
        """Yield None unless it cannot be said when a message leaves."""
        senders = [e for e in self.flow.effects.values() if name in e.sends]
        if all(e.sends[name] is not None for e in senders):
            yield None

    def _of_field(self, name: str, conditions: Sequence[model.Condition]) -> Iterator[object]:
        if self.d.fields[name].type == "records":
            yield None
        else:
            yield from self._valued(name, conditions)

    def _valued(self, name: str, conditions: Sequence[model.Condition]) -> Iterator[object]:
        parts = [c.compare for r in conditions for c in through_checklists(self.d, r)]
        compares = [c for c in parts if c is not None]
        domains = Domains(self.d, self.possible.decider.written, compares,
                          doubtful=self.flow.graph.doubts.fields)  # fmt: skip
        yield from domains.values(name)

    def _ended(self, process: str, conditions: Sequence[model.Condition]) -> Iterator[Ended]:
        kin = self.kin(process)
        if kin is None:
            return
        parts = [c.children for r in conditions for c in through_checklists(self.d, r)]
        most = max((p.at_least or 0 for p in parts if p is not None), default=0) + 1
        made = 0
        for count in range(min(most, MAX_CHILDREN) + 1):
            for outcomes in combinations_with_replacement(kin.outcomes, count):
                made += 1
                if made > MAX_ENDED:
                    return
                yield Ended(process=process, outcomes=outcomes, reopened=kin.reopened)

    def _may_be(self, name: str, held: Held, state: str) -> bool:
        absent = held.value is None or isinstance(held.value, dict)
        if isinstance(held.value, Ended) or is_past(name):
            return True
        return name not in self.flow.sure[state] if absent else name in self.flow.may[state]


def is_past(name: str) -> bool:
    """Tell whether something is a date that is past: time alone brings it about."""
    return name.startswith(past_of(""))


def _and_past(names: Iterable[str]) -> set[str]:
    """Return names, and what their dates are once they are past: a new date may be ahead again."""
    return {n for name in names for n in (name, past_of(name))}


def said_of(name: str, held: Held) -> tuple[str, str]:
    """Return what something is held to be, in words: French, English."""
    kind, _, what = name.rpartition(":")
    if kind == "message":
        return f"« {what} » n'est pas parti", f"{what!r} did not leave"
    if kind == "past":
        return f"« {what} » est passé", f"{what!r} is past"
    if isinstance(held.value, Ended):
        return _said_of_children(held.value)
    if held.value is None:
        return f"« {name} » est absent", f"{name!r} is absent"
    if isinstance(held.value, dict):
        return (
            f"« {name} » n'a qu'un motif d'absence",
            f"{name!r} only has a reason why it is missing",
        )
    if isinstance(held.value, list):
        count = len(held.value)
        return f"« {name} » compte {count} choix", f"{name!r} has {count} chosen"
    if held.value == OTHER:
        return f"« {name} » a une autre valeur", f"{name!r} has another value"
    value = (
        {True: "true", False: "false"}.get(held.value, held.value)
        if isinstance(held.value, bool)
        else held.value
    )
    return f"« {name} » vaut « {value} »", f"{name!r} is {value!r}"


def _said_of_children(ended: Ended) -> tuple[str, str]:
    if not ended.outcomes:
        return (
            f"aucun dossier enfant « {ended.process} » n'est ouvert",
            f"no child case {ended.process!r} was opened",
        )
    counts = {o: ended.outcomes.count(o) for o in ended.outcomes}
    fr = ", ".join(f"{n} par « {o} »" for o, n in counts.items())
    en = ", ".join(f"{n} in {o!r}" for o, n in counts.items())
    return (
        f"les dossiers enfants « {ended.process} » ont fini ainsi : {fr}",
        f"the child cases {ended.process!r} ended so: {en}",
    )

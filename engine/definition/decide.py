"""What can be decided of conditions without a case: that one never holds, always does, or that several

never hold together.

A condition is a formula over few variables: what a field may hold (only the values that its comparisons
tell apart matter, so a few stand for all), the state of a message or a roster, the hour. What is not
known of the outside (days measured from a moving point) may take either value. The formula
is searched by three-valued evaluation, which stops as soon as what is assigned decides it; a search that
grows too large decides nothing, so that a finding is always right.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Literal

from engine.definition import model
from engine.definition.broods import told_apart
from engine.definition.conditions import compile_condition, only_key
from engine.definition.domains import Domains, others, size_of
from engine.definition.doubts import Doubts
from engine.definition.walk import accepted_by, through_checklists, timed_fields

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from decimal import Decimal

    from engine.definition.compiled import Predicate

#: A search that looks at more values, and parts of its formula, than this is given up.
MAX_LOOKS = 60_000
#: So are all, once they have together looked at so many: a definition is checked in bounded time.
MAX_ALL_LOOKS = 3_000_000
#: A formula of more parts than this, checklists written out, is not searched.
MAX_PARTS = 3_000

_DATED = ("before", "not_before")
_WITH_FIELD = ("at_least_field", "count_at_least_field")


@dataclass(frozen=True, slots=True)
class _Leaf:
    """A variable and the values (by position) for which a part of a condition holds."""

    variable: str
    holds: frozenset[int]


@dataclass(frozen=True, slots=True)
class _AtLeast:
    """Two variables of which the first is a number, for each value, that reaches the second's; or has none."""

    variables: tuple[str, str]
    sizes: tuple[Sequence[int | Decimal | None], Sequence[int | Decimal | None]]

    def holds(self, first: int, second: int) -> bool:
        size, least = self.sizes[0][first], self.sizes[1][second]
        return size is not None and least is not None and size >= least


@dataclass(frozen=True, slots=True)
class _Node:
    """`all`, `any` or `not` of other parts."""

    kind: Literal["all", "any", "not"]
    parts: tuple[_Formula, ...]


_Formula = _Leaf | _AtLeast | _Node


class _GivenUpError(Exception):
    """The search grew too large."""


@dataclass(frozen=True, slots=True, eq=False)
class Held:
    """A value that something has and keeps; of child cases, how they all ended (`Ended`).

    Each is equal to itself only, so that answers about it can be remembered.
    """

    value: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """The child cases of one process, all of them ended.

    Attributes:
        process: Their process.
        outcomes: The ending of each.
        reopened: They may be taken up again and end otherwise.
    """

    process: str
    outcomes: tuple[str, ...]
    reopened: bool

    def decides(self, part: model.Children) -> bool:
        """Tell whether a join is decided for good."""
        return part.all != "open" and not (part.outcome is not None and self.reopened)

    def holds(self, part: model.Children) -> bool:
        """Tell whether a join holds."""
        made = [SimpleNamespace(process=self.process, outcome=o) for o in self.outcomes]
        join = model.Condition(children=part)
        return compile_condition(join, {})(SimpleNamespace(children=lambda: made))


def past_of(field: str) -> str:
    """Return the name of what a date or an instant is once it is past."""
    return f"past:{field.partition('.')[0]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known of a case, as `engine.definition.flow` names it.

    Attributes:
        sure: What has a value.
        may: What may have one; anything else has none.
        fixed: What some things are known to be: a field's value, a message that never left (None), child
            cases that have ended, a date that is past.
    """

    sure: frozenset[str]
    may: frozenset[str]
    fixed: Mapping[str, Held] = field(default_factory=dict)


class Decider:
    """Decides conditions of one definition, whose names and types must have been checked."""

    def __init__(
        self,
        definition: model.Definition,
        doubts: Doubts | None = None,
        most: Mapping[str, int | None] | None = None,
    ) -> None:
        """Take a definition, what is in doubt of it, and how many child cases there may be.

        Args:
            definition: Whose conditions are decided.
            doubts: What is not known of it.
            most: Of each process; None, or not there, where there is no bound.
        """
        self._definition = definition
        self._doubts = doubts or Doubts()
        self._broods = _Broods(most or {})
        self.written = written_values(definition) if self._doubts.none else {}
        self._looks = 0
        self._once = _Once(definition)
        self._told: dict[tuple[tuple[int, ...], tuple[int, ...]], tuple[object, bool]] = {}

    def verdict(self, condition: model.Condition) -> Literal["never", "always"] | None:
        """Tell whether a condition never or always holds; None when either may be, or is unknown."""
        if not self.possible([condition]):
            return "never"
        return None if self.possible([], but=[condition]) else "always"

    def possible(
        self,
        conditions: Sequence[model.Condition],
        but: Sequence[model.Condition] = (),
        known: Known | None = None,
    ) -> bool:
        """Tell whether all these conditions may hold at once while none of `but` does.

        True also when it cannot be decided.

        Args:
            conditions: What must hold.
            but: What must not.
            known: What is known of the case; nothing, by default.
        """
        if known is not None:
            return self._possible(conditions, but, known)
        key = (tuple(map(id, conditions)), tuple(map(id, but)))
        if key not in self._told:
            # What is asked about is kept: nothing else may take its identity.
            kept = [*conditions, *but]
            self._told[key] = kept, self._possible(conditions, but, None)
        return self._told[key][1]

    def _possible(
        self,
        conditions: Sequence[model.Condition],
        but: Sequence[model.Condition],
        known: Known | None,
    ) -> bool:
        if self._looks > MAX_ALL_LOOKS:
            return True
        problem = _Problem(self._definition, [*conditions, *but], self._doubts, self.written,
                           self._broods, self._once, known)  # fmt: skip
        try:
            yes = [problem.formula(c) for c in conditions]
            no = [_Node("not", (problem.formula(c),)) for c in but]
            return _search(_Node("all", (*yes, *no)), problem)
        except _GivenUpError:
            return True
        finally:
            self._looks += problem.looks


def written_values(definition: model.Definition) -> dict[str, frozenset[Any]]:
    """Return the values that a field may have, for those that no form asks for.

    Such a field holds what actions write into it; one that a date or a person is written into may hold
    anything.
    """
    acting: list[model.Action | model.Opening] = [definition.opening, *definition.actions.values()]
    asked = {i if isinstance(i, str) else i.field for a in acting for i in a.form}
    values: dict[str, set[Any]] = {n: set() for n in definition.fields if n not in asked}
    for action in acting:
        for name, value in action.sets.items():
            if name not in values:
                continue
            table = None if value.table is None else definition.tables.get(value.table.table)
            if value.value is not None:
                values[name].add(value.value)
            elif table is not None and value.table is not None and table.rows:
                given = (r.give.get(value.table.output) for r in table.rows)
                values[name] |= {v for v in given if v is not None}
            else:
                del values[name]
    return {n: frozenset(v) for n, v in values.items() if v}


class _Broods:
    """Which joins hold at once, remembered."""

    def __init__(self, most: Mapping[str, int | None]) -> None:
        self._most = most
        self._told: dict[tuple[object, ...], list[tuple[bool, ...]] | None] = {}

    def of(
        self, joins: Sequence[model.Children], none: frozenset[str]
    ) -> list[tuple[bool, ...]] | None:
        """Return which of some joins hold at once, none of some processes being there."""
        key = (*joins, none)
        if key not in self._told:
            self._told[key] = told_apart(joins, {**self._most, **dict.fromkeys(none, 0)})
        return self._told[key]


class _Once:
    """What is inside conditions, and how each is judged, worked out once.

    They are told apart by their identity: each is kept, so that no other one may take it.
    """

    def __init__(self, definition: model.Definition) -> None:
        self._definition = definition
        self._inside: dict[int, tuple[model.Condition, list[model.Condition]]] = {}
        self._tests: dict[int, tuple[model.Condition, Predicate]] = {}

    def inside(self, root: model.Condition) -> list[model.Condition]:
        """Return a condition and every one inside it, checklists written out."""
        if id(root) not in self._inside:
            parts = list(through_checklists(self._definition, root))
            self._inside[id(root)] = root, parts
        return self._inside[id(root)][1]

    def test(self, condition: model.Condition) -> Predicate:
        """Return the predicate of what a condition says of one field alone."""
        if id(condition) not in self._tests:
            self._tests[id(condition)] = condition, compile_condition(alone(condition), {})
        return self._tests[id(condition)][1]


def alone(condition: model.Condition) -> model.Condition:
    """Return what a condition says of its field alone, without what it compares it with."""
    part = condition.compare
    if part is None:
        return condition
    # A day that is written is compared as a value; one that is counted is not known here.
    left_out = dict.fromkeys((*counted(part), *_WITH_FIELD))
    return condition.model_copy(update={"compare": part.model_copy(update=left_out)})


def counted(part: model.Compare) -> list[str]:
    """Return the keys of a comparison that compare with a day that is counted."""
    return [k for k in _DATED if isinstance(getattr(part, k), model.When)]


@dataclass(slots=True)
class _Problem:
    """The variables of some conditions, and how many values each may take."""

    definition: model.Definition
    roots: list[model.Condition]
    doubts: Doubts
    written: dict[str, frozenset[Any]]
    broods: _Broods
    once: _Once
    known: Known | None
    sizes: dict[str, int] = field(default_factory=dict)
    looks: int = 0
    parts: int = 0
    _values: dict[str, list[Any]] = field(default_factory=dict)
    _told: Domains | None = None

    def look(self, times: int = 1) -> None:
        """Count what is looked at; raise _GivenUpError after too much."""
        self.looks += times
        if self.looks > MAX_LOOKS:
            raise _GivenUpError

    def formula(self, condition: model.Condition) -> _Formula:
        """Return the formula of a condition, checklists written out."""
        self.parts += 1
        if self.parts > MAX_PARTS:
            raise _GivenUpError
        name, part = only_key(condition)
        if name == "all":
            return _Node("all", tuple(self.formula(c) for c in part))
        if name == "any":
            return _Node("any", tuple(self.formula(c) for c in part))
        if name == "negation":
            return _Node("not", (self.formula(part),))
        if name == "checklist" and part in self.doubts.checklists:
            return self._leaf(f"checklist {part}", 2, {1})
        if name == "checklist":
            items = self.definition.checklists[part].items.values()
            return _Node("all", tuple(self.formula(i.when) for i in items))
        if name == "compare":
            return self._compare(condition, part)
        if name in {"present", "obtained"}:
            return self._field(part, condition)
        around = self._around(name, part)
        # What looks at an instant does not hold while it is not known.
        return _Node("all", (*(self._there(n) for n in timed_fields(condition)), around))

    def _compare(self, condition: model.Condition, part: model.Compare) -> _Formula:
        parts: list[_Formula] = [self._field(part.field, condition)]
        for key in counted(part):
            # Before that day, on or after it, or the day is not known: then neither holds.
            holds = {0} if key == "before" else {1}
            parts.append(self._leaf(f"day {part.field} {getattr(part, key)!r}", 3, holds))
        parts += [self._at_least(part.field, other) for other in others(part)]
        return _Node("all", tuple(parts))

    def _at_least(self, name: str, other: str) -> _Formula:
        """Return the values of two fields for which the number of one reaches that of the other."""
        if not self._domains().tells_apart(name, other):
            return self._leaf(f"at least {name} {other}", 2, {1})
        size, least = ([size_of(v) for v in self._values_of(n)] for n in (name, other))
        self.look(len(size) + len(least))
        return _AtLeast((self._variable(name), self._variable(other)), (size, least))

    def _field(self, name: str, condition: model.Condition) -> _Leaf:
        """Return the values of a field for which a condition holds, as far as it is on it alone."""
        if name.partition(".")[0] in self.doubts.fields:
            return self._leaf(f"{name} {condition!r}", 2, {1})
        test, values = self.once.test(condition), self._values_of(name)
        self.look(len(values))
        holds = frozenset(i for i, v in enumerate(values) if test(facts_of(name, v)))
        return _Leaf(self._variable(name), holds)

    def _there(self, name: str) -> _Leaf:
        """Return the values of a field that are one."""
        if name.partition(".")[0] in self.doubts.fields:
            return self._leaf(f"{name} is there", 2, {1})
        values = enumerate(self._values_of(name))
        holds = frozenset(i for i, v in values if v is not None and not isinstance(v, dict))
        return _Leaf(self._variable(name), holds)

    def _variable(self, name: str) -> str:
        """Return the variable of a field."""
        self.sizes[f"field {name}"] = len(self._values_of(name))
        return f"field {name}"

    def _values_of(self, name: str) -> list[Any]:
        """Return what a field may hold, with what is known of the case."""
        if name not in self._values:
            every = self._domains().values(name)
            held = self._held(name) is not None
            self.look(len(every))
            self._values[name] = every if held else [v for v in every if self._may_be(name, v)]
        return self._values[name]

    def _domains(self) -> Domains:
        if self._told is None:
            parts = (c.compare for r in self.roots for c in self.once.inside(r))
            fixed = {} if self.known is None else self.known.fixed
            self._told = Domains(self.definition, self.written, [c for c in parts if c is not None],
                                 doubtful=self.doubts.fields, held={n: h.value for n, h in fixed.items()})  # fmt: skip
        return self._told

    def _held(self, name: str) -> Held | None:
        return None if self.known is None else self.known.fixed.get(name.partition(".")[0])

    def _may_be(self, name: str, value: Any) -> bool:
        """Tell whether a field may have a value, with what is known of the case."""
        outer, _, inner = name.partition(".")
        if self.known is None or outer not in self.definition.fields:
            return True
        if value is None or isinstance(value, dict):
            return bool(inner) or outer not in self.known.sure
        return outer in self.known.may

    def _around(self, name: str, part: Any) -> _Leaf:
        if name == "message":
            return self._message(part)
        if name == "audience":
            states = {"not_empty": {1, 2}, "reachable": {2}}
            return self._leaf(f"roster {part.roster}", 3, states[part.state])
        if name == "within":
            calendar = part if isinstance(part, str) else part.calendar
            of = "now" if isinstance(part, str) else part.field
            return self._leaf(f"hour {of}", 3, {2} if calendar == "business_hours" else {1, 2})
        # Nobody owns the case, the one who acts does, another does.
        if name == "actor":
            return self._leaf("owner", 3, {1} if part == "owner" else {0, 2})
        if name == "owned":
            return self._leaf("owner", 3, {1, 2} if part else {0})
        if name == "children":
            return self._children(part)
        if name == "ahead" and self._held(past_of(part.field)) is not None:
            return self._leaf(f"ahead {part!r}", 1, set())
        return self._leaf(f"{name} {part!r}", 2, {1})

    def _children(self, part: model.Children) -> _Leaf:
        """Return the sets of child cases for which a join holds."""
        holds = self._joined(part)
        if holds is not None:
            return self._leaf(f"children {part!r}", 1, {0} if holds else set())
        joins, told = self._brood()
        if told is None:
            return self._leaf(f"children {part!r}", 2, {1})
        at = joins.index(part)
        return self._leaf("children", len(told), {i for i, so in enumerate(told) if so[at]})

    def _brood(self) -> tuple[list[model.Children], list[tuple[bool, ...]] | None]:
        """Return the joins that are asked about, and which hold at once; None when it is not known."""
        parts = (c for r in self.roots for c in self.once.inside(r))
        joins = list(dict.fromkeys(c.children for c in parts if c.children is not None))
        fixed = () if self.known is None else self.known.fixed
        if any(name.startswith("children:") for name in fixed):
            return joins, None
        none = frozenset(j.process for j in joins if j.process and self._childless(j))
        return joins, self.broods.of(joins, none)

    def _message(self, part: model.Message) -> _Leaf:
        if part.state == "begun":  # whatever else holds of it
            return self._leaf(f"begun {part.message}", 2, {1})
        if self._never_sent(f"message:{part.message}"):
            return self._leaf(f"message {part.message}", 1, set())
        if part.state == "missing":
            return self._leaf(f"missing {part.message}", 2, {1})
        # Under way, under way and stuck, settled and stuck, accepted by all, and settled because a person
        # accepts that somebody does not have it.
        states = {"accepted": {3}, "settled": {2, 3, 4}, "waiting": {0, 1}, "stuck": {1, 2}}
        size = 5 if self._may_be_left(part.message) else 4
        return self._leaf(f"message {part.message}", size, states[part.state] & {*range(size)})

    def _may_be_left(self, message: str) -> bool:
        """Tell whether some action accepts that a message stays with those who have it."""
        return any(message in accepted_by(a) for a in self.definition.actions.values())

    def _never_sent(self, message: str) -> bool:
        known = self.known
        return known is not None and (message in known.fixed or message not in known.may)

    def _joined(self, part: model.Children) -> bool | None:
        """Tell whether a join holds, None when it may or may not."""
        held = self._held(f"children:{part.process}")
        if held is not None:
            return bool(held.value.holds(part)) if held.value.decides(part) else None
        return not part.at_least if self._childless(part) else None

    def _childless(self, part: model.Children) -> bool:
        """Tell whether no child case of that process was opened by any way."""
        return (
            self.known is not None
            and part.process is not None
            and f"children:{part.process}" not in self.known.may
        )

    def _leaf(self, variable: str, size: int, holds: set[int]) -> _Leaf:
        self.sizes[variable] = size
        return _Leaf(variable, frozenset(holds))


def facts_of(name: str, value: Any) -> Any:
    """Return the little that a condition on one field reads of a case."""
    record, _, inner = name.rpartition(".")
    return SimpleNamespace(data={record: [{inner: value}]} if record else {name: value})


def _search(formula: _Formula, problem: _Problem) -> bool:
    """Tell whether some assignment makes a formula true."""
    return _extend(formula, problem, {})


def _extend(formula: _Formula, problem: _Problem, given: dict[str, int]) -> bool:
    known, undecided = _evaluate(formula, given, problem)
    if known is not None or undecided is None:
        return bool(known)
    return any(
        _extend(formula, problem, {**given, undecided: value})
        for value in range(problem.sizes[undecided])
    )


def _evaluate(
    formula: _Formula, given: dict[str, int], problem: _Problem
) -> tuple[bool | None, str | None]:
    """Return what a formula is under a partial assignment, and else a variable that it waits for."""
    problem.look()
    if isinstance(formula, _Leaf):
        if formula.variable in given:
            return given[formula.variable] in formula.holds, None
        return None, formula.variable
    if isinstance(formula, _AtLeast):
        waits_for = next((v for v in formula.variables if v not in given), None)
        first, second = (given.get(v, -1) for v in formula.variables)
        return (formula.holds(first, second), None) if waits_for is None else (None, waits_for)
    if formula.kind == "not":
        known, waits = _evaluate(formula.parts[0], given, problem)
        return (None if known is None else not known), waits
    decisive = formula.kind == "any"
    waiting: str | None = None
    for part in formula.parts:
        known, waits = _evaluate(part, given, problem)
        if known is decisive:
            return decisive, None
        waiting = waiting or waits
    return (None, waiting) if waiting is not None else (not decisive, None)

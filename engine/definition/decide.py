"""What can be decided of conditions without a case: that one never holds, always does, or that several

never hold together.

A condition is a formula over few variables: what a field may hold (only the values that its comparisons
tell apart matter, so a few stand for all), the state of a message or a roster, the hour. What is not
known of the outside (child cases, days measured from a moving point) may take either value. The formula
is searched by three-valued evaluation, which stops as soon as what is assigned decides it; a search that
grows too large decides nothing, so that a finding is always right.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Literal

from engine.definition.conditions import compile_condition, only_key
from engine.definition.domains import field_values
from engine.definition.walk import spec_of, through_checklists

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine.definition import model

#: A search of more steps than this is given up.
MAX_STEPS = 4_000

_DATED = ("before", "not_before")
#: What compares with something that is not known here.
_OPAQUE = ("at_least_field", "count_at_least_field")


@dataclass(frozen=True, slots=True)
class _Leaf:
    """A variable and the values (by position) for which a part of a condition holds."""

    variable: str
    holds: frozenset[int]


@dataclass(frozen=True, slots=True)
class _Node:
    """`all`, `any` or `not` of other parts."""

    kind: Literal["all", "any", "not"]
    parts: tuple[_Leaf | _Node, ...]


_Formula = _Leaf | _Node


class _GivenUpError(Exception):
    """The search grew too large."""


class Decider:
    """Decides conditions of one definition, whose names and types must have been checked."""

    def __init__(self, definition: model.Definition) -> None:
        self._definition = definition

    def verdict(self, condition: model.Condition) -> Literal["never", "always"] | None:
        """Tell whether a condition never or always holds; None when either may be, or is unknown."""
        if not self.possible([condition]):
            return "never"
        return None if self.possible([], but=[condition]) else "always"

    def possible(
        self, conditions: Sequence[model.Condition], but: Sequence[model.Condition] = ()
    ) -> bool:
        """Tell whether all these conditions may hold at once while none of `but` does.

        True also when it cannot be decided.
        """
        problem = _Problem(self._definition, [*conditions, *but])
        yes = [problem.formula(c) for c in conditions]
        no = [_Node("not", (problem.formula(c),)) for c in but]
        try:
            return _search(_Node("all", (*yes, *no)), problem)
        except _GivenUpError:
            return True


@dataclass(slots=True)
class _Problem:
    """The variables of some conditions, and how many values each may take."""

    definition: model.Definition
    roots: list[model.Condition]
    sizes: dict[str, int] = field(default_factory=dict)
    steps: int = 0
    _values: dict[str, list[Any]] = field(default_factory=dict)

    def formula(self, condition: model.Condition) -> _Formula:
        """Return the formula of a condition, checklists written out."""
        name, part = only_key(condition)
        if name == "all":
            return _Node("all", tuple(self.formula(c) for c in part))
        if name == "any":
            return _Node("any", tuple(self.formula(c) for c in part))
        if name == "negation":
            return _Node("not", (self.formula(part),))
        if name == "checklist":
            items = self.definition.checklists[part].items.values()
            return _Node("all", tuple(self.formula(i.when) for i in items))
        if name == "compare":
            return self._compare(condition, part)
        if name in {"present", "obtained"}:
            return self._field(part, condition)
        return self._around(name, part)

    def _compare(self, condition: model.Condition, part: model.Compare) -> _Formula:
        bare = part.model_copy(update=dict.fromkeys((*_DATED, *_OPAQUE)))
        parts: list[_Formula] = [
            self._field(part.field, condition.model_copy(update={"compare": bare}))
        ]
        for key in _DATED:
            wanted = getattr(part, key)
            if wanted is not None:
                # Before that day, on or after it, or the day is not known: then neither holds.
                leaf = self._leaf(
                    f"day {part.field} {wanted!r}", 3, {0} if key == "before" else {1}
                )
                parts.append(leaf)
        parts += [
            self._leaf(f"{key} {part.field} {getattr(part, key)}", 2, {1})
            for key in _OPAQUE
            if getattr(part, key) is not None
        ]
        return _Node("all", tuple(parts))

    def _field(self, name: str, condition: model.Condition) -> _Leaf:
        """Return the values of a field for which a condition on it alone holds."""
        if name not in self._values:
            self._values[name] = field_values(spec_of(self.definition, name), self._compares(name))
        test = compile_condition(condition, {})
        values = self._values[name]
        holds = {i for i, v in enumerate(values) if test(_facts(name, v))}
        return self._leaf(f"field {name}", len(values), holds)

    def _compares(self, name: str) -> list[model.Compare]:
        parts = [c for r in self.roots for c in through_checklists(self.definition, r)]
        return [c.compare for c in parts if c.compare is not None and c.compare.field == name]

    def _around(self, name: str, part: Any) -> _Leaf:
        if name == "message":
            # Under way, under way and stuck, settled and stuck, accepted by all.
            states = {"accepted": {3}, "settled": {2, 3}, "stuck": {1, 2}}
            return self._leaf(f"message {part.message}", 4, states[part.state])
        if name == "audience":
            states = {"not_empty": {1, 2}, "reachable": {2}}
            return self._leaf(f"roster {part.roster}", 3, states[part.state])
        if name == "within":
            calendar = part if isinstance(part, str) else part.calendar
            of = "now" if isinstance(part, str) else part.field
            return self._leaf(f"hour {of}", 3, {2} if calendar == "business_hours" else {1, 2})
        if name == "actor":
            return self._leaf("actor", 2, {0} if part == "owner" else {1})
        if name == "owned":
            return self._leaf("owned", 2, {int(part)})
        return self._leaf(f"{name} {part!r}", 2, {1})

    def _leaf(self, variable: str, size: int, holds: set[int]) -> _Leaf:
        self.sizes[variable] = size
        return _Leaf(variable, frozenset(holds))


def _facts(name: str, value: Any) -> Any:
    """Return the little that a condition on one field reads of a case."""
    record, _, inner = name.rpartition(".")
    return SimpleNamespace(data={record: [{inner: value}]} if record else {name: value})


def _search(formula: _Formula, problem: _Problem) -> bool:
    """Tell whether some assignment makes a formula true."""
    return _extend(formula, problem, {})


def _extend(formula: _Formula, problem: _Problem, given: dict[str, int]) -> bool:
    problem.steps += 1
    if problem.steps > MAX_STEPS:
        raise _GivenUpError
    known, undecided = _evaluate(formula, given)
    if known is not None or undecided is None:
        return bool(known)
    return any(
        _extend(formula, problem, {**given, undecided: value})
        for value in range(problem.sizes[undecided])
    )


def _evaluate(formula: _Formula, given: dict[str, int]) -> tuple[bool | None, str | None]:
    """Return what a formula is under a partial assignment, and else a variable that it waits for."""
    if isinstance(formula, _Leaf):
        if formula.variable in given:
            return given[formula.variable] in formula.holds, None
        return None, formula.variable
    if formula.kind == "not":
        known, waits = _evaluate(formula.parts[0], given)
        return (None if known is None else not known), waits
    decisive = formula.kind == "any"
    waiting: str | None = None
    for part in formula.parts:
        known, waits = _evaluate(part, given)
        if known is decisive:
            return decisive, None
        waiting = waiting or waits
    return (None, waiting) if waiting is not None else (not decisive, None)

"""Sets of what a few fields may be together, as the bits of a whole number, and conditions as such sets.

Each bit stands for one value of each field. What is asked of anything else (a message, a child case, the
hour, a field that is not among them) may or may not hold: a condition has the set where it may hold and
the set where it may not, which overlap where that is not known.
"""

from __future__ import annotations

from itertools import product
from math import prod
from typing import TYPE_CHECKING, Any

from engine.definition import model
from engine.definition.conditions import compile_condition, only_key
from engine.definition.decide import alone, counted, facts_of
from engine.definition.domains import Domains, others
from engine.definition.tables import cell_holds
from engine.definition.walk import conditions, timed_fields

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from engine.definition.decide import Decider
    from engine.definition.doubts import Doubts

#: Where a condition may hold, and where it may not.
_Judged = tuple[int, int]
_Told = tuple[bool, ...]
#: Of a field of which more values are told apart than this, nothing is followed.
MAX_VALUES = 200
#: Nor of one that takes more comparisons than this to tell them apart.
MAX_COMPARED = 100_000


class Values:
    """What each field may be, as far as the conditions, tables and actions of a definition tell.

    One value stands for all those that nothing tells apart.

    Attributes:
        compared: The fields that conditions and tables look at.
        of: By field, those whose values are few enough; None where it is absent.
    """

    def __init__(self, definition: model.Definition, decider: Decider, doubts: Doubts) -> None:
        self._d = definition
        self._conditions: dict[int, tuple[model.Condition, _Told]] = {}
        self._cells: dict[tuple[str, int], _Told] = {}
        self._stands: dict[tuple[str, str], Any] = {}
        self._written: dict[str, list[Any]] = {}
        every: list[model.Action | model.Opening] = [
            definition.opening, *definition.actions.values(),
        ]  # fmt: skip
        for acting in every:
            for name, value in acting.sets.items():
                self._written.setdefault(name, []).extend(_writes(definition, value))
        self._leaves: dict[str, list[model.Condition]] = {}
        for _, condition in conditions(definition):
            for name in _on(condition):
                self._leaves.setdefault(name, []).append(condition)
        self._rows = [
            (name, cell)
            for table in definition.tables.values()
            for row in table.rows
            for name, cell in row.when.items()
        ]
        compares = [c.compare for those in self._leaves.values() for c in those if c.compare]
        domains = Domains(definition, decider.written, [*compares, *map(_compared, self._rows)],
                          doubtful=doubts.fields)  # fmt: skip
        named = {*self._leaves, *(name for name, _ in self._rows)}
        self.compared = frozenset(named & definition.fields.keys()) - doubts.fields
        self.of: dict[str, list[Any]] = {}
        for name in sorted(self.compared):
            few = self._few(name, domains.values(name))
            if len(few) <= MAX_VALUES:
                self.of[name] = few

    def _few(self, name: str, values: list[Any]) -> list[Any]:
        """Return one value of each of those that nothing tells apart; all, where they are too many."""
        known = set(map(repr, values))
        values = [*values, *(v for v in self._written.get(name, ()) if repr(v) not in known)]
        tests = {
            repr(c): compile_condition(alone(c), {})
            for c in self._leaves.get(name, ())
            if _judges(c, name)
        }
        cells = {repr(c): c for n, c in self._rows if n == name}
        looks = len(values) * (len(tests) + len(cells))
        if len(values) > MAX_VALUES and looks > MAX_COMPARED:
            return values
        kept: dict[tuple[bool, ...], Any] = {}
        for value in values:
            facts = facts_of(name, value)
            said = [isinstance(value, dict), value is None]
            said += [test(facts) for test in tests.values()]
            said += [cell_holds(c, _plain(value)) for c in cells.values()]
            self._stands[(name, repr(value))] = kept.setdefault(tuple(said), value)
        return list(kept.values())

    def told(self, name: str, condition: model.Condition) -> _Told:
        """Return for which values of a field a condition on it alone holds."""
        if id(condition) not in self._conditions:
            test = compile_condition(alone(condition), {})
            told = tuple(bool(test(facts_of(name, v))) for v in self.of[name])
            self._conditions[id(condition)] = condition, told
        return self._conditions[id(condition)][1]

    def accepted(self, name: str, cell: model.TableInput) -> _Told:
        """Return which values of a field one cell of a table accepts."""
        if (name, id(cell)) not in self._cells:
            self._cells[(name, id(cell))] = tuple(
                cell_holds(cell, _plain(v)) for v in self.of[name]
            )
        return self._cells[(name, id(cell))]

    def written(self, name: str, value: Any) -> _Told:
        """Return the one of a field's values that stands for a value that is written into it."""
        stands = self._stands[(name, repr(value))]
        return tuple(v is stands for v in self.of[name])

    def having(self, name: str) -> _Told:
        """Return which of a field's values are one, and no absence."""
        return tuple(_plain(v) is not None for v in self.of[name])

    def there(self, name: str) -> _Told:
        """Return which of a field's values a form may give: a reason why there is none is one."""
        return tuple(v is not None for v in self.of[name])

    def absent(self, name: str) -> _Told:
        """Return which of a field's values is none at all."""
        return tuple(v is None for v in self.of[name])


def _plain(value: Any) -> Any:
    """Return a value, None for a reason why there is none."""
    return None if isinstance(value, dict) else value


def _on(condition: model.Condition) -> set[str]:
    """Return the fields of which one part of a condition looks at the value; none of a record's."""
    compare = condition.compare
    names = [condition.present, condition.obtained, *timed_fields(condition)]
    names += [] if compare is None else [compare.field, *others(compare)]
    return {n for n in names if n is not None and "." not in n}


def _judges(condition: model.Condition, name: str) -> bool:
    """Tell whether one part of a condition is on the value of a field, and not on how late it is."""
    compare = condition.compare
    return name in {condition.present, condition.obtained, compare and compare.field}


def _writes(definition: model.Definition, value: model.SetValue) -> list[Any]:
    if value.table is not None:
        return [r.give.get(value.table.output) for r in definition.tables[value.table.table].rows]
    return [] if value.value is None else [value.value]


def _compared(cell: tuple[str, model.TableInput]) -> model.Compare:
    return model.Compare.model_construct(field=cell[0], **cell[1].model_dump())


class Grid:
    """The combinations of what a few fields may be; a set of them is a whole number.

    Attributes:
        values: What each field may be; None where it is absent.
        every: The set of all combinations.
    """

    def __init__(self, values: Mapping[str, Sequence[Any]]) -> None:
        self.values = values
        self.every = (1 << prod(len(those) for those in values.values())) - 1
        self._steps: dict[str, int] = {}
        self._slices: dict[str, list[int]] = {}
        step = 1
        for name, those in values.items():
            # One bit at the beginning of each period, which copies whatever it is multiplied by.
            every, one = self.every // ((1 << step * len(those)) - 1), (1 << step) - 1
            self._steps[name] = step
            self._slices[name] = [(one << i * step) * every for i in range(len(those))]
            step *= len(those)

    def where(self, name: str, holds: Iterable[bool]) -> int:
        """Return the set in which a field has one of some values: those told, in their order."""
        found = 0
        for held, those in zip(holds, self._slices[name], strict=True):
            found |= those if held else 0
        return found

    def put(self, name: str, those: int, holds: Iterable[bool]) -> int:
        """Return a set once a field has been given any of some values: those told, in their order."""
        step, first, found = self._steps[name], 0, 0
        for i, slice_ in enumerate(self._slices[name]):
            first |= (those & slice_) >> i * step
        for i, held in enumerate(holds):
            found |= first << i * step if held else 0
        return found

    def seen(self, names: Sequence[str], those: int) -> list[tuple[Any, ...]]:
        """Return the combinations of some fields' values that are in a set."""
        ways = product(*(range(len(self.values[n])) for n in names))
        found = []
        for way in ways:
            left = those
            for name, i in zip(names, way, strict=True):
                left &= self._slices[name][i]
            if left:
                found.append(tuple(self.values[n][i] for n, i in zip(names, way, strict=True)))
        return found


class Judge:
    """Judges the conditions of one definition on a grid."""

    def __init__(
        self, definition: model.Definition, doubts: Doubts, values: Values, grid: Grid
    ) -> None:
        self._d = definition
        self._doubts = doubts
        self._values = values
        self.grid = grid
        self._anything: _Judged = (grid.every, grid.every)
        self._told: dict[int, _Judged] = {}
        self._lists: dict[str, _Judged] = {}

    def holds(self, conditions: Iterable[model.Condition]) -> int:
        """Return the set where all of some conditions may hold."""
        found = self.grid.every
        for condition in conditions:
            found &= self.of(condition)[0]
        return found

    def fails(self, conditions: Iterable[model.Condition]) -> int:
        """Return the set where none of some conditions need hold."""
        found = self.grid.every
        for condition in conditions:
            found &= self.of(condition)[1]
        return found

    def of(self, condition: model.Condition) -> _Judged:
        """Return where a condition may hold, and where it may not."""
        if id(condition) not in self._told:
            self._told[id(condition)] = self._judged(condition)
        return self._told[id(condition)]

    def _judged(self, condition: model.Condition) -> _Judged:
        name, part = only_key(condition)
        if name == "negation":
            holds, fails = self.of(part)
            return fails, holds
        if name == "all":
            return self._all(part)
        if name == "any":
            none, some = self._none(part)
            return some, none
        if name == "checklist":
            return self._list(part)
        if name in {"present", "obtained"}:
            return self._on_field(part, condition)
        if name == "compare":
            return self._compared(condition, part)
        there = self.grid.every
        for field in timed_fields(condition):
            there &= self._on_field(field, None)[0]
        return there, self.grid.every

    def _all(self, parts: Iterable[model.Condition]) -> _Judged:
        holds, fails = self.grid.every, 0
        for part in parts:
            may, may_not = self.of(part)
            holds, fails = holds & may, fails | may_not
        return holds, fails

    def _none(self, parts: Iterable[model.Condition]) -> _Judged:
        """Return where none of some conditions need hold, and where one of them may."""
        none, some = self.grid.every, 0
        for part in parts:
            may, may_not = self.of(part)
            none, some = none & may_not, some | may
        return none, some

    def _list(self, name: str) -> _Judged:
        if name in self._doubts.checklists:
            return self._anything
        if name not in self._lists:
            # One that waits for itself is said elsewhere.
            self._lists[name] = self._anything
            items = self._d.checklists[name].items.values()
            self._lists[name] = self._all([i.when for i in items])
        return self._lists[name]

    def _on_field(self, name: str, condition: model.Condition | None) -> _Judged:
        """Return where a condition on one field alone holds; by default, that it has a value."""
        if name not in self.grid.values:
            return self._anything
        told = (
            self._values.having(name) if condition is None else self._values.told(name, condition)
        )
        holds = self.grid.where(name, told)
        return holds, self.grid.every & ~holds

    def _compared(self, condition: model.Condition, part: model.Compare) -> _Judged:
        holds, fails = self._on_field(part.field, condition)
        if counted(part):
            fails = self.grid.every
        for other in others(part):
            may, may_not = self._at_least(part.field, other)
            holds, fails = holds & may, fails | may_not
        return holds, fails

    def _at_least(self, name: str, other: str) -> _Judged:
        """Return where the number of one field may reach that of another: where both are there."""
        if not {name, other} <= self.grid.values.keys():
            return self._anything
        both = self.grid.where(name, self._values.having(name))
        return both & self.grid.where(other, self._values.having(other)), self.grid.every

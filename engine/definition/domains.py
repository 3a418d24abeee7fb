"""The few values that stand for all that a field may hold, as far as given comparisons can tell."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Any

from engine.definition.conditions import number_of
from engine.definition.walk import spec_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from engine.definition import model

#: A text that no definition compares with: a control character cannot be typed.
OTHER = "\x00"
#: The numbers of more fields than this are not told apart from each other's.
MAX_LINKED = 4


@dataclass(frozen=True, slots=True)
class Rungs:
    """What tells the numbers of some fields apart when they are compared with each other.

    Attributes:
        marks: The numbers that one of them is compared with, is bounded by, or may be.
        fields: How many fields they are: between two marks there must be room for each.
    """

    marks: frozenset[int]
    fields: int


class Domains:
    """What fields may hold, as far as some comparisons can tell."""

    def __init__(
        self,
        definition: model.Definition,
        written: Mapping[str, frozenset[Any]],
        compares: Iterable[model.Compare],
        *,
        doubtful: frozenset[str] = frozenset(),
        held: Mapping[str, Any] | None = None,
    ) -> None:
        """Take what is compared.

        Args:
            definition: Whose fields they are.
            written: All that some fields may have for a value.
            compares: The comparisons.
            doubtful: Fields of which nothing is known.
            held: What some fields, or lists of records, are known to be.
        """
        self._definition, self._written, self._held = definition, written, held or {}
        self._compares: dict[str, list[model.Compare]] = {}
        self._linked: set[str] = set()
        for compare in compares:
            self._compares.setdefault(compare.field, []).append(compare)
            for other in others(compare):
                if not {other, compare.field.partition(".")[0]} & doubtful:
                    self._linked |= {compare.field, other}

    def values(self, name: str) -> list[Any]:
        """Return values, in stored form, such as to meet every case that the comparisons tell apart.

        None stands for no value, `{"missing": …}` for a reason why there is none.
        """
        outer = name.partition(".")[0]
        if outer in self._held:
            return [self._held[outer]]
        if name in self._written:
            return [None, *sorted(self._written[name], key=repr)]
        spec = spec_of(self._definition, name)
        reason: list[Any] = [{"missing": OTHER}] if spec.reason_if_missing else []
        rungs = self._rungs if name in self._linked else None
        return [None, *reason, *_values(spec, self._compares.get(name, ()), rungs)]

    def tells_apart(self, name: str, other: str) -> bool:
        """Tell whether what two fields may hold meets every order that their numbers may have."""
        return {name, other} <= self._linked and self._rungs is not None

    @cached_property
    def _rungs(self) -> Rungs | None:
        """Return what tells the fields apart that are compared with each other; None when that is too much."""
        marks = {m for name in self._linked for m in self._marks(name)}
        whole = frozenset(int(m) for m in marks if m == int(m))
        if len(self._linked) > MAX_LINKED or len(whole) != len(marks):
            return None
        return Rungs(whole or frozenset({0}), len(self._linked))

    def _marks(self, name: str) -> Iterator[int | Decimal]:
        if name.partition(".")[0] in self._held or name in self._written:
            sizes = [size_of(v) for v in self.values(name)]
            yield from (s for s in sizes if s is not None)
            return
        spec = spec_of(self._definition, name)
        lists = {"records": (1,), "choices": (1, len(spec.options or {}))}
        yield from (m for m in lists.get(spec.type, (spec.min, spec.max)) if m is not None)
        for compare in self._compares.get(name, ()):
            yield from _named(compare)


def others(compare: model.Compare) -> Iterator[str]:
    """Yield the fields that a comparison compares with."""
    yield from (n for n in (compare.at_least_field, compare.count_at_least_field) if n is not None)


def size_of(value: Any) -> int | Decimal | None:
    """Return the number that is kept, or how many a list has; None when there is no value."""
    if value is None or isinstance(value, dict):
        return None
    size: int | Decimal = len(value) if isinstance(value, list) else number_of(value)
    return size


def _values(
    spec: model.FieldSpec, compares: Sequence[model.Compare], rungs: Rungs | None
) -> list[Any]:
    if spec.type == "boolean":
        return [True, False]
    if spec.type in {"integer", "decimal"}:
        return _numbers(spec, compares, rungs)
    if spec.type in {"records", "choices"}:
        return _lists(spec, compares, rungs)
    days = {d for c in compares for d in (c.before, c.not_before) if isinstance(d, date)}
    if days:
        return _days(days, compares)
    named = dict.fromkeys(v for c in compares for v in literals(c))
    if spec.type == "choice":
        options = spec.options or {}
        others = [o for o in options if o not in named]
        return [*(n for n in named if n in options), *others[:1]]
    return [*named, OTHER]


def _days(days: set[date], compares: Iterable[model.Compare]) -> list[Any]:
    """Return days on each side of those that are compared with, and between them."""
    named = {date.fromisoformat(v) for c in compares for v in literals(c) if isinstance(v, str)}
    near = {d + timedelta(days=n) for d in days | named for n in (-1, 0, 1)}
    return [d.isoformat() for d in sorted(near)]


def literals(compare: model.Compare) -> Iterator[str | int | bool]:
    """Yield the values that a comparison names."""
    yield from (v for v in (compare.equals, compare.not_equals) if v is not None)
    yield from compare.one_of or []
    yield from compare.not_one_of or []


def _named(compare: model.Compare) -> Iterator[int]:
    """Yield the numbers that a comparison names."""
    yield from (v for v in literals(compare) if isinstance(v, int))
    sizes = (compare.at_least, compare.at_most, compare.count_at_least)
    yield from (v for v in sizes if v is not None)


def _numbers(
    spec: model.FieldSpec, compares: Iterable[model.Compare], rungs: Rungs | None
) -> list[Any]:
    points = {spec.min, spec.max} - {None} or {0}
    points |= _around({m for c in compares for m in _named(c)}, rungs)
    kept = sorted(p for p in points if p is not None and _within(p, spec))
    if spec.type == "integer":
        return kept
    parts = 2 if rungs is None else rungs.fields + 1
    between = [Decimal(n) / parts for n in range(1, parts)]
    return [*map(str, kept), *(str(p + part) for p in kept[:-1] for part in between)]


def _around(marks: set[int], rungs: Rungs | None) -> set[int]:
    """Return numbers on each side of those that are compared with, and those themselves."""
    room = 1 if rungs is None else rungs.fields
    every = marks if rungs is None else marks | rungs.marks
    return {mark + step for mark in every for step in range(-room, room + 1)}


def _within(point: int, spec: model.FieldSpec) -> bool:
    return (spec.min is None or point >= spec.min) and (spec.max is None or point <= spec.max)


def _lists(
    spec: model.FieldSpec, compares: Iterable[model.Compare], rungs: Rungs | None
) -> list[Any]:
    counts = {1}
    for compare in compares:
        if compare.count_at_least is not None:
            counts |= {compare.count_at_least - 1, compare.count_at_least}
    if rungs is not None:
        counts |= _around(set(), rungs)
    longest = len(spec.options or {}) if spec.type == "choices" else max(counts)
    # Long lists differ only in their length, which is all that is ever compared.
    return [_Long(n) for n in sorted(counts) if 1 <= n <= longest]


class _Long(list[Any]):
    """A list of a length, without its elements."""

    def __init__(self, length: int) -> None:
        super().__init__([OTHER])
        self._length = length

    def __repr__(self) -> str:
        return f"a list of {self._length}"

    def __len__(self) -> int:
        return self._length

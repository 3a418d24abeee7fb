"""The few values that stand for all that a field may hold, as far as given comparisons can tell."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from engine.definition import model

#: A text that no definition compares with: a control character cannot be typed.
OTHER = "\x00"


def field_values(spec: model.FieldSpec, compares: Sequence[model.Compare]) -> list[Any]:
    """Return values, in stored form, such as to meet every case that the comparisons tell apart.

    None stands for no value, `{"missing": …}` for a reason why there is none.
    """
    reason: list[Any] = [{"missing": OTHER}] if spec.reason_if_missing else []
    return [None, *reason, *_values(spec, compares)]


def _values(spec: model.FieldSpec, compares: Sequence[model.Compare]) -> list[Any]:
    if spec.type == "boolean":
        return [True, False]
    if spec.type in {"integer", "decimal"}:
        return _numbers(spec, compares)
    if spec.type in {"records", "choices"}:
        return _lists(spec, compares)
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


def _numbers(spec: model.FieldSpec, compares: Iterable[model.Compare]) -> list[Any]:
    points = {spec.min, spec.max} - {None} or {0}
    for compare in compares:
        named = [v for v in literals(compare) if isinstance(v, int)]
        named += [v for v in (compare.at_least, compare.at_most) if v is not None]
        points |= {v + step for v in named for step in (-1, 0, 1)}
    kept = sorted(p for p in points if p is not None and _within(p, spec))
    if spec.type == "integer":
        return kept
    half = Decimal("0.5")
    return [*map(str, kept), *(str(p + half) for p in kept[:-1])]


def _within(point: int, spec: model.FieldSpec) -> bool:
    return (spec.min is None or point >= spec.min) and (spec.max is None or point <= spec.max)


def _lists(spec: model.FieldSpec, compares: Iterable[model.Compare]) -> list[Any]:
    counts = {1}
    for compare in compares:
        if compare.count_at_least is not None:
            counts |= {compare.count_at_least - 1, compare.count_at_least}
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

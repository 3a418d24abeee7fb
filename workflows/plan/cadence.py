"""A cadence into the days it promises: pure functions over dates, under the readings that were chosen.

Local dates throughout; nothing here moves a due date to a business day (a plan's due date is never moved).
Default readings: docs/plans.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Literal

from engine.calendar import add_months, year_end, year_start
from engine.definition.conditions import only_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from workflows.plan import model

Nature = Literal["target", "accountability"]
Kind = Literal["date", "year", "count", "continuous"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Occurrence:
    """One result or report that a cadence promises.

    Attributes:
        start: First day of its period.
        end: Last day of its period.
        due: The nominal due date.
        quantity: How many events are promised, if a number is.
        nature: `target`, or `accountability`: late as a report, its target cannot be missed.
        kind: What is promised: a result by a date, one a year, a number of events, something that goes on.
    """

    start: date
    end: date
    due: date
    quantity: int | None
    nature: Nature
    kind: Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What a cadence is read within.

    Attributes:
        starts: The plan's first day.
        ends: Its last day, extensions included.
        readings: The readings chosen, by key.
        ready: For an indicator made with another's result: the day that one is due, if it is known.
    """

    starts: date
    ends: date
    readings: Mapping[str, str]
    ready: Callable[[str], date | None]


def occurrences(cadence: model.Cadence, within: Bounds) -> list[Occurrence]:
    """Return what a cadence promises from the plan's start to its end, in the order of due dates."""
    kind, part = only_key(cadence)
    return list(_KINDS[kind](part, within))


def _once(part: model.Once, within: Bounds) -> Iterator[Occurrence]:
    kind: Kind = "date" if part.at_least is None else "count"
    yield Occurrence(
        start=within.starts, end=part.on, due=part.on, quantity=part.at_least, nature="target",
        kind=kind,
    )  # fmt: skip


def _yearly(part: model.Yearly, within: Bounds) -> Iterator[Occurrence]:
    kind: Kind = "count" if part.at_least else "year"
    for start, end in _years(part.start, _first_year(part, within), within):
        yield Occurrence(
            start=start, end=end, due=end, quantity=part.at_least, nature="target", kind=kind,
        )  # fmt: skip


def _first_year(part: model.Yearly, within: Bounds) -> date:
    """Return the first due date of a target that says no day: the end of a fiscal year."""
    first = year_end(within.starts)
    if within.readings["annuel_debut"] == "second_year":
        first = next_year_end(first)
    if part.once_ready and within.readings["estimations"] == "once_ready":
        ready = within.ready(part.once_ready)
        if ready is not None:
            first = max(first, year_end(ready))
    return first


def _years(start: date | None, first: date, within: Bounds) -> Iterator[tuple[date, date]]:
    """Yield the years of a target: fiscal years, or those that end on `start` and its anniversaries."""
    if start is None:
        due = first
        while due <= within.ends:
            yield year_start(due), due
            due = next_year_end(due)
        return
    count = 1 if within.readings["a_compter_du"] == "next_year" else 0
    while (due := anniversary(start, count)) <= within.ends:
        yield anniversary(start, count - 1) + timedelta(days=1), due
        count += 1


def _continuous(part: model.Continuous, within: Bounds) -> Iterator[Occurrence]:
    first = year_end(within.starts)
    if part.from_year is not None:
        first = year_end(date(int(part.from_year[:4]), 12, 31))
    for start, end in _years(part.start, first, within):
        yield Occurrence(
            start=start, end=end, due=end, quantity=None, nature="accountability",
            kind="continuous",
        )  # fmt: skip


def _periodic(part: model.Periodic, within: Bounds) -> Iterator[Occurrence]:
    months = {"yearly": 12, "half_yearly": 6, "quarterly": 3}[within.readings["periodique"]]
    first = year_start(part.after)
    while first <= part.after:
        first = year_end(first) + timedelta(days=1)
    start = max(first, year_start(within.starts))
    while (end := add_months(start, months) - timedelta(days=1)) <= within.ends:
        yield Occurrence(
            start=start, end=end, due=end, quantity=None, nature="accountability",
            kind="continuous",
        )  # fmt: skip
        start = end + timedelta(days=1)


def _level(part: model.Level, within: Bounds) -> Iterator[Occurrence]:
    if within.readings["en_annee"] == "calendar_year_end":
        start, due = date(part.year, 1, 1), date(part.year, 12, 31)
    else:
        due = year_end(date(part.year, 1, 1))
        start = year_start(due)
    yield Occurrence(
        start=start, end=due, due=due, quantity=part.reach, nature="target", kind="count",
    )  # fmt: skip


_KINDS: dict[str, Callable[[Any, Bounds], Iterator[Occurrence]]] = {
    "once": _once,
    "yearly": _yearly,
    "continuous": _continuous,
    "periodic": _periodic,
    "level": _level,
}


# --- years ----------------------------------------------------------------------------------------


def next_year_end(day: date) -> date:
    """Return the last day of the fiscal year after that of a day."""
    return year_end(year_end(day) + timedelta(days=1))


def anniversary(day: date, years: int) -> date:
    """Return the same day so many years later; 29 February is the 28th in a common year."""
    return add_months(day, 12 * years)

"""A cadence into the days it promises: pure functions over dates, under the readings that were chosen.

Local dates throughout; nothing here moves a due date to a business day (a plan's due date is never moved).
Of a year that the plan covers only in part it is accounted for, on the last day that is covered: what is
promised by the year is not promised by the month. Default readings: docs/plans.md.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from engine.calendar import add_months, year_end, year_start
from engine.definition.conditions import only_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from workflows.plan import model
    from workflows.plan.cycles import Cycle

Nature = Literal["target", "accountability"]
Kind = Literal["date", "year", "count", "continuous"]
#: What is asked, as days or as a cycle.
Asked = TypeVar("Asked", "Occurrence", "Cycle")


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


def is_single(cadence: model.Cadence) -> bool:
    """Tell whether a cadence promises one result, not one a year."""
    return cadence.once is not None or cadence.level is not None


def part_from(year: Asked, start: date) -> Asked:
    """Return what is asked of the end of a year: it is accounted for, and promises nothing."""
    return replace(year, start=start, quantity=None, nature="accountability")


def _once(part: model.Once, within: Bounds) -> Iterator[Occurrence]:
    kind: Kind = "date" if part.at_least is None else "count"
    yield Occurrence(
        start=within.starts, end=part.on, due=part.on, quantity=part.at_least, nature="target",
        kind=kind,
    )  # fmt: skip


def _yearly(part: model.Yearly, within: Bounds) -> Iterator[Occurrence]:
    kind: Kind = "count" if part.at_least else "year"
    for start, end in _years(part.start, _first_year(part, within), within):
        whole = Occurrence(
            start=start, end=end, due=end, quantity=part.at_least, nature="target", kind=kind,
        )  # fmt: skip
        yield _covered(whole, within)


def _first_year(part: model.Yearly, within: Bounds) -> date:
    """Return the end of the first fiscal year of a target that says no day."""
    first = year_end(within.starts)
    if within.readings["annuel_debut"] == "second_year":
        first = next_year_end(first)
    if part.once_ready and within.readings["estimations"] == "once_ready":
        ready = within.ready(part.once_ready)
        if ready is not None:
            first = max(first, year_end(ready))
    return first


def _years(start: date | None, first: date, within: Bounds) -> Iterator[tuple[date, date]]:
    """Yield the years that the plan covers, be it in part: fiscal years, or those of `start`'s anniversaries."""
    if start is None:
        due = first
        while year_start(due) <= within.ends:
            yield year_start(due), due
            due = next_year_end(due)
        return
    count = 1 if within.readings["a_compter_du"] == "next_year" else 0
    while (begins := anniversary(start, count - 1) + timedelta(days=1)) <= within.ends:
        yield begins, anniversary(start, count)
        count += 1


def _covered(whole: Occurrence, within: Bounds) -> Occurrence:
    """Return the report of a year, or of the part of it that the plan covers."""
    if within.starts <= whole.start and whole.end <= within.ends:
        return whole
    end = min(whole.end, within.ends)
    return part_from(replace(whole, end=end, due=end), max(whole.start, within.starts))


def _continuous(part: model.Continuous, within: Bounds) -> Iterator[Occurrence]:
    first = year_end(within.starts)
    if part.from_year is not None:
        first = year_end(date(int(part.from_year[:4]), 12, 31))
    for start, end in _years(part.start, first, within):
        yield _covered(_going_on(start, end), within)


def _periodic(part: model.Periodic, within: Bounds) -> Iterator[Occurrence]:
    months = {"yearly": 12, "half_yearly": 6, "quarterly": 3}[within.readings["periodique"]]
    start = year_start(part.after)
    while start <= part.after:
        start = year_end(start) + timedelta(days=1)
    while start <= within.ends:
        end = add_months(start, months) - timedelta(days=1)
        yield _covered(_going_on(start, end), within)
        start = end + timedelta(days=1)


def _going_on(start: date, end: date) -> Occurrence:
    return Occurrence(
        start=start, end=end, due=end, quantity=None, nature="accountability", kind="continuous",
    )  # fmt: skip


def _level(part: model.Level, within: Bounds) -> Iterator[Occurrence]:
    if within.readings["en_annee"] == "calendar_year_end":
        start, due = date(part.year, 1, 1), date(part.year, 12, 31)
    else:
        due = year_end(date(part.year, 1, 1))
        start = year_start(due)
    yield Occurrence(
        start=max(start, within.starts), end=due, due=due, quantity=part.reach, nature="target",
        kind="count",
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

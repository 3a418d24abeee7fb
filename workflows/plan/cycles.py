"""The cycles of a plan: one expected report for one indicator and one period.

A version of a target promises what is due from the day it takes effect until one decided later does: what is
due then under the older one was replaced. A reading holds from the day it was chosen, an extension from the day
it was decided (`replanning`). Due dates never move; `do_by` moves back to a business day, because forward would cross the fiscal year (31 March 2013 is Easter Sunday).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import partial
from typing import TYPE_CHECKING

from workflows.plan.cadence import occurrences
from workflows.plan.decisions import successor
from workflows.plan.replanning import asked

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from engine.calendar import Calendar
    from workflows.plan.cadence import Kind, Nature, Occurrence
    from workflows.plan.catalogue import Entry
    from workflows.plan.decisions import Standing, Version


@dataclass(frozen=True, slots=True, kw_only=True)
class Cycle:
    """One cycle; all days are local dates.

    Attributes:
        plan: The plan's key.
        entry: The indicator and where it stands.
        version: The version of the target that promises it.
        fiscal_year: That of the nominal due date.
        start: First day of the period.
        end: Last day of the period.
        due: The nominal due date, never moved.
        do_by: The same, moved back to a business day.
        enter_by: The last day of entry.
        quantity: How many events are promised, if a number is.
        nature: `target` or `accountability`.
        kind: `date`, `year`, `count` or `continuous`.
        superseded_by: The version of the target in force on its due date, when it is another one: it was
            promised once, and is not expected any more.
    """

    plan: str
    entry: Entry
    version: Version
    fiscal_year: str
    start: date
    end: date
    due: date
    do_by: date
    enter_by: date
    quantity: int | None
    nature: Nature
    kind: Kind
    superseded_by: Version | None = None

    @property
    def indicator(self) -> str:
        """The indicator's id."""
        return self.entry.indicator.id

    @property
    def name(self) -> str:
        """How a person names it: `E1-A3-O5-I1/2013-2014`."""
        return f"{self.indicator}/{self.fiscal_year}"

    @property
    def exact_name(self) -> str:
        """The same where a year has several: `E1-A1-O1-I2@2016-09-30`."""
        return f"{self.indicator}@{self.due}"

    @property
    def promise(self) -> tuple[str, str, str]:
        """What it promises whatever the version of the target: plan, indicator, due date."""
        return (self.plan, self.indicator, self.due.isoformat())

    @property
    def key(self) -> str:
        """What its case is opened under: the same cycle is never opened twice."""
        return f"plan:{self.plan}:{self.indicator}:{self.due}:v{self.version.number}"


def cycles(
    standing: Standing, calendar: Calendar, *, readings: Mapping[str, str] | None = None
) -> list[Cycle]:
    """Return every cycle of a plan as it stands, by due date, then in the plan's order.

    Args:
        standing: The plan.
        calendar: Business days, fiscal years.
        readings: Other readings than those chosen, held from its start, to see what they would change.
    """
    found = [
        cycle
        for entry in standing.catalogue.entries()
        for cycle in cycles_of(standing, calendar, entry, readings=readings)
    ]
    return sorted(found, key=lambda c: (c.due, c.entry.order))


def cycles_of(
    standing: Standing,
    calendar: Calendar,
    entry: Entry,
    *,
    readings: Mapping[str, str] | None = None,
) -> list[Cycle]:
    """Return the cycles of one indicator."""
    return [
        _cycle(standing, calendar, entry, version, occurrence)
        for version, occurrence, since in _promised(standing, entry, readings)
        if since is None
    ]


def superseded(
    standing: Standing, calendar: Calendar, years: Collection[tuple[str, str]]
) -> list[Cycle]:
    """Return what was promised for a fiscal year in which nothing of that indicator is expected any more.

    In the order of the versions that promised it.

    Args:
        standing: The plan.
        calendar: Business days, fiscal years.
        years: The indicators and the fiscal years that have a cycle: it says itself what its target replaces.
    """
    once = (
        replace(_cycle(standing, calendar, entry, version, occurrence), superseded_by=since)
        for entry in standing.catalogue.entries()
        for version, occurrence, since in _promised(standing, entry, None)
        if since is not None
    )
    return [c for c in once if (c.indicator, c.fiscal_year) not in years]


def is_ever_due(standing: Standing, version: Version) -> bool:
    """Tell whether anything is due under a version of a target, later ones aside, from when it takes effect."""
    return any(_holds(version, o) for o in _read(standing, version, None))


def _holds(version: Version, occurrence: Occurrence) -> bool:
    return version.number == 0 or occurrence.due >= version.effective


def read_as(standing: Standing, cycle: Cycle) -> Mapping[str, str]:
    """Return the choice of each reading under which a cycle is asked for."""
    readings = standing.readings_on(cycle.enter_by)
    for since, within in standing.turns(cycle.version.cadence):
        said = occurrences(cycle.version.cadence, within)
        if since <= cycle.enter_by and any(o.due == cycle.due for o in said):
            readings = within.readings
    return readings


def _promised(
    standing: Standing, entry: Entry, readings: Mapping[str, str] | None
) -> Iterator[tuple[Version, Occurrence, Version | None]]:
    """Yield what each version promises, with the version that was in force instead when it was due."""
    versions = standing.versions(entry)
    for version in versions:
        for occurrence in _read(standing, version, readings):
            if _holds(version, occurrence):
                yield version, occurrence, successor(versions, version, occurrence.due)


def _read(
    standing: Standing, version: Version, readings: Mapping[str, str] | None
) -> list[Occurrence]:
    """Return what a version says, as it has been read in turn, or under other readings from its start."""
    turns = (
        standing.turns(version.cadence) if readings is None
        else [(date.min, standing.bounds(readings))]
    )  # fmt: skip
    return asked(version.cadence, turns, partial(entry_ends, standing))


def entry_ends(standing: Standing, due: date) -> date:
    """Return the last day of entry of a due date."""
    return due + timedelta(days=int(standing.catalogue.plan.entry.split()[0]))


def _cycle(
    standing: Standing, calendar: Calendar, entry: Entry, version: Version, found: Occurrence
) -> Cycle:
    return Cycle(
        plan=standing.catalogue.key, entry=entry, version=version,
        fiscal_year=calendar.fiscal_year(found.due), start=found.start, end=found.end,
        due=found.due, do_by=calendar.to_business_day(found.due, "backward"),
        enter_by=entry_ends(standing, found.due), quantity=found.quantity,
        nature=found.nature, kind=found.kind,
    )  # fmt: skip

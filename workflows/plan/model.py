"""A plan file as a typed model: what it may say, and nothing else (`docs/plans.md`)."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from engine.definition.model import Day, Model, Name, Text

#: `E1-A3-O5-I1`: capitals, digits and dashes, short enough to type.
Identifier = Annotated[
    str, StringConstraints(pattern=r"^[A-Z][A-Z0-9]*(-[A-Z0-9]+)*$", max_length=40)
]
#: `2012-2013`.
FiscalYear = Annotated[str, StringConstraints(pattern=r"^(19|2\d)\d\d-(19|2\d)\d\d$")]
#: The years that a plan may be of; days are counted some years beyond them.
YEARS = range(1900, 3000)
#: A file beside this one.
FileName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]+\.(txt|md)$")]
#: `30 days`.
Days = Annotated[str, StringConstraints(pattern=r"^\d{1,3} days?$")]


class Words(Model):
    """A plan's own words: in French as they were adopted, in English where somebody translated them."""

    fr: Text
    en: Text | None = None


class Once(Model):
    """One result, due on a day."""

    on: Day
    at_least: int | None = Field(default=None, ge=1)


class Yearly(Model):
    """One report a fiscal year, due on its last day; or on `from` and each of its anniversaries.

    `at_least` counts the year's events. `ad_hoc` entries are listed inside the year's report.
    `once_ready` names the indicator whose result this one is made with.
    """

    start: Day | None = Field(default=None, alias="from")
    at_least: int | None = Field(default=None, ge=1)
    ad_hoc: bool = False
    once_ready: Identifier | None = None


class Continuous(Model):
    """Something that goes on: accounted for every fiscal year, from a day or a fiscal year."""

    start: Day | None = Field(default=None, alias="from")
    from_year: FiscalYear | None = None


class Periodic(Model):
    """Something that recurs after a day, at no stated interval."""

    after: Day


class Level(Model):
    """A number of events to reach in a calendar year that the text names without a day."""

    reach: int = Field(ge=1)
    year: int = Field(ge=YEARS[0], le=YEARS[-1], alias="in")


class Cadence(Model):
    """How often something is promised; exactly one key."""

    once: Once | None = None
    yearly: Yearly | None = None
    continuous: Continuous | None = None
    periodic: Periodic | None = None
    level: Level | None = None


class Indicator(Model):
    """An indicator and its target, in the plan's words and as a cadence."""

    id: Identifier
    title: Words
    target: Words
    cadence: Cadence


class Objective(Model):
    """An objective, numbered within its enjeu."""

    number: int
    title: Words
    indicators: list[Indicator] = Field(min_length=1)


class Axis(Model):
    """A line of intervention."""

    number: int
    title: Words
    objectives: list[Objective] = Field(min_length=1)


class Enjeu(Model):
    """An issue that the plan answers, with its orientation."""

    number: int
    title: Words
    orientation: Words
    axes: list[Axis] = Field(min_length=1)


class Resolution(Model):
    """A resolution of the board: its day and its number."""

    on: Day
    resolution: Text


class Amendment(Model):
    """A new version of a target: decided on a day, in force from another, perhaps earlier."""

    indicator: Identifier
    target: Words
    cadence: Cadence
    decided: Day
    effective: Day
    resolution: Text
    reason: Words


class Plan(Model):
    """One plan."""

    arrimage: int = Field(ge=1, le=1)
    plan: Name
    label: Words
    starts: Day
    ends: Day
    adopted: Resolution
    revised: list[Resolution] = Field(default_factory=list)
    text: FileName | None = None  #: a file beside this one, quoted exactly
    process: Name = "cycle"
    entry: Days = "30 days"  #: how long after a due date its report may still be entered
    enjeux: list[Enjeu] = Field(min_length=1)
    amendments: list[Amendment] = Field(default_factory=list)

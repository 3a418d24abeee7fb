"""What the report is made of: the plan, the year, and the lines of its table by enjeu."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from workflows.plan.board import STATUSES

if TYPE_CHECKING:
    from datetime import date

    from workflows.plan.board import Status, Summary
    from workflows.plan.decisions import Standing
    from workflows.plan.table import Line


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One enjeu of the report.

    Attributes:
        number: Its number in the plan.
        title: Its words.
        orientation: Its orientation.
        lines: Its lines, in the plan's order.
    """

    number: int
    title: str
    orientation: str
    lines: tuple[Line, ...]

    def count(self, status: Status) -> int:
        """Return how many of its lines have a status."""
        return sum(line.status == status for line in self.lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One year of one plan.

    Attributes:
        institute: The institute's name.
        plan: The plan as it stands.
        fiscal_year: Such as `2012-2013`.
        first: Its first day.
        last: Its last day.
        made: The day on which the report was made.
        total: How many reports were received, and in time.
        lines: The whole table, in the plan's order.
    """

    institute: str
    plan: Standing
    fiscal_year: str
    first: date
    last: date
    made: date
    total: Summary
    lines: tuple[Line, ...]

    @property
    def sections(self) -> list[Section]:
        """The enjeux of the year, in the plan's order."""
        found = [tuple(lines) for _n, lines in groupby(self.lines, lambda n: n.enjeu[0])]
        return [self._section(lines) for lines in found]

    def _section(self, lines: tuple[Line, ...]) -> Section:
        """Return an enjeu in the plan's words of today, or in those of its time where all its lines are of it."""
        number, title = lines[0].enjeu
        orientation = lines[0].orientation
        if len({(line.enjeu, line.orientation) for line in lines}) > 1:
            for enjeu in (e for e in self.plan.catalogue.plan.enjeux if e.number == number):
                title, orientation = enjeu.title.fr, enjeu.orientation.fr
        return Section(number=number, title=title, orientation=orientation, lines=lines)

    @property
    def statuses(self) -> list[Status]:
        """The statuses that occur, in the order of a legend."""
        seen = {line.status: line.status for line in self.lines}
        return [seen[status] for status in STATUSES if status in seen]

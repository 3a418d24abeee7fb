"""Local dates, business days and fiscal years of a workspace.

Instants come and go in UTC; everything in between is reasoned on local dates, because a deadline is a
day and not a number of hours. Sources: the public holidays of Québec (Act respecting labour standards,
s. 60, and the National Holiday Act) from the `holidays` package, category `public`; the days on which
the institute is closed besides are the institute's own list. 30 September and 11 November are worked
in Québec. The fiscal year of the Québec government runs from 1 April to 31 March (Financial
Administration Act, s. 1).
"""

from __future__ import annotations

import json
import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

if TYPE_CHECKING:
    from collections.abc import Mapping

Unit = Literal["business days", "days", "weeks", "months", "hours", "minutes"]

_SPAN = re.compile(r"(\d{1,4}) (business day|day|week|month|hour|minute)s?")
_SATURDAY = 5
_APRIL = 4
_TABLE = Path(__file__).with_name("quebec_holidays.json")

#: Days on which the institute is closed besides the public holidays, by default.
OWN_DAYS: Mapping[str, str] = {
    "easter_monday": "Lundi de Pâques",
    "12-24": "Veille de Noël",
    "12-26": "Lendemain de Noël",
    "12-31": "Veille du jour de l'An",
    "01-02": "Lendemain du jour de l'An",
}


@dataclass(frozen=True, slots=True)
class Span:
    """A length of time as people say it: `2 business days`, `1 month`."""

    count: int
    unit: Unit

    @classmethod
    def parse(cls, text: str) -> Span:
        """Return the span that a text says; raise ValueError on any other text."""
        found = _SPAN.fullmatch(text)
        if found is None:
            msg = f"not a span of time: {text!r}"
            raise ValueError(msg)
        return cls(int(found[1]), f"{found[2]}s")  # type: ignore[arg-type]


class Calendar:
    """The calendar of one workspace."""

    def __init__(
        self,
        zone: str = "America/Toronto",
        own_days: Mapping[str, str] = OWN_DAYS,
        *,
        opens: time = time(8, 30),
        closes: time = time(16, 30),
    ) -> None:
        """Take the time zone, the institute's own closed days and its local hours.

        Args:
            zone: A name of the IANA time zone database.
            own_days: `MM-DD`, an ISO date, or `easter_monday`, to the day's name.
            opens: When business hours begin, local.
            closes: When they end, local.

        Raises:
            ValueError: No such zone, or a day that cannot be read.
        """
        try:
            self.zone = ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError) as error:
            msg = f"no such time zone: {zone!r}"
            raise ValueError(msg) from error
        for day in own_days:
            _check_day(day)
        self.own_days = dict(own_days)
        self.opens, self.closes = opens, closes
        self._years: dict[int, dict[date, str]] = {}
        self._worked: dict[int, list[int]] = {}

    # --- instants and local time ----------------------------------------------------------------

    def local(self, instant: datetime) -> datetime:
        """Return an instant in local time."""
        return instant.astimezone(self.zone)

    def today(self, instant: datetime) -> date:
        """Return the local date of an instant."""
        return instant.astimezone(self.zone).date()

    def instant(self, day: date, at: time) -> datetime:
        """Return the UTC instant of a local day and hour.

        An hour that does not exist (the clocks go forward) becomes the first one that does; an hour
        that comes twice (they go back) is the first of the two (PEP 495, fold 0).
        """
        wall = datetime.combine(day, at, tzinfo=self.zone)
        instant = wall.astimezone(UTC)
        if instant.astimezone(self.zone).replace(tzinfo=None) != wall.replace(tzinfo=None):
            return self._after_gap(wall)
        return instant

    def _after_gap(self, wall: datetime) -> datetime:
        """Return the instant at which the clocks went forward over this wall time."""
        after = wall.replace(fold=1).utcoffset()
        assert after is not None
        # Read with the offset of before the change (fold 1 in a gap), the wall time falls just
        # before it; step forward to the first minute that has the new one.
        probe = wall.replace(tzinfo=UTC) - after
        offset = probe.astimezone(self.zone).utcoffset()
        while probe.astimezone(self.zone).utcoffset() == offset:
            probe += timedelta(minutes=1)
        return probe

    def end_of_day(self, day: date) -> datetime:
        """Return the UTC instant of 23:59 local on a day: the end of a due date."""
        return self.instant(day, time(23, 59))

    def within_business_hours(self, instant: datetime) -> bool:
        """Tell whether an instant is on a business day, between opening and closing."""
        local = self.local(instant)
        return self.is_business_day(local.date()) and self.opens <= local.time() < self.closes

    def next_opening(self, instant: datetime) -> datetime:
        """Return an instant within business hours as it is, else the next time business opens (UTC)."""
        if self.within_business_hours(instant):
            return instant
        local = self.local(instant)
        tomorrow = local.date() + timedelta(days=1)
        day = local.date() if local.time() < self.opens else tomorrow
        return self.instant(self.to_business_day(day, "forward"), self.opens)

    def shift(self, instant: datetime, span: Span, sign: int = 1) -> datetime:
        """Return an instant moved by a span, forward (1) or backward (-1), in UTC.

        Days and longer are counted on local dates and keep the local hour; a month ends on its last
        day (31 January + 1 month = 28 or 29 February). Hours and minutes are elapsed time.
        """
        count = span.count * sign
        if span.unit in {"hours", "minutes"}:
            return instant + timedelta(**{span.unit: count})
        local = self.local(instant)
        return self.instant(self.shift_day(local.date(), span, sign), local.time())

    def shift_day(self, day: date, span: Span, sign: int = 1) -> date:
        """Return a local date moved by a span of days, weeks, months or business days."""
        count = span.count * sign
        if span.unit == "business days":
            return self.add_business_days(day, count)
        if span.unit == "months":
            return add_months(day, count)
        if span.unit not in {"days", "weeks"}:
            msg = f"a date does not move by {span.unit}"
            raise ValueError(msg)
        return day + timedelta(**{span.unit: count})

    # --- business days --------------------------------------------------------------------------

    def holiday(self, day: date) -> str | None:
        """Return the name of a closed day (weekends apart), or None."""
        return self._year(day.year).get(day)

    def is_business_day(self, day: date) -> bool:
        """Tell whether people work on a day: neither weekend, nor holiday, nor closed."""
        return day.weekday() < _SATURDAY and day not in self._year(day.year)

    def to_business_day(self, day: date, way: Literal["backward", "forward"]) -> date:
        """Return the day itself when it is worked, else the nearest one before or after."""
        step = timedelta(days=-1 if way == "backward" else 1)
        while not self.is_business_day(day):
            day += step
        return day

    def add_business_days(self, day: date, count: int) -> date:
        """Return the day that is so many business days after (or, negative, before); 0 is the day."""
        step = timedelta(days=1 if count > 0 else -1)
        for _ in range(abs(count)):
            day += step
            while not self.is_business_day(day):
                day += step
        return day

    def business_days_between(self, start: date, end: date) -> int:
        """Return how many business days d have start < d <= end; negative when end is before."""
        if end < start:
            return -self.business_days_between(end, start)
        return self._worked_until(end) - self._worked_until(start)

    def _worked_until(self, day: date) -> int:
        """Return the number of business days up to and with a day, from a fixed origin."""
        table = self._worked.get(day.year)
        if table is None:
            table = self._worked[day.year] = self._count_year(day.year)
        return table[day.timetuple().tm_yday] + self._worked_before(day.year)

    def _count_year(self, year: int) -> list[int]:
        counts, day = [0], date(year, 1, 1)
        while day.year == year:
            counts.append(counts[-1] + self.is_business_day(day))
            day += timedelta(days=1)
        return counts

    def _worked_before(self, year: int) -> int:
        """Return the business days of the years from the origin of this calendar's life to `year`."""
        origin = self._origin
        if year < origin:
            return -sum(self._table(y)[-1] for y in range(year, origin))
        return sum(self._table(y)[-1] for y in range(origin, year))

    def _table(self, year: int) -> list[int]:
        if year not in self._worked:
            self._worked[year] = self._count_year(year)
        return self._worked[year]

    @cached_property
    def _origin(self) -> int:
        # Any year does, as long as it is the same for the life of this object; the first one that is
        # asked for keeps the sums short.
        return next(iter(self._worked), 2000)

    def _year(self, year: int) -> dict[date, str]:
        found = self._years.get(year)
        if found is None:
            found = self._years[year] = self._closed_days(year)
        return found

    def _closed_days(self, year: int) -> dict[date, str]:
        closed = dict(_table().get(year) or public_holidays(year))
        for written, name in self.own_days.items():
            day = _own_day(written, year)
            if day is not None:
                closed.setdefault(day, name)
        return closed

    # --- fiscal years ---------------------------------------------------------------------------

    def fiscal_year(self, day: date) -> str:
        """Return the fiscal year of a day, such as `2012-2013`."""
        first = year_start(day).year
        return f"{first}-{first + 1}"

    def fiscal_bounds(self, name: str) -> tuple[date, date]:
        """Return the first and last day of a fiscal year; raise ValueError on a bad name."""
        found = re.fullmatch(r"(\d{4})-(\d{4})", name)
        if found is None or int(found[2]) != int(found[1]) + 1:
            msg = f"not a fiscal year: {name!r}"
            raise ValueError(msg)
        return date(int(found[1]), 4, 1), date(int(found[2]), 3, 31)

    def explain(self, day: date) -> dict[str, str | bool | None]:
        """Return what this calendar knows of a day: weekday, holiday, business day, fiscal year."""
        return {
            "date": day.isoformat(),
            "weekday": day.strftime("%A").lower(),
            "holiday": self.holiday(day),
            "business_day": self.is_business_day(day),
            "fiscal_year": self.fiscal_year(day),
        }


def year_start(day: date) -> date:
    """Return the first day of the fiscal year of a day."""
    return date(day.year if day.month >= _APRIL else day.year - 1, _APRIL, 1)


def year_end(day: date) -> date:
    """Return the last day of the fiscal year of a day."""
    return date(year_start(day).year + 1, _APRIL, 1) - timedelta(days=1)


def public_holidays(year: int) -> dict[date, str]:
    """Return the public holidays of Québec in a year, as the `holidays` package has them."""
    from holidays import country_holidays

    found = country_holidays("CA", subdiv="QC", years=year, language="fr")
    return {day: name for day, name in sorted(found.items()) if day.year == year}


def write_table(first: int = 2000, last: int = 2060) -> None:
    """Write the table of public holidays that is shipped: `make holidays`."""
    table = {
        str(year): {day.isoformat(): name for day, name in public_holidays(year).items()}
        for year in range(first, last + 1)
    }
    _TABLE.write_text(json.dumps(table, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


@cache
def _table() -> dict[int, dict[date, str]]:
    """Return the shipped table: the package it was made from is slow to import, and lists are not."""
    if not _TABLE.is_file():
        return {}
    read = json.loads(_TABLE.read_text(encoding="utf-8"))
    return {
        int(year): {date.fromisoformat(day): name for day, name in days.items()}
        for year, days in read.items()
    }


def _check_day(written: str) -> None:
    if written == "easter_monday" or _own_day(written, 2000) or re.match(r"\d{4}-", written):
        if re.match(r"\d{4}-", written):
            date.fromisoformat(written)
        return
    msg = f"not a day: {written!r}"
    raise ValueError(msg)


def _own_day(written: str, year: int) -> date | None:
    """Return the date of one of the institute's days in a year, if it has one."""
    if written == "easter_monday":
        from dateutil.easter import easter

        return easter(year) + timedelta(days=1)
    if re.fullmatch(r"\d\d-\d\d", written):
        return date.fromisoformat(f"{year}-{written}")
    day = date.fromisoformat(written)
    return day if day.year == year else None


def add_months(day: date, count: int) -> date:
    """Return a date moved by months, clamped to the end of a shorter one."""
    month = day.year * 12 + day.month - 1 + count
    year, month = divmod(month, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))

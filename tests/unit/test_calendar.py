from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import calendar
from engine.calendar import Calendar, Span

CALENDAR = Calendar()
DAYS = st.dates(date(1990, 1, 1), date(2060, 12, 31))


@given(DAYS, st.integers(1, 300))
def test_counting_back_what_was_counted_forward_returns_to_the_same_business_day(day, count):
    start = CALENDAR.to_business_day(day, "forward")
    assert CALENDAR.add_business_days(CALENDAR.add_business_days(start, count), -count) == start


@given(DAYS, st.integers(0, 300))
def test_so_many_business_days_later_there_are_so_many_business_days_between(day, count):
    assert CALENDAR.business_days_between(day, CALENDAR.add_business_days(day, count)) == count


@given(DAYS, DAYS)
def test_business_days_between_are_those_one_counts_one_by_one(a, b):
    start, end = sorted(
        (a, min(b, a + timedelta(days=400)) if b > a else max(b, a - timedelta(days=400)))
    )
    counted = sum(
        CALENDAR.is_business_day(start + timedelta(days=n))
        for n in range(1, (end - start).days + 1)
    )
    assert CALENDAR.business_days_between(start, end) == counted
    assert CALENDAR.business_days_between(end, start) == -counted


@given(DAYS)
def test_moving_backward_to_a_business_day_never_goes_forward(day):
    moved = CALENDAR.to_business_day(day, "backward")
    assert moved <= day
    assert CALENDAR.is_business_day(moved)


@given(st.datetimes(datetime(2000, 1, 1), datetime(2040, 1, 1)))  # noqa: DTZ001
def test_a_local_hour_comes_back_as_itself_unless_the_clocks_skipped_it(wall):
    instant = CALENDAR.instant(wall.date(), wall.time())
    back = CALENDAR.local(instant).replace(tzinfo=None)
    assert back == wall or timedelta(0) < back - wall <= timedelta(hours=1)


def test_an_hour_that_the_clocks_skip_becomes_the_first_that_exists():
    local = CALENDAR.local(CALENDAR.instant(date(2026, 3, 8), time(2, 30)))
    assert (local.hour, local.minute) == (3, 0)


def test_an_hour_that_comes_twice_is_the_first_of_the_two():
    assert CALENDAR.instant(date(2026, 11, 1), time(1, 30)) == datetime(
        2026, 11, 1, 5, 30, tzinfo=UTC
    )


def test_easter_sunday_at_the_end_of_the_fiscal_year_moves_back_before_good_friday():
    assert CALENDAR.to_business_day(date(2013, 3, 31), "backward") == date(2013, 3, 28)


def test_a_saturday_at_the_end_of_the_fiscal_year_moves_back_to_friday():
    assert CALENDAR.to_business_day(date(2012, 3, 31), "backward") == date(2012, 3, 30)


@pytest.mark.parametrize("day", [date(2026, 9, 30), date(2026, 11, 11)])
def test_federal_days_are_worked_in_quebec(day):
    assert CALENDAR.is_business_day(day)


@pytest.mark.parametrize(
    "day",
    [date(2026, 4, 6), date(2026, 12, 24), date(2026, 12, 31), date(2026, 6, 24), date(2026, 4, 3)],
)
def test_public_holidays_and_the_institutes_own_days_are_closed(day):
    assert CALENDAR.holiday(day)
    assert not CALENDAR.is_business_day(day)


def test_a_month_after_the_31st_ends_on_the_last_day_of_a_shorter_month():
    assert CALENDAR.shift_day(date(2024, 1, 31), Span.parse("1 month")) == date(2024, 2, 29)
    assert CALENDAR.shift_day(date(2023, 1, 31), Span.parse("1 month")) == date(2023, 2, 28)


def test_an_event_on_the_evening_of_31_march_belongs_to_the_year_that_ends():
    evening = datetime(2013, 4, 1, 1, 0, tzinfo=UTC)  # 21:00 local on 31 March
    assert CALENDAR.fiscal_year(CALENDAR.today(evening)) == "2012-2013"


def test_the_shipped_table_of_holidays_says_what_the_package_says():
    for year, days in calendar._table().items():
        assert days == calendar.public_holidays(year), year
    assert set(calendar._table()) >= set(range(2005, 2050))


@pytest.mark.parametrize(
    ("at", "opens"),
    [
        ((30, 10, 0), (30, 10, 0)),  # a Friday
        ((30, 8, 30), (30, 8, 30)),
        ((30, 6, 0), (30, 8, 30)),
        ((28, 16, 30), (29, 8, 30)),
        ((31, 7, 0), (2, 8, 30)),  # a Saturday
    ],
)
def test_business_opens_at_once_within_its_hours_else_on_the_next_business_morning(at, opens):
    def instant(day, hour, minute):
        month = 3 if day >= 28 else 4
        return CALENDAR.instant(date(2012, month, day), time(hour, minute))

    assert CALENDAR.next_opening(instant(*at)) == instant(*opens)


@pytest.mark.parametrize("text", ["two days", "2 fortnights", "-1 day", "99999 days", ""])
def test_a_span_that_is_not_one_is_refused(text):
    with pytest.raises(ValueError, match="not a span"):
        Span.parse(text)


def test_a_zone_or_a_closed_day_that_does_not_exist_is_refused():
    with pytest.raises(ValueError, match="no such time zone"):
        Calendar("America/Montreal2")
    with pytest.raises(ValueError):
        Calendar(own_days={"13-45": "Jour impossible"})

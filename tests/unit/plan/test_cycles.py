"""Cadences into cycles, under every reading, on the calendar of Québec."""

import itertools
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.calendar import Calendar
from tests.unit.plan.test_catalogue import MINIMAL, PLAN
from workflows.plan import catalogue
from workflows.plan.cadence import Bounds, anniversary, occurrences
from workflows.plan.catalogue import read_cadence
from workflows.plan.cycles import cycles, superseded
from workflows.plan.decisions import standing
from workflows.plan.readings import READINGS, defaults

CALENDAR = Calendar()
STANDING = standing(PLAN, CALENDAR)


def dues(indicator, **readings):
    found = cycles(STANDING, CALENDAR, readings={**defaults(), **readings})
    return [c.due.isoformat() for c in found if c.indicator == indicator]


YEARS = [f"{y}-03-31" for y in range(2012, 2017)]
DEFAULTS = [
    ("E1-A1-O1-I1", ["2012-03-31"]),
    ("E1-A1-O1-I2", YEARS[1:]),  # the first fiscal year that begins after 31 March 2012
    ("E1-A3-O5-I1", ["2013-12-31"]),
    ("E1-A3-O5-I2", YEARS),
    ("E1-A4-O6-I1", YEARS[1:]),
    ("E2-A1-O2-I1", YEARS[2:]),
    ("E2-A2-O3-I1", YEARS),
    ("E2-A3-O4-I1", YEARS[1:]),
    ("E2-A3-O5-I1", YEARS[1:]),
    ("E3-A1-O1-I1", YEARS),
    ("E3-A1-O3-I1", YEARS[1:]),
    ("E3-A1-O4-I1", ["2016-03-31"]),
    ("E3-A2-O8-I1", YEARS[1:]),
    ("E3-A2-O9-I1", YEARS),
]


@pytest.mark.parametrize(("indicator", "expected"), DEFAULTS, ids=[d[0] for d in DEFAULTS])
def test_each_kind_of_target_is_due_as_its_default_reading_says(indicator, expected):
    assert dues(indicator) == expected


def test_the_whole_plan_promises_67_reports():
    assert len(cycles(STANDING, CALENDAR)) == 67


@pytest.mark.parametrize(
    ("reading", "value", "indicator", "expected"),
    [
        ("a_compter_du", "next_year", "E1-A4-O6-I1", YEARS[2:]),
        ("en_annee", "calendar_year_end", "E3-A1-O4-I1", ["2016-12-31"]),
        ("periodique", "half_yearly", "E1-A1-O1-I2",
         [d for y in range(2012, 2016) for d in (f"{y}-09-30", f"{y + 1}-03-31")]),
        ("annuel_debut", "second_year", "E2-A2-O3-I1", YEARS[1:]),
        ("estimations", "once_ready", "E1-A3-O5-I2", YEARS[2:]),
    ],
)  # fmt: skip
def test_another_reading_changes_what_it_is_about(reading, value, indicator, expected):
    assert dues(indicator, **{reading: value}) == expected


@pytest.mark.parametrize(
    ("key", "value"), [(r.key, v) for r in READINGS.values() for v in r.choices]
)
def test_every_choice_of_every_reading_can_be_taken(key, value):
    assert cycles(STANDING, CALENDAR, readings={**defaults(), key: value})


def test_easter_sunday_between_two_holidays_is_done_by_the_thursday_before_in_the_same_year():
    found = next(c for c in cycles(STANDING, CALENDAR) if c.due == date(2013, 3, 31))
    assert found.do_by == date(2013, 3, 28)
    assert found.fiscal_year == CALENDAR.fiscal_year(found.do_by) == "2012-2013"
    assert found.enter_by == date(2013, 4, 30)


def test_a_saturday_is_done_by_the_friday_before():
    found = next(c for c in cycles(STANDING, CALENDAR) if c.due == date(2012, 3, 31))
    assert found.do_by == date(2012, 3, 30)


def test_what_goes_on_is_accounted_for_and_what_is_counted_says_how_many():
    found = {c.indicator: c for c in cycles(STANDING, CALENDAR)}
    assert found["E3-A2-O9-I1"].nature == "accountability"
    assert found["E3-A1-O1-I1"].quantity == 2
    assert found["E3-A1-O4-I1"].quantity == 5
    assert {c.nature for c in found.values()} == {"target", "accountability"}


def test_the_29th_of_february_has_its_anniversaries_on_the_28th():
    assert [anniversary(date(2024, 2, 29), n).isoformat() for n in range(5)] == [
        "2024-02-29", "2025-02-28", "2026-02-28", "2027-02-28", "2028-02-29",
    ]  # fmt: skip


def within(starts, ends):
    return Bounds(starts=starts, ends=ends, readings=defaults(), ready=lambda _: None)


def test_a_target_of_the_29th_of_february_is_due_every_year_without_a_gap():
    found = occurrences(
        read_cadence("{yearly: {from: 2024-02-29}}"), within(date(2023, 4, 1), date(2028, 3, 31))
    )
    assert [(o.start.isoformat(), o.due.isoformat()) for o in found] == [
        ("2023-04-01", "2024-02-29"), ("2024-03-01", "2025-02-28"), ("2025-03-01", "2026-02-28"),
        ("2026-03-01", "2027-02-28"), ("2027-03-01", "2028-02-29"), ("2028-03-01", "2028-03-31"),
    ]  # fmt: skip


DAYS = st.dates(date(2000, 1, 1), date(2040, 12, 31))


@given(DAYS, st.integers(1, 12))
def test_the_years_of_a_target_follow_each_other_without_gap_or_overlap(start, years):
    ends = anniversary(start, years)
    for text in (f"{{yearly: {{from: {start}}}}}", "{yearly: {}}", "{continuous: {}}"):
        found = occurrences(read_cadence(text), within(start, ends))
        for before, after in itertools.pairwise(found):
            assert (after.start - before.end).days == 1
        assert all(o.start <= o.end == o.due <= ends for o in found)


@given(DAYS)
def test_a_do_by_day_is_worked_never_after_the_due_date(day):
    plan = catalogue.load(MINIMAL.replace("2020-04-01", f"{day.year}-04-01").replace(
        "2025-03-31", f"{day.year + 5}-03-31").replace("2021-03-31", f"{day.year + 1}-03-31")
        .partition("amendments")[0], "essai.yaml")  # fmt: skip
    for cycle in cycles(standing(plan, CALENDAR), CALENDAR):
        assert cycle.do_by <= cycle.due
        assert CALENDAR.is_business_day(cycle.do_by)
        assert CALENDAR.fiscal_year(cycle.do_by) == cycle.fiscal_year


def amended(**record):
    base = {
        "indicateur": "E1-A2-O3-I1", "cible": "31 mars 2014", "cadence": "{once: {on: 2014-03-31}}",
        "decide_le": "2012-11-20", "effectif_le": "2012-11-20", "resolution": "INM-55", "motif": "x",
    }  # fmt: skip
    return standing(PLAN, CALENDAR, {"amendements": [{**base, **record}]})


def test_an_amended_target_is_due_as_it_says_from_the_day_it_takes_effect():
    found = [c for c in cycles(amended(), CALENDAR) if c.indicator == "E1-A2-O3-I1"]
    assert [(c.due.isoformat(), c.version.resolution) for c in found] == [("2014-03-31", "INM-55")]


def test_a_retroactive_amendment_replaces_what_was_due_since_it_takes_effect():
    later = amended(indicateur="E1-A3-O5-I2", cadence="{yearly: {at_least: 2}}",
                    cible="Deux par année", decide_le="2014-01-15", effectif_le="2012-04-01")  # fmt: skip
    found = [c for c in cycles(later, CALENDAR) if c.indicator == "E1-A3-O5-I2"]
    assert [(c.due.year, c.version.number) for c in found] == [
        (2012, 0), (2013, 1), (2014, 1), (2015, 1), (2016, 1),
    ]  # fmt: skip


def superseded_in(plan):
    return superseded(
        plan, CALENDAR, {(c.indicator, c.fiscal_year) for c in cycles(plan, CALENDAR)}
    )


def test_a_target_that_was_put_off_leaves_its_first_year_with_what_replaced_it():
    (once,) = (c for c in superseded_in(amended()) if c.indicator == "E1-A2-O3-I1")
    assert (once.fiscal_year, once.version.number) == ("2012-2013", 0)
    assert once.superseded_by is not None
    assert once.superseded_by.resolution == "INM-55"


def test_a_year_that_still_has_a_cycle_of_its_indicator_has_no_other_line_for_what_was_replaced():
    more = amended(
        indicateur="E1-A3-O5-I2", cadence="{yearly: {at_least: 2}}", cible="Deux par année"
    )
    assert not [c for c in superseded_in(more) if c.indicator == "E1-A3-O5-I2"]


def test_a_decision_changes_nothing_before_its_day():
    plan = amended(effectif_le="2012-04-01")
    due = [
        [
            c.due.isoformat()
            for c in cycles(plan.on(date.fromisoformat(day)), CALENDAR)
            if c.indicator == "E1-A2-O3-I1"
        ]
        for day in ("2012-11-19", "2012-11-20")
    ]
    assert due == [["2013-03-31"], ["2014-03-31"]]


def chosen(*choices):
    """Return the plan with readings chosen in turn: (reading, choice, instant)."""
    names = ("lecture", "valeur", "at")
    records = [dict(zip(names, c, strict=True), motif="x") for c in choices]
    return standing(PLAN, CALENDAR, {"lectures": records})


def due_in(plan, indicator):
    return [c.due.isoformat() for c in cycles(plan, CALENDAR) if c.indicator == indicator]


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2011-04-01T13:00:00+00:00", YEARS[1:]),
        ("2012-05-01T03:30:00+00:00", YEARS[1:]),  # still 30 April here, the last day of the entry
        ("2012-05-01T04:30:00+00:00", YEARS),
    ],
)
def test_a_reading_chosen_late_leaves_the_years_whose_entry_has_closed(at, expected):
    assert due_in(chosen(("annuel_debut", "second_year", at)), "E2-A2-O3-I1") == expected


def test_what_only_a_late_reading_would_have_asked_is_never_asked():
    late = chosen(("periodique", "quarterly", "2012-11-20T15:00:00+00:00"))
    assert due_in(late, "E1-A1-O1-I2")[:2] == ["2012-12-31", "2013-03-31"]
    first = next(c for c in cycles(late, CALENDAR) if c.due == date(2012, 12, 31))
    assert first.start == date(2012, 4, 1)  # no other report accounts for these two quarters
    assert due_in(late.on(date(2012, 11, 19)), "E1-A1-O1-I2") == YEARS[1:]
    early = chosen(("periodique", "quarterly", "2012-07-30T15:00:00+00:00"))
    assert due_in(early, "E1-A1-O1-I2")[0] == "2012-06-30"


def test_readings_chosen_and_set_back_leave_to_each_time_what_was_asked_in_it():
    there = ("periodique", "half_yearly", "2013-06-03T13:00:00+00:00")
    at_once = chosen(there, ("periodique", "yearly", "2013-06-03T14:00:00+00:00"))
    assert cycles(at_once, CALENDAR) == cycles(STANDING, CALENDAR)
    back = chosen(there, ("periodique", "yearly", "2014-06-03T13:00:00+00:00"))
    assert due_in(back, "E1-A1-O1-I2") == [
        "2013-03-31", "2013-09-30", "2014-03-31", "2015-03-31", "2016-03-31",
    ]  # fmt: skip
    assert back.readings_on(date(2014, 4, 30))["periodique"] == "half_yearly"


def test_an_extension_adds_the_years_that_it_adds():
    longer = standing(
        PLAN,
        CALENDAR,
        {
            "prolongations": [
                {"fin": "2017-03-31", "decide_le": "2016-01-20", "resolution": "R", "motif": "x"}
            ]
        },
    )
    added = {c.key for c in cycles(longer, CALENDAR)} - {c.key for c in cycles(STANDING, CALENDAR)}
    assert added
    assert all("2017-03-31" in key for key in added)


def amended_in_turn(*records):
    """Return the plan with one target amended in turn: (day, cadence, decided, in force)."""
    base = {"indicateur": "E3-A1-O2-I1", "motif": "x"}
    names = ("cible", "cadence", "decide_le", "effectif_le")
    made = [
        {**base, **dict(zip(names, (f"v{n}", *r), strict=True)), "resolution": f"R-{n}"}
        for n, r in enumerate(records, start=1)
    ]
    return standing(PLAN, CALENDAR, {"amendements": made})


def versions_due(plan):
    return [
        (c.due.year, c.version.number) for c in cycles(plan, CALENDAR) if c.indicator == "E3-A1-O2-I1"
    ]  # fmt: skip


TWO, THREE = "{yearly: {at_least: 2}}", "{yearly: {at_least: 3}}"


@pytest.mark.parametrize(
    ("later", "expected"),
    [
        # In force after the first one, before it, and where it was recorded first.
        ((TWO, "2013-01-15", "2015-04-01"), [(2012, 0), (2013, 0), (2014, 1), (2015, 1), (2016, 2)]),
        ((TWO, "2013-01-15", "2012-04-01"), [(2012, 0), (2013, 2), (2014, 2), (2015, 2), (2016, 2)]),
        ((TWO, "2012-01-15", "2012-04-01"), [(2012, 0), (2013, 2), (2014, 1), (2015, 1), (2016, 1)]),
    ],
)  # fmt: skip
def test_the_resolution_decided_last_holds_however_far_back_it_reaches(later, expected):
    plan = amended_in_turn((THREE, "2012-11-20", "2013-04-01"), later)
    assert versions_due(plan) == expected


def test_what_an_earlier_resolution_had_set_for_later_is_replaced_and_says_by_which():
    plan = amended_in_turn(
        ("{once: {on: 2015-06-30}}", "2012-11-20", "2013-04-01"),
        ("{once: {on: 2014-03-31}}", "2013-01-15", "2012-04-01"),
    )
    assert versions_due(plan) == [(2012, 0), (2014, 2)]
    (gone,) = (
        c for c in superseded_in(plan) if (c.indicator, c.version.number) == ("E3-A1-O2-I1", 1)
    )
    assert gone.superseded_by.resolution == "R-2"


def part_of_years(starts, ends):
    """Return the plan of `MINIMAL`, with every kind of target, over other days."""
    text = (
        MINIMAL.partition("amendments")[0].replace("2020-04-01", starts).replace("2025-03-31", ends)
    )
    text = text.replace("2020-03-01", starts).replace("on: 2021-03-31", f"on: {ends}")
    more = "".join(
        f"              - {{id: K-{n}, title: {{fr: K}}, target: {{fr: C}}, cadence: {cadence}}}\n"
        for n, cadence in enumerate((
            "{yearly: {at_least: 2}}", "{continuous: {}}", f"{{yearly: {{from: {starts}}}}}",
            f"{{periodic: {{after: {starts}}}}}", f"{{continuous: {{from: {starts}}}}}",
        ))
    )  # fmt: skip
    return standing(catalogue.load(text + more, "partiel.yaml"), CALENDAR)


@pytest.mark.parametrize(
    ("indicator", "expected"),
    [
        ("A-2", [("2020-09-15", "2021-03-31", None, "accountability"),
                 ("2021-04-01", "2022-03-31", None, "target"),
                 ("2022-04-01", "2023-02-28", None, "accountability")]),
        ("K-0", [("2020-09-15", "2021-03-31", None, "accountability"),
                 ("2021-04-01", "2022-03-31", 2, "target"),
                 ("2022-04-01", "2023-02-28", None, "accountability")]),
        ("K-1", [("2020-09-15", "2021-03-31", None, "accountability"),
                 ("2021-04-01", "2022-03-31", None, "accountability"),
                 ("2022-04-01", "2023-02-28", None, "accountability")]),
        ("K-2", [("2020-09-15", "2020-09-15", None, "accountability"),
                 ("2020-09-16", "2021-09-15", None, "target"),
                 ("2021-09-16", "2022-09-15", None, "target"),
                 ("2022-09-16", "2023-02-28", None, "accountability")]),
        ("K-3", [("2021-04-01", "2022-03-31", None, "accountability"),
                 ("2022-04-01", "2023-02-28", None, "accountability")]),
        ("A-1", [("2020-09-15", "2023-02-28", None, "target")]),
    ],
)  # fmt: skip
def test_a_year_that_the_plan_covers_in_part_is_accounted_for_and_promises_nothing(
    indicator, expected
):
    plan = part_of_years("2020-09-15", "2023-02-28")
    found = [c for c in cycles(plan, CALENDAR) if c.indicator == indicator]
    assert [(f"{c.start}", f"{c.end}", c.quantity, c.nature) for c in found] == expected
    assert all(c.end == c.due for c in found)


def test_a_plan_of_one_day_asks_for_that_day():
    found = cycles(part_of_years("2024-02-29", "2024-02-29"), CALENDAR)
    assert {(f"{c.start}", f"{c.due}") for c in found} == {("2024-02-29", "2024-02-29")}
    assert {c.indicator for c in found} == {"A-1", "A-2", "K-0", "K-1", "K-2", "K-4"}


def test_an_extension_holds_from_the_day_it_was_decided():
    plan = standing(
        part_of_years("2020-09-15", "2023-02-28").catalogue, CALENDAR,
        {"prolongations": [{"fin": "2023-10-31", "decide_le": "2022-12-01", "resolution": "R", "motif": "x"}]},
    )  # fmt: skip
    before, after = (
        [f"{c.due}" for c in cycles(plan.on(date.fromisoformat(day)), CALENDAR) if c.indicator == "A-2"]
        for day in ("2022-11-30", "2022-12-01")
    )  # fmt: skip
    assert before == ["2021-03-31", "2022-03-31", "2023-02-28"]
    assert after == ["2021-03-31", "2022-03-31", "2023-03-31", "2023-10-31"]
    assert date(2022, 12, 1) in plan.decision_days

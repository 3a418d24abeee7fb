"""Whatever is chosen in turn, each part of a plan is asked for once: drawn plans, choices and extensions."""

from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workflows.plan.cadence import Bounds, is_single, occurrences
from workflows.plan.catalogue import read_cadence
from workflows.plan.readings import READINGS, defaults
from workflows.plan.replanning import asked

ENTRY = timedelta(days=30)
MODEL = date(2014, 12, 31)  # when the model is due that estimates are made with
DAYS = st.dates(date(2011, 1, 1), date(2012, 12, 31))
LATER = st.dates(date(2010, 6, 1), date(2019, 12, 31))


def closes(due):
    return due + ENTRY


def within(starts, ends, **readings):
    return Bounds(
        starts=starts, ends=ends, readings={**defaults(), **readings}, ready=lambda _: MODEL
    )


def cadences(day):
    return st.sampled_from(
        [
            f"{{once: {{on: {day}, at_least: 2}}}}",
            "{yearly: {}}",
            "{yearly: {at_least: 2}}",
            "{yearly: {once_ready: M-1}}",
            f"{{yearly: {{from: {day}}}}}",
            f"{{yearly: {{at_least: 1, from: {day}}}}}",
            "{continuous: {}}",
            f"{{continuous: {{from: {day}}}}}",
            "{continuous: {from_year: 2012-2013}}",
            f"{{periodic: {{after: {day}}}}}",
            "{level: {reach: 5, in: 2014}}",
        ]
    )


CHOICE = st.sampled_from([(r.key, choice) for r in READINGS.values() for choice in r.choices])


@st.composite
def stories(draw, extended=True):
    """A cadence, and the terms held in turn: choices of readings and extensions, in any order."""
    starts = draw(DAYS)
    ends = starts + timedelta(days=draw(st.integers(0, 2500)))
    readings = {}
    turns = [(date.min, within(starts, ends))]
    for since in sorted(draw(st.sets(LATER, max_size=5))):
        if extended and draw(st.booleans()):
            ends += timedelta(days=draw(st.integers(1, 800)))
        else:
            reading, choice = draw(CHOICE)
            readings[reading] = choice
        turns.append((since, within(starts, ends, **readings)))
    day = starts + timedelta(days=draw(st.integers(0, 900)))
    return read_cadence(draw(cadences(day))), turns


def days_of(found):
    return {o.start + timedelta(days=n) for o in found for n in range((o.end - o.start).days + 1)}


@settings(max_examples=300)
@given(stories())
def test_nothing_is_asked_twice_and_no_part_of_the_plan_is_left_out(story):
    cadence, turns = story
    found = asked(cadence, turns, closes)
    if is_single(cadence):
        assert len(found) == 1
        assert found[0].due in {
            o.due for _since, terms in turns for o in occurrences(cadence, terms)
        }
        return
    assert all(o.start <= o.end == o.due for o in found)
    assert all(before.end < after.start for before, after in pairwise(found))
    always = set.intersection(*(days_of(occurrences(cadence, terms)) for _since, terms in turns))
    assert always <= days_of(found)


def slowly(cadence, turns):
    """The due dates that are asked, by living every day: what closes today was asked, as the terms are today."""
    asked_for, ended, today = set(), date.max, date(2010, 1, 1)
    changes, closing = dict(turns), {}
    while today < date(2035, 1, 1):
        terms = changes.get(date.min if today == date(2010, 1, 1) else today)
        if terms is not None:
            said = [o.due for o in occurrences(cadence, terms)]
            closing = {closes(due): due for due in said}
            asked_for |= {due for due in said if closes(due) < today and ended < due <= terms.ends}
            ended = terms.ends
        asked_for |= {due for day, due in closing.items() if day == today}
        today += timedelta(days=1)
    return sorted(asked_for)


@settings(max_examples=100)
@given(stories())
def test_what_is_asked_is_what_each_day_that_closes_an_entry_says(story):
    cadence, turns = story
    if not is_single(cadence):
        assert [o.due for o in asked(cadence, turns, closes)] == slowly(cadence, turns)


def in_turn(text, *turns):
    starts, ends = date(2011, 4, 1), date(2016, 3, 31)
    held = [(date.min, within(starts, ends)), *(
        (date.fromisoformat(day), within(starts, ends, **readings)) for day, readings in turns
    )]  # fmt: skip
    found = asked(read_cadence(text), held, closes)
    return [(o.start.isoformat(), o.due.isoformat(), o.nature) for o in found]


LEVEL = "{level: {reach: 5, in: 2016}}"
THERE, BACK = {"en_annee": "calendar_year_end"}, {"en_annee": "fiscal_year_end"}
FISCAL = [("2015-04-01", "2016-03-31", "target")]
CIVIL = [("2016-01-01", "2016-12-31", "target")]


@pytest.mark.parametrize(
    ("turns", "expected"),
    [
        ([], FISCAL),
        ([("2016-04-30", THERE)], CIVIL),
        ([("2016-05-01", THERE)], FISCAL),
        ([("2015-06-01", THERE), ("2016-04-30", BACK)], FISCAL),
        ([("2015-06-01", THERE), ("2016-06-01", BACK)], CIVIL),
        ([("2015-06-01", THERE), ("2016-06-01", BACK), ("2016-07-01", THERE)], CIVIL),
        ([("2016-06-01", THERE), ("2017-06-01", BACK)], FISCAL),
    ],
)
def test_a_result_of_a_year_is_asked_once_however_that_year_is_read_in_turn(turns, expected):
    assert in_turn(LEVEL, *turns) == expected


def test_what_was_accounted_for_by_the_quarter_is_not_asked_again_by_the_year():
    quarterly, yearly = {"periodique": "quarterly"}, {"periodique": "yearly"}
    found = in_turn(
        "{periodic: {after: 2014-03-31}}", ("2011-05-01", quarterly), ("2014-11-20", yearly)
    )
    assert found == [
        (start, due, "accountability") for start, due in (
            ("2014-04-01", "2014-06-30"), ("2014-07-01", "2014-09-30"), ("2014-10-01", "2015-03-31"),
            ("2015-04-01", "2016-03-31"),
        )
    ]  # fmt: skip

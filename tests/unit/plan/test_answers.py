"""What was answered is not asked again under another reading: drawn choices and answers, in any order."""

from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.calendar import Calendar
from tests.unit.plan.test_catalogue import PLAN
from workflows.plan.cases import CycleCase, expected
from workflows.plan.cycles import cycles_of
from workflows.plan.decisions import standing
from workflows.plan.readings import READINGS
from workflows.plan.transcript import opening_form

CALENDAR = Calendar()
PERIODIC, LEVEL = PLAN.entry("E1-A1-O1-I2"), PLAN.entry("E3-A1-O4-I1")


@dataclass
class Line:
    """The line of a case in a list, as far as it is looked at here."""

    state: str = "saisi"


def asked(entry, choices, answers):
    plan = standing(PLAN, CALENDAR, {"lectures": choices})
    return expected(cycles_of(plan, CALENDAR, entry), answers)


STEPS = st.lists(
    st.tuples(st.integers(1, 200), st.sampled_from(["choose", "answer"]), st.integers(0, 5)),
    max_size=15,
)


def lived(entry, reading, steps):
    """Return the answers given and what is asked in the end, choices and answers in turn."""
    today, choices, answers = date(2012, 1, 10), [], []
    for wait, what, which in steps:
        today += timedelta(days=wait)
        if what == "choose":
            options = [*READINGS[reading].choices]
            choices.append({"lecture": reading, "valeur": options[which % len(options)], "motif": "x",
                            "at": f"{today}T15:00:00+00:00"})  # fmt: skip
            continue
        ended = [c for c in asked(entry, choices, answers) if c.end < today]
        if ended:
            answers.append(CycleCase(line=Line(), data=opening_form(ended[which % len(ended)])))
    return answers, asked(entry, choices, answers)


def periods(answers, left):
    given_ = [
        (date.fromisoformat(a.data["debut"]), date.fromisoformat(a.data["fin"])) for a in answers
    ]
    return sorted([*given_, *((c.start, c.end) for c in left)])


@settings(max_examples=100)
@given(STEPS)
def test_each_day_of_a_periodic_target_is_answered_or_asked_once(steps):
    found = periods(*lived(PERIODIC, "periodique", steps))
    assert (found[0][0], found[-1][1]) == (date(2012, 4, 1), date(2016, 3, 31))
    assert all((two[0] - one[1]).days == 1 for one, two in pairwise(found))


@settings(max_examples=50)
@given(STEPS)
def test_a_single_result_is_answered_or_asked_once(steps):
    later = [(wait * 3, what, which) for wait, what, which in steps]
    assert len(periods(*lived(LEVEL, "en_annee", later))) == 1

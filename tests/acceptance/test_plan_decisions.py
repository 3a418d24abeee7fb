"""Decisions on a plan by their commands: what is refused, what a rehearsal plays, who was faster."""

import pytest

from tests.acceptance.test_plan import plan  # noqa: F401 - a fixture
from tests.unit.plan.test_catalogue import MINIMAL

#: A plan that ends within a fiscal year, with an amendment that stands in its file.
SHORT = (
    MINIMAL.replace("plan: essai", "plan: court")
    .replace("2020-04-01", "2011-09-01")
    .replace("2020-03-01", "2011-03-31")
    .replace("2025-03-31", "2013-12-31")
    .replace("2021-03-31", "2013-06-30")
    .partition("amendments")[0]
)
AMENDED = """\
amendments:
  - indicator: A-2
    target: {fr: Plus tard}
    cadence: %s
    decided: 2012-06-01
    effective: 2013-01-01
    resolution: R-2
    reason: {fr: Retard}
"""


@pytest.fixture
def short(plan):  # noqa: F811
    (plan.home / "plans").mkdir()
    (plan.home / "plans/court.yaml").write_text(SHORT, encoding="utf-8")
    return plan


def test_two_readings_at_once_are_refused_and_neither_is_taken(plan):  # noqa: F811
    refused = plan.run("plan", "readings", "--set", "periodique=quarterly", "--set",
                       "annuel_debut=second_year", "--reason", "x", code=2).stderr  # fmt: skip
    assert "Une lecture à la fois" in refused
    assert {r["decided"] for r in plan.json("plan", "readings")["readings"]} == {None}


def test_a_part_of_a_year_is_accounted_for_and_why_says_so(short):
    found = short.json("plan", "cycles", "--plan", "court")["cycles"]
    mine = [(c["period_start"], c["due"], c["nature"]) for c in found if c["indicator"] == "A-2"]
    assert mine == [
        ("2011-09-01", "2012-03-31", "accountability"),
        ("2012-04-01", "2013-03-31", "target"),
        ("2013-04-01", "2013-12-31", "accountability"),
    ]
    assert "rien n'y est promis" in short("why", "A-2/2013-2014")
    assert "rien n'y est promis" not in short("why", "A-2/2012-2013")


def test_an_extension_is_played_on_its_day_and_names_itself_on_the_board(short):
    short.now = "2013-05-20T10:00"
    short("tick")
    short.now = "2013-06-03T10:00"
    short("plan", "extend", "--plan", "court", "--to", "2014-08-31", "--resolution", "R-9",
          "--decided", "2013-06-03", "--reason", "Transition")  # fmt: skip
    board = short("plan", "--plan", "court").replace("\u00a0", " ")
    assert "remplacé (résolution R-9" in board
    played = short.json("simulate", "--from", "2011-09-01", "--to", "2014-08-31")["happenings"]
    opened = [(h["due"], h["at"][:10]) for h in played
              if h["kind"] == "opened" and h.get("indicator") == "A-2"]  # fmt: skip
    assert opened == [
        ("2012-03-31", "2011-09-01"), ("2013-03-31", "2012-03-02"), ("2013-12-31", "2013-03-02"),
        ("2014-03-31", "2013-06-03"), ("2014-08-31", "2014-03-02"),
    ]  # fmt: skip


def test_an_amendment_under_which_nothing_is_ever_due_is_refused_at_its_place(short):
    amend = ("plan", "amend", "A-2", "--plan", "court", "--target", "x", "--resolution", "R",
             "--decided", "2012-11-01", "--reason", "x")  # fmt: skip
    for cadence, code in (
        ("{level: {reach: 2, in: 2012}}", "--cadence:1:1: never-due"),
        ("{periodic: {after: 2013-06-01}}", "--cadence:1:1: never-due"),
        ("{once: {on: 2012-03-31}}", "--cadence:1:13: due-before-start"),
    ):
        refused = short.run(*amend, "--cadence", cadence, code=1).stderr
        assert code in refused
        assert "La décision n'a pas été consignée" in refused
    assert short.json("list", "--all")["cases"] == []
    file = short.home / "plans/court.yaml"
    for cadence, place in (
        ("{level: {reach: 2, in: 2012}}", ":29:14: never-due"),
        ("{once: {on: 2012-12-31}}", ":29:26: due-before-start"),
    ):
        file.write_text(SHORT + AMENDED % cadence, encoding="utf-8")
        said = short.run("plan", "cycles").stderr
        assert f"court.yaml{place}" in said
        assert "court" not in {c["plan"] for c in short.json("plan", "cycles")["cycles"]}
    file.write_text(SHORT + AMENDED % "{yearly: {from: 2012-12-31}}", encoding="utf-8")
    assert "court" in {c["plan"] for c in short.json("plan", "cycles")["cycles"]}


def test_of_decisions_typed_at_once_each_is_recorded_whole_or_told_of_the_conflict(plan):  # noqa: F811
    plan("plan", "assign", "E1-A1-O1-I1", "--to", "conseillere")
    started = [
        plan.start("plan", "amend", name, "--target", "x", "--cadence", "{yearly: {at_least: 3}}",
                   "--resolution", "R", "--decided", "2012-11-01", "--reason", "x")
        for name in ("E3-A1-O1-I1", "E3-A1-O2-I1", "E1-A3-O5-I2")
    ]  # fmt: skip
    said = [(process.communicate()[0], process.returncode) for process in started]
    assert {code for _text, code in said} <= {0, 3}, said
    taken = sum(code == 0 for _text, code in said)
    changed = [c for c in plan.json("plan", "compare")["changes"] if c["change"] == "changed"]
    assert len(changed) == taken >= 1
    assert "n'a pas été chargé" not in "".join(text for text, _code in said)
    plan("verify")

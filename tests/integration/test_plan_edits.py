"""What becomes of cycles when the file of their plan is edited, on both databases."""

from engine.verify import verify
from tests.integration.test_plan import (
    FILE,
    PLAN,
    YEAR,
    all_cases,
    case_of,
    choose,
    keep,
    local,
    plans,
    report,
    today,
)
from workflows.plan import catalogue, keeper
from workflows.plan.board import board
from workflows.plan.table import lines


def edited(*changes):
    """Return the plan as its file reads with other words."""
    text = FILE.read_text(encoding="utf-8")
    for before, after in changes:
        assert before in text
        text = text.replace(before, after, 1)
    return catalogue.load(text, FILE.name)


def rows_of(world, made, year=YEAR):
    found = board(plans(world, made)[0], all_cases(world), world.calendar, today(world), year)
    return {r.cycle.indicator: r for r in found}


TWO = 'target: {fr: "Au moins 2 ententes ou activités par année"}'
RENAMED = (
    (TWO, "target: {fr: Au moins 3 ententes par année}"),
    ("{yearly: {at_least: 2}}", "{yearly: {at_least: 3}}"),
    ('title: {fr: "Ententes de participation et activités"}', "title: {fr: Ententes}"),
)


def test_what_is_open_follows_the_plan_s_file_and_its_history_says_so(planned):
    local(planned, "2012-06-01T09:00")
    keep(planned)
    number = case_of(planned, "E3-A1-O1-I1")
    made = edited(*RENAMED, ("entry: 30 days", "entry: 45 days"))
    (plan,) = plans(planned, made)
    assert keeper.behind(plan, all_cases(planned), planned.calendar) == all_cases(planned)
    assert number in keep(planned, made).moved
    data = planned.case(number).data
    assert (data["libelle"], data["cible"], data["quantite"], data["saisie_avant"]) == (
        "Ententes", "Au moins 3 ententes par année", 3, "2013-05-15",
    )  # fmt: skip
    last = planned.events(number)[-1]
    assert (last["action"], last["actor"]) == ("ajuster", "system")
    assert last["body"]["changes"]["quantite"] == [2, 3]
    assert keep(planned, made).moved == []
    assert keeper.behind(plan, all_cases(planned), planned.calendar) == []
    once = edited((TWO, "target: {fr: Annuel}"), ("{yearly: {at_least: 2}}", "{yearly: {}}"))
    keep(planned, once)
    assert "quantite" not in planned.case(number).data
    assert rows_of(planned, once)["E3-A1-O1-I1"].cycle.quantity is None
    assert verify(planned.database).faults == ()


def test_what_was_answered_keeps_the_words_and_numbers_of_its_time_whatever_the_file_says(planned):
    local(planned, "2012-06-01T09:00")
    keep(planned)
    number = case_of(planned, "E3-A1-O1-I1")
    for day in ("2012-05-01", "2012-05-02"):
        planned.do(number, "consigner", evenements__titre="E", evenements__le=day)
    report(planned, number)
    before, words = planned.case(number).data, lines_of(planned, PLAN)
    made = edited(*RENAMED, ("fr: \"L'ATTRACTION ET", 'fr: "LE MAINTIEN ET'))
    assert number not in keep(planned, made).moved
    assert planned.case(number).data == before
    (line,) = (n for n in lines_of(planned, made) if n.indicator == "E3-A1-O1-I1")
    assert line in words
    row = rows_of(planned, made)["E3-A1-O1-I1"]
    assert (row.cycle.quantity, row.cycle.version.target, row.cycle.version.cadence.yearly.at_least) == (
        2, line.target, 2,
    )  # fmt: skip
    assert row.cycle.entry.enjeu.title.fr.startswith("L'ATTRACTION")
    assert rows_of(planned, made)["E3-A1-O2-I1"].cycle.entry.enjeu.title.fr.startswith(
        "LE MAINTIEN"
    )


def lines_of(world, made):
    return lines(list(rows_of(world, made).values()), name_of=str, files_of=lambda _: [])


def test_a_due_date_that_the_file_no_longer_has_is_laid_at_the_plan_s_door_not_at_a_reading_s(
    planned,
):
    choose(planned, "periodique", "half_yearly")
    number = case_of(planned, "E1-A2-O3-I1")
    moved = edited(("{once: {on: 2013-03-31}}", "{once: {on: 2013-06-30}}"))
    assert number in keep(planned, moved).replaced
    assert planned.case(number).data["cause_fin"] == "plan"


def without(indicator):
    """Return the plan as its file reads once an indicator is taken out of it."""
    kept = FILE.read_text(encoding="utf-8").splitlines(keepends=True)
    at = next(n for n, line in enumerate(kept) if line.strip() == f"- id: {indicator}")
    del kept[at : at + 4]
    return catalogue.load("".join(kept), FILE.name)


def test_an_indicator_that_the_file_has_no_more_keeps_its_reports_and_its_open_cycle_ends(planned):
    local(planned, "2012-06-01T09:00")
    keep(planned)
    answered, other = case_of(planned, "E1-A1-O1-I2"), case_of(planned, "E1-A3-O5-I2")
    report(planned, answered)
    before, order = lines_of(planned, PLAN), [*rows_of(planned, PLAN)]
    made = without("E1-A1-O1-I2")
    assert made.entry("E1-A1-O1-I2") is None
    assert keep(planned, made).replaced == []
    assert lines_of(planned, made) == before
    assert [*rows_of(planned, made)] == order
    assert case_of(planned, "E1-A1-O1-I2", YEAR, made) == answered
    assert keep(planned, without("E1-A3-O5-I2")).replaced == [other]
    row = rows_of(planned, without("E1-A3-O5-I2"))["E1-A3-O5-I2"]
    assert (row.status, row.given.cause) == ("remplace", "plan")
    assert verify(planned.database).faults == ()


def test_what_was_answered_stays_where_it_stood_when_its_indicator_moves_in_the_plan(planned):
    local(planned, "2012-06-01T09:00")
    keep(planned)
    number = case_of(planned, "E1-A1-O1-I2")
    report(planned, number)
    made = edited(("- number: 1\n    title", "- number: 7\n    title"))
    rows = rows_of(planned, made).values()
    assert {r.cycle.entry.enjeu.number for r in rows if r.answered} == {1}
    keep(planned, made)
    numbers = [r.cycle.entry.enjeu.number for r in rows_of(planned, made).values()]
    assert [n for i, n in enumerate(numbers) if n not in numbers[:i]] == [7, 2, 3, 1]
    assert numbers.count(1) == 1

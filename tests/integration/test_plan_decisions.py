"""What a decision changes in the cases of a plan, on both databases: readings, resolutions, extensions."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from engine.errors import Conflict, Refused
from engine.verify import verify
from tests.integration.test_plan import (
    all_cases,
    amend,
    case_of,
    choose,
    keep,
    local,
    mails,
    own,
    plans,
    report,
    rows,
    today,
)
from tests.support.world import ADVISER, DIRECTOR, OTHER
from tests.unit.plan.test_catalogue import MINIMAL
from workflows.plan import catalogue, keeper
from workflows.plan.board import board

SHORT = catalogue.load(
    MINIMAL.partition("amendments")[0]
    .replace("2020-04-01", "2011-09-01")
    .replace("2020-03-01", "2011-03-31")
    .replace("2025-03-31", "2013-12-31")
    .replace("2021-03-31", "2013-06-30"),
    "court.yaml",
)


def extend(world, until, *catalogues, resolution="INM-70"):
    record = {
        "prolongations.fin": until, "prolongations.decide_le": today(world).isoformat(),
        "prolongations.resolution": resolution, "prolongations.motif": "Transition",
    }  # fmt: skip
    keeper.decide(world.engine, plans(world, *catalogues)[0], "prolonger", record, DIRECTOR)
    return keep(world, *catalogues)


def shown(world, indicator, *catalogues):
    """Every line of an indicator: its due date, its status, what replaced it."""
    (plan,) = plans(world, *catalogues)
    found = board(plan, all_cases(world), world.calendar, today(world), None)
    return [
        (r.cycle.due.isoformat(), r.status, r.given and r.given.detail)
        for r in found
        if r.cycle.indicator == indicator
    ]


def test_what_an_extension_replaces_names_its_resolution(planned):
    local(planned, "2013-11-20T09:00")
    keep(planned, SHORT)
    kept = extend(planned, "2014-12-31", SHORT)
    (number,) = kept.replaced
    said = planned.case(number).data
    assert (said["echeance"], said["cause_fin"], said["precision_fin"], said["motif_fin"]) == (
        "2013-12-31", "resolution", "INM-70", "Transition",
    )  # fmt: skip
    assert shown(planned, "A-2", SHORT) == [
        ("2012-03-31", "en_retard", None), ("2013-03-31", "en_retard", None),
        ("2013-12-31", "remplace", "INM-70"), ("2014-03-31", "en_voie", None),
        ("2014-12-31", "a_venir", None),
    ]  # fmt: skip
    assert verify(planned.database).faults == ()


def test_what_was_accounted_for_before_an_extension_is_not_asked_again(planned):
    local(planned, "2013-12-20T09:00")
    keep(planned, SHORT)
    first = case_of(planned, "A-2", "2013-2014", SHORT)
    planned.do(first, "saisir", resultat="Neuf mois", preuve="Rapport")
    extend(planned, "2014-12-31", SHORT)
    assert planned.case(first).row.state == "saisi"
    (rest,) = (
        c for c in all_cases(planned) if c.data["echeance"] == "2014-03-31" and c.line.ended_at is None
    )  # fmt: skip
    assert (rest.data["debut"], rest.data["nature"]) == ("2014-01-01", "reddition")
    assert keep(planned, SHORT).opened == []


@pytest.mark.parametrize("entered", ["2016-04-10", "2015-11-20"])
def test_a_result_that_was_given_is_not_asked_again_under_another_reading(planned, entered):
    local(planned, f"{entered}T09:00")
    keep(planned)
    number = case_of(planned, "E3-A1-O4-I1", "2015-2016")
    report(planned, number, atteinte="non_atteinte", explication="Trois de cinq")
    local(planned, "2016-04-12T09:00")
    for choice in ("calendar_year_end", "fiscal_year_end", "calendar_year_end"):
        assert choose(planned, "en_annee", choice).opened == []
        assert shown(planned, "E3-A1-O4-I1") == [("2016-03-31", "non_atteint", None)]


def test_a_result_whose_reading_is_set_back_after_its_year_stays_where_it_is_asked(planned):
    local(planned, "2015-06-01T09:00")
    choose(planned, "en_annee", "calendar_year_end")
    local(planned, "2016-06-01T09:00")
    keep(planned)
    choose(planned, "en_annee", "fiscal_year_end")
    assert shown(planned, "E3-A1-O4-I1") == [("2016-12-31", "en_voie", None)]
    assert case_of(planned, "E3-A1-O4-I1", "2016-2017") is not None


def test_what_was_answered_by_the_quarter_is_left_out_of_the_year_that_is_asked_since(planned):
    choose(planned, "periodique", "quarterly")
    local(planned, "2013-01-10T09:00")
    keep(planned)
    third = next(c.line.number for c in all_cases(planned)
                 if (c.data["indicateur"], c.data["echeance"]) == ("E1-A1-O1-I2", "2012-12-31"))  # fmt: skip
    planned.do(third, "saisir", resultat="Bulletin", preuve="Bulletin")
    choose(planned, "periodique", "yearly")
    (year,) = (c for c in all_cases(planned) if c.line.state in {"a_faire", "a_declarer"}
               and (c.data["indicateur"], c.data["echeance"]) == ("E1-A1-O1-I2", "2013-03-31"))  # fmt: skip
    assert year.data["debut"] == "2013-01-01"


@pytest.mark.parametrize("now", ["2013-04-10", "2013-06-03"], ids=["entry open", "entry closed"])
def test_a_late_report_whose_target_is_amended_stays_on_its_desk_and_its_silence_is_told_once(
    planned, now
):
    own(planned, "E3-A1-O1-I1")
    keep(planned)
    local(planned, "2013-03-31T12:00")
    keep(planned)
    number = case_of(planned, "E3-A1-O1-I1")
    planned.do(number, "consigner", evenements__titre="Entente", evenements__le="2012-05-01")
    for day in ("2013-04-02", "2013-04-08", "2013-04-15"):
        if day <= now:
            local(planned, f"{day}T09:00")
            planned.tick()
    local(planned, f"{now}T09:00")
    planned.tick()
    kept = amend(planned, "E3-A1-O1-I1", "2012-04-01")
    assert (kept.findings, kept.amended) == ([], [number])
    assert number not in kept.replaced
    case = planned.case(number)
    assert (case.row.owner, case.row.state) == (ADVISER.login, "a_declarer")
    assert (case.data["cible"], case.data["quantite"], len(case.data["evenements"])) == (
        "Nouvelle cible", 3, 1,
    )  # fmt: skip
    row = rows(planned)["E3-A1-O1-I1"]
    assert (row.case.line.number, row.former.target) == (
        number,
        "Au moins 2 ententes ou activités par année",
    )
    for day in ("2013-06-10", "2013-06-20"):
        local(planned, f"{day}T09:00")
        planned.tick()
        keep(planned)
    told = [m[1] for m in mails(planned, number) if m[1].startswith("silence")]
    assert told.count("silence_direction") == 1
    again = [
        c
        for c in all_cases(planned)
        if c.promise == ("plan_2011_2016", "E3-A1-O1-I1", "2013-03-31")
    ]
    assert len(again) == 1
    assert verify(planned.database).faults == ()


@pytest.mark.parametrize("decided", ["2012-06-04", "2013-03-20", "2014-03-20"])
def test_the_first_report_under_a_new_target_names_the_old_one_whenever_it_was_decided(
    planned, decided
):
    keep(planned)
    local(planned, f"{decided}T09:00")
    keep(planned)
    amend(planned, "E3-A1-O2-I1", decided,
          **{"amendements.cadence": "{yearly: {at_least: 3, from: 2016-03-31}}"})  # fmt: skip
    (plan,) = plans(planned)
    found = board(plan, all_cases(planned), planned.calendar, today(planned), "2015-2016")
    (row,) = (r for r in found if r.cycle.indicator == "E3-A1-O2-I1" and r.status != "remplace")
    assert row.former.target == "Au moins une activité par année"


def test_an_event_that_follows_a_decision_keeps_who_logged_it(planned):
    local(planned, "2012-06-01T09:00")
    keep(planned)
    number = case_of(planned, "E3-A1-O1-I1")
    for who in (ADVISER, OTHER):
        planned.do(number, "consigner", who, evenements__titre="E", evenements__le="2012-05-01")
    amend(planned, "E3-A1-O1-I1", "2012-04-01")
    row = rows(planned)["E3-A1-O1-I1"]
    assert row.case.line.number != number
    assert [e["by"] for e in row.events] == [ADVISER.login, OTHER.login]
    logged = [e for e in planned.events(row.case.line.number) if e["action"] == "consigner"]
    assert [(e["actor"], e["via"]) for e in logged] == [
        (ADVISER.login, "system"), (OTHER.login, "system"),
    ]  # fmt: skip
    assert verify(planned.database).faults == ()


def recorded(indicator):
    return {
        "amendements.indicateur": indicator, "amendements.cible": "Nouvelle",
        "amendements.cadence": "{yearly: {at_least: 3}}", "amendements.decide_le": "2011-04-01",
        "amendements.effectif_le": "2011-04-01", "amendements.resolution": f"R-{indicator}",
        "amendements.motif": "Décidé",
    }  # fmt: skip


@pytest.mark.parametrize("first", [True, False], ids=["no decision yet", "some already"])
def test_of_two_decisions_made_at_once_the_slower_is_a_conflict_that_writes_nothing(planned, first):
    if not first:
        own(planned, "E1-A1-O1-I1")
    (plan,), start = plans(planned), Barrier(2)

    def decide(indicator):
        start.wait(20)
        try:
            keeper.decide(planned.engine, plan, "amender", recorded(indicator), DIRECTOR)
        except Conflict as error:
            return error.number
        return None

    with ThreadPoolExecutor(2) as pool:
        said = list(pool.map(decide, ("E3-A1-O1-I1", "E3-A1-O2-I1")))
    assert sorted(said, key=str) == ["PL-2011-0001", None] or sorted(said, key=str) == [
        None,
        "PL-2011-0001",
    ]
    assert sum(len(v) for v in plans(planned)[0].amended.values()) == 1
    assert verify(planned.database).faults == ()


def test_a_decision_that_cannot_be_read_opens_nothing(planned):
    form = {**recorded("E3-A1-O1-I1"), "amendements.resolution": "R" * 61}
    with pytest.raises(Refused) as refusal:
        keeper.decide(planned.engine, plans(planned)[0], "amender", form, DIRECTOR)
    assert [r.field for r in refusal.value.reasons] == ["amendements.resolution"]
    assert plans(planned)[0].case is None


def test_a_year_that_a_plan_covers_in_part_is_accounted_for_and_may_not_be_missed(planned):
    local(planned, "2012-03-20T09:00")
    keep(planned, SHORT)
    number = case_of(planned, "A-2", "2011-2012", SHORT)
    data = planned.case(number).data
    assert (data["debut"], data["echeance"], data["nature"]) == (
        "2011-09-01",
        "2012-03-31",
        "reddition",
    )
    with pytest.raises(Refused) as refusal:
        planned.do(number, "saisir", atteinte="non_atteinte", resultat="Rien", explication="Début")
    assert "Une reddition n'a pas de cible à manquer" in refusal.value.reasons[0].message["fr"]
    planned.do(number, "saisir", resultat="Début", preuve="Rapport")


def test_two_passes_at_once_replace_each_cycle_once_and_find_no_fault_with_the_plan(planned):
    keep(planned)
    record = {
        "lectures.lecture": "annuel_debut",
        "lectures.valeur": "second_year",
        "lectures.motif": "x",
    }
    keeper.decide(planned.engine, plans(planned)[0], "choisir_lecture", record, DIRECTOR)
    start = Barrier(2)

    def pass_(_number):
        start.wait(20)
        return keep(planned)

    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(pass_, range(2)))
    assert [d.findings for d in done] == [[], []]
    replaced = sorted(n for d in done for n in d.replaced)
    assert replaced == sorted(
        c.line.number for c in all_cases(planned) if c.line.state == "remplace"
    )
    assert len(replaced) == 4


def test_a_pass_that_read_the_plan_before_a_decision_undoes_nothing_of_it(planned):
    local(planned, "2012-06-01T09:00")
    keep(planned)
    before = plans(planned)
    amend(planned, "E3-A1-O1-I1", "2012-04-01")
    number = case_of(planned, "E3-A1-O1-I1")
    kept = keeper.keep(planned.engine, before)
    assert (kept.opened, kept.replaced, kept.findings) == ([], [], [])
    assert planned.case(number).row.state == "a_faire"

"""The plan on both databases: cycles opened, reminded, reported, adopted, locked, amended."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import update

import workflows
from engine import attachments, outbox, register, staff
from engine.actor import File
from engine.errors import Ambiguous, InvalidDefinition, Refused
from engine.schema import deliveries
from engine.verify import verify
from tests.support.world import ADVISER, BUYER, DIRECTOR, OTHER, WORKFLOWS
from workflows.plan import catalogue, keeper
from workflows.plan.board import board, summary
from workflows.plan.cases import cases_of, named
from workflows.plan.cycles import cycles
from workflows.plan.proof import prove
from workflows.plan.table import lines

(FILE,) = workflows.shipped_plans()
PLAN = catalogue.load(FILE.read_text(encoding="utf-8"), FILE.name)
YEAR = "2012-2013"


def local(world, text):
    moment = datetime.fromisoformat(text)
    world.clock.set(world.calendar.instant(moment.date(), moment.time()))


def plans(world, *catalogues):
    with world.database.read() as connection:
        decisions = keeper.decided(connection)
    day = today(world)
    return [
        keeper.stand(catalogue, decisions, world.calendar).on(day)
        for catalogue in catalogues or (PLAN,)
    ]


def today(world):
    return world.calendar.today(world.clock.now())


def keep(world, *catalogues):
    return keeper.keep(world.engine, plans(world, *catalogues))


def case_of(world, indicator, year=YEAR, *catalogues):
    found = named(
        plans(world, *catalogues), all_cases(world), world.calendar, f"{indicator}/{year}"
    )
    return None if found[2] is None else found[2].line.number


def all_cases(world):
    with world.database.read() as connection:
        return cases_of(connection)


def rows(world, year=YEAR):
    with world.database.read() as connection:
        cases = cases_of(connection)
    today = world.calendar.today(world.clock.now())
    found = board(plans(world)[0], cases, world.calendar, today, year)
    # What stands comes last, so that it is what is kept of an indicator that was replaced.
    return {r.cycle.indicator: r for r in sorted(found, key=lambda r: r.status != "remplace")}


def own(world, indicator, who=ADVISER):
    keeper.decide(
        world.engine, plans(world)[0], "confier",
        {"responsables.indicateur": indicator, "responsables.personne": who.login}, DIRECTOR,
    )  # fmt: skip


def mails(world, number, name=None):
    with world.database.read() as connection:
        found = outbox.list_deliveries(connection, case_id=world.id(number))
    return [
        (world.calendar.local(d.queued_at).strftime("%Y-%m-%d %H:%M"), d.message, d.addresses[0])
        for d in sorted(found, key=lambda d: d.id)
        if name in {None, d.message}
    ]


def live(world, until, *, every=timedelta(hours=1)):
    """Let the time pass as a service would, looking every hour."""
    end = datetime.combine(until, datetime.min.time(), tzinfo=UTC) + timedelta(days=1)
    while world.clock.now() < end:
        world.tick()
        world.clock.advance(every)


def report(world, number, **more):
    form = {"atteinte": "atteinte", "resultat": "Fait", "preuve": "Rapport", **more}
    return world.do(number, "saisir", ADVISER, **form)


def test_cycles_open_ahead_of_their_period_once_and_on_their_owners_desk(planned):
    own(planned, "E1-A1-O1-I1")
    first = keep(planned)
    assert len(first.opened) == 15
    assert keep(planned).opened == []
    case = planned.case(case_of(planned, "E1-A1-O1-I1", "2011-2012"))
    assert case.row.owner == ADVISER.login
    assert case.data["libelle"] == "Structure de veille stratégique mise en place"
    assert case_of(planned, "E1-A4-O6-I1") is None
    local(planned, "2012-03-05T09:00")
    keep(planned)
    assert case_of(planned, "E1-A4-O6-I1") is not None


def test_a_plan_of_the_past_floods_nobody(planned):
    local(planned, "2026-11-20T09:00")
    assert keep(planned).opened == []


def test_reminders_leave_at_60_30_14_7_and_1_days_on_business_days_each_once(planned):
    own(planned, "E1-A2-O3-I1")
    keep(planned)
    number = case_of(planned, "E1-A2-O3-I1")
    local(planned, "2013-01-20T08:30")
    live(planned, date(2013, 3, 31))
    # 31 March 2013 is Easter Sunday, the 30th a Saturday, the 29th Good Friday.
    assert mails(planned, number, "rappel") == [
        (f"{day} 08:30", "rappel", "conseillere@example.org")
        for day in ("2013-01-30", "2013-03-01", "2013-03-15", "2013-03-22", "2013-03-28")
    ]


@pytest.mark.parametrize(
    ("due", "hour", "first", "leaves"),
    [
        ("2012-03-12", "02:30", "2012-03-11T05:00", "2012-03-11T07:00"),  # 02:30 is skipped: 03:00
        (
            "2012-11-05",
            "01:30",
            "2012-11-04T04:00",
            "2012-11-04T05:30",
        ),  # 01:30 comes twice: the first
    ],
)
def test_a_reminder_at_an_hour_that_the_clocks_skip_or_repeat_leaves_once(
    empty, tmp_path, due, hour, first, leaves
):
    text = (WORKFLOWS / "cycle.yaml").read_text(encoding="utf-8")
    usual = 'before: 1 day, hour: "08:30", on_business_day: backward'
    assert usual in text
    (tmp_path / "cycle.yaml").write_text(
        text.replace(usual, f'before: 1 day, hour: "{hour}"'), encoding="utf-8"
    )
    empty.install(tmp_path / "cycle.yaml", WORKFLOWS / "plan.yaml")
    empty.clock.set(datetime(2012, 2, 1, 15, 0, tzinfo=UTC))
    plan = catalogue.load(
        FILE.read_text(encoding="utf-8").replace(
            "{once: {on: 2012-03-31}}", f"{{once: {{on: {due}}}}}", 1
        ),
        "essai.yaml",
    )
    keep(empty.people(), plan)
    number = case_of(
        empty, "E1-A1-O1-I1", empty.calendar.fiscal_year(date.fromisoformat(due)), plan
    )
    empty.clock.set(datetime.fromisoformat(f"{first}+00:00"))
    empty.tick()
    before = len(mails(empty, number))
    for _quarter in range(24):
        empty.clock.advance(timedelta(minutes=15))
        empty.tick()
    with empty.database.read() as connection:
        sent = outbox.list_deliveries(connection, case_id=empty.id(number))
    assert [d.queued_at.isoformat()[:16] for d in sorted(sent, key=lambda d: d.id)][before:] == [
        leaves
    ]


def test_who_has_answered_is_reminded_no_more(planned):
    own(planned, "E1-A2-O3-I1")
    keep(planned)
    number = case_of(planned, "E1-A2-O3-I1")
    local(planned, "2013-03-10T09:00")
    planned.tick()
    report(planned, number, atteint_le="2013-03-08")
    before = mails(planned, number, "rappel")
    live(planned, date(2013, 5, 15), every=timedelta(hours=6))
    assert mails(planned, number, "rappel") == before
    assert mails(planned, number, "silence_direction") == []


def owned_with_substitute(world, substitute):
    """Return a cycle whose owner has a substitute."""
    with world.database.write() as connection:
        staff.change(
            connection, ADVISER.login, substitute=substitute.login, actor="x", at=world.clock.now()
        )
    own(world, "E1-A2-O3-I1")
    keep(world)
    return case_of(world, "E1-A2-O3-I1")


def test_after_silence_the_substitute_then_the_director_are_told_once_each(planned):
    number = owned_with_substitute(planned, OTHER)
    local(planned, "2013-03-31T20:00")
    live(planned, date(2013, 5, 20), every=timedelta(hours=3))
    told = [m for m in mails(planned, number) if m[1].startswith("silence")]
    assert [(m[1], m[2]) for m in told] == [
        ("silence_substitut", "conseiller2@example.org"), ("silence_direction", "directrice@example.org"),
    ]  # fmt: skip
    # 1 April 2013 is Easter Monday: five business days later is the 8th.
    assert told[0][0].startswith("2013-04-08")


def test_a_substitute_who_has_no_role_in_the_process_is_not_asked_to_answer(planned):
    number = owned_with_substitute(planned, BUYER)
    for day in ("2013-04-08", "2013-04-15"):
        local(planned, f"{day}T08:30")
        planned.tick()
    told = [m for m in mails(planned, number) if m[1].startswith("silence")]
    assert told == [("2013-04-15 08:30", "silence_direction", "directrice@example.org")]


def test_a_machine_off_for_a_week_around_a_deadline_catches_up_with_one_message(planned):
    own(planned, "E1-A2-O3-I1")
    keep(planned)
    number = case_of(planned, "E1-A2-O3-I1")
    local(planned, "2013-03-20T09:00")
    planned.tick()
    before = len(mails(planned, number, "rappel"))
    local(planned, "2013-04-03T09:00")
    planned.tick()
    assert len(mails(planned, number, "rappel")) == before + 1
    assert planned.case(number).row.state == "a_declarer"


@pytest.mark.parametrize(
    ("back", "leaves"),
    [
        ("2012-03-24T21:30", "2012-03-26 08:30"),  # a Saturday
        ("2012-03-26T05:00", "2012-03-26 08:30"),  # before the day begins
        ("2012-03-26T17:30", "2012-03-27 08:30"),  # after it has ended
        (
            "2012-03-31T21:30",
            "2012-03-31 21:30",
        ),  # the target's day itself, a Saturday: not after it
        ("2012-04-07T21:30", "2012-04-10 08:30"),  # past it already, before Easter Monday
    ],
)
def test_a_catch_up_waits_for_business_to_open_unless_its_deadline_would_pass(
    planned, back, leaves
):
    own(planned, "E1-A1-O1-I1")
    keep(planned)
    number = case_of(planned, "E1-A1-O1-I1", "2011-2012")
    local(planned, "2012-03-09T09:00")
    planned.tick()
    before = mails(planned, number, "rappel")
    local(planned, back)
    planned.tick()
    if leaves != back.replace("T", " "):
        assert mails(planned, number, "rappel") == before
        assert planned.tick().held == 0
        local(planned, leaves.replace(" ", "T"))
        planned.tick()
    caught_up = mails(planned, number, "rappel")[len(before) :]
    assert caught_up == [(leaves, "rappel", "conseillere@example.org")]
    told = [e["body"] for e in planned.events(number) if "rappel" in e["body"].get("notify", ())][
        -1
    ]
    assert told["planned"] < back
    assert {told["timer"], *told["superseded"]} >= {"rappel_14", "rappel_7"}


def test_who_answers_while_a_catch_up_waits_does_not_get_it(planned):
    own(planned, "E1-A1-O1-I1")
    keep(planned)
    number = case_of(planned, "E1-A1-O1-I1", "2011-2012")
    local(planned, "2012-04-07T21:30")
    assert planned.tick().held
    report(planned, number, atteint_le="2012-03-30")
    local(planned, "2012-04-10T08:30")
    planned.tick()
    assert mails(planned, number, "rappel") == []


def test_a_catch_up_is_put_off_once_even_if_passes_only_run_at_night(planned):
    own(planned, "E1-A1-O1-I1")
    keep(planned)
    number = case_of(planned, "E1-A1-O1-I1", "2011-2012")
    for day in ("2012-03-01", "2012-03-02", "2012-03-03"):
        local(planned, f"{day}T02:00")
        planned.tick()
    # Due on 1 March at 08:30, put off by the pass of the 2nd, gone with that of the 3rd.
    told = [m for m in mails(planned, number, "rappel") if m[0] > "2012-03-01 08:30"]
    assert [m[0] for m in told] == ["2012-03-03 02:00"]


def test_nobodys_indicator_is_told_to_the_director(planned):
    keep(planned)
    number = case_of(planned, "E1-A2-O3-I1")
    local(planned, "2013-01-20T09:00")
    live(planned, date(2013, 1, 31), every=timedelta(hours=6))
    assert {m[1:] for m in mails(planned, number)} == {
        ("rappel_direction", "directrice@example.org")
    }


def test_an_owner_who_is_away_is_replaced_and_one_who_changed_gets_the_open_cycles(planned):
    own(planned, "E1-A2-O3-I1")
    keep(planned)
    number = case_of(planned, "E1-A2-O3-I1")
    with planned.database.write() as connection:
        staff.set_absence(connection, ADVISER.login, date(2013, 1, 28), date(2013, 2, 8), OTHER.login,
                          actor="x", at=planned.clock.now())  # fmt: skip
    local(planned, "2013-01-30T09:00")
    planned.tick()
    assert mails(planned, number, "rappel")[-1][2] == "conseiller2@example.org"
    own(planned, "E1-A2-O3-I1", DIRECTOR)
    assert number in confide(planned, "E1-A2-O3-I1", DIRECTOR).moved
    assert planned.case(number).row.owner == DIRECTOR.login


def confide(world, indicator, who, by=DIRECTOR):
    plan = plans(world)[0]
    return keeper.confide(world.engine, plan, indicator, who.login, by)[1]


def test_whoever_is_given_an_indicator_is_told_of_its_open_cycles_the_first_time_too(planned):
    kept = confide(planned, "E1-A2-O3-I1", ADVISER)
    (number,) = kept.moved
    assert number in kept.opened
    assert [m[1:] for m in mails(planned, number)] == [("attribution", "conseillere@example.org")]


def test_whoever_had_an_indicator_for_an_instant_and_was_not_told_is_told_no_more(planned):
    (number,) = confide(planned, "E1-A2-O3-I1", ADVISER).moved
    confide(planned, "E1-A2-O3-I1", OTHER)
    assert waiting(planned, number) == ["conseiller2@example.org"]
    planned.engine.release(planned.id(number), OTHER)
    assert waiting(planned, number) == []
    assert verify(planned.database).faults == ()


def waiting(world, number):
    """Return to whom mail of a case is still to leave."""
    with world.database.read() as connection:
        found = outbox.list_deliveries(connection, case_id=world.id(number))
    return [d.addresses[0] for d in found if d.next_attempt_at is not None]


def test_whoever_was_told_already_stays_told_when_an_indicator_changes_hands(planned):
    (number,) = confide(planned, "E1-A2-O3-I1", ADVISER).moved
    with planned.database.write() as connection:
        connection.execute(update(deliveries).values(state="accepted", next_attempt_at=None))
    confide(planned, "E1-A2-O3-I1", OTHER)
    with planned.database.read() as connection:
        found = outbox.list_deliveries(connection, case_id=planned.id(number))
    assert {d.addresses[0]: d.state for d in found} == {
        "conseillere@example.org": "accepted", "conseiller2@example.org": "queued",
    }  # fmt: skip


def test_a_count_is_reached_by_its_events_and_not_before(planned):
    local(planned, "2012-06-01T09:00")
    keep(planned)
    number = case_of(planned, "E3-A1-O1-I1")
    planned.do(number, "consigner", evenements__titre="Entente A", evenements__le="2012-06-01")
    with pytest.raises(Refused) as refusal:
        report(planned, number)
    assert [r.code for r in refusal.value.reasons] == ["requirement"]
    for wrong in ("2013-03-31", "2012-03-31"):  # still to come, and of the year before
        with pytest.raises(Refused):
            planned.do(number, "consigner", evenements__titre="X", evenements__le=wrong)
    local(planned, "2013-03-31T21:00")
    planned.do(number, "consigner", evenements__titre="Entente B", evenements__le="2013-03-31")
    report(planned, number)
    assert rows(planned)["E3-A1-O1-I1"].count == 2


def test_a_missed_target_needs_an_explanation_and_a_late_one_too(planned):
    keep(planned)
    number = case_of(planned, "E1-A2-O3-I1")
    local(planned, "2013-04-10T09:00")
    for form in ({"atteinte": "non_atteinte"}, {"atteint_le": "2013-04-05"}):
        with pytest.raises(Refused) as refusal:
            report(planned, number, **form)
        assert [r.field for r in refusal.value.reasons] == ["explication"]
    report(planned, number, atteint_le="2013-04-05", explication="Enquête plus longue")
    assert rows(planned)["E1-A2-O3-I1"].status == "atteint_en_retard"


def test_entry_after_its_end_is_a_named_exception(planned):
    keep(planned)
    number = case_of(planned, "E1-A2-O3-I1")
    local(planned, "2013-05-02T09:00")
    planned.tick()
    with pytest.raises(Refused) as refusal:
        report(planned, number, atteint_le="2013-03-20")
    assert "close" in refusal.value.reasons[0].message["fr"]
    report(planned, number, atteint_le="2013-03-20", exception_tardive="oui", motif_tardif="Congé")
    row = rows(planned)["E1-A2-O3-I1"]
    assert (row.status, row.answered, row.on_time) == ("atteint", True, False)


def adopted(world, indicator="E1-A2-O3-I1"):
    number = case_of(world, indicator)
    report(world, number, **({"atteint_le": "2013-03-20"} if indicator == "E1-A2-O3-I1" else {}))
    world.do(number, "valider", DIRECTOR)
    world.do(number, "adopter", DIRECTOR, resolution="INM-12-13-060", adopte_le="2013-04-10")
    return number


def test_what_was_adopted_is_locked_says_why_and_is_reopened_with_a_reason(planned):
    keep(planned)
    local(planned, "2013-04-10T09:00")
    number = adopted(planned)
    planned.do(number, "verrouiller", DIRECTOR)
    with pytest.raises(Refused) as refusal:
        planned.do(number, "corriger", resultat="Autre", note="x")
    assert "le conseil a adopté" in refusal.value.reasons[0].message["fr"]
    with pytest.raises(Refused):
        planned.do(number, "rouvrir", DIRECTOR)
    planned.do(number, "rouvrir", DIRECTOR, note="Erreur de chiffre")
    planned.do(number, "corriger", resultat="Autre", note="Le bon chiffre")
    assert planned.case(number).row.state == "saisi"
    assert planned.case(number).data.get("resolution") is None
    assert verify(planned.database).faults == ()


def test_an_adopted_report_locks_by_itself_after_a_while(planned):
    keep(planned)
    local(planned, "2013-04-10T09:00")
    number = adopted(planned)
    local(planned, "2013-05-15T09:00")
    planned.tick()
    assert planned.case(number).row.state == "verrouille"


def amend(world, indicator, effective, **more):
    record = {
        "amendements.indicateur": indicator, "amendements.cible": "Nouvelle cible",
        "amendements.cadence": "{yearly: {at_least: 3}}", "amendements.decide_le": today(world).isoformat(),
        "amendements.effectif_le": effective, "amendements.resolution": "INM-13-14-070",
        "amendements.motif": "Décidé", **more,
    }  # fmt: skip
    keeper.decide(world.engine, plans(world)[0], "amender", record, DIRECTOR)
    return keep(world)


def test_a_target_replaced_after_its_report_was_adopted_leaves_that_report_and_shows_both_later(
    planned,
):
    keep(planned)
    local(planned, "2013-04-10T09:00")
    keep(planned)
    planned.do(
        case_of(planned, "E3-A1-O2-I1"),
        "consigner",
        evenements__titre="A",
        evenements__le="2013-01-10",
    )
    number = adopted(planned, "E3-A1-O2-I1")
    local(planned, "2013-06-02T09:00")
    amend(planned, "E3-A1-O2-I1", "2012-04-01")
    old = planned.case(number)
    assert old.row.state == "adopte"
    assert old.data["cible"] == "Au moins une activité par année"
    shown = {y: next(x for x in lines(list(rows(planned, y).values()), name_of=str, files_of=lambda _: [])
                     if x.indicator == "E3-A1-O2-I1") for y in (YEAR, "2013-2014")}  # fmt: skip
    assert shown[YEAR].target == "Au moins une activité par année"
    assert shown[YEAR].resolution == ("INM-12-13-060", date(2013, 4, 10))
    assert shown["2013-2014"].target == "Nouvelle cible"
    assert shown["2013-2014"].former_target == ("Au moins une activité par année", "INM-13-14-070")


def test_a_target_amended_from_the_plans_first_day_shows_what_it_replaced_in_later_reports(planned):
    keep(planned)
    local(planned, "2012-04-10T09:00")
    keep(planned)
    number = case_of(planned, "E1-A2-O2-I1", "2011-2012")
    report(planned, number, atteint_le="2012-03-20")
    planned.do(number, "valider", DIRECTOR)
    planned.do(number, "adopter", DIRECTOR, resolution="INM-12-13-001", adopte_le="2012-04-10")
    amend(planned, "E3-A1-O2-I1", "2011-04-01")
    amend(
        planned, "E1-A2-O2-I1", "2011-04-01",
        **{"amendements.cadence": "{once: {on: 2013-03-31}}", "amendements.cible": "31 mars 2013"},
    )  # fmt: skip
    old = rows(planned, "2011-2012")["E1-A2-O2-I1"]
    assert (old.status, old.former, old.replaced_by) == ("atteint", None, None)
    assert rows(planned)["E1-A2-O2-I1"].former.target == "31 mars 2012"
    yearly = [r for r in board(plans(planned)[0], all_cases(planned), planned.calendar, today(planned), YEAR)
              if r.cycle.indicator == "E3-A1-O2-I1"]  # fmt: skip
    assert [(r.status, r.replaced_by, r.former and r.former.number) for r in yearly] == [
        ("remplace", ("Nouvelle cible", "INM-13-14-070"), None), ("en_voie", None, 0),
    ]  # fmt: skip


def test_an_amendment_replaces_only_what_is_still_open(planned):
    local(planned, "2013-06-02T09:00")
    keep(planned)
    before = case_of(planned, "E3-A1-O1-I1", "2013-2014")
    kept = amend(planned, "E3-A1-O1-I1", "2013-06-01")
    assert before in kept.replaced
    after = case_of(planned, "E3-A1-O1-I1", "2013-2014")
    assert planned.case(before).row.state == "remplace"
    why = planned.case(before).data
    assert (why["cause_fin"], why["precision_fin"]) == ("resolution", "INM-13-14-070")
    assert planned.case(after).data["quantite"] == 3
    shown = [r for r in board(plans(planned)[0], all_cases(planned), planned.calendar, date(2013, 6, 2), "2013-2014")
             if r.cycle.indicator == "E3-A1-O1-I1"]  # fmt: skip
    assert {r.status for r in shown} == {"remplace", "en_voie"}


def test_another_reading_replans_what_is_open_and_is_written_down(planned):
    local(planned, "2013-06-02T09:00")
    keep(planned)
    keeper.decide(
        planned.engine, plans(planned)[0], "choisir_lecture",
        {"lectures.lecture": "periodique", "lectures.valeur": "half_yearly", "lectures.motif": "Bulletins"},
        DIRECTOR,
    )  # fmt: skip
    kept = keep(planned)
    assert len(kept.replaced) == 0
    assert [planned.case(n).data["echeance"] for n in kept.opened] == ["2013-09-30"]
    (plan,) = plans(planned)
    assert plan.chosen["periodique"]["by"] == DIRECTOR.login


def test_completeness_and_timeliness_are_counted(planned):
    keep(planned)
    local(planned, "2013-04-10T09:00")
    keep(planned)
    report(planned, case_of(planned, "E1-A2-O3-I1"), atteint_le="2013-03-20")
    total = summary(list(rows(planned).values()))
    assert (total.expected, total.received, total.on_time) == (16, 1, 1)


def test_two_plans_in_force_at_once_do_not_mix(planned):
    other = catalogue.load(
        FILE.read_text(encoding="utf-8").replace("plan: plan_2011_2016", "plan: plan_bis"),
        "bis.yaml",
    )
    done = keep(planned, PLAN, other)
    assert len(done.opened) == 30
    assert keep(planned, PLAN, other).opened == []


def test_what_goes_wrong_with_one_plan_is_told_and_stops_no_other(planned):
    beyond = FILE.read_text(encoding="utf-8").replace(
        "{yearly: {at_least: 2}}", "{yearly: {at_least: 200000}}"
    )
    other = catalogue.load(beyond.replace("plan: plan_2011_2016", "plan: plan_bis"), "bis.yaml")
    done = keep(planned, other, PLAN)
    assert {c.promise[0] for c in all_cases(planned)} >= {"plan_2011_2016"}
    assert len(done.opened) >= 15
    assert [(f.path, f.code) for f in done.findings] == [("bis.yaml", "unplannable")]


def test_a_plan_that_cannot_be_followed_is_known_before_anything_is_written(planned):
    process = planned.library.current("cycle").definition
    text = FILE.read_text(encoding="utf-8")
    beyond = catalogue.load(
        text.replace("{yearly: {at_least: 2}}", "{yearly: {at_least: 200000}}"), "a.yaml"
    )
    with pytest.raises(InvalidDefinition) as refused:
        prove(keeper.stand(beyond, {}, planned.calendar), planned.calendar, process)
    said = "« Quantité visée » n'admet pas « 200000 »"
    assert all(said in f.messages["fr"] and f.line > 10 for f in refused.value.findings)
    prove(keeper.stand(PLAN, {}, planned.calendar), planned.calendar, process)


def test_five_hundred_indicators_over_ten_years_open_and_show(planned):
    indicators = "\n".join(
        f"              - {{id: X-{n}, title: {{fr: I{n}}}, target: {{fr: Annuel}}, cadence: {{yearly: {{}}}}}}"
        for n in range(500)
    )
    text = (
        "arrimage: 1\nplan: grand\nlabel: {fr: Grand}\nstarts: 2011-04-01\nends: 2021-03-31\n"
        "adopted: {on: 2011-03-01, resolution: R}\nenjeux:\n  - number: 1\n    title: {fr: E}\n"
        "    orientation: {fr: O}\n    axes:\n      - number: 1\n        title: {fr: A}\n        objectives:\n"
        "          - number: 1\n            title: {fr: Ob}\n            indicators:\n"
        + indicators
        + "\n"
    )
    big = catalogue.load(text, "grand.yaml")
    (plan,) = plans(planned, big)
    assert len(cycles(plan, planned.calendar)) == 5000
    assert len(keep(planned, big).opened) == 500


def once_moved(world, effective="2013-03-01"):
    return amend(
        world, "E1-A2-O3-I1", effective,
        **{"amendements.cadence": "{once: {on: 2014-03-31}}", "amendements.cible": "31 mars 2014"},
    )  # fmt: skip


def test_an_adopted_report_stays_on_its_board_when_the_target_moves_to_another_year(planned):
    keep(planned)
    local(planned, "2013-04-10T09:00")
    number = adopted(planned)
    once_moved(planned)
    row = rows(planned)["E1-A2-O3-I1"]
    assert (row.case.line.number, row.status, row.cycle.version.number) == (number, "atteint", 0)
    later = rows(planned, "2013-2014")["E1-A2-O3-I1"]
    assert (later.cycle.version.target, later.former.target) == ("31 mars 2014", "31 mars 2013")
    (line,) = lines([row], name_of=str, files_of=lambda _: [])
    assert (line.target, line.former_target, line.resolution[0]) == (
        "31 mars 2013",
        None,
        "INM-12-13-060",
    )


def test_a_report_answered_under_an_older_target_keeps_its_own_numbers(planned):
    local(planned, "2012-06-01T09:00")
    keep(planned)
    number = case_of(planned, "E3-A1-O1-I1")
    for day in ("2012-05-01", "2012-05-02"):
        planned.do(number, "consigner", evenements__titre="E", evenements__le=day)
    report(planned, number)
    amend(planned, "E3-A1-O1-I1", "2012-04-01")
    (line,) = lines([rows(planned)["E3-A1-O1-I1"]], name_of=str, files_of=lambda _: [])
    assert (line.quantity, line.count, line.former_target) == (2, 2, None)


def test_what_was_logged_goes_along_when_a_target_is_replaced(planned):
    local(planned, "2012-06-01T09:00")
    keep(planned)
    number = case_of(planned, "E3-A1-O1-I1")
    for day in ("2012-05-01", "2012-05-02"):
        planned.do(number, "consigner", evenements__titre="E", evenements__le=day)
    amend(planned, "E3-A1-O1-I1", "2012-04-01")
    row = rows(planned)["E3-A1-O1-I1"]
    assert (row.count, row.cycle.quantity) == (2, 3)


def test_the_files_of_an_event_go_along_with_it(planned):
    local(planned, "2012-06-01T09:00")
    keep(planned)
    number = case_of(planned, "E3-A1-O1-I1")
    for name in ("un.pdf", "deux.pdf"):
        event = {"evenements.titre": name, "evenements.le": "2012-05-01"}
        file = File(name=name, media_type="application/pdf", content=name.encode())
        planned.engine.advance(planned.id(number), "consigner", event, ADVISER, files=[file])
    amend(planned, "E3-A1-O1-I1", "2012-04-01")
    row = rows(planned)["E3-A1-O1-I1"]
    with planned.database.read() as connection:
        held = {f["name"] for f in register.files(connection, row.case.line.id)}
        assert attachments.content(connection, row.case.line.id, "deux.pdf") == b"deux.pdf"
    assert (row.case.line.number != number, held) == (True, {"un.pdf", "deux.pdf"})
    assert verify(planned.database).faults == ()


def test_a_reading_that_is_set_back_gives_back_the_year(planned):
    local(planned, "2012-11-20T09:00")
    keep(planned)
    before = {(r.cycle.key, r.case.line.state) for r in rows(planned).values()}
    for value in ("next_year", "same_day"):
        record = {
            "lectures.lecture": "a_compter_du",
            "lectures.valeur": value,
            "lectures.motif": "x",
        }
        keeper.decide(planned.engine, plans(planned)[0], "choisir_lecture", record, DIRECTOR)
        keep(planned)
    assert {(r.cycle.key, r.case.line.state) for r in rows(planned).values()} == before
    assert verify(planned.database).faults == ()


def choose(world, reading, value, why="x"):
    record = {"lectures.lecture": reading, "lectures.valeur": value, "lectures.motif": why}
    keeper.decide(world.engine, plans(world)[0], "choisir_lecture", record, DIRECTOR)
    return keep(world)


@pytest.mark.parametrize(
    ("now", "last", "turns"),
    [
        (
            "2012-10-30T09:00",
            "2012-10-02",
            [
                ("half_yearly", {"2012-09-30": ["A", "A"], "2013-03-31": ["B"]}),
                ("yearly", {"2013-03-31": ["A", "A", "B"]}),
                # The entry of the first quarter has closed: the second one accounts for its days.
                ("quarterly", {"2012-09-30": ["A", "A"], "2012-12-31": ["B"], "2013-03-31": []}),
                ("half_yearly", {"2012-09-30": ["A", "A"], "2013-03-31": ["B"]}),
            ],
        ),
        (
            "2012-07-30T09:00",
            "2012-07-02",
            [
                ("half_yearly", {"2012-09-30": ["A", "A", "B"], "2013-03-31": []}),
                (
                    "quarterly",
                    {
                        "2012-06-30": ["A", "A"],
                        "2012-09-30": ["B"],
                        "2012-12-31": [],
                        "2013-03-31": [],
                    },
                ),
                ("yearly", {"2013-03-31": ["A", "A", "B"]}),
            ],
        ),
    ],
    ids=["autumn", "summer"],
)
def test_events_follow_to_the_cycle_that_has_their_day_and_back(planned, now, last, turns):
    local(planned, now)
    keep(planned)
    number = case_of(planned, "E1-A1-O1-I2")
    for title, day in (("A", "2012-05-10"), ("A", "2012-05-10"), ("B", last)):
        planned.do(number, "consigner", evenements__titre=title, evenements__le=day)

    def shown():
        found = board(plans(planned)[0], all_cases(planned), planned.calendar, today(planned), YEAR)
        return {
            r.cycle.due.isoformat(): [e["titre"] for e in r.events]
            for r in found
            if r.cycle.indicator == "E1-A1-O1-I2" and r.status != "remplace"
        }  # fmt: skip

    for value, expected in turns:
        assert choose(planned, "periodique", value).findings == []
        assert shown() == expected
    assert verify(planned.database).faults == ()


def test_a_cycle_that_a_reading_replaces_says_which_one_and_why(planned):
    keep(planned)
    choose(planned, "periodique", "half_yearly", "Deux bulletins")
    kept = choose(planned, "annuel_debut", "second_year", "test")
    replaced = [planned.case(n).data for n in kept.replaced]
    reasons = {(d["cause_fin"], d["precision_fin"], d["motif_fin"]) for d in replaced}
    assert reasons == {("lecture", "Annuel", "test")}


def test_another_reading_leaves_a_year_whose_entry_has_closed_as_it_was_asked(planned):
    local(planned, "2012-11-21T09:00")
    before = {n: r.status for n, r in rows(planned, "2011-2012").items()}
    choose(planned, "annuel_debut", "second_year")
    assert {n: r.status for n, r in rows(planned, "2011-2012").items()} == before
    assert len(before) == 8
    choose(planned, "periodique", "quarterly")
    assert "en_retard" not in {r.status for r in rows(planned).values()}
    days = keeper.opening_days(plans(planned), planned.calendar)
    assert {date(2012, 11, 21), date(2011, 3, 2), date(2012, 12, 2)} <= set(days)


def test_an_amended_cycle_that_a_reading_replaces_names_the_reading_not_its_own_resolution(planned):
    amend(planned, "E3-A1-O2-I1", "2011-04-01")
    number = case_of(planned, "E3-A1-O2-I1", "2011-2012")
    assert number in choose(planned, "annuel_debut", "second_year").replaced
    assert planned.case(number).data["cause_fin"] == "lecture"


def test_a_decision_is_only_taken_by_the_plans_commands_and_a_refused_one_writes_nothing(planned):
    with pytest.raises(Refused):
        keeper.decide(planned.engine, plans(planned)[0], "amender", {}, ADVISER)
    assert plans(planned)[0].case is None
    own(planned, "E1-A2-O3-I1")
    with pytest.raises(Refused) as refusal:
        planned.do("PL-2011-0001", "prolonger", DIRECTOR, prolongations__fin="2001-01-01")
    assert "role" in [r.code for r in refusal.value.reasons]


def test_a_correction_obeys_the_rules_of_the_entry(planned):
    keep(planned)
    local(planned, "2013-03-28T09:00")
    number = case_of(planned, "E1-A2-O3-I1")
    planned.do(
        number, "saisir", atteinte="non_atteinte", resultat="Rien", explication="Pas de budget"
    )
    with pytest.raises(Refused) as refusal:
        planned.do(number, "corriger", atteinte="atteinte", note="Finalement")
    assert {r.field for r in refusal.value.reasons} == {"atteint_le", "preuve"}
    with pytest.raises(Refused):
        planned.do(
            number, "corriger", atteinte="atteinte", atteint_le="2014-01-01", preuve="P", note="x"
        )


def test_a_success_corrected_to_a_miss_keeps_neither_its_day_nor_its_explanation(planned):
    keep(planned)
    local(planned, "2013-04-05T09:00")
    number = case_of(planned, "E1-A2-O3-I1")
    report(planned, number, atteint_le="2013-04-04", explication="Enquête plus longue")
    with pytest.raises(Refused) as refusal:
        planned.do(number, "corriger", atteinte="non_atteinte", note="Relu")
    assert [r.field for r in refusal.value.reasons] == ["explication"]
    planned.do(number, "corriger", atteinte="non_atteinte", explication="Annulée", note="Relu")
    (line,) = lines([rows(planned)["E1-A2-O3-I1"]], name_of=str, files_of=lambda _: [])
    assert (line.status, line.reached_on, line.explanation) == ("non_atteint", None, "Annulée")


def test_a_status_that_a_person_gave_gives_way_to_the_result(planned):
    keep(planned)
    local(planned, "2013-03-20T09:00")
    number = case_of(planned, "E1-A2-O3-I1")
    planned.do(number, "imposer_statut", statut_impose="a_risque", statut_motif="Retard")
    row = rows(planned)["E1-A2-O3-I1"]
    assert row.status == "a_risque"
    assert (row.given.by, row.given.on.isoformat(), row.given.reason, row.given.computed) == (
        "conseillere", "2013-03-20", "Retard", "a_risque",
    )  # fmt: skip
    planned.do(number, "retirer_statut", note="Rattrapé")
    planned.do(number, "imposer_statut", statut_impose="a_risque", statut_motif="Retard")
    report(planned, number, atteint_le="2013-03-19")
    row = rows(planned)["E1-A2-O3-I1"]
    assert (row.status, row.given) == ("atteint", None)


def test_a_target_is_not_said_to_be_reached_before_a_result_is_entered(planned):
    keep(planned)
    local(planned, "2013-03-20T09:00")
    number = case_of(planned, "E1-A2-O3-I1")
    for status in ("atteint", "atteint_en_retard"):
        with pytest.raises(Refused) as refusal:
            planned.do(number, "imposer_statut", statut_impose=status, statut_motif="Parce que")
        assert refusal.value.reasons[0].action == "saisir"
    planned.do(number, "imposer_statut", statut_impose="non_atteint", statut_motif="Fermé")
    report(planned, number, atteint_le="2013-03-19")
    planned.do(number, "imposer_statut", statut_impose="atteint_en_retard", statut_motif="Relu")
    row = rows(planned)["E1-A2-O3-I1"]
    assert (row.status, row.given.computed) == ("atteint_en_retard", "atteint")


def test_days_before_the_period_are_refused_and_an_empty_day_is_only_missing(planned):
    keep(planned)
    local(planned, "2013-03-20T09:00")
    number = case_of(planned, "E1-A2-O3-I1")
    with pytest.raises(Refused) as refusal:
        report(planned, number, atteint_le="2011-03-31")
    assert "avant la période" in refusal.value.reasons[0].message["fr"]
    report(planned, number, atteint_le="2011-04-01")
    planned.do(number, "valider", DIRECTOR)
    with pytest.raises(Refused) as refusal:
        planned.do(number, "adopter", DIRECTOR)
    assert {r.field for r in refusal.value.reasons} == {"resolution", "adopte_le"}
    with pytest.raises(Refused) as refusal:
        planned.do(number, "adopter", DIRECTOR, resolution="INM-1", adopte_le="2011-03-31")
    assert "avant la période" in refusal.value.reasons[0].message["fr"]
    planned.do(number, "adopter", DIRECTOR, resolution="INM-1", adopte_le="2013-03-20")


def test_nothing_is_adopted_before_it_was_entered(planned):
    keep(planned)
    local(planned, "2013-03-20T09:00")
    number = case_of(planned, "E1-A2-O3-I1")
    report(planned, number, atteint_le="2013-03-19")
    planned.do(number, "valider", DIRECTOR)
    with pytest.raises(Refused) as refusal:
        planned.do(number, "adopter", DIRECTOR, resolution="INM-1", adopte_le="2013-03-19")
    assert "rien à adopter" in refusal.value.reasons[0].message["fr"]
    planned.do(number, "adopter", DIRECTOR, resolution="INM-1", adopte_le="2013-03-20")


def test_what_goes_on_has_no_target_that_could_be_said_to_be_missed(planned):
    local(planned, "2013-04-10T09:00")
    keep(planned)
    number = case_of(planned, "E1-A1-O1-I2")
    with pytest.raises(Refused) as refusal:
        report(planned, number, atteinte="non_atteinte", explication="Personne")
    assert "pas de cible à manquer" in refusal.value.reasons[0].message["fr"]
    with pytest.raises(Refused):
        planned.do(number, "imposer_statut", statut_impose="non_atteint", statut_motif="Personne")
    report(planned, number)
    assert rows(planned)["E1-A1-O1-I2"].status == "atteint"


@pytest.mark.parametrize(("value", "count"), [("2,99", Decimal("2.99")), ("3,00", 3), ("1", 2)])
def test_a_quantity_that_was_entered_is_never_cut(planned, value, count):
    local(planned, "2013-03-20T09:00")
    keep(planned)
    number = case_of(planned, "E3-A1-O1-I1")
    for day in ("2012-05-01", "2012-06-01"):
        planned.do(number, "consigner", evenements__titre="Entente", evenements__le=day)
    report(planned, number, valeur=value)
    assert rows(planned)["E3-A1-O1-I1"].count == count


def test_a_name_that_several_cycles_bear_is_told_not_guessed(planned):
    record = {
        "lectures.lecture": "periodique",
        "lectures.valeur": "quarterly",
        "lectures.motif": "x",
    }
    keeper.decide(planned.engine, plans(planned)[0], "choisir_lecture", record, DIRECTOR)
    with pytest.raises(Ambiguous) as told:
        case_of(planned, "E1-A1-O1-I2")
    assert "E1-A1-O1-I2@2012-06-30" in told.value.candidates

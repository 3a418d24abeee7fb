"""The plan by its commands: the board, events, decisions, reasons, calendars, rehearsals."""

import json
import shlex

import pytest
from icalendar import Calendar

from tests.support.commands import ROOT


@pytest.fixture
def plan(inbox):
    inbox.now = "2012-11-20T10:00"
    return inbox


def test_every_cycle_of_the_plan_is_listed_with_its_rule(plan):
    found = plan.json("plan", "cycles", "--from", "2011-04-01", "--to", "2016-03-31")["cycles"]
    assert len(found) == 67
    assert {"indicator", "fiscal_year", "period_start", "period_end", "due", "do_by", "quantity",
            "nature", "rule"} <= set(found[0])  # fmt: skip
    easter = next(c for c in found if c["indicator"] == "E1-A2-O3-I1")
    assert (easter["due"], easter["do_by"]) == ("2013-03-31", "2013-03-28")
    assert (
        len(plan.json("plan", "cycles", "--from", "2013-04-01", "--to", "2014-03-31")["cycles"])
        < 67
    )


def test_the_board_of_a_year_says_who_when_and_what_is_missing(plan):
    plan("plan", "assign", "E1-A2-O3-I1", "--to", "conseillere")
    said = plan("plan", "--year", "2012-2013")
    assert "0/16 reçus, 0/16 à temps" in said.replace("\u00a0", " ")
    assert "28 mars 2013" in said.replace("\u00a0", " ")
    assert "il manque" in said
    board = plan.json("plan")["plans"][0]
    row = next(r for r in board["rows"] if r["indicator"] == "E1-A2-O3-I1")
    assert (row["status"], row["owner"], row["missing"][0]) == ("en_voie", "conseillere", "result")
    assert "Aucun plan" in plan("plan", "--year", "2030-2031")
    assert "2012-2013" in plan.run("plan", "--year", "2012", code=2).stderr


def test_events_add_up_in_the_year_of_their_local_day(plan):
    plan(
        "plan",
        "log",
        "E3-A1-O1-I1",
        "Entente avec le Cégep A",
        "--date",
        "2012-06-01",
        "--kind",
        "entente",
    )
    plan.now = "2013-03-31T21:00"  # already 1 April in UTC
    said = plan.json("plan", "log", "E3-A1-O1-I1", "Salon")
    assert (said["fiscal_year"], said["count"], said["quantity"]) == ("2012-2013", 2, 2)
    plan.now = "2013-04-01T00:30"
    assert plan.json("plan", "log", "E3-A1-O1-I1", "Autre")["fiscal_year"] == "2013-2014"
    assert "Entente avec le Cégep A" in plan("plan", "show", "E3-A1-O1-I1")
    assert "E3-A1-O1-I1" in plan.run("plan", "log", "E3-A1-O1-I9", "x", code=2).stderr


def test_a_cycle_is_named_by_its_indicator_and_its_year_everywhere(plan):
    said = plan("why", "E1-A2-O3-I1/2012-2013").replace("\u00a0", " ")
    for part in ("Vendredi saint", "INM-10-11-041", "Cible : 31 mars 2013", "28 mars 2013"):
        assert part in said
    explained = plan.json("why", "E1-A4-O6-I1@2013-03-31")
    assert explained["readings"] == {"a_compter_du": "same_day"}
    assert plan.json("show", "E1-A2-O3-I1/2012-2013")["case"].startswith("CY-2012-")
    early = plan.run("show", "E3-A1-O4-I1/2015-2016", code=2).stderr.replace("\u00a0", " ")
    assert "il le sera le 2 mars 2015" in early
    assert "l'industrie minérale. Ententes" in plan("why", "E3-A1-O1-I1/2012-2013")
    assert "America/Toronto" in said
    bare = plan.run("why", "E3-A1-O1-I1", code=2).stderr
    assert "Peut-être : E3-A1-O1-I1/2015-2016, " in bare.replace("\u00a0", " ")
    plan.now = "2012-11-20T10:00"
    outside = plan.run("plan", "log", "E3-A1-O4-I1", "x", "--date", "2012-10-03", code=2).stderr
    assert "ne couvre le 3 octobre 2012; le plus proche va du 1er avril 2015 au 31 mars 2016" in (
        outside.replace("\u00a0", " ")
    )


def test_what_only_the_plan_does_is_offered_to_nobody(plan):
    plan("tick")
    shown = plan("show", "E1-A2-O3-I1/2012-2013").replace("\u00a0", " ")
    for action in ("ajuster", "remplacer"):
        assert f"({action}) — il faut le rôle : Le plan" in shown
    number = plan.json("show", "E1-A2-O3-I1/2012-2013")["case"]
    plan.run("do", number, "remplacer", "--set", "motif_fin=x", code=1)
    said = plan("history", number)
    assert "le système" in said


def test_readings_are_listed_with_what_each_would_change_and_a_choice_is_recorded(plan):
    listed = {r["reading"]: r for r in plan.json("plan", "readings")["readings"]}
    assert len(listed) == 5
    assert {c["choice"]: c["cycles"] for c in listed["periodique"]["choices"]} == {
        "yearly": 67, "half_yearly": 71, "quarterly": 79,
    }  # fmt: skip
    plan.run("plan", "readings", "--set", "periodique=half_yearly", code=2)
    plan.now = "2011-04-01T10:00"
    plan("plan", "readings", "--set", "periodique=half_yearly", "--reason", "Deux bulletins")
    chosen = plan.json("plan", "readings")["readings"]
    assert (
        next(r["decided"]["motif"] for r in chosen if r["reading"] == "periodique")
        == "Deux bulletins"
    )
    assert len(plan.json("plan", "cycles")["cycles"]) == 71
    again = plan.run("plan", "readings", "--set", "periodique=half_yearly", "--reason", "x", code=2)
    assert "déjà choisie" in again.stderr
    assert "Deux bulletins" in again.stderr
    assert "half_yearly" in plan("history", "PL-2011-0001")


def test_a_reading_chosen_late_asks_for_nothing_that_has_closed_and_why_says_how_each_is_read(plan):
    plan("plan", "readings", "--set", "periodique=quarterly", "--reason", "Quatre bulletins")
    plan("plan", "readings", "--set", "annuel_debut=second_year", "--reason", "Se préparer")
    years = {
        y: plan.json("plan", "--year", y)["plans"][0]["rows"] for y in ("2011-2012", "2012-2013")
    }
    assert len(years["2011-2012"]) == 8
    assert [r["due"] for r in years["2012-2013"] if r["indicator"] == "E1-A1-O1-I2"] == [
        "2012-12-31", "2013-03-31",
    ]  # fmt: skip
    assert "en_retard" not in {r["status"] for r in years["2012-2013"]}
    listed = {r["reading"]: r for r in plan.json("plan", "readings")["readings"]}
    assert {c["choice"]: c["cycles"] for c in listed["periodique"]["choices"]} == {
        "yearly": 63, "half_yearly": 67, "quarterly": 75,
    }  # fmt: skip
    read = [plan.json("why", f"E2-A2-O3-I1/{y}")["readings"]["annuel_debut"] for y in years]
    assert read == ["first_year", "second_year"]
    played = plan.json("simulate", "--from", "2011-04-01", "--to", "2012-12-31")["happenings"]
    mine = [(h["at"][:10], h["due"]) for h in played
            if h["kind"] == "opened" and h.get("indicator") == "E1-A1-O1-I2"]  # fmt: skip
    assert mine == [("2012-03-02", "2013-03-31"), ("2012-11-20", "2012-12-31")]


def test_an_amendment_and_an_extension_are_decisions_that_compare_shows(plan):
    amend = ("plan", "amend", "E1-A2-O3-I1", "--target", "31 mars 2014", "--resolution", "INM-55",
             "--decided", "2012-11-20", "--reason", "Enquête plus longue")  # fmt: skip
    wrong = plan.run(*amend, "--cadence", "{once: {on: 2014-02-30}}", code=1).stderr
    assert "--cadence:1:" in wrong
    assert "La décision n'a pas été consignée" in wrong
    for day in ("2012-06-30", "2030-03-31"):
        plan.run(*amend, "--cadence", f"{{once: {{on: {day}}}}}", code=1)
    plan.run("plan", "assign", "E1-A2-O3-I1", "--to", "personne", code=2)
    said = plan.run("plan", "log", "E3-A1-O1-I1", "x", "--kind", "bidon", code=2).stderr
    assert "choisissez entente, activite," in said
    assert "--set" not in said
    plan.run("plan", "log", "E3-A1-O1-I1", "x", "--date", "2013-01-20", code=2)
    assert plan.json("list", "--all")["cases"] == []
    plan(*amend, "--cadence", "{once: {on: 2014-03-31}}")
    plan("plan", "extend", "--to", "2017-03-31", "--resolution", "INM-70", "--decided", "2012-11-20",
         "--reason", "Transition")  # fmt: skip
    changes = plan.json("plan", "compare")["changes"]
    assert [(c["change"], c["resolution"]) for c in changes] == [
        ("revised", "INM-11-12-049"),
        ("extended", "INM-70"),
        ("changed", "INM-55"),
    ]
    assert "prolongé : 31 mars 2016 → 31 mars 2017 (INM-70)" in (
        plan("plan", "compare").replace("\u00a0", " ")
    )
    assert plan.json("plan", "show", "E1-A2-O3-I1")["versions"][1]["target"] == "31 mars 2014"
    assert any(c["fiscal_year"] == "2016-2017" for c in plan.json("plan", "cycles")["cycles"])


def test_a_decision_is_taken_after_the_plan_was_adopted_and_not_tomorrow(plan):
    extend = ("plan", "extend", "--to", "2017-03-31", "--resolution", "R", "--reason", "Transition")
    amend = ("plan", "amend", "E1-A2-O3-I1", "--target", "X", "--cadence", "{once: {on: 2014-03-31}}",
             "--resolution", "R", "--reason", "X", "--effective", "2012-11-20")  # fmt: skip
    for command in (extend, amend):
        early = plan.run(*command, "--decided", "1999-01-01", code=2).stderr.replace("\u00a0", " ")
        assert "se prend après son adoption, le 30 mars 2011" in early
        assert "à venir" in plan.run(*command, "--decided", "2012-11-21", code=2).stderr
    plan(*extend, "--decided", "2012-06-01")
    longer = ("plan", "extend", "--resolution", "R2", "--reason", "Encore", "--decided")
    before = plan.run(*longer, "2012-05-31", "--to", "2018-03-31", code=2).stderr
    assert "décidée le 1er juin 2012" in before.replace("\u00a0", " ")
    assert "en 2999" in plan.run(*longer, "2012-06-01", "--to", "9999-12-31", code=2).stderr
    changes = plan.json("plan", "compare")["changes"]
    assert [c["resolution"] for c in changes if c["change"] == "extended"] == ["R"]


def test_the_resolution_that_changed_the_plan_s_whole_text_is_named_wherever_it_is_asked(plan):
    said = "modifié par la résolution INM-11-12-049 du 10 mai 2011"
    for command in (("plan", "show", "E1-A2-O3-I1"), ("why", "E1-A2-O3-I1/2012-2013")):
        assert said in plan(*command).replace("\u00a0", " ")
        assert plan.json(*command)["revised"] == [
            {"on": "2011-05-10", "resolution": "INM-11-12-049"}
        ]
    changes = plan("plan", "compare").replace("\u00a0", " ")
    assert "texte modifié : 30 mars 2011 → 10 mai 2011 (INM-11-12-049)" in changes


def amended_file(plan):
    """Give the workspace the plan of the documentation, whose last target is amended on 15 November 2021."""
    example = (
        (ROOT / "docs/plans.md").read_text(encoding="utf-8").split("```yaml\n")[1].split("```")[0]
    )
    (plan.home / "plans").mkdir(exist_ok=True)
    (plan.home / "plans/plan.yaml").write_text(example, encoding="utf-8")


def test_an_amendment_that_stands_in_a_file_acts_on_the_day_it_is_decided(plan):
    amended_file(plan)
    of_year = ("plan", "--plan", "plan_2020_2025", "--year", "2021-2022")
    plan.now = "2021-11-12T10:00"
    plan("tick")
    (before,) = (r for r in plan.json(*of_year)["plans"][0]["rows"] if r["indicator"] == "A-2")
    assert (before["status"], before["replaced_by"]) == ("en_voie", None)
    assert "R-21-09" not in plan("plan", "show", "A-2")
    played = plan.json("simulate", "--to", "2021-11-30")["happenings"]
    assert [(h["case"], h["at"][:10]) for h in played if "remplac" in str(h)] == [
        (before["case"], "2021-11-15")
    ]
    plan.now = "2021-11-15T10:00"
    plan("tick")
    (after,) = (r for r in plan.json(*of_year)["plans"][0]["rows"] if r["indicator"] == "A-2")
    assert (after["case"], after["status"]) == (before["case"], "remplace")
    assert after["replaced_by"]["resolution"] == "R-21-09"


def test_a_target_that_was_replaced_before_it_was_opened_still_says_so_in_its_year(plan, tmp_path):
    amended_file(plan)
    plan.now = "2022-04-11T10:00"
    of_year = ("--plan", "plan_2020_2025", "--year", "2021-2022")
    board = plan("plan", *of_year).replace("\u00a0", " ")
    assert "cible : 31 mars 2022 · remplacé (résolution R-21-09) : 31 mars 2023" in board
    assert "0/1 reçus" in board
    gone = plan.run("show", "A-2/2021-2022", code=2).stderr.replace("\u00a0", " ")
    assert "n'est plus demandé : sa cible a été remplacée (résolution R-21-09)" in gone
    report = ("report", "2021-2022", "--plan", "plan_2020_2025", str(tmp_path / "rapport.html"))
    (line,) = (n for n in plan.json(*report)["lines"] if n["indicator"] == "A-2")
    assert line["replaced_by"] == {"target": "31 mars 2023", "resolution": "R-21-09"}


def test_a_status_that_was_not_computed_says_who_decided_it_and_why(plan, tmp_path):
    plan("tick")
    year = ("--year", "2012-2013")
    plan("do", "E1-A2-O3-I1/2012-2013", "imposer_statut", "--set", "statut_impose=non_atteint",
         "--set", "statut_motif=Le sondage est annulé")  # fmt: skip
    plan("do", "E3-A1-O1-I1/2012-2013", "declarer_sans_objet", "--yes",
         "--set", "motif_fin=Programme aboli")  # fmt: skip
    plan("plan", "amend", "E1-A4-O8-I1", "--target", "31 mars 2014", "--resolution", "INM-56",
         "--cadence", "{once: {on: 2014-03-31}}", "--decided", "2012-11-20", "--effective", "2012-04-01",
         "--reason", "Retard")  # fmt: skip
    board = plan("plan", *year).replace("\u00a0", " ")
    for said in (
        "non atteint (statut donné par direction le 20 novembre 2012; motif : Le sondage est annulé; calculé : en voie)",
        "sans objet (statut donné par direction le 20 novembre 2012; motif : Programme aboli)",
        "remplacé (résolution INM-56) : 31 mars 2014",
    ):
        assert said in board
    assert "calculé : en voie" in plan("plan", "show", "E1-A2-O3-I1").replace("\u00a0", " ")
    report = ("report", "2012-2013", str(tmp_path / "rapport.html"))
    lines = {n["indicator"]: n for n in plan.json(*report)["lines"]}
    assert lines["E1-A2-O3-I1"]["status_given"]["reason"] == "Le sondage est annulé"
    assert lines["E1-A4-O8-I1"]["replaced_by"] == {"target": "31 mars 2014", "resolution": "INM-56"}
    assert "Le sondage est annulé" in (tmp_path / "rapport.html").read_text(encoding="utf-8")


def test_the_years_deadlines_go_into_a_calendar_program(plan, tmp_path):
    plan("plan", "assign", "E1-A2-O3-I1", "--to", "conseillere")
    assert ".ics" in plan.run("plan", "calendar", str(tmp_path / "tout.txt"), code=2).stderr
    plan("plan", "calendar", str(tmp_path / "tout.ics"))
    plan("plan", "calendar", str(tmp_path / "moi.ics"), "--person", "conseillere")
    everything = Calendar.from_ical((tmp_path / "tout.ics").read_bytes())
    mine = Calendar.from_ical((tmp_path / "moi.ics").read_bytes())
    assert len(everything.walk("VEVENT")) == 16
    (event,) = mine.walk("VEVENT")
    assert event.decoded("dtstart").isoformat() == "2013-03-28"
    assert "Rapport" in event["summary"]


def test_what_was_answered_is_said_to_be_no_longer_to_be_done(plan, tmp_path):
    plan("plan", "log", "E3-A1-O1-I1", "Entente")
    shown = plan("plan", "show", "E3-A1-O1-I1")
    assert "· 1/2\n" in shown
    assert "  ·" not in shown.replace("\n  ", "\n")
    plan("do", "E1-A2-O3-I1/2012-2013", "saisir", "--set", "atteinte=non_atteinte",
         "--set", "resultat=Rien", "--set", "explication=Annulé")  # fmt: skip
    board = plan("plan").replace("\u00a0", " ")
    assert "échéance : 31 mars 2013 · à personne · CY-2012-0002" in board
    said = plan("plan", "calendar", str(tmp_path / "tout.ics")).replace("\u00a0", " ")
    assert said.startswith("15 échéances dans ")
    assert said.endswith("\n1 compte rendu déjà donné n'y est pas.\n")


def test_what_another_reading_replaced_says_so_in_the_readers_language(plan):
    plan.now = "2011-06-01T10:00"
    plan("tick")
    plan(
        "plan",
        "readings",
        "--set",
        "annuel_debut=second_year",
        "--reason",
        "Une année pour commencer",
    )
    french = plan("plan").replace("\u00a0", " ")
    assert "remplacé (autre lecture de « Annuel »; motif : Une année pour commencer)" in french
    english = plan("plan", "--lang", "en").replace("\u00a0", " ")
    assert "replaced (another reading of “Annuel”" in english
    rules = {c["rule"] for c in plan.json("plan", "cycles", "--lang", "en")["cycles"]}
    assert "at least 1 a year" in {r.split(",")[0] for r in rules}


def test_cycles_of_a_part_of_the_year_are_told_apart(plan, tmp_path):
    now, plan.now = plan.now, "2011-04-01T10:00"
    plan("plan", "readings", "--set", "periodique=half_yearly", "--reason", "Deux bulletins")
    plan.now = now
    listed = plan("plan", "cycles", "--from", "2012-04-01", "--to", "2013-03-31")
    for name in ("E1-A1-O1-I2@2012-09-30", "E1-A1-O1-I2@2013-03-31", "E1-A2-O3-I1/2012-2013"):
        assert name in listed
    file = tmp_path / "rapport.html"
    said = plan("report", "2012-2013", str(file))
    assert "16 indicateurs" in said
    page = file.read_text(encoding="utf-8").replace("\u00a0", " ")
    assert "Du 1er avril 2012 au 30 septembre 2012" in page
    assert "Du 1er octobre 2012 au 31 mars 2013" in page


def test_a_simulation_says_what_would_happen_and_touches_nothing(plan):
    plan("staff", "change", "conseillere", "--substitute", "conseiller")
    plan("plan", "assign", "E1-A2-O3-I1", "--to", "conseillere")
    before = (plan.home / "arrimage.db").read_bytes(), plan("list", "--all")
    window = ("simulate", "--from", "2013-01-15", "--to", "2013-04-15")
    happened = plan.json(*window)["happenings"]
    mine = [h for h in happened if h["kind"] == "mail" and "E1-A2-O3-I1" in h["subject"]]
    assert [h["at"][:16] for h in mine[:5]] == [
        "2013-01-30T08:30", "2013-03-01T08:30", "2013-03-15T08:30", "2013-03-22T08:30", "2013-03-28T08:30",
    ]  # fmt: skip
    assert mine[0]["to"] == ["conseillere@example.org"]
    assert "28 mars 2013" in plan(*window, "--calendar").replace("\u00a0", " ")
    assert ((plan.home / "arrimage.db").read_bytes(), plan("list", "--all")) == before


def test_a_window_of_the_future_is_reached_by_living_through_what_comes_before(plan):
    happened = plan.json("simulate", "--from", "2013-03-20", "--to", "2013-03-25")["happenings"]
    assert {h["at"][:10] for h in happened} == {"2013-03-22"}
    plan.run("simulate", "--to", "9999-12-31", code=2)


def test_a_window_that_begins_today_begins_now_and_one_of_the_past_says_that_it_starts_empty(plan):
    plan("plan", "assign", "E1-A2-O3-I1", "--to", "conseillere")
    plan("tick")
    played = [plan.json("simulate", *start, "--to", "2013-03-31") for start in
              ([], ["--from", "2012-11-20"], ["--from", "2012-11-21"])]  # fmt: skip
    assert played[0] == played[1]
    assert played[0]["happenings"] == played[2]["happenings"]
    # What was opened at this very instant has been lived: it is not to come.
    assert {h["at"][:10] for h in played[0]["happenings"]}.isdisjoint({"2012-11-20"})
    assert not any(p["fresh"] for p in played)
    past = ("simulate", "--from", "2012-11-19", "--to", "2012-11-20")
    assert plan.json(*past)["fresh"] is True
    assert "depuis un registre vide" in plan(*past)


def test_after_a_downtime_that_ends_on_a_saturday_night_a_rehearsal_and_the_service_say_monday(
    plan, mail
):
    plan.now = "2012-03-09T09:00"
    plan("plan", "assign", "E1-A1-O1-I1", "--to", "conseillere")
    plan("tick")
    plan.now = "2012-03-24T21:30"
    happened = plan.json("simulate", "--to", "2012-03-28")["happenings"]
    said = [h["at"][:16] for h in happened if "E1-A1-O1-I1" in h.get("subject", "")]
    assert said == ["2012-03-26T08:30"]
    mail.received.clear()
    assert "attendent l'ouverture des bureaux" in plan("tick")
    assert mail.received == []
    plan.now = "2012-03-26T08:30"
    plan("tick")
    assert sum("E1-A1-O1-I1" in m.message["Subject"] for m in mail.received) == 1


def test_five_years_can_be_played_from_the_first_day(plan):
    happened = plan.json("simulate", "--from", "2011-03-01", "--to", "2016-03-31")["happenings"]
    assert sum(h["kind"] == "opened" for h in happened) == 67
    assert [h["at"] for h in happened] == sorted(h["at"] for h in happened)


def test_a_tick_opens_what_is_due_to_open_and_reminds(plan, mail):
    plan("plan", "assign", "E1-A2-O3-I1", "--to", "conseillere")
    plan("tick")
    plan.now = "2013-03-28T09:00"
    plan("tick")
    _given, received = [m for m in mail.received if "E1-A2-O3-I1" in m.message["Subject"]]
    text = received.message.get_body(("plain",)).get_content().replace("\r\n", "\n")
    for part in ("Rapport", "31 mars 2013", "inbox do CY-2012-", "saisir"):
        assert part in text
    assert 'preuve="…"\n\nSi la cible ne peut pas être atteinte, dites-le' in text


def test_mail_names_the_due_date_of_the_plan_and_the_day_by_which_to_do_it(plan, mail):
    plan.now = "2013-03-15T07:00"
    plan("tick")
    plan("plan", "assign", "E1-A2-O3-I1", "--to", "conseillere", "--as", "conseiller")
    plan.now = "2013-03-15T09:00"
    plan("tick")

    def text(subject):
        (found,) = [m.message for m in mail.received if subject in m.message["Subject"]]
        return found.get_body(("plain",)).get_content().replace("\u00a0", " ")

    assigned = text("E1-A2-O3-I1 – un cycle vous est confié")
    assert "Échéance : 31 mars 2013" in assigned
    assert "À faire au plus tard : 28 mars 2013" in assigned
    unowned = text("E1-A4-O7-I1 – personne")
    assert (
        "Son échéance est le 31 mars 2013; à faire au plus tard le 28 mars 2013, dans 13 jours."
        in unowned
    )
    assert "inbox plan assign E1-A4-O7-I1 --to LOGIN --plan plan_2011_2016" in unowned


def commands_in(message):
    """The commands of a message, as who receives it would complete them."""
    text = message.get_body(("plain",)).get_content()
    lines = [x.strip() for x in text.splitlines() if x.startswith("    inbox ")]
    return [
        shlex.split(x.replace("AAAA-MM-JJ", "2013-03-22").replace("…", "Fait"))[1:] for x in lines
    ]


def test_after_silence_the_substitute_then_the_director_answer_with_the_command_they_are_given(
    plan, mail
):
    plan("staff", "change", "conseillere", "--substitute", "conseiller")
    counted, dated = "E3-A1-O1-I1", "E1-A2-O3-I1"
    for indicator in (counted, dated):
        plan("plan", "assign", indicator, "--to", "conseillere")
    plan("tick")

    def told(when, login, indicator):
        plan.now = when
        mail.received.clear()
        plan("tick")
        (found,) = [m.message for m in mail.received if m.message["To"].addresses[0].username == login
                    and indicator in m.message["Subject"] and "sans réponse" in m.message["Subject"]]  # fmt: skip
        return found

    message = told("2013-04-08T08:30", "conseiller", counted)
    assert "Conseillere n'a pas répondu" in message.get_body(("plain",)).get_content()
    assert "Ententes de participation et activités" in message.get_body(("plain",)).get_content()
    answer, log = commands_in(message)
    for _ in range(2):
        plan(*log, "--as", "conseiller")
    plan(*answer, "--as", "conseiller")
    # Ten business days: past the end of the entry, it is a late one, and the command says so.
    message = told("2013-05-02T08:30", "vous", dated)
    (answer,) = commands_in(message)
    assert "exception_tardive=oui" in answer
    plan(*answer)
    rows = {
        r["indicator"]: r["received"]
        for r in plan.json("plan", "--year", "2012-2013")["plans"][0]["rows"]
    }
    assert (rows[counted], rows[dated]) == (True, True)


def test_a_cycle_of_the_past_is_opened_only_by_who_asks_for_it(plan):
    past = "E1-A2-O2-I1/2011-2012"
    for words in (("show", past), ("history", past), ("do", past, "zut"), ("do", past, "saisir")):
        refused = plan.run(*words, code=2).stderr.replace("\u00a0", " ")
        assert f"s'est close le 30 avril 2012, avant qu'il soit suivi ici. Pour l'ouvrir quand même : inbox plan open {past}" in refused  # fmt: skip
    assert plan.json("list", "--all")["cases"] == []
    plan(
        "staff",
        "add",
        "autre",
        "--name",
        "A",
        "--email",
        "a@example.org",
        "--role",
        "administration",
    )
    plan.run("plan", "open", past, "--as", "autre", code=1)
    said = plan("plan", "open", past)
    way = shlex.split(next(line for line in said.splitlines() if "→" in line).split("inbox ")[1])
    plan(*way, "--set", "atteinte=atteinte", "--set", "atteint_le=2012-03-30", "--set", "resultat=Fait",
         "--set", "preuve=Le rapport")  # fmt: skip
    assert "est déjà ouvert" in plan.run("plan", "open", past, code=2).stderr


def test_who_has_left_is_given_no_indicator_and_leaves_theirs_to_who_took_over(plan):
    plan("plan", "assign", "E1-A3-O5-I2", "--to", "conseillere")
    plan("staff", "leave", "conseillere", "--on", "2012-11-20", "--substitute", "conseiller")
    for indicator in ("E1-A4-O8-I1", "E3-A1-O4-I1"):
        refused = plan.run("plan", "assign", indicator, "--to", "conseillere", code=1)
        assert "ne fait plus partie du personnel" in refused.stderr
        assert plan.json("plan", "show", indicator)["owner"] is None
    rows = plan.json("plan", "--year", "2014-2015")["plans"][0]["rows"]
    assert {r["owner"] for r in rows if r["indicator"] == "E1-A3-O5-I2"} == {"conseiller"}
    refused = plan.run("staff", "change", "conseiller", "--role", "plan", code=2).stderr
    assert "plan" in refused


def test_the_open_cycles_of_who_leaves_change_hands_on_that_day_in_one_mail(plan, mail):
    plan("plan", "assign", "E1-A2-O3-I1", "--to", "conseillere")
    plan.now = "2013-03-20T10:00"
    plan("tick")
    cycle = "E1-A2-O3-I1/2012-2013"
    # In five days: nothing changes hands before.
    plan("staff", "leave", "conseillere", "--on", "2013-03-25", "--substitute", "conseiller")
    assert plan.json("show", cycle)["owner"] == "conseillere"
    mail.received.clear()
    plan.now = "2013-04-12T10:00"
    plan("tick")
    assert plan.json("show", cycle)["owner"] == "conseiller"
    (row,) = [r for r in plan.json("plan", "--year", "2012-2013")["plans"][0]["rows"]
              if r["indicator"] == "E1-A2-O3-I1"]  # fmt: skip
    assert row["owner"] == "conseiller"
    plan.now = "2013-04-15T10:00"
    plan("tick")
    theirs = [m.message["Subject"] for m in mail.received
              if m.recipients == ["conseiller@example.org"] and "E1-A2-O3-I1" in m.message["Subject"]]  # fmt: skip
    assert not any("silence" in s or "pas répondu" in s or "sans réponse" in s for s in theirs)


def test_nobodys_indicator_is_not_said_to_be_past_due_before_it_is(plan, mail):
    plan.now = "2013-03-27T09:00"
    plan("tick")
    plan.now = "2013-03-29T09:00"  # Good Friday; due on Easter Sunday
    plan("tick")
    texts = [m.message.get_body(("plain",)).get_content() for m in mail.received
             if "E1-A4-O7-I1" in m.message["Subject"]]  # fmt: skip
    assert texts
    assert not any("Son échéance est passée" in text for text in texts)


def test_a_missed_target_that_comes_back_is_corrected_by_the_command_of_the_mail(plan, mail):
    plan("plan", "assign", "E1-A2-O3-I1", "--to", "conseillere")
    plan.now = "2013-04-05T10:00"
    plan("do", "E1-A2-O3-I1/2012-2013", "saisir", "--as", "conseillere", "--set", "atteinte=non_atteinte",
         "--set", "resultat=À moitié", "--set", "explication=Le sondage est long")  # fmt: skip
    plan("do", "E1-A2-O3-I1/2012-2013", "renvoyer", "--note", "Trop court")
    board = plan("plan", "--year", "2012-2013")
    assert "il manque : correction" in board.replace("\u00a0", " ")
    plan("tick")
    (message,) = [m.message for m in mail.received if "corriger" in m.message["Subject"]]
    (command,) = commands_in(message)
    plan(*command, "--as", "conseillere")


def test_what_the_board_adopted_keeps_its_status_until_it_is_reopened(plan):
    plan.now = "2013-04-10T10:00"
    cycle = "E1-A2-O3-I1/2012-2013"
    plan("do", cycle, "saisir", "--set", "atteinte=atteinte", "--set", "atteint_le=2013-03-20",
         "--set", "resultat=Fait", "--set", "preuve=Le rapport")  # fmt: skip
    plan("do", cycle, "valider")
    plan("do", cycle, "adopter", "--set", "resolution=INM-1", "--set", "adopte_le=2013-04-10")
    plan.run("do", cycle, "imposer_statut", "--set", "statut_impose=en_voie", "--set", "statut_motif=x",
             code=1)  # fmt: skip


def test_a_figure_is_written_as_people_write_it(plan):
    plan.now = "2013-04-10T10:00"
    cycle = "E3-A1-O1-I1/2012-2013"
    plan("do", cycle, "saisir", "--set", "atteinte=atteinte", "--set", "valeur=1234567,25",
         "--set", "resultat=Des ententes", "--set", "preuve=Le dossier")  # fmt: skip
    for command in (("show", cycle), ("history", cycle)):
        assert "1\u00a0234\u00a0567,25" in plan(*command)
    assert "1,234,567.25" in plan("show", cycle, "--lang", "en")
    assert " · 1\u00a0234\u00a0567,25/2" in plan("plan", "--year", "2012-2013")
    assert plan.json("show", cycle)["fields"]["valeur"] == "1234567.25"
    rows = plan.json("plan", "--year", "2012-2013")["plans"][0]["rows"]
    assert next(r["count"] for r in rows if r["indicator"] == "E3-A1-O1-I1") == 1234567.25


def test_an_english_reader_is_told_the_holidays_in_english(plan):
    assert "Good Friday" in plan("why", "E1-A2-O3-I1/2012-2013", "--lang", "en")


@pytest.mark.parametrize(
    ("now", "said"),
    [
        ("2012-03-27T10:00", "échéance : 31 mars 2012 · à faire au plus tard le 30 mars 2012 (dans 3 jours ouvrables) · à personne"),
        ("2012-03-30T10:00", "à faire au plus tard le 30 mars 2012 (aujourd'hui)"),
        ("2012-03-30T23:05", "à faire au plus tard le 30 mars 2012 (aujourd'hui)"),
        ("2012-03-31T21:05", "à faire au plus tard le 30 mars 2012 (échéance aujourd'hui)"),
        ("2013-03-30T10:00", "à faire au plus tard le 28 mars 2013 (échéance dans 1 jour)"),
        ("2012-04-05T10:00", "échéance : 31 mars 2012 · à déclarer au plus tard le 30 avril 2012 (dans 15 jours ouvrables)"),
        ("2012-04-30T10:00", "à déclarer au plus tard le 30 avril 2012 (aujourd'hui)"),
    ],
)  # fmt: skip
def test_the_board_says_the_due_date_and_what_is_to_be_done_by_when(plan, now, said):
    plan.now = now
    year = "2012-2013" if now.startswith("2013") else "2011-2012"
    assert said in plan("plan", "--year", year).replace("\u00a0", " ")


def plan_of_ones_own(plan, before="", after=""):
    """Return the workspace's folder of plans, the shipped plan's text, and it as another with a change."""
    folder = plan.home / "plans"
    folder.mkdir()
    shipped = (ROOT / "workflows" / "plans" / "plan_2011_2016.yaml").read_text(encoding="utf-8")
    own = shipped.replace("plan: plan_2011_2016", "plan: le_mien").replace(before, after)
    own = own.replace("text: plan_2011_2016.txt\n", "")
    return folder, shipped, own


def test_a_plan_of_ones_own_is_checked_and_followed_beside_the_other(plan):
    folder, shipped, own = plan_of_ones_own(plan)
    (folder / "le_mien.yaml").write_text(
        own.replace("on: 2012-03-31}}", "on: 2012-02-30}}", 1), encoding="utf-8"
    )
    # A bad plan stops neither the other plans, nor the clock, nor the mail; the doctor names its line.
    for words in (
        ["plan"],
        ["why", "E1-A2-O3-I1/2012-2013"],
        ["simulate", "--to", "2012-12-01"],
        ["tick"],
    ):
        said = plan.run(*words)
        assert "le_mien.yaml:" in said.stderr
        assert "1 plan n'a pas été chargé" in said.stderr
        assert said.stdout
    assert [p["plan"] for p in plan.json("plan")["plans"]] == ["plan_2011_2016"]
    assert "le_mien.yaml:" in plan.run("doctor", code=4).stdout
    (folder / "le_mien.yaml").write_text(shipped, encoding="utf-8")
    assert "duplicate-id" in plan.run("plan").stderr
    named = shipped.replace("plan: plan_2011_2016", "plan: le_mien")
    (folder / "le_mien.yaml").write_text(named, encoding="utf-8")
    assert "n'est pas à côté du fichier du plan" in plan.run("plan").stderr
    wrong = own.replace("process: cycle", "process: nimporte")
    (folder / "le_mien.yaml").write_text(wrong, encoding="utf-8")
    assert "unknown-process" in plan.run("plan").stderr
    (folder / "le_mien.yaml").write_text(own[:-3], encoding="utf-8")
    assert "yaml" in plan.run("plan").stderr
    (folder / "le_mien.yaml").unlink()
    (folder / "le_mien.yml").mkdir()
    assert "le_mien.yml:1:1: unreadable" in plan.run("tick").stderr
    (folder / "le_mien.yml").rmdir()
    (folder / "le_mien.yml").write_text(own, encoding="utf-8")
    assert len(plan.json("plan")["plans"]) == 2
    assert "le_mien" in plan.run("plan", "show", "E1-A2-O3-I1", code=2).stderr
    # A cycle that both plans promise is named with its plan, and a hint can be typed as it stands.
    asked = plan.run("why", "E1-A2-O3-I1/2012-2013", code=2).stderr
    for key in ("le_mien", "plan_2011_2016"):
        assert f"{key}:E1-A2-O3-I1@2013-03-31" in asked
        for name in ("E1-A2-O3-I1@2013-03-31", "E1-A2-O3-I1/2012-2013"):
            assert plan.json("why", f"{key}:{name}")["plan"] == key
    assert "--to LOGIN --plan le_mien" in plan("plan")
    plan("plan", "show", "E1-A2-O3-I1", "--plan", "le_mien")
    # The same words with another cadence are a change.
    own = own.replace("{once: {on: 2012-03-31}}", "{yearly: {at_least: 3}}", 1)
    (folder / "le_mien.yml").write_text(own, encoding="utf-8")
    compared = ("plan", "compare", "--plan", "plan_2011_2016", "--with", "le_mien")
    (change,) = plan.json(*compared)["changes"]
    assert change["before"].endswith("(un résultat, pour le 31\u00a0mars 2012)")
    assert change["after"].endswith("(au moins 3 par année)")


def test_a_plan_that_reads_well_and_cannot_be_followed_is_named_and_the_others_go_on(plan):
    folder, _shipped, own = plan_of_ones_own(
        plan, "{yearly: {at_least: 2}}", "{yearly: {at_least: 200000}}"
    )
    (folder / "le_mien.yaml").write_text(own, encoding="utf-8")
    said = plan.run("tick", "--json")
    (fault,) = json.loads(said.stdout)["plans_at_fault"]
    assert (fault["code"], fault["line"] > 10) == ("unplannable", True)
    assert "n'admet pas « 200000 »" in said.stderr.replace("\u00a0", " ")
    assert {r["title"].split(" – ")[1] for r in plan.json("list", "--all")["cases"]} >= {
        "2012-2013"
    }
    assert "le_mien.yaml:" in plan.run("plan").stderr
    assert [p["plan"] for p in plan.json("plan")["plans"]] == ["plan_2011_2016"]
    assert "n'admet pas" in plan.run("doctor", code=4).stdout


def test_a_decision_that_the_plan_could_not_be_followed_with_is_refused(plan):
    before = plan("plan", "cycles")
    refused = plan.run(
        "plan", "amend", "E3-A1-O1-I1", "--target", "Beaucoup", "--cadence", "{yearly: {at_least: 200000}}",
        "--resolution", "INM-1", "--decided", "2012-11-01", "--reason", "x", code=1,
    )  # fmt: skip
    assert "n'admet pas « 200000 »" in refused.stderr.replace("\u00a0", " ")
    assert plan("plan", "cycles") == before


def test_what_is_printed_can_be_read_as_json(plan):
    for words in (["plan"], ["plan", "cycles"], ["plan", "show", "E1-A1-O1-I1"], ["plan", "readings"],
                  ["plan", "compare"], ["simulate", "--to", "2012-12-01"]):  # fmt: skip
        assert json.loads(plan(*words, "--json"))["schema"] == 1

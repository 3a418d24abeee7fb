"""A plan's file that is edited while its cycles are open, as those who read the commands see it."""

import re

import pytest

from tests.acceptance.test_plan import plan  # noqa: F401 - a fixture
from tests.acceptance.test_plan_decisions import SHORT

EDITED = (
    SHORT.replace("Portrait", "Tableau")
    .replace("target: {fr: Annuel}", "target: {fr: Au moins trois par année}")
    .replace("{yearly: {}}", "{yearly: {at_least: 3}}")
    .replace("title: {fr: Axe}", "title: {fr: Voie}")
)
WITHOUT = SHORT[: SHORT.index("              - id: A-2")]
YEAR = ("--plan", "court", "--year", "2012-2013")


@pytest.fixture
def court(plan):  # noqa: F811
    (plan.home / "plans").mkdir()

    def edit(text):
        (plan.home / "plans/court.yaml").write_text(text, encoding="utf-8")

    plan.edit = edit
    edit(SHORT)
    plan("tick")
    return plan


def answer(court):
    court.now = "2013-04-02T10:00"
    court("do", "A-2/2012-2013", "saisir", "--set", "atteinte=atteinte",
          "--set", "resultat=Il est fait", "--set", "preuve=Le dossier")  # fmt: skip


def text(court, *args):
    return court(*args).replace("\u00a0", " ")


def test_what_is_open_follows_and_says_so_on_the_board_in_its_history_and_in_its_mail(court, mail):
    court("plan", "assign", "A-2", "--to", "conseillere", "--plan", "court")
    number = re.search(r"CY-\S+", text(court, "plan", *YEAR))[0]
    court.edit(EDITED)
    board = text(court, "plan", *YEAR)
    assert "1 cycle ouvert ne suit pas encore le plan" in board
    assert "Portrait" in board
    assert "1 open cycle does not follow the plan yet" in court("--lang", "en", "plan", *YEAR)
    court("tick")
    board = text(court, "plan", *YEAR)
    assert "ne suit pas" not in board
    assert "cible : Au moins trois par année · en voie · 0/3" in board
    shown = text(court, "history", number)
    assert "Suivre le plan" in shown
    for words in ("Cible : Annuel → Au moins trois par année", "Axe : Axe → Voie",
                  "Cadence : {yearly: {}} → {yearly: {at_least: 3}}", "Quantité visée : 3"):  # fmt: skip
        assert words in shown
    court.now = "2013-03-28T09:00"
    court("tick")
    reminder = [m for m in mail.received if "A-2" in m.message["Subject"]][-1]
    assert "pour aujourd'hui" in reminder.message["Subject"]
    said = reminder.message.get_body(("plain",)).get_content()
    assert "Tableau" in said
    assert "Au moins trois par année" in said


def test_what_was_answered_keeps_its_words_and_numbers_wherever_it_is_read(court, tmp_path):
    answer(court)
    report = ("report", "2012-2013", "--plan", "court", str(tmp_path / "rapport.html"))
    before = text(court, "plan", *YEAR), text(court, "why", "A-2/2012-2013"), court.json(*report)
    for edited in (EDITED, WITHOUT):
        court.edit(edited)
        court("tick")
        after = text(court, "plan", *YEAR), text(court, "why", "A-2/2012-2013")
        assert after[1] == before[1]
        assert "A-2 Portrait\n      cible : Annuel · atteint" in after[0]
        (line,) = (n for n in court.json(*report)["lines"] if n["indicator"] == "A-2")
        assert line in before[2]["lines"]
    said = text(court, "plan", "show", "A-2", "--plan", "court")
    assert "Le fichier du plan n'a plus cet indicateur" in said
    assert "2012-2013 : atteint" in said
    assert "A-2" in court.run("plan", "assign", "A-2", "--to", "conseillere", code=2).stderr
    court("verify")

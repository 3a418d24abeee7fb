"""Changing a process with the real command, as its owner's page says; killed in the middle; in both languages."""

from __future__ import annotations

import random
import re
import shlex
import signal
import time

import pytest

from engine import register
from engine.schema import journal
from engine.verify import verify
from tests.support.commands import ROOT, workspace
from tests.support.world import ADVISER, World
from tests.unit.definition.test_language import blocks, change

PAGE = (ROOT / "docs" / "changing-a-process.md").read_text(encoding="utf-8")
LOAN = dict(blocks("yaml"))["pret.yaml"]
#: A loan that is reminded of.
REMINDED = """\
arrimage: 1
definitions: [../pret-3.yaml]
given: {now: 2026-11-16 10:00, people: {ann: [conseiller]}}
scenarios:
  - title: Un rappel part
    when:
      - {open: pret, by: ann, with: {appareil: Gravimètre, jours: 14}}
      - take: true
      - {wait: 10 business days, then: {mail: [{message: Rappel, to: ann}]}}
"""


def part(kind):
    return re.search(rf"^```{kind}\n(.*?)^```$", PAGE, flags=re.DOTALL | re.MULTILINE)[1]


@pytest.fixture
def drafts(tmp_path):
    """A folder with the loan's two versions and the mapping, as on the page."""
    folder = tmp_path / "brouillons"
    folder.mkdir()
    (folder / "pret.yaml").write_text(LOAN, encoding="utf-8")
    second, _ = change(LOAN, part("diff pret-2.yaml"))
    (folder / "pret-2.yaml").write_text(second, encoding="utf-8")
    (folder / "decide.yaml").write_text(part("yaml passage.yaml"), encoding="utf-8")
    return folder


def lend(inbox, count):
    for n in range(count):
        inbox(
            "register", "--process", "pret", "--set", f"appareil=Appareil {n}", "--set", "jours=14"
        )


@pytest.fixture
def loans(inbox, drafts):
    """A workspace with two loans, one of them of a damaged instrument, and the second version."""
    inbox("definitions", "install", str(drafts / "pret.yaml"))
    lend(inbox, 2)
    inbox("do", "PR-2026-0001", "rendre", "--set", "etat=abime", "--set", "constat=Fendu")
    inbox("definitions", "install", str(drafts / "pret-2.yaml"))
    return inbox


def migrate(inbox, *words, code=0):
    return inbox.json("definitions", "migrate", "pret", *words, code=code)


def test_every_command_of_the_page_does_what_it_says(inbox, drafts):
    commands = re.findall(r"^\$ (.*)$", PAGE, flags=re.MULTILINE)
    assert len(commands) >= 13
    for command in commands:
        words = shlex.split(command.partition("  #")[0])[1:]
        words = [str(drafts / w) if w.endswith(".yaml") else w for w in words]
        if "--mapping" in words:
            # What the plan left open, completed as the page does.
            written = (drafts / "passage.yaml").read_text(encoding="utf-8")
            assert "a_reparer: {to: en_reparation, entered: kept}" in written
            assert "#   constat: …   # dommages" in written
            words = [w.replace("passage.yaml", "decide.yaml") for w in words]
        inbox(*words, code=1 if "refusé" in command else 0)
    assert inbox.json("show", "PR-2026-0001")["definition_version"] == 2
    assert inbox.json("show", "PR-2026-0001")["fields"]["dommages"] == "Niveau à bulle fendu"
    assert inbox.json("show", "PR-2026-0002")["definition_version"] == 1


def test_what_changes_is_said_in_words_with_the_cases_that_it_touches(loans, drafts):
    said = loans("definitions", "diff", "pret@1", "pret")
    assert "À réparer (en_reparation)\u00a0: renommé (c'était a_reparer)" in said
    assert "échéance\u00a0: 10 jours ouvrables" in said
    assert "exige maintenant\u00a0: «\u00a0Dommages\u00a0» est rempli" in said
    assert "3 jours ouvrables avant l'échéance" in said
    told = loans.json("definitions", "diff", str(drafts / "pret.yaml"), str(drafts / "pret-2.yaml"))
    assert told["open_cases"] == 2
    cases = {(c["kind"], c["key"], c["change"]): c["cases"] for c in told["changes"]}
    assert cases["state", "en_reparation", "renamed"] == ["PR-2026-0001"]
    assert cases["timer", "rappel", "changed"] == ["PR-2026-0002"]
    assert cases["field", "constat", "removed"] == ["PR-2026-0001"]
    english = loans("definitions", "diff", "pret@1", "pret", "--lang", "en")
    assert "now requires: “Damage” is filled in" in english


def test_two_files_are_compared_where_there_is_no_workspace(tmp_path, drafts, inbox):
    inbox.home = tmp_path / "nulle part"
    files = (str(drafts / "pret.yaml"), str(drafts / "pret-2.yaml"))
    told = inbox.json("definitions", "diff", *files)
    assert told["open_cases"] == 0
    assert told["changes"]
    assert inbox.json("definitions", "diff", files[0], files[0])["changes"] == []
    assert inbox.json("definitions", "diff", "pret", files[0], code=2)["kind"] == "definition"


def test_a_text_that_changes_is_shown_line_by_line(inbox, drafts):
    quoting = LOAN.replace("reference: Note de service}", "reference: Note, text: note.md}")
    for folder, words in (("a", "Quatorze jours.\n"), ("b", "Trente jours.\n")):
        (drafts / folder).mkdir()
        (drafts / folder / "pret.yaml").write_text(quoting, encoding="utf-8")
        (drafts / folder / "note.md").write_text(f"Le prêt.\n{words}", encoding="utf-8")
    said = inbox("definitions", "diff", *(str(drafts / f / "pret.yaml") for f in "ab"))
    assert "- Quatorze jours." in said
    assert "+ Trente jours." in said
    assert "Le prêt." not in said


def test_installing_says_who_stays_and_is_for_the_administration_only(loans, drafts):
    assert (loans.home / "workflows" / "pret.yaml").read_text(encoding="utf-8") == (
        drafts / "pret-2.yaml"
    ).read_text(encoding="utf-8")
    again = loans("definitions", "install", str(drafts / "pret-2.yaml"))
    assert "déjà installé" in again
    assert "inbox definitions migrate pret --to 2 --dry-run" in again
    told = loans.json("definitions", "install", str(drafts / "pret-2.yaml"))["installed"][0]
    assert (told["new"], told["current"], told["open_cases"]) == (False, 2, {"1": 2})
    refused = loans.json(
        "definitions", "install", str(drafts / "pret.yaml"), "--as", "conseiller", code=1
    )
    assert refused["code"] == "not_administration"
    world = World(f"sqlite:///{loans.home / 'arrimage.db'}")
    with world.database.read() as connection:
        rows = connection.execute(journal.select().where(journal.c.subject == "definition")).all()
    assert {r.actor for r in rows if '"pret"' in r.body} == {"direction"}
    world.database.close()


def codes(told):
    return [f["code"] for f in told["findings"]]


def test_a_version_that_cannot_stand_beside_the_others_is_refused_and_changes_nothing(
    loans, drafts
):
    draft = drafts / "autre.yaml"
    second = (drafts / "pret-2.yaml").read_text(encoding="utf-8")
    for text, code in (
        (second.replace("Prêt d'un appareil", "Prêt"), "version-already-installed"),
        (
            LOAN.replace("version: 1", "version: 3", 1).replace("to: prete", "to: preet"),
            "unknown-state",
        ),
    ):
        draft.write_text(text, encoding="utf-8")
        assert codes(loans.json("definitions", "install", str(draft), code=1)) == [code]
    draft.write_text(second.replace("version: 2", "version: 4", 1), encoding="utf-8")
    loans("definitions", "install", str(draft))
    draft.write_text(second.replace("version: 2", "version: 3", 1), encoding="utf-8")
    assert codes(loans.json("definitions", "install", str(draft), code=1)) == ["version-not-higher"]
    assert loans.json("process", "show", "pret")["version"] == 4


def test_texts_and_templates_go_along_and_never_over_other_words(loans, drafts):
    text = (
        (drafts / "pret-2.yaml").read_text(encoding="utf-8").replace("version: 2", "version: 3", 1)
    )
    text = text.replace("template: reminder", "template: pret/rappel")
    text = text.replace("reference: Note de service}", "reference: Note, text: note.md}")
    (drafts / "pret-3.yaml").write_text(text, encoding="utf-8")
    folder = drafts / "templates" / "fr" / "pret"
    folder.mkdir(parents=True)
    (folder / "rappel.subject.j2").write_text("{{ case.number }}", encoding="utf-8")
    (folder / "rappel.txt.j2").write_text("Bonjour {{ inconnu }}", encoding="utf-8")
    told = loans.json("definitions", "install", str(drafts / "pret-3.yaml"), code=1)
    assert codes(told) == ["missing-text", "template"]
    (drafts / "note.md").write_text("On prête.", encoding="utf-8")
    (folder / "rappel.txt.j2").write_text("Bonjour", encoding="utf-8")
    loans("definitions", "install", str(drafts / "pret-3.yaml"))
    assert (loans.home / "templates" / "fr" / "pret" / "rappel.txt.j2").read_text() == "Bonjour"
    assert "On prête." in loans("process", "show", "pret")
    (folder / "rappel.txt.j2").write_text("Bonsoir", encoding="utf-8")
    (drafts / "pret-3.yaml").write_text(
        text.replace("version: 3", "version: 4", 1), encoding="utf-8"
    )
    told = loans.json("definitions", "install", str(drafts / "pret-3.yaml"), code=1)
    assert codes(told) == ["file-in-the-way"]
    assert (loans.home / "templates" / "fr" / "pret" / "rappel.txt.j2").read_text() == "Bonjour"


def test_every_command_reads_the_templates_beside_a_file(loans, drafts):
    text = (
        (drafts / "pret-2.yaml").read_text(encoding="utf-8").replace("version: 2", "version: 3", 1)
    )
    text = text.replace("template: reminder", "template: pret/rappel")
    (drafts / "pret-3.yaml").write_text(text, encoding="utf-8")
    folder = drafts / "templates" / "fr" / "pret"
    folder.mkdir(parents=True)
    (folder / "rappel.subject.j2").write_text("{{ case.number }}", encoding="utf-8")
    (folder / "rappel.txt.j2").write_text("Un mot de la maison", encoding="utf-8")
    (drafts / "scenarios").mkdir()
    (drafts / "scenarios" / "pret-3.yaml").write_text(REMINDED, encoding="utf-8")
    third = str(drafts / "pret-3.yaml")
    loans("definitions", "check", third)
    assert loans.json("definitions", "test", third)["passed"] == 1
    said = loans("definitions", "diff", str(drafts / "pret-2.yaml"), third)
    assert "fr/pret/rappel.txt.j2\u00a0: ajouté" in said
    loans("definitions", "install", third)
    (folder / "rappel.txt.j2").unlink()
    loans("definitions", "check", third)
    assert loans.json("definitions", "test", third)["passed"] == 1


def test_a_draft_that_somebody_left_in_the_folder_is_not_written_over(loans, drafts):
    there = loans.home / "workflows" / "pret.yaml"
    there.write_text("arrimage: 1\n# en chantier\n", encoding="utf-8")
    third = (
        (drafts / "pret-2.yaml").read_text(encoding="utf-8").replace("version: 2", "version: 3", 1)
    )
    (drafts / "pret-3.yaml").write_text(third, encoding="utf-8")
    told = loans.json("definitions", "install", str(drafts / "pret-3.yaml"), code=1)
    assert codes(told) == ["file-in-the-way"]
    assert "en chantier" in there.read_text(encoding="utf-8")


def test_a_rehearsal_shows_each_case_before_and_after_and_what_holds_it(loans, drafts):
    told = migrate(loans, "--to", "2", "--dry-run", code=1)
    first, second = told["cases"]
    assert [r["code"] for r in first["reasons"]] == ["migration_field"]
    assert "drop: [constat]" in first["reasons"][0]["remedy"]
    assert second["before"]["state"] == second["after"]["state"] == "prete"
    moved = {t["timer"]: t for t in second["timers"]}["rappel"]
    assert moved["after"] < moved["before"]
    assert told["plans"][0]["undecided_fields"] == ["constat"]
    assert (told["migrated"], told["staying"]) == (1, 1)
    decided = migrate(loans, "--to", "2", "--dry-run", "--mapping", str(drafts / "decide.yaml"))
    first = decided["cases"][0]
    assert (first["before"]["state"], first["after"]["state"]) == ("a_reparer", "en_reparation")
    assert first["after"]["due"] > first["before"]["due"]
    assert first["changes"] == {"constat": ["Fendu", None], "dommages": [None, "Fendu"]}
    assert loans.json("show", "1")["definition_version"] == 1


def test_cases_that_can_pass_do_and_the_others_say_why_they_stay(loans, drafts):
    told = migrate(loans, "--to", "2", code=1)
    assert [c["written"] for c in told["cases"]] == [False, True]
    assert loans.json("show", "1")["definition_version"] == 1
    mapping = ("--mapping", str(drafts / "decide.yaml"))
    told = migrate(loans, "--to", "2", *mapping)
    assert [(c["case"], c["written"]) for c in told["cases"]] == [("PR-2026-0001", True)]
    named = migrate(loans, "--to", "2", *mapping, "--cases", "1,PR-2026-0002")
    assert [c["already"] for c in named["cases"]] == [True, True]
    history = loans("history", "1")
    assert "Passé à une autre version" in history
    assert "version 1 → version 2" in history
    assert "Ce qui est abîmé\u00a0: Fendu" in history  # told in the words of its own version
    loans("verify")
    back = migrate(loans, "--back")
    assert [c["written"] for c in back["cases"]] == [True, True]
    assert loans.json("show", "1")["fields"]["constat"] == "Fendu"
    loans("do", "PR-2026-0001", "reparer", "--note", "Réparé")
    refused = migrate(loans, "--back", "--cases", "PR-2026-0001", code=1)
    assert refused["cases"][0]["reasons"][0]["code"] == "not_migrated"


def test_what_is_typed_wrong_is_said(loans, drafts):
    bad = drafts / "mauvais.yaml"
    bad.write_text(
        "states: {a_repare: en_reparation}\nfields: {etat: etta}\nautre: 1\n", encoding="utf-8"
    )
    told = migrate(loans, "--to", "2", "--mapping", str(bad), code=2)
    assert [(f["code"], f["line"]) for f in told["findings"]] == [
        ("unknown-name", 1),
        ("unknown-name", 2),
        ("unknown-key", 3),
    ]
    assert "a_reparer" in told["findings"][0]["message"]
    assert migrate(loans, code=2)["error"] == "Usage"
    assert migrate(loans, "--to", "9", code=2)["error"] == "Usage"
    assert migrate(loans, "--to", "2", "--as", "conseiller", code=1)["code"] == "not_administration"
    assert loans.json("definitions", "migrate", "prets", "--to", "2", code=2)["near"][0] == "pret"


def test_why_says_the_shortest_way_and_show_says_it_for_every_action(loans):
    told = loans.json("why", "PR-2026-0002", "--action", "reparer")
    assert next(r["code"] for r in told["reasons"]) == "wrong_state"
    assert [(s["action"], s["to"]) for s in told["way"]] == [("rendre", "a_reparer")]
    assert told["way"][0]["when"] == "«\u00a0État au retour\u00a0» est «\u00a0Abîmé\u00a0»"
    assert "à condition que" in loans("why", "PR-2026-0002", "--action", "reparer")
    shown = loans("show", "PR-2026-0002")
    assert (
        "faites d'abord «\u00a0rendre --set etat=abime\u00a0», puis «\u00a0reparer\u00a0»" in shown
    )


@pytest.mark.parametrize("seed", [1, 2])
def test_a_migration_killed_again_and_again_ends_with_every_case_once(
    tmp_path, database_url, drafts, seed
):
    inbox = workspace(tmp_path, database=database_url)
    inbox("definitions", "install", str(drafts / "pret.yaml"))
    world = World(database_url)
    for n in range(60):
        world.engine.open("pret", {"appareil": f"Appareil {n}", "jours": "14"}, ADVISER)
    inbox("definitions", "install", str(drafts / "pret-2.yaml"))
    chance = random.Random(seed)
    for _ in range(3):
        running = inbox.start("definitions", "migrate", "pret", "--to", "2")
        wait_for(world, chance.randint(3, 15), running)
        running.send_signal(signal.SIGKILL)
        running.communicate()
        assert verify(world.database).faults == ()
    inbox("definitions", "migrate", "pret", "--to", "2")
    with world.database.read() as connection:
        lines = register.list_cases(connection, process="pret", limit=100)
        events = [[e["action"] for e in register.events(connection, c.id)] for c in lines]
        timers = [[t["name"] for t in register.pending_timers(connection, c.id)] for c in lines]
    assert [line.definition_version for line in lines] == [2] * 60
    assert events == [["ouvrir", "migrate"]] * 60
    assert timers == [["rappel"]] * 60
    assert verify(world.database).faults == ()
    world.database.close()


def wait_for(world, more, process):
    """Wait until some more cases have passed, or the process has nothing left to do."""
    deadline = time.monotonic() + 60
    wanted = passed(world) + more
    while passed(world) < wanted and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.005)


def passed(world):
    with world.database.read() as connection:
        return register.open_by_version(connection, "pret").get(2, 0)

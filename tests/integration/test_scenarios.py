"""Scenarios: what passes, what fails and where it says so, what is refused, what exploring finds."""

from __future__ import annotations

import json
import re
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from jinja2.exceptions import SecurityError

from engine.calendar import Calendar
from engine.cases import Engine
from engine.errors import InvalidScenario, Reason
from engine.scenario import causes, reading
from engine.scenario.coverage import figures
from engine.scenario.explore import explore
from engine.scenario.known import Known
from engine.scenario.run import play
from inbox import reasons, scenarios
from notifications.rendering import Renderer
from tests.support.commands import ROOT, Inbox

PAGE = (ROOT / "docs" / "scenarios.md").read_text(encoding="utf-8")
LANGUAGE = (ROOT / "docs" / "definition-language.md").read_text(encoding="utf-8")
WORKFLOWS = ROOT / "workflows"


def block(page, kind):
    return re.search(rf"^```yaml {re.escape(kind)}\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)[1]


PRET = block(LANGUAGE, "pret.yaml")
SCENARIOS = block(PAGE, "scenarios/pret.yaml")


@pytest.fixture
def nowhere(tmp_path):
    """The command, where there is no workspace, with the page's example in its folder."""
    folder = tmp_path / "workflows" / "scenarios"
    folder.mkdir(parents=True)
    (folder.parent / "pret.yaml").write_text(PRET, encoding="utf-8")
    (folder / "pret.yaml").write_text(SCENARIOS, encoding="utf-8")
    return Inbox(tmp_path / "absent", now=None)


def staged(*definitions: Path):
    script = scenarios.Script(path="essai.yaml", source=None, file=None, definitions=definitions)
    return scenarios.stage_of(script)


@pytest.fixture(scope="module")
def requests():
    with staged(WORKFLOWS / "demande.yaml", WORKFLOWS / "rencontre.yaml") as stage:
        yield stage


@pytest.fixture(scope="module")
def loans(tmp_path_factory):
    path = tmp_path_factory.mktemp("prets") / "pret.yaml"
    path.write_text(PRET, encoding="utf-8")
    with staged(path) as stage:
        yield stage


HEAD = """\
arrimage: 1
definitions: [x]
given:
  now: 2026-11-16 10:00
  people: {ann: [conseiller], chef: [direction]}
  rosters: {reseau: {A: a@example.org, B: b@example.org}}
scenarios:
  - title: Essai
    when:
"""


def told(stage, text):
    """Play the one scenario of a text; return what failed, as `line:column: code: sentence`."""
    read, file, _ = reading.parse(text, "essai.yaml")
    (story,) = reading.stories(read, file, Known(stage.definitions))
    found = [f.finding(read) for f in play(stage, story).failures]
    return [f"{f.line}:{f.column}: {f.code}: {f.messages['fr']}" for f in found]


# --- the shipped processes ----------------------------------------------------------------------


def test_the_shipped_processes_reach_every_state_action_and_timer(tmp_path):
    answer = Inbox(tmp_path / "absent", now=None).json("definitions", "test")
    assert answer["failed"] == 0
    assert answer["passed"] >= 20
    covered = {c["process"]: c for f in answer["files"] for c in f["coverage"]}
    assert set(covered) == {"demande", "rencontre", "cycle", "plan"}
    for coverage in covered.values():
        assert coverage["states"]["total"] >= 2
        for kind in ("states", "actions", "timers", "ways"):
            assert coverage[kind]["percent"] == 100, coverage[kind]["missing"]


@pytest.mark.parametrize(
    ("process", "before", "after", "code"),
    [
        ("demande", "due: {of: opened, after: 2 business days}",
         "due: {of: opened, after: 3 business days}", "due"),
        ("demande", "    template: demande/decision\n    to: {role: direction}", "    template: demande/decision\n    to: {people: [owner]}", "mail"),
        ("demande", "    to: diffusion_incomplete\n    by: [direction]",
         "    to: diffusion_incomplete\n    by: [direction, conseiller]", "reason"),
        ("cycle", "at: {of: entered, after: 20 business days}",
         "at: {of: entered, after: 30 business days}", "timer"),
    ],
)  # fmt: skip
def test_a_shipped_process_that_changes_fails_its_scenarios(tmp_path, process, before, after, code):
    for path in WORKFLOWS.glob("*.yaml"):
        (tmp_path / path.name).write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
    text = (WORKFLOWS / f"{process}.yaml").read_text(encoding="utf-8")
    assert text.count(before) == 1
    (tmp_path / f"{process}.yaml").write_text(text.replace(before, after), encoding="utf-8")
    (tmp_path / "scenarios").mkdir()
    said = (WORKFLOWS / "scenarios" / f"{process}.yaml").read_text(encoding="utf-8")
    (tmp_path / "scenarios" / f"{process}.yaml").write_text(said, encoding="utf-8")
    script = scenarios.read(tmp_path / f"{process}.yaml")
    with scenarios.ready([script], lambda _: []) as (ready,):
        played = scenarios.played(ready.stage, ready.stories)
    assert code in {f.code for one in played for f in one.failures}


# --- the page -----------------------------------------------------------------------------------


def run(inbox, folder, *words, code=0, **environment):
    import subprocess
    import sys

    done = subprocess.run([sys.executable, "-m", "inbox", *words], cwd=folder, text=True,
                          capture_output=True, env={**inbox.environment(), **environment})  # fmt: skip
    assert done.returncode == code, (done.stdout, done.stderr)
    return done.stdout.replace("\u00a0", " ") + done.stderr.replace("\u00a0", " ")


def test_the_example_of_the_page_runs_and_says_what_the_page_says(nowhere, tmp_path):
    shown = re.search(r"^\$ inbox definitions test workflows/pret.yaml\n(.*?)^```", PAGE,
                      re.DOTALL | re.MULTILINE)[1]  # fmt: skip
    assert run(nowhere, tmp_path, "definitions", "test", "workflows/pret.yaml") == shown


def test_the_wrong_example_of_the_page_is_told_as_the_page_says(nowhere, tmp_path):
    (line,) = re.findall(r"^workflows/scenarios/pret.yaml:\d.*$", PAGE, re.MULTILINE)
    lines = SCENARIOS.splitlines()
    opened = next(i for i, text in enumerate(lines) if "then: {state: Prêté" in text)
    text = "\n".join([*lines[:opened], *block(PAGE, "wrong").splitlines()]) + "\n"
    (tmp_path / "workflows" / "scenarios" / "pret.yaml").write_text(text, encoding="utf-8")
    told = run(nowhere, tmp_path, "definitions", "test", "workflows/pret.yaml", code=1)
    assert line in told
    answer = json.loads(
        run(nowhere, tmp_path, "definitions", "test", "workflows/pret.yaml", "--json", code=1)
    )
    (failure,) = answer["files"][0]["scenarios"][0]["failures"]
    assert failure["code"] == "state"
    assert (failure["expected"], failure["got"]) == ("« À réparer »", "« Rendu »")
    assert f":{failure['line']}:{failure['column']}:" in line


def test_every_key_and_code_of_scenarios_is_on_the_page():
    source = (ROOT / "engine" / "scenario" / "model.py").read_text(encoding="utf-8")
    keys = set(re.findall(r"^    ([a-z_]+): ", source, re.MULTILINE)) - {"first", "last", "data"}
    keys |= set(re.findall(r'alias="([a-z_]+)"', source))
    assert {k for k in keys if not re.search(rf"\b{k}\b", PAGE)} == set()
    files = (ROOT / "engine" / "scenario").glob("*.py")
    text = "\n".join(p.read_text(encoding="utf-8") for p in files)
    codes = set(re.findall(r'(?:code=|_failure\(\s*|_same\(\s*)"([a-z-]+)"', text))
    assert len(codes) >= 15
    assert {c for c in codes if f"`{c}`" not in PAGE} == set()


def test_every_code_of_a_refusal_has_words():
    assert set(causes.CODES) <= set(reasons._SENTENCES)


# --- what fails, and where it says so -----------------------------------------------------------

OPEN = """\
      - open: demande
        by: ann
        with: {Organisation: École, Sujet: Stages, contact_courriel: x@example.org}
"""


@pytest.mark.parametrize(
    ("then", "column", "code", "words"),
    [
        ("state: Recherches", None, None, "l'état « Recherches » n'existe pas"),
        ("state: En recherche", 23, "state", "attendu « En recherche »; obtenu « Inscrite »"),
        ("owner: ann", 23, "owner", "attendu « ann »; obtenu rien"),
        ("due: 2026-11-19", 21, "due", "attendu « 2026-11-19 »; obtenu « 2026-11-18 »"),
        ("due: null", 21, "due", "attendu rien; obtenu « 2026-11-18 »"),
        ("fields: {Sujet: Visite}", 32, "field", "attendu « Visite »; obtenu « Stages »"),
        ("fields: {Canal: Poste}", 32, "field", "attendu « Poste »; obtenu rien"),
        ("fields: {Recherches: 2}", 37, "field", "attendu 2 consignés; obtenu 0 consignés"),
        ("mail: []", 22, "mail", "attendu rien; obtenu « Accusé de réception » → x@example.org"),
        ("mail: [{message: Accusé de réception, to: y@example.org}]", 23, "mail",
         "attendu « Accusé de réception » → y@example.org; obtenu « Accusé"),
        ("mail: [{message: Accusé de réception, times: 2}]", 23, "mail", "× 2"),
        ("mail: [{message: Accusé de réception, subject: Bonjour}]", 23, "mail", "« Bonjour »"),
        ("mail: [{message: accuse_reception, languages: [fr, en]}]", 23, "mail", ", fr, en;"),
        ("timers: {Avis de retard: 2026-11-19 09:00}", 41, "timer",
         "attendu « 2026-11-19 09:00 »; obtenu « 2026-11-19 08:30 »"),
        ("timers: {relance_demandeur: true}", 44, "timer", "attendu armée; obtenu pas armée"),
        ("fired: [Avis de retard]", 23, "fired", "attendu « Avis de retard »; obtenu rien"),
        ("automatic: [completer]", 27, "automatic", "attendu « Le dossier est complet »"),
        ("children: {RE-2026-0001: Tenue}", 41, "child", "attendu « Tenue »; obtenu rien"),
        ("possible: [Orientation]", None, None, "l'action « Orientation » n'existe pas"),
        ("possible: [Décider du suivi]", 27, "possible", "obtenu impossible (wrong_state"),
        ("impossible: [Abandonner]", 29, "impossible", "attendu impossible; obtenu possible"),
        ("duplicates: [DI-2026-0009]", 28, "duplicates", "attendu « DI-2026-0009 »; obtenu rien"),
        ("late: true", 22, "late", "attendu oui; obtenu non"),
        ("replayed: true", 26, "replayed", "attendu oui; obtenu non"),
        ("can_end: false", 25, "can-end", "attendu non; obtenu oui"),
        ("case: DI-2026-0002, state: Inscrite", 22, "case", "obtenu introuvable"),
    ],
)  # fmt: skip
def test_each_kind_of_expectation_fails_at_its_place_in_words(requests, then, column, code, words):
    text = f"{HEAD}{OPEN}        then: {{{then}}}\n"
    if code is None:
        with pytest.raises(InvalidScenario) as refused:
            told(requests, text)
        assert words in refused.value.findings[0].messages["fr"]
        return
    (failure,) = told(requests, text)
    assert failure.startswith(f"13:{column}: {code}: ")
    assert words in failure


@pytest.mark.parametrize(
    ("step", "place", "words"),
    [
        ("- {do: Abandonner}", "13:14: refused", "refusée (field_missing (motif_fermeture))"),
        ("- {do: Abandonner, with: {motif_fermeture: x}, refused: [role]}", "13:63: not-refused",
         "attendu refusée (role); obtenu faite"),
        ("- {do: Abandonner, refused: [wrong_state, field_missing]}", "13:36: reason",
         "attendu « wrong_state »; obtenu « field_missing (motif_fermeture) »"),
        ("- {do: Refuser, refused: [role]}", "13:32: reason", "en plus : attendu rien; obtenu « field_m"),
        ("- {do: Abandonner, refused: [field_missing: note]}", "13:51: reason", "(note)"),
        ("- {do: tenir, case: RE-2026-0001}", "13:27: case", "« RE-2026-0001 »; obtenu introuvable"),
        ("- {wait: 2026-11-15}", "13:16: past", "attendu après 2026-11-16 10:00; obtenu « 2026-11-15 »"),
        ("- {outbox: {retry: [z@example.org]}}", "13:18: case", "« z@example.org »"),
        ("- {take: true, by: chef}", "13:16: refused", "(role)"),
    ],
)  # fmt: skip
def test_a_step_that_goes_otherwise_is_told_at_its_place(requests, step, place, words):
    found = told(requests, f"{HEAD}{OPEN}      {step}\n")
    assert found[0].startswith(place)
    assert words in found[0]


def test_a_message_that_cannot_be_written_and_a_broken_history_fail(requests, monkeypatch):
    def broken(*_):
        raise SecurityError("+ is for numbers only")

    monkeypatch.setattr(Renderer, "render", broken)
    (failure,) = told(requests, HEAD + OPEN)
    assert failure.startswith("10:15: mail-unreadable: ")
    assert "« + » n'additionne que des nombres" in failure.replace("\u00a0", " ")
    assert "SecurityError" not in failure
    monkeypatch.undo()
    monkeypatch.setattr("engine.verify.event_hash", lambda *_: "x")
    assert told(requests, HEAD + OPEN)[0].startswith("8:5: history: ")


def test_an_idempotency_key_and_an_absence_are_played_as_the_command_does(requests):
    people = """\
    ann: {roles: [conseiller], substitute: bob}
    bob: {roles: [conseiller], away: {from: 2026-11-16, to: 2026-11-17, substitute: chef}}
    chef: [conseiller, direction]
"""
    head = HEAD.replace(
        "  people: {ann: [conseiller], chef: [direction]}\n", f"  people:\n{people}"
    )
    assert told(requests, head + """\
      - {open: demande, by: ann, with: {Organisation: A, Sujet: S}, key: un}
      - {open: demande, by: ann, with: {Organisation: A, Sujet: S}, key: un, then: {replayed: true}}
      - {open: demande, by: ann, with: {Organisation: B, Sujet: S}, key: un, refused: [key_reused]}
      - {take: true, by: bob, then: {owner: bob}}
      - {release: true, by: chef, then: {owner: null}}
      - {assign: ann, by: chef, then: {owner: ann, mail: [{message: attribution, to: ann}]}}
""") == []  # fmt: skip


# --- bad files ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after", "place", "code"),
    [
        ("now: 2026-11-16 10:00", "now: 2026-11-31 10:00", "4:8", "wrong-type"),
        ("wait: 10 business days", "wait: 9999-12-31", "17:15", "wrong-type"),
        ("substitute: bob", "substitute: bob, email: ann", "6:56", "wrong-value"),
        ("substitute: bob", "substitute: ann", "6:10", "wrong-value"),
        ("substitute: bob", "away: {from: 2026-11-16, to: 2026-11-15}", "6:38", "missing-key"),
        ("substitute: bob", "away: {from: 2026-11-16, to: 2026-11-15}", "6:38", "wrong-value"),
        ("scenarios:", "  rosters: {reseau: {A: a}}\nscenarios:", "8:25", "wrong-value"),
        ("wait: 10 business days", "wait: dix jours", "17:15", "bad-form"),
        ("- take: true", "- take: true\n        wait: 1 day", "15:9", "one-key"),
        ("by: ann", "by: zoe", "12:13", "unknown-person"),
        ("open: Prêt d'un appareil", "open: Prêts", "11:15", "unknown-process"),
        ("do: Rendre", "do: Rendr", "21:13", "unknown-action"),
        ("state: Prêté,", "state: Prêtée,", "14:23", "unknown-state"),
        ("Durée en jours: 14}", "Durées: 14}", "13:38", "unknown-field"),
        ("{Rappel: 2026-11-26 08:30}", "{Rapel: 2026-11-26 08:30}", "14:56", "unknown-timer"),
        ("message: Rappel,", "message: Avis,", "20:28", "unknown-message"),
        ("roles: [conseiller]", "roles: [chef]", "6:19", "unknown-role"),
        ("refused: [field_missing: constat]", "refused: [trop_tard]", "32:19", "unknown-reason"),
        ("refused: [field_missing: constat]", "refused: []", "32:18", "empty-condition"),
        ("due: 2026-11-30", "due: 2026-11-31", "14:35", "wrong-type"),
        ("fields: {État au retour: Abîmé}", "fields: {État au retour: Neuf}", "38:55", "wrong-value"),
        ("        by: ann\n        with: {Appareil", "        with: {Appareil", "11:9", "missing-key"),
        ("  now: 2026-11-16 10:00           # local\n", "", "8:5", "missing-key"),
        ("definitions: [../pret.yaml]", "definitions: [../prets.yaml]", "2:15", "no-such-file"),
        ("title: Un appareil abîmé", "titre: Un appareil abîmé", "25:5", "unknown-key"),
        ("      - do: rendre\n        with: {etat: Abîmé}", "      - do: rendre\n        case: DI-2026-0001", "31:15",
         "unknown-process"),
        ("    when:\n      - open: pret", "    after: Un appareil loué\n    when:\n      - open: pret", "26:12",
         "unknown-scenario"),
    ],
)  # fmt: skip
def test_a_bad_scenario_file_is_refused_at_its_line(tmp_path, before, after, place, code):
    (tmp_path / "pret.yaml").write_text(PRET, encoding="utf-8")
    (tmp_path / "scenarios").mkdir()
    assert before in SCENARIOS
    path = tmp_path / "scenarios" / "pret.yaml"
    path.write_text(SCENARIOS.replace(before, after, 1), encoding="utf-8")
    with (
        pytest.raises(InvalidScenario) as refused,
        scenarios.ready([scenarios.read(path)], lambda _: []),
    ):
        pass
    found = [f"{f.line}:{f.column} {f.code}" for f in refused.value.findings]
    assert f"{place} {code}" in found


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("now: 2026-11-16 10:00", "now: 2026-13-16 10:00",
         "le 2026-13-16 10:00 n'existe pas; il faut ici un instant comme « 2026-03-31 09:00 »."),
        ("take: true", "take: oui", "il faut ici true."),
    ],
)  # fmt: skip
def test_what_a_scenario_needs_is_said_as_it_is_written(before, after, words):
    _, _, found = reading.parse(SCENARIOS.replace(before, after, 1), "pret.yaml")
    assert [f.messages["fr"] for f in found] == [words]


def test_an_unknown_key_of_what_must_be_is_one_mistake_and_no_list():
    text = SCENARIOS.replace("then: {owner: ann}", "then: {stat: x}", 1)
    _, _, found = reading.parse(text, "pret.yaml")
    assert [f.code for f in found] == ["unknown-key"]


def test_all_mistakes_of_a_scenario_file_are_told_at_once_with_exit_2(nowhere, tmp_path):
    path = tmp_path / "workflows" / "scenarios" / "pret.yaml"
    text = SCENARIOS.replace("by: ann", "by: zoe").replace("do: reparer", "do: raparer")
    path.write_text(text, encoding="utf-8")
    told = run(nowhere, tmp_path, "definitions", "test", str(path), code=2)
    assert "Rien n'a été joué : 3 erreurs." in told
    assert told.count("unknown-person: la personne « zoe » n'existe pas") == 2
    assert "vouliez-vous « Réparer »?" in told
    answer = json.loads(run(nowhere, tmp_path, "definitions", "test", str(path), "--json", code=2))
    assert answer["error"] == "InvalidScenario"
    assert [f["line"] for f in answer["findings"]] == [12, 28, 36]
    path.write_text("arrimage: 1\nscenarios: [\n", encoding="utf-8")
    assert "pret.yaml:2:13: yaml: " in run(
        nowhere, tmp_path, "definitions", "test", str(path), code=2
    )


def findings_of(nowhere, tmp_path, *files):
    answer = json.loads(run(nowhere, tmp_path, "definitions", "test", *files, "--json", code=2))
    return [
        f"{Path(f['file']).name}:{f['line']}:{f['column']} {f['code']}" for f in answer["findings"]
    ]


def mistaken(text, *changes):
    for before, after in changes:
        assert before in text
        text = text.replace(before, after, 1)
    return text


FORM = (
    ("title: Un appareil abîmé", "titre: Un appareil abîmé"),
    ("wait: 10 business days", "wait: dix jours"),
    ("due: 2026-11-30", "due: 2026-11-31"),
)
NAMES = (
    ("state: Prêté,", "state: Prêtée,"),
    ("message: Rappel,", "message: Avis,"),
    ("do: reparer", "do: raparer"),
    ("by: ann", "by: zoe"),
)
FOUND = [
    "pret.yaml:12:13 unknown-person", "pret.yaml:14:23 unknown-state", "pret.yaml:14:36 wrong-type",
    "pret.yaml:17:15 bad-form", "pret.yaml:20:28 unknown-message", "pret.yaml:25:5 missing-key",
    "pret.yaml:25:5 unknown-key", "pret.yaml:36:13 unknown-action",
]  # fmt: skip


def test_mistakes_of_form_hide_no_mistake_of_names(nowhere, tmp_path):
    path = tmp_path / "workflows" / "scenarios" / "pret.yaml"
    path.write_text(mistaken(SCENARIOS, *FORM, *NAMES), encoding="utf-8")
    assert findings_of(nowhere, tmp_path, str(path)) == FOUND
    told = run(nowhere, tmp_path, "definitions", "test", str(path), code=2)
    assert "Rien n'a été joué : 8 erreurs." in told
    shown = re.search(r":14:36: .*\n(.*)\n( *)\^", told)
    assert shown[1][len(shown[2]) :].startswith("2026-11-31")


def test_a_step_that_cannot_be_read_hides_nothing_but_itself(nowhere, tmp_path):
    path = tmp_path / "workflows" / "scenarios" / "pret.yaml"
    unread = (
        ("with: {Appareil: Gravimètre, Durée", "with: {Appareil: Gravimètre : lourd, Durée"),
        ("note: Niveau remplacé", "note: Niveau: remplacé"),
    )
    path.write_text(mistaken(SCENARIOS, *FORM, *NAMES, *unread), encoding="utf-8")
    wanted = {*FOUND, "pret.yaml:13:15 yaml", "pret.yaml:37:21 yaml"}
    # Whether the scenario has a title is not known: a key of it could not be read.
    assert {*findings_of(nowhere, tmp_path, str(path))} == wanted - {"pret.yaml:25:5 missing-key"}
    path.write_text(mistaken(SCENARIOS, *unread), encoding="utf-8")
    assert {*findings_of(nowhere, tmp_path, str(path))} == wanted - {*FOUND}


def test_mistakes_of_a_definition_hide_none_of_its_scenarios_and_are_told_with_them(
    nowhere, tmp_path
):
    path = tmp_path / "workflows" / "scenarios" / "pret.yaml"
    path.write_text(mistaken(SCENARIOS, *FORM, *NAMES), encoding="utf-8")
    definition = tmp_path / "workflows" / "pret.yaml"
    definition.write_text(
        mistaken(PRET, ("form: [appareil, jours]", "form: [appareil, jour]"), ("by: [conseiller]\n    note", "by: [consejller]\n    note")),
        encoding="utf-8",
    )  # fmt: skip
    found = findings_of(nowhere, tmp_path, str(path))
    assert [f for f in found if "unknown-field" in f or "unknown-role" in f] == [
        "pret.yaml:23:20 unknown-field", "pret.yaml:50:10 unknown-role",
    ]  # fmt: skip
    assert found[-len(FOUND) :] == FOUND


def test_a_name_that_a_correction_may_bear_is_no_mistake(nowhere, tmp_path):
    definition = tmp_path / "workflows" / "pret.yaml"
    definition.write_text(
        mistaken(PRET, ("  reparer:\n    label: {fr: Réparer, en: Repair}", "  reparer:\n    label: Réparer")),
        encoding="utf-8",
    )  # fmt: skip
    path = tmp_path / "workflows" / "scenarios" / "pret.yaml"
    for text in (SCENARIOS, SCENARIOS.replace("do: reparer", "do: Réparer")):
        path.write_text(text, encoding="utf-8")
        told = run(nowhere, tmp_path, "definitions", "test", str(path), code=1)
        assert "1 constat sur la définition" in told
    path.write_text(mistaken(SCENARIOS, ("    bob: [conseiller]", "    bob: 3"), ("take: true", "assign: bob")),
                    encoding="utf-8")  # fmt: skip
    assert findings_of(nowhere, tmp_path, str(path))[1:] == ["pret.yaml:7:10 wrong-type"]


def test_what_is_wrong_with_the_first_step_hides_nothing_of_the_others(nowhere, tmp_path):
    path = tmp_path / "workflows" / "scenarios" / "pret.yaml"
    text = mistaken(SCENARIOS, ("open: Prêt d'un appareil", "open: Emprunt"), *NAMES[:3])
    path.write_text(text, encoding="utf-8")
    assert [f.split()[1] for f in findings_of(nowhere, tmp_path, str(path))] == [
        "unknown-process", "unknown-state", "unknown-message", "unknown-action",
    ]  # fmt: skip


def test_the_mistakes_of_all_files_are_told_before_any_is_played(nowhere, tmp_path):
    good = tmp_path / "workflows" / "scenarios" / "pret.yaml"
    bad = good.with_name("autre.yaml")
    bad.write_text(mistaken(SCENARIOS, NAMES[0]), encoding="utf-8")
    absent = good.with_name("troisieme.yaml")
    absent.write_text(
        mistaken(SCENARIOS, ("[../pret.yaml]", "[../pres.yaml, ../pret.yaml]"), NAMES[2]), encoding="utf-8"
    )  # fmt: skip
    files = (str(good), str(bad), str(absent))
    told = run(nowhere, tmp_path, "definitions", "test", *files, code=2)
    assert "réussi" not in told
    assert findings_of(nowhere, tmp_path, *files) == [
        "autre.yaml:14:23 unknown-state", "troisieme.yaml:2:15 no-such-file",
        "troisieme.yaml:36:13 unknown-action",
    ]  # fmt: skip


def test_a_definition_without_scenarios_or_an_option_without_its_other_is_wrong_usage(
    nowhere, tmp_path
):
    (tmp_path / "workflows" / "scenarios" / "pret.yaml").unlink()
    told = run(nowhere, tmp_path, "definitions", "test", "workflows/pret.yaml", code=2)
    assert "workflows/scenarios/pret.yaml" in told
    run(nowhere, tmp_path, "definitions", "test", "--seed", "1", code=2)
    run(nowhere, tmp_path, "definitions", "test", "absent.yaml", code=2)


def test_scenario_files_are_not_taken_for_definitions():
    import workflows

    shipped = {f.name: f.read_text(encoding="utf-8") for f in workflows.shipped()}
    assert all("\nprocess:" in text for text in shipped.values())
    assert {f.name for f in workflows.shipped_scenarios()} == {
        "cycle.yaml",
        "demande.yaml",
        "plan.yaml",
        "rencontre.yaml",
    }


# --- coverage -----------------------------------------------------------------------------------


def test_coverage_counts_what_was_reached_and_names_the_rest(loans):
    text = (
        HEAD.replace("  rosters: {reseau: {A: a@example.org, B: b@example.org}}\n", "").replace(
            ", chef: [direction]", ""
        )
        + "      - {open: pret, by: ann, with: {appareil: A, jours: 14}}\n"
        + "      - {do: rendre, with: {etat: bon}}\n"
    )
    read, file, _ = reading.parse(text, "essai.yaml")
    (story,) = reading.stories(read, file, Known(loans.definitions))
    found = {f.kind: f for f in figures(loans.definitions["pret"], play(loans, story).reached)}
    assert [(f.reached, f.total) for f in found.values()] == [
        (2, 3),
        (2, 3),
        (0, 1),
        (1, 2),
        (0, 0),
    ]
    assert list(found["states"].missing) == ["a_reparer"]
    assert list(found["actions"].missing) == ["reparer"]
    assert list(found["timers"].missing) == ["rappel"]
    assert found["ways"].missing["rendre → a_reparer"]["fr"] == "Rendre → À réparer"


def test_coverage_names_the_words_of_refusals(requests):
    text = (
        HEAD
        + OPEN
        + """\
      - {do: rechercher, with: {source: Web, rien_trouve: oui}}
      - {do: orienter, with: {orientation: rencontre, orientation_motif: x}}
      - {do: Passer aux précisions, refused: [requirement]}
"""
    )
    read, file, _ = reading.parse(text, "essai.yaml")
    (story,) = reading.stories(read, file, Known(requests.definitions))
    played = play(requests, story)
    assert played.failures == ()
    refusals = next(
        f for f in figures(requests.definitions["demande"], played.reached) if f.kind == "refusals"
    )
    assert refusals.reached == 1
    assert not any(key.startswith("terminer_rencontres") for key in refusals.missing)


# --- exploring ----------------------------------------------------------------------------------

#: Only a loan of more than 30 days of which three other things are not said can never come back: more
#: things at once than the check looks for.
TRAP = PRET.replace(
    "  rendre:\n    label: {fr: Rendre, en: Return}\n    from: [prete]\n",
    "  rendre:\n    label: {fr: Rendre, en: Return}\n    from: [prete]\n    requires:\n"
    "      - when: {any: [{compare: {field: jours, at_most: 30}}, {present: un}, {present: deux}, {present: trois}]}\n"
    "        because: {fr: Trop longtemps, en: Too long}\n",
)
for _name in ("trois", "deux", "un"):
    TRAP = TRAP.replace(
        "fields:\n", f"fields:\n  {_name}: {{type: text, label: {{fr: {_name}, en: {_name}}}}}\n"
    ).replace(
        "form: [appareil, jours", f"form: [appareil, jours, {{field: {_name}, required: false}}"
    )


def test_exploring_finds_a_planted_fault_and_shrinks_it_to_a_scenario_that_fails_alike(
    nowhere, tmp_path
):
    (tmp_path / "workflows" / "pret.yaml").write_text(TRAP, encoding="utf-8")
    words = ("definitions", "test", "workflows/pret.yaml", "--explore", "60", "--seed", "3")
    told = run(nowhere, tmp_path, *words, code=1)
    found = tmp_path / "trouve-pret-3.yaml"
    written = yaml.safe_load(found.read_text(encoding="utf-8"))
    (scenario,) = written["scenarios"]
    (step,) = scenario["when"]
    assert step["with"]["jours"] == 31
    assert scenario["then"] == {"case": "PR-2026-0001", "can_end": True}
    again = run(nowhere, tmp_path, "definitions", "test", found.name, code=1)
    line = next(text for text in again.splitlines() if "can-end" in text)
    assert line in told
    found.write_text(found.read_text(encoding="utf-8").replace("31", "30"), encoding="utf-8")
    run(nowhere, tmp_path, "definitions", "test", found.name)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["trouve-pret-3.yaml", "workflows"]


def test_exploring_a_sound_process_finds_nothing_and_the_same_seed_walks_the_same_ways(
    nowhere, tmp_path
):
    words = (
        "definitions",
        "test",
        "workflows/pret.yaml",
        "--explore",
        "25",
        "--seed",
        "5",
        "--json",
    )
    first, second = (json.loads(run(nowhere, tmp_path, *words)) for _ in range(2))
    assert first["files"][0]["exploration"]["failures"] == []
    assert first["files"][0]["exploration"]["walks"] >= 25
    assert first == second


@contextmanager
def planted(tmp_path, text=PRET):
    path = tmp_path / "pret.yaml"
    path.write_text(text, encoding="utf-8")
    with staged(path) as stage:
        yield stage


def explored(stage, examples=60):
    from engine.scenario.model import Given

    given = Given(people={"ann": ["conseiller"], "bob": ["conseiller"]})
    return explore(stage, given, [], examples, seed=1)


def lying(monkeypatch, change):
    """Have `options` lie to Bob."""
    honest = Engine.options

    def options(self, case_id, actor, **how):
        said = honest(self, case_id, actor, **how)
        return tuple(change(o) for o in said) if actor.login == "bob" else said

    monkeypatch.setattr(Engine, "options", options)


def test_a_guard_that_compares_with_the_action_s_own_form_is_no_fault(tmp_path):
    text = PRET.replace(
        "fields:\n",
        "fields:\n  cout: {type: integer, label: {fr: Coût, en: Cost}, min: 0, max: 100}\n",
    ).replace(
        "    note: required\n",
        "    form: [cout]\n    requires:\n      - when: {compare: {field: jours, at_least_field: cout}}\n"
        "        because: {fr: Trop cher, en: Too dear}\n",
    )
    with planted(tmp_path, text) as stage:
        found = explored(stage, examples=40)
    assert found.failures == ()


def test_exploring_finds_what_is_said_impossible_and_is_not(tmp_path, monkeypatch):
    reason = Reason(code="wrong_state")
    lying(monkeypatch, lambda o: replace(o, reasons=(reason,)) if o.action.name == "rendre" else o)
    with planted(tmp_path) as stage:
        found = explored(stage)
    assert [f.code for f in found.failures] == ["not-refused"]
    assert [s.get("do") for s in found.steps] == [None, "rendre"]
    assert found.steps[-1]["refused"] == ["wrong_state"]


def test_exploring_finds_what_is_said_possible_and_is_not(tmp_path, monkeypatch):
    lying(monkeypatch, lambda o: replace(o, reasons=()))
    with planted(tmp_path) as stage:
        found = explored(stage)
    assert [f.code for f in found.failures] == ["refused"]
    assert found.steps[-1]["do"] == "reparer"
    assert "refused" not in found.steps[-1]


def test_exploring_finds_a_message_that_cannot_be_written(tmp_path, monkeypatch):
    honest = Renderer.render

    def narrow(self, template, languages, facts):
        if len(facts["case"]["title"]) > 100:
            raise ValueError("too long a title")
        return honest(self, template, languages, facts)

    monkeypatch.setattr(Renderer, "render", narrow)
    with planted(tmp_path) as stage:
        found = explored(stage, examples=150)
    assert [f.code for f in found.failures] == ["mail-unreadable"]
    assert [next(iter(s)) for s in found.steps] == ["open", "take", "wait"]


def test_exploring_finds_a_step_that_breaks(tmp_path, monkeypatch):
    monkeypatch.setattr(Calendar, "end_of_day", lambda *_: 1 / 0)
    with planted(tmp_path) as stage:
        found = explored(stage, examples=5)
    assert [f.code for f in found.failures] == ["crash"]
    assert "ZeroDivisionError" in found.failures[0].got[0]
    assert len(found.steps) == 1


@pytest.mark.parametrize("name", ["cycle", "demande", "plan"])
def test_exploring_the_shipped_processes_finds_nothing(name):
    script = scenarios.read(WORKFLOWS / "scenarios" / f"{name}.yaml")
    with scenarios.stage_of(script) as stage:
        stories = scenarios.stories_of(script, Known(stage.definitions))
        found = explore(stage, script.given, stories, 8, seed=1)
    assert found.walks >= 8
    assert [f.finding(script.source).messages["fr"] for f in found.failures] == []

"""Drawings through the real command: of a definition, and of a case that really went its way."""

import json
import re
import stat
from xml.etree import ElementTree as ET

import pytest

from tests.acceptance.test_command import NAMED
from tests.acceptance.test_readme import ROOT
from tests.support.commands import Inbox, workspace
from tests.unit.drawing.drawn import LOAN, PAGE

SVG = "{http://www.w3.org/2000/svg}"
DEMANDE = str(ROOT / "workflows" / "demande.yaml")


@pytest.fixture
def nowhere(tmp_path):
    """Return the command where there is no workspace."""
    return Inbox(tmp_path / "nulle part", now=None)


def seen(text):
    root = ET.fromstring(text)
    words = " ".join("".join(t.itertext()) for t in root.iter(f"{SVG}text"))
    return re.sub(r"\s+", " ", words.replace("\u00a0", " "))


@pytest.mark.parametrize(("form", "begins"), [("mermaid", "flowchart LR"), ("svg", "<svg"),
                                              ("bpmn", "<?xml")])  # fmt: skip
def test_a_definition_is_drawn_without_a_workspace(nowhere, form, begins):
    assert nowhere("definitions", "draw", DEMANDE, "--format", form).startswith(begins)


def test_the_end_of_the_name_says_the_format_and_anything_else_is_refused(nowhere, tmp_path):
    for name in ("p.mmd", "p.svg", "p.bpmn"):
        assert name in nowhere("definitions", "draw", DEMANDE, "--output", str(tmp_path / name))
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o644
    assert (tmp_path / "p.bpmn").read_text("utf-8").startswith("<?xml")
    refused = nowhere.run("definitions", "draw", DEMANDE, "--output", "p.png", code=2)
    assert ".mmd, .svg, .bpmn" in refused.stderr
    nowhere("definitions", "draw", str(tmp_path / "absent.yaml"), code=2)


def test_the_json_has_the_drawing_or_where_it_was_written(nowhere, tmp_path):
    shown = nowhere.json("definitions", "draw", DEMANDE, "--format", "svg")
    assert (shown["process"], shown["format"], shown["file"]) == ("demande", "svg", None)
    assert shown["drawing"].startswith("<svg")
    file = str(tmp_path / "p.svg")
    shown = nowhere.json("definitions", "draw", DEMANDE, "--output", file)
    assert (shown["file"], shown["drawing"]) == (file, None)


def test_a_definition_that_does_not_stand_is_refused_with_its_findings(nowhere, tmp_path):
    bad = tmp_path / "pret.yaml"
    bad.write_text(LOAN.replace("to: rendu", "to: rendue"), encoding="utf-8")
    refused = nowhere.json("definitions", "draw", str(bad), code=1)
    assert refused["error"] == "InvalidDefinition"
    assert refused["findings"][0]["code"] == "unknown-state"
    assert refused["findings"][0]["file"] == str(bad)


def test_the_same_file_gives_the_same_bytes_in_any_process(nowhere):
    for form in ("svg", "bpmn"):
        words = ("definitions", "draw", DEMANDE, "--format", form)
        one, two = (nowhere.run(*words, PYTHONHASHSEED=seed).stdout for seed in ("1", "2"))
        assert one == two


def test_the_drawing_of_the_page_is_what_the_command_answers(nowhere, tmp_path):
    file = tmp_path / "pret.yaml"
    file.write_text(LOAN, encoding="utf-8")
    (shown,) = re.findall(r"```mermaid\n(.*?)```", PAGE, flags=re.DOTALL)
    answered = nowhere("definitions", "draw", str(file), "--lang", "en")
    assert answered.replace("\u00a0", " ") == shown


@pytest.fixture
def inbox(tmp_path, database_url):
    """Return a workspace on each of the two databases."""
    return workspace(tmp_path, database=database_url)


def test_a_case_is_drawn_where_it_went_where_it_is_and_until_when(inbox, tmp_path):
    inbox(*NAMED)
    inbox("take", "1", "--as", "conseillere")
    inbox("do", "1", "rechercher", "--set", "source=Web", "--set", "rien_trouve=oui")
    inbox.now = "2026-11-18T10:00"
    inbox("do", "1", "orienter", "--set", "orientation=ecrite", "--set", "orientation_motif=x",
          "--as", "conseillere")  # fmt: skip
    inbox("do", "1", "noter", "--set", "notes.texte=Un appel est prévu")
    file = tmp_path / "dossier.svg"
    assert "dossier.svg" in inbox("show", "1", "--drawing", str(file))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    text = file.read_text("utf-8")
    words = seen(text)
    assert words.startswith("DI-2026-0001 Office minier")
    assert "✓ le 16 novembre 2026, par direction" in words
    assert "► ICI depuis le 18 novembre 2026, par conseillere" in words
    assert "responsable : conseillere → 2 décembre 2026, dans 10 jours ouvrables" in words
    assert words.count("►") == 2  # the legend, and where the case is
    desc = ET.fromstring(text)[1].text.replace("\u00a0", " ")
    history = inbox.json("history", "1")["events"]
    assert [line.partition(".")[0] for line in desc.splitlines()[: len(history)]] == [
        str(e["seq"]) for e in history
    ]
    assert "4. 18 novembre 2026, 10 h 00 : Décider du suivi (conseillere" in desc
    assert len(re.findall(r'class="line past"', text)) >= 5
    assert len(re.findall(r'class="aside past"', text)) == 1  # the note


def test_a_closed_case_shows_its_ending_and_its_json_names_the_file(inbox, tmp_path):
    inbox(*NAMED)
    inbox("do", "1", "classer_hors_mandat", "--set", "motif_fermeture=x", "--yes")
    file = str(tmp_path / "clos.svg")
    shown = inbox.json("show", "1", "--drawing", file, "--lang", "en")
    assert shown["drawing"] == file
    words = seen((tmp_path / "clos.svg").read_text("utf-8"))
    assert "Out of scope ► HERE since 16 November 2026, by direction" in words
    assert inbox.json("show", "1")["drawing"] is None
    refused = inbox.run("show", "1", "--drawing", "clos.png", "--json", code=2)
    assert json.loads(refused.stdout)["error"] == "Usage"

"""`inbox definitions check` and `schema`, typed as people type them."""

import json
import re
import subprocess
import sys

import jsonschema
import pytest

from tests.support import sarif
from tests.support.commands import ROOT
from tests.support.world import EXAMPLES, WORKFLOWS

GOOD = (EXAMPLES / "commande.yaml").read_text(encoding="utf-8")
CHILD = (EXAMPLES / "lot.yaml").read_text(encoding="utf-8")
#: Mistakes of every kind in one file: of YAML, of types, of names, and of the ways.
WRONG = {
    "  chef: {fr: Chef, en: Head}\n": "  chef: {fr: [Chef, en: Head}\n",
    "    due: {of: entered, after: 2 business days}\n": "    due: {of: entered, after: deux jours}\n",
    "    form: [montant]\n": "    forme: [montant]\n",
    "    notify: [bon]\n": "    notify: [bom]\n",
    "    when: {obtained: fournisseur}\n": "",
    "  annulee: {label": "  perdue: {label: {fr: Perdue, en: Lost}, end: {outcome: perdue}}\n  annulee: {label",
}


def run(*words, cwd, code=0, lang="fr"):
    done = subprocess.run(
        [sys.executable, "-m", "inbox", "definitions", *map(str, words)],
        cwd=cwd, capture_output=True, text=True, stdin=subprocess.DEVNULL,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "INBOX_LANG": lang, "HOME": str(cwd),
             "PYTHONUTF8": "1"},
    )  # fmt: skip
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    return done


@pytest.fixture
def folder(tmp_path):
    for lang in ("fr", "en"):
        made = tmp_path / "templates" / lang / "commande"
        made.mkdir(parents=True)
        for name in ("bon", "rappel"):
            (made / f"{name}.subject.j2").write_text("{{ case.number }}", encoding="utf-8")
            (made / f"{name}.txt.j2").write_text("{{ show(fields.objet) }}", encoding="utf-8")
    (tmp_path / "commande.yaml").write_text(GOOD, encoding="utf-8")
    (tmp_path / "lot.yaml").write_text(CHILD, encoding="utf-8")
    return tmp_path


def test_sound_definitions_are_said_to_be_sound_without_any_workspace(folder):
    done = run("check", "commande.yaml", "lot.yaml", "--templates", "templates", cwd=folder)
    assert "commande.yaml" in done.stdout
    assert "rien à redire" in done.stdout
    assert not list(folder.glob("*.db"))


def test_the_shipped_definitions_are_sound_with_their_own_templates(tmp_path):
    done = run("check", *sorted(WORKFLOWS.glob("*.yaml")), cwd=tmp_path)
    assert done.stdout.count("rien à redire") == len(list(WORKFLOWS.glob("*.yaml")))


def test_a_text_or_a_template_that_is_named_and_not_there_is_found_where_it_is_named(folder):
    text = GOOD.replace("reference: Exemple}", "reference: Exemple, text: comite.md}")
    (folder / "commande.yaml").write_text(text, encoding="utf-8")
    (folder / "templates" / "fr" / "commande" / "rappel.txt.j2").unlink()
    (folder / "templates" / "fr" / "commande" / "bon.subject.j2").unlink()
    told = run("check", "commande.yaml", "lot.yaml", cwd=folder, code=1).stdout
    lines = text.splitlines()
    found = re.findall(r"^commande.yaml:(\d+):\d+: ([a-z-]+): (.*)", told, re.MULTILINE)
    assert [(code, lines[int(line) - 1].split()[0]) for line, code, _ in found] == [
        ("missing-text", "adopted:"), ("template", "template:"), ("template", "template:"),
    ]  # fmt: skip
    assert all(name in told for name in ("comite.md", "bon.subject.j2", "rappel.txt.j2"))
    (folder / "comite.md").write_text("Décidé.", encoding="utf-8")
    assert (
        "missing-text" not in run("check", "commande.yaml", "lot.yaml", cwd=folder, code=1).stdout
    )


def test_mistakes_of_every_kind_are_all_said_in_one_run(folder):
    text = GOOD
    for old, new in WRONG.items():
        assert old in text
        text = text.replace(old, new, 1)
    (folder / "commande.yaml").write_text(text, encoding="utf-8")
    done = run("check", "commande.yaml", "lot.yaml", "--templates", "templates", "--json",
               cwd=folder, code=1)  # fmt: skip
    answer = json.loads(done.stdout)
    codes = {f["code"] for f in answer["findings"]}
    assert {"yaml", "bad-form", "unknown-key", "unknown-notification"} <= codes
    assert not answer["sound"]
    # What may be unreachable for a while is not said while an action may lead anywhere.
    assert "unreachable-state" in codes
    assert [f["findings"] for f in answer["files"]] == [len(answer["findings"]), 0]


def test_a_way_that_shows_the_mistake_is_given_in_the_words_of_the_process(folder):
    text = GOOD.replace("    when: {obtained: fournisseur}\n", "")
    (folder / "commande.yaml").write_text(text, encoding="utf-8")
    words = ("check", "commande.yaml", "lot.yaml", "--templates", "templates")
    shown = run(*words, cwd=folder, code=1).stdout
    assert "brouillon → approbation → livraison : le champ « fournisseur »" in shown.replace(
        "\u00a0", " "
    )
    # « Soumettre » asks for the amount, which « Chiffrer » gives: a way that a case can go.
    way = ("« Commander » → Brouillon → « Chiffrer » → Brouillon → « Soumettre » → À approuver → "
           "« Approuver » → En livraison")  # fmt: skip
    assert way in shown.replace("\u00a0", " ")
    lines = shown.splitlines()
    caret = next(i for i, line in enumerate(lines) if line.strip() == "^")
    assert lines[caret - 1][lines[caret].index("^") :].startswith("bon]")
    (finding,) = json.loads(run(*words, "--json", cwd=folder, code=1).stdout)["findings"]
    assert [s["name"] for s in finding["way"] if s["kind"] == "state"] == [
        "brouillon", "brouillon", "approbation", "livraison",
    ]  # fmt: skip
    english = run(*words, cwd=folder, code=1, lang="en").stdout
    assert "field 'fournisseur' may be absent" in english


def test_a_template_that_needs_what_may_be_absent_is_told_with_the_way(folder):
    for lang in ("fr", "en"):
        bon = folder / "templates" / lang / "commande" / "bon.txt.j2"
        bon.write_text("{{ fields.objet.value }} {{ fields.montant.value }}", encoding="utf-8")
    text = GOOD.replace("fields: [objet, lots]", "fields: [objet, lots, montant]")
    (folder / "commande.yaml").write_text(text, encoding="utf-8")
    words = ("check", "commande.yaml", "lot.yaml", "--templates", "templates", "--json")
    # « montant » is demanded on the way to this message: nothing to say.
    assert json.loads(run(*words, cwd=folder).stdout)["sound"]
    text = text.replace("      - when: {checklist: dossier}", "      - when: {present: objet}")
    (folder / "commande.yaml").write_text(text, encoding="utf-8")
    (finding,) = json.loads(run(*words, cwd=folder, code=1).stdout)["findings"]
    assert finding["code"] == "may-be-absent"
    said = finding["message"].replace("\u00a0", " ")
    assert said.startswith(
        "brouillon → approbation → livraison : le champ « montant » peut être absent dans le gabarit fr/commande/bon.txt.j2, ligne 1"
    )
    assert text.splitlines()[finding["line"] - 1].strip() == "template: commande/bon"
    assert [s["name"] for s in finding["way"] if s["kind"] == "action"] == [
        "soumettre",
        "approuver",
    ]
    # The line of the template is told too, wherever one reads it.
    place = "templates/fr/commande/bon.txt.j2"
    excerpt = "{{ fields.objet.value }} {{ fields.montant.value }}"
    assert finding["related"] == [{"file": place, "line": 1, "column": 1, "excerpt": excerpt}]
    shown = run(*words[:-1], cwd=folder, code=1).stdout.replace("\u00a0", " ")
    assert f"    gabarit : {place}:1:1\n        {excerpt}\n        ^\n" in shown
    log = json.loads(run(*words[:-1], "--sarif", cwd=folder, code=1).stdout)
    jsonschema.validate(log, sarif.schema())
    (result,) = log["runs"][0]["results"]
    (related,) = result["relatedLocations"]
    assert related["physicalLocation"]["artifactLocation"]["uri"] == place
    assert related["physicalLocation"]["region"] == {"startLine": 1, "startColumn": 1}


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("{% if case.state == 'approbation' %}{{ moment(case.due) }}{% endif %}",
         ("brouillon → approbation : gabarit fr/commande/rappel.txt.j2, ligne 1, sans échéance : "
         "une date qui n'est pas là y est lue.")),
        ("{% if fields.objet.value == 'Pompes' %}{{ fields.objet.valeur }}{% endif %}",
         "rien ne s'appelle « fields.objet.valeur » ici."),
        ("{% if fields.objet.value == 'Pompes' %}{{ fields.fournisseur.value }}{% endif %}",
         ("brouillon : gabarit fr/commande/rappel.txt.j2, ligne 1, quand « objet » vaut « Pompes », "
         "sans « fournisseur » : une valeur qui n'est pas là y serait écrite « None ».")),
    ],
)  # fmt: skip
def test_a_template_is_tried_in_each_state_and_with_each_value_that_it_names(
    folder, template, said
):
    rappel = folder / "templates" / "fr" / "commande" / "rappel.txt.j2"
    rappel.write_text(template, encoding="utf-8")
    text = re.sub(r"(  rappel:\n(?:    .*\n)*?    fields: )\[.*\]", r"\1[objet, fournisseur]", GOOD)
    assert text != GOOD
    (folder / "commande.yaml").write_text(text, encoding="utf-8")
    done = run("check", "commande.yaml", "lot.yaml", "--json", cwd=folder, code=1)
    (finding,) = json.loads(done.stdout)["findings"]
    assert finding["message"].replace("\u00a0", " ") == said


def test_what_is_wrong_in_a_template_is_shown_in_the_template_itself(folder):
    rappel = folder / "templates" / "fr" / "commande" / "rappel.txt.j2"
    rappel.write_text("Bonjour,\n\n  {{ fields.objet }}\n{{ inconnu }}\n", encoding="utf-8")
    words = ("check", "commande.yaml", "lot.yaml", "--templates", "templates")
    told = json.loads(run(*words, "--json", cwd=folder, code=1).stdout)["findings"]
    assert [(f["file"], f["line"], f["column"]) for f in told] == [
        ("templates/fr/commande/rappel.txt.j2", 3, 3), ("templates/fr/commande/rappel.txt.j2", 4, 1),
    ]  # fmt: skip
    shown = run(*words, cwd=folder, code=1).stdout
    assert "écrivez show(fields.objet)" in shown
    assert "      {{ fields.objet }}\n      ^\n" in shown
    log = json.loads(run(*words, "--sarif", cwd=folder, code=1).stdout)
    places = [r["locations"][0]["physicalLocation"] for r in log["runs"][0]["results"]]
    assert {p["artifactLocation"]["uri"] for p in places} == {told[0]["file"]}


def test_hundreds_of_findings_come_at_once(folder):
    fields = "".join(f"  c{i}: {{type: text, label: {{fr: C{i}}}}}\n" for i in range(300))
    (folder / "commande.yaml").write_text(GOOD.replace("fields:\n", f"fields:\n{fields}"))
    done = run("check", "commande.yaml", "lot.yaml", "--templates", "templates", "--json",
               cwd=folder, code=1)  # fmt: skip
    found = json.loads(done.stdout)["findings"]
    assert sum(f["code"] == "missing-label" for f in found) == 300


def test_sarif_is_what_oasis_says_it_is_and_points_at_the_same_places(folder):
    text = GOOD.replace("    when: {obtained: fournisseur}\n", "").replace(
        "by: [chef]", "by: [chefe]"
    )
    (folder / "commande é.yaml").write_text(text, encoding="utf-8")
    words = ("check", "commande é.yaml", "lot.yaml", "--templates", "templates")
    log = json.loads(run(*words, "--sarif", cwd=folder, code=1).stdout)
    jsonschema.validate(log, sarif.schema())
    found = json.loads(run(*words, "--json", cwd=folder, code=1).stdout)["findings"]
    (made,) = log["runs"]
    places = [
        (r["ruleId"], r["locations"][0]["physicalLocation"]["region"]["startLine"])
        for r in made["results"]
    ]
    assert places == [(f["code"], f["line"]) for f in found]
    for result in made["results"]:
        assert made["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
        uri = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
        assert uri == "commande%20%C3%A9.yaml"
    flows = [
        r["codeFlows"][0]["threadFlows"][0]["locations"]
        for r in made["results"]
        if "codeFlows" in r
    ]
    assert len(flows[0]) == 8
    sound = json.loads(run("check", "lot.yaml", "--sarif", cwd=folder).stdout)
    jsonschema.validate(sound, sarif.schema())
    assert sound["runs"][0]["results"] == []


@pytest.mark.parametrize("name", ["absent.yaml", "."])
def test_a_file_that_cannot_be_read_is_a_wrong_usage(folder, name):
    done = run("check", name, cwd=folder, code=2)
    assert name in done.stderr
    assert json.loads(run("check", name, "--json", cwd=folder, code=2).stdout)["error"] == "Usage"


def test_a_child_process_may_be_given_or_shipped_and_otherwise_is_missing(folder):
    alone = json.loads(run("check", "commande.yaml", "--templates", "templates", "--json",
                           cwd=folder, code=1).stdout)  # fmt: skip
    assert [f["code"] for f in alone["findings"]] == ["unknown-process"]
    (folder / "lot.yaml").write_text(CHILD.replace("form: [commande, contenu]", "form: [commande]"))
    codes = {
        f["code"]
        for f in json.loads(run("check", "commande.yaml", "lot.yaml", "--templates", "templates",
                                "--json", cwd=folder, code=1).stdout)["findings"]
    }  # fmt: skip
    assert codes == {"unknown-field", "unused"}


def test_the_same_check_at_load_says_the_same_with_the_line_and_the_way(inbox):
    text = GOOD.replace("    when: {obtained: fournisseur}\n", "")
    (inbox.home / "workflows" / "commande.yaml").write_text(text, encoding="utf-8")
    answer = inbox.json("process", "list", code=1)
    checked = inbox.json(
        "definitions", "check", str(inbox.home / "workflows" / "commande.yaml"), code=1
    )
    assert [(f["line"], f["code"], f["way"]) for f in answer["findings"]] == [
        (f["line"], f["code"], f["way"]) for f in checked["findings"]
    ]


# --- the schema ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def validator(tmp_path_factory):
    schema = json.loads(run("schema", cwd=tmp_path_factory.mktemp("schema")).stdout)
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def tree(text):
    from engine.definition.source import read

    return read(text, "essai").tree


@pytest.mark.parametrize(
    "path", [*WORKFLOWS.glob("*.yaml"), *EXAMPLES.glob("*.yaml")], ids=lambda p: p.name
)
def test_an_editor_finds_nothing_wrong_in_sound_definitions(validator, path):
    assert list(validator.iter_errors(tree(path.read_text(encoding="utf-8")))) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("    form: [montant]\n", "    forme: [montant]\n"),
        ("version: 1\n", "version: un\n"),
        ("title: [objet]\n", ""),
        ("when: {obtained: montant}", "when: {obtained: montant, present: objet}"),
        ("when: {obtained: montant}", "when: {}"),
        ("after: 2 business days}", "after: two days}"),
        ("to: {address: fournisseur}", "to: {address: fournisseur, role: chef}"),
        ("  chef: {fr: Chef, en: Head}", "  Chef: {fr: Chef, en: Head}"),
        ("urgence:\n    type: choice", "urgence:\n    type: choix"),
    ],
)
def test_an_editor_underlines_what_is_not_of_the_language(validator, old, new):
    assert old in GOOD
    assert list(validator.iter_errors(tree(GOOD.replace(old, new, 1))))


def test_a_drawing_of_a_faulty_file_speaks_of_the_file_and_not_of_installing(folder):
    (folder / "commande.yaml").write_text(GOOD.replace("to: approbation", "to: la"), "utf-8")
    said = run("draw", "commande.yaml", cwd=folder, code=1).stderr
    assert "sur la définition" in said
    assert "install" not in said
    there = run("check", ".", "absent.yaml", cwd=folder, code=2).stderr
    assert "c'est un dossier" in there.replace("\u2019", "'")


def test_a_faulty_definition_without_scenarios_is_told_its_own_mistakes_when_it_is_to_be_tried(
    folder,
):
    shown = run("test", "commande.yaml", cwd=folder, code=2).stderr
    assert "n'a pas de scénarios" in shown
    (folder / "commande.yaml").write_text(GOOD.replace("form: [montant]", "form: [montan]"))
    checked = run("check", "commande.yaml", "lot.yaml", "--json", cwd=folder, code=1).stdout
    tried = json.loads(run("test", "commande.yaml", "--json", cwd=folder, code=1).stdout)
    assert tried["findings"] == json.loads(checked)["findings"] != []


def test_a_definition_is_explored_with_those_of_its_child_cases_beside_it(folder):
    answer = json.loads(run("test", "commande.yaml", "--explore", "2", "--seed", "1", "--json",
                            cwd=folder).stdout)  # fmt: skip
    assert {c["process"] for c in answer["files"][0]["coverage"]} == {"commande", "lot"}


def test_what_was_not_looked_at_is_said_and_is_no_mistake(folder):
    options = "".join(f"      o{i}: {{fr: O{i}, en: O{i}}}\n" for i in range(210))
    asked = ", ".join(f"{{compare: {{field: grand, equals: o{i}}}}}" for i in range(210))
    text = GOOD.replace(
        "fields:\n",
        f"fields:\n  grand:\n    type: choice\n    label: {{fr: G, en: G}}\n    options:\n{options}",
        1,
    ).replace("form: [montant]", "form: [montant, {field: grand, required: false}]")
    text = text.replace("    automatic: {children: {process: lot, all: ended, at_least: 1}}",
                        f"    automatic: {{all: [{{any: [{asked}, {{present: objet}}]}}, {{children: {{process: lot, all: ended, at_least: 1}}}}]}}")  # fmt: skip
    (folder / "commande.yaml").write_text(text, encoding="utf-8")
    words = ("check", "commande.yaml", "lot.yaml", "--templates", "templates")
    said = run(*words, cwd=folder).stdout
    assert "not-proved: « recevoir » : il n'est pas prouvé que" in said
    assert "1 chose n'a pas été regardée" in said
    found = json.loads(run(*words, "--json", cwd=folder).stdout)
    assert found["sound"]
    assert [f["code"] for f in found["not_proved"]] == ["not-proved"]
    log = json.loads(run(*words, "--sarif", cwd=folder).stdout)
    jsonschema.validate(log, sarif.schema())
    assert [(r["kind"], r["level"]) for r in log["runs"][0]["results"]] == [("open", "none")]

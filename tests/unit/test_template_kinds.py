"""What a template may do with values, told by their kinds alone: none may fail at two in the morning."""

import json

import pytest

from engine.calendar import Calendar
from engine.definition.compiler import examine
from notifications.rendering import Renderer
from notifications.settings import Institute
from tests.support.world import WORKFLOWS

INSTITUTE = Institute(name="Institut", address="", email="info@example.org")
WORD = {"fr": "Mot", "en": "Word"}
TWO = {"a": {"fr": "Un", "en": "One"}, "b": {"fr": "Deux", "en": "Two"}}
FIELDS = {
    "objet": {"type": "text"},
    "nombre": {"type": "integer"},
    "prix": {"type": "decimal"},
    "jour": {"type": "date"},
    "moment": {"type": "instant"},
    "urgent": {"type": "boolean"},
    "sorte": {"type": "choice", "options": TWO},
    "choix": {"type": "choices", "options": TWO},
    "notes": {
        "type": "records",
        "of": {
            "texte": {"type": "text", "label": {"fr": "texte", "en": "texte"}},
            "le": {"type": "date", "label": {"fr": "le", "en": "le"}},
            "genre": {"type": "choice", "label": {"fr": "genre", "en": "genre"}, "options": TWO},
        },
    },
}


def definition():
    fields = {n: {**spec, "label": {"fr": n, "en": n}} for n, spec in FIELDS.items()}
    asked = [n for n in fields if n != "notes"] + ["notes.texte", "notes.le", "notes.genre"]
    return {
        "arrimage": 1, "process": "essai", "version": 1, "label": WORD,
        "adopted": {"on": "2026", "by": WORD, "reference": "Note"}, "numbering": {"prefix": "ES"},
        "title": ["objet"], "roles": {"agent": WORD}, "fields": fields,
        "opening": {"label": WORD, "by": ["agent"], "form": asked, "to": "ouvert", "notify": ["avis"]},
        "states": {
            "ouvert": {"label": WORD, "task": {"label": WORD}},
            "fini": {"label": {"fr": "Fini", "en": "Done"}, "end": {"outcome": "fini"}},
        },
        "actions": {"finir": {"label": WORD, "from": ["ouvert"], "to": "fini", "by": ["agent"]}},
        "notifications": {
            "avis": {"label": WORD, "template": "avis", "to": {"role": "agent"}, "fields": list(fields)}
        },
    }  # fmt: skip


@pytest.fixture
def check(tmp_path):
    """Return what is found in a template of which these are the lines."""

    def found(*lines):
        folder = tmp_path / "fr"
        folder.mkdir(exist_ok=True)
        (folder / "avis.subject.j2").write_text("{{ case.number }}", encoding="utf-8")
        (folder / "avis.txt.j2").write_text("\n".join(lines), encoding="utf-8")
        renderer = Renderer(INSTITUTE, folders=[tmp_path])
        done = examine(json.dumps(definition()), path="x", calendar=Calendar(), templates=renderer)
        return done.findings

    return found


#: A branch that no generated case takes: only reading it tells.
NEVER = "{{% if fields.nombre.value == 77 and fields.nombre.value == 78 %}}{}{{% endif %}}"


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("{{ fields.objet.value[3] }}", "un texte n'a pas d'éléments"),
        ("{{ fields.choix.value[1] }}", "|first"),
        ("{{ fields.nombre.value | length }}", "« length » est pour une liste"),
        ("{{ fields.objet.value | join(', ') }}", "« join » est pour une liste"),
        ("{{ fields.notes.value | join(', ') }}", "écrirait des inscriptions"),
        ("{{ fields.objet.value | first }}", "« first » est pour une liste"),
        ("{{ fields.choix.value | upper }}", "« upper » est pour un texte"),
        ("{{ fields.choix.value | join(3) }}", "veut un texte entre parenthèses"),
        ("{{ fields.objet.value | trim('a', 'b') }}", "prend moins de valeurs"),
        ("{{ day(fields.objet.value) }}", "« day(…) » écrit une date ou un instant, et c'est un texte"),
        ("{{ day(fields.nombre.value) }}", "et c'est un nombre"),
        ("{{ moment(fields.sorte.value) }}", "et c'est un texte"),
        ("{{ show(fields.objet.value) }}", "show(…) veut un champ"),
        ("{{ show(fields.notes) }}", "parcourez fields.notes.value"),
        ("{{ fields.objet.value + 1 }}", "ne compte que des nombres entiers, et il y a là un texte"),
        ("{{ fields.prix.value - 1 }}", "un nombre décimal"),
        ("{{ -fields.objet.value }}", "ne compte que des nombres entiers"),
        ("{% if fields.jour.value > 3 %}x{% endif %}", "une date ne se compare pas à un nombre"),
        ("{% if fields.jour.value < fields.moment.value %}x{% endif %}", "ne se compare pas"),
        ("{% if fields.nombre.value == '3' %}x{% endif %}", "un nombre ne se compare pas à un texte"),
        ("{% if fields.prix.value > fields.prix.value %}x{% endif %}", "décimal"),
        ("{% if fields.jour.value < 'demain' %}x{% endif %}", "une date ne se compare pas à un texte"),
        ("{% if 'a' in fields.nombre.value %}x{% endif %}", "« in » cherche dans"),
        ("{% for x in fields.objet.value %}{{ x }}{% endfor %}", "une boucle parcourt une liste"),
        ("{% for n in fields.notes.value %}{{ day(n.texte) }}{% endfor %}", "et c'est un texte"),
        ("{% for n in fields.notes.value %}{{ n.le + 1 }}{% endfor %}", "une date"),
        ("{% for n in fields.notes.value %}{{ show(fields.notes.of.le, n.texte) }}{% endfor %}",
         "ce champ garde une date, et c'est un texte"),
        ("{{ show(fields.objet, fields.objet.value, 3) }}", "prend un champ, et au plus"),
        ("{{ day(fields.jour.value, 1) }}", "prend une valeur, et une seule"),
        ("{{ fields.objet.value.upper }}", "« upper » y est lu de ce qui est un texte"),
        ("{% set d = fields.objet.value %}{{ day(d) }}", "et c'est un texte"),
        ("{{ day(fields.objet.value if fields.urgent.value else fields.sorte.value) }}", "un texte"),
        ("{% if fields.objet.value is divisibleby(3) %}x{% endif %}", "le test « divisibleby »"),
    ],
)  # fmt: skip
def test_what_may_fail_on_some_case_is_told_on_its_line(check, written, said):
    found = check("Bonjour.", NEVER.format(written))
    assert {f.line for f in found} == {2}, [f.messages["fr"] for f in found]
    assert any(said in f.messages["fr"].replace("fields.nom.", "fields.notes.") for f in found), [
        f.messages["fr"] for f in found
    ]


@pytest.mark.parametrize(
    "written",
    [
        "{{ show(fields.objet) }} {{ show(fields.prix) }} {{ show(fields.choix) }}",
        "{{ fields.objet.value | upper | trim }} {{ fields.objet.value | length }}",
        "{{ fields.choix.value | join(', ') }} {{ fields.choix.value | first }} {{ fields.choix.value[0] }}",
        "{{ day(fields.jour.value) }} {{ day(fields.moment.value) }} {{ moment(fields.moment.value) }}",
        "{{ day(case.opened) }} {{ moment(case.opened) }}",
        "{{ fields.nombre.value + 1 - 2 }} {{ -fields.nombre.value }}",
        "{% if fields.jour.value < '2026-12-31' %}x{% endif %}",
        "{% if fields.sorte.value in ['a', 'b'] and 'a' in fields.choix.value %}x{% endif %}",
        "{% if fields.jour.days is not none and fields.jour.days > 3 %}x{% endif %}",
        "{% for n in fields.notes.value %}{{ loop.index }}. {{ n.texte }} {{ day(n.le) }} {{ n.by }}{% endfor %}",
        "{% for n in fields.notes.value %}{{ show(fields.notes.of.genre, n.genre) }} {{ show(fields.notes.of.le, n.le) }}{% endfor %}",
        "{{ (fields.notes.value or []) | length }} {{ fields.notes.value | length > 1 }}",
        "{% set d = fields.jour.value %}{{ day(d) }}",
        "{{ fields.sorte.options.a.fr }} {{ fields.sorte.label.fr }}",
        "{% if fields.urgent.value == true %}x{% endif %}{% if fields.prix.value == fields.prix.value %}x{% endif %}",
        "{{ fields.sorte.value == 'a' }} {{ institute.name | upper }} {{ lang }}",
    ],
)  # fmt: skip
def test_what_never_fails_is_no_mistake(check, written):
    assert [f.messages["fr"] for f in check(written)] == []


def test_every_reason_why_a_template_cannot_be_read_is_told_at_once(check):
    found = check(
        "{{ case.number }",
        "Bonjour {{ case.title }}.",
        "{% if fields.urgent.value = true %}Vite.{% endif %}",
        "{% for n in %}x{% endfor %}",
        "{{ show(fields.objet }}",
    )
    assert [f.line for f in found] == [1, 3, 4, 5]


def test_two_blocks_that_are_not_closed_are_both_told(check):
    found = check(
        "{% if fields.urgent.value %}", "Vite.", "{% for n in fields.choix.value %}", "{{ n }}"
    )
    assert len(found) == 2
    assert {f.code for f in found} == {"template"}
    said = " ".join(f.messages["fr"] for f in found)
    assert "« for » n'est pas fermé" in said
    assert "« if » n'est pas fermé" in said


@pytest.mark.parametrize(
    ("lang", "said"), [("fr", "Deux, 2 avril 2026"), ("en", "Two, 2 April 2026")]
)
def test_what_a_record_holds_is_written_in_the_words_of_its_field(tmp_path, lang, said):
    folder = tmp_path / lang
    folder.mkdir()
    (folder / "avis.subject.j2").write_text("{{ case.number }}", encoding="utf-8")
    line = "{% for n in fields.notes.value %}{{ show(fields.notes.of.genre, n.genre) }}, {{ show(fields.notes.of.le, n.le) }}{% endfor %}"
    (folder / "avis.txt.j2").write_text(line, encoding="utf-8")
    renderer = Renderer(INSTITUTE, folders=[tmp_path])
    of = {
        "genre": {"type": "choice", "value": None, "options": TWO},
        "le": {"type": "date", "value": None},
    }
    field = {"type": "records", "of": of, "value": [{"genre": "b", "le": "2026-04-02"}]}
    facts = {"case": {"number": "ES-1"}, "fields": {"notes": field}}
    text = renderer.render("avis", [lang], facts)["text"]
    assert said in text.replace("\u00a0", " ")


def test_the_shipped_templates_are_sound():
    renderer = Renderer(INSTITUTE)
    for path in sorted(WORKFLOWS.glob("*.yaml")):
        text = path.read_text(encoding="utf-8")
        assert examine(text, path=path.name, calendar=Calendar(), templates=renderer).findings == ()

"""Hostile definitions and templates: refused, in bounded time and memory, with a place."""

import re
import resource
import subprocess
import sys

import pytest

from benchmarks.definitions import generated
from engine.calendar import Calendar
from engine.definition.compiler import examine
from notifications.rendering import Renderer
from notifications.settings import Institute
from tests.support.commands import ROOT
from tests.unit.definition.test_checks import GOOD, findings

WORD = "{fr: Un, en: One}"


def codes(text):
    return {f.code for f in examine(text, path="x", calendar=Calendar(), templates=None).findings}


def nested(depth):
    return "{not: " * depth + "{present: objet}" + "}" * depth


def doubling(count):
    """Return checklists each of which names the next one twice."""
    lists = [
        f"  c{i}: {{label: {WORD}, items: {{a: {{label: {WORD}, when: {{checklist: c{i + 1}}}}}, "
        f"b: {{label: {WORD}, when: {{checklist: c{i + 1}}}}}}}}}\n"
        for i in range(count)
    ]
    last = f"  c{count}: {{label: {WORD}, items: {{a: {{label: {WORD}, when: {{present: objet}}}}}}}}\n"
    return "".join(lists) + last


def wide(count):
    """Return a condition over many fields that no short search decides."""
    pairs = [
        f"{{any: [{{present: f{i}}}, {{present: f{(i * 7 + 3) % count}}}]}}" for i in range(count)
    ]
    none = [
        f"{{not: {{all: [{{present: f{i}}}, {{present: f{(i * 5 + 1) % count}}}]}}}}"
        for i in range(count)
    ]
    return "{all: [" + ", ".join(pairs + none) + "]}"


def test_checklists_that_double_at_each_turn_are_refused_without_being_written_out():
    text = GOOD.replace("checklists:\n", "checklists:\n" + doubling(40))
    text = text.replace("      - when: {checklist: dossier}", "      - when: {checklist: c0}")
    assert "condition-too-large" in {f.code for f in findings(text)}


def test_a_condition_over_very_many_fields_ends():
    fields = "".join(f"  f{i}: {{type: text, label: {{fr: f{i}, en: f{i}}}}}\n" for i in range(60))
    asked = ", ".join(f"{{field: f{i}, required: false}}" for i in range(60))
    text = GOOD.replace("fields:\n", "fields:\n" + fields).replace(
        "form: [montant]", f"form: [montant, {asked}]"
    )
    found = findings(
        text.replace("      - when: {checklist: dossier}", f"      - when: {wide(60)}")
    )
    assert {f.code for f in found} <= {"never-true"}


def test_a_condition_that_names_tens_of_thousands_of_values_ends():
    some = (", ".join(f"v{j}" for j in range(i * 20, i * 20 + 20)) for i in range(1500))
    parts = ", ".join(f"{{compare: {{field: objet, one_of: [{values}]}}}}" for values in some)
    assert codes(GOOD.replace("{checklist: dossier}", f"{{any: [{parts}]}}")) == set()


def test_conditions_that_compare_very_many_numbers_with_each_other_end():
    fields = "".join(
        f"  n{i}: {{type: integer, label: {{fr: n{i}, en: n{i}}}}}\n" for i in range(40)
    )
    text = GOOD.replace("fields:\n", "fields:\n" + fields)
    asked = ", ".join(f"n{i}" for i in range(40))
    text = text.replace("form: [montant]", f"form: [montant, {asked}]")
    for many in (4, 40):
        parts = ", ".join(
            f"{{compare: {{field: n{i % many}, at_least: {30 * i}, at_least_field: n{(i + 1) % many}}}}}"
            for i in range(200)
        )
        found = codes(text.replace("{checklist: dossier}", f"{{any: [{parts}]}}"))
        assert found == set()


def test_automatic_actions_that_all_lead_to_each_other_end():
    states = [f"a{i}" for i in range(14)]
    made = "".join(f"  {s}: {{label: {{fr: {s}, en: {s}}}}}\n" for s in states)
    acts = "".join(
        f"  x{s}{t}: {{label: {WORD}, from: [{s}], to: {t}, automatic: {{present: montant}}}}\n"
        for s in states for t in states if s != t
    )  # fmt: skip
    text = GOOD.replace("states:\n", "states:\n" + made, 1).replace(
        "actions:\n", "actions:\n" + acts, 1
    )
    assert "automatic-circle" in {f.code for f in findings(text)}


def test_a_thousand_slips_of_the_hand_end():
    roles = ", ".join(f"acheteurs{i}" for i in range(1500))
    known = "".join(f"  acheteur{i}x: {WORD}\n" for i in range(1500))
    text = GOOD.replace("roles:\n", "roles:\n" + known).replace(
        "    by: [chef]\n    form: [lots]", f"    by: [{roles}]\n    form: [lots]"
    )
    assert sum(f.code == "unknown-role" for f in findings(text)) == 1500


def test_tables_that_are_each_small_but_many_are_refused_together():
    fields = "".join(f"  b{i}: {{type: boolean, label: {WORD}}}\n" for i in range(13))
    reads = ", ".join(f"b{i}" for i in range(13))
    row = "{when: {b0: {equals: true}}, give: {x: 1}}, {when: {b0: {equals: false}}, give: {x: 2}}"
    made = "".join(
        f"  t{i}: {{label: {WORD}, reads: [{reads}], gives: {{x: integer}}, rows: [{row}]}}\n"
        for i in range(90)
    )
    text = GOOD.replace("fields:\n", "fields:\n" + fields).replace("tables:\n", "tables:\n" + made)
    assert sum(f.code == "table-too-large" for f in findings(text)) > 10


def test_nesting_is_bounded():
    text = GOOD.replace("{checklist: dossier}", nested(20))
    assert "too-large" not in codes(text)
    assert codes(GOOD.replace("{checklist: dossier}", nested(2000))) == {"too-large"}


def test_five_hundred_states_and_two_thousand_actions_are_sound():
    examined = examine(generated(500), path="x", calendar=Calendar(), templates=None)
    assert examined.findings == ()
    assert len(examined.compiled.states) == 500
    assert len(examined.compiled.actions) == 2000


def test_five_hundred_states_that_a_case_may_never_leave_end():
    # What each state asks for is asked once, when the case opens, and need not be given.
    text = re.sub(r", form: \[n\d\]\}", "}", generated(500))
    asked = ", ".join(f"{{field: n{i}, required: false}}" for i in range(5))
    found = codes(text.replace("form: [objet], to: e0", f"form: [objet, {asked}], to: e0"))
    assert found == {"may-not-end"}


@pytest.mark.parametrize(
    "content", [b"x" * 100_000_000, b"- " * 40_000_000, b"\xff" * 30_000_000, b"a: &a [*a]\n" * 1_000_000],
    ids=["one line", "deep", "no text", "aliases"],
)  # fmt: skip
def test_a_hundred_megabytes_are_refused_in_little_memory(tmp_path, content):
    path = tmp_path / "hostile.yaml"
    path.write_bytes(content)

    def limited():
        resource.setrlimit(resource.RLIMIT_AS, (1_500_000_000, 1_500_000_000))
        resource.setrlimit(resource.RLIMIT_CPU, (60, 60))

    done = subprocess.run(
        [sys.executable, "-m", "inbox", "definitions", "check", str(path)],
        cwd=ROOT, capture_output=True, text=True, preexec_fn=limited,
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "PYTHONUTF8": "1"},
    )  # fmt: skip
    assert done.returncode == 1, (done.stdout[-500:], done.stderr[-500:])
    assert len(done.stdout) < 50_000


# --- templates ------------------------------------------------------------------------------------

ESCAPES = [
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ ''['__class__'] }}",
    "{{ self._TemplateReference__context }}",
    "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
    "{{ joiner.__init__.__globals__ }}",
    "{{ lipsum.__globals__['os'] }}",
    "{{ namespace.__init__.__globals__ }}",
    "{{ fields | attr('__class__') }}",
    "{{ [fields] | map(attribute='__class__') | list }}",
    "{{ show.__globals__ }}",
    "{{ institute.__dict__ }}",
    "{{ (show).__code__ }}",
    "{{ '{0.__class__}'.format(show) }}",
    "{{ '%s' | format(show) }}",
    "{{ '{:>1000000000}'.format(1) }}",
    "{{ '%1000000000d' | format(1) }}",
    "{{ '%1000000000d' % 1 }}",
    "{{ 'x' * 1000000000 }}",
    "{{ 'x' | center(1000000000) }}",
    "{{ 'x'.ljust(1000000000) }}",
    "{{ 'x' | indent(1000000000) }}",
    "{{ 9 ** 9999999 }}",
    "{% set x = 'aaaaaaaaaa' %}" + "{% set x = x ~ x %}" * 40 + "{{ x }}",
    "{% set x = 'aaaaaaaaaa' %}" + "{% set x = x + x %}" * 40 + "{{ x }}",
    "{% set x = ['a', 'b'] %}" + "{% set x = [x, x] %}" * 40 + "{{ x }}",
    "{% set x = 'a' %}" + "{% set x %}{{ x }}{{ x }}{% endset %}" * 40 + "{{ x }}",
    "{% for a in case.title %}{% for b in case.title %}{% for c in case.title %}{% endfor %}{% endfor %}{% endfor %}",
    "{% for a in [1, 2] recursive %}{{ loop([1, 2]) }}{% endfor %}",
    "{% for a in range(1000000000) %}{% endfor %}",
    "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "{% include '/etc/passwd' %}",
    "{% include '../../inbox.toml' %}",
    "{% import 'layout.html.j2' as x %}",
    "{% extends 'layout.html.j2' %}",
    "{% do fields.clear() %}",
    "{{ fields.update({'x': 1}) }}",
    "{{ fields.pop('objet') }}",
    "{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}",
    "{{ note.encode('utf-8') }}",
    "{{ config }}",
    "{{ request }}",
    "{{ open('/etc/passwd') }}",
]


@pytest.mark.parametrize("template", ESCAPES, ids=range(len(ESCAPES)))
def test_a_template_reaches_nothing_but_the_facts_and_grows_nothing(tmp_path, template):
    (tmp_path / "fr").mkdir()
    (tmp_path / "fr" / "essai.subject.j2").write_text("Objet")
    (tmp_path / "fr" / "essai.txt.j2").write_text(template)
    renderer = Renderer(Institute(name="I", address="", email="i@example.org"), folders=[tmp_path])
    facts = {
        "case": {"title": "x" * 300},
        "fields": {},
        "note": "Une note",
        "action": None,
        "calendar": None,
    }
    assert renderer.check("essai", ["fr"], facts)


def test_a_template_of_a_hundred_megabytes_is_refused_unread(tmp_path):
    (tmp_path / "fr").mkdir()
    (tmp_path / "fr" / "essai.subject.j2").write_text("Objet")
    (tmp_path / "fr" / "essai.txt.j2").write_bytes(b"x" * 100_000_000)
    renderer = Renderer(Institute(name="I", address="", email="i@example.org"), folders=[tmp_path])
    (fault,) = renderer.check("essai", ["fr"], {"fields": {}, "calendar": None})
    assert "more than" in fault.en

"""What is found in a definition, beyond the one example that the language's page gives of each mistake."""

import itertools
import json
import re
from types import SimpleNamespace

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from engine import ports
from engine.calendar import Calendar
from engine.definition import family, model, tables
from engine.definition.compiler import examine
from engine.definition.conditions import compile_condition
from engine.definition.decide import Decider
from inbox.versions import finds_texts
from tests.support.world import EXAMPLES, WORKFLOWS

GOOD = (EXAMPLES / "commande.yaml").read_text(encoding="utf-8")
CALENDAR = Calendar()


def definition(path):
    text = path.read_text(encoding="utf-8")
    return examine(text, path=path.name, calendar=CALENDAR, templates=None).compiled.written


LOT = definition(EXAMPLES / "lot.yaml")
MEETING = definition(WORKFLOWS / "rencontre.yaml")


def findings(text, adopted=("demande.md",)):
    """Return what is found in a process, and between it and the one that it opens."""
    examined = examine(
        text, path="essai.yaml", calendar=CALENDAR, templates=None, texts=adopted.__contains__
    )
    return family.together(examined, {"lot": LOT, "rencontre": MEETING}.get)


@pytest.mark.parametrize("name", ["commande.yaml", "lot.yaml"])
def test_a_sound_definition_of_another_shape_has_no_findings(name):
    text = (EXAMPLES / name).read_text(encoding="utf-8")
    assert findings(text) == ()


def test_a_state_from_which_nothing_ends_is_found_with_the_way_to_it():
    text = re.sub(r"  recevoir:.*?(?=  annuler:)", "", GOOD, flags=re.DOTALL)
    text = text.replace(
        "    from: open\n    to: annulee", "    from: [brouillon, approbation]\n    to: annulee"
    )
    found = [f for f in findings(text) if f.code == "no-way-out"]
    assert found
    assert found[0].messages["fr"].startswith("brouillon → approbation → livraison :")
    assert [s.name for s in found[0].way] == [
        "opening", "brouillon", "soumettre", "approbation", "approuver", "livraison",
    ]  # fmt: skip


def test_a_slip_of_the_hand_is_told_what_was_probably_meant():
    found = findings(GOOD.replace("    to: approbation\n", "    to: aprobation\n", 1))
    assert "« approbation »" in found[0].messages["fr"]


def test_all_findings_come_at_once_in_the_order_of_the_file():
    text = GOOD.replace("form: [montant]", "form: [montan]").replace(
        "notify: [bon]", "notify: [bom]"
    )
    lines = [f.line for f in findings(text)]
    assert len(lines) >= 2
    assert lines == sorted(lines)


def table_of(rows, **spec):
    fields = {
        "n": model.FieldSpec.model_validate(
            {"type": "integer", "label": {"fr": "n", "en": "n"}, **spec}
        )
    }
    made = model.DecisionTable.model_validate(
        {"label": {"fr": "t", "en": "t"}, "reads": ["n"], "gives": {"x": "integer"}, "rows": rows}
    )
    return made, fields


@given(st.lists(st.integers(2, 99), min_size=1, max_size=5, unique=True))
def test_stretches_that_cut_the_integers_have_no_gap_and_no_overlap(cuts):
    edges = [1, *sorted(cuts), 101]
    rows = [
        {"when": {"n": {"at_least": a, "at_most": b - 1}}, "give": {"x": i}}
        for i, (a, b) in enumerate(itertools.pairwise(edges))
    ]
    table, fields = table_of(rows, min=1, max=100)
    assert list(tables.faults(table, fields)) == []


@given(st.lists(st.integers(2, 99), min_size=2, max_size=5, unique=True), st.data())
def test_a_missing_stretch_is_shown_by_an_input_that_no_row_answers(cuts, data):
    edges = [1, *sorted(cuts), 101]
    rows = [
        {"when": {"n": {"at_least": a, "at_most": b - 1}}, "give": {"x": i}}
        for i, (a, b) in enumerate(itertools.pairwise(edges))
    ]
    gone = data.draw(st.integers(0, len(rows) - 1))
    table, fields = table_of(rows[:gone] + rows[gone + 1 :], min=1, max=100)
    faults = list(tables.faults(table, fields))
    assert faults
    assert all(
        code == "gap" and edges[gone] <= inputs["n"] < edges[gone + 1] for code, inputs, _ in faults
    )


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("montant: {type: decimal,", "montant: {type: decimal, from_files: true,", "useless-key"),
        ("motif: {type: text,", "motif: {type: text, from_files: true,", "nested-records"),
    ],
)
def test_only_a_text_of_the_case_is_answered_by_files(old, new, code):
    assert old in GOOD
    assert code in [f.code for f in findings(GOOD.replace(old, new, 1))]
    sound = GOOD.replace("objet: {type: text,", "objet: {type: text, from_files: true,", 1)
    assert findings(sound) == ()


def test_the_shipped_definitions_are_sound():
    for path in WORKFLOWS.glob("*.yaml"):
        assert findings(path.read_text(encoding="utf-8")) == (), path
        assert yaml.safe_load(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ('on: "2026-01-15"', 'on: "2026-13-45"', "bad-form"),
        ("repeat: {every: 5 business days, times: 3}", "repeat: {every: 0 days, times: 3}", "date-stands-still"),
        ("to: {people: [owner]}", "to: {people: [owner]}\n    when: {owned: false}", "never-true"),
        ("to: {address: fournisseur}", "to: {role: chef, without: corrections.motif}", "useless-key"),
        ("to: {address: fournisseur}", "to: {recipients_of: [rappel, bom]}", "unknown-notification"),
        ("to: {address: fournisseur}", "to: {recipients_of: []}", "one-key"),
        ("to: {address: fournisseur}", "to: {recipients_of: rappel, without: corrections.non}", "unknown-field"),
        ("when: {obtained: fournisseur}", "not_before: quand", "unknown-field"),
        ("notify: [bon]", "cancels: [bom]", "unknown-notification"),
        ("when: {obtained: montant}", "when: {earlier: {field: montant, than: bon}}", "wrong-field-type"),
        ("when: {obtained: montant}", "when: {earlier: {field: montan, than: bon}}", "unknown-field"),
        ("when: {obtained: montant}", "when: {earlier: {field: montant, than: bom}}", "unknown-notification"),
        ("notify: [bon]", "accepts: {message: rappel, reason: motif}", "unknown-notification"),
        ("notify: [bon]", "accepts: {message: bon, reason: motif}", "unknown-field"),
        ("when: {obtained: montant}", "when: {within: {calendar: business_hours, field: montant}}", "wrong-field-type"),
        ("when: {obtained: montant}", "when: {ahead: {field: montant}}", "wrong-field-type"),
        ("when: {obtained: montant}", "when: {ahead: {field: montan}}", "unknown-field"),
        ("when: {obtained: montant}", "when: {ahead: {field: montant, at_most: two days}}", "bad-form"),
        ("due: {of: entered, after: 2 business days}", "due: {of: entered, else: now, after: 2 business days}", "useless-key"),
    ],
)  # fmt: skip
def test_who_is_written_to_and_when_is_checked(old, new, code):
    assert old in GOOD
    found = [f.code for f in findings(GOOD.replace(old, new, 1))]
    assert code in found, found


@pytest.mark.parametrize(
    ("to", "newcomers", "code", "column"),
    [
        ("{recipients_of: rappel}\n    batch: true", "{roster: reseau, template: commande/bon}", "wrong-newcomers", 25),
        ("{recipients_of: rappel}", "{roster: reseau, template: commande/bon}", "incomplete-field", 16),
        ("{address: fournisseur}\n    batch: true", "{roster: reseau, template: commande/bon}", "useless-key", 16),
        ("{recipients_of: rappel}\n    batch: true\n    personal: true", "{roster: reseau, template: commande/bon}", "one-key", 16),
        ("{recipients_of: rappel}\n    batch: true", "{roster: reseau}", "missing-key", 5),
        ("{recipients_of: rappel}\n    batch: true", "{template: commande/bon}", "missing-key", 5),
        ("{recipients_of: rappel}\n    batch: true", "{roster: reseau, template: Bon}", "bad-form", 43),
        ("{recipients_of: rappel}\n    batch: true", "{roster: reseau, template: bon, langue: fr}", "unknown-key", 48),
    ],
)  # fmt: skip
def test_a_mistake_about_newcomers_is_found_where_it_stands(to, newcomers, code, column):
    text = GOOD.replace("to: {address: fournisseur}", f"to: {to}\n    newcomers: {newcomers}", 1)
    found = {f.code: f for f in findings(text)}
    assert code in found, found
    line = text[: text.index("newcomers:")].count("\n") + 1
    assert (found[code].path, found[code].line, found[code].column) == ("essai.yaml", line, column)


def test_newcomers_of_another_roster_than_the_one_that_was_written_to_are_refused():
    text = (WORKFLOWS / "demande.yaml").read_text(encoding="utf-8")
    wrong = text.replace("{roster: reseau, template: demande/erratum_new}",
                         "{roster: resau, template: demande/erratum_new}")  # fmt: skip
    (found,) = findings(wrong)
    assert found.code == "wrong-newcomers"
    assert "« reseau »" in found.messages["fr"]
    assert "« resau »" in found.messages["fr"]


def test_processes_that_open_each_other_at_once_are_found_from_one_to_the_other():
    lot = (EXAMPLES / "lot.yaml").read_text(encoding="utf-8")
    lot = lot.replace(
        "    by: [acheteur]\n  perdre",
        """\
    automatic: {present: contenu}
    opens: {process: commande, copy: {objet: contenu, urgence: urgence}}
  perdre""",
    ).replace("form: [commande, contenu]", "form: [commande, contenu, urgence]")
    urgence = re.search(r"  urgence:\n.*?(?=  delai:)", GOOD, flags=re.DOTALL)[0]
    lot = lot.replace("fields:\n", f"fields:\n{urgence}")
    order = GOOD.replace(
        "actions:\n",
        """\
actions:
  doubler:
    label: {fr: Doubler, en: Double}
    from: [brouillon]
    to: livraison
    automatic: {present: objet}
    opens: {process: lot, copy: {commande: objet, contenu: objet, urgence: urgence}}
""",
    ).replace(
        "    opens: {process: lot, copy: {commande: objet}, for_each: lots, item: contenu}\n", ""
    )
    both = [examine(t, path="x", calendar=CALENDAR, templates=None) for t in (order, lot)]
    given = family.Given(both, lambda _: None)
    found = [f for e in both for f in family.together(e, given.process)]
    circles = [f.messages["fr"] for f in found if f.code == "automatic-circle"]
    assert [c.rpartition(": ")[2] for c in circles] == [
        "commande → lot → commande.", "lot → commande → lot.",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("first", "second", "verdict"),
    [
        ('before: "2026-01-01"', 'not_before: "2026-06-01"', {"never-true"}),
        ('before: "2026-01-01"', 'not_before: "2026-01-01"', {"never-true"}),
        ('before: "2026-01-02"', 'not_before: "2026-01-01"', set()),
        ('before: "2026-01-01"', 'before: "2026-06-01"', set()),
    ],
)
def test_days_that_contradict_each_other_are_found(first, second, verdict):
    text = GOOD.replace("fields:\n", "fields:\n  jour: {type: date, label: {fr: Jour, en: Day}}\n")
    text = text.replace("form: [objet, urgence,", "form: [objet, jour, urgence,").replace(
        "{checklist: dossier}",
        f"{{all: [{{compare: {{field: jour, {first}}}}}, {{compare: {{field: jour, {second}}}}}, {{checklist: dossier}}]}}",
    )
    assert {f.code for f in findings(text)} == verdict


BOUNDED = {"a": (0, 4), "b": (2, 5), "c": (-1, 1)}
NUMBERS = "".join(
    f"  {n}: {{type: integer, label: {{fr: {n}, en: {n}}}, min: {low}, max: {high}}}\n"
    for n, (low, high) in BOUNDED.items()
)
WITH_NUMBERS = examine(
    GOOD.replace("fields:\n", "fields:\n" + NUMBERS), path="x", calendar=CALENDAR, templates=None
).definition


def at_least(field, other):
    return {"compare": {"field": field, "at_least_field": other}}


@st.composite
def comparisons(draw):
    names = st.sampled_from(sorted(BOUNDED))
    leaf = st.one_of(
        st.builds(at_least, names, names),
        st.builds(lambda n, k, v: {"compare": {"field": n, k: v}}, names,
                  st.sampled_from(["at_least", "at_most", "equals"]), st.integers(-1, 5)),
        st.builds(lambda n: {"obtained": n}, names),
    )  # fmt: skip
    some = st.recursive(
        leaf,
        lambda inner: st.one_of(
            st.builds(lambda c: {"not": c}, inner),
            st.builds(lambda k, cs: {k: cs}, st.sampled_from(["all", "any"]),
                      st.lists(inner, min_size=1, max_size=3)),
        ),
        max_leaves=6,
    )  # fmt: skip
    return model.Condition.model_validate(draw(some))


@given(comparisons())
def test_fields_that_are_compared_with_each_other_are_judged_as_every_one_of_their_values_is(asked):
    test = compile_condition(asked, {})
    every = [[None, *range(low, high + 1)] for low, high in BOUNDED.values()]
    held = {
        test(SimpleNamespace(data=dict(zip(BOUNDED, values, strict=True))))
        for values in itertools.product(*every)
    }
    verdict = {(False,): "never", (True,): "always"}.get(tuple(held))
    assert Decider(WITH_NUMBERS).verdict(asked) == verdict


@pytest.mark.parametrize(
    ("kind", "asked", "verdict"),
    [
        ("integer", ["x>y", "y>x"], set()),
        ("integer", ["x>y", "!x>y"], {"never-true"}),
        ("decimal", ["x>y", "x<2", "!y<2"], {"never-true"}),
        ("decimal", ["x>y", "!y>x", "!x>1", "!y<0"], set()),
        ("decimal", ["x>y", "!y>x", "y>1", "!x>2"], set()),
        ("integer", ["x>y", "!y>x", "y>1", "!x>2"], {"never-true"}),
        ("integer", ["x>y", "y>z", "!x>z"], {"never-true"}),
        ("integer", ["x>y", "y>z", "!z>x"], set()),
        ("integer", ["x>w", "x<3", "!w<3"], {"never-true"}),
        ("integer", ["x>y", "!y"], {"never-true"}),
        ("integer", ["x>t"], set()),
        ("integer", ["x>t", "x<1"], {"never-true"}),
        ("integer", ["l#y", "!y<3"], {"never-true"}),
        ("integer", ["l#y", "!y<2"], set()),
    ],
)  # fmt: skip
def test_conditions_on_two_fields_are_judged_by_bounds_and_by_what_else_is_asked(
    kind, asked, verdict
):
    fields = "".join(
        f"  {n}: {{type: {kind}, label: {{fr: {n}, en: {n}}}}}\n" for n in ("x", "y", "z")
    )
    fields += "  w: {type: integer, label: {fr: w, en: w}, min: 1, max: 9}\n"
    fields += "  t: {type: integer, label: {fr: t, en: t}}\n"
    text = GOOD.replace("fields:\n", "fields:\n" + fields)
    text = text.replace(
        "form: [objet, urgence,", "form: [x, y, z, w, lots, objet, urgence,"
    ).replace("  sets: {delai:", "  sets: {t: {value: 2}, delai:")
    joined = ", ".join(map(_written, asked))
    found = findings(
        text.replace("{checklist: dossier}", f"{{all: [{joined}, {{checklist: dossier}}]}}")
    )
    assert {f.code for f in found} - {"unused"} == verdict


def _written(short):
    """Return a condition from what the tests write for short."""
    if short[0] == "!":
        return f"{{not: {_written(short[1:])}}}"
    name, sign, other = short[0], short[1:2], short[2:]
    if not sign:
        return f"{{obtained: {name}}}"
    key = {">": "at_least", "<": "at_most", "#": "count_at_least"}[sign]
    key += "" if other.isdigit() else "_field"
    return f"{{compare: {{field: {'lots' if name == 'l' else name}, {key}: {other}}}}}"


def test_what_a_field_is_compared_with_must_have_been_given():
    text = GOOD.replace("fields:\n", "fields:\n  plafond: {type: decimal, label: {fr: P, en: C}}\n")
    text = text.replace(
        "when: {obtained: montant}", f"when: {json.dumps(at_least('montant', 'plafond'))}"
    )
    assert {"dead-action", "may-be-absent"} & {f.code for f in findings(text)}


ONLY_WAY = "    automatic: {children: {process: lot, all: ended, at_least: 1}}"


def one_way_out(way, *changes):
    """Return the example with « livraison » left by one action only."""
    text = GOOD.replace(ONLY_WAY, way).replace(
        "    from: open\n    to: annulee", "    from: [brouillon, approbation]\n    to: annulee"
    )
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    return text


WITH_DATE = (
    ("fields:\n", "fields:\n  limite: {type: date, label: {fr: Limite, en: Deadline}}\n"),
    ("form: [objet, urgence,", "form: [objet, limite, urgence,"),
)
IN_TIME = "{when: {ahead: {field: limite, at_most: 30 days}}, because: {fr: A, en: A}}"
BEFORE_IT = f"    by: [chef]\n    requires: [{IN_TIME}]"


def test_a_case_that_waits_for_a_date_to_be_ahead_again_can_never_end():
    (found,) = findings(one_way_out(BEFORE_IT, *WITH_DATE))
    assert (found.code, found.where) == ("may-not-end", ("states", "livraison"))
    assert "quand « limite » est passé : de « livraison »" in found.messages["fr"]
    assert "when 'limite' is past: from 'livraison'" in found.messages["en"]


@pytest.mark.parametrize(
    ("way", "changes"),
    [
        (f"{BEFORE_IT}\n    form: [limite]", []),
        (BEFORE_IT, [("  expirer:\n", "  allonger:\n    label: {fr: Allonger, en: Extend}\n    from: [livraison]\n    to: same\n    by: [chef]\n    form: [limite]\n  expirer:\n")]),
        ("    automatic: {ahead: {field: limite}}", []),
        ("    by: [chef]\n    requires: [{when: {not: {ahead: {field: limite}}}, because: {fr: A, en: A}}]", []),
        (BEFORE_IT, [("    from: [brouillon]\n    to: annulee\n", "    from: [brouillon, livraison]\n    to: annulee\n"),
                     ("    in: [brouillon]\n    at: {of: entered, after: 2 months}", "    in: [brouillon, livraison]\n    at: {of: entered, after: 2 months}")]),
    ],
    ids=["its own form", "another action", "by itself", "once past", "a timer"],
)  # fmt: skip
def test_a_date_that_is_past_holds_back_nothing_that_can_still_be_done(way, changes):
    assert findings(one_way_out(way, *WITH_DATE, *changes)) == ()


def test_what_looks_at_a_date_that_nobody_gave_there_never_holds():
    text = one_way_out(BEFORE_IT, WITH_DATE[0], ("    by: [acheteur, chef]\n    note: required",
                       "    by: [acheteur, chef]\n    note: required\n    form: [limite]"))  # fmt: skip
    assert ("dead-action", ("actions", "recevoir")) in {(f.code, f.where) for f in findings(text)}


@pytest.mark.parametrize(
    ("way", "said"),
    [
        ("    automatic: {obtained: fournisseur}", "« fournisseur » est absent"),
        ("    automatic: {compare: {field: urgence, equals: haute}}", "« urgence » vaut « basse »"),
        ("    automatic: {compare: {field: delai, at_least: 5}}", "« delai » vaut « 2 »"),
        ("    by: [chef]\n    requires: [{when: {message: {message: bon, is: accepted}}, because: {fr: A, en: A}}]",
         "« bon » n'est pas parti"),
        ("    automatic: {children: {process: lot, outcome: arrive, at_least: 1}}", "1 par « perdu »"),
        ("    automatic: {children: {process: lot, all: ended, at_least: 3}}", "1 par « arrive »"),
        ("    automatic: {all: [{children: {process: lot, outcome: arrive, at_least: 2}}, {children: {process: lot, outcome: perdu, at_least: 2}}]}",
         "1 par « arrive »"),
        ("    automatic: {any: [{obtained: fournisseur}, {compare: {field: urgence, equals: haute}}]}",
         "« fournisseur » est absent et « urgence » vaut « basse »"),
        ("    automatic: {compare: {field: lots, count_at_least: 2}}", "« lots » compte 1 choix"),
    ],
)  # fmt: skip
def test_a_case_that_can_never_end_is_shown_with_the_way_to_it_and_what_is_so(way, said):
    (found,) = [f for f in findings(one_way_out(way)) if f.code == "may-not-end"]
    assert found.messages["fr"].startswith("brouillon → approbation → livraison, quand ")
    assert said in found.messages["fr"]
    assert found.where == ("states", "livraison")
    assert [s.name for s in found.way if s.kind == "action"] == [
        "chiffrer",
        "soumettre",
        "approuver",
    ]


def either(delay, urgency):
    """Return a way out for the cases with some delay, or of some urgency; the one comes from the other."""
    asked = (
        f"{{compare: {{field: delai, {delay}}}}}",
        f"{{compare: {{field: urgence, equals: {urgency}}}}}",
    )
    return f"    automatic: {{any: [{', '.join(asked)}]}}"


def test_what_no_row_of_a_table_gives_with_what_it_asks_for_holds_nothing_back():
    assert findings(one_way_out(either("at_least: 5", "haute"))) == ()


def test_what_a_row_of_a_table_gives_holds_back_the_cases_that_it_asks_for():
    (found,) = findings(one_way_out(either("at_least: 5", "basse")))
    assert "« delai » vaut « 2 » et « urgence » vaut « haute »" in found.messages["fr"]


def test_a_table_whose_input_has_too_many_values_to_follow_says_nothing_of_a_case():
    rows = "".join(
        f"      - {{when: {{jour: {{at_least: {n * 10}, at_most: {n * 10 + 9}}}}}, give: {{jours: {n}}}}}\n"
        for n in range(10)
    )
    text = one_way_out(
        "    automatic: {any: [{compare: {field: delai, at_least: 5}}, {compare: {field: jour, at_most: 49}}]}",
        ("fields:\n", "fields:\n  jour: {type: integer, min: 0, max: 99, label: {fr: Jour, en: Day}}\n"),
        ("form: [objet, urgence,", "form: [objet, jour, urgence,"),
        ("    reads: [urgence]\n", "    reads: [jour]\n"),
    )  # fmt: skip
    told = re.sub(r"      - \{when: \{urgence: .*\n", "", text).replace(
        "    rows:\n", f"    rows:\n{rows}", 1
    )
    assert findings(told) == ()


def test_a_key_of_elsewhere_is_not_proposed_where_it_is_not_known():
    text = GOOD.replace(
        ONLY_WAY, "    automatic: {compare: {field: urgence, in: [haute]}, equal: basse}"
    )
    said = [f.messages["fr"] for f in findings(text) if f.code == "unknown-key"]
    listed = next(s for s in said if s.startswith("« in »"))
    assert "connue ici, mais : at_least, " in listed
    assert "one_of." in listed


def test_everything_that_may_hold_a_case_in_a_state_is_told_at_once_each_once():
    lots = "{compare: {field: lots, count_at_least: 2}}"
    way = f"    automatic: {{all: [{{obtained: fournisseur}}, {{compare: {{field: urgence, equals: haute}}}}, {lots}]}}"
    found = [f for f in findings(one_way_out(way)) if f.code == "may-not-end"]
    said = [f.messages["fr"].partition(", quand ")[2].partition(" : ")[0] for f in found]
    assert said == [
        "« fournisseur » est absent",
        "« lots » compte 1 choix",
        "« urgence » vaut « basse »",
    ]


def test_nobody_is_the_owner_of_a_case_that_nobody_owns():
    way = "    by: [chef]\n    requires: [{when: {all: [{owned: false}, {actor: owner}]}, because: {fr: A, en: A}}]"
    assert "never-true" in {f.code for f in findings(one_way_out(way))}


LATE = """\
timers:
  tard:
    label: {fr: Tard, en: Late}
    in: [approbation]
    at: {of: limite, after: 1 day}
    notify: [rappel]
"""
LIMIT = "fields:\n  limite: {type: date, label: {fr: Limite, en: Limit}}\n"


def limited(*changes):
    """Return the example with a timer that counts from a field in « approbation »."""
    text = GOOD.replace("timers:\n", LATE, 1).replace("fields:\n", LIMIT, 1)
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    return text


def test_the_way_to_what_may_be_absent_does_what_its_guards_ask_for():
    text = limited(("form: [objet, urgence,", "form: [objet, urgence, limite,"),
                   ("clears: [montant]", "clears: [montant, limite]"))  # fmt: skip
    (found,) = findings(text)
    assert (found.code, found.where) == ("may-be-absent", ("timers", "tard", "at"))
    assert [s.name for s in found.way if s.kind == "action"] == [
        "chiffrer", "soumettre", "renvoyer", "chiffrer", "soumettre",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "changes",
    [
        # Given and cleared together with what the guard asks for.
        [("form: [montant]", "form: [montant, limite]"),
         ("clears: [montant]", "clears: [montant, limite]")],
        # Asked for by the very answer that leads there.
        [("form: [objet, urgence,", "form: [objet, urgence, {field: limite, required: {compare: {field: urgence, equals: haute}}},"),
         ("    to: approbation\n", "    to: [{when: {compare: {field: urgence, equals: haute}}, state: approbation}, {state: livraison}]\n")],
    ],
)  # fmt: skip
def test_what_is_always_there_with_what_the_guards_ask_for_is_no_mistake(changes):
    assert findings(limited(*changes)) == ()


STAYS = """\
  ecrire:
    label: {fr: Écrire, en: Write}
    from: [livraison]
    to: same
    by: [chef]
    form: [{field: fournisseur, required: false}]
  annuler:
"""
COMES_BACK = STAYS.replace("to: same", "to: approbation")
OPENS_MORE = STAYS.replace("form: [{field: fournisseur, required: false}]",
                           "opens: {process: lot, copy: {commande: objet, contenu: objet}}")  # fmt: skip


@pytest.mark.parametrize(
    ("way", "changes"),
    [
        # Somebody can still give what is asked for, here or after going back.
        ("    automatic: {obtained: fournisseur}", [("  annuler:\n", STAYS)]),
        ("    automatic: {obtained: fournisseur}", [("  annuler:\n", COMES_BACK)]),
        # No case comes there without it.
        ("    automatic: {obtained: fournisseur}",
         [("  form: [objet, urgence, {field: fournisseur, required: false}]", "  form: [objet, urgence, fournisseur]"),
          ("    when: {obtained: fournisseur}\n", "")]),
        ("    automatic: {compare: {field: delai, at_least: 2}}", []),
        # Another child case can be opened, and end otherwise.
        ("    automatic: {children: {process: lot, outcome: arrive, at_least: 1}}", [("  annuler:\n", OPENS_MORE)]),
        ("    automatic: {any: [{children: {process: lot, outcome: arrive, at_least: 1}}, {children: {process: lot, outcome: perdu, at_least: 1}}]}", []),
        # Time, or who owns the case, changes by itself.
        ("    by: [chef]\n    requires: [{when: {within: business_day}, because: {fr: A, en: A}}]", []),
        ("    automatic: {owned: true}", []),
    ],
)  # fmt: skip
def test_a_case_that_somebody_can_still_bring_to_its_end_is_no_mistake(way, changes):
    found = findings(one_way_out(way, *changes))
    assert [str(f) for f in found if f.code != "always-true"] == []


AWAITED = "    by: [chef]\n    requires: [{{when: {{message: {{message: {message}, is: settled}}}}, because: {{fr: Attendez, en: Wait}}}}]"


@pytest.mark.parametrize(
    ("message", "opening"),
    [
        ("bon", "{field: fournisseur, required: false}"),  # it leaves if there is an address
        ("bon", "fournisseur"),  # it always leaves
        ("rappel", "fournisseur"),  # a timer sends it
    ],
)
def test_a_guard_may_await_a_message_that_leaves_under_a_condition_or_by_a_timer(message, opening):
    text = GOOD.replace(
        "    automatic: {children: {process: lot, all: ended, at_least: 1}}",
        AWAITED.format(message=message),
    ).replace("{field: fournisseur, required: false}", opening)
    assert findings(text) == ()


AT_ONCE = """\
  passer:
    label: {{fr: Passer, en: Go on}}
    from: [{state}]
    to: {to}
    automatic: {{present: objet}}
"""


@pytest.mark.parametrize(
    ("state", "to", "dead"),
    [
        ("livraison", "annulee", {"recevoir"}),
        ("brouillon", "approbation", {"chiffrer", "soumettre", "expirer"}),
    ],
)
def test_what_can_only_be_done_after_an_automatic_action_that_always_comes_first_is_dead(
    state, to, dead
):
    text = GOOD.replace("actions:\n", "actions:\n" + AT_ONCE.format(state=state, to=to))
    found = [f for f in findings(text) if f.code == "dead-action"]
    assert {f.where[1] for f in found} == dead
    assert all("« passer » s'y fait toujours d'abord" in f.messages["fr"] for f in found)


def test_a_state_that_is_only_passed_through_is_sound():
    through = "  passage: {label: {fr: Passage, en: Passage}}\n  livraison:\n"
    text = GOOD.replace("  livraison:\n", through, 1).replace("to: livraison", "to: passage", 1)
    text = text.replace(
        "actions:\n", "actions:\n" + AT_ONCE.format(state="passage", to="livraison")
    )
    assert findings(text) == ()


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("after: 2 business days", "after: deux jours", "une durée comme « 3 business days »"),
        ('hour: "08:30"', 'hour: "8h30"', "une heure comme « 08:30 »"),
        ("template: commande/bon", "template: Bon", "un nom de gabarit comme « pret/rappel »"),
        ("to: approbation", "to: À approuver", "minuscules sans accent"),
        ("arrimage: 1", "arrimage: 2", "la version de ce langage"),
    ],
)
def test_a_form_that_is_wrong_is_said_with_the_form_that_is_right(old, new, words):
    assert old in GOOD
    found = findings(GOOD.replace(old, new, 1))
    assert any(words in f.messages["fr"] for f in found), [str(f) for f in found]


def test_a_text_that_is_quoted_is_beside_the_definition_and_nowhere_else(tmp_path):
    there = finds_texts([tmp_path / "ici"])
    (tmp_path / "ici").mkdir()
    (tmp_path / "ailleurs.md").write_text("Ailleurs", encoding="utf-8")
    (tmp_path / "ici" / "bon.md").write_text("Décidé", encoding="utf-8")
    (tmp_path / "ici" / "latin.md").write_bytes("Décidé".encode("latin-1"))
    assert [n for n in ("bon.md", "latin.md", "absent.md", "../ailleurs.md") if there(n)] == [
        "bon.md"
    ]
    assert there("demande.md")  # shipped


def test_two_states_of_one_name_are_found_in_either_language_accents_and_case_aside():
    text = GOOD.replace("{fr: Reçue, en: Received}", "{fr: ANNULÉE, en: Received}").replace(
        "{fr: Annulée, en: Cancelled}", "{fr: annulee, en: being delivered}"
    )
    found = [f for f in findings(text) if f.code == "same-label"]
    assert [(f.where[1], f.where[3]) for f in found] == [("annulee", "fr"), ("annulee", "en")]
    assert "« recue »" in found[0].messages["fr"]


@pytest.mark.parametrize(
    "section", ["montant:", "dossier:", "chef:", "bon:", "approbation:", "chiffrer:"]
)
def test_a_name_with_an_accent_is_said_once_and_not_wherever_it_is_right(section):
    text = re.sub(rf"^  {section}", f"  É{section}", GOOD, flags=re.MULTILINE)
    right = re.sub(rf"\b{section[:-1]}\b", f"e{section[:-1]}", text)
    found = findings(right)
    assert {(f.code, f.where[-1]) for f in found} == {("bad-form", f"É{section[:-1]}")}


def test_an_option_that_is_named_as_people_write_it_is_recognized():
    found = findings(GOOD.replace("{urgence: {equals: haute}}", "{urgence: {equals: Hâute}}"))
    (fault,) = (f for f in found if f.code == "unknown-option")
    assert "vouliez-vous « haute »?" in fault.messages["fr"]


def second(old, words):
    """Return the example with an action beside « annuler » that takes its words, and what is found of labels."""
    action = f"actions:\n  abandonner:\n    label: {words}\n    {old}\n    to: annulee\n"
    text = GOOD.replace("actions:\n", action, 1)
    return [f for f in findings(text) if f.code == "same-label"]


def test_two_actions_of_one_name_are_found_where_people_meet_both():
    (found,) = second("from: [livraison]\n    by: [chef]", "{fr: ANNULER, en: Drop}")
    assert found.where == ("actions", "annuler", "label", "fr")
    assert "« abandonner », qui part aussi de « livraison »" in found.messages["fr"]
    # Never in one state, or never taken by anybody: nobody has to tell them apart.
    assert second("from: [recue]\n    by: [chef]", "{fr: Annuler, en: Cancel}") == []
    assert second("from: [brouillon]\n    automatic: {present: montant}", "{fr: Annuler, en: Cancel}") == []  # fmt: skip


def test_two_fields_of_one_form_that_are_asked_in_the_same_words_are_found():
    text = GOOD.replace("label: {fr: Montant", "label: {fr: Motif", 1)
    assert text != GOOD
    assert [f for f in findings(text) if f.code == "same-label"] == []
    both = text.replace("form: [montant]", "form: [montant, corrections.motif]")
    (found,) = (f for f in findings(both) if f.code == "same-label")
    assert found.where == ("actions", "chiffrer", "form", 1)
    assert "« corrections.motif » et « montant »" in found.messages["fr"]


def joined(*parts):
    lines = "".join(f"\n        - {part}" for part in parts)
    return GOOD.replace(
        "    automatic: {children: {process: lot, all: ended, at_least: 1}}",
        f"    automatic:\n      all:{lines}",
    )


def lots(**asked):
    return model.Condition.model_validate(
        {"children": {"process": "lot", **asked}}
    ).model_dump_json(by_alias=True, exclude_none=True)


@pytest.mark.parametrize(
    "parts",
    [
        (lots(outcome="arrive"), lots(outcome="perdu", at_least=1)),
        (lots(outcome="arrive"), lots(outcome="perdu"), lots(at_least=1)),
        (lots(all="ended", at_least=1), lots(all="open")),
        (lots(all="open"), lots(outcome="arrive", at_least=1)),
        ("{not: " + lots(at_least=1) + "}", lots(outcome="perdu", at_least=1)),
        ("{children: {outcome: arrive}}", lots(outcome="perdu", at_least=1)),
    ],
)  # fmt: skip
def test_joins_that_never_hold_together_are_found_although_each_may(parts):
    found = [(f.code, f.where) for f in findings(joined(*parts))]
    assert found == [("never-true", ("actions", "recevoir", "automatic"))]


@pytest.mark.parametrize(
    "parts",
    [
        (lots(outcome="arrive", at_least=2), lots(outcome="perdu", at_least=1)),
        (lots(all="ended", at_least=2), lots(outcome="perdu", at_least=1)),
        (lots(outcome="arrive"), "{not: " + lots(outcome="perdu", at_least=1) + "}", lots(at_least=3)),
        ("{any: [" + lots(all="open") + ", " + lots(all="ended") + "]}", lots(at_least=2)),
    ],
)  # fmt: skip
def test_joins_that_may_hold_together_are_no_mistake(parts):
    codes = {f.code for f in findings(joined(*parts))}
    assert codes <= {"may-not-end"}


def test_more_child_cases_at_once_than_can_be_opened_are_found_in_guards_too():
    text = GOOD.replace(
        "    automatic: {children: {process: lot, all: ended, at_least: 1}}",
        "    by: [acheteur]\n    requires:\n"
        f"      - {{when: {lots(outcome='arrive', at_least=2)}, because: {{fr: a, en: a}}}}\n"
        f"      - {{when: {lots(outcome='perdu', at_least=2)}, because: {{fr: b, en: b}}}}",
    )
    found = [f for f in findings(text) if f.code == "impossible-join"]
    assert [f.where for f in found] == [("actions", "recevoir", "requires")]
    assert "au plus 3 de « lot »" in found[0].messages["fr"]


def test_a_row_beyond_what_its_field_takes_is_told_at_the_row_with_the_limit():
    text = GOOD.replace("give: {jours: 10}", "give: {jours: 500}")
    text = text.replace("  delai: {type: integer", "  delai: {type: integer, max: 60")
    (finding,) = [f for f in findings(text) if f.code == "wrong-value"]
    assert "au plus 60" in finding.messages["fr"]
    assert "jours: 500" in finding.excerpt


def test_a_row_that_gives_another_type_is_told_once():
    text = GOOD.replace("give: {jours: 10}", "give: {jours: x}")
    (finding,) = [f for f in findings(text) if f.code == "wrong-value"]
    assert finding.messages["fr"] == "« x » n'est pas de type « nombre entier (integer) »."


def test_a_table_tells_the_answer_that_no_row_has_as_one_would_give_it():
    ready = "  pret: {type: boolean, label: {fr: Prêt, en: Ready}}\n"
    text = GOOD.replace("fields:\n", f"fields:\n{ready}", 1).replace(
        "reads: [urgence]", "reads: [pret]"
    )
    text = text.replace("urgence: {equals: basse}", "pret: {equals: true}")
    text = text.replace("      - {when: {urgence: {equals: haute}}, give: {jours: 2}}\n", "")
    (finding,) = [f for f in findings(text) if f.code == "table-gap"]
    assert finding.messages["fr"] == "aucune ligne ne répond à : pret = non."
    assert finding.messages["en"] == "no row answers: pret = no."


def test_an_action_that_asks_for_the_absence_of_what_is_always_given_is_told_so():
    guard = "    requires: [{when: {not: {present: objet}}, because: {fr: Non, en: No}}]\n"
    text = GOOD.replace("  renvoyer:\n", f"  renvoyer:\n{guard}")
    (finding,) = [f for f in findings(text) if f.where[:2] == ("actions", "renvoyer")]
    assert "ce dont elle demande l'absence y est toujours donné" in finding.messages["fr"]


def test_the_way_to_a_template_that_fails_does_first_what_its_guards_ask_for():
    fails = SimpleNamespace(
        read=lambda *_: ports.Reading(faults=(), names=frozenset(), values=frozenset()),
        check=lambda *_: (ports.Fault(file="fr/x", line=1, fr="a", en="a"),),
    )
    examined = examine(GOOD, path="x.yaml", calendar=CALENDAR, templates=fails)
    found = [f for f in examined.findings if "bon" in str(f.where)]
    assert [s.name for s in found[0].way if s.kind == "action"] == [
        "chiffrer", "soumettre", "approuver",
    ]  # fmt: skip

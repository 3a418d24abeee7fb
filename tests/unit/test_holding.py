"""Which open cases a change of a field touches, by the value that they hold; and the plan that says so."""

from __future__ import annotations

import pytest
import yaml

from engine.change.carry import carry
from engine.change.mapping import read_mapping
from engine.change.plan import propose
from engine.errors import InvalidDefinition
from inbox.comparison import compare
from inbox.holding import Case, holders
from inbox.migration_text import as_mapping, plan_lines
from inbox.texts import use
from tests.integration.test_change import ORDER
from tests.unit.test_change import compiled


@pytest.fixture(autouse=True)
def french():
    use("fr")


OPTIONS = "basse: {fr: Basse, en: Low}\n      haute: {fr: Haute, en: High}"
SPARE = "basse: {fr: Basse, en: Low}\n      haute: {fr: Haute, en: High}\n      moyenne: {fr: Moyenne, en: Medium}"
WITH_SORT = """\
      motif: {type: text, label: {fr: Motif, en: Reason}, internal: true}
      sorte:
        type: choice
        label: {fr: Sorte, en: Kind}
        options:
          prix: {fr: Prix, en: Price}
          delai: {fr: Délai, en: Delay}
"""
MOTIF = "      motif: {type: text, label: {fr: Motif, en: Reason}, internal: true}\n"


class Process:
    def __init__(self, text):
        self.definition = compiled(text)


def version(*changes):
    text = ORDER
    for before, after in changes:
        assert before in text
        text = text.replace(before, after, 1)
    return Process(text)


NULL = (("basse: {fr: Basse, en: Low}", "nulle: {fr: Nulle, en: None}"),
        ("urgence: {equals: basse}", "urgence: {equals: nulle}"))  # fmt: skip
FIRST = version((MOTIF, WITH_SORT))
CASES = [
    Case(number="CO-1", state="brouillon", data={
        "urgence": "basse", "montant": "5", "corrections": [{"sorte": "prix"}, {"sorte": "delai"}]}),
    Case(number="CO-2", state="approbation", data={"urgence": "haute", "montant": "500"}),
    Case(number="CO-3", state="approbation", data={"urgence": "haute"}),
]  # fmt: skip


def touched(new, cases=CASES):
    old, new = FIRST.definition, new.definition
    return {
        (change.key, change.part or change.change): [
            (h.value and h.value.replace("\u00a0", " "), h.cases)
            for h in holders(cases, old, new, change.was, change.key, change.part)
        ]
        for change in compare(old.written, new.written)
        if change.kind == "field"
    }


def test_an_option_that_is_no_more_touches_only_the_cases_that_have_it():
    new = version((MOTIF, WITH_SORT), *NULL)
    assert touched(new) == {("urgence", "options"): [("« Basse » (basse)", ("CO-1",))]}


def test_a_bound_that_narrows_touches_only_the_values_out_of_it():
    new = version((MOTIF, WITH_SORT), ("en: Amount}, min: 0}", "en: Amount}, min: 0, max: 100}"))
    assert touched(new) == {("montant", "max"): [("« 500 »", ("CO-2",))]}
    lines = [line.replace("\u00a0", " ") for line in plan_lines(propose(FIRST, new), CASES)]
    assert lines == [
        "à corriger : le champ « Montant » (montant) n'admet plus toutes les valeurs",
        "  → 1 dossier a une valeur qui ne convient plus, « 500 » : CO-2",
    ]


def test_a_name_or_a_help_touches_no_value():
    new = version(
        (MOTIF, WITH_SORT), ("label: {fr: Montant, en: Amount}", "label: {fr: Coût, en: Cost}")
    )
    assert touched(new) == {("montant", "label"): []}


def test_a_list_s_columns_are_told_one_by_one():
    new = version((MOTIF, WITH_SORT.replace("prix: {fr: Prix, en: Price}", "cout: {fr: Coût, en: Cost}")
                          .replace("{fr: Motif, en: Reason}", "{fr: Raison, en: Reason}")))  # fmt: skip
    assert touched(new) == {
        ("corrections.motif", "label"): [],
        ("corrections.sorte", "options"): [("« Prix » (prix)", ("CO-1",))],
    }
    gone = touched(version())
    assert gone == {("corrections.sorte", "removed"): [(None, ("CO-1",))]}
    changes = compare(FIRST.definition.written, new.definition.written)
    assert [c.label.replace("\u00a0", " ") for c in changes] == [
        "Corrections, colonne « Raison »",
        "Corrections, colonne « Sorte »",
    ]


def test_options_of_a_list_s_columns_are_translated_by_the_mapping():
    new = version(
        (MOTIF, WITH_SORT.replace("prix: {fr: Prix, en: Price}", "cout: {fr: Coût, en: Cost}"))
    )
    undecided = propose(FIRST, new)
    assert undecided.undecided_options == [("corrections.sorte", "prix")]
    (reason,) = carry(undecided, CASES[0].data)[1]
    assert (reason.code, reason.field) == ("migration_value", "corrections.sorte")
    text = "values:\n  corrections.sorte: {prix: cout}\n"
    given = read_mapping(text, "m.yaml", [FIRST.definition], new.definition)
    after, reasons = carry(propose(FIRST, new, given), CASES[0].data)
    assert reasons == []
    assert [c["sorte"] for c in after["corrections"]] == ["cout", "delai"]
    with pytest.raises(InvalidDefinition) as refusal:
        read_mapping(text.replace("cout", "cuot"), "m.yaml", [FIRST.definition], new.definition)
    assert [f.code for f in refusal.value.findings] == ["unknown-name"]


def test_the_proposed_plan_of_several_versions_says_each_key_once():
    more = version((OPTIONS, SPARE), ("{equals: basse}", "{one_of: [basse, moyenne]}"))
    supplier = "  fournisseur: {type: email, label: {fr: Fournisseur, en: Supplier}}"
    currency = f"  devise: {{type: text, label: {{fr: Devise, en: Currency}}}}\n{supplier}"
    new = version(*NULL, (supplier, currency), ("form: [montant]", "form: [montant, devise]"))
    text = as_mapping({1: propose(FIRST, new), 2: propose(more, new)})
    written = "\n".join(line.removeprefix("# ") for line in text.splitlines()[1:])
    keys = [line.split(":")[0] for line in text.splitlines() if ":" in line]
    assert len(keys) == len(set(keys))
    assert "urgence: {basse: …, moyenne: …}" in written
    read = yaml.safe_load(written.replace("…", "x"))
    assert set(read) >= {"values", "defaults"}

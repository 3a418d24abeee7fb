"""The plan as data: its exact words, its twelve kinds of target, and files that are refused."""

import re

import pytest

import workflows
from engine.errors import InvalidDefinition
from tests.support.commands import ROOT
from workflows.plan import catalogue
from workflows.plan.wording import check_words

(FILE,) = workflows.shipped_plans()
TEXT = FILE.read_text(encoding="utf-8")
PLAN = catalogue.load(TEXT, FILE.name)


def test_the_plan_has_its_enjeux_axes_objectives_and_indicators():
    plan = PLAN.plan
    axes = [a for e in plan.enjeux for a in e.axes]
    objectives = [o for a in axes for o in a.objectives]
    assert (len(plan.enjeux), len(axes), len(objectives)) == (3, 9, 22)
    assert len(PLAN.entries()) == 24


FOLDER = ROOT / "workflows" / "plans"


def test_every_word_of_the_plan_stands_in_the_adopted_text():
    check_words(PLAN, FOLDER)


@pytest.mark.parametrize(
    ("good", "bad", "code", "pointed"),
    [
        ("text: plan_2011_2016.txt", "text: absent.txt", "no-such-file", "absent.txt"),
        ("Structure de veille stratégique mise en place", "Structure de veille mise en place", "not-in-text", '"Structure'),
        ('target: {fr: "31 mars 2012"}', 'target: {fr: "30 mars 2012"}', "not-in-text", '"30 mars'),
        ("Veille stratégique", "Vigie stratégique", "not-in-text", '"Vigie'),
    ],
)  # fmt: skip
def test_a_plan_in_other_words_than_the_adopted_text_is_refused_at_each_of_them(
    good, bad, code, pointed
):
    made = catalogue.load(TEXT.replace(good, bad, 1), FILE.name)
    with pytest.raises(InvalidDefinition) as refused:
        check_words(made, FOLDER)
    (found,) = refused.value.findings
    assert found.code == code
    assert found.excerpt[found.column - 1 :].startswith(pointed)


def test_labels_repeat_and_ids_do_not():
    titles = [e.indicator.title.fr for e in PLAN.entries()]
    assert titles.count("Base de données") == 2
    assert titles.count("Stratégie mise en place") == 3
    assert len({e.indicator.id for e in PLAN.entries()}) == 24


MINIMAL = """\
arrimage: 1
plan: essai
label: {fr: Essai}
starts: 2020-04-01
ends: 2025-03-31
adopted: {on: 2020-03-01, resolution: R-1}
enjeux:
  - number: 1
    title: {fr: Enjeu}
    orientation: {fr: Orientation}
    axes:
      - number: 1
        title: {fr: Axe}
        objectives:
          - number: 1
            title: {fr: Objectif}
            indicators:
              - id: A-1
                title: {fr: Rapport}
                target: {fr: 31 mars 2021}
                cadence: {once: {on: 2021-03-31}}
              - id: A-2
                title: {fr: Portrait}
                target: {fr: Annuel}
                cadence: {yearly: {}}
amendments:
  - {indicator: A-2, target: {fr: Aux deux ans}, cadence: {once: {on: 2024-03-31}}, decided: 2022-01-10, effective: 2022-04-01, resolution: R-2, reason: {fr: Moins de moyens}}
"""
BAD = [
    ("unknown-key", "cadence: {yearly: {}}", "cadence: {monthly: {}}", 25),
    ("one-key", "cadence: {yearly: {}}", "cadence: {}", 25),
    ("wrong-type", "on: 2021-03-31", "on: 2021-02-30", 21),
    ("due-before-start", "on: 2021-03-31", "on: 2019-03-31", 21),
    ("due-after-end", "on: 2021-03-31", "on: 2026-03-31", 21),
    ("duplicate-id", "id: A-2", "id: A-1", 22),
    ("missing-label", "title: {fr: Portrait}", "title: {en: Portrait}", 23),
    ("missing-label", "title: {fr: Portrait}", 'title: {fr: "  "}', 23),
    ("missing-label", "label: {fr: Essai}", 'label: {fr: " "}', 3),
    ("control-character", "title: {fr: Portrait}", 'title: {fr: "T\\u0007"}', 23),
    ("control-character", "label: {fr: Essai}", 'label: {fr: "\\x1b[2J"}', 3),
    ("bad-form", "cadence: {yearly: {}}", "cadence: {yearly: {once_ready: A-2}}", 25),
    ("wrong-type", "ends: 2025-03-31", "ends: 9999-12-31", 5),
    ("wrong-type", "starts: 2020-04-01", "starts: 0001-04-01", 4),
    ("bad-form", "cadence: {yearly: {}}", "cadence: {continuous: {from_year: 0000-0001}}", 25),
    ("ends-before-start", "ends: 2025-03-31", "ends: 2019-03-31", 5),
    ("unknown-indicator", "indicator: A-2, target", "indicator: A-9, target", 27),
    ("bad-form", "cadence: {yearly: {}}", "cadence: {continuous: {from_year: 2021-2023}}", 25),
    ("bad-form", "id: A-2", "id: a 2", 22),
    ("overlapping-amendments", "reason: {fr: Moins de moyens}}\n",
     ("reason: {fr: Moins de moyens}}\n  - {indicator: A-2, target: {fr: Non}, cadence: {yearly: {}}, decided: 2022-02-10, "
     "effective: 2022-04-01, resolution: R-3, reason: {fr: Autre}}\n"), 28),
    ("decided-before-adopted", "decided: 2022-01-10", "decided: 2020-02-29", 27),
    ("yaml", "cadence: {yearly: {}}", "cadence: {yearly: {at_least: 3}", 25),
    ("yaml", "cadence: {once: {on: 2024-03-31}}", "cadence: {once: {on: 2024-03-31}", 27),
]  # fmt: skip


def test_the_plan_of_the_page_is_sound_and_every_mistake_is_on_it():
    page = (ROOT / "docs" / "plans.md").read_text(encoding="utf-8")
    (text,) = re.findall(r"```yaml\n(.*?)```", page, flags=re.DOTALL)
    assert len(catalogue.load(text, "page.yaml").entries()) == 2
    assert {code for code, *_ in BAD} <= set(re.findall(r"`([a-z-]+)`", page))
    kinds = {e.indicator.target.fr for e in PLAN.entries()}
    cadences = re.findall(r"\| `(\{[a-z]+: .*?\}\})` \|", page) + re.findall(
        r"\| `(\{[a-z]+: \{\}\})` \|", page
    )
    for cadence in cadences:
        catalogue.read_cadence(cadence)
    assert len(cadences) >= 12
    assert len(kinds) >= 12


def test_a_sound_plan_is_read():
    assert [e.indicator.id for e in catalogue.load(MINIMAL, "essai.yaml").entries()] == [
        "A-1",
        "A-2",
    ]


@pytest.mark.parametrize(("code", "good", "bad", "line"), BAD, ids=[f"{b[0]}-{b[3]}" for b in BAD])
def test_a_bad_plan_is_refused_with_its_place_and_nothing_is_loaded(code, good, bad, line):
    assert good in MINIMAL
    with pytest.raises(InvalidDefinition) as refused:
        catalogue.load(MINIMAL.replace(good, bad, 1), "essai.yaml")
    found = [(f.path, f.code, f.line) for f in refused.value.findings]
    assert ("essai.yaml", code, line) in found, found
    assert all(
        f.column > 0 and f.messages["fr"] and f.messages["en"] for f in refused.value.findings
    )


@pytest.mark.parametrize(
    ("code", "pointed"),
    [
        ("unknown-key", "monthly"), ("wrong-type", "2021-02-30"), ("due-before-start", "2019-03-31"),
        ("duplicate-id", "A-1"), ("missing-label", "title: {en: Portrait}"),
        ("overlapping-amendments", "2022-04-01"), ("control-character", '"T'),
    ],
)  # fmt: skip
def test_the_column_is_that_of_what_is_wrong(code, pointed):
    _code, good, bad, line = next(b for b in BAD if b[0] == code)
    with pytest.raises(InvalidDefinition) as refused:
        catalogue.load(MINIMAL.replace(good, bad, 1), "essai.yaml")
    found = next(f for f in refused.value.findings if (f.code, f.line) == (code, line))
    assert found.excerpt[found.column - 1 :].startswith(pointed)


ALL_AT_ONCE = [
    ("label: {fr: Essai}", "label: {en: Trial}", "missing-label", 3),
    ("on: 2021-03-31", "on: 2021-02-30", "wrong-type", 21),
    ("id: A-2", "id: A-1", "duplicate-id", 22),
    ("cadence: {yearly: {}}", "cadence: {yearly: {from: 2019-03-31}}", "due-before-start", 25),
    ("decided: 2022-01-10", "decided: 2022-01-32", "wrong-type", 27),
]


def test_a_mistake_hides_no_other():
    text = MINIMAL
    for good, bad, *_ in ALL_AT_ONCE:
        text = text.replace(good, bad, 1)
    with pytest.raises(InvalidDefinition) as refused:
        catalogue.load(text, "essai.yaml")
    assert [(f.code, f.line) for f in refused.value.findings] == [
        (code, line) for *_, code, line in ALL_AT_ONCE
    ]


@pytest.mark.parametrize(
    ("good", "bad", "code", "line"),
    [
        # A-2 is still named by the amendment; the plan's days are still those of its targets.
        ("id: A-2", "id: a 2", "bad-form", 22),
        ("                target: {fr: Annuel}\n", "", "missing-key", 22),
        ("starts: 2020-04-01", "starts: 2020-04-31", "wrong-type", 4),
        ("adopted: {on: 2020-03-01,", "adopted: {on: 2020-03-32,", "wrong-type", 6),
        ("effective: 2022-04-01", "effective: 2022-04-31", "wrong-type", 27),
        ("cadence: {once: {on: 2024-03-31}}", "cadence: {once: {on: 2024-03-32}}", "wrong-type", 27),
    ],
)  # fmt: skip
def test_what_could_not_be_read_makes_nothing_else_wrong(good, bad, code, line):
    assert good in MINIMAL
    with pytest.raises(InvalidDefinition) as refused:
        catalogue.load(MINIMAL.replace(good, bad, 1), "essai.yaml")
    assert [(f.code, f.line) for f in refused.value.findings] == [(code, line)]


TWICE = """\
  - number: 1
    title: {fr: Enjeu}
    orientation: {fr: Orientation}
    axes:
      - {number: 1, title: {fr: Axe}, objectives: [{number: 1, title: {fr: O}, indicators: [{id: B, title: {fr: T}, target: {fr: C}, cadence: {yearly: {}}}]}]}
      - {number: 1, title: {fr: Axe}, objectives: [{number: 1, title: {fr: O}, indicators: [{id: C, title: {fr: T}, target: {fr: C}, cadence: {yearly: {}}}]}]}
"""


def test_a_number_that_another_one_beside_it_has_is_refused_at_its_place():
    # Two axes may each have an objective 1.
    with pytest.raises(InvalidDefinition) as refused:
        catalogue.load(MINIMAL.replace("amendments:\n", f"{TWICE}amendments:\n"), "essai.yaml")
    found = refused.value.findings
    assert [(f.code, f.line, f.column) for f in found] == [
        ("duplicate-id", 26, 13), ("duplicate-id", 31, 18),
    ]  # fmt: skip


def test_a_file_as_a_windows_editor_saves_it_is_read_like_any_other():
    saved = "\ufeff" + MINIMAL.replace("\n", "\r\n")
    assert len(catalogue.load(saved, "essai.yaml").entries()) == 2
    with pytest.raises(InvalidDefinition) as refused:
        catalogue.load(saved.replace("on: 2021-03-31", "on: 2021-02-30"), "essai.yaml")
    assert [(f.code, f.line) for f in refused.value.findings] == [("wrong-type", 21)]


@pytest.mark.parametrize("typed", ["{once", "- {a: 1", "[", "once: {on: 2021-03-31"])
def test_a_cadence_whose_brace_is_not_closed_is_refused_at_its_place(typed):
    with pytest.raises(InvalidDefinition) as refused:
        catalogue.read_cadence(typed)
    assert {(f.code, f.line) for f in refused.value.findings} == {("yaml", 1)}


@pytest.mark.parametrize(
    ("good", "bad", "said"),
    [
        ("on: 2021-03-31", "on: 2021-02-30", "le 2021-02-30 n'existe pas."),
        ("on: 2021-03-31", "on: demain", "il faut ici une date comme 2026-03-31."),
        ("cadence: {yearly: {}}", "cadence: {monthly: {}}",
         "« monthly » n'est pas une clé connue ici, mais : continuous, level, once, periodic, yearly."),
        ("ends: 2025-03-31", "ends: 9999-12-31", "il faut ici une année de 1900 à 2999."),
        ("label: {fr: Essai}", 'label: {fr: " "}', "ce texte est vide; il faut ici des mots."),
        ("ends: 2025-03-31", "ends: 2025-03-31\nentry: 1 month",
         "« 1 month » n'a pas la forme attendue ici : une durée comme « 30 days »."),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_what_would_do_instead(good, bad, said):
    with pytest.raises(InvalidDefinition) as refused:
        catalogue.load(MINIMAL.replace(good, bad, 1), "essai.yaml")
    assert said in {f.messages["fr"] for f in refused.value.findings}

"""What is never possible because of what fields are together, whatever each may be alone."""

import re

import pytest
import yaml

from engine.calendar import Calendar
from engine.definition import relations
from engine.definition.compiler import examine
from tests.support.world import EXAMPLES

GRANT = (EXAMPLES / "bourse.yaml").read_text(encoding="utf-8")
WORD = "{fr: Un mot, en: A word}"


def examined(text):
    return examine(text, path="bourse.yaml", calendar=Calendar(), templates=None)


def with_action(asked, to="payee", source="retenue", form=""):
    """Return the definition with one more action that asks for something."""
    action = (
        f"actions:\n  essai:\n    label: {WORD}\n    from: [{source}]\n    to: {to}\n    by: [agent]\n{form}"
        f"    requires: [{{when: {asked}, because: {WORD}}}]\n"
    )
    return GRANT.replace("actions:\n", action, 1)


def found(text):
    return [(f.code, *f.where[:2]) for f in examined(text).findings]


MEMBER, GUEST = (f"{{compare: {{field: categorie, equals: {o}}}}}" for o in ("membre", "invite"))
HIGH = "{compare: {field: plafond, equals: 1000}}"


def test_the_example_is_sound_and_wholly_proved():
    done = examined(GRANT)
    assert done.findings == done.unproved == ()


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (f"{{all: [{HIGH}, {GUEST}]}}", "à cause de la table « plafonds »"),
        (f"{{any: [{{all: [{HIGH}, {GUEST}]}}, {{compare: {{field: plafond, at_least: 1001}}}}]}}",
         "« plafond »"),
        ("{compare: {field: montant, at_least: 501}}", "à cause de ce que « retenir » demande avant"),
        ("{not: {compare: {field: montant, at_most: 500}}}", "« montant »"),
    ],
)  # fmt: skip
def test_an_action_that_a_table_or_an_earlier_guard_excludes_is_dead(asked, said):
    (dead,) = examined(with_action(asked)).findings
    assert (dead.code, dead.where) == ("dead-action", ("actions", "essai"))
    assert said in dead.messages["fr"]
    assert dead.messages["fr"].startswith("recue → retenue : « essai » n'y est jamais possible")
    assert [s.name for s in dead.way] == ["opening", "recue", "retenir", "retenue"]


@pytest.mark.parametrize(
    ("asked", "more"),
    [
        (f"{{all: [{HIGH}, {MEMBER}]}}", {}),
        ("{compare: {field: montant, at_most: 500}}", {}),
        # Its own form gives another value, and so does an action that stays there.
        ("{compare: {field: montant, at_least: 501}}", {"form": "    form: [montant]\n"}),
        (f"{{all: [{HIGH}, {GUEST}]}}", {"form": "    form: [categorie]\n"}),
        ("{compare: {field: montant, at_least: 501}}", {"source": "recue"}),
    ],
)
def test_what_somebody_can_still_give_is_no_dead_action(asked, more):
    assert examined(with_action(asked, **more)).findings == ()


def test_what_an_exception_may_stand_in_for_excludes_nothing():
    text = GRANT.replace(
        "when: {compare: {field: montant, at_most: 500}}",
        "when: {compare: {field: montant, at_most: 500}}, exception: derogation",
    ).replace("fields:\n", f"fields:\n  derogation: {{type: boolean, label: {WORD}}}\n", 1)
    text = text.replace(
        "form: [objet, categorie, montant]", "form: [objet, categorie, montant, derogation]"
    )
    action = f"  essai:\n    label: {WORD}\n    from: [retenue]\n    to: payee\n    by: [agent]\n    requires: [{{when: {{compare: {{field: montant, at_least: 501}}}}, because: {WORD}}}]\n"
    assert found(text.replace("actions:\n", "actions:\n" + action, 1)) == []


def test_a_way_that_an_earlier_guard_excludes_is_never_taken():
    way = "\n      - {when: {compare: {field: montant, at_least: 501}}, state: recue}\n      - {state: payee}"
    text = GRANT.replace(
        "    from: [retenue]\n    to: payee", f"    from: [retenue]\n    to:{way}", 1
    )
    (dead,) = examined(text).findings
    assert (dead.code, dead.where) == ("dead-branch", ("actions", "payer", "to", 0))
    assert text.splitlines()[dead.line - 1].strip().startswith("- {when: {compare: {field: montant")


def test_a_timer_that_asks_for_what_an_earlier_guard_excludes_does_nothing():
    only = "    only: {compare: {field: montant, at_least: 501}}\n"
    (dead,) = examined(
        GRANT.replace("    notify: [rappel]\n", only + "    notify: [rappel]\n")
    ).findings
    assert (dead.code, dead.where) == ("never-true", ("timers", "rappel", "only"))
    assert dead.way[-1].kind == "timer"


def test_what_comes_after_a_dead_action_is_followed_all_the_same():
    text = with_action(f"{{all: [{HIGH}, {GUEST}]}}", to="suite").replace(
        "states:\n", f"states:\n  suite: {{label: {WORD}, task: {{label: {WORD}}}}}\n", 1
    )
    after = f"actions:\n  apres:\n    label: {WORD}\n    from: [suite]\n    to: payee\n    by: [agent]\n    requires: [{{when: {MEMBER}, because: {WORD}}}]\n"
    assert found(text.replace("actions:\n", after, 1)) == [("dead-action", "actions", "essai")]


def test_what_is_too_much_to_follow_is_said_not_to_be_proved(monkeypatch):
    monkeypatch.setattr(relations, "MAX_STEPS", 0)
    done = examined(with_action(f"{{all: [{HIGH}, {GUEST}]}}"))
    assert done.findings == ()
    assert done.compiled is not None
    assert {f.where for f in done.unproved} >= {("actions", "essai"), ("actions", "retenir")}
    assert {f.code for f in done.unproved} == {"not-proved"}


def test_every_dead_action_of_a_chain_is_told_once():
    text = GRANT
    for n, asked in enumerate((501, 502, 503)):
        action = f"actions:\n  essai{n}:\n    label: {{fr: Essai {n}, en: Try {n}}}\n    from: [retenue]\n    to: payee\n    by: [agent]\n    requires: [{{when: {{compare: {{field: montant, at_least: {asked}}}}}, because: {WORD}}}]\n"
        text = text.replace("actions:\n", action, 1)
    assert yaml.safe_load(text)
    assert sorted(found(text)) == [("dead-action", "actions", f"essai{n}") for n in range(3)]


def test_a_field_is_followed_through_what_empties_it():
    cleared = re.sub(
        r"(  retenir:\n(?:    .*\n)*?    by: \[agent\]\n)", r"\1    clears: [plafond]\n", GRANT
    )
    assert "clears" in cleared
    dead = f"actions:\n  essai:\n    label: {WORD}\n    from: [retenue]\n    to: payee\n    by: [agent]\n    requires: [{{when: {{any: [{HIGH}, {{not: {{present: montant}}}}]}}, because: {WORD}}}]\n"
    assert ("dead-action", "actions", "essai") in found(cleared.replace("actions:\n", dead, 1))

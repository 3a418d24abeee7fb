"""Whether somebody or something may still take a case on, and why not."""

from types import SimpleNamespace

import pytest

from engine.actor import Actor
from engine.awaited import Around, blocked
from engine.calendar import Calendar
from engine.definition.compiler import compile_definition
from engine.judge import judge
from engine.ways.remedy import mended
from engine.ways.search import Ways
from inbox import reasons
from tests.unit.definition.test_checks import GOOD

JOIN = "automatic: {children: {process: lot, all: ended, at_least: 1}}"
CANCELLED = "    from: open\n    to: annulee"
EVERYBODY = frozenset({"acheteur", "chef"})
NOTED = """\
  noter:
    label: {fr: Noter, en: Note}
    from: [livraison]
    to: same
    by: [acheteur]
    form: [fournisseur]
  annuler:
"""


def hindrances(
    rule,
    *,
    text=GOOD,
    children=(),
    roles=EVERYBODY,
    timers=(),
    sent=(),
    message=frozenset(),
    **data,
):
    """Return what hinders a case that is awaited in `livraison`, where only `recevoir` leads on."""
    text = text.replace(JOIN, rule).replace(CANCELLED, "    from: [brouillon]\n    to: annulee")
    compiled = compile_definition(text, path="x", calendar=Calendar(), templates=None, proved=True)
    facts = SimpleNamespace(
        data=data, message_state=lambda _: message,
        children=lambda: [SimpleNamespace(process="lot", outcome=o, number=f"LO-{o}") for o in children],
    )  # fmt: skip
    around = Around(roles=frozenset(roles), timers=frozenset(timers), sent=frozenset(sent))
    return [(h.action.name, h.why) for h in blocked(compiled, "livraison", facts, around)]


STUCK = [("recevoir", "condition")]
ARRIVED = "automatic: {children: {process: lot, outcome: arrive, at_least: 2}}"


@pytest.mark.parametrize(
    ("rule", "children", "found"),
    [
        (ARRIVED, ["arrive", "perdu"], STUCK),
        (ARRIVED, ["arrive", None], []),
        (ARRIVED, ["perdu", None], STUCK),
        (ARRIVED, [], STUCK),
        ("automatic: {children: {process: lot, outcome: arrive}}", ["perdu", None], STUCK),
        ("automatic: {not: {children: {process: lot, outcome: perdu, at_least: 1}}}", ["perdu"], STUCK),
        ("automatic: {children: {process: lot, all: ended}}", [None] * 9, []),
    ],
)  # fmt: skip
def test_a_case_is_blocked_once_no_child_case_can_end_as_it_awaits(rule, children, found):
    assert hindrances(rule, children=children) == found


def test_a_case_is_blocked_while_nobody_can_give_what_it_lacks():
    rule = "automatic: {obtained: fournisseur}"
    noted = GOOD.replace("  annuler:\n", NOTED, 1)
    assert hindrances(rule) == STUCK
    assert hindrances(rule, text=noted) == []
    assert hindrances(rule, text=noted, roles={"chef"}) == STUCK
    assert hindrances(rule, fournisseur="a@example.org") == []


def test_what_time_and_people_decide_blocks_nothing():
    assert hindrances("automatic: {within: business_hours}") == []
    assert hindrances("automatic: {owned: true}") == []
    assert hindrances("automatic: {any: [{obtained: fournisseur}, {owned: true}]}") == []


def test_a_case_waits_for_mail_that_was_sent_and_not_for_mail_that_never_was():
    rule = "automatic: {message: {message: bon, is: accepted}}"
    assert hindrances(rule) == STUCK
    assert hindrances(rule, sent={"bon"}) == []


def test_a_case_waits_for_a_timer_that_is_armed_and_not_for_one_that_is_past():
    timed = GOOD.replace("    in: [brouillon]\n", "    in: [livraison]\n").replace(
        "    action: expirer", "    action: recevoir"
    )
    assert hindrances("by: []", text=timed, timers={"peremption"}) == []
    assert hindrances("by: []", text=timed) == [("recevoir", "timer")]


def test_a_case_is_blocked_when_nobody_has_a_role_that_may_take_it_on():
    assert hindrances("by: [chef]") == []
    assert hindrances("by: [chef]", roles={"acheteur"}) == [("recevoir", "nobody")]
    asked = "by: [chef]\n    requires: [{when: {present: fournisseur}, because: {fr: a, en: a}}]"
    assert hindrances(asked) == STUCK
    assert hindrances(asked.replace("by: [chef]", "by: [chef]\n    form: [fournisseur]")) == []


def way(action, state="brouillon", children=(), form="chiffrer", **data):
    """Return the steps to an action of an order whose checklist wants the subject and the supplier."""
    text = GOOD.replace("when: {present: objet}", "when: {present: fournisseur}").replace(
        "    form: [corrections.motif]",
        "    requires: [{when: {children: {process: lot, outcome: arrive, at_least: 1}}, because: {fr: Non, en: No}}]",
    )
    text = text if form == "chiffrer" else text.replace("form: [montant]", f"form: [{form}]")
    compiled = compile_definition(text, path="x", calendar=Calendar(), templates=None, proved=True)
    facts = SimpleNamespace(
        data={"objet": "Pompes", "montant": "3", **data}, message_state=lambda _: frozenset(),
        children=lambda: [SimpleNamespace(process="lot", outcome=o, number=f"LO-{o}") for o in children],
    )  # fmt: skip
    around = Around(roles=EVERYBODY, timers=frozenset(), sent=frozenset())
    found = Ways(compiled, state, facts, around).to(action)
    return None if found is None else [step.action for step in found]


def test_no_way_leads_past_what_only_the_opening_asks_for():
    assert way("soumettre") is None
    assert way("approuver") is None
    assert way("approuver", fournisseur="f@example.org") == ["soumettre"]
    assert way("soumettre", form="montant, fournisseur") is not None


def test_no_way_leads_to_what_child_cases_that_ended_otherwise_rule_out():
    only = {"state": "livraison", "children": ["perdu"], "fournisseur": "f@example.org"}
    assert way("renvoyer", **only) is None
    assert way("renvoyer", **{**only, "state": "approbation", "children": ["arrive"]}) == []


def first_of(rule, *children):
    """Return what is to be done first for an action after an automatic one with that rule."""
    text = GOOD.replace("    to: recue\n    " + JOIN, f"    to: controle\n    {rule}")
    text = text.replace(
        "  recue: {label", "  controle:\n    label: {fr: Contrôle, en: Check}\n  recue: {label", 1
    )
    text = text.replace(
        "  annuler:\n",
        "  controler:\n    label: {fr: Contrôler, en: Check}\n    from: [controle]\n    to: recue\n    by: [chef]\n  annuler:\n",
        1,
    )
    compiled = compile_definition(text, path="x", calendar=Calendar(), templates=None, proved=True)
    chief = Actor(login="chef", roles=frozenset({"chef"}))
    (reason,) = judge(compiled, compiled.actions["controler"], "livraison", chief, None)
    facts = SimpleNamespace(data={}, children=lambda: children)
    endings = {"arrive": ("livrer",), "perdu": ("perdre",)}
    around = Around(
        roles=EVERYBODY, timers=frozenset(), sent=frozenset(), endings=lambda *_: endings
    )
    told = mended(reason, "controler", Ways(compiled, "livraison", facts, around), compiled)
    assert (told.code, told.action) == ("wrong_state", None)
    return reasons.remedy(told, "CO-1", "controler").replace("\u00a0", " ")


def test_what_happens_by_itself_first_is_to_be_awaited_and_not_to_be_typed():
    assert first_of("automatic: {owned: true}") == (
        "attendez : « Tout est reçu » se fait tout seul"
    )


def test_a_child_case_is_ended_first_by_an_action_that_ends_it_as_is_asked():
    open_one = SimpleNamespace(process="lot", outcome=None, number="LO-1")
    assert first_of(JOIN, open_one) == "LO-1 : terminez-le par « livrer » ou « perdre »"
    assert first_of(ARRIVED.replace("2", "1"), open_one) == "LO-1 : terminez-le par « livrer »"

"""One mistake hides no other, and what it makes unknowable is not guessed."""

import re

import pytest

from tests.support.commands import ROOT
from tests.unit.definition.test_checks import GOOD, findings

LANGUAGE = (ROOT / "docs" / "definition-language.md").read_text(encoding="utf-8")
LOAN = re.search(r"^```yaml pret.yaml\n(.*?)^```$", LANGUAGE, re.DOTALL | re.MULTILINE)[1]

UNREACHED = "  perdue: {label: {fr: Perdue, en: Lost}, end: {outcome: perdue}}\n"
TWICE = """\
  livrer:
    label: {fr: Livrer, en: Deliver}
    from: [livraison]
    to: same
    by: [chef]
    clears: [fournisseur]
  relancer:
    label: {fr: Relancer, en: Chase}
    from: [livraison]
    to: same
    by: [chef]
    notify: [bon]
  annuler:
"""
ABSENT = ("    when: {obtained: fournisseur}\n", "")


def changed(*changes):
    text = GOOD
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    return text


def codes(text):
    return {f.code for f in findings(text)}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (("  chef: {fr: Chef, en: Head}", "  chef: {fr: [Chef, en: Head}"), "yaml"),
        (("title: [objet]", "title: &t [objet]"), "alias"),
        (("title: [objet]", "title: [objet\u202e]"), "control-character"),
        (("version: 1", "version: 1\nversion: 2"), "duplicate-key"),
        (("numbering: {prefix: CO}", "numbering: {prefix: co}"), "bad-form"),
        (
            (
                "    due: {of: entered, after: 2 business days}",
                "    due: {of: entered, afer: 1 day}",
            ),
            "unknown-key",
        ),
        (("  acheteur: {fr: Acheteur, en: Buyer}", "  acheteur: {en: Buyer}"), "missing-label"),
        (("    by: [chef]\n    form: [lots]", "    by: [chefe]\n    form: [lots]"), "unknown-role"),
        (("        action: chiffrer", "        action: chifrer"), "unknown-action"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_depends_on_the_ways_is_said_beside_a_mistake_elsewhere(change, code):
    text = changed(change, ABSENT, ("  annulee: {label", f"{UNREACHED}  annulee: {{label"))
    assert codes(text) >= {code, "unreachable-state", "may-be-absent"}


def test_what_a_mistake_makes_unknowable_is_not_said():
    # Wherever « soumettre » was to lead, what comes after it may be reached.
    found = codes(changed(("    to: approbation\n", "    to: aprobation\n")))
    assert found == {"unknown-state"}
    # Whatever was to be asked for may have been the field that a date counts from.
    found = codes(changed(("  form: [objet, urgence, {field", "  forme: [objet, urgence, {field")))
    assert found == {"unknown-key", "missing-key"}


def test_a_field_that_cannot_be_read_is_known_by_its_name():
    assert codes(changed(("montant: {type: decimal,", "montant: {type: decimale,"))) == {
        "wrong-type"
    }


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (("opens: {process: lot,", "opens: {process: lott,"), "unknown-process"),
        (("      pompes: {fr", "      1: {fr"), "bad-form"),
        (("actions:\n", "actions:\n  chiffrer: {label: {fr: X, en: X}, from: [brouillon], to: same, by: [chef]}\n"), "duplicate-key"),
        (("  annuler:\n", "  chiffrer: {label: {fr: X, en: X}, from: [brouillon], to: same, by: [chef]}\n  annuler:\n"), "duplicate-key"),
    ],
)  # fmt: skip
def test_what_only_follows_from_a_mistake_is_not_told_as_another(change, code):
    assert codes(changed(change)) == {code}


def test_a_field_of_a_name_that_is_not_allowed_makes_no_join_impossible():
    assert codes(changed(("  objet: {type", "  case: {type"))) == {"reserved-name", "unknown-field"}


@pytest.mark.parametrize(
    ("change", "code", "line"),
    [
        (("      - {when: {urgence: {equals: basse}}, give: {jours: 10}}\n", ""), "table-gap", "  delais:"),
        (("    form: [montant]\n", ""), "nobody-may", "  chiffrer:"),
        (("      pompes: {fr", "      1: {fr"), "bad-form", "      1: {fr"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_whole_entry_is_shown_at_its_name(change, code, line):
    text = changed(change)
    if code == "nobody-may":
        text = text.replace("    to: same\n    by: [acheteur]\n", "    to: same\n", 1)
    (found,) = [f for f in findings(text) if f.code == code]
    assert text.splitlines()[found.line - 1].startswith(line)
    assert text.splitlines()[found.line - 1][: found.column - 1].strip() == ""


def test_a_broken_entry_hides_only_itself():
    text = changed(
        ("  chiffrer:\n    label: {fr: Chiffrer, en: Price}", "  chiffrer:\n    label: {fr: Chiffrer, en: Price"),
        ("  rappel:\n    label: {fr: Rappel, en: Reminder}\n    in: open", "  rappel:\n    label: {fr: Rappel, en: [Reminder}\n    in: open"),
        ("    notify: [bon]", "    notify: [bom]"),
    )  # fmt: skip
    found = findings(text)
    assert [f.code for f in found] == ["yaml", "unknown-notification", "yaml"]
    lines = text.splitlines()
    assert all("{fr: " in lines[f.line - 1] for f in found if f.code == "yaml")


def test_items_of_a_list_that_are_left_out_move_no_other_finding():
    text = changed(
        (
            "    form: [corrections.motif]",
            "    form:\n      - {feild: objet}\n      - corrections.motife\n",
        ),
    )
    found = {f.code: f.line for f in findings(text)}
    lines = text.splitlines()
    assert "motife" in lines[found["unknown-field"] - 1]
    assert "feild" in lines[found["unknown-key"] - 1]


# --- ways -----------------------------------------------------------------------------------------


def test_the_way_that_is_shown_is_one_on_which_the_field_is_absent():
    # The shortest way to « livraison » gives the address; a longer one does not.
    text = changed(
        ABSENT,
        ("    form: [lots]\n", "    form: [lots, fournisseur]\n"),
        ("  annuler:\n", TWICE),
    )
    (found,) = [f for f in findings(text) if f.code == "may-be-absent"]
    actions = [s.name for s in found.way if s.kind == "action"]
    assert actions == ["chiffrer", "soumettre", "approuver", "livrer", "relancer"]


def test_a_guard_that_only_asks_for_what_nothing_ever_gives_makes_its_action_dead():
    text = changed(
        ("    automatic: {children: {process: lot, all: ended, at_least: 1}}",
         "    automatic: {compare: {field: urgence, equals: haute}}"),
        ("    from: open\n    to: annulee", "    from: [brouillon, approbation]\n    to: annulee"),
        ("  form: [objet, urgence, {field: fournisseur, required: false}]", "  form: [objet, {field: fournisseur, required: false}]"),
        ("  sets: {delai: {table: {table: delais, output: jours}}}", "  sets: {urgence: {value: basse}, delai: {table: {table: delais, output: jours}}}"),
    )  # fmt: skip
    found = findings(text)
    assert ("never-true", ("actions", "recevoir", "automatic")) in {
        (f.code, f.where) for f in found
    }


def test_a_join_on_children_that_may_not_have_been_opened_there_is_dead():
    text = changed(
        ("    from: [livraison]\n    to: recue", "    from: [brouillon]\n    to: recue"),
        ("    from: open\n    to: annulee", "    from: open\n    to: annulee"),
        ("    from: [approbation]\n    to: brouillon", "    from: [approbation]\n    to: same"),
    )
    dead = [f for f in findings(text) if f.code == "dead-action"]
    assert [f.where for f in dead] == [("actions", "recevoir")]


#: What the hand of somebody who does not program does: before, after, where it is said, and in which words.
SLIPS = [
    ("    task: {label: {fr: Ravoir", "   task: {label: {fr: Ravoir", "28 yaml", "le retrait n'est pas celui"),
    ("    label: {fr: Réparer, en: Repair}", "    label: {en: Repair}", "47 missing-label", "« fr »"),
    ("    label: {fr: Réparer, en: Repair}", "    label: {fr: Réparer, en: ' '}", "47 missing-label", "ce texte est vide"),
    ("  a_reparer:\n", "  en_reparation:\n", "48 unknown-state", "il y a : "),
    ('on: "2026-09-01"', 'on: "1er septembre 2026"', "5 bad-form", "un jour comme « 2026-03-31 »"),
    ("  form: [appareil, jours]\n", "\tform: [appareil, jours]\n", "23 yaml", "une tabulation"),
    ("    note: required\n", "    note: required\n    to: rendu\n", "52 duplicate-key", "deux fois"),
    ("{field: etat, equals: abime}}, state", "{field: état, equals: abime}}, state", "40 bad-form", "« etat »"),
    ("abime: {fr: Abîmé, en", "abime: {fr: Abîmé : à réparer, en", "18 yaml", "entre guillemets doubles"),
    ("after: 10 business days", "after: 10 jours ouvrables", "33 bad-form", "« 3 business days »"),
    ("by: [conseiller]\n    note", "by: [conseillère]\n    note", "50 bad-form", "vouliez-vous « conseiller »"),
    ("appareil: {type: text", "appareil: {type:text", "11 unknown-key", "après « type: », il faut une espace"),
    ("      - etat\n", "      -etat\n", "44 yaml", "après « - », il faut une espace"),
    ("search: true}", "search: oui}", "11 wrong-type", "true ou false"),
    ("{fr: Prêt d'un appareil, ", "{fr: 'Prêt d'un appareil', ", "4 yaml", "apostrophe"),
    ("  constat: {type", "  constât: {type", "19 bad-form", "vouliez-vous « constat »"),
    ('hour: "08:30"', "hour: 8h30", "56 bad-form", "« 08:30 »"),
    ("title: [appareil]", "title:\u00a0[appareil]", "7 control-character", "espace insécable"),
    ("{fr: Rappel, en: Reminder}\n    template", '{fr: Rappel, en: "Reminder}\n    template', "60 yaml", "guillemet"),
    ("  rendu: {label", "  Rendu: {label", "34 bad-form", "vouliez-vous « rendu »"),
    ("en: Adviser}\n", "en: Adviser\n", "9 yaml", "accolade"),
]  # fmt: skip


def said(text):
    return [(f"{f.line} {f.code}", f.messages["fr"]) for f in findings(text)]


@pytest.mark.parametrize(("before", "after", "place", "words"), SLIPS, ids=[s[2] for s in SLIPS])
def test_a_slip_of_the_hand_is_told_on_its_line_in_words_that_mend_it(before, after, place, words):
    assert before in LOAN
    found = said(LOAN.replace(before, after, 1))
    assert any(at == place and words in told for at, told in found), found
    # Nothing is said but of that line, and of the lines that name what it declared.
    assert {at for at, _ in found if "unknown" not in at} - {place, "11 missing-key"} == set()


def test_all_slips_of_the_hand_in_one_file_are_told_in_one_run():
    text = LOAN
    for before, after, _, _ in SLIPS:
        text = text.replace(before, after, 1)
    # The line that stands twice moves those below it.
    wanted = {
        (f"{int(p.split()[0]) + (int(p.split()[0]) > 52)} {p.split()[1]}") for _, _, p, _ in SLIPS
    }
    assert wanted - {at for at, _ in said(text)} == set()


def test_a_task_is_not_said_to_have_no_action_when_that_action_starts_elsewhere():
    text = re.sub(r"(task: \{label: \{fr: Chiffrer[^}]*\})[^}]*\}", r"\1, action: approuver}", GOOD)
    assert [(f.code, f.messages["fr"]) for f in findings(text)] == [
        ("unknown-action", "l'action « approuver » ne part pas de cet état.")
    ]

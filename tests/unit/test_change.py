"""What holds of every plan, every comparison and every way, whatever the definitions say."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.actor import Actor
from engine.calendar import Calendar
from engine.change.carry import carry
from engine.change.mapping import Mapping, read_mapping
from engine.change.plan import propose
from engine.change.renames import renames
from engine.definition import model
from engine.definition.compiler import compile_definition
from engine.errors import InvalidDefinition
from engine.verify import verify
from inbox.comparison import compare
from inbox.comparison_words import WORDS, part_name
from inbox.versions import template_files
from tests.integration.test_change import ORDER, RENAMED, install, migrate, picture, version
from tests.support.world import ADVISER, BUYER, DIRECTOR, EXAMPLES, HEAD, WORKFLOWS, World, order

FIELDS = ("objet", "montant", "urgence", "delai", "fournisseur", "corrections")
VALUES = {
    "objet": st.sampled_from(["Pompes", "Casques"]),
    "montant": st.sampled_from(["12", "12.5"]),
    "urgence": st.sampled_from(["basse", "haute"]),
    "delai": st.integers(0, 60),
    "fournisseur": st.just("f@example.org"),
    "corrections": st.just([{"motif": "cher", "by": "chef", "at": "2026-11-16T15:00:00+00:00"}]),
}
FORMS = st.fixed_dictionaries({}, optional=VALUES)


@cache
def compiled(text):
    return compile_definition(text, path="x.yaml", calendar=Calendar(), templates=None)


def process(fields):
    """A process of which only the fields matter, under the given names."""
    whole = compiled(ORDER)
    specs = {new: whole.written.fields[old] for new, old in fields.items()}
    definition = replace(
        whole,
        fields={new: replace(whole.fields[old], name=new) for new, old in fields.items()},
        written=whole.written.model_copy(update={"fields": specs}),
    )
    return SimpleNamespace(definition=definition)


def leaves(data):
    return [v for v in data.values() if not isinstance(v, list)] + [
        record for value in data.values() if isinstance(value, list) for record in value
    ]


@given(
    form=FORMS,
    kept=st.sets(st.sampled_from(FIELDS)),
    moved=st.sets(st.sampled_from(FIELDS)),
    dropped=st.sets(st.sampled_from(FIELDS)),
)
def test_no_plan_loses_a_value_without_saying_so(form, kept, moved, dropped):
    fields = {name: name for name in kept - moved} | {f"{name}_2": name for name in moved}
    given_ = Mapping(
        fields={name: f"{name}_2" for name in moved - dropped}, drop=sorted(dropped - moved)
    )
    plan = propose(process({name: name for name in FIELDS}), process(fields), given_)
    after, reasons = carry(plan, form)
    said = {reason.field.partition(".")[0] for reason in reasons}
    for name, value in form.items():
        there = [k for k in (name, f"{name}_2") if after.get(k) == value]
        assert there or name in said or name in given_.drop, name
        if name in said or name in given_.drop:
            assert not there
    assert len(leaves(after)) <= len(leaves(form))


STEPS = st.lists(
    st.sampled_from(["chiffrer", "soumettre", "renvoyer", "approuver", "prendre", "attendre"]),
    max_size=5,
)


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """One institute for every example: opening a database takes longer than a migration."""
    world = World(f"sqlite:///{tmp_path_factory.mktemp('base') / 'arrimage.db'}")
    world.install(EXAMPLES / "lot.yaml")
    install(world, ORDER)
    world.people()
    yield world
    world.database.close()


def live(world, number, steps):
    """Do what can be done of some steps; the others are refused and change nothing."""
    from datetime import timedelta

    from engine.errors import ArrimageError

    forms = {
        "chiffrer": (BUYER, {"montant": "12,5"}),
        "soumettre": (BUYER, {}),
        "renvoyer": (HEAD, {"corrections__motif": "cher"}),
        "approuver": (HEAD, {"lots": "pompes"}),
    }
    for step in steps:
        if step == "attendre":
            world.clock.advance(timedelta(days=1))
            world.tick()
            continue
        try:
            if step == "prendre":
                world.engine.take(world.id(number), BUYER)
            else:
                world.do(number, step, forms[step][0], **forms[step][1])
        except ArrimageError:
            continue


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_there_and_back_is_the_same_case_and_twice_is_once(shared, steps):
    versions = shared.library.versions("commande")
    if 2 not in versions:
        install(shared, version(ORDER, 2, *RENAMED, ("after: 2 months", "after: 3 months")))
    old, new = (shared.library.get("commande", n) for n in (1, 2))
    number = order(shared)
    case_id = shared.id(number)
    # The newest version opens; the first one is what this is about.
    shared.engine.migrate(case_id, propose(new, old), DIRECTOR)
    live(shared, number, steps)
    before = picture(shared, number)
    if before[0]["ended_at"] is not None:
        return
    plan = propose(old, new)
    migrate(shared, number, plan)
    after = picture(shared, number)
    assert migrate(shared, number, plan).done
    assert picture(shared, number) == after
    shared.engine.migrate_back(case_id, Actor(login="directrice", roles=frozenset({"direction"})))
    assert picture(shared, number) == before
    migrate(shared, number, plan)
    assert picture(shared, number) == after
    assert verify(shared.database).faults == ()


def test_every_key_of_the_language_has_its_words():
    inside = {"Definition", "Label", "Option", "Task", "End", "Condition", "Compare", "When", "Child",
              "Children", "Message", "Audience", "TableInput", "TableRow", "ChecklistItem", "FormItem",
              "Requirement", "Branch", "TableValue", "SetValue", "Repeat", "Languages", "Recipients",
              "Newcomers", "Invitation", "Within", "Ahead", "Earlier", "Acceptance", "Adoption", "Numbering", "Model"}  # fmt: skip
    parts = [
        value
        for name, value in vars(model).items()
        if isinstance(value, type) and issubclass(value, model.Model) and name not in inside
    ]
    assert len(parts) >= 8
    for part in parts:
        for key in part.model_fields:
            assert WORDS.get(f"{part.__name__}.{key}") or WORDS.get(f"*.{key}"), (part, key)
            assert part_name(part.__name__.lower(), key)


@pytest.mark.parametrize("path", [*sorted(WORKFLOWS.glob("*.yaml")), EXAMPLES / "commande.yaml"],
                         ids=lambda p: p.stem)  # fmt: skip
def test_a_part_that_is_taken_away_is_said_whatever_it_is(path):
    """From every shipped process, each part is taken away in turn: never is there nothing to say."""
    whole = compiled(path.read_text(encoding="utf-8")).written
    assert compare(whole, whole) == []
    for kind in ("states", "actions", "fields", "timers", "notifications", "checklists", "tables"):
        for name in getattr(whole, kind):
            less = {k: v for k, v in getattr(whole, kind).items() if k != name}
            changes = compare(whole, whole.model_copy(update={kind: less}))
            assert [(c.change, c.key) for c in changes] == [("removed", name)]
            added = compare(whole.model_copy(update={kind: less}), whole)
            assert [(c.change, c.key) for c in added] == [("added", name)]


def test_what_newcomers_read_is_told_when_it_changes_and_is_among_the_texts_of_a_version():
    text = (WORKFLOWS / "demande.yaml").read_text(encoding="utf-8")
    other = compiled(text.replace("template: demande/erratum_new", "template: demande/diffusion"))
    (only,) = compare(compiled(text).written, other.written)
    assert (only.key, only.part) == ("erratum", "newcomers")
    assert "demande/erratum_new" in " ".join(only.before)
    assert "demande/diffusion" in " ".join(only.after)
    assert "fr/demande/erratum_new.txt.j2" in set(template_files(compiled(text)))
    assert "fr/demande/erratum_new.txt.j2" not in set(template_files(other))


def test_a_change_whose_words_are_the_same_is_shown_as_it_was_written():
    whole = compiled(ORDER).written
    action = whole.actions["chiffrer"]
    twice = whole.model_copy(
        update={"actions": {**whole.actions, "chiffrer": action.model_copy(update={"clears": []})}}
    )
    assert compare(whole, twice) == []
    spec = whole.tables["delais"]
    rows = [spec.rows[1], spec.rows[0]]
    turned = whole.model_copy(update={"tables": {"delais": spec.model_copy(update={"rows": rows})}})
    (only,) = compare(whole, turned)
    assert only.before != only.after


def test_a_rename_is_guessed_only_when_it_can_be_no_other():
    states = compiled(ORDER).written.states
    one = {"a": states["brouillon"]}
    assert renames(one, {"b": states["brouillon"]}) == {"a": "b"}
    assert renames(one, {"b": states["brouillon"], "c": states["brouillon"]}) == {}
    assert renames(one, {"b": states["livraison"]}) == {}
    assert renames(one, {"a": states["livraison"], "b": states["brouillon"]}) == {}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("states: {brouillon: nulle_part}", "unknown-name"),
        ("fields: {objet: delai, montant: delai}", "taken-twice"),
        ("fields: {objet: corrections.motif}", "not-the-same-list"),
        ("drop: [rien]", "unknown-name"),
        ("{fields: {objet: delai}, drop: [objet]}", "dropped-too"),
        ("{fields: {corrections.motif: corrections.motif}, drop: [corrections]}", "dropped-too"),
        ("defaults: {delai: beaucoup}", "bad-default"),
        ("defaults: {corrections: x}", "bad-default"),
        ("timers: {rappel: peut-être}", "wrong-type"),
        ("etats: {}", "unknown-key"),
    ],
)
def test_a_mapping_that_cannot_be_is_refused_where_it_stands(text, code):
    with pytest.raises(InvalidDefinition) as refused:
        read_mapping(text, "m.yaml", [compiled(ORDER)], compiled(ORDER))
    assert [f.code for f in refused.value.findings] == [code]
    assert refused.value.findings[0].line == 1


def test_a_field_of_another_version_takes_the_place_of_none():
    older, old, new = (
        process(dict.fromkeys(names, "objet")) for names in (["ville"], ["lieu"], ["lieu"])
    )
    given_ = Mapping(fields={"ville": "lieu"})
    assert propose(older, new, given_).fields["ville"].to == "lieu"
    plan = propose(old, new, given_)
    assert (plan.fields["lieu"].to, plan.fields["lieu"].how) == ("lieu", "same")
    assert carry(plan, {"lieu": "Lyon"}) == ({"lieu": "Lyon"}, [])


def test_two_fields_of_a_record_never_share_a_place():
    whole = compiled(ORDER.replace(
        "      motif: {type", "      detail: {type: text, label: {fr: Détail, en: Detail}}\n      motif: {type"
    ))  # fmt: skip
    both = SimpleNamespace(definition=whole)
    plan = propose(both, both, Mapping(fields={"corrections.detail": "corrections.motif"}))
    _after, reasons = carry(plan, {"corrections": [{"detail": "a", "motif": "b"}]})
    assert [r.field for r in reasons] == ["corrections.motif"]


def test_a_default_that_does_not_fit_is_refused_in_words():
    with pytest.raises(InvalidDefinition) as refused:
        read_mapping("defaults: {delai: beaucoup}", "m.yaml", [compiled(ORDER)], compiled(ORDER))
    said = refused.value.findings[0].messages["fr"]
    assert said == "« delai » ne peut pas avoir cette valeur par défaut : il faut un nombre."


def test_what_an_automatic_step_waits_for_comes_before_it(requests):
    number = requests.engine.open("demande", {"organisation": "A", "sujet": "S"}, ADVISER).number
    options = {o.action.name: o for o in requests.engine.options(requests.id(number), ADVISER)}
    way = options["diffuser"].way
    steps = [step.action for step in way]
    assert steps.index("preparer_fiche") == steps.index("completer") - 1
    assert [step.action for step in way if step.alone] == ["completer"]


def test_a_way_begins_with_what_mends_its_guards(shared):
    number = order(shared)
    plan = propose(*(shared.library.get("commande", n) for n in (2, 1))) if (
        shared.case(number).row.definition_version == 2) else None  # fmt: skip
    if plan is not None:
        migrate(shared, number, plan)
    options = {o.action.name: o for o in shared.engine.options(shared.id(number), HEAD)}
    assert [s.action for s in options["approuver"].way] == ["chiffrer", "soumettre"]
    assert [r.code for r in options["soumettre"].reasons] == [
        "role",
        "requirement",
        "checklist_item",
    ]
    assert options["recevoir"].reasons[0].code == "automatic"
    shared.do(number, "chiffrer", BUYER, montant="1")
    options = {o.action.name: o for o in shared.engine.options(shared.id(number), HEAD)}
    assert [s.action for s in options["approuver"].way] == ["soumettre"]


def test_a_plan_given_back_as_it_was_proposed_decides_nothing():
    text = "# Le plan proposé.\n# drop: [constat]\n"
    assert read_mapping(text, "m.yaml", [compiled(ORDER)], compiled(ORDER)) == Mapping()


def test_a_mapping_with_many_mistakes_tells_them_all_at_once():
    text = """\
states: {brouillon: nulle_part}
values: {urgence: {basse: moyenne, nulle: haute}}
defaults: {delai: beaucoup}
timers: {rappel: boum}
zut: 1
"""
    with pytest.raises(InvalidDefinition) as refusal:
        read_mapping(text, "m.yaml", [compiled(ORDER)], compiled(ORDER))
    assert [(f.code, f.line) for f in refusal.value.findings] == [
        ("unknown-name", 1), ("unknown-name", 2), ("unknown-name", 2), ("bad-default", 3),
        ("wrong-type", 4), ("unknown-key", 5),
    ]  # fmt: skip

"""Changing a process while its cases are open: plan, rehearsal, migration, way back; on both databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from engine import register
from engine.actor import Actor
from engine.change.mapping import Mapping
from engine.change.plan import propose
from engine.errors import Conflict, InvalidDefinition, Refused
from engine.library import Source
from engine.verify import verify
from inbox import migration_text
from inbox.reasons import remedy
from tests.support.world import (
    ADVISER,
    BUYER,
    DIRECTOR,
    EXAMPLES,
    HEAD,
    WORKFLOWS,
    order,
    ready_to_diffuse,
)

ORDER = (EXAMPLES / "commande.yaml").read_text(encoding="utf-8")
LOT = (EXAMPLES / "lot.yaml").read_text(encoding="utf-8")


def version(text, number, *changes):
    """Return a definition's text as a higher version, with some of its words replaced."""
    text = text.replace("version: 1", f"version: {number}", 1)
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    return text


def install(world, text):
    world.library.install([Source(text=text, origin="v.yaml")], actor="x", at=world.clock.now())


def plan(world, *changes, key="commande", text=ORDER, **given):
    install(world, version(text, 2, *changes))
    return propose(
        world.library.get(key, 1), world.library.get(key, 2), Mapping.model_validate(given)
    )


def rehearse(world, number, planned):
    return world.engine.rehearse(world.id(number), planned, DIRECTOR)


def migrate(world, number, planned, **expected):
    return world.engine.migrate(world.id(number), planned, DIRECTOR, **expected)


def codes(reasons):
    return [r.code for r in reasons]


def pending(world, number):
    with world.database.read() as connection:
        found = register.pending_timers(connection, world.id(number))
    return {t["name"]: (t["fire_at"], t["occurrence"]) for t in found}


def picture(world, number):
    """Everything a case is, but for what its history adds to it."""
    row = world.case(number).row
    kept = {n: getattr(row, n) for n in row.__slots__ if n not in {"version", "head"}}
    return kept, pending(world, number)


RENAMED = (("montant", "cout"), ("approbation", "a_approuver"))


def submitted(world):
    number = order(world)
    world.do(number, "chiffrer", BUYER, montant="12,5")
    world.do(number, "soumettre", BUYER)
    return number


def test_names_that_stay_map_to_themselves_and_a_rename_is_guessed_when_nothing_else_is_meant(
    orders,
):
    planned = plan(orders, *RENAMED)
    assert planned.states["brouillon"].how == "same"
    assert (planned.states["approbation"].to, planned.states["approbation"].how) == (
        "a_approuver",
        "guessed",
    )
    assert (planned.fields["montant"].to, planned.fields["montant"].how) == ("cout", "guessed")
    assert planned.undecided_states == planned.undecided_fields == []


def test_an_option_that_is_gone_is_left_to_be_decided_and_proposed(orders):
    planned = plan(orders, ("basse", "faible"))
    assert planned.undecided_options == [("urgence", "basse")]
    assert any("« Basse » (basse)" in line.replace("\u00a0", " ")
               for line in migration_text.plan_lines(planned, []))  # fmt: skip
    written = migration_text.as_mapping({1: planned})
    assert "# values:\n#   urgence: {basse: …}   # " in written
    decided = propose(planned.old, planned.new, Mapping(values={"urgence": {"basse": "faible"}}))
    assert decided.undecided_options == []


def test_two_states_that_could_be_the_old_one_are_left_to_be_decided(orders):
    # One has the old one's label; the other its name, but for a letter, and all else.
    twice = ("  recue: {label", ("  approbations:\n    label: {fr: À signer, en: To sign}\n"
             "    task: {label: {fr: Approuver, en: Approve}, role: chef}\n"
             "    due: {of: entered, after: 2 business days}\n  recue: {label"))  # fmt: skip
    planned = plan(
        orders,
        ("approbation", "a_approuver"),
        twice,
        ("    from: [a_approuver]\n    to: brouillon", "    from: [a_approuver, approbations]\n    to: brouillon"),
        ("    to: a_approuver", "    to: [{when: {compare: {field: urgence, equals: haute}}, state: approbations}, {state: a_approuver}]"),
    )  # fmt: skip
    assert planned.undecided_states == ["approbation"]
    number = order(orders)
    assert codes(rehearse(orders, number, planned).reasons) == []


def test_a_case_is_carried_over_whole_with_its_history_saying_before_and_after(orders):
    number = submitted(orders)
    due = orders.case(number).row.due_at
    planned = plan(orders, *RENAMED, ("after: 2 business days}", "after: 4 business days}"))
    told = rehearse(orders, number, planned)
    assert orders.case(number).row.definition_version == 1  # a rehearsal writes nothing
    assert migrate(orders, number, planned) == told
    found = orders.case(number)
    assert (found.row.definition_version, found.row.state) == (2, "a_approuver")
    assert found.data["cout"] == "12.5"
    assert "montant" not in found.data
    assert found.row.due_at > due
    assert found.row.desk == "@chef"
    event = orders.events(number)[-1]
    assert (event["action"], event["from_state"], event["to_state"]) == (
        "migrate",
        "approbation",
        "a_approuver",
    )
    assert event["actor"] == "directrice"
    assert event["body"]["changes"] == {"montant": ["12.5", None], "cout": [None, "12.5"]}
    assert event["body"]["columns"]["due_at"] == [due, found.row.due_at]
    assert verify(orders.database).faults == ()
    assert orders.do(number, "approuver", HEAD, lots="pompes").state == "livraison"


def test_the_inbox_shows_a_migrated_case_on_its_desk_by_its_new_date(orders):
    number = submitted(orders)
    planned = plan(orders, ("role: chef}", "role: acheteur}"))
    migrate(orders, number, planned)
    with orders.database.read() as connection:
        lines, _ = register.worklist(connection, ["@acheteur", "@chef"])
    assert [(line.number, line.desk) for line in lines] == [(number, "@acheteur")]


def test_whoever_took_a_case_still_has_it(orders):
    number = submitted(orders)
    orders.engine.take(orders.id(number), HEAD)
    migrate(orders, number, plan(orders, *RENAMED))
    assert orders.case(number).row.desk == "chef"


def test_migrating_twice_is_migrating_once(orders):
    number = submitted(orders)
    planned = plan(orders, *RENAMED)
    migrate(orders, number, planned)
    after = picture(orders, number)
    again = migrate(orders, number, planned)
    assert again.done
    assert picture(orders, number) == after
    assert [e["action"] for e in orders.events(number)].count("migrate") == 1


def test_the_way_back_leads_to_exactly_the_same_case(orders):
    number = submitted(orders)
    before = picture(orders, number)
    planned = plan(orders, *RENAMED, ("after: 2 business days}", "after: 4 business days}"))
    migrate(orders, number, planned)
    assert picture(orders, number) != before
    orders.engine.migrate_back(orders.id(number), DIRECTOR)
    assert picture(orders, number) == before
    assert verify(orders.database).faults == ()
    with pytest.raises(Refused) as refusal:
        orders.engine.migrate_back(orders.id(number), DIRECTOR)
    assert codes(refusal.value.reasons) == ["not_migrated"]
    assert migrate(orders, number, planned).after.version == 2  # and forward again


def test_the_way_back_is_closed_once_the_case_has_moved_on(orders):
    number = submitted(orders)
    migrate(orders, number, plan(orders, *RENAMED))
    orders.do(number, "approuver", HEAD, lots="pompes")
    with pytest.raises(Refused) as refusal:
        orders.engine.migrate_back(orders.id(number), DIRECTOR)
    assert codes(refusal.value.reasons) == ["moved_on"]
    assert orders.case(number).row.definition_version == 2


def test_a_reminder_that_leaves_meanwhile_neither_closes_the_way_back_nor_leaves_twice(orders):
    number = order(orders)
    orders.engine.take(orders.id(number), BUYER)
    migrate(orders, number, plan(orders, *RENAMED))
    orders.clock.advance(timedelta(days=1))
    assert orders.tick().fired == 1
    orders.engine.migrate_back(orders.id(number), DIRECTOR)
    assert set(pending(orders, number)) == {"peremption"}
    assert orders.tick().fired == 0
    assert verify(orders.database).faults == ()


def test_a_state_that_is_gone_needs_a_place(orders):
    gone = (
        "  approbation:\n    label: {fr: À approuver, en: To approve}\n"
        "    task: {label: {fr: Approuver, en: Approve}, role: chef}\n"
        "    due: {of: entered, after: 2 business days}\n"
    )
    shorter = (
        (gone, ""),
        (("  renvoyer:\n    label: {fr: Renvoyer, en: Send back}\n    from: [approbation]\n    to: brouillon\n"
         "    by: [chef]\n    form: [corrections.motif]\n    clears: [montant]\n"), ""),
        ("    to: approbation", "    to: livraison"),
        ("    from: [approbation]\n    to: livraison\n", "    from: [livraison]\n    to: same\n"),
        ("    form: [lots]\n", "    form: [lots, {field: corrections.motif, required: false}]\n"),
    )  # fmt: skip
    number = submitted(orders)
    orders.clock.advance(timedelta(days=7))
    planned = plan(orders, *shorter)
    assert planned.undecided_states == ["approbation"]
    told = rehearse(orders, number, planned)
    assert told.after is None
    assert codes(told.reasons) == ["migration_state"]
    with pytest.raises(Refused):
        migrate(orders, number, planned)
    assert orders.case(number).row.version == 3
    decided = propose(
        planned.old, planned.new, Mapping.model_validate({"states": {"approbation": "brouillon"}})
    )
    moved = migrate(orders, number, decided)
    assert moved.after.state == "brouillon"
    # A state that was there before is entered now: its task is not late from the start.
    assert orders.case(number).row.entered_at == orders.events(number)[-1]["at"].timestamp() * 1e6
    assert moved.after.due > orders.clock.now()


def test_a_value_without_a_place_keeps_its_case_until_it_is_dropped_by_name(orders):
    number, empty = submitted(orders), order(orders)
    without = (
        ("  montant: {type: decimal, label: {fr: Montant, en: Amount}, min: 0}\n", ""),
        (("      montant:\n        label: {fr: Le montant est connu, en: The amount is known}\n"
         "        when: {obtained: montant}\n        action: chiffrer\n"), ""),
        ("    form: [montant]\n", "    form: [objet]\n"),
        ("    clears: [montant]\n", ""),
    )  # fmt: skip
    planned = plan(orders, *without)
    assert planned.undecided_fields == ["montant"]
    assert codes(rehearse(orders, number, planned).reasons) == ["migration_field"]
    assert rehearse(orders, empty, planned).reasons == ()  # it has nothing to lose
    dropped = propose(planned.old, planned.new, Mapping.model_validate({"drop": ["montant"]}))
    migrate(orders, number, dropped)
    assert "montant" not in orders.case(number).data
    assert orders.events(number)[-1]["body"]["changes"] == {"montant": ["12.5", None]}
    orders.engine.migrate_back(orders.id(number), DIRECTOR)
    assert orders.case(number).data["montant"] == "12.5"


def test_an_option_that_is_gone_is_translated_or_keeps_the_case(orders):
    number = order(orders)
    planned = plan(orders, ("      haute: {fr: Haute, en: High}", "      vive: {fr: Vive, en: Acute}"),
                   ("equals: haute", "equals: vive"))  # fmt: skip
    reasons = rehearse(orders, number, planned).reasons
    assert codes(reasons) == ["migration_value"]
    assert reasons[0].params["value"] == "haute"
    given = Mapping.model_validate({"values": {"urgence": {"haute": "vive"}}})
    migrate(orders, number, propose(planned.old, planned.new, given))
    assert orders.case(number).data["urgence"] == "vive"


def test_a_number_that_fits_no_more_is_mended_in_the_case_and_not_by_the_mapping_file(orders):
    number = order(orders)
    orders.do(number, "chiffrer", BUYER, montant="12,5")
    planned = plan(orders, ("min: 0}", "min: 0, max: 10}"))
    (reason,) = rehearse(orders, number, planned).reasons
    assert (reason.code, reason.field) == ("migration_value", "montant")
    assert "par une action qui demande ce champ" in remedy(reason, number, None)
    assert "--mapping" in remedy(
        replace(reason, params={**reason.params, "chosen": True}), number, None
    )


def test_records_are_carried_field_by_field(orders):
    number = submitted(orders)
    orders.do(number, "renvoyer", HEAD, corrections__motif="trop cher")
    planned = plan(orders, ("motif: {type: text, label: {fr: Motif, en: Reason}",
                            "raison: {type: text, label: {fr: Pourquoi, en: Why}"),
                   ("corrections.motif", "corrections.raison"))  # fmt: skip
    assert codes(rehearse(orders, number, planned).reasons) == ["migration_field"]
    given = Mapping.model_validate({"fields": {"corrections.motif": "corrections.raison"}})
    migrate(orders, number, propose(planned.old, planned.new, given))
    record = orders.case(number).data["corrections"][0]
    assert (record["raison"], record["by"]) == ("trop cher", "chef")
    assert verify(orders.database).faults == ()


NEEDS = (
    ("  fournisseur: {type: email", ("  devise: {type: integer, label: {fr: Jours, en: Days}, min: 0, max: 60}\n"
     "  fournisseur: {type: email")),
    ("form: [objet, urgence,", "form: [objet, urgence, devise,"),
    ("after: 2 business days}", "after_field: devise, unit: business days}"),
)  # fmt: skip


def test_what_the_new_version_counts_on_is_proved_for_the_case_as_it_stands(orders):
    number = order(orders)
    planned = plan(orders, *NEEDS)
    reasons = rehearse(orders, number, planned).reasons
    assert codes(reasons) == ["migration_absent"]
    assert "devise" in reasons[0].message["fr"]
    assert "approbation" in reasons[0].message["fr"]  # where it is missed
    given = Mapping.model_validate({"defaults": {"devise": 3}})
    migrate(orders, number, propose(planned.old, planned.new, given))
    assert orders.case(number).data["devise"] == 3


CHECKED = (
    *NEEDS[:2],
    ("    to: recue\n    automatic", "    to: controle\n    automatic"),
    ("  recue: {label", ("  controle:\n    label: {fr: En contrôle, en: Being checked}\n    task: {label: {fr: Contrôler, en: Check}}\n"
     "    due: {of: entered, after_field: devise, unit: business days}\n  recue: {label")),
    ("  annuler:\n", ("  controler:\n    label: {fr: Contrôler, en: Check}\n    from: [controle]\n    to: recue\n"
     "    by: [acheteur]\n  annuler:\n")),
)  # fmt: skip
JOIN = "{children: {process: lot, all: ended, at_least: 1}}"


@pytest.mark.parametrize("join", [JOIN, "{message: {message: bon, is: accepted}}"])
def test_what_comes_after_what_a_case_already_waits_for_is_proved_too(orders, join):
    number = order(orders, fournisseur="f@example.org")
    orders.do(number, "chiffrer", BUYER, montant="12,5")
    orders.do(number, "soumettre", BUYER)
    orders.do(number, "approuver", HEAD, lots=["pompes"])
    planned = plan(orders, *CHECKED, (JOIN, join))
    given = Mapping.model_validate({"defaults": {"devise": 3}})
    decided = propose(planned.old, planned.new, given)
    told, left = (rehearse(orders, number, p).reasons for p in (planned, decided))
    (absent,) = [r for r in told if r.code == "migration_absent"]
    assert "livraison → controle : " in absent.message["fr"]
    assert "migration_absent" not in codes(left)


def test_checklist_items_that_are_new_are_told(orders):
    number = submitted(orders)
    item = ("      objet: {label: {fr: L'objet est dit", ("      lots: {label: {fr: Les lots sont dits, en: The lots"
            " are given}, when: {present: lots}}\n      objet: {label: {fr: L'objet est dit"))  # fmt: skip
    asked = ("    form: [montant]\n", "    form: [montant, {field: lots, required: false}]\n")
    missing = rehearse(orders, number, plan(orders, item, asked)).missing
    assert [(m.checklist, m.item) for m in missing] == [("dossier", "lots")]


def test_timers_that_say_the_same_are_left_alone_and_others_are_planned_again(orders):
    number = order(orders)
    orders.engine.take(orders.id(number), BUYER)
    before = pending(orders, number)
    planned = plan(orders, ("after: 2 months", "after: 3 months"))
    moves = {m.name: m for m in rehearse(orders, number, planned).timers}
    assert moves["rappel"].before == moves["rappel"].after
    assert moves["peremption"].before < moves["peremption"].after
    migrate(orders, number, planned)
    assert pending(orders, number)["rappel"] == before["rappel"]
    assert pending(orders, number)["peremption"][0] > before["peremption"][0]


def test_an_action_whose_time_has_passed_waits_for_a_decision(orders):
    number = order(orders)
    orders.clock.advance(timedelta(days=20))
    orders.tick()
    planned = plan(orders, ("after: 2 months", "after: 1 week"))
    assert codes(rehearse(orders, number, planned).reasons) == ["migration_timer"]
    for choice, state in (("skip", "brouillon"), ("fire", "annulee")):
        given = Mapping.model_validate({"timers": {"peremption": choice}})
        migrate(orders, number, propose(planned.old, planned.new, given))
        orders.tick()
        assert orders.case(number).row.state == state
        if choice == "skip":
            orders.engine.migrate_back(orders.id(number), DIRECTOR)


def test_a_reminder_whose_time_has_passed_does_not_leave_for_it(orders):
    number = order(orders)
    orders.clock.advance(timedelta(days=30))
    orders.tick()
    late = ("  peremption:\n", ("  question:\n    label: {fr: Question, en: Question}\n    in: [brouillon]\n"
            "    at: {of: entered, after: 1 week}\n    notify: [rappel]\n  peremption:\n"))  # fmt: skip
    planned = plan(orders, late)
    moves = {m.name: m for m in rehearse(orders, number, planned).timers}
    assert (moves["question"].passed, moves["question"].after) == (True, None)
    migrate(orders, number, planned)
    assert orders.tick().fired == 0


def delivering(orders):
    number = submitted(orders)
    outcome = orders.do(number, "approuver", HEAD, lots=["pompes"])
    return number, outcome.children[0]


def test_a_parent_goes_on_waiting_for_its_children_and_the_join_closes_it(orders):
    number, child = delivering(orders)
    migrate(orders, number, plan(orders, *RENAMED))
    assert orders.case(child).row.definition_version == 1
    orders.do(child, "recevoir", BUYER)
    assert orders.case(number).row.state == "recue"
    assert verify(orders.database).faults == ()


def test_a_join_that_could_never_be_satisfied_keeps_the_parent(orders):
    number, _child = delivering(orders)
    install(
        orders, LOT.replace("process: lot", "process: colis").replace("prefix: LOT", "prefix: COL")
    )
    planned = plan(orders, ("process: lot", "process: colis"))
    reasons = rehearse(orders, number, planned).reasons
    assert codes(reasons) == ["migration_join"]
    assert reasons[0].params["process"] == "colis"
    assert rehearse(orders, submitted(orders), planned).reasons == ()  # it has not opened any yet


def test_a_diffusion_under_way_keeps_its_name(requests):
    text = (WORKFLOWS / "demande.yaml").read_text(encoding="utf-8")
    number = ready_to_diffuse(requests)
    requests.do(number, "diffuser")
    renamed = (
        ("message: diffusion,", "message: diffusion_reseau,"),
        (": [diffusion]", ": [diffusion_reseau]"),
        (": [diffusion,", ": [diffusion_reseau,"),
        ("\n  diffusion:\n", "\n  diffusion_reseau:\n"),
    )
    planned = plan(requests, *renamed, key="demande", text=text)
    reasons = rehearse(requests, number, planned).reasons
    assert codes(reasons) == ["migration_mail", "migration_unsent"]
    assert [r.params["message"] for r in reasons] == ["diffusion", "diffusion_reseau"]


def test_no_case_becomes_an_ending_that_leads_to_another_case(requests):
    number = requests.engine.open("demande", {"organisation": "A", "sujet": "S"}, ADVISER).number
    planned = plan(requests, key="demande", text=(WORKFLOWS / "demande.yaml").read_text("utf-8"))
    state = requests.case(number).row.state
    given = Mapping.model_validate({"states": {state: "fusionnee"}})
    told = rehearse(requests, number, propose(planned.old, planned.new, given))
    assert "migration_redirect" in codes(told.reasons)


def test_a_child_keeps_the_ending_that_its_parent_waits_for(orders):
    install(orders, version(ORDER, 2, ("all: ended, at_least: 1", "outcome: arrive, at_least: 1")))
    number, child = delivering(orders)
    assert orders.case(number).row.definition_version == 2
    planned = plan(orders, ("arrive:", "livre:"), ("to: arrive", "to: livre"), key="lot", text=LOT)
    assert codes(rehearse(orders, child, planned).reasons) == ["migration_parent"]


def test_an_automatic_action_that_already_holds_is_told_and_taken(orders):
    number = order(orders)
    orders.do(number, "chiffrer", BUYER, montant="12")
    alone = (("    requires:\n      - when: {checklist: dossier}\n        because: {fr: Le dossier est incomplet,"
             " en: The file is incomplete}\n        action: chiffrer\n"), "    automatic: {checklist: dossier}\n")  # fmt: skip
    planned = plan(
        orders, alone, ("    to: approbation\n    by: [acheteur]\n", "    to: approbation\n")
    )
    assert rehearse(orders, number, planned).then == ("soumettre",)
    migrate(orders, number, planned)
    assert orders.case(number).row.state == "approbation"
    with pytest.raises(Refused, match="moved_on"):
        orders.engine.migrate_back(orders.id(number), DIRECTOR)


def test_a_case_that_is_closed_stays(orders):
    number = order(orders)
    orders.do(number, "annuler", BUYER, note="plus besoin")
    planned = plan(orders, *RENAMED)
    assert "ended" in codes(rehearse(orders, number, planned).reasons)


def test_somebody_faster_is_a_conflict_and_nothing_is_written(orders):
    number = order(orders)
    seen = orders.case(number).row.version
    orders.do(number, "chiffrer", BUYER, montant="1")
    planned = plan(orders, *RENAMED)
    with pytest.raises(Conflict):
        migrate(orders, number, planned, expected_version=seen)
    assert orders.case(number).row.definition_version == 1


def test_a_key_used_before_a_migration_still_says_what_it_did(orders):
    number = order(orders)
    case_id = orders.id(number)
    orders.engine.advance(case_id, "chiffrer", {"montant": "1"}, BUYER, idempotency_key="k")
    migrate(orders, number, plan(orders, *RENAMED))
    again = orders.engine.advance(case_id, "chiffrer", {"montant": "1"}, BUYER, idempotency_key="k")
    assert again.replayed
    assert len(orders.events(number)) == 3


def test_mail_that_was_queued_keeps_its_facts(orders):
    from engine import outbox

    number, _child = delivering(orders)
    with orders.database.read() as connection:
        before = connection.execute(outbox.outbox.select()).fetchall()
    migrate(orders, number, plan(orders, *RENAMED, ("  objet: {type: text, label: {fr: Objet",
                                                    "  objet: {type: text, label: {fr: Sujet")))  # fmt: skip
    with orders.database.read() as connection:
        assert connection.execute(outbox.outbox.select()).fetchall() == before
    assert len(before) == 1


def test_only_the_clock_of_the_case_decides_a_version_edited_behind_its_back_is_found(orders):
    from engine.schema import cases

    number = submitted(orders)
    migrate(orders, number, plan(orders, *RENAMED))
    with orders.database.write() as connection:
        connection.execute(cases.update().values(definition_version=1))
    assert {f.kind for f in verify(orders.database).faults} == {"version"}


def test_a_version_that_is_not_higher_is_refused(orders):
    install(orders, version(ORDER, 3))
    with pytest.raises(InvalidDefinition, match="version-not-higher"):
        install(orders, version(ORDER, 2))


def test_another_person_of_the_direction_is_named_in_the_history(orders):
    number = submitted(orders)
    planned = plan(orders, *RENAMED)
    somebody = Actor(login="directrice", roles=frozenset({"direction"}), via="chef")
    orders.engine.migrate(orders.id(number), planned, somebody)
    assert orders.events(number)[-1]["via"] == "chef"

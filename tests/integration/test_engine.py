"""One suite over both databases, on the second process of the tests: it has another shape."""

from datetime import UTC, datetime, timedelta

import pytest

from engine import register, staff
from engine.actor import Actor, File
from engine.errors import Ambiguous, Conflict, InvalidDefinition, InvalidInput, NotFound, Refused
from engine.schema import cases, history, timers
from engine.verify import verify
from tests.support.world import ADVISER, BUYER, EXAMPLES, HEAD, order


def codes(refusal):
    return [r.code for r in refusal.value.reasons]


def test_a_case_has_its_number_its_event_and_its_timers_at_once(orders):
    number = order(orders)
    found = orders.case(number)
    assert number == "CO-2026-0001"
    assert found.data == {
        "objet": "Pompes",
        "urgence": "haute",
        "fournisseur": "f@example.org",
        "delai": 2,
    }
    assert [e["action"] for e in orders.events(number)] == ["ouvrir"]
    with orders.database.read() as connection:
        assert {t["name"] for t in register.pending_timers(connection, found.id)} == {
            "rappel",
            "peremption",
        }


def test_a_refused_opening_uses_no_number_and_says_every_reason(orders):
    with pytest.raises(Refused) as refusal:
        orders.engine.open("commande", {"objet": "", "couleur": "rouge"}, HEAD)
    assert sorted(codes(refusal)) == ["empty", "field_missing", "field_unknown", "role"]
    assert order(orders) == "CO-2026-0001"


def test_a_refusal_lists_what_is_missing_and_what_does_it(orders):
    number = order(orders)
    with pytest.raises(Refused) as refusal:
        orders.do(number, "soumettre", BUYER)
    assert codes(refusal) == ["requirement", "checklist_item"]
    assert refusal.value.reasons[0].message["fr"] == "Le dossier est incomplet"
    assert refusal.value.reasons[1].action == "chiffrer"
    assert orders.case(number).row.version == 1


def test_an_action_from_the_wrong_state_says_the_way_there(orders):
    number = order(orders)
    with pytest.raises(Refused) as refusal:
        orders.do(number, "approuver", HEAD, lots="pompes")
    reason = orders.engine.explained(refusal.value).reasons[0]
    assert reason.code == "wrong_state"
    assert reason.action == "chiffrer"  # what « soumettre » asks for, on the way
    assert reason.params["last"]["action"] == "ouvrir"


def test_the_loop_comes_back_with_its_records_kept(orders):
    number = order(orders)
    for reason in ("trop cher", "encore trop cher"):
        orders.do(number, "chiffrer", BUYER, montant="12,5")
        orders.do(number, "soumettre", BUYER)
        orders.do(number, "renvoyer", HEAD, corrections__motif=reason)
    found = orders.case(number)
    assert [c["motif"] for c in found.data["corrections"]] == ["trop cher", "encore trop cher"]
    assert found.data["corrections"][0]["by"] == "chef"
    assert "montant" not in found.data
    assert found.row.state == "brouillon"


def deliver(orders):
    number = order(orders)
    orders.do(number, "chiffrer", BUYER, montant="12")
    orders.do(number, "soumettre", BUYER)
    return number, orders.do(number, "approuver", HEAD, lots=["pompes", "casques"])


def test_child_cases_are_opened_with_the_parents_data_and_the_join_waits_for_all(orders):
    number, outcome = deliver(orders)
    assert outcome.children == ("LOT-2026-0001", "LOT-2026-0002")
    first, second = outcome.children
    assert orders.case(first).data == {"commande": "Pompes", "contenu": "pompes"}
    orders.do(first, "recevoir", BUYER)
    assert orders.case(number).row.state == "livraison"
    orders.do(second, "perdre", BUYER, note="tombé du camion")
    assert orders.case(number).row.state == "recue"
    assert [e["actor"] for e in orders.events(number)][-1] == "system"


def test_what_awaits_child_cases_that_ended_otherwise_is_said_to_be_lost(orders):
    from engine.library import Source

    text = (EXAMPLES / "commande.yaml").read_text(encoding="utf-8")
    text = text.replace("version: 1", "version: 2", 1).replace(
        "{process: lot, all: ended, at_least: 1}", "{process: lot, outcome: arrive, at_least: 1}"
    )
    second = Source(text=text, origin="commande.yaml")
    orders.library.install([second], actor="x", at=orders.clock.now())

    def lost(number):
        options = orders.engine.options(orders.case(number).row.id, BUYER)
        return [o.action.name for o in options if o.lost]

    number, outcome = deliver(orders)
    assert lost(number) == []
    orders.do(outcome.children[0], "perdre", BUYER, note="tombé du camion")
    assert lost(number) == []  # the other one may arrive
    orders.do(outcome.children[1], "perdre", BUYER, note="tombé aussi")
    assert lost(number) == ["recevoir"]


def test_a_join_that_nobody_looked_at_before_a_crash_is_caught_up_by_the_next_pass(
    orders, monkeypatch
):
    number, outcome = deliver(orders)
    monkeypatch.setattr(
        type(orders.engine), "settle", lambda *_: None
    )  # as if killed after the commit
    for child in outcome.children:
        orders.do(child, "recevoir", BUYER)
    assert orders.case(number).row.state == "livraison"
    monkeypatch.undo()
    assert orders.tick().woken == 1
    assert orders.case(number).row.state == "recue"


DOUBLED = """\
  doubler:
    label: {fr: Doubler, en: Double}
    from: [brouillon]
    to: approbation
    automatic: {compare: {field: urgence, equals: haute}}
    opens: {process: commande, copy: {objet: objet, urgence: urgence}}
"""


def test_a_case_that_would_open_another_without_an_end_is_refused_in_words(empty, tmp_path):
    # Whether it does depends on the case, so that the definition stands.
    text = (EXAMPLES / "commande.yaml").read_text(encoding="utf-8")
    path = tmp_path / "commande.yaml"
    path.write_text(text.replace("actions:\n", "actions:\n" + DOUBLED), encoding="utf-8")
    empty.install(path, EXAMPLES / "lot.yaml")
    empty.people()
    with pytest.raises(Refused) as refusal:
        empty.engine.open("commande", {"objet": "Pompes", "urgence": "haute"}, BUYER)
    assert codes(refusal) == ["generations"]
    opened = empty.engine.open("commande", {"objet": "Pompes", "urgence": "basse"}, BUYER)
    assert opened.number == "CO-2026-0001"


def test_automatic_actions_are_not_for_people(orders):
    number, _ = deliver(orders)
    with pytest.raises(Refused) as refusal:
        orders.do(number, "recevoir", BUYER)
    assert codes(refusal) == ["automatic"]


def test_the_same_key_acts_once_and_says_so(orders):
    first = orders.engine.open(
        "commande", {"objet": "A", "urgence": "basse"}, BUYER, idempotency_key="k"
    )
    again = orders.engine.open(
        "commande", {"objet": "A", "urgence": "basse"}, BUYER, idempotency_key="k"
    )
    assert (again.number, again.replayed) == (first.number, True)
    case_id = orders.id(first.number)
    one = orders.engine.advance(case_id, "chiffrer", {"montant": "1"}, BUYER, idempotency_key="k2")
    two = orders.engine.advance(case_id, "chiffrer", {"montant": "1"}, BUYER, idempotency_key="k2")
    assert (two.version, two.replayed) == (one.version, True)
    assert len(orders.events(first.number)) == 2


def test_a_version_that_has_passed_is_a_conflict_that_names_who_and_when(orders):
    number = order(orders)
    orders.do(number, "chiffrer", BUYER, montant="1")
    with pytest.raises(Conflict) as conflict:
        orders.engine.advance(
            orders.id(number), "chiffrer", {"montant": "2"}, BUYER, expected_version=1
        )
    assert (conflict.value.actor, conflict.value.action) == ("ann", "chiffrer")
    assert conflict.value.at == orders.clock.now()


def test_a_reminder_that_left_meanwhile_is_no_conflict(orders):
    number = order(orders)
    orders.engine.take(orders.id(number), BUYER)
    orders.clock.advance(timedelta(days=1))
    assert orders.tick().fired == 1
    outcome = orders.engine.advance(
        orders.id(number), "chiffrer", {"montant": "2"}, BUYER, expected_version=2
    )
    assert outcome.version == 4


def test_a_race_lost_between_reading_and_writing_writes_nothing(orders, monkeypatch):
    import engine.cases as module

    number = order(orders)
    case_id = orders.id(number)
    real = module.load_case

    def stale(*args, **kwargs):
        row = real(*args, **kwargs)
        row.version -= 1
        return row

    monkeypatch.setattr(module, "load_case", stale)
    with pytest.raises(Conflict):
        orders.engine.advance(case_id, "chiffrer", {"montant": "2"}, BUYER)
    monkeypatch.undo()
    assert orders.case(number).row.version == 1
    assert verify(orders.database).faults == ()


def test_taking_giving_and_releasing_move_the_case_between_desks(orders):
    number = order(orders)
    case_id = orders.id(number)
    assert orders.case(number).row.desk == "@acheteur"
    orders.engine.take(case_id, BUYER)
    assert (orders.case(number).row.owner, orders.case(number).row.desk) == ("ann", "ann")
    other = Actor(login="bob", roles=frozenset({"acheteur"}))
    with pytest.raises(Refused) as refusal:
        orders.engine.take(case_id, other)
    assert codes(refusal) == ["taken"]
    orders.engine.release(case_id, BUYER)
    assert orders.case(number).row.desk == "@acheteur"
    orders.engine.assign(case_id, "chef", BUYER)
    assert orders.case(number).row.owner == "chef"
    with pytest.raises(NotFound):
        orders.engine.assign(case_id, "inconnu", BUYER)


def test_a_state_for_a_role_is_on_the_common_desk_of_that_role(orders):
    number = order(orders)
    orders.engine.take(orders.id(number), BUYER)
    orders.do(number, "chiffrer", BUYER, montant="1")
    orders.do(number, "soumettre", BUYER)
    assert orders.case(number).row.desk == "@chef"
    assert orders.case(number).row.owner == "ann"


def test_the_inbox_of_a_substitute_has_the_cases_of_who_is_away(orders):
    number = order(orders)
    orders.engine.take(orders.id(number), BUYER)
    today = orders.calendar.today(orders.clock.now())
    with orders.database.write() as connection:
        staff.set_absence(
            connection, "ann", today, today, "chef", actor="ann", at=orders.clock.now()
        )
    with orders.database.read() as connection:
        assert staff.standing_in_for(connection, "chef", today) == ("ann",)
        lines, counts = register.worklist(connection, ["chef", "ann"])
    assert [line.number for line in lines] == [number]
    assert counts == {"chef": 0, "ann": 1}


def test_a_repeating_timer_after_a_downtime_fires_once_and_plans_the_next_in_the_future(orders):
    number, _ = deliver(orders)
    orders.clock.advance(timedelta(days=30))
    ticked = orders.tick()
    assert ticked.fired == 1
    with orders.database.read() as connection:
        for timer in register.pending_timers(connection, orders.id(number)):
            assert timer["fire_at"] > orders.clock.now()
    assert orders.tick().fired == 0


def test_an_action_by_a_timer_ends_the_case_and_cancels_its_other_timers(orders):
    number = order(orders)
    orders.clock.set(datetime(2027, 1, 18, 15, 0, tzinfo=UTC))
    orders.tick()
    assert orders.case(number).row.state == "annulee"
    with orders.database.read() as connection:
        assert register.pending_timers(connection, orders.id(number)) == []


def test_two_workers_never_fire_the_same_timer(orders):
    from concurrent.futures import ThreadPoolExecutor

    for _ in range(10):
        order(orders)
    for n in range(1, 11):
        orders.engine.take(orders.id(f"CO-2026-{n:04d}"), BUYER)
    orders.clock.advance(timedelta(days=1))
    with ThreadPoolExecutor(4) as pool:
        fired = sum(t.fired for t in pool.map(lambda _: orders.tick(), range(4)))
    assert fired == 10
    with orders.database.read() as connection:
        done = connection.execute(timers.select().where(timers.c.status == "fired")).fetchall()
    assert len(done) == 10


def test_attached_files_are_kept_once_and_come_back_whole(orders):
    number = order(orders)
    case_id = orders.id(number)
    file = File(name="devis.pdf", media_type="application/pdf", content=b"%PDF")
    orders.engine.advance(case_id, "chiffrer", {"montant": "1"}, BUYER, files=[file])
    orders.engine.advance(case_id, "chiffrer", {"montant": "2"}, BUYER, files=[file])
    with orders.database.read() as connection:
        assert [f["name"] for f in register.files(connection, case_id)] == [
            "devis.pdf",
            "devis.pdf",
        ]
    for bad in (
        File(name="../x", media_type="", content=b""),
        File(name="a", media_type="", content=b"x" * 26_214_401),
    ):
        with pytest.raises(InvalidInput):
            orders.engine.advance(case_id, "chiffrer", {"montant": "1"}, BUYER, files=[bad])
    assert len(orders.events(number)) == 3


def test_a_case_is_found_by_its_last_digits_when_only_one_has_them(orders):
    number, _outcome = deliver(orders)
    assert orders.case("1").number == number  # the child LOT-2026-0001 is not in the way
    assert orders.case("co-2026-0001").number == number
    with pytest.raises(NotFound):
        orders.case("99")
    orders.engine.open("lot", {"commande": "x", "contenu": "y"}, BUYER)  # LOT-2026-0003, on its own
    for _ in range(2):
        order(orders)  # CO-2026-0002, CO-2026-0003
    with pytest.raises(Ambiguous):
        orders.case("3")


def test_search_ignores_accents_and_case_and_takes_signs_literally(orders):
    order(orders, objet="Foreuses à l'étude 100 %")
    with orders.database.read() as connection:
        assert len(register.search(connection, "ETUDE foreuse")) == 1
        assert len(register.search(connection, "100 %")) == 1
        assert register.search(connection, "é_ude") == []
        assert register.search(connection, " ") == []


def test_a_probable_duplicate_is_named(orders):
    number = order(orders, objet="Pompes à eau")
    again = orders.engine.open("commande", {"objet": "POMPES A EAU", "urgence": "basse"}, BUYER)
    assert again.probable_duplicates == (number,)


def test_a_version_installed_never_changes(orders):
    text = (EXAMPLES / "lot.yaml").read_text(encoding="utf-8")
    from engine.library import Source

    changed = Source(text=text.replace("Lot, en: Lot", "Colis, en: Parcel"), origin="lot.yaml")
    with pytest.raises(InvalidDefinition, match="version-already-installed"):
        orders.library.install([changed], actor="x", at=orders.clock.now())
    orphan = Source(text=(EXAMPLES / "commande.yaml").read_text(encoding="utf-8")
                    .replace("version: 1", "version: 2", 1).replace("process: lot", "process: colis"), origin="c.yaml")  # fmt: skip
    with pytest.raises(InvalidDefinition, match="unknown-process"):
        orders.library.install([orphan], actor="x", at=orders.clock.now())


def test_a_case_ends_under_the_version_it_began_with(orders):
    number = order(orders)
    from engine.library import Source

    text = (
        (EXAMPLES / "commande.yaml")
        .read_text(encoding="utf-8")
        .replace("version: 1", "version: 2", 1)
    )
    text = text.replace(
        "    from: open\n    to: annulee", "    from: [approbation]\n    to: annulee"
    )
    orders.library.install([Source(text=text, origin="v2")], actor="x", at=orders.clock.now())
    assert orders.do(number, "annuler", BUYER, note="plus besoin").state == "annulee"
    newer = order(orders)
    with pytest.raises(Refused):
        orders.do(newer, "annuler", BUYER, note="plus besoin")


TAMPER = {
    "event_edited": lambda c: c.execute(history.update().where(history.c.seq == 2).values(actor="zoe")),
    "event_missing": lambda c: c.execute(history.delete().where(history.c.seq == 3)),
    "case_edited": lambda c: c.execute(cases.update().values(data='{"objet":"autre"}')),
    "case_missing": lambda c: (
        c.execute(timers.delete()), c.execute(history.delete()), c.execute(cases.delete())
    ),
}  # fmt: skip


@pytest.mark.parametrize("code", list(TAMPER))
def test_whatever_is_changed_behind_the_engines_back_is_named(orders, code):
    number = order(orders)
    for amount in ("1", "2"):
        orders.do(number, "chiffrer", BUYER, montant=amount)
    assert verify(orders.database).faults == ()
    with orders.database.write() as connection:
        TAMPER[code](connection)
    faults = verify(orders.database).faults
    assert code in {f.code for f in faults}
    assert number in {f.where for f in faults}


def test_two_events_that_change_places_are_found(orders):
    number = order(orders)
    for amount in ("1", "2"):
        orders.do(number, "chiffrer", BUYER, montant=amount)
    with orders.database.write() as connection:
        for a, b in ((2, 99), (3, 2), (99, 3)):
            connection.execute(history.update().where(history.c.seq == a).values(seq=b))
    assert {f.code for f in verify(orders.database).faults} == {"event_edited"}


def test_the_migrations_make_exactly_the_tables_of_the_schema(empty):
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    from engine.schema import metadata

    with empty.database.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": False})
        assert compare_metadata(context, metadata) == []


def test_two_cases_merged_into_each_other_at_once_end_with_one_of_them(requests):
    """On PostgreSQL each locks its own case first: one of the two must give way, in words."""
    from threading import Barrier, Thread

    numbers = [
        requests.engine.open("demande", {"organisation": n, "sujet": "S"}, ADVISER).number
        for n in ("A", "B")
    ]
    start, said = Barrier(2), []

    def merge(ours, theirs):
        start.wait()
        try:
            requests.do(ours, "fusionner", doublon_de=theirs, motif_fermeture="La même")
            said.append("done")
        except (Conflict, Refused) as error:
            said.append(type(error).__name__)

    threads = [Thread(target=merge, args=pair) for pair in (numbers, numbers[::-1])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(said) == 2
    assert said.count("done") == 1
    assert verify(requests.database).faults == ()

"""What comes back after the relay had accepted it, on both databases: matched, counted once, a task."""

import itertools
import json
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select, update

from engine import diffusion, outbox, returns
from engine.errors import Refused
from engine.schema import deliveries, timers
from engine.verify import verify
from notifications.certificate.document import utc
from notifications.reports import read
from tests.integration.test_certificate import certified
from tests.integration.test_mail import settle, states, worker
from tests.support.notices import EVERY, Notice, exim, gmail, postfix
from tests.support.world import ADVISER, DIRECTOR, ready_to_diffuse


@pytest.fixture
def diffused(requests, mail):
    """A request that was diffused to three establishments, and its number."""
    number = ready_to_diffuse(requests)
    requests.do(number, "diffuser")
    settle(requests, worker(requests, mail))
    requests.tick()
    assert requests.case(number).row.state == "diffusee"
    requests.clock.advance(timedelta(minutes=10))
    return requests, number


def sent(world, number, address="e01@example.org"):
    with world.database.read() as connection:
        listed = outbox.list_deliveries(connection, case_id=world.id(number))
        return next(d for d in listed if address in d.addresses and d.message == "diffusion")


def notice(world, number, address="e01@example.org", **more):
    about = sent(world, number, address)
    return Notice(about.message_id, address, at=world.clock.now(), **more)


def take_in(world, raw):
    """Record the reports of a message, and look again at the cases that they wake."""
    recorded = []
    for report in read(raw):
        with world.database.write() as connection:
            recorded.append(returns.record(connection, report, world.clock.now()))
    world.tick()
    return recorded


def told(world, number, address="e01@example.org"):
    about = sent(world, number, address)
    with world.database.read() as connection:
        return returns.of_deliveries(connection, [about.id]).get(about.id, [])


def state_of(world, number):
    return world.case(number).row.state


@pytest.mark.parametrize("server", EVERY)
def test_a_report_of_any_server_makes_28_of_29_and_a_task(diffused, server):
    world, number = diffused
    (recorded,) = take_in(world, EVERY[server](notice(world, number)))
    assert [e.state for e in recorded.effects] == ["bounced"]
    assert dict(states(world, number)) == {
        "e00@example.org": "accepted", "e01@example.org": "bounced", "e02@example.org": "accepted",
    }  # fmt: skip
    row = world.case(number).row
    assert (row.state, row.owner) == ("retour_a_regler", ADVISER.login)
    with world.database.read() as connection:
        account = diffusion.account(connection, world.id(number), "diffusion")
        mail = outbox.list_deliveries(connection, case_id=world.id(number))
    assert sum(c.state in outbox.DONE for c in account.copies) == 2
    assert [d.recipient for d in mail if d.message == "diffusion_retournee"] == [
        f"staff:{ADVISER.login}"
    ]
    assert verify(world.database).faults == ()


def test_the_evidence_is_kept_with_the_delivery_and_in_the_journal(diffused):
    world, number = diffused
    take_in(world, postfix(notice(world, number, said="552 5.2.2 Boîte pleine", status="5.2.2")))
    (kept,) = told(world, number)
    assert (kept.action, kept.status) == ("failed", "5.2.2")
    assert kept.diagnostic == kept.reason == "552 5.2.2 Boîte pleine"
    assert (kept.reporter, kept.current) == ("relais.example.org", True)
    assert kept.reported_at is not None
    with world.database.read() as connection:
        from engine.schema import journal

        wanted = select(journal.c.body).where(journal.c.action == "returned")
        (body,) = connection.execute(wanted).scalars()
    entry = json.loads(body)
    assert entry["state"] == ["accepted", "bounced"]
    assert (entry["case"], entry["report"]) == (number, kept.report)


def test_the_same_report_counts_once_whatever_the_number_of_times_it_is_read(diffused):
    world, number = diffused
    raw = postfix(notice(world, number))
    take_in(world, raw)
    before = world.events(number)
    (again,) = take_in(world, b"Received: by autre.example.org\r\n" + raw)
    assert (again.effects, again.known) == ((), 1)
    assert len(told(world, number)) == 1
    assert world.events(number) == before


def test_two_readers_at_once_record_a_report_once(diffused):
    from concurrent.futures import ThreadPoolExecutor

    world, number = diffused
    (report,) = read(postfix(notice(world, number)))

    def reader(_):
        with world.database.write() as connection:
            return returns.record(connection, report, world.clock.now())

    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(reader, range(4)))
    assert sorted(len(r.effects) for r in done) == [0, 0, 0, 1]
    assert len(told(world, number)) == 1


@pytest.mark.parametrize(
    "changed",
    [
        {"message_id": "<DI-2026-0001.ffffffff@example.org>"},
        {"original": "quelquun@example.org"},
        {"message_id": "<un-autre@ailleurs.example.org>", "original": "e00@example.org"},
    ],
)
def test_neither_the_address_nor_the_message_alone_is_enough(diffused, changed):
    world, number = diffused
    take_in(world, postfix(notice(world, number).but(**changed)))
    assert state_of(world, number) == "diffusee"
    assert told(world, number) == []
    assert {s for _, s in states(world, number)} == {"accepted"}


def test_a_report_on_our_message_to_an_address_of_somebody_else_is_said(diffused):
    world, number = diffused
    (recorded,) = take_in(world, exim(notice(world, number).but(original="jean@example.net")))
    assert (recorded.ours, recorded.strangers) == (True, ("jean@example.net",))


def test_a_forwarded_copy_is_known_by_the_address_that_was_written_to(diffused):
    world, number = diffused
    take_in(world, postfix(notice(world, number, final="jean@ailleurs.example.org")))
    assert [r.address for r in told(world, number)] == ["e01@example.org"]
    assert state_of(world, number) == "retour_a_regler"


def test_servers_may_change_the_case_of_an_address(diffused):
    world, number = diffused
    about = notice(world, number)
    take_in(world, gmail(about.but(original="E01@Example.ORG")))
    assert [r.address for r in told(world, number)] == ["e01@example.org"]


def test_a_message_id_shared_by_a_batch_is_told_apart_by_the_address(diffused):
    world, number = diffused
    # As when one transaction carries the same content, under one Message-ID, to several establishments.
    about = notice(world, number, "e01@example.org")
    (report,) = read(postfix(about))
    with world.database.write() as connection:
        other = sent(world, number, "e02@example.org")
        both = [sent(world, number).id, other.id]
        rows = connection.execute(select(deliveries).where(deliveries.c.id.in_(both))).all()
        matched, strangers = returns._matched(rows, report.verdicts)
    assert [(row.id, address) for row, _verdict, address in matched] == [
        (sent(world, number).id, "e01@example.org")
    ]
    assert strangers == ()


def two_addresses(world, number):
    """Give the second establishment another address, as if it had had both from the start."""
    about = sent(world, number)
    both = ["e01@example.org", "direction01@example.org"]
    with world.database.write() as connection:
        this = deliveries.c.id == about.id
        connection.execute(update(deliveries).where(this).values(addresses=json.dumps(both)))
    return both


def test_a_recipient_of_two_addresses_is_lost_only_when_both_have_failed(diffused):
    world, number = diffused
    first, second = two_addresses(world, number)
    about = notice(world, number, first)
    take_in(world, postfix(about))
    assert sent(world, number).state == "accepted"
    assert state_of(world, number) == "diffusee"
    assert [r.address for r in returns.failed((first, second), told(world, number))] == [first]
    take_in(world, postfix(about.but(original=second, report="<deux@mx.example.org>")))
    assert sent(world, number).state == "bounced"
    assert state_of(world, number) == "retour_a_regler"


def test_what_is_only_late_is_still_accepted_and_is_noted(diffused):
    world, number = diffused
    about = notice(world, number, action="delayed", status="4.4.1", said="timed out")
    take_in(world, postfix(about))
    assert sent(world, number).state == "delayed"
    assert state_of(world, number) == "diffusee"
    with world.database.read() as connection:
        account = diffusion.account(connection, world.id(number), "diffusion")
    assert all(c.state in outbox.DONE for c in account.copies)
    take_in(world, postfix(about.but(action="failed", status="4.4.7", report="<b@mx.example.org>")))
    assert state_of(world, number) == "retour_a_regler"


def test_what_was_late_then_arrived_is_accepted_again(diffused):
    world, number = diffused
    late = notice(world, number, action="delayed", status="4.4.1", report="<a@mx.example.org>")
    take_in(world, postfix(late))
    take_in(world, postfix(late.but(action="delivered", status="2.0.0", report="<b@mx.e.org>")))
    assert sent(world, number).state == "accepted"


def test_the_order_in_which_reports_are_read_changes_nothing(requests, mail):
    ends = set()
    for order in itertools.permutations(("delayed", "delivered", "failed")):
        number = ready_to_diffuse(requests)
        requests.do(number, "diffuser")
        settle(requests, worker(requests, mail))
        for action in order:
            about = notice(requests, number, action=action, report=f"<{action}.{number}@mx.org>")
            take_in(requests, postfix(about.but(status="")))
        ends.add((sent(requests, number).state, state_of(requests, number)))
    assert ends == {("bounced", "retour_a_regler")}


def again(world, number, addresses=None):
    """Send what came back again, to other addresses if some are given."""
    about = sent(world, number)
    decision = {"by": ADVISER.login, "at": "…", "reason": "adresse corrigée"}
    with world.database.write() as connection:
        new = {about.id: addresses} if addresses else None
        assert outbox.retry(
            connection, [about.id], now=world.clock.now(), decision=decision, addresses=new
        )


def test_a_retry_to_a_corrected_address_settles_it_and_the_deadline_has_not_moved(diffused, mail):
    world, number = diffused
    before = world.case(number).data["date_limite"]
    take_in(world, postfix(notice(world, number)))
    again(world, number, ["nouvelle@example.org"])
    world.tick()
    assert state_of(world, number) == "retour_a_regler"  # until the relay has it
    settle(world, worker(world, mail))
    world.tick()
    assert state_of(world, number) == "diffusee"
    assert world.case(number).data["date_limite"] == before
    assert len(mail.to("nouvelle@example.org")) == 1
    with world.database.read() as connection:
        pending = set(connection.execute(
            select(timers.c.name).where(timers.c.case_id == world.id(number),
                                        timers.c.status == "pending")).scalars())  # fmt: skip
    assert {"rappel_interets", "date_limite_passee"} <= pending


def test_a_late_report_on_an_earlier_sending_is_kept_and_changes_nothing(diffused, mail):
    world, number = diffused
    first = notice(world, number)
    take_in(world, postfix(first))
    world.clock.advance(timedelta(hours=2))
    again(world, number)
    settle(world, worker(world, mail))
    world.tick()
    assert state_of(world, number) == "diffusee"
    (recorded,) = take_in(world, exim(first.but(report="<le-second@mx.example.org>")))
    assert [e.returned.current for e in recorded.effects] == [False]
    assert [r.current for r in told(world, number, "e01@example.org")] == [False, False]
    assert state_of(world, number) == "diffusee"
    take_in(world, exim(first.but(report="<le-troisieme@mx.example.org>", at=world.clock.now())))
    assert state_of(world, number) == "retour_a_regler"


def test_a_report_on_a_message_that_is_being_sent_waits(diffused):
    world, number = diffused
    about = sent(world, number)
    raw = postfix(notice(world, number))
    for state, waiting in (("releasing", True), ("accepted", False)):
        with world.database.write() as connection:
            this = deliveries.c.id == about.id
            connection.execute(update(deliveries).where(this).values(state=state))
        (recorded,) = take_in(world, raw)
        assert recorded.waiting is waiting
        assert len(told(world, number)) == (0 if waiting else 1)


def test_a_report_tells_what_became_of_an_uncertain_copy_but_an_arrival_is_for_a_person(diffused):
    world, number = diffused
    about = notice(world, number)
    with world.database.write() as connection:
        this = deliveries.c.id == sent(world, number).id
        connection.execute(update(deliveries).where(this).values(state="uncertain"))
    take_in(world, postfix(about.but(action="relayed", status="2.0.0", report="<a@mx.org>")))
    assert sent(world, number).state == "uncertain"
    take_in(world, postfix(about))
    assert sent(world, number).state == "bounced"


def test_a_person_may_decide_that_it_arrived_in_spite_of_the_report(diffused):
    world, number = diffused
    take_in(world, postfix(notice(world, number)))
    with world.database.write() as connection:
        assert outbox.resolve(
            connection, sent(world, number).id, "confirmed", now=world.clock.now(), decision={}
        )
    world.tick()
    assert state_of(world, number) == "diffusee"


def test_while_a_return_is_settled_the_follow_up_goes_on(diffused, mail):
    world, number = diffused
    take_in(world, postfix(notice(world, number)))
    member = "Établissement 00"
    world.do(
        number, "consigner_interet", interets__etablissement=member, interets__nature="interesse"
    )
    world.do(number, "repondre_a_tous", suites__question="Quand?", suites__reponse="En mai")
    with world.database.read() as connection:
        batch = diffusion.account(connection, world.id(number), "reponse_reseau")
    # Whose sheet came back is given it again with what is said to all.
    answered = {copy.name: copy.newcomer for copy in batch.copies}
    assert answered == {
        "Établissement 00": False, "Établissement 01": True, "Établissement 02": False,
    }  # fmt: skip
    world.clock.advance(timedelta(days=20))
    world.tick()
    assert state_of(world, number) == "suivi_avec_retour"
    with pytest.raises(Refused):
        world.do(number, "conclure_suivi", note="fini")
    again(world, number, ["nouvelle@example.org"])
    settle(world, worker(world, mail))
    world.tick()
    assert state_of(world, number) == "suivi_a_conclure"
    world.do(number, "conclure_suivi", note="fini")
    assert state_of(world, number) == "terminee"


def test_a_return_after_the_deadline_keeps_the_follow_up_open_until_the_director_accepts(diffused):
    world, number = diffused
    world.clock.advance(timedelta(days=20))
    world.tick()
    assert state_of(world, number) == "suivi_a_conclure"
    about = notice(world, number)
    (report,) = read(postfix(about))
    with world.database.write() as connection:
        returns.record(connection, report, world.clock.now())
    with pytest.raises(Refused):  # before the clock has even looked
        world.do(number, "conclure_suivi", note="fini")
    world.tick()
    assert state_of(world, number) == "suivi_avec_retour"
    world.do(number, "accepter_retour_tardif", DIRECTOR, exception_motif="L'école est fermée")
    assert state_of(world, number) == "suivi_a_conclure"
    world.tick()
    world.do(number, "conclure_suivi", note="fini")
    assert state_of(world, number) == "terminee_incomplete"


def test_the_director_may_accept_that_one_could_not_be_reached(diffused):
    world, number = diffused
    take_in(world, postfix(notice(world, number)))
    with pytest.raises(Refused):
        world.do(number, "accepter_incomplet", exception_motif="x")
    world.do(number, "accepter_incomplet", DIRECTOR, exception_motif="L'école est fermée")
    world.tick()
    assert state_of(world, number) == "diffusion_incomplete"


def awaiting(world):
    """Return what needs a person, as the list and the counts tell it."""
    with world.database.read() as connection:
        found = outbox.list_deliveries(connection, failed=True)
        return [d.addresses[0] for d in found], outbox.awaiting_person(connection)


def test_another_return_after_an_accepted_one_is_a_task_and_the_first_stays_accepted(
    diffused, mail
):
    world, number = diffused
    take_in(world, postfix(notice(world, number)))
    world.do(number, "accepter_incomplet", DIRECTOR, exception_motif="L'école est fermée")
    world.tick()
    assert state_of(world, number) == "diffusion_incomplete"
    assert awaiting(world) == ([], {})
    about = notice(world, number, "e02@example.org", report="<autre@mx.example.org>")
    take_in(world, postfix(about))
    assert state_of(world, number) == "retour_a_regler"
    assert awaiting(world) == (["e02@example.org"], {"bounced": 1})
    document, _said, _english = certified(world, number)
    assert document["outcome"]["said"] == "1/3"
    assert sorted(r["remedy"] for r in document["refusals"]) == ["left", "person"]
    with world.database.write() as connection:
        again = sent(world, number, "e02@example.org").id
        assert outbox.retry(connection, [again], now=world.clock.now(), decision={"by": "x"})
    settle(world, worker(world, mail))
    world.tick()
    assert state_of(world, number) == "diffusion_incomplete"
    document, _said, _english = certified(world, number)
    assert document["outcome"]["said"] == "2/3"


def test_why_an_incomplete_diffusion_is_accepted_stands_in_the_certificate_without_its_author(
    diffused,
):
    world, number = diffused
    take_in(world, postfix(notice(world, number)))
    world.do(number, "accepter_incomplet", DIRECTOR,
             exception_motif="École fermée; e01@example.org ne répond plus")  # fmt: skip
    at = world.clock.now()
    document, said, english = certified(world, number)
    (decision,) = document["decisions"]
    assert (decision["action"], decision["at"]["utc"]) == ("accept", utc(at))
    assert decision["reason"] == "École fermée; […] ne répond plus"
    assert (
        "une personne a accepté que la diffusion reste incomplète. Motif : « École fermée" in said
    )
    assert "a person accepted that the diffusion stays incomplete. Reason: “École fermée" in english
    assert "une personne accepte qu'il ne l'ait pas" in said
    assert DIRECTOR.login not in str(document)
    # The same reason, given again for another return, is another decision.
    take_in(world, postfix(notice(world, number, "e02@example.org", report="<2@mx.example.org>")))
    world.do(number, "accepter_incomplet", DIRECTOR,
             exception_motif="École fermée; e01@example.org ne répond plus")  # fmt: skip
    document, _said, _english = certified(world, number)
    assert [d["action"] for d in document["decisions"]] == ["accept", "accept"]


def test_what_is_only_looked_at_changes_nothing(diffused):
    world, number = diffused
    (report,) = read(postfix(notice(world, number)))
    with world.database.read() as connection:
        seen = returns.record(connection, report, world.clock.now(), keep=False)
    assert [e.state for e in seen.effects] == ["bounced"]
    world.tick()
    assert (sent(world, number).state, told(world, number)) == ("accepted", [])
    assert state_of(world, number) == "diffusee"


def test_a_report_on_other_mail_is_shown_without_moving_any_case(requests, mail):
    number = requests.engine.open(
        "demande",
        {"organisation": "O", "sujet": "S", "contact_courriel": "k@example.org"},
        ADVISER,
    ).number
    settle(requests, worker(requests, mail))
    with requests.database.read() as connection:
        (ack,) = outbox.list_deliveries(connection, case_id=requests.id(number))
    take_in(requests, postfix(Notice(ack.message_id, "k@example.org", at=requests.clock.now())))
    with requests.database.read() as connection:
        (failed,) = outbox.list_deliveries(connection, failed=True)
    assert (failed.message, failed.state) == ("accuse_reception", "bounced")
    assert state_of(requests, number) == "enregistree"


PIECES = st.lists(
    st.tuples(st.integers(0, 3500), st.integers(0, 200), st.binary(max_size=40)),
    min_size=1,
    max_size=6,
)


def test_garbage_never_changes_a_delivery(diffused):
    world, number = diffused
    whole = [make(notice(world, number)) for make in EVERY.values()]

    @settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
    @given(st.one_of(st.binary(max_size=2000), st.tuples(st.sampled_from(whole), PIECES)))
    def never(drawn):
        raw = drawn
        if isinstance(drawn, tuple):
            raw, pieces = drawn
            for at, gone, put in pieces:
                raw = raw[:at] + put + raw[at + gone :]
            # Its own Message-ID is what makes it a report on our mail: without it, it is on nothing.
            raw = raw.replace(sent(world, number).message_id[:20].encode(), b"<x")
        take_in(world, raw)
        assert {s for _, s in states(world, number)} == {"accepted"}
        assert state_of(world, number) == "diffusee"

    never()
    with world.database.read() as connection:
        from engine.schema import returns as table

        assert connection.execute(select(func.count()).select_from(table)).scalar() == 0


def test_a_return_stays_in_the_certificate_with_its_cause_and_its_instant_once_it_is_settled(
    diffused, mail
):
    world, number = diffused
    world.clock.advance(timedelta(hours=1))
    at = world.clock.now()
    take_in(world, postfix(notice(world, number)))
    document, said, _english = certified(world, number)
    (row,) = document["refusals"]
    assert (row["kind"], row["remedy"]) == ("bounced", "person")
    assert "5.1.1" in row["reply"]
    assert row["settled"] == utc(at.replace(microsecond=0))
    again(world, number, ["nouvelle@ailleurs.example"])
    settle(world, worker(world, mail))
    document, said, _english = certified(world, number)
    assert document["outcome"]["said"] == "3/3"
    assert [r | {"remedy": "person"} for r in document["refusals"]] == [row]
    assert document["refusals"][0]["remedy"] == "accepted"
    assert document["lines"][row["line"] - 1]["attempts"] == 2
    assert "accepté, puis retourné (5.1.1" in said or "accepté, puis retourné (550 5.1.1" in said
    assert "example.org" not in str(document["refusals"])
    assert "e01" not in row["reply"]

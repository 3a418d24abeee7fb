"""A diffusion on servers that go wrong in every way: nothing lost, nothing doubled, the record tells the truth."""

import asyncio
import threading
import time
from collections import Counter
from copy import copy
from datetime import timedelta

import pytest
from sqlalchemy import String, cast

from engine import diffusion, journal, outbox
from engine.schema import deliveries
from engine.schema import outbox as table
from notifications.parcels import split
from notifications.rehearsal import rehearsal
from notifications.settings import Institute, MailSettings
from tests.integration.test_mail import settle, states, worker
from tests.support import certificates
from tests.support.mail import until
from tests.support.postfix import Postfix, queued_at
from tests.support.world import ready_to_diffuse

INSTITUTE = Institute(name="Institut", address="Val-d'Or", email="info@example.org")


def queued(world, count=29, **columns):
    """Return the number of a request whose diffusion is queued to so many."""
    world.network_more(count - 3)
    number = ready_to_diffuse(world)
    world.do(number, "diffuser")
    if columns:
        with world.database.write() as connection:
            connection.execute(table.update().where(table.c.name == "diffusion").values(**columns))
            if columns.get("personal"):
                own = "<" + cast(deliveries.c.id, String) + "@example.org>"
                connection.execute(deliveries.update().values(message_id=own))
    return number


def account(world, number):
    with world.database.read() as connection:
        return diffusion.account(connection, world.id(number), "diffusion")


def state(world, number):
    return Counter(s for _, s in states(world, number))


def letters(mail):
    """Return the copies of the diffusion, one for each address, not those of the letters about it."""
    batches = [r for r in mail.received if "<diffusion." in (r.message["List-Id"] or "")]
    return Counter(address for r in batches for address in r.recipients)


def everybody_once(world, number, mail):
    copies = letters(mail)
    return state(world, number) == {"accepted": len(copies)} and set(copies.values()) == {1}


def test_identical_content_is_one_acceptance_for_everybody(requests, mail):
    number = queued(requests)
    settle(requests, worker(requests, mail))
    assert everybody_once(requests, number, mail)
    (run,) = account(requests, number).runs
    (sent,) = run.transmissions
    assert (run.shape, sent.method, sent.recipients) == ("one", "BDAT", 29)
    assert {c.settled_at for c in account(requests, number).copies} == {sent.replied_at}


def test_a_server_without_chunking_is_given_the_dot_last(requests, mail):
    mail.faults.chunking = mail.faults.pipelining = False
    number = queued(requests)
    settle(requests, worker(requests, mail))
    assert everybody_once(requests, number, mail)
    assert account(requests, number).runs[0].transmissions[0].method == "DATA"


def test_a_transaction_that_cannot_take_all_becomes_even_groups_released_together(requests, mail):
    mail.faults.recipients = 10
    number = queued(requests)
    settle(requests, worker(requests, mail))
    assert everybody_once(requests, number, mail)
    (run,) = account(requests, number).runs
    assert run.shape == "groups"
    assert [t.recipients for t in run.transmissions] == [10, 10, 9]
    assert all(t.staged_at < run.first_dot_at <= t.dot_at for t in run.transmissions)


def test_words_of_its_own_for_each_are_staged_all_before_the_first_is_released(requests, mail):
    number = queued(requests, personal=1)
    settle(requests, worker(requests, mail))
    assert everybody_once(requests, number, mail)
    (run,) = account(requests, number).runs
    assert (run.shape, len(run.transmissions)) == ("each", 29)
    assert max(t.staged_at for t in run.transmissions) < min(t.dot_at for t in run.transmissions)
    assert max(t.dot_at for t in run.transmissions) <= run.last_reply_at
    assert all(r.message["To"].count("@") == 1 for r in mail.received if "e0" in r.recipients[0])


def test_a_server_that_holds_three_gets_waves_and_refusals_are_known_before_the_first(
    requests, mail
):
    mail.faults.connections = 3
    number = queued(requests, personal=1, rule="proceed_and_remedy")
    mail.faults.refuse_rcpt["e60@example.org"] = "550 no such user"
    settle(requests, worker(requests, mail))
    assert state(requests, number) == {"accepted": 28, "refused_rcpt": 1}
    assert set(letters(mail).values()) == {1}
    (run,) = account(requests, number).runs
    assert run.shape == "waves"
    # The connection of the letters before may still be closing.
    assert run.server["connections"] in {2, 3}
    waves = Counter(t.wave for t in run.transmissions)
    assert sum(waves.values()) == 28
    assert max(waves.values()) == run.server["connections"]
    assert run.staged_at < run.first_dot_at
    assert list(run.reason["refused"].values()) == ["550 no such user"]


def test_in_waves_too_one_refusal_and_nobody_has_anything(requests, mail):
    mail.faults.connections = 3
    number = queued(requests, personal=1)
    mail.faults.refuse_rcpt["e60@example.org"] = "550 no such user"
    settle(requests, worker(requests, mail))
    assert state(requests, number) == {"aborted": 28, "refused_rcpt": 1}
    assert letters(mail) == {}


# --- what is said later, to those who had the sheet and to newcomers --------------------------------


def corrected(world, mail, **columns):
    """Return the number of a request diffused to three, whose erratum is queued to them and to two more."""
    number = ready_to_diffuse(world)
    world.do(number, "diffuser")
    settle(world, worker(world, mail))
    world.network_more(2)
    world.do(number, "rectifier", suites__erratum_texte="40", suites__rectification="60")
    with world.database.write() as connection:
        connection.execute(
            table.update()
            .where(table.c.name == "erratum")
            .values(columns or {"rule": "proceed_and_remedy"})
        )
    return number


def errata(mail):
    return [r for r in mail.received if "<erratum." in (r.message["List-Id"] or "")]


def erratum_of(world, number):
    with world.database.read() as connection:
        return diffusion.account(connection, world.id(number), "erratum")


@pytest.mark.parametrize("chunking", [True, False])
def test_newcomers_have_their_own_content_in_the_same_release_as_the_others(
    requests, mail, chunking
):
    mail.faults.chunking = chunking
    number = corrected(requests, mail)
    # A server that is slow to answer: the end of the second message does not wait for the first reply.
    mail.faults.slow_reply = 0.3
    settle(requests, worker(requests, mail))
    had, new = sorted(errata(mail), key=lambda r: -len(r.recipients))
    assert sorted(had.recipients) == [f"e{n:02d}@example.org" for n in range(3)]
    assert sorted(new.recipients) == ["e50@example.org", "e51@example.org"]
    assert had.message["Message-ID"] != new.message["Message-ID"]
    told = erratum_of(requests, number)
    assert [c.newcomer for c in sorted(told.copies, key=lambda c: c.name)] == [False] * 3 + [
        True
    ] * 2
    assert set(told.contents) == {"fr", "fr/new"}
    (run,) = told.runs
    assert (run.shape, [t.wave for t in run.transmissions]) == ("groups", [1, 1])
    assert {t.recipients for t in run.transmissions} == {3, 2}
    staged, dots, replies = zip(
        *((t.staged_at, t.dot_at, t.replied_at) for t in run.transmissions), strict=True
    )
    assert max(staged) < min(dots)
    assert max(dots) < min(replies)
    assert max(dots) - min(dots) < timedelta(milliseconds=100)


def test_one_newcomer_refused_and_nobody_has_anything_where_the_rule_is_all_or_nobody(
    requests, mail
):
    number = corrected(requests, mail, rule="all_or_nothing")
    mail.faults.refuse_rcpt["e51@example.org"] = "550 no such user"
    settle(requests, worker(requests, mail))
    assert errata(mail) == []
    states_ = {c.addresses[0]: c.state for c in erratum_of(requests, number).copies}
    assert states_.pop("e51@example.org") == "refused_rcpt"
    assert set(states_.values()) == {"aborted"}
    mail.faults.refuse_rcpt.clear()
    with requests.database.write() as connection:
        ids = [c.delivery for c in erratum_of(requests, number).copies]
        assert outbox.retry(connection, ids, now=requests.clock.now(), decision={}) == 5
    settle(requests, worker(requests, mail))
    assert sorted(len(r.recipients) for r in errata(mail)) == [2, 3]


def test_one_newcomer_refused_is_remedied_and_the_others_have_it_together(requests, mail):
    number = corrected(requests, mail)
    mail.faults.refuse_rcpt["e51@example.org"] = "550 no such user"
    settle(requests, worker(requests, mail))
    assert sorted(len(r.recipients) for r in errata(mail)) == [1, 3]
    last = erratum_of(requests, number).runs[-1]
    assert (last.decision, {t.wave for t in last.transmissions}) == ("released", {1})


@pytest.mark.parametrize("chunking", [True, False])
def test_whoever_is_refused_is_known_before_anybody_has_it_and_the_rule_decides(
    requests, mail, chunking
):
    mail.faults.chunking = chunking
    number = queued(requests)
    mail.faults.refuse_rcpt["e55@example.org"] = "550 no such user"
    settle(requests, worker(requests, mail))
    assert state(requests, number) == {"aborted": 28, "refused_rcpt": 1}
    assert letters(mail) == {}
    assert account(requests, number).runs[0].decision == "aborted"
    with requests.database.write() as connection:
        found = account(requests, number)
        decision = {"by": "direction", "at": "…", "reason": "établissement fermé"}
        diffusion.depart(connection, found.outbox_id, "proceed_and_remedy", decision)
        journal.append(connection, actor="direction", subject="outbox", action="depart", body={},
                       at=requests.clock.now())  # fmt: skip
        outbox.retry(connection, [c.delivery for c in found.copies], now=requests.clock.now(),
                     decision=decision)  # fmt: skip
    settle(requests, worker(requests, mail))
    assert state(requests, number) == {"accepted": 28, "refused_rcpt": 1}
    assert len(letters(mail)) == 28
    second = account(requests, number).runs[1]
    assert (second.decision, second.reason["by"]) == ("released", "direction")


def test_nobody_who_had_it_has_it_again_when_the_refused_one_is_mended(requests, mail):
    number = queued(requests, rule="proceed_and_remedy")
    mail.faults.refuse_rcpt["e55@example.org"] = "550 no such user"
    settle(requests, worker(requests, mail))
    mail.faults.refuse_rcpt.clear()
    with requests.database.write() as connection:
        refused = [c for c in account(requests, number).copies if c.state == "refused_rcpt"]
        outbox.retry(connection, [refused[0].delivery], now=requests.clock.now(), decision={})
    settle(requests, worker(requests, mail))
    assert everybody_once(requests, number, mail)
    one, two = [r for r in mail.received if "<diffusion." in (r.message["List-Id"] or "")]
    assert one.content == two.content


@pytest.mark.parametrize(
    ("faults", "after", "copies"),
    [
        ({"after_dot": {"*": "451 later"}}, {"deferred": 29}, 0),
        ({"after_dot": {"*": "554 no"}}, {"refused": 29}, 0),
        ({"drop_after_dot": {"*"}}, {"uncertain": 29}, 29),
        ({"drop_in_data": {"*"}}, {"uncertain": 29}, 0),
        ({"slow_reply": 0.3}, {"accepted": 29}, 29),
        ({"size": 100}, {"refused": 29}, 0),
    ],
)
def test_what_the_server_does_to_the_one_transaction_is_what_everybody_has(
    requests, mail, faults, after, copies
):
    number = queued(requests)
    for name, value in faults.items():
        setattr(mail.faults, name, copy(value))
    settle(requests, worker(requests, mail))
    assert dict(state(requests, number)) == after
    assert sum(letters(mail).values()) == copies
    for fault in ("after_dot", "drop_after_dot", "drop_in_data"):
        getattr(mail.faults, fault).clear()
    requests.clock.advance(timedelta(days=1))
    settle(requests, worker(requests, mail))
    assert max(letters(mail).values(), default=0) <= 1


def test_of_several_transactions_one_that_is_lost_after_its_end_is_uncertain_alone(requests, mail):
    mail.faults.recipients = 10
    number = queued(requests)
    mail.faults.drop_after_dot.add("e55@example.org")
    settle(requests, worker(requests, mail))
    uncertain = state(requests, number)["uncertain"]
    assert uncertain in {9, 10}
    assert state(requests, number) == {"uncertain": uncertain, "accepted": 29 - uncertain}
    assert set(letters(mail).values()) == {1}
    run = account(requests, number).runs[0]
    assert sorted(t.state for t in run.transmissions) == ["accepted", "accepted", "uncertain"]
    accepted = [t.replied_at for t in run.transmissions if t.state == "accepted"]
    assert None not in accepted
    # The connection that broke is no acceptance: the window ends before it, if it broke last.
    assert run.last_reply_at == max(accepted)


@pytest.mark.parametrize("fault", ["drop_after_dot", "after_dot"])
def test_the_first_end_that_was_written_is_told_even_when_nobody_was_accepted(
    requests, mail, fault
):
    mail.faults.recipients = 10
    if fault == "after_dot":
        mail.faults.after_dot["*"] = "554 5.7.1 no"
    else:
        mail.faults.drop_after_dot.add("*")
    number = queued(requests)
    settle(requests, worker(requests, mail))
    run = account(requests, number).runs[0]
    assert run.first_dot_at == min(t.dot_at for t in run.transmissions)
    assert (run.last_reply_at, run.window) == (None, None)


@pytest.mark.parametrize("chunking", [True, False])
def test_what_is_set_for_an_instant_is_staged_before_it_and_released_at_it(
    requests, mail, chunking
):
    mail.faults.chunking = chunking
    number = queued(requests)
    at = requests.clock.now() + timedelta(seconds=1)
    set_for(requests, number, at)
    settle(requests, worker(requests, mail))
    assert everybody_once(requests, number, mail)
    (run,) = account(requests, number).runs
    assert run.transmissions[0].staged_at < at <= run.first_dot_at
    assert run.first_dot_at - at < timedelta(seconds=2)


@pytest.mark.parametrize("chunking", [True, False])
def test_what_the_server_drops_while_it_is_held_is_staged_again(requests, mail, chunking):
    mail.faults.chunking = chunking
    number = queued(requests)
    mail.faults.drop_held["*"] = 0.3
    set_for(requests, number, requests.clock.now() + timedelta(seconds=2))
    releasing = threading.Timer(1.2, mail.faults.drop_held.clear)
    releasing.start()
    settle(requests, worker(requests, mail))
    releasing.join()
    assert everybody_once(requests, number, mail)


def set_for(world, number, at):
    with world.database.write() as connection:
        from engine.schema import to_micros

        connection.execute(
            table.update().where(table.c.name == "diffusion").values(not_before=to_micros(at))
        )


def test_what_is_called_off_while_it_is_held_reaches_nobody(requests, mail):
    number = queued(requests)
    set_for(requests, number, requests.clock.now() + timedelta(seconds=3))
    held = threading.Thread(target=worker(requests, mail).deliver_due)
    held.start()
    until(lambda: any(len(h.recipients) == 29 for h in mail.held()))
    with requests.database.write() as connection:
        stopped = diffusion.call_off(connection, account(requests, number).outbox_id,
                                     now=requests.clock.now(), decision={"by": "x"})  # fmt: skip
    held.join()
    assert stopped == 29
    assert letters(mail) == {}
    assert state(requests, number) == {"aborted": 29}
    requests.tick()
    assert requests.case(number).row.state == "diffusion_a_regler"


def test_a_sheet_that_nobody_has_is_taken_back_and_only_the_corrected_one_ever_leaves(
    requests, mail
):
    mail.faults.refuse_rcpt["e55@example.org"] = "550 no such user"
    number = queued(requests)
    settle(requests, worker(requests, mail))
    assert requests.case(number).row.state == "diffusion_a_regler"
    old = account(requests, number)
    requests.do(number, "reprendre_fiche", note="La fiche se trompe")
    assert state(requests, number) == {"cancelled": 29}
    with requests.database.write() as connection:
        assert outbox.retry(connection, [c.delivery for c in old.copies],
                            now=requests.clock.now(), decision={}) == 0  # fmt: skip
    mail.faults.refuse_rcpt.clear()
    requests.do(number, "preparer_fiche", fiche_titre="Le bon titre")
    requests.do(number, "diffuser")
    settle(requests, worker(requests, mail))
    assert set(letters(mail).values()) == {1}
    (sheet,) = [r for r in mail.received if "<diffusion." in (r.message["List-Id"] or "")]
    assert "Le bon titre" in sheet.message["Subject"]
    assert requests.case(number).row.state == "diffusee"
    assert account(requests, number).outbox_id != old.outbox_id


def test_what_somebody_has_cannot_be_called_off(requests, mail):
    number = queued(requests)
    settle(requests, worker(requests, mail))
    with pytest.raises(diffusion.TooLate), requests.database.write() as connection:
        diffusion.call_off(connection, account(requests, number).outbox_id,
                           now=requests.clock.now(), decision={})  # fmt: skip


def test_a_worker_that_is_told_to_stop_while_it_holds_lets_everybody_wait_together(requests, mail):
    number = queued(requests)
    set_for(requests, number, requests.clock.now() + timedelta(seconds=30))
    post = worker(requests, mail)
    post.stop = threading.Event()
    held = threading.Thread(target=post.deliver_due)
    held.start()
    until(lambda: any(len(h.recipients) == 29 for h in mail.held()))
    post.stop.set()
    held.join()
    assert letters(mail) == {}
    assert state(requests, number) == {"queued": 29}


@pytest.mark.parametrize(
    ("tls", "certificate", "reached"),
    [("required", "good", True), ("required", "expired", False), ("required", "self_signed", False),
     ("required", "wrong_name", False), ("", "good", False)],
)  # fmt: skip
def test_a_server_that_does_not_prove_who_it_is_is_given_nothing(
    requests, mail, monkeypatch, tls, certificate, reached
):
    authority = certificates.made(certificate).authority
    if certificate != "self_signed":
        monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    mail.faults.tls, mail.faults.certificate = tls, certificate
    number = queued(requests)
    post = worker(requests, mail)
    post.settings = settings(mail, security="starttls")
    report = settle(requests, post)
    if reached:
        assert everybody_once(requests, number, mail)
        assert all(r.encrypted for r in mail.received)
    else:
        assert "TLS" in report.fault
        assert state(requests, number) == {"deferred": 29}
        assert mail.received == []


def settings(mail, **more):
    given = {"host": "127.0.0.1", "port": mail.port, "security": "none", "institute": INSTITUTE,
             "timeout": 5, **more}  # fmt: skip
    return MailSettings(**given)


def test_a_refused_login_is_told_and_everybody_waits(requests, mail, monkeypatch):
    monkeypatch.setenv("ARRIMAGE_SMTP_PASSWORD", "mauvais")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.made("good").authority))
    mail.faults.tls, mail.faults.login = "required", "institut:bon"
    number = queued(requests)
    post = worker(requests, mail)
    post.settings = settings(mail, security="starttls", username="institut")
    assert "authentication refused" in settle(requests, post).fault
    assert state(requests, number) == {"deferred": 29}
    monkeypatch.setenv("ARRIMAGE_SMTP_PASSWORD", "bon")
    requests.clock.advance(timedelta(minutes=2))
    settle(requests, post)
    assert everybody_once(requests, number, mail)


def test_a_rehearsal_says_who_would_be_refused_and_nobody_receives_anything(requests, mail):
    number = queued(requests)
    mail.faults.refuse_rcpt["e55@example.org"] = "550 no such user"
    from engine import lease
    from notifications.contents import Contents
    from notifications.parcels import parcels
    from notifications.rendering import Renderer

    with requests.database.read() as connection:
        leased = lease.look(connection, account(requests, number).outbox_id)
    contents = Contents(requests.database, Renderer(INSTITUTE), [leased])
    assert contents.render() == []
    made = parcels(leased, contents, settings(mail))
    done = asyncio.run(rehearsal(leased, made, settings(mail), requests.clock))
    assert [o.reply for _, o in done.refused] == ["550 no such user"]
    assert (done.recipients, done.shape, done.verdict) == (29, "one", "aborted")
    assert mail.received == []
    assert account(requests, number).runs == ()
    assert split(made, 10)[0].addresses == made[0].addresses[:10]


# --- a real server --------------------------------------------------------------------------------


@pytest.mark.parametrize("personal", [0, 1])
def test_on_a_real_postfix_everybody_has_it_once_and_its_own_clock_agrees(requests, personal):
    number = queued(requests, personal=personal)
    with Postfix() as server:
        settle(requests, worker(requests, server.port))
        assert state(requests, number) == {"accepted": 29}
        delivered = server.wait(29)
        mine = [d for d in delivered if "<diffusion." in (d.message["List-Id"] or "")]
        assert Counter(d.recipient for d in mine) == Counter(a for a, _ in states(requests, number))
        ids = {d.message["Message-ID"] for d in mine}
        assert len(ids) == (29 if personal else 1)
        (run,) = account(requests, number).runs
        assert len(run.transmissions) == (29 if personal else 1)
        queue = [t.reply.rpartition(" ")[2] for t in run.transmissions]
        spread = (max(map(queued_at, queue)) - min(map(queued_at, queue))) / 1000
        assert spread == 0 or personal


def test_on_a_real_postfix_a_refusal_leaves_everybody_without(requests):
    number = queued(requests)
    with Postfix(refuse={"e55@example.org": "550 5.1.1 no such user"}) as server:
        settle(requests, worker(requests, server.port))
        assert state(requests, number) == {"aborted": 28, "refused_rcpt": 1}
        time.sleep(0.5)
        assert [d for d in server.received() if "e5" in d.recipient] == []


def test_on_a_real_postfix_too_many_recipients_become_groups(requests):
    number = queued(requests)
    with Postfix(smtpd_recipient_limit=10, smtpd_recipient_overshoot_limit=50) as server:
        settle(requests, worker(requests, server.port))
        assert state(requests, number) == {"accepted": 29}
        run = account(requests, number).runs[0]
        assert run.shape == "groups"
        assert [t.recipients for t in run.transmissions] == [10, 10, 9]


def test_on_a_real_postfix_later_waves_are_asked_about_without_looking_like_an_intruder(requests):
    number = queued(requests, personal=1)
    # It closes on who gives up more than a few transactions; by default, a hundred and twenty.
    limits = {"smtpd_junk_command_limit": 5, "smtpd_hard_error_limit": 3}
    with Postfix(**limits) as server:
        settle(requests, worker(requests, server.port, held=4))
        assert state(requests, number) == {"accepted": 29}
        (run,) = account(requests, number).runs
        assert run.shape == "waves"


def test_a_server_with_room_for_few_is_asked_about_everybody_of_later_waves(requests, mail):
    number = queued(requests, personal=1)
    mail.faults.recipients = 4
    mail.faults.refuse_rcpt["e55@example.org"] = "550 no such user"
    settle(requests, worker(requests, mail, held=3))
    assert state(requests, number) == {"aborted": 28, "refused_rcpt": 1}
    assert not letters(mail)

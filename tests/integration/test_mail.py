"""From a case to a mail server, on both databases: what was accepted, what waits, what nobody knows."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from engine import diffusion, lease, outbox, roster, staff
from engine.errors import Refused
from engine.lease import Move
from engine.schema import outbox as outbox_table
from notifications.rendering import Renderer
from notifications.settings import Institute, MailSettings
from notifications.worker import Worker
from tests.support.mail import free_port
from tests.support.world import ADVISER, DIRECTOR, OTHER, ready_to_diffuse

EVERYBODY = {f"e{n:02d}@example.org" for n in range(3)}
INSTITUTE = Institute(name="Institut", address="Val-d'Or", email="info@example.org")


def worker(world, server, **more):
    port = server if isinstance(server, int) else server.port
    settings = MailSettings(
        host="127.0.0.1", port=port, security="none", institute=INSTITUTE, timeout=5, **more
    )
    return Worker(
        database=world.database, renderer=Renderer(INSTITUTE), settings=settings, clock=world.clock
    )


def settle(world, post):
    """Deliver and look again, as a pass of the clock does."""
    report = post.deliver_due()
    world.tick()
    return report


def acknowledged(world, address):
    """Open a request from abroad, whose author is written to at once."""
    form = {"organisation": "O", "sujet": "S", "pays": "Ghana", "contact_courriel": address}
    world.engine.open("demande", form, ADVISER)


def states(world, number):
    with world.database.read() as connection:
        found = outbox.list_deliveries(connection, case_id=world.id(number))
    return sorted((d.addresses[0], d.state) for d in found if d.message == "diffusion")


def test_a_diffusion_reaches_every_member_and_only_then_is_the_request_diffused(requests, mail):
    number = ready_to_diffuse(requests)
    outcome = requests.do(number, "diffuser")
    assert outcome.queued == 3
    assert requests.case(number).row.state == "diffusion_en_cours"
    settle(requests, worker(requests, mail))
    assert requests.case(number).row.state == "diffusee"
    (sent,) = [r for r in mail.received if r.message["List-Id"]]
    assert sorted(sent.recipients) == [f"e{n:02d}@example.org" for n in range(3)]
    assert sent.message["To"] == "Institut <info@example.org>"
    assert "Former" in sent.message.get_body(("plain",)).get_content()
    with requests.database.read() as connection:
        account = diffusion.account(connection, requests.id(number), "diffusion")
    assert [c.state for c in account.copies] == ["accepted"] * 3
    assert len(account.contents) == 1


def test_one_refusal_and_nobody_has_anything_until_it_is_mended_then_everybody_at_once(
    requests, mail
):
    number = ready_to_diffuse(requests)
    requests.do(number, "diffuser")
    mail.faults.refuse_rcpt["e01@example.org"] = "550 no such user"
    settle(requests, worker(requests, mail))
    assert requests.case(number).row.state == "diffusion_a_regler"
    assert states(requests, number) == [
        ("e00@example.org", "aborted"), ("e01@example.org", "refused_rcpt"), ("e02@example.org", "aborted"),
    ]  # fmt: skip
    assert [r for r in mail.received if r.message["List-Id"]] == []
    with requests.database.write() as connection:
        failed = outbox.list_deliveries(connection, failed=True)
        mute = next(d for d in failed if d.state == "refused_rcpt")
        decision = {"by": "conseillere", "at": "…", "reason": "adresse corrigée"}
        done = outbox.retry(connection, [mute.id], now=requests.clock.now(), decision=decision,
                            addresses={mute.id: ["nouvelle@example.org"]})  # fmt: skip
        assert done == 3
    settle(requests, worker(requests, mail))
    requests.tick()
    assert requests.case(number).row.state == "diffusee"
    (sent,) = [r for r in mail.received if r.message["List-Id"]]
    assert sorted(sent.recipients) == ["e00@example.org", "e02@example.org", "nouvelle@example.org"]


def test_a_refusal_that_may_pass_puts_everybody_off_together(requests, mail):
    number = ready_to_diffuse(requests)
    requests.do(number, "diffuser")
    mail.faults.refuse_rcpt["e01@example.org"] = "450 try later"
    settle(requests, worker(requests, mail))
    assert requests.case(number).row.state == "diffusion_en_cours"
    assert [s for _, s in states(requests, number)] == ["queued", "deferred_rcpt", "queued"]
    mail.faults.refuse_rcpt.clear()
    requests.clock.advance(timedelta(minutes=2))
    settle(requests, worker(requests, mail))
    assert requests.case(number).row.state == "diffusee"
    (sent,) = [r for r in mail.received if r.message["List-Id"]]
    assert len(sent.recipients) == 3


def test_a_reply_that_never_came_is_uncertain_and_never_sent_again_by_itself(requests, mail):
    number = ready_to_diffuse(requests)
    requests.do(number, "diffuser")
    mail.faults.drop_after_dot |= EVERYBODY
    settle(requests, worker(requests, mail))
    assert {s for _, s in states(requests, number)} == {"uncertain"}
    assert requests.case(number).row.state == "diffusion_a_regler"
    mail.faults.drop_after_dot.clear()
    for _ in range(3):
        requests.clock.advance(timedelta(days=1))
        settle(requests, worker(requests, mail))
    assert len(mail.to("e01@example.org")) == 1
    with requests.database.write() as connection:
        for found in outbox.list_deliveries(connection, failed=True):
            assert outbox.resolve(connection, found.id, "confirmed", now=requests.clock.now(),
                                  decision={"by": "x", "at": "…", "reason": "vu dans le journal"})  # fmt: skip
    requests.tick()
    assert requests.case(number).row.state == "diffusee"


def test_a_resend_that_a_person_authorised_goes_once_with_the_same_message_id(requests, mail):
    number = ready_to_diffuse(requests)
    requests.do(number, "diffuser")
    mail.faults.drop_after_dot |= EVERYBODY
    settle(requests, worker(requests, mail))
    mail.faults.drop_after_dot.clear()
    with requests.database.write() as connection:
        for found in outbox.list_deliveries(connection, failed=True):
            outbox.resolve(
                connection, found.id, "resend_authorised", now=requests.clock.now(), decision={}
            )
    settle(requests, worker(requests, mail))
    copies = mail.to("e01@example.org")
    assert len(copies) == 2
    assert len({c.message["Message-ID"] for c in copies}) == 1
    assert requests.case(number).row.state in {"diffusee", "diffusion_en_cours"}
    requests.tick()
    assert requests.case(number).row.state == "diffusee"


@pytest.mark.parametrize(("reply", "state"), [("451 try later", "deferred"), ("554 no", "refused")])
def test_what_a_server_answers_to_the_end_of_a_message_holds_for_all_of_it(
    requests, mail, reply, state
):
    number = ready_to_diffuse(requests)
    requests.do(number, "diffuser")
    mail.faults.after_dot["*"] = reply
    settle(requests, worker(requests, mail))
    assert {s for _, s in states(requests, number)} == {state}
    mail.faults.after_dot.clear()
    requests.clock.advance(timedelta(minutes=2))
    settle(requests, worker(requests, mail))
    requests.tick()
    diffused = requests.case(number).row.state == "diffusee"
    assert diffused == (state == "deferred")
    assert len(mail.to("e01@example.org")) == (state == "deferred")


def test_the_same_bytes_for_all_are_those_that_were_frozen(requests, mail):
    number = ready_to_diffuse(requests)
    requests.do(number, "diffuser")
    settle(requests, worker(requests, mail))
    (sent,) = [r for r in mail.received if r.message["List-Id"]]
    with requests.database.read() as connection:
        account = diffusion.account(connection, requests.id(number), "diffusion")
    (digest,) = account.contents.values()
    assert sent.message.get_boundary() == f"=_{digest[:40]}"
    (run,) = account.runs
    (transmission,) = run.transmissions
    assert (run.decision, run.shape, transmission.recipients) == ("released", "one", 3)
    assert transmission.size == len(sent.content)
    assert run.first_dot_at <= run.last_reply_at
    assert run.window == (run.last_reply_at - run.first_dot_at) // timedelta(microseconds=1)


def test_a_server_that_is_down_loses_nothing_and_is_tried_again_later(requests, mail):
    number = ready_to_diffuse(requests)
    requests.do(number, "diffuser")
    report = settle(requests, worker(requests, free_port()))
    assert report.fault
    assert {s for _, s in states(requests, number)} == {"deferred"}
    assert settle(requests, worker(requests, mail)).sent == 0  # not due yet
    requests.clock.advance(timedelta(minutes=2))
    settle(requests, worker(requests, mail))
    assert requests.case(number).row.state == "diffusee"


def test_a_server_that_stays_down_is_given_up_and_a_person_is_asked(requests):
    number = ready_to_diffuse(requests)
    requests.do(number, "diffuser")
    post = worker(requests, free_port())
    for _ in range(len(outbox.BACKOFF) + 1):
        settle(requests, post)
        requests.clock.advance(timedelta(days=1))
    assert {s for _, s in states(requests, number)} == {"aborted"}
    requests.tick()
    assert requests.case(number).row.state == "diffusion_a_regler"


def test_a_server_that_closes_after_each_message_is_connected_to_again(requests, mail):
    for n in range(12):
        form = {"organisation": "O", "sujet": f"S{n}", "contact_courriel": f"k{n}@example.org"}
        requests.engine.open("demande", form, ADVISER)
    mail.faults.drop_after_dot |= {f"k{n}@example.org" for n in range(0, 12, 2)}
    report = worker(requests, mail).deliver_due()
    assert report.states == {"accepted": 6, "uncertain": 6}
    assert report.fault is None
    assert len({r.recipients[0] for r in mail.received}) == len(mail.received) == 12


def test_two_workers_at_once_double_nothing(requests, mail):
    from concurrent.futures import ThreadPoolExecutor

    requests.network_more(20)
    number = ready_to_diffuse(requests)
    requests.do(number, "diffuser")
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda _: worker(requests, mail).deliver_due(), range(3)))
    requests.tick()
    assert requests.case(number).row.state == "diffusee"
    (sent,) = [r for r in mail.received if r.message["List-Id"]]
    assert len(set(sent.recipients)) == len(sent.recipients) == 23


def claimed(world, name, me="autre:1:gone"):
    """Take messages as another worker would, until one of a name comes."""
    while held := lease.claim(world.database, world.clock.now(), me):
        found = [m for m in held if m.name == name]
        if found:
            return found[0]
    raise AssertionError(name)


def test_what_a_dead_worker_left_in_the_middle_is_told_apart(requests, mail):
    number = ready_to_diffuse(requests)
    requests.do(number, "diffuser")
    leased = claimed(requests, "diffusion")
    first, second, third = leased.deliveries
    now = requests.clock.now()
    with requests.database.write() as connection:
        lease.move(connection, [
            Move(leased=leased, delivery=d, state=state, reply="…")
            for d, state in ((first, "releasing"), (second, "lost_before_dot"), (third, "accepted"))
        ], now)  # fmt: skip
        from engine.schema import outbox as table

        connection.execute(table.update().values(lease_until=0))  # long ago
    requests.clock.advance(timedelta(minutes=2))
    settle(requests, worker(requests, mail))
    assert dict(states(requests, number)) == {
        first.addresses[0]: "uncertain", second.addresses[0]: "accepted", third.addresses[0]: "accepted",
    }  # fmt: skip
    assert mail.to(first.addresses[0]) == mail.to(third.addresses[0]) == []
    with pytest.raises(lease.LeaseLost), requests.database.write() as connection:
        lease.move(connection, [Move(leased=leased, delivery=first, state="accepted")], now)


def test_an_erratum_goes_to_exactly_those_who_had_the_original(requests, mail):
    number = ready_to_diffuse(requests)
    requests.do(number, "diffuser")
    settle(requests, worker(requests, mail))
    requests.network_more(2)
    requests.do(
        number, "rectifier", suites__erratum_texte="La date", suites__rectification="Le 3 mai"
    )
    settle(requests, worker(requests, mail))
    errata = [r for r in mail.received if "Erratum" in r.message["Subject"]]
    new = [r for r in errata if "Vous ne l’aviez pas reçue" in text_of(r)]
    had = sorted(a for r in errata if r not in new for a in r.recipients)
    assert had == [f"e{n:02d}@example.org" for n in range(3)]
    assert sorted(a for r in new for a in r.recipients) == ["e50@example.org", "e51@example.org"]


def text_of(received):
    return received.message.get_body(("plain",)).get_content()


def test_a_member_that_left_is_not_written_to_and_one_without_an_address_blocks(requests, mail):
    today = requests.calendar.today(requests.clock.now())
    with requests.database.write() as connection:
        gone = roster.find_member(connection, "reseau", "Établissement 00")
        roster.leave(connection, gone, today, actor="x", at=requests.clock.now(), reason="fin")
        mute = roster.find_member(connection, "reseau", "Établissement 01")
        roster.set_contacts(connection, mute, [], day=today, actor="x", at=requests.clock.now())
    number = ready_to_diffuse(requests)
    with pytest.raises(Refused) as refusal:
        requests.do(number, "diffuser")
    assert [r.code for r in refusal.value.reasons] == ["requirement"]
    requests.do(
        number,
        "accorder_exception",
        DIRECTOR,
        exception_adresse="oui",
        exception_motif="En réorganisation",
    )
    assert requests.do(number, "diffuser").queued == 1
    with requests.database.read() as connection:
        account = diffusion.account(connection, requests.id(number), "diffusion")
    assert account.audience["without_address"] == ["Établissement 01"]


def test_the_requester_abroad_is_acknowledged_in_two_languages(requests, mail):
    acknowledged(requests, "k@example.org")
    settle(requests, worker(requests, mail))
    assert mail.to("k@example.org")[0].message["Content-Language"] == "fr, en"


@pytest.mark.parametrize("fault", ["refuse_rcpt", "after_dot"])
def test_a_letter_tried_again_says_what_it_said_the_first_time(requests, mail, fault):
    acknowledged(requests, "k@example.org")
    getattr(mail.faults, fault)["k@example.org"] = "451 try later"
    settle(requests, worker(requests, mail))
    getattr(mail.faults, fault).clear()
    requests.clock.advance(timedelta(minutes=2))
    later = worker(requests, mail)
    later.renderer = Renderer(Institute(name="Renommé", address="X", email="x@example.org"))
    settle(requests, later)
    (sent,) = mail.to("k@example.org")
    assert "Val-d'Or" in sent.message.get_body(("plain",)).get_content()


def test_a_letter_whose_template_breaks_is_a_persons_task_and_the_others_leave(requests, mail):
    for address in ("a@example.org", "b@example.org", "c@example.org"):
        acknowledged(requests, address)
    with requests.database.write() as connection:
        second = select(func.min(outbox_table.c.id) + 1).scalar_subquery()
        connection.execute(
            outbox_table.update().where(outbox_table.c.id == second).values(template="disparu")
        )
    report = settle(requests, worker(requests, mail))
    assert report.states == {"accepted": 2, "refused": 1}
    assert sorted(r.recipients[0] for r in mail.received) == ["a@example.org", "c@example.org"]
    with requests.database.read() as connection:
        (failed,) = outbox.list_deliveries(connection, failed=True)
    assert (failed.addresses, "disparu" in failed.reply) == (("b@example.org",), True)


def test_reminders_reach_the_owner_then_the_substitute_then_the_director(requests, mail):
    with requests.database.write() as connection:
        staff.change(
            connection, ADVISER.login, actor="x", at=requests.clock.now(), substitute=OTHER.login
        )
    number = requests.engine.open("demande", {"organisation": "O", "sujet": "S"}, ADVISER).number
    requests.engine.take(requests.id(number), ADVISER)
    post = worker(requests, mail)
    for _ in range(14):
        requests.clock.advance(timedelta(days=1))
        requests.tick()
        post.deliver_due()
    order = [r.recipients[0].partition("@")[0] for r in mail.received]
    assert order.index(ADVISER.login) < order.index(OTHER.login) < order.index(DIRECTOR.login)
    assert len(order) == len([r for r in mail.received if number in r.message["Subject"]])


def test_a_week_of_downtime_makes_one_reminder_and_says_which_it_stands_for(requests, mail):
    number = requests.engine.open("demande", {"organisation": "O", "sujet": "S"}, ADVISER).number
    requests.engine.take(requests.id(number), ADVISER)
    requests.clock.advance(timedelta(days=9))
    requests.tick()
    requests.tick()
    fired = [e["body"]["timer"] for e in requests.events(number) if e["action"] == "timer"]
    assert len(fired) == len(set(fired))


def test_a_message_whose_template_breaks_is_a_persons_task_and_stops_nothing_else(requests, mail):
    number = ready_to_diffuse(requests)
    requests.do(number, "diffuser")
    with requests.database.write() as connection:
        named = outbox_table.c.name == "diffusion"
        connection.execute(outbox_table.update().where(named).values(template="disparu"))
    settle(requests, worker(requests, mail))
    with requests.database.read() as connection:
        found = outbox.list_deliveries(connection, failed=True)
    assert [d.message for d in found] == ["diffusion"] * 3
    assert "disparu" in found[0].reply
    assert mail.received == []

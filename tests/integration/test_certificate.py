"""Certificates issued from a database: numbered, kept, made anew only when there is something new."""

import json
import os
import re
import shlex
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import jinja2
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from engine import certificates, diffusion, outbox
from engine.chain import canonical
from engine.errors import NotFound
from engine.schema import deliveries
from inbox import mailwords
from inbox.commands.diffusion import batch as batch_of
from notifications.certificate import issuing, page
from notifications.certificate.checking import check, own_line
from notifications.certificate.explanation import Explanation
from notifications.certificate.slip import FILES, slip
from notifications.certificate.words import Speech
from notifications.rendering import Renderer
from notifications.settings import Institute
from tests.integration.test_diffusion import account as account_of
from tests.integration.test_diffusion import queued, settings
from tests.integration.test_mail import settle, worker
from tests.support import certificates as proofs
from tests.support.commands import ROOT
from tests.support.diffusions import DOT, carry, key, newest_batch
from tests.support.mail import free_port
from tests.support.world import ready_to_diffuse


def batch(world):
    number = ready_to_diffuse(world)
    world.do(number, "diffuser")
    return number, newest_batch(world.database)


def issue(world, batch_id, number=1):
    definition = world.library.current("demande").definition
    office = issuing.Office(institute="Institut", zone="America/Toronto")
    return issuing.issue(
        world.database, batch_id, definition, office, key(number), world.clock.now()
    )


def account(world, batch_id):
    with world.database.read() as connection:
        return diffusion.account_of(connection, batch_id)


def test_a_certificate_says_what_the_database_holds(requests):
    number, batch_id = batch(requests)
    carry(requests.database, batch_id)
    made = issue(requests, batch_id)
    document = check(made.document.encode(), key().public_key().public_bytes_raw()).document
    assert document["case"]["number"] == number
    assert document["outcome"]["said"] == "3/3"
    assert (document["outcome"]["shape"], document["outcome"]["window_us"]) == ("one", 0)
    assert document["runs"][0]["window_us"] == 3100
    assert document["about"]["register"]["faults"] == 0
    assert document["rule"]["sha256"] == requests.library.current("demande").definition.sha256
    for copy in account(requests, batch_id).copies:
        mine = own_line(document, copy.salt, copy.name, copy.addresses)
        assert mine["line"] == copy.position + 1
        assert mine["transmission"] == 1


def test_a_new_issue_is_made_only_when_what_it_says_has_changed(requests):
    _number, batch_id = batch(requests)
    failed = "550 <e01@example.org> inconnu"
    carry(requests.database, batch_id, refused={"e01@example.org": failed}, decision="aborted")
    one = issue(requests, batch_id)
    requests.clock.set(requests.clock.now() + timedelta(hours=3))
    assert issue(requests, batch_id) == one
    carry(requests.database, batch_id, at=DOT + timedelta(hours=4))
    two = issue(requests, batch_id)
    assert (one.issue, two.issue) == (1, 2)
    first, second = json.loads(one.document), json.loads(two.document)
    assert second["about"]["previous"] == one.sha256
    assert (first["outcome"]["said"], second["outcome"]["said"]) == ("0/3", "3/3")
    assert [r["remedy"] for r in second["refusals"]] == ["accepted"]
    with requests.database.read() as connection:
        assert certificates.issued(connection, batch_id, 1) == one
        assert certificates.newest(connection, batch_id) == two
        with pytest.raises(NotFound) as missing:
            certificates.issued(connection, batch_id, 3)
    assert missing.value.near == ("1", "2")


def test_a_new_key_makes_a_new_issue(requests):
    _number, batch_id = batch(requests)
    carry(requests.database, batch_id)
    assert issue(requests, batch_id).issue == 1
    assert issue(requests, batch_id, number=2).issue == 2


def test_two_who_issue_at_the_same_moment_have_the_same_certificate(requests):
    _number, batch_id = batch(requests)
    carry(requests.database, batch_id)
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda _n: issue(requests, batch_id), range(4)))
    assert len({c.sha256 for c in made}) == 1


def test_a_certificate_can_be_issued_before_anything_was_tried(requests):
    _number, batch_id = batch(requests)
    document = json.loads(issue(requests, batch_id).document)
    assert document["outcome"]["said"] == "0/3"
    assert document["runs"] == []
    assert check(json.dumps(document).encode()).changes == ()


def test_a_follow_up_message_has_what_one_partner_needs_and_nothing_of_the_others(requests):
    number, batch_id = batch(requests)
    carry(requests.database, batch_id)
    made, known = issue(requests, batch_id), account(requests, batch_id)
    renderer = Renderer(Institute(name="Institut", address="", email="info@example.org"))
    for copy in known.copies:
        told = slip(known, copy, made)
        facts = {"attestation": told, "case": {"number": number}}
        content = renderer.render("demande/attestation", ("fr", "en"), facts)
        for needed in (copy.salt, made.sha256, number, "3/3", copy.addresses[0]):
            assert needed in content["text"]
        assert "accepté" in content["text"]
        assert "16 November 2026" in content["text"].replace("\u00a0", " ")
        for other in known.copies:
            if other is not copy:
                assert other.salt not in content["text"]
                assert other.addresses[0] not in content["text"]
                assert other.name not in content["text"]


def test_what_a_partner_is_told_to_type_checks_the_institutes_key_and_finds_its_line(
    requests, tmp_path
):
    _number, batch_id = batch(requests)
    carry(requests.database, batch_id)
    made, known = issue(requests, batch_id), account(requests, batch_id)
    (tmp_path / FILES[0]).write_text(made.document, encoding="utf-8")
    words = shlex.split(slip(known, known.copies[0], made)["command"])
    own, other = (key(n).public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
                  for n in (1, 2))  # fmt: skip
    for signed_by, code in ((own, 0), (other, 1)):
        (tmp_path / FILES[1]).write_bytes(signed_by)
        done = subprocess.run(
            [sys.executable, "-m", *words], cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == code, done.stdout + done.stderr
        assert "--key institut.pem" in shlex.join(words)


def test_what_is_certified_counts_as_accepted_what_the_case_counts_so(requests):
    _number, batch_id = batch(requests)
    carry(requests.database, batch_id)
    document = json.loads(issue(requests, batch_id).document)
    assert set(document["outcome"]["states"]) <= set(outbox.DONE)


def test_who_comes_second_has_the_certificate_of_who_came_first(requests, monkeypatch):
    _number, batch_id = batch(requests)
    carry(requests.database, batch_id)
    first = issue(requests, batch_id)
    # As if both had looked before either had written.
    monkeypatch.setattr(certificates, "newest", lambda *_: None)
    assert issue(requests, batch_id) == first


# --- what went wrong, as it was -----------------------------------------------------------------


def certified(world, number):
    """Return the certificate's document, and what is said of what happened, in both languages."""
    batch_id = account_of(world, number).outbox_id
    document = json.loads(issue(world, batch_id).document)
    said = [" ".join(Explanation(document, Speech(lang)).happened()) for lang in ("fr", "en")]
    return document, *(text.replace("\u00a0", " ") for text in said)


@pytest.mark.parametrize(("fault", "words"), [
    ("connection_refused", "rien ne répond à cette adresse"),
    ("tls_failed", "le chiffrement (TLS) n'a pas pu s'établir"),
    ("authentication_refused", "le serveur refuse l'identifiant ou le mot de passe"),
])  # fmt: skip
def test_a_relay_that_could_not_be_reached_is_never_said_to_have_held_anything(
    requests, mail, monkeypatch, fault, words
):
    number = queued(requests)
    given = {"port": mail.port}
    if fault == "connection_refused":
        given = {"port": free_port()}
    elif fault == "tls_failed":
        given["security"] = "starttls"
    else:
        monkeypatch.setenv("ARRIMAGE_SMTP_PASSWORD", "mauvais")
        monkeypatch.setenv("SSL_CERT_FILE", str(proofs.made("good").authority))
        mail.faults.tls, mail.faults.login = "required", "institut:bon"
        given |= {"security": "starttls", "username": "institut"}
    post = worker(requests, mail)
    post.settings = settings(mail, **given)
    settle(requests, post)
    document, said, english = certified(requests, number)
    (run,) = document["runs"]
    assert (run["fault"], run["staged"], run["asked"]) == (fault, None, 29)
    assert document["times"]["staged"] is None
    assert f"Le relais n'a pas pu être joint ({words})." in said
    assert "tout en main" not in said
    assert "could not be reached" in english
    certified_words = canonical({**document, "signature": None, "digests": None})
    # Whole words: a salt or a hash has the five digits of a port within it now and then.
    for secret in ("127.0.0.1", "mauvais", str(mail.port)):
        assert not re.search(rf"\b{re.escape(secret)}\b", certified_words)


def test_what_the_relay_refuses_as_a_whole_is_not_said_of_each_recipient(requests, mail):
    mail.faults.size = 100
    number = queued(requests)
    settle(requests, worker(requests, mail))
    document, said, english = certified(requests, number)
    assert {r["kind"] for r in document["refusals"]} == {"refused"}
    assert document["runs"][0]["staged"] is None
    assert "Le relais n'a pris l'envoi pour personne (552" in said
    assert "tout en main" not in said
    assert "The relay took it for nobody (552" in english


def test_a_message_that_could_not_be_written_is_not_laid_at_the_relays_door(
    requests, mail, monkeypatch
):
    number = queued(requests)

    def broken(*_):
        raise jinja2.UndefinedError("'x' is undefined")

    monkeypatch.setattr(Renderer, "render", broken)
    settle(requests, worker(requests, mail))
    document, said, english = certified(requests, number)
    assert {r["cause"] for r in document["refusals"]} == {"unwritten"}
    assert "Aucun message n'a pu être rédigé; le relais n'a rien eu à prendre." in said
    assert "no message could be written" in english.lower()
    told = Explanation(document, Speech("fr"))
    assert "relais" not in told.headline()
    assert not mail.received


def test_when_the_sender_is_refused_it_is_said_once_that_nobody_had_anything(requests, mail):
    mail.faults.refuse_mail = "550 5.7.1 not from you"
    number = queued(requests)
    settle(requests, worker(requests, mail))
    document, said, english = certified(requests, number)
    told = Explanation(document, Speech("fr"))
    assert told.headline().replace("\u00a0", " ") == (
        "0/29 : le relais n'a pris l'envoi pour personne; personne n'a rien."
    )
    assert said == ("Le relais n'a pris l'envoi pour personne (550 5.7.1 not from you). "
                    "Décision : rien ne part, pour personne.")  # fmt: skip
    assert "took it for nobody (550 5.7.1 not from you)" in english
    assert len(told.equitable()) == 0
    assert len(document["refusals"]) == 29


def test_what_is_refused_before_anything_left_has_no_transmission_whatever_came_before(
    requests, mail
):
    number = queued(requests)
    mail.faults.after_dot["*"] = "554 no"
    settle(requests, worker(requests, mail))
    first, _said, _english = certified(requests, number)
    assert {line["transmission"] for line in first["lines"]} == {1}
    mail.faults.refuse_mail = "550 5.7.1 not from you"
    with requests.database.write() as connection:
        ids = [c.delivery for c in account_of(requests, number).copies]
        outbox.retry(connection, ids, now=requests.clock.now(), decision={})
    settle(requests, worker(requests, mail))
    document, said, _english = certified(requests, number)
    for line in document["lines"]:
        assert (line["transmission"], line["staged"], line["released"]) == (None, None, None)
        assert line["reply"] == "550 5.7.1 not from you"
    assert batch_of.whole(account_of(requests, number)) == "550 5.7.1 not from you"
    assert "1 envoi sans acceptation : refusé (554 no)." in said
    assert "Essai 2 : le relais n'a pris l'envoi pour personne" in said


def test_a_relay_that_refuses_every_recipient_held_nothing(requests, mail):
    for copy in account_of(requests, number := queued(requests)).copies:
        mail.faults.refuse_rcpt[copy.addresses[0]] = "550 no such user"
    settle(requests, worker(requests, mail))
    document, said, _english = certified(requests, number)
    assert document["runs"][0]["staged"] is None
    assert (
        "Le relais a refusé les 29 destinataires. Décision : rien ne part, pour personne." in said
    )


def test_a_line_was_staged_and_released_when_its_transmission_was(requests, mail):
    number = queued(requests, personal=1)
    settle(requests, worker(requests, mail))
    document, _said, _english = certified(requests, number)
    sent = {t["number"]: t for t in document["runs"][0]["transmissions"]}
    assert len(sent) == 29
    for line in document["lines"]:
        carrier = sent[line["transmission"]]
        assert (line["staged"], line["released"]) == (carrier["staged"], carrier["dot"])
        assert line["staged"] < line["released"] < line["settled"]


def test_each_refusal_has_its_own_instant_and_a_school_refused_twice_is_one(requests, mail):
    number = queued(requests)
    mail.faults.refuse_rcpt["e55@example.org"] = "550 no such user"
    settle(requests, worker(requests, mail))
    first, _said, _english = certified(requests, number)
    requests.clock.advance(timedelta(hours=1))
    mail.faults.refuse_rcpt["e55@example.org"] = "550 still not"
    with requests.database.write() as connection:
        ids = [c.delivery for c in account_of(requests, number).copies]
        outbox.retry(connection, ids, now=requests.clock.now(), decision={})
    settle(requests, worker(requests, mail))
    document, _said, _english = certified(requests, number)
    one, two = document["refusals"]
    assert one == first["refusals"][0]
    assert [one["settled"], two["settled"]] == [r["staged"] for r in document["runs"]]
    assert (one["reply"], two["reply"]) == ("550 no such user", "550 still not")
    told = Explanation(document, Speech("fr"))
    assert any(s.startswith("1 refus, connu avant") for s in told.equitable())
    assert {line["attempts"] for line in document["lines"]} == {2}


def test_what_the_relay_refused_after_the_end_is_told_even_once_it_is_mended(requests, mail):
    number = queued(requests)
    mail.faults.after_dot["*"] = "554 no"
    settle(requests, worker(requests, mail))
    mail.faults.after_dot.clear()
    with requests.database.write() as connection:
        ids = [c.delivery for c in account_of(requests, number).copies]
        outbox.retry(connection, ids, now=requests.clock.now(), decision={})
    settle(requests, worker(requests, mail))
    document, said, _english = certified(requests, number)
    assert document["outcome"]["said"] == "29/29"
    assert "Décision : envoyer. 1 envoi sans acceptation : refusé (554 no)." in said


def test_the_relays_reply_is_its_own_word_and_what_we_say_is_in_the_readers_language(
    requests, mail
):
    number = queued(requests)
    mail.faults.refuse_rcpt["e55@example.org"] = "550 no such user"
    settle(requests, worker(requests, mail))
    document, _said, _english = certified(requests, number)
    replies = [line["reply"] for line in document["lines"]]
    assert sorted(filter(None, replies)) == ["550 no such user"]
    with requests.database.write() as connection:
        ids = [c.delivery for c in account_of(requests, number).copies]
        outbox.retry(connection, ids, now=requests.clock.now(), decision={})
        stopped = {"state": "uncertain", "reply": STOPPED, "next_attempt_at": None}
        connection.execute(deliveries.update().where(deliveries.c.id.in_(ids)).values(stopped))
    document, said, english = certified(requests, number)
    assert {line["cause"] for line in document["lines"]} == {"sender_stopped"}
    assert "incertain (l'envoi s'est arrêté au moment où partait la fin du message)" in said
    assert "uncertain (the sender stopped as the end of the message was to leave)" in english
    shown = page.render(document, "fr").partition("<script")[0]
    assert "the sender stopped" not in shown + said
    assert mailwords.said(STOPPED) != STOPPED
    assert mailwords.said("given up after 9 tries; the last reply: 450 later").startswith(
        "abandonné"
    )


#: What is kept of a copy whose worker died (`engine.lease`).
STOPPED = "the sender stopped after the end of the message was to be sent"

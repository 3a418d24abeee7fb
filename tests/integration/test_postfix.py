"""A real Postfix holds what is staged, delivers what is released, and leaves nothing behind."""

import os
import re
import signal
import smtplib
import ssl
import subprocess
import sys
import time
from email import policy
from email.parser import BytesParser
from pathlib import Path

import psutil
import pytest

from tests.support import postfix, wire
from tests.support.client import HOW, Client
from tests.support.mail import MailServer, until
from tests.support.postfix import Postfix, queued_at
from tests.support.wire import Wire

A, B = "a@example.org", "b@example.org"
BODY = b"Subject: Essai\r\nMessage-ID: <essai@example.org>\r\n\r\n.un point\r\nfin\r\n"


def text(delivered):
    return delivered.content.partition(b"\n\n")[2]


@pytest.mark.parametrize("how", HOW)
def test_what_is_staged_is_held_and_delivered_once_released(how):
    with Postfix() as server, Client(server.port) as client:
        client.stage([A, B], BODY, how)
        until(server.queued)  # the file that the message is written to
        time.sleep(0.5)  # time in which a server that did not hold it would have delivered it
        assert (server.received(), server.accepted()) == ([], [])
        code, words = client.release(how)
        until(server.accepted)
        assert (code, words.split()[-1].decode()) == (250, *server.accepted())
        assert {text(d) for d in server.wait(2)} == {b".un point\nfin\n"}
        assert server.mailboxes() == {A: 1, B: 1}


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("way", ["reset", "leave"])
def test_what_is_given_up_is_delivered_to_nobody(how, way):
    with Postfix() as server, Client(server.port) as client:
        client.stage([A], BODY, how)
        if way == "reset" and how == "BDAT":
            assert client.rset()[0] == 250
            client.stage([B], BODY, how)
            client.release(how)
            server.wait(1)
        client.close()
        until(lambda: not server.queued())
        expected = {B: 1} if way == "reset" and how == "BDAT" else {}
        assert server.mailboxes() == expected


def test_one_transaction_to_200_is_one_acceptance_and_nobody_sees_another():
    everybody = [f"e{n:03d}@example.org" for n in range(200)]
    with Postfix() as server, Wire(server.port) as seen, Client(server.port) as client:
        client.stage(everybody, BODY, "BDAT")
        before = time.time_ns()
        client.release("BDAT")
        after = time.time_ns()
        found = server.wait(200)
        seen.read()
        ((accepted,), (dot,)) = (seen.acceptances(), seen.dots())
        assert before <= dot.at < accepted.at <= after
        assert accepted.client == dot.client == client.sock.getsockname()[1]
        assert server.accepted() == [accepted.text.rpartition(" ")[2]]
        assert (
            queued_at(server.accepted()[0]) < before
        )  # its place was taken at the first recipient
        assert server.mailboxes() == dict.fromkeys(everybody, 1)
    for delivered in found:
        named = set(re.findall(rb"e\d{3}@example\.org", delivered.content))
        assert named == {delivered.recipient.encode()}


def test_the_wire_tells_every_reply_and_every_dot_of_any_server():
    with MailServer() as server, Wire(server.port) as seen, Client(server.port) as client:
        for how in HOW:
            client.stage([A], BODY, how)
            client.release(how)
        seen.read()
        assert [d.text for d in seen.dots()] == [".", "BDAT 0 LAST"]
        assert [a.text[-4:] for a in seen.acceptances()] == ["0001", "0002"]
        assert seen.replies()[0].text.startswith("220 ")
        for dot, received, accepted in zip(
            seen.dots(), server.received, seen.acceptances(), strict=True
        ):
            assert dot.at <= received.at <= accepted.at


def test_recipients_are_refused_as_it_is_told_to():
    refuse = {A: "550 5.1.1 no such user", B: "450 4.2.1 later"}
    with Postfix(refuse=refuse) as server, Client(server.port) as client:
        client.mail("sender@example.org")
        assert [client.rcpt(r)[0] for r in (A, B, "c@example.org")] == [550, 450, 250]


def test_recipients_connections_and_sizes_have_their_limits():
    limits = {
        "smtpd_recipient_limit": 2,
        "smtpd_recipient_overshoot_limit": 1000,
        "smtpd_client_connection_count_limit": 3,
        "message_size_limit": 1000,
    }
    with Postfix(**limits) as server, Client(server.port) as client, Client(server.port) as other:
        client.mail("sender@example.org")
        assert [client.rcpt(f"e{n}@example.org")[0] for n in range(3)] == [250, 250, 452]
        assert client.esmtp_features["size"] == "1000"
        with Client(server.port), pytest.raises(smtplib.SMTPConnectError) as refusal:
            Client(server.port)
        assert refusal.value.smtp_code == 421
        other.start([A])
        assert other.chunk(b"x" * 2000)[0] == 552


def test_a_hold_that_is_too_long_is_told_421_and_delivers_nothing():
    with Postfix(smtpd_timeout="1s") as server, Client(server.port) as client:
        client.stage([A], BODY, "DATA")
        assert client.getreply()[0] == 421
        assert client.is_dropped()
        until(lambda: not server.queued())
        assert server.received() == []


def test_a_word_now_and_then_keeps_a_staged_chunk_alive():
    with Postfix(smtpd_timeout="3s") as server, Client(server.port) as client:
        client.stage([A], BODY, "BDAT")
        for _ in range(5):
            time.sleep(0.8)
            assert client.noop()[0] == 250
        assert client.release("BDAT")[0] == 250
        server.wait(1)


def test_what_it_offers_can_be_taken_away():
    with Postfix() as server, Client(server.port) as client:
        assert {"chunking", "pipelining", "size"} <= set(client.esmtp_features)
    with (
        Postfix(smtpd_discard_ehlo_keywords="chunking, pipelining") as server,
        Client(server.port) as client,
    ):
        assert not {"chunking", "pipelining"} & set(client.esmtp_features)


@pytest.mark.parametrize("kind", ["good", "expired"])
def test_where_tls_is_required_only_a_good_certificate_is_accepted(kind):
    with Postfix(tls="encrypt", certificate=kind) as server, Client(server.port) as client:
        assert client.mail(A)[0] == 530
        context = server.certificate.client()
        if kind == "expired":
            with pytest.raises(ssl.SSLCertVerificationError):
                client.starttls(context=context)
            return
        client.starttls(context=context)
        client.ehlo()
        for how in HOW:
            client.stage([A], BODY, how)
            assert client.release(how)[0] == 250
        assert len(server.wait(2)) == 2


def test_a_mailbox_that_does_not_exist_is_reported_to_the_sender_and_a_full_one_waits():
    with (
        Postfix(undeliverable=[B], delayed=["plein@example.org"]) as server,
        Client(server.port) as client,
    ):
        client.stage([A, B, "plein@example.org"], BODY, "DATA")
        assert client.release("DATA")[0] == 250
        (report,) = server.wait(1, "sender@example.org")
        until(lambda: server.mailboxes()[A] == 1)
        assert server.mailboxes() == {A: 1, "sender@example.org": 1}
        assert len(server.queued()) == 1
    message = BytesParser(policy=policy.default).parsebytes(report.content)
    assert message.get_content_type() == "multipart/report"
    assert message["Auto-Submitted"] == "auto-replied"
    (status,) = [p for p in message.walk() if p.get_content_type() == "message/delivery-status"]
    fields = {k: v for part in status.iter_parts() for k, v in part.items()}
    assert fields["Final-Recipient"] == f"rfc822; {B}"
    assert (fields["Action"], fields["Status"]) == ("failed", "5.1.1")
    assert b"Message-ID: <essai@example.org>" in report.content


def test_the_log_tells_each_message_by_its_queue_id():
    begun = time.time_ns() // 1000 * 1000
    with Postfix() as server, Client(server.port) as client:
        client.stage([A], BODY, "DATA")
        client.release("DATA")
        server.wait(1)
        until(lambda: any(line.text == "removed" for line in server.log()))
        (queue_id,) = server.accepted()
        programs = [line.program for line in server.log() if line.queue_id == queue_id]
        assert (programs[0], programs[-1]) == ("smtpd", "qmgr")
        assert set(programs) == {"smtpd", "cleanup", "qmgr", "virtual"}
        assert begun <= queued_at(queue_id) <= time.time_ns()


def test_nothing_of_it_runs_or_stays_after_it():
    with Postfix() as server, Client(server.port) as client:
        client.stage([A], BODY, "BDAT")
        running, folder = server.processes(), server.folder
        assert len(running) >= 4
        server.stop()
        assert client.is_dropped()
    assert not folder.exists()
    assert [pid for pid in running if _runs(pid)] == []
    with pytest.raises(ConnectionRefusedError):
        Client(server.port)


def test_it_is_installed_once_the_archives_lists_are_there(monkeypatch, tmp_path):
    installed, asked = tmp_path / "master", tmp_path / "asked"
    _script(tmp_path / "debconf-set-selections", f'read word; echo "$word" > {asked}')
    _script(
        tmp_path / "apt-get",
        f"""\
echo "$*" >> {asked}
case "$*" in *update) : > {tmp_path}/lists ;; *) test -e {tmp_path}/lists && : > {installed} ;; esac""",
    )
    monkeypatch.setattr(postfix, "MASTER", installed)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setenv("PATH", str(tmp_path))
    postfix.install.__wrapped__()
    words = asked.read_text().splitlines()
    assert words[0].endswith("No configuration")  # or the system's own service would start
    assert [line.split()[-1] for line in words[1:]] == ["postfix", "update", "postfix"]
    postfix.install.__wrapped__()
    assert len(asked.read_text().splitlines()) == len(words)


STARTER = """
import time
from tests.support.postfix import Postfix
with Postfix() as server:
    print(*server.processes(), server.folder, flush=True)
    time.sleep(600)
"""


def test_it_goes_with_whoever_started_it(tmp_path):
    postfix.install()
    starter = subprocess.Popen([sys.executable, "-c", STARTER], stdout=subprocess.PIPE, text=True)
    *pids, folder = starter.stdout.readline().split()
    starter.send_signal(signal.SIGKILL)
    starter.communicate()
    assert pids
    until(lambda: not any(_runs(int(pid)) for pid in pids) and not Path(folder).exists())


def test_where_it_cannot_be_the_test_is_skipped_and_says_why(monkeypatch, tmp_path):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(postfix.Missing, match="only root"):
        postfix.install.__wrapped__()
    monkeypatch.undo()
    monkeypatch.setattr(postfix, "MASTER", tmp_path / "nulle-part")
    monkeypatch.setenv("PATH", str(tmp_path))
    _script(tmp_path / "debconf-set-selections", "read word")
    with pytest.raises(postfix.Missing, match="no apt-get"):
        postfix.install.__wrapped__()
    _script(tmp_path / "apt-get", "echo 'E: Unable to fetch some archives' >&2; exit 100")
    with pytest.raises(postfix.Missing, match="Unable to fetch"):
        postfix.install.__wrapped__()


def test_where_nobody_may_look_at_the_network_the_test_is_skipped_and_says_why(monkeypatch):
    def forbidden(*_):
        raise PermissionError

    monkeypatch.setattr(wire.socket, "socket", forbidden)
    with pytest.raises(wire.NoWire, match="only root"), Wire(25):
        pass


def _script(path, line):
    path.write_text(f"#!/bin/sh\n{line}\n")
    path.chmod(0o755)


def _runs(pid):
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE

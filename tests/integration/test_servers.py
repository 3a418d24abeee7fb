"""The tests' own mail server does what it says, and goes wrong as it is told to: seen by a plain client."""

import smtplib
import ssl
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import certificates
from tests.support.client import HOW, Client
from tests.support.faults import Faults, parse
from tests.support.mail import MailProcess, MailServer, until

A, B = "a@example.org", "b@example.org"
BODY = b"Subject: Essai\r\n\r\n.un point\r\n..deux\r\nfin\r\n"


@pytest.fixture
def client(mail):
    with Client(mail.port) as client:
        yield client


def test_it_offers_what_a_server_offers_and_each_word_can_be_taken_away(mail):
    with Client(mail.port) as client:
        assert set(client.esmtp_features) == {
            "pipelining",
            "size",
            "8bitmime",
            "smtputf8",
            "chunking",
        }
    mail.faults.pipelining = mail.faults.chunking = False
    mail.faults.size = 1234
    with Client(mail.port) as client:
        assert set(client.esmtp_features) == {"size", "8bitmime", "smtputf8"}
        assert client.esmtp_features["size"] == "1234"


@pytest.mark.parametrize("how", HOW)
def test_a_message_is_held_until_its_release_then_accepted_once_for_all(mail, client, how):
    everybody = [f"e{n}@example.org" for n in range(200)]
    client.stage(everybody, BODY, how)
    until(lambda: mail.held() and mail.held()[0].size >= len(BODY))
    assert mail.received == []
    assert mail.held()[0].recipients == everybody
    before = time.time_ns(), time.monotonic_ns()
    assert client.release(how) == (250, b"2.0.0 Ok: queued as 0001")
    after = time.time_ns(), time.monotonic_ns()
    (received,) = mail.received
    assert (received.sender, received.recipients) == ("sender@example.org", everybody)
    assert (received.content, received.how) == (BODY, how)
    assert before[0] <= received.at <= after[0]
    assert before[1] <= received.monotonic <= after[1]
    assert (received.connection, received.encrypted, mail.held()) == (1, False, [])


@given(lines=st.lists(st.text(".é a", max_size=5)), sizes=st.lists(st.integers(0, 9), max_size=5))
def test_whatever_is_sent_is_received_byte_for_byte(shared, lines, sizes):
    server, client = shared
    body = "".join(f"{line}\r\n" for line in lines).encode()
    client.stage([A], body, "DATA")
    client.release("DATA")
    client.start([A])
    rest = body
    for size in sizes:
        chunk, rest = rest[:size], rest[size:]
        assert client.chunk(chunk) == (250, b"2.0.0 Ok: %d bytes" % len(chunk))
    assert client.chunk(rest, last=True)[0] == 250
    assert [r.content for r in server.received[-2:]] == [body, body]


@pytest.fixture(scope="module")
def shared():
    with MailServer() as server, Client(server.port) as client:
        yield server, client


@pytest.mark.parametrize("how", HOW)
def test_leaving_before_the_release_delivers_nothing(mail, how):
    with Client(mail.port) as client:
        client.stage([A], BODY, how)
        until(mail.held)
        client.close()
    until(lambda: not mail.live)
    assert mail.received == []


def test_reset_forgets_the_chunks(mail, client):
    client.stage([A], BODY, "BDAT")
    assert client.rset()[0] == 250
    assert mail.held() == []
    client.stage([B], b"autre\r\n", "BDAT")
    assert client.release("BDAT")[0] == 250
    assert [(r.recipients, r.content) for r in mail.received] == [([B], b"autre\r\n")]


def test_a_chunk_out_of_place_is_refused_and_its_bytes_are_never_commands(mail, client):
    assert client.chunk(b"QUIT\r\n")[0] == 503
    assert client.noop()[0] == 250
    client.start([A])
    assert client.chunk(BODY)[0] == 250
    assert client.docmd("DATA")[0] == 503
    assert client.rcpt(B)[0] == 503
    assert client.mail(A)[0] == 503
    assert client.release("BDAT")[0] == 250
    assert client.docmd("BDAT", "beaucoup")[0] == 521
    with pytest.raises(smtplib.SMTPServerDisconnected):
        client.noop()
    assert [r.recipients for r in mail.received] == [[A]]


@pytest.mark.parametrize(
    ("reply", "code"), [("550 5.1.1 no such user", 550), ("450 4.2.1 later", 450)]
)
def test_a_refused_recipient_is_told_at_once_and_the_others_stay(mail, client, reply, code):
    mail.faults.refuse_rcpt[A] = reply
    client.mail("sender@example.org")
    assert [client.rcpt(A)[0], client.rcpt(B)[0]] == [code, 250]
    assert client.data(BODY)[0] == 250
    assert mail.received[0].recipients == [B]


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("code", [451, 554])
def test_a_refusal_after_the_dot_keeps_nothing(mail, client, how, code):
    mail.faults.after_dot[B] = f"{code} 4.3.0 no"
    client.stage([A, B], BODY, how)
    assert client.release(how)[0] == code
    client.stage([A], BODY, how)
    assert client.release(how)[0] == 250
    assert [r.recipients for r in mail.received] == [[A]]


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize(("fault", "kept"), [("drop_after_dot", 1), ("drop_in_data", 0)])
def test_a_drop_after_the_dot_leaves_the_client_without_a_reply(mail, client, how, fault, kept):
    getattr(mail.faults, fault).add(B)
    client.stage([A, B], BODY, how)
    with pytest.raises((smtplib.SMTPServerDisconnected, ConnectionResetError)):
        client.release(how)
    assert len(mail.received) == kept


@pytest.mark.parametrize("how", HOW)
def test_a_drop_while_held_is_one_connections_alone(mail, how):
    mail.faults.drop_held[A] = 0.05
    with Client(mail.port) as one, Client(mail.port) as other:
        one.stage([A], BODY, how)
        other.stage([B], BODY, how)
        assert one.is_dropped()
        assert other.release(how)[0] == 250
    assert [r.recipients for r in mail.received] == [[B]]


@pytest.mark.parametrize("how", HOW)
def test_a_client_that_is_silent_too_long_is_told_421_and_has_delivered_nothing(mail, how):
    mail.faults.timeout = 0.2
    with Client(mail.port) as client:
        client.stage([A], BODY, how)
        assert client.getreply()[0] == 421
        assert client.is_dropped()
    assert mail.received == []


def test_a_word_now_and_then_keeps_a_staged_chunk_alive(mail):
    mail.faults.timeout = 2.0
    with Client(mail.port) as client:
        client.stage([A], BODY, "BDAT")
        for _ in range(5):
            time.sleep(0.5)
            assert client.noop()[0] == 250
        assert client.release("BDAT")[0] == 250


@pytest.mark.parametrize("how", HOW)
def test_a_slow_reply_comes_after_the_message_was_kept(mail, client, how):
    mail.faults.slow_reply = 0.3
    client.stage([A], BODY, how)
    client.send_release(how)
    until(lambda: mail.received)
    client.sock.setblocking(False)
    with pytest.raises(BlockingIOError):
        client.sock.recv(1)
    client.sock.settimeout(10)
    assert client.getreply()[0] == 250


def test_one_connection_too_many_is_told_421_until_another_leaves(mail):
    mail.faults.connections = 3
    clients = [Client(mail.port) for _ in range(3)]
    with pytest.raises(smtplib.SMTPConnectError) as refusal:
        Client(mail.port)
    assert refusal.value.smtp_code == 421
    clients.pop().close()
    until(lambda: len(mail.live) == 2)
    clients.append(Client(mail.port))
    assert (mail.turned_away, mail.most) == (1, 3)
    for client in clients:
        client.close()


def test_many_connections_can_be_held_at_once(mail):
    clients = [Client(mail.port) for _ in range(200)]
    for n, client in enumerate(clients):
        client.stage([f"e{n}@example.org"], BODY, HOW[n % 2])
    until(lambda: len(mail.held()) == 200)
    for n, client in enumerate(clients):
        assert client.release(HOW[n % 2])[0] == 250
        client.close()
    assert len(mail.received) == mail.most == 200


def test_commands_ahead_of_the_reply_are_taken_or_refused_as_was_offered(mail):
    commands = b"MAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n"
    with Client(mail.port) as client:
        client.send(commands)
        assert [client.getreply()[0] for _ in range(3)] == [250, 250, 354]
    mail.faults.pipelining = False
    with Client(mail.port) as client:
        client.send(commands)
        assert client.getreply()[0] == 503
    with Client(mail.port) as client:
        client.stage([A], BODY, "BDAT")
        assert client.release("BDAT")[0] == 250


def test_where_chunking_is_not_offered_it_is_not_known(mail):
    mail.faults.chunking = False
    with Client(mail.port) as client:
        client.start([A])
        assert client.docmd("BDAT", "0 LAST")[0] == 500
        assert client.data(BODY)[0] == 250


def test_recipients_beyond_the_limit_are_told_452(mail, client):
    mail.faults.recipients = 2
    client.mail("sender@example.org")
    assert [client.rcpt(f"e{n}@example.org")[0] for n in range(4)] == [250, 250, 452, 452]


def test_a_message_that_is_too_big_is_refused_when_announced_and_when_sent(mail):
    mail.faults.size = 100
    with Client(mail.port) as client:
        assert client.mail(A, ["SIZE=101"])[0] == 552
        for how in HOW:
            client.stage([A], b"x" * 60 + b"\r\n", how)
            client.rset() if how == "BDAT" else client.release(how)
        client.stage([A], (b"x" * 58 + b"\r\n") * 2, "DATA")
        assert client.release("DATA")[0] == 552
        client.start([A])
        assert [client.chunk(b"x" * 60)[0] for _ in range(3)] == [250, 552, 503]
    assert len(mail.received) == 1


def test_a_line_that_is_too_long_is_refused(mail, client):
    client.stage([A], b"x" * 1001 + b"\r\n", "BDAT")
    assert client.release("BDAT")[0] == 500
    assert mail.received == []


def test_where_tls_is_required_nothing_goes_before_it(mail):
    mail.faults.tls = "required"
    with Client(mail.port) as client:
        assert client.mail(A)[0] == 530
        client.starttls(context=certificates.made().client())
        client.ehlo()
        assert "starttls" not in client.esmtp_features
        for how in HOW:
            client.stage([A], BODY, how)
            assert client.release(how)[0] == 250
    assert [r.encrypted for r in mail.received] == [True, True]


def test_tls_from_the_first_byte():
    with (
        MailServer(faults=Faults(tls="implicit")) as server,
        smtplib.SMTP_SSL("localhost", server.port, context=certificates.made().client()) as client,
    ):
        client.sendmail(A, [B], BODY)
        assert server.received[0].encrypted


@pytest.mark.parametrize("kind", ["expired", "wrong_name", "self_signed"])
def test_a_bad_certificate_is_recognised(mail, kind):
    mail.faults.tls, mail.faults.certificate = "starttls", kind
    with Client(mail.port) as client, pytest.raises(ssl.SSLCertVerificationError):
        client.starttls(context=certificates.made(kind).client())


def test_a_login_is_asked_for_and_only_the_right_one_passes(mail):
    mail.faults.login = "institut:secret"
    with Client(mail.port) as client:
        assert client.mail(A)[0] == 530
        with pytest.raises(smtplib.SMTPAuthenticationError) as refusal:
            client.login("institut", "autre")
        assert refusal.value.smtp_code == 535
        assert client.login("institut", "secret")[0] == 235
        client.stage([A], BODY, "BDAT")
        assert client.release("BDAT")[0] == 250
    mail.faults.refuse_auth = "454 4.7.0 Temporary authentication failure"
    with Client(mail.port) as client, pytest.raises(smtplib.SMTPAuthenticationError) as refusal:
        client.login("institut", "secret")
    assert refusal.value.smtp_code == 454


def test_as_a_process_it_keeps_what_it_accepted_when_it_is_killed(tmp_path):
    words = ["connections=1", "no_pipelining", f"after_dot={B}:554 5.6.0 no", f"drop_after_dot={A}"]
    with MailProcess(tmp_path / "courrier", *words) as server:
        with Client(server.port) as client:
            assert "pipelining" not in client.esmtp_features
            with pytest.raises(smtplib.SMTPConnectError):
                Client(server.port)
            client.stage([B], BODY, "DATA")
            assert client.release("DATA") == (554, b"5.6.0 no")
            client.stage([A], BODY, "BDAT")
            with pytest.raises((smtplib.SMTPServerDisconnected, ConnectionResetError)):
                client.release("BDAT")
        held = Client(server.port)
        held.stage(["e@example.org"], BODY, "BDAT")
        server.kill()
        assert held.is_dropped()
        with pytest.raises(ConnectionRefusedError):
            Client(server.port)
        server.start()
        with Client(server.port) as client:
            client.stage(["f@example.org"], BODY, "DATA")
            client.release("DATA")
        found = server.received
    assert [(r.recipients, r.content, r.how) for r in found] == [
        ([A], BODY, "BDAT"), (["f@example.org"], BODY, "DATA"),
    ]  # fmt: skip
    assert found[0].at < found[1].at


def test_faults_in_words_are_those_of_a_test():
    words = ["slow=0.5", "connections=3", "no_chunking", "tls=required", "drop_held=*:0.5",
             "drop_in_data=a@b", "drop_in_data=c@d", "refuse_rcpt=a@b:550 5.1.1 no: never"]  # fmt: skip
    assert parse(words) == Faults(
        slow=0.5, connections=3, chunking=False, tls="required", drop_held={"*": 0.5},
        drop_in_data={"a@b", "c@d"}, refuse_rcpt={"a@b": "550 5.1.1 no: never"},
    )  # fmt: skip
    with pytest.raises(AttributeError):
        parse(["lent=1"])

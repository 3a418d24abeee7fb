"""What is read in the reports of other servers, and what is not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.returns import ACTIONS
from notifications.reports import LONGEST, read
from tests.support.notices import EVERY, STANDARD, WHEN, Notice, postfix, qmail

OURS = "<DI-2026-0001.0123456789abcdef@example.org>"
NOTICE = Notice(OURS, "info@ecole.example.org")


@pytest.mark.parametrize("server", STANDARD)
def test_a_report_says_which_message_and_address_failed_and_why(server):
    (report,) = read(STANDARD[server](NOTICE))
    (verdict,) = report.verdicts
    assert report.about[0] == OURS
    assert (report.id, report.at) == (NOTICE.report, WHEN)
    assert report.reporter.endswith("example.org") or "OUTLOOK" in report.reporter
    assert verdict.addresses == ("info@ecole.example.org",)
    assert (verdict.action, verdict.status) == ("failed", "5.1.1")
    assert verdict.diagnostic == "550 5.1.1 User unknown"


def test_a_report_that_follows_no_standard_says_which_address_failed():
    (report,) = read(qmail(NOTICE))
    (verdict,) = report.verdicts
    assert report.about == (OURS,)
    assert (verdict.addresses, verdict.action) == (("info@ecole.example.org",), "failed")


def test_the_address_that_was_written_to_comes_before_the_one_where_it_ended():
    (report,) = read(postfix(NOTICE.but(final="jean@ailleurs.example.org")))
    assert report.verdicts[0].addresses == ("info@ecole.example.org", "jean@ailleurs.example.org")


@pytest.mark.parametrize(
    ("written", "status", "action"),
    [
        ("failed", "5.1.1", "failed"),
        ("Failed (mailbox full)", "5.2.2", "failed"),
        ("error", "5.0.0", "failed"),
        ("delayed", "4.4.7", "delayed"),
        ("delivered", "2.0.0", "delivered"),
        ("relayed", "2.0.0", "relayed"),
        ("expanded", "2.0.0", "expanded"),
        ("", "5.7.1", "failed"),
        ("", "4.4.1", "delayed"),
    ],
)
def test_an_action_is_read_as_servers_write_it(written, status, action):
    (report,) = read(postfix(NOTICE.but(action=written, status=status, said="")))
    assert (report.verdicts[0].action, report.verdicts[0].status) == (action, status)


def test_a_status_that_is_missing_is_looked_for_in_the_diagnostic():
    (report,) = read(postfix(NOTICE.but(status="", said="554 5.7.26 not authenticated")))
    assert report.verdicts[0].status == "5.7.26"


def test_a_report_on_several_recipients_has_a_verdict_for_each():
    one = postfix(NOTICE)
    block = one[one.index(b"Final-Recipient") : one.index(b"\r\n\r\n--9C31", one.index(b"Final-R"))]
    other = block.replace(b"info@", b"autre@").replace(b"5.1.1", b"5.2.2")
    (report,) = read(one.replace(block, block + b"\r\n\r\n" + other))
    assert [(v.addresses[0], v.status) for v in report.verdicts] == [
        ("info@ecole.example.org", "5.1.1"), ("autre@ecole.example.org", "5.2.2"),
    ]  # fmt: skip


def test_a_report_that_somebody_forwarded_is_the_same_report():
    forwarded = (
        b"From: accueil@example.org\r\nMessage-ID: <autre@example.org>\r\nMIME-Version: 1.0\r\n"
        b"Content-Type: multipart/mixed; boundary=tr\r\n\r\n--tr\r\nContent-Type: text/plain\r\n\r\n"
        b"Pour vous.\r\n--tr\r\nContent-Type: message/rfc822\r\n\r\n" + postfix(NOTICE) + b"\r\n--tr--\r\n"
    )  # fmt: skip
    assert read(forwarded) == read(postfix(NOTICE))


def test_a_report_in_international_form_is_read_too():
    raw = postfix(NOTICE.but(original="françois@école.example.org"))
    raw = raw.replace(b"message/delivery-status", b"message/global-delivery-status")
    raw = raw.replace(b"rfc822;", b"utf-8;")
    (report,) = read(raw)
    assert report.verdicts[0].addresses == ("françois@école.example.org",)
    assert report.about[0] == OURS


def test_a_report_without_a_name_of_its_own_is_the_same_each_time_it_is_read():
    raw = postfix(NOTICE).replace(b"Message-Id: <2026", b"X-Was: <2026")
    (first,), (again,) = read(raw), read(b"Received: by autre.example.org\r\n" + raw)
    assert first.id == again.id
    assert first.id.startswith("sha256:")
    (other,) = read(raw.replace(b"info@ecole", b"autre@ecole"))
    assert other.id != first.id


def test_a_report_that_was_cut_short_is_read_as_far_as_it_goes():
    raw = postfix(NOTICE)
    long = raw.replace(b"La fiche.", b"La fiche. " * LONGEST)
    assert read(long) == read(raw)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x00" * 1000,
        b"Subject: Bonjour\r\n\r\nJe suis en vacances. " + OURS.encode(),
        b"Content-Type: multipart/report; boundary=x\r\n\r\n--x\r\n",
        b"Content-Type: message/delivery-status\r\n\r\nAction: failed\r\n",
        b"Content-Type: message/delivery-status\r\n\r\nFinal-Recipient: rfc822; a b\r\nAction: failed",
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n" * 200_000,
        b"Content-Type: message/rfc822\r\n\r\n" * 100_000,
    ],
    ids=["empty", "nul", "reply", "cut", "nobody", "address", "nested", "matryoshka"],
)
def test_what_is_no_report_is_none(raw):
    assert read(raw) == ()


def mangled():
    """Reports with bytes changed, taken out and put in, anywhere."""
    whole = st.sampled_from([make(NOTICE) for make in EVERY.values()])
    piece = st.tuples(st.integers(0, 4000), st.integers(0, 300), st.binary(max_size=60))
    return st.tuples(whole, st.lists(piece, max_size=8)).map(_mangle)


def _mangle(given):
    raw, pieces = given
    for at, gone, put in pieces:
        raw = raw[:at] + put + raw[at + gone :]
    return raw


@given(st.one_of(st.binary(max_size=3000), mangled()))
def test_garbage_is_never_an_error_and_what_is_read_can_be_kept(raw):
    for report in read(raw):
        told = [report.id, report.reporter, *report.about]
        for verdict in report.verdicts:
            told += [*verdict.addresses, verdict.status, verdict.diagnostic]
            assert verdict.action in ACTIONS
            assert verdict.addresses
        for text in told:
            text.encode()
            assert text.isprintable()
            assert len(text) <= 500

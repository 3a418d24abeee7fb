"""One changed byte is named; white space is not a change."""

import json
import re
from copy import deepcopy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.chain import canonical
from notifications.certificate import page
from notifications.certificate.checking import Unreadable, check, own_line
from notifications.certificate.document import SECTIONS, chained
from notifications.certificate.signing import digests, seal
from tests.support.diffusions import account, each, key, refused, sealed

SMALL = sealed(refused(account(3), 2, "550 5.1.1 inconnu « là »"))
WRITTEN = canonical(SMALL).encode()
PAGE = page.render(SMALL, "fr").encode()
PUBLIC = key().public_key().public_bytes_raw()


def judged(content, public=None):
    """Return the places that are named; `unreadable` where it cannot be read at all."""
    try:
        return [change.place for change in check(content, public).changes]
    except Unreadable as error:
        return [f"unreadable:{error.code}"]


def changed(**sections):
    made = deepcopy(SMALL)
    for name, change in sections.items():
        change(made[name])
    return judged(canonical(made).encode())


@pytest.mark.parametrize("count", [0, 1, 29, 1000])
@pytest.mark.parametrize("make", [account, each])
def test_what_was_issued_is_whole_as_a_document_and_as_a_page(count, make):
    made = sealed(make(count))
    for content in (canonical(made), page.render(made, "fr"), page.render(made, "en")):
        found = check(content.encode(), PUBLIC)
        assert found.changes == ()
        assert found.same_bytes
        assert found.document == made


# --- one byte -----------------------------------------------------------------------------------


def says_the_same(content, original=SMALL):
    try:
        return json.loads(content) == original
    except ValueError:
        return False


def test_every_byte_of_a_document_is_watched():
    for n in range(len(WRITTEN)):
        content = WRITTEN[:n] + bytes([WRITTEN[n] ^ 1]) + WRITTEN[n + 1 :]
        assert judged(content) or says_the_same(content), (n, WRITTEN[n - 20 : n + 20])


@given(st.integers(0, len(WRITTEN) - 1), st.integers(0, 255))
def test_one_changed_byte_is_named_unless_the_document_says_the_same(n, byte):
    content = WRITTEN[:n] + bytes([byte]) + WRITTEN[n + 1 :]
    places = judged(content)
    assert bool(places) != says_the_same(content)
    for place in places:
        assert place.startswith(("unreadable:", *(f"/{name}" for name in (*SECTIONS, "digests", "signature")))) or (
            place[1:] not in SMALL)  # fmt: skip


@given(st.integers(0, len(PAGE) - 1), st.integers(0, 255))
def test_one_changed_byte_of_a_page_is_named_too(n, byte):
    content = PAGE[:n] + bytes([byte]) + PAGE[n + 1 :]
    same = content.replace(b"\r\n", b"\n") == PAGE
    assert bool(judged(content)) != same


@pytest.mark.parametrize("write", [
    lambda made: json.dumps(made, indent=2, ensure_ascii=True),
    lambda made: json.dumps(dict(reversed(made.items())), ensure_ascii=False) + "\n",
], ids=["indented", "reordered"])  # fmt: skip
def test_a_document_that_was_only_written_otherwise_is_whole_and_it_is_said(write):
    found = check(write(SMALL).encode(), PUBLIC)
    assert found.changes == ()
    assert not found.same_bytes


def test_a_page_whose_lines_end_otherwise_is_whole():
    assert judged(PAGE.replace(b"\n", b"\r\n")) == []


# --- where --------------------------------------------------------------------------------------


def test_the_section_that_was_changed_is_named():
    assert changed(outcome=lambda s: s.update(accepted=3)) == ["/outcome"]
    assert changed(rule=lambda s: s.update(rule="all_or_nothing")) == ["/rule"]
    assert changed(runs=lambda s: s[0].update(window_us=1), about=lambda s: s.update(zone="UTC")) == [
        "/about", "/runs"]  # fmt: skip


def test_the_line_that_was_changed_is_named():
    assert changed(lines=lambda s: s[1].update(state="accepted")) == ["/lines/1"]
    assert changed(lines=lambda s: s[2].update(state="refused")) == ["/lines/2"]
    assert changed(lines=lambda s: s[0].update(hash="0" * 64)) == ["/lines/0/hash"]
    assert changed(lines=lambda s: s[1].update(previous="0" * 64)) == ["/lines/1/previous"]


def test_a_line_that_was_removed_or_moved_is_seen_where_it_is_missing():
    assert changed(lines=lambda s: s.pop(1)) == ["/lines/1"]
    assert changed(lines=lambda s: s.reverse())[0] == "/lines/0"
    assert changed(lines=lambda s: s.pop()) == ["/lines"]


def test_lines_whose_chain_was_made_again_are_seen_all_the_same():
    def forge(lines):
        lines[1]["state"] = "accepted"
        lines[:] = chained(
            {k: v for k, v in line.items() if k not in {"hash", "previous"}} for line in lines
        )

    assert changed(lines=forge) == ["/lines"]


def test_a_changed_digest_is_told_from_a_changed_section():
    assert changed(digests=lambda s: s.update(rule="0" * 64)) == ["/digests/rule"]


def test_the_seal_itself_is_watched():
    other = seal({k: SMALL[k] for k in SECTIONS}, key(2))["signature"]
    assert changed(signature=lambda s: s.update(key_sha256="0" * 64)) == ["/signature/key_sha256"]
    assert changed(signature=lambda s: s.update(key=other["key"])) == ["/signature/key"]
    assert changed(signature=lambda s: s.update(value=other["value"])) == ["/signature/value"]
    assert changed(signature=lambda s: s.update(algorithm="none")) == ["/signature/algorithm"]
    assert changed(signature=lambda s: s.update(note="x")) == ["/signature/note"]
    assert changed(signature=lambda s: s.pop("algorithm")) == ["/signature/algorithm"]


def test_what_was_added_or_taken_away_is_named():
    made = {**SMALL, "note/2": "en plus"}
    assert judged(canonical(made).encode()) == ["/note~12"]
    del made["note/2"], made["refusals"]
    assert judged(canonical(made).encode()) == ["/refusals"]


def test_who_rewrites_a_section_and_its_digest_cannot_sign():
    made = deepcopy(SMALL)
    made["outcome"]["accepted"] = 3
    made["digests"] = digests(made)
    assert judged(canonical(made).encode()) == ["/signature/value"]


def test_another_key_is_refused_when_one_is_asked_for():
    forged = canonical(sealed(account(3), number=2)).encode()
    assert judged(forged) == []
    assert judged(forged, PUBLIC) == ["/signature/key"]


@pytest.mark.parametrize(("content", "code"), [
    (b"", "json"), (b"{}", "other"), (b"[]", "other"), (b"\xff", "utf8"), (b"{", "json"),
    (b"<html></html>", "page"), (b'{"digests": NaN}', "json"), (b"[" * 100_000, "json"),
    (b'{"digests": {}, "digests": {}}', "duplicate"), (b'{"digests":' + b"9" * 5000 + b"}", "json"),
    (PAGE.replace(b"</body>", b'<script type="application/json" id="certificate">{}</script></body>'), "page"),
])  # fmt: skip
def test_what_is_no_certificate_is_unreadable(content, code):
    assert judged(content) == [f"unreadable:{code}"]


@pytest.mark.parametrize("value", [1.5, 10**30, "\ud800", [], None, {"digests": 1}, "AAAA"])
@pytest.mark.parametrize("name", [*SECTIONS, "digests", "signature"])
def test_a_value_of_any_kind_in_any_place_is_named_and_breaks_nothing(name, value):
    places = judged(json.dumps({**SMALL, name: value}).encode())
    assert any(place.startswith((f"/{name}", "/digests", "/signature")) for place in places)


# --- the page -----------------------------------------------------------------------------------


def test_a_page_that_does_not_say_what_the_document_says_is_named_with_both():
    shown = PAGE.decode().replace("2/3 acceptés", "3/3 acceptés", 1)
    headline, *_rest = check(shown.encode()).changes
    assert headline.code == "page"
    assert headline.heading == "Attestation de diffusion DI-2026-0001"
    assert "2/3" in headline.expected
    assert "3/3" in headline.found
    line = int(headline.place.removeprefix("page:"))
    assert "3/3" in shown.split("\n")[line - 1]


def test_a_row_taken_out_of_the_page_is_named():
    shown = re.sub(r'<tr><th scope="row">2</th>.*\n', "", PAGE.decode())
    (change,) = check(shown.encode()).changes
    assert change.heading == "Chaque destinataire, sans son nom"
    assert change.expected.startswith("2 refusé")


def test_a_style_that_hides_something_is_seen():
    shown = PAGE.decode().replace("</style>", ".headline { display: none }\n</style>")
    (change,) = check(shown.encode()).changes
    assert change.code in {"page", "page_hidden"}


def test_a_page_of_another_edition_cannot_be_compared_and_does_not_pass():
    shown = PAGE.decode().replace(page.edition(), "0" * 12).replace("2/3 acc", "3/3 acc")
    (change,) = check(shown.encode()).changes
    assert change.code == "page_edition"


def test_the_page_in_the_other_language_is_compared_in_that_language():
    assert judged(page.render(SMALL, "en").encode()) == []
    assert judged(PAGE.replace(b'lang="fr-CA"', b'lang="en-CA"'))


# --- one's own line -----------------------------------------------------------------------------


def test_each_partner_finds_its_own_line_and_no_other():
    given_ = account(29)
    made = sealed(given_)
    for copy in given_.copies:
        found = own_line(made, copy.salt, copy.name, copy.addresses)
        assert found["line"] == sorted(given_.copies, key=lambda c: c.position).index(copy) + 1
    one, other = given_.copies[:2]
    assert own_line(made, one.salt, other.name, other.addresses) is None
    assert own_line(made, other.salt, one.name, one.addresses) is None
    assert own_line({"lines": "?"}, one.salt, one.name, one.addresses) is None

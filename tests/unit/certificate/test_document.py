"""What a certificate says, and what it never says."""

import base64
import json
from dataclasses import replace
from datetime import timedelta
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.chain import GENESIS, canonical
from notifications.certificate import page
from notifications.certificate.commitment import commitment
from notifications.certificate.document import document, line_hash, same_facts
from notifications.certificate.masking import MASK, Mask
from tests.support import diffusions
from tests.support.diffusions import (
    DOT,
    account,
    context,
    each,
    ms,
    refused,
    run,
    sealed,
    transmission,
)

SIZES = (0, 1, 29, 1000)


def disguises(text):
    """Yield a text as it might be hidden in another one."""
    for form in (text, text.casefold()):
        yield form
        raw = form.encode()
        for shift in range(3):
            whole = base64.b64encode(b"\0" * shift + raw).decode()
            yield whole[4:-4] if shift else whole[:-4]
        yield raw.hex()
        yield quote(form)
        yield json.dumps(form)[1:-1]


@pytest.mark.parametrize("given_", [
    account(29), each(29), refused(account(29), 7, "550 <courriel0022@partenaire0022.example.org>: no such user"),
], ids=["one", "each", "refused"])  # fmt: skip
def test_no_name_and_no_address_stands_in_a_certificate_in_any_disguise(given_):
    made = sealed(given_)
    for text in (canonical(made), page.render(made, "fr"), page.render(made, "en")):
        folded = text.casefold()
        for copy in given_.copies:
            for secret in (copy.name, *copy.addresses, copy.salt, copy.recipient):
                for form in disguises(secret):
                    assert form not in text
                assert secret.casefold() not in folded
            for address in copy.addresses:
                user, _, domain = address.partition("@")
                assert user not in text
                assert domain not in text


def test_the_title_of_the_case_is_not_told_since_the_sheet_may_hide_who_asks():
    assert "Organisation secrète" not in canonical(sealed(account(3)))


@pytest.mark.parametrize("count", SIZES)
def test_the_bytes_are_the_same_for_the_same_account(count):
    one, other = sealed(account(count)), sealed(account(count))
    assert canonical(one) == canonical(other)
    assert page.render(one, "fr") == page.render(other, "fr")
    assert len(one["lines"]) == one["recipients"]["count"] == count


@pytest.mark.parametrize("count", [1, 29, 1000])
def test_each_line_holds_the_hash_of_the_one_before_and_its_own(count):
    before = GENESIS
    for line in sealed(account(count))["lines"]:
        assert line["previous"] == before
        assert line["hash"] == line_hash(line)
        before = line["hash"]


def test_lines_stand_in_the_order_that_was_drawn_and_not_in_that_of_names():
    base = account(5)
    made = document(base, context())
    drawn = sorted(base.copies, key=lambda c: c.position)
    assert [line["commitment"] for line in made["lines"]] == [
        commitment(c.salt, c.name, c.addresses) for c in drawn
    ]


@pytest.mark.parametrize(("given_", "shape", "window", "said", "complete"), [
    (account(29), "one", 0, "29/29", True),
    (each(60), "each", 60_000, "60/60", True),
    (refused(account(29), 1, "550 no"), "one", 0, "28/29", False),
    (account(0), None, None, "0/0", True),
], ids=["one", "each", "refused", "nobody"])  # fmt: skip
def test_the_outcome_says_how_they_were_served_and_the_window_between_them(
    given_, shape, window, said, complete
):
    outcome = document(given_, context())["outcome"]
    assert (outcome["shape"], outcome["window_us"], outcome["said"], outcome["complete"]) == (
        shape, window, said, complete)  # fmt: skip


def test_served_in_two_runs_the_window_is_all_the_time_between_them():
    base = account(2)
    late = DOT + timedelta(hours=2)
    second = replace(base.copies[1], transmission=2, released_at=late, settled_at=late + ms(3))
    runs = (
        run([transmission(1)], rule="proceed_and_remedy"),
        run([transmission(2, dot_at=late, replied_at=late + ms(3))], number=2, first_dot_at=late,
            last_reply_at=late + ms(3)),
    )  # fmt: skip
    outcome = document(replace(base, copies=(base.copies[0], second), runs=runs), context())[
        "outcome"
    ]
    assert (outcome["shape"], outcome["window_us"]) == ("runs", 7_200_003_000)


def test_a_member_without_an_address_is_counted_not_named_and_the_diffusion_is_not_complete():
    given_ = account(
        3, audience={"active": 4, "without_address": ["Collège Oublié"], "sha256": "cd" * 32}
    )
    made = document(given_, context())
    assert made["recipients"]["without_address"] == 1
    assert made["outcome"]["complete"] is False
    assert "Oublié" not in canonical(made)


def test_a_refusal_tells_its_line_its_reply_without_the_address_and_what_became_of_it():
    given_ = refused(
        account(3), 2, "550 5.1.1 <courriel0001@partenaire0001.example.org>: unknown here"
    )
    (told,) = document(given_, context())["refusals"]
    assert (told["line"], told["run"], told["kind"], told["remedy"]) == (
        2,
        1,
        "refused_rcpt",
        "person",
    )
    assert told["reply"] == f"550 5.1.1 <{MASK}>: unknown here"
    healed = tuple(replace(c, state="accepted") for c in given_.copies)
    (told,) = document(replace(given_, copies=healed), context())["refusals"]
    assert told["remedy"] == "accepted"


def test_a_persons_decision_is_dated_and_neither_the_person_nor_the_words_are_told():
    resolution = {
        "by": "directrice",
        "at": "2026-11-17T09:00:00-05:00",
        "reason": "appel à Mme Tremblay",
    }
    base = account(1)
    copy = replace(base.copies[0], state="confirmed", resolution=resolution)
    ran = replace(base.runs[0], reason={"by": "directrice", "why": "appel à Mme Tremblay"})
    made = document(replace(base, copies=(copy,), runs=(ran,)), context())
    assert made["lines"][0]["by_person"] == "2026-11-17T14:00:00.000000Z"
    assert made["runs"][0]["decided_by"] == "person"
    assert "directrice" not in canonical(made)
    assert "Tremblay" not in canonical(made)


def test_instants_are_told_in_universal_and_in_local_time():
    times = document(account(1), context())["times"]
    assert times["first_dot"] == {
        "utc": "2026-11-16T15:00:02.000000Z",
        "local": "2026-11-16T10:00:02.000000-05:00",
    }


@pytest.mark.parametrize("state", ["uncertain", "refused"])
def test_the_first_dot_is_told_when_nobody_was_accepted_and_no_last_acceptance_is(state):
    base = account(2)
    copies = tuple(replace(c, state=state, reply=None) for c in base.copies)
    ran = run([transmission(1, state=state, reply=None)], last_reply_at=None, window=None)
    times = document(replace(base, copies=copies, runs=(ran,)), context())["times"]
    assert times["first_dot"]["utc"] == "2026-11-16T15:00:02.000000Z"
    assert times["last_reply"] is None


def test_the_message_id_is_told_only_where_no_address_can_be_guessed_from_it_and_the_hash():
    shared = document(account(2), context())["runs"][0]["transmissions"][0]
    assert shared["message_id"] == "<DI-2026-0001.abcdef@example.org>"
    for sent in document(each(2), context())["runs"][0]["transmissions"]:
        assert sent["message_id"] is None
    base = account(2)
    written_apart = run([transmission(1), transmission(2, sha256="01" * 32)], shape="each")
    for sent in document(replace(base, runs=(written_apart,)), context())["runs"][0][
        "transmissions"
    ]:
        assert sent["message_id"] is None


def test_issues_that_differ_by_their_date_alone_say_the_same():
    one = sealed(account(3))
    assert same_facts(
        one, sealed(account(3), issue=2, made_at=DOT + timedelta(days=9), previous="0" * 64)
    )
    assert not same_facts(one, sealed(refused(account(3), 1, "550 no")))


# --- commitments --------------------------------------------------------------------------------


EMAILS = st.lists(
    st.from_regex(r"[a-z]{1,5}@[a-z]{1,5}\.example", fullmatch=True),
    min_size=1,
    max_size=4,
    unique=True,
)


@given(st.text(min_size=1, max_size=20), EMAILS, st.randoms(use_true_random=False))
def test_a_commitment_forgives_order_and_spaces_and_nothing_else(name, addresses, random):
    shuffled = random.sample(addresses, len(addresses))
    made = commitment("0a" * 16, name, addresses)
    assert commitment("0A" * 16, f"  {name}  ", shuffled) == made
    assert commitment("0b" * 16, name, addresses) != made
    assert commitment("0a" * 16, name + "x", addresses) != made
    assert commitment("0a" * 16, name, [*addresses, "autre@example.org"]) != made


def test_composed_and_decomposed_accents_are_the_same_name():
    assert commitment("00", "Cégep", ["a@b.example"]) == commitment(
        "00", "Ce\u0301gep", ["A@B.example"]
    )


# --- masks --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("said", "left"), [
    ("550 <courriel0000@partenaire0000.example.org> no", "550 <[…]> no"),
    ("450 host mx1.partenaire0000.example.org said: later", "450 host […] said: later"),
    ("450 host mx.PARTENAIRE0001.example.org said: later", "450 host […] said: later"),
    ("550 courriel0000: no such mailbox", "550 […]: no such mailbox"),
    ("550 SRS0=x=partenaire0000.example.org=courriel0000@relais.example no", "550 […] no"),
    ("250 2.0.0 Ok: queued as 4XyZ", "250 2.0.0 Ok: queued as 4XyZ"),
    ("smtp.relais.example: timed out", "smtp.relais.example: timed out"),
    ("550 Cégep de l'Été 0000 a déménagé", "550 […] a déménagé"),
])  # fmt: skip
def test_a_servers_reply_is_kept_without_what_tells_whom_it_is_about(said, left):
    made = diffusions.copies(2)
    assert Mask(made)(said, made[:1]) == left

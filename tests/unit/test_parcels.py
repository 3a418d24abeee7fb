"""What goes in one transaction, and what the rule decides: nobody lost, nobody twice, nobody before another."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from engine.lease import Delivery, Leased
from engine.outbox import BACKOFF
from notifications.decision import FINAL, decide
from notifications.outcome import Outcome
from notifications.parcels import Parcel, split

AT = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
NOW = 1_000_000
REFUSALS = st.sampled_from(
    ["refused_rcpt", "refused", "deferred_rcpt", "staging_failed", "lost_before_dot"]
)


def delivery(n, addresses=1, attempts=0):
    return Delivery(id=n, recipient=f"member:{n}", name=f"É{n}", addresses=tuple(f"e{n}-{i}@example.org" for i in range(addresses)),
                    languages=("fr",), newcomer=False, message_id="<x@example.org>", salt="0" * 32, attempts=attempts)  # fmt: skip


def batch(deliveries):
    return Leased(id=1, case_id=1, name="diffusion", template="t", newcomer_template=None, batch=True, rule=None, ruling=None, personal=False,
                  about=None, queued_at=AT, not_before=AT, facts={}, token=1, deliveries=tuple(deliveries))  # fmt: skip


@given(st.lists(st.integers(1, 4), min_size=1, max_size=60), st.integers(1, 20))
def test_groups_hold_everybody_once_in_order_and_are_no_larger_than_they_may(sizes, most):
    everybody = tuple(delivery(n, size) for n, size in enumerate(sizes))
    groups = split([Parcel(deliveries=everybody, body=b"x")], most)
    assert tuple(d for g in groups for d in g.deliveries) == everybody
    assert all(len(g.addresses) <= most or len(g.deliveries) == 1 for g in groups)
    assert all(g.body == b"x" for g in groups)


@given(st.integers(1, 1000), st.integers(1, 100))
def test_groups_of_plain_recipients_are_even_and_as_few_as_can_be(count, most):
    groups = split([Parcel(deliveries=tuple(map(delivery, range(count))), body=b"")], most)
    sizes = [len(g.deliveries) for g in groups]
    assert len(groups) == -(-count // most)
    assert max(sizes) - min(sizes) <= len(groups)


@given(
    st.sampled_from(["all_or_nothing", "proceed_and_remedy"]),
    st.lists(st.none() | REFUSALS, min_size=1, max_size=40),
    st.integers(0, len(BACKOFF)),
)
def test_the_rule_leaves_nobody_out_and_gives_nothing_to_one_before_another(rule, fates, attempts):
    everybody = [delivery(n, attempts=attempts) for n in range(len(fates))]
    leased = batch(everybody)
    refused = {
        d.id: (d, Outcome(state=fate, reply="…"))
        for d, fate in zip(everybody, fates, strict=True)
        if fate is not None
    }
    decision = decide(rule, leased, refused, NOW)
    moved = [m.delivery.id for m in decision.moves]
    assert len(moved) == len(set(moved))
    if decision.verdict == "released":
        assert set(moved) == set(refused)
        assert not refused or (rule == "proceed_and_remedy" and len(refused) < len(everybody))
        return
    assert set(moved) == {d.id for d in everybody}
    assert refused
    states = {m.state for m in decision.moves}
    if decision.verdict == "aborted":
        assert states <= {*FINAL, "aborted"}
    else:
        assert states.isdisjoint(FINAL)
        assert len({m.again_at for m in decision.moves}) == 1
        assert next(iter(decision.moves)).again_at > NOW

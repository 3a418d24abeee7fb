"""The outbox as people and cases see it: what left, what waits, what needs a person, their decisions.

Those who deliver the mail write it under lease (`engine.lease`); `engine.diffusion` has the record of a
batch. The states of a delivery:

- tried again by themselves: `RETRIED`;
- settled well: `DONE`;
- settled, and a person is needed: `NEEDS_PERSON`. `uncertain` means that nobody knows whether the
  server took it: it is never sent again by itself.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, func, insert, or_, select, update

from engine.chain import canonical
from engine.errors import NotFound
from engine.schema import (
    cases,
    deliveries,
    from_micros,
    instant,
    outbox,
    timers,
    to_micros,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection, Row


#: Tried again by themselves.
RETRIED = ("queued", "deferred", "deferred_rcpt", "lost_before_dot", "staging_failed",
           "resend_authorised")  # fmt: skip
#: The server took it, or a person made sure that it had.
DONE = ("accepted", "delayed", "confirmed")
#: They have nothing, and a person is needed; beside them, nobody knows.
REFUSED = ("refused", "refused_rcpt", "aborted", "bounced")
NEEDS_PERSON = (*REFUSED, "uncertain")
#: They stand so, and nobody has accepted yet that they stay so (`engine.incomplete`).
_AWAITED = deliveries.c.state.in_(NEEDS_PERSON) & func.coalesce(
    deliveries.c.resolution, ""
).not_like('%"left":true%')
#: Waits between tries, then given up: two days in all, as mail servers do (RFC 5321, 4.5.4.1).
BACKOFF = tuple(timedelta(minutes=m) for m in (1, 5, 15, 60, 240, 480, 720, 720))
#: How long before the instant of a message its sending is prepared.
LEAD = timedelta(seconds=60)


def wake(connection: Connection, case_id: int | None, now: int) -> None:
    """Ask, in the caller's transaction, that a case be looked at again."""
    if case_id is None:
        return
    pending = select(timers.c.id).where(
        timers.c.case_id == case_id, timers.c.name == "wake", timers.c.status == "pending"
    )
    if connection.execute(pending).first() is None:
        connection.execute(
            insert(timers).values(case_id=case_id, name="wake", fire_at=now, status="pending")
        )


# --- what a case and a person may know ----------------------------------------------------------


def names_sent(connection: Connection, case_id: int) -> frozenset[str]:
    """Return the names of the messages that a case has sent, whatever became of them."""
    names = select(outbox.c.name).where(outbox.c.case_id == case_id)
    return frozenset(connection.execute(names).scalars())


def message_state(connection: Connection, case_id: int, name: str) -> frozenset[str]:
    """Return what holds of the messages of a name that count now (`counting`), all of them together.

    `accepted`: every recipient's server took it. `settled`: nothing more happens by itself. `waiting`:
    something does. `stuck`: somebody's copy needs a person, whatever becomes of the others, and nobody has
    accepted that it stays so; `missing`: whether or not somebody has. `begun`: somebody has it, or may.
    What was taken back counts for nothing.
    """
    ids = counting(connection, case_id, name)
    rows = connection.execute(
        select(deliveries.c.state, func.count())
        .where(deliveries.c.outbox_id.in_(ids), deliveries.c.state != "cancelled")
        .group_by(deliveries.c.state)
    )
    states = {row[0] for row in rows}
    if not states:
        return frozenset()
    missing = not states.isdisjoint(NEEDS_PERSON)
    settled = states <= {*DONE, *NEEDS_PERSON}
    holds = {
        "accepted": states <= set(DONE),
        "settled": settled,
        "waiting": not settled,
        "missing": missing,
        "stuck": missing and bool(awaiting(connection, ids)),
        "begun": not states.isdisjoint({*DONE, "uncertain", "bounced", "releasing"}),
    }
    return frozenset(name for name, here in holds.items() if here)


def state_with_another(connection: Connection, case_id: int, name: str) -> frozenset[str]:
    """Return what holds of the messages of a name while another one is about to be queued."""
    ids = counting(connection, case_id, name)
    about = select(outbox.c.id).where(outbox.c.id.in_(ids), outbox.c.about.is_not(None)).limit(1)
    if connection.execute(about).first() is None:
        return frozenset({"waiting"})  # what became of the one before is past
    holds = message_state(connection, case_id, name)
    return (holds & {"stuck", "missing", "begun"}) | {"waiting"}


def counting(connection: Connection, case_id: int, name: str) -> list[int]:
    """Return the messages of a name that count now: the newest one.

    Of those about an earlier batch, all that are about the last of it: each says something of its own.
    None where that batch has been sent anew since.
    """
    mine = (outbox.c.case_id == case_id, outbox.c.name == name)
    newest = connection.execute(
        select(outbox.c.id, outbox.c.about).where(*mine).order_by(outbox.c.id.desc()).limit(1)
    ).first()
    if newest is None or newest.about is None:
        return [] if newest is None else [newest.id]
    first = select(outbox.c.name).where(outbox.c.id == newest.about).scalar_subquery()
    last = select(func.max(outbox.c.id)).where(outbox.c.case_id == case_id, outbox.c.name == first)
    about = connection.execute(last).scalar()
    wanted = select(outbox.c.id).where(*mine, outbox.c.about == about).order_by(outbox.c.id)
    return list(connection.execute(wanted).scalars())


def awaiting(connection: Connection, ids: Sequence[int]) -> list[int]:
    """Return those of some messages of which a copy needs a person."""
    wanted = select(deliveries.c.outbox_id).where(deliveries.c.outbox_id.in_(ids), _AWAITED)
    return sorted(set(connection.execute(wanted).scalars()))


def is_left(resolution: Mapping[str, Any] | None) -> bool:
    """Tell whether a person accepts that a copy stays as it is, by what was last decided about it."""
    return bool(resolution and resolution.get("left"))


def first_try(now: int, instant: int) -> int:
    """Return when a message set for an instant is first taken up; all in microseconds."""
    return max(now, instant - LEAD // timedelta(microseconds=1))


def left_at(connection: Connection, case_id: int, name: str) -> datetime | None:
    """Return when the first copy of the newest message of a name left (UTC); None while none has."""
    here = deliveries.c.outbox_id == newest_message(connection, case_id, name)
    return instant(
        connection.execute(select(func.min(deliveries.c.released_at)).where(here)).scalar()
    )


def queued(connection: Connection, case_id: int) -> frozenset[str]:
    """Return the names of the messages that a case has ever asked to send."""
    names = select(outbox.c.name).where(outbox.c.case_id == case_id)
    return frozenset(connection.execute(names).scalars())


def newest_message(connection: Connection, case_id: int, name: str) -> int | None:
    """Return the id of the newest message of a name, or None."""
    wanted = select(func.max(outbox.c.id)).where(outbox.c.case_id == case_id, outbox.c.name == name)
    return connection.execute(wanted).scalar()


def messages_named(connection: Connection, case_id: int, name: str) -> list[int]:
    """Return the ids of a case's messages of a name, in the order in which they were queued."""
    wanted = select(outbox.c.id).where(outbox.c.case_id == case_id, outbox.c.name == name)
    return list(connection.execute(wanted.order_by(outbox.c.id)).scalars())


def message_numbered(connection: Connection, case_id: int, name: str, number: int | None) -> int:
    """Return the id of a case's message of a name: the first is 1; the newest without a number.

    Raises:
        NotFound: No such message has been queued.
    """
    found = messages_named(connection, case_id, name)
    wanted = found[-1:] if number is None else found[number - 1 : number]
    if not wanted:
        raise NotFound("message", name if number is None else f"{name} {number}")
    return wanted[0]


def standing_message(connection: Connection, case_id: int, name: str) -> int | None:
    """Return the newest message of a name; None where there is none, or where it was taken back."""
    newest = newest_message(connection, case_id, name)
    states = connection.execute(select(deliveries.c.state).where(deliveries.c.outbox_id == newest))
    return None if set(states.scalars()) == {"cancelled"} else newest


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A delivery as a person sees it; instants are UTC."""

    id: int
    outbox_id: int
    number: str | None
    message: str
    recipient: str
    name: str
    addresses: tuple[str, ...]
    newcomer: bool
    state: str
    attempts: int
    queued_at: datetime
    next_attempt_at: datetime | None
    released_at: datetime | None
    settled_at: datetime | None
    reply: str | None
    message_id: str
    resolution: Mapping[str, Any] | None


def list_deliveries(
    connection: Connection,
    *,
    failed: bool = False,
    case_id: int | None = None,
    outbox_id: int | None = None,
    ids: Sequence[int] | None = None,
    limit: int = 200,
) -> list[Listed]:
    """Return deliveries, the newest message first, recipients by name.

    Args:
        connection: To read with.
        failed: Only those that need a person.
        case_id: Only those of this case.
        outbox_id: Only those of this message.
        ids: Only these.
        limit: At most so many.
    """
    wanted = (
        select(deliveries, outbox.c.name.label("message"), outbox.c.queued_at, cases.c.number)
        .join(outbox, outbox.c.id == deliveries.c.outbox_id)
        .outerjoin(cases, cases.c.id == outbox.c.case_id)
        .order_by(outbox.c.id.desc(), deliveries.c.name, deliveries.c.id)
        .limit(limit)
    )
    if failed:
        wanted = wanted.where(_AWAITED)
    if case_id is not None:
        wanted = wanted.where(outbox.c.case_id == case_id)
    if outbox_id is not None:
        wanted = wanted.where(outbox.c.id == outbox_id)
    if ids is not None:
        wanted = wanted.where(deliveries.c.id.in_(ids))
    return [_listed(row) for row in connection.execute(wanted)]


def _listed(row: Row[Any]) -> Listed:
    return Listed(
        id=row.id,
        outbox_id=row.outbox_id,
        number=row.number,
        message=row.message,
        recipient=row.recipient,
        name=row.name,
        addresses=tuple(json.loads(row.addresses)),
        newcomer=bool(row.newcomer),
        state=row.state,
        attempts=row.attempts,
        queued_at=from_micros(row.queued_at),
        next_attempt_at=instant(row.next_attempt_at),
        released_at=instant(row.released_at),
        settled_at=instant(row.settled_at),
        reply=row.reply or None,
        message_id=row.message_id,
        resolution=None if row.resolution is None else json.loads(row.resolution),
    )


def counts(connection: Connection) -> dict[str, int]:
    """Return how many deliveries stand in each state."""
    rows = connection.execute(select(deliveries.c.state, func.count()).group_by(deliveries.c.state))
    return {row[0]: row[1] for row in rows}


def awaiting_person(connection: Connection) -> dict[str, int]:
    """Return how many deliveries in each state need a person."""
    by_state = select(deliveries.c.state, func.count()).where(_AWAITED)
    rows = connection.execute(by_state.group_by(deliveries.c.state))
    return {row[0]: row[1] for row in rows}


# --- a person's decisions -----------------------------------------------------------------------


def retry(
    connection: Connection,
    ids: Sequence[int],
    *,
    now: datetime,
    decision: Mapping[str, Any],
    addresses: Mapping[int, Sequence[str]] | None = None,
) -> int:
    """Queue again what was refused or came back, to other addresses if they have changed.

    Those of a batch that was called off are queued again together with all the others of it.

    Args:
        connection: In a write transaction.
        ids: Deliveries; those that were not refused and did not come back are left alone.
        now: The workspace's clock.
        decision: Who, when and why, kept with the delivery.
        addresses: New addresses by delivery.

    Returns:
        How many were queued.
    """
    asked = {*ids, *_of_the_same_batch(connection, ids)}
    done = 0
    rows = connection.execute(
        select(deliveries.c.id, outbox.c.not_before)
        .join(outbox, outbox.c.id == deliveries.c.outbox_id)
        .where(deliveries.c.id.in_(asked))
    )
    for delivery_id, not_before in rows.all():
        values: dict[str, Any] = {
            "state": "queued", "attempts": 0,
            "next_attempt_at": first_try(to_micros(now), not_before),
            "settled_at": None, "resolution": canonical(decision),
        }  # fmt: skip
        if addresses and delivery_id in addresses:
            values["addresses"] = json.dumps(list(addresses[delivery_id]), ensure_ascii=False)
        done += connection.execute(
            update(deliveries)
            .where(
                deliveries.c.id == delivery_id,
                or_(
                    deliveries.c.state.in_(REFUSED),
                    and_(deliveries.c.state.in_(RETRIED), deliveries.c.attempts > 0),
                ),
            )
            .values(values)
        ).rowcount
    return done


def _of_the_same_batch(connection: Connection, ids: Sequence[int]) -> list[int]:
    """Return the others of a batch that was called off: they have it together, or not at all."""
    batches = select(deliveries.c.outbox_id).where(deliveries.c.id.in_(ids))
    called_off = (
        select(deliveries.c.outbox_id)
        .where(deliveries.c.outbox_id.in_(batches), deliveries.c.state == "aborted")
        .distinct()
    )
    rows = connection.execute(
        select(deliveries.c.id)
        .where(deliveries.c.outbox_id.in_(called_off), deliveries.c.state.in_(REFUSED))
        .order_by(deliveries.c.id)
    )
    return list(rows.scalars())


def resolve(
    connection: Connection,
    delivery_id: int,
    verdict: str,
    *,
    now: datetime,
    decision: Mapping[str, Any],
) -> bool:
    """Settle a delivery that is uncertain, or came back, as a person decides; False when it is neither.

    Args:
        connection: In a write transaction.
        delivery_id: The delivery.
        verdict: `confirmed` (it did arrive) or `resend_authorised` (send it again, at the risk of
            two copies).
        now: The workspace's clock.
        decision: Who, when and why, kept with the delivery.
    """
    again = verdict == "resend_authorised"
    row = connection.execute(
        update(deliveries)
        .where(deliveries.c.id == delivery_id, deliveries.c.state.in_(("uncertain", "bounced")))
        .values(
            state=verdict,
            next_attempt_at=to_micros(now) if again else None,
            resolution=canonical(decision),
        )
        .returning(deliveries.c.outbox_id)
    ).first()
    if row is None:
        return False
    case_id = connection.execute(
        select(outbox.c.case_id).where(outbox.c.id == row.outbox_id)
    ).scalar()
    wake(connection, case_id, to_micros(now))
    return True

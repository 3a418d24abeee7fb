"""The outbox's narrow port: what delivers mail reads and writes cases' messages here, nowhere else.

A message is worked on under a lease: who holds it, until when (real time: a rehearsal's clock may
stand still), and a fencing token that every later write must show, so that a worker that was thought
dead changes nothing any more. Invariants:

- `releasing` is committed before the final dot is written. A `releasing` whose worker is gone becomes
  `uncertain`: nobody knows, so a person decides, and it is never sent again by itself.
- Only `queued`, `deferred`, `deferred_rcpt`, `lost_before_dot`, `staging_failed` and what a person
  authorised are tried again.
- The Message-ID is the one that was fixed when the message was queued, whatever the number of tries.
- What settles a delivery also wakes its case, in the same transaction.
"""

from __future__ import annotations

import json
import os
import socket
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, func, insert, or_, select, update

from engine.chain import canonical, content_hash
from engine.errors import ArrimageError, NotFound
from engine.schema import (
    cases,
    deliveries,
    from_micros,
    instant,
    outbox,
    renderings,
    timers,
    to_micros,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sqlalchemy import Connection, Row

    from engine.database import Database

#: Tried again by themselves.
RETRIED = ("queued", "deferred", "deferred_rcpt", "lost_before_dot", "staging_failed",
           "resend_authorised")  # fmt: skip
#: The server took it, or a person made sure that it had.
DONE = ("accepted", "delayed", "confirmed")
#: A person is needed.
NEEDS_PERSON = ("refused", "refused_rcpt", "uncertain", "aborted", "bounced")
#: How long a lease holds without being renewed, in real time.
LEASE = timedelta(minutes=5)
#: Waits between tries, then given up: two days in all, as mail servers do (RFC 5321, 4.5.4.1).
BACKOFF = tuple(timedelta(minutes=m) for m in (1, 5, 15, 60, 240, 480, 720, 720))


class LeaseLost(ArrimageError):
    """Another worker has taken this message over; nothing was written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One recipient of one message, as a worker sees it."""

    id: int
    recipient: str
    name: str
    addresses: tuple[str, ...]
    languages: tuple[str, ...]
    message_id: str
    attempts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Leased:
    """A message under lease with its deliveries that are due, in the order drawn at queueing."""

    id: int
    case_id: int | None
    name: str
    template: str
    batch: bool
    queued_at: datetime
    facts: Mapping[str, Any]
    token: int
    deliveries: tuple[Delivery, ...]


def holder() -> str:
    """Return who this process is, so that a lease tells when its holder has died."""
    return f"{socket.gethostname()}:{os.getpid()}:{_started(os.getpid())}"


def claim(database: Database, now: datetime, me: str) -> Leased | None:
    """Take the message whose delivery has been due the longest, or None.

    What a dead worker left behind is settled first: `releasing` becomes `uncertain`, and what was
    staged is tried again.

    Args:
        database: The database.
        now: The workspace's clock: what is due.
        me: `holder()` of this worker.
    """
    real = datetime.now(UTC)
    with database.write() as connection:
        for candidate in _candidates(connection, to_micros(now)):
            row = _locked(connection, candidate)
            if row is None or not _is_free(row, real, me):
                continue
            token = row.lease_token + 1
            connection.execute(
                update(outbox)
                .where(outbox.c.id == row.id)
                .values(lease_holder=me, lease_until=to_micros(real + LEASE), lease_token=token)
            )
            _recover(connection, row, to_micros(now))
            due = _due(connection, row.id, to_micros(now))
            if due:
                return _leased(row, token, due)
            _free(connection, row.id)
    return None


def _candidates(connection: Connection, now: int) -> list[int]:
    rows = connection.execute(
        select(deliveries.c.outbox_id)
        .where(deliveries.c.next_attempt_at <= now)
        .order_by(deliveries.c.next_attempt_at)
        .limit(500)
    ).scalars()
    return list(dict.fromkeys(rows))


def _locked(connection: Connection, outbox_id: int) -> Row[Any] | None:
    wanted = select(outbox).where(outbox.c.id == outbox_id)
    return connection.execute(wanted.with_for_update(skip_locked=True)).first()


def _is_free(row: Row[Any], real: datetime, me: str) -> bool:
    if row.lease_holder in (None, me) or row.lease_until < to_micros(real):
        return True
    return _is_dead(row.lease_holder)


def _is_dead(who: str) -> bool:
    """Tell whether a lease's holder was a process of this machine that is no more."""
    host, pid, started = who.rsplit(":", 2)
    return host == socket.gethostname() and _started(int(pid)) != started


def _started(pid: int) -> str:
    """Return the start time of a process, so that a reused number is not taken for it."""
    try:
        # Field 22 of /proc/PID/stat (proc(5)); the name before it may hold spaces and parentheses.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return "gone"


def _recover(connection: Connection, row: Row[Any], now: int) -> None:
    """Settle what the last holder left in the middle."""
    here = deliveries.c.outbox_id == row.id
    lost = connection.execute(
        update(deliveries)
        .where(here, deliveries.c.state == "releasing")
        .values(
            state="uncertain",
            next_attempt_at=None,
            settled_at=now,
            reply="the sender stopped after the end of the message was to be sent",
        )
    ).rowcount
    connection.execute(
        update(deliveries)
        .where(here, deliveries.c.state.in_(("staging", "staged")))
        .values(state="lost_before_dot", next_attempt_at=now)
    )
    if lost:
        wake(connection, row.case_id, now)


def _due(connection: Connection, outbox_id: int, now: int) -> list[Row[Any]]:
    return list(
        connection.execute(
            select(deliveries)
            .where(
                deliveries.c.outbox_id == outbox_id,
                deliveries.c.next_attempt_at <= now,
                deliveries.c.state.in_(RETRIED),
            )
            .order_by(deliveries.c.position)
        )
    )


def _leased(row: Row[Any], token: int, due: Iterable[Row[Any]]) -> Leased:
    return Leased(
        id=row.id,
        case_id=row.case_id,
        name=row.name,
        template=row.template,
        batch=bool(row.batch),
        queued_at=from_micros(row.queued_at),
        facts=json.loads(row.facts),
        token=token,
        deliveries=tuple(
            Delivery(
                id=d.id,
                recipient=d.recipient,
                name=d.name,
                addresses=tuple(json.loads(d.addresses)),
                languages=tuple(d.languages.split("+")),
                message_id=d.message_id,
                attempts=d.attempts,
            )
            for d in due
        ),
    )


def _free(connection: Connection, outbox_id: int) -> None:
    connection.execute(
        update(outbox).where(outbox.c.id == outbox_id).values(lease_holder=None, lease_until=None)
    )


def release(database: Database, leased: Leased) -> None:
    """Give a message back, unless another worker has it by now."""
    with database.write() as connection:
        held = and_(outbox.c.id == leased.id, outbox.c.lease_token == leased.token)
        connection.execute(update(outbox).where(held).values(lease_holder=None, lease_until=None))


def move(
    database: Database,
    leased: Leased,
    delivery: Delivery,
    state: str,
    *,
    now: datetime,
    reply: str | None = None,
) -> None:
    """Write a delivery's new state under the lease, in a transaction of its own.

    Args:
        database: The database.
        leased: The lease.
        delivery: The recipient.
        state: A state of `engine.schema.DELIVERY_STATES`.
        now: The workspace's clock.
        reply: The server's reply, or what happened instead of one.

    Raises:
        LeaseLost: Another worker has the message.
    """
    micros = to_micros(now)
    with database.write() as connection:
        _renew(connection, leased)
        values = _values(state, delivery, micros, reply)
        connection.execute(update(deliveries).where(deliveries.c.id == delivery.id).values(values))
        if values.get("next_attempt_at", 0) is None:
            wake(connection, leased.case_id, micros)


def _renew(connection: Connection, leased: Leased) -> None:
    until = to_micros(datetime.now(UTC) + LEASE)
    held = and_(outbox.c.id == leased.id, outbox.c.lease_token == leased.token)
    if connection.execute(update(outbox).where(held).values(lease_until=until)).rowcount != 1:
        raise LeaseLost


def _values(state: str, delivery: Delivery, now: int, reply: str | None) -> dict[str, Any]:
    values: dict[str, Any] = {"state": state}
    if reply is not None:
        values["reply"] = reply[:1000]
    if state == "staged":
        values["staged_at"] = now
    elif state == "releasing":
        values |= {"released_at": now, "attempts": delivery.attempts + 1}
    elif state in {"deferred", "deferred_rcpt", "staging_failed", "lost_before_dot"}:
        values |= _again(state, delivery, now, reply)
    elif state != "staging":
        values |= {"settled_at": now, "next_attempt_at": None}
        if state != "accepted":
            values["attempts"] = delivery.attempts + 1
    return values


def _again(state: str, delivery: Delivery, now: int, reply: str | None) -> dict[str, Any]:
    """Return when to try again, or give up after the last wait."""
    tries = delivery.attempts + 1
    if tries > len(BACKOFF):
        said = f"given up after {tries} tries; the last reply: {reply or state}"
        return {
            "state": "refused", "attempts": tries, "settled_at": now,
            "next_attempt_at": None, "reply": said[:1000],
        }  # fmt: skip
    wait = BACKOFF[tries - 1] // timedelta(microseconds=1)
    return {"attempts": tries, "next_attempt_at": now + wait}


def wake(connection: Connection, case_id: int | None, now: int) -> None:
    """Ask, inside this transaction, that the case of a message be looked at again."""
    if case_id is None:
        return
    pending = select(timers.c.id).where(
        timers.c.case_id == case_id, timers.c.name == "wake", timers.c.status == "pending"
    )
    if connection.execute(pending).first() is None:
        connection.execute(
            insert(timers).values(case_id=case_id, name="wake", fire_at=now, status="pending")
        )


# --- renderings ---------------------------------------------------------------------------------


def rendering(database: Database, outbox_id: int, languages: str) -> dict[str, Any] | None:
    """Return the frozen content of a message in some languages, None before it was rendered."""
    wanted = select(renderings.c.content).where(
        renderings.c.outbox_id == outbox_id, renderings.c.languages == languages
    )
    with database.read() as connection:
        found = connection.execute(wanted).scalar()
    return None if found is None else json.loads(found)


def freeze(
    database: Database, outbox_id: int, languages: str, content: Mapping[str, Any], now: datetime
) -> dict[str, Any]:
    """Keep a rendering for good and return the one that is kept: the first one ever made."""
    written = canonical(content)
    with database.write() as connection:
        same = and_(renderings.c.outbox_id == outbox_id, renderings.c.languages == languages)
        kept = connection.execute(select(renderings.c.content).where(same)).scalar()
        if kept is None:
            connection.execute(
                insert(renderings).values(
                    outbox_id=outbox_id,
                    languages=languages,
                    rendered_at=to_micros(now),
                    sha256=content_hash(written),
                    content=written,
                )
            )
    return dict(json.loads(kept or written))


# --- what a case and a person may know ----------------------------------------------------------


def message_state(connection: Connection, case_id: int, name: str) -> frozenset[str]:
    """Return what holds of the newest message of that name, of `accepted`, `settled` and `stuck`.

    `accepted`: every recipient's server took it. `settled`: nothing more happens by itself. `stuck`:
    somebody's copy needs a person, whatever becomes of the others.
    """
    newest = newest_message(connection, case_id, name)
    if newest is None:
        return frozenset()
    rows = connection.execute(
        select(deliveries.c.state, func.count())
        .where(deliveries.c.outbox_id == newest)
        .group_by(deliveries.c.state)
    )
    states = {row[0] for row in rows}
    holds = {
        "accepted": states <= set(DONE),
        "settled": states <= {*DONE, *NEEDS_PERSON},
        "stuck": not states.isdisjoint(NEEDS_PERSON),
    }
    return frozenset(name for name, here in holds.items() if here)


def newest_message(connection: Connection, case_id: int, name: str) -> int | None:
    """Return the id of the newest message of a name, or None."""
    wanted = select(func.max(outbox.c.id)).where(outbox.c.case_id == case_id, outbox.c.name == name)
    return connection.execute(wanted).scalar()


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
        wanted = wanted.where(deliveries.c.state.in_(NEEDS_PERSON))
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
        state=row.state,
        attempts=row.attempts,
        queued_at=from_micros(row.queued_at),
        next_attempt_at=instant(row.next_attempt_at),
        released_at=instant(row.released_at),
        settled_at=instant(row.settled_at),
        reply=row.reply,
        message_id=row.message_id,
        resolution=None if row.resolution is None else json.loads(row.resolution),
    )


def counts(connection: Connection) -> dict[str, int]:
    """Return how many deliveries stand in each state."""
    rows = connection.execute(select(deliveries.c.state, func.count()).group_by(deliveries.c.state))
    return {row[0]: row[1] for row in rows}


def proof(connection: Connection, case_id: int, name: str) -> dict[str, Any]:
    """Return the proof of the newest batch of a name: what left, to whom, when, what was replied.

    « Accepted » is what the institute's relay said; nobody can say « received ».

    Raises:
        NotFound: No such message has been queued.
    """
    newest = newest_message(connection, case_id, name)
    if newest is None:
        raise NotFound("message", name)
    message = connection.execute(select(outbox).where(outbox.c.id == newest)).one()
    contents = connection.execute(
        select(renderings.c.languages, renderings.c.sha256).where(renderings.c.outbox_id == newest)
    )
    rows = list_deliveries(connection, outbox_id=newest, limit=100_000)
    accepted = [r.settled_at for r in rows if r.state in DONE and r.settled_at is not None]
    return {
        "message": name,
        "queued_at": from_micros(message.queued_at),
        "roster_version": message.roster_version,
        "audience": json.loads(message.facts).get("audience", {}),
        "contents": {c.languages: c.sha256 for c in contents},
        "recipients": len(rows),
        "accepted": len(accepted),
        "first_accepted_at": min(accepted, default=None),
        "last_accepted_at": max(accepted, default=None),
        "deliveries": rows,
    }


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

    Args:
        connection: In a write transaction.
        ids: Deliveries; those that were not refused and did not come back are left alone.
        now: The workspace's clock.
        decision: Who, when and why, kept with the delivery.
        addresses: New addresses by delivery.

    Returns:
        How many were queued.
    """
    done = 0
    for delivery_id in ids:
        values: dict[str, Any] = {
            "state": "queued", "attempts": 0, "next_attempt_at": to_micros(now),
            "settled_at": None, "resolution": canonical(decision),
        }  # fmt: skip
        if addresses and delivery_id in addresses:
            values["addresses"] = json.dumps(list(addresses[delivery_id]), ensure_ascii=False)
        done += connection.execute(
            update(deliveries)
            .where(
                deliveries.c.id == delivery_id,
                or_(
                    deliveries.c.state.in_(("refused", "refused_rcpt", "aborted", "bounced")),
                    and_(deliveries.c.state.in_(RETRIED), deliveries.c.attempts > 0),
                ),
            )
            .values(values)
        ).rowcount
    return done


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

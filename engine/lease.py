"""Messages under lease: what those who deliver mail take, settle and give back.

A message is worked on under a lease: who holds it, until when (real time: a rehearsal's clock may
stand still), and a fencing token that every later write must show, so that a worker that was thought
dead changes nothing any more. Invariants:

- `releasing` is committed before the end of a message is written. A `releasing` whose worker is gone
  becomes `uncertain`: nobody knows, so a person decides, and it is never sent again by itself.
- Only `engine.outbox.RETRIED` are tried again.
- The Message-ID is the one that was fixed when the message was queued, whatever the number of tries.
- What settles a copy of a batch also wakes its case, in the same transaction.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import bindparam, exists, func, insert, select, update

from engine.abandoned import is_held, settle_taken
from engine.chain import canonical, content_hash
from engine.errors import ArrimageError
from engine.outbox import BACKOFF, RETRIED, wake
from engine.schema import deliveries, from_micros, outbox, renderings, to_micros

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from sqlalchemy import Connection, Row

    from engine.database import Database

#: The token of what is only looked at.
NOBODY = -1
#: How long a lease holds without being renewed, in real time.
LEASE = timedelta(minutes=5)
#: Columns that a move writes, and those of which it may leave the last value.
_WRITTEN = ("state", "settled_at", "attempts", "next_attempt_at", "transmission_id")
_KEPT = ("reply", "staged_at", "released_at")


class LeaseLost(ArrimageError):
    """Another worker has taken this message over; nothing was written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One recipient of one message, as a worker sees it.

    `copy` is, of a personal message, their copy of the earlier batch that it tells of.
    """

    id: int
    recipient: str
    name: str
    addresses: tuple[str, ...]
    languages: tuple[str, ...]
    newcomer: bool
    message_id: str
    salt: str
    attempts: int
    copy: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Leased:
    """A message under lease with its deliveries that are due, in the order drawn at queueing."""

    id: int
    case_id: int | None
    name: str
    template: str
    newcomer_template: str | None
    batch: bool
    rule: str | None
    ruling: Mapping[str, Any] | None
    personal: bool
    about: int | None
    queued_at: datetime
    not_before: datetime
    facts: Mapping[str, Any]
    token: int
    deliveries: tuple[Delivery, ...]

    @property
    def rule_in_force(self) -> str:
        """The rule of a batch, or a person's departure from it."""
        return (self.ruling or {}).get("rule") or self.rule or "all_or_nothing"

    def template_for(self, delivery: Delivery) -> str:
        """Return the template that a recipient's copy is written with."""
        return (delivery.newcomer and self.newcomer_template) or self.template


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """A delivery's new state.

    Attributes:
        leased: The message that it is of.
        delivery: The recipient.
        state: A state of `engine.schema.DELIVERY_STATES`.
        reply: The server's reply, or what happened instead of one; None keeps the last one.
        transmission: The transaction it was in; None where it was in none, whatever came before.
        again_at: For what is tried again: when, in microseconds; by default the next wait of
            `engine.outbox.BACKOFF`.
        at: When it happened, in microseconds, where it is known better than by the time of writing.
    """

    leased: Leased
    delivery: Delivery
    state: str
    reply: str | None = None
    transmission: int | None = None
    again_at: int | None = None
    at: int | None = None


def claim(database: Database, now: datetime, me: str, *, limit: int = 64) -> list[Leased]:
    """Take the messages whose deliveries have been due the longest.

    A batch comes alone, so that nothing else waits on it. What a dead worker left behind is settled
    first: `releasing` becomes `uncertain`.

    Args:
        database: The database.
        now: The workspace's clock: what is due.
        me: `engine.abandoned.holder()` of this worker.
        limit: At most so many messages.
    """
    with database.write() as connection:
        candidates = _candidates(connection, to_micros(now))
        while candidates:
            taken = _take(connection, candidates[:limit], me)
            settle_taken(connection, taken, to_micros(now))
            found = _leased(connection, taken, to_micros(now))
            if found:
                return found
            candidates = candidates[limit:]
    return []


def _candidates(connection: Connection, now: int) -> list[int]:
    rows = connection.execute(
        select(deliveries.c.outbox_id)
        .where(deliveries.c.next_attempt_at <= now)
        .order_by(deliveries.c.next_attempt_at)
        .limit(500)
    ).scalars()
    return list(dict.fromkeys(rows))


def _take(connection: Connection, ids: Sequence[int], me: str) -> list[Row[Any]]:
    """Put the free ones of some messages under our lease; return them as they were, in order."""
    wanted = select(outbox).where(outbox.c.id.in_(ids)).with_for_update(skip_locked=True)
    by_id = {r.id: r for r in connection.execute(wanted)}
    found = [by_id[i] for i in ids if i in by_id]
    free = [row for row in found if row.lease_holder == me or not is_held(row)]
    alone = next((n for n, row in enumerate(free) if row.batch), None)
    if alone is not None:
        free = free[: alone or 1]
    connection.execute(
        update(outbox)
        .where(outbox.c.id.in_([r.id for r in free]))
        .values(
            lease_holder=me,
            lease_until=to_micros(datetime.now(UTC) + LEASE),
            lease_token=outbox.c.lease_token + 1,
        )
    )
    return free


def _leased(connection: Connection, rows: Sequence[Row[Any]], now: int) -> list[Leased]:
    """Return the messages that have something due; the others are given back."""
    due: dict[int, list[Delivery]] = defaultdict(list)
    wanted = (
        select(deliveries)
        .where(
            deliveries.c.outbox_id.in_([r.id for r in rows]),
            deliveries.c.next_attempt_at <= now,
            deliveries.c.state.in_(RETRIED),
        )
        .order_by(deliveries.c.outbox_id, deliveries.c.position)
    )
    for row in connection.execute(wanted):
        due[row.outbox_id].append(_delivery(row))
    _free(connection, [r.id for r in rows if r.id not in due])
    return [_message(row, due[row.id]) for row in rows if row.id in due]


def _delivery(row: Row[Any]) -> Delivery:
    return Delivery(
        id=row.id,
        recipient=row.recipient,
        name=row.name,
        addresses=tuple(orjson.loads(row.addresses)),
        languages=tuple(row.languages.split("+")),
        newcomer=bool(row.newcomer),
        message_id=row.message_id,
        salt=row.salt,
        attempts=row.attempts,
        copy=row.copy_id,
    )


def _message(row: Row[Any], due: Iterable[Delivery]) -> Leased:
    return Leased(
        id=row.id,
        case_id=row.case_id,
        name=row.name,
        template=row.template,
        newcomer_template=row.newcomer_template,
        batch=bool(row.batch),
        rule=row.rule,
        ruling=None if row.ruling is None else orjson.loads(row.ruling),
        personal=bool(row.personal),
        about=row.about,
        queued_at=from_micros(row.queued_at),
        not_before=from_micros(row.not_before),
        facts=orjson.loads(row.facts),
        token=row.lease_token + 1,
        deliveries=tuple(due),
    )


def look(connection: Connection, outbox_id: int) -> Leased:
    """Return a message with all its deliveries, without taking it: nothing can be written with it."""
    row = connection.execute(select(outbox).where(outbox.c.id == outbox_id)).one()
    everybody = (
        select(deliveries)
        .where(deliveries.c.outbox_id == outbox_id)
        .order_by(deliveries.c.position)
    )
    found = _message(row, [_delivery(d) for d in connection.execute(everybody)])
    return replace(found, token=NOBODY)


def foreseen(message: Mapping[str, Any], rows: Iterable[Mapping[str, Any]]) -> Leased:
    """Return a message as a step would queue it, were it taken now (`Engine.foresee`)."""
    ordered = sorted(rows, key=itemgetter("position"))
    return Leased(
        id=NOBODY,
        case_id=None,
        name=message["name"],
        template=message["template"],
        newcomer_template=message["newcomer_template"],
        batch=bool(message["batch"]),
        rule=message["rule"],
        ruling=None,
        personal=bool(message["personal"]),
        about=message["about"],
        queued_at=from_micros(message["queued_at"]),
        not_before=from_micros(message["not_before"]),
        facts=orjson.loads(message["facts"]),
        token=NOBODY,
        deliveries=tuple(
            Delivery(
                id=-1 - n,
                recipient=row["recipient"],
                name=row["name"],
                addresses=tuple(orjson.loads(row["addresses"])),
                languages=tuple(row["languages"].split("+")),
                newcomer=bool(row["newcomer"]),
                message_id=row["message_id"],
                salt=row["salt"],
                attempts=0,
                copy=row["copy_id"],
            )
            for n, row in enumerate(ordered)
        ),
    )


def _free(connection: Connection, ids: Collection[int]) -> None:
    if ids:
        connection.execute(
            update(outbox).where(outbox.c.id.in_(ids)).values(lease_holder=None, lease_until=None)
        )


def release(database: Database, held: Sequence[Leased]) -> None:
    """Give messages back, unless another worker has them by now."""
    if held:
        with database.write() as connection:
            connection.execute(_BACK, _ours(held))


def renew(connection: Connection, held: Sequence[Leased]) -> None:
    """Hold messages for another `LEASE`, in the caller's transaction.

    Raises:
        LeaseLost: Another worker has one of them; the caller's transaction must not commit.
    """
    until = to_micros(datetime.now(UTC) + LEASE)
    if connection.execute(_MINE, _ours(held, lease_until=until)).rowcount != len(held):
        raise LeaseLost


def _ours(held: Sequence[Leased], **values: Any) -> list[dict[str, Any]]:
    return [{"its_id": m.id, "its_token": m.token, **values} for m in held]


#: What is written under a lease only.
_HELD = (outbox.c.id == bindparam("its_id")) & (outbox.c.lease_token == bindparam("its_token"))
_MINE = update(outbox).where(_HELD).values(lease_until=bindparam("lease_until"))
_MOVE = (
    update(deliveries)
    .where(
        deliveries.c.id == bindparam("its_delivery"),
        exists().where(_HELD),
    )
    .values(
        {c: bindparam(c) for c in _WRITTEN}
        | {c: func.coalesce(bindparam(c), deliveries.c[c]) for c in _KEPT}
    )
)
_BACK = update(outbox).where(_HELD).values(lease_holder=None, lease_until=None)


def move(connection: Connection, moves: Sequence[Move], now: datetime) -> None:
    """Write deliveries' new states under their leases, in the caller's transaction.

    Args:
        connection: In a write transaction.
        moves: What became of whom.
        now: The workspace's clock.

    Raises:
        LeaseLost: Another worker has one of the messages; the caller's transaction must not commit.
    """
    if not moves:
        return
    micros = to_micros(now)
    rows = [_row(m, m.at or micros) for m in moves]
    if connection.execute(_MOVE, rows).rowcount != len(rows):
        raise LeaseLost
    settled = {
        m.leased.case_id
        for m, row in zip(moves, rows, strict=True)
        if m.leased.batch and row["next_attempt_at"] is None
    }
    for case_id in settled:
        wake(connection, case_id, micros)


def _row(move: Move, now: int) -> dict[str, Any]:
    row: dict[str, Any] = {
        "its_delivery": move.delivery.id,
        "its_id": move.leased.id,
        "its_token": move.leased.token,
        "state": move.state,
        "reply": None if move.reply is None else move.reply[:1000],
        "staged_at": None,
        "released_at": None,
        "settled_at": None,
        "attempts": move.delivery.attempts,
        "next_attempt_at": now,
        "transmission_id": move.transmission,
    }
    if move.state == "releasing":
        return row | {"staged_at": now, "released_at": now}
    if move.state in RETRIED:
        return row | _again(move, now)
    return row | {
        "settled_at": now, "attempts": move.delivery.attempts + 1, "next_attempt_at": None,
    }  # fmt: skip


def _again(move: Move, now: int) -> dict[str, Any]:
    """Return when to try again, or give up after the last wait."""
    if move.state == "queued":  # put off with its batch, through no fault of its own
        return {"next_attempt_at": move.again_at or now}
    tries = move.delivery.attempts + 1
    if tries > len(BACKOFF):
        said = f"given up after {tries} tries; the last reply: {move.reply or move.state}"
        return {
            "state": "refused", "attempts": tries, "settled_at": now,
            "next_attempt_at": None, "reply": said[:1000],
        }  # fmt: skip
    wait = BACKOFF[tries - 1] // timedelta(microseconds=1)
    return {"attempts": tries, "next_attempt_at": move.again_at or now + wait}


# --- renderings ---------------------------------------------------------------------------------

#: How the variant of the newcomers to a batch ends.
NEW = "/new"


def frozen(database: Database, ids: Collection[int]) -> dict[tuple[int, str], dict[str, Any]]:
    """Return the frozen contents of messages, by message and variant."""
    wanted = select(renderings).where(renderings.c.outbox_id.in_(ids))
    with database.read() as connection:
        return {
            (r.outbox_id, r.variant): orjson.loads(r.content) for r in connection.execute(wanted)
        }


def freeze(
    connection: Connection,
    contents: Mapping[tuple[int, str], Mapping[str, Any]],
    now: datetime,
) -> None:
    """Keep renderings for good, in the caller's transaction, which holds the messages' leases.

    Args:
        connection: In a write transaction.
        contents: What was rendered, by message and variant.
        now: The workspace's clock.
    """
    rows = [
        _rendering(key, canonical(content), to_micros(now)) for key, content in contents.items()
    ]
    if rows:
        connection.execute(insert(renderings), rows)


def _rendering(key: tuple[int, str], written: str, at: int) -> dict[str, Any]:
    outbox_id, variant = key
    return {
        "outbox_id": outbox_id, "variant": variant, "rendered_at": at,
        "sha256": content_hash(written), "content": written,
    }  # fmt: skip

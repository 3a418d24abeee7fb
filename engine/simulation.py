"""The same engine on a virtual clock, over a throw-away copy of a workspace's database.

Nothing here touches the workspace: the copy is a SQLite file of its own, whatever the workspace's database.
A window that begins before what the workspace has already lived starts from an empty register, with the
same people, rosters, definitions and decisions: the past is played as the definitions say, not as it went.
"""

from __future__ import annotations

import json
from collections import deque
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import case, func, insert, select, update

from engine import abandoned, lease, migrations, schema
from engine.database import Database
from engine.timers import tick

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import Connection, Table

    from engine.cases import Engine
    from engine.clock import ManualClock
    from engine.lease import Delivery, Leased

    #: What becomes of a delivery that is due, on a clock that stands still: its new state, and what the
    #: server would reply.
    Postman = Callable[[lease.Leased, Delivery], tuple[str, str]]

#: What a register is made of; the rest are people, rosters, definitions and the journal.
_REGISTER = frozenset(
    {"cases", "history", "openings", "sequences", "timers", "outbox", "deliveries", "renderings",
     "attachments", "blobs"}
)  # fmt: skip
_OF_CASE = (schema.cases.c.number, schema.cases.c.process, schema.cases.c.definition_version)
#: A circle of timers that re-arm themselves at one instant would never end.
_ROUNDS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """One thing that happened on the virtual clock.

    Attributes:
        at: When (UTC).
        kind: `opened`, `timer` (it took effect), `step` (an automatic action), or `mail`.
        number: The case.
        process: Its process, with `version`.
        name: The action, the timer, or the notification.
        body: The event's body, or the message: `to`, `name`, `template`, `languages`, `facts`, and `waiting`,
            since when (UTC) it had been waiting in the outbox when the window began, or None.
    """

    at: datetime
    kind: Literal["opened", "timer", "step", "mail"]
    number: str
    process: str
    version: int
    name: str
    body: Mapping[str, Any]


def accepting(_: Leased, __: Delivery) -> tuple[str, str]:
    """Be a server that takes everything."""
    return "accepted", "simulated"


@contextmanager
def thrown_away() -> Iterator[Database]:
    """Give an empty database with its tables, removed at the end."""
    with TemporaryDirectory(prefix="arrimage-") as folder:
        made = Database.open(f"sqlite:///{Path(folder) / 'copy.db'}", durable=False)
        try:
            made.create()
            migrations.upgrade(made)
            yield made
        finally:
            made.close()


@contextmanager
def copied(source: Database, *, fresh: bool, kept: Collection[str]) -> Iterator[Database]:
    """Give a throw-away copy of a database, removed at the end.

    Args:
        source: The workspace's database; only read.
        fresh: Leave the register behind.
        kept: Processes whose cases are copied even so: decisions that others are read by.
    """
    with thrown_away() as copy:
        with source.read() as reading, copy.engine.connect() as writing:
            # Rows may point to later ones; SQLite takes this outside a transaction only.
            driver = writing.connection.driver_connection
            assert driver is not None
            driver.execute("PRAGMA foreign_keys=OFF")
            for table in schema.metadata.sorted_tables:
                _copy_table(reading, writing, table, fresh=fresh, kept=kept)
            # Those who deliver the workspace's mail have nothing to do with the copy.
            writing.execute(update(schema.outbox).values(lease_holder=None, lease_until=None))
            writing.commit()
            driver.execute("PRAGMA foreign_keys=ON")
        yield copy


def _copy_table(
    reading: Connection, writing: Connection, table: Table, *, fresh: bool, kept: Collection[str]
) -> None:
    wanted = select(table)
    if fresh and table.name in _REGISTER:
        if table.name not in {"cases", "history", "openings"}:
            return
        mine = select(schema.cases.c.id).where(schema.cases.c.process.in_(kept))
        wanted = wanted.where((table.c.id if table.name == "cases" else table.c.case_id).in_(mine))
    rows = [dict(r) for r in reading.execute(wanted).mappings()]
    if rows:
        writing.execute(insert(table), rows)


def play(
    engine: Engine,
    clock: ManualClock,
    until: datetime,
    *,
    plan: Callable[[], object] = lambda: None,
    planned: Sequence[datetime] = (),
    postman: Postman = accepting,
) -> Iterator[Happening]:
    """Move the clock from one thing that is due to the next, and yield what happens.

    Mail is what leaves, that which waits in the outbox already included.

    Args:
        engine: The engine on the copy.
        clock: Its clock, at the beginning of the window.
        until: The end of the window.
        plan: Opens what is planned; called at the beginning, then at each planned instant.
        planned: These instants, in order.
        postman: What becomes of each message that is due.
    """
    coming = deque(at for at in planned if at > clock.now())
    began = clock.now()
    before = _written(engine.database, began)
    plan()
    while clock.now() <= until:
        left = settle(engine, clock, postman)
        yield from _happened(engine.database, clock.now(), before)
        yield from _mail(engine.database, clock.now(), left, began)
        following = _next(engine.database, clock.now(), coming[0] if coming else None)
        if following is None or following > until:
            return
        clock.set(following)
        if coming and coming[0] <= following:
            coming.popleft()
            plan()


def settle(engine: Engine, clock: ManualClock, postman: Postman = accepting) -> list[lease.Move]:
    """Let everything that is due now happen: timers, mail, and what they set off; return the mail.

    Args:
        engine: The engine on the copy.
        clock: Its clock; it is not moved.
        postman: What becomes of each message that is due.
    """
    me = abandoned.holder()
    left: list[lease.Move] = []
    for _ in range(_ROUNDS):
        done = tick(engine)
        delivered = _deliver_all(engine.database, clock, me, postman)
        left += delivered
        if not (done.fired or done.woken or delivered):
            break
    return left


def _deliver_all(
    database: Database, clock: ManualClock, me: str, postman: Postman
) -> list[lease.Move]:
    """Let the postman take what is due; return what became of it."""
    left: list[lease.Move] = []
    while held := lease.claim(database, clock.now(), me):
        moves = [_taken(message, d, postman) for message in held for d in message.deliveries]
        sent = [
            replace(m, state="releasing") for m in moves if m.state in {"accepted", "uncertain"}
        ]
        with database.write() as connection:
            lease.move(connection, sent, clock.now())
            lease.move(connection, moves, clock.now())
        lease.release(database, held)
        left += moves
    return left


def _taken(leased: Leased, delivery: Delivery, postman: Postman) -> lease.Move:
    state, reply = postman(leased, delivery)
    return lease.Move(leased=leased, delivery=delivery, state=state, reply=reply)


def _next(database: Database, now: datetime, planned: datetime | None) -> datetime | None:
    """Return when something is due next: a timer, a message that waits, or what is planned."""
    micros, timers = schema.to_micros(now), schema.timers.c
    # A message set for an instant is taken up before it, and leaves at it.
    tried, instant = schema.deliveries.c.next_attempt_at, schema.outbox.c.not_before
    leaves = case((tried < instant, instant), else_=tried)
    wanted = (
        select(func.min(timers.fire_at)).where(timers.status == "pending", timers.fire_at > micros),
        select(func.min(leaves)).select_from(schema.deliveries.join(schema.outbox))
        .where(tried.is_not(None), leaves > micros),
    )  # fmt: skip
    with database.read() as connection:
        due = [schema.instant(connection.execute(query).scalar()) for query in wanted]
    return min((at for at in (*due, planned) if at is not None), default=None)


def _written(database: Database, at: datetime) -> set[tuple[int, ...]]:
    """Return the events of an instant: a clock that stands still has lived it already."""
    events = schema.history.c
    lived = select(events.case_id, events.seq).where(events.at == schema.to_micros(at))
    with database.read() as connection:
        return {tuple(row) for row in connection.execute(lived)}


def _happened(
    database: Database, at: datetime, before: Collection[tuple[int, ...]]
) -> Iterator[Happening]:
    micros = schema.to_micros(at)
    events = (
        select(schema.history, *_OF_CASE)
        .join(schema.cases, schema.cases.c.id == schema.history.c.case_id)
        .where(schema.history.c.at == micros)
        .order_by(schema.history.c.case_id, schema.history.c.seq)
    )
    with database.read() as connection:
        for row in connection.execute(events):
            if (row.case_id, row.seq) in before:
                continue
            body = json.loads(row.body)
            kind: Literal["opened", "timer", "step"] = (
                "opened" if row.from_state is None else "timer" if "timer" in body else "step"
            )
            yield Happening(at=at, kind=kind, number=row.number, process=row.process,
                            version=row.definition_version, name=body.get("timer", row.action),
                            body=body)  # fmt: skip


def _mail(
    database: Database, at: datetime, left: Sequence[lease.Move], began: datetime
) -> Iterator[Happening]:
    """Yield the mail that left at an instant, in the order in which it was queued."""
    moves = [m for m in sorted(left, key=lambda m: m.delivery.id) if m.state == "accepted"]
    cases = schema.cases.c
    wanted = select(cases.id, *_OF_CASE).where(cases.id.in_({m.leased.case_id for m in moves}))
    with database.read() as connection:
        of = {row.id: row for row in connection.execute(wanted)} if moves else {}
    for move in (m for m in moves if m.leased.case_id in of):
        leased, delivery, row = move.leased, move.delivery, of[move.leased.case_id]
        body = {
            "to": list(delivery.addresses), "name": delivery.name,
            "template": leased.template_for(delivery), "languages": list(delivery.languages),
            "facts": leased.facts, "waiting": leased.queued_at if leased.queued_at < began else None,
        }  # fmt: skip
        yield Happening(at=max(at, leased.not_before), kind="mail", number=row.number,
                        process=row.process, version=row.definition_version, name=leased.name,
                        body=body)  # fmt: skip

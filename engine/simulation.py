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

from sqlalchemy import func, insert, select

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
        body: The event's body, or the message: `to`, `name`, `template`, `languages`, `facts`.
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

    Args:
        engine: The engine on the copy.
        clock: Its clock, at the beginning of the window.
        until: The end of the window.
        plan: Opens what is planned; called at the beginning, then at each planned instant.
        planned: These instants, in order.
        postman: What becomes of each message that is due.
    """
    coming = deque(at for at in planned if at > clock.now())
    before = _written(engine.database, clock.now())
    plan()
    while clock.now() <= until:
        settle(engine, clock, postman)
        yield from _happened(engine.database, clock.now(), before)
        following = _next(engine.database, clock.now(), coming[0] if coming else None)
        if following is None or following > until:
            return
        clock.set(following)
        if coming and coming[0] <= following:
            coming.popleft()
            plan()


def settle(engine: Engine, clock: ManualClock, postman: Postman = accepting) -> None:
    """Let everything that is due now happen: timers, mail, and what they set off.

    Args:
        engine: The engine on the copy.
        clock: Its clock; it is not moved.
        postman: What becomes of each message that is due.
    """
    me = abandoned.holder()
    for _ in range(_ROUNDS):
        done = tick(engine)
        delivered = _deliver_all(engine.database, clock, me, postman)
        if not (done.fired or done.woken or delivered):
            return


def _deliver_all(database: Database, clock: ManualClock, me: str, postman: Postman) -> bool:
    """Let the postman take what is due; tell whether there was anything."""
    any_left = False
    while held := lease.claim(database, clock.now(), me):
        any_left = True
        moves = [_taken(message, d, postman) for message in held for d in message.deliveries]
        sent = [
            replace(m, state="releasing") for m in moves if m.state in {"accepted", "uncertain"}
        ]
        with database.write() as connection:
            lease.move(connection, sent, clock.now())
            lease.move(connection, moves, clock.now())
        lease.release(database, held)
    return any_left


def _taken(leased: Leased, delivery: Delivery, postman: Postman) -> lease.Move:
    state, reply = postman(leased, delivery)
    return lease.Move(leased=leased, delivery=delivery, state=state, reply=reply)


def _next(database: Database, now: datetime, planned: datetime | None) -> datetime | None:
    wanted = select(func.min(schema.timers.c.fire_at)).where(
        schema.timers.c.status == "pending", schema.timers.c.fire_at > schema.to_micros(now)
    )
    with database.read() as connection:
        due = schema.instant(connection.execute(wanted).scalar())
    return min((at for at in (due, planned) if at is not None), default=None)


def _written(database: Database, at: datetime) -> set[tuple[int, ...]]:
    """Return the events and the deliveries of an instant: a clock that stands still has lived it already."""
    micros = schema.to_micros(at)
    events, mail = schema.history.c, schema.deliveries.c
    with database.read() as connection:
        lived = connection.execute(select(events.case_id, events.seq).where(events.at == micros))
        queued = connection.execute(
            select(mail.id).join(schema.outbox).where(schema.outbox.c.queued_at == micros)
        )
        return {tuple(row) for rows in (lived, queued) for row in rows}


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
        yield from _mail(connection, at, before)


def _mail(
    connection: Connection, at: datetime, before: Collection[tuple[int, ...]]
) -> Iterator[Happening]:
    sent = (
        select(schema.deliveries, schema.outbox.c.name.label("message"), schema.outbox.c.template,
               schema.outbox.c.newcomer_template, schema.outbox.c.facts, *_OF_CASE)
        .join(schema.outbox, schema.outbox.c.id == schema.deliveries.c.outbox_id)
        .join(schema.cases, schema.cases.c.id == schema.outbox.c.case_id)
        .where(schema.outbox.c.queued_at == schema.to_micros(at))
        .order_by(schema.deliveries.c.id)
    )  # fmt: skip
    for row in connection.execute(sent):
        if (row.id,) in before:
            continue
        body = {
            "to": json.loads(row.addresses), "name": row.name,
            "template": (row.newcomer and row.newcomer_template) or row.template,
            "languages": row.languages.split("+"), "facts": json.loads(row.facts),
        }  # fmt: skip
        yield Happening(at=at, kind="mail", number=row.number, process=row.process,
                        version=row.definition_version, name=row.message, body=body)  # fmt: skip

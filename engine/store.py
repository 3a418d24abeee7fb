"""Rows of cases in and out of the database: the statements of the hot path.

A step is written by `write_step`, in one shape whatever the step: the case's row under its version,
the history events, the timers cancelled and armed, the messages queued. On SQLite these are a few
prepared statements inside the caller's immediate transaction; on PostgreSQL they are one statement,
whose first part updates the case `WHERE version = …` and feeds the others, so that a lost race writes
nothing. Statements are compiled once from the Core tables and run on the driver's connection.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cache
from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import bindparam, insert, select, text, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from engine.schema import cases, deliveries, history, outbox, timers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy.sql import ClauseElement

# Named parameters on both sides, so that one dictionary serves.
_SQLITE = sqlite.dialect(paramstyle="named")
_POSTGRESQL = postgresql.dialect(paramstyle="pyformat")  # type: ignore[no-untyped-call]

EVENT_COLUMNS = tuple(c.name for c in history.c if c.name != "case_id")
# A literal, because a partial index only serves a condition that the planner can read.
_PENDING = text("status = 'pending'")


@dataclass(slots=True)
class CaseRow:
    """A row of `cases`, column by column; instants in microseconds, `data` as JSON text."""

    id: int
    number: str
    process: str
    definition_version: int
    opened_at: int
    parent_id: int | None
    title: str
    search: str
    owner: str | None
    desk: str | None
    version: int
    state: str
    entered_at: int
    due_at: int | None
    ended_at: int | None
    waiting_since: int | None
    waited_days: int
    redirect_id: int | None
    head: str
    data: str


CASE_COLUMNS = tuple(f.name for f in fields(CaseRow))


@dataclass(slots=True, kw_only=True)
class StepRows:
    """Everything that one step writes, as rows.

    Attributes:
        case_id: The case.
        expected_version: The version that was judged; another one means a lost race.
        case: The columns that change, with their values.
        events: History rows in order, without `case_id`.
        cancelled: Names of pending timers that no longer apply.
        armed: Rows of timers: name, fire_at, occurrence. A pending one of that name is moved.
        messages: Outbox rows without `case_id`, each with its `deliveries`.
        at: The instant of the step, microseconds.
    """

    case_id: int
    expected_version: int
    case: Mapping[str, Any]
    events: Sequence[Mapping[str, Any]]
    cancelled: Sequence[str]
    armed: Sequence[Mapping[str, Any]]
    messages: Sequence[tuple[Mapping[str, Any], Sequence[Mapping[str, Any]]]]
    at: int


def load_case(driver: Any, dialect: str, case_id: int, *, lock: str = "") -> CaseRow | None:
    """Return a case's row by id, or None.

    Args:
        driver: The driver's connection.
        dialect: `sqlite` or `postgresql`.
        case_id: The case.
        lock: `""`, `wait` or `skip`: on PostgreSQL, lock the row, or give None when it is locked.
            SQLite's write transaction holds everything already.
    """
    sql = _load_sql(dialect, lock if dialect == "postgresql" else "")
    found = driver.execute(sql, {"case_id": case_id}).fetchone()
    return None if found is None else CaseRow(*found)


@cache
def _load_sql(dialect: str, lock: str) -> str:
    statement = select(*(cases.c[name] for name in CASE_COLUMNS)).where(
        cases.c.id == bindparam("case_id")
    )
    if lock:
        statement = statement.with_for_update(skip_locked=lock == "skip")
    return _compiled(dialect, statement)


def write_step(driver: Any, dialect: str, step: StepRows) -> bool:
    """Write a step; return False, having written nothing, when another step came first."""
    if dialect == "postgresql":
        return _write_postgresql(driver, step)
    return _write_sqlite(driver, step)


def _compiled(dialect: str, statement: ClauseElement) -> str:
    compiler = _SQLITE if dialect == "sqlite" else _POSTGRESQL
    return str(statement.compile(dialect=compiler))


# --- SQLite: a few small statements inside the caller's transaction ---------------------------


def _write_sqlite(driver: Any, step: StepRows) -> bool:
    values = {**step.case, "case_id": step.case_id, "expected": step.expected_version}
    if driver.execute(_update_sql("sqlite", tuple(step.case)), values).rowcount != 1:
        return False
    insert_event = _event_sql()
    for row in step.events:
        driver.execute(insert_event, {**row, "case_id": step.case_id})
    for name in step.cancelled:
        driver.execute(_cancel_sql(), {"case": step.case_id, "timer": name, "at": step.at})
    for timer in step.armed:
        driver.execute(_arm_sql(), {**timer, "case_id": step.case_id, "status": "pending"})
    for message, recipients in step.messages:
        cursor = driver.execute(_outbox_sql(), {**message, "case_id": step.case_id})
        driver.executemany(
            _delivery_sql(), [{**r, "outbox_id": cursor.lastrowid} for r in recipients]
        )
    return True


@cache
def _update_sql(dialect: str, columns: tuple[str, ...]) -> str:
    # Only what changes is named: SQLite rewrites every index entry that a SET names.
    return _compiled(
        dialect,
        update(cases)
        .where(cases.c.id == bindparam("case_id"), cases.c.version == bindparam("expected"))
        .values({name: bindparam(name) for name in columns}),
    )


@cache
def _event_sql() -> str:
    return _compiled("sqlite", insert(history))


@cache
def _cancel_sql() -> str:
    return _compiled(
        "sqlite",
        update(timers)
        .where(timers.c.case_id == bindparam("case"), timers.c.name == bindparam("timer"), _PENDING)
        .values(status=text("'cancelled'"), settled_at=bindparam("at")),
    )


@cache
def _arm_sql() -> str:
    statement = sqlite_insert(timers).values(
        {c: bindparam(c) for c in ("case_id", "name", "fire_at", "status", "occurrence")}
    )
    return _compiled(
        "sqlite",
        statement.on_conflict_do_update(
            index_elements=["case_id", "name"],
            index_where=_PENDING,
            set_={
                "fire_at": statement.excluded.fire_at,
                "occurrence": statement.excluded.occurrence,
                "held_from": text("NULL"),
            },
        ),
    )


@cache
def _outbox_sql() -> str:
    return _compiled("sqlite", insert(outbox).values({c: bindparam(c) for c in OUTBOX_COLUMNS}))


@cache
def _delivery_sql() -> str:
    columns = ("outbox_id", *DELIVERY_COLUMNS)
    return _compiled("sqlite", insert(deliveries).values({c: bindparam(c) for c in columns}))


#: What a step fills in, of the outbox and of its deliveries.
OUTBOX_COLUMNS = (
    "case_id",
    "seq",
    "name",
    "template",
    "newcomer_template",
    "queued_at",
    "not_before",
    "batch",
    "rule",
    "personal",
    "about",
    "roster_version",
    "facts",
)
DELIVERY_COLUMNS = (
    "recipient",
    "name",
    "addresses",
    "languages",
    "newcomer",
    "message_id",
    "salt",
    "position",
    "state",
    "next_attempt_at",
    "copy_id",
    "copy_sending",
)

# --- PostgreSQL: one statement ------------------------------------------------------------------

_EVENTS_PART = """
event AS (
    INSERT INTO history (case_id, {columns})
    SELECT moved.id, {qualified}
    FROM moved, jsonb_to_recordset(%(events)s::jsonb) AS e({types})
)"""

_CANCEL_PART = """
cancel AS (
    UPDATE timers SET status = 'cancelled', settled_at = %(at)s
    FROM moved
    WHERE timers.case_id = moved.id AND timers.status = 'pending'
      AND timers.name = ANY(%(cancelled)s)
)"""

_ARM_PART = """
arm AS (
    INSERT INTO timers (case_id, name, fire_at, status, occurrence)
    SELECT moved.id, t.name, t.fire_at, 'pending', t.occurrence
    FROM moved, jsonb_to_recordset(%(armed)s::jsonb)
        AS t(name text, fire_at bigint, occurrence int)
    ON CONFLICT (case_id, name) WHERE status = 'pending'
    DO UPDATE SET fire_at = excluded.fire_at, occurrence = excluded.occurrence, held_from = NULL
)"""

# A notification is queued at most once an event, so (seq, name) tells its deliveries from others'.
_MESSAGES_PART = """
queue AS (
    INSERT INTO outbox (case_id, seq, name, template, newcomer_template, queued_at, not_before,
                        batch, rule, personal, about, roster_version, facts)
    SELECT moved.id, m.seq, m.name, m.template, m.newcomer_template, m.queued_at, m.not_before,
           m.batch, m.rule, m.personal, m.about, m.roster_version, m.facts
    FROM moved, jsonb_to_recordset(%(messages)s::jsonb)
        AS m(seq int, name text, template text, newcomer_template text, queued_at bigint,
             not_before bigint, batch int, rule text, personal int, about bigint,
             roster_version int, facts text)
    RETURNING id, seq, name
),
recipient AS (
    INSERT INTO deliveries (outbox_id, recipient, name, addresses, languages, newcomer, message_id,
                            salt, position, state, next_attempt_at, copy_id, copy_sending)
    SELECT queue.id, d.recipient, d.name, d.addresses, d.languages, d.newcomer, d.message_id,
           d.salt, d.position, d.state, d.next_attempt_at, d.copy_id, d.copy_sending
    FROM queue JOIN jsonb_to_recordset(%(deliveries)s::jsonb)
        AS d(of_seq int, of_name text, recipient text, name text, addresses text, languages text,
             newcomer int, message_id text, salt text, position int, state text, next_attempt_at bigint,
             copy_id bigint, copy_sending bigint)
        ON d.of_seq = queue.seq AND d.of_name = queue.name
)"""


def _write_postgresql(driver: Any, step: StepRows) -> bool:
    sql = _step_sql(tuple(step.case), bool(step.cancelled), bool(step.armed), bool(step.messages))
    values: dict[str, Any] = {
        **step.case,
        "case_id": step.case_id,
        "expected": step.expected_version,
        "events": _json(step.events),
        "at": step.at,
        "cancelled": list(step.cancelled),
    }
    if step.armed:
        values["armed"] = _json(step.armed)
    if step.messages:
        values["messages"] = _json([m for m, _ in step.messages])
        values["deliveries"] = _json(
            [
                {**r, "of_seq": m["seq"], "of_name": m["name"]}
                for m, recipients in step.messages
                for r in recipients
            ]
        )
    return bool(driver.execute(sql, values, prepare=True).fetchone()[0] == 1)


def _json(rows: Any) -> str:
    return orjson.dumps(rows).decode()


@cache
def _step_sql(columns: tuple[str, ...], cancels: bool, arms: bool, sends: bool) -> str:  # noqa: FBT001
    moved = _update_sql("postgresql", columns)
    parts = [f"WITH moved AS (\n{moved} RETURNING id\n)", _events_part()]
    parts += [_CANCEL_PART] * cancels + [_ARM_PART] * arms + [_MESSAGES_PART] * sends
    return ",".join(parts) + "\nSELECT count(*) FROM moved"


def _events_part() -> str:
    kinds = {"seq": "int", "at": "bigint"}
    return _EVENTS_PART.format(
        columns=", ".join(EVENT_COLUMNS),
        qualified=", ".join(f"e.{c}" for c in EVENT_COLUMNS),
        types=", ".join(f"{c} {kinds.get(c, 'text')}" for c in EVENT_COLUMNS),
    )

"""The journal: a hash-chained record of every change that is not a case's own.

Staff, roster, definitions, decisions on mail, settings: who changed what, when, from what, to what,
and why. One chain for the workspace; `engine.verify` walks it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import func, insert, select, text

from engine.chain import GENESIS, canonical, event_hash
from engine.schema import journal, to_micros

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sqlalchemy import Connection

# Any constant does: it only has to be the same for every writer of the journal.
_LOCK = 7_201_611


def lock(connection: Connection) -> None:
    """Hold the journal until the end of the transaction: nobody changes what it records.

    SQLite has one writer anyway.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})


def append(
    connection: Connection,
    *,
    actor: str,
    subject: str,
    action: str,
    body: Mapping[str, Any],
    at: datetime,
) -> int:
    """Add one entry inside the caller's write transaction and return its sequence number.

    Args:
        connection: In a write transaction.
        actor: Who did it (a login, or `system`).
        subject: What was changed: `staff`, `roster:network`, `definition`, `outbox`, `settings`.
        action: A verb.
        body: JSON: before, after, reason.
        at: The instant, aware.
    """
    lock(connection)  # two writers must not stand on the same last entry
    last = connection.execute(
        select(journal.c.seq, journal.c.hash).order_by(journal.c.seq.desc()).limit(1)
    ).first()
    seq, prev = (1, GENESIS) if last is None else (last.seq + 1, last.hash)
    written, micros = canonical(body), to_micros(at)
    header = (seq, micros, actor, subject, action)
    connection.execute(
        insert(journal).values(
            seq=seq,
            at=micros,
            actor=actor,
            subject=subject,
            action=action,
            prev_hash=prev,
            hash=event_hash(prev, header, written),
            body=written,
        )
    )
    return seq


def last_change(connection: Connection, subject: str) -> int:
    """Return the number of the last entry about a subject, 0 when there is none: its version."""
    return (
        connection.execute(
            select(func.max(journal.c.seq)).where(journal.c.subject == subject)
        ).scalar()
        or 0
    )

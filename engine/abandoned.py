"""What those who deliver mail leave in the middle when they die, and how it is known that they have.

Once the end of a message is about to be written (`releasing`), nobody can tell whether the server has it
but who reads the reply. When that one is gone, the copy is `uncertain`: a person decides.
"""

from __future__ import annotations

import os
import socket
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import select, update

from engine.outbox import wake
from engine.schema import deliveries, outbox, runs, to_micros, transmissions

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sqlalchemy import Connection, Row

    from engine.database import Database

_SAID = "the sender stopped after the end of the message was to be sent"


def holder() -> str:
    """Return who this process is, so that a lease tells when its holder has died."""
    return f"{socket.gethostname()}:{os.getpid()}:{_started(os.getpid())}"


def is_held(row: Row[Any]) -> bool:
    """Tell whether somebody who is alive, as far as is known, has a message under lease.

    Args:
        row: Of the outbox.
    """
    if row.lease_holder is None or row.lease_until < to_micros(datetime.now(UTC)):
        return False
    host, pid, started = str(row.lease_holder).rsplit(":", 2)
    # Of another machine, all that is known is how long the lease holds.
    return host != socket.gethostname() or _started(int(pid)) == started


def _started(pid: int) -> str:
    """Return the start time of a process, so that a reused number is not taken for it."""
    try:
        # Field 22 of /proc/PID/stat (proc(5)); the name before it may hold spaces and parentheses.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return "gone"


def settle(database: Database, now: datetime) -> int:
    """Make known what the dead left in the middle; return how many copies nobody knows about.

    Args:
        database: The database.
        now: The workspace's clock.
    """
    left = select(outbox).where(
        outbox.c.id.in_(
            select(deliveries.c.outbox_id).where(
                # What is being released is still due: there is an index of that.
                deliveries.c.next_attempt_at.is_not(None),
                deliveries.c.state == "releasing",
            )
        )
    )
    with database.read() as connection:
        found = [r.id for r in connection.execute(left) if not is_held(r)]
    if not found:
        return 0
    with database.write() as connection:
        # Looked at again under lock: somebody may have taken one of them meanwhile.
        wanted = left.where(outbox.c.id.in_(found)).with_for_update(skip_locked=True)
        rows = [r for r in connection.execute(wanted) if not is_held(r)]
        connection.execute(
            update(outbox)
            .where(outbox.c.id.in_([r.id for r in rows]))
            .values(lease_holder=None, lease_until=None, lease_token=outbox.c.lease_token + 1)
        )
        return settle_taken(connection, rows, to_micros(now))


def settle_taken(connection: Connection, rows: Sequence[Row[Any]], now: int) -> int:
    """Do the same, in the caller's transaction, for messages that are nobody else's any more.

    Args:
        connection: In a write transaction.
        rows: Of the outbox.
        now: The workspace's clock, in microseconds.
    """
    left = deliveries.c.outbox_id.in_([row.id for row in rows]) & (
        deliveries.c.state == "releasing"
    )
    case_of = {row.id: row.case_id for row in rows}
    lost = connection.execute(select(deliveries.c.outbox_id).where(left)).scalars().all()
    if lost:
        connection.execute(
            update(deliveries)
            .where(left)
            .values(state="uncertain", next_attempt_at=None, settled_at=now, reply=_SAID)
        )
        _unanswered(connection, {*lost})
    for outbox_id in {*lost}:
        wake(connection, case_of[outbox_id], now)
    return len(lost)


def _unanswered(connection: Connection, ids: Collection[int]) -> None:
    """Write down of each transaction of some batches that its reply was never read."""
    its_runs = select(runs.c.id).where(runs.c.outbox_id.in_(ids))
    connection.execute(
        update(transmissions)
        .where(transmissions.c.run_id.in_(its_runs), transmissions.c.state == "staged")
        .values(state="uncertain", reply=_SAID)
    )

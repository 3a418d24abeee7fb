"""A message set for an instant, and taking messages back: whole while nothing has left, else what has not.

Taking back raises the message's fencing token under a lock on its row: a worker that holds it, even
with every recipient staged, then fails to commit `releasing`, and so never writes the final dot.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select, update

from engine.chain import canonical
from engine.errors import ArrimageError, Reason, Refused
from engine.outbox import NEEDS_PERSON, counting, newest_message
from engine.schema import deliveries, from_micros, outbox, to_micros

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sqlalchemy import Connection

    from engine.draft import Draft

#: Nothing of a delivery in these states has left, nor can it leave under a newer token.
_HELD = ("queued", "deferred", "deferred_rcpt", "staging_failed",
         "lost_before_dot", "refused", "refused_rcpt", "aborted")  # fmt: skip
#: What becomes of a copy that is recalled: one that has not left never does, one that may have arrived and
#: was to be sent again is as it was, and what failed stays so.
_RECALLED: tuple[tuple[tuple[str, ...], str | None], ...] = (
    (NEEDS_PERSON, None),
    (("resend_authorised",), "uncertain"),
    (("queued", "deferred", "deferred_rcpt", "staging_failed", "lost_before_dot"), "cancelled"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A message whose instant has not come; instants are UTC.

    Attributes:
        message: The notification's name.
        at: Nothing leaves before it.
        decided_at: When it was decided, and its recipients with it.
        recipients: How many there are.
    """

    message: str
    at: datetime
    decided_at: datetime
    recipients: int


def planned(connection: Connection, case_id: int, now: datetime) -> list[Planned]:
    """Return the messages of a case that are set for an instant to come, the next one first."""
    rows = connection.execute(
        select(outbox.c.name, outbox.c.not_before, outbox.c.queued_at, func.count().label("n"))
        .join(deliveries, deliveries.c.outbox_id == outbox.c.id)
        .where(
            outbox.c.case_id == case_id,
            outbox.c.not_before > to_micros(now),
            deliveries.c.next_attempt_at.is_not(None),
        )
        .group_by(outbox.c.id, outbox.c.name, outbox.c.not_before, outbox.c.queued_at)
        .order_by(outbox.c.not_before)
    )
    return [
        Planned(
            message=r.name,
            at=from_micros(r.not_before),
            decided_at=from_micros(r.queued_at),
            recipients=r.n,
        )
        for r in rows
    ]


def take_back(draft: Draft) -> None:
    """Cancel the messages that the draft's actions take back.

    Raises:
        Refused: A worker is at one of them at this instant, or part of it has left.
    """
    for name, event in draft.cancels:
        connection = draft.facts.connection
        if connection is None:
            raise ArrimageError("a plain action cannot take a message back")
        newest = newest_message(connection, draft.row.id, name)
        if newest is not None and not _cancel(connection, newest, event):
            label = draft.process.definition.notifications[name].label
            reason = Reason(code="already_leaving", params={"label": dict(label)})
            raise Refused((reason,), number=draft.row.number, action=event["action"])
    draft.cancels.clear()


def overtake(draft: Draft, name: str, event: Mapping[str, Any]) -> None:
    """Cancel the newest message of a name, which an event has made untrue, unless it is leaving or has left.

    Args:
        draft: The case, in a full transaction.
        name: The message.
        event: The row of the event: whoever caused it is said to have taken the message back.
    """
    connection = draft.facts.connection
    assert connection is not None
    newest = newest_message(connection, draft.row.id, name)
    if newest is not None:
        _cancel(connection, newest, event)


def _cancel(connection: Connection, outbox_id: int, event: Mapping[str, Any]) -> bool:
    here = deliveries.c.outbox_id == outbox_id
    gone = select(deliveries.c.id).where(here, deliveries.c.state.not_in(_HELD)).limit(1)
    if not _locked(connection, outbox_id) or connection.execute(gone).first() is not None:
        return False
    _lose_lease(connection, outbox_id)
    connection.execute(
        update(deliveries)
        .where(here)
        .values(
            state="cancelled",
            next_attempt_at=None,
            settled_at=event["at"],
            resolution=canonical(_decision(event)),
        )
    )
    return True


def _locked(connection: Connection, outbox_id: int) -> bool:
    # A worker locks the message first and the case last: waiting here would be waiting for each other.
    mine = select(outbox.c.id).where(outbox.c.id == outbox_id).with_for_update(skip_locked=True)
    return connection.execute(mine).first() is not None


def _lose_lease(connection: Connection, outbox_id: int) -> None:
    """Have whoever is at a message find that it has lost it."""
    connection.execute(
        update(outbox)
        .where(outbox.c.id == outbox_id)
        .values(lease_holder=None, lease_until=None, lease_token=outbox.c.lease_token + 1)
    )


def _decision(event: Mapping[str, Any]) -> dict[str, Any]:
    return {"by": event["actor"], "at": from_micros(event["at"]).isoformat(),
            "reason": json.loads(event["body"]).get("note", "")}  # fmt: skip


def recall(draft: Draft) -> None:
    """Take back what has not left of the messages that the draft's actions recall.

    What somebody has, or may have, stays as it is; what somebody lacks needs nobody any more.

    Raises:
        Refused: One of them is leaving at this instant.
    """
    for name, event in draft.recalls:
        connection = draft.facts.connection
        if connection is None:
            raise ArrimageError("a plain action cannot take a message back")
        for outbox_id in counting(connection, draft.row.id, name):
            if not _recall(connection, outbox_id, event):
                label = draft.process.definition.notifications[name].label
                reason = Reason(code="leaving_now", params={"label": dict(label)})
                raise Refused((reason,), number=draft.row.number, action=event["action"])
    draft.recalls.clear()


def _recall(connection: Connection, outbox_id: int, event: Mapping[str, Any]) -> bool:
    here = deliveries.c.outbox_id == outbox_id
    leaving = select(deliveries.c.id).where(here, deliveries.c.state == "releasing").limit(1)
    if not _locked(connection, outbox_id) or connection.execute(leaving).first() is not None:
        return False
    _lose_lease(connection, outbox_id)
    decision = canonical(_decision(event) | {"left": True})
    for states, after in _RECALLED:
        connection.execute(
            update(deliveries)
            .where(here, deliveries.c.state.in_(states))
            .values(
                state=after or deliveries.c.state,
                next_attempt_at=None,
                settled_at=func.coalesce(deliveries.c.settled_at, event["at"]),
                resolution=decision,
            )
        )
    return True

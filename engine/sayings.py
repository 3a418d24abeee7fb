"""What the messages about an earlier batch have said so far: one record each, of a list of the case.

Whoever is given the batch later reads all of it, in order. What nobody has, may have or will have was not
said: a message that was stopped, or refused for everybody, until it is sent again.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, or_, select

from engine.holders import HAD
from engine.outbox import RETRIED, newest_message
from engine.schema import deliveries, history, outbox

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Connection

Record = dict[str, Any]


def so_far(
    connection: Connection,
    case_id: int,
    batches: tuple[str, ...],
    lists: Mapping[str, str | None],
    *,
    of: int | None = None,
) -> list[tuple[int, Record]]:
    """Return what was said of the last batch of the first name, in the order of the decisions.

    Each record comes with the id of the message that says it.

    Args:
        connection: To read with.
        case_id: The case.
        batches: The batch, then those about it.
        lists: Message name → the list that it says a record of.
        of: A message that counts as said, whatever became of it.
    """
    first = newest_message(connection, case_id, batches[0])
    said = (
        select(deliveries.c.id)
        .where(deliveries.c.outbox_id == outbox.c.id, deliveries.c.state.in_((*HAD, *RETRIED)))
        .exists()
    )
    wanted = (
        select(outbox.c.id, outbox.c.name, history.c.body)
        .join(history, and_(history.c.case_id == outbox.c.case_id, history.c.seq == outbox.c.seq))
        .where(
            outbox.c.case_id == case_id,
            outbox.c.name.in_(batches[1:]),
            outbox.c.id > (first or 0),
            or_(said, outbox.c.id == of),
        )
        .order_by(outbox.c.id)
    )
    rows = connection.execute(wanted).all()
    found = [(r.id, added(json.loads(r.body), lists.get(r.name))) for r in rows]
    return [(message, record) for message, record in found if record is not None]


def added(body: Mapping[str, Any], name: str | None) -> Record | None:
    """Return the record that an event of the history added to a list, None where it added none."""
    records = body.get("added", {}).get(name or "", [])
    return records[-1] if records else None

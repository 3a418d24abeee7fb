"""Sending again what was refused, came back or was stopped.

A batch about an earlier one that nobody has yet, since it was stopped or refused for everybody, is drawn
anew first: it goes to those who have joined meanwhile too, and newcomers read all that was said meanwhile.
A batch that somebody has stays as it is, word for word: only those who lack it are written to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, insert, select, update

from engine import audience
from engine.outbox import REFUSED, retry
from engine.schema import deliveries, history, outbox, renderings
from engine.session import Session, driver_of
from engine.store import load_case

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection, Row

    from engine.cases import Engine


def send_again(
    engine: Engine,
    connection: Connection,
    ids: Sequence[int],
    *,
    decision: Mapping[str, Any],
    addresses: Mapping[int, Sequence[str]] | None = None,
) -> int:
    """Queue deliveries again (`engine.outbox.retry`), those of a batch that nobody has with whoever joined.

    Args:
        engine: The engine.
        connection: In a write transaction.
        ids: Deliveries.
        decision: Who, when and why, kept with each delivery.
        addresses: New addresses by delivery.

    Returns:
        How many were queued.
    """
    batches = select(deliveries.c.outbox_id).where(deliveries.c.id.in_(ids)).distinct()
    joined = sum(
        _redraw(engine, connection, batch) for batch in connection.execute(batches).scalars().all()
    )
    now = engine.clock.now()
    return joined + retry(connection, ids, now=now, decision=decision, addresses=addresses)


def _redraw(engine: Engine, connection: Connection, outbox_id: int) -> int:
    """Draw a batch anew if nobody has anything of it; return how many are in it who were not."""
    message = connection.execute(
        select(outbox).where(outbox.c.id == outbox_id).with_for_update()
    ).one()
    here = deliveries.c.outbox_id == outbox_id
    states = set(connection.execute(select(deliveries.c.state).where(here)).scalars())
    if message.about is None or not states <= {*REFUSED}:
        return 0
    rows = _drawn(engine, connection, message)
    known = set(connection.execute(select(deliveries.c.recipient).where(here)).scalars())
    for row in rows:
        if row["recipient"] in known:
            # Its state is for `retry` to change, of those who are to be sent it again.
            kept = {k: v for k, v in row.items() if k not in {"state", "next_attempt_at"}}
            mine = here & (deliveries.c.recipient == row["recipient"])
            connection.execute(update(deliveries).where(mine).values(kept))
    new = [{**row, "outbox_id": outbox_id} for row in rows if row["recipient"] not in known]
    if new:
        connection.execute(insert(deliveries), new)
    return len(new)


def _drawn(engine: Engine, connection: Connection, message: Row[Any]) -> list[dict[str, Any]]:
    """Write a message anew, as it would be queued now; return the rows of its recipients."""
    session = Session(driver_of(connection), connection)
    case = load_case(session.driver, engine.database.dialect, message.case_id)
    assert case is not None
    draft = engine.draft(case, engine.library.get(case.process, case.definition_version), session)
    definition = draft.process.definition
    notification = definition.notifications.get(message.name)
    if notification is None or notification.newcomers is None:
        return []
    sent = select(history).where(history.c.case_id == message.case_id, history.c.seq == message.seq)
    event = dict(connection.execute(sent).mappings().one())
    recipients = audience.drawn(draft, notification, event["actor"])
    written, rows = audience.written(
        draft, notification, event, definition.actions.get(event["action"]), recipients,
        engine.domain, of=message.id,
    )  # fmt: skip
    values = {k: written[k] for k in ("facts", "roster_version")}
    connection.execute(update(outbox).where(outbox.c.id == message.id).values(values))
    connection.execute(delete(renderings).where(renderings.c.outbox_id == message.id))
    return rows

"""Who has an earlier batch, may have it, or is about to; and what they have answered since.

What gives somebody a batch is their copy of it, or a newcomer's copy of a later one about it, which has
it all: the other copies of a later one only add to what one has.
"""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, or_, select

from engine.definition.walk import split_form
from engine.outbox import DONE, RETRIED, newest_message
from engine.recipient import Recipient
from engine.schema import deliveries, instant, outbox

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from sqlalchemy import Connection, Row

#: Of a delivery that its recipient has, or may have.
HAD = (*DONE, "uncertain", "releasing")
#: Of one that its recipient has, or will have unless it is refused first.
_ASSURED = frozenset({*DONE, *RETRIED, "releasing"})


def holders(connection: Connection, case_id: int, batches: tuple[str, ...]) -> list[Recipient]:
    """Return those who have, or may have, the last batch of the first name or a later one of the others.

    Each once, as it was written to last.
    """
    return _recipients(r for r in _copies(connection, case_id, batches) if r.state in HAD)


def assured(connection: Connection, case_id: int, batches: tuple[str, ...]) -> list[Recipient]:
    """Return those who have it, or will have what is under way; as it was written to last.

    Somebody of whose copies nobody knows what became is among them once there are two: it was given it
    again.
    """
    rows = _copies(connection, case_id, batches)
    sure = {r.recipient for r in rows if r.state in _ASSURED}
    unknown = Counter(r.recipient for r in rows if r.state == "uncertain")
    sure |= {key for key, copies in unknown.items() if copies > 1}
    return _recipients(r for r in rows if r.recipient in sure)


def newcomers(connection: Connection, case_id: int, batches: tuple[str, ...]) -> set[str]:
    """Return the keys of those among `holders` who had it after the others, marked as newcomers."""
    rows = _copies(connection, case_id, batches)
    return {r.recipient for r in rows if r.newcomer and r.state in HAD}


def salts(connection: Connection, case_id: int, batches: tuple[str, ...]) -> dict[str, str]:
    """Return the salt that each was first given with one of these batches, whatever became of its copy."""
    rows = _copies(connection, case_id, batches)
    return {r.recipient: r.salt for r in reversed(rows)}


def untold(
    connection: Connection, case_id: int, batches: tuple[str, ...], message: str
) -> list[Recipient]:
    """Return those of `holders` whose copy, as it was last sent, no message of a name has told of yet.

    What is told of a copy is what became of all of its batch: nobody is told while some of it is under way.
    """
    rows = _copies(connection, case_id, batches)
    wanted = (
        select(deliveries.c.copy_id, deliveries.c.copy_sending)
        .join(outbox, outbox.c.id == deliveries.c.outbox_id)
        .where(outbox.c.case_id == case_id, outbox.c.name == message)
    )
    told = {(r.copy_id, r.copy_sending) for r in connection.execute(wanted)}
    under_way = _under_way(connection, {r.outbox_id for r in rows})
    had = {r.recipient: r for r in rows if r.state in HAD}
    return _recipients(
        r
        for r in had.values()
        if (r.id, r.transmission_id) not in told and r.outbox_id not in under_way
    )


def _under_way(connection: Connection, batches: Collection[int]) -> set[int]:
    """Return the batches of which something still happens by itself."""
    moving = select(deliveries.c.outbox_id).where(
        deliveries.c.outbox_id.in_(batches), deliveries.c.state.in_((*RETRIED, "releasing"))
    )
    return set(connection.execute(moving).scalars())


def _recipients(rows: Any) -> list[Recipient]:
    copies = {
        r.recipient: Recipient(
            key=r.recipient,
            name=r.name,
            addresses=tuple(json.loads(r.addresses)),
            languages=tuple(r.languages.split("+")),
            salt=r.salt,
            copy=r.id,
            sending=r.transmission_id,
        )
        for r in rows
    }
    return list(copies.values())


def _copies(connection: Connection, case_id: int, batches: tuple[str, ...]) -> Sequence[Row[Any]]:
    """Return the copies that give somebody the last batch of the first name, in order."""
    first = newest_message(connection, case_id, batches[0])
    if first is None:
        return []
    later = and_(
        outbox.c.name.in_(batches[1:]),
        outbox.c.id > first,
        or_(outbox.c.newcomer_template.is_(None), deliveries.c.newcomer == 1),
    )
    wanted = (
        select(deliveries)
        .join(outbox, outbox.c.id == deliveries.c.outbox_id)
        .where(outbox.c.case_id == case_id, or_(outbox.c.id == first, later))
        .order_by(outbox.c.id, deliveries.c.id)
    )
    return connection.execute(wanted).all()


def left_for(
    connection: Connection, case_id: int, batches: tuple[str, ...], recipient: str
) -> datetime | None:
    """Return when what gives somebody the last batch of the first name first left for them (UTC).

    None where nothing has left for them that they have, or may have.
    """
    rows = _copies(connection, case_id, batches)
    at = [r.released_at for r in rows if r.recipient == recipient and r.state in HAD]
    return instant(min((a for a in at if a is not None), default=None))


def begun(connection: Connection, case_id: int, batch: str) -> datetime | None:
    """Return when the last batch of a name was decided (UTC); None when there was none."""
    newest = newest_message(connection, case_id, batch)
    at = connection.execute(select(outbox.c.queued_at).where(outbox.c.id == newest)).scalar()
    return instant(at)


def answers(data: Mapping[str, Any], field: str, since: datetime | None) -> list[Mapping[str, Any]]:
    """Return a case's records that name a member in `list.field`, of those added since an instant."""
    record, name = split_form(field)
    return [
        r
        for r in data.get(record or "", [])
        if name in r and since is not None and datetime.fromisoformat(r["at"]) >= since
    ]

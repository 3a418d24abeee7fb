"""A batch that stays incomplete because a person accepts it: whose copy is missing, since when, and why.

What is accepted is each copy as it then stands. One that fails later was not part of it, and needs a
person like any other; one that is sent again is accepted no more.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from sqlalchemy import select, update

from engine.chain import canonical
from engine.errors import ArrimageError
from engine.outbox import NEEDS_PERSON
from engine.schema import deliveries, from_micros

if TYPE_CHECKING:
    from engine.draft import Draft


def accept(draft: Draft) -> None:
    """Mark the copies that the draft's actions accept as missing: they need nobody any more."""
    for event in draft.accepts:
        connection = draft.facts.connection
        if connection is None:
            raise ArrimageError("a plain action cannot accept what became of a message")
        said = json.loads(event["body"])["accepts"]
        decision = {"by": event["actor"], "at": from_micros(event["at"]).isoformat(),
                    "reason": said["reason"], "left": True}  # fmt: skip
        # Somebody is at what is locked: it is not as it was when it was accepted.
        missing = (
            select(deliveries.c.id)
            .where(
                deliveries.c.outbox_id.in_(said["batches"]),
                deliveries.c.state.in_(NEEDS_PERSON),
            )
            .with_for_update(skip_locked=True)
        )
        rows = connection.execute(missing).scalars().all()
        connection.execute(
            update(deliveries)
            .where(deliveries.c.id.in_(rows))
            .values(resolution=canonical(decision))
        )
    draft.accepts.clear()

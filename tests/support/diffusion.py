"""A request that was diffused: what the mail server took, and what was queued."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sqlalchemy import select, update

from engine.schema import deliveries, outbox
from engine.timers import run_case
from tests.support.world import ready_to_diffuse

if TYPE_CHECKING:
    from tests.support.world import World


def settle(world: World, number: str, *, left: int = 0, name: str = "diffusion") -> None:
    """Have the mail server take every message of the last batch of a name but so many."""
    with world.database.write() as connection:
        batch = connection.execute(
            select(outbox.c.id).where(outbox.c.name == name).order_by(outbox.c.id.desc())
        ).scalars().first()  # fmt: skip
        ids = connection.execute(
            select(deliveries.c.id).where(deliveries.c.outbox_id == batch).order_by(deliveries.c.id)
        ).scalars().all()  # fmt: skip
        for i, one in enumerate(ids):
            connection.execute(
                update(deliveries)
                .where(deliveries.c.id == one)
                .values(state="refused" if i < left else "accepted", next_attempt_at=None)
            )
    run_case(world.engine, world.id(number))


def messages(world: World, name: str) -> list[dict[str, Any]]:
    with world.database.read() as connection:
        rows = connection.execute(
            select(outbox, deliveries.c.recipient, deliveries.c.newcomer)
            .join(deliveries, deliveries.c.outbox_id == outbox.c.id)
            .where(outbox.c.name == name)
        )
        return [{**r._mapping, "facts": json.loads(r.facts)} for r in rows]


def diffused(world: World) -> str:
    number = ready_to_diffuse(world)
    world.do(number, "diffuser")
    settle(world, number)
    return number

"""A diffusion with the real server, but for the end of its messages: nobody receives anything."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import ceil
from typing import TYPE_CHECKING, Any

from notifications.decision import decide
from notifications.fleet import Fleet
from notifications.staging import Stage, Watch, shape

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine.lease import Delivery, Leased
    from engine.ports import Clock
    from notifications.outcome import Outcome
    from notifications.parcels import Parcel
    from notifications.settings import MailSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsed:
    """What would happen.

    Attributes:
        recipients: How many there are.
        refused: Whom the server would not take, and what it says.
        transactions: In how many the others would go.
        waves: One after the other, where the server cannot hold them all at once.
        shape: `one`, `groups`, `each` or `waves`.
        verdict: Of the rule: `released`, `aborted` or `put_off`.
        server: What it says that it can do.
    """

    recipients: int
    refused: tuple[tuple[Delivery, Outcome], ...]
    transactions: int
    waves: int
    shape: str
    verdict: str
    server: dict[str, Any]


async def rehearsal(
    leased: Leased, parcels: Sequence[Parcel], settings: MailSettings, clock: Clock
) -> Rehearsed:
    """Stage a batch for real, and let it go.

    Args:
        leased: The batch.
        parcels: Its messages.
        settings: The mail server.
        clock: The workspace's clock.

    Raises:
        engine.errors.Unavailable: The server cannot be reached.
    """
    fleet, watch = Fleet(settings), Watch(clock)
    stage = Stage(fleet=fleet, most=settings.held, watch=watch, stopping=lambda: False)
    try:
        holding = await stage.all(parcels)
        held, later = len(holding.held), len(holding.later)
        how = shape(leased, holding)
        await holding.abort()
    finally:
        await fleet.quit()
    decision = decide(leased.rule_in_force, leased, holding.refused, watch.now())
    return Rehearsed(
        recipients=len(leased.deliveries),
        refused=tuple(holding.refused.values()),
        transactions=held + later,
        waves=1 + ceil(later / max(held, 1)),
        shape=how,
        verdict=decision.verdict,
        server={} if fleet.server is None else asdict(fleet.server),
    )

"""What a mail server holds of a batch before anybody has anything of it."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from engine.schema import to_micros
from notifications.parcels import split

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from engine.lease import Delivery, Leased
    from engine.ports import Clock
    from notifications.fleet import Fleet
    from notifications.outcome import Outcome, Staged
    from notifications.parcels import Parcel
    from notifications.transport import Connection

#: How many recipients any server takes in one transaction (RFC 5321, 4.5.3.1.8).
ROOM = 100
#: How often a held connection is kept awake, in seconds; servers close after minutes.
AWAKE = 20.0


class Watch:
    """Instants of the workspace's clock that follow a clock which never jumps, to the microsecond."""

    def __init__(self, clock: Clock) -> None:
        self._base = to_micros(clock.now())
        self._begun = time.monotonic_ns()

    def now(self) -> int:
        """Return the instant, in microseconds since the epoch."""
        return self._base + (time.monotonic_ns() - self._begun) // 1000


@dataclass(slots=True, kw_only=True)
class Held:
    """One staged transaction.

    Attributes:
        parcel: What, for whom.
        connection: That holds it.
        staged: What the server said.
        at: When it had it all but the end (microseconds).
        id: Of its row, once it is written down.
        dot_at: When its end was written.
        came_at: When there was something to read after that, where nothing else was done meanwhile.
        replied_at: When the server's answer to it could be read.
        outcome: That answer.
    """

    parcel: Parcel
    connection: Connection
    staged: Staged
    at: int
    id: int = 0
    dot_at: int | None = None
    came_at: int | None = None
    replied_at: int | None = None
    outcome: Outcome | None = None


@dataclass(slots=True)
class Holding:
    """What the server holds, whom it refused, and what is for later waves."""

    held: list[Held] = field(default_factory=list)
    refused: dict[int, tuple[Delivery, Outcome]] = field(default_factory=dict)
    later: list[Parcel] = field(default_factory=list)

    def note(self, parcel: Parcel, staged: Staged) -> None:
        """Note the recipients of a parcel that the server does not take."""
        for delivery in parcel.deliveries:
            outcome = staged.of(delivery.addresses)
            if outcome.state != "staged":
                self.refused[delivery.id] = (delivery, outcome)

    @property
    def intact(self) -> bool:
        """Whether every connection still stands."""
        return all(h.connection.holds for h in self.held)

    async def abort(self) -> None:
        """Let everything go that has not been ended: nobody has it."""
        await asyncio.gather(*(h.connection.abort() for h in self.held if h.dot_at is None))
        self.held.clear()


@dataclass(slots=True, kw_only=True)
class Stage:
    """Has a server hold parcels.

    Attributes:
        fleet: The connections.
        most: How many may be held at once.
        watch: The instants.
        stopping: Tells that the worker is to stop.
    """

    fleet: Fleet
    most: int
    watch: Watch
    stopping: Callable[[], bool]

    async def all(self, lots: Sequence[Parcel]) -> Holding:
        """Have the server hold as much as it can; what it has no room for is asked about, and waits.

        When it turns out that a transaction cannot take so many recipients, everything is let go
        and staged again in groups that it can take.

        Raises:
            engine.errors.Unavailable: The server cannot be reached.
        """
        await self.fleet.take(1)
        fits = self.fleet.recipients
        while True:
            todo = split(lots, fits)
            connections = await self.fleet.take(min(len(todo), self.most))
            holding = Holding(later=todo[len(connections) :])
            # Whom the server refuses is known before anybody has anything, in later waves too.
            if holding.later:
                await _ask(connections[0], holding, fits or ROOM)
            room = await self.fill(holding, todo, connections)
            if room is None or (fits is not None and room >= fits):
                return holding
            await holding.abort()
            fits = room

    async def fill(
        self, holding: Holding, todo: Sequence[Parcel], connections: Sequence[Connection]
    ) -> int | None:
        """Stage one wave; return how many recipients a transaction takes, if one had no room left."""
        pairs = list(zip(todo, connections, strict=False))
        done = await asyncio.gather(*(c.stage(p.addresses, p.body) for p, c in pairs))
        room: int | None = None
        for (parcel, connection), staged in zip(pairs, done, strict=True):
            if staged.left:
                room = min(staged.taken, room or staged.taken) or 1
            holding.note(parcel, staged)
            if staged.outcome.state == "staged":
                at = self.watch.now()
                holding.held.append(
                    Held(parcel=parcel, connection=connection, staged=staged, at=at)
                )
        return room

    async def until(self, at: int, lots: Sequence[Parcel], holding: Holding) -> Holding:
        """Hold until an instant (microseconds); what the server drops meanwhile is staged again."""
        awake = time.monotonic()
        while (left := (at - self.watch.now()) / 1_000_000) > 0 and not self.stopping():
            await asyncio.sleep(min(left, 1.0))
            if time.monotonic() - awake > AWAKE and left > 1:
                awake = time.monotonic()
                await asyncio.gather(*(h.connection.keep() for h in holding.held))
            if not holding.intact:
                await holding.abort()
                holding = await self.all(lots)
        return holding


async def _ask(connection: Connection, holding: Holding, room: int) -> None:
    """Ask a server whom it would take of later waves, as many at once as a transaction has room for.

    One by one, each given up before the next, looks like a client that plays with it: Postfix counts
    RSET and closes after a hundred or so (smtpd_junk_command_limit).
    """
    waiting = list(holding.later)
    while waiting:
        asked = [waiting.pop(0)]
        count = len(asked[0].addresses)
        while waiting and count + len(waiting[0].addresses) <= room:
            asked.append(waiting.pop(0))
            count += len(asked[-1].addresses)
        addresses = [a for parcel in asked for a in parcel.addresses]
        staged = await connection.probe(addresses, max(len(p.body) for p in asked))
        unasked = [p for p in asked[1:] if not set(p.addresses).isdisjoint(staged.left)]
        if unasked:
            room = max(1, staged.taken)
        for parcel in asked:
            if parcel not in unasked:
                holding.note(parcel, staged)
        waiting = unasked + waiting


def shape(leased: Leased, holding: Holding) -> str:
    """Return how a batch goes: `one` transaction for all, `groups`, `each` its own, or `waves`."""
    if holding.later:
        return "waves"
    if leased.personal:
        return "each"
    return "one" if len(holding.held) <= 1 else "groups"

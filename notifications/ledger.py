"""Group commit: what several connections have to write down at about the same time, in one transaction."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from engine import lease

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine.database import Database
    from engine.lease import Leased, Move
    from engine.ports import Clock
    from notifications.contents import Contents

#: How long, in seconds, those who have something to write wait for the others.
_PATIENCE = 0.003


class Ledger:
    """Commits moves: when everybody who writes waits, or after a moment, all that waits goes together.

    Args:
        database: Where the outbox is.
        clock: The workspace's clock.
        held: The messages under lease, which is renewed in time when they take long.
        contents: What they say: frozen with the first commit about each.
        writers: How many may write at a time.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        held: Sequence[Leased],
        contents: Contents,
        writers: int,
    ) -> None:
        self._database = database
        self._clock = clock
        self._held = held
        self._contents = contents
        self._writers = writers
        self._renewed = time.monotonic()
        self._waiting: list[tuple[Sequence[Move], asyncio.Future[None]]] = []
        self._due: asyncio.TimerHandle | None = None

    def leave(self) -> None:
        """Count one writer less."""
        self._writers -= 1
        if self._waiting and len(self._waiting) >= self._writers:
            self._flush()

    async def write(self, moves: Sequence[Move]) -> None:
        """Return once these are durable.

        Raises:
            engine.lease.LeaseLost: Another worker has one of the messages that were to be written.
        """
        if not moves:
            return
        loop = asyncio.get_running_loop()
        done = loop.create_future()
        self._waiting.append((moves, done))
        if len(self._waiting) >= self._writers:
            self._flush()
        elif self._due is None:
            self._due = loop.call_later(_PATIENCE, self._flush)
        await done

    def _flush(self) -> None:
        if self._due is not None:
            self._due.cancel()
            self._due = None
        batch, self._waiting = self._waiting, []
        moves = [move for part, _ in batch for move in part]
        try:
            # Not in a thread: two that share an interpreter wait for each other longer than for the disk.
            self._commit(moves)
        except Exception as error:  # noqa: BLE001 - whoever waits is told
            for _, done in batch:
                done.set_exception(error)
        else:
            for _, done in batch:
                done.set_result(None)

    def _commit(self, moves: Sequence[Move]) -> None:
        made = self._contents.unfrozen((m.leased, m.delivery) for m in moves)
        now = self._clock.now()
        with self._database.write() as connection:
            if time.monotonic() - self._renewed > lease.LEASE.total_seconds() / 4:
                lease.renew(connection, self._held)
                self._renewed = time.monotonic()
            lease.move(connection, moves, now)
            lease.freeze(connection, made, now)
        self._contents.froze(made)

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


class Ledger:
    """Commits moves; those that come while a commit is under way go together into the next one.

    Args:
        database: Where the outbox is.
        clock: The workspace's clock.
        held: The messages under lease, which is renewed in time when they take long.
    """

    def __init__(self, database: Database, clock: Clock, held: Sequence[Leased]) -> None:
        self._database = database
        self._clock = clock
        self._held = held
        self._renewed = time.monotonic()
        self._waiting: list[tuple[Sequence[Move], asyncio.Future[None]]] = []
        self._writing: asyncio.Task[None] | None = None

    async def write(self, moves: Sequence[Move]) -> None:
        """Return once these are durable.

        Raises:
            engine.lease.LeaseLost: Another worker has one of the messages that were to be written.
        """
        if not moves:
            return
        done = asyncio.get_running_loop().create_future()
        self._waiting.append((moves, done))
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write())
        await done

    async def _write(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            moves = [move for part, _ in batch for move in part]
            try:
                # In a thread: while the disk is waited for, the other connections go on.
                await asyncio.to_thread(self._commit, moves)
            except Exception as error:  # noqa: BLE001 - whoever waits is told
                for _, done in batch:
                    done.set_exception(error)
            else:
                for _, done in batch:
                    done.set_result(None)

    def _commit(self, moves: Sequence[Move]) -> None:
        with self._database.write() as connection:
            if time.monotonic() - self._renewed > lease.LEASE.total_seconds() / 4:
                lease.renew(connection, self._held)
                self._renewed = time.monotonic()
            lease.move(connection, moves, self._clock.now())

"""The mail worker: takes what is due from the outbox, renders it once, and delivers it.

One bounded pass, used alike by `inbox tick` and `inbox serve`. It may die at any instruction: what was
accepted is recorded recipient by recipient, and what is left is exactly what is left. Letters, each with
its own content, leave over a few connections side by side; a batch to the network leaves as one
(`notifications.diffusion`).
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING

from engine import abandoned, lease
from engine.errors import Unavailable
from engine.lease import LeaseLost, Move
from notifications.contents import Contents, Unwritten, nothing
from notifications.diffusion import Diffusion
from notifications.fleet import Fleet
from notifications.ledger import Ledger
from notifications.message import build

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterable, Iterator, Sequence

    from engine.database import Database
    from engine.lease import Delivery, Leased
    from engine.ports import Clock
    from notifications.contents import Own
    from notifications.rendering import Renderer
    from notifications.settings import MailSettings
    from notifications.transport import Connection

_log = logging.getLogger(__name__)
#: Messages taken at a time: few enough that a lease outlives them, enough that taking them costs little.
AT_ONCE = 64


@dataclass(slots=True)
class Report:
    """What one pass did: deliveries by their new state, and what the environment refused."""

    states: dict[str, int] = field(default_factory=dict)
    fault: str | None = None

    def count(self, moves: Sequence[Move]) -> None:
        """Count deliveries that something became of."""
        for move in moves:
            if move.state != "releasing":
                self.states[move.state] = self.states.get(move.state, 0) + 1

    @property
    def sent(self) -> int:
        """How many the server accepted."""
        return self.states.get("accepted", 0)

    @property
    def settled(self) -> int:
        """How many deliveries something became of."""
        return sum(self.states.values())


@dataclass(frozen=True, slots=True)
class Letter:
    """One message to one recipient, ready to go; or why it never will be."""

    leased: Leased
    delivery: Delivery
    body: bytes = b""
    fault: str | None = None

    def to(self, state: str, reply: str | None = None) -> Move:
        """Return what has become of it."""
        return Move(leased=self.leased, delivery=self.delivery, state=state, reply=reply)


@dataclass(slots=True, kw_only=True)
class Worker:
    """Delivers the mail of one workspace.

    Attributes:
        database: Where the outbox is.
        renderer: What makes words of facts.
        settings: The mail server.
        clock: The workspace's clock.
        own: What a personal message may say to one recipient besides.
        stop: Set to stop cleanly between two messages.
    """

    database: Database
    renderer: Renderer
    settings: MailSettings
    clock: Clock
    own: Own = nothing
    stop: threading.Event | None = None

    def deliver_due(self, *, limit: int = 1000) -> Report:
        """Deliver what is due, at most so many recipients; return what became of it.

        A server that cannot be reached is not an error here: nothing is lost, each delivery is put
        off, and the report says what is wrong.
        """
        return asyncio.run(self._pass(limit))

    async def _pass(self, limit: int) -> Report:
        report, me, fleet = Report(), abandoned.holder(), Fleet(self.settings)
        try:
            while report.settled < limit and not self._stopping():
                held = lease.claim(self.database, self.clock.now(), me, limit=AT_ONCE)
                if not held:
                    break
                try:
                    await self._deliver(held, fleet, report)
                finally:
                    lease.release(self.database, held)
        except LeaseLost:
            _log.warning("another worker has taken a message over")
        finally:
            await fleet.quit()
        return report

    def _stopping(self) -> bool:
        return self.stop is not None and self.stop.is_set()

    async def _deliver(self, held: Sequence[Leased], fleet: Fleet, report: Report) -> None:
        contents = Contents(self.database, self.renderer, held, self.own)
        if held[0].batch:
            await self._batch(held[0], contents, fleet, report)
        else:
            await self._letters(held, contents, fleet, report)

    async def _batch(
        self,
        leased: Leased,
        contents: Contents,
        fleet: Fleet,
        report: Report,
    ) -> None:
        failed = contents.prepare(self.clock.now())
        batch = Diffusion(
            database=self.database,
            settings=self.settings,
            clock=self.clock,
            contents=contents,
            fleet=fleet,
            stopping=self._stopping,
        )
        moves, report.fault = await batch.run(leased, {d.id: (d, why) for _, d, why in failed})
        self._tell(moves, report)

    async def _letters(
        self, held: Sequence[Leased], contents: Contents, fleet: Fleet, report: Report
    ) -> None:
        """Send letters over as many connections as there are, each at its own pace.

        A server that closes after so many messages is connected to again, as long as it takes some.
        """
        waiting: Iterator[tuple[Leased, Delivery]] = ((m, d) for m in held for d in m.deliveries)
        before = -1
        while report.settled > before and not self._stopping():
            before = report.settled
            connections = await self._connected(fleet, report)
            ledger = Ledger(self.database, self.clock, held, contents, len(connections))
            letters = self._written(waiting, contents)
            await asyncio.gather(*(self._carry(letters, c, ledger, report) for c in connections))
            following = next(waiting, None)
            if following is None:
                return
            waiting = chain([following], waiting)
        if not self._stopping():
            fault = report.fault or "connection lost"
            self._write([Letter(*which).to("deferred", fault) for which in waiting], report)

    def _written(
        self, waiting: Iterable[tuple[Leased, Delivery]], contents: Contents
    ) -> Iterator[Letter]:
        """Yield letters, each rendered as it is asked for: the server works meanwhile on those before."""
        for leased, delivery in waiting:
            try:
                content = contents.rendered(leased, delivery)
            except Unwritten as error:
                yield Letter(leased, delivery, fault=str(error))
            else:
                body = build(leased, [delivery], content, self.settings)
                yield Letter(leased, delivery, body)

    async def _connected(self, fleet: Fleet, report: Report) -> list[Connection]:
        """Return connections; none once the server could not be reached in this pass."""
        if report.fault is not None:
            return []
        try:
            return await fleet.take(self.settings.connections)
        except Unavailable as error:
            report.fault = error.detail
            _log.warning("mail server: %s", error.detail)
            return []

    async def _carry(
        self, letters: Iterator[Letter], connection: Connection, ledger: Ledger, report: Report
    ) -> None:
        """Send one letter after another while the connection stands."""
        known: list[Move] = []
        while connection.is_open and not self._stopping():
            letter = next(letters, None)
            if letter is None:
                break
            if letter.fault is not None:
                known.append(letter.to("refused", letter.fault))
                continue
            addresses = letter.delivery.addresses
            outcome = (await connection.begin(addresses, len(letter.body))).of(addresses)
            if outcome.state == "staged":
                # Committed before the message is given: whoever finds this after a crash knows that
                # nobody knows. What became of the letter before goes into the same commit.
                await ledger.write([*known, letter.to("releasing")])
                self._tell(known, report)
                outcome = await connection.finish(letter.body)
            else:
                await ledger.write(known)
                self._tell(known, report)
            known = [letter.to(outcome.state, outcome.reply)]
        await ledger.write(known)
        ledger.leave()
        self._tell(known, report)

    def _write(self, moves: Sequence[Move], report: Report) -> None:
        if moves:
            with self.database.write() as connection:
                lease.move(connection, moves, self.clock.now())
        self._tell(moves, report)

    def _tell(self, moves: Sequence[Move], report: Report) -> None:
        report.count(moves)
        for move in moves:
            _log.info("%s %s: %s", move.leased.name, move.delivery.message_id, move.state)

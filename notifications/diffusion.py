"""A batch to the network: everybody at the same moment, or nobody.

Prepare, stage, decide, release, account. Until the decision nobody has anything, and every refusal that
the server will tell is known; the ends of all the messages are then written one right after another.
Content that is the same for all goes in one transaction, whose one end is one acceptance for everybody;
only where the server cannot hold that, or where each has words of its own, are there several.

Sources: RFC 5321 (3.3: until the end of the message there is nothing to deliver), RFC 3030 (BDAT).
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from engine import diffusion as record
from engine import lease
from engine.chain import content_hash
from engine.errors import Unavailable
from engine.lease import Move
from engine.schema import to_micros
from notifications.decision import decide, stopped
from notifications.outcome import Outcome
from notifications.parcels import parcels
from notifications.release import release
from notifications.staging import Held, Holding, Stage, Watch, shape

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from engine.database import Database
    from engine.lease import Delivery, Leased
    from engine.ports import Clock
    from notifications.contents import Contents
    from notifications.decision import Decision
    from notifications.fleet import Fleet
    from notifications.settings import MailSettings

_log = logging.getLogger(__name__)


@dataclass(slots=True, kw_only=True)
class Diffusion:
    """Runs one batch that is under lease.

    Attributes:
        database: Where the outbox is.
        settings: The mail server.
        clock: The workspace's clock.
        contents: What the messages say, frozen.
        fleet: The connections.
        stopping: Tells that the worker is to stop: what is not released is let go.
    """

    database: Database
    settings: MailSettings
    clock: Clock
    contents: Contents
    fleet: Fleet
    stopping: Callable[[], bool]

    async def run(
        self, leased: Leased, unwritten: Mapping[int, tuple[Delivery, str]]
    ) -> tuple[list[Move], str | None]:
        """Stage, decide, release and account for a batch.

        Args:
            leased: The batch.
            unwritten: Those whose message cannot be rendered, and why.

        Returns:
            What became of each recipient, as it was written down, and what was wrong with the server,
            if it could not be reached.

        Raises:
            engine.lease.LeaseLost: Somebody has taken the batch over or called it off; who had
                nothing has nothing.
        """
        watch = Watch(self.clock)
        rule = leased.rule_in_force
        with self.database.write() as connection:
            lease.renew(connection, [leased])
            run = record.begin(connection, leased.id, rule=rule, at=self.clock.now())
        lots = parcels(leased, self.contents, self.settings)
        stage = Stage(
            fleet=self.fleet, most=self.settings.held, watch=watch, stopping=self.stopping
        )
        holding, fault = Holding(), None
        try:
            holding = await stage.all(lots)
            holding = await stage.until(to_micros(leased.not_before), lots, holding)
        except Unavailable as error:
            fault = error.detail
            _log.warning("mail server: %s", fault)
            outcome = Outcome(state="deferred", reply=fault)
            holding.refused = {d.id: (d, outcome) for d in leased.deliveries}
        holding.refused |= {
            n: (d, Outcome(state="refused", reply=why)) for n, (d, why) in unwritten.items()
        }
        decision = decide(rule, leased, holding.refused, watch.now())
        if self.stopping():
            decision = stopped(leased, watch.now())
        try:
            if decision.verdict == "released":
                return await self._release(leased, run, stage, decision, holding), None
        finally:
            await holding.abort()
        with self.database.write() as connection:
            lease.renew(connection, [leased])
            known = self._decided(leased, decision, watch) | ({"staged_at": None} if fault else {})
            record.write_run(connection, run, known)
            lease.move(connection, decision.moves, self.clock.now())
        return list(decision.moves), fault

    def _decided(self, leased: Leased, decision: Decision, watch: Watch) -> dict[str, Any]:
        now = watch.now()
        asked = [d.recipient for d in leased.deliveries]
        return {
            "server": self._server(), "staged_at": now, "decided_at": now,
            "decision": decision.verdict,
            "reason": {"asked": asked, **decision.reason, **(leased.ruling or {})},
        }  # fmt: skip

    def _server(self) -> dict[str, Any]:
        known = self.fleet.server
        if known is None:
            return {}
        return {
            **asdict(known),
            "recipients": self.fleet.recipients,
            "connections": self.fleet.most,
        }

    async def _release(
        self, leased: Leased, run: int, stage: Stage, decision: Decision, holding: Holding
    ) -> list[Move]:
        """Write the ends of the messages, wave by wave, and account for each reply as it comes."""
        known = self._decided(leased, decision, stage.watch) | {"shape": shape(leased, holding)}
        self._about_to(leased, run, known, decision.moves, holding, wave=1)
        moves = [*decision.moves, *await self._end(leased, run, stage.watch, holding.held, [])]
        sent, wave = list(holding.held), 1
        while holding.later:
            wave += 1
            holding = await self._following(stage, holding)
            lost = [
                Move(leased=leased, delivery=d, state=o.state, reply=o.reply)
                for d, o in holding.refused.values()
            ]
            self._about_to(leased, run, {}, lost, holding, wave=wave)
            moves += [*lost, *await self._end(leased, run, stage.watch, holding.held, sent)]
            sent += holding.held
        holding.held.clear()
        return moves

    async def _following(self, stage: Stage, before: Holding) -> Holding:
        """Stage the next wave; what the server does not hold any more is tried again by itself."""
        todo = [p.without(before.refused) for p in before.later]
        todo = [p for p in todo if p.deliveries]
        try:
            connections = await self.fleet.take(min(len(todo), stage.most)) if todo else []
        except Unavailable as error:
            outcome = Outcome(state="lost_before_dot", reply=error.detail)
            return Holding(refused={d.id: (d, outcome) for p in todo for d in p.deliveries})
        holding = Holding(later=todo[len(connections) :])
        await stage.fill(holding, todo, connections)
        return holding

    def _about_to(
        self,
        leased: Leased,
        run: int,
        known: dict[str, Any],
        moves: Sequence[Move],
        holding: Holding,
        *,
        wave: int,
    ) -> None:
        """Commit that the ends are about to be written: after a crash, nobody knows."""
        with self.database.write() as connection:
            lease.renew(connection, [leased])
            if known:
                record.write_run(connection, run, known)
            lease.move(connection, moves, self.clock.now())
            for position, held in enumerate(holding.held):
                held.id = record.add_transmission(
                    connection, run, _transmission(held, wave, position)
                )
                lease.move(connection, _moves(leased, held, "releasing"), self.clock.now())

    async def _end(
        self,
        leased: Leased,
        run: int,
        watch: Watch,
        wave: Sequence[Held],
        before: Sequence[Held],
    ) -> list[Move]:
        """Write every end of a wave, then record what comes of each as it is known."""
        moves: list[Move] = []
        async for settled in release(wave, watch):
            # In a thread: while it is written, the replies of the others are read.
            moves += await asyncio.to_thread(self._account, leased, run, settled, [*before, *wave])
        return moves

    def _account(
        self, leased: Leased, run: int, settled: Sequence[Held], ended: Sequence[Held]
    ) -> list[Move]:
        """Record what became of some, and the window of the run so far."""
        moves = []
        with self.database.write() as connection:
            for held in settled:
                outcome = held.outcome or Outcome(state="uncertain", reply="")
                record.write_transmission(connection, held.id, {
                    "dot_at": held.dot_at, "replied_at": held.replied_at, "state": outcome.state,
                    "reply": outcome.reply[:1000],
                })  # fmt: skip
                moves += _moves(leased, held, outcome.state, outcome.reply)
            lease.move(connection, moves, self.clock.now())
            if window := _window(ended):
                record.write_run(connection, run, window)
        return moves


def _window(ended: Sequence[Held]) -> dict[str, int]:
    """Return the first end that was written and, once somebody has been accepted, the last acceptance."""
    dots = [h.dot_at for h in ended if h.dot_at is not None]
    # A connection that breaks later, or a refusal, is no acceptance.
    taken = [h for h in ended if h.outcome is not None and h.outcome.state == "accepted"]
    replies = [h.replied_at for h in taken if h.replied_at is not None]
    if not dots:
        return {}
    first = min(dots)
    if not replies:  # it left all the same: a reply that nobody has read is no reason to hide it
        return {"first_dot_at": first}
    return {"first_dot_at": first, "last_reply_at": max(replies), "window": max(replies) - first}


def _transmission(held: Held, wave: int, position: int) -> dict[str, Any]:
    return {
        "wave": wave, "position": position, "method": held.staged.method,
        "message_id": held.parcel.deliveries[0].message_id, "sha256": content_hash(held.parcel.body),
        "size": len(held.parcel.body), "recipients": held.staged.taken, "staged_at": held.at,
        "state": "staged", "reply": held.staged.outcome.reply[:1000],
    }  # fmt: skip


def _moves(leased: Leased, held: Held, state: str, reply: str | None = None) -> list[Move]:
    """Return what becomes of those whom the server took in one transaction."""
    taken = [(d, held.staged.of(d.addresses)) for d in held.parcel.deliveries]
    return [
        Move(
            leased=leased,
            delivery=delivery,
            state=state,
            reply=None
            if reply is None
            else reply + outcome.reply.removeprefix(held.staged.outcome.reply),
            transmission=held.id,
            at=held.replied_at,
        )
        for delivery, outcome in taken
        if outcome.state == "staged"
    ]

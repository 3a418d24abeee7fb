"""Playing a scenario: each step through the engine's one way in, as the command would take it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import time
from typing import TYPE_CHECKING

from sqlalchemy import select

from engine import outbox, register, returns
from engine.actor import SYSTEM
from engine.calendar import Span
from engine.errors import NotFound, Refused
from engine.resending import send_again
from engine.scenario import moves
from engine.scenario.causes import in_short
from engine.scenario.coverage import Reached, reached_in
from engine.scenario.expect import Since, judge
from engine.scenario.failures import NOTHING, Failure, plain
from engine.scenario.story import day_of
from engine.schema import cases, to_micros
from engine.verify import verify

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from engine.actor import Actor
    from engine.errors import Reason
    from engine.outcome import Outcome
    from engine.scenario.failures import Both
    from engine.scenario.model import Step
    from engine.scenario.stage import Stage, World
    from engine.scenario.story import Deed, Story


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """A scenario played: what was not as it should be (nothing: it passed), and what was reached."""

    story: Story
    failures: tuple[Failure, ...]
    reached: Reached


def play(stage: Stage, story: Story) -> Played:
    """Play a scenario to its end, or to the first step after which something is not as it should be."""
    with stage.world(story.given) as world:
        player = Player(stage, world)
        failures: list[Failure] = []
        for deed in story.deeds:
            failures += player.take(deed)
            if failures:
                break
        failures = failures or list(player.at_the_end(story))
        return Played(story=story, failures=tuple(failures), reached=player.reached())


@dataclass(slots=True)
class Player:
    """Takes the steps of one scenario in a world, one after the other.

    Attributes:
        number: The case that was opened last; empty before.
        login: Who acted last.
        refusals: Every refusal met, as (process, action, reason).
    """

    stage: Stage
    world: World
    number: str = ""
    login: str = ""
    outcome: Outcome | None = None
    refusals: list[tuple[str, str, Reason]] = field(default_factory=list)

    def take(self, deed: Deed) -> list[Failure]:
        """Take a step; return what is not as it should be."""
        self.login = deed.step.by or self.login
        since = self._now()
        failures = self._past(deed) or self._attempt(deed)
        if failures:
            return failures
        since = Since(versions=since.versions, left=self.world.server.left[len(since.left) :],
                      outcome=self.outcome)  # fmt: skip
        failures = self._broken_mail(deed)
        for check in deed.checks:
            number = deed.step.case or self.number
            failures += judge(self.stage, self.world, check, number, self.login, since)
        return failures

    def at_the_end(self, story: Story) -> Iterator[Failure]:
        """Yield what is not as it should be once everything has happened."""
        since = Since(left=self.world.server.left, outcome=self.outcome)
        for check in story.checks:
            yield from judge(self.stage, self.world, check, self.number, self.login, since)
        for fault in verify(self.world.database).faults:
            said = f"{fault.where}: {fault.code} ({fault.detail})"
            yield Failure(path=story.path, code="history", what=("l'historique", "the history"),
                          expected=("intact", "whole"), got=(said, said))  # fmt: skip

    def reached(self) -> Reached:
        """Return what this scenario has reached so far."""
        return reached_in(self.world.database, self.refusals)

    # --- one step -------------------------------------------------------------------------------

    def _now(self) -> Since:
        with self.world.database.read() as connection:
            versions = {r.number: r.version
                        for r in connection.execute(select(cases.c.number, cases.c.version))}  # fmt: skip
        return Since(versions=versions, left=list(self.world.server.left))

    def _attempt(self, deed: Deed) -> list[Failure]:
        self.outcome, refusal, before = None, None, self._now().versions
        try:
            self._do(deed)
            self.world.settle()
        except Refused as refused:
            refusal = refused
        except NotFound as error:
            return [_missing(deed, error)]
        except Exception as error:  # noqa: BLE001 - whatever else happens is what is looked for
            said = f"{type(error).__name__}: {error}"
            return [Failure(path=(*deed.path, deed.kind), code="crash",
                            what=("l'étape", "the step"), expected=("faite ou refusée", "done or refused"),
                            got=(said, said), number=deed.step.case or self.number)]  # fmt: skip
        if refusal is not None:
            self._note(deed, refusal)
            if self._now().versions != before:
                return [_written(deed, refusal)]
        return list(_as_refused(deed, refusal, deed.step.case or self.number))

    def _note(self, deed: Deed, refusal: Refused) -> None:
        """Keep what was refused: a state closed to changes says it, else the action does."""
        for reason in refusal.reasons:
            where = deed.name if reason.code != "wrong_state" else self._state(deed.step)
            self.refusals.append((deed.process or "", where, reason))

    def _state(self, step: Step) -> str:
        with self.world.database.read() as connection:
            return register.find(connection, step.case or self.number).row.state

    def _broken_mail(self, deed: Deed) -> list[Failure]:
        broken, self.world.server.broken = self.world.server.broken, []
        return [
            Failure(path=(*deed.path, deed.kind), code="mail-unreadable",
                    what=("le courrier", "the mail"), expected=("lisible", "readable"),
                    got=said)
            for said in broken
        ]  # fmt: skip

    def _do(self, deed: Deed) -> None:
        ways: dict[str, Callable[[Deed], None]] = {
            "open": self._open, "do": self._advance, "take": self._handle, "release": self._handle,
            "assign": self._handle, "wait": self._wait, "server": self._server,
            "outbox": self._outbox,
        }  # fmt: skip
        ways[deed.kind](deed)

    def _open(self, deed: Deed) -> None:
        step = deed.step
        self.outcome = self.world.engine.open(
            deed.name, step.data, self._actor(), note=step.note, idempotency_key=step.key
        )
        self.number = self.outcome.number

    def _advance(self, deed: Deed) -> None:
        step = deed.step
        self.outcome = self.world.engine.advance(
            self._case(step), deed.name, step.data, self._actor(), note=step.note,
            idempotency_key=step.key,
        )  # fmt: skip

    def _handle(self, deed: Deed) -> None:
        engine, case_id, actor = self.world.engine, self._case(deed.step), self._actor()
        if deed.kind == "take":
            self.outcome = engine.take(case_id, actor)
        elif deed.kind == "release":
            self.outcome = engine.release(case_id, actor, deed.step.note)
        else:
            self.outcome = engine.assign(case_id, deed.name, actor, deed.step.note)

    def _actor(self) -> Actor:
        return self.world.actor(self.login)

    def _case(self, step: Step) -> int:
        with self.world.database.read() as connection:
            return register.find(connection, step.case or self.number).id

    # --- time and mail --------------------------------------------------------------------------

    def _wait(self, deed: Deed) -> None:
        self.world.wait(self._until(str(deed.step.wait)))

    def _past(self, deed: Deed) -> list[Failure]:
        """Tell of a wait for what is already past."""
        now = self.world.clock.now()
        if deed.kind != "wait" or self._until(str(deed.step.wait)) >= now:
            return []
        said = f"{self.world.calendar.local(now):%Y-%m-%d %H:%M}"
        return [Failure(path=(*deed.path, "wait"), code="past", what=("l'attente", "the wait"),
                        expected=(f"après {said}", f"after {said}"), got=plain(deed.step.wait))]  # fmt: skip

    def _until(self, wait: str) -> datetime:
        """Return the instant of a wait: a day alone keeps the hour that it is."""
        calendar, now = self.world.calendar, self.world.clock.now()
        if wait[4:5] != "-":
            return calendar.shift(now, Span.parse(wait))
        at = time.fromisoformat(wait[11:]) if wait[11:] else calendar.local(now).time()
        return calendar.instant(day_of(wait), at)

    def _server(self, deed: Deed) -> None:
        assert deed.step.server is not None
        self.world.server.refuses = deed.step.server.refuses
        self.world.server.uncertain = deed.step.server.uncertain

    def _outbox(self, deed: Deed) -> None:
        """Decide as a person would; what it changes wakes the cases concerned."""
        wanted = deed.step.outbox
        assert wanted is not None
        for typed in wanted.bounced:
            self._bounce(typed)
        for verdict in ("retry", "confirmed", "resend"):
            for typed in getattr(wanted, verdict):
                self._decide(verdict, typed)

    def _bounce(self, typed: str) -> None:
        """Let another server report that somebody's last copy could not be delivered."""
        now = self.world.clock.now()
        with self.world.database.write() as connection:
            found = [
                d
                for d in outbox.list_deliveries(connection, limit=1000)
                if d.state in outbox.DONE and typed in (d.name, d.recipient, *d.addresses)
            ]
            if not found:
                raise NotFound("delivery", typed)
            for delivery in found:
                returns.record(connection, _undelivered(delivery, now), now)

    def _decide(self, verdict: str, typed: str) -> None:
        now, decision = self.world.clock.now(), {"by": self.login or SYSTEM.login}
        failed = moves.stuck(self.world)
        found = [d for d in failed if typed in (d.name, d.recipient, *d.addresses)]
        if not found:
            raise NotFound("delivery", typed)
        with self.world.database.write() as connection:
            if verdict == "retry":
                ids = [d.id for d in found]
                send_again(self.world.engine, connection, ids, decision=decision)
            else:
                state = "confirmed" if verdict == "confirmed" else "resend_authorised"
                for delivery in found:
                    outbox.resolve(connection, delivery.id, state, now=now, decision=decision)


def _undelivered(delivery: outbox.Listed, now: datetime) -> returns.Report:
    """Return the report of another server that could not deliver one copy."""
    verdicts = tuple(
        returns.Verdict(addresses=(a,), action="failed", status="5.1.1", diagnostic="550 unknown")
        for a in delivery.addresses
    )
    return returns.Report(
        id=f"<{delivery.id}.{to_micros(now)}@mx.example.org>",
        about=(delivery.message_id,),
        at=now,
        reporter="mx.example.org",
        verdicts=verdicts,
    )


def _missing(deed: Deed, error: NotFound) -> Failure:
    key = "case" if error.kind == "case" and deed.step.case else deed.kind
    return Failure(path=(*deed.path, key), code="case", what=("ce qui est nommé", "what is named"),
                   expected=plain(error.name), got=("introuvable", "not found"))  # fmt: skip


def _written(deed: Deed, refusal: Refused) -> Failure:
    got = f"refusée ({in_short(refusal.reasons)}), et pourtant écrite"
    en = f"refused ({in_short(refusal.reasons)}), and yet written"
    return Failure(path=(*deed.path, deed.kind), code="crash", what=("l'étape", "the step"),
                   expected=("faite ou refusée", "done or refused"), got=(got, en))  # fmt: skip


def _as_refused(deed: Deed, refusal: Refused | None, number: str) -> Iterator[Failure]:
    """Yield how a refusal differs from the one that was expected, if one was."""
    reasons: Sequence[Reason] = () if refusal is None else refusal.reasons
    path, causes = (*deed.path, "refused"), deed.causes
    what: Both = ("l'action", "the action")
    if causes is None:
        if reasons:
            got = f"refusée ({in_short(reasons)})", f"refused ({in_short(reasons)})"
            yield Failure(path=(*deed.path, deed.kind), code="refused", what=what,
                          expected=("faite", "done"), got=got, reasons=tuple(reasons),
                          number=number)  # fmt: skip
        return
    if not reasons:
        said = ", ".join(c.said for c in causes)
        yield Failure(path=path, code="not-refused", what=what, got=("faite", "done"), number=number,
                      expected=(f"refusée ({said})", f"refused ({said})"))  # fmt: skip
        return
    for cause in causes:
        if not any(cause.fits(reason) for reason in reasons):
            yield Failure(path=cause.path, code="reason", what=("le refus", "the refusal"),
                          expected=plain(cause.said), got=plain(in_short(reasons)),
                          reasons=tuple(reasons), number=number)  # fmt: skip
    besides = [r for r in reasons if not any(cause.fits(r) for cause in causes)]
    if besides:
        yield Failure(path=path, code="reason", what=("le refus, en plus", "the refusal, besides"),
                      expected=NOTHING, got=plain(in_short(besides)), reasons=tuple(besides),
                      number=number)  # fmt: skip

"""What time does: due timers are claimed case by case, judged late or not, and take effect once.

A case's due timers are handled in one transaction, with its row locked first (the order in which a
person's step takes its locks too): the effect and the `fired` mark commit together, so a timer fires
once even when a worker dies at any instruction, and two workers never fire the same one.

A downtime ends at any hour, and nobody is written to at night or on a closed day for that: a late
notice is held until business opens, once, unless the deadline that it warns of would be over by then.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select, update

from engine.actor import SYSTEM
from engine.definition.conditions import compile_moment
from engine.schema import from_micros, timers, to_micros
from engine.store import load_case

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Row

    from engine.cases import Engine
    from engine.definition.compiled import CompiledTimer
    from engine.draft import Draft
    from engine.session import Session

#: The engine's own timer: somebody else's step asks that this case be looked at again.
WAKE = "wake"
#: A notice that leaves within this time of its hour is on time: passes are minutes apart, not hours.
LATE = timedelta(hours=1)
#: When a timer is due: what it was before it was held.
_DUE_AT = func.coalesce(timers.c.held_from, timers.c.fire_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticked:
    """What one pass did.

    Attributes:
        fired: Timers that took effect.
        superseded: Timers that did not: late, doubled by a later one, or no longer of use.
        woken: Cases looked at again.
        held: Late notices put off until business opens.
    """

    fired: int = 0
    superseded: int = 0
    woken: int = 0
    held: int = 0

    def __add__(self, other: Ticked) -> Ticked:
        """Return both together."""
        return Ticked(
            fired=self.fired + other.fired,
            superseded=self.superseded + other.superseded,
            woken=self.woken + other.woken,
            held=self.held + other.held,
        )


def tick(engine: Engine, *, limit: int = 500) -> Ticked:
    """Handle the timers that are due, case by case, the oldest first.

    Args:
        engine: The engine; its clock says what is due.
        limit: At most so many cases in this pass.
    """
    done = Ticked()
    for case_id in due_cases(engine, limit):
        done += run_case(engine, case_id)
    return done


def due_cases(engine: Engine, limit: int) -> list[int]:
    """Return the cases that have a timer due, the longest overdue first."""
    due = (
        select(timers.c.case_id)
        .where(timers.c.status == "pending", timers.c.fire_at <= to_micros(engine.clock.now()))
        .order_by(timers.c.fire_at)
        .limit(limit)
    )
    with engine.database.read() as connection:
        return list(dict.fromkeys(connection.execute(due).scalars()))


def run_case(engine: Engine, case_id: int) -> Ticked:
    """Handle the due timers of one case; nothing is done when another worker has it."""
    with engine.transaction() as session:
        row = load_case(session.driver, engine.database.dialect, case_id, lock="skip")
        if row is None:
            return Ticked()
        draft = engine.draft(row, engine.library.get(row.process, row.definition_version), session)
        done = _settle_due(session, draft)
        engine.run_automatics(draft)
        if draft.events or draft.armed or draft.cancelled:
            engine.finish(draft, session)
    engine.settle([woken for woken in session.woken if woken != case_id])
    return done


def _settle_due(session: Session, draft: Draft) -> Ticked:
    done, passed_over = Ticked(), []
    for timer, rule, newest in _due(session, draft):
        if timer.name in draft.cancelled or timer.name in draft.armed:
            continue  # an earlier one of this pass moved the case on
        if timer.name == WAKE:
            _mark(session, timer, "fired", draft)
            done += Ticked(woken=1)
        elif (opening := _awaited_opening(draft, newest)) is not None:
            _hold(session, timer, opening)
            done += Ticked(held=int(timer is newest))
        elif rule is None or timer is not newest or not _takes_effect(rule, timer, draft):
            _mark(session, timer, "superseded", draft)
            _arm_next(draft, rule, timer)
            passed_over.append(timer.name)
            done += Ticked(superseded=1)
        else:
            _mark(session, timer, "fired", draft)
            _fire(draft, rule, timer, passed_over)
            passed_over = []
            done += Ticked(fired=1)
    return done


def _due(session: Session, draft: Draft) -> list[tuple[Row[Any], CompiledTimer | None, Row[Any]]]:
    """Return the due timers, oldest first, each with its rule and the newest of its kind: several

    warnings that say the same after a downtime become one, the last.
    """
    assert session.connection is not None
    rows = session.connection.execute(
        select(timers)
        .where(
            timers.c.case_id == draft.row.id,
            timers.c.status == "pending",
            timers.c.fire_at <= draft.micros,
        )
        .order_by(_DUE_AT, timers.c.id)
    ).all()
    rules = {r.name: draft.timer_rule(r.name) for r in rows}
    newest = {_kind(rules[r.name], r.name): r for r in rows}
    return [(r, rules[r.name], newest[_kind(rules[r.name], r.name)]) for r in rows]


def _kind(rule: CompiledTimer | None, name: str) -> tuple[str, ...]:
    if rule is None or rule.action is not None or rule.late != "once":
        return (name,)
    return ("notify", *rule.notify)


def _awaited_opening(draft: Draft, timer: Row[Any]) -> datetime | None:
    """Return when business opens, if a late notice is to wait for it; None: it does not wait."""
    rule = draft.timer_rule(timer.name)
    if rule is None or rule.action is not None or timer.held_from is not None:
        return None
    if draft.now - from_micros(timer.fire_at) < LATE or not _takes_effect(rule, timer, draft):
        return None
    opening = draft.facts.calendar.next_opening(draft.now)
    deadline = _warned_of(draft, rule)
    over_by_then = deadline is not None and draft.now <= deadline < opening
    return None if opening == draft.now or over_by_then else opening


def _warned_of(draft: Draft, rule: CompiledTimer) -> datetime | None:
    """Return the moment that a timer counts back from; None when it does not."""
    written = draft.process.definition.written.timers[rule.name].at
    if written.before is None:
        return None
    bare = {"before": None, "hour": None, "on_business_day": None}
    return compile_moment(written.model_copy(update=bare))(draft.facts)


def _hold(session: Session, timer: Row[Any], opening: datetime) -> None:
    assert session.connection is not None
    session.connection.execute(
        update(timers)
        .where(timers.c.id == timer.id)
        .values(fire_at=to_micros(opening), held_from=_DUE_AT)
    )


def _takes_effect(rule: CompiledTimer, timer: Row[Any], draft: Draft) -> bool:
    if draft.state not in rule.states:
        return False
    calendar = draft.facts.calendar
    planned = calendar.today(from_micros(timer.fire_at))
    if rule.late == "skip" and planned < calendar.today(draft.now):
        return False
    return rule.only is None or rule.only(draft.facts)


def _fire(draft: Draft, rule: CompiledTimer, timer: Row[Any], passed_over: list[str]) -> None:
    body: dict[str, Any] = {
        "timer": rule.name,
        "planned": from_micros(timer.held_from or timer.fire_at).isoformat(),
    }
    if passed_over:
        body["superseded"] = passed_over
    action = None if rule.action is None else draft.process.definition.actions[rule.action]
    if action is not None and draft.state in action.sources:
        draft.act(action, SYSTEM, dict(draft.data), extra=body)
        _arm_next(draft, rule, timer)
        return
    event = draft.record("timer", SYSTEM, draft.state, {**body, "notify": list(rule.notify)})
    draft.queue.extend((name, event, None) for name in rule.notify)
    _arm_next(draft, rule, timer)


def _arm_next(draft: Draft, rule: CompiledTimer | None, timer: Row[Any]) -> None:
    """Arm the next occurrence of a repeating timer; those missed meanwhile follow its policy."""
    if rule is None or draft.state not in rule.states or rule.name in draft.armed:
        return
    occurrence, at = timer.occurrence, _next(rule, from_micros(timer.fire_at), timer, draft)
    while at is not None and at <= draft.now and rule.late != "all":
        occurrence += 1
        at = rule.next_after(at, occurrence, draft.facts.calendar)
    if at is not None:
        draft.arm(rule.name, at, occurrence + 1)


def _next(rule: CompiledTimer, fired: datetime, timer: Row[Any], draft: Draft) -> datetime | None:
    return rule.next_after(fired, timer.occurrence, draft.facts.calendar)


def _mark(session: Session, timer: Row[Any], status: str, draft: Draft) -> None:
    assert session.connection is not None
    session.connection.execute(
        update(timers).where(timers.c.id == timer.id).values(status=status, settled_at=draft.micros)
    )

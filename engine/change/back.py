"""The way back from a migration: a case exactly as it was, until it has moved on."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from engine.actor import SYSTEM
from engine.change.clocks import next_after
from engine.change.move import BACK, MIGRATE, pending_of
from engine.errors import Reason
from engine.schema import from_micros, history
from engine.schema import timers as timers_table

if TYPE_CHECKING:
    from engine.actor import Actor
    from engine.cases import Engine
    from engine.change.clocks import Pending
    from engine.draft import Draft
    from engine.session import Session
    from engine.store import CaseRow

#: What a step of the engine may write without the case having moved on: a reminder left, a case merged.
_CHANGES = frozenset({"changes", "added", "owner"})


def last_migration(session: Session, case_id: int) -> tuple[Any | None, Reason | None]:
    """Return the migration that may be taken back, or why none may.

    Args:
        session: With a full connection.
        case_id: The case.
    """
    assert session.connection is not None
    rows = session.connection.execute(
        select(history).where(history.c.case_id == case_id).order_by(history.c.seq.desc())
    ).all()
    moved = [row for row in rows if not _is_quiet(row)]
    last = next((row for row in moved if row.action in {MIGRATE, BACK}), None)
    if last is None or last.action == BACK:
        return None, Reason(code="not_migrated")
    if last is not moved[0]:
        return None, Reason(code="moved_on", params={"action": moved[0].action})
    return last, None


def _is_quiet(row: Any) -> bool:
    """Tell whether an event left the case where it was: a reminder of the engine's own."""
    return (
        row.actor == SYSTEM.login
        and row.from_state == row.to_state
        and row.action not in {MIGRATE, BACK}
        and _CHANGES.isdisjoint(json.loads(row.body))
    )


def take_back(engine: Engine, session: Session, row: CaseRow, event: Any, actor: Actor) -> Draft:
    """Return a case's draft as it was before a migration.

    Args:
        engine: The engine.
        session: With a full connection.
        row: The case as it is.
        event: The migration's row of the history.
        actor: Who takes it back.
    """
    body = json.loads(event.body)
    before, after = body["migrated"]
    process = engine.library.get(row.process, before)
    draft = engine.draft(row, process, session)
    draft.facts.actor = actor.login
    draft.data = draft.facts.data = dict(draft.data)
    changes = {name: [new, old] for name, (old, new) in body.get("changes", {}).items()}
    for name, (_, old) in changes.items():
        draft.data.pop(name, None)
        if old is not None:
            draft.data[name] = old
    draft.case |= {name: old for name, (old, _) in body["columns"].items()}
    draft.state = draft.case.get("state", row.state)
    draft.facts.entered = from_micros(draft.case.get("entered_at", row.entered_at))
    _restore(session, draft, {k: (at, n) for k, (at, n) in body["timers"].items()}, event.at)
    told: dict[str, Any] = {
        "definition": [row.process, before],
        "migrated": [after, before],
        "undone": event.seq,
        **({"changes": changes} if changes else {}),
    }
    draft.record(BACK, actor, row.state, told)
    draft.retitled = True
    engine.run_automatics(draft)
    return draft


def _restore(session: Session, draft: Draft, was: dict[str, Pending], since: int) -> None:
    """Arm the timers as they were; one that has fired meanwhile goes on to its next time."""
    now = pending_of(session, draft.row.id)
    for name in now:
        if name not in was:
            draft.cancel(name)
    for name, pending in was.items():
        following = _following(session, draft, name, pending, since)
        if following is None:
            draft.cancel(name)
        elif following != now.get(name):
            draft.arm(name, from_micros(following[0]), following[1])


def _following(
    session: Session, draft: Draft, name: str, pending: Pending, since: int
) -> Pending | None:
    rule = draft.timer_rule(name)
    if rule is None or not _has_fired(session, draft, name, since):
        return pending
    return next_after(rule, pending, draft)


def _has_fired(session: Session, draft: Draft, name: str, since: int) -> bool:
    assert session.connection is not None
    settled = select(timers_table.c.id).where(
        timers_table.c.case_id == draft.row.id,
        timers_table.c.name == name,
        timers_table.c.status.in_(("fired", "superseded")),
        timers_table.c.settled_at >= since,
    )
    return session.connection.execute(settled.limit(1)).first() is not None

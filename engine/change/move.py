"""What a migration does to one case: worked out whole in a draft, told, and written only by `cases.Engine`.

The rehearsal and the real thing are the same function; a rehearsal throws the draft away.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from engine.change import obstacles
from engine.change.carry import carry
from engine.change.clocks import Pending, TimerMove, replan
from engine.definition.conditions import value_of
from engine.errors import Reason
from engine.option import Outlook
from engine.schema import from_micros, instant, timers
from engine.timers import WAKE

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from engine.actor import Actor
    from engine.cases import Engine
    from engine.change.plan import Plan, StateMove
    from engine.draft import Draft
    from engine.session import Session
    from engine.store import CaseRow

#: What the event is called in a case's history, and the one that takes it back.
MIGRATE, BACK = "migrate", "migrate_back"
#: The columns that a migration may change, and that the way back puts as they were.
COLUMNS = (
    "definition_version", "state", "entered_at", "due_at", "ended_at", "waiting_since",
    "waited_days", "desk",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where a case stands: version, state, due date (UTC) and desk."""

    version: int
    state: str
    due: datetime | None
    desk: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """An item of a checklist that is not done in the new version, and the action towards it."""

    checklist: str
    item: str
    label: Mapping[str, str]
    action: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """What a migration does, or would do, to one case.

    Attributes:
        number: The case.
        title: Its title.
        before: Where it stands.
        after: Where it would stand, None while its state has no place.
        changes: By field, its value before and after.
        timers: Those that change, and those that stay.
        missing: Items of checklists that were done, or were not asked, and would not be done.
        then: Automatic actions that the new version takes at once; there is no way back from them.
        reasons: Why it stays where it is; empty: it can be migrated.
        done: It is on that version already.
    """

    number: str
    title: str
    before: Standing
    after: Standing | None
    changes: Mapping[str, tuple[Any, Any]]
    timers: tuple[TimerMove, ...]
    missing: tuple[Missing, ...]
    then: tuple[str, ...]
    reasons: tuple[Reason, ...]
    done: bool = False


def prepare(
    engine: Engine, session: Session, row: CaseRow, plan: Plan, actor: Actor
) -> tuple[Draft, Move]:
    """Return a case's draft in the new version, and what that changes.

    Args:
        engine: The engine.
        session: With a full connection.
        row: The case as it is.
        plan: From the case's version to another.
        actor: Who migrates.
    """
    draft = engine.draft(row, plan.new, session)
    draft.facts.actor = actor.login
    if row.definition_version == plan.new.definition.version:
        return draft, _told(draft, row, after=None, done=True)
    before = dict(draft.data)
    reasons = [] if row.ended_at is None else [Reason(code="ended")]
    draft.data, lost = carry(plan, before)
    draft.facts.data = draft.data
    reasons += lost
    target = plan.states.get(row.state)
    if target is None:
        label = dict(plan.old.definition.states[row.state].label)
        reasons.append(Reason(code="migration_state", field=row.state, params={"state": label}))
        return draft, _told(draft, row, after=None, reasons=reasons)
    return _moved(engine, session, draft, plan, target, actor, before, reasons)


def _moved(
    engine: Engine,
    session: Session,
    draft: Draft,
    plan: Plan,
    target: StateMove,
    actor: Actor,
    before: dict[str, Any],
    reasons: list[Reason],
) -> tuple[Draft, Move]:
    assert session.connection is not None
    pending = pending_of(session, draft.row.id)
    waived = _waived(engine, session, draft.row, plan)
    draft.facts.now = from_micros(draft.row.entered_at) if target.kept else draft.now
    _settle(draft, plan, target)
    clocks, late = replan(draft, plan, pending, before, kept=target.kept)
    draft.facts.now = draft.now
    left = obstacles.left_by(session.connection, draft)
    reasons += [*late, *_at_the_end(draft), *plan.prover.lacks(draft.state, _filled(draft), left)]
    reasons += obstacles.elsewhere(session.connection, engine.library, plan, draft)
    changes = _changes(before, draft.data)
    after = _standing(draft)
    draft.record(MIGRATE, actor, draft.row.state, _body(draft, plan, pending, changes))
    draft.retitled = True
    missing = _missing(draft, waived, Outlook(engine, draft, session.connection))
    if not reasons:
        engine.run_automatics(draft)
    return draft, _told(
        draft, draft.row, after=after, reasons=reasons, changes=changes, timers=clocks,
        missing=missing,
    )  # fmt: skip


def _settle(draft: Draft, plan: Plan, target: StateMove) -> None:
    """Put the case in its new state; what is counted from now is counted from when it was entered."""
    desk = draft.row.desk
    draft.settle(target.to, draft.facts.now)
    draft.case["definition_version"] = plan.new.definition.version
    state = draft.process.definition.states[target.to]
    role = plan.old.definition.states[draft.row.state].role
    if target.kept and state.outcome is None and state.role == role and desk and desk[0] != "@":
        # Whoever took it from the common desk still has it.
        draft.case["desk"] = desk


def _at_the_end(draft: Draft) -> list[Reason]:
    state = draft.process.definition.states[draft.state]
    return [] if state.redirect is None else [Reason(code="migration_redirect", field=state.name)]


def _filled(draft: Draft) -> list[str]:
    """Return the fields that have a value, not only a reason why they have none."""
    return [name for name in draft.data if value_of(draft.facts, name) not in (None, "", [])]


def _changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    return {name: (before.get(name), after.get(name)) for name in names}


def pending_of(session: Session, case_id: int) -> dict[str, Pending]:
    """Return the pending timers of a case by name, without the engine's own."""
    assert session.connection is not None
    rows = session.connection.execute(
        select(timers.c.name, timers.c.fire_at, timers.c.occurrence).where(
            timers.c.case_id == case_id, timers.c.status == "pending", timers.c.name != WAKE
        )
    )
    return {r.name: (r.fire_at, r.occurrence) for r in rows}


def _body(
    draft: Draft,
    plan: Plan,
    pending: Mapping[str, Pending],
    changes: Mapping[str, tuple[Any, Any]],
) -> dict[str, Any]:
    """Return the event: before and after, all that the way back needs."""
    row, definition = draft.row, plan.new.definition
    columns = {
        name: [getattr(row, name), draft.case[name]]
        for name in COLUMNS
        if name in draft.case and draft.case[name] != getattr(row, name)
    }
    body: dict[str, Any] = {
        "definition": [definition.key, definition.version],
        "migrated": [row.definition_version, definition.version],
        "columns": columns,
        "timers": {name: list(timer) for name, timer in sorted(pending.items())},
        "armed": {n: from_micros(t["fire_at"]).isoformat() for n, t in draft.armed.items()},
        "cancelled": sorted(draft.cancelled),
    }
    if changes:
        body["changes"] = {name: list(pair) for name, pair in changes.items()}
    return body


def _waived(engine: Engine, session: Session, row: CaseRow, plan: Plan) -> set[tuple[str, str]]:
    """Return the items of the checklists that the old version has and that are not done there."""
    facts = engine.draft(row, plan.old, session).facts
    return {
        (checklist.name, item)
        for checklist in plan.old.definition.checklists.values()
        for item, (_, done, _) in checklist.items.items()
        if not done(facts)
    }


def _missing(draft: Draft, waived: set[tuple[str, str]], outlook: Outlook) -> list[Missing]:
    """Return what is not done now and was done, or was not there to be done."""
    definition = draft.process.definition
    return [
        Missing(
            checklist=checklist.name,
            item=item,
            label=label,
            action=outlook.towards(action),
        )
        for checklist in definition.checklists.values()
        for item, (label, holds, action) in checklist.items.items()
        if (checklist.name, item) not in waived and not holds(draft.facts)
    ]


def _standing(draft: Draft) -> Standing:
    due = draft.case.get("due_at", draft.row.due_at)
    return Standing(
        version=draft.process.definition.version,
        state=draft.state,
        due=instant(due),
        desk=draft.case.get("desk", draft.row.desk),
    )


def _told(
    draft: Draft,
    row: CaseRow,
    *,
    after: Standing | None,
    reasons: list[Reason] | None = None,
    changes: Mapping[str, tuple[Any, Any]] | None = None,
    timers: list[TimerMove] | None = None,
    missing: list[Missing] | None = None,
    done: bool = False,
) -> Move:
    before = Standing(
        version=row.definition_version, state=row.state, due=instant(row.due_at), desk=row.desk
    )
    return Move(
        number=row.number,
        title=row.title,
        before=before,
        after=after,
        changes=changes or {},
        timers=tuple(timers or ()),
        missing=tuple(missing or ()),
        then=tuple(e["action"] for e in draft.events[1:]),
        reasons=tuple(reasons or ()),
        done=done,
    )

"""Who was faster: a case that has moved on since it was seen, and the event that moved it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from engine.actor import SYSTEM
from engine.errors import Conflict
from engine.schema import from_micros
from engine.session import statement

if TYPE_CHECKING:
    from engine.cases import Engine
    from engine.session import Session
    from engine.store import CaseRow


def expect(engine: Engine, session: Session, row: CaseRow, expected: int | None) -> None:
    """Refuse unless a case is as it was at a version; what the engine only reminded of does not count."""
    if expected is None or expected == row.version:
        return
    since = session.driver.execute(
        statement(engine.database.dialect, "SELECT actor, action, at, from_state, to_state FROM history "
             "WHERE case_id = :case_id AND seq > :seq ORDER BY seq"),
        {"case_id": row.id, "seq": expected},
    ).fetchall()  # fmt: skip
    others = [e for e in since if e[0] != SYSTEM.login or e[3] != e[4]]
    if expected > row.version or others:
        raise lost_to(engine, session, row)


def lost_to(engine: Engine, session: Session, row: CaseRow) -> Conflict:
    """Return the conflict with what was done to a case last."""
    return Conflict(number=row.number, **last_event(engine, session, row))


def last_event(engine: Engine, session: Session, row: CaseRow) -> dict[str, Any]:
    """Return who did what last on a case, and when."""
    found = session.driver.execute(
        statement(engine.database.dialect, "SELECT actor, action, at FROM history "
             "WHERE case_id = :case_id ORDER BY seq DESC LIMIT 1"),
        {"case_id": row.id},
    ).fetchone()  # fmt: skip
    definition = engine.library.get(row.process, row.definition_version).definition
    return {
        "actor": found[0],
        "action": found[1],
        "label": definition.own_label(found[1]),
        "at": from_micros(found[2]),
    }

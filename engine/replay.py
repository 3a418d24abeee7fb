"""The same request again: what an idempotency key has done, or a refusal when it is another request."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from engine import opening
from engine.chain import content_hash, request_hash
from engine.errors import Refused
from engine.outcome import Outcome
from engine.session import existing, statement
from engine.store import load_case

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from engine.actor import File
    from engine.cases import Engine
    from engine.session import Session


def asked(
    action: str, data: Mapping[str, Any], note: str, files: Sequence[File], key: str | None
) -> dict[str, str]:
    """Return, for a step that has a key, the mark of what was asked for."""
    if key is None:
        return {}
    return {"request": request_hash(action, data, note, [content_hash(f.content) for f in files])}


def was_done(engine: Engine, session: Session, case_id: int, key: str) -> bool:
    """Tell whether a key was used on a case."""
    done = session.driver.execute(
        statement(engine.database.dialect, "SELECT 1 FROM history WHERE case_id = :case_id "
             "AND idempotency_key = :key"),
        {"case_id": case_id, "key": key},
    )  # fmt: skip
    return done.fetchone() is not None


def replayed(
    engine: Engine, session: Session, case_id: int, action: str, request: Mapping[str, Any]
) -> Outcome:
    """Return what a key has done; refuse it for anything else, or what is asked would be lost."""
    rows = session.driver.execute(
        statement(engine.database.dialect, "SELECT body FROM history WHERE case_id = :case_id "
             "AND idempotency_key IS NOT NULL"),
        {"case_id": case_id},
    ).fetchall()  # fmt: skip
    row = existing(load_case(session.driver, engine.database.dialect, case_id), case_id)
    if not any(json.loads(r[0]).get("request") == request["request"] for r in rows):
        raise Refused((opening.reason("key_reused", row.number),), number=None, action=action)
    return Outcome(
        number=row.number, version=row.version, state=row.state, actions=(), replayed=True
    )

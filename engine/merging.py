"""A case that ends by being merged: its number leads to the other one, whose history says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine import opening, register
from engine.actor import SYSTEM
from engine.errors import Refused
from engine.schema import cases
from engine.session import connection_of, existing
from engine.store import load_case

if TYPE_CHECKING:
    from engine.cases import Engine
    from engine.draft import Draft
    from engine.session import Session


def redirect(engine: Engine, draft: Draft, session: Session, number: str) -> None:
    """Make the old number lead to the other case, and write it in that one's history too."""
    connection = connection_of(session)
    target = register.find(connection, number)
    if target.id == draft.row.id:
        reason = opening.reason("merge_into_itself", number)
        action = str(draft.events[0]["action"])
        label = draft.process.definition.own_label(action)
        raise Refused((reason,), number=number, action=action, label=label)
    connection.execute(
        cases.update().where(cases.c.id == draft.row.id).values(redirect_id=target.id)
    )
    loaded = load_case(session.driver, engine.database.dialect, target.id, lock="wait")
    other = existing(loaded, target.id)
    process = engine.library.get(other.process, other.definition_version)
    kept = engine.draft(other, process, session)
    kept.record("merged", SYSTEM, other.state, {"merged": draft.row.number})
    engine.finish(kept, session)

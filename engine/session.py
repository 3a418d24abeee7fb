"""A transaction as a step needs it, and what is read through it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from engine.errors import ArrimageError, NotFound

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from engine.store import CaseRow


@dataclass(slots=True)
class Session:
    """A transaction as a step needs it: the driver's connection, and SQLAlchemy's unless hot."""

    driver: Any
    connection: Connection | None
    woken: list[int] = field(default_factory=list)  #: cases to look at again after the commit
    generation: int = 0  #: of the child cases that this step is opening


def driver_of(connection: Connection) -> Any:
    """Return the driver's connection, which the hot statements run on."""
    return connection.connection.driver_connection


def connection_of(session: Session) -> Connection:
    """Return SQLAlchemy's connection of a session that has one."""
    if session.connection is None:
        raise ArrimageError("this step needs a full transaction")
    return session.connection


def existing(row: CaseRow | None, case_id: int) -> CaseRow:
    """Return a row that was looked for by id; raise `NotFound` when there is none."""
    if row is None:
        raise NotFound("case", str(case_id))
    return row


def statement(dialect: str, text: str) -> str:
    """Return a statement with the driver's own named parameters."""
    if dialect == "sqlite":
        return text
    import re

    return re.sub(r":(\w+)", r"%(\1)s", text)

"""Who has what was given to somebody: them, or who took over when they left."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from engine import staff

if TYPE_CHECKING:
    from sqlalchemy import Connection


def owner_on(connection: Connection, login: str, day: date) -> str | None:
    """Return who has on a day what was given to somebody: them, or who took over when they left."""
    seen: set[str] = set()
    person = staff.by_login(connection, login)
    while person is not None and not staff.is_staff(person, day):
        seen.add(person.login)
        heir = person.substitute
        person = None if heir is None or heir in seen else staff.by_login(connection, heir)
    return None if person is None else person.login


def departures(connection: Connection) -> list[date]:
    """Return the days from which somebody is no longer staff: their cycles change hands then."""
    left = (p.left_on for p in staff.list_staff(connection))
    return sorted({date.fromisoformat(day) for day in left if day is not None})

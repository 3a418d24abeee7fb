"""Values that name something else: a person of the staff, a member of a roster, another case."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from engine import roster
from engine.definition.compiled import FieldError
from engine.errors import Ambiguous, ArrimageError, NotFound
from engine.register import find
from engine.schema import members, staff
from engine.staff import by_login

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection

    from engine.definition.compiled import CompiledField
    from engine.staff import Person


@dataclass(frozen=True, slots=True)
class References:
    """Resolves what a person typed into what is stored; needs a connection for each kind."""

    connection: Connection | None
    kinds: frozenset[str] = frozenset({"person", "member", "case"})

    def resolve(self, spec: CompiledField, typed: Any) -> Any:
        """Return a login, a member's id or a case's number.

        Raises:
            FieldError: `no_such_person`, `no_such_member`, `no_such_case`, `ambiguous`.
        """
        if self.connection is None:
            raise ArrimageError("a plain action names something else: the library missed it")
        finder: Callable[[Connection, CompiledField, str], Any] = {
            "person": _person,
            "member": _member,
            "case": _case,
        }[spec.type]
        try:
            return finder(self.connection, spec, str(typed).strip())
        except Ambiguous as error:
            raise FieldError("ambiguous", value=str(typed), near=error.candidates) from error
        except NotFound as error:
            raise FieldError(f"no_such_{spec.type}", value=str(typed), near=error.near) from error

    def person(self, login: str) -> Person:
        """Return somebody of the staff by login; raise `NotFound`."""
        found = None if self.connection is None else by_login(self.connection, login)
        if found is None:
            raise NotFound("person", login)
        return found


def _person(connection: Connection, _: CompiledField, typed: str) -> str:
    found = connection.execute(select(staff.c.login).where(staff.c.login == typed)).scalar()
    if found is None:
        raise NotFound("person", typed)
    return str(found)


def _member(connection: Connection, spec: CompiledField, typed: str) -> int:
    if typed.isdecimal():
        same = members.c.id == int(typed), members.c.roster == spec.roster
        found = connection.execute(select(members.c.id).where(*same)).scalar()
        if found is not None:
            return int(found)
    return roster.find_member(connection, spec.roster or "", typed).id


def _case(connection: Connection, _: CompiledField, typed: str) -> str:
    return find(connection, typed).number

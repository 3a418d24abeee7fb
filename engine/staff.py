"""The staff: who there is, what they may do, and who stands in when one is away.

Functions read and write inside the caller's transaction; every change is one entry of the journal.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, select, update

from engine import journal
from engine.contact import check_email, check_line
from engine.errors import InvalidInput, NotFound, Reason
from engine.schema import absences as absences_table
from engine.schema import staff

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime

    from sqlalchemy import Connection, Row

SUBJECT = "staff"


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody of the staff. `languages` is such as `fr` or `fr+en`; `left_on` is a local date."""

    login: str
    name: str
    email: str
    roles: frozenset[str]
    languages: str = "fr"
    substitute: str | None = None
    account: str | None = None
    can_act_as: bool = False
    left_on: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Absence:
    """A stay away from `first_day` to `last_day`, both included, with who stands in."""

    login: str
    first_day: str
    last_day: str
    substitute: str


def add(connection: Connection, person: Person, *, actor: str, at: datetime) -> None:
    """Add somebody; raise `InvalidInput` with every fault."""
    reasons = _faults(connection, person)
    if by_login(connection, person.login) is not None:
        reasons.append(Reason(code="already_exists", field="login", params={"value": person.login}))
    _raise(reasons)
    connection.execute(insert(staff).values(_columns(person)))
    _journal(connection, "add", actor, at, {"after": _plain(person)})


def change(
    connection: Connection, login: str, *, actor: str, at: datetime, reason: str = "", **values: Any
) -> Person:
    """Change some of what is known of somebody; return them as they are now.

    Raises:
        NotFound: No such person.
        InvalidInput: Every fault.
    """
    before = _existing(connection, login)
    after = Person(**{**{f: getattr(before, f) for f in _FIELDS}, **values})
    _raise(_faults(connection, after))
    connection.execute(update(staff).where(staff.c.login == login).values(_columns(after)))
    body = {"before": _plain(before), "after": _plain(after), "reason": reason}
    _journal(connection, "change", actor, at, body)
    return after


def leave(
    connection: Connection,
    login: str,
    on: date,
    *,
    actor: str,
    at: datetime,
    successor: str | None = None,
    reason: str = "",
) -> Person:
    """Note that somebody leaves: from that day on their work is their successor's.

    Raises:
        NotFound: No such person.
        InvalidInput: `no_substitute` when nobody would take over, `self_substitute`,
            `no_such_person`.
    """
    standing_in = successor or _existing(connection, login).substitute
    if standing_in is None:
        raise InvalidInput((Reason(code="no_substitute", field="substitute"),))
    return change(
        connection, login, actor=actor, at=at, reason=reason,
        left_on=on.isoformat(), substitute=standing_in,
    )  # fmt: skip


def list_staff(connection: Connection, day: date | None = None) -> list[Person]:
    """Return everybody by login, or only those who are staff on a day."""
    people = [_person(r) for r in connection.execute(select(staff).order_by(staff.c.login))]
    return people if day is None else [p for p in people if is_staff(p, day)]


def by_login(connection: Connection, login: str) -> Person | None:
    """Return somebody by login, or None."""
    row = connection.execute(select(staff).where(staff.c.login == login)).first()
    return None if row is None else _person(row)


def by_account(connection: Connection, account: str) -> Person | None:
    """Return the person of an operating-system account, or None."""
    row = connection.execute(select(staff).where(staff.c.account == account)).first()
    return None if row is None else _person(row)


def is_staff(person: Person, day: date) -> bool:
    """Tell whether somebody has not left on a day."""
    return person.left_on is None or day.isoformat() < person.left_on


def with_role(connection: Connection, role: str, day: date) -> list[Person]:
    """Return those who have a role and are staff on a day."""
    return [p for p in list_staff(connection, day) if role in p.roles]


# --- absences -----------------------------------------------------------------------------------


def set_absence(
    connection: Connection,
    login: str,
    first: date,
    last: date,
    substitute: str | None,
    *,
    actor: str,
    at: datetime,
) -> Absence:
    """Note a stay away; without a substitute, the person's usual one stands in.

    Raises:
        NotFound: No such person.
        InvalidInput: `last_before_first`, `no_substitute`, `self_substitute`, `no_such_person`.
    """
    person = _existing(connection, login)
    standing_in = substitute or person.substitute
    reasons = [Reason(code="last_before_first", field="last")] if last < first else []
    if standing_in is None:
        reasons.append(Reason(code="no_substitute", field="substitute"))
    else:
        reasons += _substitute_faults(connection, login, standing_in)
    _raise(reasons)
    absence = Absence(
        login=login,
        first_day=first.isoformat(),
        last_day=last.isoformat(),
        substitute=standing_in or "",
    )
    connection.execute(insert(absences_table).values(asdict(absence)))
    _journal(connection, "absent", actor, at, {"after": asdict(absence)})
    return absence


def absences(connection: Connection, day: date | None = None) -> list[Absence]:
    """Return the absences noted, or those of a day."""
    wanted = select(absences_table).order_by(absences_table.c.first_day, absences_table.c.id)
    if day is not None:
        wanted = wanted.where(_covers(day))
    return [
        Absence(login=r.login, first_day=r.first_day, last_day=r.last_day, substitute=r.substitute)
        for r in connection.execute(wanted)
    ]


def substitute_of(connection: Connection, login: str, day: date) -> str | None:
    """Return who stands in for somebody on a day: None when they are there.

    A substitute who is away too passes it on to theirs; a circle stops at the last one.
    """
    away = _away(connection, day)
    seen = {login}
    current = login
    while current in away and away[current] not in seen:
        current = away[current]
        seen.add(current)
    return None if current == login else current


def standing_in_for(connection: Connection, login: str, day: date) -> tuple[str, ...]:
    """Return the logins for whom somebody stands in on a day."""
    away = _away(connection, day)
    return tuple(sorted(other for other in away if substitute_of(connection, other, day) == login))


def _away(connection: Connection, day: date) -> dict[str, str]:
    """Return those who are not there on a day, for a time or for good, with who stands in."""
    gone = connection.execute(
        select(staff.c.login, staff.c.substitute).where(
            staff.c.left_on <= day.isoformat(), staff.c.substitute.is_not(None)
        )
    )
    noted = {a.login: a.substitute for a in absences(connection, day)}
    return {**noted, **{r.login: r.substitute for r in gone}}


def _covers(day: date) -> Any:
    iso = day.isoformat()
    return (absences_table.c.first_day <= iso) & (absences_table.c.last_day >= iso)


# --- rows and faults ----------------------------------------------------------------------------

_FIELDS = tuple(Person.__dataclass_fields__)


def _person(row: Row[Any]) -> Person:
    values = {name: getattr(row, name) for name in _FIELDS}
    values["roles"] = frozenset(json.loads(row.roles))
    values["can_act_as"] = bool(row.can_act_as)
    return Person(**values)


def _plain(person: Person) -> dict[str, Any]:
    return {**asdict(person), "roles": sorted(person.roles)}


def _columns(person: Person) -> dict[str, Any]:
    plain = _plain(person)
    return {**plain, "roles": json.dumps(plain["roles"]), "can_act_as": int(person.can_act_as)}


def _existing(connection: Connection, login: str) -> Person:
    person = by_login(connection, login)
    if person is None:
        near = tuple(p.login for p in list_staff(connection))
        raise NotFound("person", login, near=near)
    return person


def _faults(connection: Connection, person: Person) -> list[Reason]:
    reasons = [
        *check_line("login", person.login, 64),
        *check_line("name", person.name, 200),
        *check_email("email", person.email),
    ]
    if person.languages not in {"fr", "en", "fr+en", "en+fr"}:
        reasons.append(Reason(code="not_an_option", field="languages"))
    if person.substitute is not None:
        reasons += _substitute_faults(connection, person.login, person.substitute)
    return reasons + _account_faults(connection, person)


def _substitute_faults(connection: Connection, login: str, substitute: str) -> list[Reason]:
    if substitute == login:
        return [Reason(code="self_substitute", field="substitute")]
    if by_login(connection, substitute) is None:
        params = {"value": substitute}
        return [Reason(code="no_such_person", field="substitute", params=params)]
    return []


def _account_faults(connection: Connection, person: Person) -> list[Reason]:
    if person.account is None:
        return []
    same = staff.c.account == person.account, staff.c.login != person.login
    taken = connection.execute(select(staff.c.login).where(*same)).scalar()
    if taken is None:
        return []
    return [Reason(code="already_exists", field="account", params={"value": person.account})]


def _raise(reasons: Sequence[Reason]) -> None:
    if reasons:
        raise InvalidInput(tuple(reasons))


def _journal(
    connection: Connection, action: str, actor: str, at: datetime, body: dict[str, Any]
) -> None:
    journal.append(connection, actor=actor, subject=SUBJECT, action=action, body=body, at=at)

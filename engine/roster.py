"""Rosters: organisations with a dated membership, such as a network of partner establishments.

A member is one establishment, whatever the number of its contacts. It is active on a day when it had
joined and had not left: `joined_on <= day < left_on`. Contacts are dated too, and never overwritten.
Functions read and write inside the caller's transaction; every change is one entry of the journal.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, insert, or_, select, update

from engine import journal
from engine.contact import check_email, check_line
from engine.errors import Ambiguous, InvalidInput, NotFound, Reason
from engine.folding import fold
from engine.schema import contacts, members, memberships

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime

    from sqlalchemy import Connection, Row


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """Where to write to a member."""

    email: str
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewMember:
    """What is known of an establishment that joins. `languages` is such as `fr` or `fr+en`."""

    name: str
    category: str
    region: str = ""
    languages: str = "fr"
    language_reason: str | None = None
    source: str = ""
    contacts: tuple[Contact, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """An establishment on a day; dates are local ISO dates."""

    id: int
    roster: str
    name: str
    category: str
    region: str
    languages: str
    language_reason: str | None
    source: str
    joined_on: str
    left_on: str | None
    contacts: tuple[Contact, ...]


def subject(roster: str) -> str:
    """Return the journal's subject of a roster."""
    return f"roster:{roster}"


def version(connection: Connection, roster: str) -> int:
    """Return the version of a roster: the number of its last change in the journal, 0 for none."""
    return journal.last_change(connection, subject(roster))


# --- reading ------------------------------------------------------------------------------------


def active(connection: Connection, roster: str, day: date) -> list[Member]:
    """Return the members active on a day, by folded name, each with its contacts of that day."""
    iso = day.isoformat()
    held = and_(
        memberships.c.joined_on <= iso,
        or_(memberships.c.left_on.is_(None), memberships.c.left_on > iso),
    )
    return _members(connection, roster, iso, held)


def list_members(connection: Connection, roster: str, day: date) -> list[Member]:
    """Return everybody who was ever a member, with the last membership and the day's contacts."""
    found: dict[int, Member] = {}
    for member in _members(connection, roster, day.isoformat(), None):
        found[member.id] = member  # memberships come oldest first
    return sorted(found.values(), key=lambda m: fold(m.name))


def unreachable(connection: Connection, roster: str, day: date) -> list[str]:
    """Return the names of the active members that have no address on a day."""
    return [m.name for m in active(connection, roster, day) if not m.contacts]


def find_member(connection: Connection, roster: str, text: str) -> Member:
    """Return the member that a text names: its name or part of it, whatever accents and case.

    Raises:
        NotFound: None, with near names.
        Ambiguous: Several.
    """
    wanted = fold(text)
    everyone = _members(connection, roster, "9999-12-31", None)
    exact = [m for m in everyone if fold(m.name) == wanted]
    found = exact or [m for m in everyone if wanted and wanted in fold(m.name)]
    names = tuple(dict.fromkeys(m.name for m in found))
    if len(names) > 1:
        raise Ambiguous(text, names)
    if not found:
        near = tuple(m.name for m in everyone if set(wanted.split()) & set(fold(m.name).split()))
        raise NotFound("member", text, near=near[:5])
    return found[-1]


def names(connection: Connection) -> dict[int, str]:
    """Return the name of every member of every roster, by id."""
    return {r.id: r.name for r in connection.execute(select(members.c.id, members.c.name))}


def _members(connection: Connection, roster: str, iso: str, held: Any) -> list[Member]:
    wanted = (
        select(members, memberships.c.joined_on, memberships.c.left_on)
        .join(memberships, memberships.c.member_id == members.c.id)
        .where(members.c.roster == roster)
        .order_by(members.c.folded, memberships.c.joined_on)
    )
    rows = connection.execute(wanted if held is None else wanted.where(held)).all()
    addresses = _contacts(connection, roster, iso)
    return [_member(row, addresses.get(row.id, ())) for row in rows]


def _contacts(connection: Connection, roster: str, iso: str) -> dict[int, tuple[Contact, ...]]:
    rows = connection.execute(
        select(contacts.c.member_id, contacts.c.email, contacts.c.name)
        .join(members, members.c.id == contacts.c.member_id)
        .where(
            members.c.roster == roster,
            contacts.c.valid_from <= iso,
            or_(contacts.c.valid_to.is_(None), contacts.c.valid_to > iso),
        )
        .order_by(contacts.c.id)
    )
    found: dict[int, tuple[Contact, ...]] = {}
    for row in rows:
        found[row.member_id] = (
            *found.get(row.member_id, ()),
            Contact(email=row.email, name=row.name),
        )
    return found


def _member(row: Row[Any], addresses: tuple[Contact, ...]) -> Member:
    return Member(
        id=row.id,
        roster=row.roster,
        name=row.name,
        category=row.category,
        region=row.region,
        languages=row.languages,
        language_reason=row.language_reason,
        source=row.source,
        joined_on=row.joined_on,
        left_on=row.left_on,
        contacts=addresses,
    )


# --- changing -----------------------------------------------------------------------------------


def add(
    connection: Connection,
    roster: str,
    new: NewMember,
    *,
    joined_on: date,
    actor: str,
    at: datetime,
) -> int:
    """Add a member and return its id; raise `InvalidInput` with every fault."""
    reasons = faults(new)
    if _id_of(connection, roster, new.name) is not None:
        reasons.append(Reason(code="already_exists", field="name", params={"value": new.name}))
    _raise(reasons)
    member_id = connection.execute(
        insert(members).values(
            roster=roster,
            name=new.name,
            folded=fold(new.name),
            category=new.category,
            region=new.region,
            languages=new.languages,
            language_reason=new.language_reason,
            source=new.source,
        )
    ).inserted_primary_key[0]  # type: ignore[index]
    _join(connection, member_id, joined_on)
    _set_contacts(connection, member_id, new.contacts, joined_on)
    body = {"member": member_id, "after": _plain(new), "joined_on": joined_on.isoformat()}
    _journal(connection, roster, "add", actor, at, body)
    return int(member_id)


def set_contacts(
    connection: Connection,
    member: Member,
    addresses: Sequence[Contact],
    *,
    day: date,
    actor: str,
    at: datetime,
    reason: str = "",
) -> None:
    """Replace a member's contacts from a day on; the old ones stay known until that day."""
    _raise([r for c in addresses for r in check_email("email", c.email)])
    _set_contacts(connection, member.id, addresses, day)
    body = {
        "member": member.id,
        "before": [c.email for c in member.contacts],
        "after": [c.email for c in addresses],
        "reason": reason,
    }
    _journal(connection, member.roster, "contact", actor, at, body)


def leave(
    connection: Connection, member: Member, on: date, *, actor: str, at: datetime, reason: str
) -> None:
    """Note that a member leaves: from that day on it is not written to."""
    connection.execute(
        update(memberships)
        .where(memberships.c.member_id == member.id, memberships.c.left_on.is_(None))
        .values(left_on=on.isoformat(), reason=reason)
    )
    body = {"member": member.id, "left_on": on.isoformat(), "reason": reason}
    _journal(connection, member.roster, "leave", actor, at, body)


def rejoin(
    connection: Connection, member: Member, on: date, *, actor: str, at: datetime, reason: str
) -> None:
    """Begin a new membership for a member that had left."""
    if member.left_on is None:
        _raise([Reason(code="already_member", field="name", params={"value": member.name})])
    _join(connection, member.id, on)
    body = {"member": member.id, "joined_on": on.isoformat(), "reason": reason}
    _journal(connection, member.roster, "rejoin", actor, at, body)


def describe(
    connection: Connection, member_id: int, roster: str, new: NewMember, *, actor: str, at: datetime
) -> None:
    """Change what is known of a member, its contacts and dates apart."""
    columns = ("name", "category", "region", "languages", "language_reason", "source")
    before = connection.execute(select(members).where(members.c.id == member_id)).one()
    connection.execute(
        update(members)
        .where(members.c.id == member_id)
        .values(folded=fold(new.name), **{c: getattr(new, c) for c in columns})
    )
    body = {
        "member": member_id,
        "before": {c: getattr(before, c) for c in columns},
        "after": {c: getattr(new, c) for c in columns},
    }
    _journal(connection, roster, "describe", actor, at, body)


def faults(new: NewMember) -> list[Reason]:
    """Return everything that is wrong with what is known of a member."""
    reasons = [*check_line("name", new.name, 200), *check_line("category", new.category, 80)]
    for contact in new.contacts:
        reasons += check_email("email", contact.email)
    return reasons


def _id_of(connection: Connection, roster: str, name: str) -> int | None:
    same = members.c.roster == roster, members.c.folded == fold(name)
    return connection.execute(select(members.c.id).where(*same)).scalar()


def _join(connection: Connection, member_id: int, on: date) -> None:
    connection.execute(insert(memberships).values(member_id=member_id, joined_on=on.isoformat()))


def _set_contacts(
    connection: Connection, member_id: int, addresses: Sequence[Contact], day: date
) -> None:
    iso = day.isoformat()
    connection.execute(
        update(contacts)
        .where(contacts.c.member_id == member_id, contacts.c.valid_to.is_(None))
        .values(valid_to=iso)
    )
    for contact in addresses:
        connection.execute(
            insert(contacts).values(
                member_id=member_id, email=contact.email, name=contact.name, valid_from=iso
            )
        )


def _plain(new: NewMember) -> dict[str, Any]:
    return {
        "name": new.name,
        "category": new.category,
        "region": new.region,
        "languages": new.languages,
        "language_reason": new.language_reason,
        "source": new.source,
        "contacts": [c.email for c in new.contacts],
    }


def _raise(reasons: Sequence[Reason]) -> None:
    if reasons:
        raise InvalidInput(tuple(reasons))


def _journal(
    connection: Connection,
    roster: str,
    action: str,
    actor: str,
    at: datetime,
    body: dict[str, Any],
) -> None:
    journal.append(
        connection, actor=actor, subject=subject(roster), action=action, body=body, at=at
    )

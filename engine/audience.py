"""To whom a notification goes, and the outbox rows it makes, inside the case's transaction.

The recipients are drawn here, once, so that they are exactly those of the instant of the step: a
roster audience is every member active that day, whoever runs the action. The order inside a batch is
drawn at random: nobody has the advantage of the alphabet. A message that is set for an instant is
drawn when it is decided, like any other: who joins in between is not in it. Newcomers, who have not had
what a batch is about, are drawn with those who have, and marked: they are recipients of the same batch.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from engine import holders, journal, roster, sayings, staff
from engine.chain import canonical, content_hash
from engine.definition.samples import facts_for
from engine.definition.walk import split_form
from engine.outbox import first_try, newest_message
from engine.recipient import Recipient
from engine.schema import to_micros

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import date

    from sqlalchemy import Connection

    from engine.definition.compiled import CompiledAction, CompiledNotification
    from engine.draft import Draft
    from engine.staff import Person


def queue_messages(draft: Draft, domain: str) -> None:
    """Turn what the draft's actions ask to notify into outbox rows.

    Args:
        draft: The draft, whose `queue` is emptied into its `messages`.
        domain: The right side of each Message-ID (RFC 5322, 3.6.4).
    """
    for name, event, action in draft.queue:
        notification = draft.process.definition.notifications[name]
        if notification.when is None or notification.when(draft.facts):
            recipients = drawn(draft, notification, event["actor"])
            if recipients:
                draft.messages.append(
                    written(draft, notification, event, action, recipients, domain)
                )
    draft.queue.clear()


def drawn(draft: Draft, notification: CompiledNotification, actor: str) -> list[Recipient]:
    """Return those to whom a message goes, were it queued now, each with an address.

    Args:
        draft: The case.
        notification: The message.
        actor: Who took the action that sends it.
    """
    find: dict[str, Callable[[Draft, CompiledNotification], list[Recipient]]] = {
        "address": _of_address,
        "role": _of_role,
        "roster": _of_roster,
        "recipients_of": _of_earlier_batch,
    }
    if notification.kind == "people":
        found = _of_people(draft, notification, actor)
    else:
        found = find[notification.kind](draft, notification)
    return [
        replace(r, languages=_spoken(r.languages, notification.available))
        for r in found
        if r.addresses
    ]


def _spoken(wanted: tuple[str, ...], available: tuple[str, ...]) -> tuple[str, ...]:
    """Return the languages somebody reads, among those that the message has; else its first."""
    return tuple(lang for lang in wanted if lang in available) or available[:1]


def _of_address(draft: Draft, notification: CompiledNotification) -> list[Recipient]:
    address = draft.data.get(notification.target)
    if not isinstance(address, str):
        return []
    name = draft.data.get(notification.name_field or "")
    return [
        Recipient(
            key=f"address:{address}",
            name=name if isinstance(name, str) else "",
            addresses=(address,),
            languages=notification.languages(draft.facts),
        )
    ]


def _of_people(draft: Draft, notification: CompiledNotification, actor: str) -> list[Recipient]:
    """Return people of the staff; `actor` took the action, whatever it has set off since."""
    connection, day = _connection(draft), _day(draft)
    owner = draft.facts.owner
    logins: list[str | None] = []
    for who in notification.people:
        if who == "actor":
            logins.append(actor)
        elif owner is not None:
            logins.append(
                _present(connection, owner, day)
                if who == "owner"
                else _able(draft, _substitute(connection, owner, day))
            )
    known = (staff.by_login(connection, login) for login in dict.fromkeys(logins) if login)
    return [_person(p) for p in known if p is not None]


def _present(connection: Connection, login: str, day: date) -> str:
    """Return the person, or who stands in for them on that day: mail must reach somebody."""
    return staff.substitute_of(connection, login, day) or login


def _substitute(connection: Connection, login: str, day: date) -> str | None:
    person = staff.by_login(connection, login)
    standing_in = staff.substitute_of(connection, login, day)
    return standing_in or (None if person is None else person.substitute)


def _able(draft: Draft, login: str | None) -> str | None:
    """Return a substitute who has a role in the process; who has none could do nothing about it."""
    person = None if login is None else staff.by_login(_connection(draft), login)
    able = person is not None and person.roles & frozenset(draft.process.definition.roles)
    return login if able else None


def _of_role(draft: Draft, notification: CompiledNotification) -> list[Recipient]:
    people = staff.with_role(_connection(draft), notification.target, _day(draft))
    return [_person(p) for p in people]


def _person(person: Person) -> Recipient:
    return Recipient(
        key=f"staff:{person.login}",
        name=person.name,
        addresses=(person.email,),
        languages=tuple(person.languages.split("+")),
    )


def _of_roster(draft: Draft, notification: CompiledNotification) -> list[Recipient]:
    return _members(draft, notification.target)


def _members(draft: Draft, name: str) -> list[Recipient]:
    connection = _connection(draft)
    # A member must not join or leave between this reading and the commit.
    journal.lock(connection)
    return [
        Recipient(
            key=f"member:{member.id}",
            name=member.name,
            addresses=tuple(c.email for c in member.contacts),
            languages=tuple(member.languages.split("+")),
        )
        for member in roster.active(connection, name, _day(draft))
    ]


def _of_earlier_batch(draft: Draft, notification: CompiledNotification) -> list[Recipient]:
    connection, case_id = _connection(draft), draft.row.id
    if notification.untold:
        had = holders.untold(connection, case_id, notification.batches, notification.name)
    else:
        had = holders.holders(connection, case_id, notification.batches)
    new: list[Recipient] = []
    if notification.newcomers is not None:
        new = _newcomers(draft, notification)
        had = _others(draft, notification, had, {r.key for r in new})
    if notification.without is not None:
        since = holders.begun(connection, case_id, notification.batches[0])
        _, name = split_form(notification.without)
        done = {
            f"member:{r[name]}" for r in holders.answers(draft.data, notification.without, since)
        }
        had = [r for r in had if r.key not in done]
    return [*_where_now(draft, notification, had), *new]


def _others(
    draft: Draft,
    notification: CompiledNotification,
    had: list[Recipient],
    new: set[str],
) -> list[Recipient]:
    """Return those who have the batch, may have it or are about to, and are not given it again."""
    sure = holders.assured(_connection(draft), draft.row.id, notification.batches)
    return [r for r in {r.key: r for r in (*had, *sure)}.values() if r.key not in new]


def _newcomers(draft: Draft, notification: CompiledNotification) -> list[Recipient]:
    """Return the active members, marked, of whom it is not sure that they have a batch, or will."""
    assert notification.newcomers is not None
    of = _connection(draft), draft.row.id, notification.batches
    sure, salts = {r.key for r in holders.assured(*of)}, holders.salts(*of)
    return [
        replace(r, newcomer=True, salt=salts.get(r.key))
        for r in _members(draft, notification.newcomers.roster)
        if r.key not in sure
    ]


def _where_now(
    draft: Draft, notification: CompiledNotification, had: list[Recipient]
) -> list[Recipient]:
    """Return recipients at today's addresses, those that are active members and have some."""
    batch = draft.process.definition.notifications[notification.batches[0]]
    if batch.kind != "roster":
        return had
    members = roster.active(_connection(draft), batch.target, _day(draft))
    here = {f"member:{m.id}": tuple(c.email for c in m.contacts) for m in members}
    return [replace(r, addresses=here.get(r.key) or r.addresses) for r in had]


def written(
    draft: Draft,
    notification: CompiledNotification,
    event: Mapping[str, Any],
    action: CompiledAction | None,
    recipients: list[Recipient],
    domain: str,
    *,
    of: int | None = None,
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the outbox row of a message, and a row for each recipient.

    Args:
        draft: The case.
        notification: The message.
        event: The history event that sends it.
        action: The action that did, if one did.
        recipients: Those who were drawn.
        domain: The right side of each Message-ID.
        of: The message itself, where it has been queued before and is written anew.
    """
    now = to_micros(draft.now)
    release = max(now, to_micros(_planned(draft, notification)))
    message = {
        "seq": event["seq"],
        "name": notification.name,
        "template": notification.template,
        "newcomer_template": notification.newcomers and notification.newcomers.template,
        "queued_at": now,
        "not_before": release,
        "batch": int(notification.batch),
        "rule": notification.rule,
        "personal": int(notification.personal),
        "about": _about(draft, notification),
        "roster_version": _roster_version(draft, notification),
        "facts": canonical(_facts(draft, notification, event, action, recipients, of)),
    }
    order = list(range(len(recipients)))
    secrets.SystemRandom().shuffle(order)
    identify = _message_ids(draft, notification, domain)
    rows = [
        {
            "recipient": recipient.key,
            "name": recipient.name,
            "addresses": canonical(recipient.addresses),
            "languages": "+".join(recipient.languages),
            "newcomer": int(recipient.newcomer),
            "message_id": identify(recipient),
            "salt": recipient.salt or secrets.token_hex(16),
            "position": position,
            "state": "queued",
            "next_attempt_at": first_try(now, release),
            "copy_id": recipient.copy if notification.personal else None,
            "copy_sending": recipient.sending if notification.personal else None,
        }
        for position, recipient in zip(order, recipients, strict=True)
    ]
    return message, rows


def _message_ids(
    draft: Draft, notification: CompiledNotification, domain: str
) -> Callable[[Recipient], str]:
    """Return what names a recipient's copy (RFC 5322, 3.6.4): copies of the same bytes share one."""
    shared: dict[object, str] = {}

    def identify(recipient: Recipient) -> str:
        same = notification.batch and not notification.personal
        copy = (recipient.languages, recipient.newcomer) if same else recipient.key
        return shared.setdefault(copy, f"<{draft.row.number}.{uuid4().hex}@{domain}>")

    return identify


def _about(draft: Draft, notification: CompiledNotification) -> int | None:
    if notification.kind != "recipients_of":
        return None
    return newest_message(_connection(draft), draft.row.id, notification.target)


def _planned(draft: Draft, notification: CompiledNotification) -> datetime:
    """Return the instant that a message is set for; now, when it is for none."""
    said = draft.data.get(notification.not_before or "")
    return datetime.fromisoformat(said) if isinstance(said, str) else draft.now


def _roster(notification: CompiledNotification) -> str | None:
    """Return the roster whose active members are all in the audience of a message, if there is one."""
    if notification.newcomers is not None:
        return notification.newcomers.roster
    return notification.target if notification.kind == "roster" else None


def _roster_version(draft: Draft, notification: CompiledNotification) -> int | None:
    name = _roster(notification)
    return None if name is None else roster.version(_connection(draft), name)


def _facts(
    draft: Draft,
    notification: CompiledNotification,
    event: Mapping[str, Any],
    action: CompiledAction | None,
    recipients: list[Recipient],
    of: int | None,
) -> dict[str, Any]:
    said, own = _said(draft, notification, event, of)
    facts = facts_for(
        draft.process.definition,
        notification,
        draft.data,
        number=draft.row.number,
        title=draft.case.get("title", draft.row.title),
        state=draft.state,
        opened=draft.facts.opened,
        due=draft.facts.due,
        owner=_owner(draft),
        note="" if notification.outside else json.loads(event["body"]).get("note", ""),
        action=action,
        today=_day(draft),
        version=event["seq"],
        said=said,
        own=own,
    )
    name = _roster(notification)
    if name is not None:
        facts["audience"] = _audience(draft, name, recipients)
    return facts


def _said(
    draft: Draft,
    notification: CompiledNotification,
    event: Mapping[str, Any],
    of: int | None,
) -> tuple[list[sayings.Record], int]:
    """Return what is said about the earlier batch, this message's own among it, and which that is."""
    if notification.says is None:
        return [], -1
    lists = {n.name: n.says for n in draft.process.definition.notifications.values()}
    told = sayings.so_far(_connection(draft), draft.row.id, notification.batches, lists, of=of)
    records = [record for _, record in told]
    if of is not None:
        return records, [message for message, _ in told].index(of)
    own = sayings.added(json.loads(event["body"]), notification.says)
    return [*records, own or {"at": draft.now.isoformat()}], -1


def _audience(draft: Draft, name: str, recipients: list[Recipient]) -> dict[str, Any]:
    """Return how many members were active that day, and who of them could not be written to.

    `sha256` is of the roster as it stands: names and addresses, by member.
    """
    members = roster.active(_connection(draft), name, _day(draft))
    written = {r.key for r in recipients}
    listed = sorted([m.id, m.name, sorted(c.email for c in m.contacts)] for m in members)
    return {
        "active": len(members),
        # Whoever has no address any more is still written to where it had the earlier batch.
        "without_address": [
            m.name for m in members if not m.contacts and f"member:{m.id}" not in written
        ],
        "sha256": content_hash(canonical(listed)),
    }


def _owner(draft: Draft) -> dict[str, str] | None:
    if draft.facts.owner is None or draft.facts.connection is None:
        return None
    person = staff.by_login(draft.facts.connection, draft.facts.owner)
    return None if person is None else {"name": person.name, "email": person.email}


def _day(draft: Draft) -> date:
    return draft.facts.calendar.today(draft.now)


def _connection(draft: Draft) -> Connection:
    connection = draft.facts.connection
    if connection is None:
        msg = "a plain action cannot look for people"
        raise TypeError(msg)
    return connection

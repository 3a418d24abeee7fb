"""The record of a batch: every run, every transmission, every copy, as it happened.

A **run** is one attempt at a batch: what the server could hold, what was staged, what was decided by
which rule, and the window. A **transmission** is one SMTP transaction of it: one acceptance by the
server, for one recipient or for all of them. Nothing here is ever changed once it has happened.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, insert, select, update

from engine.abandoned import is_held
from engine.chain import canonical
from engine.errors import ArrimageError
from engine.outbox import DONE, message_numbered, wake
from engine.returns import of_deliveries
from engine.schema import (
    cases,
    deliveries,
    from_micros,
    history,
    instant,
    journal,
    outbox,
    renderings,
    runs,
    to_micros,
    transmissions,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import Connection, Row

    from engine.returns import Returned


#: What a person may decide about mail, as the journal names it; the first two are about a whole batch.
#: That a batch may stay incomplete (`accept`) is a step of its case, and in the case's history.
DECISIONS = ("abort", "depart", "retry", "confirmed", "resend_authorised")


class TooLate(ArrimageError):
    """Somebody has it, or may have it; nothing can be called off any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transmission:
    """One SMTP transaction; instants are UTC.

    Attributes:
        id: Of its row.
        wave: 1, 2…: those of one wave were released together.
        position: The order in which the final dots were written.
        method: `BDAT` (RFC 3030) or `DATA`.
        message_id: Of its message.
        sha256: Of the message's bytes with CRLF, before dot-stuffing.
        size: Of the same, in bytes.
        recipients: How many addresses the server took.
        staged_at: The server had it all but the end.
        dot_at: The end of the message was written; None when it never was.
        replied_at: The server's answer to it; None when none came.
        state: What became of it, as a delivery's state.
        reply: The server's own words.
    """

    id: int
    wave: int
    position: int
    method: str
    message_id: str
    sha256: str
    size: int
    recipients: int
    staged_at: datetime
    dot_at: datetime | None
    replied_at: datetime | None
    state: str
    reply: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One attempt at a batch; instants are UTC.

    Attributes:
        number: 1, 2… of its message.
        rule: `all_or_nothing` or `proceed_and_remedy`.
        server: What the mail server said it can do: `name`, `chunking`, `pipelining`, `size`,
            `recipients` (limit or None), `connections` (how many it let us hold).
        shape: `one` (a single transaction for all), `groups`, `each` (one a recipient), `waves`.
        began_at: The run.
        staged_at: Everybody's acceptance or refusal was known.
        decided_at: The decision.
        decision: `released`, `aborted` (a person is needed), `put_off` (again later, by itself), or
            None: it was interrupted.
        reason: What decided: `asked` (every recipient's key), `refused` and `deferred` (recipient keys
            → reply), `states` (of those whom the sending was refused, not the recipient), `fault` (why
            the server was not reached), and of a person's departure `by`, `at`, `reason`.
        first_dot_at: The first end of a message written.
        last_reply_at: The last acceptance read.
        window: Between these two, in microseconds, by a clock that never jumps.
        transmissions: In the order of their dots.
    """

    number: int
    rule: str
    server: Mapping[str, Any]
    shape: str
    began_at: datetime
    staged_at: datetime | None
    decided_at: datetime | None
    decision: str | None
    reason: Mapping[str, Any]
    first_dot_at: datetime | None
    last_reply_at: datetime | None
    window: int | None
    transmissions: tuple[Transmission, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """One recipient of a batch; instants are UTC.

    Attributes:
        delivery: Its id.
        recipient: `member:7`.
        name: The establishment's.
        addresses: Where it goes.
        languages: In order.
        newcomer: Whether it had not had what the batch is about: its content is the newcomers'.
        salt: 128 bits in hexadecimal, this recipient's alone.
        position: Its place in the order that was drawn.
        message_id: Of its message.
        state: As in `engine.schema.DELIVERY_STATES`.
        attempts: How many times it was tried.
        staged_at: The server had it all but the end.
        released_at: The end of the message was about to be written.
        settled_at: What became of it was known.
        reply: The server's last words.
        resolution: A person's decision: who, when, why.
        transmission: The id of the transmission that settled it, if any.
        returned: What other servers reported of it since, the oldest first.
        again_at: When it is tried next; None once it is settled.
    """

    delivery: int
    recipient: str
    name: str
    addresses: tuple[str, ...]
    languages: tuple[str, ...]
    newcomer: bool
    salt: str
    position: int
    message_id: str
    state: str
    attempts: int
    staged_at: datetime | None
    released_at: datetime | None
    settled_at: datetime | None
    reply: str | None
    resolution: Mapping[str, Any] | None
    transmission: int | None
    returned: tuple[Returned, ...]
    again_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """What a person decided about a message.

    Attributes:
        action: One of `DECISIONS`, or `accept`: it may stay incomplete.
        by: A login.
        at: UTC.
        reason: In that person's words; empty where none was asked for.
        rule: For `depart`: the rule chosen instead.
        deliveries: How many copies it is about; None for the whole batch.
    """

    action: str
    by: str
    at: datetime
    reason: str
    rule: str | None
    deliveries: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """All that is known of one batch.

    Attributes:
        outbox_id: Of the message.
        case: The case's number.
        title: The case's title.
        process: The definition's key.
        definition_version: Its version.
        message: The notification's name in the definition.
        rule: The predetermined rule.
        personal: Whether each recipient has words of its own.
        newcomers: Whether it goes to newcomers too, with a content of their own.
        queued_at: The decision to diffuse (UTC).
        not_before: The instant it was set for (UTC); `queued_at` when at once.
        roster_version: Of the network's roster, then.
        audience: `active`, `without_address`, `sha256` (of the roster that day).
        contents: Variant (as `notifications.contents` names it) → SHA-256 of the frozen rendering.
        copies: In the order that was drawn.
        runs: In order.
        decisions: What people decided about it, in order.
        working: Whether somebody has it in hand: its last run is under way.
    """

    outbox_id: int
    case: str
    title: str
    process: str
    definition_version: int
    message: str
    rule: str
    personal: bool
    newcomers: bool
    queued_at: datetime
    not_before: datetime
    roster_version: int | None
    audience: Mapping[str, Any]
    contents: Mapping[str, str]
    copies: tuple[Copy, ...]
    runs: tuple[Run, ...]
    decisions: tuple[Decided, ...]
    working: bool = False


def account(connection: Connection, case_id: int, name: str, number: int | None = None) -> Account:
    """Return all that is known of a batch of a name, the newest unless its number is given.

    Args:
        connection: To read with.
        case_id: The case.
        name: The notification's name in its definition.
        number: 1 for the first of that name, 2…

    Raises:
        NotFound: No such message has been queued.
    """
    return account_of(connection, message_numbered(connection, case_id, name, number))


def account_of(connection: Connection, outbox_id: int) -> Account:
    """Return all that is known of one batch, by its message's id."""
    wanted = (
        select(outbox, cases.c.number, cases.c.title, cases.c.process, cases.c.definition_version)
        .join(cases, cases.c.id == outbox.c.case_id)
        .where(outbox.c.id == outbox_id)
    )
    row = connection.execute(wanted).one()
    contents = connection.execute(
        select(renderings.c.variant, renderings.c.sha256)
        .where(renderings.c.outbox_id == outbox_id)
        .order_by(renderings.c.variant)
    )
    return Account(
        outbox_id=outbox_id,
        case=row.number,
        title=row.title,
        process=row.process,
        definition_version=row.definition_version,
        message=row.name,
        rule=row.rule,
        personal=bool(row.personal),
        newcomers=row.newcomer_template is not None,
        queued_at=from_micros(row.queued_at),
        not_before=from_micros(row.not_before),
        roster_version=row.roster_version,
        audience=json.loads(row.facts).get("audience", {}),
        contents={c.variant: c.sha256 for c in contents},
        copies=_copies(connection, outbox_id),
        runs=_runs(connection, outbox_id),
        decisions=tuple(
            sorted(
                (*decisions(connection, [outbox_id]), *_acceptances(connection, row)),
                key=lambda d: d.at,
            )
        ),
        working=is_held(row),
    )


def batch_of(connection: Connection, delivery_id: int) -> int:
    """Return the message that a copy is of."""
    wanted = select(deliveries.c.outbox_id).where(deliveries.c.id == delivery_id)
    return int(connection.execute(wanted).scalar_one())


def decisions(connection: Connection, outbox_ids: Collection[int]) -> tuple[Decided, ...]:
    """Return what people decided about messages, from the journal, in order."""
    theirs = select(deliveries.c.id).where(deliveries.c.outbox_id.in_(outbox_ids))
    copies = set(connection.execute(theirs).scalars())
    rows = connection.execute(
        select(journal.c.actor, journal.c.at, journal.c.action, journal.c.body)
        .where(journal.c.subject == "outbox", journal.c.action.in_(DECISIONS))
        .order_by(journal.c.seq)
    )
    made = []
    for row in rows:
        body = json.loads(row.body)
        about = copies.intersection(body.get("deliveries", ()))
        if about or body.get("message") in outbox_ids:
            made.append(Decided(
                action=row.action, by=row.actor, at=from_micros(row.at),
                reason=str(body.get("reason") or ""), rule=body.get("rule"),
                deliveries=len(about) or None,
            ))  # fmt: skip
    return tuple(made)


def _acceptances(connection: Connection, message: Row[Any]) -> Iterator[Decided]:
    """Yield each acceptance that a batch stays incomplete, from its case's history, in order."""
    rows = connection.execute(
        select(history.c.at, history.c.actor, history.c.body)
        .where(
            history.c.case_id == message.case_id,
            history.c.seq > message.seq,
            history.c.body.contains('"accepts":'),
        )
        .order_by(history.c.seq)
    )
    for row in rows:
        said = json.loads(row.body).get("accepts", {})
        if message.id in said.get("batches", ()):
            yield Decided(action="accept", by=row.actor, at=from_micros(row.at),
                          reason=str(said["reason"]), rule=None, deliveries=None)  # fmt: skip


def decisions_of_case(connection: Connection, case_id: int) -> tuple[Decided, ...]:
    """Return what people decided about all the mail of a case, in order."""
    wanted = select(outbox.c.id).where(outbox.c.case_id == case_id)
    return decisions(connection, connection.execute(wanted).scalars().all())


def _copies(connection: Connection, outbox_id: int) -> tuple[Copy, ...]:
    rows = connection.execute(
        select(deliveries)
        .where(deliveries.c.outbox_id == outbox_id)
        .order_by(deliveries.c.position)
    ).all()
    said = of_deliveries(connection, (r.id for r in rows))
    return tuple(
        Copy(
            delivery=r.id,
            recipient=r.recipient,
            name=r.name,
            addresses=tuple(json.loads(r.addresses)),
            languages=tuple(r.languages.split("+")),
            newcomer=bool(r.newcomer),
            salt=r.salt,
            position=r.position,
            message_id=r.message_id,
            state=r.state,
            attempts=r.attempts,
            staged_at=instant(r.staged_at),
            released_at=instant(r.released_at),
            settled_at=instant(r.settled_at),
            reply=r.reply or None,
            resolution=None if r.resolution is None else json.loads(r.resolution),
            transmission=r.transmission_id,
            returned=tuple(said.get(r.id, ())),
            again_at=instant(r.next_attempt_at),
        )
        for r in rows
    )


def _runs(connection: Connection, outbox_id: int) -> tuple[Run, ...]:
    found = connection.execute(
        select(runs).where(runs.c.outbox_id == outbox_id).order_by(runs.c.number)
    ).all()
    rows = connection.execute(
        select(transmissions)
        .where(transmissions.c.run_id.in_([r.id for r in found]))
        .order_by(transmissions.c.run_id, transmissions.c.wave, transmissions.c.position)
    ).all()
    return tuple(_run(run, [t for t in rows if t.run_id == run.id]) for run in found)


def _run(row: Row[Any], sent: Sequence[Row[Any]]) -> Run:
    return Run(
        number=row.number,
        rule=row.rule,
        server=json.loads(row.server),
        shape=row.shape,
        began_at=from_micros(row.began_at),
        staged_at=instant(row.staged_at),
        decided_at=instant(row.decided_at),
        decision=row.decision,
        reason=json.loads(row.reason or "{}"),
        first_dot_at=instant(row.first_dot_at),
        last_reply_at=instant(row.last_reply_at),
        window=row.window,
        transmissions=tuple(_transmission(t) for t in sent),
    )


def _transmission(row: Row[Any]) -> Transmission:
    return Transmission(
        id=row.id,
        wave=row.wave,
        position=row.position,
        method=row.method,
        message_id=row.message_id,
        sha256=row.sha256,
        size=row.size,
        recipients=row.recipients,
        staged_at=from_micros(row.staged_at),
        dot_at=instant(row.dot_at),
        replied_at=instant(row.replied_at),
        state=row.state,
        reply=row.reply,
    )


# --- a person's decisions -----------------------------------------------------------------------


def call_off(
    connection: Connection, outbox_id: int, *, now: datetime, decision: Mapping[str, Any]
) -> int:
    """Call a batch off before anybody has anything of it; return how many copies that stops.

    Whoever holds it staged has lost its lease: what it would commit before the ends is refused, and
    it lets everything go.

    Args:
        connection: In a write transaction.
        outbox_id: The batch.
        now: The workspace's clock.
        decision: Who, when and why, kept with each copy.

    Raises:
        TooLate: Somebody has it, or may have it.
    """
    row = connection.execute(select(outbox).where(outbox.c.id == outbox_id).with_for_update()).one()
    here = deliveries.c.outbox_id == outbox_id
    states = set(connection.execute(select(deliveries.c.state).where(here)).scalars())
    if states & {"releasing", "uncertain", *DONE, "bounced", "delayed"}:
        raise TooLate
    connection.execute(
        update(outbox)
        .where(outbox.c.id == outbox_id)
        .values(lease_holder=None, lease_until=None, lease_token=row.lease_token + 1)
    )
    stopped = connection.execute(
        update(deliveries)
        .where(here, deliveries.c.next_attempt_at.is_not(None))
        .values(
            state="aborted",
            next_attempt_at=None,
            settled_at=to_micros(now),
            reply="called off before anybody had it",
            resolution=canonical(decision),
        )
    ).rowcount
    if stopped:
        wake(connection, row.case_id, to_micros(now))
    return stopped


def depart(connection: Connection, outbox_id: int, rule: str, decision: Mapping[str, Any]) -> None:
    """Write down a person's departure from the predetermined rule, for the runs to come."""
    ruling = canonical({"rule": rule, **decision})
    connection.execute(update(outbox).where(outbox.c.id == outbox_id).values(ruling=ruling))


# --- written by whoever runs it -----------------------------------------------------------------


def begin(connection: Connection, outbox_id: int, *, rule: str, at: datetime) -> int:
    """Write down that a run begins; return its id.

    Args:
        connection: In a write transaction, under the message's lease.
        outbox_id: The message.
        rule: What decides.
        at: UTC.
    """
    last = connection.execute(
        select(func.max(runs.c.number)).where(runs.c.outbox_id == outbox_id)
    ).scalar()
    values = {
        "outbox_id": outbox_id, "number": (last or 0) + 1, "rule": rule, "server": "{}",
        "shape": "one", "began_at": to_micros(at),
    }  # fmt: skip
    made = connection.execute(insert(runs).values(values).returning(runs.c.id))
    return int(made.scalar_one())


def write_run(connection: Connection, run_id: int, values: Mapping[str, Any]) -> None:
    """Write what is known of a run: columns of `engine.schema.runs`, JSON ones as values."""
    written = {k: canonical(v) if k in {"server", "reason"} else v for k, v in values.items()}
    connection.execute(update(runs).where(runs.c.id == run_id).values(written))


def add_transmission(connection: Connection, run_id: int, values: Mapping[str, Any]) -> int:
    """Write down one staged transaction; return its id."""
    made = connection.execute(
        insert(transmissions).values({"run_id": run_id, **values}).returning(transmissions.c.id)
    )
    return int(made.scalar_one())


def write_transmission(
    connection: Connection, transmission_id: int, values: Mapping[str, Any]
) -> None:
    """Write what became of a transaction."""
    connection.execute(
        update(transmissions).where(transmissions.c.id == transmission_id).values(dict(values))
    )

"""What other servers report about our mail after our relay had accepted it (RFC 3464).

A report concerns a delivery when it names our Message-ID *and* one of that delivery's addresses, never
by the address alone: one Message-ID may be shared by a whole batch, and one address has had other
mail of ours. Invariants:

- What is reported, its effect on the delivery, the journal's entry and the wake of the case are one
  transaction. The same report counts once, whatever the number of mailboxes and times it is read in.
- A delivery is `bounced` only when every one of its addresses has failed; `delayed` is still accepted.
- The order in which reports are read changes nothing: a failure outweighs an arrival, which
  outweighs a delay.
- What concerns an earlier sending is kept and changes nothing.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, select, update

from engine import journal
from engine.contact import same_mailbox
from engine.outbox import wake
from engine.schema import cases, deliveries, from_micros, instant, outbox, returns, to_micros

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import Connection, Row

#: What a report may say of a recipient (RFC 3464, 2.3.3), the weightiest first.
ACTIONS = ("failed", "delivered", "relayed", "expanded", "delayed")
#: The states that a report may change.
_CHANGED = frozenset({"accepted", "delayed", "confirmed", "uncertain", "bounced"})
#: So many values in one statement.
_AT_ONCE = 1000
#: How far two servers' clocks may be apart, when a report is told from one on an earlier sending.
_SKEW = timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a report says of one recipient.

    Attributes:
        addresses: The original recipient, then the final one: the first that is ours counts.
        action: One of `ACTIONS`.
        status: The enhanced status (RFC 3463), such as `5.1.1`; empty where none was given.
        diagnostic: What the other server said; empty where nothing was.
    """

    addresses: tuple[str, ...]
    action: str
    status: str
    diagnostic: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One delivery status notification, as it was read.

    Attributes:
        id: Its own Message-ID, or a hash of what it says where it has none.
        about: The Message-IDs that it may be about, the surest first.
        at: Its date; None when it has none that can be read.
        reporter: The server that reports.
        verdicts: What it says of each recipient.
    """

    id: str
    about: tuple[str, ...]
    at: datetime | None
    reporter: str
    verdicts: tuple[Verdict, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Returned:
    """One address of one delivery, as a report told it; instants are UTC.

    Attributes:
        delivery_id: The delivery.
        address: The address.
        action: One of `ACTIONS`.
        status: The enhanced status, or nothing.
        diagnostic: What the other server said.
        reporter: The server that reported.
        report: The report's own Message-ID.
        reported_at: The report's date, if it had one.
        recorded_at: When it was read.
        sent_at: The sending that it is about; None when that is an earlier one than the delivery knew.
        current: Whether it is about the last sending; what is about an earlier one counts no more.
    """

    delivery_id: int
    address: str
    action: str
    status: str
    diagnostic: str
    reporter: str
    report: str
    reported_at: datetime | None
    recorded_at: datetime
    sent_at: datetime | None
    current: bool

    @property
    def reason(self) -> str:
        """Why, as the other server said it; the status is before it unless it is in it."""
        if self.status in self.diagnostic:
            return self.diagnostic
        return f"{self.status} {self.diagnostic}".strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What was recorded of one address, with the delivery as it then stands."""

    returned: Returned
    number: str | None
    message: str
    name: str
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What became of a report.

    Attributes:
        ours: Whether it is about a message of ours at all.
        waiting: A delivery that it names is being sent at this instant: nothing was recorded, and the
            report is to be read again later.
        effects: What was recorded now.
        known: How many of its verdicts had been recorded before.
        strangers: The addresses that it names which are not among those we wrote to.
    """

    ours: bool
    waiting: bool = False
    effects: tuple[Effect, ...] = ()
    known: int = 0
    strangers: tuple[str, ...] = ()


def record(connection: Connection, report: Report, now: datetime, *, keep: bool = True) -> Recorded:
    """Record a report: the evidence, the deliveries' states, the journal, the wake of their cases.

    Args:
        connection: In a write transaction; a read one will do when nothing is kept.
        report: The report.
        now: The workspace's clock.
        keep: Whether to write; else what would be done is returned.
    """
    rows = _concerned(connection, report.about, lock=keep)
    if not rows:
        return Recorded(ours=False)
    matched, strangers = _matched(rows, report.verdicts)
    if any(row.state == "releasing" for row, _verdict, _address in matched):
        return Recorded(ours=True, waiting=True)
    said = of_deliveries(connection, (row.id for row in rows))
    states = {row.id: row.state for row in rows}
    effects, known = [], 0
    for row, verdict, address in matched:
        if any((r.report, r.address) == (report.id, address) for r in said[row.id]):
            known += 1
            continue
        returned = _returned(row, report, verdict, address, now)
        said[row.id].append(returned)
        before = states[row.id]
        states[row.id] = _state_after(before, _addresses(row), returned, said[row.id])
        if keep:
            _write(connection, row, returned, (before, states[row.id]), now)
        effects.append(_effect(row, returned, states[row.id]))
    return Recorded(ours=True, effects=tuple(effects), known=known, strangers=strangers)


def of_deliveries(connection: Connection, ids: Iterable[int]) -> dict[int, list[Returned]]:
    """Return what was reported of deliveries, the oldest first; nothing for those without."""
    wanted = (
        select(returns, deliveries.c.released_at)
        .join(deliveries, deliveries.c.id == returns.c.delivery_id)
        .order_by(returns.c.id)
    )
    found: dict[int, list[Returned]] = defaultdict(list)
    asked = list(ids)
    for start in range(0, len(asked), _AT_ONCE):
        these = returns.c.delivery_id.in_(asked[start : start + _AT_ONCE])
        for row in connection.execute(wanted.where(these)):
            found[row.delivery_id].append(_stored(row, row.released_at))
    return found


def failed(addresses: Sequence[str], said: Iterable[Returned]) -> list[Returned]:
    """Return the last failure of each address that has failed in the present sending."""
    last = {r.address: r for r in said if r.current and r.action == "failed"}
    return [last[a] for a in addresses if a in last]


# --- matching -----------------------------------------------------------------------------------


def _concerned(connection: Connection, about: Sequence[str], *, lock: bool) -> list[Row[Any]]:
    """Return the deliveries of the first Message-ID that is ours, locked in their order."""
    wanted = (
        select(deliveries, outbox.c.case_id, outbox.c.name.label("message"), cases.c.number)
        .join(outbox, outbox.c.id == deliveries.c.outbox_id)
        .outerjoin(cases, cases.c.id == outbox.c.case_id)
        .order_by(deliveries.c.id)
    )
    if lock:
        wanted = wanted.with_for_update(of=deliveries)
    for message_id in about:
        rows = connection.execute(wanted.where(deliveries.c.message_id == message_id)).all()
        if rows:
            return list(rows)
    return []


def _matched(
    rows: Sequence[Row[Any]], verdicts: Sequence[Verdict]
) -> tuple[list[tuple[Row[Any], Verdict, str]], tuple[str, ...]]:
    """Return each verdict with its delivery and our own spelling of the address, and the others."""
    ours: dict[str, list[tuple[Row[Any], str]]] = defaultdict(list)
    for row in rows:
        for address in _addresses(row):
            ours[same_mailbox(address)].append((row, address))
    matched, strangers = [], []
    # The weightiest first: of two verdicts of one report on one address, the first is kept.
    for verdict in sorted(verdicts, key=lambda v: ACTIONS.index(v.action)):
        keys = [same_mailbox(a) for a in verdict.addresses]
        here = next((ours[k] for k in keys if k in ours), [])
        matched += [(row, verdict, address) for row, address in here]
        if not here:
            strangers.append(verdict.addresses[0])
    return matched, tuple(strangers)


def _addresses(row: Row[Any]) -> list[str]:
    return list(json.loads(row.addresses))


# --- effects ------------------------------------------------------------------------------------


def _returned(
    row: Row[Any], report: Report, verdict: Verdict, address: str, now: datetime
) -> Returned:
    current = _is_current(row, report)
    return Returned(
        delivery_id=row.id,
        address=address,
        action=verdict.action,
        status=verdict.status,
        diagnostic=verdict.diagnostic,
        reporter=report.reporter,
        report=report.id,
        reported_at=report.at,
        recorded_at=now,
        sent_at=instant(row.released_at) if current else None,
        current=current,
    )


def _is_current(row: Row[Any], report: Report) -> bool:
    """Tell whether a report is about the last sending: it bears the same Message-ID as the others."""
    if row.released_at is None:
        return False
    if row.resolution is None or report.at is None:  # sent once, or nothing says otherwise
        return True
    return report.at >= from_micros(row.released_at) - _SKEW


def _state_after(
    state: str, addresses: Sequence[str], new: Returned, said: Sequence[Returned]
) -> str:
    """Return the state of a delivery once a new verdict stands among those that were there."""
    if state not in _CHANGED or not new.current:
        return state
    heard = _heard(said)
    if new.action == "failed" and all(heard.get(a) == "failed" for a in addresses):
        return "bounced"
    if state in {"accepted", "delayed"}:
        return "delayed" if "delayed" in heard.values() else "accepted"
    return state  # a person has decided, or must


def _heard(said: Iterable[Returned]) -> dict[str, str]:
    """Return the weightiest thing said of each address in the present sending."""
    heard: dict[str, str] = {}
    for returned in said:
        if returned.current:
            both = (returned.action, heard.get(returned.address, returned.action))
            heard[returned.address] = min(both, key=ACTIONS.index)
    return heard


def _write(
    connection: Connection,
    row: Row[Any],
    returned: Returned,
    states: tuple[str, str],
    now: datetime,
) -> None:
    before, after = states
    reported = returned.reported_at
    told = {
        "report": returned.report,
        "address": returned.address,
        "action": returned.action,
        "status": returned.status,
        "diagnostic": returned.diagnostic,
        "reporter": returned.reporter,
    }
    connection.execute(
        insert(returns).values(
            **told,
            delivery_id=row.id,
            reported_at=None if reported is None else to_micros(reported),
            recorded_at=to_micros(now),
            sent_at=None if returned.sent_at is None else to_micros(returned.sent_at),
        )
    )
    body = {
        **told, "delivery": row.id, "case": row.number, "message": row.message,
        "reported_at": None if reported is None else reported.isoformat(), "state": [before, after],
    }  # fmt: skip
    journal.append(
        connection, actor="system", subject="outbox", action="returned", body=body, at=now
    )
    if before != after:
        this = deliveries.c.id == row.id
        connection.execute(update(deliveries).where(this).values(state=after))
        wake(connection, row.case_id, to_micros(now))


def _effect(row: Row[Any], returned: Returned, state: str) -> Effect:
    return Effect(
        returned=returned, number=row.number, message=row.message, name=row.name, state=state
    )


def _stored(row: Row[Any], released_at: int | None) -> Returned:
    return Returned(
        delivery_id=row.delivery_id,
        address=row.address,
        action=row.action,
        status=row.status,
        diagnostic=row.diagnostic,
        reporter=row.reporter,
        report=row.report,
        reported_at=instant(row.reported_at),
        recorded_at=from_micros(row.recorded_at),
        sent_at=instant(row.sent_at),
        current=row.sent_at is not None and row.sent_at == released_at,
    )


def as_json(returned: Returned) -> Mapping[str, Any]:
    """Return what was reported in its documented shape."""
    return {
        "address": returned.address,
        "action": returned.action,
        "status": returned.status,
        "diagnostic": returned.diagnostic,
        "reporter": returned.reporter,
        "report": returned.report,
        "reported_at": returned.reported_at,
        "recorded_at": returned.recorded_at,
        "current": returned.current,
    }

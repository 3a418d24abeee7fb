"""Is the stored history whole? Every chain is walked, every case is replayed, every number is there.

An edited, removed, reordered or added row breaks its case's chain; a removed case leaves a hole in
its sequence; a case's row that was edited behind the engine's back differs from what its own history
says. The whole database is read, row by row, in one consistent view.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from engine.chain import GENESIS, canonical, content_hash, event_hash
from engine.schema import attachments, blobs, cases, definitions, history, journal, sequences

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sqlalchemy import Connection, Row

    from engine.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that does not agree.

    Attributes:
        code: `event_edited`, `event_missing`, `case_edited`, `case_missing`, `journal_edited`,
            `journal_missing`, `file_edited`, `definition_edited`.
        where: The case's number, or what else it is about.
        seq: The event concerned, if one is.
        detail: What differs, in English.
        kind: What it is that differs, where `values` say it: `place`, `event`, `origin`, `count`,
            `fields`, `state`, `owner`, `version`, `never_given`.
        values: What a sentence about it needs: keys, not labels.
        definition: The key and version of the case's process, if it is about a case.
    """

    code: str
    where: str
    seq: int | None
    detail: str
    kind: str | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    definition: tuple[str, int] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What was walked, the faults found, and the head of everything, to keep elsewhere."""

    cases: int
    events: int
    faults: tuple[Fault, ...]
    head: str


def verify(database: Database) -> Verified:
    """Walk the whole history and return what was found; nothing is changed.

    `head` is one hash over the heads of all chains: written down elsewhere (a certificate, a
    printed page), it shows later that nothing was rewritten from the start.
    """
    with database.read() as connection:
        faults: list[Fault] = []
        counted, heads, events = 0, [], 0
        for row, chain in _cases_with_events(connection):
            counted, events = counted + 1, events + len(chain)
            heads.append(row.head)
            faults += _verify_case(row, chain)
        faults += _missing_numbers(connection)
        last, journal_faults = _verify_journal(connection)
        faults += [*journal_faults, *_verify_contents(connection)]
        head = content_hash("\n".join([*heads, last]))
        return Verified(cases=counted, events=events, faults=tuple(faults), head=head)


def _cases_with_events(connection: Connection) -> Iterator[tuple[Row[Any], list[Row[Any]]]]:
    """Yield every case with its events, two sorted streams walked side by side."""
    events = groupby(
        connection.execution_options(yield_per=1000).execute(
            select(history).order_by(history.c.case_id, history.c.seq)
        ),
        key=lambda event: event.case_id,
    )
    case_id, chain = _next_group(events)
    for row in connection.execute(select(cases).order_by(cases.c.id)).fetchall():
        while case_id is not None and case_id < row.id:
            case_id, chain = _next_group(events)
        if case_id == row.id:
            yield row, chain
            case_id, chain = _next_group(events)
        else:
            yield row, []


def _next_group(groups: Iterator[Any]) -> tuple[int | None, list[Row[Any]]]:
    case_id, group = next(groups, (None, ()))
    return case_id, list(group)


def _verify_case(row: Row[Any], chain: list[Row[Any]]) -> Iterator[Fault]:
    prev, data, state, owner = GENESIS, dict[str, Any](), None, None
    version = row.definition_version
    for expected, event in enumerate(chain, 1):
        if event.seq != expected:
            detail = f"found {event.seq} in its place"
            yield _fault("event_missing", row, expected, detail, "place", found=event.seq)
            return
        if event.prev_hash != prev or event.hash != event_hash(prev, _header(event), event.body):
            detail = f"{event.action} by {event.actor}"
            yield _fault("event_edited", row, event.seq, detail, "event",
                         action=event.action, actor=event.actor)  # fmt: skip
            return
        if event.from_state != state:
            detail = f"comes from {event.from_state}"
            yield _fault("event_edited", row, event.seq, detail, "origin", state=event.from_state)
            return
        prev, state = event.hash, event.to_state
        body = json.loads(event.body)
        data = _replayed(data, body)
        owner = body["owner"][1] if "owner" in body else owner
        version = body["definition"][1] if "definition" in body else version
    if len(chain) != row.version or prev != row.head:
        detail = f"{len(chain)} of {row.version} are there"
        yield _fault("event_missing", row, row.version, detail, "count",
                     found=len(chain), expected=row.version)  # fmt: skip
        return
    if version != row.definition_version:
        detail = f"version {row.definition_version}, by its history {version}"
        yield _fault("case_edited", row, None, detail, "version",
                     version=row.definition_version, replayed_version=version)  # fmt: skip
    yield from _verify_row(row, data, state, owner)


def _verify_row(
    row: Row[Any], data: dict[str, Any], state: str | None, owner: str | None
) -> Iterator[Fault]:
    if canonical(data) != row.data:
        stored = json.loads(row.data)
        names = [k for k in {**data, **stored} if data.get(k) != stored.get(k)]
        detail = f"fields {', '.join(sorted(names))}"
        yield _fault("case_edited", row, None, detail, "fields", fields=tuple(sorted(names)))
    if state != row.state:
        detail = f"state {row.state}, by its history {state}"
        yield _fault("case_edited", row, None, detail, "state",
                     state=row.state, replayed_state=state)  # fmt: skip
    if owner != row.owner:
        detail = f"owner {row.owner}, by its history {owner}"
        yield _fault("case_edited", row, None, detail, "owner",
                     owner=row.owner, replayed_owner=owner)  # fmt: skip


def _header(event: Row[Any]) -> tuple[object, ...]:
    return (
        event.case_id, event.seq, event.at, event.actor, event.via, event.action,
        event.from_state, event.to_state, event.idempotency_key,
    )  # fmt: skip


def _replayed(data: dict[str, Any], body: dict[str, Any]) -> dict[str, Any]:
    """Return the data after an event: what `changes` and `added` say, laid over."""
    after = dict(data)
    for name, (_, new) in body.get("changes", {}).items():
        if new is None:
            after.pop(name, None)
        else:
            after[name] = new
    for name, records in body.get("added", {}).items():
        after[name] = [*after.get(name, []), *records]
    return after


def _missing_numbers(connection: Connection) -> Iterator[Fault]:
    """Yield the numbers that were given and that no case has: numbers run without holes."""
    for prefix, year, last in connection.execute(select(sequences)).fetchall():
        begin = f"{prefix}-{year}-"
        there = set(
            connection.execute(
                select(cases.c.number).where(cases.c.number.startswith(begin, autoescape=True))
            ).scalars()
        )
        for running in range(1, last + 1):
            number = f"{begin}{running:04d}"
            if number not in there:
                yield Fault(code="case_missing", where=number, seq=None, detail="no such row")
        for extra in sorted(there):
            if int(extra.rpartition("-")[2]) > last:
                yield Fault(code="case_edited", where=extra, seq=None, kind="never_given",
                            detail="a number never given")  # fmt: skip


def _verify_journal(connection: Connection) -> tuple[str, list[Fault]]:
    prev = GENESIS
    for expected, entry in enumerate(
        connection.execute(select(journal).order_by(journal.c.seq)), 1
    ):
        header = (entry.seq, entry.at, entry.actor, entry.subject, entry.action)
        if entry.seq != expected:
            return prev, [_journal_fault("journal_missing", expected)]
        if entry.prev_hash != prev or entry.hash != event_hash(prev, header, entry.body):
            return prev, [_journal_fault("journal_edited", entry.seq)]
        prev = entry.hash
    return prev, []


def _journal_fault(code: str, seq: int) -> Fault:
    return Fault(code=code, where="journal", seq=seq, detail="the chain breaks here")


def _verify_contents(connection: Connection) -> Iterator[Fault]:
    named = select(attachments.c.name, blobs.c.sha256, blobs.c.content).join(
        blobs, blobs.c.sha256 == attachments.c.sha256
    )
    for file in connection.execute(named):
        if content_hash(bytes(file.content)) != file.sha256:
            yield Fault(code="file_edited", where=file.name, seq=None, detail=file.sha256)
    for row in connection.execute(select(definitions)):
        if content_hash(row.source) != row.sha256:
            name = f"{row.key} {row.version}"
            yield Fault(code="definition_edited", where=name, seq=None, detail=row.sha256)


def _fault(
    code: str, row: Row[Any], seq: int | None, detail: str, kind: str, **values: object
) -> Fault:
    return Fault(
        code=code,
        where=row.number,
        seq=seq,
        detail=detail,
        kind=kind,
        values=values,
        definition=(row.process, row.definition_version),
    )

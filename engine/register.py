"""The register: everything that is read and never written. Cheap to import, columns not objects.

A list never compiles a definition: the labels come from the summaries that were stored when the
definitions were installed.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, func, select, true

from engine.errors import Ambiguous, NotFound
from engine.folding import fold
from engine.schema import (
    attachments,
    blobs,
    cases,
    definitions,
    from_micros,
    history,
    instant,
    timers,
    to_micros,
)
from engine.store import CASE_COLUMNS, CaseRow

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import ColumnElement, Connection, Row

#: What a list shows of a case; `data` is left where it is.
LISTED = tuple(cases.c[name] for name in CASE_COLUMNS if name not in {"data", "search"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A case found by a reference. `redirected_from` is the old number, when it was merged."""

    row: CaseRow
    redirected_from: str | None

    @property
    def id(self) -> int:
        """The case's id."""
        return self.row.id

    @property
    def number(self) -> str:
        """The case's number."""
        return self.row.number

    @property
    def data(self) -> dict[str, Any]:
        """The case's form, in stored form."""
        return dict(json.loads(self.row.data))


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A line of a list: a case without its form. Instants are UTC."""

    id: int
    number: str
    process: str
    definition_version: int
    title: str
    state: str
    owner: str | None
    desk: str | None
    opened_at: datetime
    entered_at: datetime
    due_at: datetime | None
    ended_at: datetime | None
    waiting_since: datetime | None
    waited_days: int
    parent_id: int | None
    version: int


def find(connection: Connection, reference: str, *, follow: bool = True) -> Found:
    """Return the case of a reference.

    Args:
        connection: To read with.
        reference: A full number in any case (`di-2026-0007`), or its last digits (`7`), looked for
            among the open cases that are nobody's child, then among all of those, then everywhere.
        follow: Go on to the case it was merged into.

    Raises:
        NotFound: None has it.
        Ambiguous: Several have.
    """
    number = _number_of(connection, reference.strip().upper())
    row = _row(connection, cases.c.number == number)
    first = row
    while follow and row.redirect_id is not None:
        row = _row(connection, cases.c.id == row.redirect_id)
    return Found(row=row, redirected_from=None if row.id == first.id else first.number)


def _row(connection: Connection, where: ColumnElement[bool]) -> CaseRow:
    return CaseRow(
        *connection.execute(select(*(cases.c[n] for n in CASE_COLUMNS)).where(where)).one()
    )


def _number_of(connection: Connection, reference: str) -> str:
    exact = connection.execute(select(cases.c.number).where(cases.c.number == reference)).scalar()
    if exact is not None:
        return str(exact)
    if reference.isdecimal():
        alone, still_open = cases.c.parent_id.is_(None), cases.c.ended_at.is_(None)
        for where in (and_(alone, still_open), alone, true()):
            found = _ending_in(connection, int(reference), where)
            if len(found) > 1:
                raise Ambiguous(reference, tuple(found))
            if found:
                return found[0]
    raise NotFound("case", reference, near=tuple(_near(connection, reference)))


def _ending_in(connection: Connection, digits: int, where: ColumnElement[bool]) -> list[str]:
    """Return the numbers whose running part is these digits (`7` is DI-2026-0007, not -0017)."""
    wanted = select(cases.c.number).where(cases.c.number.like(f"%-{digits:04d}"), where)
    return list(connection.execute(wanted.order_by(cases.c.number).limit(10)).scalars())


def _near(connection: Connection, reference: str) -> list[str]:
    if not reference:
        return []
    wanted = select(cases.c.number).where(cases.c.number.like(f"%{reference[-4:]}%"))
    return list(connection.execute(wanted.order_by(cases.c.number.desc()).limit(5)).scalars())


def with_data(connection: Connection, process: str) -> list[tuple[Listed, dict[str, Any]]]:
    """Return every case of a process with its form, in the order of their numbers."""
    wanted = select(*LISTED, cases.c.data).where(cases.c.process == process)
    rows: Iterable[Row[Any]] = connection.execute(wanted.order_by(cases.c.id))
    return [(listed(row), dict(json.loads(row.data))) for row in rows]


# --- lists --------------------------------------------------------------------------------------


def worklist(
    connection: Connection, desks: Sequence[str], *, limit: int = 50
) -> tuple[list[Listed], dict[str, int]]:
    """Return the open cases on these desks, most urgent first, and how many each desk has.

    Args:
        connection: To read with.
        desks: Logins, and `@role` for the common desks.
        limit: At most so many lines a desk; each desk is one walk along a partial index.
    """
    lines: list[Listed] = []
    counts: dict[str, int] = {}
    for desk in desks:
        here = and_(cases.c.desk == desk, cases.c.ended_at.is_(None))
        # The index gives this order: no sort, whatever the number of open cases.
        dated = select(*LISTED).where(here, cases.c.due_at.is_not(None))
        found = _lines(connection.execute(dated.order_by(cases.c.due_at).limit(limit)))
        if len(found) < limit:
            undated = select(*LISTED).where(here, cases.c.due_at.is_(None))
            found += _lines(connection.execute(undated.limit(limit - len(found))))
        lines += found
        counts[desk] = connection.execute(
            select(func.count()).select_from(cases).where(here)
        ).scalar_one()
    return sorted(lines, key=_urgency), counts


def _urgency(line: Listed) -> tuple[bool, int, str]:
    return (line.due_at is None, 0 if line.due_at is None else to_micros(line.due_at), line.number)


def list_cases(
    connection: Connection,
    *,
    process: str | None = None,
    state: str | None = None,
    owner: str | None = None,
    ended: bool | None = False,
    due_before: datetime | None = None,
    parent_id: int | None = None,
    limit: int = 200,
) -> list[Listed]:
    """Return cases by what they are, in the order of their numbers.

    Args:
        connection: To read with.
        process: Of this process.
        state: In this state.
        owner: Owned by this login.
        ended: True, False, or None for both.
        due_before: Due before this instant.
        parent_id: Children of this case.
        limit: At most so many.
    """
    wanted = select(*LISTED)
    equal = {"process": process, "state": state, "owner": owner, "parent_id": parent_id}
    for name, value in equal.items():
        if value is not None:
            wanted = wanted.where(cases.c[name] == value)
    if ended is not None:
        wanted = wanted.where(
            cases.c.ended_at.is_not(None) if ended else cases.c.ended_at.is_(None)
        )
    if due_before is not None:
        wanted = wanted.where(cases.c.due_at < to_micros(due_before))
    return _lines(connection.execute(wanted.order_by(cases.c.id).limit(limit)))


def search(connection: Connection, text: str, *, limit: int = 50) -> list[Listed]:
    """Return the cases in which every word stands, whatever its accents and case, newest first."""
    words = [_escaped(word) for word in fold(text).split()]
    if not words:
        return []
    where = and_(*(cases.c.search.like(f"%{word}%", escape="\\") for word in words))
    return _lines(
        connection.execute(select(*LISTED).where(where).order_by(cases.c.id.desc()).limit(limit))
    )


def _escaped(word: str) -> str:
    return word.replace("\\", "\\\\").replace("%", r"\%").replace("_", r"\_")


def open_alike(
    connection: Connection, process: str, but: int, wanted: Mapping[str, str], limit: int
) -> tuple[str, ...]:
    """Return the numbers of open cases whose fields read alike, once folded.

    Args:
        connection: To read with.
        process: The process they belong to.
        but: A case to leave out.
        wanted: Folded text by field.
        limit: At most so many.
    """
    where = [cases.c.search.like(f"%{_escaped(text)}%", escape="\\") for text in wanted.values()]
    rows = connection.execute(
        select(cases.c.number, cases.c.data)
        .where(cases.c.process == process, cases.c.id != but, cases.c.ended_at.is_(None), *where)
        .order_by(cases.c.id.desc())
        .limit(limit * 4)
    )
    same = (
        r.number
        for r in rows
        if all(fold(str(json.loads(r.data).get(k) or "")) == v for k, v in wanted.items())
    )
    return tuple(sorted(list(same)[:limit]))


def _lines(rows: Iterable[Row[Any]]) -> list[Listed]:
    return [listed(row) for row in rows]


def listed(row: Row[Any] | CaseRow) -> Listed:
    """Return the line of a case's row."""
    return Listed(
        id=row.id,
        number=row.number,
        process=row.process,
        definition_version=row.definition_version,
        title=row.title,
        state=row.state,
        owner=row.owner,
        desk=row.desk,
        opened_at=from_micros(row.opened_at),
        entered_at=from_micros(row.entered_at),
        due_at=instant(row.due_at),
        ended_at=instant(row.ended_at),
        waiting_since=instant(row.waiting_since),
        waited_days=row.waited_days,
        parent_id=row.parent_id,
        version=row.version,
    )


# --- around a case ------------------------------------------------------------------------------


def events(connection: Connection, case_id: int) -> list[dict[str, Any]]:
    """Return the history of a case in order; `at` is a UTC datetime, `body` is decoded."""
    rows = connection.execute(
        select(history).where(history.c.case_id == case_id).order_by(history.c.seq)
    ).mappings()
    return [{**r, "at": from_micros(r["at"]), "body": json.loads(r["body"])} for r in rows]


def pending_timers(connection: Connection, case_id: int) -> list[dict[str, Any]]:
    """Return the pending timers of a case, soonest first: name, fire_at (UTC), occurrence."""
    rows = connection.execute(
        select(timers.c.name, timers.c.fire_at, timers.c.occurrence)
        .where(timers.c.case_id == case_id, timers.c.status == "pending")
        .order_by(timers.c.fire_at)
    )
    return [
        {"name": r.name, "fire_at": from_micros(r.fire_at), "occurrence": r.occurrence}
        for r in rows
    ]


def files(connection: Connection, case_id: int) -> list[dict[str, Any]]:
    """Return the files of a case: name, media_type, size, sha256, and the event that attached it."""
    rows = connection.execute(
        select(
            attachments.c.name,
            attachments.c.media_type,
            attachments.c.seq,
            attachments.c.sha256,
            blobs.c.size,
        )
        .join(blobs, blobs.c.sha256 == attachments.c.sha256)
        .where(attachments.c.case_id == case_id)
        .order_by(attachments.c.id)
    ).mappings()
    return [dict(r) for r in rows]


def children(connection: Connection, case_id: int) -> list[Listed]:
    """Return the child cases, open or ended."""
    return list_cases(connection, parent_id=case_id, ended=None)


def merged_into(connection: Connection, case_id: int) -> list[str]:
    """Return the numbers of the cases that were merged into this one."""
    wanted = select(cases.c.number).where(cases.c.redirect_id == case_id)
    return list(connection.execute(wanted.order_by(cases.c.number)).scalars())


def summaries(connection: Connection) -> dict[tuple[str, int], dict[str, Any]]:
    """Return, by process and version, the labels that were stored with each definition."""
    rows = connection.execute(
        select(definitions.c.key, definitions.c.version, definitions.c.summary)
    )
    return {(r.key, r.version): json.loads(r.summary) for r in rows}


def counts_by_outcome(connection: Connection, process: str) -> dict[str, int]:
    """Return how many cases of a process stand in each state, open or ended."""
    rows = connection.execute(
        select(cases.c.state, func.count())
        .where(cases.c.process == process)
        .group_by(cases.c.state)
        .order_by(cases.c.state)
    )
    return {row[0]: row[1] for row in rows}


def open_by_version(connection: Connection, process: str) -> dict[int, int]:
    """Return how many open cases of a process are on each of its versions."""
    rows = connection.execute(
        select(cases.c.definition_version, func.count())
        .where(cases.c.process == process, cases.c.ended_at.is_(None))
        .group_by(cases.c.definition_version)
        .order_by(cases.c.definition_version)
    )
    return {row[0]: row[1] for row in rows}


def last_activity(connection: Connection) -> datetime | None:
    """Return the instant of the newest event of all, or None."""
    newest = connection.execute(select(func.max(history.c.at))).scalar()
    return instant(newest)


def oldest_due_timer(connection: Connection) -> datetime | None:
    """Return when the first pending timer is to fire, None when none is pending."""
    soonest = connection.execute(
        select(func.min(timers.c.fire_at)).where(timers.c.status == "pending")
    ).scalar()
    return instant(soonest)

"""Certificates as they were issued: signed documents, numbered for each batch, never changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, select

from engine.errors import NotFound
from engine.schema import certificates, definitions, from_micros, to_micros

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection, Row


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """One issue; `made_at` is UTC, `sha256` is that of `document`, which is canonical JSON."""

    outbox_id: int
    issue: int
    made_at: datetime
    sha256: str
    document: str


def newest(connection: Connection, outbox_id: int) -> Certificate | None:
    """Return the last issue of a batch's certificate, None when there is none yet."""
    wanted = _of(outbox_id).order_by(certificates.c.issue.desc()).limit(1)
    row = connection.execute(wanted).first()
    return None if row is None else _certificate(row)


def issued(connection: Connection, outbox_id: int, issue: int) -> Certificate:
    """Return one issue of a batch's certificate.

    Raises:
        NotFound: There is no such issue; `near` has those that exist.
    """
    rows = connection.execute(_of(outbox_id).order_by(certificates.c.issue)).all()
    for row in rows:
        if row.issue == issue:
            return _certificate(row)
    raise NotFound("certificate", str(issue), near=tuple(str(r.issue) for r in rows))


def keep(connection: Connection, certificate: Certificate) -> None:
    """Store an issue, for good.

    Raises:
        sqlalchemy.exc.IntegrityError: Somebody else has just stored that issue.
    """
    values = {
        "outbox_id": certificate.outbox_id,
        "issue": certificate.issue,
        "made_at": to_micros(certificate.made_at),
        "sha256": certificate.sha256,
        "document": certificate.document,
    }
    connection.execute(insert(certificates).values(values))


def installed_at(connection: Connection, process: str, version: int) -> datetime:
    """Return since when a version of a definition has been in force (UTC)."""
    wanted = select(definitions.c.installed_at).where(
        definitions.c.key == process, definitions.c.version == version
    )
    return from_micros(connection.execute(wanted).scalar_one())


def _of(outbox_id: int) -> Any:
    return select(certificates).where(certificates.c.outbox_id == outbox_id)


def _certificate(row: Row[Any]) -> Certificate:
    return Certificate(
        outbox_id=row.outbox_id,
        issue=row.issue,
        made_at=from_micros(row.made_at),
        sha256=row.sha256,
        document=row.document,
    )

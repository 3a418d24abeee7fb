"""Files attached to a case: kept in the database, so that a commit or a backup has all or nothing.

A content is stored once whatever its names (keyed by its SHA-256). Files stay inside: nothing here
is ever joined to a message.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, select

from engine.actor import File
from engine.chain import content_hash
from engine.errors import InvalidInput, NotFound, Reason
from engine.schema import attachments, blobs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection

#: The largest file, in bytes: what a mailbox usually takes.
LARGEST = 25 * 1024 * 1024


def store(connection: Connection | None, files: Sequence[File]) -> list[dict[str, Any]]:
    """Store contents and return what a history event says of each: name, type, size, hash.

    Raises:
        InvalidInput: `file_too_large` or `file_name`, for every file that is at fault.
    """
    reasons = [r for f in files for r in _faults(f)]
    if reasons:
        raise InvalidInput(tuple(reasons))
    assert connection is not None
    return [_store_one(connection, f) for f in files]


def link(connection: Connection, case_id: int, seq: int, stored: Sequence[dict[str, Any]]) -> None:
    """Tie stored contents to the event that attached them."""
    for file in stored:
        connection.execute(
            insert(attachments).values(
                case_id=case_id,
                seq=seq,
                name=file["name"],
                media_type=file["type"],
                sha256=file["sha256"],
            )
        )


def content(connection: Connection, case_id: int, name: str) -> bytes:
    """Return the newest content attached to a case under a name; raise `NotFound`."""
    found = connection.execute(
        select(blobs.c.content)
        .join(attachments, attachments.c.sha256 == blobs.c.sha256)
        .where(attachments.c.case_id == case_id, attachments.c.name == name)
        .order_by(attachments.c.id.desc())
    ).scalar()
    if found is None:
        raise NotFound("file", name)
    return bytes(found)


def read(connection: Connection, said: Mapping[str, Any]) -> File:
    """Return a file by what a history event says of it: its name, type and hash."""
    wanted = select(blobs.c.content).where(blobs.c.sha256 == said["sha256"])
    found = bytes(connection.execute(wanted).scalar_one())
    return File(name=said["name"], media_type=said["type"], content=found)


def _faults(file: File) -> list[Reason]:
    faults = []
    if len(file.content) > LARGEST:
        faults.append(
            Reason(
                code="file_too_large",
                field=file.name,
                params={"size": len(file.content), "largest": LARGEST},
            )
        )
    if not file.name or any(ord(c) < ord(" ") or c in "/\\" for c in file.name):
        faults.append(Reason(code="file_name", field=file.name))
    return faults


def _store_one(connection: Connection, file: File) -> dict[str, Any]:
    digest = content_hash(file.content)
    if connection.execute(select(blobs.c.size).where(blobs.c.sha256 == digest)).first() is None:
        connection.execute(
            insert(blobs).values(sha256=digest, size=len(file.content), content=file.content)
        )
    return {
        "name": file.name,
        "type": file.media_type,
        "size": len(file.content),
        "sha256": digest,
    }

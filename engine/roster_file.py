"""A roster from a spreadsheet's CSV: read whole, judged whole, then imported whole or not at all.

Columns: nom, ordre, region, courriel (or courriel_exemple), langue, source_du_nom; separated by `,` or
`;`, in UTF-8 with or without a byte order mark. Several addresses of one establishment are separated by
`|`. Importing the same file again changes nothing.
"""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine import roster
from engine.contact import has_controls, is_email
from engine.errors import ArrimageError
from engine.folding import fold
from engine.roster import Contact, NewMember

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date, datetime
    from pathlib import Path

    from sqlalchemy import Connection

#: Orders of education, by folded name; none of them filters anybody out.
ORDERS = {"fp": "FP", "collegial": "collégial", "universitaire": "universitaire"}
NEEDED = ("nom", "ordre")
_LANGUAGE = re.compile(r"(fr|fr\+en)(?:\s*\((.+)\))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class FileFinding:
    """One fault of a file: line (1-based), column's name, code, and the value at fault."""

    line: int
    column: str
    code: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportReport:
    """What an import did."""

    added: int
    changed: int
    unchanged: int
    without_address: tuple[str, ...]


class RosterFileError(ArrimageError):
    """The file has faults and nothing was imported."""

    def __init__(self, path: str, findings: tuple[FileFinding, ...]) -> None:
        self.path = path
        self.findings = findings
        super().__init__(f"{path}: {len(findings)} faults")


def import_csv(
    connection: Connection, name: str, path: Path, *, day: date, actor: str, at: datetime
) -> ImportReport:
    """Import a file into a roster inside the caller's transaction.

    Args:
        connection: In a write transaction.
        name: The roster.
        path: The file.
        day: From when new members are members, and changed contacts hold (local date).
        actor: Who imports.
        at: When.

    Raises:
        RosterFileError: Every fault of the file.
    """
    new = read(path)
    known = {fold(m.name): m for m in roster.list_members(connection, name, day)}
    added = changed = 0
    for member in new:
        before = known.get(fold(member.name))
        if before is None:
            roster.add(connection, name, member, joined_on=day, actor=actor, at=at)
            added += 1
        elif _update(connection, before, member, day, actor, at):
            changed += 1
    return ImportReport(
        added=added,
        changed=changed,
        unchanged=len(new) - added - changed,
        without_address=tuple(m.name for m in new if not m.contacts),
    )


def _update(
    connection: Connection,
    before: roster.Member,
    after: NewMember,
    day: date,
    actor: str,
    at: datetime,
) -> bool:
    described = ("name", "category", "region", "languages", "language_reason", "source")
    changed = False
    if any(getattr(before, f) != getattr(after, f) for f in described):
        roster.describe(connection, before.id, before.roster, after, actor=actor, at=at)
        changed = True
    if {c.email for c in before.contacts} != {c.email for c in after.contacts}:
        roster.set_contacts(connection, before, after.contacts, day=day, actor=actor, at=at)
        changed = True
    return changed


def read(path: Path) -> list[NewMember]:
    """Return the members of a file; raise `RosterFileError` with every fault."""
    rows, findings = _rows(path)
    members: list[NewMember] = []
    seen: dict[str, int] = {}
    for line, row in rows:
        faults = list(_faults(line, row))
        folded = fold(row["nom"])
        if folded and folded in seen:
            faults.append(_fault(line, "nom", "duplicate", row["nom"]))
        seen.setdefault(folded, line)
        findings += faults
        if not faults:
            members.append(_member(row))
    if findings:
        raise RosterFileError(str(path), tuple(findings))
    return members


def _rows(path: Path) -> tuple[list[tuple[int, dict[str, str]]], list[FileFinding]]:
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return [], [_fault(1, "", "not_utf8", str(error.start))]
    first = text.partition("\n")[0]
    reader = csv.DictReader(io.StringIO(text), delimiter=";" if ";" in first else ",")
    columns = [c.strip() for c in reader.fieldnames or []]
    missing = [c for c in NEEDED if c not in columns]
    if missing or not {"courriel", "courriel_exemple"} & set(columns):
        named = missing or ["courriel"]
        return [], [_fault(1, c, "missing_column", ", ".join(columns)) for c in named]
    return [(reader.line_num, _clean(row)) for row in reader], []


def _clean(row: Mapping[str | None, str | Sequence[str] | None]) -> dict[str, str]:
    plain = {str(k).strip(): str(v or "").strip() for k, v in row.items() if k is not None}
    plain["courriel"] = plain.get("courriel") or plain.get("courriel_exemple", "")
    return {"langue": "fr", "region": "", "source_du_nom": "", **plain}


def _faults(line: int, row: Mapping[str, str]) -> list[FileFinding]:
    faults = []
    if not row["nom"]:
        faults.append(_fault(line, "nom", "empty", ""))
    if fold(row["ordre"]) not in ORDERS:
        faults.append(_fault(line, "ordre", "unknown_order", row["ordre"]))
    faults += [
        _fault(line, "courriel", "not_an_email", a) for a in _addresses(row) if not is_email(a)
    ]
    if row["langue"] and _LANGUAGE.fullmatch(row["langue"]) is None:
        faults.append(_fault(line, "langue", "unknown_language", row["langue"]))
    faults += [
        _fault(line, column, "control_character", value)
        for column, value in row.items()
        if has_controls(value)
    ]
    return faults


def _addresses(row: Mapping[str, str]) -> list[str]:
    return [a.strip() for a in row["courriel"].split("|") if a.strip()]


def _member(row: Mapping[str, str]) -> NewMember:
    found = _LANGUAGE.fullmatch(row["langue"] or "fr")
    languages, reason = (found[1], found[2]) if found else ("fr", None)
    return NewMember(
        name=row["nom"],
        category=ORDERS[fold(row["ordre"])],
        region=row["region"],
        languages=languages,
        language_reason=reason,
        source=row["source_du_nom"],
        contacts=tuple(Contact(email=a) for a in _addresses(row)),
    )


def _fault(line: int, column: str, code: str, value: str) -> FileFinding:
    return FileFinding(line=line, column=column, code=code, value=value[:120])

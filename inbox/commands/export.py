"""`export`: the register as a spreadsheet or as CSV."""

from __future__ import annotations

import csv
import io
import os
from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from engine import register, roster, staff
from engine.reception import reception
from inbox import dates, values
from inbox.command import command
from inbox.lookup import PROCESS
from inbox.output import say, show_json
from inbox.texts import _, clean, lang, n_, word

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from engine.calendar import Calendar
    from engine.definition.compiled import CompiledDefinition, CompiledField
    from engine.register import Listed
    from inbox.app import App

#: Characters with which a spreadsheet takes a cell for a formula (OWASP, CSV injection).
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
Cell = str | int | Decimal | date | None


@command(
    "export",
    help=_("Exporter le registre : un fichier .xlsx ou .csv (UTF-8 avec BOM, points-virgules)."),
    examples=["inbox export registre.xlsx", "inbox export registre.csv --process demande"],
)
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--process",
    type=PROCESS,
    default="demande",
    show_default=True,
    help=_("Le registre d'un processus."),
)
def export(app: App, file: Path, process: str) -> None:
    if file.suffix not in {".xlsx", ".csv"}:
        raise click.UsageError(_("Le fichier doit finir par .xlsx ou .csv : {file}", file=file))
    rows = list(_rows(app, process))
    content = _xlsx(rows) if file.suffix == ".xlsx" else _csv(rows)
    write_atomically(file, content)
    if app.json:
        show_json({"file": str(file), "cases": len(rows) - 1})
        return
    say(
        n_(
            "{n} dossier écrit dans {file}",
            "{n} dossiers écrits dans {file}",
            len(rows) - 1,
            file=file,
        )
    )


def _rows(app: App, process: str) -> Iterator[list[Cell]]:
    """Yield the header, then a row for each case, open or ended, in the order of the numbers."""
    definition = app.library.current(process).definition
    with app.database.read() as connection:
        known = _Known(
            calendar=app.workspace.calendar,
            now=app.now,
            members=roster.names(connection),
            people={p.login: p.name for p in staff.list_staff(connection)},
            states=register.summaries(connection),
        )
        found = register.with_data(connection, process)
    yield [*_headings(definition)]
    for line, data in found:
        # A value is of the type that it has in the version under which it was given.
        own = app.library.get(line.process, line.definition_version).definition
        yield [
            *_about(known, line),
            *(_lag(known, own, data, line) if definition.received else ()),
            *(
                _typed(own.fields.get(name, field), data.get(name), known)
                for name, field in definition.fields.items()
            ),
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What the rows are made with."""

    calendar: Calendar
    now: datetime
    members: dict[int, str]
    people: dict[str, str]
    states: dict[tuple[str, int], dict[str, Any]]

    def local(self, instant: datetime) -> datetime:
        """Return an instant as a spreadsheet takes it: local, without a zone."""
        return self.calendar.local(instant).replace(tzinfo=None, microsecond=0)


def _headings(definition: CompiledDefinition) -> list[str]:
    """Return the headings; of several that read alike, each field's has its key too."""
    fixed = [_("Numéro"), _("Inscrite le"), _("État"), _("Responsable"), _("Échéance"),
             _("Fermée le"), _("Âge (jours ouvrables)")]  # fmt: skip
    if definition.received:
        fixed += [_("Délai d'inscription (jours ouvrables)"), _("Inscrite trop tard")]
    fields = definition.fields.items()
    times = Counter([*fixed, *(word(f.label) for _name, f in fields)])
    return fixed + [
        word(f.label) if times[word(f.label)] == 1 else f"{word(f.label)} ({name})"
        for name, f in fields
    ]


def _about(known: _Known, line: Listed) -> list[Cell]:
    state = known.states[(line.process, line.definition_version)]["states"][line.state]
    return [
        line.number,
        known.local(line.opened_at),
        word(state["label"]),
        known.people.get(line.owner or "", line.owner),
        None if line.due_at is None else known.calendar.today(line.due_at),
        None if line.ended_at is None else known.local(line.ended_at),
        dates.age(line, known.now, known.calendar),
    ]


def _lag(
    known: _Known, definition: CompiledDefinition, data: Mapping[str, Any], line: Listed
) -> list[Cell]:
    arrived = reception(definition, data, line.opened_at, known.calendar)
    if arrived is None:
        return [None, None]
    return [arrived.lag, _("oui") if arrived.late else _("non")]


def _typed(field: CompiledField, value: Any, known: _Known) -> Cell:
    """Return a value as what it is, for sorting and sums: a number, a date, an instant, or words."""
    if value is None or isinstance(value, dict) or field.type not in _TYPED:
        return values.shown(field, value, known.calendar, known.members)
    return _TYPED[field.type](value, known)


def _instant(value: str, known: _Known) -> Cell:
    at = values.whole_day(value, known.calendar)
    return known.local(at) if isinstance(at, datetime) else at


_TYPED: dict[str, Callable[[Any, _Known], Cell]] = {
    "integer": lambda value, _known: int(value),
    "decimal": lambda value, _known: Decimal(value),
    "date": lambda value, _known: date.fromisoformat(value),
    "instant": _instant,
}


def safe_cell(value: str) -> str:
    """Return a cell's text that no spreadsheet takes for a formula, without control characters."""
    text = clean(value).replace("\r", " ")
    return f"'{text}" if text.startswith(_FORMULA) else text


def _csv(rows: list[list[Cell]]) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out, delimiter=";", lineterminator="\r\n")
    writer.writerows([[_written(cell) for cell in row] for row in rows])
    return out.getvalue().encode("utf-8-sig")


def _written(cell: Cell) -> str:
    if isinstance(cell, str):
        return safe_cell(cell)
    if isinstance(cell, datetime):
        return f"{cell:%Y-%m-%d %H:%M}"
    if isinstance(cell, Decimal):
        # As a spreadsheet in the language of this run reads it.
        return str(cell) if lang() == "en" else str(cell).replace(".", ",")
    return "" if cell is None else str(cell)


def _xlsx(rows: list[list[Cell]]) -> bytes:
    import xlsxwriter

    out = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False,
               "strings_to_numbers": False}  # fmt: skip
    book = xlsxwriter.Workbook(out, options)
    sheet = book.add_worksheet(_("Registre"))
    looks = {name: book.add_format({"valign": "top", **look}) for name, look in _LOOKS.items()}
    for r, row in enumerate(rows):
        for c, cell in enumerate(row):
            _write(sheet, (r, c), cell, looks)
    sheet.freeze_panes(1, 1)
    sheet.autofilter(0, 0, max(1, len(rows) - 1), len(rows[0]) - 1)
    sheet.set_column(0, 0, 14)
    sheet.set_column(1, len(rows[0]) - 1, 24)
    book.close()
    return out.getvalue()


_LOOKS: dict[str, dict[str, Any]] = {
    "heading": {"bold": True},
    "text": {"text_wrap": True},
    "date": {"num_format": "yyyy-mm-dd"},
    "instant": {"num_format": "yyyy-mm-dd hh:mm"},
    "number": {},
}


def _write(sheet: Any, at: tuple[int, int], cell: Cell, looks: Mapping[str, Any]) -> None:
    """Write a cell as what it is; only text could be taken for a formula, and never is."""
    if isinstance(cell, str):
        look = looks["text" if at[0] else "heading"]
        sheet.write_string(*at, safe_cell(cell)[:32767], look)
    elif isinstance(cell, date):
        look = looks["instant" if isinstance(cell, datetime) else "date"]
        sheet.write_datetime(*at, cell, look)
    elif cell is not None:
        sheet.write_number(*at, cell, looks["number"])


def form_of(file: Path, forms: Mapping[str, str]) -> str:
    """Return the format that a file's name asks for; refuse a name that asks for none."""
    form = forms.get(file.suffix.lower())
    if form is None:
        raise click.UsageError(
            _("Le fichier doit finir par {forms} : {file}", forms=", ".join(forms), file=file)
        )
    return form


def write_atomically(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Write a whole file or none: under another name first, then in its place."""
    if not path.absolute().parent.is_dir():
        raise click.UsageError(
            _("Il n'y a pas de dossier {folder}.", folder=path.absolute().parent)
        )
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)

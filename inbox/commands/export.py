"""`export`: the register as a spreadsheet or as CSV."""

from __future__ import annotations

import csv
import io
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from engine import register, roster
from inbox import dates, values
from inbox.command import command
from inbox.lookup import PROCESS
from inbox.output import say, show_json
from inbox.texts import _, clean, n_, word

if TYPE_CHECKING:
    from collections.abc import Iterator

    from inbox.app import App

#: Characters with which a spreadsheet takes a cell for a formula (OWASP, CSV injection).
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_EVERYTHING = 1_000_000


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


def _rows(app: App, process: str) -> Iterator[list[str]]:
    """Yield the header, then a row for each case, open or ended, in the order of the numbers."""
    definition = app.library.current(process).definition
    calendar, now = app.workspace.calendar, app.now
    fields = list(definition.fields.values())
    with app.database.read() as connection:
        names = roster.names(connection)
        labels = register.summaries(connection)
        found = register.list_cases(connection, process=process, ended=None, limit=_EVERYTHING)
        data = register.data_of(connection, process)
    yield [_("Numéro"), _("Inscrite le"), _("État"), _("Responsable"), _("Échéance"), _("Fermée le"),
           _("Âge (jours ouvrables)"), *(word(f.label) for f in fields)]  # fmt: skip
    for line in found:
        state = labels[(line.process, line.definition_version)]["states"][line.state]
        due = "" if line.due_at is None else calendar.today(line.due_at).isoformat()
        ended = "" if line.ended_at is None else calendar.today(line.ended_at).isoformat()
        yield [
            line.number,
            calendar.today(line.opened_at).isoformat(),
            word(state["label"]),
            line.owner or "",
            due,
            ended,
            str(dates.age(line, now, calendar)),
            *(values.shown(f, data[line.id].get(f.name), calendar, names) for f in fields),
        ]


def safe_cell(value: str) -> str:
    """Return a cell's text that no spreadsheet takes for a formula, without control characters."""
    text = clean(value).replace("\r", " ")
    return f"'{text}" if text.startswith(_FORMULA) else text


def _csv(rows: list[list[str]]) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out, delimiter=";", lineterminator="\r\n")
    writer.writerows([[safe_cell(cell) for cell in row] for row in rows])
    return out.getvalue().encode("utf-8-sig")


def _xlsx(rows: list[list[str]]) -> bytes:
    import xlsxwriter

    out = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False,
               "strings_to_numbers": False}  # fmt: skip
    book = xlsxwriter.Workbook(out, options)
    sheet = book.add_worksheet(_("Registre"))
    bold, wrap = (
        book.add_format({"bold": True}),
        book.add_format({"text_wrap": True, "valign": "top"}),
    )
    for r, row in enumerate(rows):
        for c, cell in enumerate(row):
            sheet.write_string(r, c, safe_cell(cell)[:32767], bold if r == 0 else wrap)
    sheet.freeze_panes(1, 1)
    sheet.autofilter(0, 0, max(1, len(rows) - 1), len(rows[0]) - 1)
    sheet.set_column(0, 0, 14)
    sheet.set_column(1, len(rows[0]) - 1, 24)
    book.close()
    return out.getvalue()


def write_atomically(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Write a whole file or none: under another name first, then in its place."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)

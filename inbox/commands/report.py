"""`report`: the annual report of the strategic plan, as a file to hand to the board."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from engine import register, staff
from inbox.command import command
from inbox.commands.export import form_of, write_atomically
from inbox.output import say, show_json
from inbox.plan_words import given_json
from inbox.plans import Plans
from inbox.report import words
from inbox.report.content import Report
from inbox.texts import _, n_, word
from workflows.plan.board import STATUSES, summary
from workflows.plan.table import lines

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inbox.app import App
    from workflows.plan.board import Row
    from workflows.plan.decisions import Standing
    from workflows.plan.table import Line

#: The module of `inbox.report` that writes each kind of file.
_FORMATS = {".xlsx": "spreadsheet", ".docx": "document", ".html": "page", ".svg": "chart"}


@command(
    "report",
    help=_(
        "Le rapport annuel du plan : un tableau (.xlsx, .docx, .html) ou un graphique d'une page (.svg)."
    ),
    examples=["inbox report 2012-2013 rapport.docx", "inbox report 2012-2013 statuts.svg"],
)
@click.argument("year", metavar="2012-2013")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--plan", "key", metavar="CLÉ", help=_("Un plan, s'il y en a plusieurs."))
def report(app: App, year: str, file: Path, key: str | None) -> None:
    form = form_of(file, _FORMATS)
    made = _report(app, year, key)
    content: bytes = import_module(f"inbox.report.{form}").render(made)
    write_atomically(file, content)
    if app.json:
        show_json({"file": str(file), **_report_json(made)})
        return
    count = len({line.indicator for line in made.lines})
    say(n_("{n} indicateur écrit dans {file}", "{n} indicateurs écrits dans {file}", count, file=file))  # fmt: skip


def _report(app: App, year: str, key: str | None) -> Report:
    plans = Plans(app).told()
    asked = plans.fiscal_year(year)
    plan, rows = _promising(plans, asked, key)
    first, last = app.workspace.calendar.fiscal_bounds(asked)
    return Report(
        institute=words.text(app.workspace.institute["name"]), plan=plan, fiscal_year=asked, first=first,
        last=last, made=app.today, total=summary(rows), lines=tuple(_lines(app, rows)),
    )  # fmt: skip


def _promising(plans: Plans, year: str, key: str | None) -> tuple[Standing, list[Row]]:
    """Return the plan that promises something for a year: a report is of one plan, and not empty."""
    found = [(plan, rows) for plan in plans.chosen(key) if (rows := plans.board(plan, year))]
    if not found:
        raise click.UsageError(_("Aucun plan ne promet rien pour {year}.", year=year))
    if len(found) > 1:
        names = " | ".join(plan.catalogue.key for plan, _rows in found)
        raise click.UsageError(_("Lequel? --plan {names}", names=names))
    return found[0]


def _lines(app: App, rows: Sequence[Row]) -> list[Line]:
    with app.database.read() as connection:
        names = {person.login: person.name for person in staff.list_staff(connection)}
        return lines(
            rows,
            name_of=lambda login: names.get(login, login),
            files_of=lambda case: list(
                dict.fromkeys(f["name"] for f in register.files(connection, case))
            ),
        )


def _report_json(made: Report) -> dict[str, Any]:
    total = made.total
    return {
        "plan": made.plan.catalogue.key,
        "label": made.plan.catalogue.plan.label.fr,
        "fiscal_year": made.fiscal_year,
        "made": made.made,
        "expected": total.expected, "received": total.received, "on_time": total.on_time,
        "lines": [_line_json(line) for line in made.lines],
    }  # fmt: skip


def _line_json(line: Line) -> dict[str, Any]:
    """Return a line in its documented shape."""
    (enjeu, enjeu_title), (axis, axis_title) = line.enjeu, line.axis
    objective, objective_title = line.objective
    return {
        "enjeu": {"number": enjeu, "title": enjeu_title, "orientation": line.orientation},
        "axis": {"number": axis, "title": axis_title},
        "objective": {"number": objective, "title": objective_title},
        "indicator": line.indicator,
        "title": line.title,
        "target": line.target,
        "replaces": _pair(line.former_target, "target", "resolution"),
        "replaced_by": _pair(line.replaced_by, "target", "resolution"),
        "due": line.due,
        "part": _pair(line.part, "from", "to"),
        "status": line.status,
        "status_label": word(STATUSES[line.status]),
        "status_given": given_json(line.given),
        "result": line.result,
        "value": line.value,
        "reached_on": line.reached_on,
        "quantity": line.quantity,
        "count": line.count,
        "events": [_pair(event, "date", "title") for event in line.events],
        "explanation": line.explanation,
        "late_entry": line.late,
        "evidence": list(line.evidence),
        "entered_by": line.entered_by,
        "validated": _pair(line.validated_by, "by", "on"),
        "adopted": _pair(line.resolution, "resolution", "on"),
        "case": line.case,
    }


def _pair(found: tuple[Any, Any] | None, one: str, two: str) -> dict[str, Any] | None:
    return None if found is None else {one: found[0], two: found[1]}

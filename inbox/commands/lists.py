"""`list` and `search`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from engine import register
from inbox import dates
from inbox.command import command
from inbox.lookup import LOGIN, PROCESS, STATE, known_person, known_process, known_state
from inbox.output import say, show_json, table
from inbox.texts import _, n_, word

if TYPE_CHECKING:
    from engine.register import Listed
    from inbox.app import App


@command(
    "list",
    help=_("Lister les dossiers, dans l'ordre de leurs numéros."),
    examples=[
        "inbox list",
        "inbox list --mine",
        "inbox list --overdue",
        'inbox list --state "À préciser"',
        "inbox list --closed --json",
    ],
)
@click.option("--process", type=PROCESS, help=_("D'un processus."))
@click.option("--state", type=STATE, help=_("Dans un état, par son nom ou son libellé."))
@click.option("--owner", type=LOGIN, metavar="LOGIN", help=_("Confiés à quelqu'un."))
@click.option("--mine", is_flag=True, help=_("Les miens."))
@click.option("--overdue", is_flag=True, help=_("En retard."))
@click.option("--closed", is_flag=True, help=_("Fermés."))
@click.option("--all", "everything", is_flag=True, help=_("Ouverts et fermés."))
@click.option("--limit", type=click.IntRange(1, 100_000), default=200, show_default=True)
def list_(
    app: App,
    process: str | None,
    state: str | None,
    owner: str | None,
    mine: bool,
    overdue: bool,
    closed: bool,
    everything: bool,
    limit: int,
) -> None:
    # A slip of the hand must not read as « there is nothing ».
    process = None if process is None else known_process(app, process)
    state = None if state is None else known_state(app, state, process)
    owner = None if owner is None else known_person(app, owner)
    ended = None if everything else closed
    before = app.workspace.calendar.instant(app.today, _midnight()) if overdue else None
    with app.database.read() as connection:
        found = register.list_cases(
            connection,
            process=process,
            state=state,
            owner=app.person.login if mine else owner,
            ended=ended,
            due_before=before,
            limit=limit,
        )
        show_lines(app, found, register.summaries(connection))


@command(
    "search",
    help=_("Chercher des mots dans les numéros, les titres, les organisations, les contacts."),
    examples=["inbox search cote d'ivoire", 'inbox search "formation minière" --json'],
)
@click.argument("text", nargs=-1, required=True)
def search(app: App, text: tuple[str, ...]) -> None:
    with app.database.read() as connection:
        found = register.search(connection, " ".join(text))
        show_lines(app, found, register.summaries(connection))


def _midnight() -> Any:
    from datetime import time

    return time(0, 0)


def show_lines(app: App, found: list[Listed], labels: dict[tuple[str, int], Any]) -> None:
    """Print cases as a table, or as JSON."""
    calendar, now = app.workspace.calendar, app.now

    def state(line: Listed) -> str:
        part = labels[(line.process, line.definition_version)]["states"][line.state]
        return word(part["label"])

    if app.json:
        show_json({"cases": [as_json(line, state(line)) for line in found]})
        return
    rows = [
        (
            line.number,
            line.title,
            state(line),
            line.owner or "—",
            dates.day(calendar.today(line.ended_at))
            if line.ended_at
            else dates.due(line.due_at, now, calendar),
        )
        for line in found
    ]
    if rows:
        table(rows, [_("Numéro"), _("Titre"), _("État"), _("À qui"), _("Échéance ou fin")])
    say(n_("{n} dossier", "{n} dossiers", len(rows)))


def as_json(line: Listed, label: str) -> dict[str, Any]:
    """Return a case of a list in its documented shape."""
    return {
        "case": line.number,
        "process": line.process,
        "title": line.title,
        "state": line.state,
        "state_label": label,
        "owner": line.owner,
        "desk": line.desk,
        "opened": line.opened_at,
        "due": line.due_at,
        "ended": line.ended_at,
        "version": line.version,
    }

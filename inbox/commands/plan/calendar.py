"""`plan calendar`: the deadlines of a year for a calendar program."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from inbox import dates
from inbox.command import command
from inbox.commands.plan.options import plan_option, sound_plans
from inbox.lookup import known_person
from inbox.output import say, show_json
from inbox.texts import _, n_, said

if TYPE_CHECKING:
    from inbox.app import App
    from workflows.plan.board import Row


@command(
    "calendar",
    help=_("Les échéances d'un exercice dans un fichier .ics, pour un logiciel d'agenda."),
    examples=["inbox plan calendar echeances.ics --year 2012-2013 --person conseillere"],
)
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--year", metavar="2012-2013", help=_("L'exercice (par défaut, celui d'aujourd'hui).")
)
@click.option("--person", metavar="LOGIN", help=_("Les échéances d'une personne seulement."))
@plan_option
def calendar(app: App, file: Path, year: str | None, person: str | None, key: str | None) -> None:
    from inbox.commands.export import form_of, write_atomically

    form_of(file, {".ics": "calendar"})
    plans = sound_plans(app)
    if person is not None:
        known_person(app, person)
    expected = [r for p in plans.chosen(key) for r in plans.board(p, plans.fiscal_year(year))
                if person in {None, r.owner} and r.expected]  # fmt: skip
    rows = [r for r in expected if not r.answered]
    answered = len(expected) - len(rows)
    if not rows:
        raise click.UsageError(_("Aucune échéance à mettre dans un agenda."))
    write_atomically(file, _ics(app, rows))
    if app.json:
        show_json({"file": str(file), "events": len(rows), "answered": answered})
        return
    say(n_("{n} échéance dans {file}", "{n} échéances dans {file}", len(rows), file=file))
    if answered:
        say(n_("{n} compte rendu déjà donné n'y est pas.", "{n} comptes rendus déjà donnés n'y sont pas.", answered))  # fmt: skip


def _ics(app: App, rows: list[Row]) -> bytes:
    """Return the deadlines as all-day events (RFC 5545), one a cycle, on its do-by day."""
    from datetime import timedelta

    from icalendar import Alarm, Calendar, Event

    made = Calendar()
    made.add("prodid", "-//Arrimage//FR")
    made.add("version", "2.0")
    for row in rows:
        cycle = row.cycle
        event = Event()
        event.add("uid", f"{cycle.key}@{app.workspace.mail_settings().domain}")
        event.add("dtstamp", app.now)
        event.add("dtstart", cycle.do_by)
        event.add("dtend", cycle.do_by + timedelta(days=1))
        event.add("summary", f"{cycle.indicator} – {said(cycle.entry.indicator.title)}")
        event.add("description", _("Cible : {text}. Échéance : {due}. Fin de la saisie : {enter}.",
                                   text=cycle.version.target, due=dates.day(cycle.due),
                                   enter=dates.day(cycle.enter_by)))  # fmt: skip
        event.add("transp", "TRANSPARENT")
        alarm = Alarm()
        alarm.add("action", "DISPLAY")
        alarm.add("description", cycle.indicator)
        alarm.add("trigger", timedelta(days=-7))
        event.add_component(alarm)
        made.add_component(event)
    return bytes(made.to_ical())

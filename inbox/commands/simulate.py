"""`simulate`: what would happen by itself, on a virtual clock over a throw-away copy."""

from __future__ import annotations

from datetime import time
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, Any

import click

from engine import register
from inbox import dates
from inbox.command import command
from inbox.commands.partners import DATE
from inbox.output import say, show_json, strong
from inbox.plans import Plans
from inbox.texts import _, clean, n_, word

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from engine.simulation import Happening
    from inbox.app import App


#: Calendars are known until then.
_LAST_YEAR = 2999


@command(
    "simulate",
    help=_(
        "Jouer une période sur une horloge virtuelle : cycles ouverts, minuteries, courrier qui partirait. "
        "Rien n'est touché : c'est une copie qui est jetée."
    ),
    examples=[
        "inbox simulate --from 2011-04-01 --to 2016-03-31",
        "inbox simulate --from 2012-12-01 --to 2013-04-30 --calendar",
    ],
)
@click.option("--from", "first", type=DATE, help=_("Premier jour (par défaut, aujourd'hui)."))
@click.option("--to", "last", type=DATE, required=True, help=_("Dernier jour, compris."))
@click.option("--calendar", "by_day", is_flag=True, help=_("Un jour par bloc."))
def simulate(app: App, first: datetime | None, last: datetime, by_day: bool) -> None:
    start = app.today if first is None else first.date()
    if last.year > _LAST_YEAR:
        raise click.UsageError(_("Pas au-delà de {year}.", year=_LAST_YEAR))
    if last.date() < start:
        raise click.UsageError(_("Le dernier jour vient avant le premier."))
    calendar = app.workspace.calendar
    # Today is played from now on: this morning has been lived.
    begin = app.now if start == app.today else calendar.instant(start, time(0, 0))
    fresh = _lived_past(app, begin)
    happenings = list(_played(app, begin, calendar.end_of_day(last.date()), fresh=fresh))
    if app.json:
        show_json({"from": start, "to": last.date(), "fresh": fresh,
                   "happenings": [_json(app, h) for h in happenings]})  # fmt: skip
        return
    if fresh:
        say(
            _(
                "Le passé est rejoué depuis un registre vide, comme s'il n'y avait encore eu aucun dossier."
            )
        )
    if by_day:
        _say_days(app, happenings)
    else:
        for happening in happenings:
            say(f"{dates.moment(happening.at, calendar)}  {_line(app, happening)}")
    mail = sum(h.kind == "mail" for h in happenings)
    opened = sum(h.kind == "opened" for h in happenings)
    say(n_("{n} dossier ouvert", "{n} dossiers ouverts", opened)
        + " · " + n_("{n} message partirait", "{n} messages partiraient", mail))  # fmt: skip
    say(_("C'était une copie : rien n'a été changé, rien n'est parti."))


def _lived_past(app: App, begin: datetime) -> bool:
    """Tell whether a window begins before what the register has lived already."""
    with app.database.read() as connection:
        lived = register.last_activity(connection)
    return lived is not None and begin < lived


def _played(app: App, begin: datetime, end: datetime, *, fresh: bool) -> Iterator[Happening]:
    from engine import simulation
    from engine.cases import Engine
    from engine.clock import ManualClock
    from engine.library import Library
    from workflows.plan import keeper
    from workflows.plan.decisions import PROCESS
    from workflows.plan.owners import departures

    app.library.keys()  # what is new in the workspace is installed before it is copied
    # The time before the window is lived through too, in silence.
    since = begin if fresh else min(begin, app.now)
    with simulation.copied(app.database, fresh=fresh, kept={PROCESS}) as copy:
        clock = ManualClock(since)
        calendar = app.workspace.calendar
        engine = Engine(copy, Library(copy, calendar), calendar, clock, domain="example.org")
        plans = Plans(app).told().all()
        with copy.read() as connection:
            days = {*keeper.opening_days(plans, calendar), *departures(connection)}
        openings = [calendar.instant(day, time(0, 0)) for day in sorted(days)]
        happenings = simulation.play(
            engine, clock, end,
            plan=partial(keeper.keep, engine, plans),
            planned=openings,
        )  # fmt: skip
        yield from (h for h in happenings if h.at >= begin)


def _say_days(app: App, happenings: list[Happening]) -> None:
    calendar = app.workspace.calendar
    for day, of_day in groupby(happenings, key=lambda h: calendar.today(h.at)):
        closed = (
            ""
            if calendar.is_business_day(day)
            else f" ({dates.holiday(calendar, day) or _('fin de semaine')})"
        )
        say(strong(f"{dates.day(day)}{closed}"))
        for happening in of_day:
            say(f"  {dates.hour(calendar.local(happening.at).time())}  {_line(app, happening)}")


def _line(app: App, happening: Happening) -> str:
    number = happening.number
    if happening.kind == "mail":
        to = ", ".join(happening.body["to"])
        told = _("{number} — courrier à {to} : {subject}", number=number, to=to,
                 subject=_subject(app, happening))  # fmt: skip
        since = happening.body["waiting"]
        waits = "" if since is None else _(" (en attente depuis le {when})", when=dates.here(since))
        return clean(f"{told}{waits}")
    kinds = {"opened": _("ouvert"), "timer": _("minuterie"), "step": _("action")}
    return clean(f"{number} — {kinds[happening.kind]}{_(' : ')}{_said(app, happening)}")


def _said(app: App, happening: Happening) -> str:
    """Return what an event was about, in the definition's words."""
    if happening.kind == "opened":
        changes = happening.body.get("changes", {})
        return " – ".join(
            str(changes[k][1]) for k in ("indicateur", "exercice", "libelle") if k in changes
        )
    definition = app.library.get(happening.process, happening.version).definition
    if happening.kind == "timer":
        return word(definition.timers[happening.name].label)
    action = definition.actions.get(happening.name)
    return happening.name if action is None else word(action.label)


def _subject(app: App, happening: Happening) -> str:
    body = happening.body
    return app.renderer.subject(body["template"], body["languages"], body["facts"])


def _local(app: App, happening: Happening) -> datetime | None:
    since = happening.body["waiting"]
    return None if since is None else app.workspace.calendar.local(since)


def _json(app: App, happening: Happening) -> dict[str, Any]:
    shape: dict[str, Any] = {
        "at": app.workspace.calendar.local(happening.at), "kind": happening.kind,
        "case": happening.number, "name": happening.name, "said": _said(app, happening) if happening.kind != "mail" else None,
    }  # fmt: skip
    if happening.kind == "mail":
        shape |= {"to": happening.body["to"], "recipient": happening.body["name"],
                  "subject": _subject(app, happening), "waiting_since": _local(app, happening)}  # fmt: skip
    changes = happening.body.get("changes", {})
    if happening.kind == "opened":
        shape |= {k: changes[f][1] for k, f in (("indicator", "indicateur"), ("fiscal_year", "exercice"),
                                                ("due", "echeance")) if f in changes}  # fmt: skip
    return shape

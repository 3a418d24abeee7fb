"""`plan cycles`: every report that a plan promises."""

from __future__ import annotations

from collections import Counter
from datetime import date
from typing import TYPE_CHECKING

import click

from inbox import dates
from inbox.command import command
from inbox.commands.partners import DATE
from inbox.commands.plan.options import plan_option, sound_plans
from inbox.commands.plan.row import cycle_json
from inbox.output import say, show_json, table
from inbox.texts import _, n_, said
from workflows.plan.cycles import cycles

if TYPE_CHECKING:
    from datetime import datetime

    from inbox.app import App


@command(
    "cycles",
    help=_("Chaque compte rendu que le plan promet, entre deux échéances."),
    examples=["inbox plan cycles --from 2011-04-01 --to 2016-03-31 --json"],
)
@plan_option
@click.option("--from", "first", type=DATE, help=_("Première échéance."))
@click.option("--to", "last", type=DATE, help=_("Dernière échéance, comprise."))
def cycles_(app: App, key: str | None, first: datetime | None, last: datetime | None) -> None:
    plans = sound_plans(app)
    low = date.min if first is None else first.date()
    high = date.max if last is None else last.date()
    if high < low:
        raise click.UsageError(_("Le dernier jour vient avant le premier."))
    every = [c for p in plans.chosen(key) for c in cycles(p, app.workspace.calendar)]
    found = [c for c in every if low <= c.due <= high]
    if app.json:
        show_json({"cycles": [cycle_json(c) for c in found]})
        return
    alike = Counter((c.plan, c.name) for c in every)
    natures = {"target": _("cible"), "accountability": _("reddition")}
    table(
        [(c.name if alike[c.plan, c.name] == 1 else c.exact_name, said(c.entry.indicator.title), c.version.target, dates.day(c.due), dates.day(c.do_by),
          c.quantity or "", natures[c.nature]) for c in found],
        [_("Cycle"), _("Libellé"), _("Cible"), _("Échéance"), _("À faire au plus tard"), _("Nombre"), _("Nature")],
    )  # fmt: skip
    say(n_("{n} cycle", "{n} cycles", len(found)))

"""`plan open`: a cycle whose entry had closed before the plan came into the workspace."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from engine.errors import Refused
from engine.judge import role_needed
from inbox import dates
from inbox.command import command
from inbox.commands.plan.options import sound_plans
from inbox.output import say, show_json
from inbox.texts import _
from workflows.plan import keeper

if TYPE_CHECKING:
    from inbox.app import App


@command(
    "open",
    help=_("Ouvrir un cycle dont la saisie s'est close avant que le plan soit suivi ici; les autres s'ouvrent seuls."),
    examples=["inbox plan open E1-A3-O5-I2/2011-2012"],
)  # fmt: skip
@click.argument("cycle", metavar="CYCLE")
def open_(app: App, cycle: str) -> None:
    plans = sound_plans(app)
    plan, found, case = plans.named(cycle)
    if case is not None:
        raise click.UsageError(
            _(
                "Le cycle {name} est déjà ouvert : {number}.",
                name=found.name,
                number=case.line.number,
            )
        )
    process = app.library.current(plan.catalogue.plan.process).definition
    if not keeper.TENDERS & app.actor.roles:
        label = {"fr": "Ouvrir un cycle", "en": "Open a cycle"}
        raise Refused(
            (role_needed(process, keeper.TENDERS),), number=None, action="open", label=label
        )
    late = app.today > found.enter_by and found.superseded_by is None
    number = keeper.open_cycle(app.engine, plan, found) if late else plans.opened(plan, found, case)
    if app.json:
        show_json({"case": number, "cycle": found.exact_name})
        return
    say(_("{number} : ouvert.", number=number))
    if late:
        say(
            _(
                "Sa saisie s'est close le {d} : le résultat se déclare par exception.",
                d=dates.day(found.enter_by),
            )
        )
        say(f'  → inbox do {number} saisir --set exception_tardive=oui --set motif_tardif="…"')

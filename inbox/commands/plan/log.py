"""`plan log`: something that happened, counted in its year."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from engine.errors import InvalidInput
from engine.judge import read_form
from engine.references import References
from inbox import form
from inbox.command import command
from inbox.commands.partners import DATE
from inbox.commands.plan.options import plan_option, sound_plans
from inbox.commands.plan.row import progress, row_json
from inbox.output import say, show_json
from inbox.texts import _
from workflows.plan import keeper

if TYPE_CHECKING:
    from datetime import date, datetime

    from inbox.app import App
    from workflows.plan.decisions import Standing


@command(
    "log",
    help=_(
        "Consigner un événement (une entente, une activité, un avis…) : il compte dans son exercice."
    ),
    examples=[
        'inbox plan log E3-A1-O1-I1 "Entente avec le Cégep A" --date 2012-11-20 --kind entente'
    ],
)
@click.argument("indicator")
@click.argument("title")
@click.option("--date", "on", type=DATE, help=_("Le jour (par défaut, aujourd'hui)."))
@click.option(
    "--kind", "kind", help=_("entente, activite, intervention, avis, projet, publication.")
)
@click.option("--detail", help=_("Une précision."))
@click.option("--attach", "attachments", multiple=True,
              type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help=_("Joindre un fichier."))  # fmt: skip
@plan_option
def log(
    app: App,
    indicator: str,
    title: str,
    on: datetime | None,
    kind: str | None,
    detail: str | None,
    attachments: tuple[Path, ...],
    key: str | None,
) -> None:
    plans = sound_plans(app)
    plan, entry = plans.indicator(indicator, key)
    day = app.today if on is None else on.date()
    values = {"evenements.titre": title, "evenements.le": day.isoformat()}
    values |= {k: v for k, v in (("evenements.genre", kind), ("evenements.precision", detail)) if v}
    # Seen before a case is opened for it: what is refused writes nothing.
    _check_event(app, plan, values, day)
    cycle, case = plans.of_day(plan, entry.indicator.id, day)
    number = plans.opened(plan, cycle, case)
    files = form.read_files(attachments)
    app.engine.advance(
        keeper.id_of(app.engine, number), "consigner", values, app.actor, files=files
    )
    row = plans.row(plan, cycle)
    if app.json:
        show_json(row_json(row))
        return
    say(_("{number} ({year}) : consigné{progress}", number=number, year=cycle.fiscal_year,
          progress=progress(row)))  # fmt: skip


def _check_event(app: App, plan: Standing, values: dict[str, Any], day: date) -> None:
    action = app.library.current(plan.catalogue.plan.process).definition.actions["consigner"]
    _form, faults = read_form(action, values, References(None))
    for fault in faults:
        if fault.field == "evenements.genre" and "options" in fault.params:
            # « --set », which the reason would name, is not an option here.
            raise click.UsageError(_("« {value} » : choisissez {names}", value=values[fault.field],
                                     names=", ".join(fault.params["options"])))  # fmt: skip
    if faults:
        raise InvalidInput(tuple(faults))
    if day > app.today:
        raise click.UsageError(_("Cet événement est à venir : consignez-le le jour venu."))

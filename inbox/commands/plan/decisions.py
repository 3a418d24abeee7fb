"""`plan assign`, `amend` and `extend`: what is decided on a plan, and re-plans what is still open."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from engine.errors import InvalidDefinition
from inbox import dates
from inbox.command import command
from inbox.commands.partners import DATE
from inbox.commands.plan.options import plan_option, sound_plans
from inbox.errors import InvalidDecision
from inbox.lookup import known_person
from inbox.output import say, show_json
from inbox.plans import Plans, say_not_loaded
from inbox.texts import _
from workflows.plan import keeper
from workflows.plan.amendment import check_amendment
from workflows.plan.model import YEARS

if TYPE_CHECKING:
    from datetime import date, datetime

    from inbox.app import App
    from workflows.plan.decisions import Standing
    from workflows.plan.keeper import Kept


@command(
    "assign",
    help=_("Confier un indicateur : ses cycles ouverts et à venir vont sur ce bureau."),
    examples=["inbox plan assign E1-A3-O5-I1 --to conseillere"],
)
@click.argument("indicator")
@click.option("--to", "login", required=True, metavar="LOGIN", help=_("À qui."))
@plan_option
def assign(app: App, indicator: str, login: str, key: str | None) -> None:
    plans = sound_plans(app)
    plan, entry = plans.indicator(indicator, key)
    known_person(app, login)
    number, kept = keeper.confide(app.engine, plan, entry.indicator.id, login, app.actor)
    _decided(app, number, kept)


_AMEND = (
    'inbox plan amend E1-A2-O3-I1 --target "31 mars 2014" --cadence "{once: {on: 2014-03-31}}"'
    ' --resolution INM-12-13-055 --decided 2012-11-20 --reason "Enquête plus longue"'
)


@command(
    "amend",
    help=_("Amender une cible par une résolution; ce qui est déjà adopté ne change pas."),
    examples=[_AMEND],
)
@click.argument("indicator")
@click.option("--target", required=True, help=_("La nouvelle cible, dans ses mots."))
@click.option("--cadence", required=True, help=_("La même, comme cadence (docs/plans.md)."))
@click.option("--resolution", required=True, help=_("Numéro de la résolution."))
@click.option("--decided", type=DATE, required=True, help=_("Jour de la décision."))
@click.option("--effective", type=DATE, help=_("En vigueur à partir de (par défaut, ce jour-là)."))
@click.option("--reason", required=True, help=_("Pourquoi."))
@plan_option
def amend(
    app: App,
    indicator: str,
    target: str,
    cadence: str,
    resolution: str,
    decided: datetime,
    effective: datetime | None,
    reason: str,
    key: str | None,
) -> None:
    plans = sound_plans(app)
    plan, entry = plans.indicator(indicator, key)
    since = (effective or decided).date()
    try:
        check_amendment(cadence, plan, entry, since)
    except InvalidDefinition as error:
        raise InvalidDecision(error.findings) from error
    _check_day(app, plan, decided.date())
    if not plan.catalogue.plan.starts <= since <= plan.ends:
        raise click.UsageError(_("Un amendement prend effet pendant le plan."))
    if any(v.effective == since for v in plan.versions(entry)[1:]):
        raise click.UsageError(_("Un amendement de {id} prend déjà effet le {d}.", id=entry.indicator.id,
                                 d=dates.day(since)))  # fmt: skip
    record = {
        "amendements.indicateur": entry.indicator.id, "amendements.cible": target,
        "amendements.cadence": cadence, "amendements.decide_le": decided.date().isoformat(),
        "amendements.effectif_le": since.isoformat(), "amendements.resolution": resolution,
        "amendements.motif": reason,
    }  # fmt: skip
    decide(app, plan, "amender", record)


@command(
    "extend",
    help=_("Prolonger le plan par une résolution."),
    examples=[
        'inbox plan extend --to 2017-03-31 --resolution INM-15-16-070 --decided 2016-01-20 --reason "Transition"'
    ],
)
@click.option("--to", "until", type=DATE, required=True, help=_("Nouveau dernier jour."))
@click.option("--resolution", required=True, help=_("Numéro de la résolution."))
@click.option("--decided", type=DATE, required=True, help=_("Jour de la décision."))
@click.option("--reason", required=True, help=_("Pourquoi."))
@plan_option
def extend(
    app: App, until: datetime, resolution: str, decided: datetime, reason: str, key: str | None
) -> None:
    plan = sound_plans(app).one(key)
    if until.date() <= plan.ends:
        raise click.UsageError(_("Le plan dure déjà jusqu'au {d}.", d=dates.day(plan.ends)))
    if until.year not in YEARS:
        raise click.UsageError(_("Un plan finit au plus tard en {year}.", year=YEARS[-1]))
    _check_day(app, plan, decided.date())
    last = max((e.decided for e in plan.extensions), default=decided.date())
    if decided.date() < last:
        raise click.UsageError(
            _("Une prolongation décidée le {d} est déjà consignée; celle-ci vient après.", d=dates.day(last))
        )  # fmt: skip
    record = {
        "prolongations.fin": until.date().isoformat(), "prolongations.resolution": resolution,
        "prolongations.decide_le": decided.date().isoformat(), "prolongations.motif": reason,
    }  # fmt: skip
    decide(app, plan, "prolonger", record)


def _check_day(app: App, plan: Standing, decided: date) -> None:
    """Refuse a decision that nobody can have taken yet, or before there was a plan."""
    if decided > app.today:
        raise click.UsageError(_("La décision est à venir : {d}", d=dates.day(decided)))
    adopted = plan.catalogue.plan.adopted.on
    if decided < adopted:
        raise click.UsageError(
            _("Une décision sur un plan se prend après son adoption, le {d}.", d=dates.day(adopted))
        )


def decide(app: App, plan: Standing, action: str, record: dict[str, Any]) -> None:
    """Record a decision and re-plan what is still open."""
    try:
        number = keeper.decide(app.engine, plan, action, record, app.actor)
    except InvalidDefinition as error:
        raise InvalidDecision(error.findings) from error
    _decided(app, number, keeper.keep(app.engine, Plans(app).all()))


def _decided(app: App, number: str, kept: Kept) -> None:
    say_not_loaded(kept.findings)
    done = {
        "opened": kept.opened,
        "replaced": kept.replaced,
        "moved": kept.moved,
        "amended": kept.amended,
    }
    if app.json:
        show_json({"case": number, **done})
        return
    say(_("{number} : décision consignée.", number=number))
    words = {
        "opened": _("ouverts"),
        "replaced": _("remplacés"),
        "moved": _("changés de main ou de date"),
        "amended": _("en retard, sous la nouvelle cible"),
    }
    for key, numbers in done.items():
        if numbers:
            say(f"  {words[key]}{_(' : ')}{', '.join(numbers)}")

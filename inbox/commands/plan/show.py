"""`plan show`: one indicator, its target through time, its cycles and what was logged in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from inbox import dates
from inbox.command import command
from inbox.commands.plan.options import plan_option, sound_plans
from inbox.commands.plan.row import progress, row_json
from inbox.output import say, show_json, strong
from inbox.plan_words import revised_json, revisions, standing
from inbox.texts import _, clean, said

if TYPE_CHECKING:
    from inbox.app import App


@command(
    "show",
    help=_(
        "Un indicateur : ses mots, sa cible et ses versions, ses cycles, ce qui y est consigné."
    ),
    examples=["inbox plan show E1-A3-O5-I1"],
)
@click.argument("indicator")
@plan_option
def show(app: App, indicator: str, key: str | None) -> None:
    plans = sound_plans(app)
    plan, entry = plans.remembered(indicator, key)
    rows = [r for r in plans.board(plan, None) if r.cycle.indicator == entry.indicator.id]
    if app.json:
        show_json({"plan": plan.catalogue.key, "indicator": entry.indicator.id,
                   "enjeu": said(entry.enjeu.title), "orientation": said(entry.enjeu.orientation),
                   "axis": said(entry.axis.title), "objective": said(entry.objective.title),
                   "title": said(entry.indicator.title), "owner": plan.owners.get(entry.indicator.id),
                   "revised": revised_json(plan.catalogue.plan),
                   "versions": [_version_json(v) for v in plan.versions(entry)],
                   "cycles": [{**row_json(r), "events": list(r.events)} for r in rows]})  # fmt: skip
        return
    say(strong(f"{entry.indicator.id} — {said(entry.indicator.title)}"))
    if plan.catalogue.entry(entry.indicator.id) is None:
        say(
            _(
                "  Le fichier du plan n'a plus cet indicateur; ses cycles gardent les mots de leur temps."
            )
        )
    say(_("  Enjeu {n} : {text}", n=entry.enjeu.number, text=said(entry.enjeu.title)))
    say(_("  Axe {n} : {text}", n=entry.axis.number, text=said(entry.axis.title)))
    say(_("  Objectif {n} : {text}", n=entry.objective.number, text=said(entry.objective.title)))
    say(_("  Responsable : {who}", who=plan.owners.get(entry.indicator.id, "—")))
    for version in plan.versions(entry):
        say(_("  Cible : {text} (résolution {r}, en vigueur le {d})", text=version.target,
              r=version.resolution, d=dates.day(version.effective)))  # fmt: skip
    for line in revisions(plan.catalogue.plan):
        say(line)
    for row in rows:
        number = "—" if row.case is None else row.case.line.number
        say(_("  {year} : {status} · pour le {d} · {number}{progress}", year=row.cycle.fiscal_year,
              status=standing(row.status, row.given, row.replaced_by), d=dates.day(row.cycle.due), number=number,
              progress=progress(row)))  # fmt: skip
        for event in row.events:
            say(f"    - {dates.stored(event['le'])} : {clean(event['titre'])}")


def _version_json(version: Any) -> dict[str, Any]:
    return {"version": version.number, "target": version.target, "effective": version.effective,
            "decided": version.decided, "resolution": version.resolution, "reason": version.reason}  # fmt: skip

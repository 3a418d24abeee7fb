"""`plan compare`: what has changed since the adoption, or from one plan to another."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import click

from inbox import dates
from inbox.command import command
from inbox.commands.plan.options import plan_option, sound_plans
from inbox.output import say, show_json
from inbox.plan_words import rule
from inbox.texts import _, clean, n_, said

if TYPE_CHECKING:
    from inbox.app import App
    from workflows.plan import model
    from workflows.plan.decisions import Standing

    #: A target in words, and the same as a cadence.
    Promise = tuple[str, model.Cadence]


@command(
    "compare",
    help=_("Ce qui a changé depuis l'adoption; ou, avec un autre plan, entre les deux."),
    examples=[
        "inbox plan compare",
        "inbox plan compare --plan plan_2011_2016 --with plan_2016_2021",
    ],
)
@plan_option
@click.option("--with", "other", metavar="CLÉ", help=_("Un autre plan."))
def compare(app: App, key: str | None, other: str | None) -> None:
    plans = sound_plans(app)
    plan = plans.one(key)
    changes = _between(plan, plans.one(other)) if other else _since_adoption(plan)
    if app.json:
        show_json({"plan": plan.catalogue.key, "with": other, "changes": changes})
        return
    words = {
        "added": _("ajouté"),
        "removed": _("retiré"),
        "changed": _("changé"),
        "extended": _("prolongé"),
        "revised": _("texte modifié"),
    }
    for change in changes:
        shown = dates.stored if change["change"] in {"extended", "revised"} else clean
        before, after = (shown(change[k]) if change[k] else "—" for k in ("before", "after"))
        say(f"{change['indicator'] or plan.catalogue.key} — {words[change['change']]}{_(' : ')}{before} → {after}"
            + (f" ({change['resolution']})" if change["resolution"] else ""))  # fmt: skip
    say(n_("{n} changement", "{n} changements", len(changes)))


def _since_adoption(plan: Standing) -> list[dict[str, Any]]:
    adopted = plan.catalogue.plan
    texts = [adopted.adopted, *adopted.revised]
    found: list[dict[str, Any]] = [
        {"indicator": None, "change": "revised", "before": one.on.isoformat(),
         "after": two.on.isoformat(), "resolution": two.resolution}
        for one, two in pairwise(texts)
    ]  # fmt: skip
    found += [
        {"indicator": None, "change": "extended", "before": plan.catalogue.plan.ends.isoformat(),
         "after": e.until.isoformat(), "resolution": e.resolution}
        for e in plan.extensions
    ]  # fmt: skip
    for entry in plan.catalogue.entries():
        versions = plan.versions(entry)
        for one, two in pairwise(versions):
            before, after = _told((one.target, one.cadence), (two.target, two.cadence))
            found.append({"indicator": entry.indicator.id, "change": "changed", "before": before,
                          "after": after, "resolution": two.resolution})  # fmt: skip
    return found


def _between(one: Standing, two: Standing) -> list[dict[str, Any]]:
    def targets(plan: Standing) -> dict[str, Promise]:
        last = [(e.indicator, plan.versions(e)[-1]) for e in plan.catalogue.entries()]
        return {i.id: (f"{said(i.title)} – {v.target}", v.cadence) for i, v in last}

    before, after = targets(one), targets(two)
    found = []
    for name in dict.fromkeys([*before, *after]):
        if before.get(name) != after.get(name):
            change = (
                "added" if name not in before else "removed" if name not in after else "changed"
            )
            then, now = _told(before.get(name), after.get(name))
            found.append({"indicator": name, "change": change, "before": then, "after": now,
                          "resolution": None})  # fmt: skip
    return found


def _told(one: Promise | None, two: Promise | None) -> list[str | None]:
    """Return two promises in words, with their cadences where the words alone are the same."""
    alike = one is not None and two is not None and one[0] == two[0]
    return [
        None if found is None else f"{found[0]} ({rule(found[1])})" if alike else found[0]
        for found in (one, two)
    ]

"""Why a cycle is due when it is: the plan's sentence, the cadence, the reading, the calendar."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import workflows
from inbox import dates
from inbox.output import say, show_json, strong
from inbox.plan_words import revised_json, revisions, rule
from inbox.plans import Plans
from inbox.texts import _, said, word
from workflows.plan.cycles import read_as
from workflows.plan.readings import READINGS

if TYPE_CHECKING:
    from datetime import date

    from inbox.app import App
    from workflows.plan.cycles import Cycle
    from workflows.plan.decisions import Standing


def explain_cycle(app: App, reference: str) -> None:
    """Explain the days of a cycle named by a person, by its case's number too."""
    plan, cycle, _case = Plans(app).told().named(reference)
    closed = _closed(app, cycle)
    if app.json:
        show_json(_json(app, plan, cycle, closed))
    else:
        _say(app, plan, cycle, closed)


def _readings(plan: Standing, cycle: Cycle) -> dict[str, str]:
    """Return the readings that this cycle's days depend on, as they are chosen for it."""
    part = cycle.version.cadence
    used = []
    if part.level:
        used.append("en_annee")
    if part.periodic:
        used.append("periodique")
    start = (part.yearly and part.yearly.start) or (part.continuous and part.continuous.start)
    if start:
        used.append("a_compter_du")
    elif part.yearly:
        used.append("annuel_debut")
        used += ["estimations"] if part.yearly.once_ready else []
    held = read_as(plan, cycle)
    return {key: held[key] for key in used}


def _closed(app: App, cycle: Cycle) -> list[tuple[date, str]]:
    """Return the closed days that the do-by date was moved back over."""
    calendar, found, day = app.workspace.calendar, [], cycle.due
    while day > cycle.do_by:
        found.append((day, dates.holiday(calendar, day) or _("fin de semaine")))
        day -= timedelta(days=1)
    return found


def _sentence(cycle: Cycle) -> str:
    target = cycle.version.target
    objective = said(cycle.entry.objective.title).rstrip(".")
    return f"{objective}. {said(cycle.entry.indicator.title)} – Cible : {target}"


def _say(app: App, plan: Standing, cycle: Cycle, closed: list[tuple[date, str]]) -> None:
    say(strong(f"{cycle.name} — {said(plan.catalogue.plan.label)}"))
    say(_("  Le plan dit : « {text} »", text=_sentence(cycle)))
    say(
        _("  Résolution {r} du {d}", r=cycle.version.resolution, d=dates.day(cycle.version.decided))
    )
    for line in revisions(plan.catalogue.plan):
        say(line)
    if cycle.version.reason:
        say(_("  Amendée : {why}", why=cycle.version.reason))
    say(_("  Règle : {rule}", rule=rule(cycle.version.cadence)))
    for key, choice in _readings(plan, cycle).items():
        reading = READINGS[key]
        say(_("  Lecture « {quoted} » : {choice} (inbox plan readings)", quoted=reading.quoted,
              choice=word(reading.choices[choice])))  # fmt: skip
    say(_("  Période : du {a} au {b}, exercice {year}", a=dates.day(cycle.start),
          b=dates.day(cycle.end), year=cycle.fiscal_year))  # fmt: skip
    if cycle.nature == "accountability" and cycle.version.cadence.yearly is not None:
        say(
            _(
                "  Ce n'est qu'une partie d'une année : il en est rendu compte, et rien n'y est promis."
            )
        )
    say(_("  Échéance : {d}; une échéance du plan ne bouge jamais.", d=dates.day(cycle.due)))
    say(_("  Calendrier : jours ouvrables du Québec et de l'Institut, heure de {zone}",
          zone=app.workspace.calendar.zone))  # fmt: skip
    for day, name in closed:
        say(_("    fermé le {d} : {name}", d=dates.day(day), name=name))
    say(_("  À faire au plus tard le {d}, jour ouvrable; jamais après l'échéance.",
          d=dates.day(cycle.do_by)))  # fmt: skip
    say(_("  La saisie se ferme le {d}.", d=dates.day(cycle.enter_by)))


def _json(app: App, plan: Standing, cycle: Cycle, closed: list[tuple[date, str]]) -> dict[str, Any]:
    from inbox.commands.plan.row import cycle_json

    text = plan.catalogue.plan.text
    return {
        **cycle_json(cycle),
        "sentence": _sentence(cycle),
        "source": text if text and workflows.adopted_text(text) else None,
        "revised": revised_json(plan.catalogue.plan),
        "readings": _readings(plan, cycle),
        "closed_days": {day.isoformat(): name for day, name in closed},
        "zone": str(app.workspace.calendar.zone),
    }

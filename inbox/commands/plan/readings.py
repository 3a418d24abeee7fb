"""`plan readings`: what the text of a plan leaves open, and what each choice would change."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from inbox import dates
from inbox.command import command
from inbox.commands.plan.decisions import decide
from inbox.commands.plan.options import plan_option, sound_plans
from inbox.output import say, show_json, strong
from inbox.texts import _, clean, n_, word
from workflows.plan import readings
from workflows.plan.cycles import cycles

if TYPE_CHECKING:
    from inbox.app import App
    from workflows.plan.decisions import Standing


@command(
    "readings",
    help=_(
        "Ce que le texte laisse ouvert, le choix par défaut, les autres, et ce que chacun changerait."
    ),
    examples=[
        "inbox plan readings",
        'inbox plan readings --set periodique=half_yearly --reason "Deux bulletins par année"',
    ],
)
@plan_option
@click.option("--set", "choices", metavar="LECTURE=CHOIX", multiple=True,
              help=_("Choisir une lecture, une à la fois."))  # fmt: skip
@click.option("--reason", help=_("Pourquoi."))
def readings_(app: App, key: str | None, choices: tuple[str, ...], reason: str | None) -> None:
    if len(choices) > 1:
        raise click.UsageError(
            _("Une lecture à la fois : chacune se choisit avec son motif. Rien n'a été consigné.")
        )
    plans = sound_plans(app)
    plan = plans.one(key)
    if choices:
        _choose(app, plan, choices[0], reason)
        plan = sound_plans(app).one(key)
    if app.json:
        show_json({"plan": plan.catalogue.key, "readings": [_reading_json(app, plan, r) for r in readings.READINGS.values()]})  # fmt: skip
        return
    now = _keys(app, plan)
    for reading in readings.READINGS.values():
        say(strong(f"{reading.key} — « {reading.quoted} » {word(reading.question)}"))
        for name, label in reading.choices.items():
            mark = "●" if plan.readings[reading.key] == name else "○"
            given = _(" (par défaut)") if name == reading.default else ""
            say(
                f"  {mark} {name}{_(' : ')}{word(label)}{given} — {_difference(now, _keys(app, plan, **{reading.key: name}))}"
            )
        decided = plan.chosen.get(reading.key)
        if decided:
            say(_("    choisi par {who} le {d} : {why}", who=decided["by"], why=decided["motif"],
                  d=dates.moment(datetime.fromisoformat(decided["at"]), app.workspace.calendar)))  # fmt: skip


def _choose(app: App, plan: Standing, choice: str, reason: str | None) -> None:
    name, sign, value = choice.partition("=")
    reading = readings.READINGS.get(name)
    if not sign or reading is None:
        raise click.UsageError(_("--set s'écrit lecture=choix; les lectures : {names}",
                                 names=", ".join(readings.READINGS)))  # fmt: skip
    if value not in reading.choices:
        raise click.UsageError(_("« {value} » : choisissez {names}", value=value,
                                 names=", ".join(reading.choices)))  # fmt: skip
    if name in plan.chosen and plan.readings[name] == value:
        raise click.UsageError(
            _("Cette lecture est déjà choisie : {why}", why=clean(plan.chosen[name]["motif"]))
        )
    if not reason:
        raise click.UsageError(_("Une lecture se choisit avec un motif : --reason"))
    record = {"lectures.lecture": name, "lectures.valeur": value, "lectures.motif": reason}
    decide(app, plan, "choisir_lecture", record)


def _keys(app: App, plan: Standing, **chosen: str) -> set[str]:
    """Return the keys of the cycles that a plan promises, under other readings too."""
    found = cycles(plan, app.workspace.calendar, readings={**plan.readings, **chosen})
    return {c.key for c in found}


def _difference(now: set[str], then: set[str]) -> str:
    """Return how many cycles a choice makes, and how many of today's it would take away or add."""
    words = n_("{n} cycle", "{n} cycles", len(then))
    return words if then == now else f"{words} (-{len(now - then)} +{len(then - now)})"


def _reading_json(app: App, plan: Standing, reading: readings.Reading) -> dict[str, Any]:
    decided = plan.chosen.get(reading.key)
    return {
        "reading": reading.key, "quoted": reading.quoted, "question": word(reading.question),
        "chosen": plan.readings[reading.key], "default": reading.default,
        "decided": None if decided is None else dict(decided),
        "choices": [{"choice": name, "label": word(label), "cycles": len(_keys(app, plan, **{reading.key: name}))}
                    for name, label in reading.choices.items()],
    }  # fmt: skip

"""`why`: where the dates of a case come from, or why an action is not possible and what leads to it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click

from engine import register
from inbox import dates, process_text, reasons, rules
from inbox.ahead import by_itself, look_at, planned, planned_lines, waits
from inbox.command import command
from inbox.cycle import explain_cycle
from inbox.lookup import ANY_ACTION, CASE, Case, find, is_cycle
from inbox.output import say, show_json, strong
from inbox.texts import _, clean, said, word

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engine.option import Option
    from inbox.ahead import Ahead
    from inbox.app import App


@command(
    "why",
    help=_(
        "Expliquer les dates d'un dossier (règle, calendrier, jours fériés), ou pourquoi une action est refusée."
    ),
    examples=["inbox why 7", "inbox why 7 --action diffuser"],
)
@click.argument("case", type=CASE)
@click.option("--action", type=ANY_ACTION, help=_("Pourquoi cette action n'est-elle pas possible?"))
def why(app: App, case: str, action: str | None) -> None:
    if action is None and is_cycle(case):
        explain_cycle(app, case)
        return
    found = find(app, case)
    if action is not None:
        _why_not(app, found, action)
        return
    if "cle" in found.data:
        explain_cycle(app, found.number)
        return
    with app.database.read() as connection:
        timers = register.pending_timers(connection, found.id)
    explained = [_explained(app, found, t["name"], t["fire_at"]) for t in timers]
    closed = _closed_days(app, found)
    rule = process_text.due(found.definition.written, found.line.state)
    if app.json:
        show_json({"case": found.number, "due": found.line.due_at, "due_rule": rule,
                   "timers": explained, "planned": planned(app, found),
                   "closed_days": closed})  # fmt: skip
        return
    calendar = app.workspace.calendar
    say(_("Entré dans « {state} » le {day}.", state=word(found.state.label),
          day=dates.moment(found.line.entered_at, calendar)))  # fmt: skip
    if found.line.due_at is not None and rule is not None:
        say(_("Échéance : {day} ({words}).", day=dates.day(calendar.today(found.line.due_at)),
              words=dates.due(found.line.due_at, app.now, calendar)))  # fmt: skip
        say(f"  {rule}")
    for day, name in closed.items():
        say(_("  Jour fermé compté : {day}, {name}", name=name,
              day=dates.stored(day)))  # fmt: skip
    for line in planned_lines(app, found):
        say(line)
    for timer in explained:
        say()
        say(f"{strong(timer['label'])} — {timer['moment']}")
        say(f"  {timer['rule']}")


def _explained(app: App, case: Case, name: str, at: Any) -> dict[str, Any]:
    timer = case.definition.written.timers.get(name)
    return {
        "timer": name,
        # The engine's own timer: a step elsewhere asks that the case be looked at again.
        "label": _("Relecture du dossier") if timer is None else said(timer.label),
        "at": at,
        "moment": dates.moment(at, app.workspace.calendar),
        "rule": "" if timer is None else rules.timer(timer, case.definition.written),
        "late": None if timer is None else timer.late,
    }


def _closed_days(app: App, case: Case) -> dict[str, str]:
    """Return the holidays between the entry into this state and its due date."""
    if case.line.due_at is None:
        return {}
    calendar = app.workspace.calendar
    day, last = calendar.today(case.line.entered_at), calendar.today(case.line.due_at)
    found = {}
    while day <= last:
        if name := dates.holiday(calendar, day):
            found[day.isoformat()] = name
        day += timedelta(days=1)
    return found


def _why_not(app: App, case: Case, action: str) -> None:
    from engine.errors import NotFound

    ahead, every, _checklists = look_at(app, case)
    options = {o.action.name: o for o in every}
    if action not in options:
        raise NotFound("action", action, near=tuple(options))
    given = options[action].reasons
    if app.json:
        show_json({"case": case.number, "action": action, "possible": not given,
                   "reasons": [reasons.as_json(r, case.number, action) for r in given],
                   "way": reasons.way_json(options[action], case.definition.written)})  # fmt: skip
        return
    if not given:
        say(_("« {label} » est possible maintenant : inbox do {number} {action}", action=action,
              label=word(options[action].action.label), number=case.number))  # fmt: skip
    for reason in given:
        say(f"- {clean(reasons.sentence(reason))}")
        mend = reasons.remedy(reason, case.number, action)
        if mend:
            say(f"    → {clean(mend)}")
    if given:
        _print_way(case, options[action], ahead)


def _print_way(case: Case, option: Option, ahead: Ahead) -> None:
    """Print the steps that lead to an action, each with who may, what it asks, and on what condition."""
    if option.way is None:
        in_vain = option.lost or option.action.name in ahead.hindrances
        say(clean(waits(case, option, ahead)) if in_vain else _(
            "Aucune suite d'actions n'y mène d'ici."))  # fmt: skip
        return
    steps = reasons.way_json(option, case.definition.written) or []
    if steps:
        say(_("Le plus court chemin :"))
    for n, step in enumerate(steps, 1):
        say(clean(f"  {n}. {_step_line(case, step)}"))
    if steps:
        say(clean(f"  {len(steps) + 1}. {_last_line(case, option, ahead)}"))
    elif option.action.automatic is not None:
        say(clean(_last_line(case, option, ahead)))


def _last_line(case: Case, option: Option, ahead: Ahead) -> str:
    if option.action.automatic is None:
        return f"inbox do {case.number} {option.action.name}"
    return waits(case, option, ahead)


def _step_line(case: Case, step: Mapping[str, Any]) -> str:
    if step["alone"]:
        return by_itself(step)
    if step["child"]:
        return _child_line(step)
    parts = [f"inbox do {case.number} {step['action']} — {step['label']}"]
    if step["by"]:
        parts.append(_("par : {roles}", roles=", ".join(step["by"])))
    if step["asks"]:
        parts.append(_("demande : {fields}", fields=", ".join(step["asks"])))
    if step["gives"]:
        parts.append(_("donnez ici : {fields}", fields=", ".join(step["gives"])))
    if step["when"]:
        parts.append(_("à condition que {condition}", condition=step["when"]))
    return " · ".join(parts)


def _child_line(step: Mapping[str, Any]) -> str:
    """Return how a child case is to end, with what to type where it is open."""
    child = step["child"]
    if not child["case"] or not child["by"]:
        return str(step["label"])
    return f"{step['label']} → inbox why {child['case']} --action {child['by'][0]}"

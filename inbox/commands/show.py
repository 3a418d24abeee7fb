"""`show`: one case, read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from engine import outbox, register, roster
from engine.reception import reception
from inbox import dates, reasons, rules
from inbox.ahead import alone_json, hindered, look_at, planned, planned_lines, waits
from inbox.command import command
from inbox.lookup import CASE, Case, find
from inbox.output import say, set_in, show_json, strong
from inbox.texts import _, clean, n_, word
from inbox.values import records, shown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engine.definition.compiled import CompiledField
    from engine.option import Option
    from inbox.ahead import Ahead
    from inbox.app import App


@command(
    "show",
    help=_(
        "Montrer un dossier : état, fiche, liste de contrôle, ce que je peux faire et pourquoi pas le reste."
    ),
    examples=["inbox show DI-2026-0007", "inbox show 7", "inbox show 7 --drawing dossier.svg"],
)
@click.argument("case", type=CASE)
@click.option("--drawing", metavar="FICHIER.svg", type=click.Path(dir_okay=False, path_type=Path),
              help=_("Dessiner aussi où il est passé, où il est, et pour quand."))  # fmt: skip
def show(app: App, case: str, drawing: Path | None) -> None:
    found = find(app, case)
    if drawing is not None:
        from inbox.commands.drawing import draw_case

        draw_case(app, found, drawing)
    ahead, every, checklists = look_at(app, found)
    alone = [o for o in every if o.action.automatic and found.line.state in o.action.sources]
    options = tuple(o for o in every if o not in alone)
    blocked = ahead.hindrances.values()
    if app.json:
        file = None if drawing is None else str(drawing)
        show_json({**_case_json(app, found, options, checklists), "drawing": file,
                   "automatic": [alone_json(found, o, ahead) for o in alone],
                   "blocked": [{"action": h.action.name, "label": word(h.action.label),
                                "why": hindered(found, h)} for h in blocked]})  # fmt: skip
        return
    _print_head(app, found)
    if blocked:
        why = "; ".join(hindered(found, h) for h in blocked)
        say(strong(clean(_("Ce dossier est bloqué : {why}.", why=why))))
    _print_fields(app, found)
    for label, items in checklists:
        say()
        say(strong(word(label)))
        for _key, text, done, action in items:
            mark = _("[fait]    ") if done else _("[à faire] ")
            hint = f" → inbox do {found.number} {action}" if action and not done else ""
            say(f"  {mark} {word(text)}{hint}")
    _print_options(found, options)
    _print_alone(found, alone, ahead)
    if drawing is not None:
        say()
        say(_("Dessin écrit dans {file}", file=drawing))


def _print_head(app: App, case: Case) -> None:
    state = case.state
    calendar = app.workspace.calendar
    say(strong(f"{case.number}  {clean(case.line.title)}"))
    if case.redirected_from:
        say(_("({old} a été fusionné dans ce dossier)", old=case.redirected_from))
    if case.merged:
        say(_("(avec, fusionné ici : {numbers})", numbers=", ".join(case.merged)))
    say(_("État : {state} · {due} · révision {version}", state=word(state.label),
          due=dates.due(case.line.due_at, app.now, calendar) if not case.line.ended_at else _("fermé"),
          version=case.line.version))  # fmt: skip
    if state.task and not case.line.ended_at:
        say(_("À faire : {task}", task=word(state.task)))
    desk = case.line.desk or ""
    common = _("bureau commun") if desk.startswith("@") else desk
    say(_("Responsable : {owner} · bureau : {desk}",
          owner=case.line.owner or _("personne"), desk=common or "—"))  # fmt: skip
    _print_reception(app, case)
    age = dates.age(case.line, app.now, calendar)
    say(n_("Âge : {n} jour ouvrable ({klass})", "Âge : {n} jours ouvrables ({klass})", age,
           klass=dates.age_class(age)))  # fmt: skip


def _print_reception(app: App, case: Case) -> None:
    calendar = app.workspace.calendar
    registered = dates.moment(case.line.opened_at, calendar)
    arrived = reception(case.definition, case.data, case.line.opened_at, calendar)
    field = case.definition.fields.get(case.definition.received or "")
    if arrived is None or field is None:
        say(_("Inscrit le {day}", day=registered))
        return
    said = n_("Reçue le {a}, inscrite le {b} : {n} jour ouvrable plus tard",
              "Reçue le {a}, inscrite le {b} : {n} jours ouvrables plus tard", arrived.lag,
              a=shown(field, arrived.received, calendar, {}), b=registered)  # fmt: skip
    late = ""
    if arrived.late and case.definition.lag:
        late = _(" — trop tard ({span} au plus)", span=rules.span(case.definition.lag))
    say(f"{said}{strong(late) if late else ''}")


def _print_fields(app: App, case: Case) -> None:
    app.settle_interrupted()
    with app.database.read() as connection:
        members = roster.names(connection)
        children = register.children(connection, case.id)
        files = register.files(connection, case.id)
        mail = outbox.list_deliveries(connection, case_id=case.id, limit=1000)
        labels = register.summaries(connection)
    say()
    for name, field in case.definition.fields.items():
        if case.data.get(name) is not None:
            _print_value(app, field, case.data[name], members)
    for child in children:
        part = labels[(child.process, child.definition_version)]
        say(_("  Dossier enfant : {number} {title} — {state}", number=child.number,
              title=child.title, state=word(part["states"][child.state]["label"])))  # fmt: skip
    for file in files:
        say(_("  Pièce jointe : {name} ({size} octets)", name=file["name"], size=file["size"]))
    for line in planned_lines(app, case):
        say(f"  {line}")
    if mail:
        done = sum(m.state in outbox.DONE for m in mail)
        say(n_("  Courrier : {n}/{all} accepté par le relais → inbox outbox {number}",
               "  Courrier : {n}/{all} acceptés par le relais → inbox outbox {number}",
               done, all=len(mail), number=case.number))  # fmt: skip


def _print_value(app: App, field: CompiledField, value: Any, members: Mapping[int, str]) -> None:
    """Print a field; each record, and the other lines of a paragraph, stand below it, set in."""
    calendar, label = app.workspace.calendar, f"  {word(field.label)}{_(' : ')}"
    if field.type != "records":
        say(set_in(f"{label}{shown(field, value, calendar, members)}"))
        return
    say(label.rstrip())
    for record in records(field, value, calendar, members):
        say(set_in(f"      - {record}", "        "))


def _print_options(case: Case, options: tuple[Option, ...]) -> None:
    possible = [o for o in options if not o.reasons]
    say()
    say(strong(_("Ce que je peux faire")))
    for option in possible:
        say(f"  inbox do {case.number} {option.action.name} — {word(option.action.label)}")
    if not possible:
        say(_("  Rien pour l'instant."))
    other = [o for o in options if o.reasons]
    here = [o for o in other if case.line.state in o.action.sources]
    elsewhere = [o for o in other if o not in here]
    _print_others(case, _("Pas maintenant, et pourquoi"), here)
    near = sorted((o for o in elsewhere if o.way is not None), key=lambda o: len(o.way or ()))
    _print_others(case, _("Dans un autre état, du plus proche au plus lointain"), near)
    _print_others(case, _("Rien n'y mène d'ici"), [o for o in elsewhere if o.way is None])


def _print_others(case: Case, title: str, options: list[Option]) -> None:
    """Print what is not possible now, with every reason and what to do first."""
    if not options:
        return
    say()
    say(strong(title))
    for option in options:
        why = "; ".join(reasons.sentence(r) for r in option.reasons)
        say(f"  {word(option.action.label)} ({option.action.name}) — {clean(why)}")
        first = reasons.way(option, case.definition.written, case.number)
        if first is not None:
            say(f"      → {clean(first)}")


def _print_alone(case: Case, options: list[Option], ahead: Ahead) -> None:
    """Print what happens by itself in this state, and what it can no longer."""
    if not options:
        return
    say()
    say(strong(_("Tout seul")))
    for option in options:
        say(clean(f"  {waits(case, option, ahead)}"))


def _case_json(
    app: App, case: Case, options: tuple[Option, ...], checklists: list[Any]
) -> dict[str, Any]:
    arrived = reception(case.definition, case.data, case.line.opened_at, app.workspace.calendar)
    with app.database.read() as connection:
        children = [c.number for c in register.children(connection, case.id)]
        files = register.files(connection, case.id)
        timers = register.pending_timers(connection, case.id)
    return {
        "case": case.number,
        "redirected_from": case.redirected_from,
        "merged": case.merged,
        "process": case.definition.key,
        "definition_version": case.definition.version,
        "title": case.line.title,
        "state": case.line.state,
        "state_label": word(case.state.label),
        "task": word(case.state.task),
        "owner": case.line.owner,
        "desk": case.line.desk,
        "version": case.line.version,
        "opened": case.line.opened_at,
        "received": arrived and arrived.received,
        "lag_business_days": arrived and arrived.lag,
        "late": arrived is not None and arrived.late,
        "due": case.line.due_at,
        "ended": case.line.ended_at,
        "outcome": case.state.outcome,
        "fields": case.data,
        "children": children,
        "files": files,
        "timers": timers,
        "planned": planned(app, case),
        "checklists": [
            {
                "label": word(label),
                "items": [
                    {"item": key, "label": word(text), "done": done, "action": action}
                    for key, text, done, action in items
                ],
            }
            for label, items in checklists
        ],
        "actions": [
            {
                "action": o.action.name,
                "label": word(o.action.label),
                "possible": not o.reasons,
                "form": [
                    {"field": i.name, "type": i.field.type, "required": i.always,
                     "options": list(i.field.options)}
                    for i in o.action.form
                ],
                "reasons": [reasons.as_json(r, case.number, o.action.name) for r in o.reasons],
                "way": reasons.way_json(o, case.definition.written),
            }
            for o in options
        ],
    }  # fmt: skip

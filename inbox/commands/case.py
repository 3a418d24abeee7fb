"""`show`, `why`: one case, read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from engine import embargo, outbox, register, roster
from engine.reception import reception
from inbox import dates, process_text, reasons, rules
from inbox.command import command
from inbox.cycle import explain_cycle
from inbox.lookup import ANY_ACTION, CASE, Case, find, is_cycle
from inbox.output import say, set_in, show_json, strong
from inbox.texts import _, clean, n_, said, word
from inbox.values import records, shown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engine.awaited import Hindrance
    from engine.definition.compiled import CompiledField
    from engine.option import Checklist, Option
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
    ahead, every, checklists = _looked_at(app, found)
    alone = [o for o in every if o.action.automatic and found.line.state in o.action.sources]
    options = tuple(o for o in every if o not in alone)
    blocked = ahead.hindrances.values()
    if app.json:
        file = None if drawing is None else str(drawing)
        show_json({**_case_json(app, found, options, checklists), "drawing": file,
                   "automatic": [_alone_json(found, o, ahead) for o in alone],
                   "blocked": [{"action": h.action.name, "label": word(h.action.label),
                                "why": _hindered(found, h)} for h in blocked]})  # fmt: skip
        return
    _print_head(app, found)
    if blocked:
        why = " ; ".join(_hindered(found, h) for h in blocked)
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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ahead:
    """What is to come of a case by itself: when its timers fire, and what never will where it is blocked."""

    timers: Mapping[str, Any]
    hindrances: Mapping[str, Hindrance]


def _looked_at(app: App, case: Case) -> tuple[_Ahead, tuple[Option, ...], list[Checklist]]:
    """Return what is to come by itself, every action, and each checklist."""
    with app.database.read() as connection:
        timers = {t["name"]: t["fire_at"] for t in register.pending_timers(connection, case.id)}
    with app.engine.looking_at(case.id) as outlook:
        hindrances = {h.action.name: h for h in outlook.blocked()}
        ahead = _Ahead(timers=timers, hindrances=hindrances)
        return ahead, outlook.options(app.actor), outlook.checklists()


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
    for line in _planned_lines(app, case):
        say(f"  {line}")
    if mail:
        done = sum(m.state in outbox.DONE for m in mail)
        say(n_("  Courrier : {n}/{all} accepté par le relais → inbox outbox {number}",
               "  Courrier : {n}/{all} acceptés par le relais → inbox outbox {number}",
               done, all=len(mail), number=case.number))  # fmt: skip


def _planned(app: App, case: Case) -> list[dict[str, Any]]:
    """Return the messages that are set for an instant to come, in their documented shape."""
    with app.database.read() as connection:
        found = embargo.planned(connection, case.id, app.now)
    return [
        {"message": p.message, "label": word(case.definition.notifications[p.message].label),
         "at": p.at, "decided_at": p.decided_at, "recipients": p.recipients}
        for p in found
    ]  # fmt: skip


def _planned_lines(app: App, case: Case) -> list[str]:
    calendar = app.workspace.calendar
    return [
        n_("{label} : prévu le {at}, à {n} destinataire fixé le {decided} ; rien ne part avant.",
           "{label} : prévu le {at}, à {n} destinataires fixés le {decided} ; rien ne part avant.",
           p["recipients"], label=p["label"], at=dates.moment(p["at"], calendar),
           decided=dates.moment(p["decided_at"], calendar))
        for p in _planned(app, case)
    ]  # fmt: skip


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
    _print_others(case, _("Pas maintenant, et pourquoi"), here)
    _print_others(case, _("Dans un autre état"), [o for o in other if o not in here])


def _print_others(case: Case, title: str, options: list[Option]) -> None:
    """Print what is not possible now, with every reason and what to do first."""
    if not options:
        return
    say()
    say(strong(title))
    for option in options:
        why = "; ".join(reasons.sentence(r) for r in option.reasons)
        say(f"  {word(option.action.label)} ({option.action.name}) — {clean(why)}")
        first = reasons.way(option, case.definition.written)
        if first is not None:
            say(f"      → {clean(first)}")


def _print_alone(case: Case, options: list[Option], ahead: _Ahead) -> None:
    """Print what happens by itself in this state, and what it can no longer."""
    if not options:
        return
    say()
    say(strong(_("Tout seul")))
    for option in options:
        say(clean(f"  {_waits(case, option, ahead)}"))


def _waits(case: Case, option: Option, ahead: _Ahead) -> str:
    """Return on what an automatic action waits, or that it waits in vain."""
    told = _alone_json(case, option, ahead)
    if option.lost:
        if option.hopeless:
            return _(
                "« {label} » ne se fera plus. Il faudrait ceci : {condition} ; mais {children}. "
                "Prenez une autre action.",
                label=told["label"], condition=told["when"], children=_hopeless(option),
            )  # fmt: skip
        return _(
            "« {label} » ne se fera plus. Il faudrait ceci : {condition} ; mais ce que sont devenus les "
            "dossiers enfants ne le permet plus. Rouvrez-en un, ou prenez une autre action.",
            label=told["label"], condition=told["when"],
        )  # fmt: skip
    if option.action.name in ahead.hindrances:
        return _hindered(case, ahead.hindrances[option.action.name])
    if option.way is None and told["when"]:
        return _("« {label} » ne se fera pas : rien ne mène d'ici à ceci : {condition}",
                 label=told["label"], condition=told["when"])  # fmt: skip
    if told["at"] is not None and not told["when"]:
        return _("attendez : « {label} » se fait tout seul le {at} (minuterie « {timer} »)",
                 label=told["label"], at=dates.here(told["at"]), timer=told["timer"])  # fmt: skip
    return _by_itself(told)


def _hopeless(option: Option) -> str:
    """Return which child cases can no longer end as an action awaits."""
    return " ; ".join(
        _("{number} ne peut plus finir ainsi : « {outcome} »", number=number, outcome=outcome)
        for number, outcome in option.hopeless
    )


def _by_itself(told: Mapping[str, Any]) -> str:
    """Return what makes an action happen by itself: a timer's date, or its condition."""
    if not told["when"]:
        return _("attendez : « {label} » se fait tout seul, à la date de la minuterie « {timer} »",
                 label=told["label"], timer=told["timer"])  # fmt: skip
    return _("attendez : « {label} » se fait tout seul quand {condition}",
             label=told["label"], condition=told["when"])  # fmt: skip


def _hindered(case: Case, hindrance: Hindrance) -> str:
    """Return why an action that would take the case on never will."""
    label, written = word(hindrance.action.label), case.definition.written
    if hindrance.condition is not None:
        return _("« {label} » demande ceci, qui ne peut plus arriver : {condition}", label=label,
                 condition=rules.condition(hindrance.condition, written))  # fmt: skip
    if hindrance.why == "timer":
        return _("« {label} » se faisait à une date, qui est passée", label=label)
    roles = ", ".join(word(case.definition.roles[r]) for r in sorted(hindrance.action.roles))
    return _("personne n'a le rôle qu'il faut pour « {label} » ({roles})", label=label, roles=roles)


def _alone_json(case: Case, option: Option, ahead: _Ahead) -> dict[str, Any]:
    written, name = case.definition.written, option.action.name
    automatic = written.actions[name].automatic
    armed = [
        ahead.timers[k] for k, t in written.timers.items() if t.action == name and k in ahead.timers
    ]
    return {
        "action": name,
        "label": word(option.action.label),
        "when": "" if automatic is None else rules.condition(automatic, written),
        "timer": ", ".join(reasons.timers_of(written, name)),
        "at": min(armed, default=None),
        "lost": option.lost or name in ahead.hindrances,
        "hopeless": [{"case": c, "outcome": outcome} for c, outcome in option.hopeless],
    }


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
        "planned": _planned(app, case),
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


# --- why ----------------------------------------------------------------------------------------


@command(
    "why",
    help=_(
        "Expliquer les dates d'un dossier (règle, calendrier, jours fériés), ou pourquoi une action est refusée."
    ),
    examples=["inbox why 7", "inbox why 7 --action diffuser"],
)
@click.argument("case", type=CASE)
@click.option(
    "--action", type=ANY_ACTION, help=_("Pourquoi cette action n'est-elle pas possible ?")
)
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
                   "timers": explained, "planned": _planned(app, found),
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
    for line in _planned_lines(app, found):
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

    ahead, every, _checklists = _looked_at(app, case)
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


def _print_way(case: Case, option: Option, ahead: _Ahead) -> None:
    """Print the steps that lead to an action, each with who may, what it asks, and on what condition."""
    if option.way is None:
        in_vain = option.lost or option.action.name in ahead.hindrances
        say(clean(_waits(case, option, ahead)) if in_vain else _(
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


def _last_line(case: Case, option: Option, ahead: _Ahead) -> str:
    if option.action.automatic is None:
        return f"inbox do {case.number} {option.action.name}"
    return _waits(case, option, ahead)


def _step_line(case: Case, step: Mapping[str, Any]) -> str:
    if step["alone"]:
        return _by_itself(step)
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

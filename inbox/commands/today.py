"""`inbox` alone: what I should do today, most urgent first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from engine import outbox, register, staff
from inbox import dates
from inbox.output import say, show_json, strong
from inbox.texts import _, clean, n_, word

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engine.register import Listed
    from inbox.app import App

#: Lines shown of each desk; the rest is counted.
SHOWN = 25
_WEEK = 5


def show_today(app: App) -> None:
    """Show the inbox of the person who asks."""
    person = app.person
    app.settle_interrupted()
    with app.database.read() as connection:
        others = staff.standing_in_for(connection, person.login, app.today)
        mine = [person.login, *others]
        desks = [*mine, *(f"@{role}" for role in sorted(person.roles))]
        lines, counts = register.worklist(connection, desks, limit=SHOWN)
        labels = register.summaries(connection)
        mail = outbox.awaiting_person(connection)
    items = [_item(app, line, labels, mine) for line in lines]
    total = sum(counts.values())
    if app.json:
        show_json({"person": person.login, "now": app.now, "total": total,
                   "mail_needing_a_person": mail, "items": items})  # fmt: skip
        return
    _print(app, items, total, mail)


def _item(app: App, line: Listed, labels: Mapping[Any, Any], mine: list[str]) -> dict[str, Any]:
    calendar = app.workspace.calendar
    state = labels[(line.process, line.definition_version)]["states"][line.state]
    group = _group(app, line, mine, waiting=state["waiting"])
    taken = (line.desk or "") in mine
    age = dates.age(line, app.now, calendar)
    return {
        "case": line.number,
        "title": line.title,
        "process": line.process,
        "state": line.state,
        "state_label": word(state["label"]),
        "task": word(state["task"]),
        "group": group,
        "due": line.due_at,
        "due_in_words": dates.due(line.due_at, app.now, calendar),
        "desk": line.desk,
        "owner": line.owner,
        "age_business_days": age,
        "age_class": dates.age_class(age),
        "next": _next(line, state["next"], taken=taken),
    }


def _next(line: Listed, action: str | None, *, taken: bool) -> str:
    if not taken and line.owner is None:
        return f"inbox take {line.number}"
    return f"inbox do {line.number} {action}" if action else f"inbox show {line.number}"


def _group(app: App, line: Listed, mine: list[str], *, waiting: bool) -> str:
    calendar = app.workspace.calendar
    if line.due_at is not None:
        days = calendar.business_days_between(app.today, calendar.today(line.due_at))
        if calendar.today(line.due_at) < app.today:
            return "overdue"
        if days <= 0:
            return "today"
    if line.desk not in mine:
        return "to_take"
    if waiting:
        return "waiting"
    return "week" if line.due_at is not None and days <= _WEEK else "later"


def _titles() -> dict[str, str]:
    return {
        "overdue": _("En retard"),
        "today": _("Pour aujourd'hui"),
        "to_take": _("À prendre, au bureau commun"),
        "week": _("Dans les cinq jours ouvrables"),
        "waiting": _("En attente de quelqu'un d'autre"),
        "later": _("Plus tard"),
    }


def _print(app: App, items: list[dict[str, Any]], total: int, mail: Mapping[str, int]) -> None:
    say(strong(_("{name} — {day}", name=app.person.name, day=dates.day(app.today))))
    if mail:
        count = sum(mail.values())
        say(n_("Courrier : {n} envoi demande quelqu'un → inbox outbox --failed",
               "Courrier : {n} envois demandent quelqu'un → inbox outbox --failed", count))  # fmt: skip
    if not items:
        say(
            _(
                "Rien à faire. Pour inscrire une demande : inbox register --organisation … --subject …"
            )
        )
    for group, title in _titles().items():
        here = [i for i in items if i["group"] == group]
        if here:
            say()
            say(strong(f"{title} ({len(here)})"))
            for item in here:
                _print_item(item)
    if total > len(items):
        say()
        say(n_("… et {n} autre : inbox list", "… et {n} autres : inbox list", total - len(items)))


def _print_item(item: Mapping[str, Any]) -> None:
    say(f"  {strong(item['case'])}  {clean(item['title'])}")
    age = _("ouvert depuis {n} j. ouvrables ({klass})",
            n=item["age_business_days"], klass=item["age_class"])  # fmt: skip
    say(f"      {item['state_label']} · {item['due_in_words']} · {age}")
    say(f"      {item['task']} → {item['next']}")

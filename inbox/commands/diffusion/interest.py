"""`diffusion interest`: who has answered a diffusion, who has not, and one more answer recorded."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import click

from engine import holders, roster
from engine.errors import NotFound
from engine.folding import fold
from inbox import dates
from inbox.command import command
from inbox.commands.outbox import NETWORK
from inbox.commands.steps import tell
from inbox.lookup import CASE, MEMBER, find
from inbox.output import say, show_json, strong, table
from inbox.texts import _, n_, word

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from engine.calendar import Calendar
    from engine.definition.compiled import CompiledNotification
    from engine.roster import Member
    from inbox.app import App
    from inbox.lookup import Case

#: The reminder of the deadline: its audience says whose answers are awaited, and where they are kept.
REMINDER = "rappel_interets"
#: What an answer is when nothing else is said of it.
INTERESTED = "interesse"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What one establishment has answered so far.

    Attributes:
        answer: The last one, a key of `interets.nature`.
        received: When the first one arrived (UTC): what the deadline is held against.
        records: Every record, the oldest first.
    """

    answer: str
    received: datetime
    records: tuple[Mapping[str, Any], ...]


@command(
    "interest",
    help=_(
        "Qui a répondu à la diffusion, qui ne l'a pas fait; avec un établissement : consigner sa réponse."
    ),
    examples=[
        "inbox diffusion interest 7",
        'inbox diffusion interest 7 "Cégep de Sept-Îles" --on 2026-11-24T15:30 --person "A. Tremblay"',
        'inbox diffusion interest 7 "Cégep de Sept-Îles" --answer pas_interesse',
        "inbox diffusion interest 7 --json",
    ],
)
@click.argument("case", type=CASE)
@click.argument("establishment", type=MEMBER, required=False)
@click.option("--answer", default=INTERESTED, show_default=True,
              help=_("Sa réponse : interesse, pas_interesse, a_preciser."))  # fmt: skip
@click.option("--on", "received", metavar="INSTANT",
              help=_("Quand elle est arrivée : 2026-11-24 ou 2026-11-24T15:30; sinon, maintenant."))  # fmt: skip
@click.option("--person", help=_("Qui a répondu."))
@click.option("--note", help=_("Ce que la réponse précise."))
@click.option("--late-reason", help=_("Pourquoi une réponse venue trop tard est acceptée."))
def interest(
    app: App,
    case: str,
    establishment: str | None,
    answer: str,
    received: str | None,
    person: str | None,
    note: str | None,
    late_reason: str | None,
) -> None:
    found = find(app, case)
    if establishment is not None:
        given = {"etablissement": establishment, "nature": answer, "personne": person,
                 "recu_le": received or app.now.isoformat(), "precision": note,
                 "motif_retard": late_reason}  # fmt: skip
        _record(app, found, given)
        return
    listed = listing(app, found)
    if app.json:
        show_json(listed)
        return
    _print(app, found, listed)


def _record(app: App, case: Case, given: Mapping[str, str | None]) -> None:
    """Record an answer by the action for it: the process judges it, as any other step."""
    limit = case.data.get("date_limite")
    passed = limit is not None and app.today > date.fromisoformat(limit)
    action = "consigner_interet_tardif" if passed else "consigner_interet"
    values = {f"interets.{name}": value for name, value in given.items() if value is not None}
    tell(app, app.engine.advance(case.id, action, values, app.actor))


# --- who has answered ---------------------------------------------------------------------------


def listing(app: App, case: Case) -> dict[str, Any]:
    """Return who was asked and what each has answered, in the shape of `docs/cli.md`.

    Raises:
        NotFound: Nothing of this case was diffused.
    """
    reminder = case.definition.notifications.get(REMINDER)
    if reminder is None or reminder.without is None:
        raise NotFound("message", REMINDER)
    with app.database.read() as connection:
        since = holders.begun(connection, case.id, reminder.target)
        asked = holders.holders(connection, case.id, reminder.batches)
        coming = {r.key for r in holders.assured(connection, case.id, reminder.batches)}
        newer = holders.newcomers(connection, case.id, reminder.batches)
        names = roster.names(connection)
        members = roster.active(connection, NETWORK, app.today)
    if since is None:
        raise NotFound("message", reminder.target)
    answered = _answered(case, reminder, since)
    had = [int(r.key.removeprefix("member:")) for r in asked]
    rows = [
        _row(app, case, member, names[member], answered.get(member))
        | {"had": member in had, "newcomer": f"member:{member}" in newer}
        for member in dict.fromkeys([*had, *answered])
    ]
    missed = [m for m in members if m.id not in had]
    summary = _summary(app, case, sorted(rows, key=lambda r: fold(r["establishment"])), missed)
    return summary | {"on_its_way": [m.name for m in missed if f"member:{m.id}" in coming]}


def _answered(case: Case, reminder: CompiledNotification, since: datetime) -> dict[int, Answered]:
    """Return the answers by member."""
    found: dict[int, Answered] = {}
    records = holders.answers(case.data, str(reminder.without), since)
    for record in records:
        member, before = record["etablissement"], found.get(record["etablissement"])
        at = _received(record)
        found[member] = Answered(
            answer=record["nature"],
            received=at if before is None else min(at, before.received),
            records=(record,) if before is None else (*before.records, record),
        )
    return found


def _received(record: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(record.get("recu_le") or record["at"])


def _row(app: App, case: Case, member: int, name: str, answered: Answered | None) -> dict[str, Any]:
    row: dict[str, Any] = {"establishment": name, "member": member, "answer": None, "label": None,
                           "received": None, "business_days_left": None, "late": False,
                           "answers": []}  # fmt: skip
    if answered is None:
        return row
    options = case.definition.fields["interets"].of["nature"].options
    left = _days_left(case, answered.received, app.workspace.calendar)
    return row | {
        "answer": answered.answer,
        "label": word(options[answered.answer]),
        "received": answered.received,
        "business_days_left": left,
        "late": _is_late(case, answered.received, app.workspace.calendar),
        "answers": [dict(r) for r in answered.records],
    }


def _deadline(case: Case) -> date | None:
    written = case.data.get("date_limite")
    return None if written is None else date.fromisoformat(written)


def _days_left(case: Case, at: datetime, calendar: Calendar) -> int | None:
    """Return the business days from an instant to the deadline; less than none once it has passed."""
    limit = _deadline(case)
    return None if limit is None else calendar.business_days_between(calendar.today(at), limit)


def _is_late(case: Case, at: datetime, calendar: Calendar) -> bool:
    limit = _deadline(case)
    return limit is not None and calendar.today(at) > limit


def _summary(
    app: App, case: Case, rows: Sequence[dict[str, Any]], missed: Sequence[Member]
) -> dict[str, Any]:
    limit, calendar = _deadline(case), app.workspace.calendar
    options = case.definition.fields["interets"].of["nature"].options
    return {
        "case": case.number,
        "deadline": limit and calendar.end_of_day(limit),
        "business_days_left": _days_left(case, app.now, calendar),
        "passed": _is_late(case, app.now, calendar),
        "asked": sum(r["had"] for r in rows),
        "answered": sum(r["had"] and r["answer"] is not None for r in rows),
        "counts": {key: sum(r["answer"] == key for r in rows) for key in options},
        "establishments": list(rows),
        "without_the_sheet": [m.name for m in missed],
        "without_address": [m.name for m in missed if not m.contacts],
    }


# --- on the screen ------------------------------------------------------------------------------


def _print(app: App, case: Case, listed: Mapping[str, Any]) -> None:
    calendar = app.workspace.calendar
    say(strong(n_("{number} — {n}/{all} établissement a répondu", "{number} — {n}/{all} établissements ont répondu",
                  listed["answered"], number=case.number, all=listed["asked"])))  # fmt: skip
    if listed["deadline"] is not None:
        say(_("Date limite, la même pour tous : {at} ({left})",
              at=dates.moment(listed["deadline"], calendar), left=_left(listed)))  # fmt: skip
    options = case.definition.fields["interets"].of["nature"].options
    say(" · ".join(f"{word(options[key])}{_(' : ')}{n}" for key, n in listed["counts"].items()))
    done = [r for r in listed["establishments"] if r["answer"] is not None]
    if done:
        say()
        rows = [(r["establishment"], r["label"], dates.moment(r["received"], calendar),
                 _time_left(r), _remarks(r)) for r in done]  # fmt: skip
        table(rows, [_("A répondu"), _("Réponse"), _("Reçue le"), _("Il restait"), _("Remarques")])
    waiting = [r for r in listed["establishments"] if r["answer"] is None]
    if waiting:
        say()
        say(strong(_("N'ont pas répondu ({n})", n=len(waiting))))
        for row in waiting:
            remarks = _remarks(row)
            say(f"  - {row['establishment']}" + (f" ({remarks})" if remarks else ""))
    for name in listed["without_the_sheet"]:
        if name in listed["without_address"]:
            say(_("{name} est membre, n'a pas d'adresse et n'a pas la fiche → inbox partners contact "
                  "« {name} » ADRESSE", name=name))  # fmt: skip
            continue
        if name in listed["on_its_way"]:
            say(_("{name} est membre et n'a pas encore la fiche : elle est en route.", name=name))
            continue
        say(_("{name} est membre et n'a pas la fiche : le prochain erratum ou la prochaine réponse à tous "
              "la lui donnera.", name=name))  # fmt: skip


def _left(listed: Mapping[str, Any]) -> str:
    days = listed["business_days_left"]
    if listed["passed"]:
        return _("passée")
    if days == 0:
        return _("aujourd'hui")
    return n_("encore {n} jour ouvrable", "encore {n} jours ouvrables", days)


def _time_left(row: Mapping[str, Any]) -> str:
    days = row["business_days_left"]
    if row["late"]:
        return _("en retard")
    if not days:
        return _("le dernier jour") if days == 0 else "—"
    return n_("{n} jour ouvrable", "{n} jours ouvrables", days)


def _remarks(row: Mapping[str, Any]) -> str:
    said = [] if row["had"] else [_("n'avait pas eu la fiche")]
    said += [_("l'a eue après les autres")] * row["newcomer"]
    last = row["answers"][-1] if row["answers"] else {}
    said += [last[name] for name in ("personne", "precision", "motif_retard") if last.get(name)]
    return _("; ").join(said)

"""`plan board`: a year's promises: who answers for what, by when, and what is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from inbox import dates
from inbox.command import command
from inbox.commands.plan.options import plan_option, sound_plans
from inbox.commands.plan.row import progress, row_json
from inbox.output import say, show_json, strong
from inbox.plan_words import standing
from inbox.texts import _, n_, said
from workflows.plan import board, keeper

if TYPE_CHECKING:
    from datetime import date

    from inbox.app import App
    from inbox.plans import Plans
    from workflows.plan.board import Row
    from workflows.plan.decisions import Standing


@command(
    "board",
    help=_("Le tableau d'un exercice : qui répond de quoi, pour quand, et ce qui manque."),
    examples=["inbox plan", "inbox plan --year 2012-2013", "inbox plan --year 2012-2013 --json"],
)
@plan_option
@click.option(
    "--year", metavar="2012-2013", help=_("L'exercice (par défaut, celui d'aujourd'hui).")
)
def board_(app: App, key: str | None, year: str | None) -> None:
    plans = sound_plans(app)
    asked = plans.fiscal_year(year)
    shown = [(p, plans.board(p, asked)) for p in plans.chosen(key)]
    shown = [(p, rows) for p, rows in shown if rows]
    if app.json:
        show_json({"fiscal_year": asked, "plans": [_board_json(p, rows) for p, rows in shown]})
        return
    if not shown:
        _say_none(app, plans, asked)
    for plan, rows in shown:
        _say_board(plans, plan, rows, asked)


def _say_none(app: App, plans: Plans, year: str) -> None:
    say(_("Aucun plan ne promet rien pour {year}.", year=year))
    for plan in plans.all():
        last = app.workspace.calendar.fiscal_year(plan.ends)
        say(
            _(
                "  {label} : inbox plan --year {last}",
                label=said(plan.catalogue.plan.label),
                last=last,
            )
        )


def _say_board(plans: Plans, plan: Standing, rows: list[Row], year: str) -> None:
    say(strong(_("{label} — exercice {year}", label=said(plan.catalogue.plan.label), year=year)))
    enjeu = 0
    for row in rows:
        if row.cycle.entry.enjeu.number != enjeu:
            enjeu = row.cycle.entry.enjeu.number
            say()
            say(_("Enjeu {n} : {text}", n=enjeu, text=said(row.cycle.entry.enjeu.title)))
        _say_row(row, plans.app.today)
    say()
    total = board.summary(rows)
    say(_("{received}/{expected} reçus, {on_time}/{expected} à temps.", received=total.received,
          expected=total.expected, on_time=total.on_time))  # fmt: skip
    _say_behind(plans, plan, rows)
    unowned = [r.cycle.indicator for r in rows if r.owner is None and not r.answered and r.expected]
    if unowned:
        say(n_("{n} indicateur à déclarer est sans responsable.",
               "{n} indicateurs à déclarer sont sans responsable.", len(unowned)))  # fmt: skip
        which = f" --plan {plan.catalogue.key}" if len(plans.catalogues) > 1 else ""
        say(f"  → inbox plan assign {unowned[0]} --to LOGIN{which}")


def _say_behind(plans: Plans, plan: Standing, rows: list[Row]) -> None:
    """Say how many of the open cycles shown are not as the plan is now."""
    shown = {r.cycle.key for r in rows}
    found = keeper.behind(plan, plans.cases(plan), plans.app.workspace.calendar)
    behind = sum(case.key in shown for case in found)
    if behind:
        say(n_("{n} cycle ouvert ne suit pas encore le plan; la prochaine passe s'en charge : inbox tick",
               "{n} cycles ouverts ne suivent pas encore le plan; la prochaine passe s'en charge : inbox tick",
               behind))  # fmt: skip


def _say_row(row: Row, today: date) -> None:
    cycle = row.cycle
    status = standing(row.status, row.given, row.replaced_by)
    number = "" if row.case is None else f" · {row.case.line.number}"
    say(f"  {strong(cycle.indicator)} {said(cycle.entry.indicator.title)}")
    say(_("      cible : {text} · {status}{progress}", text=cycle.version.target, status=status,
          progress=progress(row)))  # fmt: skip
    if row.former is not None:
        say(_("      ancienne cible : {text} (remplacée par la résolution {r})", text=row.former.target,
              r=cycle.version.resolution))  # fmt: skip
    say(_("      échéance : {due}{todo} · à {who}{number}", due=dates.day(cycle.due),
          todo=_todo(row, today), who=row.owner or _("personne"), number=number))  # fmt: skip
    missing = _missing(row)
    if missing:
        say(_("      il manque : {missing}", missing=missing))


def _todo(row: Row, today: date) -> str:
    """Return what is to be done by when: to reach the target, then to report it."""
    if row.answered or not row.expected:
        return ""
    day = f"{dates.day(row.limit)}{_left(row, today)}"
    if row.limit == row.cycle.do_by:
        return _(" · à faire au plus tard le {d}", d=day)
    return _(" · à déclarer au plus tard le {d}", d=day)


def _left(row: Row, today: date) -> str:
    if row.days_left == 0:
        return _(" (aujourd'hui)") if row.limit == today else _until(row.cycle.due, today)
    if row.days_left < 0:
        late = n_(
            "en retard de {n} jour ouvrable", "en retard de {n} jours ouvrables", -row.days_left
        )
        return f" ({late})"
    left = n_("dans {n} jour ouvrable", "dans {n} jours ouvrables", row.days_left)
    return f" ({left})"


def _until(due: date, today: date) -> str:
    """Return how far a due date is once nothing but closed days is left before it."""
    days = (due - today).days
    if days < 0:
        return ""
    if days == 0:
        return _(" (échéance aujourd'hui)")
    return n_(" (échéance dans {n} jour)", " (échéance dans {n} jours)", days)


def _missing(row: Row) -> str:
    """Return what comes next: the report's own parts first, then who has to see it."""
    words = {
        "correction": _("correction"), "result": _("résultat"), "evidence": _("preuve"), "explanation": _("explication"),
        "validation": _("validation"), "adoption": _("adoption"),
    }  # fmt: skip
    later = {"validation", "adoption"}
    first = [m for m in row.missing if m not in later]
    return ", ".join(words[m] for m in (first or row.missing[:1]))


def _board_json(plan: Standing, rows: list[Row]) -> dict[str, Any]:
    total = board.summary(rows)
    return {
        "plan": plan.catalogue.key,
        "label": said(plan.catalogue.plan.label),
        "expected": total.expected, "received": total.received, "on_time": total.on_time,
        "rows": [row_json(r) for r in rows],
    }  # fmt: skip

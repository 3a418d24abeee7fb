"""`plan`: what the strategic plan promises, by when, and where each promise stands."""

from __future__ import annotations

from datetime import date, datetime
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from engine.errors import InvalidDefinition, InvalidInput
from engine.judge import read_form
from engine.references import References
from inbox import dates, form
from inbox.command import LazyGroup, command
from inbox.commands.partners import DATE
from inbox.errors import InvalidDecision
from inbox.lookup import known_person
from inbox.output import say, show_json, strong, table
from inbox.plan_words import given_json, standing
from inbox.plans import Plans, say_not_loaded
from inbox.texts import _, clean, n_, said, word
from workflows.plan import board, keeper, readings
from workflows.plan.catalogue import amended_cadence
from workflows.plan.cycles import cycles

if TYPE_CHECKING:
    from inbox.app import App
    from workflows.plan.board import Row
    from workflows.plan.cycles import Cycle
    from workflows.plan.decisions import Standing


class _PlanGroup(LazyGroup):
    """`inbox plan` by itself shows the year's board."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read what is not the name of a command as the board's own options."""
        named = any(word in self.commands for word in args)
        if not named and not {"--help", "-h"} & {*args} and (not args or args[0].startswith("-")):
            args = ["board", *args]
        return super().parse_args(ctx, args)


def _plans(app: App) -> Plans:
    """Return the sound plans: whoever works on plans is told of a bad file at once."""
    return Plans(app).told()


plan_group = _PlanGroup(
    "plan", help=_("Le plan stratégique : le tableau de l'année, les cycles, les décisions.")
)
_PLAN = click.option("--plan", "key", metavar="CLÉ", help=_("Un plan, s'il y en a plusieurs."))


# --- looking ----------------------------------------------------------------------------------------


@command(
    "board",
    help=_("Le tableau d'un exercice : qui répond de quoi, pour quand, et ce qui manque."),
    examples=["inbox plan", "inbox plan --year 2012-2013", "inbox plan --year 2012-2013 --json"],
)
@_PLAN
@click.option(
    "--year", metavar="2012-2013", help=_("L'exercice (par défaut, celui d'aujourd'hui).")
)
def board_(app: App, key: str | None, year: str | None) -> None:
    plans = _plans(app)
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
    unowned = [r.cycle.indicator for r in rows if r.owner is None and not r.answered]
    if unowned:
        say(n_("{n} indicateur est sans responsable.", "{n} indicateurs sont sans responsable.", len(unowned)))  # fmt: skip
        which = f" --plan {plan.catalogue.key}" if len(plans.catalogues) > 1 else ""
        say(f"  → inbox plan assign {unowned[0]} --to LOGIN{which}")


def _say_row(row: Row, today: date) -> None:
    cycle = row.cycle
    status = standing(row.status, row.given, row.replaced_by)
    number = "" if row.case is None else f" · {row.case.line.number}"
    say(f"  {strong(cycle.indicator)} {said(cycle.entry.indicator.title)}")
    say(_("      cible : {text} · {status}{progress}", text=cycle.version.target, status=status,
          progress=_progress(row)))  # fmt: skip
    if row.former is not None:
        say(_("      cible remplacée : {text} (résolution {r})", text=row.former.target,
              r=cycle.version.resolution))  # fmt: skip
    say(_("      échéance : {due} · {todo} · à {who}{number}", due=dates.day(cycle.due),
          todo=_todo(row, today), who=row.owner or _("personne"), number=number))  # fmt: skip
    missing = _missing(row)
    if missing:
        say(_("      il manque : {missing}", missing=missing))


def _progress(row: Row) -> str:
    if row.cycle.quantity is None:
        return n_(" · {n} événement", " · {n} événements", len(row.events)) if row.events else ""
    return f" · {row.count}/{row.cycle.quantity}"


def _todo(row: Row, today: date) -> str:
    """Return what is to be done by when: to reach the target, then to report it."""
    if row.answered or row.status in {"remplace", "sans_objet"}:
        return _("à faire au plus tard le {d}", d=dates.day(row.cycle.do_by))
    day = f"{dates.day(row.limit)}{_left(row, today)}"
    if row.limit == row.cycle.do_by:
        return _("à faire au plus tard le {d}", d=day)
    return _("à déclarer au plus tard le {d}", d=day)


def _left(row: Row, today: date) -> str:
    if row.days_left == 0:
        # On a closed day, the limit may be another closed day with none open in between.
        return "" if row.limit != today else _(" (aujourd'hui)")
    if row.days_left < 0:
        late = n_(
            "en retard de {n} jour ouvrable", "en retard de {n} jours ouvrables", -row.days_left
        )
        return f" ({late})"
    left = n_("dans {n} jour ouvrable", "dans {n} jours ouvrables", row.days_left)
    return f" ({left})"


def _missing(row: Row) -> str:
    """Return what comes next: the report's own parts first, then who has to see it."""
    words = {
        "result": _("résultat"), "evidence": _("preuve"), "explanation": _("explication"),
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


def row_json(row: Row) -> dict[str, Any]:
    """Return a row of the board in its documented shape."""
    return {
        **cycle_json(row.cycle),
        "title": said(row.cycle.entry.indicator.title),
        "target": row.cycle.version.target,
        "case": None if row.case is None else row.case.line.number,
        "state": None if row.case is None else row.case.line.state,
        "status": row.status,
        "status_label": word(board.STATUSES[row.status]),
        "status_given": given_json(row.given),
        "replaced_by": None
        if row.successor is None
        else {"target": row.successor.target, "resolution": row.successor.resolution},
        "count": row.count,
        "owner": row.owner,
        "business_days_left": row.days_left,
        "missing": list(row.missing),
        "received": row.answered,
        "on_time": row.on_time,
    }


def cycle_json(cycle: Cycle) -> dict[str, Any]:
    """Return a cycle in its documented shape."""
    return {
        "plan": cycle.plan, "indicator": cycle.indicator, "fiscal_year": cycle.fiscal_year,
        "period_start": cycle.start, "period_end": cycle.end, "due": cycle.due,
        "do_by": cycle.do_by, "enter_by": cycle.enter_by, "quantity": cycle.quantity,
        "nature": cycle.nature, "rule": cycle.rule, "resolution": cycle.version.resolution,
    }  # fmt: skip


@command(
    "cycles",
    help=_("Chaque compte rendu que le plan promet, entre deux échéances."),
    examples=["inbox plan cycles --from 2011-04-01 --to 2016-03-31 --json"],
)
@_PLAN
@click.option("--from", "first", type=DATE, help=_("Première échéance."))
@click.option("--to", "last", type=DATE, help=_("Dernière échéance, comprise."))
def cycles_(app: App, key: str | None, first: datetime | None, last: datetime | None) -> None:
    plans = _plans(app)
    low = date.min if first is None else first.date()
    high = date.max if last is None else last.date()
    if high < low:
        raise click.UsageError(_("Le dernier jour vient avant le premier."))
    found = [c for p in plans.chosen(key) for c in cycles(p, app.workspace.calendar)
             if low <= c.due <= high]  # fmt: skip
    if app.json:
        show_json({"cycles": [cycle_json(c) for c in found]})
        return
    natures = {"target": _("cible"), "accountability": _("reddition")}
    table(
        [(c.name, said(c.entry.indicator.title), c.version.target, dates.day(c.due), dates.day(c.do_by),
          c.quantity or "", natures[c.nature]) for c in found],
        [_("Cycle"), _("Libellé"), _("Cible"), _("Échéance"), _("À faire au plus tard"), _("Nombre"), _("Nature")],
    )  # fmt: skip
    say(n_("{n} cycle", "{n} cycles", len(found)))


@command(
    "show",
    help=_(
        "Un indicateur : ses mots, sa cible et ses versions, ses cycles, ce qui y est consigné."
    ),
    examples=["inbox plan show E1-A3-O5-I1"],
)
@click.argument("indicator")
@_PLAN
def show(app: App, indicator: str, key: str | None) -> None:
    plans = _plans(app)
    plan, entry = plans.indicator(indicator, key)
    rows = [r for r in plans.board(plan, None) if r.cycle.indicator == entry.indicator.id]
    if app.json:
        show_json({"plan": plan.catalogue.key, "indicator": entry.indicator.id,
                   "enjeu": said(entry.enjeu.title), "orientation": said(entry.enjeu.orientation),
                   "axis": said(entry.axis.title), "objective": said(entry.objective.title),
                   "title": said(entry.indicator.title), "owner": plan.owners.get(entry.indicator.id),
                   "versions": [_version_json(v) for v in plan.versions(entry)],
                   "cycles": [{**row_json(r), "events": list(r.events)} for r in rows]})  # fmt: skip
        return
    say(strong(f"{entry.indicator.id} — {said(entry.indicator.title)}"))
    say(_("  Enjeu {n} : {text}", n=entry.enjeu.number, text=said(entry.enjeu.title)))
    say(_("  Axe {n} : {text}", n=entry.axis.number, text=said(entry.axis.title)))
    say(_("  Objectif {n} : {text}", n=entry.objective.number, text=said(entry.objective.title)))
    say(_("  Responsable : {who}", who=plan.owners.get(entry.indicator.id, "—")))
    for version in plan.versions(entry):
        say(_("  Cible : {text} (résolution {r}, en vigueur le {d})", text=version.target,
              r=version.resolution, d=dates.day(version.effective)))  # fmt: skip
    for row in rows:
        number = "—" if row.case is None else row.case.line.number
        say(_("  {year} : {status} · pour le {d} · {number} {progress}", year=row.cycle.fiscal_year,
              status=standing(row.status, row.given, row.replaced_by), d=dates.day(row.cycle.due), number=number,
              progress=_progress(row)))  # fmt: skip
        for event in row.events:
            say(f"    - {dates.stored(event['le'])} : {clean(event['titre'])}")


def _version_json(version: Any) -> dict[str, Any]:
    return {"version": version.number, "target": version.target, "effective": version.effective,
            "decided": version.decided, "resolution": version.resolution, "reason": version.reason}  # fmt: skip


# --- doing ------------------------------------------------------------------------------------------


@command(
    "log",
    help=_(
        "Consigner un événement (une entente, une activité, un avis…) : il compte dans son exercice."
    ),
    examples=[
        'inbox plan log E3-A1-O1-I1 "Entente avec le Cégep A" --date 2012-11-20 --kind entente'
    ],
)
@click.argument("indicator")
@click.argument("title")
@click.option("--date", "on", type=DATE, help=_("Le jour (par défaut, aujourd'hui)."))
@click.option(
    "--kind", "kind", help=_("entente, activite, intervention, avis, projet, publication.")
)
@click.option("--detail", help=_("Une précision."))
@click.option("--attach", "attachments", multiple=True,
              type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help=_("Joindre un fichier."))  # fmt: skip
@_PLAN
def log(
    app: App,
    indicator: str,
    title: str,
    on: datetime | None,
    kind: str | None,
    detail: str | None,
    attachments: tuple[Path, ...],
    key: str | None,
) -> None:
    plans = _plans(app)
    plan, entry = plans.indicator(indicator, key)
    day = app.today if on is None else on.date()
    values = {"evenements.titre": title, "evenements.le": day.isoformat()}
    values |= {k: v for k, v in (("evenements.genre", kind), ("evenements.precision", detail)) if v}
    # Seen before a case is opened for it: what is refused writes nothing.
    _check_event(app, plan, values, day)
    cycle, case = plans.of_day(plan, entry.indicator.id, day)
    number = plans.opened(plan, cycle, case)
    files = form.read_files(attachments)
    app.engine.advance(
        keeper.id_of(app.engine, number), "consigner", values, app.actor, files=files
    )
    row = plans.row(plan, cycle)
    if app.json:
        show_json(row_json(row))
        return
    say(_("{number} ({year}) : consigné{progress}", number=number, year=cycle.fiscal_year,
          progress=_progress(row)))  # fmt: skip


def _check_event(app: App, plan: Standing, values: dict[str, Any], day: date) -> None:
    action = app.library.current(plan.catalogue.plan.process).definition.actions["consigner"]
    _form, faults = read_form(action, values, References(None))
    if faults:
        raise InvalidInput(tuple(faults))
    if day > app.today:
        raise click.UsageError(_("Cet événement est à venir : consignez-le le jour venu."))


@command(
    "assign",
    help=_("Confier un indicateur : ses cycles ouverts et à venir vont sur ce bureau."),
    examples=["inbox plan assign E1-A3-O5-I1 --to conseillere"],
)
@click.argument("indicator")
@click.option("--to", "login", required=True, metavar="LOGIN", help=_("À qui."))
@_PLAN
def assign(app: App, indicator: str, login: str, key: str | None) -> None:
    plans = _plans(app)
    plan, entry = plans.indicator(indicator, key)
    known_person(app, login)
    record = {"responsables.indicateur": entry.indicator.id, "responsables.personne": login}
    number = keeper.decide(app.engine, plan, "confier", record, app.actor,
                           by=frozenset({"conseiller", "direction"}))  # fmt: skip
    moved = keeper.hand_over(app.engine, plan, entry.indicator.id, login, app.actor)
    _decided(app, number, opened=[], replaced=[], moved=moved)


_AMEND = (
    'inbox plan amend E1-A2-O3-I1 --target "31 mars 2014" --cadence "{once: {on: 2014-03-31}}"'
    ' --resolution INM-12-13-055 --decided 2012-11-20 --reason "Enquête plus longue"'
)


@command(
    "amend",
    help=_("Amender une cible par une résolution ; ce qui est déjà adopté ne change pas."),
    examples=[_AMEND],
)
@click.argument("indicator")
@click.option("--target", required=True, help=_("La nouvelle cible, dans ses mots."))
@click.option("--cadence", required=True, help=_("La même, comme cadence (docs/plans.md)."))
@click.option("--resolution", required=True, help=_("Numéro de la résolution."))
@click.option("--decided", type=DATE, required=True, help=_("Jour de la décision."))
@click.option("--effective", type=DATE, help=_("En vigueur à partir de (par défaut, ce jour-là)."))
@click.option("--reason", required=True, help=_("Pourquoi."))
@_PLAN
def amend(
    app: App,
    indicator: str,
    target: str,
    cadence: str,
    resolution: str,
    decided: datetime,
    effective: datetime | None,
    reason: str,
    key: str | None,
) -> None:
    plans = _plans(app)
    plan, entry = plans.indicator(indicator, key)
    since = (effective or decided).date()
    try:
        amended_cadence(cadence, plan.catalogue.plan, since, plan.ends)
    except InvalidDefinition as error:
        raise InvalidDecision(error.findings) from error
    if decided.date() > app.today:
        raise click.UsageError(_("La décision est à venir : {d}", d=dates.day(decided.date())))
    if not plan.catalogue.plan.starts <= since <= plan.ends:
        raise click.UsageError(_("Un amendement prend effet pendant le plan."))
    if any(v.effective == since for v in plan.versions(entry)[1:]):
        raise click.UsageError(_("Un amendement de {id} prend déjà effet le {d}.", id=entry.indicator.id,
                                 d=dates.day(since)))  # fmt: skip
    record = {
        "amendements.indicateur": entry.indicator.id, "amendements.cible": target,
        "amendements.cadence": cadence, "amendements.decide_le": decided.date().isoformat(),
        "amendements.effectif_le": since.isoformat(), "amendements.resolution": resolution,
        "amendements.motif": reason,
    }  # fmt: skip
    _decide(app, plan, "amender", record)


@command(
    "extend",
    help=_("Prolonger le plan par une résolution."),
    examples=[
        'inbox plan extend --to 2017-03-31 --resolution INM-15-16-070 --decided 2016-01-20 --reason "Transition"'
    ],
)
@click.option("--to", "until", type=DATE, required=True, help=_("Nouveau dernier jour."))
@click.option("--resolution", required=True, help=_("Numéro de la résolution."))
@click.option("--decided", type=DATE, required=True, help=_("Jour de la décision."))
@click.option("--reason", required=True, help=_("Pourquoi."))
@_PLAN
def extend(
    app: App, until: datetime, resolution: str, decided: datetime, reason: str, key: str | None
) -> None:
    plan = _plans(app).one(key)
    if until.date() <= plan.ends:
        raise click.UsageError(_("Le plan dure déjà jusqu'au {d}.", d=dates.day(plan.ends)))
    record = {
        "prolongations.fin": until.date().isoformat(), "prolongations.resolution": resolution,
        "prolongations.decide_le": decided.date().isoformat(), "prolongations.motif": reason,
    }  # fmt: skip
    _decide(app, plan, "prolonger", record)


def _decide(app: App, plan: Standing, action: str, record: dict[str, Any]) -> None:
    """Record a decision and re-plan what is still open."""
    try:
        number = keeper.decide(app.engine, plan, action, record, app.actor)
    except InvalidDefinition as error:
        raise InvalidDecision(error.findings) from error
    kept = keeper.keep(app.engine, Plans(app).all())
    say_not_loaded(kept.findings)
    _decided(app, number, opened=kept.opened, replaced=kept.replaced, moved=kept.moved)


def _decided(app: App, number: str, **done: list[str]) -> None:
    if app.json:
        show_json({"case": number, **done})
        return
    say(_("{number} : décision consignée.", number=number))
    words = {
        "opened": _("ouverts"),
        "replaced": _("remplacés"),
        "moved": _("changés de main ou de date"),
    }
    for key, numbers in done.items():
        if numbers:
            say(f"  {words[key]}{_(' : ')}{', '.join(numbers)}")


# --- readings ---------------------------------------------------------------------------------------


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
@_PLAN
@click.option("--set", "choice", metavar="LECTURE=CHOIX", help=_("Choisir une lecture."))
@click.option("--reason", help=_("Pourquoi."))
def readings_(app: App, key: str | None, choice: str | None, reason: str | None) -> None:
    plans = _plans(app)
    plan = plans.one(key)
    if choice is not None:
        _choose(app, plan, choice, reason)
        plan = _plans(app).one(key)
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
        raise click.UsageError(_("--set s'écrit lecture=choix ; les lectures : {names}",
                                 names=", ".join(readings.READINGS)))  # fmt: skip
    if value not in reading.choices:
        raise click.UsageError(_("« {value} » : choisissez {names}", value=value,
                                 names=", ".join(reading.choices)))  # fmt: skip
    if not reason:
        raise click.UsageError(_("Une lecture se choisit avec un motif : --reason"))
    record = {"lectures.lecture": name, "lectures.valeur": value, "lectures.motif": reason}
    _decide(app, plan, "choisir_lecture", record)


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


@command(
    "compare",
    help=_("Ce qui a changé depuis l'adoption ; ou, avec un autre plan, entre les deux."),
    examples=[
        "inbox plan compare",
        "inbox plan compare --plan plan_2011_2016 --with plan_2016_2021",
    ],
)
@_PLAN
@click.option("--with", "other", metavar="CLÉ", help=_("Un autre plan."))
def compare(app: App, key: str | None, other: str | None) -> None:
    plans = _plans(app)
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
    }
    for change in changes:
        say(f"{change['indicator'] or plan.catalogue.key} — {words[change['change']]}{_(' : ')}"
            f"{clean(change['before'] or '—')} → {clean(change['after'] or '—')}"
            + (f" ({change['resolution']})" if change["resolution"] else ""))  # fmt: skip
    say(n_("{n} changement", "{n} changements", len(changes)))


def _since_adoption(plan: Standing) -> list[dict[str, Any]]:
    found = [
        {"indicator": None, "change": "extended", "before": plan.catalogue.plan.ends.isoformat(),
         "after": e["fin"], "resolution": e["resolution"]}
        for e in plan.extensions
    ]  # fmt: skip
    for entry in plan.catalogue.entries():
        versions = plan.versions(entry)
        for before, after in pairwise(versions):
            found.append({"indicator": entry.indicator.id, "change": "changed", "before": before.target,
                          "after": after.target, "resolution": after.resolution})  # fmt: skip
    return found


def _between(one: Standing, two: Standing) -> list[dict[str, Any]]:
    def targets(plan: Standing) -> dict[str, str]:
        return {e.indicator.id: f"{said(e.indicator.title)} – {plan.versions(e)[-1].target}"
                for e in plan.catalogue.entries()}  # fmt: skip

    before, after = targets(one), targets(two)
    found = []
    for name in dict.fromkeys([*before, *after]):
        if before.get(name) != after.get(name):
            change = (
                "added" if name not in before else "removed" if name not in after else "changed"
            )
            found.append({"indicator": name, "change": change, "before": before.get(name),
                          "after": after.get(name), "resolution": None})  # fmt: skip
    return found


# --- the year's deadlines ---------------------------------------------------------------------------


@command(
    "calendar",
    help=_("Les échéances d'un exercice dans un fichier .ics, pour un logiciel d'agenda."),
    examples=["inbox plan calendar echeances.ics --year 2012-2013 --person conseillere"],
)
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--year", metavar="2012-2013", help=_("L'exercice (par défaut, celui d'aujourd'hui).")
)
@click.option("--person", metavar="LOGIN", help=_("Les échéances d'une personne seulement."))
@_PLAN
def calendar(app: App, file: Path, year: str | None, person: str | None, key: str | None) -> None:
    from inbox.commands.export import form_of, write_atomically

    form_of(file, {".ics": "calendar"})
    plans = _plans(app)
    if person is not None:
        known_person(app, person)
    rows = [r for p in plans.chosen(key) for r in plans.board(p, plans.fiscal_year(year))
            if person in {None, r.owner} and not r.answered and r.status not in {"remplace", "sans_objet"}]  # fmt: skip
    if not rows:
        raise click.UsageError(_("Aucune échéance à mettre dans un agenda."))
    write_atomically(file, _ics(app, rows))
    if app.json:
        show_json({"file": str(file), "events": len(rows)})
        return
    say(n_("{n} échéance dans {file}", "{n} échéances dans {file}", len(rows), file=file))


def _ics(app: App, rows: list[Row]) -> bytes:
    """Return the deadlines as all-day events (RFC 5545), one a cycle, on its do-by day."""
    from datetime import timedelta

    from icalendar import Alarm, Calendar, Event

    made = Calendar()
    made.add("prodid", "-//Arrimage//FR")
    made.add("version", "2.0")
    for row in rows:
        cycle = row.cycle
        event = Event()
        event.add("uid", f"{cycle.key}@{app.workspace.mail_settings().domain}")
        event.add("dtstamp", app.now)
        event.add("dtstart", cycle.do_by)
        event.add("dtend", cycle.do_by + timedelta(days=1))
        event.add("summary", f"{cycle.indicator} – {said(cycle.entry.indicator.title)}")
        event.add("description", _("Cible : {text}. Échéance : {due}. Fin de la saisie : {enter}.",
                                   text=cycle.version.target, due=dates.day(cycle.due),
                                   enter=dates.day(cycle.enter_by)))  # fmt: skip
        event.add("transp", "TRANSPARENT")
        alarm = Alarm()
        alarm.add("action", "DISPLAY")
        alarm.add("description", cycle.indicator)
        alarm.add("trigger", timedelta(days=-7))
        event.add_component(alarm)
        made.add_component(event)
    return bytes(made.to_ical())


for made in (board_, cycles_, show, log, assign, amend, extend, readings_, compare, calendar):
    plan_group.add_command(made)

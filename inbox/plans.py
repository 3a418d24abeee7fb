"""The plans of a workspace: those shipped and its own, as they stand, with the cases of their cycles."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING

import click

import workflows
from engine.errors import Finding, InvalidDefinition, NotFound, Unavailable
from inbox import dates
from inbox.findings import lines
from inbox.lookup import find, is_cycle
from inbox.output import say
from inbox.texts import _, n_
from workflows.plan import catalogue, keeper
from workflows.plan.board import board
from workflows.plan.cases import cases_of, is_replaced, named, paired
from workflows.plan.cycles import cycles
from workflows.plan.owners import owner_on
from workflows.plan.proof import at_fault, prove
from workflows.plan.wording import check_words

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date
    from pathlib import Path

    from inbox.app import App
    from workflows.plan.board import Row
    from workflows.plan.cases import CycleCase
    from workflows.plan.catalogue import Catalogue, Entry
    from workflows.plan.cycles import Cycle
    from workflows.plan.decisions import Standing


class Plans:
    """The plans of one workspace, read once a run."""

    def __init__(self, app: App) -> None:
        self.app = app

    @cached_property
    def catalogues(self) -> list[Catalogue]:
        """The sound plan files: those shipped, then the workspace's own `plans/*.yaml`."""
        found = [
            catalogue.load(file.read_text(encoding="utf-8"), file.name)
            for file in workflows.shipped_plans()
        ]
        own = self.app.home / "plans"
        for path in sorted([*own.glob("*.yaml"), *own.glob("*.yml")]):
            try:
                found.append(self._read(path, found))
            except InvalidDefinition as error:
                self._unread += error.findings
            except Exception as error:  # noqa: BLE001 - no file stops the mail of everything else
                self._unread += (_unreadable(path, error),)
        return found

    def _read(self, path: Path, others: list[Catalogue]) -> Catalogue:
        made = catalogue.load(path.read_text(encoding="utf-8", errors="replace"), str(path))
        catalogue.check_among(made, others, self.app.library.keys())
        check_words(made, path.parent)
        return made

    _unread: tuple[Finding, ...] = ()

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What is wrong with the plans that do not stand: unreadable, or impossible to follow."""
        unplannable = self._proved[1]
        return (*self._unread, *unplannable)

    def told(self) -> Plans:
        """Say what is wrong with a plan that does not stand, and go on with those that do."""
        say_not_loaded(self.findings)
        return self

    def all(self) -> list[Standing]:
        """Return the plans as they stand today, read when this was first asked."""
        return self._proved[0]

    @cached_property
    def _proved(self) -> tuple[list[Standing], tuple[Finding, ...]]:
        """The plans that can be followed, and what is wrong with the others."""
        with self.app.database.read() as connection:
            decisions = keeper.decided(connection)
        stand: list[Standing] = []
        findings: list[Finding] = []
        for found in self.catalogues:
            try:
                plan = self._prove(keeper.stand(found, decisions, self.app.workspace.calendar))
                stand.append(replace(plan, owners=self._owners(plan)))
            except InvalidDefinition as error:
                findings += error.findings
            except Unavailable:
                raise
            except Exception as error:  # noqa: BLE001 - a plan at fault hides no other one
                findings.append(at_fault(found, error))
        return stand, tuple(findings)

    def _owners(self, plan: Standing) -> dict[str, str]:
        """Return who has each indicator today: nobody who has left."""
        with self.app.database.read() as connection:
            now = {
                login: owner_on(connection, login, self.app.today)
                for login in set(plan.owners.values())
            }
        return {i: owner for i, login in plan.owners.items() if (owner := now[login]) is not None}

    def _prove(self, plan: Standing) -> Standing:
        process = self.app.library.current(plan.catalogue.plan.process).definition
        prove(plan, self.app.workspace.calendar, process)
        return plan.on(self.app.today)

    def chosen(self, key: str | None) -> list[Standing]:
        """Return the plan of that key, or all of them; raise `NotFound`."""
        found = [p for p in self.all() if key in {None, p.catalogue.key}]
        if not found and key is None:
            raise click.UsageError(_("Aucun plan ne peut être suivi."))
        if not found:
            raise NotFound("plan", str(key), near=tuple(c.key for c in self.catalogues))
        return found

    def one(self, key: str | None) -> Standing:
        """Return the plan of that key, or the only one."""
        found = self.chosen(key)
        if len(found) > 1:
            raise click.UsageError(
                _("Lequel? --plan {names}", names=" | ".join(p.catalogue.key for p in found))
            )
        return found[0]

    def indicator(self, name: str, key: str | None) -> tuple[Standing, Entry]:
        """Return an indicator and the plan it is in; raise `NotFound` or a usage error."""
        plans = self.chosen(key)
        found = [(p, e) for p in plans if (e := p.catalogue.entry(name)) is not None]
        if not found:
            near = tuple(e.indicator.id for p in plans for e in p.catalogue.entries())
            raise NotFound("indicator", name, near=near)
        if len(found) > 1:
            names = " | ".join(p.catalogue.key for p, _entry in found)
            raise click.UsageError(_("Lequel? --plan {names}", names=names))
        return found[0]

    def remembered(self, name: str, key: str | None) -> tuple[Standing, Entry]:
        """Return an indicator as `indicator` does, or one that a file had and that cycles were opened for."""
        plans = self.chosen(key)
        if all(p.catalogue.entry(name) is None for p in plans):
            for plan in plans:
                for row in reversed(self.board(plan, None)):
                    if row.cycle.indicator == name.upper():
                        return plan, row.cycle.entry
        return self.indicator(name, key)

    def fiscal_year(self, year: str | None) -> str:
        """Return a fiscal year that was typed, or today's."""
        calendar = self.app.workspace.calendar
        if year is None:
            return calendar.fiscal_year(self.app.today)
        try:
            calendar.fiscal_bounds(year)
        except ValueError as error:
            raise click.UsageError(
                _("« {year} » n'est pas un exercice comme 2012-2013.", year=year)
            ) from error
        return year

    def cases(self, plan: Standing | None = None) -> list[CycleCase]:
        """Return the cases of a plan's cycles, or of all plans'."""
        plans = self.all() if plan is None else [plan]
        processes = dict.fromkeys(p.catalogue.plan.process for p in plans)
        with self.app.database.read() as connection:
            return [case for process in processes for case in cases_of(connection, process)]

    def board(self, plan: Standing, year: str | None) -> list[Row]:
        """Return the board of a year, or of every year."""
        calendar = self.app.workspace.calendar
        return board(plan, self.cases(plan), calendar, self.app.today, year)

    def names(self, indicator: str) -> tuple[str, ...]:
        """Return the names of the cycles of an indicator; none when no plan has it."""
        calendar, wanted = self.app.workspace.calendar, indicator.upper()
        found = (c for p in self.all() for c in cycles(p, calendar) if c.indicator == wanted)
        return tuple(dict.fromkeys(c.name for c in found))

    def row(self, plan: Standing, cycle: Cycle) -> Row:
        """Return the board's row of one cycle."""
        return next(r for r in self.board(plan, cycle.fiscal_year) if r.cycle.key == cycle.key)

    def of_day(self, plan: Standing, indicator: str, day: date) -> tuple[Cycle, CycleCase | None]:
        """Return the cycle in whose period a day falls: the local day decides, not the hour in UTC."""
        pairs = [
            (cycle, case)
            for cycle, case in paired(plan, self.cases(plan), self.app.workspace.calendar)
            if cycle.indicator == indicator and not is_replaced(cycle, case)
        ]
        found = next(((y, c) for y, c in pairs if y.start <= day <= y.end), None)
        if found is None:
            raise _uncovered([y for y, _case in pairs], indicator, day)
        return found

    def named(self, reference: str) -> tuple[Standing, Cycle, CycleCase | None]:
        """Return the cycle that a person names, by its case's number too.

        Raises:
            NotFound: No plan promises it, or ever did.
            Ambiguous: Several bear that name.
        """
        plans, cases = self.all(), self.cases()
        if is_cycle(reference):
            return named(plans, cases, self.app.workspace.calendar, reference)
        number = find(self.app, reference).number
        for plan in plans:
            for cycle, case in paired(plan, cases, self.app.workspace.calendar):
                if case is not None and case.line.number == number:
                    return plan, cycle, case
        raise NotFound("cycle", reference)

    def number(self, reference: str) -> str:
        """Return the number of the case of a cycle, opened if its day has come.

        Raises:
            NotFound: No plan promises it.
            click.UsageError: Its day has not come.
        """
        plan, cycle, case = self.named(reference)
        return self.opened(plan, cycle, case)

    def opened(self, plan: Standing, cycle: Cycle, case: CycleCase | None) -> str:
        """Return the number of a cycle's case, opened if its day has come; or raise a usage error."""
        if case is not None:
            return case.line.number
        if cycle.superseded_by is not None:
            raise click.UsageError(
                _(
                    "Le cycle {name} n'est plus demandé : sa cible a été remplacée (résolution {r}).",
                    name=cycle.name,
                    r=cycle.superseded_by.resolution,
                )
            )
        day = cycle.start - timedelta(days=keeper.LEAD)
        if self.app.today < day:
            raise click.UsageError(
                _(
                    "Le cycle {name} n'est pas encore ouvert : il le sera le {d}. Ce qu'il promet : inbox why {name}",
                    name=cycle.name,
                    d=dates.day(day),
                )
            )
        if self.app.today > cycle.enter_by:
            raise click.UsageError(
                _(
                    "La saisie du cycle {name} s'est close le {d}, avant qu'il soit suivi ici. Pour l'ouvrir "
                    "quand même : inbox plan open {name}",
                    name=cycle.name,
                    d=dates.day(cycle.enter_by),
                )
            )
        # The next pass of the clock would open it too: it may be read as if it had.
        return keeper.open_cycle(self.app.engine, plan, cycle)


def say_not_loaded(findings: Sequence[Finding]) -> None:
    """Say what is wrong with plans that do not stand, if anything is."""
    if not findings:
        return
    files = len({f.path for f in findings})
    say(n_("{n} plan n'a pas été chargé :", "{n} plans n'ont pas été chargés :", files), err=True)
    for line in (line for f in findings for line in lines(f)):
        say(f"  {line}", err=True)


def _uncovered(found: list[Cycle], indicator: str, day: date) -> click.UsageError | NotFound:
    """Return the error of a day that is in the period of no cycle of an indicator."""
    if not found:
        return NotFound("cycle", f"{indicator}, {dates.day(day)}")
    nearest = min(found, key=lambda y: max(y.start - day, day - y.end))
    return click.UsageError(
        _("Aucun cycle de cet indicateur ne couvre le {d}; le plus proche va du {a} au {b}.",
          d=dates.day(day), a=dates.day(nearest.start), b=dates.day(nearest.end))
    )  # fmt: skip


def _unreadable(path: Path, error: Exception) -> Finding:
    """Return the finding of a file that cannot be read at all, whatever the reason."""
    what = getattr(error, "strerror", None) or f"{type(error).__name__}: {error}"
    said = {
        "fr": f"ce fichier ne peut pas être lu : {what}.",
        "en": f"this file cannot be read: {what}.",
    }
    return Finding(code="unreadable", path=str(path), line=1, column=1, messages=said)

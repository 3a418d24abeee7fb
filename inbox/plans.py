"""The plans of a workspace: those shipped and its own, as they stand, with the cases of their cycles."""

from __future__ import annotations

from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING

import click

import workflows
from engine import register
from engine.errors import NotFound
from inbox import dates
from inbox.lookup import find, is_cycle
from inbox.texts import _
from workflows.plan import catalogue, keeper
from workflows.plan.board import board
from workflows.plan.cycles import cycles

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inbox.app import App
    from workflows.plan.board import Row
    from workflows.plan.catalogue import Catalogue, Entry
    from workflows.plan.cycles import Cycle
    from workflows.plan.decisions import Standing


class Plans:
    """The plans of one workspace, read once a run."""

    def __init__(self, app: App) -> None:
        self.app = app

    @cached_property
    def catalogues(self) -> list[Catalogue]:
        """The plan files: those shipped, then the workspace's own `plans/*.yaml`."""
        own = sorted((self.app.home / "plans").glob("*.yaml"))
        return [
            *(
                catalogue.load(f.read_text(encoding="utf-8"), f.name)
                for f in workflows.shipped_plans()
            ),
            *(catalogue.load(f.read_text(encoding="utf-8", errors="replace"), str(f)) for f in own),
        ]

    def all(self) -> list[Standing]:
        """Return the plans as they stand now."""
        with self.app.database.read() as connection:
            return keeper.stand(connection, self.catalogues)

    def chosen(self, key: str | None) -> list[Standing]:
        """Return the plan of that key, or all of them; raise `NotFound`."""
        found = [p for p in self.all() if key in {None, p.catalogue.key}]
        if not found:
            raise NotFound("plan", str(key), near=tuple(c.key for c in self.catalogues))
        return found

    def one(self, key: str | None) -> Standing:
        """Return the plan of that key, or the only one."""
        found = self.chosen(key)
        if len(found) > 1:
            raise click.UsageError(
                _("Lequel ? --plan {names}", names=" | ".join(p.catalogue.key for p in found))
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
            raise click.UsageError(_("Lequel ? --plan {names}", names=names))
        return found[0]

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

    def cases(self, plan: Standing) -> Sequence[keeper.CycleCase]:
        """Return the cases of a plan's cycles."""
        with self.app.database.read() as connection:
            return keeper.cases_of(connection, plan.catalogue.plan.process)

    def board(self, plan: Standing, year: str | None) -> list[Row]:
        """Return the board of a year, or of every year."""
        calendar = self.app.workspace.calendar
        return board(plan, self.cases(plan), calendar, self.app.today, year)

    def row(self, plan: Standing, cycle: Cycle) -> Row:
        """Return the board's row of one cycle."""
        return next(r for r in self.board(plan, cycle.fiscal_year) if r.cycle.key == cycle.key)

    def open(self, plan: Standing, cycle: Cycle) -> str:
        """Return the number of a cycle's case, opened if it was not."""
        found = keeper.case_of(self.cases(plan), cycle)
        return (
            keeper.open_cycle(self.app.engine, plan, cycle) if found is None else found.line.number
        )

    def named(self, reference: str) -> tuple[Standing, Cycle]:
        """Return the cycle that a person names, by its case's number too; raise `NotFound`."""
        calendar = self.app.workspace.calendar
        if not is_cycle(reference):
            key = find(self.app, reference).data["cle"]
            found = [(p, c) for p in self.all() for c in cycles(p, calendar) if c.key == key]
            if not found:
                raise NotFound("cycle", reference)
            return found[0]
        return keeper.named(self.all(), calendar, reference)

    def number(self, reference: str) -> str:
        """Return the number of the case of a cycle, opened if its day has come; raise `NotFound`."""
        plan, cycle = self.named(reference)
        day = cycle.start - timedelta(days=keeper.LEAD)
        if self.app.today < day and keeper.case_of(self.cases(plan), cycle) is None:
            raise NotFound("unopened", f"{cycle.name} ({dates.day(day)})")
        return self.open(plan, cycle)

    def case_id(self, number: str) -> int:
        """Return the id of a case."""
        with self.app.database.read() as connection:
            return register.find(connection, number).id

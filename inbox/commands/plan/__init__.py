"""`plan`: what the strategic plan promises, by when, and where each promise stands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inbox.command import LazyGroup
from inbox.commands.plan.board import board_
from inbox.commands.plan.calendar import calendar
from inbox.commands.plan.compare import compare
from inbox.commands.plan.cycles import cycles_
from inbox.commands.plan.decisions import amend, assign, extend
from inbox.commands.plan.log import log
from inbox.commands.plan.open import open_
from inbox.commands.plan.readings import readings_
from inbox.commands.plan.show import show
from inbox.texts import _

if TYPE_CHECKING:
    import click


class _PlanGroup(LazyGroup):
    """`inbox plan` by itself shows the year's board."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read what is not the name of a command as the board's own options."""
        named = any(word in self.commands for word in args)
        if not named and not {"--help", "-h"} & {*args} and (not args or args[0].startswith("-")):
            args = ["board", *args]
        return super().parse_args(ctx, args)


plan_group = _PlanGroup(
    "plan", help=_("Le plan stratégique : le tableau de l'année, les cycles, les décisions.")
)

for made in (
    board_,
    cycles_,
    show,
    open_,
    log,
    assign,
    amend,
    extend,
    readings_,
    compare,
    calendar,
):
    plan_group.add_command(made)

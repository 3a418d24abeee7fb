"""From what a person types to what is meant: a case, with its definition at hand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from engine import register

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from engine.definition.compiled import CompiledDefinition, CompiledState
    from engine.register import Listed
    from inbox.app import App


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A case as the screens need it."""

    line: Listed
    data: dict[str, Any]
    definition: CompiledDefinition
    redirected_from: str | None
    merged: list[str]

    @property
    def id(self) -> int:
        """The case's id."""
        return self.line.id

    @property
    def number(self) -> str:
        """The case's number."""
        return self.line.number

    @property
    def state(self) -> CompiledState:
        """Its state."""
        return self.definition.states[self.line.state]


def find(app: App, reference: str, *, follow: bool = True) -> Case:
    """Return the case that a person names, by its number or its last digits.

    Args:
        app: The run.
        reference: As typed; a cycle may be named by its indicator and its fiscal year or due date.
        follow: Go on to the case it was merged into.
    """
    if is_cycle(reference):
        from inbox.plans import Plans

        reference = Plans(app).number(reference)
    with app.database.read() as connection:
        found = register.find(connection, reference, follow=follow)
        merged = register.merged_into(connection, found.id)
    process = app.library.get(found.row.process, found.row.definition_version)
    return Case(
        line=register.listed(found.row),
        data=found.data,
        definition=process.definition,
        redirected_from=found.redirected_from,
        merged=merged,
    )


def is_cycle(reference: str) -> bool:
    """Tell whether a reference names a cycle: `E1-A3-O5-I1/2013-2014`, `E1-A3-O5-I1@2013-12-31`."""
    return "/" in reference or "@" in reference


class CaseType(click.ParamType[str]):
    """A case's number; completed from the open cases."""

    name = "case"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Return the numbers of open cases, with their titles."""
        from click.shell_completion import CompletionItem

        from inbox.app import App, Common

        del param
        app = App(ctx.ensure_object(Common))
        with app.database.read() as connection:
            lines = register.list_cases(connection, limit=500)
        wanted = incomplete.upper()
        return [
            CompletionItem(line.number, help=line.title) for line in lines if wanted in line.number
        ]


class ActionType(click.ParamType[str]):
    """An action of the case that was named before it."""

    name = "action"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Return the actions of the case's state."""
        from click.shell_completion import CompletionItem

        from inbox.app import App, Common
        from inbox.texts import word

        del param
        app = App(ctx.ensure_object(Common))
        case = find(app, ctx.params["case"])
        return [
            CompletionItem(a.name, help=word(a.label))
            for a in case.definition.actions.values()
            if case.line.state in a.sources
            and a.automatic is None
            and a.name.startswith(incomplete)
        ]


CASE = CaseType()
ACTION = ActionType()

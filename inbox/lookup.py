"""From what a person types to what is meant: a case, with its definition at hand.

And from what is half typed to what it may become: the types below complete a word from what the
workspace holds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from engine import outbox, register
from engine.errors import Ambiguous, NotFound
from engine.folding import fold
from inbox.texts import _, word

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from click.shell_completion import CompletionItem

    from engine.definition.compiled import (
        CompiledAction,
        CompiledDefinition,
        CompiledFormItem,
        CompiledState,
    )
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
        try:
            found = register.find(connection, reference, follow=follow)
        except NotFound as error:
            raise NotFound("case", reference, near=_cycles(app, reference) or error.near) from error
        merged = register.merged_into(connection, found.id)
    process = app.library.get(found.row.process, found.row.definition_version)
    return Case(
        line=register.listed(found.row),
        data=found.data,
        definition=process.definition,
        redirected_from=found.redirected_from,
        merged=merged,
    )


def _cycles(app: App, reference: str) -> tuple[str, ...]:
    """Return the cycles of an indicator that was named where a case is meant."""
    from inbox.plans import Plans

    return Plans(app).names(reference)


def is_cycle(reference: str) -> bool:
    """Tell whether a reference names a cycle: `E1-A3-O5-I1/2013-2014`, `E1-A3-O5-I1@2013-12-31`."""
    return "/" in reference or "@" in reference


def known_state(app: App, typed: str, process: str | None) -> str:
    """Return the state that a person names by its name or its label, whatever accents and case.

    Raises:
        NotFound: No process has such a state; near names are given.
        Ambiguous: Several states are called so.
    """
    states = _states(app, process)
    if typed in states:
        return typed
    wanted = fold(typed)
    found = [
        name
        for name, labels in states.items()
        if wanted in {fold(text) for label in labels for text in (name, *label.values())}
    ]
    if len(found) > 1:
        raise Ambiguous(typed, tuple(found))
    if not found:
        shown = (word(labels[-1]) for labels in states.values())
        raise NotFound("state", typed, near=(*states, *shown))
    return found[0]


def known_process(app: App, typed: str) -> str:
    """Return the key of an installed process; raise `NotFound`, with near names."""
    keys = dict(_processes(app))
    if typed not in keys:
        raise NotFound("process", typed, near=tuple(keys))
    return typed


def known_person(app: App, typed: str) -> str:
    """Return the login of somebody of the staff, even one who left; raise `NotFound`."""
    logins = dict(_people(app))
    if typed not in logins:
        raise NotFound("person", typed, near=tuple(logins))
    return typed


def known_roles(app: App) -> frozenset[str]:
    """Return the roles that somebody may be given: those of the processes and of the house.

    The plan's own is nobody's: what is written under it has been checked before.
    """
    from inbox.app import ADMINISTRATION
    from workflows.plan.keeper import ROLE

    used = (app.library.current(key).definition.roles for key in app.library.keys())  # noqa: SIM118 - not a mapping
    return ADMINISTRATION.union(*used) - {ROLE}


def _summaries(app: App) -> Mapping[tuple[str, int], Mapping[str, Any]]:
    with app.database.read() as connection:
        return register.summaries(connection)


def _states(app: App, process: str | None) -> dict[str, list[Mapping[str, str]]]:
    """Return the states of a process, or of all, each with its labels through the versions."""
    states: dict[str, list[Mapping[str, str]]] = {}
    for (key, _version), summary in _summaries(app).items():
        if process in {None, key}:
            for name, state in summary["states"].items():
                states.setdefault(name, []).append(state["label"])
    return states


# --- what half a word may become ----------------------------------------------------------------


class Known(click.ParamType[str]):
    """A text, completed from what the workspace holds; what is typed is judged by the command."""

    def __init__(
        self, name: str, listed: Callable[[App, click.Context, str], Iterable[tuple[str, str]]]
    ) -> None:
        """Take the type's name, and what lists the words, each with what it means."""
        self.name = name
        self._listed = listed

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Return the words that hold what was typed, accents and case aside."""
        from click.shell_completion import CompletionItem

        from inbox.app import App, Common

        del param
        app = App(ctx.ensure_object(Common), quiet=True)
        try:
            listed = list(self._listed(app, ctx, incomplete))
        except Exception:  # noqa: BLE001 - a TAB that finds nothing says nothing
            return []
        wanted = fold(incomplete)
        return [CompletionItem(text, help=help_) for text, help_ in listed if wanted in fold(text)]


def _cases(app: App, _ctx: click.Context, _typed: str) -> Iterable[tuple[str, str]]:
    with app.database.read() as connection:
        lines = register.list_cases(connection, limit=500)
    return [(line.number, line.title) for line in lines]


def _actions(app: App, ctx: click.Context, _typed: str) -> Iterable[tuple[str, str]]:
    """Return the actions of the state of the case that was named before."""
    case = find(app, ctx.params["case"])
    return [
        (a.name, word(a.label))
        for a in case.definition.actions.values()
        if case.line.state in a.sources and a.automatic is None
    ]


def _every_action(app: App, ctx: click.Context, _typed: str) -> Iterable[tuple[str, str]]:
    """Return the actions of the case that was named before, in any state: one asks why not."""
    case = find(app, ctx.params["case"])
    return [(a.name, word(a.label)) for a in case.definition.actions.values()]


def _batches(app: App, ctx: click.Context, _typed: str) -> Iterable[tuple[str, str]]:
    case = find(app, ctx.params["case"])
    return [(n.name, word(n.label)) for n in case.definition.notifications.values() if n.batch]


def _numbers(app: App, ctx: click.Context, _typed: str) -> Iterable[tuple[str, str]]:
    """Return the numbers of the case's batches of the name that was given."""
    case, name = find(app, ctx.params["case"]), ctx.params.get("message") or "diffusion"
    with app.database.read() as connection:
        queued = outbox.messages_named(connection, case.id, name)
    return [(str(n), "") for n in range(1, len(queued) + 1)]


def _people(app: App, *_: Any) -> Iterable[tuple[str, str]]:
    from engine import staff

    with app.database.read() as connection:
        return [(p.login, p.name) for p in staff.list_staff(connection)]


def _members(app: App, *_: Any) -> Iterable[tuple[str, str]]:
    from engine import roster

    with app.database.read() as connection:
        return [(name, "") for name in sorted(roster.names(connection).values(), key=fold)]


def _processes(app: App, *_: Any) -> Iterable[tuple[str, str]]:
    return {key: word(s["label"]) for (key, _version), s in _summaries(app).items()}.items()


def _state_names(app: App, ctx: click.Context, _typed: str) -> Iterable[tuple[str, str]]:
    return [
        (name, word(labels[-1])) for name, labels in _states(app, ctx.params.get("process")).items()
    ]


def _role_names(app: App, *_: Any) -> Iterable[tuple[str, str]]:
    return [(role, "") for role in sorted(known_roles(app))]


def _channels(app: App, *_: Any) -> Iterable[tuple[str, str]]:
    opening = app.library.current("demande").definition.opening
    field = next(item.field for item in opening.form if item.name == "canal")
    return [(key, word(label)) for key, label in field.options.items()]


def _fields(app: App, ctx: click.Context, typed: str) -> Iterable[tuple[str, str]]:
    """Return the fields of the action's form, each with its `=`; after it, the choices."""
    form = _action(app, ctx).form
    name, sign, _value = typed.partition("=")
    if not sign:
        return [(f"{item.name}=", word(item.field.label)) for item in form]
    return [
        (f"{name}={value}", label)
        for item in form
        if name in {item.name, item.field.name}
        for value, label in _choices(item)
    ]


def _action(app: App, ctx: click.Context) -> CompiledAction:
    """Return the action whose form is being filled: that of `do`, or the opening of `register`."""
    if "case" not in ctx.params:
        return app.library.current(ctx.params["process"]).definition.opening
    return find(app, ctx.params["case"]).definition.actions[ctx.params["action"]]


def _choices(item: CompiledFormItem) -> list[tuple[str, str]]:
    if item.field.type == "boolean":
        return [(_("oui"), ""), (_("non"), "")]
    return [(key, word(label)) for key, label in item.field.options.items()]


CASE = Known("case", _cases)
ACTION = Known("action", _actions)
ANY_ACTION = Known("action", _every_action)
BATCH = Known("message", _batches)
NUMBER = Known("batch", _numbers)
LOGIN = Known("login", _people)
MEMBER = Known("name", _members)
PROCESS = Known("process", _processes)
STATE = Known("state", _state_names)
ROLE = Known("role", _role_names)
CHANNEL = Known("channel", _channels)
SET = Known("set", _fields)

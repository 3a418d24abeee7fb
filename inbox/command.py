"""How commands are declared: options that all share, groups loaded when they are called for."""

from __future__ import annotations

import functools
from importlib import import_module
from typing import TYPE_CHECKING, Any

import click

from engine.errors import Refused
from inbox.app import App, Common
from inbox.lookup import LOGIN
from inbox.texts import LANGUAGES, _

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

#: The longest line of help in a list of commands: more would not fit in 100 columns.
_LONGEST = 84


class _Documented(click.Command):
    """What a command and a group share: the common options, and examples at the end of the help."""

    def __init__(self, *args: Any, examples: Sequence[str] = (), **kwargs: Any) -> None:
        kwargs["params"] = [*(kwargs.get("params") or []), *_common_options()]
        super().__init__(*args, **kwargs)
        self.examples = tuple(examples)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the words; while the shell completes, an option may still wait for its value."""
        if ctx.resilient_parsing and args and args[-1] in taking_a_value(self):
            args = args[:-1]
        return super().parse_args(ctx, args)

    def get_short_help_str(self, limit: int = _LONGEST) -> str:
        """Return its line in a list of commands."""
        return super().get_short_help_str(limit)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples."""
        if self.examples:
            with formatter.section(_("Exemples")):
                for example in self.examples:
                    formatter.write(f"  {example}\n")
        super().format_epilog(ctx, formatter)


class Command(_Documented):
    """A command."""


class LazyGroup(_Documented, click.Group):
    """A group whose commands are imported when they are called: `--help` and lists stay quick.

    Args:
        lazy: Name to (module, function, one line of help).
    """

    def __init__(
        self, *args: Any, lazy: dict[str, tuple[str, str, str]] | None = None, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.lazy = lazy or {}

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names, in the order of the work."""
        return [*self.lazy, *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Return a command, importing it."""
        if name not in self.lazy:
            return super().get_command(ctx, name)
        module, function, _help = self.lazy[name]
        command: click.Command = getattr(import_module(f"inbox.commands.{module}"), function)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write one line a command without importing any."""
        rows = [(name, text) for name, (_m, _f, text) in self.lazy.items()]
        for name in super().list_commands(ctx):
            command = super().get_command(ctx, name)
            rows.append((name, command.get_short_help_str() if command else ""))
        with formatter.section(_("Commandes")):
            formatter.write_dl(rows)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Say which command was probably meant when there is none of that name."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            from difflib import get_close_matches

            near = get_close_matches(args[0], self.list_commands(ctx), n=1)
            if not near:
                raise
            said = f"{error.message.rstrip('.')} — {near[0]}?"
            raise click.UsageError(said, ctx) from error


def taking_a_value(*commands: click.Command) -> set[str]:
    """Return the options of these commands after which a value comes."""
    return {
        name
        for command in commands
        for option in command.params
        if isinstance(option, click.Option) and not option.is_flag
        for name in option.opts
    }


def _common_options() -> list[click.Option]:
    return [
        click.Option(["--json"], is_flag=True, expose_value=False, callback=_keep("json"),
                     help=_("Répondre en JSON (docs/cli.md).")),
        click.Option(["--lang"], type=click.Choice(LANGUAGES), expose_value=False,
                     help=_("Langue : fr (par défaut) ou en.")),
        click.Option(["--home"], metavar="DIR", expose_value=False, callback=_keep("home"),
                     help=_("Espace de travail; sinon INBOX_HOME, sinon le plus proche dossier, d'ici vers "
                            "le haut, où il y a un inbox.toml, sinon le dossier de données du compte.")),
        click.Option(["--as", "act_as"], metavar="LOGIN", type=LOGIN, expose_value=False,
                     callback=_keep("act_as"),
                     help=_("Agir au nom de quelqu'un, si votre rôle le permet; c'est noté.")),
        click.Option(["--debug"], is_flag=True, expose_value=False,
                     help=_("Montrer en entier ce qui n'a pas marché.")),
    ]  # fmt: skip


def _keep(name: str) -> Callable[[click.Context, click.Parameter, Any], None]:
    def callback(ctx: click.Context, _parameter: click.Parameter, value: Any) -> None:
        common = ctx.ensure_object(Common)
        if value:
            setattr(common, name, value)

    return callback


def command(
    name: str,
    *,
    examples: Sequence[str] = (),
    help: str,  # noqa: A002 - click's own word
) -> Callable[[Callable[..., None]], click.Command]:
    """Declare a command whose function takes the `App` first."""

    def decorate(function: Callable[..., None]) -> click.Command:
        @click.pass_context
        @functools.wraps(function)
        def run(ctx: click.Context, /, **values: Any) -> None:
            app = App(ctx.ensure_object(Common))
            ctx.obj = app.common
            try:
                function(app, **values)
            except Refused as refused:
                if refused.number is None:
                    raise
                raise app.engine.explained(refused) from refused

        made: click.Command = click.command(name, cls=Command, help=help, examples=examples)(run)
        return made

    return decorate

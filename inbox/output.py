"""What goes to the screen: text or JSON, colour only on a terminal, never by colour alone."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, is_dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import click

from inbox.texts import clean

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

#: The version of the JSON shapes of `docs/cli.md`.
SCHEMA = 1
_CELL = 60


def say(text: str = "", *, err: bool = False) -> None:
    """Print a line."""
    click.echo(text, err=err)


def strong(text: str) -> str:
    """Return a text that stands out on a terminal."""
    return click.style(text, bold=True)


def show_json(value: Mapping[str, Any]) -> None:
    """Print a JSON object in its documented shape."""
    click.echo(
        json.dumps({"schema": SCHEMA, **value}, ensure_ascii=False, default=_plain, indent=2)
    )


def _plain(value: Any) -> Any:
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, (set, frozenset, tuple)):
        return sorted(value)
    return str(value)


def table(rows: Sequence[Sequence[object]], headers: Sequence[str]) -> None:
    """Print a plain table: columns by spaces, no box, readable by a screen reader."""
    from tabulate import tabulate

    cells = [[_cell(value) for value in row] for row in rows]
    say(tabulate(cells, headers=list(headers), tablefmt="simple", disable_numparse=True))


def _cell(value: object) -> str:
    text = clean(str(value)).replace("\n", " ")
    return text if len(text) <= _CELL else text[: _CELL - 1] + "…"


def on_terminal() -> bool:
    """Tell whether somebody can be asked."""
    return sys.stdin.isatty() and sys.stdout.isatty()

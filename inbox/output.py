"""What goes to the screen: text or JSON, colour only on a terminal, never by colour alone."""

from __future__ import annotations

import json
import os
import shutil
import sys
import textwrap
from dataclasses import asdict, is_dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import click

from inbox.texts import clean

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

#: The version of the JSON shapes of `docs/cli.md`.
SCHEMA = 1
_CELL = 60


class _Run:
    """What the answers of this run say of its workspace; None while none was opened."""

    rehearsal: bool | None = None


def rehearsing(value: bool) -> None:
    """Note whether the workspace of this run is a rehearsal: every JSON answer says so."""
    _Run.rehearsal = value


def say(text: str = "", *, err: bool = False) -> None:
    """Print a line."""
    click.echo(text, err=err)


def wrapped(text: str, indent: str = "") -> str:
    """Return a text cut between words at the width of the terminal, each line after an indent."""
    width = shutil.get_terminal_size().columns
    return textwrap.fill(
        text, width, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False
    )


def strong(text: str) -> str:
    """Return a text that stands out on a terminal, unless nothing is to (no-color.org)."""
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return text if plain else click.style(text, bold=True)


def show_json(value: Mapping[str, Any]) -> None:
    """Print a JSON object in its documented shape."""
    answer = {"schema": SCHEMA, "rehearsal": _Run.rehearsal, **value}
    click.echo(json.dumps(answer, ensure_ascii=False, default=plain, indent=2))


def plain(value: Any) -> Any:
    """Return what JSON has no word for: instants and dates are ISO 8601."""
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, Decimal):
        return float(value)
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


def set_in(text: str, margin: str = "      ") -> str:
    """Return a text whose lines after the first begin with a margin."""
    return clean(text).replace("\n", f"\n{margin}")


def on_terminal() -> bool:
    """Tell whether somebody can be asked."""
    return sys.stdin.isatty() and sys.stdout.isatty()

"""What the institute decided: processes and plans, as data, and the texts it adopted."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable


def shipped() -> list[Traversable]:
    """Return the definitions that come with the application, in the order of their names."""
    return sorted(
        (f for f in files("workflows").iterdir() if f.name.endswith(".yaml")),
        key=lambda f: f.name,
    )


def shipped_plans() -> list[Traversable]:
    """Return the plans that come with the application, in the order of their names."""
    return sorted(
        (f for f in (files("workflows") / "plans").iterdir() if f.name.endswith(".yaml")),
        key=lambda f: f.name,
    )


def shipped_scenarios() -> list[Traversable]:
    """Return the scenario files of those definitions, in the order of their names."""
    return sorted(
        (f for f in (files("workflows") / "scenarios").iterdir() if f.name.endswith(".yaml")),
        key=lambda f: f.name,
    )


def adopted_text(name: str) -> str | None:
    """Return the text of a file beside the definitions, None when there is none."""
    places = (files("workflows") / name, files("workflows") / "plans" / name)
    found = next((p for p in places if p.is_file()), places[0])
    return found.read_text(encoding="utf-8") if found.is_file() else None

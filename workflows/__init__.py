"""What the institute decided, as data: definitions, and the texts it adopted."""

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


def adopted_text(name: str) -> str | None:
    """Return the text of a file beside the definitions, None when there is none."""
    found = files("workflows") / name
    return found.read_text(encoding="utf-8") if found.is_file() else None

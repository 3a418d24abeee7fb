"""A scenario as it is played: its steps and checks, with keys for names and the place of everything."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from engine.scenario import model

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engine.definition.compiled import CompiledDefinition
    from engine.definition.source import Path
    from engine.scenario.causes import Cause


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """What must be: an expectation whose names are keys, and where each was written."""

    path: Path
    process: str | None
    wanted: model.Expectation
    written: Mapping[tuple[str, str], str]

    def place(self, *parts: str | int) -> Path:
        """Return the path of a part, by the words that stand in the file."""
        if len(parts) > 1 and isinstance(parts[0], str):
            inner = self.written.get((parts[0], str(parts[1])), parts[1])
            return (*self.path, parts[0], inner, *parts[2:])
        return (*self.path, *parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """A step whose names are keys."""

    path: Path
    kind: str
    name: str  #: the process, the action or the login; else nothing
    step: model.Step
    process: str | None
    causes: tuple[Cause, ...] | None
    checks: tuple[Check, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """A scenario ready to be played."""

    path: Path
    title: str
    given: model.Given
    deeds: tuple[Deed, ...]
    checks: tuple[Check, ...]


def together(file: model.Given, own: model.Given) -> model.Given:
    """Return what a scenario has: its own, and for what it does not say, the file's."""
    return model.Given(
        now=own.now or file.now,
        people={**file.people, **own.people},
        rosters={**file.rosters, **own.rosters},
    )


def logins(given: model.Given, definitions: Mapping[str, CompiledDefinition]) -> list[str]:
    """Return the people that there are; without any, one a role, named like it."""
    if given.people:
        return list(given.people)
    return list(dict.fromkeys(role for d in definitions.values() for role in d.roles))


def day_of(text: str) -> date:
    """Return the day of a day or a moment as a scenario writes it."""
    return date.fromisoformat(text[:10])

"""Scenario files on the disk: read with the definitions that they name, played, and written."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import workflows
from engine.calendar import Calendar
from engine.definition import source
from engine.errors import InvalidDefinition, InvalidScenario
from engine.library import Source
from engine.scenario import model, reading
from engine.scenario.run import Played, play
from engine.scenario.stage import staged
from notifications.rendering import Renderer
from notifications.settings import Institute

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from engine.errors import Finding
    from engine.scenario.explore import Found
    from engine.scenario.stage import Stage
    from engine.scenario.story import Story

#: Where a definition's scenarios are: this folder beside it, in a file of the same name.
FOLDER = "scenarios"
#: Who writes in a rehearsal without a workspace.
_INSTITUTE = Institute(name="Institut", address="Québec", email="info@example.org")
#: When the definitions were installed: before anything happens.
_EPOCH = (date(2000, 1, 3), time(9, 0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """A scenario file, or a definition alone, with the definitions that it is about.

    Attributes:
        path: The file, as it was named.
        source: Its text and places.
        file: What it says; None for a definition that has no scenarios.
        definitions: The paths of the definitions.
    """

    path: str
    source: source.Source
    file: model.File | None
    definitions: tuple[Path, ...]

    @property
    def given(self) -> model.Given:
        """What its scenarios have in common."""
        return model.Given() if self.file is None else self.file.given


def shipped() -> list[Path]:
    """Return the scenario files of the shipped definitions."""
    return [Path(str(f)) for f in workflows.shipped_scenarios()]


def beside(definition: Path) -> Path:
    """Return where the scenarios of a definition are."""
    return definition.parent / FOLDER / definition.name


def read_all(paths: Sequence[Path]) -> list[Script]:
    """Return files read; raise `InvalidScenario` with the mistakes of form of all of them."""
    read: list[Script] = []
    findings: list[Finding] = []
    for path in paths:
        try:
            read.append(_read(path))
        except InvalidScenario as error:
            findings += error.findings
    if findings:
        raise InvalidScenario(tuple(findings))
    return read


def _read(path: Path) -> Script:
    """Read a scenario file; a definition stands for the scenarios beside it."""
    text = path.read_bytes()[:2_000_000].decode("utf-8", errors="replace").replace("\ufffd", "\x01")
    try:
        found = source.read(text, str(path))
    except InvalidDefinition as error:
        raise InvalidScenario(error.findings) from error
    if isinstance(found.tree, dict) and "process" in found.tree:
        if beside(path).is_file():
            return _read(beside(path))
        return Script(
            path=str(path), source=found, file=None, definitions=_with_children(path, found)
        )
    found, file = reading.parse(text, str(path))
    return Script(path=str(path), source=found, file=file,
                  definitions=tuple(_named(path, found, file)))  # fmt: skip


def _named(path: Path, found: source.Source, file: model.File) -> Iterator[Path]:
    findings = []
    for i, name in enumerate(file.definitions):
        definition = path.parent / name
        if definition.is_file():
            yield definition
        else:
            findings.append(
                found.finding("no-such-file", ("definitions", i),
                              f"il n'y a pas de fichier « {name} » (le chemin part de ce fichier).",
                              f"there is no file {name!r} (the path starts from this file).")
            )  # fmt: skip
    if findings:
        raise InvalidScenario(tuple(findings))


def _with_children(path: Path, found: source.Source) -> tuple[Path, ...]:
    """Return a definition and, beside it, those of the child cases that it opens."""
    actions = found.tree.get("actions")
    opened = {
        str(a["opens"].get("process"))
        for a in (actions.values() if isinstance(actions, dict) else ())
        if isinstance(a, dict) and isinstance(a.get("opens"), dict)
    }
    there = (path.with_name(f"{key}{path.suffix}") for key in sorted(opened))
    return (path, *(p for p in there if p.is_file() and p != path))


@contextmanager
def stage_of(script: Script, templates: Sequence[Path] = ()) -> Iterator[Stage]:
    """Give the stage of a file's definitions; templates are looked for in those folders first."""
    sources = [
        Source(text=d.read_text(encoding="utf-8"), origin=_shown(d)) for d in script.definitions
    ]
    calendar = Calendar()
    renderer = Renderer(_INSTITUTE, str(calendar.zone), templates)
    began = calendar.instant(*_EPOCH)
    with staged(sources, calendar, renderer, began) as stage:
        yield stage


def _shown(path: Path) -> str:
    """Return a path as it reads best: from here, when it is below here."""
    shown = os.path.relpath(path)
    return str(path) if shown.startswith("..") else shown


def stories_of(script: Script, stage: Stage) -> list[Story]:
    """Return a file's scenarios; raise `InvalidScenario` with every name that nothing bears."""
    if script.file is None:
        return []
    return reading.stories(script.source, script.file, stage.definitions)


def played(stage: Stage, stories: Sequence[Story]) -> list[Played]:
    """Return scenarios played, in their order."""
    return [play(stage, story) for story in stories]


def write(script: Script, found: Found, to: Path, title: str) -> None:
    """Write what exploring found as a scenario file, which can be played again."""
    import yaml

    folder = to.resolve().parent
    tree: dict[str, Any] = {
        "arrimage": 1,
        "definitions": [os.path.relpath(d.resolve(), folder) for d in script.definitions],
        "given": found.given.model_dump(mode="json", by_alias=True, exclude_defaults=True),
        "scenarios": [
            {"title": title, "when": list(found.steps),
             **({} if found.then is None else {"then": found.then})}
        ],
    }  # fmt: skip
    to.write_text(
        yaml.safe_dump(tree, allow_unicode=True, sort_keys=False, width=100), encoding="utf-8"
    )

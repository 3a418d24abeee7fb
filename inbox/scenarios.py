"""Scenario files on the disk: read with the definitions that they name, played, and written."""

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date, time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import workflows
from engine.calendar import Calendar
from engine.definition import source
from engine.definition.compiler import examine, in_order
from engine.errors import InvalidDefinition, InvalidScenario
from engine.library import Source
from engine.scenario import model, reading
from engine.scenario.known import Known, known
from engine.scenario.run import Played, play
from engine.scenario.stage import staged
from inbox.workspace import definition_text
from notifications.rendering import Renderer
from notifications.settings import Institute

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from engine.definition.compiler import Examined
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
        file: What it says; None for a definition that has no scenarios, and where nothing can be read.
        definitions: The paths of the definitions.
        findings: Its mistakes of form.
    """

    path: str
    source: source.Source
    file: model.File | None
    definitions: tuple[Path, ...]
    findings: tuple[Finding, ...] = ()

    @property
    def whole(self) -> bool:
        """Whether all of its definitions are there."""
        return self.file is None or len(self.definitions) == len(self.file.definitions)

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


def read(path: Path) -> Script:
    """Return a scenario file read, with its mistakes; a definition stands for the scenarios beside it."""
    text = definition_text(path)
    found, file, wrong = reading.parse(text, str(path))
    if ("process",) in found.keys:
        if beside(path).is_file():
            return read(beside(path))
        there = _with_children(path, text)
        return Script(path=str(path), source=found, file=None, definitions=there)
    named = [] if file is None or found.is_lost(("definitions",)) else file.definitions
    absent = [i for i, name in enumerate(named) if not (path.parent / name).is_file()]
    wrong += [
        found.finding("no-such-file", ("definitions", i),
                      f"il n'y a pas de fichier « {named[i]} » (le chemin part de ce fichier).",
                      f"there is no file {named[i]!r} (the path starts from this file).")
        for i in absent
    ]  # fmt: skip
    there = tuple(path.parent / name for i, name in enumerate(named) if i not in absent)
    return Script(path=str(path), source=found, file=file, definitions=there, findings=tuple(wrong))


def _with_children(path: Path, text: str) -> tuple[Path, ...]:
    """Return a definition and, beside it, those of the child cases that it opens."""
    tree = source.scan(text, str(path)).tree
    actions = tree.get("actions") if isinstance(tree, dict) else None
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
    sources = [Source(text=definition_text(d), origin=_shown(d)) for d in script.definitions]
    calendar = Calendar()
    renderer = Renderer(_INSTITUTE, str(calendar.zone), templates)
    began = calendar.instant(*_EPOCH)
    with staged(sources, calendar, renderer, began) as stage:
        yield stage


def _shown(path: Path) -> str:
    """Return a path as it reads best: from here, when it is below here."""
    shown = os.path.relpath(path)
    return str(path) if shown.startswith("..") else shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """A file with its stage and the scenarios that can be played on it."""

    script: Script
    stage: Stage
    stories: list[Story]


@contextmanager
def ready(
    scripts: Sequence[Script], folders_of: Callable[[Sequence[Path]], Sequence[Path]]
) -> Iterator[list[Ready]]:
    """Give files ready to be played, in their order; nothing is when anything is wrong in any of them.

    Args:
        scripts: The files.
        folders_of: Where the templates of definitions are looked for first.

    Raises:
        InvalidScenario: What is wrong in them, and in their definitions.
        InvalidDefinition: What is wrong in their definitions, and only there.
    """
    made: list[Ready] = []
    wrong: list[Finding] = []  # in the files themselves
    beneath: list[Finding] = []  # in their definitions
    with ExitStack() as stack:
        for script in scripts:
            own = list(script.findings)
            try:
                stage = stack.enter_context(stage_of(script, folders_of(script.definitions)))
                there = Known(stage.definitions, whole=script.whole)
                made.append(Ready(script=script, stage=stage, stories=stories_of(script, there)))
            except InvalidDefinition as error:
                beneath += error.findings
                own += _names(script, known(map(_examined, script.definitions), whole=script.whole))
            except InvalidScenario as error:
                own += error.findings
            wrong += in_order(own)
        beneath = list({str(f): f for f in beneath}.values())  # files may share a definition
        if wrong:
            raise InvalidScenario((*beneath, *wrong))
        if beneath:
            raise InvalidDefinition(tuple(beneath))
        yield made


def _examined(path: Path) -> Examined:
    return examine(definition_text(path), path=_shown(path), calendar=Calendar(), templates=None)


def _names(script: Script, there: Known) -> tuple[Finding, ...]:
    """Return the names that nothing bears, whatever the mistakes of the definitions turn out to be."""
    try:
        stories_of(script, there)
    except InvalidScenario as error:
        return error.findings
    return ()


def stories_of(script: Script, there: Known) -> list[Story]:
    """Return a file's scenarios; raise `InvalidScenario` with every name that nothing bears."""
    if script.file is None or script.source.is_lost(("scenarios",)):
        return []
    return reading.stories(script.source, script.file, there)


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

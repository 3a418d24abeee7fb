"""Definitions in files, checked together with those that they open, without installing anything."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from engine.calendar import Calendar
from engine.definition import family
from engine.definition.compiler import examine as examine_text
from inbox import workspace as workspaces
from inbox.texts import _
from inbox.versions import finds_texts, template_folders

if TYPE_CHECKING:
    from collections.abc import Iterator
    from importlib.resources.abc import Traversable
    from pathlib import Path

    from engine.definition.compiled import CompiledDefinition
    from engine.definition.model import Definition
    from engine.errors import Finding
    from inbox.app import App
    from notifications.rendering import Renderer


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """One file: what it defines (None when it is not sound) and how many findings it has."""

    path: Path
    compiled: CompiledDefinition | None
    found: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination:
    """What was found in files, and what was not looked at, in their order."""

    files: tuple[File, ...]
    findings: tuple[Finding, ...]
    unproved: tuple[Finding, ...]


def examine(app: App, paths: list[Path], templates: Path | None) -> Examination:
    """Return what is found in files, each by itself and all together.

    Args:
        app: The run; its workspace is used where there is one.
        paths: The files.
        templates: A folder of templates to look in before all others.

    Raises:
        click.UsageError: A file cannot be read.
    """
    own = _workspace(app)
    calendar = Calendar() if own is None else own.calendar
    first = [] if templates is None else [templates]
    renderer = _renderer(own, [*first, *template_folders(app, paths)])
    homes = [] if own is None else [own.definitions]
    done = {
        p: examine_text(_read(p), path=str(p), calendar=calendar, templates=renderer,
                        texts=finds_texts([p.parent, *homes]))
        for p in paths
    }  # fmt: skip
    given = family.Given(done.values(), _Others(own, paths, calendar).process)
    files: list[File] = []
    found: list[Finding] = []
    for path, examined in done.items():
        all_of_it = family.together(examined, given.process)
        files.append(File(path=path, compiled=examined.compiled, found=len(all_of_it)))
        found += all_of_it
    unproved = tuple(f for examined in done.values() for f in examined.unproved)
    return Examination(files=tuple(files), findings=tuple(found), unproved=unproved)


class _Others:
    """The processes of the workspace and those shipped, examined when they are asked for."""

    def __init__(
        self, own: workspaces.Workspace | None, given: list[Path], calendar: Calendar
    ) -> None:
        self._left = _others(own, given)
        self._calendar = calendar
        self._known: dict[str, Definition] = {}

    def process(self, key: str) -> Definition | None:
        """Return a process by its key; None when there is none that is sound."""
        while key not in self._known:
            path = next(self._left, None)
            if path is None:
                return None
            text = workspaces.definition_text(path)
            made = examine_text(text, path=str(path), calendar=self._calendar, templates=None)
            if made.compiled is not None:
                self._known.setdefault(made.compiled.key, made.compiled.written)
        return self._known[key]


def _read(path: Path) -> str:
    try:
        return workspaces.definition_text(path)
    except OSError as error:
        raise click.UsageError(
            _("Ce fichier ne peut pas être lu : {file} ({why})", file=path, why=_why(error))
        ) from error


def _why(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return _("il n'est pas là")
    if isinstance(error, IsADirectoryError):
        return _("c'est un dossier")
    if isinstance(error, PermissionError):
        return _("vous n'en avez pas le droit")
    return error.strerror or str(error)


def _workspace(app: App) -> workspaces.Workspace | None:
    try:
        return app.workspace
    except workspaces.NoWorkspace:
        if app.common.home is not None:
            raise
        return None


def _renderer(own: workspaces.Workspace | None, folders: list[Path]) -> Renderer:
    from notifications.rendering import Renderer
    from notifications.settings import Institute

    if own is None:
        nobody = Institute(name="Institut", address="", email="info@example.org")
        return Renderer(nobody, folders=folders)
    return Renderer(own.mail_settings().institute, str(own.calendar.zone), folders)


def _others(own: workspaces.Workspace | None, but: list[Path]) -> Iterator[Traversable]:
    """Yield the definitions of the workspace and those shipped, but for the files themselves."""
    import workflows

    given = {p.resolve() for p in but}
    for path in sorted(own.definitions.glob("*.yaml")) if own is not None else ():
        if path.resolve() not in given:
            yield path
    yield from workflows.shipped()

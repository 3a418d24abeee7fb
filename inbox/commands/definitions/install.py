"""`definitions install`: a new version, checked first; open cases stay on theirs."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from engine import register
from engine.errors import Finding, InvalidDefinition
from inbox.command import command
from inbox.output import say, show_json
from inbox.texts import _, n_
from inbox.versions import display, finds_texts, template_files, template_folders
from inbox.workspace import definition_text
from notifications.rendering import packaged_templates

if TYPE_CHECKING:
    from engine.definition.compiled import CompiledDefinition
    from engine.library import Library
    from inbox.app import App


@dataclass(frozen=True, slots=True, kw_only=True)
class _Copy:
    """A file that goes into the workspace; `owner` is the definition that it goes with."""

    source: Path
    target: Path
    owner: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class _Given:
    """A file given, with its text and what it says."""

    path: Path
    text: str
    definition: CompiledDefinition
    new: bool


@command(
    "install",
    help=_(
        "Installer une nouvelle version, vérifiée d'abord : elle ouvre les nouveaux dossiers, les dossiers "
        "ouverts restent sur la leur. Le fichier, son texte adopté et ses gabarits (un dossier templates/ à "
        "côté) sont copiés dans l'espace de travail."
    ),
    examples=["inbox definitions install pret-2.yaml"],
)
@click.argument(
    "files",
    nargs=-1,
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
)
def install(app: App, files: tuple[Path, ...]) -> None:
    actor = app.administrator()
    app.library.keys()  # what was dropped in the workspace's folder is installed before
    library = _library(app, files)
    given = _checked(library, app, files)
    copies = [copy for one in given for copy in _beside(app, one)]
    _refuse_what_is_there(app, given, copies)
    for copy in copies:
        _put(copy.source.read_bytes(), copy.target)
    library.install([_source(one.path, one.text) for one in given], actor=actor, at=app.now)
    for one in given:
        _put(one.path.read_bytes(), _place(app, one))
    _tell(app, given)


def _source(path: Path, text: str) -> Any:
    from engine.library import Source

    return Source(text=text, origin=str(path))


def _library(app: App, files: tuple[Path, ...]) -> Library:
    """Return a library that looks for templates and texts beside the files first."""
    from engine.library import Library
    from notifications.rendering import Renderer

    folders = template_folders(app, files)
    settings = app.workspace.mail_settings()
    renderer = Renderer(settings.institute, str(app.workspace.calendar.zone), folders)
    homes = [*(f.parent for f in files), app.workspace.definitions]
    return Library(app.database, app.workspace.calendar, renderer, finds_texts(homes))


def _checked(library: Library, app: App, files: tuple[Path, ...]) -> list[_Given]:
    """Return what the files say; raise with every finding of all of them."""
    from engine.definition.compiler import compile_definition

    texts = {str(f): definition_text(f) for f in files}
    fresh = {
        source.origin: definition
        for source, definition in library.check([_source(f, texts[str(f)]) for f in files])
    }
    return [
        _Given(
            path=path,
            text=texts[str(path)],
            new=str(path) in fresh,
            definition=fresh.get(str(path))
            or compile_definition(
                texts[str(path)], path=str(path), calendar=app.workspace.calendar,
                templates=None, proved=True,
            ),
        )
        for path in files
    ]  # fmt: skip


def _place(app: App, given: _Given) -> Path:
    return app.workspace.definitions / f"{given.definition.key}.yaml"


def _beside(app: App, given: _Given) -> list[_Copy]:
    """Return the adopted text and the templates of a file that the workspace has not."""
    home = app.workspace
    folders = template_folders(app, [given.path])
    pairs = [
        (source, home.templates / name)
        for name in dict.fromkeys(template_files(given.definition))
        if (source := next((f / name for f in folders if (f / name).is_file()), None))
        and not _same_file(source, packaged_templates() / name)
    ]
    text = given.definition.adopted["text"]
    if text is not None:
        pairs.append((given.path.parent / text, home.definitions / text))
    return [
        _Copy(source=source, target=target, owner=given.path)
        for source, target in pairs
        if source.is_file() and not _same_file(source, target)
    ]


def _same_file(source: Path, target: Path) -> bool:
    return target.exists() and source.samefile(target)


def _refuse_what_is_there(app: App, given: list[_Given], copies: list[_Copy]) -> None:
    """Refuse to write over other words: older versions and their open cases use them."""
    findings = [
        _taken(one.path, _place(app, one))
        for one in given
        if _is_somebodys_draft(app, _place(app, one), one)
    ]
    findings += [_taken(copy.source, copy.target) for copy in copies if _differs(app, copy)]
    if findings:
        raise InvalidDefinition(tuple(findings))


def _is_somebodys_draft(app: App, there: Path, given: _Given) -> bool:
    """Tell whether another file stands there that no version was installed from."""
    if not there.exists() or _same_file(given.path, there):
        return False
    return definition_text(there) != given.text and not app.library.has(definition_text(there))


def _differs(app: App, copy: _Copy) -> bool:
    shipped = packaged_templates()
    there = [copy.target]
    if copy.target.is_relative_to(app.workspace.templates):
        there.append(shipped / copy.target.relative_to(app.workspace.templates))
    used = next((f for f in there if f.is_file()), None)
    return used is not None and used.read_bytes() != copy.source.read_bytes()


def _taken(source: Path, target: Path) -> Finding:
    name = target.name
    return Finding(
        code="file-in-the-way", path=str(source), line=1, column=1,
        messages={
            "fr": f"« {name} » existe déjà avec d'autres mots, dont des dossiers ouverts se servent "
            f"peut-être ({target}); donnez un autre nom à celui-ci.",
            "en": f"{name!r} is there already with other words, which open cases may use ({target}); "
            "give this one another name.",
        },
    )  # fmt: skip


def _put(content: bytes, target: Path) -> None:
    """Write a file so that nobody ever reads half of it, whatever happens meanwhile."""
    if target.is_file() and target.read_bytes() == content:
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, part = tempfile.mkstemp(prefix=".", suffix=".part", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(part).replace(target)
    except BaseException:
        Path(part).unlink(missing_ok=True)
        raise


def _tell(app: App, given: list[_Given]) -> None:
    with app.database.read() as connection:
        counts = {
            one.definition.key: register.open_by_version(connection, one.definition.key)
            for one in given
        }
    if app.json:
        show_json({"installed": [_as_json(app, one, counts[one.definition.key]) for one in given]})
        return
    for one in given:
        version = one.definition.version
        name = display(one.definition)
        said = _("installé : {name}", name=name) if one.new else _(
            "déjà installé : {name}", name=name)  # fmt: skip
        opens = _("Les nouveaux dossiers s'ouvrent en version {n}.", n=_newest(app, one))
        say(f"{said}. {opens}")
        older = sum(n for v, n in counts[one.definition.key].items() if v < version)
        if older:
            say(n_("  {n} dossier ouvert reste sur une version antérieure.",
                   "  {n} dossiers ouverts restent sur une version antérieure.", older))  # fmt: skip
            say(f"  → inbox definitions migrate {one.definition.key} --to {version} --dry-run")


def _newest(app: App, given: _Given) -> int:
    return app.library.newest(given.definition.key) or given.definition.version


def _as_json(app: App, given: _Given, counts: dict[int, int]) -> dict[str, Any]:
    return {
        "process": given.definition.key,
        "version": given.definition.version,
        "new": given.new,
        "current": _newest(app, given),
        "file": str(_place(app, given)),
        "open_cases": {str(version): n for version, n in counts.items()},
    }

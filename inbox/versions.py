"""A version of a process as a person names it: a file, `KEY` or `KEY@VERSION`; and the texts beside it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

import workflows
from engine.errors import NotFound
from inbox.texts import _
from inbox.workspace import NoWorkspace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from engine.definition.compiled import CompiledDefinition
    from inbox.app import App


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A version, and where the texts that go with it are looked for, the nearest first."""

    definition: CompiledDefinition
    name: str
    texts: tuple[Path, ...]
    templates: tuple[Path, ...]

    def adopted_text(self) -> str | None:
        """Return the text that it quotes, None when it quotes none or there is none."""
        return adopted_text(self.definition.adopted["text"], self.texts)

    def template(self, name: str) -> str | None:
        """Return the text of a template, None when there is none."""
        found = next((f / name for f in self.templates if (f / name).is_file()), None)
        return None if found is None else found.read_text(encoding="utf-8")


def adopted_text(name: str | None, folders: Sequence[Path]) -> str | None:
    """Return a text that a definition quotes: that of the nearest folder, else the one that is shipped.

    None when it quotes none, or when there is none that can be read.
    """
    if name is None or Path(name).name != name:
        return None  # it is beside the definition, nowhere else
    own = next((f / name for f in folders if (f / name).is_file()), None)
    with suppress(UnicodeDecodeError):
        return workflows.adopted_text(name) if own is None else own.read_text(encoding="utf-8")
    return None


def finds_texts(folders: Sequence[Path]) -> Callable[[str], bool]:
    """Return what tells whether a text that is quoted is there."""
    return lambda name: adopted_text(name, folders) is not None


def has_workspace(app: App) -> bool:
    """Tell whether there is a workspace to look at."""
    with suppress(NoWorkspace):
        return app.workspace is not None
    return False


def template_folders(app: App, files: Sequence[Path]) -> list[Path]:
    """Return where the templates of definitions are looked for, the nearest first.

    That is a folder `templates/` beside a file, or beside the `workflows/` that it is in, then the
    workspace's; those that are shipped come after. The same holds for whatever reads a definition.
    """
    homes = [f.resolve().parent for f in files]
    homes += [h.parent for h in homes if h.name == "workflows"]
    folders = [h / "templates" for h in homes]
    if has_workspace(app):
        folders.append(app.workspace.templates)
    return [f for f in dict.fromkeys(folders) if f.is_dir()]


def read_version(app: App, named: str) -> Version:
    """Return the version that a person names.

    Raises:
        NotFound: Nothing has that name.
        InvalidDefinition: The file has findings.
    """
    from notifications.rendering import packaged_templates

    own = has_workspace(app)
    texts = [app.workspace.definitions] if own else []
    path = Path(named)
    if path.is_file():
        texts.insert(0, path.parent)
        definition = _compiled(app, path, own=own)
    else:
        definition = _installed(app, named, own=own)
    templates = template_folders(app, [path] if path.is_file() else [])
    return Version(definition=definition, name=named, texts=tuple(texts),
                   templates=(*templates, packaged_templates()))  # fmt: skip


def _compiled(app: App, path: Path, *, own: bool) -> CompiledDefinition:
    from engine.calendar import Calendar
    from engine.definition.compiler import compile_definition
    from inbox.workspace import definition_text

    calendar = app.workspace.calendar if own else Calendar()
    return compile_definition(
        definition_text(path), path=str(path), calendar=calendar, templates=None
    )


def _installed(app: App, named: str, *, own: bool) -> CompiledDefinition:
    key, sign, version = named.partition("@")
    if not own or (sign and not version.isdecimal()):
        raise NotFound("definition", named)
    if not sign:
        return app.library.current(key).definition
    found = app.library.versions(key)
    if int(version) not in found:
        near = [f"{key}@{n}" for n in found] or app.library.keys()
        raise NotFound("definition", named, near=tuple(near))
    return app.library.get(key, int(version)).definition


def template_files(definition: CompiledDefinition) -> Iterator[str]:
    """Yield the files of the templates that a version uses, by their names below `templates/`."""
    for notification in definition.notifications.values():
        for template, language in product(notification.templates, notification.available):
            for part in ("subject", "txt"):
                yield f"{language}/{template}.{part}.j2"


def display(definition: CompiledDefinition) -> str:
    """Return a version as people say it: « pret, version 2 »."""
    return _("{process}, version {n}", process=definition.key, n=definition.version)

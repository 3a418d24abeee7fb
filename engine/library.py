"""The installed definitions: each version kept as it was written, compiled once a process.

A case is pinned to its version, so a version never changes once installed: the same key and version
with other words is refused.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, insert, select

from engine import journal
from engine.chain import content_hash
from engine.definition import family
from engine.definition.compiler import compile_definition, examine
from engine.errors import Finding, InvalidDefinition, NotFound
from engine.machine import StateMachine
from engine.schema import definitions, to_micros

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from engine.calendar import Calendar
    from engine.database import Database
    from engine.definition.compiled import CompiledAction, CompiledDefinition
    from engine.definition.compiler import Examined
    from engine.definition.model import Definition
    from engine.ports import TemplateChecker

_REFERENCES = frozenset({"person", "member", "case"})


@dataclass(frozen=True, slots=True)
class Process:
    """A definition ready to run: compiled, with its machine and what is derived once.

    Attributes:
        definition: The compiled definition.
        machine: Its state machine.
        plain: Actions whose step touches nothing but the case's own rows.
        desks: For each open state, the role whose desk it stands on when nobody owns it.
        shown: The fields that a title or a search depends on.
    """

    definition: CompiledDefinition
    machine: StateMachine
    plain: frozenset[str]
    desks: dict[str, str | None]
    shown: frozenset[str]


def prepare(definition: CompiledDefinition) -> Process:
    """Return the process of a compiled definition."""
    plain = frozenset(a.name for a in definition.actions.values() if _is_plain(definition, a))
    desks = {name: _desk(definition, name) for name in definition.states}
    searched = {name for name, field in definition.fields.items() if field.search}
    shown = frozenset({*definition.title, *searched})
    return Process(definition, StateMachine(definition), plain, desks, shown)


def _is_plain(definition: CompiledDefinition, action: CompiledAction) -> bool:
    targets = {b.state for b in action.branches if b.state} or action.sources
    later = [definition.actions[a] for t in targets for a in definition.states[t].automatic]
    return (
        not action.looks_around
        and not later
        and action.opens is None
        and not any(item.field.type in _REFERENCES for item in action.form)
        and all(definition.notifications[n].kind == "address" for n in action.notify)
        and not any(definition.states[t].redirect for t in targets)
    )


def _desk(definition: CompiledDefinition, state: str) -> str | None:
    if definition.states[state].role:
        return definition.states[state].role
    able = [
        a.roles for a in definition.actions.values() if state in a.sources and not a.hidden
    ] or [a.roles for a in definition.actions.values() if state in a.sources]
    return next((role for role in definition.roles if any(role in roles for roles in able)), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A definition to install: its YAML text and where it was read."""

    text: str
    origin: str


class Library:
    """The definitions of one workspace."""

    def __init__(
        self,
        database: Database,
        calendar: Calendar,
        templates: TemplateChecker | None = None,
        texts: Callable[[str], bool] | None = None,
    ) -> None:
        """Take the database, the workspace's calendar, what checks templates, and what finds texts."""
        self._database = database
        self._calendar = calendar
        self._templates = templates
        self._texts = texts
        self._processes: dict[tuple[str, int], Process] = {}

    def install(self, sources: Sequence[Source], *, actor: str, at: datetime) -> list[str]:
        """Install definitions that are new, all or none, and return what was added.

        Args:
            sources: The files; one already installed, word for word, is passed over.
            actor: Who installs (a login).
            at: When.

        Returns:
            `key version` of each one added.

        Raises:
            InvalidDefinition: With the findings of all of them. Nothing was installed.
        """
        compiled = self.check(sources)
        if compiled:
            with self._database.write() as connection:
                for source, definition in compiled:
                    _insert(connection, source, definition, actor, at)
        return [f"{d.key} {d.version}" for _, d in compiled]

    def check(self, sources: Sequence[Source]) -> list[tuple[Source, CompiledDefinition]]:
        """Return the definitions that are new, each proved and fit to be installed beside the others.

        Raises:
            InvalidDefinition: With the findings of all of them.
        """
        fresh = [s for s in sources if not self.has(s.text)]
        examined = [(s, self._examined(s)) for s in fresh]
        given = family.Given((e for _, e in examined), self._installed)
        findings = [f for _, e in examined for f in family.together(e, given.process)]
        compiled = [(s, e.compiled) for s, e in examined if e.compiled is not None]
        findings += self._conflicts(compiled)
        if findings:
            raise InvalidDefinition(tuple(findings))
        return compiled

    def install_what_can_be(
        self, sources: Sequence[Source], *, actor: str, at: datetime
    ) -> tuple[Finding, ...]:
        """Install the definitions that are sound, and return the findings of those that are not.

        Args:
            sources: The files; a sound one whose child process is in a bad one waits for it.
            actor: Who installs (a login).
            at: When.
        """
        found: tuple[Finding, ...] = ()
        left = list(sources)
        while left:
            try:
                self.install(left, actor=actor, at=at)
            except InvalidDefinition as error:
                found += error.findings
                bad = {f.path for f in error.findings}
                left = [s for s in left if s.origin not in bad]
            else:
                break
        return found

    def get(self, key: str, version: int) -> Process:
        """Return one version of a process; raise `NotFound`."""
        process = self._processes.get((key, version))
        if process is None:
            process = self._load(key, version)
            self._processes[(key, version)] = process
        return process

    def current(self, key: str) -> Process:
        """Return the newest version of a process; raise `NotFound`."""
        version = self.newest(key)
        if version is None:
            raise NotFound("process", key, near=tuple(self.keys()))
        return self.get(key, version)

    def keys(self) -> list[str]:
        """Return the keys of the installed processes, sorted."""
        with self._database.read() as connection:
            found = connection.execute(select(definitions.c.key).distinct()).scalars()
            return sorted(found)

    def versions(self, key: str) -> list[int]:
        """Return the installed versions of a process, the oldest first."""
        wanted = select(definitions.c.version).where(definitions.c.key == key)
        with self._database.read() as connection:
            return sorted(connection.execute(wanted).scalars())

    def _load(self, key: str, version: int) -> Process:
        wanted = select(definitions.c.source, definitions.c.origin).where(
            definitions.c.key == key, definitions.c.version == version
        )
        with self._database.read() as connection:
            row = connection.execute(wanted).first()
        if row is None:
            raise NotFound("process", f"{key} {version}")
        # Its templates were checked when it was installed.
        return prepare(
            compile_definition(
                row.source, path=row.origin, calendar=self._calendar, templates=None, proved=True
            )
        )

    def has(self, text: str) -> bool:
        """Tell whether a definition with these very words is installed."""
        wanted = select(definitions.c.key).where(definitions.c.sha256 == content_hash(text))
        with self._database.read() as connection:
            return connection.execute(wanted).first() is not None

    def newest(self, key: str) -> int | None:
        """Return the number of the newest version of a process, None when it has none."""
        wanted = select(func.max(definitions.c.version)).where(definitions.c.key == key)
        with self._database.read() as connection:
            return connection.execute(wanted).scalar()

    def _conflicts(self, compiled: list[tuple[Source, CompiledDefinition]]) -> list[Finding]:
        found = []
        for source, definition in compiled:
            newest = self.newest(definition.key)
            if newest is None or definition.version > newest:
                continue
            taken = definition.version in self.versions(definition.key)
            found.append((_already if taken else _not_higher)(source, definition, newest))
        return found

    def _examined(self, source: Source) -> Examined:
        return examine(
            source.text, path=source.origin, calendar=self._calendar, templates=self._templates,
            texts=self._texts,
        )  # fmt: skip

    def _installed(self, key: str) -> Definition | None:
        return self.current(key).definition.written if key in self.keys() else None


def _insert(
    connection: Any,
    source: Source,
    definition: CompiledDefinition,
    actor: str,
    at: datetime,
) -> None:
    connection.execute(
        insert(definitions).values(
            key=definition.key,
            version=definition.version,
            installed_at=to_micros(at),
            installed_by=actor,
            sha256=content_hash(source.text),
            origin=source.origin,
            source=source.text,
            summary=json.dumps(definition.summary(), ensure_ascii=False),
        )
    )
    body = {
        "key": definition.key,
        "version": definition.version,
        "sha256": content_hash(source.text),
        "origin": source.origin,
    }
    journal.append(
        connection, actor=actor, subject="definition", action="install", body=body, at=at
    )


def _line_of(text: str, word: str) -> int:
    return next((n for n, line in enumerate(text.splitlines(), 1) if line.startswith(word)), 1)


def _already(source: Source, definition: CompiledDefinition, newest: int) -> Finding:
    name = f"{definition.key} {definition.version}"
    return _finding(
        source, "version-already-installed", _line_of(source.text, "version:"),
        f"« {name} » est déjà installée avec un autre texte; la prochaine version est {newest + 1}.",
        f"{name} is installed already with other words; the next version is {newest + 1}.",
    )  # fmt: skip


def _not_higher(source: Source, definition: CompiledDefinition, newest: int) -> Finding:
    name = f"{definition.key} {newest}"
    return _finding(
        source, "version-not-higher", _line_of(source.text, "version:"),
        f"« {name} » est installée : une nouvelle version est au moins {newest + 1}.",
        f"{name} is installed: a new version is {newest + 1} at least.",
    )  # fmt: skip


def _finding(source: Source, code: str, line: int, fr: str, en: str) -> Finding:
    return Finding(
        code=code,
        path=source.origin,
        line=line,
        column=1,
        messages={"fr": fr, "en": en},
        excerpt=source.text.splitlines()[line - 1],
    )

"""What can go wrong, as one tree.

`ArrimageError`
├── `Refused`            the process says no; every reason is listed; nothing was written
├── `Conflict`           somebody else was faster; nothing was written
├── `Contended`          two transactions waited for each other; this one was undone
├── `NotFound`           no such case, process, action, person, member or message
├── `Ambiguous`          a short reference that names several cases
├── `InvalidInput`       a value that cannot be read, whatever the process
├── `InvalidDefinition`  a definition with findings, each with its place
├── `InvalidScenario`    scenario files with findings, each with its place
├── `NotAllowed`         this actor may not do that, whatever the case
├── `Damaged`            the stored history does not agree with itself
└── `Unavailable`        the database, the disk or the mail server is at fault

The default message of an error is the first line of its docstring. Messages are in English (they
go to logs); `Reason` carries codes and parameters, from which the command writes French.
"""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field as dataclass_field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One reason of a refusal.

    Attributes:
        code: A stable word of the documented list (`docs/cli.md`), such as `field_missing`.
        field: The form field concerned, if one is.
        params: What a sentence about it needs (labels, values, names, instants).
        message: The definition's own words by language, where it has some (a `requires` entry).
        remedy: The definition's own remedy by language, where it has one.
        action: The action that mends it, where one does.
    """

    code: str
    field: str | None = None
    params: Mapping[str, Any] = dataclass_field(default_factory=dict)
    message: Mapping[str, str] | None = None
    remedy: Mapping[str, str] | None = None
    action: str | None = None


class ArrimageError(Exception):
    """Something went wrong in Arrimage."""

    def __init__(self, message: str | None = None) -> None:
        """Take a message, or the first line of the class's docstring."""
        super().__init__(message or (self.__doc__ or "").strip().splitlines()[0])


class Refused(ArrimageError):
    """The process refuses this action now; nothing was written."""

    def __init__(
        self,
        reasons: tuple[Reason, ...],
        *,
        number: str | None,
        action: str,
        label: Mapping[str, str] | None = None,
    ) -> None:
        """Take every reason, the case's number (None before it has one) and the action.

        Args:
            reasons: Why.
            number: The case's number.
            action: The action's key.
            label: The action's words by language, where the definition has some.
        """
        self.reasons = reasons
        self.number = number
        self.action = action
        self.label = label
        codes = ", ".join(r.code if r.field is None else f"{r.code}({r.field})" for r in reasons)
        super().__init__(f"{number or 'a new case'}: {action} refused: {codes}")


class Conflict(ArrimageError):
    """Somebody else changed this case first; nothing was written."""

    def __init__(
        self,
        *,
        number: str,
        actor: str | None = None,
        action: str | None = None,
        label: Mapping[str, str] | None = None,
        at: datetime | None = None,
    ) -> None:
        """Take the case's number and, where known, who won, by which action and when (UTC).

        `label` is the action's words by language, where the definition has some.
        """
        self.number = number
        self.actor = actor
        self.action = action
        self.label = label
        self.at = at
        super().__init__(f"{number}: {actor or 'somebody'} was faster ({action}, {at})")


class Contended(ArrimageError):
    """Two transactions waited for each other; this one was undone."""


class NotFound(ArrimageError):
    """There is no such thing."""

    def __init__(self, kind: str, name: str, *, near: tuple[str, ...] = ()) -> None:
        """Take the kind of thing (`case`, `action`, `process`…), the name, and near names."""
        self.kind = kind
        self.name = name
        self.near = near
        super().__init__(f"no {kind} named {name!r}")


class Ambiguous(ArrimageError):
    """A short reference names several cases."""

    def __init__(self, name: str, candidates: tuple[str, ...]) -> None:
        """Take the reference and the numbers it may mean."""
        self.name = name
        self.candidates = candidates
        super().__init__(f"{name!r} may be {', '.join(candidates)}")


class InvalidInput(ArrimageError):
    """A value cannot be read; `reasons` say which and why."""

    def __init__(self, reasons: tuple[Reason, ...]) -> None:
        """Take every reason."""
        self.reasons = reasons
        super().__init__("; ".join(f"{r.code}({r.field})" for r in reasons))


class NotAllowed(ArrimageError):
    """This person may not do that."""

    def __init__(self, code: str, **params: object) -> None:
        """Take a stable code and what a sentence about it needs."""
        self.code = code
        self.params = params
        super().__init__(f"{code}: {params}")


class Damaged(ArrimageError):
    """The stored history does not agree with itself."""


class Unavailable(ArrimageError):
    """The environment is at fault (database, disk, mail server)."""

    def __init__(self, what: str, detail: str) -> None:
        """Take what is at fault (`database`, `missing` file, `disk`, `mail`) and the cause."""
        self.what = what
        self.detail = detail
        super().__init__(f"{what}: {detail}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """One step of a way through a process, as the file names it.

    Attributes:
        kind: `opening`, `action`, `state` or `timer`.
        name: Its name in the file.
        label: Its words by language.
        line: Where it stands, 1-based.
        column: 1-based.
    """

    kind: str
    name: str
    label: Mapping[str, str]
    line: int
    column: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A line of another file that a finding is about too.

    Attributes:
        path: The file, as it was found.
        line: 1-based.
        excerpt: That line, without its end.
    """

    path: str
    line: int
    excerpt: str

    @property
    def column(self) -> int:
        """Where the line says something, 1-based."""
        return len(self.excerpt) - len(self.excerpt.lstrip()) + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing wrong in a definition.

    Attributes:
        code: The rule's code (`docs/definition-language.md`), such as `unknown-state`.
        path: The file, as it was named.
        line: 1-based.
        column: 1-based.
        message: One English sentence by default; `messages` has it by language.
        messages: The sentence by language (`fr`, `en`).
        excerpt: The offending line, without its end, where it is known.
        where: The keys that lead to it in the file, where it was read as keys.
        way: A shortest way through the process that shows it, where it depends on the way.
        related: Lines of other files that it is about too: of a template that fails on that way.
    """

    code: str
    path: str
    line: int
    column: int
    messages: Mapping[str, str]
    excerpt: str = ""
    where: tuple[str | int, ...] = ()
    way: tuple[Stop, ...] = ()
    related: tuple[Place, ...] = ()

    def __str__(self) -> str:
        """Say `file:line:column: code: sentence` in English."""
        return f"{self.path}:{self.line}:{self.column}: {self.code}: {self.messages['en']}"


class InvalidDefinition(ArrimageError):
    """A definition has findings and was not loaded."""

    def __init__(self, findings: tuple[Finding, ...]) -> None:
        """Take every finding."""
        self.findings = findings
        super().__init__("\n".join(str(f) for f in findings))


class InvalidScenario(ArrimageError):
    """Scenario files, or their definitions, have findings; no scenario was played."""

    def __init__(self, findings: tuple[Finding, ...]) -> None:
        """Take every finding."""
        self.findings = findings
        super().__init__("\n".join(str(f) for f in findings))

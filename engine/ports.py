"""What the engine asks of others, as protocols handed in at start-up; it imports none of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime


class Clock(Protocol):
    """Tells the time. Inject it; nothing else in the engine reads the machine's clock."""

    def now(self) -> datetime:
        """Return the present instant, in UTC."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that is wrong in a template.

    Attributes:
        file: The template's file, by its name below `templates/`.
        line: Its line, from 1; 0 when it is none in particular.
        fr: What is wrong, in French.
        en: The same in English.
        path: The file as it was found; empty where it is no line in particular.
        excerpt: That line of it.
    """

    file: str
    line: int
    fr: str
    en: str
    path: str = ""
    excerpt: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a template says, whatever the case.

    Attributes:
        faults: What would fail in some case or other: a name that is never there.
        names: The names that it reads.
        values: The values that it compares with.
    """

    faults: tuple[Fault, ...]
    names: frozenset[str]
    values: frozenset[str | int]


class TemplateChecker(Protocol):
    """Tells, when a definition is compiled, what is wrong with a template."""

    def read(self, template: str, languages: Sequence[str], facts: Mapping[str, Any]) -> Reading:
        """Read every branch of the template, taken or not; in the facts, all that may be there is."""

    def check(
        self, template: str, languages: Sequence[str], facts: Mapping[str, Any]
    ) -> Sequence[Fault]:
        """Render the template in each language with these facts; return what fails."""


class Renderer(TemplateChecker, Protocol):
    """Makes the words of a message, as they would leave."""

    def render(
        self, template: str, languages: Sequence[str], facts: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """Return its content: `subject` and `text` at least; raise when it cannot be made."""

    def fault(self, template: str, error: Exception) -> Fault:
        """Return in words what made it fail."""

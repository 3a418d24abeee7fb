"""What the engine asks of others, as protocols handed in at start-up; it imports none of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime


class Clock(Protocol):
    """Tells the time. Inject it; nothing else in the engine reads the machine's clock."""

    def now(self) -> datetime:
        """Return the present instant, in UTC."""


class TemplateChecker(Protocol):
    """Tells, when a definition is compiled, what is wrong with a template."""

    def check(
        self, template: str, languages: Sequence[str], facts: Mapping[str, Any]
    ) -> Sequence[str]:
        """Render the template in each language with these facts; return one sentence per fault."""


class Renderer(TemplateChecker, Protocol):
    """Makes the words of a message, as they would leave."""

    def render(
        self, template: str, languages: Sequence[str], facts: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """Return its content: `subject` and `text` at least; raise when it cannot be made."""

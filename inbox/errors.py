"""What goes wrong in the command itself, beside the engine's own errors. Cheap to import."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.errors import ArrimageError, InvalidDefinition

if TYPE_CHECKING:
    from pathlib import Path

    from engine.errors import Finding


class Declined(ArrimageError):
    """The person was asked whether to go on, and answered no."""


class InvalidDecision(InvalidDefinition):
    """A decision on a plan that does not hold; nothing was recorded."""


class InvalidData(ArrimageError):
    """The file of values cannot be read; nothing was changed."""

    def __init__(self, path: Path, findings: tuple[Finding, ...]) -> None:
        """Take the file and every finding."""
        self.path = path
        self.findings = findings
        super().__init__("\n".join(str(f) for f in findings))

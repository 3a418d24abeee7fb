"""What was to be and what was, in both languages, at its place in the scenario file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engine.definition.source import Path, Source
    from engine.errors import Finding, Reason

#: Words in French and in English.
Both = tuple[str, str]
NOTHING: Both = ("rien", "nothing")
YES: Both = ("oui", "yes")
NO: Both = ("non", "no")


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """One thing that is not as it should be.

    Attributes:
        path: Where it was asked for.
        code: What kind it is (`docs/scenarios.md`).
        what: What it is about.
        expected: What should be.
        got: What is.
        reasons: Why something was refused, where that is what happened.
        number: The case, where one is concerned.
    """

    path: Path
    code: str
    what: Both
    expected: Both
    got: Both
    reasons: tuple[Reason, ...] = ()
    number: str | None = None

    def finding(self, read: Source) -> Finding:
        """Return it as a finding at its place in the file."""
        fr = f"{self.what[0]} : attendu {self.expected[0]}; obtenu {self.got[0]}."
        en = f"{self.what[1]}: expected {self.expected[1]}; got {self.got[1]}."
        return read.finding(self.code, self.path, fr, en)


def quoted(label: Mapping[str, str] | None, key: str) -> Both:
    """Return a label in quotation marks; its key where there is no label."""
    words = label or {}
    return f"« {words.get('fr', key)} »", f"“{words.get('en', key)}”"


def plain(value: Any) -> Both:
    """Return a value that reads alike in both languages."""
    if value is None:
        return NOTHING
    if isinstance(value, bool):
        return YES if value else NO
    return f"« {value} »", f"“{value}”"


def listed(values: list[Both]) -> Both:
    """Return several things in one line."""
    if not values:
        return NOTHING
    return ", ".join(v[0] for v in values), ", ".join(v[1] for v in values)

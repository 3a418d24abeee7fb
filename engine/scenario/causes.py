"""Why something is to be refused, as a scenario says it, against the reasons that the engine gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.definition.fields import CODES as FIELD_CODES
from engine.folding import fold

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from engine.definition.source import Path
    from engine.errors import Reason

#: Every code that a step of a case may be refused with (`docs/cli.md` says each).
CODES = (
    *("wrong_state", "role", "not_owner", "automatic", "ended", "requirement", "checklist_item"),
    *("field_missing", "field_unknown", "note_missing", "nothing_given", "key_reused"),
    *("merge_into_itself", "already_yours", "taken", "assignee_role", "assignee_left"),
    *FIELD_CODES,
)
#: Those whose words are the definition's own.
WORDED = ("requirement", "checklist_item")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """One reason that a scenario expects; it may stand for several alike.

    Attributes:
        path: Where it is written.
        said: As it is written.
        code: The reason's code; None when only its words were given.
        field: The field concerned; any when None.
        words: The definition's own words, folded; any when None.
    """

    path: Path
    said: str
    code: str | None = None
    field: str | None = None
    words: str | None = None

    def fits(self, reason: Reason) -> bool:
        """Tell whether a reason is this one."""
        return (
            self.code in (None, reason.code)
            and self.field in (None, reason.field)
            and (self.words is None or self.words in _words(reason))
        )


def _words(reason: Reason) -> set[str]:
    return {fold(text) for text in (reason.message or {}).values()} | {fold(reason.field or "")}


def said_words(labels: Iterable[Mapping[str, str]]) -> set[str]:
    """Return labels as they are compared: in either language, accents and case aside."""
    return {fold(text) for label in labels for text in label.values()}


def in_short(reasons: Iterable[Reason]) -> str:
    """Return reasons by their codes, with the field or the definition's words, in French."""
    return ", ".join(_one(reason) for reason in reasons)


def _one(reason: Reason) -> str:
    if reason.message is not None and reason.code in WORDED:
        return f"{reason.code} « {reason.message['fr']} »"
    return reason.code if reason.field is None else f"{reason.code} ({reason.field})"

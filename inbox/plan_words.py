"""Where a cycle of the plan stands, in words: its status, and who or what decided it when it was not computed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inbox import dates
from inbox.texts import _, clean, word
from workflows.plan.board import STATUSES

if TYPE_CHECKING:
    from workflows.plan.board import Given, Status


def standing(status: Status, given: Given | None, replaced_by: tuple[str, str] | None) -> str:
    """Return « atteint », « atteint (statut donné par …) » or « remplacé (résolution …) : 31 mars 2014 ».

    Args:
        status: The status.
        given: Who gave it and why, when it is not the computed one.
        replaced_by: The target that replaced its own, with the resolution that did.
    """
    said = word(STATUSES[status])
    if replaced_by is not None:
        target, resolution = replaced_by
        return clean(
            _("{status} (résolution {r}) : {text}", status=said, r=resolution, text=target)
        )
    return said if given is None else clean(f"{said} ({' ; '.join(_parts(given))})")


def _parts(given: Given) -> list[str]:
    parts = []
    if given.by is not None and given.on is not None:
        parts.append(_("statut donné par {who} le {d}", who=given.by, d=dates.day(given.on)))
    parts.append(_("motif : {why}", why=given.reason))
    if given.computed is not None:
        parts.append(_("calculé : {status}", status=word(STATUSES[given.computed])))
    return parts


def given_json(given: Given | None) -> dict[str, Any] | None:
    """Return a status that was not computed in its documented shape."""
    if given is None:
        return None
    return {"by": given.by, "on": given.on, "reason": given.reason, "computed": given.computed}

"""A cycle of the plan in words: its rule, its status, and who or what decided it when it was not computed."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from inbox import dates
from inbox.texts import _, clean, word
from workflows.plan.board import STATUSES

if TYPE_CHECKING:
    from workflows.plan import model
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
    return said if given is None else clean(f"{said} ({_('; ').join(_parts(given))})")


def _parts(given: Given) -> list[str]:
    parts = []
    if given.by is not None and given.on is not None:
        parts.append(_("statut donné par {who} le {d}", who=given.by, d=dates.day(given.on)))
    if given.cause is not None:
        parts.append(_cause(given.cause, given.detail))
    if given.reason is not None:
        parts.append(_("motif : {why}", why=given.reason))
    if given.computed is not None:
        parts.append(_("calculé : {status}", status=word(STATUSES[given.computed])))
    return parts


def _cause(cause: str, detail: str | None) -> str:
    if cause == "resolution":
        return _("résolution {r}", r=detail)
    if cause == "lecture":
        return _("autre lecture de « {quoted} »", quoted=detail)
    return _("le plan ne demande plus ce compte rendu")


def rule(part: model.Cadence) -> str:
    """Return a cadence in words."""
    if part.once:
        return _("un résultat, pour le {d}", d=dates.day(part.once.on))
    if part.level:
        return _("au moins {n} en {year}", n=part.level.reach, year=part.level.year)
    if part.periodic:
        return _("périodiquement, après le {d}", d=dates.day(part.periodic.after))
    said = _("en continu") if part.continuous else _("chaque année")
    if part.yearly and part.yearly.at_least:
        said = _("au moins {n} par année", n=part.yearly.at_least)
    if part.yearly and part.yearly.ad_hoc:
        said += _(" et ad hoc")
    start = (part.yearly and part.yearly.start) or (part.continuous and part.continuous.start)
    if start:
        said += _(", à compter du {d}", d=dates.day(start))
    if part.continuous and part.continuous.from_year:
        said += _(", à compter de l'exercice {year}", year=part.continuous.from_year)
    return said


def revisions(plan: model.Plan) -> list[str]:
    """Return a line for each resolution that changed the plan's whole text."""
    return [
        _("  Texte du plan modifié par la résolution {r} du {d}", r=r.resolution, d=dates.day(r.on))
        for r in plan.revised
    ]


def revised_json(plan: model.Plan) -> list[dict[str, Any]]:
    """Return those resolutions in their documented shape."""
    return [{"on": r.on, "resolution": r.resolution} for r in plan.revised]


def given_json(given: Given | None) -> dict[str, Any] | None:
    """Return a status that was not computed in its documented shape."""
    if given is None:
        return None
    return asdict(given)

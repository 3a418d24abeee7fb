"""Errors into words and exit codes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from engine.errors import (
    Ambiguous,
    ArrimageError,
    Conflict,
    Damaged,
    InvalidDefinition,
    InvalidInput,
    InvalidScenario,
    NotAllowed,
    NotFound,
    Refused,
    Unavailable,
)
from inbox import dates, findings, mailwords, reasons
from inbox.errors import Declined, InvalidData, InvalidDecision
from inbox.main import CONFLICT, ENVIRONMENT, REFUSED, USAGE
from inbox.output import say, show_json
from inbox.texts import _, clean, lang, n_
from inbox.workspace import NoWorkspace, SettingsError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine.errors import Finding

Told = tuple[int, str, list[str], dict[str, Any]]


def tell(error: Exception, *, as_json: bool) -> int:
    """Say what went wrong, and return the exit code."""
    if isinstance(error, click.ClickException) and not as_json:
        error.show()
        return USAGE
    code, title, lines, extra = _told(error)
    if as_json:
        show_json({"error": _name(error), "message": title, "exit": code, **extra})
        return code
    say(clean(title), err=True)
    for line in lines:
        say(clean(f"  {line}"), err=True)
    return code


def _name(error: Exception) -> str:
    """Return the documented name of an error: those of libraries change with the library."""
    if isinstance(error, click.ClickException):
        return "Usage"
    if isinstance(error, OSError):
        return "System"
    return type(error).__name__ if isinstance(error, ArrimageError) else "Unexpected"


def told(error: Exception) -> str:
    """Return what went wrong in one line."""
    return _told(error)[1]


def _told(error: Exception) -> Told:
    for kind, tell_one in _KINDS:
        if isinstance(error, kind):
            answer: Told = tell_one(error)
            return answer
    return _unexpected(error)


def _refused(error: Refused) -> Told:
    what = reasons.deed(error.action, error.label)
    title = (
        _("Refusé : « {action} » n'est pas possible.", action=what)
        if error.number is None
        else _("Refusé : {number}, « {action} » n'est pas possible maintenant.",
               number=error.number, action=what)
    )  # fmt: skip
    lines, listed = _reasons(error.reasons, error.number, error.action)
    extra = {"case": error.number, "action": error.action, "reasons": listed}
    return REFUSED, title, [*lines, _("Rien n'a été changé.")], extra


def _invalid(error: InvalidInput) -> Told:
    lines, listed = _reasons(error.reasons, None, None)
    title = _("Refusé : une valeur ne convient pas.")
    return REFUSED, title, [*lines, _("Rien n'a été changé.")], {"reasons": listed}


def _reasons(
    given: tuple[Any, ...], number: str | None, action: str | None
) -> tuple[list[str], list[dict[str, Any]]]:
    lines = []
    for reason in given:
        lines.append(f"- {reasons.sentence(reason)}")
        mend = reasons.remedy(reason, number, action)
        if mend:
            lines.append(f"    → {mend}")
    return lines, [reasons.as_json(r, number, action) for r in given]


def _conflict(error: Conflict) -> Told:
    title = _(
        "Trop tard : {actor} a fait « {action} » sur {number} entre-temps ({at}).",
        actor=error.actor or "?",
        action=reasons.deed(error.action, error.label) if error.action else "?",
        number=error.number,
        at=dates.here(error.at) if error.at else "?",
    )
    extra = {"case": error.number, "actor": error.actor, "action": error.action, "at": error.at}
    lines = [_("Rien n'a été changé. Voyez où en est le dossier : inbox show {number}",
               number=error.number)]  # fmt: skip
    return CONFLICT, title, lines, extra


def _not_found(error: NotFound) -> Told:
    kinds = {
        "case": _("Il n'y a pas de dossier « {name} ».", name=error.name),
        "action": _("Il n'y a pas d'action « {name} » dans ce processus.", name=error.name),
        "process": _("Il n'y a pas de processus « {name} ».", name=error.name),
        "definition": _(
            "« {name} » n'est ni un fichier, ni une version installée.", name=error.name
        ),
        "plan": _("Il n'y a pas de plan « {name} ».", name=error.name),
        "indicator": _("Aucun plan n'a d'indicateur « {name} ».", name=error.name),
        "cycle": _("Aucun plan ne promet ce cycle : {name}.", name=error.name),
        "person": _("Personne ne s'appelle « {name} » ici.", name=error.name),
        "state": _("Il n'y a pas d'état « {name} ».", name=error.name),
        "role": _("Il n'y a pas de rôle « {name} ».", name=error.name),
        "member": _("Aucun établissement ne s'appelle « {name} ».", name=error.name),
        "certificate": _(
            "Il n'y a pas d'attestation n° {name} de cette diffusion.", name=error.name
        ),
        "message": _("Il n'y a pas encore eu de « {name} » pour ce dossier.", name=error.name),
    }
    from difflib import get_close_matches

    near = get_close_matches(error.name, error.near, n=3, cutoff=0.4) or list(error.near)[:8]
    lines = [_("Peut-être : {near}", near=", ".join(near))] if near else []
    title = kinds.get(error.kind, _("Introuvable : {name}", name=error.name))
    extra = {"kind": error.kind, "name": error.name, "near": near}
    return USAGE, title, lines, extra


def _ambiguous(error: Ambiguous) -> Told:
    title = _("« {name} » peut en désigner plusieurs.", name=error.name)
    lines = [_("Lequel : {all}?", all=", ".join(error.candidates))]
    return USAGE, title, lines, {"name": error.name, "candidates": list(error.candidates)}


def _declined(_error: Declined) -> Told:
    return REFUSED, _("Rien n'a été changé."), [], {}


def _definition(error: InvalidDefinition) -> Told:
    title = n_("Rien n'a été fait : {n} constat sur la définition.",
               "Rien n'a été fait : {n} constats sur la définition.", len(error.findings))  # fmt: skip
    lines, listed = finding_lines(error.findings)
    return REFUSED, title, lines, {"findings": listed}


def _decision(error: InvalidDecision) -> Told:
    title = n_("La décision n'a pas été consignée : {n} constat.",
               "La décision n'a pas été consignée : {n} constats.", len(error.findings))  # fmt: skip
    lines, listed = finding_lines(error.findings)
    return REFUSED, title, lines, {"findings": listed}


def _scenario(error: InvalidScenario) -> Told:
    title = n_("Rien n'a été joué : {n} erreur.",
               "Rien n'a été joué : {n} erreurs.", len(error.findings))  # fmt: skip
    lines, listed = finding_lines(error.findings)
    return USAGE, title, lines, {"findings": listed}


def _data(error: InvalidData) -> Told:
    title = _("Ce fichier n'a pas pu être lu : {file}", file=error.path)
    lines, listed = finding_lines(error.findings)
    return USAGE, title, [*lines, _("Rien n'a été changé.")], {"findings": listed}


def finding_lines(found: Sequence[Finding]) -> tuple[list[str], list[dict[str, Any]]]:
    """Return findings for a screen, each with its line and a mark below it, and in their JSON shape."""
    lines = [line for f in found for line in findings.lines(f)]
    return lines, [findings.as_json(f) for f in found]


def _not_allowed(error: NotAllowed) -> Told:
    return REFUSED, reasons.refusal(error), [], {"code": error.code}


def _no_workspace(error: NoWorkspace) -> Told:
    title = _("Il n'y a pas d'espace de travail dans {home}.", home=error.home)
    return USAGE, title, [_("Créez-en un : inbox init --home DOSSIER")], {}


def _settings(error: SettingsError) -> Told:
    return ENVIRONMENT, f"{error.where}: {error.fr if lang() == 'fr' else error.en}", [], {}


def _unavailable(error: Unavailable) -> Told:
    whats = {
        "database": _("La base de données ne répond pas : {detail}", detail=error.detail),
        "missing": _(
            "Le fichier de la base n'est pas là : {detail}. Reprenez la dernière sauvegarde, "
            "ou corrigez [database] dans inbox.toml.",
            detail=error.detail,
        ),
        "disk": _("Le disque refuse d'écrire : {detail}", detail=error.detail),
        "mail": _(
            "Le serveur de courrier est en défaut : {detail}", detail=mailwords.said(error.detail)
        ),
        "bounces": _(
            "La boîte des avis de non-remise est en défaut : {detail}",
            detail=mailwords.said(error.detail),
        ),
    }
    return ENVIRONMENT, whats[error.what], [_("Pour un diagnostic : inbox doctor")], {}


def _damaged(error: Damaged) -> Told:
    title = _("Les données sont abîmées : {detail}", detail=error)
    return ENVIRONMENT, title, [_("Reprenez la dernière sauvegarde, et gardez ce fichier.")], {}


def _usage(error: click.ClickException) -> Told:
    return USAGE, error.format_message(), [], {}


def _system(error: OSError) -> Told:
    return ENVIRONMENT, _("Le système refuse : {detail}", detail=error), [], {}


def _unexpected(error: Exception) -> Told:
    title = _("Erreur inattendue : {detail}", detail=f"{type(error).__name__}: {error}")
    return ENVIRONMENT, title, [_("Recommencez avec --debug et gardez ce qui s'affiche.")], {}


_KINDS: list[tuple[type[Exception], Any]] = [
    (Refused, _refused),
    (InvalidInput, _invalid),
    (Conflict, _conflict),
    (NotFound, _not_found),
    (Ambiguous, _ambiguous),
    (InvalidDecision, _decision),
    (InvalidDefinition, _definition),
    (InvalidScenario, _scenario),
    (InvalidData, _data),
    (Declined, _declined),
    (NotAllowed, _not_allowed),
    (NoWorkspace, _no_workspace),
    (SettingsError, _settings),
    (Unavailable, _unavailable),
    (Damaged, _damaged),
    (click.ClickException, _usage),
    (OSError, _system),
]

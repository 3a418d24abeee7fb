"""Codes into sentences: why something was refused, and what to type to mend it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from inbox import dates
from inbox.texts import _, doer, said, word

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from engine.definition import model
    from engine.errors import NotAllowed, Reason
    from engine.option import Option
    from engine.ways.search import Step

#: What each code says; `{…}` are the reason's parameters.
_SENTENCES = {
    "field_missing": "il manque « {label} »",
    "field_unknown": "« {field} » n'est pas demandé ici",
    "note_missing": "une note est demandée",
    "nothing_given": "rien n'est consigné : donnez au moins un de ces champs : {fields}",
    "key_reused": "cette clé (--key) a déjà servi à autre chose, sur {number}",
    "not_a_text": "« {label} » doit être un texte",
    "empty": "« {label} » est vide",
    "too_long": "« {label} » est trop long : {length} caractères, {max} au plus",
    "too_short": "« {label} » est trop court : {min} caractères au moins",
    "control_character": "« {label} » contient un caractère de contrôle ou invisible",
    "not_a_number": "« {label} » doit être un nombre",
    "too_small": "« {label} » doit être au moins {min}",
    "too_large": "« {label} » doit être au plus {max}",
    "not_a_boolean": "« {label} » se répond par oui ou non",
    "not_a_date": "« {label} » doit être une date comme 2026-11-20",
    "no_such_date": "« {label} » : la date {value} n'existe pas",
    "not_an_instant": "« {label} » doit être une date, ou une date et une heure : 2026-11-20T10:00",
    "not_an_option": "« {label} » : « {value} » n'est pas un des choix",
    "not_an_email": "« {label} » : « {value} » n'est pas une adresse de courriel",
    "not_a_country": "« {label} » : « {value} » n'est pas un pays connu",
    "reason_needed": "« {label} » : dites pourquoi il n'a pas été obtenu",
    "no_such_person": "« {label} » : personne ne s'appelle « {value} » ici",
    "no_such_member": "« {label} » : aucun établissement ne s'appelle « {value} »",
    "no_such_case": "« {label} » : il n'y a pas de dossier « {value} »",
    "ambiguous": "« {label} » : « {value} » peut en désigner plusieurs",
    "role": "il faut le rôle : {roles}",
    "not_owner": "ce dossier est à {owner}",
    "wrong_state": "le dossier est « {state} »; cela se fait quand il est : {sources}{because}{last}",
    "automatic": "« {label} » se fait tout seul, quand sa condition est remplie",
    "requirement": "{message}",
    "checklist_item": "pas encore fait : {message}",
    "merge_into_itself": "un dossier ne se fusionne pas avec lui-même",
    "already_leaving": "« {label} » : l'envoi est en cours ou une copie est partie; cela ne se reprend plus",
    "leaving_now": "« {label} » : l'envoi part en ce moment même; recommencez dans un instant",
    "ended": "le dossier est fermé",
    "unwritten": "le message ne peut être écrit : {message}",
    "too_late": "quelqu'un l'a déjà, ou l'a peut-être : il est trop tard pour arrêter",
    "nothing_coming": "rien n'est en file sous ce nom : il n'y a rien à arrêter",
    "already_yours": "le dossier est déjà à vous",
    "taken": "le dossier est sur le bureau de {owner}",
    "assignee_role": "{person} n'a pas le rôle qu'il faut : {roles}",
    "assignee_left": "{person} ne fait plus partie du personnel",
    "file_too_large": "le fichier {field} est trop gros ({size} octets; {largest} au plus)",
    "file_name": "le nom de fichier « {field} » n'est pas permis",
    "generations": "un dossier enfant en ouvrirait un autre, qui en ouvrirait un autre, et ainsi de suite, "
    "plus de {limit} fois : le processus est à corriger",
    "already_exists": "« {value} » existe déjà",
    "already_member": "« {value} » est déjà membre",
    "last_before_first": "le dernier jour vient avant le premier",
    "no_substitute": "il faut un substitut : --substitute QUI",
    "self_substitute": "personne n'est son propre substitut",
    "migration_state": "l'état « {state} » n'a pas de place dans la nouvelle version",
    "migration_field": "« {label} » a une valeur et n'est plus dans la nouvelle version",
    "migration_value": "« {label} » : « {value} » ne convient pas à la nouvelle version",
    "migration_absent": "{message}",
    "migration_timer": "« {label} » agit tout seul, et son moment ({at}) est déjà passé",
    "migration_redirect": "la nouvelle version en ferait une fin qui renvoie à un autre dossier",
    "migration_join": "il attendrait {wanted} dossier(s) enfant(s) « {process} » : il en a {count}, et rien "
    "ne pourrait plus en ouvrir",
    "migration_parent": "{parent} attend la fin « {outcome} », que la nouvelle version n'a pas",
    "migration_mail": "l'envoi « {message} » est en route, et la nouvelle version n'en a pas de ce nom",
    "migration_unsent": "il attendrait l'envoi « {message} », que rien ne ferait plus partir",
    "not_migrated": "il n'y a pas de passage à reprendre",
    "moved_on": "le dossier a avancé depuis son passage ({action})",
}
#: What `automatic` says of an action that a timer takes.
#: How many steps of a way stand in a list; `inbox why` shows all of them.
_FEW = 3
_BY_TIMER = "« {label} » se fait tout seul, à la date de la minuterie « {timers} »"
_REMEDIES = {
    "note_missing": '--note "…"',
    "awaited": "attendez : « {label} » se fait tout seul",
    "role": "demandez à quelqu'un qui a ce rôle",
    "not_owner": "inbox take {number}, ou demandez qu'on vous le confie : inbox assign {number}",
    "taken": "demandez qu'on vous le confie : inbox assign {number} --to VOUS",
    "reason_needed": '--set {field}.non_obtenu="le motif"',
    "migration_state": "dans le fichier de --mapping : states: {{{field}: ÉTAT}}",
    "migration_field": "dans le fichier de --mapping : fields: {{{field}: CHAMP}}, ou drop: [{field}]",
    "migration_value": "dans le fichier de --mapping : values: {{{field}: {{{was}: NOUVEAU}}}}, ou corrigez le "
    "dossier",
    "migration_absent": "dans le fichier de --mapping : defaults: {{CHAMP: VALEUR}}",
    "migration_timer": "dans le fichier de --mapping : timers: {{{field}: skip}}, ou fire",
}
_REFUSALS = {
    "unknown_account": "Le compte « {account} » n'est à personne du personnel : "
    "inbox staff add LOGIN --account {account}",
    "may_not_act_as": "Votre rôle ne permet pas d'agir au nom de « {login} ».",
    "no_such_person": "Personne ne s'appelle « {login} » ici : inbox staff list",
    "has_left": "« {login} » n'est plus du personnel depuis le {on}; son substitut a repris son travail.",
    "not_administration": "Seules l'administration et la direction changent cela.",
}
#: What the engine does itself, as people call it.
_DEEDS = {
    "ouvrir": "inscrire",
    "abort": "arrêter la diffusion",
    "take": "prendre",
    "release": "remettre au bureau commun",
    "assign": "confier",
    "timer": "minuterie",
    "merged": "fusion",
    "migrate": "passer à une autre version",
    "migrate_back": "revenir à la version d'avant",
}


def deed(action: str, label: Mapping[str, str] | None = None) -> str:
    """Return an action in words: the definition's label, or the engine's own name for it."""
    if label is not None:
        return word(label)
    return _(_DEEDS[action]) if action in _DEEDS else action


def sentence(reason: Reason) -> str:
    """Return what a reason says, in the language of this run."""
    values = {k: _said(v) for k, v in reason.params.items()}
    values.setdefault("label", reason.field or "")
    last = reason.params.get("last")
    values["last"] = _last(last) if last else ""
    values["because"] = f" — {word(reason.message)}" if reason.message else ""
    values |= {"field": reason.field or "", "message": word(reason.message)}
    values.setdefault("owner", _("personne"))
    values["owner"] = values["owner"] if values["owner"] != "None" else _("personne")
    template = _SENTENCES.get(reason.code, reason.code)
    if reason.code == "automatic" and reason.params.get("timers"):
        template = _BY_TIMER
    try:
        return _(template, **values)
    except KeyError:
        return f"{reason.code} ({reason.field})"


def remedy(reason: Reason, number: str | None, action: str | None) -> str | None:
    """Return what to do about a reason: the definition's words, or a command to type."""
    if reason.remedy is not None:
        return word(reason.remedy)
    case = number or _("DOSSIER")
    if reason.action is not None and reason.action != action:
        return f"inbox do {case} {reason.action}"
    if child := reason.params.get("child"):
        return ending(child["process"], child["number"], child["by"])
    return _of_form(reason) or _of_code(reason, case)


def _of_form(reason: Reason) -> str | None:
    """Return what to type for a field, where that is what a reason is about."""
    if reason.code == "field_missing":
        return _example(reason)
    if reason.params.get("options"):
        return f"--set {reason.field}=" + "|".join(reason.params["options"])
    if reason.code == "field_unknown" and reason.params.get("fields"):
        return _("champs de cette action : {fields}", fields=", ".join(reason.params["fields"]))
    if reason.params.get("near"):
        return _("peut-être : {near}", near=", ".join(reason.params["near"]))
    return None


def _of_code(reason: Reason, case: str) -> str | None:
    if reason.code == "migration_value" and not reason.params.get("chosen"):
        # Only options have names by which a mapping file can translate them.
        return _("corrigez d'abord le dossier, par une action qui demande ce champ, ou admettez cette valeur dans la nouvelle version")  # fmt: skip
    awaited = reason.params.get("awaited")
    template = _REMEDIES.get("awaited" if awaited else reason.code)
    was = reason.params.get("value")
    said = {"number": case, "field": reason.field or "", "label": _said(awaited or ""),
            "was": was if isinstance(was, str) else _("ANCIEN")}  # fmt: skip
    return None if template is None else _(template, **said)


def _example(reason: Reason) -> str:
    options = reason.params.get("options")
    value = "|".join(options) if options else _("VALEUR")
    example = f'--set {reason.field}="{value}"' if not options else f"--set {reason.field}={value}"
    if reason.params.get("reason_if_missing"):
        other = _("LE MOTIF")
        example += f' | --set {reason.field}.non_obtenu="{other}"'
    return example


def as_json(reason: Reason, number: str | None, action: str | None) -> dict[str, Any]:
    """Return a reason in its documented shape."""
    return {
        "code": reason.code,
        "field": reason.field,
        "message": sentence(reason),
        "remedy": remedy(reason, number, action),
    }


def way(option: Option, definition: model.Definition, number: str) -> str | None:
    """Return what to do before an action: « faites d'abord « chiffrer », puis « soumettre » ».

    A long way is said by its beginning and the command that shows all of it. None where there is nothing to
    do first, or nothing that could be.
    """
    if not option.way:
        return None
    name = option.action.name
    shown = option.way if len(option.way) <= _FEW else option.way[: _FEW - 1]
    steps = _(", puis ").join(_step(step, definition) for step in shown)
    end = _("« {label} »", label=name)
    if len(shown) < len(option.way):
        end = _("{n} autres étapes : inbox why {number} --action {action}",
                n=len(option.way) - len(shown), number=number, action=name)  # fmt: skip
    if option.way[0].alone:
        return _("attendez d'abord {steps}, puis {action}", steps=steps, action=end)
    if option.way[0].child:
        return _("d'abord {steps}, puis {action}", steps=steps, action=end)
    return _("faites d'abord {steps}, puis {action}", steps=steps, action=end)


def _step(step: Step, definition: model.Definition) -> str:
    if step.child is not None:
        return ending(step.child.process, step.child.number, step.child.by)
    if step.alone:
        return _("« {label} » (tout seul)", label=step.action)
    values = [text for text in given(step, definition) if "=" in text]
    label = " ".join([step.action, *(f"--set {text}" for text in values)])
    return _("« {label} »", label=label)


def ending(process: str, number: str | None, by: Sequence[str]) -> str:
    """Return that a child case is to end, and by which of its own actions: « RE-… : terminez-le par … »."""
    actions = _(" ou ").join(_("« {label} »", label=name) for name in by)
    if not number:
        return _("terminez le dossier enfant ({process}) par {actions}", process=process,
                 actions=actions) if by else _("terminez le dossier enfant ({process})",
                 process=process)  # fmt: skip
    return _("{number} : terminez-le par {actions}", number=number, actions=actions) if by else _(
        "{number} : terminez-le", number=number)  # fmt: skip


def _said_by(step: Step) -> str | None:
    """Return the field that the condition of a step speaks of, and nothing else."""
    from engine.ways.search import exact

    found = None if step.when is None else exact(step.when)
    return found and found[0]


def given(step: Step, definition: model.Definition, *, but: str | None = None) -> list[str]:
    """Return what a step's form is to give beyond what it always asks for: `champ=valeur`, or its label."""
    from inbox import rules  # a list says no way

    found = []
    for name, value in step.gives.items():
        if name == but:
            continue
        if value is None or not isinstance(value, (str, int, bool)):
            found.append(rules.field(name, definition))
        else:
            written = value if not isinstance(value, bool) else _("oui") if value else _("non")
            found.append(f"{name}={written}")
    return found


def way_json(option: Option, definition: model.Definition) -> list[dict[str, Any]] | None:
    """Return the steps before an action in their documented shape; null: nothing leads there."""
    if option.way is None:
        return None
    return [_step_json(step, definition) for step in option.way]


def _step_json(step: Step, definition: model.Definition) -> dict[str, Any]:
    from inbox import process_text, rules  # a list says no way

    child = step.child and {"process": step.child.process, "case": step.child.number,
                            "by": list(step.child.by)}  # fmt: skip
    base = {"action": step.action or None, "alone": step.alone, "to": step.to, "child": child}
    if step.child is not None:
        told = ending(step.child.process, step.child.number, step.child.by)
        return {**base, "label": told, "timer": "", "by": [], "asks": [], "gives": [], "when": None}
    part = definition.actions[step.action]
    condition = part.automatic if step.alone else step.when
    asked = [process_text.asked(item, definition) for item in part.form]
    return {
        **base,
        "label": said(part.label),
        "timer": ", ".join(timers_of(definition, step.action)) if step.alone else "",
        "by": [said(definition.roles[role]) for role in part.by],
        "asks": [process_text.asked_text(item) for item in asked],
        "gives": [*given(step, definition, but=_said_by(step))],
        "when": None if condition is None else rules.condition(condition, definition),
    }


def timers_of(definition: model.Definition, action: str) -> list[str]:
    """Return the timers that take an action, by their labels."""
    return [said(t.label) for t in definition.timers.values() if t.action == action]


def refusal(error: NotAllowed) -> str:
    """Return what somebody may not do, and why."""
    return _(_REFUSALS.get(error.code, error.code), **error.params)


def _said(value: Any) -> str:
    """Return a parameter in words: labels in the language of this run."""
    if isinstance(value, dict):
        return word(value) if "fr" in value else ", ".join(value)
    if isinstance(value, datetime):
        return dates.here(value)
    if isinstance(value, (list, tuple)):
        return ", ".join(_said(v) for v in value)
    return str(value)


def _last(last: Mapping[str, Any]) -> str:
    return _(" (dernier geste : {action}, par {actor}, {at})", actor=doer(last["actor"]),
             action=deed(last["action"], last["label"]), at=dates.here(last["at"]))  # fmt: skip

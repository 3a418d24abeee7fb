"""Each part of a process as lines that its owner reads, so that two versions can be compared line by line.

Every key of the language has its words here (a test holds it): what changes cannot go unsaid.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from engine.definition import unfit
from engine.definition.walk import batches_of
from inbox import process_text, rules
from inbox.texts import _, n_, said

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from engine.definition import model

    Words = Callable[[Any, model.Definition], list[str]]


def lines(part: model.Model, key: str, definition: model.Definition) -> list[str]:
    """Return what a key of a part says, in words; nothing where it is not set."""
    value = getattr(part, key)
    if value is None or value in ([], {}):
        return []
    kind = type(part).__name__
    return (WORDS.get(f"{kind}.{key}") or WORDS[f"*.{key}"])(value, definition)


def _label(part: model.Label | model.Option, _d: model.Definition) -> list[str]:
    return [f"{part.fr} / {part.en}"]


def _flag(value: bool, _d: model.Definition) -> list[str]:
    return [_("oui") if value else _("non")]


def _plain(value: object, _d: model.Definition) -> list[str]:
    return [str(value)]


def _condition(part: model.Condition, d: model.Definition) -> list[str]:
    return [rules.condition(part, d)]


def _moment(part: model.When, d: model.Definition) -> list[str]:
    return [rules.moment(part, d)]


def _roles(names: Iterable[str], d: model.Definition) -> list[str]:
    return [said(d.roles[name]) for name in names]


def _state(d: model.Definition, name: str) -> str:
    return said(d.states[name].label)


def _states(names: list[str] | str, d: model.Definition) -> list[str]:
    every = {"open": _("tous les états ouverts"), "ended": _("toutes les fins")}
    return [every[names]] if isinstance(names, str) else [_state(d, name) for name in names]


def _to(part: str | list[model.Branch], d: model.Definition) -> list[str]:
    if part == "same":
        return [_("(reste)")]
    if isinstance(part, str):
        return [_state(d, part)]
    return [
        _state(d, b.state) if b.when is None else _("{state} si {condition}",
        state=_state(d, b.state), condition=rules.condition(b.when, d))
        for b in part
    ]  # fmt: skip


def _form(items: list[str | model.FormItem], d: model.Definition) -> list[str]:
    return [process_text.asked_text(process_text.asked(item, d)) for item in items]


def _requires(parts: list[model.Requirement], d: model.Definition) -> list[str]:
    return [_requirement(part, d) for part in parts]


def _requirement(part: model.Requirement, d: model.Definition) -> str:
    sentence = _("{condition} (sinon : {because})", condition=rules.condition(part.when, d),
                 because=said(part.because))  # fmt: skip
    if part.exception is not None:
        sentence += _(", sauf l'exception {field}", field=rules.field(part.exception, d))
    remedy = (
        said(part.remedy) if part.remedy else part.action and said(d.actions[part.action].label)
    )
    return f"{sentence} → {remedy}" if remedy else sentence


def _sets(parts: dict[str, model.SetValue], d: model.Definition) -> list[str]:
    return [f"{rules.field(name, d)} = {_set(name, part, d)}" for name, part in parts.items()]


def _set(name: str, part: model.SetValue, d: model.Definition) -> str:
    if part.when is not None:
        return rules.moment(part.when, d)
    if part.table is not None:
        label = said(d.tables[part.table.table].label)
        return _("selon la table « {label} »", label=label)
    known = {"actor": _("qui agit"), "today": _("ce jour"), "now": _("cet instant")}
    found = next((text for key, text in known.items() if getattr(part, key)), None)
    return found or rules.value(d.fields[name], part.value)


def _fields(names: Iterable[str], d: model.Definition) -> list[str]:
    return [rules.field(name, d) for name in names]


def _field(name: str, d: model.Definition) -> list[str]:
    return [rules.field(name, d)]


def _messages(names: Iterable[str], d: model.Definition) -> list[str]:
    return [said(d.notifications[name].label) for name in names]


def _action(name: str, d: model.Definition) -> list[str]:
    return [said(d.actions[name].label)]


def _opens(part: model.Child, d: model.Definition) -> list[str]:
    copied = [f"{theirs} = {rules.field(ours, d)}" for theirs, ours in part.copy_fields.items()]
    given = [f"{theirs} = {rules.field(ours, d)}" for theirs, ours in part.form.items()]
    each = [] if part.for_each is None else [
        _("un pour chaque {field} ({item})", field=rules.field(part.for_each, d), item=part.item)
    ]  # fmt: skip
    return [", ".join([part.process, *each, *copied, *given])]


def _task(part: model.Task, d: model.Definition) -> list[str]:
    who = [] if part.role is None else _roles([part.role], d)
    how = [] if part.action is None else _action(part.action, d)
    return [" · ".join([*_label(part.label, d), *how, *who])]


def _end(part: model.End, d: model.Definition) -> list[str]:
    return [" → ".join([part.outcome, *(_field(part.redirect, d) if part.redirect else [])])]


def _type(name: str, _d: model.Definition) -> list[str]:
    return [said(unfit.TYPES[name])]


def _options(parts: dict[str, model.Option], d: model.Definition) -> list[str]:
    return [
        f"{key} — {_label(part, d)[0]}" + (f" ({_label(part.help, d)[0]})" if part.help else "")
        for key, part in parts.items()
    ]  # fmt: skip


def _of(parts: dict[str, model.FieldSpec], d: model.Definition) -> list[str]:
    return [
        " · ".join([key, *(line for part in type(spec).model_fields for line in lines(spec, part, d))])
        for key, spec in parts.items()
    ]  # fmt: skip


def _repeat(part: model.Repeat, _d: model.Definition) -> list[str]:
    return [_("après {span}, {n} fois en tout", span=rules.span(part.every), n=part.times)]


def _late(name: str, _d: model.Definition) -> list[str]:
    return [process_text.late()[name]]


def _recipients(part: model.Recipients, d: model.Definition) -> list[str]:
    people = {"owner": _("le responsable"), "substitute": _("son substitut"),
              "actor": _("qui agit")}  # fmt: skip
    found = [people[name] for name in part.people or []]
    found += [_("l'adresse {field}", field=rules.field(part.address, d))] if part.address else []
    found += [_("au nom de {field}", field=rules.field(part.name, d))] if part.name else []
    found += [_("le rôle « {role} »", role=_roles([part.role], d)[0])] if part.role else []
    found += [_("tout le répertoire « {name} »", name=part.roster)] if part.roster else []
    sent = ", ".join(_messages(batches_of(part), d))
    found += [_("qui a reçu « {label} »", label=sent)] if sent else []
    if part.without:
        found.append(_("sauf qui figure à {field}", field=rules.field(part.without, d)))
    found += [_("à qui ce message ne l'a pas encore dit")] if part.untold else []
    return found


def _newcomers(part: model.Newcomers, _d: model.Definition) -> list[str]:
    return [
        _("tout le répertoire « {name} »", name=part.roster),
        f"{_('gabarit')}{_(' : ')}{part.template}",
    ]


def _languages(parts: list[Any], d: model.Definition) -> list[str]:
    return [
        part if isinstance(part, str) else "+".join(part.use) + (
            _(" si {condition}", condition=rules.condition(part.when, d)) if part.when else "")
        for part in parts
    ]  # fmt: skip


def _calendar(part: model.Invitation, d: model.Definition) -> list[str]:
    length = n_("{n} minute", "{n} minutes", part.minutes)
    where = _field(part.location, d) if part.location else []
    ends = [_("annule le rendez-vous")] if part.cancels else []
    return [
        " · ".join([rules.field(part.start, d), length, *_label(part.summary, d), *where, *ends])
    ]


def _items(parts: dict[str, model.ChecklistItem], d: model.Definition) -> list[str]:
    return [
        f"{_label(part.label, d)[0]}{_(' : ')}{rules.condition(part.when, d)}"
        + (f" → {_action(part.action, d)[0]}" if part.action else "")
        for part in parts.values()
    ]


def _rows(parts: list[model.TableRow], d: model.Definition) -> list[str]:
    return [
        ", ".join(f"{said(d.fields[k].label)}{_(' : ')}{rules.cell(d.fields[k], c)}"
                  for k, c in row.when.items())
        + " → " + ", ".join(f"{k}{_(' : ')}{v}" for k, v in row.give.items())
        for row in parts
    ]  # fmt: skip


def _gives(parts: dict[str, str], _d: model.Definition) -> list[str]:
    return [f"{name} ({said(unfit.TYPES[kind])})" for name, kind in parts.items()]


def _accepts(part: model.Acceptance, d: model.Definition) -> list[str]:
    names = [part.message] if isinstance(part.message, str) else part.message
    return [f"{', '.join(_messages(names, d))} ({rules.field(part.reason, d)})"]


def _adopted(part: model.Adoption, _d: model.Definition) -> list[str]:
    return [
        " · ".join([part.on, said(part.by), part.reference, *([part.text] if part.text else [])])
    ]


def _note(value: str, _d: model.Definition) -> list[str]:
    return [_("obligatoire") if value == "required" else _("facultative")]


def _rule(value: str, _d: model.Definition) -> list[str]:
    names = {"all_or_nothing": _("tous ou personne"),
              "proceed_and_remedy": _("les autres l'ont, et lui est à régler")}  # fmt: skip
    return [names[value]]


def _span(value: str, _d: model.Definition) -> list[str]:
    return [rules.span(value)]


#: By `Model.key`, or `*.key` where every model means the same by it.
WORDS: dict[str, Words] = {
    "*.label": _label, "*.help": _label, "*.because": _label, "*.due": _moment, "*.at": _moment,
    "*.waiting": _flag, "*.owner_only": _flag, "*.confirm": _flag, "*.hidden": _flag,
    "*.internal": _flag, "*.reason_if_missing": _flag, "*.from_files": _flag, "*.search": _flag, "*.batch": _flag,
    "*.task": _task, "*.end": _end, "*.source": _states, "*.states": _states, "Opening.to": lambda name, d: [_state(d, name)],
    "*.by": _roles, "*.form": _form, "*.note": _note, "*.requires": _requires, "*.sets": _sets,
    "*.clears": _fields, "*.title": _fields, "*.duplicates": _fields, "*.reads": _fields,
    "Notification.fields": _fields, "*.received": _field, "*.opens": _opens, "*.notify": _messages,
    "*.automatic": _condition, "*.only": _condition, "*.when": _condition, "*.action": _action,
    "*.type": _type, "*.options": _options, "*.of": _of, "*.roster": _plain, "*.min": _plain,
    "*.max": _plain, "*.repeat": _repeat, "*.late": _late, "*.template": _plain,
    "Notification.to": _recipients, "*.newcomers": _newcomers, "Action.to": _to, "*.languages": _languages,
    "*.calendar": _calendar, "*.items": _items, "*.rows": _rows, "*.gives": _gives,
    "Notification.rule": _rule, "*.personal": _flag, "*.not_before": _field, "*.cancels": _messages,
    "*.recalls": _messages, "*.says": _field,
    "*.accepts": _accepts, "*.adopted": _adopted, "*.numbering": lambda part, _d: [part.prefix], "*.lag": _span,
}  # fmt: skip


def part_name(kind: str, key: str) -> str:
    """Return what people call a key of a part: « échéance », « demande »."""
    names = {
        "label": _("nom"), "help": _("explication"), "because": _("motif donné"),
        "due": _("échéance"), "at": _("moment"), "waiting": _("attente de quelqu'un d'ailleurs"),
        "owner_only": _("au responsable seulement"), "confirm": _("confirmation demandée"),
        "hidden": _("caché des prochaines actions"), "internal": _("interne"),
        "reason_if_missing": _("un motif s'il manque"), "from_files": _("les fichiers joints en tiennent lieu"), "search": _("cherché par inbox search"),
        "batch": _("envoi prouvé destinataire par destinataire"), "task": _("tâche"),
        "end": _("fin"), "source": _("possible dans"), "states": _("dans"), "to": _("mène à"),
        "by": _("permis à"), "form": _("demande"), "note": _("note"), "requires": _("exige"),
        "sets": _("inscrit de lui-même"), "clears": _("vide"), "title": _("titre du dossier"),
        "duplicates": _("doublon probable d'après"), "reads": _("lit"), "fields": _("montre"),
        "received": _("date d'arrivée"), "opens": _("ouvre un dossier enfant"),
        "notify": _("envoie"), "automatic": _("se fait tout seul quand"), "only": _("seulement si"),
        "when": _("part seulement si"), "action": _("action"), "type": _("type"),
        "options": _("choix"), "of": _("champ de la liste"), "roster": _("répertoire"),
        "min": _("au moins"), "max": _("au plus"), "repeat": _("répété"),
        "late": _("si le moment est passé"), "template": _("gabarit"), "languages": _("langues"),
        "calendar": _("rendez-vous"), "items": _("point"), "rows": _("règle"), "gives": _("donne"),
        "rule": _("si le relais refuse quelqu'un"), "personal": _("des mots propres à chacun"),
        "not_before": _("pas avant"), "cancels": _("reprend ce qui n'est pas parti"),
        "recalls": _("reprend ce qui n'est pas parti pour tous"), "says": _("dit ce qui s'ajoute à"),
        "accepts": _("accepte que reste incomplet"), "newcomers": _("et à qui ne l'a pas eu"),
        "adopted": _("adoption"), "numbering": _("numérotation"), "lag": _("délai d'inscription"),
    }  # fmt: skip
    return _("à qui") if (kind, key) == ("notification", "to") else names[key]

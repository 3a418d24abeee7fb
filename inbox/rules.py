"""A definition's rules as sentences: spans, dates, timers, conditions, cells of tables.

They are said from the definition as it was written, so that nobody reads its keys to know what it
means. A negation is carried down to what it denies: « n'est pas complète », never « il est faux que ».
"""

from __future__ import annotations

from datetime import date, time
from typing import TYPE_CHECKING, Any

from engine.calendar import Span
from engine.definition.conditions import only_key
from engine.definition.walk import batches_of, named_by, spec_of
from inbox import dates
from inbox.texts import _, n_, said

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from engine.definition import model


def span(written: str) -> str:
    """Return a span of time in words: « 2 jours ouvrables »."""
    length = Span.parse(written)
    n = length.count
    return {
        "business days": n_("{n} jour ouvrable", "{n} jours ouvrables", n),
        "days": n_("{n} jour", "{n} jours", n),
        "weeks": n_("{n} semaine", "{n} semaines", n),
        # The French word does not change, so the two texts must differ otherwise.
        "months": _("1 mois") if n == 1 else _("{n} mois", n=n),
        "hours": n_("{n} heure", "{n} heures", n),
        "minutes": n_("{n} minute", "{n} minutes", n),
    }[length.unit]


# --- dates and timers ---------------------------------------------------------------------------


def moment(when: model.When, definition: model.Definition) -> str:
    """Return a date rule: « 3 jours ouvrables avant l'échéance, à 8 h 30 »."""
    parts = [_length(when, definition)]
    if when.otherwise is not None:
        parts[0] += _(" (ou {base}, sans elle)", base=_base(when.otherwise, definition))
    if when.hour is not None:
        parts.append(_("à {hour}", hour=dates.hour(time.fromisoformat(when.hour))))
    if when.on_business_day == "backward":
        parts.append(_("ramené à un jour ouvrable"))
    elif when.on_business_day == "forward":
        parts.append(_("reporté à un jour ouvrable"))
    return ", ".join(parts)


def timer(part: model.Timer, definition: model.Definition) -> str:
    """Return when a timer fires, how often, and on what condition."""
    sentence = moment(part.at, definition)
    if part.repeat is not None:
        sentence += _(", répété après {span}, {n} fois en tout",
                      span=span(part.repeat.every), n=part.repeat.times)  # fmt: skip
    if part.only is not None:
        sentence += _(", seulement si {condition}", condition=condition(part.only, definition))
    return sentence


def _length(when: model.When, definition: model.Definition) -> str:
    base = _base(when.of, definition)
    if when.after is not None:
        return _("{span} après {base}", span=span(when.after), base=base)
    if when.before is not None:
        return _("{span} avant {base}", span=span(when.before), base=base)
    if when.after_field is not None:
        units = {"business days": _("jours ouvrables"), "days": _("jours"),
                 "weeks": _("semaines"), "months": _("mois")}  # fmt: skip
        return _("autant de {unit} que le dit {field}, après {base}", unit=units[when.unit],
                 field=field(when.after_field, definition), base=base)  # fmt: skip
    return _("à {base}", base=base)


def _base(of: str, definition: model.Definition) -> str:
    known = {
        "now": _("ce moment"),
        "opened": _("l'ouverture du dossier"),
        "entered": _("l'entrée dans cet état"),
        "due": _("l'échéance"),
    }
    if of in known:
        return known[of]
    label = said(definition.fields[of].label)
    # « la date limite » reads as it stands; any other label cannot be given its article.
    if label.split()[0].lower() in {"date", "deadline"}:
        return _("la {label}", label=label[0].lower() + label[1:])
    return _("la date « {label} »", label=label)


# --- fields and values --------------------------------------------------------------------------


def field(name: str, definition: model.Definition) -> str:
    """Return a field's label between quotation marks."""
    return _quoted(said(spec_of(definition, name).label))


def value(spec: model.FieldSpec, written: Any) -> str:
    """Return a value that a definition names: an option's label, oui or non, or itself."""
    if isinstance(written, bool):
        return _("oui") if written else _("non")
    option = (spec.options or {}).get(str(written))
    return str(written) if option is None else _quoted(said(option))


def cell(spec: model.FieldSpec, part: model.TableInput) -> str:
    """Return what a cell of a decision table accepts."""
    if part.equals is not None:
        return value(spec, part.equals)
    if part.one_of is not None:
        return _or(value(spec, v) for v in part.one_of)
    if part.at_least is not None and part.at_most is not None:
        return _("de {a} à {b}", a=part.at_least, b=part.at_most)
    if part.at_least is not None:
        return _("{n} au moins", n=part.at_least)
    return _("{n} au plus", n=part.at_most) if part.at_most is not None else _("toute valeur")


def _quoted(text: str) -> str:
    return _("« {label} »", label=text)


def _or(parts: Iterable[str]) -> str:
    return _(" ou ").join(parts)


# --- messages -----------------------------------------------------------------------------------


def recipients(to: model.Recipients, definition: model.Definition) -> str:
    """Return to whom a message goes: « à chaque membre actif du répertoire « reseau » »."""
    if to.address is not None:
        return _("à l'adresse {field}", field=field(to.address, definition))
    if to.role is not None:
        return _("à chaque personne qui a le rôle {label}", label=_quoted(said(definition.roles[to.role])))  # fmt: skip
    if to.roster is not None:
        return _("à chaque membre actif du répertoire {label}", label=_quoted(to.roster))
    if to.recipients_of is not None:
        had = _("à ceux qui ont eu {names}", names=_batches(batches_of(to), definition))
        return had + _unanswered(to, definition) + _told(to)
    people = {"owner": _("au responsable"), "substitute": _("à son substitut"),
              "actor": _("à qui agit")}  # fmt: skip
    return ", ".join(people[who] for who in to.people or [])


def newcomers(part: model.Notification, definition: model.Definition) -> str | None:
    """Return who is written to besides; None where nobody is."""
    if part.newcomers is None:
        return None
    return _("à chaque membre actif du répertoire {label} qui n'a pas eu {names}",
             label=_quoted(part.newcomers.roster),
             names=_batches(batches_of(part.to), definition))  # fmt: skip


def _unanswered(to: model.Recipients, definition: model.Definition) -> str:
    if to.without is None:
        return ""
    return _(", sauf ceux que nomme déjà {field}", field=field(to.without.partition(".")[0], definition))  # fmt: skip


def _told(to: model.Recipients) -> str:
    return _(", et à qui ce message ne l'a pas encore dit") if to.untold else ""


def _batches(names: list[str], definition: model.Definition) -> str:
    return _or(_quoted(said(definition.notifications[n].label)) for n in names)


# --- conditions ---------------------------------------------------------------------------------

_HOLDS = {
    "present": "{field} est rempli",
    "obtained": "{field} est obtenu",
    "checklist": "la liste {label} est complète",
    "equals": "{field} est {value}",
    "not_equals": "{field} n'est pas {value}",
    "one_of": "{field} est {value}",
    "not_one_of": "{field} n'est pas {value}",
    "at_least": "{field} vaut au moins {value}",
    "at_most": "{field} vaut au plus {value}",
    "at_least_field": "{field} vaut au moins {value}",
    "count_at_least": "{field} compte au moins {value}",
    "count_at_least_field": "{field} compte au moins {value}",
    "before": "{field} vient avant {value}",
    "not_before": "{field} ne vient pas avant {value}",
    "ended": "chaque dossier enfant ({which}) est fermé",
    "open": "chaque dossier enfant ({which}) est ouvert",
    "children": "le nombre de dossiers enfants ({which}) est d'au moins {n}",
    "outcome": "chaque dossier enfant ({which}) a fini ainsi",
    "accepted": "chaque envoi de {label} est accepté",
    "settled": "plus rien n'est en route pour {label}",
    "waiting": "un envoi de {label} est en route",
    "missing": "un envoi de {label} manque à quelqu'un",
    "stuck": "un envoi de {label} demande quelqu'un",
    "begun": "quelqu'un a reçu {label}",
    "owned": "le dossier a un responsable",
    "reachable": "chaque membre actif du répertoire {label} a une adresse",
    "not_empty": "le répertoire {label} a un membre actif",
    "business_day": "c'est un jour ouvrable",
    "business_hours": "c'est pendant les heures d'ouverture",
    "within_day": "{field} tombe un jour ouvrable",
    "within_hours": "{field} tombe pendant les heures d'ouverture",
    "ahead": "{field} est à venir",
    "ahead_at_most": "{field} est à venir, dans {span} au plus",
    "earlier": "{field} vient avant le départ de {label}",
    "untold": "quelqu'un n'a pas encore eu {label}",
    "owner": "c'est le responsable qui agit",
    "not_owner": "c'est quelqu'un d'autre que le responsable qui agit",
}
_FAILS = {
    "present": "{field} n'est pas rempli",
    "obtained": "{field} n'est pas obtenu",
    "checklist": "la liste {label} n'est pas complète",
    "equals": "{field} n'est pas {value}",
    "not_equals": "{field} est {value}",
    "one_of": "{field} n'est pas {value}",
    "not_one_of": "{field} est {value}",
    "at_least": "{field} vaut moins de {value}",
    "at_most": "{field} vaut plus de {value}",
    "at_least_field": "{field} vaut moins que {value}",
    "count_at_least": "{field} compte moins de {value}",
    "count_at_least_field": "{field} compte moins que {value}",
    "before": "{field} ne vient pas avant {value}",
    "not_before": "{field} vient avant {value}",
    "ended": "un dossier enfant ({which}) est ouvert",
    "open": "un dossier enfant ({which}) est fermé",
    "children": "le nombre de dossiers enfants ({which}) est inférieur à {n}",
    "outcome": "un dossier enfant ({which}) n'a pas fini ainsi",
    "accepted": "un envoi de {label} n'est pas accepté",
    "settled": "un envoi de {label} est en route",
    "waiting": "plus rien n'est en route pour {label}",
    "missing": "aucun envoi de {label} ne manque à personne",
    "stuck": "aucun envoi de {label} ne demande quelqu'un",
    "begun": "personne n'a reçu {label}",
    "owned": "le dossier n'a pas de responsable",
    "reachable": "un membre actif du répertoire {label} n'a pas d'adresse",
    "not_empty": "le répertoire {label} n'a aucun membre actif",
    "business_day": "ce n'est pas un jour ouvrable",
    "business_hours": "c'est hors des heures d'ouverture",
    "within_day": "{field} ne tombe pas un jour ouvrable",
    "within_hours": "{field} tombe hors des heures d'ouverture",
    "ahead": "{field} n'est pas à venir",
    "ahead_at_most": "{field} n'est pas à venir, ou l'est dans plus de {span}",
    "earlier": "{field} ne vient pas avant le départ de {label}",
    "untold": "chacun a eu {label}",
    "owner": "c'est quelqu'un d'autre que le responsable qui agit",
    "not_owner": "c'est le responsable qui agit",
}


def condition(part: model.Condition, definition: model.Definition, *, holds: bool = True) -> str:
    """Return a condition as a sentence, or what it is when it does not hold."""
    name, inner = only_key(part)
    if name == "negation":
        return condition(inner, definition, holds=not holds)
    if name in {"all", "any"}:
        parts = [_nested(p, definition, holds=holds) for p in inner]
        return _joined(parts, every=(name == "all") == holds)
    return _SIMPLE[name](inner, definition, holds)


def _nested(part: model.Condition, definition: model.Definition, *, holds: bool) -> str:
    sentence = condition(part, definition, holds=holds)
    name, inner = only_key(part)
    return f"({sentence})" if name in {"all", "any"} and len(inner) > 1 else sentence


def _joined(parts: list[str], *, every: bool) -> str:
    return (_(" et ") if every else _(" ou ")).join(parts)


def _say(key: str, holds: bool, **values: object) -> str:
    return _((_HOLDS if holds else _FAILS)[key], **values)


def _compare(part: model.Compare, definition: model.Definition, holds: bool) -> str:
    spec = spec_of(definition, part.field)
    given = {n: getattr(part, n) for n in type(part).model_fields if n != "field"}
    sentences = [
        _say(name, holds, field=field(part.field, definition),
             value=_compared(name, wanted, spec, definition))
        for name, wanted in given.items()
        if wanted is not None
    ]  # fmt: skip
    return _joined(sentences, every=holds)


def _compared(name: str, wanted: Any, spec: model.FieldSpec, definition: model.Definition) -> str:
    if name.endswith("_field"):
        return field(wanted, definition)
    if isinstance(wanted, list):
        return _or(value(spec, v) for v in wanted)
    if name in {"before", "not_before"}:
        return _limit(wanted, definition)
    return value(spec, wanted)


def _limit(wanted: model.When | date, definition: model.Definition) -> str:
    if isinstance(wanted, date):
        return _("le {day}", day=dates.day(wanted))
    if wanted.after or wanted.before or wanted.after_field:
        return _("le jour que voici ({rule})", rule=moment(wanted, definition))
    return _base(wanted.of, definition)


def _children(part: model.Children, _definition: model.Definition, holds: bool) -> str:
    which = ", ".join(w for w in (part.process, part.outcome) if w) or "*"
    sentences = [] if part.all is None else [_say(part.all, holds, which=which)]
    if part.at_least is not None:
        sentences.append(_say("children", holds, which=which, n=part.at_least))
    elif part.outcome is not None:
        sentences.append(_say("outcome", holds, which=which))
    return _joined(sentences, every=holds)


def _within(part: str | model.Within, definition: model.Definition, holds: bool) -> str:
    if isinstance(part, str):
        return _say(part, holds)
    key = "within_hours" if part.calendar == "business_hours" else "within_day"
    return _say(key, holds, field=field(part.field, definition))


def _ahead(part: model.Ahead, definition: model.Definition, holds: bool) -> str:
    name = field(part.field, definition)
    if part.at_most is None:
        return _say("ahead", holds, field=name)
    return _say("ahead_at_most", holds, field=name, span=span(part.at_most))


_SIMPLE: dict[str, Callable[[Any, model.Definition, bool], str]] = {
    "present": lambda name, d, holds: _say("present", holds, field=field(name, d)),
    "obtained": lambda name, d, holds: _say("obtained", holds, field=field(name, d)),
    "checklist": lambda name, d, holds: _say(
        "checklist", holds, label=_quoted(said(d.checklists[name].label))
    ),
    "compare": _compare,
    "children": _children,
    "message": lambda part, d, holds: _say(
        part.state, holds, label=_quoted(said(d.notifications[part.message].label))
    ),
    "audience": lambda part, _d, holds: _say(part.state, holds, label=_quoted(part.roster)),
    "within": _within,
    "ahead": _ahead,
    "earlier": lambda part, d, holds: _say(
        "earlier",
        holds,
        field=field(part.field, d),
        label=_batches(named_by(part)[:1], d),
    ),
    "untold": lambda name, d, holds: _say(
        "untold", holds, label=_quoted(said(d.notifications[name].label))
    ),
    "actor": lambda name, _d, holds: _say(name, holds),
    "owned": lambda wanted, _d, holds: _say("owned", holds == wanted),
}

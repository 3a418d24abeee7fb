"""The types of fields and why a value fits none, in the words of whoever writes a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.definition.model import Label

if TYPE_CHECKING:
    from collections.abc import Iterable

    from engine.definition.compiled import FieldError

#: The types of fields in words.
TYPES = {
    name: Label(fr=fr, en=en)
    for name, (fr, en) in {
        "text": ("texte", "text"),
        "paragraph": ("texte long", "long text"),
        "integer": ("nombre entier", "integer"),
        "decimal": ("nombre décimal", "decimal number"),
        "boolean": ("oui ou non", "yes or no"),
        "date": ("date", "date"),
        "instant": ("date et heure", "date and hour"),
        "choice": ("un choix", "a choice"),
        "choices": ("un choix ou plusieurs", "one choice or several"),
        "email": ("adresse de courriel", "e-mail address"),
        "country": ("pays", "country"),
        "person": ("personne du personnel", "person of the staff"),
        "member": ("établissement", "establishment"),
        "case": ("dossier", "case"),
        "records": ("liste", "list"),
    }.items()
}
#: What each code of a field says; `{…}` are its parameters.
_SAID = {
    "not_a_text": ("il faut un texte", "a text is needed"),
    "empty": ("il est vide", "it is empty"),
    "too_long": ("{max} caractères au plus", "at most {max} characters"),
    "too_short": ("{min} caractères au moins", "at least {min} characters"),
    "control_character": ("il contient un caractère invisible", "it has an invisible character"),
    "not_a_number": ("il faut un nombre", "a number is needed"),
    "too_small": ("au moins {min}", "at least {min}"),
    "too_large": ("au plus {max}", "at most {max}"),
    "not_a_boolean": ("il faut true ou false", "true or false is needed"),
    "not_a_date": ("il faut une date comme 2026-11-20", "a date such as 2026-11-20 is needed"),
    "no_such_date": ("cette date n'existe pas", "there is no such date"),
    "not_an_instant": ("il faut une date et une heure comme 2026-11-20T10:00",
                       "a date and an hour such as 2026-11-20T10:00 are needed"),
    "not_an_option": ("ce n'est pas un des choix", "it is none of the options"),
    "not_an_email": ("ce n'est pas une adresse de courriel", "it is no e-mail address"),
    "not_a_country": ("ce n'est pas un pays connu", "it is no known country"),
    "reason_needed": ("il faut dire pourquoi elle n'a pas été obtenue",
                      "why it was not obtained must be said"),
    "ambiguous": ("cela peut désigner plusieurs choix", "that may be several options"),
}  # fmt: skip


def kind(name: str) -> str:
    """Return a type in French, with the word that is written: « oui ou non (boolean) »."""
    return f"{TYPES[name].fr} ({name})"


def kinds(names: Iterable[str]) -> str:
    """Return several types in French, one of which is needed."""
    return ", ou ".join(map(kind, names))


def why(error: FieldError) -> tuple[str, str]:
    """Return why a value does not fit a field, in French and in English."""
    fr, en = _SAID[error.code]
    return fr.format(**error.params), en.format(**error.params)

"""How values are written in a message: dates, hours, countries, choices, and French typography.

The forms are those of the Office québécois de la langue française: « le 1er avril 2013 », « 14 h 30 »,
a no-break space before the colon and inside quotation marks, none before ; ! ?.
"""

from __future__ import annotations

import re
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from zoneinfo import ZoneInfo

NBSP = "\u00a0"
_MONTHS = {
    "fr": ("janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre",
           "octobre", "novembre", "décembre"),
    "en": ("January", "February", "March", "April", "May", "June", "July", "August", "September",
           "October", "November", "December"),
}  # fmt: skip
_ABSENT = {"fr": "non précisé", "en": "not given"}
_SPACE = f"[ {NBSP}\u202f]"
_OPENING = re.compile(f"«{_SPACE}?")
_CLOSING = re.compile(f"{_SPACE}?»")
_MARK = re.compile(r" (?=[:%$](?:\s|$|[).,]))")
_FRENCH_FIGURE = str.maketrans({",": NBSP, ".": ","})
_YES = {"fr": ("oui", "non"), "en": ("yes", "no")}


def day(value: date, lang: str) -> str:
    """Return a date in words: « 1er avril 2013 », `1 April 2013`."""
    first = f"1er{NBSP}" if lang == "fr" and value.day == 1 else f"{value.day}{NBSP}"
    return f"{first}{_MONTHS[lang][value.month - 1]} {value.year}"


def hour(value: datetime, lang: str) -> str:
    """Return an hour in words: « 14 h 30 », `14:30`."""
    if lang == "en":
        return f"{value:%H:%M}"
    minutes = f"{NBSP}{value:%M}" if value.minute else ""
    return f"{value.hour}{NBSP}h{minutes}"


def moment(value: datetime, lang: str) -> str:
    """Return a local date and hour in words."""
    joint = " à " if lang == "fr" else " at "
    return f"{day(value.date(), lang)}{joint}{hour(value, lang)}"


def figure(number: Decimal | int, lang: str) -> str:
    """Return a number as it is written in Canada: « 12 345,5 », `12,345.5`."""
    written = f"{Decimal(number):,f}"
    return written.translate(_FRENCH_FIGURE) if lang == "fr" else written


def country(code: str, lang: str) -> str:
    """Return a country's name (Unicode CLDR), or the code when it has none."""
    return _territories(lang).get(code, code)


@cache
def _territories(lang: str) -> Mapping[str, str]:
    from babel import Locale

    return dict(Locale(lang).territories)


def show(field: Mapping[str, Any], lang: str, zone: ZoneInfo, *of_record: Any) -> str:
    """Return a field's value in words, or « non précisé ».

    Args:
        field: The field, or one of a list's (`fields.list.of.field`).
        lang: The language.
        zone: The workspace's time zone.
        of_record: What a record of the list holds for it, when it is that.
    """
    value = of_record[0] if of_record else field.get("value")
    if value is None or value in ("", []):
        return _ABSENT[lang]
    if field["type"] == "choices":
        return ", ".join(_option(field, v, lang) for v in value)
    return _one(field, value, lang, zone)


def _one(field: Mapping[str, Any], value: Any, lang: str, zone: ZoneInfo) -> str:
    kind = field["type"]
    if kind == "records":
        msg = "show is for one value, not for records"
        raise ValueError(msg)
    if kind == "date":
        return day(date.fromisoformat(value), lang)
    if kind == "instant":
        return moment(datetime.fromisoformat(value).astimezone(zone), lang)
    if kind == "choice":
        return _option(field, value, lang)
    if kind == "country":
        return country(value, lang)
    if kind == "boolean":
        return _YES[lang][not value]
    if kind == "decimal":
        return figure(Decimal(value), lang)
    return str(value)


def _option(field: Mapping[str, Any], key: str, lang: str) -> str:
    return str(field.get("options", {}).get(key, {}).get(lang, key))


def typography(text: str) -> str:
    """Return a French text with its no-break spaces, whatever spaces it was written with."""
    if "«" in text or "»" in text:
        text = _CLOSING.sub(f"{NBSP}»", _OPENING.sub(f"«{NBSP}", text))
    return _MARK.sub(NBSP, text)

"""Stored values in words, for the screen and for the exported register."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from inbox.texts import _, lang, word
from notifications import words

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import date, datetime

    from engine.calendar import Calendar
    from engine.definition.compiled import CompiledField


def shown(field: CompiledField, value: Any, calendar: Calendar, members: Mapping[int, str]) -> str:
    """Return a stored value in words, in the language of this run; a record stands on its own line."""
    if value is None:
        return ""
    if isinstance(value, dict) and "missing" in value:
        return _("non obtenu — {reason}", reason=value["missing"])
    if field.type == "records":
        return "\n".join(records(field, value, calendar, members))
    if field.type == "choices":
        return ", ".join(word(field.options.get(v)) or v for v in value)
    return _one(field, value, calendar, members)


def records(
    field: CompiledField,
    value: Iterable[Mapping[str, Any]],
    calendar: Calendar,
    members: Mapping[int, str],
) -> list[str]:
    """Return each record of a list in words: its fields by their labels, who added it and when."""
    return [_record(field, record, calendar, members) for record in value]


def _record(
    field: CompiledField, record: Mapping[str, Any], calendar: Calendar, members: Mapping[int, str]
) -> str:
    parts = [
        f"{word(part.label)}{_(' : ')}{said}"
        for name, part in field.of.items()
        if (said := shown(part, record.get(name), calendar, members))
    ]
    return f"{_('; ').join(parts)} ({_stamp(record, calendar)})"


def _stamp(record: Mapping[str, Any], calendar: Calendar) -> str:
    from datetime import datetime

    from inbox import dates

    return f"{record['by']}, {dates.day(calendar.today(datetime.fromisoformat(record['at'])))}"


def _one(field: CompiledField, value: Any, calendar: Calendar, members: Mapping[int, str]) -> str:
    from datetime import datetime

    from inbox import dates

    if field.type == "choice":
        return word(field.options.get(value)) or str(value)
    if field.type == "boolean":
        return _("oui") if value else _("non")
    if field.type == "date":
        return dates.stored(value)
    if field.type == "instant":
        at = whole_day(value, calendar)
        return dates.moment(at, calendar) if isinstance(at, datetime) else dates.day(at)
    if field.type == "country":
        return country(value)
    if field.type == "decimal":
        return figure(Decimal(value))
    if field.type == "member":
        return members.get(value, str(value))
    return str(value)


def whole_day(value: str, calendar: Calendar) -> date | datetime:
    """Return a stored instant; at local midnight only its date: it was typed without an hour."""
    from datetime import datetime, time

    at = datetime.fromisoformat(value)
    local = calendar.local(at)
    return local.date() if local.time() == time(0, 0) else at


def figure(number: Decimal | int) -> str:
    """Return a number as it is written in Canada, in the language of this run."""
    return words.figure(number, lang())


def country(code: str) -> str:
    """Return a country's name in the language of this run."""
    return words.country(code, lang())

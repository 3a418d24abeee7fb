"""Stored values in words, for the screen and for the exported register."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inbox.texts import _, lang, word

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engine.calendar import Calendar
    from engine.definition.compiled import CompiledField


def shown(field: CompiledField, value: Any, calendar: Calendar, members: Mapping[int, str]) -> str:
    """Return a stored value in words, in the language of this run."""
    if value is None:
        return ""
    if isinstance(value, dict) and "missing" in value:
        return _("non obtenu — {reason}", reason=value["missing"])
    if field.type == "records":
        return "; ".join(_record(field, record, calendar, members) for record in value)
    if field.type == "choices":
        return ", ".join(word(field.options.get(v)) or v for v in value)
    return _one(field, value, calendar, members)


def _record(
    field: CompiledField, record: Mapping[str, Any], calendar: Calendar, members: Mapping[int, str]
) -> str:
    parts = [shown(f, record.get(name), calendar, members) for name, f in field.of.items()]
    said = ", ".join(p for p in parts if p)
    return f"{said} ({record.get('by', '')})"


def _one(field: CompiledField, value: Any, calendar: Calendar, members: Mapping[int, str]) -> str:
    from datetime import date, datetime

    from inbox import dates

    if field.type == "choice":
        return word(field.options.get(value)) or str(value)
    if field.type == "boolean":
        return _("oui") if value else _("non")
    if field.type == "date":
        return dates.day(date.fromisoformat(value))
    if field.type == "instant":
        return dates.moment(datetime.fromisoformat(value), calendar)
    if field.type == "country":
        return country(value)
    if field.type == "member":
        return members.get(value, str(value))
    return str(value)


def country(code: str) -> str:
    """Return a country's name (Unicode CLDR) in the language of this run."""
    from babel import Locale

    return str(Locale(lang()).territories.get(code, code))

"""How long after its arrival a case was registered: the promise of « immediately », measured."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from engine.calendar import Span

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engine.calendar import Calendar
    from engine.definition.compiled import CompiledDefinition


@dataclass(frozen=True, slots=True, kw_only=True)
class Reception:
    """When a case arrived, in stored form, and the business days until it was registered.

    `late` is whether that was later than the definition's `lag` allows.
    """

    received: str
    lag: int
    late: bool


def reception(
    definition: CompiledDefinition, data: Mapping[str, Any], opened: datetime, calendar: Calendar
) -> Reception | None:
    """Return the reception of a case registered at `opened`; None while its arrival is not known."""
    received = data.get(definition.received or "")
    if not isinstance(received, str):
        return None
    arrived, registered = _instant(received, calendar), calendar.today(opened)
    days = calendar.business_days_between(calendar.today(arrived), registered)
    late = definition.lag is not None and registered > calendar.today(
        calendar.shift(arrived, Span.parse(definition.lag), 1)
    )
    return Reception(received=received, lag=max(0, days), late=late)


def _instant(stored: str, calendar: Calendar) -> datetime:
    """Return the instant of a stored date (at its end) or of a stored instant."""
    if "T" in stored:
        return datetime.fromisoformat(stored)
    return calendar.end_of_day(date.fromisoformat(stored))

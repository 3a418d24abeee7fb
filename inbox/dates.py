"""Dates and delays in words, in the language of this run and the zone of the workspace."""

from __future__ import annotations

from datetime import UTC, date
from typing import TYPE_CHECKING

from inbox.texts import _, lang, n_
from notifications import words
from notifications.words import NBSP

if TYPE_CHECKING:
    from datetime import datetime, time

    from engine.calendar import Calendar
    from engine.register import Listed


class _Run:
    """The calendar of the workspace of this run, once there is one."""

    calendar: Calendar | None = None


def use(calendar: Calendar) -> None:
    """Say instants in this calendar's zone from now on, where no calendar is at hand."""
    _Run.calendar = calendar


#: The names of the calendar's holidays in English (Act respecting labour standards, Québec, s. 60).
_HOLIDAYS = {
    "Jour de l'an": "New Year's Day",
    "Vendredi saint": "Good Friday",
    "Journée nationale des patriotes": "National Patriots' Day",
    "Fête nationale du Québec": "Fête nationale",
    "Fête du Canada": "Canada Day",
    "Fête du Travail": "Labour Day",
    "Action de grâce": "Thanksgiving",
    "Jour de Noël": "Christmas Day",
}


def holiday(calendar: Calendar, value: date) -> str | None:
    """Return the name of a closed day (weekends apart), or None; the institute's own days as it named them."""
    found = calendar.holiday(value)
    if found is None or lang() == "fr":
        return found
    name, observed, _rest = found.partition(" (observé)")
    return _HOLIDAYS.get(name, name) + (" (observed)" if observed else "")


def day(value: date) -> str:
    """Return « 1er avril 2013 » or `1 April 2013`."""
    return words.day(value, lang())


def stored(value: str) -> str:
    """Return a stored date (ISO) in words."""
    return day(date.fromisoformat(value))


def moment(value: datetime, calendar: Calendar) -> str:
    """Return a local date and hour in words: « 1er avril 2013, 14 h 30 »."""
    return _moment(calendar.local(value))


def here(value: datetime) -> str:
    """Return an instant in words, in the zone of this run's workspace; in UTC where there is none."""
    if _Run.calendar is None:
        return f"{_moment(value.astimezone(UTC))} UTC"
    return moment(value, _Run.calendar)


def _moment(local: datetime) -> str:
    return f"{day(local.date())}, {hour(local.time())}"


def hour(value: time) -> str:
    """Return « 14 h 30 » or `14:30`."""
    return f"{value:%H:%M}" if lang() == "en" else f"{value.hour}{NBSP}h{NBSP}{value:%M}"


def due(value: datetime | None, now: datetime, calendar: Calendar) -> str:
    """Return when something is due, in business days: « en retard de 2 jours ouvrables »."""
    if value is None:
        return _("sans échéance")
    today, last = calendar.today(now), calendar.today(value)
    days = calendar.business_days_between(today, last)
    if last < today:
        late = max(1, -days)
        return n_("en retard de {n} jour ouvrable", "en retard de {n} jours ouvrables", late)
    if last == today:
        return _("pour aujourd'hui")
    return n_("dans {n} jour ouvrable", "dans {n} jours ouvrables", days)


def age(case: Listed, now: datetime, calendar: Calendar) -> int:
    """Return a case's age in business days, without those spent waiting for somebody outside."""
    opened = calendar.today(case.opened_at)
    days = calendar.business_days_between(opened, calendar.today(case.ended_at or now))
    waited = case.waited_days
    if case.waiting_since is not None:
        since = calendar.today(case.waiting_since)
        waited += calendar.business_days_between(since, calendar.today(now))
    return max(0, days - waited)


def age_class(days: int) -> str:
    """Return the class of an age: 0–5, 6–10, 11–20, more than 20 business days."""
    for limit, said in ((5, "0–5"), (10, "6–10"), (20, "11–20")):
        if days <= limit:
            return said
    return "> 20"

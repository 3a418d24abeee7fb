"""Small parts of a definition in their compiled form."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from engine.calendar import Span
from engine.definition.compiled import CompiledChild, CompiledNewcomers
from engine.definition.fields import words
from engine.definition.walk import batches_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from engine.calendar import Calendar
    from engine.definition import model
    from engine.definition.compiled import Predicate


def child(child: model.Child) -> CompiledChild:
    """Return what opens a child case."""
    return CompiledChild(
        process=child.process,
        copy=dict(child.copy_fields),
        form=dict(child.form),
        for_each=child.for_each,
        item=child.item,
    )


def or_exception(holds: Predicate, field: str) -> Predicate:
    """Return a guard that a named exception, a boolean field, stands in for."""
    return lambda facts: facts.data.get(field) is True or holds(facts)


def next_after(
    timer: model.Timer,
) -> Callable[[datetime, int, Calendar], datetime | None]:
    """Return the function that gives the instant after one of a repeating timer, None after the last."""
    if timer.repeat is None:
        return lambda *_: None
    every, times, way = Span.parse(timer.repeat.every), timer.repeat.times, timer.at.on_business_day

    def following_one(previous: datetime, occurrence: int, calendar: Calendar) -> datetime | None:
        if occurrence >= times:
            return None
        following = calendar.shift(previous, every, 1)
        if way is None:
            return following
        local = calendar.local(following)
        # Forward whatever the rule's way: a repetition never comes before the one it repeats.
        return calendar.instant(calendar.to_business_day(local.date(), "forward"), local.time())

    return following_one


def target(to: model.Recipients) -> tuple[Any, str]:
    """Return the kind of recipients of a message, and which."""
    if to.address is not None:
        return "address", to.address
    if to.role is not None:
        return "role", to.role
    if to.roster is not None:
        return "roster", to.roster
    if to.recipients_of is not None:
        return "recipients_of", batches_of(to)[0]
    return "people", ""


def newcomers(part: model.Newcomers | None) -> CompiledNewcomers | None:
    """Return who is written to besides, None where nobody is."""
    return None if part is None else CompiledNewcomers(roster=part.roster, template=part.template)


def available(languages: list[Literal["fr", "en"] | model.Languages]) -> tuple[str, ...]:
    """Return every language that a message may be in."""
    used = [word for p in languages for word in ([p] if isinstance(p, str) else p.use)]
    return tuple(dict.fromkeys(["fr", *used]))  # no rule holding, it is French


def calendar(part: model.Invitation | None) -> dict[str, Any] | None:
    """Return what an invitation is made from, None where there is none."""
    if part is None:
        return None
    return {
        "start": part.start,
        "minutes": part.minutes,
        "summary": words(part.summary),
        "location": part.location,
        "cancels": part.cancels,
    }

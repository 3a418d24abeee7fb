"""What people could do next in a case, with forms filled in for them: for walks that nobody wrote.

Whoever walks picks; what is picked from lists the plainest thing first, so that what a walk finds can
be made plainer by picking earlier.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from sqlalchemy import func, select

from engine import outbox, register, roster, staff
from engine.definition.walk import spec_of
from engine.schema import cases, instant, timers, to_micros

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from engine.definition.compiled import (
        CompiledAction,
        CompiledDefinition,
        CompiledField,
        CompiledFormItem,
    )
    from engine.register import Listed
    from engine.scenario.stage import World

T = TypeVar("T")
#: Days from today that a date may be.
_DAYS = (0, 1, -1, 7, -7, 30, -30, 400, -400)
_TEXTS = ("Un texte", "L'été « à venir » & <b>gras</b>", "{{ 7*7 }} {% if %}", "-- \n.", "é" * 120)
_PARAGRAPHS = (*_TEXTS, "# Titre\n\n- une chose\n- une autre\n\n    commande")
_NUMBERS = ("1", "0", "12,5", "1000000")
_WIDE = 10_000


class Picker(Protocol):
    """Whoever decides where a walk goes."""

    def pick(self, among: Sequence[T]) -> T:
        """Return one of these; the first is the plainest."""


def people(world: World) -> list[str]:
    """Return the logins of the staff."""
    with world.database.read() as connection:
        return [p.login for p in staff.list_staff(connection)]


def every_case(world: World) -> list[Listed]:
    """Return every case, in the order of their opening."""
    with world.database.read() as connection:
        found = register.list_cases(connection, ended=None, limit=1000)
    return sorted(found, key=lambda c: c.id)


def next_timer(world: World) -> datetime | None:
    """Return when the next timer is due, None when none is armed."""
    wanted = select(func.min(timers.c.fire_at)).where(
        timers.c.status == "pending", timers.c.fire_at > to_micros(world.clock.now())
    )
    with world.database.read() as connection:
        return instant(connection.execute(wanted).scalar())


def stuck(world: World) -> list[outbox.Listed]:
    """Return the deliveries that a person may settle: those accepted as missing may still be served."""
    with world.database.read() as connection:
        found = outbox.list_deliveries(connection, limit=1000)
        return [d for d in found if d.state in outbox.NEEDS_PERSON]


def form(
    definition: CompiledDefinition, action: CompiledAction, world: World, picker: Picker
) -> dict[str, Any]:
    """Return a form filled in as a person might: what is demanded, and some of the rest."""
    filled = {}
    for item in action.form:
        if item.always or picker.pick((False, True)):
            values = _values(definition, item, world)
            if values:
                filled[item.name] = picker.pick(values)
    return filled


def _values(definition: CompiledDefinition, item: CompiledFormItem, world: World) -> Sequence[Any]:
    """Return what a person might type for a field, the plainest first; nothing when nothing fits."""
    field = item.field
    spec = spec_of(definition.written, item.name)
    values = _of_kind(field, spec.min, spec.max, world)
    return [*values, {"missing": "Pas de réponse"}] if field.reason_if_missing else values


def _of_kind(
    field: CompiledField, least: int | None, most: int | None, world: World
) -> Sequence[Any]:
    if field.type in {"person", "member", "case"}:
        return _named(field, world)
    if field.type == "integer":
        return _integers(0 if least is None else least, most)
    if field.type in {"date", "instant"}:
        return _dates(field.type, world)
    fixed: dict[str, Sequence[Any]] = {
        "decimal": [str(least), *_NUMBERS] if least else _NUMBERS,
        "boolean": ("non", "oui"),
        "choice": list(field.options),
        "choices": [*([key] for key in field.options), list(field.options)],
        "email": ("contact@example.org", "prenom.nom+suivi@example.org"),
        "country": ("MA", "CA"),
        "paragraph": _PARAGRAPHS,
    }
    values = fixed.get(field.type, [text.replace("\n", " ") for text in _TEXTS])
    short = [
        v[:most] if isinstance(v, str) and field.type in {"text", "paragraph"} else v
        for v in values
    ]
    return list(dict.fromkeys(short)) if field.type in {"text", "paragraph"} else short


def _integers(least: int, most: int | None) -> Sequence[int]:
    if most is not None and most - least <= _WIDE:
        return range(least, most + 1)
    return [least, least + 1, least + 10, *([most] if most is not None else [1000])]


def _dates(kind: str, world: World) -> list[str]:
    today = world.calendar.today(world.clock.now())
    hour = "T10:00" if kind == "instant" else ""
    return [f"{today + timedelta(days=n)}{hour}" for n in _DAYS]


def _named(field: CompiledField, world: World) -> Sequence[str]:
    if field.type == "person":
        return people(world)
    with world.database.read() as connection:
        if field.type == "member":
            today = world.calendar.today(world.clock.now())
            return [m.name for m in roster.active(connection, field.roster or "", today)]
        return list(connection.execute(select(cases.c.number).order_by(cases.c.id)).scalars())

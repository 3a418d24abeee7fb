"""Conditions, dates and values of the language, compiled into closures over `Facts`.

A closed vocabulary: nothing is evaluated, imported or looked up by name at run time. A comparison on
a field that has no value is false (and its `not` true): `present` and `obtained` say which it is.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING, Any

from engine.calendar import Span
from engine.definition.walk import named_by

if TYPE_CHECKING:
    from collections.abc import Callable

    from engine.definition import model
    from engine.definition.compiled import CompiledChecklist, Facts, Moment, Predicate, Value
    from engine.definition.tables import Table


def value_of(facts: Facts, name: str) -> Any:
    """Return a field's value, None when it has none or only a reason why it has none."""
    value = raw_of(facts, name)
    return None if isinstance(value, dict) and "missing" in value else value


def raw_of(facts: Facts, name: str) -> Any:
    """Return what is stored for a field; for `list.field`, what the last record of the list says."""
    if "." not in name:
        return facts.data.get(name)
    record, _, field = name.partition(".")
    records = facts.data.get(record)
    return records[-1].get(field) if records else None


def compile_condition(
    condition: model.Condition, checklists: dict[str, CompiledChecklist]
) -> Predicate:
    """Return the predicate of a condition.

    Args:
        condition: With exactly one key (the checks see to it).
        checklists: Filled in later: looked up when judged, so that order does not matter.
    """
    name, part = only_key(condition)
    return _KINDS[name](part, checklists)


def only_key(part: model.Model) -> tuple[str, Any]:
    """Return the one key that is set, with its value."""
    given = [(n, getattr(part, n)) for n in type(part).model_fields if getattr(part, n) is not None]
    if len(given) != 1:
        msg = "exactly one key is needed"
        raise ValueError(msg)
    return given[0]


def _all(parts: list[model.Condition], checklists: dict[str, CompiledChecklist]) -> Predicate:
    tests = [compile_condition(p, checklists) for p in parts]
    return lambda facts: all(test(facts) for test in tests)


def _any(parts: list[model.Condition], checklists: dict[str, CompiledChecklist]) -> Predicate:
    tests = [compile_condition(p, checklists) for p in parts]
    return lambda facts: any(test(facts) for test in tests)


def _not(part: model.Condition, checklists: dict[str, CompiledChecklist]) -> Predicate:
    test = compile_condition(part, checklists)
    return lambda facts: not test(facts)


def _present(name: str, _: object) -> Predicate:
    return lambda facts: raw_of(facts, name) not in (None, "", [])


def _obtained(name: str, _: object) -> Predicate:
    return lambda facts: value_of(facts, name) not in (None, "", [])


def _checklist(name: str, checklists: dict[str, CompiledChecklist]) -> Predicate:
    return lambda facts: all(done(facts) for _, done, _ in checklists[name].items.values())


def _within(part: str | model.Within, _: object) -> Predicate:
    if isinstance(part, str):
        return lambda facts: _worked(part, facts, facts.now)
    calendar, name = part.calendar, part.field

    def holds(facts: Facts) -> bool:
        at = _instant(facts, value_of(facts, name))
        return at is not None and _worked(calendar, facts, at)

    return holds


def _worked(calendar: str, facts: Facts, at: datetime) -> bool:
    if calendar == "business_hours":
        return facts.calendar.within_business_hours(at)
    return facts.calendar.is_business_day(facts.calendar.today(at))


def _ahead(part: model.Ahead, _: object) -> Predicate:
    name, most = part.field, None if part.at_most is None else Span.parse(part.at_most)

    def holds(facts: Facts) -> bool:
        at = _instant(facts, value_of(facts, name))
        if at is None or at <= facts.now:
            return False
        return most is None or at <= facts.calendar.shift(facts.now, most, 1)

    return holds


def _earlier(part: model.Earlier, _: object) -> Predicate:
    names = tuple(named_by(part))

    def holds(facts: Facts) -> bool:
        at = _instant(facts, value_of(facts, part.field))
        member = None if part.member is None else value_of(facts, part.member)
        left = facts.message_left(names, None if member is None else f"member:{member}")
        if at is None or left is None:
            return False
        calendar = facts.calendar
        if calendar.local(at).time() == time():  # a day without an hour
            return calendar.today(at) < calendar.today(left)
        return at < left

    return holds


def _actor(name: str, _: object) -> Predicate:
    if name == "owner":
        return lambda facts: facts.actor == facts.owner
    return lambda facts: facts.actor != facts.owner


def _owned(wanted: bool, _: object) -> Predicate:  # noqa: FBT001 - a value of the language
    return lambda facts: (facts.owner is not None) == wanted


def _children(part: model.Children, _: object) -> Predicate:
    def holds(facts: Facts) -> bool:
        here = [c for c in facts.children() if part.process in (None, c.process)]
        counted = here if part.outcome is None else [c for c in here if c.outcome == part.outcome]
        if part.at_least is not None and len(counted) < part.at_least:
            return False
        if part.all == "ended":
            return all(c.outcome is not None for c in here)
        if part.all == "open":
            return all(c.outcome is None for c in here)
        return part.outcome is None or part.at_least is not None or len(counted) == len(here)

    return holds


def _message(part: model.Message, _: object) -> Predicate:
    return lambda facts: part.state in facts.message_state(part.message)


def _untold(name: str, _: object) -> Predicate:
    return lambda facts: facts.untold(name)


def _audience(part: model.Audience, _: object) -> Predicate:
    def holds(facts: Facts) -> bool:
        active, unreachable = facts.roster_state(part.roster)
        return active > 0 and (part.state == "not_empty" or not unreachable)

    return holds


def _compare(part: model.Compare, _: object) -> Predicate:
    tests = [
        _COMPARISONS[name](wanted)
        for name in type(part).model_fields
        if name != "field" and (wanted := getattr(part, name)) is not None
    ]
    name = part.field

    def holds(facts: Facts) -> bool:
        value = value_of(facts, name)
        return value is not None and all(test(value, facts) for test in tests)

    return holds


def _day(value: Any, facts: Facts) -> date:
    if "T" in str(value):
        return facts.calendar.today(datetime.fromisoformat(value))
    return date.fromisoformat(value)


def _limit(wanted: Any) -> Callable[[Facts], date | None]:
    if isinstance(wanted, date):
        return lambda _: wanted
    moment = compile_moment(wanted)

    def limit(facts: Facts) -> date | None:
        instant = moment(facts)
        return None if instant is None else facts.calendar.today(instant)

    return limit


def _against(wanted: Any, judge: Callable[[date, date], bool]) -> Callable[[Any, Facts], bool]:
    """Return a comparison with a day; false while that day is not known, whichever way it goes."""
    limit = _limit(wanted)

    def holds(value: Any, facts: Facts) -> bool:
        day = limit(facts)
        return day is not None and judge(_day(value, facts), day)

    return holds


_COMPARISONS: dict[str, Callable[[Any], Callable[[Any, Facts], bool]]] = {
    "equals": lambda wanted: lambda value, _: value == wanted,
    "not_equals": lambda wanted: lambda value, _: value != wanted,
    "one_of": lambda wanted: lambda value, _: value in wanted,
    "not_one_of": lambda wanted: lambda value, _: value not in wanted,
    "at_least": lambda wanted: lambda value, _: number_of(value) >= wanted,
    "at_most": lambda wanted: lambda value, _: number_of(value) <= wanted,
    "at_least_field": lambda name: lambda value, facts: _reaches(number_of(value), facts, name),
    "count_at_least": lambda wanted: lambda value, _: len(value) >= wanted,
    "count_at_least_field": lambda name: lambda value, facts: _reaches(len(value), facts, name),
    "before": lambda wanted: _against(wanted, lambda day, limit: day < limit),
    "not_before": lambda wanted: _against(wanted, lambda day, limit: day >= limit),
}


def _reaches(number: Any, facts: Facts, name: str) -> bool:
    """Compare with the number of another field; false while it has none."""
    limit = value_of(facts, name)
    return limit is not None and bool(number >= number_of(limit))


def number_of(value: Any) -> Any:
    """Return a number in the form in which it is compared."""
    if isinstance(value, str):
        from decimal import Decimal

        return Decimal(value)
    return value


_KINDS: dict[str, Callable[[Any, dict[str, CompiledChecklist]], Predicate]] = {
    "all": _all,
    "any": _any,
    "negation": _not,
    "present": _present,
    "obtained": _obtained,
    "compare": _compare,
    "checklist": _checklist,
    "children": _children,
    "message": _message,
    "audience": _audience,
    "within": _within,
    "ahead": _ahead,
    "earlier": _earlier,
    "untold": _untold,
    "actor": _actor,
    "owned": _owned,
}


# --- dates --------------------------------------------------------------------------------------


def compile_moment(when: model.When) -> Moment:
    """Return the function that gives a date rule's instant (UTC), None while it is not known."""
    hour = None if when.hour is None else time.fromisoformat(when.hour)
    length = _length(when)

    def moment(facts: Facts) -> datetime | None:
        base = _base(facts, when.of) or _base(facts, when.otherwise)
        if base is None:
            return None
        shifted = length(facts, base)
        if shifted is None or (hour is None and when.on_business_day is None):
            return shifted
        local = facts.calendar.local(shifted)
        day = local.date()
        if when.on_business_day is not None:
            day = facts.calendar.to_business_day(day, when.on_business_day)
        return facts.calendar.instant(day, hour or local.time())

    return moment


def _length(when: model.When) -> Callable[[Facts, datetime], datetime | None]:
    if when.after_field is not None:
        name, unit = when.after_field, when.unit

        def counted(facts: Facts, base: datetime) -> datetime | None:
            count = value_of(facts, name)
            return None if count is None else facts.calendar.shift(base, Span(count, unit), 1)

        return counted
    written = when.after or when.before
    if written is None:
        return lambda _, base: base
    span, sign = Span.parse(written), 1 if when.after else -1
    return lambda facts, base: facts.calendar.shift(base, span, sign)


def _base(facts: Facts, of: str | None) -> datetime | None:
    if of in {"now", "opened", "entered", "due"}:
        return getattr(facts, of)  # type: ignore[no-any-return]
    return None if of is None else _instant(facts, value_of(facts, of))


def _instant(facts: Facts, value: str | None) -> datetime | None:
    """Return the instant of a stored date or instant; a date lasts until the end of its day."""
    if value is None:
        return None
    if "T" in value:
        return datetime.fromisoformat(value)
    return facts.calendar.end_of_day(date.fromisoformat(value))


# --- values -------------------------------------------------------------------------------------


def compile_value(part: model.SetValue, kind: str, tables: dict[str, Table]) -> Value:
    """Return the function that gives the value an action writes, in the field's stored form."""
    name, wanted = only_key(part)
    if name == "value":
        return lambda _: wanted
    if name == "table":
        table, output = tables[wanted.table], wanted.output
        return lambda facts: table.give(facts, output)
    if name == "actor":
        return lambda facts: facts.actor
    if name == "today":
        return lambda facts: facts.calendar.today(facts.now).isoformat()
    if name == "now":
        return lambda facts: facts.now.astimezone(UTC).isoformat()
    moment = compile_moment(wanted)
    return lambda facts: _stored(moment(facts), kind, facts)


def _stored(instant: datetime | None, kind: str, facts: Facts) -> str | None:
    if instant is None:
        return None
    return facts.calendar.today(instant).isoformat() if kind == "date" else instant.isoformat()

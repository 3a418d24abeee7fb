"""Whether values fit where they are written: comparisons, tables, what actions set, what parts point at.

A value fits a field when it is in the field's stored form already, so that `equals: Maroc` on a country,
whose stored form is `MA`, is found here rather than never being true.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from engine.calendar import Calendar, Span
from engine.definition import model, tables, unfit
from engine.definition.compiled import FieldError
from engine.definition.domains import literals
from engine.definition.fields import compile_field
from engine.definition.walk import (
    batches_of,
    conditions,
    moments,
    only_one,
    spec_of,
    split_form,
    states_of_timer,
    timed_fields,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from engine.definition.source import Path, Source
    from engine.errors import Finding

#: A number of days that a field counts may be no more than this: ten years.
LONGEST_SPAN = 3_660

_TEXTS = frozenset({"text", "paragraph"})
_DATES = frozenset({"date", "instant"})
_PEOPLE = frozenset({"person", "text"})
_NUMBERS = frozenset({"integer", "decimal"})
_COUNTS = frozenset({"integer"})
_SIZED = frozenset({"text", "paragraph", "integer", "decimal"})
_READ_BY_TABLES = frozenset({"choice", "boolean", "integer"})
_GIVEN = {"text": str, "integer": int, "boolean": bool}


def check(definition: model.Definition, source: Source) -> Iterator[Finding]:
    """Yield the findings of a definition; what names something unknown is passed over."""
    yield from _fields(definition, source)
    for path, name, types in _pointers(definition):
        yield from _points(definition, source, path, name, types)
    for path, condition in conditions(definition):
        if only_one(condition):
            yield from _condition(definition, source, path, condition)
    for path, sets in _all_sets(definition):
        for name, value in sets.items():
            if name in definition.fields and only_one(value):
                yield from _set(definition, source, (*path, name), definition.fields[name], value)
    left = [tables.MAX_ALL_JUDGED]
    for name, table in definition.tables.items():
        yield from _table(definition, source, ("tables", name), table, left)
    for name, notification in definition.notifications.items():
        yield from _answers(definition, source, ("notifications", name, "to"), notification.to)
        yield from _newcomers(definition, source, name, notification)
    yield from _spans(definition, source)
    yield from _still(definition, source)
    yield from _adopted(definition, source)
    yield from _never_armed(definition, source)


# --- fields -------------------------------------------------------------------------------------


def _fields(definition: model.Definition, source: Source) -> Iterator[Finding]:
    for name, spec in definition.fields.items():
        yield from _bounds(source, ("fields", name), spec)
        for inner, part in (spec.of or {}).items():
            yield from _bounds(source, ("fields", name, "of", inner), part)


def _bounds(source: Source, path: Path, spec: model.FieldSpec) -> Iterator[Finding]:
    for key in ("min", "max"):
        if getattr(spec, key) is not None and spec.type not in _SIZED:
            yield source.finding(
                "useless-key", (*path, key),
                f"« {key} » ne sert pas à un champ « {spec.type} ».",
                f"{key!r} is of no use to a {spec.type} field.",
            )  # fmt: skip
    # A text that is given is not empty.
    low = max(1, spec.min or 1) if spec.type in _TEXTS else spec.min
    if spec.max is not None and low is not None and spec.max < low:
        yield source.finding(
            "empty-range", path,
            "aucune valeur n'est permise : « min » dépasse « max ».",
            "no value is allowed: 'min' is more than 'max'.",
        )  # fmt: skip


def _pointers(
    definition: model.Definition,
) -> Iterator[tuple[Path, str | None, frozenset[str]]]:
    """Yield each place that names a field which must be of some type."""
    yield ("opening", "received"), definition.opening.received, _DATES
    for name, state in definition.states.items():
        redirect = None if state.end is None else state.end.redirect
        yield ("states", name, "end", "redirect"), redirect, frozenset({"case"})
    for name, action in definition.actions.items():
        path: Path = ("actions", name)
        for i, requirement in enumerate(action.requires):
            here = (*path, "requires", i, "exception")
            yield here, requirement.exception, frozenset({"boolean"})
        each = None if action.opens is None else action.opens.for_each
        yield (*path, "opens", "for_each"), each, frozenset({"choices"})
    for name, part in definition.notifications.items():
        path = ("notifications", name)
        yield (*path, "to", "address"), part.to.address, frozenset({"email"})
        yield (*path, "to", "name"), part.to.name, _TEXTS
        yield (*path, "not_before"), part.not_before, frozenset({"instant"})
        yield (*path, "says"), part.says, frozenset({"records"})
        if part.calendar is not None:
            yield (*path, "calendar", "start"), part.calendar.start, frozenset({"instant"})
            yield (*path, "calendar", "location"), part.calendar.location, _TEXTS
    for path, when in moments(definition):
        yield (*path, "of"), when.of, _DATES
        yield (*path, "after_field"), when.after_field, frozenset({"integer"})


def _points(
    definition: model.Definition,
    source: Source,
    path: Path,
    name: str | None,
    types: frozenset[str],
) -> Iterator[Finding]:
    spec = definition.fields.get(name or "")
    if spec is not None and spec.type not in types:
        yield _wrong_field(source, path, str(name), spec, types)


def _wrong_field(
    source: Source, path: Path, name: str, spec: model.FieldSpec, types: Iterable[str]
) -> Finding:
    wanted = sorted(types)
    return source.finding(
        "wrong-field-type", path,
        f"« {name} » est un champ « {unfit.kind(spec.type)} »; il faut ici : {unfit.kinds(wanted)}.",
        f"{name!r} is a {spec.type} field; this must be: {' or '.join(wanted)}.",
    )  # fmt: skip


def _answers(
    definition: model.Definition, source: Source, path: Path, to: model.Recipients
) -> Iterator[Finding]:
    """Yield who has answered, when that is no member of the roster that was written to."""
    batch = definition.notifications.get(next(iter(batches_of(to)), ""))
    if to.without is None or batch is None:
        return
    try:
        spec = spec_of(definition, to.without)
    except KeyError:
        return
    record, _ = split_form(to.without)
    if record is None or spec.type != "member" or spec.roster != batch.to.roster:
        roster = batch.to.roster
        yield source.finding(
            "wrong-answers", (*path, "without"),
            f"« {to.without} » ne dit pas quels membres du répertoire « {roster} » ont répondu : il faut un champ « member » de ce répertoire, dans une liste.",
            f"{to.without!r} does not say which members of the roster {roster!r} have answered: it must be a member field of that roster, in a list of records.",
        )  # fmt: skip


def _newcomers(
    definition: model.Definition, source: Source, name: str, part: model.Notification
) -> Iterator[Finding]:
    """Yield newcomers of another roster than the one that was written to: nobody of it has had anything."""
    batch = definition.notifications.get(next(iter(batches_of(part.to)), ""))
    if part.newcomers is None or batch is None or part.newcomers.roster == batch.to.roster:
        return
    roster, theirs = part.newcomers.roster, batch.to.roster
    fr, en = f"au répertoire « {theirs} »", f"to the roster {theirs!r}"
    if theirs is None:
        fr, en = "à aucun répertoire", "to no roster"
    yield source.finding(
        "wrong-newcomers", ("notifications", name, "newcomers", "roster"),
        f"le premier envoi n'est pas allé au répertoire « {roster} », mais {fr} : qui en serait nouveau?",
        f"the first batch did not go to the roster {roster!r}, but {en}: who would be new to it?",
    )  # fmt: skip


# --- conditions ---------------------------------------------------------------------------------


def _condition(
    definition: model.Definition, source: Source, path: Path, condition: model.Condition
) -> Iterator[Finding]:
    yield from _timed(definition, source, path, condition)
    children, compare = condition.children, condition.compare
    asked = () if children is None else (children.all, children.at_least, children.outcome)
    if children is not None and all(a is None for a in asked):
        yield _empty(source, (*path, "children"))
    if compare is None:
        return
    here = (*path, "compare")
    if all(getattr(compare, k) is None for k in type(compare).model_fields if k != "field"):
        yield _empty(source, here)
    try:
        spec = spec_of(definition, compare.field)
    except KeyError:
        return
    for key, types in (("at_least_field", _NUMBERS), ("count_at_least_field", _COUNTS)):
        yield from _points(definition, source, (*here, key), getattr(compare, key), types)
        if getattr(compare, key) == compare.field:
            yield source.finding(
                "wrong-comparison", (*here, key),
                f"« {compare.field} » est comparé avec lui-même : nommez l'autre champ.",
                f"{compare.field!r} is compared with itself: name the other field.",
            )  # fmt: skip
    given = list(literals(compare))
    if not _comparable(spec.type, compare, named=bool(given)):
        yield _not_compared(source, here, spec)
    elif spec.type != "choice":
        for value in given:
            yield from _fits(source, here, spec, value)


def _timed(
    definition: model.Definition, source: Source, path: Path, condition: model.Condition
) -> Iterator[Finding]:
    """Yield what looks at the instant of a field that keeps none."""
    key, types = ("ahead", _DATES) if condition.ahead else ("within", {"instant"})
    key = "earlier" if condition.earlier else key
    for name in timed_fields(condition):
        try:
            spec = spec_of(definition, name)
        except KeyError:
            return
        if spec.type not in types:
            yield _wrong_field(source, (*path, key, "field"), name, spec, types)


def _not_compared(source: Source, path: Path, spec: model.FieldSpec) -> Finding:
    return source.finding(
        "wrong-comparison", path,
        f"un champ « {unfit.kind(spec.type)} » ne se compare pas ainsi.",
        f"a {spec.type} field is not compared like this.",
    )  # fmt: skip


def _empty(source: Source, path: Path) -> Finding:
    return source.finding(
        "empty-condition", path, "cette condition ne dit pas ce qu'elle demande.",
        "this condition does not say what it asks.",
    )  # fmt: skip


def _comparable(kind: str, part: model.Compare, *, named: bool) -> bool:
    """Tell whether a type of field has the comparisons that a condition uses.

    A decimal is compared by `at_least` and `at_most` only: its text has more than one form.
    """
    used = {
        "literal": named,
        "size": any(v is not None for v in (part.at_least, part.at_most, part.at_least_field)),
        "day": part.before is not None or part.not_before is not None,
        "count": part.count_at_least is not None or part.count_at_least_field is not None,
    }
    allowed = {
        "integer": {"literal", "size"},
        "decimal": {"size"},
        "date": {"literal", "day"},
        "instant": {"day"},
        "records": {"count"},
        "choices": {"count"},
    }.get(kind, {"literal"})
    return {name for name, is_used in used.items() if is_used} <= allowed


def _fits(
    source: Source,
    path: Path,
    spec: model.FieldSpec,
    value: str | int | bool,  # noqa: FBT001 - a value of the language
) -> Iterator[Finding]:
    """Yield a finding unless a value is in the stored form of a field."""
    try:
        stored = compile_field("", spec, Calendar()).normalise(value)
    except FieldError as error:
        fr, en = unfit.why(error)
        yield source.finding(
            "wrong-value", path,
            f"« {_said(value)} » ne convient pas à ce champ (« {unfit.kind(spec.type)} ») : {fr}.",
            f"{_said(value)!r} does not fit this {spec.type} field: {en}.",
        )  # fmt: skip
        return
    if type(stored) is not type(value) or stored != value:
        yield source.finding(
            "wrong-value", path,
            f"« {_said(value)} » n'est pas une valeur de type « {unfit.kind(spec.type)} », telle qu'elle se garde.",
            f"{_said(value)!r} is no value of the type {spec.type!r}, in the form in which it is kept.",
        )  # fmt: skip


def _said(value: str | int | bool) -> str:  # noqa: FBT001 - a value of the language
    """Return a value as it is written in the file."""
    return str(value).lower() if isinstance(value, bool) else str(value)


# --- what actions write -------------------------------------------------------------------------


def _all_sets(
    definition: model.Definition,
) -> Iterator[tuple[Path, dict[str, model.SetValue]]]:
    yield ("opening", "sets"), definition.opening.sets
    for name, action in definition.actions.items():
        yield ("actions", name, "sets"), action.sets


def _set(
    definition: model.Definition,
    source: Source,
    path: Path,
    spec: model.FieldSpec,
    value: model.SetValue,
) -> Iterator[Finding]:
    types = {"when": _DATES, "today": {"date"}, "now": {"instant"}, "actor": _PEOPLE}
    for key, wanted in types.items():
        if getattr(value, key) is not None and spec.type not in wanted:
            yield _wrong_field(source, (*path, key), str(path[-1]), spec, wanted)
    if value.value is not None:
        yield from _fits(source, path, spec, value.value)
    table = None if value.table is None else definition.tables.get(value.table.table)
    if table is not None and value.table is not None:
        output = value.table.output
        for i, row in enumerate(table.rows):
            one = row.give.get(output)
            # One that is not even what the table says it gives is told once, of the table.
            if one is not None and type(one) is _GIVEN.get(table.gives.get(output, "")):
                here = ("tables", value.table.table, "rows", i, "give", output)
                yield from _fits(source, here, spec, one)


# --- decision tables ----------------------------------------------------------------------------


def _table(
    definition: model.Definition,
    source: Source,
    path: Path,
    table: model.DecisionTable,
    left: list[int],
) -> Iterator[Finding]:
    found = [*_inputs(definition, source, path, table), *_outputs(source, path, table)]
    for i, row in enumerate(table.rows):
        for name, cell in row.when.items():
            here = (*path, "rows", i, "when", name)
            found += _cell(source, here, definition.fields.get(name), cell)
    yield from found
    if found or not _is_provable(definition, table):
        return
    left[0] -= tables.cost(table, definition.fields)
    too_large = [("too-large", dict[str, Any](), tuple[int, ...]())]
    faults = too_large if left[0] < 0 else tables.faults(table, definition.fields)
    for kind, inputs, rows in faults:
        in_fr, in_en = (
            ", ".join(f"{k} = {_answered(v, lang)}" for k, v in inputs.items())
            for lang in ("fr", "en")
        )
        fr, en = _FAULTS[kind]
        yield source.finding(
            f"table-{kind}", (*path, "rows", rows[-1]) if rows else path,
            f"{fr} : {in_fr}." if in_fr else f"{fr}.", f"{en}: {in_en}." if in_en else f"{en}.",
            of_key=not rows,
        )  # fmt: skip


def _answered(value: object, lang: str) -> str:
    """Return what a table is asked about, as one would answer it."""
    if isinstance(value, bool):
        return {"fr": ("non", "oui"), "en": ("no", "yes")}[lang][value]
    return str(value)


def _is_provable(definition: model.Definition, table: model.DecisionTable) -> bool:
    """Tell whether all that a table names is there (what is not is found by name)."""
    return set(table.reads) <= set(definition.fields) and all(
        set(row.when) <= set(table.reads) for row in table.rows
    )


def _inputs(
    definition: model.Definition, source: Source, path: Path, table: model.DecisionTable
) -> Iterator[Finding]:
    for i, name in enumerate(table.reads):
        yield from _points(definition, source, (*path, "reads", i), name, _READ_BY_TABLES)


def _outputs(source: Source, path: Path, table: model.DecisionTable) -> Iterator[Finding]:
    for i, row in enumerate(table.rows):
        for name, value in row.give.items():
            wanted = table.gives.get(name)
            if wanted is not None and type(value) is not _GIVEN[wanted]:
                yield source.finding(
                    "wrong-value", (*path, "rows", i, "give", name),
                    f"« {_said(value)} » n'est pas de type « {unfit.kind(wanted)} ».",
                    f"{_said(value)!r} is not of type {wanted}.",
                )  # fmt: skip


def _cell(
    source: Source, path: Path, spec: model.FieldSpec | None, cell: model.TableInput
) -> Iterator[Finding]:
    if spec is None or spec.type not in _READ_BY_TABLES:
        return
    used = {k for k in type(cell).model_fields if getattr(cell, k) is not None}
    if len(used) > 1 and not used <= {"at_least", "at_most"}:
        yield source.finding(
            "one-key", path, "une seule clé est attendue ici.", "exactly one key is needed here."
        )
    elif spec.type != "integer" and used & {"at_least", "at_most"}:
        yield _not_compared(source, path, spec)
    elif spec.type != "choice":
        for value in [cell.equals] if cell.equals is not None else cell.one_of or []:
            yield from _fits(source, path, spec, value)


_FAULTS = {
    "gap": ("aucune ligne ne répond à", "no row answers"),
    "overlap": ("plusieurs lignes répondent à", "several rows answer"),
    "dead-row": ("cette ligne ne sert jamais", "this row is never used"),
    "too-large": (
        "la table est trop grande pour être prouvée",
        "the table is too large to be proved",
    ),
}


# --- dates --------------------------------------------------------------------------------------


def _spans(definition: model.Definition, source: Source) -> Iterator[Finding]:
    """Yield the fields counted in days that could hold millions of them, or less than none."""
    counted = {w.after_field for _, w in moments(definition)} - {None}
    forms = [definition.opening.form, *(a.form for a in definition.actions.values())]
    asked = {i if isinstance(i, str) else i.field for form in forms for i in form}
    for name in sorted(n for n in counted if n is not None):
        spec = definition.fields.get(name)
        if spec is None or spec.type != "integer":
            continue
        bounded = (
            spec.min is not None and spec.min >= 0
            and spec.max is not None and spec.max <= LONGEST_SPAN
        )  # fmt: skip
        if (name in asked and not bounded) or any(
            not 0 <= v <= LONGEST_SPAN for v in _written(definition, name)
        ):
            yield source.finding(
                "unbounded-span", ("fields", name),
                f"« {name} » compte des jours : il lui faut « min » (0 ou plus) et « max » ({LONGEST_SPAN} au plus).",
                f"{name!r} counts days: it needs 'min' (0 or more) and 'max' ({LONGEST_SPAN} or less).",
            )  # fmt: skip


def _still(definition: model.Definition, source: Source) -> Iterator[Finding]:
    """Yield the dates that are counted from themselves, and the repetitions that come at once."""
    for name, state in definition.states.items():
        if state.due is not None and state.due.of == "due":
            yield source.finding(
                "date-stands-still", ("states", name, "due"), "cette échéance se compte d'elle-même.",
                "this due date is counted from itself.", of_key=True,
            )  # fmt: skip
    for name, timer in definition.timers.items():
        if timer.repeat is not None and Span.parse(timer.repeat.every).count == 0:
            yield source.finding(
                "date-stands-still", ("timers", name, "repeat", "every"),
                "cette répétition n'avance pas : il lui faut au moins 1.",
                "this repetition does not move on: it needs 1 at least.",
            )  # fmt: skip


def _adopted(definition: model.Definition, source: Source) -> Iterator[Finding]:
    written = definition.adopted.on
    try:
        date.fromisoformat(f"{written}-01-01"[:10] if len(written) < len("2026-01-01") else written)
    except ValueError:
        yield source.finding(
            "bad-form", ("adopted", "on"), f"« {written} » n'est pas une date.",
            f"{written!r} is not a date.",
        )  # fmt: skip


def _written(definition: model.Definition, name: str) -> Iterator[int]:
    """Yield the numbers that actions write into a field."""
    for _, sets in _all_sets(definition):
        value = sets.get(name)
        if value is None:
            continue
        given: list[Any] = [value.value]
        table = None if value.table is None else definition.tables.get(value.table.table)
        if table is not None and value.table is not None:
            given += [row.give.get(value.table.output) for row in table.rows]
        yield from (v for v in given if isinstance(v, int))


def _never_armed(definition: model.Definition, source: Source) -> Iterator[Finding]:
    """Yield timers that count from the due date where no task has one."""
    for name, timer in definition.timers.items():
        if timer.at.of != "due":
            continue
        undue = [
            s
            for s in states_of_timer(definition, timer)
            if s in definition.states and definition.states[s].due is None
        ]
        whole = timer.states == "open" and len(undue) == len(states_of_timer(definition, timer))
        if whole or (isinstance(timer.states, list) and undue):
            yield source.finding(
                "timer-never-armed", ("timers", name, "in"),
                f"« {undue[0]} » n'a pas d'échéance (« due ») d'où compter.",
                f"{undue[0]!r} has no due date ('due') to count from.",
            )  # fmt: skip


# --- what an action loses -----------------------------------------------------------------------


def lost_answers(definition: model.Definition, source: Source) -> Iterator[Finding]:
    """Yield what an action asks for and then clears or overwrites by itself."""
    for name, action in definition.actions.items():
        for i, item in enumerate(action.form):
            record, field = split_form(item if isinstance(item, str) else item.field)
            if (record or field) in action.clears or (record is None and field in action.sets):
                yield source.finding(
                    "lost-answer", ("actions", name, "form", i),
                    f"« {field} » est demandé, puis effacé par la même action.",
                    f"{field!r} is asked for, then lost by the same action.",
                )  # fmt: skip

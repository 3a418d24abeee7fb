"""A case's form from one version to another: each value in its new place, or a reason why it has none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from engine.change.plan import specs
from engine.definition.compiled import FieldError
from engine.errors import Reason

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from engine.change.plan import Plan
    from engine.definition.compiled import CompiledField

#: What the engine itself adds to a record.
_STAMPS = ("by", "at")
#: What a field says of how it looks, not of what it holds.
_WORDS = {"label": None, "help": None, "search": False, "internal": False}


def carry(plan: Plan, before: Mapping[str, Any]) -> tuple[dict[str, Any], list[Reason]]:
    """Return the form as the new version has it, and why some of it cannot be carried over."""
    after: dict[str, Any] = {}
    reasons: list[Reason] = []
    for name, value in before.items():
        move = plan.fields.get(name)
        if move is None:
            reasons += [] if value is None else [_reason("migration_field", plan, name)]
        elif move.to is not None:
            after[move.to] = value
            reasons += _fit(plan, name, move.to, after)
    for name, value in plan.defaults.items():
        if after.get(name) is None:
            after[name] = value
    return after, reasons


def _fit(plan: Plan, name: str, to: str, after: dict[str, Any]) -> list[Reason]:
    """Put a value in the form that its new field keeps."""
    value = after[to]
    if value is None or _same(plan, name, to):
        return []
    if isinstance(value, list) and value and isinstance(value[0], dict):
        after[to], reasons = _records(plan, name, value)
        return reasons
    field = plan.new.definition.fields[to]
    try:
        after[to] = _converted(plan, name, field, value)
    except FieldError as error:
        chosen = bool(plan.old.definition.fields[name].options)
        return [_reason("migration_value", plan, name, value=value, why=error.code, chosen=chosen)]
    return []


def _same(plan: Plan, name: str, to: str) -> bool:
    old, new = plan.old.definition.written.fields[name], plan.new.definition.written.fields[to]
    translated = any(n.partition(".")[0] == name for n in plan.given.values) or any(
        move.to != f"{to}.{inner.partition('.')[2]}"
        for inner, move in plan.fields.items()
        if inner.startswith(f"{name}.")
    )
    return not translated and old.model_copy(update=_WORDS) == new.model_copy(update=_WORDS)


def _converted(plan: Plan, name: str, field: CompiledField, value: Any) -> Any:
    old = plan.old.definition.fields[name]
    if field.type in {"person", "member", "case", "records"} and field.type != old.type:
        raise FieldError("not_a_text")
    return field.normalise(_translated(plan, name, value))


def _translated(plan: Plan, name: str, value: Any) -> Any:
    """Return a value with the options that the mapping calls otherwise."""
    renamed = plan.given.values.get(name, {})
    if isinstance(value, list):
        return [renamed.get(str(v), v) for v in value]
    return renamed.get(value, value) if isinstance(value, str) else value


def _records(
    plan: Plan, name: str, records: list[dict[str, Any]]
) -> tuple[list[dict[str, Any]], list[Reason]]:
    carried: list[dict[str, Any]] = []
    reasons: dict[str, Reason] = {}
    for record in records:
        kept = {key: record[key] for key in _STAMPS if key in record}
        for key, value in record.items():
            for reason in _in_record(plan, f"{name}.{key}", value, kept):
                reasons[f"{reason.code} {reason.field}"] = reason
        carried.append(kept)
    return carried, [*reasons.values()]


def _in_record(plan: Plan, name: str, value: Any, kept: dict[str, Any]) -> Iterator[Reason]:
    if name.partition(".")[2] in _STAMPS:
        return
    move = plan.fields.get(name)
    if move is None:
        yield _reason("migration_field", plan, name)
    elif move.to is not None:
        record, _, key = move.to.partition(".")
        try:
            field = plan.new.definition.fields[record].of[key]
            kept[key] = field.normalise(_translated(plan, name, value))
        except FieldError as error:
            chosen = bool(specs(plan.old.definition.written)[name].options)
            yield _reason("migration_value", plan, name, value=value, why=error.code, chosen=chosen)


def _reason(code: str, plan: Plan, name: str, **params: object) -> Reason:
    fields = plan.old.definition.fields
    record, _, inner = name.partition(".")
    label = dict(fields[record].of[inner].label if inner else fields[record].label)
    return Reason(code=code, field=name, params={"label": label, **params})

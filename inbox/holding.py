"""Which open cases a change of a field touches: those that hold what is no more, by the value they have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from engine.change.plan import specs
from engine.definition.compiled import FieldError
from engine.definition.walk import split_form
from inbox.texts import _, n_, said

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from engine.definition import model
    from engine.definition.compiled import CompiledDefinition, CompiledField

#: More numbers of cases than this are counted only; `--json` has them all.
_SHOWN = 8
#: What a field says of how it looks, or of who may see it: no value is touched by it.
_LOOKS = frozenset({"label", "help", "search", "internal"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """An open case: its number, its state and its form."""

    number: str
    state: str
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Holders:
    """Cases that hold one thing: `value`, of a field, in words; None: whatever it is."""

    value: str | None
    cases: tuple[str, ...]
    unfit: bool = False

    @property
    def sentence(self) -> str:
        """« 3 dossiers ont la valeur « Moyenne » : … »."""
        count, numbers = len(self.cases), listed(self.cases)
        if self.unfit:
            return n_("{n} dossier a une valeur qui ne convient plus, {value} : {numbers}",
                      "{n} dossiers ont une valeur qui ne convient plus, {value} : {numbers}",
                      count, value=self.value, numbers=numbers)  # fmt: skip
        if self.value is None:
            return n_("{n} dossier ouvert y a une valeur : {numbers}",
                      "{n} dossiers ouverts y ont une valeur : {numbers}",
                      count, numbers=numbers)  # fmt: skip
        return n_("{n} dossier a la valeur {value} : {numbers}",
                  "{n} dossiers ont la valeur {value} : {numbers}",
                  count, value=self.value, numbers=numbers)  # fmt: skip


def listed(numbers: Sequence[str]) -> str:
    """Return the first numbers of some, and that there are more."""
    return ", ".join(numbers[:_SHOWN]) + (", …" if len(numbers) > _SHOWN else "")


def holders(
    cases: Sequence[Case],
    old: CompiledDefinition,
    new: CompiledDefinition,
    was: str,
    key: str,
    part: str | None,
) -> list[Holders]:
    """Return the cases that a change of a field touches.

    Args:
        cases: The open cases of the old version.
        old: The old version.
        new: The new one.
        was: The field's old name; `list.field` for one of records.
        key: Its new name.
        part: What changes of it; None: it is renamed, or removed.
    """
    if part in _LOOKS:
        return []
    if part is None:
        have = tuple(c.number for c in cases if any(True for _v in values(c.data, was)))
        return [Holders(value=None, cases=have)] if have else []
    if part == "options":
        gone = changed_options(specs(old.written)[was], specs(new.written)[key])
        return [found for option in gone if (found := having(cases, old, was, option)).cases]
    return unfit(cases, new, was, key)


def values(data: Mapping[str, Any], name: str) -> Iterator[Any]:
    """Yield what a form has for a field; for one of records, what each of them has."""
    record, field = split_form(name)
    found = [data] if record is None else data.get(record) or []
    yield from (one[field] for one in found if isinstance(one, dict) and one.get(field) is not None)


def changed_options(before: model.FieldSpec, after: model.FieldSpec) -> list[str]:
    """Return the options that are no more, and those that are said otherwise."""
    new = after.options or {}
    return [name for name, option in (before.options or {}).items() if new.get(name) != option]


def having(cases: Sequence[Case], old: CompiledDefinition, name: str, option: str) -> Holders:
    """Return the cases that have an option of a field."""
    options = specs(old.written)[name].options or {}
    have = [
        c.number for c in cases
        if any(option in (v if isinstance(v, list) else [v]) for v in values(c.data, name))
    ]  # fmt: skip
    label = _("« {label} » ({name})", label=said(options[option]), name=option)
    return Holders(value=label, cases=tuple(have))


def unfit(cases: Sequence[Case], new: CompiledDefinition, was: str, key: str) -> list[Holders]:
    """Return the cases whose value a new version does not take, by that value."""
    field = _field(new, key)
    found: dict[str, dict[str, None]] = {}
    for case in cases:
        for value in values(case.data, was):
            if not _fits(field, value):
                found.setdefault(_shown(value), {})[case.number] = None
    return [Holders(value=v, cases=tuple(numbers), unfit=True) for v, numbers in found.items()]


def _field(definition: CompiledDefinition, name: str) -> CompiledField:
    record, field = split_form(name)
    return definition.fields[field] if record is None else definition.fields[record].of[field]


def _fits(field: CompiledField, value: Any) -> bool:
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return field.type == "records"
    try:
        field.normalise(value)
    except FieldError:
        return False
    return True


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return _("un motif au lieu d'une réponse")
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return _("« {label} »", label=text if len(text) <= 40 else f"{text[:39]}…")  # noqa: PLR2004 - one line

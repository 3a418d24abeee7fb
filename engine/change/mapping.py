"""The mapping file: what the process's owner decides where two versions leave it open.

```yaml
states:                                # where the cases of a state go
  a_verifier: approbation              # a state that was there before is entered now,
  brouillon: {to: ebauche, entered: kept}   # a renamed one keeps the day it was entered
fields: {montant: cout}                # renamed, its values kept; `list.field` for those of records
drop: [fax]                            # no longer in the form; what was there stays in the history
defaults: {devise: CAD}                # for the cases that have no value
values: {urgence: {moyenne: haute}}    # options that have changed, by the old field; `list.field` too
timers: {peremption: skip}             # one whose time has passed already: fire, or skip
```
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from engine.definition import mistakes, source, unfit
from engine.definition.compiled import FieldError
from engine.definition.model import FieldName, Model, Name
from engine.errors import InvalidDefinition

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from engine.definition.compiled import CompiledDefinition, CompiledField
    from engine.definition.source import Path, Source
    from engine.errors import Finding

#: What a default cannot be: a list grows record by record, the others name something that must be there.
_NO_DEFAULT = frozenset({"records", "person", "member", "case"})


class Target(Model):
    """Where the cases of a state go, and whether they enter it now or when they entered the old one."""

    to: Name
    entered: Literal["now", "kept"]


class Mapping(Model):
    """What a mapping file may say, and nothing else."""

    states: dict[Name, Name | Target] = Field(default_factory=dict)
    fields: dict[FieldName, FieldName] = Field(default_factory=dict)
    drop: list[FieldName] = Field(default_factory=list)
    defaults: dict[Name, str | int | bool] = Field(default_factory=dict)
    values: dict[FieldName, dict[Name, Name]] = Field(default_factory=dict)
    timers: dict[Name, Literal["fire", "skip"]] = Field(default_factory=dict)


def read_mapping(
    text: str, path: str, olds: Sequence[CompiledDefinition], new: CompiledDefinition
) -> Mapping:
    """Return the mapping of a YAML text.

    Args:
        text: The file's text.
        path: The file, as findings are to name it.
        olds: The versions that cases are on.
        new: The version they go to.

    Raises:
        InvalidDefinition: Every finding, in the order of the file.
    """
    try:
        read = source.scan(text, path)
    except InvalidDefinition as error:
        if [f.code for f in error.findings] == ["empty"]:
            return Mapping()  # the proposed plan as it was written: comments only, nothing decided
        raise
    mapping, wrong = mistakes.salvage(read, Mapping)
    findings = [*read.findings, *wrong]
    if mapping is not None:
        # What has the right form is looked at all the same: a mistake hides no other.
        findings += _check(mapping, read, olds, new)
    if findings or mapping is None:
        raise InvalidDefinition(tuple(sorted(findings, key=lambda f: (f.line, f.column))))
    return mapping


def field_names(definition: CompiledDefinition) -> set[str]:
    """Return the fields of a definition, and `list.field` for those of records."""
    inner = {f"{k}.{i}" for k, f in definition.fields.items() for i in f.of}
    return {*definition.fields, *inner}


def _check(
    mapping: Mapping, read: Source, olds: Sequence[CompiledDefinition], new: CompiledDefinition
) -> Iterator[Finding]:
    before = {name for old in olds for name in old.states}
    asked = {name for old in olds for name in field_names(old)}
    for name, target in mapping.states.items():
        to = target if isinstance(target, str) else target.to
        yield from _known(read, ("states", name), name, before, of_key=True)
        yield from _known(read, ("states", name), to, set(new.states))
    for name, field in mapping.fields.items():
        yield from _known(read, ("fields", name), name, asked, of_key=True)
        yield from _known(read, ("fields", name), field, field_names(new))
        yield from _same_list(read, name, field)
        yield from _taken_twice(mapping, read, name, field)
    for i, name in enumerate(mapping.drop):
        yield from _known(read, ("drop", i), name, asked)
        yield from _kept_too(mapping, read, i, name)
    for name in mapping.timers:
        yield from _known(read, ("timers", name), name, set(new.timers), of_key=True)
    for name in mapping.values:
        unknown = list(_known(read, ("values", name), name, asked, of_key=True))
        yield from unknown or _options(mapping, read, name, olds, new)
    yield from _defaults(mapping, read, new)


def _options(
    mapping: Mapping,
    read: Source,
    name: str,
    olds: Sequence[CompiledDefinition],
    new: CompiledDefinition,
) -> Iterator[Finding]:
    """Yield the options of a field that neither the old versions nor the new one have."""
    asked = [found for old in olds if (found := field_of(old, name)) is not None]
    before = {key for field in asked for key in field.options}
    field = field_of(new, taken_by(mapping, name))
    for was, now in mapping.values[name].items():
        yield from _known(read, ("values", name, was), was, before, of_key=True)
        if field is not None:
            yield from _known(read, ("values", name, was), now, set(field.options))


def field_of(definition: CompiledDefinition, name: str) -> CompiledField | None:
    """Return a field, or `list.field`; None when there is none of that name."""
    record, _, inner = name.partition(".")
    outer = definition.fields.get(record)
    return outer.of.get(inner) if inner and outer is not None else outer


def taken_by(mapping: Mapping, name: str) -> str:
    """Return the field that takes the values of another one, as far as a mapping says it."""
    record, dot, inner = name.partition(".")
    return mapping.fields.get(name, f"{mapping.fields.get(record, record)}{dot}{inner}")


def _same_list(read: Source, name: str, field: str) -> Iterator[Finding]:
    if ("." in name) != ("." in field):
        yield read.finding(
            "not-the-same-list", ("fields", name),
            "un champ d'une liste reste dans une liste, les autres n'y entrent pas.",
            "a field of a list stays in a list, and no other goes into one.",
        )  # fmt: skip


def _taken_twice(mapping: Mapping, read: Source, name: str, field: str) -> Iterator[Finding]:
    first = next(other for other, to in mapping.fields.items() if to == field)
    if first != name:
        yield read.finding(
            "taken-twice", ("fields", name),
            f"« {field} » reçoit déjà « {first} » : l'une des deux valeurs serait perdue.",
            f"{field!r} takes {first!r} already: one of the two values would be lost.",
        )  # fmt: skip


def _kept_too(mapping: Mapping, read: Source, i: int, name: str) -> Iterator[Finding]:
    for kept in mapping.fields:
        if kept == name or kept.startswith(f"{name}."):
            yield read.finding(
                "dropped-too", ("drop", i),
                f"« {kept} » est gardé par « fields » : il ne peut pas être abandonné aussi.",
                f"{kept!r} is kept by 'fields': it cannot be dropped as well.",
            )  # fmt: skip
            return


def _defaults(mapping: Mapping, read: Source, new: CompiledDefinition) -> Iterator[Finding]:
    for name, value in mapping.defaults.items():
        path = ("defaults", name)
        unknown = list(_known(read, path, name, set(new.fields), of_key=True))
        yield from unknown
        if unknown:
            continue
        fault = _fault(value, new.fields[name])
        if fault is not None:
            yield read.finding(
                "bad-default", path,
                f"« {name} » ne peut pas avoir cette valeur par défaut : {fault[0]}.",
                f"{name!r} cannot have this default: {fault[1]}.",
            )  # fmt: skip


def _fault(value: object, field: CompiledField) -> tuple[str, str] | None:
    if field.type in _NO_DEFAULT:
        return (f"un champ « {unfit.kind(field.type)} » n'en a pas",
                f"a {field.type} field has none")  # fmt: skip
    try:
        field.normalise(value)
    except FieldError as error:
        return unfit.why(error)
    return None


def _known(
    read: Source, path: Path, name: str, known: set[str], *, of_key: bool = False
) -> Iterator[Finding]:
    if name in known:
        return
    near = get_close_matches(name, sorted(known), n=1)
    fr, en = (
        (f"; vouliez-vous « {near[0]} »?", f"; did you mean {near[0]!r}?") if near else (".", ".")
    )
    yield read.finding(
        "unknown-name", path, f"rien ne s'appelle « {name} » ici{fr}",
        f"nothing is named {name!r} here{en}", of_key=of_key,
    )  # fmt: skip

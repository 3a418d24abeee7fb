"""Two versions of a process compared: what was added, removed, renamed or changed, part by part, in words.

Parts are compared key by key as they were written, so that nothing that changes can be left out; what
each key says is put in words by `comparison_words`, and lists are paired line by line.
"""

from __future__ import annotations

import difflib
import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from engine.change.renames import renames
from inbox import comparison_words
from inbox.texts import _, said

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from engine.definition import model

#: The parts of a definition that have names, in the order in which they are told.
_NAMED = {
    "role": "roles", "state": "states", "action": "actions", "field": "fields", "timer": "timers",
    "notification": "notifications", "checklist": "checklists", "table": "tables",
}  # fmt: skip
#: The keys of a definition that are not parts with names; its key and version are what is compared.
_OWN = ("label", "adopted", "numbering", "title")


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One thing that changes.

    Attributes:
        kind: `process`, `opening`, `role`, `state`, `action`, `field`, `timer`, `notification`,
            `checklist`, `table` or `text`.
        key: Its key; the new one where it was renamed.
        was: Its old key.
        label: What people call it.
        change: `added`, `removed`, `renamed` or `changed`.
        part: The key that changes inside it, with `changed`.
        before: The lines that are no more.
        after: The lines that are new.
    """

    kind: str
    key: str
    was: str
    label: str
    change: str
    part: str | None = None
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()


def compare(old: model.Definition, new: model.Definition) -> list[Change]:
    """Return everything that changes from one version to another."""
    found = [*_inside("process", old.process, old, new, old, new, _OWN)]
    found += _inside("opening", "ouvrir", old.opening, new.opening, old, new)
    for kind, name in _NAMED.items():
        found += _named(kind, getattr(old, name), getattr(new, name), old, new)
    return found


def _named(
    kind: str,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    old: model.Definition,
    new: model.Definition,
) -> Iterator[Change]:
    renamed = {} if kind in {"role", "table", "checklist"} else renames(before, after)
    for name, part in before.items():
        if name not in after and name not in renamed:
            yield Change(kind=kind, key=name, was=name, label=_label(part), change="removed")
    for name, part in after.items():
        was = next((a for a, b in renamed.items() if b == name), name)
        if was not in before:
            yield Change(kind=kind, key=name, was=name, label=_label(part), change="added",
                         after=tuple(_whole(part, new)))  # fmt: skip
            continue
        if was != name:
            yield Change(kind=kind, key=name, was=was, label=_label(part), change="renamed")
        yield from _inside(kind, name, before[was], part, old, new, was=was)
        if kind == "field" and before[was].of and part.of:
            yield from _columns(was, before[was], name, part, old, new)


def _columns(
    was: str,
    before: model.FieldSpec,
    name: str,
    after: model.FieldSpec,
    old: model.Definition,
    new: model.Definition,
) -> Iterator[Change]:
    """Yield what changes in the columns of a list of records, each as a field of its own."""
    for change in _named("field", before.of or {}, after.of or {}, old, new):
        label = _("{list}, colonne « {label} »", list=_label(after), label=change.label)
        yield replace(change, key=f"{name}.{change.key}", was=f"{was}.{change.was}", label=label)


def _label(part: Any) -> str:
    return said(getattr(part, "label", part))


def _whole(part: model.Model, definition: model.Definition) -> Iterator[str]:
    """Yield what a part that was not there says, key by key."""
    for key in type(part).model_fields:
        if (
            key not in {"label", "fr", "en"}
            and getattr(part, key) != type(part).model_fields[key].default
        ):
            words = comparison_words.lines(part, key, definition)
            if words:
                name = comparison_words.part_name(type(part).__name__.lower(), key)
                yield f"{name}{_(' : ')}{', '.join(words)}"


def _inside(
    kind: str,
    key: str,
    before: model.Model,
    after: model.Model,
    old: model.Definition,
    new: model.Definition,
    names: tuple[str, ...] | None = None,
    *,
    was: str | None = None,
) -> Iterator[Change]:
    for name in names or type(after).model_fields:
        if getattr(before, name) == getattr(after, name):
            continue
        if name == "of" and before.of and after.of:  # type: ignore[attr-defined]
            continue  # column by column
        gone, come = _paired(before, after, name, old, new)
        if not gone and not come:
            continue
        yield Change(kind=kind, key=key, was=was or key, label=_label(after), change="changed",
                     part="label" if name in {"fr", "en"} else name, before=gone, after=come)  # fmt: skip


def _paired(
    before: model.Model, after: model.Model, key: str, old: model.Definition, new: model.Definition
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the lines that are no more and those that are new."""
    if key in {"fr", "en"}:
        return (getattr(before, key),), (getattr(after, key),)
    a = comparison_words.lines(before, key, old)
    b = comparison_words.lines(after, key, new)
    gone = tuple(line for line in a if line not in b)
    come = tuple(line for line in b if line not in a)
    if gone or come:
        return gone, come
    if a != b:
        return (", ".join(a),), (", ".join(b),)  # only the order has changed
    if _follows(before, after, key, old, new):
        return (), ()
    return (_written(before, key),), (_written(after, key),)


def _follows(
    before: model.Model, after: model.Model, key: str, old: model.Definition, new: model.Definition
) -> bool:
    """Tell whether a key only follows a name that was given elsewhere, and reads the same."""
    names: dict[str, str] = {}
    for part in ("states", "actions", "fields", "timers", "notifications"):
        names |= renames(getattr(old, part), getattr(new, part))
    return bool(names) and _replaced(_dumped(before, key), names) == _dumped(after, key)


def _replaced(raw: Any, names: Mapping[str, str]) -> Any:
    if isinstance(raw, dict):
        return {names.get(k, k): _replaced(v, names) for k, v in raw.items()}
    if isinstance(raw, list):
        return [_replaced(v, names) for v in raw]
    if isinstance(raw, str):
        return ".".join(names.get(word, word) for word in raw.split("."))
    return raw


def _dumped(part: model.Model, key: str) -> Any:
    return part.model_dump(mode="json", by_alias=True, include={key}, exclude_defaults=True)


def _written(part: model.Model, key: str) -> str:
    """Return a key as it was written, where its words are the same in spite of a change."""
    return json.dumps(_dumped(part, key), ensure_ascii=False)


def compare_texts(old: Mapping[str, str | None], new: Mapping[str, str | None]) -> list[Change]:
    """Return what changes in the files that go with the versions: the adopted text, the templates."""
    found = []
    for name in sorted({*old, *new}):
        before, after = old.get(name), new.get(name)
        if before == after:
            continue
        change = "added" if before is None else "removed" if after is None else "changed"
        gone, come = _lines_of(before or "", after or "") if change == "changed" else ((), ())
        found.append(Change(kind="text", key=name, was=name, label=name, change=change,
                            part="lines" if change == "changed" else None,
                            before=gone, after=come))  # fmt: skip
    return found


def _lines_of(before: str, after: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    lines = list(difflib.ndiff(before.splitlines(), after.splitlines()))
    gone = tuple(line[2:] for line in lines if line.startswith("- "))
    return gone, tuple(line[2:] for line in lines if line.startswith("+ "))

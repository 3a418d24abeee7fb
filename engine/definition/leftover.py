"""What is left of a file when the parts that the typed model refuses are taken out.

A part is taken out at the smallest key or item that can be left out; the source remembers which, so that
nothing is said later of what is no longer there.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import ValidationError

from engine.definition.model import Model

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from engine.definition.source import Path, Source

M = TypeVar("M", bound=Model)

#: A part taken out may make its whole refused in turn; deeper than this nothing nests.
_ROUNDS = 12
_WORDS = {"fr": "?", "en": "?"}
#: What stands for a part that must be there, where nothing else depends on what it is.
STAND_INS: Mapping[str, Any] = {
    "label": _WORDS, "because": _WORDS, "fr": "?", "en": "?", "by": [], "title": [], "roles": {},
    "fields": {}, "actions": {}, "reference": "?", "on": "2000", "prefix": "X",
    "form": [], "opening": {"label": _WORDS, "by": [], "form": [], "to": "x"}, "states": {},
    "arrimage": 1, "process": "x", "version": 1, "numbering": {"prefix": "X"},
    "adopted": {"on": "2000", "by": _WORDS, "reference": "?"},
}  # fmt: skip
#: Stand-ins of words: what is proved does not depend on them.
_HARMLESS = frozenset(
    {"label", "because", "fr", "en", "help", "remedy", "adopted", "numbering", "summary"}
)
#: Parts of a field or a table without which nothing can be said of it.
_WHOLE = {"fields": None, "tables": frozenset({"gives", "reads"})}


def model(
    source: Source,
    kind: type[M],
    refused: Iterable[Path],
    path_of: Callable[[tuple[int | str, ...]], Path],
    stand_ins: Mapping[str, Any],
) -> M | None:
    """Return what is left as a model, None when too little is.

    Args:
        source: The file; its `tree` becomes what is left, and `broken` what was taken out.
        kind: The model of the whole file.
        refused: Paths of the values that the model refused (the missing key's own, when one is).
        path_of: Turns an error's location into a path of the file.
        stand_ins: What stands for a part that must be there, by its key.
    """
    tree = copy.deepcopy(source.tree)
    if not isinstance(tree, dict):
        return None
    paths = list(dict.fromkeys(refused))
    for _ in range(_ROUNDS):
        _take_out(source, tree, [_widened(p) for p in _innermost(paths)], stand_ins)
        _take_unread(source, tree)
        try:
            made = kind.model_validate(tree)
        except ValidationError as error:
            details = error.errors(include_url=False)
            paths = list(dict.fromkeys(path_of(d["loc"]) for d in details))
        else:
            source.tree = tree
            return made
    return None


def _innermost(paths: list[Path]) -> list[Path]:
    """Return paths but those around another one: what was tried for a value, and was not meant."""
    around = {path[:n] for path in paths for n in range(len(path))}
    return [p for p in paths if p not in around]


def _take_unread(source: Source, tree: dict[str, Any]) -> None:
    """Take out what the file's own reader could not make out: an alias stands for nothing known."""
    for path in [b for b in source.broken if source.values.get(b)]:
        parent = _get(tree, path[:-1])
        if isinstance(parent, dict) and path and parent.get(str(path[-1]), 0) is None:
            del parent[str(path[-1])]


def _widened(path: Path) -> Path:
    """Return what must go with a part: a field is nothing without its type, its options."""
    if len(path) > 2 and path[0] in _WHOLE and not _HARMLESS & set(path[2:]):  # noqa: PLR2004
        needed = _WHOLE[str(path[0])]
        if needed is None or path[2] in needed:
            return path[:2]
    return path


def _take_out(
    source: Source, tree: dict[str, Any], paths: list[Path], stand_ins: Mapping[str, Any]
) -> None:
    """Take parts out, items of lists last and from the end, so that none moves before its turn."""
    items: set[Path] = set()
    for path in dict.fromkeys(_removable(tree, p, stand_ins) for p in paths):
        if not path:
            continue
        parent, last = _get(tree, path[:-1]), path[-1]
        if isinstance(parent, list):
            items.add(path)
        elif not isinstance(parent, dict):
            continue  # what it stood in went before it
        elif last in parent:
            del parent[last]
            _note(source, path)
        else:
            parent[last] = copy.deepcopy(stand_ins[str(last)])
            _note(source, path)
    for path in sorted(items, key=lambda p: (len(p), p[-1]), reverse=True):
        parent = _get(tree, path[:-1])
        if isinstance(parent, list):
            _leave_out(source, parent, path)


def _removable(tree: dict[str, Any], path: Path, stand_ins: Mapping[str, Any]) -> Path:
    """Return the smallest part around a refused one that can be left out, or stood in for."""
    while path:
        parent, last = _get(tree, path[:-1]), path[-1]
        if isinstance(parent, dict) and (last in parent or last in stand_ins):
            break
        if isinstance(parent, list) and isinstance(last, int) and last < len(parent):
            break
        path = path[:-1]
    return path


def _leave_out(source: Source, parent: list[Any], path: Path) -> None:
    here, last = source.written(path[:-1]), path[-1]
    kept = source.moved.get(here, list(range(len(parent))))
    _note(source, path)
    source.moved[here] = [n for i, n in enumerate(kept) if i != last]
    del parent[last]  # type: ignore[arg-type]


def _note(source: Source, path: Path) -> None:
    if not _HARMLESS & set(path):
        source.broken.add(source.written(path))


def _get(tree: Any, path: Path) -> Any:
    for part in path:
        if isinstance(tree, dict):
            tree = tree.get(part)
        elif isinstance(tree, list) and isinstance(part, int) and part < len(tree):
            tree = tree[part]
        else:
            return None
    return tree

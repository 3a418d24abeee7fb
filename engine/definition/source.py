"""A YAML file read with the place of everything in it, and nothing in it that surprises.

The subset is small on purpose: mappings, sequences, and scalars that read alike for everybody. No
anchors or aliases (so no bombs and no circles), no tags, no merge keys, no duplicate keys, one
document. Plain scalars are read by the core rules of YAML 1.2 (section 10.3.2) narrowed further:
`true` and `false`, integers, and `null`; all else is text, so `NO`, `12:30` and `2013-03-31` stay what
was written. Limits bound the time and memory that a hostile file can take.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import yaml

from engine.errors import Finding, InvalidDefinition

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_BYTES = 1_000_000
MAX_NODES = 50_000
MAX_DEPTH = 30

Path = tuple[str | int, ...]

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_INTEGER = re.compile(r"[-+]?(0|[1-9]\d{0,17})")
_WORDS: dict[str, bool | None] = {"true": True, "false": False, "null": None, "": None, "~": None}
# What YAML itself forbids, the line ends that only some editors show, and the marks that make a text
# read otherwise than it is.
_FORBIDDEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069"
    "\ud800-\udfff\ufeff\ufffe\uffff]"
)


@dataclass(slots=True)
class Source:
    """A file read: its plain tree, and where each key and value stands (1-based)."""

    path: str
    lines: list[str]
    tree: Any = None
    keys: dict[Path, tuple[int, int]] = field(default_factory=dict)
    values: dict[Path, tuple[int, int]] = field(default_factory=dict)

    def place(self, path: Path, *, of_key: bool = False) -> tuple[int, int]:
        """Return the line and column of a value (or of its key), or of its nearest known parent."""
        tables = (self.keys, self.values) if of_key else (self.values, self.keys)
        while True:
            for table in tables:
                if path in table:
                    return table[path]
            if not path:
                return (1, 1)
            path = path[:-1]

    def finding(self, code: str, path: Path, fr: str, en: str, *, of_key: bool = False) -> Finding:
        """Return a finding at the place of a path."""
        line, column = self.place(path, of_key=of_key)
        return self.finding_at(code, line, column, fr, en)

    def finding_at(self, code: str, line: int, column: int, fr: str, en: str) -> Finding:
        """Return a finding at a place."""
        excerpt = self.lines[line - 1][:200] if 0 < line <= len(self.lines) else ""
        return Finding(
            code=code,
            path=self.path,
            line=line,
            column=column,
            messages={"fr": fr, "en": en},
            excerpt=excerpt,
        )


def read(text: str, path: str) -> Source:
    """Return the source of a YAML text.

    Args:
        text: The file's text.
        path: The file, as findings are to name it.

    Raises:
        InvalidDefinition: With every finding when the text can be parsed at all, else with one.
    """
    if len(text) > MAX_BYTES:
        raise _refused(Source(path, []), 1, 1, "too-large",
                       f"le fichier dépasse {MAX_BYTES} caractères.",
                       f"the file has more than {MAX_BYTES} characters.")  # fmt: skip
    source = Source(path, text.splitlines())
    _refuse_characters(source, text)
    root = _compose(source, text)
    if root is None:
        raise _refused(source, 1, 1, "empty", "le fichier est vide.", "the file is empty.")
    walker = _Walker(source)
    source.tree = walker.walk(root, (), 0)
    if walker.findings:
        raise InvalidDefinition(tuple(walker.findings))
    return source


def _refused(
    source: Source, line: int, column: int, code: str, fr: str, en: str
) -> InvalidDefinition:
    return InvalidDefinition((source.finding_at(code, line, column, fr, en),))


def _refuse_characters(source: Source, text: str) -> None:
    found = _FORBIDDEN.search(text)
    if found is None:
        return
    before = text[: found.start()]
    line = before.count("\n") + 1
    column = len(before) - before.rfind("\n")
    name = f"U+{ord(found[0]):04X}"
    raise _refused(source, line, column, "control-character",
                   f"le caractère invisible {name} n'est pas permis.",
                   f"the invisible character {name} is not allowed.")  # fmt: skip


def _compose(source: Source, text: str) -> yaml.Node | None:
    """Return the root node; events are counted first, so that depth and size are bounded."""
    loader = _LOADER(text)
    try:
        _count(source, text)
        root: yaml.Node | None = loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        problem = error.problem or "unreadable"
        raise _refused(source, line, column, "yaml",
                       f"le YAML est illisible ({problem}).",
                       f"the YAML cannot be read ({problem}).") from error  # fmt: skip
    finally:
        loader.dispose()
    return root


def _count(source: Source, text: str) -> None:
    depth = nodes = documents = 0
    for event in yaml.parse(text, Loader=_LOADER):
        mark = event.start_mark
        place = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise _refused(source, *place, "alias",
                           "les ancres et les alias ne sont pas permis : écrivez le texte deux fois.",
                           "anchors and aliases are not allowed: write it twice.")  # fmt: skip
        if getattr(event, "tag", None):
            raise _refused(source, *place, "tag",
                           "les étiquettes (!) ne sont pas permises.",
                           "tags (!) are not allowed.")  # fmt: skip
        nodes += isinstance(event, (yaml.ScalarEvent, yaml.CollectionStartEvent))
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        documents += isinstance(event, yaml.DocumentStartEvent)
        if depth > MAX_DEPTH or nodes > MAX_NODES or documents > 1:
            raise _refused(source, *place, "too-large",
                           "le fichier est trop profond, trop long, ou a plusieurs documents.",
                           "the file is too deep, too long, or has several documents.")  # fmt: skip


class _Walker:
    """Turns nodes into plain values, keeping places and findings."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.findings: list[Finding] = []

    def walk(self, node: yaml.Node, path: Path, depth: int) -> Any:
        self.source.values[path] = (node.start_mark.line + 1, node.start_mark.column + 1)
        if isinstance(node, yaml.MappingNode):
            return dict(self._pairs(node, path, depth))
        if isinstance(node, yaml.SequenceNode):
            return [self.walk(n, (*path, i), depth + 1) for i, n in enumerate(node.value)]
        return _scalar(node)

    def _pairs(self, node: yaml.Node, path: Path, depth: int) -> Iterator[tuple[str, Any]]:
        seen: set[str] = set()
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                self._find("key", key_node, "une clé doit être un mot.", "a key must be a word.")
                continue
            key = str(key_node.value)
            if key in seen:
                self._find("duplicate-key", key_node, f"« {key} » est écrit deux fois ici.",
                           f"{key!r} stands twice here.")  # fmt: skip
            if key == "<<":
                self._find("alias", key_node, "la fusion (<<) n'est pas permise.",
                           "merging (<<) is not allowed.")  # fmt: skip
            seen.add(key)
            here = (*path, key)
            self.source.keys[here] = (key_node.start_mark.line + 1, key_node.start_mark.column + 1)
            yield key, self.walk(value_node, here, depth + 1)

    def _find(self, code: str, node: yaml.Node, fr: str, en: str) -> None:
        mark = node.start_mark
        self.findings.append(self.source.finding_at(code, mark.line + 1, mark.column + 1, fr, en))


def _scalar(node: Any) -> str | int | bool | None:
    text: str = node.value
    if node.style in {"'", '"', "|", ">"}:  # quoted or block: text, whatever it looks like
        return text
    if text in _WORDS:
        return _WORDS[text]
    return int(text) if _INTEGER.fullmatch(text) else text

"""A YAML file read with the place of everything in it, and nothing in it that surprises.

The subset is small on purpose: mappings, sequences, and scalars that read alike for everybody. No
anchors or aliases (so no bombs and no circles), no tags, no merge keys, no duplicate keys, one
document. Plain scalars are read by the core rules of YAML 1.2 (section 10.3.2) narrowed further:
`true` and `false`, integers, and `null`; all else is text, so `NO`, `12:30` and `2013-03-31` stay what
was written. Limits bound the time and memory that a hostile file can take.

What cannot be read is found, noted as broken, and the rest is read all the same.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import yaml

from engine.definition import pieces, unreadable
from engine.errors import Finding, InvalidDefinition
from engine.folding import fold

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engine.errors import Stop

MAX_CHARACTERS = 2_000_000
MAX_NODES = 150_000
MAX_DEPTH = 30
#: So many characters that may not be there are told; more would say nothing more.
_MAX_FORBIDDEN = 100

Path = tuple[str | int, ...]

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_INTEGER = re.compile(r"[-+]?(0|[1-9]\d{0,17})")
_WORDS: dict[str, bool | None] = {"true": True, "false": False, "null": None, "": None, "~": None}
# What YAML itself forbids, the line ends that only some editors show, the marks that make a text read
# otherwise than it is, and the mark that stands for bytes that are no text.
_FORBIDDEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069"
    "\ud800-\udfff\ufeff\ufffd-\uffff]"
)

#: Spaces of word processors where the language needs plain ones: before a line's first word, after a key.
_HARD_SPACE = re.compile(r"(?m)^[ \t]*[\u00a0\u202f][ \t\u00a0\u202f]*|(?<=\w:)[\u00a0\u202f]")
#: What is open while something is read, in the parser's words.
_OPENED = re.compile("flow|quoted")


def as_name(text: str) -> str:
    """Return a text as a name of the language is written: « Échéance prévue » reads `echeance_prevue`."""
    return re.sub(r"[ '’-]+", "_", fold(text))


@dataclass(slots=True)
class Source:
    """A file read: its plain tree, where each key and value stands (1-based), and what is wrong.

    Attributes:
        path: The file, as findings are to name it.
        lines: Its lines.
        tree: What could be read.
        keys: Where each key stands.
        values: Where each value stands.
        findings: What is wrong with the file itself.
        broken: What could not be read, or not as what it should be: nothing is known of it.
        moved: For a list from which items were left out, the positions of those that remain.
    """

    path: str
    lines: list[str]
    tree: Any = None
    keys: dict[Path, tuple[int, int]] = field(default_factory=dict)
    values: dict[Path, tuple[int, int]] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    broken: set[Path] = field(default_factory=set)
    moved: dict[Path, list[int]] = field(default_factory=dict)

    def place(self, path: Path, *, of_key: bool = False) -> tuple[int, int]:
        """Return the line and column of a value (or of its key), or of its nearest known parent."""
        path = self.written(path)
        tables = (self.keys, self.values) if of_key else (self.values, self.keys)
        while True:
            for table in tables:
                if path in table:
                    return table[path]
            if not path:
                return (1, 1)
            path = path[:-1]

    def written(self, path: Path) -> Path:
        """Return a path as it was before items of lists were left out."""
        if not self.moved:
            return path
        found: Path = ()
        for part in path:
            kept = self.moved.get(found)
            known = kept is not None and isinstance(part, int) and part < len(kept)
            found = (*found, kept[part] if known else part)  # type: ignore[index]
        return found

    def is_doubtful(self, path: Path) -> bool:
        """Tell whether something in, or around, a part of the file could not be read.

        Args:
            path: As a finding says it, before anything was left out.
        """
        return any(
            path[: len(b)] == b or (len(path) > 1 and b[: len(path)] == path) for b in self.broken
        )

    def is_lost(self, path: Path) -> bool:
        """Tell whether a part of the file, or what it stands in, could not be read.

        Args:
            path: As a model has it, after things were left out.
        """
        path = self.written(path)
        return any(path[: len(b)] == b for b in self.broken)

    def has_lost(self, path: Path) -> bool:
        """Tell whether something that stands right inside a part of the file could not be read."""
        path = self.written(path)
        return any(b[:-1] == path for b in self.broken if b)

    def declared(self, *path: str) -> frozenset[str]:
        """Return the keys written directly under a path, those that could not be read too.

        What was meant by one that does not have the form of a name is one of them: once it is
        corrected, what names it is right.
        """
        n = len(path)
        written = {str(k[n]) for k in self.keys if len(k) == n + 1 and k[:n] == path}
        return frozenset(written | {as_name(key) for key in written})

    def finding(
        self,
        code: str,
        path: Path,
        fr: str,
        en: str,
        *,
        of_key: bool = False,
        way: tuple[Stop, ...] = (),
    ) -> Finding:
        """Return a finding at the place of a path; `way` shows it."""
        line, column = self.place(path, of_key=of_key)
        return self.finding_at(code, line, column, fr, en, where=self.written(path), way=way)

    def finding_at(
        self,
        code: str,
        line: int,
        column: int,
        fr: str,
        en: str,
        *,
        where: Path = (),
        way: tuple[Stop, ...] = (),
    ) -> Finding:
        """Return a finding at a place."""
        return Finding(
            code=code,
            path=self.path,
            line=line,
            column=column,
            messages={"fr": fr, "en": en},
            excerpt=self.lines[line - 1] if 0 < line <= len(self.lines) else "",
            where=where,
            way=way,
        )

    def refuse(self, code: str, line: int, column: int, fr: str, en: str) -> InvalidDefinition:
        """Return the error of a file of which nothing more is read, with what was found before."""
        return InvalidDefinition((*self.findings, self.finding_at(code, line, column, fr, en)))


def read(text: str, path: str) -> Source:
    """Return the source of a YAML text in which nothing is wrong.

    Args:
        text: The file's text.
        path: The file, as findings are to name it.

    Raises:
        InvalidDefinition: With every finding.
    """
    source = scan(text, path)
    if source.findings:
        raise InvalidDefinition(tuple(source.findings))
    return source


def scan(text: str, path: str) -> Source:
    """Return the source of a YAML text, what is wrong in `findings`, what cannot be read left out.

    Args:
        text: The file's text; `U+FFFD` for bytes that are not UTF-8.
        path: The file, as findings are to name it.

    Raises:
        InvalidDefinition: Nothing of it can be read, or it is beyond the limits.
    """
    if len(text) > MAX_CHARACTERS:
        raise Source(path, []).refuse(
            "too-large", 1, 1,
            f"ce fichier est trop long pour être lu : plus de {_spaced(MAX_CHARACTERS)} caractères. Est-ce le bon?",
            f"this file is too long to be read: more than {MAX_CHARACTERS:,} characters. Is it the right one?",
        )  # fmt: skip
    source = Source(path, [])
    # Some editors put a byte order mark first (YAML 1.2, 5.2).
    clean = _without_forbidden(source, text.removeprefix("\ufeff"))
    source.lines = clean.splitlines()
    source.findings = [_with_excerpt(source, f) for f in source.findings]
    _Reader(source).whole(clean)
    return source


def _without_forbidden(source: Source, text: str) -> str:
    """Note the characters that may not be there, and return the text with spaces in their place."""
    for found in list(_HARD_SPACE.finditer(text))[:_MAX_FORBIDDEN]:
        at = found.start() + re.search("[\u00a0\u202f]", found[0]).start()  # type: ignore[union-attr]
        source.findings.append(source.finding_at("control-character", *_place(text, at),
            "une espace insécable est ici; il faut une espace ordinaire.",
            "a no-break space stands here; a plain space is needed."))  # fmt: skip
    text = _HARD_SPACE.sub(lambda m: re.sub("[\u00a0\u202f]", " ", m[0]), text)
    for found in list(_FORBIDDEN.finditer(text))[:_MAX_FORBIDDEN]:
        line, column = _place(text, found.start())
        if found[0] == "\ufffd":
            source.findings.append(source.finding_at("not-utf8", line, column,
                "ces octets ne sont pas de l'UTF-8; enregistrez le fichier en UTF-8.",
                "these bytes are not UTF-8; save the file as UTF-8."))  # fmt: skip
            continue
        source.findings.append(
            source.finding_at("control-character", line, column, *_hidden(found))
        )
    return _FORBIDDEN.sub(" ", text)


def _hidden(found: re.Match[str]) -> tuple[str, str]:
    """Return what is said of a character that may not be there."""
    name = f"U+{ord(found[0]):04X}"
    return (
        f"le caractère invisible {name} n'est pas permis.",
        f"the invisible character {name} is not allowed.",
    )


def _place(text: str, at: int) -> tuple[int, int]:
    before = text[:at]
    return before.count("\n") + 1, len(before) - before.rfind("\n")


def _with_excerpt(source: Source, f: Finding) -> Finding:
    return source.finding_at(f.code, f.line, f.column, f.messages["fr"], f.messages["en"])


class _Reader:
    """Turns the events of a parser into plain values, keeping places and findings."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.nodes = 0
        self.aliases: set[tuple[str, int]] = set()
        self.first = 0  #: lines before the piece that is being read
        self.documents = 0

    def whole(self, text: str) -> None:
        """Read a file; when it cannot be parsed whole, the parts of it that can be."""
        source = self.source
        try:
            empty, source.tree = self._document(text, ())
        except yaml.MarkedYAMLError as error:
            # Each piece says what is wrong with it, and those that are sound are kept.
            source.keys.clear()
            source.values.clear()
            source.findings = [f for f in source.findings if not f.where]
            if not self._by_pieces(text):
                raise self._unreadable(error, len(source.lines)) from error
            return
        if empty:
            raise source.refuse("empty", 1, 1, "le fichier est vide.", "the file is empty.")

    def _by_pieces(self, text: str) -> bool:
        """Read each entry by itself; tell whether that explains why the whole cannot be parsed."""
        before = len(self.source.findings)
        self.source.tree = self._joined(pieces.split(text), ())
        return any(f.code == "yaml" for f in self.source.findings[before:])

    def _joined(self, parts: list[pieces.Piece], path: Path) -> Any:
        """Return what can be read of entries, put together again: keys with their values, or a list."""
        if parts and isinstance(parts[0].key, int):
            items = {p.key: self._piece(p, path) for p in parts}
            kept = [i for i in items if isinstance(i, int) and not self.source.is_lost((*path, i))]
            self.source.moved[path] = kept
            return [items[i] for i in kept]
        made: dict[str, Any] = {}
        for piece in parts:
            if piece.key in made:
                self._duplicate(
                    str(piece.key), piece.first + 1, piece.column + 1, (*path, piece.key)
                )
            value = self._piece(piece, path)
            if not self.source.is_lost((*path, piece.key)):
                made[str(piece.key)] = value
        return made

    def _piece(self, piece: pieces.Piece, path: Path) -> Any:
        """Return the value of an entry; one that cannot be read is noted as broken."""
        here = (*path, piece.key)
        if isinstance(piece.key, str):
            self.source.keys.setdefault(here, (piece.first + 1, piece.column + 1))
        try:
            self.first = piece.first
            if isinstance(piece.key, int):
                return self._document(piece.text, here)[1]
            return self._value(self._document(piece.text, path)[1], piece.key, here)
        except yaml.MarkedYAMLError as error:
            inner = pieces.inside(piece)
            deep = pieces.keys(here) >= pieces.DEEPEST
            if not inner or (deep and isinstance(inner[0].key, str)):
                last = piece.first + piece.text.rstrip().count("\n") + 1
                self.source.findings += self._unreadable(error, last).findings[-1:]
                self.source.broken.add(here)
                return None
            made = self._joined(inner, here)
            self.source.broken.add((*here, "…"))
            return made

    def _value(self, made: Any, key: str, here: Path) -> Any:
        """Return the value of the one key of a piece."""
        if isinstance(made, dict) and key in made:
            return made[key]
        self.source.broken.add(here)
        return None

    def _unreadable(self, error: yaml.MarkedYAMLError, last: int) -> InvalidDefinition:
        mark = error.problem_mark or error.context_mark
        if error.context_mark is not None and _OPENED.search(error.context or ""):
            # The bracket, or the quotation mark, that was not closed is what is wrong, wherever that is
            # noticed.
            mark = error.context_mark
        line, column = (mark.line + 1 + self.first, mark.column + 1) if mark else (1, 1)
        if line > last > 0:
            # The parser noticed at the beginning of what follows.
            line, column = last, len(self.source.lines[last - 1].rstrip()) + 1
        fr, en = unreadable.said(error.problem)
        dash = unreadable.glued(self.source.lines, line)
        if dash is not None:
            line, column = dash, self.source.lines[dash - 1].index("-") + 1
            fr, en = "après « - », il faut une espace", "a space is needed after '-'"
        return self.source.refuse("yaml", line, column, f"le YAML est illisible : {fr}.",
                                  f"the YAML cannot be read: {en}.")  # fmt: skip

    # --- events ---------------------------------------------------------------------------------

    def _document(self, text: str, path: Path) -> tuple[bool, Any]:
        """Return whether a text is empty, and else its value."""
        events = yaml.parse(text, Loader=_LOADER)
        made: tuple[bool, Any] = (True, None)
        self.documents = 0
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                self.documents += 1
                self._limit(event, 0)
            elif isinstance(event, yaml.NodeEvent):
                made = (False, self._node(event, events, path, 0))
        return made

    def _node(self, event: Any, events: Iterator[Any], path: Path, depth: int) -> Any:
        line, column = self._at(event)
        if path not in self.source.values:
            self.source.values[path] = (line, column)
        self.nodes += 1
        self._limit(event, depth)
        if isinstance(event, yaml.AliasEvent):
            self._alias(event, path)
            self.source.broken.add(path)
            return None
        if event.anchor:
            self._anchor(event, path)
        if event.tag:
            self._find("tag", event, path, "les étiquettes (!) ne sont pas permises.",
                       "tags (!) are not allowed.")  # fmt: skip
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(events, path, depth)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(events, path, depth)
        escaped = _FORBIDDEN.search(
            event.value
        )  # those that stand in the text itself were taken out
        if escaped:
            self._find("control-character", event, path, *_hidden(escaped))
        return _scalar(event)

    def _sequence(self, events: Iterator[Any], path: Path, depth: int) -> list[Any]:
        made: list[Any] = []
        while not isinstance(event := next(events), yaml.SequenceEndEvent):
            made.append(self._node(event, events, (*path, len(made)), depth + 1))
        return made

    def _mapping(self, events: Iterator[Any], path: Path, depth: int) -> dict[str, Any]:
        made: dict[str, Any] = {}
        while not isinstance(event := next(events), yaml.MappingEndEvent):
            if not isinstance(event, yaml.ScalarEvent):
                self._find("key", event, path, "une clé doit être un mot.", "a key must be a word.")
                self._node(event, events, (*path, "?"), depth + 1)
                self._node(next(events), events, (*path, "?"), depth + 1)
                self.source.broken.add((*path, "?"))
                continue
            key, here = str(event.value), (*path, str(event.value))
            self._key(event, key, made, here)
            value = self._node(next(events), events, here, depth + 1)
            if key != "<<":
                made[key] = value
        return made

    def _key(self, event: Any, key: str, made: dict[str, Any], here: Path) -> None:
        line, column = self._at(event)
        if event.anchor:
            self._anchor(event, here)
        if key in made:
            self._duplicate(key, line, column, here)
        if key == "<<":
            self._find("alias", event, here,
                       "« << » fond ici un autre morceau du fichier, ce qui n'est pas permis : écrivez ses clés en entier.",
                       "'<<' merges another part of the file here, which is not allowed: write its keys in full.")  # fmt: skip
            self.source.broken.add(here)
        self.source.keys[here] = (line, column)

    def _anchor(self, event: Any, path: Path) -> None:
        name = event.anchor
        self._find("alias", event, path,
                   f"« &{name} » nomme ce morceau pour le répéter ailleurs, ce qui n'est pas permis : retirez ce nom, et écrivez le morceau en entier partout où il sert (un texte qui commence par & va entre guillemets).",
                   f"'&{name}' names this part so as to repeat it elsewhere, which is not allowed: leave the name out, and write the part in full wherever it is used (a text that begins with & goes between quotation marks).")  # fmt: skip

    def _alias(self, event: Any, path: Path) -> None:
        """Note a reference to another part of the file, once a line: a line may be full of them."""
        name, line = event.anchor, self._at(event)[0]
        if (name, line) in self.aliases:
            return
        self.aliases.add((name, line))
        self._find("alias", event, path,
                   f"« *{name} » répète un autre morceau du fichier, ce qui n'est pas permis : écrivez ici ce morceau en entier (un texte qui commence par * va entre guillemets).",
                   f"'*{name}' repeats another part of the file, which is not allowed: write that part in full here (a text that begins with * goes between quotation marks).")  # fmt: skip

    def _duplicate(self, key: str, line: int, column: int, here: Path) -> None:
        self.source.findings.append(
            self.source.finding_at("duplicate-key", line, column,
                                   f"« {key} » est écrit deux fois ici.",
                                   f"{key!r} stands twice here.", where=here)
        )  # fmt: skip

    def _limit(self, event: Any, depth: int) -> None:
        if self.documents > 1:
            fr, en = "un second document commence ici (---); un fichier n'en a qu'un", (
                "a second document begins here (---); a file has one only")  # fmt: skip
        elif depth > MAX_DEPTH:
            fr = f"il y a ici plus de {MAX_DEPTH} niveaux l'un dans l'autre : le fichier n'est pas lu. Refermez ce qui est ouvert, ou dites-le en moins de niveaux"
            en = f"there are more than {MAX_DEPTH} levels here, one inside the other: the file is not read. Close what is open, or say it in fewer levels"
        elif self.nodes > MAX_NODES:
            fr = f"le fichier a plus de {_spaced(MAX_NODES)} valeurs, et n'est plus lu à partir d'ici : partagez-le"
            en = f"the file has more than {MAX_NODES:,} values, and is not read from here on: divide it"
        else:
            return
        raise self.source.refuse("too-large", *self._at(event), f"{fr}.", f"{en}.")

    def _at(self, event: Any) -> tuple[int, int]:
        return event.start_mark.line + 1 + self.first, event.start_mark.column + 1

    def _find(self, code: str, event: Any, path: Path, fr: str, en: str) -> None:
        line, column = self._at(event)
        self.source.findings.append(self.source.finding_at(code, line, column, fr, en, where=path))


def _spaced(number: int) -> str:
    """Return a number as it is read in French."""
    return f"{number:,}".replace(",", "\u00a0")


def _scalar(event: Any) -> str | int | bool | None:
    text: str = event.value
    if event.style in {"'", '"', "|", ">"}:  # quoted or block: text, whatever it looks like
        return text
    if text in _WORDS:
        return _WORDS[text]
    return int(text) if _INTEGER.fullmatch(text) else text

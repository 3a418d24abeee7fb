"""The definitions that a scenario file is about, as far as they are known.

A definition with mistakes bears most of its names all the same: those of the scenarios are looked for in
it, and nothing is said of a name that its correction might bear.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from engine.definition.compiled import CompiledDefinition, Words
    from engine.definition.compiler import Examined

#: Where each kind of name is declared in a definition.
_SECTIONS = {
    "state": "states", "action": "actions", "field": "fields", "timer": "timers",
    "message": "notifications", "role": "roles",
}  # fmt: skip
#: What a file calls its process, and how it numbers its cases.
_NAME = frozenset({"process", "label", "numbering"})


@dataclass(frozen=True, slots=True)
class Known:
    """Definitions by their keys.

    Attributes:
        definitions: What can be followed of each.
        doubtful: Of those with mistakes, the kinds of names that may have more.
        whole: All of them are here.
    """

    definitions: Mapping[str, CompiledDefinition]
    doubtful: Mapping[str, frozenset[str]] = field(default_factory=dict)
    whole: bool = True

    def of(self, process: str | None) -> Sequence[CompiledDefinition]:
        """Return the definition of a process; all of them when it is not known which it is."""
        found = self.definitions.get(process or "")
        return list(self.definitions.values()) if found is None else [found]

    def proves(self, kind: str, among: Iterable[CompiledDefinition] | None = None) -> bool:
        """Tell whether a name that is not found there is found nowhere.

        Args:
            kind: What it is a name of.
            among: Where it was looked for; None: everywhere.
        """
        looked = self.definitions.values() if among is None else list(among)
        alone = among is not None and len(looked) == 1
        return (alone or self.whole) and not any(
            kind in self.doubtful.get(d.key, ()) for d in looked
        )


def known(examined: Iterable[Examined], *, whole: bool) -> Known:
    """Return what is known of definitions some of which have mistakes.

    Args:
        examined: The definitions.
        whole: No file of one is missing.
    """
    definitions, doubtful = {}, {}
    for one in examined:
        if one.followed is None:
            whole = False
            continue
        definitions[one.followed.key] = one.followed
        doubtful[one.followed.key] = frozenset(_doubtful(one, one.followed))
    return Known(definitions, doubtful, whole)


def _doubtful(examined: Examined, followed: CompiledDefinition) -> Iterable[str]:
    assert examined.source is not None
    assert examined.flow is not None
    for kind, section in _SECTIONS.items():
        there = labels(kind, followed)
        if examined.source.declared(section) - set(there) or _unsaid(there.values()):
            yield kind
    if not examined.flow.graph.doubts.none:
        yield from ("field", "reason")
    if any(f.where[:1] and f.where[0] in _NAME for f in examined.findings):
        yield "process"


def labels(kind: str, definition: CompiledDefinition) -> dict[str, Words]:
    """Return the names of a kind in a definition, each with its words by language."""
    if kind == "role":
        return dict(definition.roles)
    return {k: part.label for k, part in getattr(definition, _SECTIONS[kind]).items()}


def _unsaid(several: Iterable[Words]) -> bool:
    """Tell whether something stands in the place of words that could not be read."""
    return any("?" in words.values() for words in several)

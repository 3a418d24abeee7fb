"""The graph of a definition, with its words in the language of this run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inbox.drawing.asides import Asides
from inbox.drawing.blocks import Blocks
from inbox.drawing.graph import Graph
from inbox.texts import _, lang, word

if TYPE_CHECKING:
    from engine.definition.compiled import CompiledDefinition


def graph(definition: CompiledDefinition) -> Graph:
    """Return the graph of a definition."""
    return Graph(
        key=definition.key,
        version=definition.version,
        title=_("{label}, version {v}", label=word(definition.label), v=definition.version),
        lang=lang(),
        lanes=tuple((role, word(label)) for role, label in definition.roles.items()),
        beside=_("À plusieurs étapes"),
        blocks=tuple(Blocks(definition).all()),
        asides=tuple(Asides(definition).all()),
    )

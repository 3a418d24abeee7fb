"""The picture as a Mermaid flowchart: for a README, a wiki, a message."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from inbox.drawing.graph import nodes_of, row_flows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from inbox.drawing.graph import Flow, Graph, Node

_SHAPES = {
    "start": ("([", "])"),
    "task": ("[", "]"),
    "choice": ("{", "}"),
    "timer": ("(", ")"),
    "send": ("[/", "/]"),
    "call": ("[[", "]]"),
    "join": ("{{", "}}"),
    "end": ("(((", ")))"),
}


def write(graph: Graph) -> str:
    """Return the Mermaid text of a graph: the same graph gives the same bytes."""
    return "\n".join(_Writer(graph).lines()) + "\n"


class _Writer:
    """Writes one picture. Nodes are numbered: some of our words are Mermaid's own."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        asides = [node for aside in graph.asides for node in (aside.start, *aside.row.nodes)]
        self.names = {node.id: f"n{n}" for n, node in enumerate([*graph.nodes(), *asides])}

    def lines(self) -> Iterator[str]:
        yield "flowchart LR"
        # A title is not between quotation marks, and entities would be read aloud.
        yield "  accTitle: " + _plain(self.graph.title).replace('"', "'")
        for n, (lane, label) in enumerate(self.graph.lanes):
            here = [b for b in self.graph.blocks if b.lane == lane]
            yield from self._group(f"lane{n}", label, [v for b in here for v in nodes_of(b)])
        yield from map(self._flow, self.graph.flows())
        yield from self._edges()
        for n, aside in enumerate(self.graph.asides):
            yield from self._group(f"aside{n}", aside.name, [aside.start, *aside.row.nodes])
            for flow in row_flows(aside.row, aside.start, {}):
                # Its words are in the shape that it begins with.
                yield self._flow(replace(flow, label=""))

    def _edges(self) -> Iterator[str]:
        """Yield the dotted lines from tasks to what time does there."""
        for block in self.graph.blocks:
            for row in block.rows:
                if row.timer:
                    yield f"  {self.names[block.head.id]} -.- {self.names[row.timer.id]}"

    def _group(self, name: str, label: str, nodes: list[Node]) -> Iterator[str]:
        yield f"  subgraph {name}[{_quoted([label])}]"
        for node in nodes:
            left, right = _SHAPES[node.kind]
            detail = (node.detail,) if node.kind == "join" else ()
            words = _quoted([node.name, *node.text, *detail])
            yield f"    {self.names[node.id]}{left}{words}{right}"
        yield "  end"

    def _flow(self, flow: Flow) -> str:
        label = f"|{_quoted([flow.label])}|" if flow.label else ""
        return f"  {self.names[flow.source]} -->{label} {self.names[flow.target]}"


def _quoted(lines: list[str]) -> str:
    """Return words between quotation marks; a shape without any has a space."""
    return '"' + ("<br/>".join(_escaped(line) for line in lines if line) or " ") + '"'


def _escaped(text: str) -> str:
    """Return a text that Mermaid reads as it stands: no quotation mark, tag, entity or Markdown."""
    plain = _plain(text)
    return "".join(c if c not in _SPECIAL else f"#{ord(c)};" for c in plain)


#: What a label cannot hold as it is.
_SPECIAL = frozenset('"#&;<>`*_[]{}|\\%~')


def _plain(text: str) -> str:
    return " ".join(text.split())

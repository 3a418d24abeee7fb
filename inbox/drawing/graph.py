"""What is drawn: blocks of nodes in lanes, and the flows between them.

A block is a state with all that leaves it: its task, the gateway behind it, one row a way out, one row a
timer. What is possible in many states is an aside, drawn once, rather than a line from each of them.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator

Kind = Literal["start", "task", "choice", "timer", "send", "call", "join", "end"]
#: What a case has to do with a part: it was there, or it is there now.
Mark = Literal["", "past", "here"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A shape.

    Attributes:
        id: Unique in the graph, and an XML name.
        kind: What it is.
        name: Its title.
        text: What stands below the title.
        detail: The rule behind it, whole; not drawn.
        refs: The names in the definition of what it stands for.
        called: The process that a call opens; `many` when it opens one a choice.
        interrupting: Of a timer or of an aside's start: what it interrupts ends there.
        mark: What a case has to do with it.
    """

    id: str
    kind: Kind
    name: str = ""
    text: tuple[str, ...] = ()
    detail: str = ""
    refs: tuple[str, ...] = ()
    called: str | None = None
    many: bool = False
    interrupting: bool = True
    mark: Mark = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One way out of a block: a label, what happens on the way, and where it leads.

    Attributes:
        id: Unique in the graph, and an XML name.
        label: The words on its line.
        detail: The same with nothing left out.
        actions: The names of the actions that go this way.
        timer: The timer on the edge of the head that it begins with.
        nodes: What is on the way; an ending, when it ends there.
        target: The block that it leads to; None after an ending, or when nothing follows.
        loop: It changes nothing but the file: it comes straight back.
        mark: `past` when the case went this way.
    """

    id: str
    label: str
    detail: str = ""
    actions: tuple[str, ...] = ()
    timer: Node | None = None
    nodes: tuple[Node, ...] = ()
    target: str | None = None
    loop: bool = False
    mark: Mark = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A head, the gateway behind it when there is a choice, and its ways out."""

    id: str
    lane: str
    head: Node
    fork: Node | None
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Aside:
    """What may happen in several states: its beginning, what follows, and in which states."""

    id: str
    name: str
    states: tuple[str, ...]
    row: Row
    start: Node
    mark: Mark = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """An arrow between two nodes."""

    id: str
    source: str
    target: str
    label: str = ""
    detail: str = ""
    actions: tuple[str, ...] = ()
    loop: bool = False
    mark: Mark = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """A whole picture.

    Attributes:
        key: The process.
        version: Its version.
        title: What the picture shows.
        lang: The language of its words.
        lanes: Role to the words for it, in the definition's order.
        beside: The words for where the asides are.
        blocks: In the order of the definition; the first is the opening.
        asides: What may happen in several states.
        story: What the picture says of a case, a sentence each.
        legend: How to read the marks, when there are any.
    """

    key: str
    version: int
    title: str
    lang: str
    lanes: tuple[tuple[str, str], ...]
    beside: str
    blocks: tuple[Block, ...]
    asides: tuple[Aside, ...]
    story: tuple[str, ...] = ()
    legend: str = ""

    def nodes(self) -> Iterator[Node]:
        """Yield the nodes of the blocks, not those of the asides."""
        for block in self.blocks:
            yield from nodes_of(block)

    def flows(self) -> Iterator[Flow]:
        """Yield the flows between the nodes of the blocks."""
        heads = {block.id: block.head.id for block in self.blocks}
        for block in self.blocks:
            if block.fork:
                fork = block.fork
                yield Flow(id=f"to-{fork.id}", source=block.head.id, target=fork.id, mark=fork.mark)
            for row in block.rows:
                first = row.timer or block.fork or block.head
                yield from row_flows(row, first, heads)


def nodes_of(block: Block) -> Iterator[Node]:
    """Yield the nodes of a block, in reading order."""
    yield block.head
    if block.fork:
        yield block.fork
    for row in block.rows:
        if row.timer:
            yield row.timer
        yield from row.nodes


def row_flows(row: Row, first: Node, heads: dict[str, str]) -> Iterator[Flow]:
    """Yield the flows of a row, from where it begins; the first one has its words."""
    stops = [first.id, *(node.id for node in row.nodes)]
    if row.target is not None:
        stops.append(heads[row.target])
    for n, (source, target) in enumerate(itertools.pairwise(stops)):
        said = n == 0 and row.timer is None
        yield Flow(
            id=f"{row.id}-{n}",
            source=source,
            target=target,
            label=row.label if said else "",
            detail=row.detail if said else "",
            actions=row.actions if n == 0 else (),
            loop=row.loop,
            mark=row.mark,
        )

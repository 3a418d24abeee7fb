"""Where the blocks stand: in columns by their distance from the opening, in lanes by whose task they are.

A lane has tiers, each as high as its highest block; between the tiers and between the columns is room
for the lines (`routes`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from inbox.drawing.measure import (
    BOLD,
    GAP,
    LEFT,
    MARGIN,
    TITLE,
    TRACK,
    Label,
    Rect,
    measure_aside,
    snap,
)
from inbox.drawing.words import wrap

if TYPE_CHECKING:
    from inbox.drawing.graph import Graph
    from inbox.drawing.measure import Part, Point


#: How many lines of words the side of a lane has room for.
_SIDE_LINES = 2


@dataclass(slots=True)
class Picture:
    """Everything with its place, in pixels."""

    width: float = 0
    height: float = 0
    boxes: dict[str, Rect] = field(default_factory=dict)
    labels: dict[str, Label] = field(default_factory=dict)
    lines: dict[str, list[Point]] = field(default_factory=dict)
    lanes: dict[str, Rect] = field(default_factory=dict)
    asides: dict[str, Rect] = field(default_factory=dict)
    pool: Rect = field(default_factory=lambda: Rect(0, 0, 0, 0))


@dataclass(frozen=True, slots=True)
class Place:
    """Where a block stands: its column and its tier, counted over all lanes."""

    column: int
    tier: int


def columns(graph: Graph) -> dict[str, int]:
    """Return the column of each block: how far it is from the opening."""
    goes = {b.id: [r.target for r in b.rows if r.target and not r.loop] for b in graph.blocks}
    found: dict[str, int] = {}
    layer, distance = [graph.blocks[0].id], 0
    while layer:
        found.update(dict.fromkeys(layer, distance))
        layer = list(dict.fromkeys(t for b in layer for t in goes[b] if t not in found))
        distance += 1
    for block in graph.blocks:
        if block.id not in found:
            first = next((found[t] for t in goes[block.id] if t in found), 1)
            found[block.id] = max(0, first - 1)
    return found


def places(graph: Graph) -> tuple[dict[str, Place], list[str]]:
    """Return the place of each block, and the lane of each tier."""
    column = columns(graph)
    within = _tiers_in_lanes(graph, column)
    tiers: list[str] = []
    first: dict[str, int] = {}
    for lane, _words in graph.lanes:
        first[lane] = len(tiers)
        used = [within[block.id] for block in graph.blocks if block.lane == lane]
        tiers += [lane] * (max(used, default=0) + 1)
    found = {b.id: Place(column[b.id], first[b.lane] + within[b.id]) for b in graph.blocks}
    return found, tiers


def _tiers_in_lanes(graph: Graph, column: dict[str, int]) -> dict[str, int]:
    """Return the tier of each block in its lane: the free one nearest to what leads to it."""
    before = _predecessors(graph)
    found: dict[str, int] = {}
    taken: set[tuple[str, int, int]] = set()
    for block in sorted(graph.blocks, key=lambda b: column[b.id]):
        here = column[block.id]
        earlier = [p for p in before[block.id] if p in found and column[p] < here]
        wished = found[earlier[0]] if earlier else 0
        free = [t for t in range(len(graph.blocks)) if (block.lane, here, t) not in taken]
        found[block.id] = min(free, key=lambda t: (abs(t - wished), t))
        taken.add((block.lane, here, found[block.id]))
    return found


def _predecessors(graph: Graph) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {block.id: [] for block in graph.blocks}
    for block in graph.blocks:
        for row in block.rows:
            if row.target and not row.loop:
                found[row.target].append(block.id)
    return found


def put(picture: Picture, part: Part, x: float, y: float) -> None:
    """Put a part into the picture."""
    for name, box in part.boxes.items():
        picture.boxes[name] = box.moved(x, y)
    for name, label in part.labels.items():
        picture.labels[name] = Label(label.box.moved(x, y), label.lines)
    for name, line in part.lines.items():
        picture.lines[name] = [(px + x, py + y) for px, py in line]


def place_asides(graph: Graph, picture: Picture, top: float, label: str) -> float:
    """Put the asides in rows under the lanes, in a lane that has a label; return where it ends."""
    parts = [measure_aside(aside) for aside in graph.asides]
    x, y, height = float(LEFT + TITLE + GAP), top + GAP, 0.0
    room = max([picture.width, *(x + p.width + GAP for p in parts)])
    left = x
    for aside, part in zip(graph.asides, parts, strict=True):
        if x > left and x + part.width + GAP > room:
            x, y, height = left, y + height + GAP, 0.0
        picture.asides[aside.id] = Rect(x, y, part.width, part.height)
        put(picture, part, x, y)
        x, height = x + part.width + GAP, max(height, part.height)
        picture.width = max(picture.width, x)
    return max(y + height + GAP, top + lane_height(label))


def lane_lines(label: str, height: float) -> tuple[str, ...]:
    """Return the words of a lane as lines that fit along its side."""
    return wrap(label, height - MARGIN, BOLD)


def lane_height(label: str) -> float:
    """Return how high a lane must be for its words, in the two lines that its side has room for."""
    height = 3.0 * MARGIN
    while len(lane_lines(label, height)) > _SIDE_LINES:
        height += MARGIN
    return height


def tier_tops(
    tiers: list[str], heights: list[float], gutters: list[int], labels: dict[str, str]
) -> tuple[list[float], list[float], dict[str, tuple[float, float]]]:
    """Return the top of each tier, the first track above it, and where each lane begins and ends."""
    y, tops, tracks = float(MARGIN), list[float](), list[float]()
    spans: dict[str, tuple[float, float]] = {}
    for n, lane in enumerate(tiers):
        begin = spans[lane][0] if lane in spans else y
        tracks.append(y + 2 * TRACK)
        y = snap(y + 3 * TRACK + gutters[n] * TRACK, 0)
        tops.append(y)
        y = snap(y + heights[n] + TRACK, 0)
        if tiers[n + 1 : n + 2] != [lane]:
            y = max(y, snap(begin + lane_height(labels[lane]), 0))
        spans[lane] = (begin, y)
    return tops, tracks, spans

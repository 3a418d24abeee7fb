"""A block or an aside with everything in its place inside it: nothing stands on anything else.

What goes in and what comes out stand on different heights, by `_STEP`, so that no two lines between
blocks ever lie on each other.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from inbox.drawing.words import width, wrap

if TYPE_CHECKING:
    from inbox.drawing.graph import Aside, Block, Node, Row

SIZE = 12  #: of letters, in pixels
BOLD = SIZE * 1.2  #: titles are bold, and bold letters are wider
LINE = 15  #: from one line of text to the next
TRACK = 10  #: from one line to its neighbour
_STEP = 20
_TASK = 170
_LABEL = 160
_SIDE = 120  #: what is on the way: sends, calls, the words of an ending
_FORK = 40
GAP = 24
_ROUND = 30
TITLE = 36  #: of a lane
MARGIN = 20
LEFT = MARGIN + TITLE  #: where the lanes begin
_LINES = 6
_MANY_LINES = 20

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Rect:
    """A box: its corner at the top left, its width and its height."""

    x: float
    y: float
    w: float
    h: float

    @property
    def right(self) -> float:
        """Its right edge."""
        return self.x + self.w

    @property
    def bottom(self) -> float:
        """Its lower edge."""
        return self.y + self.h

    @property
    def middle(self) -> Point:
        """Its middle."""
        return self.x + self.w / 2, self.y + self.h / 2

    def moved(self, x: float, y: float) -> Rect:
        """Return it elsewhere."""
        return Rect(self.x + x, self.y + y, self.w, self.h)


@dataclass(frozen=True, slots=True)
class Label:
    """Words that stand by a shape or on a line."""

    box: Rect
    lines: tuple[str, ...]


@dataclass(slots=True)
class Part:
    """A block or an aside before it has its place: its own corner is 0, 0."""

    boxes: dict[str, Rect] = field(default_factory=dict)
    labels: dict[str, Label] = field(default_factory=dict)
    lines: dict[str, list[Point]] = field(default_factory=dict)
    exits: dict[str, str] = field(default_factory=dict)  #: flow to the block it leads to
    entry: Point = (0, 0)
    width: float = 0
    height: float = 0


def text_of(node: Node) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the lines of a node's title, and those below it."""
    room = _TASK - 20 if node.kind == "task" else _SIDE - 12
    # Messages that leave together are all named.
    title = wrap(node.name, room, BOLD, _MANY_LINES if node.kind == "send" else _LINES)
    return title, tuple(line for text in node.text for line in wrap(text, room, SIZE, _LINES))


# --- a block ------------------------------------------------------------------------------------


def measure(block: Block) -> Part:
    """Return a block with everything in its place inside it."""
    part = Part()
    timers = [row for row in block.rows if row.timer]
    loops = [row for row in block.rows if row.loop]
    rows = [row for row in block.rows if not row.timer and not row.loop]
    top = sum(_loop_height(row) for row in loops)
    room = max((_room(row) for row in (*rows, *timers)), default=GAP)
    if block.head.kind == "start":
        # Nothing leads to it, so it stands on the height of what leaves it.
        top = _line_of(rows[0], 0) - _ROUND / 2
    head = _head(block.head, top, len(timers))
    part.boxes[block.head.id] = head
    part.entry = (head.x, head.middle[1])
    start, bus = _fork(part, block, head)
    _name_beside(part, block.head, head)
    for row in loops:
        _loop(part, row, head, start[0] - _FORK / 2)
    bottom: float = 0 if not loops else head.y - _STEP / 2
    for row in rows:
        bottom = _row(part, row, [start, (bus, start[1])], (bus, room), bottom)
    bottom = max(bottom, part.height, head.bottom + GAP)
    for n, row in enumerate(reversed(timers)):
        bottom = _timer(part, row, (head, len(timers) - n - 1), (bus, room), bottom)
    part.height = max(bottom, part.height)
    part.width = max(
        bus + GAP,
        *(box.right for box in part.boxes.values()),
        *(label.box.right for label in part.labels.values()),
    )
    return part


def _head(node: Node, top: float, timers: int) -> Rect:
    if node.kind == "task":
        title, text = text_of(node)
        height = max(60, (len(title) + len(text)) * LINE + 20 + (_ROUND / 2 if timers else 0))
        across = max(_TASK, timers * (_ROUND + 6) + 20)
    else:
        height = across = _FORK if node.kind == "choice" else _ROUND
    middle = top + height / 2 if node.kind == "start" else snap(top + height / 2, 0)
    return Rect(0, middle - height / 2, across, height)


def _fork(part: Part, block: Block, head: Rect) -> tuple[Point, float]:
    """Place the gateway behind a head; return where the ways out begin, and their common line."""
    middle, right = head.middle[1], _right(block.head, head)
    if block.fork is None:
        return (head.right, middle), right + GAP
    box = Rect(right + GAP, middle - _FORK / 2, _FORK, _FORK)
    part.boxes[block.fork.id] = box
    part.lines[f"to-{block.fork.id}"] = [(head.right, middle), (box.x, middle)]
    return (box.right, middle), box.right + GAP / 2


def _right(node: Node, box: Rect) -> float:
    """Return how far a head reaches, the words below a small one included."""
    if node.kind == "task":
        return box.right
    lines = wrap(node.name, _SIDE, SIZE, _LINES)
    return max(box.right, *(box.x + width(line, SIZE) for line in lines))


def _name_beside(part: Part, node: Node, box: Rect) -> None:
    """Put the words of a small head below it."""
    if node.kind != "task" and node.name:
        _name_below(part, node, box)
        part.height = max(part.height, part.labels[node.id].box.bottom + 2)


def _name_below(part: Part, node: Node, box: Rect) -> float:
    """Put the words of a small shape below it; return how wide it is with them."""
    lines = wrap(node.name, _SIDE, SIZE, _LINES)
    across = _right(node, box) - box.x
    part.labels[node.id] = Label(Rect(box.x, box.bottom + 2, across, len(lines) * LINE), lines)
    return across


def _loop_height(row: Row) -> float:
    return len(wrap(row.label, _TASK, SIZE, _LINES)) * LINE + _STEP


def _loop(part: Part, row: Row, head: Rect, x: float) -> None:
    """Draw what comes straight back: over the top, from the gateway to the task, under its words."""
    lines = wrap(row.label, _TASK, SIZE, _LINES)
    y, left = head.y - _STEP / 2, head.x + GAP
    part.labels[f"{row.id}-0"] = Label(
        Rect(left + 4, y - len(lines) * LINE - 3, _TASK, len(lines) * LINE), lines
    )
    part.lines[f"{row.id}-0"] = [(x, head.middle[1] - _FORK / 2), (x, y), (left, y), (left, head.y)]


def _room(row: Row) -> float:
    """Return how much of a line its words take."""
    return max((width(line, SIZE) for line in wrap(row.label, _LABEL, SIZE, _LINES)), default=0)


def _line_of(row: Row, bottom: float) -> float:
    """Return the height of a row's line, below what is above it."""
    lines = len(wrap(row.label, _LABEL, SIZE, _LINES)) if row.label else 0
    above = max(lines * LINE + 4, *(_size(n)[1] / 2 for n in row.nodes), _ROUND / 2)
    return snap(bottom + above + 4, _STEP / 2)


def _words_on(part: Part, name: str, row: Row, x: float, y: float) -> None:
    """Put the words of a row above its line."""
    if row.label:
        lines = wrap(row.label, _LABEL, SIZE, _LINES)
        height = len(lines) * LINE
        part.labels[name] = Label(Rect(x, y - height - 3, _room(row), height), lines)


def _row(
    part: Part, row: Row, before: list[Point], room: tuple[float, float], bottom: float
) -> float:
    """Place one way out below the last one; return where it ends."""
    bus, words = room
    y = _line_of(row, bottom)
    _words_on(part, f"{row.id}-0", row, bus + 8, y)
    return _chain(part, row, [*before, (bus, y)], bus + words + GAP, y)


def _chain(part: Part, row: Row, line: list[Point], x: float, y: float) -> float:
    """Place what is on the way, one after the other, and the line that leaves."""
    below = y + 8.0
    for n, node in enumerate(row.nodes):
        w, h = _size(node)
        round_ = node.kind in {"end", "join"}
        box = Rect(x, y - _ROUND / 2, _ROUND, _ROUND) if round_ else Rect(x, y - h / 2, w, h)
        part.boxes[node.id] = box
        part.lines[f"{row.id}-{n}"] = [*line, (x, y)]
        line, x = [(box.right, y)], box.right + GAP
        below = max(below, y + h / 2 + 4)
        if node.kind == "end" and node.name:
            x = _name_after(part, node, box)
        if node.kind == "join":
            x = box.x + _name_below(part, node, box) + GAP
    if row.target is not None:
        flow = f"{row.id}-{len(row.nodes)}"
        part.lines[flow] = [*line, (x - 8, y)]
        part.exits[flow] = row.target
    return below


def _lines_after(node: Node) -> tuple[str, ...]:
    """Return the words of an ending, a line each."""
    title = wrap(node.name, _SIDE, BOLD, _LINES)
    return title + tuple(line for text in node.text for line in wrap(text, _SIDE, BOLD, _LINES))


def _name_after(part: Part, node: Node, box: Rect) -> float:
    """Put the words of an ending after it."""
    lines = _lines_after(node)
    height, across = len(lines) * LINE, max(width(line, BOLD) for line in lines)
    part.labels[node.id] = Label(
        Rect(box.right + 6, box.middle[1] - height / 2, across, height), lines
    )
    return box.right + 6 + across


def _size(node: Node) -> tuple[float, float]:
    """Return the width and the height of what is on the way, its words included."""
    if node.kind == "join":
        lines = len(wrap(node.name, _SIDE, SIZE, _LINES))
        return _ROUND, _ROUND + 2 * (lines * LINE + 2)
    if node.kind == "end":
        return _ROUND, max(_ROUND, len(_lines_after(node)) * LINE)
    title, text = text_of(node)
    extra = 14 if node.kind == "call" else 20  # its marker
    return _SIDE, (len(title) + len(text)) * LINE + 14 + extra


def _timer(
    part: Part, row: Row, place: tuple[Rect, int], room: tuple[float, float], bottom: float
) -> float:
    """Place a timer on the lower edge of a head, the first ones left and lowest."""
    assert row.timer is not None
    head, n = place
    box = Rect(head.x + 10 + n * (_ROUND + 6), head.bottom - _ROUND / 2, _ROUND, _ROUND)
    part.boxes[row.timer.id] = box
    y = _line_of(row, bottom)
    _words_on(part, row.timer.id, row, room[0] + 8, y)
    middle = box.middle[0]
    return _chain(part, row, [(middle, box.bottom), (middle, y)], room[0] + room[1] + GAP, y)


def snap(value: float, offset: float) -> float:
    """Return the next height, downwards, that is a whole number of steps from an offset."""
    return math.ceil((value - offset) / _STEP) * _STEP + offset


# --- an aside -----------------------------------------------------------------------------------


def measure_aside(aside: Aside) -> Part:
    """Return an aside with everything in its place inside it."""
    part = Part()
    title = wrap(aside.name, 2 * _LABEL, BOLD, _LINES)
    across = max(width(line, BOLD) for line in title)
    part.labels[aside.id] = Label(Rect(10, 6, across, len(title) * LINE), title)
    y = _line_of(aside.row, 6 + len(title) * LINE)
    start = Rect(14, y - _ROUND / 2, _ROUND, _ROUND)
    part.boxes[aside.start.id] = start
    _words_on(part, f"{aside.row.id}-0", aside.row, start.right + 8, y)
    x = start.right + _room(aside.row) + GAP
    below = _chain(part, aside.row, [(start.right, y)], x, y)
    part.height = max(below, start.bottom) + 10
    part.width = 10 + max(
        *(b.right for b in part.boxes.values()),
        *(named.box.right for named in part.labels.values()),
    )
    return part

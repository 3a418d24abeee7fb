"""The lines between blocks: each target has its own tracks, and what leads to it runs together.

A line leaves its row to the right, goes up or down in the channel behind its column, along the gutter
above its target's tier, then down the channel before its target. To the next column the gutter is not
needed. In a channel or a gutter, two targets never share a track where both run.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from inbox.drawing import layout
from inbox.drawing.layout import Picture
from inbox.drawing.measure import LEFT, MARGIN, TITLE, TRACK, Rect, measure

if TYPE_CHECKING:
    from inbox.drawing.graph import Graph

#: A track is asked for by a target; it is taken from one end to the other.
Span = tuple[float, float]
_SIDE = 20
_LOWEST = 40  #: of a lane where nothing stands


def picture(graph: Graph) -> Picture:
    """Return the whole picture of a graph, in pixels; the same graph gives the same picture."""
    return _Router(graph).picture()


class _Router:
    """Places the blocks of one graph and draws the lines between them."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.parts = {block.id: measure(block) for block in graph.blocks}
        self.places, self.tiers = layout.places(graph)
        self.count = 1 + max(place.column for place in self.places.values())
        self.exits = [
            (block, flow, target)
            for block, part in self.parts.items()
            for flow, target in part.exits.items()
        ]

    def picture(self) -> Picture:
        gutters = self._gutters()
        heights = [self._tallest(n) for n in range(len(self.tiers))]
        counts = [1 + max(tracks.values(), default=-1) for tracks in gutters]
        tops, first, spans = layout.tier_tops(self.tiers, heights, counts, dict(self.graph.lanes))
        self.y = {block: tops[place.tier] for block, place in self.places.items()}
        self.gutter = {
            target: first[tier] + track * TRACK
            for tier, tracks in enumerate(gutters)
            for target, track in tracks.items()
        }
        self.channels = self._channels()
        made = Picture()
        self._columns(made)
        self._lanes(made, spans)
        return made

    def _tallest(self, tier: int) -> float:
        here = [b for b, place in self.places.items() if place.tier == tier]
        return max([_LOWEST, *(self.parts[block].height for block in here)])

    # --- tracks ---------------------------------------------------------------------------------

    def _direct(self, block: str, target: str) -> bool:
        """Tell whether a target stands in the next column: then no gutter is needed."""
        return self.places[target].column == self.places[block].column + 1

    def _gutters(self) -> list[dict[str, int]]:
        """Return, for the gutter above each tier, the track of each target."""
        wanted: list[dict[str, list[float]]] = [defaultdict(list) for _ in self.tiers]
        for block, _flow, target in self.exits:
            if not self._direct(block, target):
                place = self.places[target]
                wanted[place.tier][target] += [place.column, self.places[block].column + 1]
        return [_tracks(part, 0) for part in wanted]

    def _channels(self) -> list[dict[str, int]]:
        """Return, for the channel before each column and the one after the last, the tracks."""
        wanted: list[dict[str, list[float]]] = [defaultdict(list) for _ in range(self.count + 1)]
        for block, flow, target in self.exits:
            leaves = self.y[block] + self.parts[block].lines[flow][-1][1]
            enters = self.y[target] + self.parts[target].entry[1]
            before, after = self.places[target].column, self.places[block].column + 1
            if self._direct(block, target):
                wanted[before][target] += [leaves, enters]
            else:
                wanted[after][target] += [leaves, self.gutter[target]]
                wanted[before][target] += [self.gutter[target], enters]
        return [_tracks(part, TRACK) for part in wanted]

    # --- places ---------------------------------------------------------------------------------

    def _columns(self, made: Picture) -> None:
        """Put every block in its column, then draw what leaves it."""
        x, left, self.channel_x = float(LEFT + TITLE), [], list[float]()
        for column in range(self.count + 1):
            self.channel_x.append(x + _SIDE)
            x += 2 * _SIDE + TRACK * (1 + max(self.channels[column].values(), default=-1))
            left.append(x)
            here = [b for b, place in self.places.items() if place.column == column]
            x += max((self.parts[block].width for block in here), default=0)
        for block, part in self.parts.items():
            layout.put(made, part, left[self.places[block].column], self.y[block])
        for block, flow, target in self.exits:
            made.lines[flow] = _straight(made.lines[flow] + self._route(made, block, flow, target))
        made.width = x

    def _route(
        self, made: Picture, block: str, flow: str, target: str
    ) -> list[tuple[float, float]]:
        place = self.places[target]
        part = self.parts[target]
        box = made.boxes[self._head(target)]
        leaves, enters = made.lines[flow][-1][1], self.y[target] + part.entry[1]
        into = self._track(place.column, target)
        end = [(into, enters), (box.x, enters)]
        if self._direct(block, target):
            return [(into, leaves), *end]
        out = self._track(self.places[block].column + 1, target)
        level = self.gutter[target]
        return [(out, leaves), (out, level), (into, level), *end]

    def _track(self, channel: int, target: str) -> float:
        return self.channel_x[channel] + self.channels[channel][target] * TRACK

    def _head(self, block: str) -> str:
        return next(b.head.id for b in self.graph.blocks if b.id == block)

    def _lanes(self, made: Picture, spans: dict[str, Span]) -> None:
        """Draw the lanes, the asides below them, and the frame around all."""
        bottom = max(end for _begin, end in spans.values())
        made.pool = Rect(LEFT - TITLE, MARGIN, made.width - LEFT + TITLE, 0)
        if self.graph.asides:
            lowest = layout.place_asides(self.graph, made, bottom, self.graph.beside)
            spans = {**spans, "*": (bottom, lowest)}
            bottom = lowest
        width = made.width - LEFT
        made.lanes = {name: Rect(LEFT, top, width, end - top) for name, (top, end) in spans.items()}
        made.pool = Rect(made.pool.x, made.pool.y, width + TITLE, bottom - MARGIN)
        made.width, made.height = made.pool.right + MARGIN, bottom + MARGIN


def _tracks(stops: dict[str, list[float]], apart: float) -> dict[str, int]:
    """Return a track for each target, so that no two share one where both run.

    Args:
        stops: Where each target's line stops along the channel; it runs from the first to the last.
        apart: How much must be free between two lines of one track.
    """
    given: dict[str, int] = {}
    ends: list[float] = []
    for begin, end, name in sorted((min(at), max(at), name) for name, at in stops.items()):
        free = next((n for n, last in enumerate(ends) if last + apart < begin), len(ends))
        ends[free : free + 1] = [end]
        given[name] = free
    return given


def _straight(line: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return a line without the points that change nothing."""
    made: list[tuple[float, float]] = []
    for point in line:
        if made and point == made[-1]:
            continue
        if len(made) > 1 and _aligned(made[-2], made[-1], point):
            made.pop()
        made.append(point)
    return made


def _aligned(a: tuple[float, float], b: tuple[float, float], c: tuple[float, float]) -> bool:
    return a[0] == b[0] == c[0] or a[1] == b[1] == c[1]

"""The picture as SVG: real text, a title and a description, shapes that do not need their colours."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from inbox.drawing.graph import row_flows
from inbox.drawing.layout import lane_lines
from inbox.drawing.measure import LINE, SIZE, TITLE, Label, Rect, text_of
from inbox.drawing.routes import picture
from inbox.texts import _

if TYPE_CHECKING:
    from collections.abc import Iterator

    from inbox.drawing.graph import Aside, Flow, Graph, Mark, Node
    from inbox.drawing.layout import Picture

_NAMESPACE = "http://www.w3.org/2000/svg"
#: Contrast with the ground is 7 to 1 at least for words, 3 to 1 for lines.
_STYLE = """
text { font-family: "DejaVu Sans", Verdana, Arial, Helvetica, sans-serif; font-size: 12px; fill: #1a1a1a; }
.title { font-weight: bold; }
.heading { font-weight: bold; font-size: 18px; }
.line { fill: none; stroke: #3d4852; stroke-width: 1.2; }
.shape { fill: #ffffff; stroke: #22303c; stroke-width: 1.4; }
.mark { fill: none; stroke: #22303c; stroke-width: 1.4; }
.end { stroke-width: 4; }
.soft { stroke-dasharray: 4 3; }
.lane { fill: #f6f8fa; stroke: #8492a0; }
.aside { fill: #ffffff; stroke: #55606b; stroke-dasharray: 2 3; stroke-width: 1.4; }
.past { stroke-width: 3.2; }
.shape.past { fill: #e6eef7; }
.shape.here { fill: #fff1bf; stroke-width: 6; }
.arrow { fill: #3d4852; }
@page { size: A3 landscape; margin: 10mm; }
@media print { svg { width: 100%; height: auto; } }
"""


def write(graph: Graph) -> str:
    """Return the SVG of a graph: the same graph gives the same bytes."""
    return _Writer(graph).write()


class _Writer:
    """Writes one picture."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.picture: Picture = picture(graph)
        self.top = 40  # the heading
        width, height = self.picture.width, self.picture.height + self.top
        self.root = ET.Element("svg", {
            "xmlns": _NAMESPACE,
            "lang": graph.lang,
            "role": "img",
            "aria-labelledby": "title desc",
            "viewBox": f"0 {-self.top} {_number(width)} {_number(height)}",
            "width": _number(width),
            "height": _number(height),
        })  # fmt: skip

    def write(self) -> str:
        self._add("title", {"id": "title"}, self.graph.title)
        self._add("desc", {"id": "desc"}, "\n".join(describe(self.graph)))
        self._add("style", {}, _STYLE)
        self._arrow()
        self._add("text", {"class": "heading", "x": "20", "y": "-10"}, self.graph.title)
        if self.graph.legend:
            self._add("text", {"x": "20", "y": "10"}, self.graph.legend)
        self._lanes()
        for flow in self.graph.flows():
            self._flow(flow)
        for node in self.graph.nodes():
            self._node(node)
        for aside in self.graph.asides:
            self._aside(aside)
        ET.indent(self.root)
        return ET.tostring(self.root, encoding="unicode") + "\n"

    def _add(self, tag: str, attributes: dict[str, str], text: str | None = None) -> ET.Element:
        made = ET.SubElement(self.root, tag, attributes)
        made.text = text
        return made

    def _arrow(self) -> None:
        marker = ET.SubElement(self._add("defs", {}), "marker", {
            "id": "arrow", "viewBox": "0 0 10 10", "refX": "10", "refY": "5", "orient": "auto",
            "markerWidth": "9", "markerHeight": "9", "markerUnits": "userSpaceOnUse",
        })  # fmt: skip
        ET.SubElement(marker, "path", {"d": "M0 0 L10 5 L0 10 z", "class": "arrow"})

    def _rect(self, box: Rect, kind: str, radius: int = 0) -> None:
        self._add("rect", {
            "class": kind, "x": _number(box.x), "y": _number(box.y), "width": _number(box.w),
            "height": _number(box.h), "rx": str(radius),
        })  # fmt: skip

    def _lanes(self) -> None:
        names = {**dict(self.graph.lanes), "*": self.graph.beside}
        self._rect(self.picture.pool, "lane")
        for lane, box in self.picture.lanes.items():
            self._rect(box, "lane")
            lines = lane_lines(names[lane], box.h)
            x, y = box.x + TITLE / 2 + 4 - (len(lines) - 1) * LINE / 2, box.y + box.h / 2
            for n, line in enumerate(lines):
                at = _number(x + n * LINE)
                turned = f"rotate(-90 {at} {_number(y)})"
                self._add("text", {"class": "title", "x": at, "y": _number(y),
                                   "text-anchor": "middle", "transform": turned}, line)  # fmt: skip

    # --- lines and words ------------------------------------------------------------------------

    def _flow(self, flow: Flow) -> None:
        points = " ".join(f"{_number(x)},{_number(y)}" for x, y in self.picture.lines[flow.id])
        self._add("polyline", {
            "class": f"line {flow.mark}".strip(), "points": points, "marker-end": "url(#arrow)",
        })  # fmt: skip
        if flow.id in self.picture.labels:
            self._label(self.picture.labels[flow.id])

    def _label(self, label: Label, kind: str = "") -> None:
        self._text(label.lines, label.box.x, label.box.y, kind)

    def _text(
        self, lines: tuple[str, ...], x: float, y: float, kind: str = "", *, middle: bool = False
    ) -> None:
        """Write lines of text, the first one below `y`."""
        attributes = {"class": kind} if kind else {}
        if middle:
            attributes["text-anchor"] = "middle"
        text = self._add("text", attributes)
        for n, line in enumerate(lines):
            span = ET.SubElement(
                text, "tspan", {"x": _number(x), "y": _number(y + n * LINE + SIZE)}
            )
            span.text = line

    # --- shapes ---------------------------------------------------------------------------------

    def _node(self, node: Node) -> None:
        box = self.picture.boxes[node.id]
        match node.kind:
            case "task":
                self._task(node, box)
            case "choice":
                self._choice(node, box)
            case "send" | "call":
                self._box(node, box)
            case _:
                self._round(node, box)

    def _task(self, node: Node, box: Rect) -> None:
        self._rect(box, _classes("shape", node.mark), 10)
        self._words(node, box, 10)

    def _words(self, node: Node, box: Rect, top: float) -> None:
        title, text = text_of(node)
        x, y = box.middle[0], box.y + top
        self._text(title, x, y, "title", middle=True)
        if text:
            self._text(text, x, y + len(title) * LINE, middle=True)

    def _box(self, node: Node, box: Rect) -> None:
        kind = "shape call" if node.kind == "call" else "shape"
        self._rect(box, _classes(kind, node.mark), 8)
        x, y = box.x + 8, box.y + 6
        if node.kind == "send":
            self._path(f"M{x} {y} h18 v12 h-18 z l9 7 l9 -7", "mark")
            self._words(node, box, 20)
            return
        self._words(node, box, 8)
        middle, bottom = box.middle[0], box.bottom - 2
        self._path(f"M{middle - 7} {bottom - 14} h14 v14 h-14 z m7 2 v10 m-5 -5 h10", "mark")

    def _choice(self, node: Node, box: Rect) -> None:
        x, y = box.middle
        self._path(f"M{x} {box.y} L{box.right} {y} L{x} {box.bottom} L{box.x} {y} z",
                   _classes("shape", node.mark))  # fmt: skip
        self._path(f"M{x - 7} {y - 7} l14 14 m0 -14 l-14 14", "mark")
        self._name(node)

    def _round(self, node: Node, box: Rect) -> None:
        x, y = box.middle
        soft = "" if node.interrupting else " soft"
        kind = f"shape {node.kind}{soft}"
        self._circle(x, y, box.w / 2 - 1, _classes(kind, node.mark))
        if node.kind in {"timer", "join"}:
            self._circle(x, y, box.w / 2 - 4, f"mark{soft}")
        if node.kind == "timer":
            self._path(f"M{x} {y - 8} v8 h6", "mark")
        if node.kind == "join":
            self._path(f"M{x - 5} {y - 5} h10 m-10 3.5 h10 m-10 3.5 h10 m-10 3.5 h10", "mark")
        self._name(node)

    def _name(self, node: Node) -> None:
        if node.id in self.picture.labels:
            self._label(self.picture.labels[node.id], "title" if node.kind == "end" else "")

    def _circle(self, x: float, y: float, radius: float, kind: str) -> None:
        self._add("circle", {
            "class": kind, "cx": _number(x), "cy": _number(y), "r": _number(radius),
        })  # fmt: skip

    def _path(self, path: str, kind: str) -> None:
        self._add("path", {"class": kind, "d": path})

    def _aside(self, aside: Aside) -> None:
        self._rect(self.picture.asides[aside.id], _classes("aside", aside.mark), 10)
        self._label(self.picture.labels[aside.id], "title")
        for flow in row_flows(aside.row, aside.start, {}):
            self._flow(flow)
        for node in (aside.start, *aside.row.nodes):
            self._node(node)


def describe(graph: Graph) -> Iterator[str]:
    """Yield the picture as sentences: what a person who does not see it is told."""
    yield from graph.story
    lanes = dict(graph.lanes)
    names = {block.id: block.head.name for block in graph.blocks}
    for block in graph.blocks:
        head = " · ".join((block.head.name, *block.head.text))
        yield _("{lane} : {head}", lane=lanes[block.lane], head=head)
        for row in block.rows:
            on_the_way = [_way(node) for node in row.nodes]
            then = [names[row.target]] if row.target else []
            yield "  - " + " → ".join(w for w in (row.label, *on_the_way, *then) if w)
    for aside in graph.asides:
        words = [aside.name, aside.row.label, *(_way(n) for n in aside.row.nodes)]
        yield " → ".join(w for w in words if w)


def _way(node: Node) -> str:
    if node.kind == "send":
        return _("courrier : {names}", names=node.name)
    return _("fin : {state}", state=node.name) if node.kind == "end" and node.name else node.name


def _classes(kind: str, mark: Mark) -> str:
    return f"{kind} {mark}".strip()


def _number(value: float) -> str:
    """Return a number without a useless fraction."""
    return f"{value:.1f}".removesuffix(".0")

"""The picture as BPMN 2.0 XML with its layout (BPMN DI), for modelling tools.

Source of the vocabulary: OMG formal/2011-01-03 (BPMN 2.0) and its XML schemas. What the standard has no
word for (a date rule, a condition of this language) is written as a sentence. It is a picture of a
process that runs here: nobody is meant to run the file elsewhere, so `isExecutable` is false.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from inbox.drawing.graph import nodes_of, row_flows
from inbox.drawing.routes import picture

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from inbox.drawing.graph import Aside, Flow, Graph, Node
    from inbox.drawing.measure import Point, Rect

_MODEL = "http://www.omg.org/spec/BPMN/20100524/MODEL"
_DI = "http://www.omg.org/spec/BPMN/20100524/DI"
_DD = "http://www.omg.org/spec/DD/20100524/DI"
_DC = "http://www.omg.org/spec/DD/20100524/DC"
_XSI = "http://www.w3.org/2001/XMLSchema-instance"
_NAMES = {"bpmn": _MODEL, "bpmndi": _DI, "di": _DD, "dc": _DC, "xsi": _XSI}
_TAGS = {
    "start": "startEvent",
    "task": "userTask",
    "choice": "exclusiveGateway",
    "timer": "boundaryEvent",
    "send": "sendTask",
    "call": "callActivity",
    "join": "intermediateCatchEvent",
    "end": "endEvent",
}
#: The lane of what may happen in several states.
_ASIDES = "*"


def write(graph: Graph) -> str:
    """Return the BPMN 2.0 XML of a graph: the same graph gives the same bytes."""
    return _Writer(graph).write()


class _Writer:
    """Writes one file."""

    def __init__(self, graph: Graph) -> None:
        for prefix, address in _NAMES.items():
            ET.register_namespace(prefix, address)
        self.graph = graph
        self.picture = picture(graph)
        self.flows = list(graph.flows())
        self.choices = {node.id for node in graph.nodes() if node.kind == "choice"}
        self.root = ET.Element(_model("definitions"), {
            "id": f"definitions_{graph.key}",
            "name": graph.title,
            "targetNamespace": f"https://example.org/arrimage/{graph.key}",
            "exporter": "Arrimage",
        })  # fmt: skip

    def write(self) -> str:
        for aside in self.graph.asides:
            if aside.start.kind == "start":
                self._model(self.root, "signal", {"id": f"signal-{aside.id}",
                                                  "name": aside.start.name})  # fmt: skip
        self._collaboration()
        self._process()
        self._diagram()
        ET.indent(self.root)
        body = ET.tostring(self.root, encoding="unicode")
        return f'<?xml version="1.0" encoding="UTF-8"?>\n{body}\n'

    def _model(
        self, parent: ET.Element, tag: str, attributes: dict[str, str], text: str | None = None
    ) -> ET.Element:
        made = ET.SubElement(parent, _model(tag), attributes)
        made.text = text
        return made

    # --- the model ------------------------------------------------------------------------------

    def _collaboration(self) -> None:
        made = self._model(self.root, "collaboration", {"id": "collaboration"})
        self._model(made, "participant", {
            "id": "pool", "name": self.graph.title, "processRef": f"process_{self.graph.key}",
        })  # fmt: skip

    def _process(self) -> None:
        process = self._model(self.root, "process", {
            "id": f"process_{self.graph.key}", "name": self.graph.title, "isExecutable": "false",
        })  # fmt: skip
        self._lane_set(process)
        for block in self.graph.blocks:
            for node in nodes_of(block):
                self._node(process, node, self.flows, block.head.id)
        for aside in self.graph.asides:
            self._aside(process, aside)
        self._flows(process, self.flows)

    def _lane_set(self, process: ET.Element) -> None:
        lanes = self._model(process, "laneSet", {"id": "lanes"})
        for lane, label in self._lanes():
            made = self._model(lanes, "lane", {"id": _lane(lane), "name": label})
            for node in self._standing_in(lane):
                self._model(made, "flowNodeRef", {}, node)

    def _lanes(self) -> Iterator[tuple[str, str]]:
        yield from self.graph.lanes
        if self.graph.asides:
            yield _ASIDES, self.graph.beside

    def _standing_in(self, lane: str) -> Iterator[str]:
        for block in self.graph.blocks:
            if block.lane == lane:
                yield from (node.id for node in nodes_of(block))
        if lane == _ASIDES:
            yield from (aside.id for aside in self.graph.asides)

    def _node(
        self, parent: ET.Element, node: Node, flows: list[Flow], attached: str | None
    ) -> ET.Element:
        attributes = {"id": node.id}
        name = "\n".join((node.name, *node.text)).strip()
        if name:
            attributes["name"] = name
        if node.kind == "timer" and attached:
            attributes["attachedToRef"] = attached
            attributes["cancelActivity"] = _truth(node.interrupting)
        if node.called is not None:
            attributes["calledElement"] = f"process_{node.called}"
        made = self._model(parent, _TAGS[node.kind], attributes)
        if node.detail:
            self._model(made, "documentation", {}, node.detail)
        self._ends(made, node, flows)
        self._event(made, node)
        if node.many:
            each = self._model(made, "multiInstanceLoopCharacteristics", {"isSequential": "false"})
            self._expression(each, "loopCardinality", " ".join(node.text))
        return made

    def _ends(self, made: ET.Element, node: Node, flows: list[Flow]) -> None:
        """Say which flows come in and go out, as the standard wants them said on both sides."""
        for flow in flows:
            if flow.target == node.id:
                self._model(made, "incoming", {}, flow.id)
        for flow in flows:
            if flow.source == node.id:
                self._model(made, "outgoing", {}, flow.id)

    def _event(self, made: ET.Element, node: Node) -> None:
        """Say what an event waits for, in words."""
        if node.kind == "timer":
            event = self._model(made, "timerEventDefinition", {"id": f"rule-{node.id}"})
            self._expression(event, "timeDate", node.detail)
        if node.kind == "join":
            event = self._model(made, "conditionalEventDefinition", {"id": f"rule-{node.id}"})
            self._expression(event, "condition", node.detail)

    def _expression(self, parent: ET.Element, tag: str, text: str) -> None:
        self._model(parent, tag, {f"{{{_XSI}}}type": "bpmn:tFormalExpression"}, text)

    def _flows(self, parent: ET.Element, flows: Iterable[Flow]) -> None:
        for flow in flows:
            attributes = {"id": flow.id, "sourceRef": flow.source, "targetRef": flow.target}
            if flow.label:
                attributes["name"] = flow.label
            made = self._model(parent, "sequenceFlow", attributes)
            if flow.detail and flow.detail != flow.label:
                self._model(made, "documentation", {}, flow.detail)
            if flow.source in self.choices:
                self._expression(made, "conditionExpression", flow.label)

    def _aside(self, process: ET.Element, aside: Aside) -> None:
        """Write an event sub-process: it begins by itself, and interrupts the rest or not."""
        part = self._model(process, "subProcess", {
            "id": aside.id, "name": aside.name, "triggeredByEvent": "true",
        })  # fmt: skip
        flows = list(row_flows(aside.row, aside.start, {}))
        self._started(part, aside, flows)
        for node in aside.row.nodes:
            self._node(part, node, flows, None)
        self._flows(part, flows)

    def _started(self, part: ET.Element, aside: Aside, flows: list[Flow]) -> None:
        """Write what an event sub-process begins with; its words are on the line that leaves it."""
        start = self._model(part, "startEvent", {
            "id": aside.start.id, "isInterrupting": _truth(aside.start.interrupting),
        })  # fmt: skip
        self._ends(start, aside.start, flows)
        self._event(start, aside.start)
        if aside.start.kind == "start":
            self._model(start, "signalEventDefinition", {
                "id": f"signalled-{aside.id}", "signalRef": f"signal-{aside.id}",
            })  # fmt: skip

    # --- the layout -----------------------------------------------------------------------------

    def _diagram(self) -> None:
        diagram = _di(self.root, "BPMNDiagram", {"id": "diagram", "name": self.graph.title})
        plane = _di(diagram, "BPMNPlane", {"id": "plane", "bpmnElement": "collaboration"})
        self._shape(plane, "pool", self.picture.pool, isHorizontal="true")
        for lane, _label in self._lanes():
            self._shape(plane, _lane(lane), self.picture.lanes[lane], isHorizontal="true")
        for aside in self.graph.asides:
            self._shape(plane, aside.id, self.picture.asides[aside.id], isExpanded="true")
            self._shapes(plane, (aside.start, *aside.row.nodes))
            self._edges(plane, row_flows(aside.row, aside.start, {}))
        for block in self.graph.blocks:
            self._shapes(plane, nodes_of(block))
        self._edges(plane, self.flows)

    def _shape(self, plane: ET.Element, name: str, box: Rect, **attributes: str) -> ET.Element:
        made = _di(plane, "BPMNShape", {"id": f"di-{name}", "bpmnElement": name, **attributes})
        _bounds(made, box)
        return made

    def _shapes(self, plane: ET.Element, nodes: Iterable[Node]) -> None:
        # What is on the edge of another is written after it: some tools draw in this order.
        for node in sorted(nodes, key=lambda n: n.kind == "timer"):
            extra = {"isMarkerVisible": "true"} if node.kind == "choice" else {}
            made = self._shape(plane, node.id, self.picture.boxes[node.id], **extra)
            label = self.picture.labels.get(node.id)
            if label:
                _bounds(_di(made, "BPMNLabel", {}), label.box)

    def _edges(self, plane: ET.Element, flows: Iterable[Flow]) -> None:
        for flow in flows:
            made = _di(plane, "BPMNEdge", {"id": f"di-{flow.id}", "bpmnElement": flow.id})
            for point in self.picture.lines[flow.id]:
                _point(made, point)
            label = self.picture.labels.get(flow.id)
            if label and flow.label:
                _bounds(_di(made, "BPMNLabel", {}), label.box)


def _model(tag: str) -> str:
    return f"{{{_MODEL}}}{tag}"


def _di(parent: ET.Element, tag: str, attributes: dict[str, str]) -> ET.Element:
    return ET.SubElement(parent, f"{{{_DI}}}{tag}", attributes)


def _bounds(parent: ET.Element, box: Rect) -> None:
    ET.SubElement(parent, f"{{{_DC}}}Bounds", {
        "x": f"{box.x:g}", "y": f"{box.y:g}", "width": f"{box.w:g}", "height": f"{box.h:g}",
    })  # fmt: skip


def _point(parent: ET.Element, point: Point) -> None:
    ET.SubElement(parent, f"{{{_DD}}}waypoint", {"x": f"{point[0]:g}", "y": f"{point[1]:g}"})


def _lane(role: str) -> str:
    return "asides" if role == _ASIDES else f"lane.{role}"


def _truth(value: bool) -> str:
    return "true" if value else "false"

"""The BPMN file, read by others: the OMG's schemas, an engine that is not ours, and read back whole."""

from functools import cache
from pathlib import Path

import pytest
import SpiffWorkflow
from hypothesis import HealthCheck, given, settings
from lxml import etree
from SpiffWorkflow.bpmn.parser.BpmnParser import BpmnParser

from inbox.drawing import bpmn
from tests.support.invented import definitions
from tests.unit.drawing.drawn import KNOWN, drawn, every_flow, every_node

MODEL = "{http://www.omg.org/spec/BPMN/20100524/MODEL}"
DI = "{http://www.omg.org/spec/BPMN/20100524/DI}"
DC = "{http://www.omg.org/spec/DD/20100524/DC}"
TAGS = {
    "startEvent": "start", "userTask": "task", "exclusiveGateway": "choice",
    "boundaryEvent": "timer", "sendTask": "send", "callActivity": "call",
    "intermediateCatchEvent": "join", "endEvent": "end",
}  # fmt: skip


@cache
def schema():
    """Return the OMG's schema of BPMN 2.0, as the other engine ships it."""
    folder = Path(SpiffWorkflow.__file__).parent / "bpmn" / "parser" / "schema"
    return etree.XMLSchema(etree.parse(folder / "BPMN20.xsd"))


def written(graph):
    """Write a graph, and return the file's tree once the schema has accepted it."""
    tree = etree.fromstring(bpmn.write(graph).encode())
    schema().assertValid(tree)
    return tree


def elements(tree, name):
    return tree.iter(MODEL + name)


def check_read_back(graph, tree):
    """The nodes, the flows and their words come back as they went in."""
    found = {e.get("id"): TAGS[e.tag.removeprefix(MODEL)]
             for tag in TAGS for e in elements(tree, tag)}  # fmt: skip
    # An event sub-process begins with a start event, whatever sets it off.
    asides = {aside.start.id for aside in graph.asides}
    assert found == {n.id: "start" if n.id in asides else n.kind for n in every_node(graph)}
    flows = {e.get("id"): (e.get("sourceRef"), e.get("targetRef"), e.get("name", ""))
             for e in elements(tree, "sequenceFlow")}  # fmt: skip
    read = {name: tuple(" ".join(word.split()) for word in flow) for name, flow in flows.items()}
    assert read == {f.id: (f.source, f.target, " ".join(f.label.split()))
                    for f in every_flow(graph)}  # fmt: skip
    for element in (e for tag in TAGS for e in elements(tree, tag)):
        coming = {e.text for e in element.findall(MODEL + "incoming")}
        going = {e.text for e in element.findall(MODEL + "outgoing")}
        assert coming == {f for f, (_s, target, _n) in flows.items() if target == element.get("id")}
        assert going == {f for f, (source, _t, _n) in flows.items() if source == element.get("id")}


def check_lanes(graph, tree):
    names = [label for _lane, label in graph.lanes] + ([graph.beside] if graph.asides else [])
    lanes = list(elements(tree, "lane"))
    assert [" ".join(e.get("name").split()) for e in lanes] == [" ".join(n.split()) for n in names]
    placed = [r.text for lane in lanes for r in lane.findall(MODEL + "flowNodeRef")]
    assert sorted(placed) == sorted(
        [n.id for n in graph.nodes()] + [aside.id for aside in graph.asides]
    )


def check_layout(tree):
    """Everything has its shape or its line, and nothing else has."""
    shapes = {e.get("bpmnElement") for e in tree.iter(f"{DI}BPMNShape")}
    edges = {e.get("bpmnElement") for e in tree.iter(f"{DI}BPMNEdge")}
    parts = [*TAGS, "subProcess", "lane", "participant"]
    assert shapes == {e.get("id") for tag in parts for e in elements(tree, tag)}
    assert edges == {e.get("id") for e in elements(tree, "sequenceFlow")}
    for bounds in tree.iter(f"{DC}Bounds"):
        assert float(bounds.get("width")) > 0
        assert float(bounds.get("height")) > 0


def check(text):
    _definition, graph = drawn(text)
    tree = written(graph)
    check_read_back(graph, tree)
    check_lanes(graph, tree)
    check_layout(tree)


@pytest.mark.parametrize("name", KNOWN)
def test_the_file_is_valid_and_reads_back_as_the_same_graph(name):
    check(KNOWN[name])


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(definitions())
def test_the_file_is_valid_whatever_the_process_and_its_words(text):
    check(text)


@pytest.mark.parametrize("name", KNOWN)
def test_another_engine_reads_the_same_tasks(name):
    _definition, graph = drawn(KNOWN[name])
    # That engine passes over what is only a picture.
    text = bpmn.write(graph).replace('isExecutable="false"', 'isExecutable="true"')
    parser = BpmnParser()
    parser.add_bpmn_str(text.encode())
    spec = parser.get_spec(f"process_{graph.key}")
    assert {n.id for n in graph.nodes()} <= set(spec.task_specs)
    opened = {f"process_{n.called}" for n in graph.nodes() if n.called}
    assert parser.get_process_dependencies() == opened


def test_timers_interrupt_only_where_they_take_the_case_elsewhere():
    _definition, graph = drawn(KNOWN["commande.yaml"])
    tree = written(graph)
    timers = {e.get("id"): (e.get("attachedToRef"), e.get("cancelActivity"))
              for e in elements(tree, "boundaryEvent")}  # fmt: skip
    assert timers == {
        "event.timer.relance.livraison": ("state.livraison", "false"),
        "event.timer.peremption.brouillon": ("state.brouillon", "true"),
    }
    begun = {e.get("id"): e.get("isInterrupting") for e in elements(tree, "startEvent")
             if e.getparent().get("triggeredByEvent") == "true"}  # fmt: skip
    assert begun == {
        "start.aside.action.annuler": "true",
        "start.aside.timer.rappel": "false",
    }

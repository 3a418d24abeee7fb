"""What is drawn of a definition: all of it, the same every time."""

import pytest
from hypothesis import HealthCheck, given, settings

from inbox.drawing import bpmn, mermaid, svg
from tests.support.invented import definitions
from tests.unit.drawing.drawn import KNOWN, drawn, every_flow, every_node


def check(text):
    definition, graph = drawn(text)
    nodes = list(every_node(graph))
    ids = [n.id for n in nodes] + [f.id for f in every_flow(graph)] + [a.id for a in graph.asides]
    assert len(ids) == len(set(ids))
    assert [lane for lane, _label in graph.lanes] == list(definition.roles)
    of = {kind: {r for n in nodes if n.kind == kind for r in n.refs} for kind in
          ("task", "end", "timer", "send", "call")}  # fmt: skip
    ended = {s.name for s in definition.states.values() if s.outcome}
    assert of["task"] == set(definition.states) - ended
    assert of["end"] == ended
    assert of["timer"] == set(definition.timers)
    parts = [definition.opening, *definition.actions.values(), *definition.timers.values()]
    assert of["send"] == {n for part in parts for n in part.notify}
    assert of["call"] == {a.opens.process for a in definition.actions.values() if a.opens}
    taken = {a for block in graph.blocks for row in block.rows for a in row.actions}
    taken |= {a for aside in graph.asides for a in aside.row.actions}
    assert taken == {*definition.actions, definition.opening.name}


@pytest.mark.parametrize("name", KNOWN)
def test_every_state_action_timer_message_role_and_child_is_there(name):
    check(KNOWN[name])


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(definitions())
def test_everything_is_there_whatever_the_process(text):
    check(text)


def test_an_action_is_possible_in_the_drawing_just_where_it_is_in_the_definition():
    definition, graph = drawn(KNOWN["demande.yaml"])
    shown = {action: set() for action in definition.actions}
    for block in graph.blocks:
        for row in block.rows:
            for action in row.actions:
                if block.head.kind == "task":
                    shown[action].add(block.head.refs[0])
    for aside in graph.asides:
        for action in aside.row.actions:
            shown[action] |= set(aside.states)
    ended = {s.name for s in definition.states.values() if s.outcome}
    for name, action in definition.actions.items():
        assert shown[name] == action.sources - ended, name
    reopened = {b.head.refs[0] for b in graph.blocks if b.id.startswith("reopen.")}
    assert reopened == {a.name for a in definition.actions.values() if a.sources & ended}


def test_child_cases_are_opened_by_a_call_and_waited_for_by_a_join():
    _definition, graph = drawn(KNOWN["commande.yaml"])
    (call,) = [n for n in graph.nodes() if n.kind == "call"]
    assert (call.called, call.many) == ("lot", True)
    (join,) = [n for n in graph.nodes() if n.kind == "join"]
    assert "dossier enfant" in join.detail
    assert "lot" in join.detail


@pytest.mark.parametrize("form", [svg, bpmn, mermaid])
def test_the_same_definition_gives_the_same_text(form):
    text = KNOWN["demande.yaml"]
    assert form.write(drawn(text)[1]) == form.write(drawn(text)[1])

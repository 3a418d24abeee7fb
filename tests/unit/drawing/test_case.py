"""A case on its picture: every step that a process allows is a way that is drawn."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings

from engine.calendar import Calendar
from inbox.drawing import case as drawn_case
from inbox.drawing import svg
from inbox.lookup import Case
from tests.support.invented import definitions
from tests.unit.drawing.drawn import KNOWN, compiled, every_flow, every_node

MONDAY = datetime(2026, 11, 16, 15, 0, tzinfo=UTC)


def event(seq, action, source, target, **body):
    return {"seq": seq, "at": MONDAY + timedelta(days=seq), "actor": "ann", "via": None,
            "action": action, "from_state": source, "to_state": target, "body": body}  # fmt: skip


def told(definition, *steps, sent=None):
    """Return the graph of a case that went through steps (action, target), the opening first."""
    events, state = [], None
    for n, (action, target, *body) in enumerate(steps, 1):
        events.append(event(n, action, state, target, **(body[0] if body else {})))
        state = target
    ended = MONDAY if definition.states[state].outcome else None
    line = SimpleNamespace(number="IN-2026-0001", title="Essai", state=state, owner="ann",
                           due_at=MONDAY + timedelta(days=30), ended_at=ended)  # fmt: skip
    case = Case(line=line, data={}, definition=definition, redirected_from=None, merged=[])
    now = MONDAY + timedelta(days=20)
    left = set(definition.notifications) if sent is None else sent
    return drawn_case.graph(case, events, left, now, Calendar())


def ways(definition):
    """Yield every step that a definition allows: the action, from where, to where."""
    for action in definition.actions.values():
        for source in sorted(action.sources):
            for branch in action.branches:
                yield action.name, source, branch.state or source


def past(graph):
    return {f.id for f in every_flow(graph) if f.mark == "past"}


def check_each_step(text):
    definition = compiled(text)
    opening = definition.opening.name
    # How it came there does not matter here: each step must be a way of its own.
    before = {s: past(told(definition, (opening, s))) for s in definition.states}
    for action, source, target in ways(definition):
        after = told(definition, (opening, source), (action, target))
        assert past(after) - before[source], (action, source, target)
        (here, *others) = [n for n in every_node(after) if n.mark == "here"]
        assert target in here.refs
        assert others == []
    svg.write(after)


@pytest.mark.parametrize("name", [n for n in KNOWN if n != "cent états"])
def test_every_step_that_a_process_allows_is_a_way_of_its_drawing(name):
    check_each_step(KNOWN[name])


@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(definitions(most=6))
def test_every_step_is_a_way_of_its_drawing_whatever_the_process(text):
    check_each_step(text)


def test_a_state_says_when_it_was_entered_by_whom_and_how_often():
    definition = compiled(KNOWN["commande.yaml"])
    opening = definition.opening.name
    graph = told(definition, (opening, "brouillon"), ("soumettre", "approbation"),
                 ("renvoyer", "brouillon"), ("soumettre", "approbation"))  # fmt: skip
    words = {n.id: " ".join(n.text).replace("\u00a0", " ") for n in every_node(graph)}
    assert "✓ le 19 novembre 2026, par ann (2 passages)" in words["state.brouillon"]
    assert "► ICI depuis le 20 novembre 2026, par ann" in words["state.approbation"]
    assert "→ 16 décembre 2026, dans" in words["state.approbation"]
    assert "ICI" not in words["state.brouillon"] + words["state.livraison"]
    assert len(graph.story) == 5


def test_a_message_that_did_not_leave_is_not_drawn_as_one_that_did():
    definition = compiled(KNOWN["commande.yaml"])
    steps = ((definition.opening.name, "brouillon"), ("soumettre", "approbation"),
             ("approuver", "livraison"))  # fmt: skip

    def marked(sent):
        nodes = every_node(told(definition, *steps, sent=sent))
        return {n.refs: n.mark for n in nodes if n.kind == "send"}

    assert marked({"bon"})["bon",] == "past"
    assert marked(set())["bon",] == ""


def test_a_reminder_that_left_and_a_delay_that_ended_the_case_are_shown():
    definition = compiled(KNOWN["commande.yaml"])
    opening = definition.opening.name
    graph = told(definition, (opening, "brouillon"), ("timer", "brouillon", {"timer": "rappel"}),
                 ("expirer", "annulee"))  # fmt: skip
    assert [a.id for a in graph.asides if a.mark] == ["group.aside.timer.rappel"]
    timers = [n for n in graph.nodes() if n.kind == "timer" and n.mark]
    assert [n.refs for n in timers] == [("peremption",)]
    (here,) = [n for n in every_node(graph) if n.mark == "here"]
    assert here.kind == "end"
    assert "► ICI depuis le 19 novembre 2026" in " ".join(here.text).replace("\u00a0", " ")

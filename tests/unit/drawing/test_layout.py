"""Where everything stands: nothing on anything else, every line between the shapes."""

from collections import defaultdict
from itertools import combinations, pairwise

import pytest
from hypothesis import HealthCheck, given, settings

from inbox.drawing import words
from inbox.drawing.layout import lane_lines
from inbox.drawing.measure import BOLD
from inbox.drawing.routes import picture
from tests.support.invented import definitions
from tests.unit.drawing.drawn import KNOWN, drawn, every_flow, every_node


def meet(a, b, room=0.01):
    return (
        a.x < b.right - room
        and b.x < a.right - room
        and a.y < b.bottom - room
        and b.y < a.bottom - room
    )


def inside(a, b):
    return b.x <= a.x and a.right <= b.right and b.y <= a.y and a.bottom <= b.bottom


def on_edge(graph):
    """Yield each timer with the task that it stands on."""
    for block in graph.blocks:
        for row in block.rows:
            if row.timer:
                yield row.timer.id, block.head.id


def segments(line):
    yield from pairwise(line)


def through(segment, box):
    """Tell whether a line goes through the inside of a box."""
    (ax, ay), (bx, by) = segment
    left, right, top, bottom = min(ax, bx), max(ax, bx), min(ay, by), max(ay, by)
    return (
        left < box.right - 1 and right > box.x + 1 and top < box.bottom - 1 and bottom > box.y + 1
    )


def check_shapes(graph, made):
    attached = set(on_edge(graph))
    boxes = {node.id: made.boxes[node.id] for node in every_node(graph)}
    for (one, a), (two, b) in combinations(boxes.items(), 2):
        if (one, two) not in attached and (two, one) not in attached:
            assert not meet(a, b), (one, two)
    for timer, task in attached:
        assert boxes[timer].middle[1] == boxes[task].bottom
    for name, label in made.labels.items():
        for other, box in boxes.items():
            assert not meet(label.box, box, 1), (name, other)
    for (one, a), (two, b) in combinations(made.labels.items(), 2):
        assert not meet(a.box, b.box, 1), (one, two)


def check_lanes(graph, made):
    for one, two in combinations(made.lanes.values(), 2):
        assert not meet(one, two)
    for block in graph.blocks:
        for node in (block.head, *(n for row in block.rows for n in row.nodes)):
            assert inside(made.boxes[node.id], made.lanes[block.lane]), node.id
    for aside in graph.asides:
        frame = made.asides[aside.id]
        assert inside(frame, made.lanes["*"])
        for node in (aside.start, *aside.row.nodes):
            assert inside(made.boxes[node.id], frame)
    for lane in made.lanes.values():
        assert inside(lane, made.pool)
    for name, label in {**dict(graph.lanes), "*": graph.beside}.items():
        if name in made.lanes:
            lines = lane_lines(label, made.lanes[name].h)
            assert len(lines) <= 2
            assert all(words.width(line, BOLD) < made.lanes[name].h for line in lines)
    assert made.pool.right < made.width
    assert made.pool.bottom < made.height


def check_lines(graph, made):
    flows = list(every_flow(graph))
    assert {f.id for f in flows} == set(made.lines)
    attached = dict(on_edge(graph))
    for flow in flows:
        line = made.lines[flow.id]
        for a, b in segments(line):
            assert a[0] == b[0] or a[1] == b[1], flow.id
        own = {flow.source, flow.target, attached.get(flow.source)}
        for node in every_node(graph):
            if node.id not in own:
                box = made.boxes[node.id]
                assert not any(through(s, box) for s in segments(line)), (flow.id, node.id)
        for name, label in made.labels.items():
            assert not any(through(s, label.box) for s in segments(line)), (flow.id, name)
        touches(line[0], made.boxes[flow.source])
        touches(line[-1], made.boxes[flow.target])


def touches(point, box):
    x, y = point
    assert box.x - 0.01 <= x <= box.right + 0.01
    assert box.y - 0.01 <= y <= box.bottom + 0.01


def check_tracks(graph, made):
    """Two lines lie on each other only where they leave one shape or lead to one shape."""
    lines = defaultdict(list)
    for flow in every_flow(graph):
        for (ax, ay), (bx, by) in segments(made.lines[flow.id]):
            where = ("x", ax) if ax == bx else ("y", ay)
            span = sorted((ay, by)) if ax == bx else sorted((ax, bx))
            lines[where].append((*span, flow))
    for along in lines.values():
        for (a, b, one), (c, d, two) in combinations(along, 2):
            if one.source != two.source and one.target != two.target:
                assert b <= c + 0.01 or d <= a + 0.01, (one.id, two.id)


def check(text):
    _definition, graph = drawn(text)
    made = picture(graph)
    check_shapes(graph, made)
    check_lanes(graph, made)
    check_lines(graph, made)
    check_tracks(graph, made)


@pytest.mark.parametrize("name", KNOWN)
def test_nothing_stands_on_anything_else_and_lines_go_between(name):
    check(KNOWN[name])


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(definitions())
def test_nothing_stands_on_anything_else_whatever_the_process(text):
    check(text)


def test_words_fit_the_room_that_they_are_given():
    for text in ("Décider du suivi — si « Suivi à accorder » est « Une rencontre »", "x" * 200):
        lines = words.wrap(text, 100, 12)
        assert all(words.width(line, 12) <= 100 for line in lines)
        assert "".join(lines).replace(" ", "") == text.replace(" ", "")


def test_words_that_are_too_many_end_with_an_ellipsis():
    lines = words.wrap("un mot puis un autre " * 20, 100, 12, 3)
    assert len(lines) == 3
    assert lines[-1].endswith(" …")

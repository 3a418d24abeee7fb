"""The SVG and the Mermaid text: what is read by people, with their eyes or without them."""

import re
from xml.etree import ElementTree as ET

import pytest
from hypothesis import HealthCheck, given, settings

from inbox import texts
from inbox.drawing import mermaid, svg
from tests.support.colours import contrast, luminance
from tests.support.invented import definitions
from tests.unit.drawing.drawn import KNOWN, drawn, every_flow, every_node

SVG = "{http://www.w3.org/2000/svg}"
LINE = re.compile(
    r'flowchart LR|  accTitle: \S.*|  subgraph (?:lane|aside)\d+\["[^"]+"\]|  end'
    r'|    n\d+[\[({/>]+"[^"]+"[\])}/]+|  n\d+ --> n\d+|  n\d+ -->\|"[^"]+"\| n\d+|  n\d+ -\.- n\d+'
)


def read(graph):
    return ET.fromstring(svg.write(graph))


def words_of(root):
    return " ".join("".join(text.itertext()) for text in root.iter(f"{SVG}text"))


@pytest.mark.parametrize("name", KNOWN)
def test_the_picture_is_one_image_with_a_title_and_everything_in_words(name):
    definition, graph = drawn(KNOWN[name])
    root = read(graph)
    assert root.get("role") == "img"
    assert root.get("lang") == "fr"
    title, desc = list(root)[:2]
    assert (title.tag, desc.tag) == (f"{SVG}title", f"{SVG}desc")
    assert root.get("aria-labelledby").split() == [title.get("id"), desc.get("id")]
    assert definition.label["fr"] in title.text
    for part in (*definition.states.values(), *definition.actions.values()):
        assert part.label["fr"] in desc.text.replace("\u00a0", " ") or part.label["fr"] in desc.text


def test_what_is_seen_is_text_that_can_be_searched_and_nothing_is_loaded_or_run():
    _definition, graph = drawn(KNOWN["demande.yaml"])
    text = svg.write(graph)
    seen = re.sub(r"\s+", " ", words_of(ET.fromstring(text)))
    for state in ("Inscrite", "En recherche", "À catégoriser", "Prête à diffuser"):
        assert state in seen
    assert "<script" not in text
    assert "href" not in text
    assert "url(#arrow)" in text
    assert text.count("http") == 1  # the namespace


def test_words_and_lines_stand_out_from_their_ground():
    grounds = re.findall(r"\{ fill: (#[0-9a-f]{6})", svg._STYLE)
    lines = re.findall(r"stroke: (#[0-9a-f]{6})", svg._STYLE)
    text = re.search(r"text \{.*fill: (#[0-9a-f]{6})", svg._STYLE)[1]
    assert len(grounds) >= 4
    assert all(contrast(text, ground) >= 7 for ground in grounds if luminance(ground) > 0.5)
    assert all(contrast(line, "#ffffff") >= 3 for line in lines)


def test_shapes_tell_kinds_apart_without_colour():
    _definition, graph = drawn(KNOWN["commande.yaml"])
    root = read(graph)
    rounds = list(root.iter(f"{SVG}circle"))
    assert len([c for c in rounds if "soft" in c.get("class")]) >= 2  # does not interrupt
    assert len([c for c in rounds if "end" in c.get("class").split()]) >= 2  # a thicker ring
    colours = set(re.findall(r"#[0-9a-f]{6}", svg.write(graph).partition("</style>")[2]))
    assert colours == set()


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(definitions())
def test_any_words_make_a_picture_that_reads_back(text):
    definition, graph = drawn(text)
    root = read(graph)
    assert " ".join(definition.label["fr"].split()) in " ".join(root[0].text.split())


def test_a_title_with_quotation_marks_opens_none_in_mermaid():
    text = KNOWN["commande.yaml"].replace("{fr: Commande d'appareils,", "{fr: 'Dit \"; non\"',")
    assert text != KNOWN["commande.yaml"]
    _definition, graph = drawn(text)
    assert mermaid.write(graph).splitlines()[1] == "  accTitle: Dit '; non', version 1"


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(definitions())
def test_any_words_make_mermaid_lines_that_hold_nothing_of_its_own(text):
    _definition, graph = drawn(text)
    lines = mermaid.write(graph).splitlines()
    for line in lines:
        assert LINE.fullmatch(line), line
        for quoted in re.findall(r'"([^"]*)"', line):
            plain = re.sub(r"#\d+;|<br/>", "", quoted)
            assert not set(plain) & set("#&;<>`[]{}|\\"), line
    assert len([x for x in lines if re.match(r" {4}n\d", x)]) == len(list(every_node(graph)))
    assert len([x for x in lines if " -->" in x and x.startswith("  n")]) == len(
        list(every_flow(graph))
    )


def test_the_words_are_english_when_english_is_asked_for():
    texts.use("en")
    try:
        _definition, graph = drawn(KNOWN["demande.yaml"])
        root = read(graph)
        said = words_of(root)
        assert root.get("lang") == "en"
        assert "Being researched" in said
        assert "At any step" in said
        assert "Recherche" not in said
    finally:
        texts.use("fr")

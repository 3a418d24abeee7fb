"""Every text has its English, every reason its sentence."""

import ast
import re
from pathlib import Path

from babel.messages.pofile import read_po

from engine.definition.fields import CODES
from engine.errors import Reason
from inbox import reasons, texts

INBOX = Path(texts.__file__).parent
TABLES = {
    "_SENTENCES",
    "_REMEDIES",
    "_REFUSALS",
    "_DEEDS",
    "_HOLDS",
    "_FAILS",
    "_DETAILS",
}


def messages():
    for path in INBOX.rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in {"_", "n_"}:
                count = 2 if node.func.id == "n_" else 1
                yield from (a.value for a in node.args[:count] if isinstance(a, ast.Constant))
            if (
                isinstance(node, ast.Assign)
                and {getattr(t, "id", "") for t in node.targets} & TABLES
            ):
                yield from (v.value for v in node.value.values if isinstance(v, ast.Constant))


def written():
    """Yield every text that somebody reads: in the code, in what is shipped, and in the French pages."""
    root = INBOX.parent
    for package in ("engine", "inbox", "notifications", "workflows"):
        for path in (root / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    yield node.value
    shipped = (
        "workflows/**/*.yaml",
        "workflows/*.md",
        "templates/fr/**/*.j2",
        "notifications/**/*.j2",
    )
    for pattern in (*shipped, "README.md", "docs/guide.md"):
        yield from (p.read_text(encoding="utf-8") for p in root.glob(pattern))


def english():
    path = INBOX / "locale" / "en" / "LC_MESSAGES" / "arrimage.po"
    with path.open("rb") as file:
        return {m.id: m.string for m in read_po(file) if m.id}


def test_every_text_has_its_english_with_the_same_values_in_it():
    known = english()
    for message in messages():
        if message == "{message}" or "demo" in message:
            continue
        assert known.get(message), message
        wanted, given = (set(re.findall(r"\{(\w+)\}", t)) for t in (message, known[message]))
        assert given == wanted, message


def test_nothing_stands_before_a_semicolon_an_exclamation_or_a_question_mark():
    loose = re.compile(r"[\w»)/’'][ \u00a0\u202f][;!?](?=[\s»\"']|$)")
    found = [
        text[max(0, m.start() - 30) : m.end()] for text in written() for m in loose.finditer(text)
    ]
    # The rule itself says the marks.
    assert [f for f in found if not f.endswith("before ;")] == []


def test_every_refusal_of_a_field_has_its_sentence():
    assert set(CODES) <= set(reasons._SENTENCES)


def test_every_reason_that_the_engine_gives_has_its_sentence():
    engine = INBOX.parent / "engine"
    given = set()
    # What a scenario fails with has codes of its own (docs/scenarios.md).
    for path in set(engine.rglob("*.py")) - set(engine.glob("scenario/*.py")):
        given |= set(re.findall(r'code="(\w+)"', path.read_text(encoding="utf-8")))
    findings = {
        "event_missing",
        "event_edited",
        "case_edited",
        "case_missing",
        "file_edited",
        "definition_edited",
    }
    assert given - findings <= set(reasons._SENTENCES)


def test_a_sentence_is_said_even_when_a_value_is_missing():
    assert reasons.sentence(Reason(code="too_long", field="x")) == "too_long (x)"
    assert reasons.sentence(Reason(code="inconnu", field="x")) == "inconnu"


def test_what_is_stored_can_do_nothing_to_a_terminal():
    assert texts.clean("a\x1b[31mb\u202ec") == "a\ufffd[31mb\ufffdc"
    assert texts.clean("Côte d’Ivoire\n") == "Côte d’Ivoire\n"


def test_french_plurals():
    assert texts.n_("{n} jour", "{n} jours", 0) == "0 jour"
    assert texts.n_("{n} jour", "{n} jours", 2) == "2 jours"

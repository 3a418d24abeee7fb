"""The certificate as one web page that needs nothing else: read in two minutes, printed, read aloud.

The page is a function of the signed document and of the language alone, so that whoever checks it can
make it again and compare. The document itself is inside.
"""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2

from engine.chain import canonical, content_hash
from notifications import decision
from notifications import words as common_words
from notifications.certificate import causes, explanation, relay, summary, timeline, words
from notifications.certificate.causes import CAUSES
from notifications.certificate.explanation import Explanation
from notifications.certificate.words import NEWCOMER, STATES, TAGS, Speech, micros_between

if TYPE_CHECKING:
    from collections.abc import Mapping

#: The element of the page that holds the signed document.
ELEMENT = "certificate"
_TEMPLATE = "page.html.j2"
#: How many digits of a commitment the table shows; the document has them all.
_SHOWN = 16


@cache
def edition() -> str:
    """Return what names this way of making a page: pages of another edition cannot be compared."""
    modules = (causes, decision, explanation, relay, summary, timeline, words, common_words)
    files = [Path(str(m.__file__)) for m in modules]
    here = Path(__file__)
    parts = [p.read_bytes() for p in (*files, here, here.with_name(_TEMPLATE))]
    return sha256(b"\0".join(parts)).hexdigest()[:12]


def render(document: Mapping[str, Any], lang: str) -> str:
    """Return the page of a sealed certificate, in `fr` or `en`."""
    speech = Speech(lang)
    return _template().render(_facts(document, speech), say=speech.say, speech=speech)


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        undefined=jinja2.StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(_TEMPLATE)


def _facts(document: Mapping[str, Any], speech: Speech) -> dict[str, Any]:
    explained = Explanation(document, speech)
    beforehand, happened, equitable, means = explained.sections()
    return {
        "tag": TAGS[speech.lang],
        "edition": edition(),
        "element": ELEMENT,
        "d": document,
        "title": title(document, speech),
        "headline": explained.headline(),
        "standing": explained.standing,
        "beforehand": beforehand,
        "happened": happened,
        "equitable": equitable,
        "means": means,
        "relay": relay.abilities(document, speech),
        "instants": timeline.instants(document, speech),
        "picture": timeline.drawing(document, speech),
        "lines": [_line(line, document, speech) for line in document["lines"]],
        "sha256": content_hash(canonical(document)),
        "sealed": embedded(document),
    }


def title(document: Mapping[str, Any], speech: Speech) -> str:
    """Return the title: what is certified, of which case."""
    return speech.say(
        "Attestation de diffusion {number}",
        "Certificate of diffusion {number}",
        number=document["case"]["number"],
    )


def embedded(document: Mapping[str, Any]) -> str:
    r"""Return the document as it stands in the page: `<` is `\u003c`, so that nothing can end it."""
    return canonical(document).replace("<", "\\u003c")


def _line(
    line: Mapping[str, Any], document: Mapping[str, Any], speech: Speech
) -> dict[str, str | int]:
    start = document["times"]["first_dot"]
    offsets = {
        key: _offset(start and start["utc"], line[key], speech)
        for key in ("staged", "released", "settled")
    }
    return {
        "number": line["line"],
        "newcomer": speech.say(*NEWCOMER) if line["newcomer"] else "",
        "state": state(line, speech),
        **offsets,
        "reply": line["reply"] or "—",
        "transmission": line["transmission"] or "—",
        "commitment": line["commitment"][:_SHOWN],
    }


def state(line: Mapping[str, Any], speech: Speech) -> str:
    """Return the state of a line, and in parentheses what happened that the relay did not say."""
    said = speech.word(STATES, line["state"])
    return said if line["cause"] is None else f"{said} ({speech.word(CAUSES, line['cause'])})"


def _offset(start: str | None, at: str | None, speech: Speech) -> str:
    passed = micros_between(start, at)
    return (at or "—") if passed is None else speech.offset(passed)

"""Reports of what could not be delivered, read out of messages that strangers wrote.

A delivery status notification (RFC 3464, and 6533 for international addresses) is read with the
standard library; what follows no standard (qmail, old Exim and Exchange) with flufl.bounce. Nothing in
here raises: what is not understood is no report. A hostile message is bounded before it is parsed: its
size, and the number of its parts, which is also how deep they can nest.
"""

from __future__ import annotations

import email
import logging
import re
from datetime import UTC
from email.message import Message
from email.parser import HeaderParser
from email.utils import parsedate_to_datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

from engine.chain import canonical, content_hash
from engine.contact import is_email
from engine.returns import Report, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

#: No more than so many bytes of a message are looked at: what matters stands at its beginning.
LONGEST = 1_000_000
#: The heuristics for what follows no standard look at less.
_LONGEST_PLAIN = 200_000
#: A report holds three of these, and a forwarded one a few more; the parser's time grows with each.
_MOST_PARTS = 16
_MOST_VERDICTS = 5_000
#: Each blank line may begin another group of fields.
_MOST_BLANKS = 8_000
_MOST_IDS = 20
_LONGEST_ID = 250
_LONGEST_DIAGNOSTIC = 500

_PART = re.compile(rb"(?im)^[ \t>]*content-type:\s*(?:multipart|message)/")
_MESSAGE_ID = re.compile(rf"<[^<>\s]{{3,{_LONGEST_ID}}}>")
_QUOTED_ID = re.compile(rf"(?im)^[ \t>]*message-id:\s*(<[^<>\s]{{3,{_LONGEST_ID}}}>)")
#: As the standard library sees lines: a lone CR ends one too.
_BLANK = re.compile(rb"(?:\r\n|\n|\r(?!\n))[ \t]*(?:\r\n|\n|\r(?!\n))")
_STATUS = re.compile(r"\b[245]\.\d{1,3}\.\d{1,3}\b")
_STATUS_PARTS = frozenset({"message/delivery-status", "message/global-delivery-status"})
#: What the first letters of an Action mean; OpenSMTPD writes « error ».
_ACTIONS = {
    "fail": "failed",
    "error": "failed",
    "delay": "delayed",
    "deliver": "delivered",
    "relay": "relayed",
    "expand": "expanded",
}
#: The class of an enhanced status (RFC 3463, 3.1), where the Action is missing.
_CLASSES = {"2": "delivered", "4": "delayed", "5": "failed"}

# It would say which of its recognizers it tries, for each message.
logging.getLogger("flufl.bounce").setLevel(logging.CRITICAL)


def read(raw: bytes) -> tuple[Report, ...]:
    """Return the reports in a message: usually one, none when it is something else.

    Args:
        raw: The message as it came; only its first `LONGEST` bytes are looked at.
    """
    raw = _beginning(raw)
    if len(_PART.findall(raw)) > _MOST_PARTS:
        return ()
    try:
        message = email.message_from_bytes(raw)
        standard = [_standard(letter, part) for letter, part in _status_parts(message, message)]
        found = [report for report in standard if report.verdicts]
        return tuple(found) or _unusual(raw[:_LONGEST_PLAIN])
    except Exception:  # noqa: BLE001 - no parser foresees all that strangers can write
        return ()


def _beginning(raw: bytes) -> bytes:
    """Return as much of a message as is looked at."""
    raw = raw[:LONGEST]
    last = next(islice(_BLANK.finditer(raw), _MOST_BLANKS, None), None)
    return raw if last is None else raw[: last.start()]


# --- what follows the standard ------------------------------------------------------------------


def _status_parts(part: Message, letter: Message) -> Iterator[tuple[Message, Message]]:
    """Yield each delivery-status part, with the message that it is of: a forwarded one is inside."""
    if part.get_content_type() in _STATUS_PARTS:
        yield letter, part
    elif part.is_multipart():
        forwarded = part.get_content_type() == "message/rfc822"
        for inner in _parts(part):
            yield from _status_parts(inner, inner if forwarded else letter)


def _parts(part: Message) -> list[Message]:
    payload = part.get_payload()
    return [p for p in payload if isinstance(p, Message)] if isinstance(payload, list) else []


def _standard(letter: Message, part: Message) -> Report:
    blocks = _blocks(part)
    verdicts = (_verdict(block) for block in blocks[:_MOST_VERDICTS])
    reporter = next((_value(b, "reporting-mta") for b in blocks if "reporting-mta" in b), "")
    return _report(letter, reporter, tuple(v for v in verdicts if v is not None))


def _blocks(part: Message) -> list[Message]:
    """Return the groups of fields: the one of the message, then one a recipient."""
    blocks = _parts(part)
    if part.get_content_type() == "message/delivery-status":
        return blocks
    # The standard library takes the international kind for a message: its body has the other groups.
    rest: Any = blocks[0].get_payload(decode=True) if blocks else b""
    return [
        *blocks,
        *(email.message_from_bytes(b) for b in _BLANK.split(rest or b"", _MOST_VERDICTS)),
    ]


def _verdict(block: Message) -> Verdict | None:
    named = (_value(block, f) for f in ("original-recipient", "final-recipient"))
    addresses = tuple(dict.fromkeys(_address(a) for a in named if is_email(_address(a))))
    diagnostic = _value(block, "diagnostic-code")[:_LONGEST_DIAGNOSTIC]
    status = _STATUS.search(_field(block, "status")) or _STATUS.search(diagnostic)
    code = status[0] if status else ""
    action = _action(_field(block, "action"), code)
    if not addresses or action is None:
        return None
    return Verdict(addresses=addresses, action=action, status=code, diagnostic=diagnostic)


def _action(said: str, status: str) -> str | None:
    word = said.lower()
    known = next((action for start, action in _ACTIONS.items() if word.startswith(start)), None)
    return known or (_CLASSES.get(status[:1]) if not word else None)


def _value(block: Message, name: str) -> str:
    """Return a field without its type: `rfc822; a@example.org`, `dns; mx.example.org`."""
    text = _field(block, name)
    return text.partition(";")[2].strip() if ";" in text else text


def _address(text: str) -> str:
    return text.strip().strip("<>\"'").strip()


# --- what does not ------------------------------------------------------------------------------


def _unusual(raw: bytes) -> tuple[Report, ...]:
    """Return what is recognised in a report that follows no standard: addresses, and no reason."""
    from flufl.bounce import all_failures

    message = email.message_from_bytes(raw)
    delayed, failed = all_failures(message)
    verdicts = [
        Verdict(addresses=(address,), action=action, status="", diagnostic="")
        for action, found in (("failed", failed), ("delayed", delayed))
        for address in sorted(a.decode("ascii", "replace") for a in found)
        if is_email(address)
    ]
    if not verdicts:
        return ()
    return (_report(message, _field(message, "from"), tuple(verdicts[:_MOST_VERDICTS])),)


# --- both ---------------------------------------------------------------------------------------


def _report(letter: Message, reporter: str, verdicts: tuple[Verdict, ...]) -> Report:
    about = tuple(dict.fromkeys(_about(letter)))[:_MOST_IDS]
    return Report(
        id=_identity(letter, about, verdicts),
        about=about,
        at=_date(letter),
        reporter=reporter[:_LONGEST_ID],
        verdicts=verdicts,
    )


def _identity(letter: Message, about: tuple[str, ...], verdicts: tuple[Verdict, ...]) -> str:
    """Return the report's Message-ID, or, where it has none, a hash of what it says."""
    own = _MESSAGE_ID.search(_field(letter, "message-id"))
    if own is not None:
        return own[0]
    said = [[list(v.addresses), v.action, v.status, v.diagnostic] for v in verdicts]
    date = _field(letter, "date")
    return f"sha256:{content_hash(canonical({'about': about, 'date': date, 'said': said}))}"


def _about(letter: Message) -> Iterator[str]:
    """Yield the Message-IDs that a report may be about: the returned original's, then those that it

    answers to (some servers return nothing), then those that stand in its text.
    """
    inside = [part for part in letter.walk() if part is not letter]
    for part in inside:
        yield from _MESSAGE_ID.findall(_field(_original(part), "message-id"))
    for name in ("original-message-id", "in-reply-to", "references"):
        for part in (*inside, letter):
            yield from _MESSAGE_ID.findall(_field(part, name))
    for part in letter.walk():
        if part.get_content_maintype() == "text":
            yield from _QUOTED_ID.findall(_body(part))


def _original(part: Message) -> Message:
    """Return the header of a returned original, where it came as a text."""
    if part.get_content_type() != "text/rfc822-headers":
        return part
    return HeaderParser().parsestr(_body(part).lstrip())


def _body(part: Message) -> str:
    payload: Any = part.get_payload(decode=True)
    return payload[:_LONGEST_PLAIN].decode("utf-8", "replace") if payload else ""


def _date(letter: Message) -> datetime | None:
    try:
        found = parsedate_to_datetime(_field(letter, "date"))
        return found.astimezone(UTC) if found.tzinfo else None
    except (ValueError, TypeError, OverflowError):
        return None


def _field(message: Message, name: str) -> str:
    """Return a field on one line, in characters that can be kept and shown; empty if absent.

    The value is taken as it came: the library replaces what is not ASCII.
    """
    raw = next((str(v) for n, v in message.raw_items() if n.lower() == name), "")
    text = raw.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())

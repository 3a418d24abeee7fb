"""A rendering and its recipients into the bytes of a message.

Everything is built by the standard library's `email`: no header is ever put together by hand, so that no
value can start another one. Sources: RFC 5322 (format), RFC 2045 to 2047 (MIME, words in headers), RFC
3834 (Auto-Submitted), RFC 2919 (List-Id), RFC 5546 (calendar invitations), RFC 3282 (Content-Language).
"""

from __future__ import annotations

import binascii
import re
from datetime import datetime, timedelta
from email import policy
from email.charset import BASE64, Charset
from email.generator import BytesGenerator
from email.message import Message
from email.utils import format_datetime, formataddr
from io import BytesIO
from typing import TYPE_CHECKING, Any

from engine.chain import canonical, content_hash

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from engine.lease import Delivery, Leased
    from notifications.settings import MailSettings


class _Policy(policy.Compat32):
    """Headers as they are made here: ASCII, each by the function that knows its form.

    `email.policy.SMTP` would parse them again as they are set and as they are folded: nine tenths of
    the time of a message.
    """

    def fold_binary(self, name: str, value: Any) -> bytes:
        """Return a header's lines; refuse a value that could start another one (ValueError)."""
        if re.search(r"\r(?!\n)|\n(?![ \t])", value):
            raise ValueError(name)
        folded = "\n" in value
        if folded or len(name) + len(value) + 2 <= (self.max_line_length or 0):
            return f"{name}: {value}{self.linesep}".encode("ascii")
        return super().fold_binary(name, value)


_POLICY = _Policy(linesep="\r\n", max_line_length=78)
_WORDS = Charset("utf-8")
#: What an encoded word may hold (RFC 2047, 2: 75 characters), its frame and the header's name apart.
_WORD = 60
# Its Q encoding is worked out letter by letter.
_WORDS.header_encoding = BASE64


def build(
    leased: Leased,
    to: Sequence[Delivery],
    content: Mapping[str, Any],
    settings: MailSettings,
) -> bytes:
    """Return the bytes of one message, with CRLF.

    Args:
        leased: The message; its Date is when it was queued, or the instant it was set for, the same for all of it.
        to: The recipient, whose contacts stand together in To; or all those of a batch that get the
            very same bytes: then none of them is named, and To is the institute itself.
        content: The frozen rendering.
        settings: The sender.
    """
    message = Message(policy=_POLICY)
    message["From"] = _mailbox(settings.institute.name, settings.sender)
    message["To"] = _to(leased, to, settings)
    message["Subject"] = _words(content["subject"], "Subject")
    message["Date"] = format_datetime(leased.not_before)
    message["Message-ID"] = to[0].message_id
    _thread(message, leased, settings)
    message["Auto-Submitted"] = "auto-generated"
    message["MIME-Version"] = "1.0"
    # Whoever has the same content has the same bytes, the boundary too.
    boundary = f"=_{content_hash(canonical(content))[:40]}"
    message.add_header("Content-Type", "multipart/alternative", boundary=boundary)
    message["Content-Language"] = ", ".join(content["languages"])
    message.attach(_part("plain", content["text"]))
    message.attach(_part("html", content["html"]))
    if content.get("calendar"):
        here = [a for delivery in to for a in delivery.addresses]
        message.attach(_invitation(content["calendar"], here, settings, leased.queued_at))
    written = BytesIO()
    BytesGenerator(written, mangle_from_=False, policy=_POLICY).flatten(message)
    return written.getvalue()


def _to(leased: Leased, to: Sequence[Delivery], settings: MailSettings) -> str:
    if leased.batch and not leased.personal:
        institute = settings.institute
        return _mailbox(institute.name, institute.email or settings.sender)
    return ", ".join(_mailbox(to[0].name, a) for a in to[0].addresses)


def _mailbox(name: str, address: str) -> str:
    # A display name is for reading only: marks that could end it are not worth the risk.
    clean = re.sub(r"[\x00-\x1f\x7f<>@,;:\\\"]", " ", name).strip()
    if address.isascii():
        return formataddr((clean, address), _WORDS)
    # A header of ASCII cannot name such an address; the envelope does (RFC 5322, 3.4: an empty group).
    return f"{_words(clean, 'To')}:;"


def _words(text: str, name: str) -> str:
    """Return a text as a header may have it: one line of ASCII (RFC 2047)."""
    line = " ".join(text.split())
    if line.isascii():
        return line
    room = (_WORD - len(name)) // 4 * 3
    return "\r\n ".join(_WORDS.header_encode(part) for part in _pieces(line, room))


def _pieces(line: str, room: int) -> Iterator[str]:
    """Cut a text in pieces of so many bytes at most, never inside a character (RFC 2047, 5)."""
    piece, size = "", 0
    for letter in line:
        length = len(letter.encode())
        if size + length > room:
            yield piece
            piece, size = "", 0
        piece += letter
        size += length
    yield piece


def _part(subtype: str, text: str) -> Message:
    part = Message(policy=_POLICY)
    part["Content-Type"] = f'text/{subtype}; charset="utf-8"'
    part["Content-Transfer-Encoding"] = "quoted-printable"
    lines = "\n".join(text.splitlines()).encode() + b"\n"
    part.set_payload(binascii.b2a_qp(lines, istext=True).decode("ascii"))
    return part


def _thread(message: Message, leased: Leased, settings: MailSettings) -> None:
    """Tie the messages of a case together (RFC 5322, 3.6.4), and name the list of a batch."""
    number = leased.facts["case"]["number"]
    root = f"<{number}@{settings.domain}>"
    message["References"] = root
    message["In-Reply-To"] = root
    if leased.batch:
        message["List-Id"] = f"{leased.name} <{leased.name}.{settings.domain}>"


def _invitation(
    invitation: Mapping[str, Any],
    addresses: Sequence[str],
    settings: MailSettings,
    queued_at: datetime,
) -> Message:
    from icalendar import Calendar, Event, vCalAddress, vText

    cancels = invitation["cancels"]
    event = Event()
    event.add("uid", f"{invitation['uid']}@{settings.domain}")
    event.add("dtstamp", queued_at)
    event.add("sequence", invitation["sequence"])
    start = datetime.fromisoformat(invitation["start"])
    event.add("dtstart", start)
    event.add("dtend", start + timedelta(minutes=invitation["minutes"]))
    event.add("summary", invitation["summary"]["fr"])
    event.add("status", "CANCELLED" if cancels else "CONFIRMED")
    if invitation.get("location"):
        event.add("location", str(invitation["location"]))
    organizer = vCalAddress(f"mailto:{settings.sender}")
    organizer.params["cn"] = vText(settings.institute.name)
    event["organizer"] = organizer
    for address in addresses:
        event.add("attendee", vCalAddress(f"mailto:{address}"), encode=False)
    calendar = Calendar()
    calendar.add("prodid", "-//Arrimage//FR")
    calendar.add("version", "2.0")
    method = "CANCEL" if cancels else "REQUEST"
    calendar.add("method", method)
    calendar.add_component(event)
    part = _part("calendar", calendar.to_ical().decode())
    part.set_param("method", method)
    return part

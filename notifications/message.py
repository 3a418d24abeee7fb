"""A rendering and its recipients into the bytes of a message.

Every header is made and folded by the standard library's `email`, and one that could start another is
refused; the parts, of which there is nothing to decide, are joined here: the library's generator takes
several times longer for the same bytes. Sources: RFC 5322 (format), RFC 2045 to 2047 (MIME, words in headers), RFC
3834 (Auto-Submitted), RFC 2919 (List-Id), RFC 5546 (calendar invitations), RFC 3282 (Content-Language).
"""

from __future__ import annotations

import binascii
import re
from datetime import datetime, timedelta
from email import policy
from email.charset import BASE64, Charset
from email.utils import format_datetime, formataddr
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

from engine.chain import canonical, content_hash

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from engine.lease import Delivery, Leased
    from notifications.settings import MailSettings


#: A line end that does not fold a header, so begins another (RFC 5322, 2.2.3).
_ANOTHER = re.compile(r"\r(?!\n)|\n(?![ \t])")
#: The bytes of a character after its first: 10xxxxxx (RFC 3629, 3).
_FOLLOWING = range(0x80, 0xC0)


class _Policy(policy.Compat32):
    """Headers as they are made here: ASCII, each by the function that knows its form.

    `email.policy.SMTP` would parse them again as they are set and as they are folded: nine tenths of
    the time of a message.
    """

    def fold_binary(self, name: str, value: Any) -> bytes:
        """Return a header's lines; refuse a value that could start another one (ValueError)."""
        folded = "\n" in value
        if (folded or "\r" in value) and _ANOTHER.search(value):
            raise ValueError(name)
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
    parts = [_part("plain", content["text"]), _part("html", content["html"])]
    if content.get("calendar"):
        here = [a for delivery in to for a in delivery.addresses]
        parts.append(_invitation(content["calendar"], here, settings, leased.queued_at))
    # The hash of what was frozen: whoever has the same content has the same bytes. Never within quoted-printable.
    boundary = f"=_{content_hash(canonical(content))[:40]}"
    headers = {
        "From": _mailbox(settings.institute.name, settings.sender),
        "To": _to(leased, to, settings),
        "Subject": _words(content["subject"], "Subject"),
        "Date": format_datetime(leased.not_before),
        "Message-ID": to[0].message_id,
        **_thread(leased, settings),
        "Auto-Submitted": "auto-generated",
        "MIME-Version": "1.0",
        "Content-Type": f'multipart/alternative;\r\n boundary="{boundary}"',
        "Content-Language": ", ".join(content["languages"]),
    }
    # RFC 2046, 5.1.1: what separates parts begins with a line end, after the headers that of the empty line.
    between = f"\r\n--{boundary}".encode()
    return between.join([_head(headers), *(b"\r\n" + part for part in parts), b"--\r\n"])


def _head(headers: Mapping[str, str]) -> bytes:
    """Return the lines of headers."""
    return b"".join(_POLICY.fold_binary(*header) for header in headers.items())


def _to(leased: Leased, to: Sequence[Delivery], settings: MailSettings) -> str:
    if leased.batch and not leased.personal:
        institute = settings.institute
        return _mailbox(institute.name, institute.email or settings.sender)
    return ", ".join(_mailbox(to[0].name, a) for a in to[0].addresses)


@lru_cache(maxsize=1024)
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
    left = line.encode()
    while left:
        cut = room
        while cut < len(left) and left[cut] in _FOLLOWING:
            cut -= 1
        yield left[:cut].decode()
        left = left[cut:]


def _part(subtype: str, text: str) -> bytes:
    """Return a text as a part of a message: its headers, then its lines, each with its end."""
    lines = "\r\n".join([*text.splitlines(), ""]).encode()
    return b"%b\r\n%b" % (_part_head(subtype), binascii.b2a_qp(lines, istext=True))


@cache
def _part_head(subtype: str) -> bytes:
    return _head(
        {
            "Content-Type": f'text/{subtype}; charset="utf-8"',
            "Content-Transfer-Encoding": "quoted-printable",
        }
    )


def _thread(leased: Leased, settings: MailSettings) -> dict[str, str]:
    """Tie the messages of a case together (RFC 5322, 3.6.4), and name the list of a batch."""
    root = f"<{leased.facts['case']['number']}@{settings.domain}>"
    tied = {"References": root, "In-Reply-To": root}
    if leased.batch:
        tied["List-Id"] = f"{leased.name} <{leased.name}.{settings.domain}>"
    return tied


def _invitation(
    invitation: Mapping[str, Any],
    addresses: Sequence[str],
    settings: MailSettings,
    queued_at: datetime,
) -> bytes:
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
    # The method stands in the type too (RFC 5546, 1.4 and RFC 6047, 2.4).
    return _part(f"calendar; method={method}", calendar.to_ical().decode())

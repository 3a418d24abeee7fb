"""A rendering and a recipient into the bytes of a message.

Everything is built by `email.message.EmailMessage`: no header is ever put together by hand, so that no
value can start another one. The bytes are the same for every recipient of a batch but for `To` and
`Message-ID`. Sources: RFC 5322 (format), RFC 3834 (Auto-Submitted), RFC 2919 (List-Id), RFC 5546
(calendar invitations), RFC 3282 (Content-Language).
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

from engine.chain import canonical, content_hash

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engine.outbox import Delivery, Leased
    from notifications.settings import MailSettings

#: No automatic fold beyond what headers need; CRLF, as SMTP wants.
_POLICY = SMTP.clone(max_line_length=78)


def build(
    leased: Leased,
    delivery: Delivery,
    content: Mapping[str, Any],
    settings: MailSettings,
    queued_at: datetime,
) -> bytes:
    """Return the bytes of the message to one recipient.

    Args:
        leased: The message.
        delivery: The recipient; several contacts of one recipient stand together in To.
        content: The frozen rendering.
        settings: The sender.
        queued_at: The Date: when the message was queued, the same for the whole batch.
    """
    message = EmailMessage(policy=_POLICY)
    message["From"] = _address(settings.institute.name, settings.sender)
    message["To"] = tuple(_address(delivery.name, a) for a in delivery.addresses)
    message["Subject"] = content["subject"]
    message["Date"] = format_datetime(queued_at)
    message["Message-ID"] = delivery.message_id
    _thread(message, leased, settings)
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(content["text"], subtype="plain", cte="quoted-printable")
    message.add_alternative(content["html"], subtype="html", cte="quoted-printable")
    if content.get("calendar"):
        _invite(message, content["calendar"], delivery, settings, queued_at)
    # Last: making a message multipart moves what is there of Content-* into its first part.
    message["Content-Language"] = ", ".join(content["languages"])
    # The library draws a boundary for each message; everybody is to have the same bytes.
    message.set_boundary(f"=_{content_hash(canonical(content))[:40]}")
    return message.as_bytes()


def _address(name: str, address: str) -> Address:
    user, _, domain = address.rpartition("@")
    # A display name is for reading only: marks that could end it are not worth the risk.
    clean = re.sub(r"[\x00-\x1f\x7f<>@,;:\\\"]", " ", name).strip()
    return Address(display_name=clean, username=user, domain=domain)


def _thread(message: EmailMessage, leased: Leased, settings: MailSettings) -> None:
    """Tie the messages of a case together (RFC 5322, 3.6.4), and name the list of a batch."""
    number = leased.facts["case"]["number"]
    root = f"<{number}@{settings.domain}>"
    message["References"] = root
    message["In-Reply-To"] = root
    if leased.batch:
        message["List-Id"] = f"{leased.name} <{leased.name}.{settings.domain}>"


def _invite(
    message: EmailMessage,
    invitation: Mapping[str, Any],
    delivery: Delivery,
    settings: MailSettings,
    queued_at: datetime,
) -> None:
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
    for address in delivery.addresses:
        event.add("attendee", vCalAddress(f"mailto:{address}"), encode=False)
    calendar = Calendar()
    calendar.add("prodid", "-//Arrimage//FR")
    calendar.add("version", "2.0")
    method = "CANCEL" if cancels else "REQUEST"
    calendar.add("method", method)
    calendar.add_component(event)
    message.add_alternative(
        calendar.to_ical().decode(), subtype="calendar", params={"method": method}
    )

"""Reports of what could not be delivered, written as mail servers write them; no address is real."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import format_datetime

WHEN = datetime(2026, 11, 16, 15, 5, tzinfo=UTC)


@dataclass(frozen=True)
class Notice:
    """What a report is about.

    `original` is the address that was written to, `final` the one that it ended at.
    """

    message_id: str
    original: str
    final: str = ""
    report: str = "<20261116150500.8A1B2C3@mx.example.org>"
    action: str = "failed"
    status: str = "5.1.1"
    said: str = "550 5.1.1 User unknown"
    at: datetime = WHEN

    @property
    def last(self) -> str:
        return self.final or self.original

    @property
    def date(self) -> str:
        return format_datetime(self.at)

    def but(self, **changes) -> Notice:
        return replace(self, **changes)


def _bytes(text: str) -> bytes:
    return text.lstrip("\n").replace("\n", "\r\n").encode()


def postfix(n: Notice) -> bytes:
    return _bytes(f"""
Return-Path: <>
Received: by relais.example.org (Postfix) id 4A2F91C0D3; {n.date}
Date: {n.date}
From: MAILER-DAEMON@relais.example.org (Mail Delivery System)
Subject: Undelivered Mail Returned to Sender
To: arrimage@example.org
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status;
	boundary="9C31B1C0D1.1794845100/relais.example.org"
Content-Transfer-Encoding: 8bit
Message-Id: {n.report}

This is a MIME-encapsulated message.

--9C31B1C0D1.1794845100/relais.example.org
Content-Description: Notification
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: 8bit

This is the mail system at host relais.example.org.

I'm sorry to have to inform you that your message could not
be delivered to one or more recipients. It's attached below.

<{n.last}>: host mx.ecole.example.org[192.0.2.25] said: {n.said}
    (in reply to RCPT TO command)

--9C31B1C0D1.1794845100/relais.example.org
Content-Description: Delivery report
Content-Type: message/delivery-status

Reporting-MTA: dns; relais.example.org
X-Postfix-Queue-ID: 9C31B1C0D1
X-Postfix-Sender: rfc822; arrimage@example.org
Arrival-Date: {n.date}

Final-Recipient: rfc822; {n.last}
Original-Recipient: rfc822;{n.original}
Action: {n.action}
Status: {n.status}
Remote-MTA: dns; mx.ecole.example.org
Diagnostic-Code: smtp; {n.said}

--9C31B1C0D1.1794845100/relais.example.org
Content-Description: Undelivered Message
Content-Type: message/rfc822
Content-Transfer-Encoding: 8bit

Return-Path: <arrimage@example.org>
From: Institut <arrimage@example.org>
To: {n.original}
Subject: Formation de techniciens
Message-ID: {n.message_id}
Auto-Submitted: auto-generated
MIME-Version: 1.0
Content-Type: multipart/alternative; boundary="=_0123456789"

--=_0123456789
Content-Type: text/plain; charset="utf-8"

La fiche.

--=_0123456789--

--9C31B1C0D1.1794845100/relais.example.org--
""")


def exim(n: Notice) -> bytes:
    return _bytes(f"""
Return-path: <>
Received: from Debian-exim by relais.example.org with local (Exim 4.96)
	id 1tBx2k-000Abc-1Q
	for arrimage@example.org; {n.date}
X-Failed-Recipients: {n.last}
Auto-Submitted: auto-replied
From: Mail Delivery System <Mailer-Daemon@relais.example.org>
To: arrimage@example.org
References: {n.message_id}
Content-Type: multipart/report; report-type=delivery-status; boundary=1794845100-eximdsn-804289383
MIME-Version: 1.0
Subject: Mail delivery failed: returning message to sender
Message-Id: {n.report}
Date: {n.date}

--1794845100-eximdsn-804289383
Content-type: text/plain; charset=us-ascii

This message was created automatically by mail delivery software.

A message that you sent could not be delivered to one or more of its
recipients. This is a permanent error. The following address(es) failed:

  {n.last}
    host mx.ecole.example.org [192.0.2.25]
    SMTP error from remote mail server after RCPT TO:<{n.last}>:
    {n.said}

--1794845100-eximdsn-804289383
Content-type: message/delivery-status

Reporting-MTA: dns; relais.example.org

Action: {n.action}
Final-Recipient: rfc822;{n.last}
Status: {n.status}
Remote-MTA: dns; mx.ecole.example.org
Diagnostic-Code: smtp; {n.said}

--1794845100-eximdsn-804289383
Content-type: text/rfc822-headers

Return-path: <arrimage@example.org>
From: Institut <arrimage@example.org>
To: {n.original}
Subject: Formation de techniciens
Message-ID: {n.message_id}

--1794845100-eximdsn-804289383--
""")


def exchange(n: Notice) -> bytes:
    return _bytes(f"""
Received: from PR01.PROD.OUTLOOK.EXAMPLE.ORG (2001:db8::1) by PR02.prod.outlook.example.org
 with Microsoft SMTP Server; {n.date}
From: Microsoft Outlook <MicrosoftExchange329e71ec88ae4615bbc36ab6ce41109e@ecole.example.org>
To: <arrimage@example.org>
Date: {n.date}
Content-Type: multipart/report; report-type=delivery-status;
	boundary="34f9ea27-ed64-4fdd-9c2a-3f5c0b8f1f0b"
X-MS-Exchange-Message-Is-Ndr:
Content-Language: fr-CA
Message-ID: {n.report}
In-Reply-To: {n.message_id}
References: {n.message_id}
Subject: =?utf-8?B?Non_remis_:_Formation?=
Auto-Submitted: auto-replied

--34f9ea27-ed64-4fdd-9c2a-3f5c0b8f1f0b
Content-Type: multipart/alternative; differences=Content-Type;
	boundary="d9f6a3ea-2f0c-4a38-b4bb-7d7a0e7c0b9a"

--d9f6a3ea-2f0c-4a38-b4bb-7d7a0e7c0b9a
Content-Type: text/plain; charset="utf-8"
Content-Transfer-Encoding: base64

TGUgbWVzc2FnZSBuJ2EgcGFzIMOpdMOpIHJlbWlzLg==

--d9f6a3ea-2f0c-4a38-b4bb-7d7a0e7c0b9a
Content-Type: text/html; charset="utf-8"
Content-Transfer-Encoding: quoted-printable

<html><body><p>Le message n'a pas =C3=A9t=C3=A9 remis.</p></body></html>

--d9f6a3ea-2f0c-4a38-b4bb-7d7a0e7c0b9a--

--34f9ea27-ed64-4fdd-9c2a-3f5c0b8f1f0b
Content-Type: message/delivery-status

Reporting-MTA: dns;PR02.prod.outlook.example.org
Received-From-MTA: dns;PR01.PROD.OUTLOOK.EXAMPLE.ORG
Arrival-Date: {n.date}

Final-Recipient: rfc822;{n.last}
Action: {n.action}
Status: {n.status}
Diagnostic-Code: smtp;{n.said}
X-Display-Name: {n.last}

--34f9ea27-ed64-4fdd-9c2a-3f5c0b8f1f0b
Content-Type: message/rfc822

ARC-Seal: i=1; a=rsa-sha256; s=arcselector10001; cv=none; b=AAAA
From: Institut <arrimage@example.org>
To: <{n.original}>
Subject: Formation de techniciens
Message-ID: {n.message_id}
Content-Type: text/plain; charset="utf-8"

La fiche.

--34f9ea27-ed64-4fdd-9c2a-3f5c0b8f1f0b--
""")


def gmail(n: Notice) -> bytes:
    return _bytes(f"""
Return-Path: <>
From: Mail Delivery Subsystem <mailer-daemon@googlemail.example.org>
To: arrimage@example.org
Auto-Submitted: auto-replied
Subject: Delivery Status Notification (Failure)
References: {n.message_id}
In-Reply-To: {n.message_id}
X-Failed-Recipients: {n.last}
Message-ID: {n.report}
Date: {n.date}
MIME-Version: 1.0
Content-Type: multipart/report; boundary="000000000000a1b2c305f0e1d2c3"; report-type=delivery-status

--000000000000a1b2c305f0e1d2c3
Content-Type: multipart/related; boundary="000000000000a1b2c905f0e1d2c9"

--000000000000a1b2c905f0e1d2c9
Content-Type: multipart/alternative; boundary="000000000000a1b2d105f0e1d2d1"

--000000000000a1b2d105f0e1d2d1
Content-Type: text/plain; charset="UTF-8"

** Adresse introuvable **

Votre message n'a pas ete remis a {n.last}.

--000000000000a1b2d105f0e1d2d1
Content-Type: text/html; charset="UTF-8"

<html><body>Adresse introuvable</body></html>

--000000000000a1b2d105f0e1d2d1--
--000000000000a1b2c905f0e1d2c9
Content-Type: image/png; name="icon.png"
Content-Disposition: attachment; filename="icon.png"
Content-Transfer-Encoding: base64

iVBORw0KGgo=
--000000000000a1b2c905f0e1d2c9--
--000000000000a1b2c305f0e1d2c3
Content-Type: message/delivery-status

Reporting-MTA: dns; googlemail.example.org
Received-From-MTA: dns; arrimage@example.org
Arrival-Date: {n.date}
X-Original-Message-ID: {n.message_id}

Final-Recipient: rfc822; {n.last}
Action: {n.action}
Status: {n.status}
Remote-MTA: dns; mx.ecole.example.org. (192.0.2.25, the server for the domain ecole.example.org.)
Diagnostic-Code: smtp; {n.said}
Last-Attempt-Date: {n.date}

--000000000000a1b2c305f0e1d2c3
Content-Type: message/rfc822

From: Institut <arrimage@example.org>
To: {n.original}
Subject: Formation de techniciens
Message-ID: {n.message_id}
Content-Type: text/plain; charset="utf-8"

La fiche.

--000000000000a1b2c305f0e1d2c3--
""")


def qmail(n: Notice) -> bytes:
    """A report that follows no standard: it can only be recognised, and says no reason apart."""
    return _bytes(f"""
Return-Path: <>
Date: {n.date}
From: MAILER-DAEMON@ecole.example.org
To: arrimage@example.org
Subject: failure notice
Message-ID: {n.report}

Hi. This is the qmail-send program at ecole.example.org.
I'm afraid I wasn't able to deliver your message to the following addresses.
This is a permanent error; I've given up. Sorry it didn't work out.

<{n.last}>:
{n.said}

--- Below this line is a copy of the message.

Return-Path: <arrimage@example.org>
From: Institut <arrimage@example.org>
To: {n.original}
Message-ID: {n.message_id}
Subject: Formation de techniciens

La fiche.
""")


STANDARD = {"Postfix": postfix, "Exim": exim, "Exchange": exchange, "Gmail": gmail}
EVERY = {**STANDARD, "qmail": qmail}

"""How mail leaves and where its reports come back: servers, sender, the institute's words at the foot."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Literal

from engine.errors import Unavailable

#: Where the passwords are looked for: never in the database, the settings file, or a log.
PASSWORD_VARIABLE = "ARRIMAGE_SMTP_PASSWORD"  # noqa: S105 - a variable's name
CREDENTIAL = "smtp-password"
IMAP_PASSWORD_VARIABLE = "ARRIMAGE_IMAP_PASSWORD"  # noqa: S105 - a variable's name
IMAP_CREDENTIAL = "imap-password"


@dataclass(frozen=True, slots=True, kw_only=True)
class Institute:
    """Who writes: shown at the foot of every message (name, postal address, contact)."""

    name: str
    address: str
    email: str
    phone: str = ""
    website: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MailSettings:
    """The mail server.

    Attributes:
        host: Its name or address.
        port: Its port.
        security: `starttls` (required, not tried), `tls` from the first byte, or `none`, which is
            only for a server on this machine.
        username: For AUTH; empty for none.
        sender: The address in From and MAIL FROM.
        institute: Who writes.
        timeout: Seconds to wait for any reply.
        connections: How many letters, each with its own content, may leave side by side.
        held: How many connections a diffusion may hold at once; fewer where the server says so.
        loopback_only: A rehearsal: refuse any server but one on this machine.
    """

    host: str = "127.0.0.1"
    port: int = 25
    security: Literal["starttls", "tls", "none"] = "starttls"
    username: str = ""
    sender: str = "arrimage@example.org"
    institute: Institute = field(
        default_factory=lambda: Institute(name="Institut", address="", email="")
    )
    timeout: float = 60.0
    connections: int = 8
    held: int = 100
    loopback_only: bool = False

    @property
    def domain(self) -> str:
        """The right side of our Message-IDs and List-Ids."""
        return self.sender.rpartition("@")[2]

    def check(self) -> None:
        """Raise `Unavailable` when these settings would send in clear, or out of a rehearsal."""
        _check(self, "mail", "a rehearsal only sends to this machine")

    def password(self) -> str:
        """Return the password from the environment or from systemd's credentials, else empty."""
        return _secret(CREDENTIAL, PASSWORD_VARIABLE)


@dataclass(frozen=True, slots=True, kw_only=True)
class BounceSettings:
    """Where reports of what could not be delivered come back: a file, or a mailbox over IMAP.

    Attributes:
        mailbox: A file (mbox, or one message) or a Maildir folder; empty for IMAP.
        host: The IMAP server; empty for a file.
        port: Its port.
        security: `tls` from the first byte, `starttls` (required, not tried), or `none`, which is only
            for a server on this machine.
        username: The account.
        folder: The folder that is read.
        done: Where a report goes once it is recorded; empty to leave it there, marked as seen.
        every: Minutes between two readings while `inbox serve` runs.
        timeout: Seconds to wait for any reply.
        loopback_only: A rehearsal: refuse any server but one on this machine.
    """

    mailbox: str = ""
    host: str = ""
    port: int = 993
    security: Literal["tls", "starttls", "none"] = "tls"
    username: str = ""
    folder: str = "INBOX"
    done: str = ""
    every: int = 5
    timeout: float = 60.0
    loopback_only: bool = False

    @property
    def is_set(self) -> bool:
        """Whether there is anything to read."""
        return bool(self.mailbox or self.host)

    def check(self) -> None:
        """Raise `Unavailable` when these settings would read in clear, or out of a rehearsal."""
        _check(self, "bounces", "a rehearsal only reads from this machine")

    def password(self) -> str:
        """Return the password from the environment or from systemd's credentials, else empty."""
        return _secret(IMAP_CREDENTIAL, IMAP_PASSWORD_VARIABLE)


def _check(settings: MailSettings | BounceSettings, what: str, rehearsing: str) -> None:
    if is_loopback(settings.host):
        return
    if settings.loopback_only:
        raise Unavailable(what, f"{rehearsing} ({settings.host})")
    if settings.security == "none":
        raise Unavailable(what, f"mail must be encrypted: starttls or tls ({settings.host})")


def _secret(credential: str, variable: str) -> str:
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    if folder and (Path(folder) / credential).exists():
        return (Path(folder) / credential).read_text(encoding="utf-8").strip()
    return os.environ.get(variable, "")


def is_loopback(host: str) -> bool:
    """Tell whether a host is this machine, by its address or its fixed name (RFC 6761, 6.3)."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False

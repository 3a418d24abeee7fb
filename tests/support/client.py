"""A plain SMTP client that stages and releases by hand: smtplib, and no code of the product."""

from __future__ import annotations

import re
import smtplib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

HOW = ("DATA", "BDAT")


class Client(smtplib.SMTP):
    """Connected and greeted; in a context, it leaves without a word."""

    def __init__(self, port: int) -> None:
        super().__init__("127.0.0.1", port, timeout=20)
        self.ehlo()

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self, recipients: Sequence[str]) -> None:
        """Begin a transaction; every recipient must be accepted."""
        self.mail("sender@example.org")
        replies = [self.rcpt(r)[0] for r in recipients]
        assert set(replies) == {250}, replies

    def stage(self, recipients: Sequence[str], body: bytes, how: str) -> None:
        """Give all but the release; the body's lines end as they should."""
        self.start(recipients)
        if how == "BDAT":
            assert self.chunk(body)[0] == 250
            return
        assert self.docmd("DATA")[0] == 354
        self.send(re.sub(rb"(?m)^\.", b"..", body))

    def chunk(self, content: bytes, *, last: bool = False) -> tuple[int, bytes]:
        """Send one chunk and return the reply (RFC 3030)."""
        self.send(b"BDAT %d%s\r\n" % (len(content), b" LAST" if last else b"") + content)
        return self.getreply()

    def send_release(self, how: str) -> None:
        self.send(b".\r\n" if how == "DATA" else b"BDAT 0 LAST\r\n")

    def release(self, how: str) -> tuple[int, bytes]:
        """Say the last word and return the reply."""
        self.send_release(how)
        return self.getreply()

    def is_dropped(self) -> bool:
        """Wait for the server to say something; tell whether it has left instead."""
        assert self.sock is not None
        try:
            return self.sock.recv(1) == b""
        except ConnectionResetError:
            return True

"""A real SMTP server on this machine, with the faults that servers have.

In a test: `with MailServer() as server`. As a process of its own, so that it outlives whoever is killed:
`python -m tests.support.mail PORT FOLDER [FAULT…]`.
"""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
import threading
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from aiosmtpd.controller import Controller

if TYPE_CHECKING:
    from email.message import EmailMessage

    from aiosmtpd.smtp import SMTP


@dataclass
class Received:
    """A message as it was accepted."""

    sender: str
    recipients: list[str]
    content: bytes

    @property
    def message(self) -> EmailMessage:
        return message_from_bytes(self.content, policy=policy.default)


@dataclass
class Faults:
    """What goes wrong, by recipient address (`*` for all)."""

    refuse_rcpt: dict[str, str] = field(default_factory=dict)
    after_dot: dict[str, str] = field(default_factory=dict)
    drop_after_dot: set[str] = field(default_factory=set)
    drop_in_data: set[str] = field(default_factory=set)
    slow: float = 0.0


class _Handler:
    def __init__(self, server: MailServer) -> None:
        self.server = server

    async def handle_RCPT(
        self, server: Any, session: Any, envelope: Any, address: str, options: Any
    ) -> str:
        reply = _for(self.server.faults.refuse_rcpt, address)
        if reply:
            return reply
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Any, envelope: Any) -> str:
        faults, first = self.server.faults, envelope.rcpt_tos[0]
        if faults.slow:
            await asyncio.sleep(faults.slow)
        if first in faults.drop_in_data:
            server.transport.abort()
            return "421 gone"
        reply = _for(faults.after_dot, first)
        if reply:
            return reply
        self.server.keep(
            Received(envelope.mail_from, list(envelope.rcpt_tos), envelope.original_content)
        )
        if first in faults.drop_after_dot:
            server.transport.abort()
        return f"250 2.0.0 Ok: queued as {len(self.server.received):04d}"


def _for(replies: dict[str, str], address: str) -> str | None:
    return replies.get(address) or replies.get("*")


class MailServer:
    """The server; `received` grows as messages are accepted."""

    def __init__(self, port: int | None = None, folder: Path | None = None) -> None:
        self.received: list[Received] = []
        self.faults = Faults()
        self.folder = folder
        self.port = port or free_port()
        self._lock = threading.Lock()
        self._controller = Controller(
            _Handler(self), hostname="127.0.0.1", port=self.port, ready_timeout=10
        )

    def keep(self, received: Received) -> None:
        with self._lock:
            self.received.append(received)
            if self.folder is not None:
                name = f"{len(self.received):05d}-{received.recipients[0]}.eml"
                part = self.folder / f".{name}"
                part.write_bytes(received.content)
                part.rename(self.folder / name)

    def to(self, address: str) -> list[Received]:
        return [r for r in self.received if address in r.recipients]

    def __enter__(self) -> Self:
        self._controller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._controller.stop()


def free_port() -> int:
    """Return a port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def main() -> None:
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    folder = Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    with MailServer(int(sys.argv[1]), folder) as server:
        for fault in sys.argv[3:]:
            name, _, value = fault.partition("=")
            if name == "slow":
                server.faults.slow = float(value)
        print("ready", flush=True)  # noqa: T201 - whoever started us waits for it
        stop.wait()


if __name__ == "__main__":
    main()

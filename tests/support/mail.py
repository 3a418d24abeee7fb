"""A real SMTP server on this machine, with the faults that servers have (`tests.support.faults`).

In a test: `with MailServer() as server`. As a process of its own, so that it outlives whoever is killed, can
be killed itself, and takes no time from whoever is measured: `with MailProcess(folder, "slow=0.02") as server`,
which is `python -m tests.support.mail PORT FOLDER [FAULT…]`.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from email import message_from_bytes, policy
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TextIO

from aiosmtpd.controller import Controller

from tests.support import certificates, smtpd
from tests.support.faults import Faults, of, parse

if TYPE_CHECKING:
    from collections.abc import Callable
    from email.message import EmailMessage

ROOT = Path(__file__).parents[2]
JOURNAL = "accepted.jsonl"


@dataclass(frozen=True, kw_only=True)
class Received:
    """A message as it was accepted.

    Attributes:
        sender: Of the envelope.
        recipients: Of the envelope, in the order in which they were given.
        content: The bytes as they were received, dots unstuffed.
        how: `DATA` or `BDAT`.
        at: When, in nanoseconds since 1970, by the server's process.
        monotonic: The same on the machine's monotonic clock, also in nanoseconds.
        connection: A number of its own for each connection.
        encrypted: Whether it came over TLS.
    """

    sender: str
    recipients: list[str]
    content: bytes
    how: str
    at: int
    monotonic: int
    connection: int
    encrypted: bool

    @property
    def message(self) -> EmailMessage:
        return message_from_bytes(self.content, policy=policy.default)


@dataclass(frozen=True, kw_only=True)
class Held:
    """A message that a client has begun and not released: so many bytes of it are here."""

    connection: int
    recipients: list[str]
    size: int


class MailServer:
    """The server, in a thread; `received` grows as messages are accepted.

    Attributes:
        faults: What goes wrong; may be changed at any time.
        received: What was accepted, in order.
        connections: How many were made, but for those turned away.
        turned_away: How many were told 421.
        most: How many there were at once, at most.
    """

    def __init__(
        self, port: int | None = None, folder: Path | None = None, faults: Faults | None = None
    ) -> None:
        """Prepare; entering the context starts.

        Args:
            port: A free one by default.
            folder: Where each message becomes a file, with a line in `accepted.jsonl`; nowhere by default.
            faults: Those that must be there from the start.
        """
        self.received: list[Received] = []
        self.faults = faults or Faults()
        self.folder = folder
        self.port = port or free_port()
        self.hooks = smtpd.Hooks(self)
        self.live: set[smtpd.SMTP] = set()
        self.connections = self.turned_away = self.most = 0
        self._journal: TextIO | None = None
        self._kept = len(list(folder.glob("*.eml"))) if folder is not None else 0
        self._controller = _Controller(self)

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        return self._controller.loop

    def connected(self) -> asyncio.BaseProtocol:
        """Return who speaks with a new client."""
        if self.faults.connections and len(self.live) >= self.faults.connections:
            self.turned_away += 1
            return smtpd.TurnedAway()
        self.connections += 1
        protocol = smtpd.SMTP(self, self.connections)
        self.live.add(protocol)
        self.most = max(self.most, len(self.live))
        return protocol

    async def decide(
        self, smtp: smtpd.SMTP, envelope: smtpd.Envelope, content: bytes, how: str
    ) -> str | None:
        """Return the reply to a whole message, or nothing where the connection is gone."""
        faults, recipients = self.faults, envelope.rcpt_tos
        if faults.slow:
            await asyncio.sleep(faults.slow)
        if of(faults.drop_in_data, recipients):
            return smtp.drop()
        refusal = of(faults.after_dot, recipients)
        if isinstance(refusal, str):
            return refusal
        number = self._keep(Received(
            sender=envelope.mail_from, recipients=list(recipients), content=content, how=how,
            at=time.time_ns(), monotonic=time.monotonic_ns(), connection=smtp.number,
            encrypted=smtp.transport.get_extra_info("sslcontext") is not None,
        ))  # fmt: skip
        if faults.slow_reply:
            await asyncio.sleep(faults.slow_reply)
        if of(faults.drop_after_dot, recipients):
            return smtp.drop()
        return f"250 2.0.0 Ok: queued as {number:04d}"

    def _keep(self, received: Received) -> int:
        self.received.append(received)
        self._kept += 1
        if self._journal is not None:
            self._write(f"{self._kept:05d}-{received.recipients[0]}.eml", received)
        return self._kept

    def _write(self, name: str, received: Received) -> None:
        part = self.folder / f".{name}"
        part.write_bytes(received.content)
        part.rename(self.folder / name)
        facts = {k: v for k, v in vars(received).items() if k != "content"}
        self._journal.write(json.dumps({"file": name, **facts}) + "\n")

    def to(self, address: str) -> list[Received]:
        return [r for r in self.received if address in r.recipients]

    def held(self) -> list[Held]:
        """Return what clients have begun and not released, as it is now."""
        now = [(p.number, p.envelope, p.held) for p in list(self.live)]
        return [
            Held(connection=number, recipients=list(envelope.rcpt_tos), size=size)
            for number, envelope, size in sorted(now, key=lambda found: found[0])
            if size is not None
        ]

    def __enter__(self) -> Self:
        if (
            self.folder is not None
        ):  # line by line: whoever kills us loses nothing that was accepted
            self.folder.mkdir(parents=True, exist_ok=True)
            self._journal = (self.folder / JOURNAL).open("a", buffering=1, encoding="utf-8")
        self._controller.start()
        # Starting made a connection of its own: it does not count.
        until(lambda: not self.live)
        self.connections = self.turned_away = self.most = 0
        return self

    def __exit__(self, *_: object) -> None:
        self.loop.call_soon_threadsafe(self._drop_all)
        self._controller.stop()
        if self._journal is not None:
            self._journal.close()

    def _drop_all(self) -> None:
        for protocol in list(self.live):
            protocol.drop()


class _Controller(Controller):
    def __init__(self, server: MailServer) -> None:
        implicit = server.faults.tls == "implicit"
        certificate = server.faults.certificate
        super().__init__(
            None,
            hostname="127.0.0.1",
            port=server.port,
            ready_timeout=10,
            ssl_context=certificates.made(certificate).context() if implicit else None,
        )
        self._server = server

    def factory(self) -> asyncio.BaseProtocol:
        return self._server.connected()

    def _create_server(self) -> Any:
        return self.loop.create_server(
            self._factory_invoker, self.hostname, self.port, ssl=self.ssl_context, backlog=2048
        )


class MailProcess:
    """The server as a process; it can be killed, and started again on the same port and folder."""

    def __init__(self, folder: Path, *faults: str, port: int | None = None) -> None:
        self.folder = folder
        self.port = port or free_port()
        self._words = [
            sys.executable,
            "-m",
            "tests.support.mail",
            str(self.port),
            str(folder),
            *faults,
        ]
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Start, and return once it listens."""
        self._process = subprocess.Popen(
            self._words, cwd=ROOT, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline().strip() == "ready"

    def kill(self, number: int = signal.SIGKILL) -> None:
        """End it, by default at any instruction; not an error if it has ended."""
        if self._process is not None:
            self._process.send_signal(number)
            self._process.communicate(timeout=20)
            self._process = None

    @property
    def received(self) -> list[Received]:
        """What was accepted so far, by all the processes of this folder; not a half-written last line."""
        journal = self.folder / JOURNAL
        lines = (
            journal.read_text(encoding="utf-8").splitlines(keepends=True)
            if journal.exists()
            else []
        )
        found = [json.loads(line) for line in lines if line.endswith("\n")]
        return [Received(content=(self.folder / f.pop("file")).read_bytes(), **f) for f in found]

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill(signal.SIGTERM)


def free_port() -> int:
    """Return a port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(
    done: Callable[[], bool], words: Callable[[], str] = lambda: "", *, seconds: float = 20.0
) -> None:
    """Wait until something is so.

    Raises:
        TimeoutError: It is not, after so long; with these words.
    """
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not so after {seconds} s: {words()}")
        time.sleep(0.002)


def main() -> None:
    stop, parent = threading.Event(), os.getppid()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    with MailServer(int(sys.argv[1]), Path(sys.argv[2]), parse(sys.argv[3:])):
        print("ready", flush=True)  # noqa: T201 - whoever started us waits for it
        while os.getppid() == parent and not stop.wait(1):
            pass


if __name__ == "__main__":
    main()

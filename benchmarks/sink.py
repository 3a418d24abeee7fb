"""A mail server that keeps nothing but each message's name: a process of its own beside what is measured.

`python -m benchmarks.sink PORT`; at SIGTERM it prints the Message-ID of every message it accepted.
"""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from aiosmtpd.controller import Controller

from tests.support.mail import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

_NAME = re.compile(rb"(?im)^message-id: *(\S+)")


class _Handler:
    def __init__(self) -> None:
        self.names: list[str] = []

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        found = _NAME.search(envelope.original_content)
        self.names.append(found[1].decode() if found else "?")
        return "250 OK"


class Sink:
    """The running server: its port, and the names once it has stopped."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.names: list[str] = []


@contextmanager
def sink() -> Iterator[Sink]:
    """Run it; after the block, `names` has the Message-IDs in the order they were accepted."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.sink", str(port)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        process.stdout.readline()
        running = Sink(port)
        yield running
    finally:
        process.terminate()
        running.names = process.communicate()[0].split()


def main() -> None:
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    handler = _Handler()
    controller = Controller(handler, hostname="127.0.0.1", port=int(sys.argv[1]), ready_timeout=10)
    controller.start()
    print("ready", flush=True)
    stop.wait()
    controller.stop()
    print("\n".join(handler.names))


if __name__ == "__main__":
    main()

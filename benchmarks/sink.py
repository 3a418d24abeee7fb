"""A mail server that writes nothing down: a process of its own beside what is measured.

`python -m benchmarks.sink PORT`; at SIGTERM it prints the Message-ID of every message it accepted.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.support.mail import MailServer, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator


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
    with MailServer(int(sys.argv[1])) as server:
        print("ready", flush=True)
        stop.wait()
        names = [r.message["Message-ID"] for r in server.received]
    print("\n".join(names))


if __name__ == "__main__":
    main()

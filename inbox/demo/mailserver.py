"""A mail server for demonstrations: it accepts on this machine only, and keeps what it receives.

`python -m inbox.demo.mailserver DOSSIER` serves the workspace of that folder, on the port that its
settings name, until it is stopped; each message is a file in `courrier/`.
"""

from __future__ import annotations

import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from aiosmtpd.controller import Controller

from inbox.workspace import load

if TYPE_CHECKING:
    from aiosmtpd.smtp import SMTP, Envelope, Session

FOLDER = "courrier"


class Keeper:
    """Keeps every message as `0001-premier-destinataire.eml`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.count = len(list(folder.glob("*.eml")))
        self.lock = threading.Lock()

    async def handle_DATA(  # noqa: N802 - the server's own name
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        """Write the message, then accept it."""
        del server, session
        with self.lock:
            self.count += 1
            number = self.count
        first = envelope.rcpt_tos[0].replace("/", "_")
        content = envelope.original_content or b""
        (self.folder / f"{number:04d}-{first}.eml").write_bytes(content)
        return f"250 2.0.0 Ok: queued as {number:04d}"


def start(home: Path) -> Controller:
    """Start the server of a workspace and return what stops it."""
    settings = load(home).mail_settings()
    controller = Controller(
        Keeper(home / FOLDER), hostname="127.0.0.1", port=settings.port, ready_timeout=10
    )
    controller.start()
    return controller


def main() -> None:
    """Serve until stopped."""
    home = Path(sys.argv[1] if len(sys.argv) > 1 else "demo").resolve()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_frame: stop.set())
    controller = start(home)
    print(f"Courrier local sur 127.0.0.1:{controller.port}, gardé dans {home / FOLDER}", flush=True)
    stop.wait()
    controller.stop()


if __name__ == "__main__":
    main()

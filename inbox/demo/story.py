"""What tells a story in a workspace: typed commands, a clock in the hand, a local mail server."""

from __future__ import annotations

import os
import shlex
import socket
import subprocess
import sys
from contextlib import contextmanager
from email import message_from_bytes, policy
from typing import TYPE_CHECKING

from inbox.demo.mailserver import FOLDER

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Demo:
    """Types commands in a workspace, at the dates of a story, and shows what they answer."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.now = "2026-11-16T09:00"
        self.typed = 0

    def step(self, title: str) -> None:
        """Announce a part of the story."""
        print(f"\n=== {title} ===", flush=True)

    def at(self, now: str) -> None:
        """Move the rehearsal's clock."""
        self.now = now

    def inbox(self, *words: str, quiet: bool = False, expect: int = 0) -> str:
        """Type a command, show it and its answer; stop the story when it does not end as told."""
        self.typed += 1
        print(f"[{self.now}] $ inbox {shlex.join(words)}", flush=True)
        done = subprocess.run(
            [sys.executable, "-m", "inbox", *words],
            env={**os.environ, "INBOX_HOME": str(self.home), "INBOX_NOW": self.now,
                 "PYTHONUTF8": "1"},
            check=False, capture_output=True, text=True, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        answer = done.stdout + "".join(
            line + "\n" for line in done.stderr.splitlines() if not line.startswith("RÉPÉTITION")
        )
        if not quiet or done.returncode != expect:
            for line in answer.rstrip().splitlines():
                print(f"    {line}", flush=True)
        if done.returncode != expect:
            sys.exit(f"La démonstration s'arrête : code {done.returncode} au lieu de {expect}.")
        return done.stdout


    def people(self) -> None:
        """Add the fictional staff."""
        for login, name in (("conseillere", "Conseillère A"), ("conseiller", "Conseiller B")):
            self.inbox("staff", "add", login, "--name", name, "--email", f"{login}@example.org",
                       "--role", "conseiller", quiet=True)  # fmt: skip
        self.inbox("staff", "change", "conseillere", "--substitute", "conseiller", quiet=True)

    def message(self, pattern: str, lines: int) -> None:
        """Show the first message that the mail server kept under such a name."""
        folder = self.home / FOLDER
        kept = len([*folder.glob("*.eml")])
        print(f"    Messages gardés dans {folder} : {kept}. L'un d'eux :")
        first = min(folder.glob(pattern))
        message = message_from_bytes(first.read_bytes(), policy=policy.default)
        body = message.get_body(("plain",))
        shown = [f"À : {message['To']}", f"Objet : {message['Subject']}", ""]
        shown += (body.get_content() if body else "").splitlines()[:lines]
        for line in shown:
            print(f"    | {line}")

    @contextmanager
    def mail_server(self) -> Iterator[None]:
        """Run the workspace's mail server, and stop it."""
        server = subprocess.Popen(
            [sys.executable, "-m", "inbox.demo.mailserver", str(self.home)],
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert server.stdout is not None
        print(f"    {server.stdout.readline().strip()}", flush=True)
        try:
            yield
        finally:
            server.terminate()
            server.wait(timeout=10)


def free_port() -> int:
    """Return a port of this machine that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

"""The real command, in a process of its own."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


class Inbox:
    """Types commands in a workspace."""

    def __init__(self, home: Path, now: str | None = "2026-11-16T10:00") -> None:
        self.home = home
        self.now = now

    def environment(self) -> dict[str, str]:
        extra = {"INBOX_HOME": str(self.home), "PYTHONUTF8": "1", "COLUMNS": "200"}
        if self.now is not None:
            extra["INBOX_NOW"] = self.now
        return {**os.environ, **extra}

    def run(
        self, *words: str, code: int = 0, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "inbox", *words],
            cwd=ROOT,
            env={**self.environment(), **environment},
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
        )
        assert done.returncode == code, (words, done.returncode, done.stdout, done.stderr)
        return done

    def __call__(self, *words: str, code: int = 0) -> str:
        return self.run(*words, code=code).stdout

    def json(self, *words: str, code: int = 0) -> dict[str, Any]:
        return json.loads(self.run(*words, "--json", code=code).stdout)

    def start(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "inbox", *words],
            cwd=ROOT,
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            stdin=subprocess.DEVNULL,
        )


def moved(made: Inbox, home: Path, port: int) -> Inbox:
    """Return a copy of a workspace elsewhere, with the mail server of that port."""
    shutil.copytree(made.home, home)
    settings = (home / "inbox.toml").read_text(encoding="utf-8")
    settings = settings.replace(str(made.home), str(home))
    settings = re.sub(r"(\[mail\].*?\nport = )\d+", rf"\g<1>{port}", settings, flags=re.DOTALL)
    (home / "inbox.toml").write_text(settings, encoding="utf-8")
    return Inbox(home)


def workspace(folder: Path, port: int = 2525, database: str | None = None) -> Inbox:
    """Make a rehearsal workspace whose first person may act as anybody."""
    inbox = Inbox(folder / "espace")
    extra = ("--database", database) if database else ()
    inbox("init", "--rehearsal", "--mail-port", str(port), "--login", "direction", *extra)
    for login in ("conseillere", "conseiller"):
        inbox("staff", "add", login, "--name", login.title(), "--email", f"{login}@example.org",
              "--role", "conseiller")  # fmt: skip
    return inbox


def complete(inbox: Inbox) -> None:
    """Bring the first request to where it can be diffused."""
    inbox("do", "1", "rechercher", "--set", "source=Web", "--set", "rien_trouve=oui")
    inbox("do", "1", "orienter", "--set", "orientation=aucune", "--set", "orientation_motif=x")
    five = ("besoins", "attentes", "entente", "ressources", "echeancier")
    inbox("do", "1", "preciser", *(w for name in five for w in ("--set", f"{name}=x")))
    inbox("do", "1", "conclure_precision")
    inbox("do", "1", "categoriser", "--set", "categorie=court_terme", "--set", "categorie_motif=x")
    inbox("do", "1", "preparer_fiche", "--set", "fiche_titre=Titre", "--set", "fiche_besoins=B")

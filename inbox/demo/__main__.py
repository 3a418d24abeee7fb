"""`make demo`: the whole work, by the commands that a person would type."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
import time
from pathlib import Path

from inbox.demo import plan, requests
from inbox.demo.story import Demo


def main() -> None:
    """Tell both stories, each in a new workspace."""
    home = Path(sys.argv[1] if len(sys.argv) > 1 else "demo").resolve()
    if home.exists() and not (home / "inbox.toml").exists() and any(home.iterdir()):
        sys.exit(f"{home} n'est pas un espace de démonstration; choisissez un autre dossier.")
    shutil.rmtree(home, ignore_errors=True)
    begun = time.monotonic()
    demo, year = Demo(home), Demo(home / "plan-2012-2013")
    requests.tell(demo)
    plan.tell(year)
    _what_next(demo, year, time.monotonic() - begun)


def _what_next(demo: Demo, plan: Demo, seconds: float) -> None:
    where = os.path.relpath(demo.home)
    print(f"""
Terminé : {demo.typed + plan.typed} commandes en {seconds:.0f} s. L'espace de travail {where}/ reste à vous :

    source .venv/bin/activate
    export INBOX_HOME={shlex.quote(str(demo.home))} INBOX_NOW=2026-11-24T14:00
    inbox                            ce qu'il y a à faire
    inbox show 4                     une demande encore ouverte, et ce qu'on peut y faire
    inbox take 4
    inbox do 4 rechercher            les champs sont demandés un à un
    inbox why 1                      pourquoi ces dates
    inbox history 1                  qui a fait quoi
    inbox process show demande       le texte adopté
    inbox export registre.xlsx       le registre de suivi
    inbox plan --home {shlex.quote(str(plan.home))}
                                     le plan d'un exercice; à côté, rapport.html et rapport.docx
    make mail                        (dans une autre fenêtre) le courrier local, puis : inbox tick
""")


if __name__ == "__main__":
    main()

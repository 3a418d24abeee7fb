"""`make demo`: several requests taken through the process by the commands that a person would type."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import socket
import subprocess
import sys
import time
from email import message_from_bytes, policy
from importlib.resources import files
from pathlib import Path

from inbox.demo.mailserver import FOLDER


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

    def number(self, *words: str) -> str:
        """Type a command in JSON and return the number of its case."""
        return str(json.loads(self.inbox(*words, "--json", quiet=True))["case"])


def main() -> None:
    """Tell the whole story in a new workspace."""
    home = Path(sys.argv[1] if len(sys.argv) > 1 else "demo").resolve()
    if home.exists() and not (home / "inbox.toml").exists() and any(home.iterdir()):
        sys.exit(f"{home} n'est pas un espace de démonstration ; choisissez un autre dossier.")
    shutil.rmtree(home, ignore_errors=True)
    begun = time.monotonic()
    demo = Demo(home)
    _set_up(demo)
    server = _mail_server(home)
    try:
        _requests(demo)
        _diffusion(demo)
        _follow_up(demo)
    finally:
        server.terminate()
        server.wait(timeout=10)
    _what_next(demo, time.monotonic() - begun)


def _set_up(demo: Demo) -> None:
    demo.step("1/6  Un espace de travail de répétition, le personnel et le réseau")
    roster = str(files("inbox") / "demo" / "partenaires.csv")
    demo.inbox("init", "--rehearsal", "--mail-port", str(_free_port()), "--login", "direction",
               "--name", "Direction (rôle fictif)", "--email", "direction@example.org")  # fmt: skip
    for login, name in (("conseillere", "Conseillère A"), ("conseiller", "Conseiller B")):
        demo.inbox("staff", "add", login, "--name", name, "--email", f"{login}@example.org",
                   "--role", "conseiller", quiet=True)  # fmt: skip
    demo.inbox("staff", "change", "conseillere", "--substitute", "conseiller", quiet=True)
    demo.inbox("partners", "import", roster)


def _requests(demo: Demo) -> None:
    demo.step("2/6  Quatre demandes arrivent de l'étranger")
    demo.inbox("register", "--as", "conseillere", "--organisation", "Office minier de l'Atlas",
               "--subject", "Formation de techniciens en géologie", "--country", "Maroc",
               "--received", "2026-11-16", "--channel", "courriel",
               "--contact", "A. Berrada <formation@atlas.example.org>")  # fmt: skip
    demo.inbox("register", "--as", "conseillere", "--organisation", "École des mines de la Lagune",
               "--subject", "Programme conjoint en minéralurgie", "--country", "Cote d'Ivoire",
               "--received", "2026-11-12", "--contact", "contact@lagune.example.org")  # fmt: skip
    demo.inbox("register", "--as", "conseiller", "--organisation", "Gold Coast Training Board",
               "--subject", "Achat de foreuses", "--country", "Ghana", quiet=True)  # fmt: skip
    demo.inbox("register", "--as", "conseiller", "--organisation", "Instituto Minero del Sur",
               "--subject", "Stages en santé et sécurité", "--country", "Chili", quiet=True)  # fmt: skip
    demo.inbox("--as", "conseillere")
    _out_of_scope(demo)
    _with_meeting(demo)
    _without_meeting(demo)


def _out_of_scope(demo: Demo) -> None:
    demo.step("3/6  Le Ghana est hors mandat ; le Maroc demande une rencontre ; la Côte d'Ivoire, non")
    demo.inbox("take", "3", "--as", "conseiller", quiet=True)
    demo.inbox("do", "3", "classer_hors_mandat", "--as", "conseiller",
               "--set", "motif_fermeture=Achat d'équipement : pas une question de formation", "--yes")  # fmt: skip
    demo.inbox("take", "1", "--as", "conseillere", quiet=True)
    demo.inbox("assign", "2", "--to", "conseillere", "--as", "conseiller", quiet=True)


def _with_meeting(demo: Demo) -> None:
    demo.at("2026-11-17T09:30")
    demo.inbox("do", "1", "rechercher", "--as", "conseillere", "--set", "source=Rapport annuel 2025",
               "--set", "constat=Trois centres de formation, 400 stagiaires par année", quiet=True)  # fmt: skip
    demo.inbox("do", "1", "orienter", "--as", "conseillere", "--set", "orientation=rencontre",
               "--set", "orientation_motif=Besoins à préciser de vive voix")  # fmt: skip
    demo.inbox("do", "1", "planifier_rencontre", "--as", "conseillere", "--set", "le=2026-11-19T10:00",
               "--set", "mode=visio", "--set", "pour_organisation=A. Berrada",
               "--set", "pour_institut=Conseillère A")  # fmt: skip
    demo.inbox("do", "1", "terminer_rencontres", "--as", "conseillere", expect=1)
    demo.inbox("tick")
    demo.at("2026-11-19T11:15")
    demo.inbox("do", "RE-2026-0001", "tenir", "--as", "conseillere",
               "--set", "compte_rendu=Accord sur les besoins ; calendrier à l'automne 2027", quiet=True)  # fmt: skip
    demo.inbox("do", "1", "terminer_rencontres", "--as", "conseillere", quiet=True)
    demo.inbox("do", "1", "preciser", "--as", "conseillere",
               "--set", "besoins=Former 60 techniciens en cartographie géologique",
               "--set", "attentes=Un programme adapté et la formation de formateurs",
               "--set", "entente=Entente de services",
               "--set", "ressources.non_obtenu=Budget voté au printemps",
               "--set", "echeancier=Début à l'automne 2027")  # fmt: skip
    demo.inbox("do", "1", "conclure_precision", "--as", "conseillere", quiet=True)
    demo.inbox("do", "1", "evaluer_horizon", "--as", "conseillere", "--set", "horizon_mois=10", quiet=True)
    demo.inbox("do", "1", "categoriser", "--as", "conseillere", "--set", "categorie=court_terme",
               "--set", "categorie_motif=Début prévu dans moins d'un an",
               "--set", "ordres=fp,collegial", quiet=True)  # fmt: skip
    demo.inbox("do", "1", "preparer_fiche", "--as", "conseillere",
               "--set", "fiche_titre=Formation de techniciens en géologie au Maroc",
               "--set", "fiche_besoins=Former 60 techniciens en cartographie géologique, et des formateurs.",
               "--set", "fiche_entente=Entente de services",
               "--set", "fiche_echeancier=Début à l'automne 2027")  # fmt: skip


def _without_meeting(demo: Demo) -> None:
    demo.inbox("do", "2", "rechercher", "--as", "conseillere", "--set", "source=Site de l'école",
               "--set", "rien_trouve=oui", quiet=True)  # fmt: skip
    demo.inbox("do", "2", "orienter", "--as", "conseillere", "--set", "orientation=ecrite",
               "--set", "orientation_motif=Un échange de courriels suffit", quiet=True)  # fmt: skip
    demo.inbox("do", "2", "attendre_demandeur", "--as", "conseillere",
               "--set", "attendu_du_demandeur=Le plan de cours actuel")  # fmt: skip


def _diffusion(demo: Demo) -> None:
    demo.step("4/6  Une occasion pour les 29 établissements, en même temps")
    demo.at("2026-11-20T10:00")
    demo.inbox("do", "1", "diffuser", "--as", "conseillere", "--yes")
    demo.inbox("tick")
    demo.step("5/6  La preuve")
    demo.inbox("diffusion", "proof", "1")
    _show_a_message(demo.home)


def _show_a_message(home: Path) -> None:
    """Show what one establishment received, as the mail server kept it."""
    kept = sorted((home / FOLDER).glob("*international@*.eml"))
    print(f"    {len(kept)} messages au réseau, gardés dans {home / FOLDER} ; l'un d'eux :")
    message = message_from_bytes(kept[0].read_bytes(), policy=policy.default)
    body = message.get_body(("plain",))
    lines = [f"À : {message['To']}", f"Objet : {message['Subject']}", ""]
    lines += (body.get_content() if body else "").splitlines()[:14]
    for line in lines:
        print(f"    | {line}")


def _follow_up(demo: Demo) -> None:
    demo.step("6/6  Le suivi, et l'inbox du jour")
    demo.at("2026-11-24T14:00")
    demo.inbox("do", "1", "consigner_interet", "--as", "conseillere", "--set", "etablissement=Abitibi-Témiscamingue",
               expect=1)  # fmt: skip
    demo.inbox("do", "1", "consigner_interet", "--as", "conseillere",
               "--set", "etablissement=Cégep de l'Abitibi-Témiscamingue", "--set", "recu_le=2026-11-24")  # fmt: skip
    demo.inbox("tick")
    demo.inbox("--as", "conseillere")
    demo.inbox("list", "--all")
    demo.inbox("verify")


def _what_next(demo: Demo, seconds: float) -> None:
    where = os.path.relpath(demo.home)
    print(f"""
Terminé : {demo.typed} commandes en {seconds:.0f} s. L'espace de travail {where}/ reste à vous :

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
    make mail                        (dans une autre fenêtre) le courrier local, puis : inbox tick
""")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _mail_server(home: Path) -> subprocess.Popen[str]:
    server = subprocess.Popen(
        [sys.executable, "-m", "inbox.demo.mailserver", str(home)], stdout=subprocess.PIPE, text=True
    )
    assert server.stdout is not None
    print(f"    {server.stdout.readline().strip()}", flush=True)
    return server


if __name__ == "__main__":
    main()

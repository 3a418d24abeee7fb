"""Every command of the adviser's guide, in its order, in one rehearsal workspace."""

import re
import shlex

from tests.support.commands import ROOT, Inbox


def blocks():
    text = (ROOT / "docs" / "guide.md").read_text(encoding="utf-8")
    return re.findall(r"```console\n(.*?)```", text, flags=re.DOTALL)


def test_every_command_of_the_guide_does_what_it_says(tmp_path, mail):
    inbox = Inbox(tmp_path / "espace", now=None)
    commands = [
        line[2:] for block in blocks() for line in block.splitlines() if line.startswith("$ ")
    ]
    assert len(commands) > 50
    for command in commands:
        words = shlex.split(command.partition("  #")[0].replace("cote d'ivoire", "cote ivoire"))
        if words[0] == "export":
            inbox.now = words[1].partition("=")[2]
            continue
        words = [
            str(tmp_path / w)
            if w.startswith(
                ("registre.", "sauvegarde.", "rapport.", "echeances.", "attestation.", "dessin.")
            )
            else w
            for w in words
        ]
        if words[1:3] == ["init", "--rehearsal"]:
            words += ["--mail-port", str(mail.port), "--login", "direction"]
        inbox(*words[1:], code=2 if "refusé" in command else 0)
    shown = inbox("show", "DI-2026-0003")
    assert "DI-2026-0002" in shown
    errata = [r for r in mail.received if "Erratum" in r.message["Subject"]]
    assert len({address for r in errata for address in r.recipients}) == 29
    assert (tmp_path / "registre.xlsx").stat().st_size > 5000

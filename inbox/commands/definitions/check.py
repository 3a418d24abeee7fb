"""`definitions check`: everything that is wrong in definitions, before anything runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from inbox import examination, findings, sarif
from inbox.command import command
from inbox.main import REFUSED
from inbox.output import say, show_json
from inbox.texts import _, n_

if TYPE_CHECKING:
    from inbox.app import App
    from inbox.examination import Examination


@command(
    "check",
    help=_(
        "Prouver des définitions : tout ce qui n'y va pas, à sa place, et le chemin qui le montre. Un "
        "processus et celui de ses dossiers enfants se donnent ensemble; ceux qui sont livrés et ceux de "
        "l'espace de travail sont connus. Rien n'est installé; il ne faut pas d'espace de travail. Code de "
        "sortie : 0 rien à redire, 1 des constats, 2 un fichier illisible."
    ),
    examples=[
        "inbox definitions check pret.yaml",
        "inbox definitions check workflows/*.yaml --templates templates",
        "inbox definitions check pret.yaml --sarif > pret.sarif",
    ],
)
@click.argument(
    "files", metavar="FICHIER…", nargs=-1, required=True, type=click.Path(path_type=Path)
)
@click.option(
    "--templates",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help=_(
        "Les gabarits à essayer d'abord, avant ceux d'un dossier templates/ à côté et de l'espace de travail."
    ),
)
@click.option("--sarif", "as_sarif", is_flag=True, help=_("Répondre en SARIF 2.1.0."))
def check(app: App, files: tuple[Path, ...], templates: Path | None, *, as_sarif: bool) -> None:
    done = examination.examine(app, list(dict.fromkeys(files)), templates)
    if as_sarif:
        click.echo(
            json.dumps(sarif.log([*done.findings, *done.unproved]), ensure_ascii=False, indent=2)
        )
    elif app.json:
        show_json(_json(done))
    else:
        _show(done)
    if done.findings:
        raise click.exceptions.Exit(REFUSED)


def _show(done: Examination) -> None:
    for finding in done.findings:
        for line in findings.lines(finding):
            say(line)
    for file in done.files:
        if file.compiled is not None and not file.found:
            d = file.compiled
            counts = ", ".join([
                n_("{n} état", "{n} états", len(d.states)),
                n_("{n} action", "{n} actions", len(d.actions)),
                n_("{n} minuterie", "{n} minuteries", len(d.timers)),
                n_("{n} message", "{n} messages", len(d.notifications)),
            ])  # fmt: skip
            say(_("{file} : rien à redire ({counts}).", file=file.path, counts=counts))
    for finding in done.unproved:
        say(findings.lines(finding)[0])
    if done.findings:
        say()
        say(n_("{n} constat.", "{n} constats.", len(done.findings)))
    if done.unproved:
        say(n_("{n} chose n'a pas été regardée : elle n'est ni bonne ni mauvaise.",
               "{n} choses n'ont pas été regardées : elles ne sont ni bonnes ni mauvaises.",
               len(done.unproved)))  # fmt: skip


def _json(done: Examination) -> dict[str, Any]:
    return {
        "sound": not done.findings,
        "files": [
            {"file": str(f.path), "process": None if f.compiled is None else f.compiled.key,
             "version": None if f.compiled is None else f.compiled.version, "findings": f.found}
            for f in done.files
        ],
        "findings": [findings.as_json(f) for f in done.findings],
        "not_proved": [findings.as_json(f) for f in done.unproved],
    }  # fmt: skip

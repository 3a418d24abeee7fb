"""`definitions draw`: a definition as a picture."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import click

from inbox.command import command
from inbox.commands.export import form_of, write_atomically
from inbox.output import say, show_json
from inbox.texts import _

if TYPE_CHECKING:
    from engine.definition.compiled import CompiledDefinition
    from inbox.app import App

#: The module of `inbox.drawing` that writes each format, by the end of a file's name.
_FORMATS = {".mmd": "mermaid", ".svg": "svg", ".bpmn": "bpmn"}


@command(
    "draw",
    help=_(
        "Dessiner une définition : Mermaid (.mmd) pour une page, SVG (.svg) pour lire ou imprimer, "
        "BPMN 2.0 (.bpmn) pour un modeleur."
    ),
    examples=[
        "inbox definitions draw pret.yaml --output pret.svg",
        "inbox definitions draw pret.yaml --output pret.bpmn --lang en",
        "inbox definitions draw pret.yaml --format mermaid",
    ],
)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--format", "form", type=click.Choice(list(_FORMATS.values())),
              help=_("Sinon, d'après la fin du nom; sans fichier, mermaid."))  # fmt: skip
@click.option("--output", metavar="FICHIER", type=click.Path(dir_okay=False, path_type=Path),
              help=_("Où l'écrire; sinon à l'écran."))  # fmt: skip
def draw(app: App, file: Path, form: str | None, output: Path | None) -> None:
    form = form or ("mermaid" if output is None else form_of(output, _FORMATS))
    definition = _compiled(file)
    text = _drawn(definition, form)
    if output is not None:
        write_atomically(output, text.encode(), mode=0o644)
    if app.json:
        show_json({
            "process": definition.key, "version": definition.version, "format": form,
            "file": None if output is None else str(output),
            "drawing": text if output is None else None,
        })  # fmt: skip
    elif output is None:
        say(text.rstrip("\n"))
    else:
        say(_("Dessin écrit dans {file}", file=output))


def _compiled(file: Path) -> CompiledDefinition:
    """Return a definition that stands; one that does not is refused with its findings.

    Drawing reads no template and counts no day, so no workspace is needed.
    """
    from engine.calendar import Calendar
    from engine.definition.compiler import compile_definition
    from inbox.workspace import definition_text

    return compile_definition(
        definition_text(file), path=str(file), calendar=Calendar(), templates=None
    )


def _drawn(definition: CompiledDefinition, form: str) -> str:
    from inbox.drawing import process

    text: str = import_module(f"inbox.drawing.{form}").write(process.graph(definition))
    return text

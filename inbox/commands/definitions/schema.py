"""`definitions schema`: the JSON Schema of the language, for editors."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from engine.definition.schema import json_schema
from inbox.command import command
from inbox.texts import _

if TYPE_CHECKING:
    from inbox.app import App


@command(
    "schema",
    help=_(
        "Imprimer le schéma JSON (2020-12) du langage. Un éditeur qui a yaml-language-server complète et "
        "souligne alors pendant que l'on écrit : gardez-le dans un fichier, et commencez la définition par "
        "« # yaml-language-server: $schema=arrimage.schema.json »."
    ),
    examples=["inbox definitions schema > workflows/arrimage.schema.json"],
)
def schema(_app: App) -> None:
    click.echo(json.dumps(json_schema(), ensure_ascii=False, indent=2))

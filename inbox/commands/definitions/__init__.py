"""`definitions`: prove, draw, rehearse, compare, install and migrate processes, before and while they run."""

from __future__ import annotations

from inbox.command import LazyGroup
from inbox.texts import _

definitions = LazyGroup(
    "definitions",
    lazy={
        "check": ("definitions.check", "check", _("Prouver une définition avant de l'installer")),
        "schema": ("definitions.schema", "schema", _("Le schéma qui aide un éditeur à écrire")),
        "draw": ("definitions.draw", "draw", _("Dessiner une définition (Mermaid, SVG, BPMN)")),
        "test": ("definitions.test", "test", _("Jouer les scénarios d'une définition")),
        "diff": ("definitions.diff", "diff", _("Dire ce qui change d'une version à l'autre")),
        "install": ("definitions.install", "install", _("Installer une nouvelle version")),
        "migrate": ("definitions.migrate", "migrate", _("Faire passer les dossiers à une version")),
    },
    help=_("Changer un processus en sûreté : le prouver, le dessiner, l'essayer, l'installer."),
    examples=["inbox definitions check pret.yaml"],
)

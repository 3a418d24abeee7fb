"""The `inbox` command: its commands by name, and the one place where errors become exit codes.

0 done · 1 refused by the process · 2 wrong usage · 3 somebody else was faster · 4 the environment is at
fault (database, disk, mail server).
"""

from __future__ import annotations

import logging
import os
import sys
from typing import TYPE_CHECKING, NoReturn

from inbox import texts
from inbox.texts import _

if TYPE_CHECKING:
    import click

#: Set by the shell when TAB is pressed.
COMPLETION = "_INBOX_COMPLETE"
DONE, REFUSED, USAGE, CONFLICT, ENVIRONMENT = range(5)


def main() -> NoReturn:
    """Run the command and leave with its exit code."""
    texts.use(texts.choose(sys.argv[1:], os.environ))
    sys.exit(run(sys.argv[1:]))


def run(argv: list[str]) -> int:
    """Run one command and return its exit code; nothing but the code leaves this function."""
    debug = "--debug" in argv
    logging.basicConfig(
        level=logging.DEBUG if debug else logging.ERROR,
        format="%(levelname)s %(name)s: %(message)s",
    )
    import click

    from inbox import failures

    if COMPLETION in os.environ:
        from inbox import completion

        completion.register()
    try:
        code = group().main(argv, prog_name="inbox", standalone_mode=False)
    except click.exceptions.Exit as leave:
        return leave.exit_code
    except click.Abort:
        print(_("Interrompu : rien n'a été changé."), file=sys.stderr)
        return USAGE
    except BrokenPipeError:
        # Whoever was reading has seen enough; the interpreter must not complain at the end either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except Exception as error:
        if debug:
            raise
        return failures.tell(error, as_json="--json" in argv)
    return code if isinstance(code, int) else DONE


def group() -> click.Group:
    """Return the group of all commands, in the language of this run."""
    import click

    from inbox.app import Common
    from inbox.command import LazyGroup

    made = LazyGroup(
        "inbox",
        lazy=_commands(),
        invoke_without_command=True,
        help=_(
            "Arrimage : l'inbox de l'Institut. Sans commande : ce que j'ai à faire aujourd'hui, le plus "
            "urgent d'abord."
        ),
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    )

    @click.pass_context
    def today(ctx: click.Context) -> None:
        ctx.ensure_object(Common)
        if ctx.invoked_subcommand is None:
            from inbox.app import App
            from inbox.commands.today import show_today

            show_today(App(ctx.obj))

    made.callback = today
    return made


def _commands() -> dict[str, tuple[str, str, str]]:
    return {
        "init": ("setup", "init", _("Créer un espace de travail")),
        "register": ("register", "register", _("Inscrire une demande au registre")),
        "list": ("lists", "list_", _("Lister les dossiers")),
        "search": ("lists", "search", _("Chercher un texte, sans égard aux accents")),
        "show": ("show", "show", _("Un dossier : état, liste de contrôle, ce que je peux faire")),
        "history": ("history", "history", _("Ce qui s'est passé dans un dossier")),
        "why": ("why", "why", _("Pourquoi cette date, pourquoi pas cette action")),
        "take": ("steps", "take", _("Prendre un dossier")),
        "release": ("steps", "release", _("Remettre un dossier au bureau commun")),
        "assign": ("steps", "assign", _("Confier un dossier à quelqu'un")),
        "do": ("steps", "do", _("Faire une action sur un dossier")),
        "diffusion": ("diffusion", "diffusion", _("La diffusion au réseau, et son attestation")),
        "partners": ("partners", "partners", _("Le réseau des établissements partenaires")),
        "staff": ("staff", "staff_group", _("Le personnel et ses absences")),
        "outbox": ("outbox", "outbox_group", _("Le courrier, et celui qui demande quelqu'un")),
        "plan": ("plan", "plan_group", _("Le plan stratégique : ce qui est promis, pour quand")),
        "simulate": (
            "simulate",
            "simulate",
            _("Jouer une période à blanc, sur une horloge virtuelle"),
        ),
        "report": ("report", "report", _("Le rapport annuel du plan (.xlsx, .docx, .html, .svg)")),
        "export": ("export", "export", _("Exporter le registre (.xlsx ou .csv)")),
        "verify": ("care", "verify", _("Vérifier l'intégrité de tout l'historique")),
        "tick": ("clock", "tick", _("Une passe : minuteries et courrier (pour cron)")),
        "serve": ("clock", "serve", _("Rappels et courrier, sans arrêt (service)")),
        "process": ("process", "process_group", _("Les processus adoptés")),
        "definitions": ("definitions", "definitions", _("Changer un processus en sûreté")),
        "backup": ("care", "backup", _("Sauvegarder l'espace de travail")),
        "doctor": ("care", "doctor", _("Vérifier que tout est en ordre")),
        "completion": ("setup", "completion", _("La complétion pour votre shell")),
    }

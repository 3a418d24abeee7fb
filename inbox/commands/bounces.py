"""`outbox bounces`: what other servers reported about our mail after our relay had accepted it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from engine import returns
from inbox.command import command
from inbox.output import say, show_json
from inbox.texts import _, clean, n_

if TYPE_CHECKING:
    from collections.abc import Iterable

    from engine.returns import Effect
    from inbox.app import App
    from notifications.bounces import Tally
    from notifications.mailboxes import Letters


@command(
    "bounces",
    help=_(
        "Lire les avis de non-remise (RFC 3464) et les rattacher aux envois : un fichier (un message, ou "
        "mbox), un dossier Maildir, ou la boîte de [bounces] par IMAP. Un avis ne compte qu'une fois."
    ),
    examples=[
        "inbox outbox bounces avis.eml",
        "inbox outbox bounces /var/mail/arrimage --dry-run",
        "inbox outbox bounces --imap",
    ],
)
@click.argument("files", metavar=_("FICHIER…"), nargs=-1, type=click.Path(path_type=Path))
@click.option("--imap", is_flag=True, help=_("Lire la boîte de [bounces] dans inbox.toml."))
@click.option("--dry-run", is_flag=True, help=_("Dire ce qui serait consigné; ne rien changer."))
def bounces(app: App, files: tuple[Path, ...], imap: bool, dry_run: bool) -> None:
    if bool(files) == imap:
        raise click.UsageError(_("Nommez des fichiers, ou --imap."))
    tally = _read(app, files, keep=not dry_run)
    if app.json:
        show_json(as_json(tally, dry_run=dry_run))
        return
    say_effects(tally.effects, dry_run=dry_run)
    _say_rest(tally)


def _read(app: App, files: tuple[Path, ...], *, keep: bool) -> Tally:
    from notifications.bounces import Tally, read_all
    from notifications.mailboxes import Filed, Imap

    settings = app.workspace.bounce_settings()
    if not files and not settings.host:
        raise click.UsageError(_("Il n'y a pas de serveur (host) sous [bounces] dans inbox.toml."))
    tally = Tally()
    # All of them are looked for before any is read.
    boxes: list[Letters] = [Filed(path) for path in files] or [Imap(settings)]
    for box in boxes:
        with box as letters:
            read_all(app.database, letters, app.now, tally, keep=keep)
    return tally


def say_effects(effects: Iterable[Effect], *, dry_run: bool = False) -> None:
    """Say what each report changed, a line an address."""
    from inbox.commands.outbox import states

    words, actions = states(), _actions()
    for effect in effects:
        told = effect.returned
        said = told.reason or _("sans motif")
        say(clean(f"{effect.number or effect.message} · {effect.name} · {told.address} · "
                  f"{actions[told.action]}{_(' : ')}{said}"))  # fmt: skip
        if not told.current:
            say(_("  À propos d'un envoi précédent : consigné, sans effet."))
            continue
        say(_("  Envoi {n} : {state}", n=told.delivery_id, state=words[effect.state]))
    if dry_run:
        say(_("Rien n'a été changé."))


def _actions() -> dict[str, str]:
    return {
        "failed": _("non remis"),
        "delayed": _("retardé"),
        "delivered": _("remis"),
        "relayed": _("relayé plus loin"),
        "expanded": _("distribué à une liste"),
    }


def _say_rest(tally: Tally) -> None:
    recorded = len(tally.effects)
    say(", ".join((
        n_("{n} message lu", "{n} messages lus", tally.messages),
        n_("{n} avis trouvé", "{n} avis trouvés", tally.reports),
        n_("{n} constat nouveau", "{n} constats nouveaux", recorded),
        n_("{n} déjà consigné", "{n} déjà consignés", tally.known),
    )) + ".")  # fmt: skip
    if tally.waiting:
        say(n_("{n} avis sur un envoi en cours : à relire plus tard.",
               "{n} avis sur des envois en cours : à relire plus tard.", tally.waiting))  # fmt: skip
    if tally.elsewhere:
        say(n_("{n} avis ne porte pas sur notre courrier : laissé.",
               "{n} avis ne portent pas sur notre courrier : laissés.", tally.elsewhere))  # fmt: skip
    if tally.not_understood:
        say(n_("{n} message n'est pas un avis, ou ne se comprend pas : laissé.",
               "{n} messages ne sont pas des avis, ou ne se comprennent pas : laissés.",
               tally.not_understood))  # fmt: skip
    for stranger in tally.strangers:
        say(clean(_("Notre message, mais une adresse à laquelle il n'a pas été envoyé : {address}. "
                    "À lire par quelqu'un.", address=stranger)))  # fmt: skip


def as_json(tally: Tally, *, dry_run: bool) -> dict[str, Any]:
    """Return what was read in its documented shape."""
    return {
        "dry_run": dry_run,
        "messages": tally.messages,
        "reports": tally.reports,
        "known": tally.known,
        "waiting": tally.waiting,
        "elsewhere": tally.elsewhere,
        "not_understood": tally.not_understood,
        "strangers": tally.strangers,
        "recorded": [
            {"delivery": e.returned.delivery_id, "case": e.number, "message": e.message,
             "name": e.name, "state": e.state, **returns.as_json(e.returned)}
            for e in tally.effects
        ],
    }  # fmt: skip

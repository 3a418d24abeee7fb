"""`diffusion rehearse`: everything but the end, with the real relay; nobody receives anything."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import click

from engine.folding import fold
from inbox import mailwords
from inbox.command import command
from inbox.commands.diffusion.batch import batch_option, message_option
from inbox.commands.diffusion.coming import coming, written
from inbox.lookup import CASE
from inbox.main import DONE, REFUSED
from inbox.output import say, show_json, strong, table, wrapped
from inbox.texts import _, clean, n_
from notifications.decision import refused_whole

if TYPE_CHECKING:
    from inbox.app import App
    from notifications.rehearsal import Rehearsed


@command(
    "rehearse",
    help=_("Répéter avec le vrai relais : tout lui donner, sauf la fin du message. Personne ne reçoit "
           "rien, et l'on sait qui serait refusé."),
    examples=["inbox diffusion rehearse 7", "inbox diffusion rehearse 7 --json"],
)  # fmt: skip
@click.argument("case", type=CASE)
@message_option
@batch_option
def rehearse(app: App, case: str, message: str, batch: int | None) -> None:
    from notifications.rehearsal import rehearsal

    found, leased = coming(app, case, message, batch)
    parcels = written(app, leased)
    settings = app.workspace.mail_settings()
    done = asyncio.run(rehearsal(leased, parcels, settings, app.clock))
    if app.json:
        show_json({"case": found.number, "message": message, **_as_json(done)})
    else:
        _show(found.number, done)
    raise click.exceptions.Exit(REFUSED if done.refused else DONE)


def _as_json(done: Rehearsed) -> dict[str, Any]:
    return {
        "recipients": done.recipients,
        "refused": [{"name": d.name, "addresses": list(d.addresses), "state": o.state,
                     "reply": o.reply} for d, o in done.refused],
        "transactions": done.transactions, "waves": done.waves, "shape": done.shape,
        "verdict": done.verdict, "server": done.server,
    }  # fmt: skip


def _show(number: str, done: Rehearsed) -> None:
    taken = done.recipients - len(done.refused)
    say(strong(_("{number} — {taken}/{all} seraient pris par le relais; personne n'a rien reçu",
                 number=number, taken=taken, all=done.recipients)))  # fmt: skip
    if taken:
        say(_shape(done))
    whole = None if taken else refused_whole((o.state, o.reply) for _delivery, o in done.refused)
    if whole is not None:
        say(wrapped(clean(_("Le relais ne prend l'envoi pour personne, quelles que soient les adresses : {reply}",
                            reply=mailwords.said(whole)))))  # fmt: skip
    elif done.refused:
        rows = [
            (d.name, ", ".join(d.addresses), mailwords.said(o.reply))
            for d, o in sorted(done.refused, key=lambda r: fold(r[0].name))
        ]
        table(rows, [_("Établissement"), _("Adresse"), _("Réponse du relais")])
    if done.refused:
        say(clean(_verdict(done)))


def _shape(done: Rehearsed) -> str:
    if done.shape == "one":
        return _("En une seule transaction : une acceptation, la même pour tous.")
    if done.shape == "waves":
        return n_("Le relais ne tient pas tout à la fois : {n} vague.",
                  "Le relais ne tient pas tout à la fois : {n} vagues, l'une après l'autre.",
                  done.waves)  # fmt: skip
    return n_("En {n} transaction, libérée d'un coup.",
              "En {n} transactions, libérées ensemble.", done.transactions)  # fmt: skip


def _verdict(done: Rehearsed) -> str:
    if done.verdict == "released":
        return _(
            "Selon la règle, les autres la recevraient, et ceux-ci seraient à régler aussitôt."
        )
    return _("Selon la règle, personne ne la recevrait tant que ce n'est pas réglé.")

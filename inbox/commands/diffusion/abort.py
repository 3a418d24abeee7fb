"""`diffusion abort`: stop it while nobody has anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from engine import diffusion
from engine.errors import Reason, Refused
from engine.timers import run_case
from inbox.command import command
from inbox.commands.diffusion.batch import (
    PUBLIC_REASON,
    batch_option,
    message_option,
    read,
    ways_on,
)
from inbox.commands.outbox import decided, note
from inbox.lookup import CASE, find
from inbox.output import say, show_json, wrapped
from inbox.texts import _

if TYPE_CHECKING:
    from inbox.app import App


@command(
    "abort",
    help=_(
        "Arrêter une diffusion tant que personne n'a rien. Elle repart telle quelle par inbox diffusion "
        "send; ou bien l'envoi se retire, et la fiche se corrige."
    ),
    examples=['inbox diffusion abort 7 --reason "erreur dans la fiche"'],
)
@click.argument("case", type=CASE)
@message_option
@batch_option
@click.option("--reason", required=True, help=PUBLIC_REASON)
def abort(app: App, case: str, message: str, batch: int | None, reason: str) -> None:
    found, account = read(app, case, message, batch)
    decision = decided(app, reason)
    with app.database.write() as connection:
        try:
            stopped = diffusion.call_off(
                connection, account.outbox_id, now=app.now, decision=decision
            )
        except diffusion.TooLate as error:
            raise _refused(found.number, "too_late") from error
        if not stopped:
            raise _refused(found.number, "nothing_coming")
        note(app, connection, "abort", {"message": account.outbox_id, **decision})
    run_case(app.engine, found.id)
    if app.json:
        show_json({"case": found.number, "message": message, "stopped": stopped})
        return
    say(_("{number} — arrêtée; personne n'a rien reçu.", number=found.number))
    for line in ways_on(app, find(app, found.number), account, nobody=True):
        say(wrapped(f"→ {line}", "  "))


def _refused(number: str, code: str) -> Refused:
    return Refused((Reason(code=code),), number=number, action="abort")

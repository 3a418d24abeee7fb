"""`diffusion send`: diffuse, or go on after a refusal was mended."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from engine import diffusion, outbox
from engine.errors import NotAllowed, NotFound
from engine.resending import send_again
from inbox.app import ADMINISTRATION
from inbox.command import command
from inbox.commands.clock import one_pass
from inbox.commands.diffusion.batch import (
    PUBLIC_REASON,
    batch_option,
    explained,
    message_option,
    named,
    read,
    waits,
)
from inbox.commands.outbox import decided, note, present_addresses
from inbox.form import confirm
from inbox.lookup import CASE, find
from inbox.main import DONE, REFUSED
from inbox.output import on_terminal, say, show_json, strong, wrapped
from inbox.texts import _

if TYPE_CHECKING:
    from typing import Any

    from engine.diffusion import Account
    from inbox.app import App

RULES = ("all_or_nothing", "proceed_and_remedy")


@command(
    "send",
    help=_("Diffuser à tout le réseau, ou reprendre une diffusion après avoir réglé un refus. La direction "
           "peut s'écarter de la règle adoptée, avec un motif, qui figure à l'attestation."),
    examples=[
        "inbox diffusion send 7",
        'inbox diffusion send 7 --rule proceed_and_remedy --reason "établissement fermé pour travaux"',
    ],
)  # fmt: skip
@click.argument("case", type=CASE)
@message_option
@batch_option
@click.option("--rule", type=click.Choice(RULES), help=_("La règle de cette reprise, si ce n'est pas celle "
                                                         "qui a été adoptée."))  # fmt: skip
@click.option("--reason", default="", help=PUBLIC_REASON)
@click.option("--yes", is_flag=True, help=_("Ne pas demander de confirmation."))
def send(
    app: App,
    case: str,
    message: str,
    batch: int | None,
    rule: str | None,
    reason: str,
    yes: bool,
) -> None:
    if rule is not None and not reason.strip():
        raise click.UsageError(_("S'écarter de la règle demande un motif : --reason."))
    if not yes:
        if not on_terminal():
            raise click.UsageError(_("Une diffusion ne se rattrape pas : confirmez par --yes."))
        confirm(_("Diffuser maintenant à tout le réseau?"))
    found = find(app, case)
    if batch is None:
        _queue(app, found, message)
    _found, account = read(app, found.number, message, batch)
    _again(app, account, rule, reason)
    report = one_pass(app)[1]
    found, account = read(app, found.number, message, batch)
    _tell(app, found, account, report.fault)
    well = all(c.state in outbox.DONE for c in account.copies)
    raise click.exceptions.Exit(DONE if well else REFUSED)


def _queue(app: App, found: Any, message: str) -> None:
    """Unless it is queued, take the action of the process that sends this message: the same as `inbox do`."""
    with app.database.read() as connection:
        if outbox.standing_message(connection, found.id, message) is not None:
            return
    sending = found.definition.sending(message, found.line.state)
    if sending is None:
        raise NotFound("message", message)
    app.engine.advance(found.id, sending.name, {}, app.actor)


def _again(app: App, account: Account, rule: str | None, reason: str) -> None:
    """Queue again, together, those who were refused, called off or put off, under the rule asked for."""
    decision = decided(app, reason)
    ids = [c.delivery for c in account.copies
           if c.state in outbox.REFUSED or (c.state in outbox.RETRIED and c.attempts)]  # fmt: skip
    with app.database.write() as connection:
        if rule is not None and rule != account.rule:
            if not app.person.roles & ADMINISTRATION:
                raise NotAllowed("not_administration", login=app.person.login)
            diffusion.depart(connection, account.outbox_id, rule, decision)
            note(
                app, connection, "depart", {"message": account.outbox_id, "rule": rule, **decision}
            )
        if ids:
            addresses = present_addresses(app, connection, ids)
            send_again(app.engine, connection, ids, decision=decision, addresses=addresses)
            note(app, connection, "retry", {"deliveries": ids, **decision})


def _tell(app: App, found: Any, account: Account, fault: str | None) -> None:
    made = explained(app, found, account)
    if app.json:
        states: dict[str, int] = {}
        for copy in account.copies:
            states[copy.state] = states.get(copy.state, 0) + 1
        show_json({"case": found.number, "message": account.message, "states": states,
                   "said": made.headline(), "mail_fault": fault})  # fmt: skip
        return
    say(strong(wrapped(f"{found.number} — {made.headline()}")))
    for line in waits(app, found, account):
        say(wrapped(f"→ {line}", "  "))
    say(f"  → inbox diffusion status {found.number}{named(app, found, account)}")

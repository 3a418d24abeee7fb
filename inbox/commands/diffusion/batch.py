"""The batch that a command is about, and who certifies it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from engine import diffusion, outbox
from inbox import dates, mailwords
from inbox.lookup import BATCH, NUMBER, find
from inbox.texts import _, lang
from notifications.certificate import issuing
from notifications.certificate.document import PUBLIC
from notifications.certificate.explanation import Explanation
from notifications.certificate.words import Speech
from notifications.decision import refused_whole

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from engine.diffusion import Account
    from inbox.app import App
    from inbox.lookup import Case

#: The batch that is meant when nothing is said.
MESSAGE = "diffusion"
#: What is said of the reason of a decision about everybody.
PUBLIC_REASON = _(
    "Pourquoi. Le motif d'un arrêt ou d'un écart à la règle figure à l'attestation, que chacun peut lire : "
    "n'y nommez personne."
)


def message_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the option that names another batch than the diffusion itself."""
    option = click.option(
        "--message",
        type=BATCH,
        default=MESSAGE,
        show_default=True,
        help=_("Un autre envoi groupé : erratum, reponse_reseau, rappel_interets."),
    )
    return option(function)


def batch_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the option that names an earlier batch of the same name."""
    option = click.option(
        "--batch",
        type=click.IntRange(1),
        shell_complete=NUMBER.shell_complete,
        help=_("Le combientième envoi de ce nom : 1 pour le premier; sinon, le dernier."),
    )
    return option(function)


def read(app: App, reference: str, message: str, batch: int | None = None) -> tuple[Case, Account]:
    """Return the case that is meant, and all that is known of its batch of that name, the last by default.

    Raises:
        NotFound: No such batch has been queued.
    """
    case = find(app, reference)
    app.settle_interrupted()
    with app.database.read() as connection:
        return case, diffusion.account(connection, case.id, message, batch)


def named(app: App, case: Case, account: Account) -> str:
    """Return what names a batch after its case in a command: the options that it takes, none by default."""
    message = "" if account.message == MESSAGE else f" --message {account.message}"
    with app.database.read() as connection:
        every = outbox.messages_named(connection, case.id, account.message)
    number = every.index(account.outbox_id) + 1
    return message if number == len(every) else f"{message} --batch {number}"


def ways_on(app: App, case: Case, account: Account, *, nobody: bool) -> list[str]:
    """Return what can be done about a batch that somebody does not have: send it, or take it back."""
    options = named(app, case, account)
    said = [
        _("Pour l'envoyer à qui ne l'a pas : inbox diffusion send {number}", number=case.number)
        + options
    ]
    back = case.definition.taking_back(account.message, case.line.state)
    if nobody and back is not None and "--batch" not in options:  # the last one is taken back
        said.append(_("Pour la corriger, ou y renoncer : inbox do {number} {action} --note …",
                      number=case.number, action=back.name))  # fmt: skip
    accepting = case.definition.accepting(account.message, case.line.state)
    if accepting is not None and not (nobody and back is not None):
        said.append(_("Si rien ne peut être fait, la direction peut accepter qu'il manque : inbox do {number} {action}",
                      number=case.number, action=accepting.name))  # fmt: skip
    return said


def waits(app: App, case: Case, account: Account) -> list[str]:
    """Return what is tried again by itself, when, and the fault of the mail server that it waits out."""
    due = [
        c.again_at for c in account.copies if c.again_at is not None and c.state in outbox.RETRIED
    ]
    if not due:
        return []
    # It is taken up a little before the instant that it is set for, and leaves at that instant.
    at = dates.moment(max(min(due), account.not_before), app.workspace.calendar)
    fault = account.runs[-1].reason.get("fault") if account.runs else None
    if fault is None:
        return [_("Cela part tout seul, le {at} : inbox serve, ou inbox tick", at=at)]
    return [
        _("Le serveur de courrier est en défaut : {detail}. Rien n'est perdu; nouvel essai le {at} (inbox "
          "serve, ou inbox tick), ou tout de suite : inbox diffusion send {number}",
          detail=mailwords.said(fault), at=at, number=account.case + named(app, case, account))
    ]  # fmt: skip


def whole(account: Account) -> str | None:
    """Return why the relay refused the sending itself, whoever it is to; None when it did not."""
    # What a transmission carried was refused after its end, if at all.
    return refused_whole(("" if c.transmission else c.state, c.reply) for c in account.copies)


def office(app: App) -> issuing.Office:
    """Return who certifies here: the institute."""
    return issuing.Office(
        institute=app.workspace.institute["name"], zone=str(app.workspace.calendar.zone)
    )


def signing_key(app: App) -> Ed25519PrivateKey:
    """Return the workspace's key.

    Raises:
        click.UsageError: The workspace has no key, or it is not one.
    """
    from notifications.certificate.signing import private_key

    path = app.home / "keys" / "signing.pem"
    try:
        return private_key(path)
    except (FileNotFoundError, ValueError) as error:
        raise click.UsageError(
            _("La clé de signature manque ou n'en est pas une : {file}. Reprenez-la d'une sauvegarde.",
              file=path)
        ) from error  # fmt: skip


def explained(app: App, case: Case, account: Account) -> Explanation:
    """Return the explanation of a batch as it stands, with the names that its staff may see."""
    facts = issuing.facts(app.database, account, case.definition, office(app), app.now)
    order = sorted(account.copies, key=lambda c: (c.position, c.delivery))
    people = [d.by for d in account.decisions if d.action in PUBLIC]
    return Explanation(facts, Speech(lang()), lambda line: order[line - 1].name, people)

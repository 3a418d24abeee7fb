"""`outbox`: the mail of the workspace, and the decisions that only a person can take."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from engine import journal, outbox, returns, roster
from engine.resending import send_again
from inbox import dates, mailwords
from inbox.command import LazyGroup, command, taking_a_value
from inbox.lookup import CASE, find
from inbox.output import say, show_json, table, wrapped
from inbox.texts import _, clean, n_

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from engine.outbox import Listed
    from engine.returns import Returned
    from inbox.app import App

#: The roster that the shipped process writes to.
NETWORK = "reseau"


class _Outbox(LazyGroup):
    """`inbox outbox` lists; `inbox outbox 7` lists one case's; `retry` and `resolve` decide."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        # While the shell completes, what follows may still become `retry`: nothing is put before it.
        asked = {"--help", "-h"} & set(args) or ctx.resilient_parsing
        first = _first_word(args)
        if (first is None and not asked) or (
            first is not None and first not in self.list_commands(ctx)
        ):
            args = ["list", *args]
        return super().parse_args(ctx, args)


def _first_word(args: list[str]) -> str | None:
    """Return the first word that is neither an option nor the value of one."""
    taking = taking_a_value(outbox_group, list_)
    words = iter(args)
    for typed in words:
        if typed in taking:
            next(words, None)
        elif not typed.startswith("-"):
            return typed
    return None


outbox_group = _Outbox(
    "outbox",
    help=_("Le courrier. Sans rien : la liste; --failed : ce qui demande quelqu'un."),
    examples=[
        "inbox outbox",
        "inbox outbox --failed",
        "inbox outbox 7",
        'inbox outbox retry 12 --reason "adresse corrigée"',
        "inbox outbox bounces /var/mail/arrimage",
    ],
    lazy={
        "bounces": ("bounces", "bounces", _("Lire les avis de non-remise, et les rattacher.")),
    },
)


def states() -> dict[str, str]:
    """Return the states of a delivery in words."""
    return {
        "queued": _("en file"),
        "releasing": _("en cours d'envoi"),
        "accepted": _("accepté par le relais"),
        "deferred": _("remis à plus tard"),
        "deferred_rcpt": _("destinataire remis à plus tard"),
        "refused": _("refusé"),
        "refused_rcpt": _("destinataire refusé"),
        "uncertain": _("incertain"),
        "staging_failed": _("pas pris par le serveur"),
        "lost_before_dot": _("interrompu avant l'envoi"),
        "aborted": _("annulé"),
        "cancelled": _("retiré, rien n'est parti"),
        "confirmed": _("confirmé par une personne"),
        "resend_authorised": _("renvoi autorisé"),
        "bounced": _("revenu"),
        "delayed": _("accepté, retardé ensuite"),
    }


@command("list", help=_("Lister le courrier."),
         examples=["inbox outbox", "inbox outbox --failed", "inbox outbox 7 --json"])  # fmt: skip
@click.argument("case", type=CASE, required=False)
@click.option("--failed", is_flag=True, help=_("Ce qui demande quelqu'un."))
@click.option("--limit", type=click.IntRange(1, 100_000), default=200, show_default=True)
def list_(app: App, case: str | None, failed: bool, limit: int) -> None:
    case_id = None if case is None else find(app, case).id
    app.settle_interrupted()
    with app.database.read() as connection:
        found = outbox.list_deliveries(connection, failed=failed, case_id=case_id, limit=limit)
        came_back = returns.of_deliveries(connection, (d.id for d in found))
        counts = outbox.counts(connection)
    if app.json:
        show_json({"counts": counts,
                   "deliveries": [as_json(d, came_back.get(d.id, [])) for d in found]})  # fmt: skip
        return
    words = states()
    rows = [
        (d.id, d.number or "", d.message, d.name or ", ".join(d.addresses), words[d.state],
         _when(app, d), answer(d, came_back.get(d.id, [])))
        for d in found
    ]  # fmt: skip
    if rows:
        table(
            rows, [_("N°"), _("Dossier"), _("Message"), _("À"), _("État"), _("Quand"), _("Réponse")]
        )
    say(n_("{n} envoi", "{n} envois", len(rows)))
    if failed and any(d.state == "uncertain" for d in found):
        say(_("Incertain : la fin du message est partie et aucune réponse n'est venue. Cherchez le "
              "Message-ID chez le destinataire ou dans le journal du relais, puis :"))  # fmt: skip
        for line in sought(found):
            say(wrapped(line, "  "))
    if failed and any(d.state in {"refused", "refused_rcpt"} for d in found):
        say(
            _(
                "Refusé : réglez ce que dit la réponse (une adresse se corrige par inbox partners contact …), "
                "puis : inbox outbox retry N° --reason …"
            )
        )
    if failed and any(d.state == "bounced" for d in found):
        say(_("Revenu : accepté par le relais, puis rejeté par le serveur du destinataire. Corrigez "
              "l'adresse (inbox partners contact …), puis : inbox outbox retry N° --reason …"))  # fmt: skip
        say(_("S'il est arrivé malgré l'avis : inbox outbox resolve N° --confirmed --reason …"))


def sought(found: Sequence[Listed]) -> list[str]:
    """Return each Message-ID whose fate nobody knows, with the command that settles its deliveries."""
    by_message: dict[str, list[int]] = {}
    for delivery in found:
        if delivery.state == "uncertain":
            by_message.setdefault(delivery.message_id, []).append(delivery.id)
    return [
        _("Message-ID {message_id} : inbox outbox resolve {ids} --confirmed|--resend --reason …",
          message_id=message_id, ids=" ".join(map(str, sorted(ids))))
        for message_id, ids in by_message.items()
    ]  # fmt: skip


def _when(app: App, delivery: Listed) -> str:
    calendar = app.workspace.calendar
    if delivery.settled_at is not None:
        return dates.moment(delivery.settled_at, calendar)
    if delivery.next_attempt_at is not None:
        return _("essai : {at}", at=dates.moment(delivery.next_attempt_at, calendar))
    return ""


def answer(delivery: Listed, came_back: Sequence[Returned]) -> str:
    """Return what was answered about a delivery: what came back since, else the relay's reply."""
    failed = returns.failed(delivery.addresses, came_back)
    told = [f"{r.address}{_(' : ')}{r.reason}" for r in failed]
    if failed and len(failed) < len(delivery.addresses):
        told.insert(0, n_("{n} adresse sur {all} est revenue", "{n} adresses sur {all} sont revenues",
                          len(failed), all=len(delivery.addresses)))  # fmt: skip
    return clean("; ".join(told)) or mailwords.said(delivery.reply or "")


def as_json(delivery: Listed, came_back: Sequence[Returned]) -> dict[str, Any]:
    """Return a delivery, and what came back of it, in its documented shape."""
    return {
        "id": delivery.id,
        "case": delivery.number,
        "message": delivery.message,
        "recipient": delivery.recipient,
        "name": delivery.name,
        "addresses": list(delivery.addresses),
        "newcomer": delivery.newcomer,
        "state": delivery.state,
        "attempts": delivery.attempts,
        "queued_at": delivery.queued_at,
        "next_attempt_at": delivery.next_attempt_at,
        "released_at": delivery.released_at,
        "settled_at": delivery.settled_at,
        "reply": delivery.reply,
        "message_id": delivery.message_id,
        "resolution": delivery.resolution,
        "returns": [returns.as_json(r) for r in came_back],
    }


@command("retry", help=_("Renvoyer ce qui a été refusé ou est revenu, aux adresses d'aujourd'hui."),
         examples=['inbox outbox retry 12 --reason "adresse corrigée"'])  # fmt: skip
@click.argument("ids", nargs=-1, type=int, required=True)
@click.option("--reason", required=True, help=_("Pourquoi (consigné)."))
def retry(app: App, ids: tuple[int, ...], reason: str) -> None:
    decision = decided(app, reason)
    with app.database.write() as connection:
        addresses = present_addresses(app, connection, ids)
        done = send_again(app.engine, connection, ids, decision=decision, addresses=addresses)
        if done:
            note(app, connection, "retry", {"deliveries": list(ids), **decision})
    if not done:
        raise click.UsageError(_("Rien à renvoyer : inbox outbox --failed"))
    _told(app, n_("{n} envoi repart.", "{n} envois repartent.", done), done)


def present_addresses(app: App, connection: Connection, ids: Sequence[int]) -> dict[int, list[str]]:
    """Return the present addresses of the members concerned: one may have been corrected."""
    members = {m.id: m for m in roster.active(connection, NETWORK, app.today)}
    found = {}
    for delivery in outbox.list_deliveries(connection, ids=ids):
        kind, _sep, key = delivery.recipient.partition(":")
        if kind == "member" and int(key) in members and members[int(key)].contacts:
            found[delivery.id] = [c.email for c in members[int(key)].contacts]
    return found


@command("resolve", help=_("Trancher un envoi incertain ou revenu : il est arrivé, ou il faut le renvoyer."),
         examples=['inbox outbox resolve 12 --confirmed --reason "vu dans le journal du relais"',
                   'inbox outbox resolve 12 13 14 --resend --reason "le relais n\'en a rien"'])  # fmt: skip
@click.argument("ids", nargs=-1, type=int, required=True)
@click.option("--confirmed", "verdict", flag_value="confirmed", help=_("Il est arrivé."))
@click.option("--resend", "verdict", flag_value="resend_authorised",
              help=_("Le renvoyer, au risque d'un double."))  # fmt: skip
@click.option("--reason", required=True, help=_("Pourquoi (consigné)."))
def resolve(app: App, ids: tuple[int, ...], verdict: str | None, reason: str) -> None:
    if verdict is None:
        raise click.UsageError(_("Choisissez : --confirmed ou --resend."))
    decision, wanted = decided(app, reason), list(dict.fromkeys(ids))
    app.settle_interrupted()
    with app.database.write() as connection:
        for delivery in wanted:
            if not outbox.resolve(connection, delivery, verdict, now=app.now, decision=decision):
                raise click.UsageError(
                    _(
                        "L'envoi {n} n'est ni incertain ni revenu : inbox outbox --failed",
                        n=delivery,
                    )
                )
        note(app, connection, verdict, {"deliveries": wanted, **decision})
    _told(app, _("C'est noté."), len(wanted), leaving=verdict != "confirmed")


def decided(app: App, reason: str) -> dict[str, str]:
    """Return a person's decision on mail, as it is kept: who, when, why."""
    return {"by": app.person.login, "at": app.now.isoformat(), "reason": reason}


def note(app: App, connection: Connection, action: str, body: dict[str, Any]) -> None:
    """Write a person's decision on mail in the journal, in the caller's transaction."""
    journal.append(
        connection, actor=app.person.login, subject="outbox", action=action, body=body, at=app.now
    )


def _told(app: App, text: str, done: int, *, leaving: bool = True) -> None:
    if app.json:
        show_json({"done": done})
        return
    say(clean(text))
    if leaving:
        say(_("  Cela part à la prochaine passe : inbox tick"))


for made in (list_, retry, resolve):
    outbox_group.add_command(made)

"""`diffusion preview`: the very bytes, and to whom."""

from __future__ import annotations

import sys
from email import message_from_bytes, policy
from typing import TYPE_CHECKING, Any

import click

from engine.chain import content_hash
from inbox.command import command
from inbox.commands.diffusion.batch import batch_option, message_option
from inbox.commands.diffusion.coming import coming, is_queued, written
from inbox.lookup import CASE
from inbox.output import say, show_json, strong
from inbox.texts import _, clean, n_

if TYPE_CHECKING:
    from email.message import EmailMessage

    from inbox.app import App
    from notifications.parcels import Parcel


@command(
    "preview",
    help=_("Voir les octets mêmes qui partiront, et à qui; rien ne part."),
    examples=["inbox diffusion preview 7", "inbox diffusion preview 7 --raw > diffusion.eml"],
)
@click.argument("case", type=CASE)
@message_option
@batch_option
@click.option("--raw", is_flag=True, help=_("Les octets seuls, sans rien d'autre."))
def preview(app: App, case: str, message: str, batch: int | None, raw: bool) -> None:
    found, leased = coming(app, case, message, batch)
    parcels = written(app, leased)
    if raw:
        for parcel in parcels:
            sys.stdout.buffer.write(parcel.body)
        return
    if app.json:
        show_json({"case": found.number, "message": message, "queued": leased.case_id is not None,
                   "rule": leased.rule, "not_before": leased.not_before,
                   "messages": [_as_json(p) for p in parcels]})  # fmt: skip
        return
    say(strong(_("{number} — {n} destinataires", number=found.number, n=len(leased.deliveries))))
    say(is_queued(leased))
    for parcel in parcels:
        say()
        _show(parcel, drawn=leased.case_id is not None)


def _as_json(parcel: Parcel) -> dict[str, Any]:
    return {
        "newcomers": parcel.newcomer,
        "recipients": [{"name": d.name, "addresses": list(d.addresses)} for d in parcel.deliveries],
        "sha256": content_hash(parcel.body),
        "size": len(parcel.body),
        "content": parcel.body.decode("ascii"),
    }


def _show(parcel: Parcel, *, drawn: bool) -> None:
    read: EmailMessage = message_from_bytes(parcel.body, policy=policy.default)
    size, count = len(parcel.body), len(parcel.deliveries)
    say(n_("Un message pour {n} destinataire : {size} octets, SHA-256 {digest}",
           "Un seul message pour {n} destinataires : {size} octets, SHA-256 {digest}", count,
           size=size, digest=content_hash(parcel.body)))  # fmt: skip
    if parcel.newcomer:
        say(_("  Pour les nouveaux, qui n'ont pas eu l'envoi d'origine."))
    for name in ("From", "To", "Subject", "Date", "Message-ID"):
        say(clean(f"  {name}: {read[name]}"))
    body = read.get_body(("plain",))
    for line in (str(body.get_content()) if body is not None else "").splitlines():
        say(clean(f"  | {line}"))
    say(_("À, dans l'ordre tiré au sort :") if drawn else
        _("À (l'ordre sera tiré au sort à la mise en file) :"))  # fmt: skip
    for delivery in parcel.deliveries:
        say(clean(f"  {delivery.name} <{', '.join(delivery.addresses)}>"))

"""`diffusion proof`: who was told what, when, and what the relay replied."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import click

from engine import outbox, roster
from engine.chain import canonical
from engine.folding import fold
from inbox import dates, mailwords
from inbox.command import LazyGroup, command
from inbox.commands.interest import interest
from inbox.commands.outbox import NETWORK, as_json, states
from inbox.lookup import BATCH, CASE, find
from inbox.output import plain, say, show_json, strong, table
from inbox.texts import _, n_

if TYPE_CHECKING:
    from inbox.app import App

#: The batch whose proof is asked for.
MESSAGE = "diffusion"
diffusion = LazyGroup(
    "diffusion",
    help=_("La diffusion au réseau, et sa preuve."),
    examples=["inbox diffusion proof 7", "inbox diffusion proof 7 --message erratum --json",
              "inbox diffusion interest 7"],
)  # fmt: skip


@command(
    "proof",
    help=_("La preuve d'une diffusion : chaque établissement, l'heure, la réponse du relais."),
    examples=["inbox diffusion proof 7", "inbox diffusion proof 7 --json"],
)
@click.argument("case", type=CASE)
@click.option("--message", type=BATCH, default=MESSAGE, show_default=True,
              help=_("Un autre envoi groupé : erratum, reponse_reseau, rappel_interets."))  # fmt: skip
def proof(app: App, case: str, message: str) -> None:
    found = find(app, case)
    with app.database.read() as connection:
        proved = outbox.proof(connection, found.id, message)
        active = len(roster.active(connection, NETWORK, app.today))
    if app.json:
        show_json(_signed(app, found.number, proved))
        return
    _print(app, found.number, proved, active)


def _print(app: App, number: str, proved: dict[str, Any], active: int) -> None:
    calendar, words = app.workspace.calendar, states()
    done, everybody = proved["accepted"], proved["recipients"]
    say(strong(_("{number} — {done}/{all} envois acceptés par le relais de l'Institut",
                 number=number, done=done, all=everybody)))  # fmt: skip
    if done < everybody:
        say(_("Ce n'est pas « diffusé » tant qu'il en manque : inbox outbox --failed"))
    say(_("Mis en file : {at} · réseau, version {v} : {n} membres actifs alors", v=proved["roster_version"],
          at=dates.moment(proved["queued_at"], calendar), n=proved["audience"].get("active", "—")))  # fmt: skip
    for name in proved["audience"].get("without_address", []):
        say(_("Exception : {name} n'avait pas d'adresse.", name=name))
    if proved["first_accepted_at"] is not None:
        first, last = proved["first_accepted_at"], proved["last_accepted_at"]
        seconds = (last - first).total_seconds()
        say(_("Premier accepté : {a} · dernier : {b} ({s} s plus tard)", s=f"{seconds:.1f}",
              a=dates.moment(first, calendar), b=dates.moment(last, calendar)))  # fmt: skip
    for languages, digest in proved["contents"].items():
        say(_("Contenu ({languages}), le même pour tous : SHA-256 {digest}",
              languages=languages, digest=digest))  # fmt: skip
    say()
    rows = [
        (d.name, words[d.state],
         f"{calendar.local(d.settled_at):%H:%M:%S}" if d.settled_at else "—",
         mailwords.said(d.reply or ""), d.message_id)
        for d in sorted(proved["deliveries"], key=lambda d: fold(d.name))
    ]  # fmt: skip
    table(rows, [_("Établissement"), _("État"), _("Heure"), _("Réponse du relais"), "Message-ID"])
    say(_("« Accepté » est la parole du relais de l'Institut ; personne ne peut dire « reçu »."))
    if active != everybody:
        say(n_("Le réseau compte aujourd'hui {n} membre actif.",
               "Le réseau compte aujourd'hui {n} membres actifs.", active))  # fmt: skip


def _signed(app: App, number: str, proved: dict[str, Any]) -> dict[str, Any]:
    """Return the proof with the workspace's Ed25519 signature (RFC 8032) over its canonical JSON."""
    import json

    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    body = {**proved, "case": number, "deliveries": [as_json(d) for d in proved["deliveries"]]}
    signed = json.loads(json.dumps(body, default=plain))
    key = load_pem_private_key((app.home / "keys" / "signing.pem").read_bytes(), password=None)
    signature = key.sign(canonical(signed).encode())  # type: ignore[union-attr, call-arg]
    return {"proof": signed, "signature": base64.b64encode(signature).decode()}


diffusion.add_command(proof)
diffusion.add_command(interest)

"""`diffusion proof`: who was told what, when, and what the relay replied."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import click

from engine import outbox, returns, roster
from engine.chain import canonical
from engine.folding import fold
from inbox import dates
from inbox.command import LazyGroup, command
from inbox.commands.outbox import NETWORK, answer, as_json, states
from inbox.lookup import BATCH, CASE, find
from inbox.output import plain, say, show_json, strong, table
from inbox.texts import _, n_

if TYPE_CHECKING:
    from engine.returns import Returned
    from inbox.app import App

    Came = dict[int, list[Returned]]

#: The batch whose proof is asked for.
MESSAGE = "diffusion"
diffusion = LazyGroup(
    "diffusion",
    help=_("La diffusion au réseau, et sa preuve."),
    examples=["inbox diffusion proof 7", "inbox diffusion proof 7 --message erratum --json"],
)


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
        came_back = returns.of_deliveries(connection, (d.id for d in proved["deliveries"]))
    if app.json:
        show_json(_signed(app, found.number, proved, came_back))
        return
    _print(app, found.number, proved, active, came_back)


def _print(app: App, number: str, proved: dict[str, Any], active: int, came_back: Came) -> None:
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
         answer(d, came_back.get(d.id, [])), d.message_id)
        for d in sorted(proved["deliveries"], key=lambda d: fold(d.name))
    ]  # fmt: skip
    table(rows, [_("Établissement"), _("État"), _("Heure"), _("Réponse du relais"), "Message-ID"])
    _say_returned(proved, came_back)
    say(_("« Accepté » est la parole du relais de l'Institut ; personne ne peut dire « reçu »."))
    if active != everybody:
        say(n_("Le réseau compte aujourd'hui {n} membre actif.",
               "Le réseau compte aujourd'hui {n} membres actifs.", active))  # fmt: skip


def _say_returned(proved: dict[str, Any], came_back: Came) -> None:
    """Say what came back after the relay had accepted it."""
    away = sum(d.state == "bounced" for d in proved["deliveries"])
    parts = sum(d.state != "bounced" and bool(returns.failed(d.addresses, came_back.get(d.id, [])))
                for d in proved["deliveries"])  # fmt: skip
    if away:
        say(n_("{n} envoi est revenu après avoir été accepté par le relais.",
               "{n} envois sont revenus après avoir été acceptés par le relais.", away))  # fmt: skip
    if parts:
        say(n_("{n} établissement n'a été joint qu'à une partie de ses adresses.",
               "{n} établissements n'ont été joints qu'à une partie de leurs adresses.", parts))  # fmt: skip


def _signed(app: App, number: str, proved: dict[str, Any], came_back: Came) -> dict[str, Any]:
    """Return the proof with the workspace's Ed25519 signature (RFC 8032) over its canonical JSON."""
    import json

    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    told = [as_json(d, came_back.get(d.id, [])) for d in proved["deliveries"]]
    body = {**proved, "case": number, "deliveries": told}
    signed = json.loads(json.dumps(body, default=plain))
    key = load_pem_private_key((app.home / "keys" / "signing.pem").read_bytes(), password=None)
    signature = key.sign(canonical(signed).encode())  # type: ignore[union-attr, call-arg]
    return {"proof": signed, "signature": base64.b64encode(signature).decode()}


diffusion.add_command(proof)

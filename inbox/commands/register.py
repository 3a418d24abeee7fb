"""`register`: a case begins; organisation and subject are enough."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import click

from inbox import form, rules
from inbox.command import command
from inbox.commands.steps import outcome_json, tell
from inbox.lookup import CHANNEL, PROCESS
from inbox.output import on_terminal, say, show_json
from inbox.texts import _

if TYPE_CHECKING:
    from pathlib import Path

    from inbox.app import App

#: Options to fields of the request process; any other process takes `--set`.
_FIELDS = {
    "organisation": "organisation",
    "subject": "sujet",
    "country": "pays",
    "received": "recue_le",
    "channel": "canal",
}
_CONTACT = re.compile(r"\s*(?P<name>[^<>]*?)\s*<(?P<email>[^<>]+)>\s*")


@command(
    "register",
    help=_(
        "Inscrire une demande au registre, immédiatement : l'organisation et le sujet suffisent."
    ),
    examples=[
        'inbox register --organisation "Office chérifien" --subject "Formation de mineurs" --country Maroc',
        'inbox register --organisation X --subject Y --contact "A. Koné <contact@example.org>" --received 2026-11-16',
        "inbox register --process commande --set objet=Pompes",
    ],
)
@click.option("--organisation", help=_("Qui demande."))
@click.option("--subject", help=_("Ce qui est demandé."))
@click.option("--country", help=_("Pays, en français, en anglais, ou son code."))
@click.option("--received", metavar="DATE", help=_("Quand la demande est arrivée."))
@click.option(
    "--channel", type=CHANNEL, help=_("courriel, telephone, visite, poste, evenement, autre")
)
@click.option("--contact", metavar='"NOM <COURRIEL>"', help=_("À qui répondre."))
@click.option(
    "--process", type=PROCESS, default="demande", show_default=True, help=_("Un autre processus.")
)
@form.options
@click.option(
    "--key", help=_("Clé d'idempotence : la même commande deux fois n'inscrit qu'une fois.")
)
def register(
    app: App,
    process: str,
    sets: tuple[str, ...],
    data: Path | None,
    attachments: tuple[Path, ...],
    note: str,
    key: str | None,
    contact: str | None,
    **options: str | None,
) -> None:
    found = app.library.current(process).definition
    values = form.read_values(found.opening, sets, data)
    values |= {_FIELDS[k]: v for k, v in options.items() if v is not None}
    values |= _contact(contact)
    if on_terminal() and not app.json:
        values, note = form.ask_missing(
            found.opening, values, note, optional=False, files=bool(attachments)
        )
    outcome = app.engine.open(
        process,
        values,
        app.actor,
        note=note,
        files=form.read_files(attachments),
        idempotency_key=key,
    )
    if contact and "contact_courriel" not in values:
        say(_("« {text} » : noté comme nom; sans adresse, aucun accusé de réception ne part.",
              text=contact), err=True)  # fmt: skip
    if app.json:
        show_json(outcome_json(outcome))
        return
    tell(app, outcome)
    if outcome.late and found.lag:
        say(_("  Attention : inscrite trop tard après sa réception ({span} au plus).",
              span=rules.span(found.lag)))  # fmt: skip
    for number in outcome.probable_duplicates:
        say(_("  Doublon probable de {n} : inbox do {new} fusionner --set doublon_de={n}, ou lier.",
              n=number, new=outcome.number))  # fmt: skip


def _contact(text: str | None) -> dict[str, str]:
    if text is None:
        return {}
    found = _CONTACT.fullmatch(text)
    if found is None:
        return {"contact_courriel": text.strip()} if "@" in text else {"contact_nom": text.strip()}
    named = {"contact_nom": found["name"]} if found["name"] else {}
    return {**named, "contact_courriel": found["email"].strip()}

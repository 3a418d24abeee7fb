"""`diffusion certificate`: the signed account of a diffusion, as a document or as a page."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from engine import certificates
from inbox import dates
from inbox.command import command
from inbox.commands.diffusion.batch import batch_option, message_option, office, read, signing_key
from inbox.commands.export import write_atomically
from inbox.lookup import CASE
from inbox.output import say, show_json
from inbox.texts import _, lang
from notifications.certificate import issuing, page
from notifications.certificate.summary import Summary
from notifications.certificate.words import Speech

if TYPE_CHECKING:
    from engine.certificates import Certificate
    from engine.diffusion import Account
    from inbox.app import App
    from inbox.lookup import Case

_FORMS = (".json", ".html")


@command(
    "certificate",
    help=_(
        "Délivrer l'attestation signée d'une diffusion, sans nommer personne. Une nouvelle n'est faite que "
        "si quelque chose a changé depuis la dernière."
    ),
    examples=[
        "inbox diffusion certificate 7 attestation.html",
        "inbox diffusion certificate 7 attestation.json --message erratum",
        "inbox diffusion certificate 7 premiere.html --issue 1 --lang en",
    ],
)
@click.argument("case", type=CASE)
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@message_option
@batch_option
@click.option(
    "--issue", "number", type=click.IntRange(1), help=_("Reprendre une attestation déjà faite.")
)
def certificate(
    app: App, case: str, file: Path, message: str, batch: int | None, number: int | None
) -> None:
    form = file.suffix.lower()
    if form not in _FORMS:
        raise click.UsageError(
            _("Le fichier doit finir par {forms} : {file}", forms=", ".join(_FORMS), file=file)
        )
    found, account = read(app, case, message, batch)
    issued = _issued(app, found, account, number)
    document = json.loads(issued.document)
    text = issued.document if form == ".json" else page.render(document, lang())
    write_atomically(file, text.encode(), 0o644)
    made = Summary(document, Speech(lang()))
    if app.json:
        show_json({
            "file": str(file), "case": found.number, "message": message, "issue": issued.issue,
            "made_at": issued.made_at, "sha256": issued.sha256, "said": made.outcome["said"],
            "complete": made.outcome["complete"], "key_sha256": document["signature"]["key_sha256"],
        })  # fmt: skip
        return
    say(made.headline())
    at = dates.moment(issued.made_at, app.workspace.calendar)
    say(_("Attestation n° {n} du {at}, écrite dans {file}", n=issued.issue, at=at, file=file))
    say(_("  Empreinte SHA-256 : {sha256}", sha256=issued.sha256))
    say(_("  Pour la vérifier : inbox diffusion verify {file}", file=file))


def _issued(app: App, case: Case, account: Account, number: int | None) -> Certificate:
    if number is None:
        return issuing.issue(
            app.database, account.outbox_id, case.definition, office(app), signing_key(app), app.now
        )
    with app.database.read() as connection:
        return certificates.issued(connection, account.outbox_id, number)

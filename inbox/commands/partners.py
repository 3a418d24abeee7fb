"""`partners`: the dated roster of the network."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from engine import roster, roster_file
from inbox.command import LazyGroup, command
from inbox.commands.outbox import NETWORK
from inbox.lookup import MEMBER
from inbox.output import say, show_json, table
from inbox.texts import _, n_

if TYPE_CHECKING:
    from datetime import date, datetime

    from inbox.app import App


class Day(click.DateTime):
    """A day as everybody writes it here: `2026-11-20`."""

    name = "date"

    def __init__(self) -> None:
        super().__init__(formats=["%Y-%m-%d"])

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        """Return what the help shows."""
        del param, ctx
        return "DATE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the day; fail in words that are not a programmer's."""
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter:
            self.fail(
                _("« {value} » n'est pas une date comme 2026-11-20.", value=value), param, ctx
            )


DATE = Day()
partners = LazyGroup(
    "partners",
    help=_("Le réseau des établissements partenaires, daté."),
    examples=[
        "inbox partners list --on 2026-04-01",
        "inbox partners import partenaires.csv",
        'inbox partners contact "Cégep de Sept-Îles" nouvelle@example.org --reason "nouvelle responsable"',
    ],
)


def _day(app: App, given: datetime | None) -> date:
    return app.today if given is None else given.date()


@command(
    "import",
    help=_(
        "Importer le réseau d'un fichier CSV. Ses colonnes : nom, ordre, region, courriel, langue, "
        "source_du_nom."
    ),
    examples=["inbox partners import partenaires.csv"],
)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--on", type=DATE, help=_("Membres à partir de ce jour (aujourd'hui par défaut)."))
def import_(app: App, file: Path, on: datetime | None) -> None:
    actor = app.administrator()
    try:
        with app.database.write() as connection:
            report = roster_file.import_csv(
                connection, NETWORK, file, day=_day(app, on), actor=actor, at=app.now
            )
    except roster_file.RosterFileError as error:
        _tell_faults(app, error)
    if app.json:
        show_json({"added": report.added, "changed": report.changed,
                   "unchanged": report.unchanged, "without_address": list(report.without_address)})  # fmt: skip
        return
    say(", ".join((
        n_("{n} ajouté", "{n} ajoutés", report.added),
        n_("{n} changé", "{n} changés", report.changed),
        n_("{n} inchangé", "{n} inchangés", report.unchanged),
    )) + ".")  # fmt: skip
    for name in report.without_address:
        say(_("  Sans adresse : {name} → inbox partners contact « {name} » ADRESSE", name=name))


def _tell_faults(app: App, error: roster_file.RosterFileError) -> NoReturn:
    if app.json:
        faults = [{"line": f.line, "column": f.column, "code": f.code, "value": f.value}
                  for f in error.findings]  # fmt: skip
        show_json({"error": "RosterFileError", "exit": 1, "findings": faults})
    else:
        say(n_("Rien n'a été importé. {n} erreur :", "Rien n'a été importé. {n} erreurs :",
               len(error.findings)), err=True)  # fmt: skip
        for f in error.findings:
            said = _FAULTS.get(f.code, f.code)
            say(f"  {error.path}:{f.line}: {f.column}{_(' : ')}{_(said, value=f.value)}", err=True)
    raise click.exceptions.Exit(1)


_FAULTS = {
    "not_utf8": "le fichier n'est pas en UTF-8; enregistrez-le en « CSV UTF-8 »",
    "missing_column": "il manque cette colonne; celles du fichier : {value}",
    "empty": "le nom est vide",
    "duplicate": "« {value} » est déjà plus haut",
    "unknown_order": "« {value} » n'est pas FP, collégial ou universitaire",
    "not_an_email": "« {value} » n'est pas une adresse",
    "unknown_language": "« {value} » n'est ni fr ni fr+en (motif)",
    "control_character": "« {value} » contient un caractère invisible",
}


@command(
    "list",
    help=_("Lister les membres."),
    examples=["inbox partners list", "inbox partners list --on 2026-04-01"],
)
@click.option("--on", type=DATE, help=_("Les membres actifs ce jour-là."))
@click.option("--all", "everybody", is_flag=True, help=_("Aussi ceux qui sont partis."))
def list_(app: App, on: datetime | None, everybody: bool) -> None:
    day = _day(app, on)
    with app.database.read() as connection:
        found = (
            roster.list_members(connection, NETWORK, day)
            if everybody
            else roster.active(connection, NETWORK, day)
        )
        version = roster.version(connection, NETWORK)
    if app.json:
        show_json({"on": day, "roster_version": version, "members": found})
        return
    rows = [
        (m.name, m.category, m.region, ", ".join(c.email for c in m.contacts) or _("(sans adresse)"),
         m.languages, m.joined_on, m.left_on or "")
        for m in found
    ]  # fmt: skip
    table(
        rows,
        [_("Nom"), _("Ordre"), _("Région"), _("Courriel"), _("Langue"), _("Depuis"), _("Parti")],
    )
    say(n_("{n} établissement", "{n} établissements", len(found)))


@command("add", help=_("Ajouter un établissement."),
         examples=['inbox partners add "Cégep Exemple" --order collégial --email international@example.org'])  # fmt: skip
@click.argument("name")
@click.option("--order", "category", required=True, help=_("FP, collégial ou universitaire."))
@click.option("--email", "emails", multiple=True, help=_("Un ou plusieurs contacts."))
@click.option("--region", default="")
@click.option("--language", "languages", type=click.Choice(["fr", "fr+en"]), default="fr")
@click.option("--language-reason", help=_("Pourquoi une autre langue que le français (consigné)."))
@click.option("--on", type=DATE, help=_("Membre à partir de ce jour."))
def add(
    app: App,
    name: str,
    category: str,
    emails: tuple[str, ...],
    region: str,
    languages: str,
    language_reason: str | None,
    on: datetime | None,
) -> None:
    if languages != "fr" and not language_reason:
        raise click.UsageError(
            _("Une autre langue que le français demande un motif : --language-reason")
        )
    from engine.folding import fold

    order = roster_file.ORDERS.get(fold(category))
    if order is None:
        raise click.UsageError(_("--order : FP, collégial ou universitaire."))
    new = roster.NewMember(
        name=name, category=order, region=region, languages=languages,
        language_reason=language_reason, contacts=tuple(roster.Contact(email=e) for e in emails),
    )  # fmt: skip
    actor = app.administrator()
    with app.database.write() as connection:
        roster.add(connection, NETWORK, new, joined_on=_day(app, on), actor=actor, at=app.now)
    _done(app, name)


@command("contact", help=_("Changer les adresses d'un établissement. Les anciennes restent connues."),
         examples=['inbox partners contact "Sept-Îles" nouvelle@example.org'])  # fmt: skip
@click.argument("name", type=MEMBER)
@click.argument("emails", nargs=-1, required=True)
@click.option("--reason", default="", help=_("Pourquoi."))
def contact(app: App, name: str, emails: tuple[str, ...], reason: str) -> None:
    actor = app.administrator()
    with app.database.write() as connection:
        member = roster.find_member(connection, NETWORK, name)
        new = [roster.Contact(email=e) for e in emails]
        roster.set_contacts(connection, member, new, day=app.today, actor=actor, at=app.now,
                            reason=reason)  # fmt: skip
    _done(app, member.name)


@command("leave", help=_("Noter qu'un établissement quitte le réseau."),
         examples=['inbox partners leave "Cégep Exemple" --on 2026-12-31 --reason "fin de l\'entente"'])  # fmt: skip
@click.argument("name", type=MEMBER)
@click.option("--on", type=DATE, help=_("Premier jour hors du réseau."))
@click.option("--reason", required=True, help=_("Pourquoi."))
def leave(app: App, name: str, on: datetime | None, reason: str) -> None:
    actor = app.administrator()
    with app.database.write() as connection:
        member = roster.find_member(connection, NETWORK, name)
        roster.leave(connection, member, _day(app, on), actor=actor, at=app.now, reason=reason)
    _done(app, member.name)


@command("rejoin", help=_("Noter qu'un établissement revient."),
         examples=['inbox partners rejoin "Cégep Exemple" --reason "nouvelle entente"'])  # fmt: skip
@click.argument("name", type=MEMBER)
@click.option("--on", type=DATE, help=_("Membre à partir de ce jour."))
@click.option("--reason", default="", help=_("Pourquoi."))
def rejoin(app: App, name: str, on: datetime | None, reason: str) -> None:
    actor = app.administrator()
    with app.database.write() as connection:
        member = roster.find_member(connection, NETWORK, name)
        roster.rejoin(connection, member, _day(app, on), actor=actor, at=app.now, reason=reason)
    _done(app, member.name)


def _done(app: App, name: str) -> None:
    with app.database.read() as connection:
        active = len(roster.active(connection, NETWORK, app.today))
    if app.json:
        show_json({"member": name, "active": active})
        return
    say(n_("{name} : noté. Le réseau compte {n} établissement actif.",
           "{name} : noté. Le réseau compte {n} établissements actifs.", active, name=name))  # fmt: skip


for made in (import_, list_, add, contact, leave, rejoin):
    partners.add_command(made)

"""`staff`: who there is, and who stands in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from engine import register, staff
from engine.errors import NotFound
from inbox import dates
from inbox.command import LazyGroup, command
from inbox.commands.partners import DATE
from inbox.lookup import LOGIN, ROLE, known_roles
from inbox.output import say, show_json, table
from inbox.texts import _, n_

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection

    from inbox.app import App

_LANGUAGES = click.Choice(["fr", "en", "fr+en"])

staff_group = LazyGroup(
    "staff",
    help=_("Le personnel, ses rôles et ses absences."),
    examples=[
        "inbox staff list",
        'inbox staff add conseiller2 --name "Conseiller C" --email c@example.org --role conseiller',
        "inbox staff absent conseillere --from 2026-12-07 --to 2026-12-18 --substitute conseiller2",
    ],
)


@command("add", help=_("Ajouter quelqu'un."), examples=[
    'inbox staff add conseillere --name "Conseillère A" --email conseillere@example.org --role conseiller',
])  # fmt: skip
@click.argument("login")
@click.option("--name", required=True)
@click.option("--email", required=True)
@click.option(
    "--role",
    "roles",
    type=ROLE,
    multiple=True,
    required=True,
    help=_("conseiller, direction, administration…"),
)
@click.option(
    "--language",
    "languages",
    type=_LANGUAGES,
    default="fr",
    help=_("La langue de son courrier."),
)
@click.option(
    "--substitute", type=LOGIN, metavar="LOGIN", help=_("Qui remplace d'ordinaire cette personne.")
)
@click.option("--account", help=_("Compte du système d'exploitation."))
@click.option("--can-act-as", is_flag=True, help=_("Peut agir au nom d'autrui (--as); c'est noté."))
def add(
    app: App,
    login: str,
    name: str,
    email: str,
    roles: tuple[str, ...],
    languages: str,
    substitute: str | None,
    account: str | None,
    can_act_as: bool,
) -> None:
    actor = app.administrator()
    person = staff.Person(
        login=login, name=name, email=email, roles=_roles(app, roles), languages=languages,
        substitute=substitute, account=account, can_act_as=can_act_as,
    )  # fmt: skip
    with app.database.write() as connection:
        staff.add(connection, person, actor=actor, at=app.now)
    _tell(app, _("{login} fait partie du personnel.", login=login), person)


def _roles(app: App, typed: tuple[str, ...]) -> frozenset[str]:
    """Return the roles typed; a role that no process knows would open nothing, and say nothing."""
    known = known_roles(app)
    for role in typed:
        if role not in known:
            raise NotFound("role", role, near=tuple(sorted(known)))
    return frozenset(typed)


@command("change", help=_("Changer ce qui est su de quelqu'un."),
         examples=["inbox staff change conseillere --substitute conseiller2"])  # fmt: skip
@click.argument("login", type=LOGIN)
@click.option("--name")
@click.option("--email")
@click.option("--role", "roles", type=ROLE, multiple=True)
@click.option("--language", "languages", type=_LANGUAGES, help=_("La langue de son courrier."))
@click.option("--substitute", type=LOGIN, metavar="LOGIN")
@click.option("--account")
def change(
    app: App,
    login: str,
    roles: tuple[str, ...],
    **values: str | None,
) -> None:
    given: dict[str, Any] = {k: v for k, v in values.items() if v is not None}
    actor = app.administrator()
    if roles:
        given["roles"] = _roles(app, roles)
    with app.database.write() as connection:
        person = staff.change(connection, login, actor=actor, at=app.now, **given)
    _tell(app, _("{login} : noté.", login=login), person)


@command("list", help=_("Lister le personnel."), examples=["inbox staff list --json"])
def list_(app: App) -> None:
    with app.database.read() as connection:
        people = staff.list_staff(connection)
        away = {a.login: a for a in staff.absences(connection, app.today)}
    if app.json:
        show_json({"people": people, "absent_today": list(away.values())})
        return
    rows = [
        (p.login, p.name, p.email, ", ".join(sorted(p.roles)), p.substitute or "—",
         _absence(p, away.get(p.login)))
        for p in people
    ]  # fmt: skip
    table(
        rows,
        [
            _("Identifiant"),
            _("Nom"),
            _("Courriel"),
            _("Rôles"),
            _("Substitut"),
            _("Absence ou départ"),
        ],
    )


def _absence(person: staff.Person, absence: staff.Absence | None) -> str:
    if absence is not None:
        return _("absent jusqu'au {d}, remplacé par {s}", d=dates.stored(absence.last_day),
                 s=absence.substitute)  # fmt: skip
    return "" if person.left_on is None else dates.stored(person.left_on)


@command("absent", help=_("Noter une absence : le substitut reçoit le travail."),
         examples=["inbox staff absent conseillere --from 2026-12-07 --to 2026-12-18 --substitute conseiller2"])  # fmt: skip
@click.argument("login", type=LOGIN)
@click.option("--from", "first", type=DATE, required=True, help=_("Premier jour."))
@click.option("--to", "last", type=DATE, required=True, help=_("Dernier jour, compris."))
@click.option(
    "--substitute", type=LOGIN, metavar="LOGIN", help=_("Par défaut, son substitut habituel.")
)
def absent(app: App, login: str, first: datetime, last: datetime, substitute: str | None) -> None:
    if login != app.person.login:
        app.administrator()
    with app.database.write() as connection:
        absence = staff.set_absence(
            connection, login, first.date(), last.date(), substitute,
            actor=app.person.login, at=app.now,
        )  # fmt: skip
    _tell(app, _("{login} : absent du {a} au {b}, remplacé par {s}.", login=login,
                 a=dates.stored(absence.first_day), b=dates.stored(absence.last_day),
                 s=absence.substitute), absence)  # fmt: skip


@command(
    "leave", help=_("Noter un départ."), examples=["inbox staff leave conseillere --on 2026-12-31"]
)
@click.argument("login", type=LOGIN)
@click.option("--on", type=DATE, help=_("Premier jour hors du personnel."))
@click.option(
    "--substitute", metavar="LOGIN", help=_("Qui reprend ses dossiers (par défaut, son substitut).")
)
def leave(app: App, login: str, on: datetime | None, substitute: str | None) -> None:
    day = app.today if on is None else on.date()
    actor = app.administrator()
    with app.database.write() as connection:
        person = staff.leave(connection, login, day, actor=actor, at=app.now, successor=substitute)
        _lines, counts = register.worklist(connection, [login], limit=1)
    if day <= app.today:
        app.keep_plans()  # what was theirs in the plan changes hands at once
    _tell(app, n_("{login} quitte le personnel le {d}; {s} reprend {n} dossier ouvert.",
                  "{login} quitte le personnel le {d}; {s} reprend {n} dossiers ouverts.",
                  counts.get(login, 0), login=login, d=dates.day(day), s=person.substitute or ""), person)  # fmt: skip


def _tell(app: App, text: str, what: staff.Person | staff.Absence) -> None:
    """Say what was noted, and what the substitute would be refused of the work that they would be given."""
    substitute = what.substitute
    with app.database.read() as connection:
        own, theirs = (_roles_of(connection, login) for login in (what.login, substitute))
    lacking = sorted(own - theirs) if substitute else []
    if app.json:
        show_json({"done": what, "substitute_lacks": lacking})
        return
    say(text)
    if lacking:
        roles = " ".join(f"--role {role}" for role in sorted(own | theirs))
        say(_("Attention : ce qui demande {roles} sera refusé à {s}, qui n'a pas ce rôle.",
              roles=", ".join(lacking), s=substitute or ""))  # fmt: skip
        say(f"  → inbox staff change {substitute} {roles}")


def _roles_of(connection: Connection, login: str | None) -> frozenset[str]:
    person = None if login is None else staff.by_login(connection, login)
    return frozenset() if person is None else person.roles


for made in (add, change, list_, absent, leave):
    staff_group.add_command(made)

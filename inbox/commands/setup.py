"""`init`, `completion`."""

from __future__ import annotations

import getpass
import os
from typing import TYPE_CHECKING

import click

from inbox import workspace as workspaces
from inbox.command import command
from inbox.output import say, show_json
from inbox.texts import _

if TYPE_CHECKING:
    from pathlib import Path

    from inbox.app import App

_SOURCES = {"bash": "bash_source", "zsh": "zsh_source", "fish": "fish_source"}


@command(
    "init",
    help=_("Créer un espace de travail : réglages, base de données, clés."),
    examples=[
        "inbox init --home ~/institut",
        "inbox init --home essai --rehearsal",
        "inbox init --home ~/institut --database postgresql://arrimage@serveur/arrimage",
    ],
)
@click.option(
    "--database", metavar="URL", help=_("SQLite dans le dossier, par défaut; ou PostgreSQL.")
)
@click.option("--rehearsal", is_flag=True, help=_("Une répétition : INBOX_NOW, courrier local."))
@click.option("--mail-port", type=int, default=25, help=_("Port du serveur de courrier local."))
@click.option("--login", help=_("Votre identifiant (par défaut, celui du compte)."))
@click.option("--name", help=_("Votre nom."))
@click.option("--email", default="vous@example.org", help=_("Votre courriel."))
def init(
    app: App,
    database: str | None,
    rehearsal: bool,
    mail_port: int,
    login: str | None,
    name: str | None,
    email: str,
) -> None:
    home = app.home
    if (home / workspaces.SETTINGS).exists():
        raise click.UsageError(_("Il y a déjà un espace de travail dans {home}.", home=home))
    _check_url(database)
    before = set(home.rglob("*")) if home.exists() else set()
    try:
        made = _make_files(home, database, rehearsal, mail_port)
        _make_database(app)
        person = _first_person(app, login, name, email)
    except BaseException:
        _undo(home, before)
        raise
    made += [_("la base de données : {url}", url=_safe(app.workspace.database_url)),
             _("vous : {login}, tous les rôles", login=person)]  # fmt: skip
    if app.json:
        show_json({"home": str(home), "login": person, "made": made})
        return
    say(_("Espace de travail prêt dans {home} :", home=home))
    for line in made:
        say(f"  - {line}")
    say(
        _(
            "Ensuite : inbox partners import FICHIER.csv, puis inbox register --organisation … --subject …"
        )
    )


def _check_url(database: str | None) -> None:
    """Refuse a URL that could never do, before anything is made."""
    from engine.database import Database
    from engine.errors import Unavailable

    if database is None:
        return
    try:
        Database.open(database).close()
    except Unavailable as error:
        raise click.UsageError(
            _("--database attend sqlite:///fichier ou postgresql://utilisateur@serveur/base : {detail}",
              detail=error.detail)
        ) from error  # fmt: skip


def _undo(home: Path, before: set[Path]) -> None:
    """Remove what a failed `init` has made, and nothing else, so that the next one can begin."""
    for path in sorted(set(home.rglob("*")) - before, reverse=True):
        if path.is_dir():
            path.rmdir()
        else:
            path.unlink()


def _make_files(home: Path, database: str | None, rehearsal: bool, port: int) -> list[str]:
    home.mkdir(parents=True, exist_ok=True)
    home.chmod(0o700)
    for folder in ("workflows", "templates", "keys"):
        (home / folder).mkdir(exist_ok=True)
    (home / "keys").chmod(0o700)
    url = database or workspaces.DATABASE
    text = workspaces.TEMPLATE.format(
        rehearsal=str(rehearsal).lower(),
        url=_toml(url),
        port=port,
        security="none" if rehearsal else "starttls",
    )
    _write(home / workspaces.SETTINGS, text.encode(), 0o600)
    _make_keys(home / "keys")
    return [
        _("{file} : les réglages, à relire", file=workspaces.SETTINGS),
        _("keys/ : la paire de clés Ed25519 qui signe les attestations; gardez-en une copie"),
        _("workflows/ et templates/ : vos propres processus et gabarits, s'il y en a"),
    ]


def _toml(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _safe(url: str) -> str:
    from sqlalchemy import make_url

    return make_url(url).render_as_string(hide_password=True)


def _make_keys(folder: Path) -> None:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.generate()
    _write(
        folder / "signing.pem",
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
        0o600,
    )
    _write(
        folder / "signing.pub.pem",
        key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        ),
        0o644,
    )


def _write(path: Path, content: bytes, mode: int) -> None:
    """Write a file that is private before it holds anything."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(content)


def _make_database(app: App) -> None:
    from engine import migrations

    app.database.create()
    migrations.upgrade(app.database)
    app.library.keys()


def _first_person(app: App, login: str | None, name: str | None, email: str) -> str:
    from engine import staff

    account = getpass.getuser()
    person = staff.Person(
        login=login or account,
        name=name or login or account,
        email=email,
        roles=frozenset({"administration", "conseiller", "direction"}),
        account=account,
        can_act_as=True,
    )
    with app.database.write() as connection:
        if staff.by_account(connection, account) is None:
            staff.add(connection, person, actor=person.login, at=app.now)
    return person.login


@command(
    "completion",
    help=_("Afficher ce qui active la complétion dans votre shell."),
    examples=['eval "$(inbox completion bash)"', "inbox completion fish | source"],
)
@click.argument("shell", type=click.Choice(sorted(_SOURCES)))
def completion(app: App, shell: str) -> None:
    from click.shell_completion import get_completion_class

    from inbox import completion as ours
    from inbox.main import COMPLETION, group

    del app
    ours.register()
    made = get_completion_class(shell)
    if made is not None:
        say(made(group(), {}, "inbox", COMPLETION).source())

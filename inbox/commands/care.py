"""`verify`, `backup`, `doctor`: taking care of the workspace."""

from __future__ import annotations

import io
import os
import shutil
import sqlite3
import subprocess
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from engine.errors import InvalidDefinition
from inbox.command import command
from inbox.commands.export import write_atomically
from inbox.output import say, show_json, strong
from inbox.texts import _, clean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import URL

    from inbox.app import App

_ROOM = 500_000_000
#: Minutes after which a timer that has not fired says that nothing runs.
_BEHIND = 60


@command(
    "verify",
    help=_("Vérifier tout l'historique : rien de changé, retiré, déplacé ni ajouté."),
    examples=["inbox verify", "inbox verify --json"],
)
def verify(app: App) -> None:
    from engine.verify import verify as walk

    found = walk(app.database)
    if app.json:
        show_json({"cases": found.cases, "events": found.events, "head": found.head,
                   "faults": [vars_of(f) for f in found.faults]})  # fmt: skip
    else:
        for fault in found.faults:
            at = f" #{fault.seq}" if fault.seq is not None else ""
            say(clean(f"{fault.where}{at}: {_(_FAULTS[fault.code])} ({fault.detail})"))
        say(_("{cases} dossiers, {events} événements, {n} faute(s).", cases=found.cases,
              events=found.events, n=len(found.faults)))  # fmt: skip
        say(_("Tête du registre, à conserver ailleurs : {head}", head=found.head))
    if found.faults:
        raise click.exceptions.Exit(1)


_FAULTS = {
    "event_edited": "un événement a été changé",
    "event_missing": "un événement manque ou est en trop",
    "case_edited": "le dossier ne dit pas la même chose que son historique",
    "case_missing": "un numéro donné n'a plus de dossier",
    "journal_edited": "une entrée du journal a été changée",
    "journal_missing": "une entrée du journal manque",
    "file_edited": "une pièce jointe a été changée",
    "definition_edited": "une définition installée a été changée",
}


def vars_of(fault: Any) -> dict[str, Any]:
    """Return a fault in its documented shape."""
    return {"code": fault.code, "where": fault.where, "event": fault.seq, "detail": fault.detail}


# --- backup -------------------------------------------------------------------------------------


@command(
    "backup",
    help=_(
        "Sauvegarder l'espace de travail dans un fichier .zip, même pendant qu'il sert. Pour restaurer : "
        "décompressez-le dans un nouveau dossier (SQLite), ou pg_restore du fichier database.dump "
        "(PostgreSQL)."
    ),
    examples=["inbox backup ~/sauvegardes/arrimage-2026-11-20.zip"],
)
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--without-keys", is_flag=True, help=_("Ne pas y mettre la clé qui signe."))
def backup(app: App, file: Path, without_keys: bool) -> None:
    if file.suffix != ".zip":
        raise click.UsageError(_("Le fichier doit finir par .zip : {file}", file=file))
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        name, content = _database(app)
        archive.writestr(name, content)
        for path in _files(app.home, without_keys=without_keys):
            archive.write(path, path.relative_to(app.home).as_posix())
    write_atomically(file, out.getvalue())
    if app.json:
        show_json({"file": str(file), "bytes": file.stat().st_size})
        return
    say(_("Sauvegardé dans {file} ({n} octets). Gardez-le ailleurs que sur cette machine.",
          file=file, n=file.stat().st_size))  # fmt: skip


def _files(home: Path, *, without_keys: bool) -> Iterator[Path]:
    yield home / "inbox.toml"
    folders = ("workflows", "templates") if without_keys else ("workflows", "templates", "keys")
    for folder in folders:
        yield from (p for p in sorted((home / folder).rglob("*")) if p.is_file())


def _database(app: App) -> tuple[str, bytes]:
    """Return a consistent copy of the database, taken while others work."""
    from sqlalchemy import make_url

    url = make_url(app.workspace.database_url)
    with tempfile.TemporaryDirectory() as folder:
        if app.database.dialect == "sqlite":
            copy = Path(folder) / "arrimage.db"
            with sqlite3.connect(url.database or "") as source, sqlite3.connect(copy) as target:
                source.backup(target)
            target.close()
            source.close()
            return "arrimage.db", copy.read_bytes()
        copy = Path(folder) / "database.dump"
        _pg_dump(url, copy)
        return "database.dump", copy.read_bytes()


def _pg_dump(url: URL, copy: Path) -> None:
    """Dump a PostgreSQL database; the password goes by the environment, which others cannot read."""
    from engine.errors import Unavailable

    plain = url.set(drivername="postgresql", password=None).render_as_string(hide_password=False)
    secret = {} if url.password is None else {"PGPASSWORD": url.password}
    try:
        done = subprocess.run(
            ["pg_dump", "--format=custom", f"--file={copy}", plain],
            check=False, capture_output=True, text=True, env={**os.environ, **secret},
        )  # fmt: skip
    except FileNotFoundError as error:
        raise Unavailable("database", _("pg_dump n'est pas installé sur cette machine")) from error
    if done.returncode:
        raise Unavailable("database", f"pg_dump: {done.stderr.strip()[:300]}")


# --- doctor -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Check:
    """One thing looked at: whether it is well, and what to do."""

    name: str
    ok: bool
    detail: str
    mend: str = ""


@command(
    "doctor",
    help=_("Vérifier que tout est en ordre, et dire comment réparer."),
    examples=["inbox doctor"],
)
def doctor(app: App) -> None:
    checks = [_safely(name, check, app) for name, check in _CHECKS.items()]
    if app.json:
        show_json({"ok": all(c.ok for c in checks),
                   "checks": [{"check": c.name, "ok": c.ok, "detail": c.detail, "mend": c.mend}
                              for c in checks]})  # fmt: skip
    else:
        for c in checks:
            mark = _("[bien]    ") if c.ok else strong(_("[à régler]"))
            say(f"{mark} {clean(c.name)}{_(' : ')}{clean(c.detail)}")
            if not c.ok and c.mend:
                say(f"            → {clean(c.mend)}")
    if not all(c.ok for c in checks):
        raise click.exceptions.Exit(4)


def _safely(name: str, check: Callable[[App], _Check], app: App) -> _Check:
    """Return a check's answer; what it cannot even look at is an answer too."""
    from inbox.failures import told

    try:
        return check(app)
    except Exception as error:  # noqa: BLE001 - the doctor sees every patient
        return _Check(name, ok=False, detail=told(error))


def _workspace(app: App) -> _Check:
    return _Check(_("espace de travail"), ok=True, detail=str(app.workspace.home))


def _schema(app: App) -> _Check:
    from engine import migrations

    url = app.workspace.database_url
    if app.database.dialect == "sqlite" and str(app.home) not in url:
        return _Check(_("base de données"), ok=False, mend=_('[database] url = "sqlite:///arrimage.db"'),
                      detail=_("elle est hors de cet espace de travail : {url}", url=url))  # fmt: skip
    if app.database.dialect == "postgresql" and shutil.which("pg_dump") is None:
        return _Check(_("base de données"), ok=False, detail=_("pg_dump n'est pas installé sur cette machine"),
                      mend=_("installez le client PostgreSQL : inbox backup en a besoin"))  # fmt: skip
    at, head = migrations.current(app.database), migrations.head()
    detail = _("révision {at}, attendue {head}", at=at, head=head)
    return _Check(_("base de données"), at == head, detail, _("installez la même version partout"))


def _definitions(app: App) -> _Check:
    keys = app.library.keys()
    if app.findings:
        raise InvalidDefinition(app.findings)
    return _Check(_("processus"), ok=bool(keys), detail=", ".join(keys))


def _person(app: App) -> _Check:
    return _Check(
        _("vous"), ok=True, detail=f"{app.person.login} ({', '.join(sorted(app.person.roles))})"
    )


def _calendar(app: App) -> _Check:
    zone = app.workspace.calendar.zone
    return _Check(
        _("fuseau horaire"),
        ok=True,
        detail=f"{zone}, {app.workspace.calendar.local(app.now):%Y-%m-%d %H:%M}",
    )


def _partners(app: App) -> _Check:
    from engine import roster
    from inbox.commands.outbox import NETWORK

    with app.database.read() as connection:
        active = roster.active(connection, NETWORK, app.today)
        without = roster.unreachable(connection, NETWORK, app.today)
    detail = _("{n} actifs, {m} sans adresse {names}", n=len(active), m=len(without),
               names=", ".join(without[:5]))  # fmt: skip
    return _Check(_("réseau"), bool(active) and not without, detail,
                  _("inbox partners import FICHIER.csv, ou inbox partners contact NOM ADRESSE"))  # fmt: skip


def _mail(app: App) -> _Check:
    import asyncio

    from notifications.transport import Session

    async def reach() -> None:
        session = Session(app.workspace.mail_settings())
        await session.open()
        await session.quit()

    asyncio.run(reach())
    settings = app.workspace.mail_settings()
    detail = f"{settings.host}:{settings.port} ({settings.security})"
    return _Check(_("serveur de courrier"), ok=True, detail=detail)


def _outbox(app: App) -> _Check:
    from engine import outbox

    with app.database.read() as connection:
        counts = outbox.counts(connection)
    stuck = sum(n for s, n in counts.items() if s in outbox.NEEDS_PERSON)
    waiting = sum(n for s, n in counts.items() if s in outbox.RETRIED)
    detail = _("{w} en attente, {s} demandent quelqu'un", w=waiting, s=stuck)
    return _Check(_("courrier"), stuck == 0, detail, "inbox outbox --failed")


def _clock(app: App) -> _Check:
    from engine import register

    with app.database.read() as connection:
        late = register.oldest_due_timer(connection)
    behind = 0 if late is None else max(0, int((app.now - late).total_seconds() // 60))
    detail = _("la minuterie la plus en retard l'est de {n} minutes", n=behind)
    return _Check(
        _("rappels"),
        behind < _BEHIND,
        detail,
        _("inbox serve doit tourner, ou inbox tick par cron"),
    )


def _disk(app: App) -> _Check:
    free = shutil.disk_usage(app.home).free
    return _Check(_("disque"), free > _ROOM, _("{n} Mo libres", n=free // 1_000_000),
                  _("faites de la place"))  # fmt: skip


_CHECKS: dict[str, Callable[[App], _Check]] = {
    "workspace": _workspace,
    "database": _schema,
    "definitions": _definitions,
    "staff": _person,
    "calendar": _calendar,
    "partners": _partners,
    "mail server": _mail,
    "outbox": _outbox,
    "clock": _clock,
    "disk": _disk,
}

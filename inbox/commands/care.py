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

from engine import register
from engine.errors import ArrimageError, InvalidDefinition
from inbox import dates, reasons
from inbox.command import command
from inbox.commands.export import write_atomically
from inbox.output import say, show_json, strong
from inbox.texts import _, clean, lang, n_, word
from inbox.workspace import SETTINGS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from sqlalchemy import URL

    from engine.verify import Fault
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
            _print_fault(app, fault)
        say(", ".join((
            n_("{n} dossier", "{n} dossiers", found.cases),
            n_("{n} événement", "{n} événements", found.events),
            n_("{n} faute", "{n} fautes", len(found.faults)),
        )) + ".")  # fmt: skip
        say(_("Tête du registre, à conserver ailleurs : {head}", head=found.head))
    if found.faults:
        raise click.exceptions.Exit(1)


def _print_fault(app: App, fault: Fault) -> None:
    where = _("journal") if fault.where == "journal" else fault.where
    at = f" #{fault.seq}" if fault.seq is not None else ""
    detail = _fault_detail(app, fault)
    more = f" ({detail})" if detail else ""
    say(clean(f"{where}{at}{_(' : ')}{_(_FAULTS[fault.code])}{more}"))


def _fault_detail(app: App, fault: Fault) -> str:
    """Return what differs, in words: states and actions by their labels, fields too."""
    if fault.kind is None:
        return ""
    with app.database.read() as connection:
        labels = register.summaries(connection).get(fault.definition or ("", 0), {})

    def state(key: str | None) -> str:
        found = labels.get("states", {}).get(key)
        return _("« {label} »", label=word(found["label"]) if found else key or "—")

    values = dict(fault.values)
    values |= {k: state(values[k]) for k in ("state", "replayed_state") if k in values}
    values |= {k: values[k] or _("personne") for k in ("owner", "replayed_owner") if k in values}
    if "action" in values:
        key = str(values["action"])
        values["action"] = reasons.deed(key, labels.get("actions", {}).get(key))
    if "fields" in values:
        values["fields"] = ", ".join(_field_labels(app, fault, values["fields"]))
    return _(_DETAILS[fault.kind], **values)


def _field_labels(app: App, fault: Fault, names: Iterable[str]) -> list[str]:
    """Return fields by their labels; by their keys when even the definition cannot be read."""
    try:
        key, version = fault.definition or ("", 0)
        fields = app.library.get(key, version).definition.fields
    except ArrimageError:
        return list(names)
    return [word(fields[name].label) if name in fields else name for name in names]


_DETAILS = {
    "place": "le numéro {found} est à sa place",
    "event": "{action}, par {actor}",
    "origin": "il dit venir de {state}",
    "count": "{found} sur {expected} sont là",
    "fields": "champs : {fields}",
    "state": "l'état est {state}; d'après l'historique, {replayed_state}",
    "owner": "le responsable est {owner}; d'après l'historique, {replayed_owner}",
    "version": "le dossier est en version {version}; d'après l'historique, {replayed_version}",
    "never_given": "ce numéro n'a jamais été donné",
}
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
    """One thing to look at: what it is called, how, and what to do when it is not well.

    `look` returns whether it is well, and what was seen.
    """

    key: str
    label: str
    look: Callable[[App], tuple[bool, str]]
    mend: str = ""


@command(
    "doctor",
    help=_("Vérifier que tout est en ordre, et dire comment réparer."),
    examples=["inbox doctor"],
)
def doctor(app: App) -> None:
    seen = list(_seen(app))
    if app.json:
        show_json({"ok": all(ok for _check, ok, _detail in seen),
                   "checks": [{"check": check.key, "label": check.label, "ok": ok,
                               "detail": detail, "mend": check.mend}
                              for check, ok, detail in seen]})  # fmt: skip
    else:
        for check, ok, detail in seen:
            mark = _("[bien]    ") if ok else strong(_("[à régler]"))
            lines = clean(detail).splitlines() or [""]
            say(f"{mark} {check.label}{_(' : ')}{lines[0]}")
            for line in lines[1:]:
                say(f"            {line}")
            if not ok and check.mend:
                say(f"            → {clean(check.mend)}")
    if not all(ok for _check, ok, _detail in seen):
        raise click.exceptions.Exit(4)


def _seen(app: App) -> Iterator[tuple[_Check, bool, str]]:
    """Yield each check with its answer; without a workspace there is nothing more to look at."""
    first, *others = _checks(app)
    ok, detail = _safely(first, app)
    yield first, ok, detail
    if ok:
        yield from ((check, *_safely(check, app)) for check in others)


def _safely(check: _Check, app: App) -> tuple[bool, str]:
    """Return a check's answer; what it cannot even look at is an answer too."""
    from inbox.failures import told

    try:
        return check.look(app)
    except InvalidDefinition as error:
        return False, "\n".join(
            f"{f.path}:{f.line}:{f.column}: {f.messages[lang()]}" for f in error.findings
        )
    except Exception as error:  # noqa: BLE001 - the doctor sees every patient
        return False, told(error)


def _checks(app: App) -> list[_Check]:
    settings = app.home / SETTINGS
    return [
        _Check("workspace", _("espace de travail"), _workspace,
               _("corrigez {file}, ou créez un espace : inbox init", file=settings)),
        _Check("database", _("base de données"), _schema,
               _("installez la même version partout; sinon, voyez url dans {file}", file=settings)),
        _Check("definitions", _("processus"), _definitions,
               _("corrigez la définition à cet endroit, ou retirez-la de workflows/")),
        _Check("plans", _("plans"), _plans,
               _("corrigez le plan à cet endroit, ou retirez-le de plans/")),
        _Check("staff", _("vous"), _person,
               _("demandez à l'administration : inbox staff add LOGIN --account COMPTE")),
        _Check("calendar", _("fuseau horaire"), _calendar,
               _("corrigez [calendar] dans {file}", file=settings)),
        _Check("partners", _("réseau"), _partners,
               _("inbox partners import FICHIER.csv, ou inbox partners contact NOM ADRESSE")),
        _Check("institute", _("pied des messages"), _institute,
               _("donnez name, address et email sous [institute] dans {file}", file=settings)),
        _Check("mail server", _("serveur de courrier"), _mail,
               _("démarrez-le, ou corrigez host, port et security sous [mail] dans {file}",
                 file=settings)),
        _Check("bounces", _("avis de non-remise"), _bounces,
               _("corrigez [bounces] dans {file}", file=settings)),
        _Check("outbox", _("courrier"), _outbox, "inbox outbox --failed"),
        _Check("clock", _("rappels"), _clock,
               _("inbox serve doit tourner, ou inbox tick par cron")),
        _Check("disk", _("disque"), _disk, _("faites de la place")),
    ]  # fmt: skip


def _workspace(app: App) -> tuple[bool, str]:
    return True, str(app.workspace.home)


def _schema(app: App) -> tuple[bool, str]:
    from engine import migrations

    url = app.workspace.database_url
    if app.database.dialect == "sqlite" and str(app.home) not in url:
        return False, _("elle est hors de cet espace de travail : {url}", url=url)
    if app.database.dialect == "postgresql" and shutil.which("pg_dump") is None:
        return False, _("pg_dump n'est pas installé sur cette machine; inbox backup en a besoin")
    at, head = migrations.current(app.database), migrations.head()
    return at == head, _("révision {at}, attendue {head}", at=at, head=head)


def _definitions(app: App) -> tuple[bool, str]:
    keys = app.library.keys()
    if app.findings:
        raise InvalidDefinition(app.findings)
    return bool(keys), ", ".join(keys)


def _plans(app: App) -> tuple[bool, str]:
    from inbox.plans import Plans

    plans = Plans(app)
    known = ", ".join(p.catalogue.key for p in plans.all())
    if plans.findings:
        raise InvalidDefinition(plans.findings)
    return True, known


def _person(app: App) -> tuple[bool, str]:
    return True, f"{app.person.login} ({', '.join(sorted(app.person.roles))})"


def _calendar(app: App) -> tuple[bool, str]:
    calendar = app.workspace.calendar
    return True, f"{calendar.zone}, {dates.moment(app.now, calendar)}"


def _partners(app: App) -> tuple[bool, str]:
    from engine import roster
    from inbox.commands.outbox import NETWORK

    with app.database.read() as connection:
        active = roster.active(connection, NETWORK, app.today)
        without = roster.unreachable(connection, NETWORK, app.today)
    detail = n_("{n} membre actif, {m} sans adresse", "{n} membres actifs, {m} sans adresse",
                len(active), m=len(without))  # fmt: skip
    named = f"{_(' : ')}{', '.join(without[:5])}" if without else ""
    return bool(active) and not without, f"{detail}{named}"


def _institute(app: App) -> tuple[bool, str]:
    """Check what every message to a partner must have at its foot: a name, an address, a contact."""
    written = app.workspace.mail_settings().institute
    there = [part for part in (written.name, written.address, written.email) if part]
    return len(there) == 3, " · ".join(there)  # noqa: PLR2004 - the three of them


def _mail(app: App) -> tuple[bool, str]:
    import asyncio

    from notifications.transport import Connection

    async def reach() -> None:
        connection = Connection(app.workspace.mail_settings())
        await connection.open()
        await connection.quit()

    asyncio.run(reach())
    settings = app.workspace.mail_settings()
    return True, f"{settings.host}:{settings.port} ({settings.security})"


def _bounces(app: App) -> tuple[bool, str]:
    settings = app.workspace.bounce_settings()
    if not settings.is_set:
        return True, _("lus seulement par inbox outbox bounces : [bounces] est vide")
    with app.watch.letters() as letters:
        waiting = sum(1 for _letter in letters)
    where = settings.mailbox or f"{settings.host}:{settings.port} ({settings.security})"
    return True, n_("{where}, {n} message à lire", "{where}, {n} messages à lire", waiting,
                    where=where)  # fmt: skip


def _outbox(app: App) -> tuple[bool, str]:
    from engine import outbox

    app.settle_interrupted()
    with app.database.read() as connection:
        counts = outbox.counts(connection)
        stuck = sum(outbox.awaiting_person(connection).values())
    waiting = sum(n for s, n in counts.items() if s in outbox.RETRIED)
    detail = n_("{w} en attente, {n} demande quelqu'un", "{w} en attente, {n} demandent quelqu'un",
                stuck, w=waiting)  # fmt: skip
    return stuck == 0, detail


def _clock(app: App) -> tuple[bool, str]:
    with app.database.read() as connection:
        late = register.oldest_due_timer(connection)
    behind = 0 if late is None else max(0, int((app.now - late).total_seconds() // 60))
    detail = n_("la minuterie la plus en retard l'est de {n} minute",
                "la minuterie la plus en retard l'est de {n} minutes", behind)  # fmt: skip
    return behind < _BEHIND, detail


def _disk(app: App) -> tuple[bool, str]:
    free = shutil.disk_usage(app.home).free
    return free > _ROOM, _("{n} Mo libres", n=free // 1_000_000)

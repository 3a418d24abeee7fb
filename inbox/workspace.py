"""The workspace: a folder with `inbox.toml`, the database, the keys, and the institute's own files.

It is found by `--home`, else INBOX_HOME, else the nearest folder above that holds an `inbox.toml`, else
the account's data folder.
"""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass
from datetime import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.calendar import OWN_DAYS, Calendar
from engine.errors import ArrimageError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from importlib.resources.abc import Traversable

    from notifications.settings import BounceSettings, MailSettings

SETTINGS = "inbox.toml"
HOME_VARIABLE = "INBOX_HOME"
#: Bytes: a character has four at most, and the compiler refuses more characters than a quarter of this.
_LARGEST = 8_100_000


class SettingsError(ArrimageError):
    """The settings file cannot be used: `where` is file:line, `fr` and `en` say what is wrong."""

    def __init__(self, where: str, fr: str, en: str) -> None:
        self.where, self.fr, self.en = where, fr, en
        super().__init__(f"{where}: {en}")


class NoWorkspace(ArrimageError):
    """There is no workspace there."""

    def __init__(self, home: Path) -> None:
        self.home = home
        super().__init__(f"no {SETTINGS} in {home}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """A workspace as its settings describe it."""

    home: Path
    rehearsal: bool
    database_url: str
    institute: Mapping[str, str]
    mail: Mapping[str, Any]
    bounces: Mapping[str, Any]
    calendar: Calendar

    @property
    def definitions(self) -> Path:
        """The folder of the institute's own definitions."""
        return self.home / "workflows"

    @property
    def templates(self) -> Path:
        """The folder of the institute's own templates."""
        return self.home / "templates"

    def mail_settings(self) -> MailSettings:
        """Return how mail leaves."""
        from notifications.settings import Institute, MailSettings

        return MailSettings(
            **self.mail,
            institute=Institute(**self.institute),
            loopback_only=self.rehearsal,
        )

    def bounce_settings(self) -> BounceSettings:
        """Return where reports of what could not be delivered come back."""
        from notifications.settings import BounceSettings

        where = self.bounces["mailbox"]
        path = str(self.home / Path(where).expanduser()) if where else ""
        return BounceSettings(**{**self.bounces, "mailbox": path}, loopback_only=self.rehearsal)


def locate(given: str | None) -> Path:
    """Return the folder of the workspace that is meant, whether it exists or not."""
    if given or os.environ.get(HOME_VARIABLE):
        return Path(given or os.environ[HOME_VARIABLE]).expanduser().resolve()
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / SETTINGS).is_file():
            return folder
    from platformdirs import user_data_path

    return user_data_path("arrimage")


def load(home: Path) -> Workspace:
    """Return the workspace of a folder.

    Raises:
        NoWorkspace: There is none.
        SettingsError: Its settings cannot be read: where, and what is wrong.
    """
    path = home / SETTINGS
    if not path.is_file():
        raise NoWorkspace(home)
    text = path.read_text(encoding="utf-8")
    try:
        read = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(str(path), f"TOML illisible : {error}", f"bad TOML: {error}") from error
    return _Reader(path, text, read).workspace(home)


def definition_text(path: Traversable) -> str:
    """Return a definition's text, `U+FFFD` where bytes are not UTF-8.

    No more is read than what is more than the compiler takes.
    """
    with path.open("rb") as file:
        return file.read(_LARGEST).decode("utf-8", errors="replace")


class _Reader:
    """Takes the settings one by one, and says where a bad one is."""

    def __init__(self, path: Path, text: str, read: dict[str, Any]) -> None:
        self.path, self.text, self.read = path, text, read

    def workspace(self, home: Path) -> Workspace:
        self._known()
        return Workspace(
            home=home,
            rehearsal=self._take("workspace", "rehearsal", bool, False),
            database_url=_in_folder(self._take("database", "url", str, DATABASE), home),
            institute={
                key: self._take("institute", key, str, default)
                for key, default in _INSTITUTE.items()
            },
            mail={key: self._take("mail", key, kind, d) for key, (kind, d) in _MAIL.items()},
            bounces=self._bounces(),
            calendar=self._calendar(),
        )

    def _bounces(self) -> dict[str, Any]:
        given = {key: self._take("bounces", key, kind, d) for key, (kind, d) in _BOUNCES.items()}
        if given["mailbox"] and given["host"]:
            raise self._error("mailbox", "un fichier ou un serveur, pas les deux",
                              "a file or a server, not both", "bounces")  # fmt: skip
        if given["security"] not in _BOUNCES_SECURITY:
            names = ", ".join(_BOUNCES_SECURITY)
            raise self._error("security", f"il faut : {names}", f"one of: {names}", "bounces")
        return given

    def _known(self) -> None:
        sections = {
            "workspace": {"rehearsal"},
            "database": {"url"},
            "institute": set(_INSTITUTE),
            "mail": set(_MAIL),
            "bounces": set(_BOUNCES),
            "calendar": {"zone", "opens", "closes", "closed"},
        }
        for name, part in self.read.items():
            if name not in sections or not isinstance(part, dict):
                raise self._error(name, "section inconnue", "unknown section")
            for key in part:
                if key not in sections[name]:
                    raise self._error(key, "clé inconnue", "unknown key")

    def _take(self, section: str, key: str, kind: type, default: Any) -> Any:
        value = self.read.get(section, {}).get(key, default)
        if not isinstance(value, kind):
            raise self._error(
                key, f"il faut un {kind.__name__}", f"a {kind.__name__} is needed", section
            )
        return value

    def _calendar(self) -> Calendar:
        part = self.read.get("calendar", {})
        try:
            return Calendar(
                part.get("zone", "America/Toronto"),
                part.get("closed", OWN_DAYS),
                opens=time.fromisoformat(part.get("opens", "08:30")),
                closes=time.fromisoformat(part.get("closes", "16:30")),
            )
        except (ValueError, TypeError) as error:
            raise self._error("calendar", f"calendrier refusé : {error}", str(error)) from error

    def _error(self, key: str, fr: str, en: str, section: str = "") -> SettingsError:
        lines = self.text.splitlines()
        start = next((n for n, t in enumerate(lines, 1) if t.startswith(f"[{section}]")), 0)
        line = next(
            (n for n, t in enumerate(lines, 1) if n > start and key in t.partition("=")[0]), 1
        )
        return SettingsError(f"{self.path}:{line}", f"« {key} » : {fr}", f"{key!r}: {en}")


def _in_folder(url: str, home: Path) -> str:
    """Return a database's URL; a SQLite file named without its folder is in the workspace's.

    A workspace that is copied or restored elsewhere then works on its own database.
    """
    prefix = "sqlite:///"
    if url.startswith(prefix) and not url.removeprefix(prefix).startswith("/"):
        return f"{prefix}{home / url.removeprefix(prefix)}"
    return url


#: SQLite in the workspace's own folder.
DATABASE = "sqlite:///arrimage.db"
_INSTITUTE = {
    "name": "Institut national des mines du Québec",
    "address": "",
    "email": "info@example.org",
    "phone": "",
    "website": "",
}
_MAIL: dict[str, tuple[type, Any]] = {
    "host": (str, "127.0.0.1"),
    "port": (int, 25),
    "security": (str, "starttls"),
    "username": (str, ""),
    "sender": (str, "arrimage@example.org"),
    "timeout": (float, 60.0),
    "connections": (int, 8),
    "held": (int, 100),
}

_BOUNCES: dict[str, tuple[type, Any]] = {
    "mailbox": (str, ""),
    "host": (str, ""),
    "port": (int, 993),
    "security": (str, "tls"),
    "username": (str, ""),
    "folder": (str, "INBOX"),
    "done": (str, ""),
    "every": (int, 5),
    "timeout": (float, 60.0),
}
_BOUNCES_SECURITY = ("tls", "starttls", "none")

#: What `inbox init` writes.
TEMPLATE = """\
# L'espace de travail d'Arrimage. Chaque clé est optionnelle; en voici la valeur.

[workspace]
# Une répétition obéit à INBOX_NOW et n'écrit qu'à un serveur de courrier de cette machine.
rehearsal = {rehearsal}

[database]
# SQLite dans ce dossier (ou sqlite:////chemin/complet), ou PostgreSQL : postgresql://utilisateur@serveur/base
url = {url}

[institute]
# Au pied de chaque message.
name = "Institut national des mines du Québec"
address = "125, rue Self, Val-d'Or (Québec) J9P 3N2"
email = "info@example.org"
phone = ""

[mail]
# Le mot de passe n'est jamais ici : ARRIMAGE_SMTP_PASSWORD, ou une « credential » de systemd.
host = "127.0.0.1"
port = {port}
# starttls ou tls; none seulement pour un serveur de cette machine.
security = "{security}"
username = ""
sender = "arrimage@example.org"
timeout = 60.0
# Combien de connexions pour les lettres, et combien retenir à la fois pour une diffusion personnelle;
# moins si le serveur le dit.
connections = 8
held = 100

# Où reviennent les avis de non-remise (la boîte de l'adresse sender, une boîte à elle seule de préférence).
# Rien ici : ils ne sont lus que par inbox outbox bounces. Un fichier (mbox, ou un message) ou un dossier Maildir,
# ou bien un serveur IMAP, avec ARRIMAGE_IMAP_PASSWORD ou une « credential » de systemd.
[bounces]
mailbox = ""
host = ""
port = 993
# tls ou starttls; none seulement pour un serveur de cette machine.
security = "tls"
username = ""
folder = "INBOX"
# Le dossier où va un avis une fois consigné; vide : il reste là, marqué comme lu.
done = ""
# Minutes entre deux lectures pendant que inbox serve tourne.
every = 5
timeout = 60.0

[calendar]
zone = "America/Toronto"
opens = "08:30"
closes = "16:30"

# Les jours où l'Institut est fermé, en plus des jours fériés du Québec.
[calendar.closed]
easter_monday = "Lundi de Pâques"
"12-24" = "Veille de Noël"
"12-26" = "Lendemain de Noël"
"12-31" = "Veille du jour de l'An"
"01-02" = "Lendemain du jour de l'An"
"""

"""Mailboxes that reports are read from: a file, a Maildir folder, or a folder over IMAP.

Each gives its letters one by one, as a key and bytes, and is told which are done with. A file is only
read. Over IMAP nothing is marked as seen by reading it, and a letter is set aside only by `done`.
"""

from __future__ import annotations

import contextlib
import imaplib
import mailbox
import socket
import ssl
from typing import TYPE_CHECKING, Protocol, Self

from imap_tools import AND, MailBox, MailBoxStartTls, MailBoxUnencrypted
from imap_tools.errors import ImapToolsError, MailboxLoginError

from engine.errors import Unavailable
from notifications.reports import LONGEST

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from imap_tools import BaseMailBox

    from notifications.settings import BounceSettings

#: The usual faults, in the words of `notifications.outcome`; the most telling first.
_FAULTS: tuple[tuple[str, type[BaseException]], ...] = (
    ("authentication refused", MailboxLoginError),
    ("TLS failed", ssl.SSLError),
    ("unknown host", socket.gaierror),
    ("connection refused", ConnectionRefusedError),
    ("timed out", TimeoutError),
    ("connection lost", ConnectionError),
    ("connection lost", imaplib.IMAP4.abort),
)
_FROM_LINE = b"From "


class Letters(Protocol):
    """What reports are read from."""

    def __enter__(self) -> Self:
        """Open it."""

    def __exit__(self, *_: object) -> None:
        """Close it."""

    def __iter__(self) -> Iterator[tuple[str, bytes]]:
        """Yield each letter: a key that tells it from the others, and its first bytes."""

    def done(self, key: str) -> None:
        """Set a letter aside: all that it says is recorded."""

    def leave(self, key: str) -> None:
        """Leave a letter where it is: nothing in it is about our mail."""


class Filed:
    """A file (mbox, or one message) or a Maildir folder; it is only read."""

    def __init__(self, path: Path) -> None:
        """Take the path.

        Raises:
            Unavailable: There is nothing there, or a folder that is no Maildir.
        """
        self._path = path
        if not path.exists():
            raise Unavailable("bounces", f"no such file ({path})")
        if path.is_dir() and not ((path / "cur").is_dir() and (path / "new").is_dir()):
            raise Unavailable("bounces", f"not a Maildir folder: no cur and new in it ({path})")

    def __enter__(self) -> Self:
        """Open nothing yet."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close nothing: each letter is closed once it is read."""

    def __iter__(self) -> Iterator[tuple[str, bytes]]:
        """Yield each letter."""
        box = self._box()
        if box is None:
            with self._path.open("rb") as file:
                yield self._path.name, file.read(LONGEST)
            return
        with contextlib.closing(box):
            for key in box.keys():  # noqa: SIM118 - iterating over a mailbox reads whole messages
                with contextlib.closing(box.get_file(key)) as file:
                    yield str(key), file.read(LONGEST)

    def _box(self) -> mailbox.Maildir | mailbox.mbox | None:
        if self._path.is_dir():
            return mailbox.Maildir(self._path, create=False)
        with self._path.open("rb") as file:
            several = file.read(len(_FROM_LINE)) == _FROM_LINE
        return mailbox.mbox(self._path, create=False) if several else None

    def done(self, key: str) -> None:
        """Leave it where it is: a file may belong to somebody else's program."""

    def leave(self, key: str) -> None:
        """Leave it where it is."""


class Imap:
    """A folder over IMAP."""

    def __init__(self, settings: BounceSettings, left: set[str] | None = None) -> None:
        """Take the settings, and the letters that were left: they are not fetched again.

        Raises:
            Unavailable: These settings would read in clear, or out of a rehearsal.
        """
        settings.check()
        self._settings = settings
        self._left = set() if left is None else left
        self._open: BaseMailBox | None = None

    def __enter__(self) -> Self:
        """Connect, encrypt, authenticate, and select the folder.

        Raises:
            Unavailable: One of these did not succeed.
        """
        settings = self._settings
        with _told(settings):
            box = _connected(settings)
            try:
                box.login(settings.username, settings.password(), settings.folder)
            except BaseException:
                box.client.shutdown()
                raise
        self._open = box
        return self

    def __exit__(self, *_: object) -> None:
        """Leave politely; never fail."""
        with contextlib.suppress(OSError, imaplib.IMAP4.error, ImapToolsError):
            self._box.logout()
        self._open = None

    @property
    def _box(self) -> BaseMailBox:
        assert self._open is not None
        return self._open

    def __iter__(self) -> Iterator[tuple[str, bytes]]:
        """Yield each letter that was not set aside.

        With a folder to move them to, all that are here, read by somebody or not; else the unseen.
        """
        with _told(self._settings):
            validity = self._box.folder.status(self._settings.folder).get("UIDVALIDITY")
            wanted = self._box.uids("ALL" if self._settings.done else AND(seen=False))
        for uid in wanted:
            key = f"{validity}:{uid}"
            raw = None if key in self._left else self._fetched(uid)
            if raw is not None:
                yield key, raw

    def _fetched(self, uid: str) -> bytes | None:
        """Return the first bytes of a letter without marking it; None when it has gone meanwhile."""
        with _told(self._settings):
            _status, parts = self._box.client.uid("FETCH", uid, f"(BODY.PEEK[]<0.{LONGEST}>)")
        return next((part[1] for part in parts if isinstance(part, tuple)), None)

    def done(self, key: str) -> None:
        """Move a letter, or mark it as seen."""
        uid = key.partition(":")[2]
        with _told(self._settings):
            if self._settings.done:
                self._box.move(uid, self._settings.done)
            else:
                # Not the library's own: that one also expunges what others have marked as deleted.
                self._box.client.uid("STORE", uid, "+FLAGS.SILENT", r"(\Seen)")

    def leave(self, key: str) -> None:
        """Leave a letter as it was, unseen, for a person; it is not fetched again."""
        self._left.add(key)


def _connected(settings: BounceSettings) -> BaseMailBox:
    where, port, seconds = settings.host, settings.port, settings.timeout
    if settings.security == "none":
        return MailBoxUnencrypted(where, port, seconds)
    context = ssl.create_default_context()
    if settings.security == "starttls":
        return MailBoxStartTls(where, port, seconds, context)
    return MailBox(where, port, seconds, ssl_context=context)


@contextlib.contextmanager
def _told(settings: BounceSettings) -> Iterator[None]:
    """Turn what goes wrong with the server into an error of ours."""
    try:
        yield
    except (OSError, imaplib.IMAP4.error, ImapToolsError) as error:
        text = " ".join(str(error).split())[:300] or type(error).__name__
        kind = next((word for word, types in _FAULTS if isinstance(error, types)), None)
        said = text if kind is None else f"{kind} ({text})"
        raise Unavailable("bounces", f"{settings.host}:{settings.port}: {said}") from error

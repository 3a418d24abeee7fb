"""Reading a mailbox of reports: each is recorded first, and only then set aside."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from engine import returns
from engine.errors import Unavailable
from notifications.reports import read

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from engine.database import Database
    from engine.returns import Effect, Recorded, Report
    from notifications.mailboxes import Letters
    from notifications.settings import BounceSettings

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Tally:
    """What was read, and what became of it.

    Attributes:
        messages: Messages that were looked at.
        reports: Reports that were understood in them.
        known: What they say that had been recorded before.
        waiting: Reports on a message that is being sent at this instant; read again later.
        elsewhere: Reports on messages that are not ours.
        not_understood: Messages that are no report, or none that can be read; left alone.
        strangers: Addresses that a report on a message of ours names, and that it was not sent to.
        effects: What was recorded now.
        fault: What is wrong with the mailbox, when it could not be read to its end.
    """

    messages: int = 0
    reports: int = 0
    known: int = 0
    waiting: int = 0
    elsewhere: int = 0
    not_understood: int = 0
    strangers: list[str] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)
    fault: str | None = None

    def count(self, recorded: Recorded) -> None:
        """Add what became of one report."""
        self.reports += 1
        self.known += recorded.known
        self.waiting += recorded.waiting
        self.elsewhere += not recorded.ours
        self.strangers += recorded.strangers
        self.effects += recorded.effects


def read_all(
    database: Database, letters: Letters, now: datetime, tally: Tally, *, keep: bool = True
) -> None:
    """Read all that is in a mailbox; what is recorded is set aside.

    Args:
        database: Where deliveries are.
        letters: The mailbox, open.
        now: The workspace's clock.
        tally: To add what became of it to.
        keep: Whether anything is recorded and set aside; else only what would be is told.
    """
    for key, raw in letters:
        found = read(raw)
        outcomes = [_record(database, report, now, keep=keep) for report in found]
        tally.messages += 1
        tally.not_understood += not found
        for outcome in outcomes:
            tally.count(outcome)
        if keep and outcomes and all(o.effects or o.known for o in outcomes):
            letters.done(key)
        elif not any(o.ours for o in outcomes):
            letters.leave(key)


def _record(database: Database, report: Report, now: datetime, *, keep: bool) -> Recorded:
    if not keep:
        with database.read() as connection:
            return returns.record(connection, report, now, keep=False)
    with database.write() as connection:
        return returns.record(connection, report, now)


class Watch:
    """Reads the workspace's own mailbox of reports, now and then."""

    def __init__(
        self,
        database: Database,
        settings: BounceSettings,
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take where deliveries are, where reports come, and a clock that nobody sets back."""
        self._database, self._settings, self._seconds = database, settings, seconds
        self._next = 0.0
        self._left: set[str] = set()

    def read(self, now: datetime) -> Tally:
        """Read the mailbox if there is one and it is time; what is wrong with it is in the tally.

        Args:
            now: The workspace's clock.
        """
        tally = Tally()
        if not self._settings.is_set or self._seconds() < self._next:
            return tally
        try:
            with self.letters() as letters:
                read_all(self._database, letters, now, tally)
        except Unavailable as error:
            if error.what != "bounces":
                raise
            tally.fault = error.detail
            _log.warning("mailbox of reports: %s", error.detail)
        self._next = self._seconds() + self._settings.every * 60
        return tally

    def letters(self) -> Letters:
        """Return the workspace's own mailbox, not open yet; `Unavailable` when it cannot be."""
        from notifications.mailboxes import Filed, Imap

        if self._settings.mailbox:
            return Filed(Path(self._settings.mailbox))
        return Imap(self._settings, self._left)

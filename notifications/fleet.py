"""As many connections to the mail server as are wanted, and as it lets us hold."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from engine.errors import Unavailable
from notifications.transport import Connection

if TYPE_CHECKING:
    from notifications.settings import MailSettings
    from notifications.transport import Server

#: Seconds that one more connection may take: a server that is full sometimes never answers.
_PATIENCE = 5.0


class Fleet:
    """As many connections as are asked for and as the server lets us hold.

    Args:
        settings: The mail server.
    """

    def __init__(self, settings: MailSettings) -> None:
        self._settings = settings
        self._all: list[Connection] = []
        self.most: int | None = None  #: how many the server let us hold, once it refused one more
        self.server: Server | None = None  #: what it said that it can do, once one was open

    @property
    def recipients(self) -> int | None:
        """How many recipients a transaction may have, where the server says so."""
        return None if self.server is None else self.server.recipients

    async def take(self, wanted: int) -> list[Connection]:
        """Return up to so many open connections that hold nothing, fewer if there are no more.

        Raises:
            Unavailable: Not a single one is open.
        """
        self._all = [c for c in self._all if c.is_open]
        free = [c for c in self._all if not c.holds]
        missing = wanted - len(free)
        if self.most is not None:
            missing = min(missing, self.most - len(self._all))
        if missing > 0:
            free += await self._open(missing)
        return free[:wanted]

    async def _open(self, missing: int) -> list[Connection]:
        opened: list[Connection] = []
        if not self._all:
            first = Connection(self._settings)
            await first.open()
            opened.append(first)
            self._all.append(first)
            self.server = first.server
        more = [Connection(self._settings) for _ in range(missing - len(opened))]
        done = await asyncio.gather(*(c.open(_PATIENCE) for c in more), return_exceptions=True)
        for connection, fault in zip(more, done, strict=True):
            if fault is None:
                opened.append(connection)
                self._all.append(connection)
            elif not isinstance(fault, Unavailable):
                raise fault
        if any(done):
            self.most = len(self._all)
        return opened

    async def quit(self) -> None:
        """Leave, all of them."""
        await asyncio.gather(*(c.quit() for c in self._all))
        self._all.clear()

"""The mail worker: takes what is due from the outbox, renders it once, and delivers it.

One bounded pass, used alike by `inbox tick` and `inbox serve`. It may die at any instruction: what was
accepted is recorded recipient by recipient, and what is left is exactly what is left.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import jinja2

from engine import outbox
from engine.errors import Unavailable
from notifications.message import build
from notifications.transport import Session

if TYPE_CHECKING:
    import threading
    from collections.abc import Mapping
    from typing import Any

    from engine.database import Database
    from engine.outbox import Delivery, Leased
    from engine.ports import Clock
    from notifications.rendering import Renderer
    from notifications.settings import MailSettings
    from notifications.transport import Outcome

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Report:
    """What one pass did: deliveries by their new state, and what the environment refused."""

    states: dict[str, int] = field(default_factory=dict)
    fault: str | None = None

    def count(self, state: str) -> None:
        """Count one delivery."""
        self.states[state] = self.states.get(state, 0) + 1

    @property
    def sent(self) -> int:
        """How many the server accepted."""
        return self.states.get("accepted", 0)


@dataclass(slots=True, kw_only=True)
class Worker:
    """Delivers the mail of one workspace.

    Attributes:
        database: Where the outbox is.
        renderer: What makes words of facts.
        settings: The mail server.
        clock: The workspace's clock.
        stop: Set to stop cleanly between two recipients.
    """

    database: Database
    renderer: Renderer
    settings: MailSettings
    clock: Clock
    stop: threading.Event | None = None

    def deliver_due(self, *, limit: int = 1000) -> Report:
        """Deliver what is due, at most so many recipients; return what became of it.

        A server that cannot be reached is not an error here: nothing is lost, each delivery is put
        off, and the report says what is wrong.
        """
        return asyncio.run(self._pass(limit))

    async def _pass(self, limit: int) -> Report:
        report = Report()
        me = outbox.holder()
        session = Session(self.settings)
        try:
            while sum(report.states.values()) < limit and not self._stopping():
                leased = outbox.claim(self.database, self.clock.now(), me)
                if leased is None:
                    break
                try:
                    await self._deliver(leased, session, report)
                finally:
                    outbox.release(self.database, leased)
        except outbox.LeaseLost:
            _log.warning("another worker has taken a message over")
        finally:
            await session.quit()
        return report

    def _stopping(self) -> bool:
        return self.stop is not None and self.stop.is_set()

    async def _deliver(self, leased: Leased, session: Session, report: Report) -> None:
        for delivery in leased.deliveries:
            if self._stopping():
                return
            message = self._message(leased, delivery)
            if isinstance(message, str):
                self._move(leased, delivery, "refused", report, message)
                continue
            if not await self._connected(session, leased, delivery, report):
                continue
            await self._send(leased, delivery, message, session, report)

    async def _connected(
        self, session: Session, leased: Leased, delivery: Delivery, report: Report
    ) -> bool:
        if session.is_open:
            return True
        if report.fault is None:
            try:
                await session.open()
            except Unavailable as error:
                report.fault = error.detail
                _log.warning("mail server: %s", error.detail)
            else:
                return True
        self._move(leased, delivery, "deferred", report, report.fault)
        return False

    async def _send(
        self, leased: Leased, delivery: Delivery, message: bytes, session: Session, report: Report
    ) -> None:
        self._move(leased, delivery, "staging")
        staged = await session.stage(delivery.addresses, message)
        if staged.state != "staged":
            self._settle(leased, delivery, staged, report)
            return
        # Committed before the dot: whoever finds this after a crash knows that nobody knows.
        self._move(leased, delivery, "releasing")
        self._settle(leased, delivery, await session.release(), report)

    def _settle(self, leased: Leased, delivery: Delivery, outcome: Outcome, report: Report) -> None:
        self._move(leased, delivery, outcome.state, report, outcome.reply)
        _log.info("%s %s: %s", leased.name, delivery.message_id, outcome.state)

    def _move(
        self,
        leased: Leased,
        delivery: Delivery,
        state: str,
        report: Report | None = None,
        reply: str | None = None,
    ) -> None:
        outbox.move(self.database, leased, delivery, state, now=self.clock.now(), reply=reply)
        if report is not None:
            report.count(state)

    def _message(self, leased: Leased, delivery: Delivery) -> bytes | str:
        """Return the bytes to send, or why they cannot be made."""
        try:
            content = self._content(leased, delivery.languages)
        except (jinja2.TemplateError, TypeError, ValueError, KeyError) as error:
            _log.error("template %s: %s", leased.template, error)
            return f"template {leased.template}: {error}"
        return build(leased, delivery, content, self.settings, leased.queued_at)

    def _content(self, leased: Leased, languages: tuple[str, ...]) -> Mapping[str, Any]:
        """Return the frozen rendering: made once, the same for every recipient and every try."""
        key = "+".join(languages)
        content = outbox.rendering(self.database, leased.id, key)
        if content is None:
            made = self.renderer.render(leased.template, languages, leased.facts)
            content = outbox.freeze(self.database, leased.id, key, made, self.clock.now())
        return content

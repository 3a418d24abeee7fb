"""Clocks: the machine's, and those that rehearsals and tests hold in their hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Return the present instant, in UTC."""
        return datetime.now(UTC)


class ManualClock:
    """A clock that stands still until it is moved."""

    def __init__(self, instant: datetime) -> None:
        """Take the instant it shows; refuse a naive one (ValueError)."""
        self.set(instant)

    def set(self, instant: datetime) -> None:
        """Show this instant from now on."""
        if instant.tzinfo is None:
            msg = "an instant needs a time zone"
            raise ValueError(msg)
        self._now = instant.astimezone(UTC)

    def advance(self, by: timedelta) -> None:
        """Move forward."""
        self._now += by

    def now(self) -> datetime:
        """Return the instant it shows, in UTC."""
        return self._now

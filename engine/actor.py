"""Who acts, and what they bring along."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """A person as the engine sees one.

    Attributes:
        login: Who acts; written in the history.
        roles: What they may do.
        via: Who really typed it, when acting as somebody else; written in the history too.
        stands_in_for: Logins whose absence makes this person their substitute today.
    """

    login: str
    roles: frozenset[str] = frozenset()
    via: str | None = None
    stands_in_for: frozenset[str] = frozenset()

    def is_or_replaces(self, login: str | None) -> bool:
        """Tell whether this person is `login`, or stands in for them today."""
        return login == self.login or login in self.stands_in_for


#: The engine itself: automatic actions and timers.
SYSTEM = Actor(login="system")


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file to attach: its name as given, its media type, its bytes."""

    name: str
    media_type: str
    content: bytes

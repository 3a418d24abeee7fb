"""What messages say: rendered once, frozen with the message, the same for every try.

A **variant** of a message is what all who read it in some languages get, newcomers apart; for a personal
message, what one recipient gets.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import jinja2

from engine import lease

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from engine.database import Database
    from engine.lease import Delivery, Leased
    from notifications.rendering import Renderer

_log = logging.getLogger(__name__)

Own = Callable[["Leased", "Delivery"], "Mapping[str, Any]"]


def nothing(_leased: Leased, _delivery: Delivery) -> Mapping[str, Any]:
    """Return what is said to one recipient besides, where nothing is."""
    return {}


class Unwritten(Exception):
    """A message cannot be rendered; the text says which template, and why."""


class Contents:
    """What messages under lease say: what was frozen before, and what is rendered now.

    Args:
        database: Where the frozen ones are kept.
        renderer: What makes words of facts.
        held: The messages.
        own: What a personal message may say to one recipient besides.
    """

    def __init__(
        self, database: Database, renderer: Renderer, held: Sequence[Leased], own: Own = nothing
    ) -> None:
        self._database = database
        self._renderer = renderer
        self._held = held
        self._own = own
        self._known = lease.frozen(database, [m.id for m in held])
        self._frozen = set(self._known)

    def of(self, leased: Leased, delivery: Delivery) -> Mapping[str, Any] | None:
        """Return what a recipient is sent, None when it has not been rendered."""
        return self._known.get((leased.id, variant(leased, delivery)))

    def prepare(self, now: datetime) -> list[tuple[Leased, Delivery, str]]:
        """Render what has not been rendered yet, and freeze it.

        Args:
            now: The workspace's clock.

        Returns:
            The deliveries whose message cannot be rendered, and why.

        Raises:
            engine.lease.LeaseLost: Another worker has one of the messages.
        """
        failed = self.render()
        everybody = [(leased, d) for leased in self._held for d in leased.deliveries]
        made = self.unfrozen(everybody)
        if made:
            with self._database.write() as connection:
                lease.renew(connection, self._held)
                lease.freeze(connection, made, now)
            self.froze(made)
        return failed

    def render(self) -> list[tuple[Leased, Delivery, str]]:
        """Render what has not been rendered yet, and keep it no longer than this object lives.

        Returns:
            The deliveries whose message cannot be rendered, and why.
        """
        failed: list[tuple[Leased, Delivery, str]] = []
        for leased in self._held:
            for delivery in leased.deliveries:
                try:
                    self.rendered(leased, delivery)
                except Unwritten as error:
                    failed.append((leased, delivery, str(error)))
        return failed

    def rendered(self, leased: Leased, delivery: Delivery) -> Mapping[str, Any]:
        """Return what a recipient is sent, rendered now unless it was before.

        Raises:
            Unwritten: It cannot be rendered.
        """
        key = (leased.id, variant(leased, delivery))
        if key not in self._known:
            template = leased.template_for(delivery)
            try:
                self._known[key] = self._renderer.render(
                    template, delivery.languages, self._facts(leased, delivery)
                )
            except (jinja2.TemplateError, TypeError, ValueError, KeyError) as error:
                _log.error("template %s: %s", template, error)
                raise Unwritten(f"template {template}: {error}") from error
        return self._known[key]

    def unfrozen(
        self, which: Iterable[tuple[Leased, Delivery]]
    ) -> dict[tuple[int, str], Mapping[str, Any]]:
        """Return what was rendered for these and is to be frozen with the next commit about them."""
        keys = {(leased.id, variant(leased, delivery)) for leased, delivery in which}
        return {key: self._known[key] for key in keys - self._frozen if key in self._known}

    def froze(self, keys: Iterable[tuple[int, str]]) -> None:
        """Count these as frozen: the commit has been made."""
        self._frozen.update(keys)

    def _facts(self, leased: Leased, delivery: Delivery) -> Mapping[str, Any]:
        """Return what the template sees: what was frozen at queueing, and a personal message's own."""
        if not leased.personal:
            return leased.facts
        return {**leased.facts, **self._own(leased, delivery)}


def variant(leased: Leased, delivery: Delivery) -> str:
    """Return which variant of a message a recipient gets."""
    languages = "+".join(delivery.languages)
    if leased.personal:
        return f"{languages}@{delivery.id}"
    return f"{languages}{lease.NEW}" if delivery.newcomer else languages

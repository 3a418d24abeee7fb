"""What goes in one SMTP transaction: the same bytes, for one recipient or for many."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil
from typing import TYPE_CHECKING

from notifications.contents import variant
from notifications.message import build

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from engine.lease import Delivery, Leased
    from notifications.contents import Contents
    from notifications.settings import MailSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """One transaction: its recipients, in the order that was drawn, and the bytes they all get."""

    deliveries: tuple[Delivery, ...]
    body: bytes

    @property
    def addresses(self) -> tuple[str, ...]:
        """Every address, in order; one that two recipients share stands once."""
        return tuple(dict.fromkeys(a for d in self.deliveries for a in d.addresses))

    @property
    def newcomer(self) -> bool:
        """Whether this is the content of those who had not had what the batch is about."""
        return any(d.newcomer for d in self.deliveries)

    def without(self, ids: Collection[int]) -> Parcel:
        """Return the same for those who are not among some deliveries."""
        return replace(self, deliveries=tuple(d for d in self.deliveries if d.id not in ids))


def parcels(leased: Leased, contents: Contents, settings: MailSettings) -> list[Parcel]:
    """Return the messages of a batch: one for each content, one for each recipient when personal."""
    to: dict[str, list[Delivery]] = {}
    for delivery in leased.deliveries:
        if contents.of(leased, delivery) is not None:
            to.setdefault(variant(leased, delivery), []).append(delivery)
    made = []
    for deliveries in to.values():
        content = contents.of(leased, deliveries[0]) or {}
        body = build(leased, deliveries, content, settings)
        made.append(Parcel(deliveries=tuple(deliveries), body=body))
    return made


def split(lots: Sequence[Parcel], most: int | None) -> list[Parcel]:
    """Return parcels of at most so many addresses each, as even as can be.

    A recipient is never split: one that has more addresses than that is alone.
    """
    if most is None:
        return list(lots)
    return [replace(lot, deliveries=part) for lot in lots for part in _parts(lot, most)]


def _parts(lot: Parcel, most: int) -> Iterable[tuple[Delivery, ...]]:
    even = ceil(len(lot.addresses) / ceil(len(lot.addresses) / most))
    part: list[Delivery] = []
    size = 0
    for delivery in lot.deliveries:
        if part and size + len(delivery.addresses) > even:
            yield tuple(part)
            part, size = [], 0
        part.append(delivery)
        size += len(delivery.addresses)
    yield tuple(part)

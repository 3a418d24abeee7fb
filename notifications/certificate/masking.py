"""A server's reply without what would tell whom it was about.

Servers repeat addresses in their replies, in several forms: `<a@b.example>`, `a=b.example@relay`, or
the domain alone (« host mx.b.example said »).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from engine.diffusion import Copy

MASK = "[…]"
#: Anything around an @, but for the marks that set an address apart from a sentence.
_ADDRESS = re.compile(r"[^\s<>\"'(),;:\[\]]+@[^\s<>\"'(),;:\[\]]+")
_HOST = re.compile(r"[\w-]+(?:\.[\w-]+)+")
#: A shorter local part would hide ordinary words.
_SHORTEST = 3


class Mask:
    """Hides the recipients of one diffusion in what a server said."""

    def __init__(self, copies: Sequence[Copy]) -> None:
        """Take every recipient: a reply about one may name another."""
        self._domains = {_domain(a) for copy in copies for a in _addresses(copy)}

    def __call__(self, text: str | None, about: Iterable[Copy]) -> str | None:
        """Return a reply without any address, nor the names and domains of those it is about."""
        if text is None:
            return None
        text = _HOST.sub(self._host, _ADDRESS.sub(MASK, text))
        for pattern in _patterns(about):
            text = pattern.sub(MASK, text)
        return text

    def reason(self, text: str, copies: Sequence[Copy]) -> str:
        """Return a person's reason without addresses, nor the names of recipients."""
        names = sorted((re.escape(c.name) for c in copies if c.name), key=len, reverse=True)
        hidden = str(self(text, ()))
        return re.sub("|".join(names), MASK, hidden, flags=re.IGNORECASE) if names else hidden

    def _host(self, found: re.Match[str]) -> str:
        labels = found[0].casefold().split(".")
        suffixes = {".".join(labels[n:]) for n in range(len(labels))}
        return MASK if suffixes & self._domains else found[0]


def _addresses(copy: Copy) -> Iterator[str]:
    """Yield where a copy goes, and where it went when it came back."""
    yield from copy.addresses
    yield from (returned.address for returned in copy.returned)


def _domain(address: str) -> str:
    return address.rpartition("@")[2].strip().casefold()


def _patterns(about: Iterable[Copy]) -> list[re.Pattern[str]]:
    secrets = {s for copy in about for s in (copy.name, *map(_domain, _addresses(copy))) if s}
    locals_ = {a.rpartition("@")[0] for copy in about for a in _addresses(copy)}
    words = {rf"(?<!\w){re.escape(w)}(?!\w)" for w in locals_ if len(w) >= _SHORTEST}
    # The longest first: a domain may end another one.
    every = [*sorted(map(re.escape, secrets), key=len, reverse=True), *sorted(words)]
    return [re.compile("|".join(every), re.IGNORECASE)] if every else []

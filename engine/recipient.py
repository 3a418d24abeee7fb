"""One recipient of one message."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """One recipient: whoever they are, they get one message.

    Attributes:
        key: `staff:LOGIN`, `member:ID`, or `address:…`: unique within a message.
        name: As a salutation would have it; may be empty.
        addresses: Where; several contacts of one member are one recipient.
        languages: In the order of the message, such as `("fr", "en")`.
        newcomer: Whether they have not had what the batch is about, or nobody knows whether they have.
        salt: Theirs in the earlier batch, so that they find their line with it in the certificate of each.
        copy: Their copy of it (a delivery's id), where there is one.
        sending: The transmission that it was last in.
    """

    key: str
    name: str
    addresses: tuple[str, ...]
    languages: tuple[str, ...]
    newcomer: bool = False
    salt: str | None = None
    copy: int | None = None
    sending: int | None = None

"""Names and addresses of people, as they may safely stand in a register and in a header."""

from __future__ import annotations

import re
import unicodedata

from engine.errors import Reason

#: RFC 5321, 4.5.3.1: 64 octets before the at sign, 255 after it, 254 for what can be used in a path.
_LONGEST = 254
# The dot-atom of RFC 5322 (3.4.1), letters of RFC 6532 included; quoted strings, comments and address
# literals are legal mail and never a business contact.
_ATOM = r"[\w!#$%&'*+/=?^`{|}~-]+"
_EMAIL = re.compile(
    rf"{_ATOM}(?:\.{_ATOM})*@(?:[^\W_](?:[\w-]{{0,61}}[^\W_])?\.)+[^\W_](?:[\w-]{{0,61}}[^\W_])?"
)


def is_email(text: str) -> bool:
    """Tell whether a text is one plain mailbox: no display name, list, comment or control."""
    local, _, _ = text.partition("@")
    return (
        len(text) <= _LONGEST
        and len(local.encode()) <= 64  # noqa: PLR2004 - RFC 5321
        and _EMAIL.fullmatch(text) is not None
    )


def same_mailbox(address: str) -> str:
    """Return what two spellings of one mailbox have in common: case, and the domain's ASCII form.

    RFC 5321 (2.4) lets a server tell `Info` from `info`; none that serves people does, and servers
    do change the case of what they report.
    """
    local, _, domain = address.strip().rpartition("@")
    try:
        ascii_domain = domain.encode("idna").decode()
    except UnicodeError:
        ascii_domain = domain
    return f"{local}@{ascii_domain}".casefold()


def has_controls(text: str, *, allow: str = "") -> bool:
    """Tell whether a text has control or other invisible characters that may deceive a reader."""
    return any(
        unicodedata.category(c) in {"Cc", "Cf", "Cs", "Zl", "Zp"} and c not in allow for c in text
    )


def check_email(field: str, text: str) -> list[Reason]:
    """Return what is wrong with an address: nothing, or one reason."""
    if is_email(text):
        return []
    return [Reason(code="not_an_email", field=field, params={"value": text[:80]})]


def check_line(field: str, text: str, longest: int) -> list[Reason]:
    """Return what is wrong with a line of text: empty, too long, or with control characters."""
    if not text.strip():
        return [Reason(code="field_missing", field=field)]
    if len(text) > longest:
        return [Reason(code="too_long", field=field, params={"max": longest, "length": len(text)})]
    if has_controls(text):
        return [Reason(code="control_character", field=field)]
    return []

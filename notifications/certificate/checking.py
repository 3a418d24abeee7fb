"""Is a certificate still what was signed? And if not, where.

Only the file is needed: the digests are made again, the signature is checked, the chain of lines is
walked, and a page is made again from the document inside and compared. What is not as it was signed is
named by its place: a JSON pointer (RFC 6901) in the document, a line number in a page.
"""

from __future__ import annotations

import base64
import binascii
import html
import json
import re
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Any

from engine.chain import GENESIS, canonical, content_hash
from engine.errors import ArrimageError
from notifications.certificate import page
from notifications.certificate.commitment import commitment
from notifications.certificate.document import SECTIONS, line_hash
from notifications.certificate.signing import ALGORITHM, encoded, fingerprint, is_signed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

_MEMBERS = {*SECTIONS, "digests", "signature"}
_SIGNATURE = {"algorithm", "key", "key_sha256", "value"}
_SCRIPT = re.compile(
    rf'(?<=<script type="application/json" id="{page.ELEMENT}">)(.*?)(?=</script>)', re.DOTALL
)
_LANGUAGE = re.compile(r'<html lang="(fr|en)-CA">')
_EDITION = re.compile(r'(?<=<meta name="generator" content="Arrimage )[^"]*')
#: Only the first places of a page that differ are named.
_MOST = 10


class Unreadable(ArrimageError):
    """This is no certificate that can be read."""

    def __init__(self, code: str, *, line: int | None = None, column: int | None = None) -> None:
        """Take `utf8`, `json`, `duplicate`, `page` or `other`, and the place, where there is one."""
        self.code = code
        self.line = line
        self.column = column
        super().__init__(f"{code} at {line}:{column}" if line else code)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One thing that is not as it was signed.

    Attributes:
        place: A JSON pointer into the document, or `page:LINE` in a page.
        code: `changed`, `missing`, `unknown`, `digest`, `hash`, `previous`, `algorithm`, `key`,
            `key_sha256`, `signature`, `other_key`; of a page `page`, `page_hidden`, `page_edition`.
        heading: Of a page: under which heading.
        expected: Of a page: what the signed document says there.
        found: Of a page: what is there.
    """

    place: str
    code: str
    heading: str = ""
    expected: str = ""
    found: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What was found.

    Attributes:
        document: The certificate.
        form: `json` or `html`.
        sha256: Of the document; None where it has no canonical form.
        same_bytes: Whether it is written as it was issued; other white space says the same.
        changes: What is not as it was signed; none when it is whole.
    """

    document: Mapping[str, Any]
    form: str
    sha256: str | None
    same_bytes: bool
    changes: tuple[Change, ...]


def check(content: bytes, key: bytes | None = None) -> Checked:
    """Return what is not as it was signed in a certificate.

    Args:
        content: Of the file, `.json` or `.html`.
        key: The 32 bytes of the public key that must have signed; without it, the one in the file
            proves that nothing was changed, not who signed.

    Raises:
        Unreadable: It is no certificate: not UTF-8, not JSON, not a page of ours.
    """
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        column = error.start - content.rfind(b"\n", 0, error.start)
        raise Unreadable("utf8", line=line, column=column) from error
    is_page = text.lstrip().startswith("<")
    written = _inside(text) if is_page else text
    document = _parsed(written)
    changes = [*document_changes(document, key)]
    same_bytes = written == _as_issued(document, is_page=is_page)
    if is_page and all(change.code == "other_key" for change in changes):
        changes += page_changes(text, document)
    return Checked(
        document=document,
        form="html" if is_page else "json",
        sha256=_hash(document),
        same_bytes=same_bytes,
        changes=tuple(changes),
    )


def own_line(
    document: Mapping[str, Any], salt: str, name: str, addresses: Iterable[str]
) -> Mapping[str, Any] | None:
    """Return the line that is about somebody, None when none is."""
    sought = commitment(salt, name, addresses)
    lines = document.get("lines")
    known = [line for line in lines if isinstance(line, dict)] if isinstance(lines, list) else []
    return next((line for line in known if line.get("commitment") == sought), None)


# --- reading ------------------------------------------------------------------------------------


def _inside(text: str) -> str:
    """Return the document that a page holds, as it is written there."""
    found = _SCRIPT.findall(text)
    if len(found) != 1:
        raise Unreadable("page")
    return str(found[0])


def _parsed(text: str) -> dict[str, Any]:
    try:
        read = json.loads(text, object_pairs_hook=_no_twice, parse_constant=_refuse)
    except json.JSONDecodeError as error:
        raise Unreadable("json", line=error.lineno, column=error.colno) from error
    except (ValueError, RecursionError) as error:
        raise Unreadable("json") from error
    if not isinstance(read, dict) or not {"digests", "signature"} & set(read):
        raise Unreadable("other")
    return read


def _no_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse a name that stands twice: readers do not agree on which of the two counts."""
    made = dict(pairs)
    if len(made) != len(pairs):
        raise Unreadable("duplicate")
    return made


def _refuse(word: str) -> None:
    raise ValueError(word)


def _as_issued(document: Mapping[str, Any], *, is_page: bool) -> str | None:
    if _hash(document) is None:
        return None
    return page.embedded(document) if is_page else canonical(document)


def _hash(value: Any) -> str | None:
    """Return the hash of a value, None where it has no canonical form (half a character, say)."""
    try:
        return content_hash(canonical(value))
    except (TypeError, ValueError, RecursionError):
        return None


# --- the document -------------------------------------------------------------------------------


def document_changes(document: Mapping[str, Any], key: bytes | None = None) -> Iterator[Change]:
    """Yield what is not as it was signed in a document.

    Args:
        document: As read.
        key: The 32 bytes of the public key that must have signed.
    """
    yield from _members(document)
    declared = document.get("digests")
    computed = {k: _hash(document[k]) for k in SECTIONS if k in document}
    differ = _mapping(declared)
    differing = [k for k in computed if differ.get(k) != computed[k]]
    signature = _Signature(document.get("signature"))
    if signature.holds(declared):
        yield from _changed_sections(document, differing)
        yield from signature.shape()
    elif signature.holds(computed):
        yield from _changed_digests(differ, computed)
        yield from signature.shape()
    else:
        yield from _changed_sections(document, differing)
        yield from signature.faults(blamed=bool(differing))
    if key is not None and signature.key != key:
        yield Change(place="/signature/key", code="other_key")


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _members(document: Mapping[str, Any]) -> Iterator[Change]:
    for name in sorted(_MEMBERS - set(document)):
        yield Change(place=pointer(name), code="missing")
    for name in sorted(set(document) - _MEMBERS):
        yield Change(place=pointer(name), code="unknown")


def pointer(*parts: object) -> str:
    """Return a JSON pointer (RFC 6901)."""
    return "".join(f"/{str(p).replace('~', '~0').replace('/', '~1')}" for p in parts)


def _changed_digests(
    declared: Mapping[str, Any], computed: Mapping[str, str | None]
) -> Iterator[Change]:
    for name in sorted({*declared, *computed}):
        if declared.get(name) != computed.get(name):
            yield Change(place=pointer("digests", name), code="digest")


def _changed_sections(document: Mapping[str, Any], differing: Iterable[str]) -> Iterator[Change]:
    for name in differing:
        found = list(_changed_lines(document["lines"])) if name == "lines" else []
        yield from found or [Change(place=pointer(name), code="changed")]


def _changed_lines(lines: Any) -> Iterator[Change]:
    """Yield the lines whose hash is not theirs, or that do not follow the one before."""
    if not isinstance(lines, list) or not all(isinstance(line, dict) for line in lines):
        return
    made = [_line_hash(line) for line in lines]
    kept = [line.get("hash") for line in lines]
    for n, line in enumerate(lines):
        before = {kept[n - 1], made[n - 1]} if n else {GENESIS}
        follows = line.get("previous") in before
        if made[n] == kept[n]:
            if not follows:
                yield Change(place=pointer("lines", n), code="previous")
        elif n + 1 < len(lines) and made[n] == lines[n + 1].get("previous"):
            yield Change(place=pointer("lines", n, "hash"), code="hash")
        elif not follows:
            yield Change(place=pointer("lines", n, "previous"), code="previous")
        else:
            yield Change(place=pointer("lines", n), code="changed")


def _line_hash(line: Mapping[str, Any]) -> str | None:
    try:
        return line_hash(line)
    except (TypeError, ValueError, RecursionError):
        return None


class _Signature:
    """The signature of a certificate, as far as it can be read."""

    def __init__(self, read: Any) -> None:
        self.read = _mapping(read)
        self.key = _decoded(self.read.get("key"))
        self.value = _decoded(self.read.get("value"))

    def holds(self, digests: Any) -> bool:
        """Tell whether it is that of these digests."""
        if self.key is None or self.value is None or _hash(digests) is None:
            return False
        return is_signed(digests, self.value, self.key)

    def faults(self, *, blamed: bool) -> Iterator[Change]:
        """Yield what is wrong with it, when it is not that of what is signed."""
        if self.key is None or fingerprint(self.key) != self.read.get("key_sha256"):
            yield Change(place="/signature/key", code="key")
        elif self.value is None or not blamed:
            yield Change(place="/signature/value", code="signature")
        else:
            # A section differs from its digest, and somebody touched the seal too.
            yield Change(place="/signature", code="signature")

    def shape(self) -> Iterator[Change]:
        """Yield what is wrong around a signature that holds, which it does not cover itself."""
        for name in sorted(_SIGNATURE ^ set(self.read)):
            code = "unknown" if name in self.read else "missing"
            yield Change(place=pointer("signature", name), code=code)
        if self.read.get("algorithm", ALGORITHM) != ALGORITHM:
            yield Change(place="/signature/algorithm", code="algorithm")
        if (
            self.key is not None
            and "key_sha256" in self.read
            and self.read["key_sha256"] != fingerprint(self.key)
        ):
            yield Change(place="/signature/key_sha256", code="key_sha256")


def _decoded(text: Any) -> bytes | None:
    """Return bytes from base64, None where it is not written in its one form."""
    try:
        found = base64.b64decode(text, validate=True)
    except (binascii.Error, TypeError, ValueError):
        return None
    return found if encoded(found) == text else None


# --- the page -----------------------------------------------------------------------------------


def page_changes(text: str, document: Mapping[str, Any]) -> list[Change]:
    """Return where a page does not say what the document inside says.

    Args:
        text: The page.
        document: The document inside, found whole.
    """
    # What a mail system does to the ends of lines, or a tool to the white space of JSON, says nothing.
    found = _SCRIPT.sub("", text.replace("\r\n", "\n"))
    language = _LANGUAGE.search(found)
    made = _SCRIPT.sub("", page.render(document, language[1] if language else "fr"))
    if found == made:
        return []
    edition = _EDITION.search(found)
    if edition is not None and edition[0] != page.edition():
        line = found.count("\n", 0, edition.start()) + 1
        return [Change(place=f"page:{line}", code="page_edition")]
    return list(_differences(made.split("\n"), found.split("\n")))[:_MOST]


def _differences(made: list[str], found: list[str]) -> Iterator[Change]:
    matcher = SequenceMatcher(None, made, found, autojunk=False)
    for tag, i, i2, j, j2 in matcher.get_opcodes():
        if tag != "equal":
            expected, there = _visible(made[i:i2]), _visible(found[j:j2])
            yield Change(
                place=f"page:{j + 1}",
                code="page" if expected != there else "page_hidden",
                heading=_heading(made[:i2]),
                expected=expected,
                found=there,
            )


def _visible(lines: list[str]) -> str:
    text = html.unescape(re.sub(r"<[^>]*>", " ", " ".join(lines)))
    return " ".join(text.split())[:200]


def _heading(lines: list[str]) -> str:
    found: Callable[[str], Any] = re.compile(r"<(?:h1|h2|title)>(.*?)</").search
    return html.unescape(next((m[1] for line in reversed(lines) if (m := found(line))), ""))

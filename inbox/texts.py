"""What a person reads: French in the code, English in a catalogue, typography in one place.

`_` takes a French text as it is typed, with plain spaces; it comes out with the no-break spaces of
French (Québec), or in English when that was asked for. Values are put in after translation, by name.
"""

from __future__ import annotations

import gettext
import os
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from notifications.words import typography

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

LOCALE = Path(__file__).parent / "locale"
LANGUAGES = ("fr", "en")


class _Language:
    """The language of this run, and its catalogue."""

    code = "fr"
    catalogue: gettext.NullTranslations = gettext.NullTranslations()


def choose(argv: Sequence[str], environment: Mapping[str, str]) -> str:
    """Return the language asked for: `--lang`, else INBOX_LANG, else French."""
    asked = environment.get("INBOX_LANG", "fr")
    for i, word in enumerate(argv):
        if word == "--lang" and i + 1 < len(argv):
            asked = argv[i + 1]
        elif word.startswith("--lang="):
            asked = word.partition("=")[2]
    return asked if asked in LANGUAGES else "fr"


def use(code: str) -> None:
    """Speak this language from now on: our texts, and those of the command-line library.

    The library takes its texts from gettext's global domain when it is imported and used, so this is
    called before.
    """
    _Language.code = code
    _Language.catalogue = gettext.translation("arrimage", LOCALE, languages=[code], fallback=True)
    os.environ["LANGUAGE"] = code
    gettext.bindtextdomain("click", str(LOCALE))
    gettext.textdomain("click")


def lang() -> str:
    """Return the language of this run."""
    return _Language.code


def _(text: str, /, **values: object) -> str:
    """Return a text in the language of this run, with its values in place."""
    said = _Language.catalogue.gettext(text)
    if _Language.code == "fr":
        said = typography(said)
    return said.format(**{k: clean(str(v)) for k, v in values.items()}) if values else said


def n_(one: str, many: str, count: int, /, **values: object) -> str:
    """Return the singular or the plural; in French zero is singular, in English it is plural."""
    single = abs(count) == 1 or (count == 0 and _Language.code == "fr")
    return _(one if single else many, n=count, **values)


def word(label: Mapping[str, str] | None) -> str:
    """Return a definition's label in the language of this run."""
    return "" if label is None else label.get(_Language.code) or label.get("fr", "")


class Said(Protocol):
    """Words of a definition or a plan, as they were written."""

    @property
    def fr(self) -> str:
        """In French."""

    @property
    def en(self) -> str | None:
        """In English, where somebody translated them."""


def said(words: Said) -> str:
    """Return such words in the language of this run; in French where nobody translated them."""
    return words.en if _Language.code == "en" and words.en else words.fr


def doer(login: str) -> str:
    """Return who did something, in words: a login, or the system."""
    return _("le système") if login == "system" else login


def clean(text: str) -> str:
    """Return a stored text that can do nothing to a terminal: no control, no direction marks."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        c if c in "\n\t" or unicodedata.category(c) not in {"Cc", "Cf", "Cs", "Co"} else "\ufffd"
        for c in text
    )

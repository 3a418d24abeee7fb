"""A plan says the adopted text's own words: each is looked for in the file that it names beside it.

Typography is left out of the comparison: line ends, words cut at them, kinds of hyphens, apostrophes, spaces.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from engine.errors import InvalidDefinition

if TYPE_CHECKING:
    from collections.abc import Iterator
    from importlib.resources.abc import Traversable

    from engine.definition.source import Path
    from engine.errors import Finding
    from workflows.plan.catalogue import Catalogue

_TYPED = str.maketrans({"\u2019": "'", "\u2010": "-", "\u2011": "-", "\u00a0": " ", "\u202f": " "})


def check_words(made: Catalogue, folder: Traversable) -> None:
    """Refuse a plan that is not in the words of the text that it names.

    Args:
        made: The plan; one that names no text is taken at its word.
        folder: Where its file is.

    Raises:
        InvalidDefinition: The text is not there, or says something else: a finding at each of those words.
    """
    found = tuple(_check(made, folder))
    if found:
        raise InvalidDefinition(found)


def _check(made: Catalogue, folder: Traversable) -> Iterator[Finding]:
    name = made.plan.text
    if name is None:
        return
    file = folder / name
    if not file.is_file():
        yield made.source.finding("no-such-file", ("text",),
                                  f"« {name} » n'est pas à côté du fichier du plan.",
                                  f"{name!r} is not beside the plan's file.")  # fmt: skip
        return
    adopted = _plain(file.read_bytes().decode("utf-8", "replace"))
    for path, words in _words(made):
        if _plain(words) not in adopted:
            yield made.source.finding("not-in-text", path,
                                      f"ces mots ne sont pas dans le texte adopté, « {name} ».",
                                      f"these words are not in the adopted text, {name!r}.")  # fmt: skip


def _words(made: Catalogue) -> Iterator[tuple[Path, str]]:
    """Yield every title, orientation and target as adopted, with its place in the file."""
    for e, enjeu in enumerate(made.plan.enjeux):
        at_enjeu: Path = ("enjeux", e)
        yield (*at_enjeu, "title", "fr"), enjeu.title.fr
        yield (*at_enjeu, "orientation", "fr"), enjeu.orientation.fr
        for a, axis in enumerate(enjeu.axes):
            at_axis = (*at_enjeu, "axes", a)
            yield (*at_axis, "title", "fr"), axis.title.fr
            for o, objective in enumerate(axis.objectives):
                yield (*at_axis, "objectives", o, "title", "fr"), objective.title.fr
    for entry in made.entries():
        at = made.place(entry.indicator.id)
        yield (*at, "title", "fr"), entry.indicator.title.fr
        yield (*at, "target", "fr"), entry.indicator.target.fr


def _plain(text: str) -> str:
    # A word cut at the end of a printed line is one word.
    return re.sub(r"\s+", " ", text.translate(_TYPED).replace("-\n", "-"))

"""What the parser of YAML says of a file, in words that say what to mend."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

#: The parser's usual words, or how they begin, and ours; its own are kept in English.
_FRENCH = (
    ("found character that cannot start any token",
     ("un texte ne commence pas par ce caractère, à moins d'être entre guillemets; une tabulation n'est pas "
     "permise")),
    ("mapping values are not allowed",
     ("« : » n'est pas permis ici; le retrait n'est pas juste, ou un texte qui en contient n'est pas entre "
     "guillemets")),
    ("did not find expected key",
     "il faut ici une clé; le retrait n'est pas celui des lignes voisines, ou quelque chose n'est pas fermé"),
    ("could not find expected ':'", "il manque « : » après une clé"),
    ("did not find expected ',' or '}'", ("il manque « , » ou « } » : une accolade n'est pas fermée, ou un texte qui contient « : » ou une "
     "apostrophe n'est pas entre guillemets doubles")),
    ("did not find expected ',' or ']'", ("il manque « , » ou « ] » : un crochet n'est pas fermé, ou un texte qui contient « : » ou une "
     "apostrophe n'est pas entre guillemets doubles")),
    ("did not find expected node content", "il manque une valeur ici"),
    ("did not find expected '-' indicator",
     "il faut ici « - »; le retrait n'est pas celui du reste de la liste"),
    ("did not find expected <document start>", "le retrait n'est pas celui des lignes voisines, ou quelque chose suit la fin"),
    ("found unexpected end of stream", "un guillemet n'est pas fermé"),
    ("found unexpected document indicator", "« --- » est au milieu d'un texte entre guillemets"),
    ("found a tab character", "une tabulation fait le retrait; il faut des espaces"),
    ("found unknown escape character",
     "entre guillemets doubles, « \\ » ne se met pas devant ce caractère; des guillemets simples le permettent"),
    ("block sequence entries are not allowed", "« - » n'est pas permis ici; il va à la ligne"),
    ("did not find expected alphabetic", "« & » et « * » ne commencent pas un texte, à moins de guillemets"),
    ("did not find expected comment or line break",
     "après « | » ou « > », le texte commence à la ligne suivante"),
    ("found undefined tag handle", "« ! » ne commence pas un texte, à moins de guillemets"),
)  # fmt: skip


#: An item of a list that is glued to its dash; the parser takes it for a text that goes on below.
_GLUED = re.compile(r"\s*-[^\s-]")


def glued(lines: Sequence[str], line: int) -> int | None:
    """Return the line of a dash that lacks its space, right above one that could not be read (1-based)."""
    above = line - 1
    while above > 0 and not lines[above - 1].strip():
        above -= 1
    return above if above > 0 and _GLUED.match(lines[above - 1]) else None


def said(problem: str | None) -> tuple[str, str]:
    """Return what is wrong, in French and in English; unusual words of the parser are quoted."""
    problem = problem or "unreadable"
    french = next((fr for begins, fr in _FRENCH if problem.startswith(begins)), None)
    return french or f"l'analyseur répond : « {problem} »", problem

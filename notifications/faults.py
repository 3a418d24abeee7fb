"""What Jinja says of a template that fails, in words that say what to mend."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import jinja2

from engine.ports import Fault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

#: Jinja's usual words, or those of the sandbox, then ours in French and in English; its own words are
#: good enough in English where there is no third. `{0}`, `{1}` are what it names.
_SAID: list[tuple[str, str, str | None]] = [
    (r"'(\w+)' is undefined", "rien ne s'appelle « {0} » ici", "nothing is called {0!r} here"),
    (r"'None' has no attribute '(.+)'", "« {0} » est lu d'une valeur qui n'est pas là",
     "{0!r} is read of a value that is not there"),
    (r"'.+' has no attribute '(.+)'", "il n'y a pas de « {0} » là", "there is no {0!r} there"),
    (r".+ has no element '?(.+?)'?", "il n'y a pas de « {0} » là", "there is no {0!r} there"),
    (r"a value that is not there would be written as None",
     "une valeur qui n'est pas là y serait écrite « None »", None),
    (r"a mapping or a list would be written whole",
     "un champ ou une liste y serait écrit tel quel, tout entier : écrivez show(fields.nom)",
     "a field or a list would be written whole as it stands: write show(fields.name)"),
    (r"show is for one value, not for records",
     "show(…) n'écrit pas une suite d'inscriptions : parcourez fields.nom.value",
     "show(…) does not write records: go through fields.name.value"),
    (r"fromisoformat: argument must be str", "une date qui n'est pas là y est lue",
     "a date that is not there is read"),
    (r"Invalid isoformat string: '(.+)'", "« {0} » n'est ni une date ni un instant",
     "{0!r} is neither a date nor an instant"),
    (r"'.+' object has no attribute 'get'", "show(…) veut un champ : show(fields.nom)",
     "show(…) is for a field: show(fields.name)"),
    (r"'.+' not supported between instances of .*'NoneType'.*",
     "une valeur qui n'est pas là y est comparée", "a value that is not there is compared"),
    (r"'.+' not supported between instances of '(.+)' and '(.+)'",
     "des valeurs de sortes différentes y sont comparées", "values of different kinds are compared"),
    (r".*'NoneType' object is not iterable|.*'NoneType' (?:is not iterable|has no len\(\))",
     "une valeur qui n'est pas là y est parcourue", "a value that is not there is gone through"),
    (r"'\w+' object is not iterable", "ce qui n'est pas une liste y est parcouru",
     "what is no list is gone through"),
    (r"unsupported operand .*'NoneType'.*", "un calcul y porte sur une valeur qui n'est pas là",
     "a value that is not there is counted with"),
    (r"(.+) is for numbers only", "« {0} » n'additionne que des nombres", None),
    (r"calling (.+) is not allowed in a template",
     "« {0}(…) » n'est pas permis dans un gabarit; show, day et moment le sont", None),
    (r"the filter (.+) is not allowed in a template",
     "le filtre « {0} » n'est pas permis dans un gabarit", None),
    (r"the test (.+) is not allowed in a template",
     "le test « {0} » n'est pas permis dans un gabarit", None),
    (r"a computed argument of (.+) is not allowed in a template",
     "le filtre « {0} » ne prend que des valeurs écrites telles quelles", None),
    (r"a list of values is not allowed in a template",
     "une liste ne contient que des valeurs écrites telles quelles", None),
    (r"a recursive loop is not allowed in a template", "une boucle récursive n'est pas permise", None),
    (r"a loop inside another over something else is not allowed in a template",
     "une boucle dans une autre ne parcourt que ce que l'autre tient", None),
    (r"a computed or repeated include is not allowed in a template",
     "« include » ne prend qu'un nom écrit tel quel, hors de toute boucle", None),
    (r"(.+?)(?: \(unsafe\))? is not allowed in a template",
     "« {0} » n'est pas permis dans un gabarit", None),
    (r"access to attribute '(.+)' of .* is unsafe\.", "« {0} » n'est pas permis dans un gabarit", None),
    (r"(.+) includes another one, which is not allowed in what is included",
     "« {0} » en inclut un autre, ce qui n'est pas permis dans un gabarit inclus", None),
    (r"(.+) has more than (\d+) bytes", "le gabarit dépasse {1} octets", None),
    (r"(.+) renders to more than (\d+) characters", "le message dépasserait {1} caractères", None),
    (r"No (filter|test) named '(.+)'\.", "rien ne s'appelle « {1} » parmi les filtres et les tests", None),
    (r"Expected an expression, got '(.+)'", "il manque quelque chose ici, avant « {0} »", None),
    (r"expected token '(.+)', got '(.+)'", "il faut ici « {0} », et non « {1} »", None),
    (r"unexpected char '(.+)' at \d+", "le caractère « {0} » est de trop", None),
    (r"unexpected '(.+)', expected '(.+)'", "il faut ici « {1} », et non « {0} »", None),
    (r"unexpected '(.+)'", "« {0} » est de trop", None),
    (r"Encountered unknown tag '(\w+)'\..*", "« {0} » n'est pas une balise qui puisse être ici", None),
    (r"Unexpected end of template\..* closed is '(\w+)'\.", "le bloc « {0} » n'est pas fermé", None),
    (r"unexpected end of template.*", "le gabarit s'arrête au milieu d'une balise", None),
    (r"Missing end of comment tag", "un commentaire n'est pas fermé", None),
]  # fmt: skip


def of(error: Exception, template: str, folders: list[str]) -> Fault:
    """Return what an error says.

    Args:
        error: What a template raised.
        template: The template's file, as long as nothing says that it is another.
        folders: Where templates are.
    """
    if isinstance(error, jinja2.TemplateNotFound):
        return Fault(file=str(error.name), line=0, fr="ce fichier n'est pas là",
                     en="there is no such file")  # fmt: skip
    if isinstance(error, jinja2.TemplateSyntaxError):
        return said(error.message or "", error.name or template, error.lineno)
    file, line = template, 0
    for path, at in _lines(error.__traceback__):
        for folder in folders:
            if path.startswith(f"{folder}/"):
                file, line = path[len(folder) + 1 :], at
    return said(str(error), file, line)


def in_spite(source: str, parse: Callable[[str], object]) -> Iterator[jinja2.TemplateSyntaxError]:
    """Yield everything for which a template cannot be parsed, each as if those before it were mended.

    Args:
        source: The template's text.
        parse: Parses a text; raises TemplateSyntaxError.
    """
    lines, told = source.split("\n"), set[tuple[int, str]]()
    for _ in range(_MOST):
        try:
            parse("\n".join(lines))
        except jinja2.TemplateSyntaxError as error:
            closing = _NOT_CLOSED.search(error.message or "")
            at = min(error.lineno, len(lines)) - 1
            again = (at, "") in told
            if not again or closing:
                told.add((at, ""))
                yield error
            if closing:
                lines[-1] += f"{{% end{closing[1]} %}}"
            else:
                lines[at] = "" if again else _mended(lines[at])
        else:
            return


def _mended(line: str) -> str:
    """Return a line of a template with nothing in it that is wrong: its blocks begin and end as before."""
    kept = [_STAND_INS.get(m[1], m[0] if m[2] else "") for m in _TAG.finditer(line) if m[1]]
    return "".join(kept)


#: So many reasons why a template cannot be parsed are told.
_MOST = 20
_NOT_CLOSED = re.compile(r"block that needs to be closed is '(if|for)'")
_TAG = re.compile(r"\{%-?\+?\s*(\w+)?(?:[^%]|%(?!\}))*?(%\}|(?=\{[{%])|$)|\{\{")
_STAND_INS = {"if": "{% if 1 %}", "elif": "{% elif 1 %}", "for": "{% for x in [] %}"}


def _lines(trace: TracebackType | None) -> Iterator[tuple[str, int]]:
    while trace is not None:
        yield trace.tb_frame.f_code.co_filename, trace.tb_lineno
        trace = trace.tb_next


def said(message: str, file: str, line: int) -> Fault:
    """Return a fault from the words of Jinja; words that are not known are quoted."""
    for pattern, fr, en in _SAID:
        found = re.fullmatch(pattern, message, flags=re.DOTALL)
        if found:
            names = found.groups()
            return Fault(file=file, line=line, fr=fr.format(*names),
                         en=message if en is None else en.format(*names))  # fmt: skip
    return Fault(file=file, line=line, fr=f"il échoue (« {message} »)", en=f"it fails ({message})")

"""What kind of value each part of a template is, and what may be done with one: nothing is tried, all is told.

The facts that a template is read against are samples. Dates, instants and decimals are kept as texts: the
samples of those are marked, so that what only one of them may be used for is not done with another.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from jinja2 import nodes

#: Something of which nothing is known.
ANY = object()
#: What a field is known by.
FIELD = {"type", "value", "options"}
_WORDS = {
    "text": ("un texte", "a text"), "number": ("un nombre", "a number"),
    "boolean": ("un oui ou non", "a yes or no"), "date": ("une date", "a date"),
    "instant": ("un instant", "an instant"), "decimal": ("un nombre décimal", "a decimal"),
    "list": ("une liste", "a list"), "mapping": ("un ensemble de valeurs", "a set of values"),
    "field": ("un champ", "a field"),
}  # fmt: skip
_TEXTS = frozenset({"text", "date", "instant", "decimal"})
#: How many arguments each filter takes at most.
_ARGUMENTS = {"default": 2, "join": 1, "trim": 1}
#: Filters that make one text of another.
_OF_TEXT = frozenset({"capitalize", "lower", "trim", "upper"})
#: What is wrong: in French, in English.
Wrong = tuple[str, str]


class Day(str):
    """A date, as it is kept."""

    __slots__ = ()


class Instant(str):
    """An instant, as it is kept."""

    __slots__ = ()


class Decimal(str):
    """A decimal number, as it is kept."""

    __slots__ = ()


#: What is an instant, of a case, an invitation or a line of a certificate.
_MOMENTS = frozenset({"opened", "due", "start", "at"})
_KEPT: Mapping[str, type[str]] = {"date": Day, "instant": Instant, "decimal": Decimal}


def marked(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return facts in which dates, instants and decimals are told from other texts."""
    found = {n: _instants(v) for n, v in facts.items()}
    fields = facts.get("fields")
    if isinstance(fields, Mapping):
        found["fields"] = {name: _field(field) for name, field in fields.items()}
    return found


def _instants(part: Any) -> Any:
    """Return what is said of a case, of a recipient, or by a message, with its instants marked."""
    if isinstance(part, list):
        return [_instants(one) for one in part]
    if not isinstance(part, Mapping):
        return part
    return {
        n: Instant(v) if n in _MOMENTS and isinstance(v, str) else _field(v)
        for n, v in part.items()
    }


def _field(field: Any) -> Any:
    if not isinstance(field, Mapping) or not field.keys() >= FIELD:
        return field
    return {**field, "value": _kept(field, field["value"])}


def _kept(field: Mapping[str, Any], value: Any) -> Any:
    kept = _KEPT.get(field["type"])
    if kept is not None and isinstance(value, str):
        return kept(value)
    if field["type"] == "records" and isinstance(value, list):
        return [_record(field["of"], record) for record in value]
    return value


def _record(of: Mapping[str, Any], record: Mapping[str, Any]) -> dict[str, Any]:
    made = {n: _kept(of[n], v) if n in of else v for n, v in record.items()}
    return made | ({"at": Instant(made["at"])} if isinstance(made.get("at"), str) else {})


def kind(value: Any) -> str | None:
    """Return the kind of a sample; None when it is not known."""
    for of, name in (
        (bool, "boolean"), (int, "number"), (Day, "date"), (Instant, "instant"), (Decimal, "decimal"),
        (str, "text"), (list, "list"),
    ):  # fmt: skip
        if isinstance(value, of):
            return name
    if isinstance(value, Mapping):
        return "field" if value.keys() >= FIELD else "mapping"
    return None


def part(value: Any, name: str) -> Wrong | None:
    """Return what is wrong with reading a name of a value that has no parts."""
    found = kind(value)
    if found in {None, "mapping", "field"}:
        return None
    fr, en = _WORDS[str(found)]
    return f"« {name} » y est lu de ce qui est {fr}", f"{name!r} is read of what is {en}"


def element(value: Any, at: Any) -> Wrong | None:
    """Return what is wrong with taking an element of a value by its number."""
    found = kind(value)
    if found in {None, "mapping"} or (found == "list" and at == 0):
        return None
    if found == "list":
        return ("rien ne dit que cette liste soit aussi longue : écrivez …|first, …|last ou une boucle",
                "nothing says that the list is that long: write …|first, …|last or a loop")  # fmt: skip
    fr, en = _WORDS[str(found)]
    return (f"{fr} n'a pas d'éléments qu'on prenne par leur numéro",
            f"{en} has no elements to take by their number")  # fmt: skip


def gone_through(value: Any) -> Wrong | None:
    """Return what is wrong with a loop over a value."""
    found = kind(value)
    if found in {None, "list", "mapping"}:
        return None
    fr, en = _WORDS[str(found)]
    return (f"une boucle parcourt une liste, et c'est {fr}", f"a loop goes through a list, and it is {en}")  # fmt: skip


def counted(values: list[Any], operator: str) -> Wrong | None:
    """Return what is wrong with adding or taking away."""
    wrong = next((k for k in map(kind, values) if k not in {None, "number"}), None)
    if wrong is None:
        return None
    fr, en = _WORDS[wrong]
    return (f"« {operator} » ne compte que des nombres entiers, et il y a là {fr}",
            f"{operator!r} is for whole numbers only, and there is {en}")  # fmt: skip


def compared(first: Any, operator: str, second: Any) -> Wrong | None:
    """Return what is wrong with comparing two values."""
    kinds = kind(first), kind(second)
    if None in kinds or "field" in kinds:
        return None
    one, other = (str(k) for k in kinds)
    if operator in {"in", "notin"}:
        return _inside(one, other)
    if one == other and one not in {"list", "mapping"}:
        # Decimals are kept as texts, which are not in the order of the numbers.
        apart = one == "decimal" and operator not in {"eq", "ne"}
        return _cannot_compare(one, other) if apart else None
    for day, written in ((one, second), (other, first)):
        if day in {"date", "instant"} and kind(written) == "text" and _is_day(day, written):
            return None
    if one == other and operator in {"eq", "ne"}:
        return None
    return _cannot_compare(one, other)


def _inside(one: str, other: str) -> Wrong | None:
    if other in {"list", "mapping"} or (one in _TEXTS and other == "text"):
        return None
    fr, en = _WORDS[other]
    return (f"« in » cherche dans une liste ou un texte, et c'est {fr}",
            f"'in' looks in a list or a text, and it is {en}")  # fmt: skip


def _is_day(wanted: str, written: str) -> bool:
    try:
        read = (
            datetime.fromisoformat(written) if wanted == "instant" else date.fromisoformat(written)
        )
    except ValueError:
        return False
    return read is not None


def _cannot_compare(one: str, other: str) -> Wrong:
    first, second = _WORDS[one], _WORDS[other]
    return (f"{first[0]} ne se compare pas à {second[0]}", f"{first[1]} is not compared with {second[1]}")  # fmt: skip


def called(name: str, values: list[Any], *, plainly: bool) -> Wrong | None:
    """Return what is wrong with calling `show`, `day` or `moment`."""
    of_record = name == "show" and len(values) == 2  # noqa: PLR2004 - a field and a value
    if not plainly or not (of_record or len(values) == 1):
        return _many(name)
    found = kind(values[0])
    if found is None:
        return None
    if name == "show":
        return _shown(found, values[0]) or (_of_record(*values) if of_record else None)
    if found in {"instant", "date"}:
        return None
    fr, en = _WORDS[found]
    return (f"« {name}(…) » écrit une date ou un instant, et c'est {fr}",
            f"{name}(…) writes a date or an instant, and it is {en}")  # fmt: skip


def _many(name: str) -> Wrong:
    if name == "show":
        return ("« show(…) » prend un champ, et au plus la valeur d'une inscription",
                "show(…) takes a field, and at most the value of a record")  # fmt: skip
    return (f"« {name}(…) » prend une valeur, et une seule", f"{name}(…) takes exactly one value")  # fmt: skip


def _shown(found: str, value: Any) -> Wrong | None:
    if found != "field":
        fr, en = _WORDS[found]
        return (f"show(…) veut un champ, show(fields.nom), et c'est {fr}",
                f"show(…) is for a field, show(fields.name), and it is {en}")  # fmt: skip
    if value["type"] == "records":
        return ("show(…) n'écrit pas une suite d'inscriptions : parcourez fields.nom.value",
                "show(…) does not write records: go through fields.name.value")  # fmt: skip
    return None


#: What is kept of each type of field; of any other, a text.
_OF_TYPE = {
    "integer": "number", "member": "number", "boolean": "boolean", "choices": "list",
    "date": "date", "instant": "instant", "decimal": "decimal",
}  # fmt: skip


def _of_record(field: Mapping[str, Any], value: Any) -> Wrong | None:
    """Return what is wrong with writing a record's value as a field of its list."""
    found, wanted = kind(value), _OF_TYPE.get(field["type"], "text")
    if found in {None, wanted}:
        return None
    (fr, en), needed = _WORDS[str(found)], _WORDS[wanted]
    return (f"ce champ garde {needed[0]}, et c'est {fr}", f"that field keeps {needed[1]}, and it is {en}")  # fmt: skip


def filtered(node: nodes.Filter, value: Any) -> Wrong | None:
    """Return what is wrong with a filter on a value."""
    name, found = node.name, kind(value)
    if len(node.args) > _ARGUMENTS.get(name, 0):
        return (f"le filtre « {name} » prend moins de valeurs entre parenthèses",
                f"the filter {name} takes fewer values in brackets")  # fmt: skip
    written = [a.value for a in node.args if isinstance(a, nodes.Const)]
    if name in {"join", "trim"} and not all(isinstance(v, str) for v in written):
        return (f"le filtre « {name} » veut un texte entre parenthèses",
                f"the filter {name} needs a text in brackets")  # fmt: skip
    needed = _needed(name)
    if found is None or needed is None or found in needed:
        return _whole_joined(name, value)
    (fr, en), wanted = _WORDS[found], _WORDS["list" if "list" in needed else "text"]
    return (f"le filtre « {name} » est pour {wanted[0]}, et c'est {fr}",
            f"the filter {name} is for {wanted[1]}, and it is {en}")  # fmt: skip


def _needed(name: str) -> frozenset[str] | None:
    """Return the kinds that a filter is for; None for any."""
    if name in _OF_TEXT:
        return _TEXTS
    if name in {"first", "last", "join"}:
        return frozenset({"list"})
    return frozenset({"list", "mapping", *_TEXTS}) if name == "length" else None


def _whole_joined(name: str, value: Any) -> Wrong | None:
    if name == "join" and isinstance(value, list) and any(kind(v) == "mapping" for v in value):
        return ("le filtre « join » écrirait des inscriptions telles quelles : parcourez-les",
                "the filter join would write records as they stand: go through them")  # fmt: skip
    return None


def of_filter(node: nodes.Filter, value: Any) -> Any:
    """Return a sample of what a filter makes of a value."""
    if node.name in {"first", "last"}:
        return value[0] if isinstance(value, list) and value else ANY
    if node.name == "length":
        return 1
    return ANY if node.name == "default" else "…"

"""The JSON Schema (draft 2020-12) of the language, made from the typed model, for editors.

It says what can be said of a file without knowing its names: keys, types, forms, and where exactly one
key is needed. Everything else is the compiler's.
"""

from __future__ import annotations

from typing import Any

from engine.definition import model

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
#: Parts of which exactly one key is written.
_ONE_KEY = ("Condition", "SetValue")
#: Of which exactly one of these.
_ONE_OF = {
    "Recipients": ("address", "people", "role", "roster", "recipients_of"),
    "Timer": ("notify", "action"),
}


def json_schema() -> dict[str, Any]:
    """Return the schema, as JSON."""
    schema = model.Definition.model_json_schema(by_alias=True)
    parts = {**schema["$defs"], "Definition": schema}
    for part in parts.values():
        _without_null(part)
        for prop in part.get("properties", {}).values():
            _tightened(prop)
    for name in _ONE_KEY:
        parts[name] |= {"minProperties": 1, "maxProperties": 1}
    for name, keys in _ONE_OF.items():
        parts[name]["oneOf"] = [{"required": [key]} for key in keys]
    return {
        "$schema": _DIALECT,
        "$id": "urn:arrimage:definition:1",
        **schema,
        "title": "Arrimage",
    }


def _without_null(part: dict[str, Any]) -> None:
    """Leave null out of what may be written: a key that is not needed is not written."""
    for prop in part.get("properties", {}).values():
        ways = [w for w in prop.get("anyOf", ()) if w != {"type": "null"}]
        if len(ways) < len(prop.get("anyOf", ())):
            prop.pop("anyOf")
            prop.update(ways[0] if len(ways) == 1 else {"anyOf": ways})
            prop.pop("default", None)


def _tightened(prop: dict[str, Any]) -> None:
    """Refuse names that are no names; leave out titles, which say nothing more than the keys."""
    prop.pop("title", None)
    if "patternProperties" in prop:
        prop["additionalProperties"] = False

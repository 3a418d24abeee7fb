"""Findings as a SARIF log (OASIS, Static Analysis Results Interchange Format 2.1.0)."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import PurePath
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from engine.definition.rules import OPEN, RULES
from inbox import findings
from inbox.texts import lang

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine.errors import Finding, Stop

_SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)


def log(found: Sequence[Finding]) -> dict[str, Any]:
    """Return a log of one run; a way through the process is a code flow (3.36).

    The line of a template that fails on that way is a related location (3.27.22).
    """
    rules = list(RULES)
    return {
        "$schema": _SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "arrimage",
                        "version": version("arrimage"),
                        "rules": [_rule(code) for code in rules],
                    }
                },
                "language": lang(),
                "columnKind": "unicodeCodePoints",
                "results": [_result(f, rules.index(f.code)) for f in found],
            }
        ],
    }


def _rule(code: str) -> dict[str, Any]:
    return {"id": code, "shortDescription": {"text": RULES[code][lang()]}}


def _result(finding: Finding, index: int) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ruleId": finding.code,
        "ruleIndex": index,
        # What was not looked at is no mistake (3.27.9).
        **({"kind": "open", "level": "none"} if finding.code in OPEN else {"level": "error"}),
        "message": {"text": finding.messages[lang()]},
        "locations": [_location(finding.path, finding.line, finding.column)],
    }
    if finding.way:
        result["codeFlows"] = [{"threadFlows": [{"locations": [
            {"location": _stop(finding.path, stop)} for stop in finding.way
        ]}]}]  # fmt: skip
    if finding.related:
        result["relatedLocations"] = [
            {**_location(p.path, p.line, p.column), "message": {"text": p.excerpt.strip()}}
            for p in finding.related
        ]
    return result


def _stop(path: str, stop: Stop) -> dict[str, Any]:
    return {**_location(path, stop.line, stop.column), "message": {"text": findings.way([stop])}}


def _location(path: str, line: int, column: int) -> dict[str, Any]:
    file = PurePath(path)
    uri = file.as_uri() if file.is_absolute() else quote(file.as_posix())
    return {
        "physicalLocation": {
            "artifactLocation": {"uri": uri},
            "region": {"startLine": line, "startColumn": column},
        }
    }

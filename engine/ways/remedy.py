"""What mends a refusal: the first step of the way that makes the refused action possible."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.definition.compiled import CompiledDefinition
    from engine.errors import Reason
    from engine.ways.search import Ways

_MENDED = frozenset({"wrong_state", "requirement", "checklist_item"})


def mended(reason: Reason, action: str, ways: Ways, definition: CompiledDefinition) -> Reason:
    """Return a reason with what is to be done first.

    What the definition names is kept where it can be done now.

    Args:
        reason: Why an action is refused.
        action: The action.
        ways: The ways from where the case is.
        definition: The case's definition.
    """
    if reason.code not in _MENDED:
        return reason
    if reason.action is not None and ways.to(reason.action) == ():
        return reason
    way = ways.to(action)
    if not way:
        return replace(reason, action=None)
    first = way[0]
    if first.child is not None:
        child = {"process": first.child.process, "number": first.child.number or "",
                 "by": list(first.child.by)}  # fmt: skip
        return replace(reason, action=None, params={**reason.params, "child": child})
    if first.alone:
        label = dict(definition.actions[first.action].label)
        return replace(reason, action=None, params={**reason.params, "awaited": label})
    return replace(reason, action=first.action)

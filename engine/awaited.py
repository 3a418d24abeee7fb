"""Whether what a case awaits of its child cases may still come."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine.definition import model
    from engine.definition.compiled import ChildFact, CompiledAction, CompiledDefinition, Facts


def is_lost(
    definition: CompiledDefinition, action: CompiledAction, state: str, facts: Facts
) -> bool:
    """Tell whether an automatic action awaits child cases that have all ended otherwise.

    False as long as there is a doubt: while one of them is open, or may still be opened on some way from
    here. Reopening a child case that has ended may bring back what was lost.
    """
    written = definition.written.actions[action.name].automatic
    if written is None or state not in action.sources:
        return False
    opened = _opened(definition, state, but=action.name)
    return not _may_hold(written, facts.children(), opened)


def _opened(definition: CompiledDefinition, state: str, *, but: str) -> set[str]:
    """Return the processes of which a child case may be opened from a state on."""
    seen, waiting, opened = {state}, [state], set[str]()
    while waiting:
        here = waiting.pop()
        for action in definition.actions.values():
            if here not in action.sources or action.name == but:
                continue
            child = definition.written.actions[action.name].opens
            opened |= {child.process} if child is not None else set()
            targets = {b.state for b in action.branches if b.state is not None} - seen
            seen |= targets
            waiting += targets
    return opened


def _may_hold(part: model.Condition, children: Sequence[ChildFact], opened: set[str]) -> bool:
    if part.all is not None:
        return all(_may_hold(inner, children, opened) for inner in part.all)
    if part.any is not None:
        return any(_may_hold(inner, children, opened) for inner in part.any)
    asked = part.children
    if asked is None or asked.at_least is None or (not asked.process and opened):
        return True
    here = [c for c in children if asked.process in (None, c.process)]
    counted = [c for c in here if asked.outcome is None or c.outcome in (None, asked.outcome)]
    return len(counted) >= asked.at_least or asked.process in opened

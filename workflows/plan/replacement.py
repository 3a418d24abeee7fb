"""Why a cycle that was opened is not asked any more: the decision since which it is not."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from workflows.plan.cycles import entry_ends
from workflows.plan.decisions import successor
from workflows.plan.readings import READINGS
from workflows.plan.replanning import asked

if TYPE_CHECKING:
    from datetime import date

    from workflows.plan.cycles import Cycle
    from workflows.plan.decisions import Standing


def why(plan: Standing, cycle: Cycle) -> dict[str, str]:
    """Return the form that says it: facts, so that each reader has them in their own language.

    Args:
        plan: The plan as it stands.
        cycle: The cycle, as it was opened.
    """
    instead = successor(plan.versions(cycle.entry), cycle.version, cycle.due)
    if instead is not None:
        return {"cause_fin": "resolution", "precision_fin": instead.resolution}
    day = _dropped_on(plan, cycle)
    return {"cause_fin": "plan"} if day is None else _decision(plan, cycle, day)


def _dropped_on(plan: Standing, cycle: Cycle) -> date | None:
    """Return the day since which the terms of the plan do not ask for a cycle any more."""
    cadence, closes = cycle.version.cadence, partial(entry_ends, plan)
    turns = [*plan.turns(cadence)]
    asks = [
        any(o.due == cycle.due for o in asked(cadence, turns[:count], closes))
        for count in range(1, len(turns) + 1)
    ]
    dropped = (
        turns[n][0] for n in range(len(turns) - 1, 0, -1) if asks[n - 1] and not asks[n]
    )  # fmt: skip
    return next(dropped, None)


def _decision(plan: Standing, cycle: Cycle, day: date) -> dict[str, str]:
    """Return what was decided that day: an extension, another reading, a target that this one is made with."""
    extension = next((e for e in reversed(plan.extensions) if e.decided == day), None)
    choice = next((c for made, c in reversed(plan.choices) if made == day), None)
    # What ended with the plan goes on with it.
    ended = plan.on(day - timedelta(days=1)).ends
    if extension is not None and (choice is None or cycle.due == ended):
        return _resolution(extension.resolution, extension.reason)
    if choice is not None:
        quoted = READINGS[choice["lecture"]].quoted
        return {"cause_fin": "lecture", "precision_fin": quoted, "motif_fin": choice["motif"]}
    ready = cycle.version.cadence.yearly and cycle.version.cadence.yearly.once_ready
    with_it = next(v for v in plan.amended[str(ready)] if v.decided == day)
    return _resolution(with_it.resolution, with_it.reason)


def _resolution(number: str, reason: str) -> dict[str, str]:
    return {"cause_fin": "resolution", "precision_fin": number, "motif_fin": reason}

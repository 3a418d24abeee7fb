"""What a target asks for once a plan was read, or lasted, otherwise in turn: pure functions over dates.

A plan is read under *terms*: the choices of readings, its last day. They hold from a day on. Whatever is
chosen in turn, nothing is asked twice and nothing that was to be accounted for is forgotten:

- what had closed on the day that the terms changed stays as it was asked;
- what only the new terms would have asked, and whose entry would have closed by then, is never asked, but for
  the days that they add to the plan; the next report accounts for the days that the former terms would have;
- a single result is asked once: it stays where it was until the new terms can ask for it.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING

from workflows.plan.cadence import is_single, occurrences, part_from

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from workflows.plan import model
    from workflows.plan.cadence import Bounds, Occurrence

    #: The terms held in turn: from which day, and what a cadence is read within.
    Turns = Iterable[tuple[date, Bounds]]


def asked(
    cadence: model.Cadence, turns: Turns, enter_by: Callable[[date], date]
) -> list[Occurrence]:
    """Return what a cadence asks for once the terms have held in turn, by due date.

    Args:
        cadence: The cadence.
        turns: The terms, in the order of their days; the first ones have always held.
        enter_by: The last day of entry of a due date.
    """
    found: list[Occurrence] = []
    ended = date.max
    for since, within in turns:
        said = occurrences(cadence, within)
        kept = [o for o in found if enter_by(o.due) < since]
        gone = found[len(kept) :]
        unasked = [o for o in said if enter_by(o.due) < since and not ended < o.due <= within.ends]
        coming = said[len(unasked) :]
        if is_single(cadence):
            found = kept or coming or gone
        else:
            found = [*kept, *_following(kept, gone, unasked, coming)]
        ended = within.ends
    return found


def _following(
    kept: list[Occurrence],
    gone: list[Occurrence],
    unasked: list[Occurrence],
    coming: list[Occurrence],
) -> list[Occurrence]:
    """Return what comes, its first report on the days that no other one accounts for, and on no others."""
    if not coming:
        return []
    first = start = coming[0].start
    if gone and unasked:
        start = min(first, max(gone[0].start, unasked[0].start))
    if kept:
        start = max(start, kept[-1].end + timedelta(days=1))
    if start > first:
        return [part_from(coming[0], start), *coming[1:]]
    return [replace(coming[0], start=start), *coming[1:]]

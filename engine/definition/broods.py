"""Which joins hold together: each of a case's child cases is open, or ended in one way, for all of them.

What the conditions on child cases read is one thing, so that « all ended as X » and « one ended as Y »
are never held to be so at once. A few sets of child cases stand for all: of each process and each ending
that is named, none, one, up to as many as are counted; more would tell no two conditions apart.
"""

from __future__ import annotations

from itertools import product
from math import prod
from types import SimpleNamespace
from typing import TYPE_CHECKING

from engine.definition import model
from engine.definition.conditions import compile_condition

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

#: More sets of child cases than this are not looked at: nothing is said of what they would tell apart.
MAX_BROODS = 4_000
#: Stands for a process, or an ending, that no condition names.
_OTHER = "…"


def told_apart(
    joins: Sequence[model.Children], most: Mapping[str, int | None]
) -> list[tuple[bool, ...]] | None:
    """Return which of some joins may hold at once: for each possible set of child cases, which do.

    Args:
        joins: The conditions.
        most: How many child cases of a process there may be; None, or not there, where there is no bound.

    Returns:
        One answer for each join, in every combination that there is; None when there are too many.
    """
    cap = max([1, *(j.at_least or 0 for j in joins)])
    kinds = _kinds(joins)
    counts = [range(min(cap, _bound(most, process, cap)) + 1) for process, _ in kinds]
    if prod(map(len, counts)) > MAX_BROODS:
        return None
    tests = [compile_condition(model.Condition(children=j), {}) for j in joins]
    found = dict[tuple[bool, ...], None]()
    for numbers in product(*counts):
        if _too_many(kinds, numbers, most):
            continue
        made = list(_made(kinds, numbers))
        facts = SimpleNamespace(children=lambda made=made: made)
        found[tuple(test(facts) for test in tests)] = None
    return list(found)


def _kinds(joins: Sequence[model.Children]) -> list[tuple[str, str | None]]:
    """Return the kinds of child cases that some joins tell apart: their process, and how they ended."""
    processes = dict.fromkeys(j.process or _OTHER for j in joins)
    return [
        (process, outcome)
        for process in processes
        for outcome in dict.fromkeys(
            [None, _OTHER, *(j.outcome for j in joins if j.process in (None, process))]
        )
    ]


def _bound(most: Mapping[str, int | None], process: str, cap: int) -> int:
    bound = most.get(process)
    return cap if bound is None else bound


def _too_many(
    kinds: Sequence[tuple[str, str | None]],
    numbers: Sequence[int],
    most: Mapping[str, int | None],
) -> bool:
    totals: dict[str, int] = {}
    for (process, _), number in zip(kinds, numbers, strict=True):
        totals[process] = totals.get(process, 0) + number
    return any(total > _bound(most, process, total) for process, total in totals.items())


def _made(
    kinds: Sequence[tuple[str, str | None]], numbers: Sequence[int]
) -> Iterator[SimpleNamespace]:
    for (process, outcome), number in zip(kinds, numbers, strict=True):
        for _ in range(number):
            yield SimpleNamespace(process=process, outcome=outcome)

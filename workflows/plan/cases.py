"""The cases of cycles, beside what the plan promises now.

What was answered stands for its promise for ever, in the words and the numbers of its time, even when the
plan promises something else since.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from engine import register
from engine.errors import Ambiguous, NotFound
from workflows.plan.cadence import is_single, part_from
from workflows.plan.cycles import Cycle, cycles, superseded
from workflows.plan.transcript import own_cycle

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from sqlalchemy import Connection

    from engine.calendar import Calendar
    from engine.register import Listed
    from workflows.plan.decisions import Standing

#: States in which a cycle may still be re-planned.
OPEN = frozenset({"a_faire", "a_declarer"})


@dataclass(frozen=True, slots=True, kw_only=True)
class CycleCase:
    """The case of a cycle."""

    line: Listed
    data: Mapping[str, Any]

    @property
    def key(self) -> str:
        """The key of the cycle it was opened for."""
        return str(self.data.get("cle", ""))

    @property
    def promise(self) -> tuple[str, str, str]:
        """What it stands for whatever the version: plan, indicator, due date."""
        return (
            str(self.data.get("plan")),
            str(self.data.get("indicateur")),
            str(self.data.get("echeance")),
        )

    @property
    def version(self) -> tuple[str, str, str]:
        """The version of a target that it was opened under: plan, indicator, number."""
        return (*self.promise[:2], self.key.rpartition(":v")[2])

    @property
    def stands(self) -> bool:
        """Whether it stands whatever is decided since: neither open nor replaced."""
        return self.line.state not in {*OPEN, "remplace"}

    def cycle(self, plan: Standing) -> Cycle:
        """Return the cycle that it was opened for, in its own words and numbers."""
        return own_cycle(plan, self.key, self.data)

    @property
    def events(self) -> list[dict[str, Any]]:
        """The events logged in it, in the order of their days."""
        return sorted(self.data.get("evenements", ()), key=lambda e: str(e["le"]))


def cases_of(connection: Connection, process: str = "cycle") -> list[CycleCase]:
    """Return the cases of cycles, open and ended, in the order of their numbers."""
    return [
        CycleCase(line=line, data=data) for line, data in register.with_data(connection, process)
    ]


def paired(
    plan: Standing, cases: Iterable[CycleCase], calendar: Calendar
) -> list[tuple[Cycle, CycleCase | None]]:
    """Return every cycle of a plan with its case: what is promised now, and what was promised once.

    What has a case is said as the case says it, so that whoever reads the one or the other reads the same.
    What was replaced before its case was opened is among them while its year has nothing else of that
    indicator: who looks for it finds what has become of it.

    Args:
        plan: The plan as it stands.
        cases: Cases of cycles, of this plan or others.
        calendar: Business days and fiscal years.
    """
    mine = {c.key: c for c in cases if c.data.get("plan") == plan.catalogue.key}
    promised = [
        (cycle, mine.pop(cycle.key, None))
        for cycle in expected(cycles(plan, calendar), [*mine.values()])
    ]
    found = [(cycle if case is None else case.cycle(plan), case) for cycle, case in promised]
    found += [(case.cycle(plan), case) for case in mine.values()]
    years = {(cycle.indicator, cycle.fiscal_year) for cycle, _case in found}
    return [*found, *((cycle, None) for cycle in superseded(plan, calendar, years))]


def expected(promised: Sequence[Cycle], cases: Iterable[CycleCase]) -> list[Cycle]:
    """Return the cycles that are still to be answered: what was answered is not asked again.

    An answer stands for its promise whatever the version of the target; what is read otherwise since is
    asked on the days that it does not account for.

    Args:
        promised: What a plan promises, by due date.
        cases: Its cases.
    """
    answered: dict[tuple[str, str, str], list[CycleCase]] = {}
    for case in sorted((c for c in cases if c.stands), key=lambda c: str(c.data["debut"])):
        answered.setdefault(case.version, []).append(case)
    standing = {case.promise for answers in answered.values() for case in answers}
    found: list[Cycle] = []
    left: dict[tuple[str, str, str], date] = {}
    for cycle in promised:
        version = (cycle.plan, cycle.indicator, str(cycle.version.number))
        answers = answered.get(version, [])
        start = _first_left(left.pop(version, cycle.start), answers)
        if cycle.promise not in standing and not (answers and is_single(cycle.version.cadence)):
            found += _asked_from(cycle, start)
        elif any(case.promise == cycle.promise for case in answers) and start <= cycle.end:
            left[version] = start
    return found


def _first_left(start: date, answers: Sequence[CycleCase]) -> date:
    """Return the first day from a day on that no answer accounts for."""
    for case in answers:
        if date.fromisoformat(case.data["debut"]) <= start:
            start = max(start, date.fromisoformat(case.data["fin"]) + timedelta(days=1))
    return start


def _asked_from(cycle: Cycle, start: date) -> list[Cycle]:
    if start > cycle.end:
        return []
    return [replace(cycle, start=start) if start <= cycle.start else part_from(cycle, start)]


def is_replaced(cycle: Cycle, case: CycleCase | None) -> bool:
    """Tell whether a cycle was promised once and something else is now."""
    return cycle.superseded_by is not None if case is None else case.line.state == "remplace"


def named(
    plans: Sequence[Standing], cases: Sequence[CycleCase], calendar: Calendar, reference: str
) -> tuple[Standing, Cycle, CycleCase | None]:
    """Return the cycle that a person names: `E1-A3-O5-I1/2013-2014` or `E1-A3-O5-I1@2013-12-31`.

    Before it, `plan_2011_2016:` says of which plan, where several have that indicator. What was replaced is only meant when nothing else bears the name.

    Raises:
        NotFound: No plan promises it.
        Ambiguous: Several cycles bear that name.
    """
    key, _colon, wanted = reference.upper().rpartition(":")
    found = [
        (plan, cycle, case)
        for plan in plans
        for cycle, case in paired(plan, cases, calendar)
        if key in {"", plan.catalogue.key.upper()} and wanted in {cycle.name, cycle.exact_name}
    ]
    found = [(p, y, c) for p, y, c in found if not is_replaced(y, c)] or found[-1:]
    if not found:
        raise NotFound("cycle", reference, near=tuple(_near(plans, calendar, wanted)))
    if len(found) > 1:
        several = len({plan.catalogue.key for plan, _cycle, _case in found}) > 1
        raise Ambiguous(reference, tuple(
            f"{f'{plan.catalogue.key}:' if several else ''}{cycle.exact_name}"
            for plan, cycle, _case in found
        ))  # fmt: skip
    return found[0]


def _near(plans: Sequence[Standing], calendar: Calendar, wanted: str) -> Iterator[str]:
    indicator = wanted.replace("@", "/").partition("/")[0]
    yield from (c.name for p in plans for c in cycles(p, calendar) if c.indicator == indicator)

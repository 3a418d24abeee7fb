"""The board of a year: each cycle with its case, its status in one word, and what is missing.

A status is computed; a person may give another one, with a reason. Between the target date and the end of the
entry nobody knows whether the target was reached: the cycle is at risk, not late.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

from workflows.plan.cases import is_replaced, paired
from workflows.plan.decisions import preceding, successor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine.calendar import Calendar
    from workflows.plan.cases import CycleCase
    from workflows.plan.cycles import Cycle
    from workflows.plan.decisions import Standing, Version

Status = Literal[
    "a_venir", "en_voie", "a_risque", "en_retard", "atteint", "atteint_en_retard", "non_atteint",
    "remplace", "sans_objet",
]  # fmt: skip
#: The statuses in the order of a legend, with their words.
STATUSES: dict[str, dict[str, str]] = {
    "a_venir": {"fr": "à venir", "en": "to come"},
    "en_voie": {"fr": "en voie", "en": "on track"},
    "a_risque": {"fr": "à risque", "en": "at risk"},
    "en_retard": {"fr": "en retard", "en": "late"},
    "atteint": {"fr": "atteint", "en": "reached"},
    "atteint_en_retard": {"fr": "atteint en retard", "en": "reached late"},
    "non_atteint": {"fr": "non atteint", "en": "not reached"},
    "remplace": {"fr": "remplacé", "en": "replaced"},
    "sans_objet": {"fr": "sans objet", "en": "not applicable"},
}
#: A target whose date is nearer than this, in days, and that nobody has answered is at risk.
NEAR = 30
#: States in which a report has been given.
ANSWERED = frozenset({"saisi", "valide", "adopte", "verrouille"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """A status that was not computed.

    Attributes:
        by: Who gave it, where that is known.
        on: The day.
        cause: What replaced it, when it was: `resolution`, `lecture` (another reading) or `plan`.
        detail: Which resolution, or the words of the plan that are read otherwise.
        reason: Why, in a person's words; None where nobody said.
        computed: The status that it stands in for, where there is one.
    """

    by: str | None
    on: date | None
    cause: str | None
    detail: str | None
    reason: str | None
    computed: Status | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One cycle on the board.

    Attributes:
        cycle: What is expected.
        case: Its case, once it is open.
        status: In one word (`STATUSES`).
        given: Who gave it and why, when it is not the computed one.
        events: What was logged, by day.
        limit: The day that counts now: the do-by date until the target date has passed, then the end of
            the entry.
        days_left: Business days to it.
        missing: What the report still lacks, as keys: `result`, `evidence`, `explanation`,
            `validation`, `adoption`.
        owner: The login of who answers for it.
        former: The version of the target that this one replaced, when that happened in its period.
        successor: The version that replaced this one, when its case was replaced by a resolution.
    """

    cycle: Cycle
    case: CycleCase | None
    status: Status
    given: Given | None
    events: tuple[dict[str, Any], ...]
    limit: date
    days_left: int
    missing: tuple[str, ...]
    owner: str | None
    former: Version | None
    successor: Version | None

    @property
    def replaced_by(self) -> tuple[str, str] | None:
        """The words of the target that replaced this one, with the resolution that did."""
        found = self.successor
        return None if found is None else (found.target, found.resolution)

    @property
    def answered(self) -> bool:
        """Whether a report was given."""
        return self.case is not None and has_answered(self.case)

    @property
    def expected(self) -> bool:
        """Whether a report is still wanted of it, or was."""
        return self.status not in {"remplace", "sans_objet"}

    @property
    def on_time(self) -> bool:
        """Whether it was given before its entry closed."""
        entered = None if self.case is None else self.case.data.get("saisi_le")
        return self.answered and (
            entered is None or date.fromisoformat(str(entered)) <= self.cycle.enter_by
        )

    @property
    def count(self) -> int | Decimal:
        """How many events count: those logged, or the value that was entered, as it was."""
        value = None if self.case is None else self.case.data.get("valeur")
        if value is None:
            return len(self.events)
        entered = Decimal(str(value))
        whole = entered == entered.to_integral_value()
        return max(len(self.events), int(entered) if whole else entered)


def board(
    plan: Standing, cases: Sequence[CycleCase], calendar: Calendar, today: date, year: str | None
) -> list[Row]:
    """Return the cycles of a fiscal year, in the plan's order.

    Args:
        plan: The plan as it stands.
        cases: The cases of its cycles.
        calendar: Business days and fiscal years.
        today: The local date.
        year: Such as `2012-2013`; None: every year.
    """
    pairs = paired(plan, cases, calendar)
    first = _first_reports(pairs)
    rows = [
        _row(plan, cycle, case, calendar, today, first=cycle.key in first)
        for cycle, case in pairs
        if year in {None, cycle.fiscal_year}
    ]
    return sorted(rows, key=_place)


def _place(row: Row) -> tuple[tuple[int, ...], str, date, int]:
    cycle = row.cycle
    return cycle.entry.order, cycle.indicator, cycle.due, cycle.version.number


def _first_reports(pairs: Sequence[tuple[Cycle, CycleCase | None]]) -> set[str]:
    """Return the keys of the first report under each version of each target."""
    found: dict[tuple[str, int], Cycle] = {}
    for cycle in sorted((y for y, case in pairs if not is_replaced(y, case)), key=lambda y: y.due):
        found.setdefault((cycle.indicator, cycle.version.number), cycle)
    return {cycle.key for cycle in found.values()}


def _row(
    plan: Standing,
    cycle: Cycle,
    case: CycleCase | None,
    calendar: Calendar,
    today: date,
    *,
    first: bool,
) -> Row:
    events = () if case is None else tuple(case.events)
    limit = cycle.do_by if today <= cycle.due else cycle.enter_by
    owner = plan.owners.get(cycle.indicator) if case is None else case.line.owner
    computed = _computed(cycle, case, events, today)
    successor = _successor(plan, cycle, case)
    return Row(
        cycle=cycle, case=case, status=_status(cycle, case, computed),
        given=None if successor is not None else _given(case, computed), events=events, limit=limit,
        days_left=calendar.business_days_between(today, limit), missing=_missing(cycle, case),
        owner=owner, former=_former(plan, cycle, first=first), successor=successor,
    )  # fmt: skip


def _former(plan: Standing, cycle: Cycle, *, first: bool) -> Version | None:
    """Return the version that would hold on the due date if this one had not replaced it.

    The first report under a target names the one before, and so does every one whose period had begun when
    it was decided, or when it took effect.
    """
    versions = plan.versions(cycle.entry)
    before = [
        v for v in preceding(versions, cycle.version) if v.number == 0 or v.effective <= cycle.due
    ]
    in_period = cycle.start <= cycle.version.effective <= cycle.due
    told = first or in_period or cycle.version.decided >= cycle.start
    return before[-1] if before and told else None


def _successor(plan: Standing, cycle: Cycle, case: CycleCase | None) -> Version | None:
    if case is None:
        return cycle.superseded_by
    if case.line.state != "remplace":
        return None
    return successor(plan.versions(cycle.entry), cycle.version, cycle.due)


def _status(cycle: Cycle, case: CycleCase | None, computed: Status) -> Status:
    if is_replaced(cycle, case):
        return "remplace"
    if case is None:
        return computed
    if case.line.state == "sans_objet":
        return "sans_objet"
    return case.data.get("statut_impose") or computed


def _given(case: CycleCase | None, computed: Status) -> Given | None:
    """Return what makes the status another one than the computed one, with its reason."""
    if case is None:
        return None
    ended = case.line.state in {"remplace", "sans_objet"}
    reason = case.data.get("motif_fin" if ended else "statut_motif")
    cause = case.data.get("cause_fin")
    if not reason and not cause:
        return None
    on = case.data.get("statut_le")
    return Given(
        by=case.data.get("statut_par"), on=None if on is None else date.fromisoformat(str(on)),
        cause=cause, detail=case.data.get("precision_fin"), reason=reason or None,
        computed=None if ended else computed,
    )  # fmt: skip


def _computed(cycle: Cycle, case: CycleCase | None, events: Sequence[Any], today: date) -> Status:
    if case is not None and has_answered(case):
        return _reported(cycle, case.data)
    if today > cycle.enter_by:
        return "en_retard"
    if today < cycle.start:
        return "a_venir"
    done = cycle.quantity is not None and len(events) >= cycle.quantity
    near = today > cycle.due - timedelta(days=NEAR)
    return "a_risque" if near and not done else "en_voie"


def _reported(cycle: Cycle, data: Any) -> Status:
    entered = date.fromisoformat(str(data.get("saisi_le") or cycle.due))
    if cycle.nature == "accountability":
        return "atteint" if entered <= cycle.enter_by else "atteint_en_retard"
    if data.get("atteinte") == "non_atteinte":
        return "non_atteint"
    reached = data.get("atteint_le")
    late = reached is not None and date.fromisoformat(str(reached)) > cycle.due
    return "atteint_en_retard" if late else "atteint"


def _missing(cycle: Cycle, case: CycleCase | None) -> tuple[str, ...]:
    if is_replaced(cycle, case) or (case is not None and case.line.state == "sans_objet"):
        return ()
    data = {} if case is None else case.data
    missed = data.get("atteinte") == "non_atteinte"
    lacking = {
        "correction": case is not None and case.line.state == "rouvert",
        "result": not data.get("resultat"),
        "explanation": missed and not data.get("explication"),
        "evidence": not data.get("preuve") and not missed,
        "validation": not data.get("valide_par"),
        "adoption": not data.get("resolution"),
    }
    return tuple(key for key, is_lacking in lacking.items() if is_lacking)


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """« 14/16 reçus, 13/16 à temps »: reports expected, given, and given in time."""

    expected: int
    received: int
    on_time: int


def has_answered(case: CycleCase) -> bool:
    """Tell whether a report was given; one that came back to be corrected was."""
    return case.line.state in ANSWERED or (case.line.state == "rouvert" and "saisi_le" in case.data)


def summary(rows: Sequence[Row]) -> Summary:
    """Return how complete and how timely a board is; what was replaced is expected no more."""
    expected = [r for r in rows if r.expected]
    return Summary(
        expected=len(expected),
        received=sum(r.answered for r in expected),
        on_time=sum(r.on_time for r in expected),
    )

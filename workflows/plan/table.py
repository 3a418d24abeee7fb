"""The annual report's table: every cycle of a fiscal year in the plan's order and words.

What was adopted keeps the words it was adopted with: an amendment decided later changes nothing in it.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from decimal import Decimal

    from workflows.plan.board import Given, Row, Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of the table; texts are as they were entered, None where nothing was.

    Attributes:
        enjeu: Number and title of the enjeu.
        orientation: Its orientation.
        axis: Number and title of the axis.
        objective: Number (within the enjeu) and title of the objective.
        indicator: The indicator's id.
        title: Its words.
        target: The target's words.
        former_target: The words it replaced in this year, with the resolution that did.
        replaced_by: The words that replaced it, with the resolution that did.
        due: The nominal due date.
        part: The period, where the indicator has several in the year.
        status: The status.
        given: Who gave it (a name) and why, when it is not the computed one.
        result: The narrative.
        value: The value entered (a decimal as text), if one was.
        reached_on: When the target was reached, if that was entered.
        quantity: How many events were promised, and `count` how many there were.
        events: Each event: its day and its words.
        explanation: Of the gap.
        late: Why it was accepted once its entry had closed, if it was: the named exception.
        evidence: What proves it, and the files joined.
        entered_by: Who entered the result (a name).
        validated_by: Who validated it, and when.
        resolution: The board's resolution, and when it adopted.
        case: The case's number.
    """

    enjeu: tuple[int, str]
    orientation: str
    axis: tuple[int, str]
    objective: tuple[int, str]
    indicator: str
    title: str
    target: str
    former_target: tuple[str, str] | None
    replaced_by: tuple[str, str] | None
    due: date
    part: tuple[date, date] | None
    status: Status
    given: Given | None
    result: str | None
    value: str | None
    reached_on: date | None
    quantity: int | None
    count: int | Decimal
    events: tuple[tuple[date, str], ...]
    explanation: str | None
    late: str | None
    evidence: tuple[str, ...]
    entered_by: str | None
    validated_by: tuple[str, date] | None
    resolution: tuple[str, date] | None
    case: str | None


def lines(
    rows: Sequence[Row],
    *,
    name_of: Callable[[str], str],
    files_of: Callable[[int], Sequence[str]],
) -> list[Line]:
    """Return the lines of a board's rows.

    Args:
        rows: The board of a year.
        name_of: A login's name.
        files_of: The names of the files joined to a case, by its id.
    """
    parts = Counter(row.cycle.indicator for row in rows if row.status != "remplace")
    return [_line(row, name_of, files_of, parts) for row in rows]


def _line(
    row: Row,
    name_of: Callable[[str], str],
    files_of: Callable[[int], Sequence[str]],
    parts: Mapping[str, int],
) -> Line:
    cycle, entry = row.cycle, row.cycle.entry
    data = {} if row.case is None else row.case.data
    files = () if row.case is None else tuple(files_of(row.case.line.id))
    former = row.former
    return Line(
        enjeu=(entry.enjeu.number, entry.enjeu.title.fr),
        orientation=entry.enjeu.orientation.fr,
        axis=(entry.axis.number, entry.axis.title.fr),
        objective=(entry.objective.number, entry.objective.title.fr),
        indicator=cycle.indicator,
        title=entry.indicator.title.fr,
        target=cycle.version.target,
        former_target=None if former is None else (former.target, cycle.version.resolution),
        replaced_by=row.replaced_by,
        due=cycle.due,
        part=(cycle.start, cycle.end) if parts[cycle.indicator] > 1 else None,
        status=row.status,
        given=_named(row.given, name_of),
        result=data.get("resultat"),
        value=data.get("valeur"),
        reached_on=_day(data.get("atteint_le")),
        quantity=cycle.quantity,
        count=row.count,
        events=tuple((date.fromisoformat(e["le"]), str(e["titre"])) for e in row.events),
        explanation=data.get("explication"),
        late=data.get("motif_tardif") if data.get("exception_tardive") else None,
        evidence=_evidence(data.get("preuve"), files),
        entered_by=None if not data.get("saisi_par") else name_of(str(data["saisi_par"])),
        validated_by=_who(data.get("valide_par"), data.get("valide_le"), name_of),
        resolution=_who(data.get("resolution"), data.get("adopte_le"), str),
        case=None if row.case is None else row.case.line.number,
    )


def _evidence(said: str | None, files: Sequence[str]) -> tuple[str, ...]:
    """Return what was said of the evidence, then the files joined; one that is named in it is said already."""
    named = said or ""
    more = [f for f in files if not re.search(rf"(?<![\w.-]){re.escape(f)}(?![\w.-])", named)]
    return (*([named] if named else []), *more)


def _named(given: Given | None, name_of: Callable[[str], str]) -> Given | None:
    if given is None or given.by is None:
        return given
    return replace(given, by=name_of(given.by))


def _day(stored: object) -> date | None:
    return None if not stored else date.fromisoformat(str(stored))


def _who(who: object, on: object, name_of: Callable[[str], str]) -> tuple[str, date] | None:
    day = _day(on)
    return None if not who or day is None else (name_of(str(who)), day)

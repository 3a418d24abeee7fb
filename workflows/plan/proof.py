"""A plan is proved before it is followed: every cycle can be worked out, and its case opened.

Reading a file finds what is wrong in it alone. What only shows once days are counted, or once a cycle is to
be a case of its process, is found here, indicator by indicator, before anything is written: one plan at
fault stops neither the others nor the reminders.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.errors import InvalidDefinition
from engine.judge import read_form
from engine.references import References
from workflows.plan.amendment import never_due
from workflows.plan.cadence import occurrences
from workflows.plan.cycles import cycles_of, is_ever_due
from workflows.plan.readings import defaults
from workflows.plan.transcript import opening_form

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engine.calendar import Calendar
    from engine.definition.compiled import CompiledDefinition
    from engine.errors import Finding
    from workflows.plan.catalogue import Catalogue, Entry
    from workflows.plan.cycles import Cycle
    from workflows.plan.decisions import Standing

#: A longer value is cut where it is quoted.
_QUOTED = 60


def prove(plan: Standing, calendar: Calendar, process: CompiledDefinition) -> None:
    """Refuse a plan that cannot be followed.

    Args:
        plan: As it stands.
        calendar: Business days, fiscal years.
        process: The definition that runs its cycles.

    Raises:
        InvalidDefinition: With a finding at each indicator that is at fault.
    """
    found = tuple(
        finding
        for entry in plan.catalogue.entries()
        for finding in _entry(plan, calendar, process, entry)
    )
    if found:
        raise InvalidDefinition(found)


def at_fault(catalogue: Catalogue, error: Exception, indicator: str | None = None) -> Finding:
    """Return the finding of a plan, or of one of its indicators, that something went wrong with."""
    detail = f"{type(error).__name__}: {error}"
    return _finding(catalogue, indicator, f"le plan ne peut pas être suivi : {detail}.",
                    f"the plan cannot be followed: {detail}.")  # fmt: skip


def _entry(
    plan: Standing, calendar: Calendar, process: CompiledDefinition, entry: Entry
) -> Iterator[Finding]:
    name = entry.indicator.id
    try:
        made = cycles_of(plan, calendar, entry)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is of this indicator
        yield at_fault(plan.catalogue, error, name)
        return
    yield from _void(plan, entry)
    refused = {pair for cycle in made for pair in _refused(process, cycle)}
    for label, value in sorted(refused):
        yield _finding(plan.catalogue, name, f"« {label} » n'admet pas « {value} ».",
                       f"{label!r} does not take {value!r}.")  # fmt: skip


def _void(plan: Standing, entry: Entry) -> Iterator[Finding]:
    """Yield the versions of a target under which nothing is ever due, each at its place."""
    catalogue, name = plan.catalogue, entry.indicator.id
    if not occurrences(entry.indicator.cadence, plan.bounds(defaults())):
        place = (*catalogue.place(name), "cadence")
        yield never_due(catalogue.source, place, catalogue.plan.starts, plan.ends)
    filed = [("amendments", n, "cadence") for n, amendment in enumerate(catalogue.plan.amendments)
             if amendment.indicator == name]  # fmt: skip
    for version in plan.versions(entry)[1:]:
        if not is_ever_due(plan, version):
            # What was decided by a command stands beside the plan: it is told of the indicator.
            places = dict(enumerate(filed, start=1))
            place = places.get(version.number, catalogue.place(name))
            yield never_due(catalogue.source, place, version.effective, plan.ends)


def _refused(process: CompiledDefinition, cycle: Cycle) -> Iterator[tuple[str, str]]:
    """Yield what the process does not take of a cycle: the field's label, and the value."""
    form = opening_form(cycle)
    _form, reasons = read_form(process.opening, form, References(None))
    for reason in reasons:
        field = process.fields.get(reason.field or "")
        label = (reason.field or reason.code) if field is None else field.label["fr"]
        yield label, str(form.get(reason.field or "", ""))[:_QUOTED]


def _finding(catalogue: Catalogue, indicator: str | None, fr: str, en: str) -> Finding:
    place = ("plan",) if indicator is None else catalogue.place(indicator)
    return catalogue.source.finding("unplannable", place, fr, en)

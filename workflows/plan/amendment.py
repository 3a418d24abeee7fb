"""A cadence that a resolution gives a target, as it is typed: read, and checked against the plan as it stands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.errors import InvalidDefinition
from workflows.plan.catalogue import check_cadence, check_effect, typed_cadence
from workflows.plan.cycles import is_ever_due
from workflows.plan.decisions import Version

if TYPE_CHECKING:
    from datetime import date

    from engine.definition.source import Path, Source
    from engine.errors import Finding
    from workflows.plan.catalogue import Entry
    from workflows.plan.decisions import Standing


def check_amendment(text: str, plan: Standing, entry: Entry, effective: date) -> None:
    """Refuse a cadence that an amendment cannot give a target of a plan.

    Args:
        text: As it is typed.
        plan: The plan as it stands.
        entry: Whose target it is.
        effective: From when.

    Raises:
        InvalidDefinition: With every finding.
    """
    read, cadence = typed_cadence(text)
    lasting = plan.catalogue.plan.model_copy(update={"ends": plan.ends})
    found = [*check_cadence(lasting, read, (), cadence, entry.indicator.id)]
    found += check_effect(read, (), cadence, effective)
    version = Version(
        number=len(plan.versions(entry)), target="", cadence=cadence, effective=effective,
        decided=effective, resolution="",
    )  # fmt: skip
    if not found and not is_ever_due(plan, version):
        found.append(never_due(read, (), effective, plan.ends))
    if found:
        raise InvalidDefinition(tuple(found))


def never_due(read: Source, place: Path, effective: date, ends: date) -> Finding:
    """Return the finding of a target under which nothing would be due from a day to the plan's end."""
    return read.finding("never-due", place,
                        f"rien n'est jamais dû du {effective} à la fin du plan, le {ends}.",
                        f"nothing is ever due from {effective} to the plan's end, {ends}.")  # fmt: skip

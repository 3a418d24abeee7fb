"""What was decided on a plan since its adoption: amendments, extensions, readings, owners.

They are the records of one case of the process `plan`, so that who, when and why are kept as everything
else is. Without such a case, the plan is as its file says.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from workflows.plan.cadence import Bounds, occurrences
from workflows.plan.catalogue import read_cadence
from workflows.plan.readings import READINGS, defaults

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from engine.calendar import Calendar
    from workflows.plan import model
    from workflows.plan.catalogue import Catalogue, Entry

#: The process whose case keeps the decisions.
PROCESS = "plan"


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A target as it was promised from a day on.

    Attributes:
        number: 0 as adopted, then 1, 2…
        target: The words.
        cadence: The same as a cadence.
        effective: From when (the plan's start for the first).
        decided: When it was decided.
        resolution: By which resolution.
        reason: Why; empty for the first.
    """

    number: int
    target: str
    cadence: model.Cadence
    effective: date
    decided: date
    resolution: str
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Extension:
    """A resolution that moved the plan's end.

    Attributes:
        until: The new last day.
        decided: When it was decided.
        resolution: By which resolution.
        reason: Why.
    """

    until: date
    decided: date
    resolution: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A plan as it stands: its file and what was decided since.

    Attributes:
        catalogue: The file.
        case: The number of the case of its decisions, once there is one.
        version: That case's version when it was read: who decides meanwhile makes it another one.
        choices: The readings that somebody chose, with who, when and why, each with its local day.
        extended: The decisions that moved its last day, whenever they are decided.
        owners: The login of each indicator's owner, where it has one.
        amended: The later versions of each indicator's target, whenever they are decided.
        day: The local day on which it stands so: what is decided later is not known yet. None: everything
            that is decided is.
    """

    catalogue: Catalogue
    case: str | None = None
    version: int | None = None
    choices: tuple[tuple[date, Mapping[str, Any]], ...] = ()
    extended: tuple[Extension, ...] = ()
    owners: Mapping[str, str] = field(default_factory=dict)
    amended: Mapping[str, tuple[Version, ...]] = field(default_factory=dict)
    day: date | None = None

    def on(self, day: date) -> Standing:
        """Return the plan as it stands on a local day."""
        return replace(self, day=day)

    @property
    def decision_days(self) -> frozenset[date]:
        """The days on which a target was amended, or will be, the plan extended or a reading chosen."""
        amended = (v.decided for versions in self.amended.values() for v in versions)
        return frozenset([*amended, *self._terms_changed()])

    def _terms_changed(self) -> set[date]:
        """Return the days on which the plan was extended, or will be, and those of a choice of reading."""
        return {day for day, _choice in self.choices} | {e.decided for e in self.extended}

    @property
    def extensions(self) -> tuple[Extension, ...]:
        """The decisions that have moved its last day."""
        return tuple(e for e in self.extended if self.day is None or e.decided <= self.day)

    @property
    def ends(self) -> date:
        """Its last day."""
        known = self.extensions
        return known[-1].until if known else self.catalogue.plan.ends

    @property
    def readings(self) -> Mapping[str, str]:
        """The choice of each reading."""
        return self.readings_on(date.max)

    @property
    def chosen(self) -> Mapping[str, Mapping[str, Any]]:
        """The readings that somebody chose, with who, when and why."""
        return {choice["lecture"]: choice for _day, choice in self._known_choices(date.max)}

    def readings_on(self, day: date) -> Mapping[str, str]:
        """Return the choice of each reading that held on a day: a choice holds from the day it was made."""
        known = self._known_choices(day)
        return {**defaults(), **{choice["lecture"]: choice["valeur"] for _day, choice in known}}

    def turns(self, cadence: model.Cadence) -> Iterator[tuple[date, Bounds]]:
        """Yield what a cadence is read within in turn, each with the day from which it is."""
        days = self._terms_changed()
        if cadence.yearly is not None and cadence.yearly.once_ready is not None:
            days |= {v.decided for v in self.amended.get(cadence.yearly.once_ready, ())}
        for since in [date.min, *sorted(d for d in days if self.day is None or d <= self.day)]:
            stood = self.on(since)
            yield since, stood.bounds(stood.readings)

    def _known_choices(self, day: date) -> list[tuple[date, Mapping[str, Any]]]:
        """Return the choices made by a day, and known on the day on which the plan stands so."""
        last = day if self.day is None else min(day, self.day)
        return [(made, choice) for made, choice in self.choices if made <= last]

    def versions(self, entry: Entry) -> list[Version]:
        """Return the versions of an indicator's target decided so far, in the order of their decisions.

        The resolution decided last holds from the day it takes effect, whatever an earlier one had set.
        """
        plan = self.catalogue.plan
        first = Version(
            number=0, target=entry.indicator.target.fr, cadence=entry.indicator.cadence,
            effective=plan.starts, decided=plan.adopted.on, resolution=plan.adopted.resolution,
        )  # fmt: skip
        known = (v for v in self.amended.get(entry.indicator.id, ())
                 if self.day is None or v.decided <= self.day)  # fmt: skip
        return [first, *sorted(known, key=lambda v: v.decided)]

    def bounds(self, readings: Mapping[str, str]) -> Bounds:
        """Return what cadences are read within, under the choices of readings."""
        return Bounds(
            starts=self.catalogue.plan.starts,
            ends=self.ends,
            readings=readings,
            ready=self._ready,
        )

    def _ready(self, indicator: str) -> date | None:
        """Return when the result that another one is made with is due, if that is known."""
        entry = self.catalogue.entry(indicator)
        if entry is None:
            return None
        within = Bounds(starts=self.catalogue.plan.starts, ends=self.ends, readings=defaults(),
                        ready=lambda _: None)  # fmt: skip
        found = occurrences(self.versions(entry)[-1].cadence, within)
        return found[0].due if found else None


def preceding(versions: Sequence[Version], version: Version) -> Sequence[Version]:
    """Return the versions of a target before one of them, all of them when it is not there any more.

    It is known by its number: what a case has kept of it may be in other words.

    Args:
        versions: Those of one target, as `Standing.versions` orders them.
        version: The one.
    """
    numbers = [v.number for v in versions]
    here = numbers.index(version.number) if version.number in numbers else len(versions)
    return versions[:here]


def successor(versions: Sequence[Version], former: Version, day: date) -> Version | None:
    """Return the version in force on a day, when it took the place of another one.

    Args:
        versions: Those of one target, as `Standing.versions` orders them.
        former: The other one.
        day: The day.
    """
    later = versions[len(preceding(versions, former)) + 1 :]
    in_force = [v for v in later if v.effective <= day]
    return in_force[-1] if in_force else None


def standing(
    catalogue: Catalogue,
    calendar: Calendar,
    data: Mapping[str, Any] | None = None,
    case: str | None = None,
    version: int | None = None,
) -> Standing:
    """Return a plan as it stands.

    Args:
        catalogue: Its file.
        calendar: The local day of each decision.
        data: The data of the case of its decisions, in stored form; None when there is none.
        case: That case's number.
        version: That case's version.
    """
    kept = data or {}
    choices = (r for r in kept.get("lectures", ()) if r["lecture"] in READINGS)
    return Standing(
        catalogue=catalogue,
        case=case,
        version=version,
        choices=tuple((calendar.today(datetime.fromisoformat(r["at"])), r) for r in choices),
        extended=tuple(
            Extension(
                until=date.fromisoformat(r["fin"]), decided=date.fromisoformat(r["decide_le"]),
                resolution=r["resolution"], reason=r["motif"],
            )
            for r in kept.get("prolongations", ())
        ),
        owners={r["indicateur"]: r["personne"] for r in kept.get("responsables", ())},
        amended=_amended(catalogue, kept.get("amendements", ())),
    )  # fmt: skip


def _amended(
    catalogue: Catalogue, records: tuple[Mapping[str, Any], ...]
) -> dict[str, tuple[Version, ...]]:
    found: dict[str, list[Version]] = {}
    for amendment in catalogue.plan.amendments:
        versions = found.setdefault(amendment.indicator, [])
        versions.append(
            Version(
                number=len(versions) + 1, target=amendment.target.fr, cadence=amendment.cadence,
                effective=amendment.effective, decided=amendment.decided,
                resolution=amendment.resolution, reason=amendment.reason.fr,
            )
        )  # fmt: skip
    for record in records:
        versions = found.setdefault(record["indicateur"], [])
        versions.append(
            Version(
                number=len(versions) + 1, target=record["cible"],
                cadence=read_cadence(record["cadence"]),
                effective=date.fromisoformat(record["effectif_le"]),
                decided=date.fromisoformat(record["decide_le"]),
                resolution=record["resolution"], reason=record["motif"],
            )
        )  # fmt: skip
    return {key: tuple(versions) for key, versions in found.items()}

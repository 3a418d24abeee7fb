"""Plan files: read with places, typed, checked; every mistake at once (`docs/plans.md`)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING, Any

from engine.calendar import year_end
from engine.definition import mistakes, source
from engine.definition.walk import only_one
from engine.errors import InvalidDefinition
from workflows.plan import model

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from engine.definition.source import Path, Source
    from engine.errors import Finding

_WORDS = {"fr": "?"}
#: What stands for a part that must be there and could not be read: nothing is found wrong because of it.
_STAND_INS: Mapping[str, Any] = {
    "arrimage": 1, "plan": "x", "label": _WORDS, "title": _WORDS, "orientation": _WORDS, "target": _WORDS,
    "reason": _WORDS, "fr": "?", "resolution": "?", "starts": f"{model.YEARS[0]}-01-01",
    "ends": f"{model.YEARS[-1]}-12-31", "adopted": {"on": f"{model.YEARS[0]}-01-01", "resolution": "?"},
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """An indicator with the parts of the plan it stands in, and its place in the plan's order.

    The places of what the file says are whole numbers, in a tuple of one; more follow for what it says no more.
    """

    order: tuple[int, ...]
    enjeu: model.Enjeu
    axis: model.Axis
    objective: model.Objective
    indicator: model.Indicator

    @property
    def rank(self) -> tuple[int, int, int]:
        """The numbers of the enjeu, the axis and the objective."""
        return self.enjeu.number, self.axis.number, self.objective.number


@dataclass(frozen=True, kw_only=True)
class Catalogue:
    """A plan as it was adopted, amendments of its file included."""

    plan: model.Plan
    source: Source

    @property
    def key(self) -> str:
        """The plan's key."""
        return self.plan.plan

    def entries(self) -> list[Entry]:
        """Return the indicators in the plan's order."""
        return [*self._by_id.values()]

    def entry(self, indicator: str) -> Entry | None:
        """Return an indicator by its id, whatever its case."""
        return self._by_id.get(indicator.upper())

    @cached_property
    def _by_id(self) -> dict[str, Entry]:
        """The indicators by their ids, in the plan's order: looked up for each case of a cycle."""
        found = [
            (enjeu, axis, objective, indicator)
            for enjeu in self.plan.enjeux
            for axis in enjeu.axes
            for objective in axis.objectives
            for indicator in objective.indicators
        ]
        return {
            i.id: Entry(order=(n,), enjeu=e, axis=a, objective=o, indicator=i)
            for n, (e, a, o, i) in enumerate(found)
        }

    def place(self, indicator: str) -> Path:
        """Return where the file says an indicator: the keys that lead to it."""
        return next(path for path, found in _places(self.plan) if found.id == indicator)


def load(text: str, origin: str) -> Catalogue:
    """Return the plan of a YAML text.

    Args:
        text: The file's text.
        origin: The file, as findings are to name it.

    Raises:
        InvalidDefinition: Every finding, with file, line and column; nothing is loaded.
    """
    read = source.scan(text, origin)
    plan, wrong = mistakes.salvage(read, model.Plan, _STAND_INS)
    findings = [*read.findings, *wrong]
    if plan is not None:
        # What has the right form is looked at all the same: a mistake hides no other.
        findings += (f for f in _check(plan, read) if not read.is_doubtful(f.where))
    if findings or plan is None:
        raise InvalidDefinition(tuple(sorted(findings, key=lambda f: (f.line, f.column, f.code))))
    return Catalogue(plan=plan, source=read)


def check_among(made: Catalogue, others: Sequence[Catalogue], processes: Collection[str]) -> None:
    """Refuse a plan whose key another one bears, or whose process is not installed.

    Raises:
        InvalidDefinition: With the findings.
    """
    found = []
    if made.key in {o.key for o in others}:
        found.append(made.source.finding("duplicate-id", ("plan",),
                                         f"« {made.key} » est déjà la clé d'un autre plan.",
                                         f"{made.key!r} is already another plan's key."))  # fmt: skip
    if made.plan.process not in processes:
        found.append(made.source.finding("unknown-process", ("process",),
                                         f"le processus « {made.plan.process} » n'est pas installé.",
                                         f"the process {made.plan.process!r} is not installed."))  # fmt: skip
    if found:
        raise InvalidDefinition(tuple(found))


def read_cadence(text: str) -> model.Cadence:
    """Return a cadence as it is typed: `{yearly: {from: 2013-03-31}}`; raise `InvalidDefinition`."""
    return typed_cadence(text)[1]


def typed_cadence(text: str) -> tuple[Source, model.Cadence]:
    """Return a cadence as it is typed, with its places; raise `InvalidDefinition`."""
    read = source.read(text, "--cadence")
    cadence = mistakes.parse(read, model.Cadence)
    if not only_one(cadence):
        raise InvalidDefinition((_one_key(read, ()),))
    return read, cadence


# --- what is wrong ----------------------------------------------------------------------------------

#: In French and in English.
_OUT_OF_YEARS = (
    f"il faut ici une année de {model.YEARS[0]} à {model.YEARS[-1]}.",
    f"this must be a year from {model.YEARS[0]} to {model.YEARS[-1]}.",
)


def _check(plan: model.Plan, read: Source) -> Iterator[Finding]:
    for key, day in (("starts", plan.starts), ("ends", plan.ends)):
        if day.year not in model.YEARS:
            yield read.finding("wrong-type", (key,), *_OUT_OF_YEARS)
    if plan.ends < plan.starts:
        yield read.finding("ends-before-start", ("ends",),
                           "le plan finit avant de commencer.", "the plan ends before it starts.")  # fmt: skip
    places = dict(_places(plan))
    yield from _repeated(plan, read)
    for path, indicator in places.items():
        yield from check_cadence(plan, read, (*path, "cadence"), indicator.cadence, indicator.id)
    yield from _amendments(plan, read, {i.id for i in places.values()})


def _knows_all(read: Source) -> bool:
    """Tell whether no indicator was left out: one that could not be read may still be named."""
    return not any(path[:1] == ("enjeux",) for path in read.moved)


def _places(plan: model.Plan) -> Iterator[tuple[Path, model.Indicator]]:
    for e, enjeu in enumerate(plan.enjeux):
        for a, axis in enumerate(enjeu.axes):
            for o, objective in enumerate(axis.objectives):
                for i, indicator in enumerate(objective.indicators):
                    yield ("enjeux", e, "axes", a, "objectives", o, "indicators", i), indicator


def _repeated(plan: model.Plan, read: Source) -> Iterator[Finding]:
    yield from _numbers(read, ("enjeux",), plan.enjeux)
    for e, enjeu in enumerate(plan.enjeux):
        yield from _numbers(read, ("enjeux", e, "axes"), enjeu.axes)
        for a, axis in enumerate(enjeu.axes):
            yield from _numbers(read, ("enjeux", e, "axes", a, "objectives"), axis.objectives)
    seen: set[str] = set()
    for path, indicator in _places(plan):
        if indicator.id in seen:
            yield read.finding("duplicate-id", (*path, "id"),
                               f"« {indicator.id} » désigne déjà un autre indicateur.",
                               f"{indicator.id!r} already names another indicator.")  # fmt: skip
        seen.add(indicator.id)


def _numbers(
    read: Source, path: Path, parts: Sequence[model.Enjeu | model.Axis | model.Objective]
) -> Iterator[Finding]:
    """Yield what stands beside another one of its number."""
    seen: set[int] = set()
    for n, part in enumerate(parts):
        if part.number in seen:
            yield read.finding("duplicate-id", (*path, n, "number"),
                               f"le numéro {part.number} est déjà celui d'un autre à côté de lui.",
                               f"another one beside it has the number {part.number} already.")  # fmt: skip
        seen.add(part.number)


def check_cadence(
    plan: model.Plan, read: Source, path: Path, cadence: model.Cadence, indicator: str
) -> Iterator[Finding]:
    """Yield what is wrong with the cadence of an indicator, at its place."""
    if not only_one(cadence):
        yield _one_key(read, path)
        return
    for key, day in _days(cadence):
        if day < plan.starts:
            yield read.finding("due-before-start", (*path, *key),
                               f"le {day} vient avant le début du plan, le {plan.starts}.",
                               f"{day} comes before the plan's start, {plan.starts}.")  # fmt: skip
        elif day > plan.ends:
            yield read.finding("due-after-end", (*path, *key),
                               f"le {day} vient après la fin du plan, le {plan.ends}.",
                               f"{day} comes after the plan's end, {plan.ends}.")  # fmt: skip
    yield from _year(plan, read, path, cadence)
    ready = None if cadence.yearly is None else cadence.yearly.once_ready
    place: Path = (*path, "yearly", "once_ready")
    if ready == indicator:
        yield read.finding("bad-form", place, "un résultat ne se fait pas avec lui-même : nommez-en un autre.",
                           "a result is not made with itself: name another one.")  # fmt: skip
    elif ready is not None and _knows_all(read) and ready not in {i.id for _, i in _places(plan)}:
        yield _unknown(read, place, ready)


def check_effect(
    read: Source, path: Path, cadence: model.Cadence, effective: date
) -> Iterator[Finding]:
    """Yield what is wrong with a cadence that takes effect on a day, at its place."""
    if cadence.once is not None and cadence.once.on < effective:
        yield read.finding("due-before-start", (*path, "once", "on"),
                           f"le {cadence.once.on} vient avant l'entrée en vigueur, le {effective}.",
                           f"{cadence.once.on} comes before it takes effect, {effective}.")  # fmt: skip


def _year(plan: model.Plan, read: Source, path: Path, cadence: model.Cadence) -> Iterator[Finding]:
    named = None if cadence.continuous is None else cadence.continuous.from_year
    if named is not None and int(named[5:]) != int(named[:4]) + 1:
        yield read.finding("bad-form", (*path, "continuous", "from_year"),
                           f"« {named} » n'est pas un exercice comme 2012-2013.",
                           f"{named!r} is not a fiscal year such as 2012-2013.")  # fmt: skip
        return
    both = (
        cadence.continuous is not None
        and named is not None
        and cadence.continuous.start is not None
    )
    if both:
        yield read.finding("one-key", (*path, "continuous"), "« from » ou « from_year » : l'un des deux.",
                           "'from' or 'from_year': one of them.")  # fmt: skip
    last = None if named is None else year_end(date(int(named[:4]), 12, 31))
    place: Path = (*path, "continuous", "from_year")
    if cadence.level is not None:
        last, place = year_end(date(cadence.level.year, 1, 1)), (*path, "level", "in")
    if last is not None and last < plan.starts:
        yield read.finding("due-before-start", place, f"cette année finit avant le début du plan, le {plan.starts}.",
                           f"that year ends before the plan's start, {plan.starts}.")  # fmt: skip
    elif last is not None and last > plan.ends:
        yield read.finding("due-after-end", place, f"cette année finit après la fin du plan, le {plan.ends}.",
                           f"that year ends after the plan's end, {plan.ends}.")  # fmt: skip


def _days(cadence: model.Cadence) -> Iterator[tuple[tuple[str, str], date]]:
    parts: list[tuple[str, str, Any]] = [
        ("once", "on", cadence.once and cadence.once.on),
        ("yearly", "from", cadence.yearly and cadence.yearly.start),
        ("continuous", "from", cadence.continuous and cadence.continuous.start),
        ("periodic", "after", cadence.periodic and cadence.periodic.after),
    ]
    yield from (((kind, key), day) for kind, key, day in parts if day is not None)


def _amendments(plan: model.Plan, read: Source, known: set[str]) -> Iterator[Finding]:
    taken: set[tuple[str, date]] = set()
    for n, amendment in enumerate(plan.amendments):
        path: Path = ("amendments", n)
        if _knows_all(read) and amendment.indicator not in known:
            yield _unknown(read, (*path, "indicator"), amendment.indicator)
        place = (*path, "cadence")
        yield from check_cadence(plan, read, place, amendment.cadence, amendment.indicator)
        yield from check_effect(read, place, amendment.cadence, amendment.effective)
        if not plan.starts <= amendment.effective <= plan.ends:
            early = amendment.effective < plan.starts
            yield read.finding("due-before-start" if early else "due-after-end", (*path, "effective"),
                               "un amendement prend effet pendant le plan.",
                               "an amendment takes effect during the plan.")  # fmt: skip
        if amendment.decided < plan.adopted.on:
            yield read.finding("decided-before-adopted", (*path, "decided"),
                               f"un amendement se décide après l'adoption du plan, le {plan.adopted.on}.",
                               f"an amendment is decided after the plan's adoption, {plan.adopted.on}.")  # fmt: skip
        when = (amendment.indicator, amendment.effective)
        if when in taken:
            yield read.finding("overlapping-amendments", (*path, "effective"),
                               "deux amendements de cet indicateur prennent effet le même jour.",
                               "two amendments of this indicator take effect on the same day.")  # fmt: skip
        taken.add(when)


def _one_key(read: Source, path: Path) -> Finding:
    return read.finding("one-key", path, "une cadence a une clé : once, yearly, continuous, periodic ou level.",
                        "a cadence has one key: once, yearly, continuous, periodic or level.")  # fmt: skip


def _unknown(read: Source, path: Path, name: str) -> Finding:
    return read.finding("unknown-indicator", path, f"l'indicateur « {name} » n'est pas dans ce plan.",
                        f"the indicator {name!r} is not in this plan.")  # fmt: skip

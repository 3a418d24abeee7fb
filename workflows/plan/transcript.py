"""What the case of a cycle copies from the plan, and the cycle read back from it.

An open case follows the plan's file; what was answered keeps the words and the numbers of its time, and
whoever reads it back reads those, whatever the file says since.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from functools import cache
from typing import TYPE_CHECKING, Any

import yaml

from workflows.plan import model
from workflows.plan.catalogue import Entry, read_cadence
from workflows.plan.cycles import Cycle

if TYPE_CHECKING:
    from collections.abc import Mapping

    from workflows.plan.cadence import Kind
    from workflows.plan.catalogue import Catalogue
    from workflows.plan.decisions import Standing, Version

#: What makes it the cycle that it is: another one is another cycle.
IDENTITY = frozenset({"plan", "cle", "indicateur", "exercice", "echeance"})
#: Wider than any cadence: it is written on one line.
_WHOLE = 1000
#: The fields that keep the words of the parts of the plan.
_TITLES = ("enjeu", "orientation", "axe", "objectif", "libelle")
_KINDS: dict[str, Kind] = {
    "date": "date",
    "annee": "year",
    "nombre": "count",
    "continu": "continuous",
}
_FORMS = {kind: form for form, kind in _KINDS.items()}
_NATURES = {"target": "cible", "accountability": "reddition"}


def opening_form(cycle: Cycle) -> dict[str, Any]:
    """Return what the case of a cycle is opened with."""
    entry = cycle.entry
    form: dict[str, Any] = {
        "plan": cycle.plan,
        "cle": cycle.key,
        "indicateur": cycle.indicator,
        "libelle": entry.indicator.title.fr,
        "rang": ".".join(map(str, entry.rank)),
        "enjeu": entry.enjeu.title.fr,
        "orientation": entry.enjeu.orientation.fr,
        "axe": entry.axis.title.fr,
        "objectif": entry.objective.title.fr,
        "cible": cycle.version.target,
        "cadence": _written(cycle.version.cadence),
        "exercice": cycle.fiscal_year,
        "debut": cycle.start.isoformat(),
        "fin": cycle.end.isoformat(),
        "echeance": cycle.due.isoformat(),
        "faire_avant": cycle.do_by.isoformat(),
        "saisie_avant": cycle.enter_by.isoformat(),
        "nature": _NATURES[cycle.nature],
        "forme": _FORMS[cycle.kind],
    }
    return form if cycle.quantity is None else {**form, "quantite": cycle.quantity}


def changed(cycle: Cycle, data: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a case no longer says as the plan does: `opening_form`'s fields, None for one too many.

    Args:
        cycle: As it is promised now.
        data: The case's data, in stored form.
    """
    form = {"quantite": None, **opening_form(cycle)}
    return {
        name: value
        for name, value in form.items()
        if name not in IDENTITY and data.get(name) != value
    }


def own_cycle(plan: Standing, key: str, data: Mapping[str, Any]) -> Cycle:
    """Return the cycle that a case was opened for, as the case says it, though the file says it no more.

    Args:
        plan: The plan.
        key: The key under which the case was opened.
        data: Its data, in stored form.
    """
    entry = _entry(plan.catalogue, data)
    day = {k: date.fromisoformat(str(data[k]))
           for k in ("debut", "fin", "echeance", "faire_avant", "saisie_avant")}  # fmt: skip
    return Cycle(
        plan=plan.catalogue.key, entry=entry, version=_version(plan, entry, key, data),
        fiscal_year=str(data["exercice"]), start=day["debut"], end=day["fin"], due=day["echeance"],
        do_by=day["faire_avant"], enter_by=day["saisie_avant"], quantity=data.get("quantite"),
        nature="accountability" if data["nature"] == "reddition" else "target",
        kind=_KINDS[data["forme"]],
    )  # fmt: skip


def _version(plan: Standing, entry: Entry, key: str, data: Mapping[str, Any]) -> Version:
    number = int(key.rpartition(":v")[2])
    versions = plan.versions(entry)
    found = next((v for v in versions if v.number == number), versions[0])
    return replace(found, number=number, target=str(data["cible"]), cadence=_read(data["cadence"]))


def _entry(made: Catalogue, data: Mapping[str, Any]) -> Entry:
    """Return an indicator where it stood and in the words it had."""
    enjeu, axis, objective = (int(n) for n in str(data["rang"]).split("."))
    now = made.entry(str(data["indicateur"]))
    title = {name: _words(now, str(data[name])) for name in _TITLES}
    return Entry(
        order=_order(made, now, (enjeu, axis, objective)),
        enjeu=model.Enjeu.model_construct(
            number=enjeu, title=title["enjeu"], orientation=title["orientation"], axes=[],
        ),
        axis=model.Axis.model_construct(number=axis, title=title["axe"], objectives=[]),
        objective=model.Objective.model_construct(
            number=objective, title=title["objectif"], indicators=[],
        ),
        indicator=_indicator(now, title["libelle"], data),
    )  # fmt: skip


def _indicator(now: Entry | None, title: model.Words, data: Mapping[str, Any]) -> model.Indicator:
    """Return an indicator under the title it had; its target as adopted is the file's while that says it."""
    if now is not None:
        return now.indicator.model_copy(update={"title": title})
    return model.Indicator.model_construct(
        id=str(data["indicateur"]), title=title, target=model.Words(fr=data["cible"]),
        cadence=_read(data["cadence"]),
    )  # fmt: skip


def _order(made: Catalogue, now: Entry | None, rank: tuple[int, ...]) -> tuple[int, ...]:
    """Return the place of an indicator: what stands there no more comes after what is nearest in the file."""
    if now is not None and now.rank == rank:
        return now.order
    shared, last = max((_shared(entry.rank, rank), entry.order) for entry in made.entries())
    return (*last, -shared, *rank)


def _shared(one: tuple[int, ...], other: tuple[int, ...]) -> int:
    """Return how many numbers two ranks have in common before they part."""
    same = [a == b for a, b in zip(one, other, strict=True)]
    return len(same) if all(same) else same.index(False)


def _words(now: Entry | None, then: str) -> model.Words:
    """Return the words of a time, with their translation where the file says them still."""
    known = () if now is None else (
        now.enjeu.title, now.enjeu.orientation, now.axis.title, now.objective.title, now.indicator.title,
    )  # fmt: skip
    return next((words for words in known if words.fr == then), model.Words(fr=then))


@cache
def _written(cadence: model.Cadence) -> str:
    """Return a cadence as a plan's file has it: `{yearly: {at_least: 2}}`."""
    said = cadence.model_dump(by_alias=True, exclude_defaults=True)
    written = yaml.safe_dump(said, default_flow_style=True, sort_keys=False, width=_WHOLE).strip()
    # Elsewhere than in a plan's file, `on` may be a yes.
    return written.replace("'on':", "on:")


@cache
def _read(text: str) -> model.Cadence:
    return read_cadence(text)

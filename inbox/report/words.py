"""What the formats share: the report's headings, and its cells, figures and dates in words.

The plan's words and what people entered are kept as they are; only what could harm a file is taken out.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from inbox import dates
from inbox.plan_words import standing
from inbox.texts import _, clean, lang, n_, said, word
from inbox.values import figure
from workflows.plan.board import STATUSES

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date

    from inbox.report.content import Report, Section
    from workflows.plan.board import Status
    from workflows.plan.table import Line

#: Where there is nothing to say.
NOTHING = "—"
#: XML has no place for these two, whatever the format.
_NOT_IN_XML = dict.fromkeys((0xFFFE, 0xFFFF), "\ufffd")


def language() -> str:
    """Return the language of the report: `fr-CA` or `en-CA`."""
    return f"{lang()}-CA"


def text(stored: str) -> str:
    """Return a stored text that every format can hold."""
    return clean(stored).translate(_NOT_IN_XML)


# --- headings ---------------------------------------------------------------------------------------


def title(report: Report) -> str:
    """Return the report's title."""
    plan = text(said(report.plan.catalogue.plan.label))
    return _("Rapport annuel {year} : {plan}", year=report.fiscal_year, plan=plan)


def year(report: Report) -> str:
    """Return « Exercice 2012-2013 (1er avril 2012 – 31 mars 2013) »."""
    return _("Exercice {year} ({first} – {last})", year=report.fiscal_year,
             first=dates.day(report.first), last=dates.day(report.last))  # fmt: skip


def decisions(report: Report) -> str:
    """Return the plan's label with the resolutions that adopted, revised and extended it."""
    plan = report.plan.catalogue.plan
    parts = [
        text(said(plan.label)),
        _("adopté le {d} (résolution {r})", d=dates.day(plan.adopted.on), r=plan.adopted.resolution),
        *(_("modifié le {d} (résolution {r})", d=dates.day(r.on), r=r.resolution) for r in plan.revised),
        *(_("prolongé jusqu'au {d} (résolution {r})", d=dates.day(e.until), r=e.resolution)
          for e in report.plan.extensions),
    ]  # fmt: skip
    return ", ".join(parts)


def made(report: Report) -> str:
    """Return the day on which the report was made."""
    return _("Fait le {d}", d=dates.day(report.made))


def total(report: Report) -> str:
    """Return « 14/16 reçus, 13/16 à temps »."""
    found = report.total
    return _("{received}/{expected} reçus, {on_time}/{expected} à temps", received=found.received,
             on_time=found.on_time, expected=found.expected)  # fmt: skip


def heading(section: Section) -> str:
    """Return an enjeu's number and words."""
    return _("Enjeu {n} : {text}", n=section.number, text=section.title)


def orientation(section: Section) -> str:
    """Return an enjeu's orientation."""
    return _("Orientation : {text}", text=section.orientation)


def status(key: Status) -> str:
    """Return a status in words."""
    return word(STATUSES[key])


# --- the table --------------------------------------------------------------------------------------


def headings() -> dict[str, str]:
    """Return the table's columns, by key, with their headings."""
    return {
        "objective": _("Objectif"),
        "indicator": _("Indicateur"),
        "target": _("Cible"),
        "result": _("Résultat"),
        "status": _("Statut"),
        "explanation": _("Explication de l'écart"),
        "evidence": _("Preuve"),
        "validation": _("Validé par"),
        "resolution": _("Résolution"),
    }


def cell(key: str, line: Line) -> list[str]:
    """Return the paragraphs of a cell; none where nothing was entered.

    Args:
        key: The column's, as in `headings`.
        line: The line.
    """
    return [text(paragraph) for paragraph in _CELLS[key](line) if paragraph]


def _objective(line: Line) -> list[str]:
    (axis, axis_title), (number, title) = line.axis, line.objective
    return [f"{number}. {title}", _("Axe {n} : {text}", n=axis, text=axis_title)]


def _target(line: Line) -> list[str]:
    said = [line.target]
    if line.part is not None:
        first, last = line.part
        said.append(_("Du {a} au {b}", a=dates.day(first), b=dates.day(last)))
    if line.former_target is not None:
        former, resolution = line.former_target
        said.append(
            _(
                "ancienne cible : {text} (remplacée par la résolution {r})",
                text=former,
                r=resolution,
            )
        )
    return said


def told(line: Line) -> list[str]:
    """Return the result as it was told, with what was counted and logged."""
    events = [_("{d} : {text}", d=dates.day(on), text=title) for on, title in line.events]
    return [
        text(paragraph) for paragraph in (line.result or "", _count(line), *events) if paragraph
    ]


def _count(line: Line) -> str:
    if line.quantity is not None:
        return _("Nombre : {n}/{quantity}", n=figure(line.count), quantity=figure(line.quantity))
    if not line.events:
        return ""
    return n_("{n} événement consigné", "{n} événements consignés", len(line.events))


def _result(line: Line) -> list[str]:
    value = None if line.value is None else figure(Decimal(line.value))
    return [
        *told(line),
        _("Valeur : {n}", n=value) if value else "",
        _("Atteinte le {d}", d=dates.day(line.reached_on)) if line.reached_on else "",
    ]


def _signed(found: tuple[str, date] | None) -> list[str]:
    return [] if found is None else [found[0], dates.day(found[1])]


_CELLS: dict[str, Callable[[Line], list[str]]] = {
    "objective": _objective,
    "indicator": lambda line: [line.title, line.indicator],
    "target": _target,
    "result": _result,
    "status": lambda line: [standing(line.status, line.given, line.replaced_by)],
    "explanation": lambda line: [
        line.explanation or "",
        _("Saisie tardive acceptée : {why}", why=line.late) if line.late else "",
    ],
    "evidence": lambda line: list(line.evidence),
    "validation": lambda line: _signed(line.validated_by),
    "resolution": lambda line: _signed(line.resolution),
}


# --- the figures ------------------------------------------------------------------------------------


def figures(report: Report) -> tuple[list[str], list[list[str | int]]]:
    """Return the header and the rows of the status by enjeu, and of all of them together."""
    header = [_("Enjeu"), *(status(s) for s in report.statuses), _("Total")]
    rows: list[list[str | int]] = [
        [text(heading(s)), *(s.count(key) for key in report.statuses), len(s.lines)]
        for s in report.sections
    ]
    sums = [sum(line.status == key for line in report.lines) for key in report.statuses]
    return header, [*rows, [_("Ensemble"), *sums, len(report.lines)]]

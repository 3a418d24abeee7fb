"""The report as one web page that needs nothing else: read at any width, printed, in the dark, aloud."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jinja2

from inbox.report import chart, words
from inbox.texts import _

if TYPE_CHECKING:
    from inbox.report.content import Report, Section


def render(report: Report) -> bytes:
    """Return the report as an .html file."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("inbox", "report"),
        undefined=jinja2.StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html.j2").render(_facts(report)).encode()


def _facts(report: Report) -> dict[str, Any]:
    header, figures = words.figures(report)
    headings = words.headings()
    return {
        "language": words.language(),
        "title": words.title(report),
        "institute": report.institute,
        "said": [words.year(report), words.decisions(report), words.made(report)],
        "summary": _("Bilan"),
        "total": words.total(report),
        "chart": chart.markup(report),
        "figures_caption": _("Nombre de résultats par enjeu et par statut"),
        "figures_header": header,
        "figures": figures,
        "headings": list(headings.values()),
        "sections": [_section(section, list(headings)) for section in report.sections],
        "nothing": words.NOTHING,
        # The plan is in French, and so is what people enter, whatever the language of the report.
        "stored": "" if words.language() == "fr-CA" else "fr-CA",
    }


def _section(section: Section, keys: list[str]) -> dict[str, Any]:
    return {
        "heading": words.heading(section),
        "orientation": words.orientation(section),
        "caption": _("Indicateurs de l'enjeu {n}", n=section.number),
        "rows": [[words.cell(key, line) for key in keys] for line in section.lines],
    }

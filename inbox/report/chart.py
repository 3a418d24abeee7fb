"""The report's chart: the status of each enjeu's indicators, as stacked bars.

A status has a pattern besides its colour, and every bar its figure: the page is read in black and white too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inbox.drawing.words import cut, width
from inbox.report import words
from inbox.texts import _
from inbox.values import figure

if TYPE_CHECKING:
    from inbox.report.content import Report

_INK, _PAPER = "#1a1a1a", "#ffffff"
_NAME = "statuts"
#: The letters of an enjeu's words beside its bar, and the room for them there.
_LETTERS, _ROOM = 13, 600
#: What pygal counts for a letter.
_COUNTED = 0.6 * _LETTERS
#: For each status: its colour, and the lines drawn on it in a square of 12.
_PATTERNS = {
    "a_venir": ("#ffffff", "M6 5v2"),
    "en_voie": ("#cfe3f5", "M-3 3L3 -3M0 12L12 0M9 15L15 9"),
    "a_risque": ("#ffe39a", "M-3 9L3 15M0 0L12 12M9 -3L15 3"),
    "en_retard": ("#ffb9a3", "M0 12L12 0M0 0L12 12"),
    "atteint": ("#2f8f5b", ""),
    "atteint_en_retard": ("#bfe5cd", "M0 3H12M0 9H12"),
    "non_atteint": ("#e79aa6", "M2 0V12M6 0V12M10 0V12"),
    "remplace": ("#d9d9d9", "M3 2v2M9 8v2"),
    "sans_objet": ("#ffffff", "M0 6H12M6 0V12"),
}


def render(report: Report) -> bytes:
    """Return the chart as an .svg file."""
    return b"<?xml version='1.0' encoding='utf-8'?>\n" + markup(report).encode()


def markup(report: Report) -> str:
    """Return the chart as an SVG element, to be put in a page."""
    import pygal
    from pygal.style import Style

    sections = report.sections[::-1]  # the first enjeu on top
    labels = [_label(words.text(words.heading(section))) for section in sections]
    style = Style(background=_PAPER, plot_background=_PAPER, foreground=_INK, foreground_strong=_INK,
                  foreground_subtle="#767676", opacity="1", transition="0s", font_family="sans-serif",
                  label_font_size=_LETTERS, major_label_font_size=_LETTERS, legend_font_size=14,
                  title_font_size=18, value_font_size=16)  # fmt: skip
    chart = pygal.HorizontalStackedBar(
        style=style, js=[], width=1056, height=230 + 110 * len(sections), title=_title(report),
        legend_at_bottom=True, legend_at_bottom_columns=2, legend_box_size=18, truncate_legend=-1,
        truncate_label=-1, print_values=True, show_x_labels=False, show_x_guides=False, spacing=14,
        margin_bottom=50, margin_left=20 + _lacking(labels),
        value_formatter=lambda n: figure(int(n)) if n and n == int(n) else "", disable_xml_declaration=True,
        css=["file://style.css", "file://graph.css", f"inline:{_css(report)}"],
    )  # fmt: skip
    chart.uuid = _NAME
    chart.x_labels = labels
    for status in report.statuses:
        chart.add(words.status(status), [section.count(status) for section in sections])
    chart.defs = [_pattern(status) for status in report.statuses]
    chart.add_xml_filter(lambda root: _tidy(root, report))
    drawn: str = chart.render()
    return drawn


def _label(heading: str) -> str:
    """Return an enjeu's words as far as there is room beside its bar; the description has them whole."""
    most = int(_ROOM / _COUNTED)
    known = heading if len(heading) <= most else f"{heading[: most - 2].rstrip()} …"
    return cut(known, _ROOM, _LETTERS)


def _lacking(labels: list[str]) -> float:
    """Return how much more room wide letters take than pygal, which counts letters, leaves for them."""
    left = _COUNTED * max(map(len, labels))
    return max(0, max(width(label, _LETTERS) for label in labels) - left)


def _title(report: Report) -> str:
    return _("Statut des indicateurs par enjeu, exercice {year}", year=report.fiscal_year)


def describe(report: Report) -> str:
    """Return the chart in a sentence for each enjeu."""
    said = []
    for section in report.sections:
        counts = [
            f"{words.status(s)}{_(' : ')}{section.count(s)}"
            for s in report.statuses
            if section.count(s)
        ]
        said.append(f"{words.heading(section)} — {', '.join(counts)}.")
    return words.text(" ".join(said))


def _pattern(status: str) -> str:
    colour, lines = _PATTERNS[status]
    return (
        f'<pattern xmlns="http://www.w3.org/2000/svg" id="{_NAME}-{status}" width="12" height="12" '
        f'patternUnits="userSpaceOnUse"><rect width="12" height="12" fill="{colour}"/>'
        f'<path d="{lines}" fill="none" stroke="{_INK}" stroke-width="1.5"/></pattern>'
    )


def _css(report: Report) -> str:
    """Return the style of the bars, and of their figures, which a halo keeps apart from the pattern."""
    me = f"#chart-{_NAME}"
    fills = [
        f"{me} .color-{n}, {me} .color-{n} rect {{ fill: url(#{_NAME}-{status}); stroke: {_INK}; stroke-width: 1 }}"
        for n, status in enumerate(report.statuses)
    ]
    figures = (
        f"{me} .series text.value {{ fill: {_INK}; stroke: {_PAPER} !important; stroke-width: 5;"
        " stroke-linejoin: round; paint-order: stroke; font-weight: bold }"
    )
    return "\n".join([*fills, figures])


def _tidy(root: Any, report: Report) -> Any:
    """Leave in the picture what is seen, and give it a name and a description.

    Out go the script, the comments (with the day on which they were written), what only a pointer
    would show, and the bars of nothing.
    """
    for node in [n for n in root.iter() if _is_needless(n)]:
        node.getparent().remove(node)
    root.set("role", "img")
    root.set("{http://www.w3.org/XML/1998/namespace}lang", words.language())
    root.set("aria-labelledby", f"{_NAME}-titre {_NAME}-description")
    title = root.find("title")
    title.set("id", f"{_NAME}-titre")
    described = root.makeelement("desc", {"id": f"{_NAME}-description"})
    described.text = describe(report)
    root.insert(0, title)
    root.insert(1, described)
    return root


def _is_needless(node: Any) -> bool:
    if not isinstance(node.tag, str) or node.tag in {"script", "desc"}:
        return True
    if "tooltip" in node.get("class", "").split():
        return True
    if node.tag == "rect":
        return not float(node.get("width", 1)) or not float(node.get("height", 1))
    return node.tag == "text" and not node.text

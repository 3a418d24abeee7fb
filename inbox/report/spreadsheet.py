"""The report as a workbook: what it comes to on a first sheet, the table on a second."""

from __future__ import annotations

import io
from dataclasses import dataclass
from datetime import datetime, time
from decimal import Decimal
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from inbox.commands.export import safe_cell
from inbox.report import words
from inbox.texts import _

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date

    from inbox.report.content import Report, Section
    from workflows.plan.table import Line

_LEGAL = 5
_LONGEST = 32_767
#: Points of a line of text: a row is given its height, because not every program computes it.
_LINE, _TALLEST = 15, 409
#: The width of the first sheet's first column, in characters.
_FIRST = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class _Column:
    """One column of the table: its heading, its width in characters, and a line's cell in it."""

    heading: str
    width: int
    of: Callable[[Line], str | Decimal | date | None]


def render(report: Report) -> bytes:
    """Return the report as an .xlsx file."""
    import xlsxwriter

    out = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False,
               "strings_to_numbers": False}  # fmt: skip
    book = xlsxwriter.Workbook(out, options)
    _describe(book, report)
    formats = _formats(book)
    _summary(book.add_worksheet(_("Bilan")), report, formats)
    _table(book.add_worksheet(_("Tableau")), report, formats)
    book.close()
    return out.getvalue()


def _describe(book: Any, report: Report) -> None:
    book.set_properties(
        {
            "title": words.title(report),
            "author": report.institute,
            "company": report.institute,
            "subject": words.year(report),
            "created": datetime.combine(report.made, time()),
        }
    )
    book.set_custom_property("Language", words.language())


def _formats(book: Any) -> dict[str, Any]:
    shape = {"text_wrap": True, "valign": "top"}
    grid = {**shape, "border": 1}
    return {
        "title": book.add_format({"bold": True, "font_size": 16}),
        "plain": book.add_format(shape),
        "strong": book.add_format({**shape, "bold": True}),
        "header": book.add_format({**grid, "bold": True, "bg_color": "#E6E6E6"}),
        "heading": book.add_format({**grid, "bold": True, "font_size": 12}),
        "cell": book.add_format(grid),
        "date": book.add_format({**grid, "num_format": "yyyy-mm-dd", "align": "left"}),
        "number": book.add_format({**grid, "num_format": "#,##0.###"}),
        "count": book.add_format({**grid, "num_format": "#,##0"}),
    }


def _summary(sheet: Any, report: Report, formats: dict[str, Any]) -> None:
    _print_as(sheet, report)
    sheet.set_column(0, 0, _FIRST)
    _write(sheet, 0, 0, words.title(report), formats["title"])
    said = [report.institute, words.year(report), words.decisions(report), words.made(report)]
    for row, text in enumerate(said, 1):
        sheet.set_row(row, _height(text, _FIRST))
        _write(sheet, row, 0, text, formats["plain"])
    _write(sheet, len(said) + 2, 0, words.total(report), formats["strong"])
    header, rows = words.figures(report)
    sheet.set_column(1, len(header) - 1, 14)
    top = len(said) + 4
    for column, text in enumerate(header):
        _write(sheet, top, column, text, formats["header"])
    for row, cells in enumerate(rows, top + 1):
        for column, cell in enumerate(cells):
            _write(sheet, row, column, cell, formats["count" if column else "cell"])


def _table(sheet: Any, report: Report, formats: dict[str, Any]) -> None:
    columns = _columns()
    _print_as(sheet, report)
    sheet.repeat_rows(0)
    sheet.freeze_panes(1, 0)
    for number, column in enumerate(columns):
        sheet.set_column(number, number, column.width)
        _write(sheet, 0, number, column.heading, formats["header"])
    row = 1
    for section in report.sections:
        _headings(sheet, row, section, columns, formats)
        for offset, line in enumerate(section.lines, 2):
            _line(sheet, row + offset, line, columns, formats)
        row += 2 + len(section.lines)


def _line(
    sheet: Any, row: int, line: Line, columns: list[_Column], formats: dict[str, Any]
) -> None:
    values = [column.of(line) for column in columns]
    texts = [(v, c.width) for v, c in zip(values, columns, strict=True) if isinstance(v, str)]
    sheet.set_row(row, max(_height(text, width) for text, width in texts))
    for number, value in enumerate(values):
        _write_value(sheet, row, number, value, formats)


def _height(text: str, width: int) -> int:
    """Return the height that a text takes, in points, in a column of so many characters."""
    lines = sum(len(wrap(paragraph, width)) or 1 for paragraph in text.split("\n"))
    return min(_LINE * lines + 3, _TALLEST)


def _headings(
    sheet: Any, row: int, section: Section, columns: list[_Column], formats: dict[str, Any]
) -> None:
    width = sum(column.width for column in columns)
    said = [(words.heading(section), "heading"), (words.orientation(section), "cell")]
    for offset, (text, name) in enumerate(said):
        sheet.set_row(row + offset, _height(text, width))
        sheet.merge_range(row + offset, 0, row + offset, len(columns) - 1, "", formats[name])
        _write(sheet, row + offset, 0, text, formats[name])


def _columns() -> list[_Column]:
    heading = words.headings()

    def text(key: str, width: int) -> _Column:
        return _Column(
            heading=heading[key], width=width, of=lambda line: "\n".join(words.cell(key, line))
        )

    return [
        text("objective", 30),
        text("indicator", 22),
        text("target", 20),
        _Column(heading=heading["result"], width=34, of=lambda line: "\n".join(words.told(line))),
        _Column(heading=_("Valeur"), width=10, of=lambda n: Decimal(n.value) if n.value else None),
        _Column(heading=_("Atteinte le"), width=11, of=lambda n: n.reached_on),
        text("status", 12),
        text("explanation", 24),
        text("evidence", 24),
        _Column(heading=heading["validation"], width=16, of=lambda n: _who(n.validated_by)),
        _Column(heading=_("Validé le"), width=11, of=lambda n: _on(n.validated_by)),
        _Column(heading=heading["resolution"], width=16, of=lambda n: _who(n.resolution)),
        _Column(heading=_("Adoptée le"), width=11, of=lambda n: _on(n.resolution)),
    ]


def _who(found: tuple[str, date] | None) -> str:
    return "" if found is None else words.text(found[0])


def _on(found: tuple[str, date] | None) -> date | None:
    return None if found is None else found[1]


def _write_value(
    sheet: Any, row: int, column: int, value: str | Decimal | date | None, formats: dict[str, Any]
) -> None:
    if value is None:
        sheet.write_blank(row, column, None, formats["cell"])
    elif isinstance(value, str):
        _write(sheet, row, column, value, formats["cell"])
    elif isinstance(value, Decimal):
        whole = value == value.to_integral_value()
        sheet.write_number(row, column, value, formats["count" if whole else "number"])
    else:
        sheet.write_datetime(row, column, value, formats["date"])


def _write(sheet: Any, row: int, column: int, value: str | int, form: Any) -> None:
    if isinstance(value, str):
        sheet.write_string(row, column, safe_cell(value)[:_LONGEST], form)
    else:
        sheet.write_number(row, column, value, form)


def _print_as(sheet: Any, report: Report) -> None:
    sheet.set_landscape()
    sheet.set_paper(_LEGAL)
    sheet.fit_to_pages(1, 0)
    sheet.set_margins(left=0.4, right=0.4, top=0.5, bottom=0.7)
    # « & » starts a code in a footer; two make one.
    name = words.title(report).replace("&", "&&")
    sheet.set_footer(f"&L{name}&R&P / &N")

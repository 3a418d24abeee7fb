"""The report as a Word document: a heading and a table for each enjeu, on landscape pages."""

from __future__ import annotations

import io
from datetime import datetime, time
from typing import TYPE_CHECKING

import docx
from docx.enum.section import WD_ORIENT
from docx.enum.style import WD_STYLE_TYPE
from docx.oxml.ns import qn
from docx.oxml.parser import OxmlElement
from docx.shared import Inches, Pt, RGBColor

from inbox.report import words
from inbox.texts import _

if TYPE_CHECKING:
    from docx.document import Document
    from docx.styles.style import ParagraphStyle
    from docx.table import _Cell

    from inbox.report.content import Report, Section

#: Letter, on its side; the columns take what the margins leave.
_PAGE = (Inches(11), Inches(8.5))
_MARGIN = Inches(0.5)
_WIDTHS = {
    "objective": 1.5, "indicator": 1.15, "target": 1.0, "result": 1.7, "status": 0.75,
    "explanation": 1.2, "evidence": 1.0, "validation": 0.8, "resolution": 0.9,
}  # fmt: skip
_INK = RGBColor(0x1A, 0x1A, 0x1A)
_CELL, _HEADER = "Arrimage Cell", "Arrimage Header"


def render(report: Report) -> bytes:
    """Return the report as a .docx file."""
    document = docx.Document()
    _describe(document, report)
    _lay_out(document)
    _number_pages(document, words.title(report))
    _opening(document, report)
    for section in report.sections:
        _section(document, section)
    # A paragraph closes the document: Word wants one after the last table.
    document.add_paragraph(words.made(report))
    _repeat_headers(document)
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def _describe(document: Document, report: Report) -> None:
    properties = document.core_properties
    properties.title = words.title(report)
    properties.subject = words.year(report)
    properties.author = properties.last_modified_by = report.institute
    properties.comments = ""
    properties.language = words.language()
    properties.created = properties.modified = datetime.combine(report.made, time())
    for element in document.styles.element.iter(qn("w:lang")):
        element.set(qn("w:val"), words.language())
    for element in document.settings.element.iter(qn("w:themeFontLang")):
        element.set(qn("w:val"), words.language())


def _lay_out(document: Document) -> None:
    section = document.sections[0]
    section.orientation = WD_ORIENT.LANDSCAPE
    section.page_width, section.page_height = _PAGE
    section.left_margin = section.right_margin = _MARGIN
    section.top_margin = section.bottom_margin = _MARGIN
    for name in ("Title", "Heading 1"):
        _style(document, name).font.color.rgb = _INK
    for name, bold in ((_CELL, False), (_HEADER, True)):
        style = document.styles.add_style(name, WD_STYLE_TYPE.PARAGRAPH)
        style.base_style = document.styles["Normal"]
        style.font.size, style.font.bold = Pt(8), bold
        style.paragraph_format.space_after = Pt(2)


def _style(document: Document, name: str) -> ParagraphStyle:
    style: ParagraphStyle = document.styles[name]
    return style


def _number_pages(document: Document, title: str) -> None:
    """Write the title and « 1 / 4 » at the foot of every page, as fields that Word computes."""
    foot = document.sections[0].footer.paragraphs[0]
    foot.add_run(f"{title} — ")
    for name, after in (("PAGE", " / "), ("NUMPAGES", "")):
        field = OxmlElement("w:fldSimple")
        field.set(qn("w:instr"), name)
        number = foot.add_run("1").element
        number.addprevious(field)
        field.append(number)
        foot.add_run(after)


def _opening(document: Document, report: Report) -> None:
    document.add_heading(words.title(report), 0)
    for text in (report.institute, words.year(report), words.decisions(report)):
        document.add_paragraph(text)
    document.add_heading(_("Bilan"), 1)
    document.add_paragraph(words.total(report))


def _section(document: Document, section: Section) -> None:
    document.add_heading(words.text(words.heading(section)), 1)
    document.add_paragraph(
        words.text(words.orientation(section))
    ).paragraph_format.keep_with_next = True
    headings = words.headings()
    table = document.add_table(rows=1, cols=len(headings), style="Table Grid")
    table.autofit = False
    for column, key in zip(table.columns, headings, strict=True):
        column.width = Inches(_WIDTHS[key])
    for cell, (key, heading) in zip(table.rows[0].cells, headings.items(), strict=True):
        _fill(cell, key, [heading], _HEADER)
    for line in section.lines:
        for cell, key in zip(table.add_row().cells, headings, strict=True):
            _fill(cell, key, words.cell(key, line), _CELL)


def _fill(cell: _Cell, key: str, paragraphs: list[str], style: str) -> None:
    cell.width = Inches(_WIDTHS[key])
    first, *others = paragraphs or [words.NOTHING]
    cell.paragraphs[0].text, cell.paragraphs[0].style = first, style
    for paragraph in others:
        cell.add_paragraph(paragraph, style)


def _repeat_headers(document: Document) -> None:
    """Have each table repeat its header on every page, and no row cut in two."""
    for table in document.element.body.iter(qn("w:tbl")):
        for number, row in enumerate(table.iter(qn("w:tr"))):
            properties = row.get_or_add_trPr()
            properties.append(OxmlElement("w:cantSplit"))
            if number == 0:
                properties.append(OxmlElement("w:tblHeader"))

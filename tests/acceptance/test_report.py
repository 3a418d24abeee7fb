"""The annual report in its four formats, opened again by other readers than those that wrote it."""

import re
from datetime import date
from types import SimpleNamespace
from xml.etree import ElementTree as ET

import docx
import html5lib
import openpyxl
import pytest
from docx.oxml.ns import qn

from inbox.drawing.words import width
from inbox.report import chart
from inbox.report.content import Report
from tests.support.colours import contrast
from tests.support.commands import Inbox, workspace

YEAR = "2012-2013"
TITLE = "Rapport annuel 2012-2013\u00a0: Plan stratégique 2011-2016"
PERIOD = "Exercice 2012-2013 (1er\u00a0avril 2012 – 31\u00a0mars 2013)"
DECISIONS = (
    "Plan stratégique 2011-2016, adopté le 30\u00a0mars 2011 (résolution INM-10-11-041), "
    "modifié le 10\u00a0mai 2011 (résolution INM-11-12-049)"
)
TOTAL = "2/16 reçus, 2/16 à temps"
ENJEUX = [
    "Enjeu 1\u00a0: LE DÉPLOIEMENT OPTIMAL DE L'OFFRE DE FORMATION",
    "Enjeu 2\u00a0: UNE OFFRE DE FORMATION D'AVANT-GARDE",
    "Enjeu 3\u00a0: L'ATTRACTION ET LA RÉTENTION DANS LE RÉSEAU ÉDUCATIF",
]
ORDER = [
    "E1-A1-O1-I2", "E1-A2-O3-I1", "E1-A3-O5-I2", "E1-A4-O6-I1", "E1-A4-O7-I1", "E1-A4-O8-I1",
    "E2-A1-O1-I1", "E2-A2-O3-I1", "E2-A3-O4-I1", "E2-A3-O5-I1",
    "E3-A1-O1-I1", "E3-A1-O2-I1", "E3-A1-O3-I1", "E3-A1-O5-I1", "E3-A2-O8-I1", "E3-A2-O9-I1",
]  # fmt: skip
HEADINGS = ["Objectif", "Indicateur", "Cible", "Résultat", "Statut", "Explication de l'écart",
            "Preuve", "Validé par", "Résolution"]  # fmt: skip
RESULT = '=1+1 <b>Deux ententes</b> & "plus"'
#: The line that was reported, validated and adopted, as a reader sees it, column by column.
REPORTED = [
    ["1. Contribuer aux activités de promotion des programmes de formation en lien avec l'industrie minérale",
     "Axe 1\u00a0: Promotion"],
    ["Ententes de participation et activités", "E3-A1-O1-I1"],
    ["Au moins 2 ententes ou activités par année"],
    [RESULT, "Nombre\u00a0: 1\u00a0234,5/2", "20\u00a0novembre 2012\u00a0: Entente avec le Cégep A",
     "1er\u00a0février 2013\u00a0: Entente", "Valeur\u00a0: 1\u00a0234,5"],
    ["atteint"],
    ["—"],
    ["@procès-verbal", "preuve.txt"],
    ["Anne Roy", "10\u00a0avril 2013"],
    ["INM-13-14-003", "10\u00a0avril 2013"],
]  # fmt: skip
EXPLAINED = ["Le sondage a duré plus longtemps.", "Saisie tardive acceptée\u00a0: Panne"]
AMENDED = [
    "30 mars 2013",
    "ancienne cible\u00a0: 31 mars 2013 (remplacée par la résolution INM-12-13-055)",
]


def reported(inbox: Inbox, folder) -> None:
    log = ("plan", "log", "E3-A1-O1-I1")
    number = inbox.json(*log, "Entente avec le Cégep A", "--date", "2012-11-20")["case"]
    inbox(*log, "Entente", "--date", "2013-02-01")
    (folder / "preuve.txt").write_text("preuve", encoding="utf-8")
    inbox("do", number, "saisir", "--set", "atteinte=atteinte", "--set", f"resultat={RESULT}",
          "--set", "preuve=@procès-verbal", "--set", "valeur=1234.5",
          "--attach", str(folder / "preuve.txt"))  # fmt: skip
    inbox("do", number, "valider")
    inbox("do", number, "adopter", "--set", "resolution=INM-13-14-003", "--set",
          "adopte_le=2013-04-10")  # fmt: skip


def missed(inbox: Inbox) -> None:
    inbox("plan", "amend", "E1-A4-O7-I1", "--target", "30 mars 2013",
          "--cadence", "{once: {on: 2013-03-30}}", "--resolution", "INM-12-13-055",
          "--decided", "2012-11-20", "--reason", "Un samedi")  # fmt: skip
    rows = inbox.json("plan", "--year", YEAR)["plans"][0]["rows"]
    number = next(r["case"] for r in rows if r["indicator"] == "E1-A4-O7-I1")
    inbox("do", number, "saisir", "--set", "atteinte=non_atteinte", "--set", "resultat=À moitié",
          "--set", "explication=Le sondage a duré plus longtemps.",
          "--set", "exception_tardive=oui", "--set", "motif_tardif=Panne")  # fmt: skip


@pytest.fixture(scope="module")
def institute(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rapport")
    inbox = workspace(folder)
    inbox.now = "2013-04-10T10:00"
    inbox("staff", "change", "direction", "--name", "Anne Roy")
    reported(inbox, folder)
    missed(inbox)
    return inbox


@pytest.fixture(scope="module")
def written(institute, tmp_path_factory):
    folder = tmp_path_factory.mktemp("fichiers")
    paths = {kind: folder / f"rapport.{kind}" for kind in ("xlsx", "docx", "html", "svg")}
    for path in paths.values():
        assert "16 indicateurs" in institute("report", YEAR, str(path))
    return SimpleNamespace(**paths)


# --- the command ------------------------------------------------------------------------------------


def test_the_json_has_the_lines_in_the_plan_s_order_and_as_they_were_entered(institute, tmp_path):
    told = institute.json("report", YEAR, str(tmp_path / "rapport.svg"))
    assert [line["indicator"] for line in told["lines"]] == ORDER
    assert (told["expected"], told["received"], told["on_time"]) == (16, 2, 2)
    line = told["lines"][ORDER.index("E3-A1-O1-I1")]
    assert line["result"] == RESULT
    assert line["events"][1] == {"date": "2013-02-01", "title": "Entente"}
    assert line["validated"] == {"by": "Anne Roy", "on": "2013-04-10"}
    assert line["adopted"] == {"resolution": "INM-13-14-003", "on": "2013-04-10"}
    replaced = told["lines"][ORDER.index("E1-A4-O7-I1")]["replaces"]
    assert replaced == {"target": "31 mars 2013", "resolution": "INM-12-13-055"}
    assert (line["count"], line["late_entry"]) == (1234.5, None)
    assert told["lines"][ORDER.index("E1-A4-O7-I1")]["late_entry"] == "Panne"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([YEAR, "rapport.pdf"], ".xlsx, .docx, .html, .svg"),
        (["2012-2014", "rapport.svg"], "2012-2014"),
        (["2012", "rapport.svg"], "2012"),
        (["2031-2032", "rapport.svg"], "2031-2032"),
        ([YEAR, "rapport.svg", "--plan", "inconnu"], "inconnu"),
    ],
)
def test_what_cannot_be_reported_is_refused_in_words_and_nothing_is_written(
    institute, tmp_path, words, said
):
    year, file, *others = words
    done = institute.run("report", year, str(tmp_path / file), *others, code=2)
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_same_report_made_twice_is_the_same_page_and_chart(institute, written, tmp_path):
    for kind in ("html", "svg"):
        again = tmp_path / f"encore.{kind}"
        institute("report", YEAR, str(again))
        assert again.read_bytes() == getattr(written, kind).read_bytes()


# --- the workbook -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def book(written):
    return openpyxl.load_workbook(written.xlsx)


def test_the_workbook_says_what_it_is(book):
    sheet = book["Bilan"]
    said = [row[0] for row in sheet.iter_rows(max_col=1, max_row=5, values_only=True)]
    assert said[0] == book.properties.title == TITLE
    assert said[1:] == ["Institut national des mines du Québec", PERIOD, DECISIONS,
                        "Fait le 10\u00a0avril 2013"]  # fmt: skip
    assert book.custom_doc_props["Language"].value == "fr-CA"
    assert TOTAL in [c.value for c in sheet["A"]]
    last = [c.value for c in list(sheet.iter_rows())[-1]]
    assert last == ["Ensemble", 14, 1, 1, 16]


def test_the_workbook_s_table_is_the_plan_s_with_real_dates_and_numbers(book):
    sheet = book["Tableau"]
    header = [c.value for c in sheet[1]]
    assert header == [*HEADINGS[:4], "Valeur", "Atteinte le", *HEADINGS[4:8], "Validé le",
                      "Résolution", "Adoptée le"]  # fmt: skip
    rows = list(sheet.iter_rows(min_row=2, values_only=True))
    assert [r[0] for r in rows if r[1] is None and str(r[0]).startswith("Enjeu")] == ENJEUX
    lines = {r[1].split("\n")[1]: dict(zip(header, r, strict=True)) for r in rows if r[1]}
    assert list(lines) == ORDER
    line = lines["E3-A1-O1-I1"]
    assert (line["Valeur"], line["Statut"], line["Validé par"]) == (1234.5, "atteint", "Anne Roy")
    assert line["Validé le"].date() == date(2013, 4, 10)
    assert line["Adoptée le"].date() == date(2013, 4, 10)
    assert lines["E1-A4-O7-I1"]["Cible"] == "\n".join(AMENDED)
    assert lines["E1-A4-O7-I1"]["Explication de l'écart"] == "\n".join(EXPLAINED)


def test_no_cell_of_the_workbook_is_a_formula(book):
    cells = [c for sheet in book for row in sheet.iter_rows() for c in row]
    assert not [c for c in cells if c.data_type == "f"]
    texts = [c.value for c in cells if isinstance(c.value, str)]
    assert not [t for t in texts if t.startswith(("=", "+", "-", "@"))]
    assert any(t.startswith(f"'{RESULT}") for t in texts)
    assert "'@procès-verbal\npreuve.txt" in texts


def test_a_text_that_takes_two_lines_of_the_first_sheet_has_the_room_of_two(book):
    sheet = book["Bilan"]
    (row,) = (c.row for c in sheet["A"] if c.value == DECISIONS)
    assert len(DECISIONS) > sheet.column_dimensions["A"].width
    assert sheet.row_dimensions[row].height >= 30


def test_the_workbook_is_ready_to_print(book):
    sheet = book["Tableau"]
    assert sheet.freeze_panes == "A2"
    assert sheet.print_title_rows == "$1:$1"
    assert sheet.page_setup.orientation == "landscape"
    # One page wide (the default), as many high as it takes.
    assert int(sheet.page_setup.fitToHeight) == 0
    assert sheet.sheet_properties.pageSetUpPr.fitToPage
    assert all(c.alignment.wrap_text for row in sheet.iter_rows() for c in row if c.value)
    assert all(sheet.column_dimensions[name].width >= 10 for name in "ABCDG")


# --- the document -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def document(written):
    return docx.Document(str(written.docx))


def paragraphs(cell):
    return [p.text for p in cell.paragraphs]


def test_the_document_says_what_it_is_under_real_headings(document):
    styled = [(p.style.name, p.text) for p in document.paragraphs]
    headings = [(s, t) for s, t in styled if s.startswith(("Title", "Heading"))]
    assert headings == [("Title", TITLE), *(("Heading 1", t) for t in ["Bilan", *ENJEUX])]
    texts = [t for _style, t in styled]
    assert texts[1:4] == ["Institut national des mines du Québec", PERIOD, DECISIONS]
    assert texts[5] == TOTAL
    assert texts[-1] == "Fait le 10\u00a0avril 2013"
    assert document.core_properties.title == TITLE
    assert document.core_properties.language == "fr-CA"
    tags = document.styles.element.iter(qn("w:lang"))
    assert {t.get(qn("w:val")) for t in tags} == {"fr-CA"}


def test_the_document_has_a_table_for_each_enjeu_with_its_header_repeated(document):
    rows = [row for table in document.tables for row in table.rows[1:]]
    assert len(document.tables) == 3
    for table in document.tables:
        assert [c.text for c in table.rows[0].cells] == HEADINGS
        marked = [r.find(qn("w:trPr")).find(qn("w:tblHeader")) for r in table._tbl.tr_lst]
        assert marked[0] is not None
        assert set(marked[1:]) == {None}
    assert [paragraphs(r.cells[1])[1] for r in rows] == ORDER
    line = rows[ORDER.index("E3-A1-O1-I1")]
    assert [paragraphs(c) for c in line.cells] == REPORTED
    assert paragraphs(rows[ORDER.index("E1-A4-O7-I1")].cells[2]) == AMENDED
    assert paragraphs(rows[ORDER.index("E1-A4-O7-I1")].cells[5]) == EXPLAINED


def test_the_document_is_landscape_and_has_no_empty_paragraph(document):
    section = document.sections[0]
    assert section.page_width > section.page_height
    everything = list(document.element.body.iter(qn("w:p")))
    assert all("".join(t.text or "" for t in p.iter(qn("w:t"))).strip() for p in everything)


# --- the page ---------------------------------------------------------------------------------------

HTML = "{http://www.w3.org/1999/xhtml}"


@pytest.fixture(scope="module")
def page(written):
    # A strict parser raises on the first fault of the markup.
    return html5lib.HTMLParser(strict=True).parse(written.html.read_bytes())


def content(element):
    return "".join(element.itertext()).strip()


def test_the_page_says_what_it_is_under_headings_in_order(page):
    assert page.get("lang") == "fr-CA"
    assert content(page.find(f"{HTML}head/{HTML}title")).startswith(TITLE)
    headings = [(e.tag[-1], content(e)) for e in page.iter() if re.fullmatch(r"h[1-6]", str(e.tag).removeprefix(HTML))]  # fmt: skip
    assert headings == [("1", TITLE), *(("2", t) for t in ["Bilan", *ENJEUX])]
    said = [content(p) for p in page.find(f"{HTML}body/{HTML}main").findall(f"{HTML}p")]
    assert said == ["Institut national des mines du Québec", PERIOD, DECISIONS,
                    "Fait le 10\u00a0avril 2013", TOTAL]  # fmt: skip


def test_the_page_s_tables_say_their_caption_their_columns_and_their_rows(page):
    tables = list(page.iter(f"{HTML}table"))
    assert len(tables) == 4
    for table in tables:
        assert content(table.find(f"{HTML}caption"))
        columns = list(table.find(f"{HTML}thead").iter(f"{HTML}th"))
        assert {th.get("scope") for th in columns} == {"col"}
        for row in table.find(f"{HTML}tbody").findall(f"{HTML}tr"):
            assert [th.get("scope") for th in row.findall(f"{HTML}th")] == ["row"]
            assert len(list(row)) == len(columns)


def test_the_page_has_the_whole_table_escaped(page):
    rows = [r for t in list(page.iter(f"{HTML}table"))[1:] for r in t.find(f"{HTML}tbody")]
    assert [content(r.find(f"{HTML}th")[1]) for r in rows] == ORDER
    cells = [[content(p) for p in cell] or [content(cell)] for cell in rows[ORDER.index("E3-A1-O1-I1")]]  # fmt: skip
    assert cells == REPORTED
    assert not list(page.iter(f"{HTML}b"))


def test_the_page_s_figures_are_those_of_the_chart(page):
    table = next(page.iter(f"{HTML}table"))
    rows = [[content(c) for c in r] for r in table.iter(f"{HTML}tr")]
    assert rows == [
        ["Enjeu", "à risque", "atteint", "non atteint", "Total"],
        [ENJEUX[0], "5", "0", "1", "6"],
        [ENJEUX[1], "4", "0", "0", "4"],
        [ENJEUX[2], "5", "1", "0", "6"],
        ["Ensemble", "14", "1", "1", "16"],
    ]


def test_the_page_needs_nothing_else_and_runs_nothing(written):
    text = written.html.read_text(encoding="utf-8")
    assert "<script" not in text
    assert not re.findall(r"(?:src|href)=|@import|url\((?!#)", text)


def test_in_english_the_plan_s_own_words_are_still_said_to_be_french(institute, tmp_path):
    path = tmp_path / "report.html"
    institute("report", YEAR, str(path), "--lang", "en")
    english = html5lib.HTMLParser(strict=True).parse(path.read_bytes())
    assert english.get("lang") == "en-CA"
    assert "Strategic plan 2011-2016, adopted on" in path.read_text(encoding="utf-8")
    row = next(r for r in english.iter(f"{HTML}tr") if r.find(f"{HTML}th/{HTML}p") is not None)
    assert [c.get("lang") for c in row] == [*["fr-CA"] * 4, None, *["fr-CA"] * 4]


def declarations(body):
    return {
        k.strip(): v.strip() for k, _sign, v in (d.partition(":") for d in body.split(";")) if v
    }


def test_every_colour_of_the_page_has_contrast_enough_in_light_dark_and_print(page):
    css = re.sub(r"/\*.*?\*/", "", content(page.find(f"{HTML}head/{HTML}style")), flags=re.DOTALL)
    rules = [(s.strip(), declarations(b)) for s, b in re.findall(r"([^{}]+)\{([^{}]*)\}", css)]
    palettes = [d for selector, d in rules if selector == ":root"]
    assert len(palettes) == 3
    coloured = [d for _selector, d in rules if "color" in d or "background" in d]
    assert len(coloured) >= 4
    for palette in palettes:
        for rule in coloured:
            ink, paper = (palette[rule[k][4:-1]] for k in ("color", "background"))
            assert contrast(ink, paper) >= 4.5, (rule, palette)
        assert contrast(palette["--line"], palette["--paper"]) >= 3


# --- the chart --------------------------------------------------------------------------------------

SVG = "{http://www.w3.org/2000/svg}"
DESCRIPTION = (
    f"{ENJEUX[0]} — à risque\u00a0: 5, non atteint\u00a0: 1. {ENJEUX[1]} — à risque\u00a0: 4. "
    f"{ENJEUX[2]} — à risque\u00a0: 5, atteint\u00a0: 1."
)


@pytest.mark.parametrize("where", ["svg", "html"])
def test_the_chart_has_a_name_and_a_description(written, page, where):
    root = ET.parse(written.svg).getroot() if where == "svg" else next(page.iter(f"{SVG}svg"))
    named = {e.get("id"): e.text for e in (root.find(f"{SVG}title"), root.find(f"{SVG}desc"))}
    assert root.get("role") == "img"
    assert root.get("aria-labelledby").split() == list(named)
    assert list(named.values()) == [
        "Statut des indicateurs par enjeu, exercice 2012-2013",
        DESCRIPTION,
    ]


def test_the_chart_is_read_without_its_colours(written):
    root = ET.parse(written.svg).getroot()
    texts = [t.text for t in root.iter(f"{SVG}text")]
    assert [t for t in texts if t in {"à risque", "atteint", "non atteint"}] == ["à risque", "atteint", "non atteint"]  # fmt: skip
    assert [t for t in texts if t in ENJEUX] == ENJEUX[::-1]
    assert sorted(t for t in texts if t.isdigit()) == ["1", "1", "4", "5", "5"]
    patterns = {p.get("id"): p.find(f"{SVG}path").get("d") for p in root.iter(f"{SVG}pattern")}
    assert len(set(patterns.values())) == len(patterns) == 3
    style = "".join(s.text for s in root.iter(f"{SVG}style"))
    assert all(f"url(#{name})" in style for name in patterns)
    assert not list(root.iter(f"{SVG}script"))


@pytest.mark.parametrize(
    "title", ["M" * 200, "Un enjeu dont le titre ne finit pas " * 20, "i" * 300]
)
def test_bars_and_words_stay_on_the_page_however_long_an_enjeu_s_title_is(title):
    lines = tuple(
        SimpleNamespace(enjeu=(number, title if number == 1 else "COURT"), orientation="", status=status)
        for number in (1, 2)
        for status in ("atteint", "en_retard")
    )  # fmt: skip
    report = Report(
        institute="", plan=None, fiscal_year=YEAR, first=date(2012, 4, 1), last=date(2013, 3, 31),
        made=date(2013, 4, 1), total=None, lines=lines,
    )  # fmt: skip
    root = ET.fromstring(chart.markup(report))
    wide = float(root.get("viewBox").split()[2])
    plot = next(g for g in root.iter(f"{SVG}g") if g.get("class") == "plot")
    left = float(re.search(r"translate\((\d+)", plot.get("transform"))[1])
    ground = next(plot.iter(f"{SVG}rect"))
    assert float(ground.get("width")) > 200
    assert left + float(ground.get("x")) + float(ground.get("width")) <= wide
    beside = [
        t.text
        for g in plot.iter(f"{SVG}g")
        if g.get("class") == "guides"
        for t in g.iter(f"{SVG}text")
    ]
    assert all(width(text, 13) + 5 <= left for text in beside)
    assert [text.endswith("…") for text in beside] == [False, True]
    assert title.strip() in root.find(f"{SVG}desc").text

from hypothesis import given
from hypothesis import strategies as st

from engine.folding import fold


@given(st.text())
def test_folding_twice_is_folding_once(text):
    assert fold(fold(text)) == fold(text)


def test_accents_case_and_typographic_marks_do_not_matter():
    assert fold("CÉGEP de Sept‑Îles") == fold("cegep de sept-iles")
    assert fold("Côte d’Ivoire") == fold("cote d'ivoire")
    assert fold("Œuvre") == "oeuvre"

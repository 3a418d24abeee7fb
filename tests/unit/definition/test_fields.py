from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.actor import File
from engine.calendar import Calendar
from engine.definition.compiled import CompiledFormItem, FieldError
from engine.definition.fields import compile_field
from engine.definition.model import FieldSpec
from engine.judge import answered_by_files

CALENDAR = Calendar()


def field(kind, **more):
    spec = FieldSpec.model_validate({"type": kind, "label": {"fr": "Champ", "en": "Field"}, **more})
    return compile_field("champ", spec, CALENDAR)


CHOICE = {"options": {"court_terme": {"fr": "Court terme", "en": "Short term"},
                      "long_terme": {"fr": "Long terme", "en": "Long term"}}}  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "typed", "stored"),
    [
        ("text", "  Côte  ", "Côte"),
        ("text", "Cote\u0301", "Coté"),
        ("paragraph", "a\r\nb", "a\nb"),
        ("integer", " 12 ", 12),
        ("decimal", "12,50", "12.50"),
        ("boolean", "Oui", True),
        ("boolean", "faux", False),
        ("date", "2026-11-16", "2026-11-16"),
        ("instant", "2026-11-16T10:00", "2026-11-16T15:00:00+00:00"),
        ("instant", "2026-11-16T10:00+00:00", "2026-11-16T10:00:00+00:00"),
        ("email", "a.b@example.org", "a.b@example.org"),
        ("country", "Cote d'Ivoire", "CI"),
        ("country", "Côte d’Ivoire", "CI"),
        ("country", "maroc", "MA"),
        ("country", "Ghana", "GH"),
        ("country", "ca", "CA"),
    ],
)
def test_what_a_person_types_has_one_stored_form(kind, typed, stored):
    assert field(kind).normalise(typed) == stored


@pytest.mark.parametrize(
    ("kind", "typed", "code"),
    [
        ("text", "", "empty"),
        ("text", "a\nb", "control_character"),
        ("text", "a\x00b", "control_character"),
        ("text", "a\u202eb", "control_character"),
        ("text", "x" * 301, "too_long"),
        ("text", "x" * 10_000_000, "too_long"),
        ("text", ["x"], "not_a_text"),
        ("integer", "1e9", "not_a_number"),
        ("integer", True, "not_a_number"),
        ("decimal", "NaN", "not_a_number"),
        ("boolean", "peut-être", "not_a_boolean"),
        ("date", "16/11/2026", "not_a_date"),
        ("date", "2026-02-30", "no_such_date"),
        ("instant", "demain", "not_an_instant"),
        ("email", "a@b@c.org", "not_an_email"),
        ("email", "A <a@example.org>", "not_an_email"),
        ("email", "a@example.org\r\nBcc: x@example.org", "not_an_email"),
        ("country", "Atlantide", "not_a_country"),
    ],
)
def test_anything_else_is_refused_with_a_code(kind, typed, code):
    with pytest.raises(FieldError) as refusal:
        field(kind).normalise(typed)
    assert refusal.value.code == code


@pytest.mark.parametrize("typed", ["court_terme", "Court terme", "court TERME", "Short term"])
def test_a_choice_may_be_said_by_key_or_by_label(typed):
    assert field("choice", **CHOICE).normalise(typed) == "court_terme"


def test_choices_come_in_the_order_of_the_options_whatever_the_order_typed():
    assert field("choices", **CHOICE).normalise("long_terme, court terme") == [
        "court_terme",
        "long_terme",
    ]


def test_not_obtained_needs_a_reason():
    either = field("text", reason_if_missing=True)
    assert either.normalise({"missing": " pas encore "}) == {"missing": "pas encore"}
    with pytest.raises(FieldError, match="reason_needed"):
        either.normalise({"missing": "  "})


def test_the_names_of_files_answer_a_field_that_is_empty_as_far_as_there_is_room():
    spec = field("text", from_files=True, max=20)
    item = CompiledFormItem(field=spec, record=None, always=True, required=None)
    action = SimpleNamespace(form=(item,))
    files = [File(name=n, media_type="x/y", content=b"") for n in ("a.pdf", "b.pdf", "a.pdf")]

    def answered(typed, data, given):
        return answered_by_files(action, typed, data, given).get(spec.name)

    assert answered({}, {}, files) == "a.pdf, b.pdf"
    assert answered({spec.name: "Le rapport"}, {}, files) == "Le rapport"
    assert answered({}, {spec.name: "Le rapport"}, files) is None
    assert answered({}, {}, []) is None
    long = [File(name="rapport-annuel-2012-2013.pdf", media_type="x/y", content=b"")]
    assert answered({}, {}, long) == "rapport-annuel-2012…"
    assert spec.normalise(answered({}, {}, long))


def test_numbers_stay_within_their_bounds():
    bounded = field("integer", min=1, max=5)
    assert bounded.normalise("5") == 5
    for typed, code in (("0", "too_small"), ("6", "too_large")):
        with pytest.raises(FieldError, match=code):
            bounded.normalise(typed)


@given(st.text(max_size=400))
def test_normalising_twice_is_normalising_once(text):
    line = field("paragraph")
    try:
        once = line.normalise(text)
    except FieldError:
        return
    assert line.normalise(once) == once

"""Form fields: what a person or a file gave, into its one stored form, or a clear refusal.

Stored forms are JSON: text as NFC strings, integers, decimals as strings with a dot, booleans, dates
`2013-03-31`, instants `2013-03-31T12:30:00+00:00` in UTC, countries as ISO 3166-1 alpha-2 codes, a
choice as its key, choices as a list of keys, a person as a login, a member as its id, a case as its
number. Where a field has `reason_if_missing`, `{"missing": reason}` is accepted instead of a value.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import TYPE_CHECKING, Any

from engine.contact import has_controls, is_email
from engine.definition.compiled import CompiledField, FieldError
from engine.folding import fold

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from engine.calendar import Calendar
    from engine.definition.model import FieldSpec, Option

    Normalise = Callable[[Any], Any]

#: Every code that a field may refuse with (`docs/cli.md` says each in words).
CODES = (
    "not_a_text",
    "empty",
    "too_long",
    "too_short",
    "control_character",
    "not_a_number",
    "too_small",
    "too_large",
    "not_a_boolean",
    "not_a_date",
    "no_such_date",
    "not_an_instant",
    "not_an_option",
    "not_an_email",
    "not_a_country",
    "reason_needed",
    "no_such_person",
    "no_such_member",
    "no_such_case",
    "ambiguous",
)

#: Dates outside these years are slips of the hand, and arithmetic on them could overflow.
FIRST_YEAR, LAST_YEAR = 1900, 2999
TEXT_LENGTH = 300
PARAGRAPH_LENGTH = 20_000

_TRUE = frozenset({"oui", "vrai", "yes", "true", "o", "y", "1"})
_FALSE = frozenset({"non", "faux", "no", "false", "n", "0"})
_HUGE, _LONGEST = 10**18, 10_000
#: Codes that are no country: unions, outlying groups, and two that only test software.
_NO_COUNTRY = frozenset({"EU", "EZ", "UN", "QO", "ZZ", "XA", "XB"})
_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


def compile_field(name: str, spec: FieldSpec, calendar: Calendar) -> CompiledField:
    """Return the compiled form of a field of the language."""
    normalise = _KINDS[spec.type](spec, calendar)
    if spec.reason_if_missing:
        normalise = _or_reason(normalise)
    return CompiledField(
        name=name,
        type=spec.type,
        label=words(spec.label),
        help=None if spec.help is None else words(spec.help),
        normalise=normalise,
        options={key: words(option) for key, option in (spec.options or {}).items()},
        of={k: compile_field(k, s, calendar) for k, s in (spec.of or {}).items()},
        roster=spec.roster,
        internal=spec.internal,
        reason_if_missing=spec.reason_if_missing,
        from_files=longest(spec) if spec.from_files else 0,
        search=spec.search,
    )


def words(label: Any) -> Mapping[str, str]:
    """Return the words of a label by language."""
    return {"fr": label.fr, "en": label.en}


def _or_reason(normalise: Normalise) -> Normalise:
    def either(value: Any) -> Any:
        return _reason(value) if isinstance(value, dict) else normalise(value)

    return either


def _reason(value: Mapping[Any, Any]) -> dict[str, str]:
    if set(value) != {"missing"}:
        raise FieldError("reason_needed")
    try:
        return {"missing": _clean(value["missing"], TEXT_LENGTH, newlines=True)}
    except FieldError as error:
        if error.code in {"empty", "not_a_text"}:
            raise FieldError("reason_needed") from error
        raise


def _written(value: Any, code: str) -> str:
    """Return a short value as it would be typed; refuse with `code` what nobody types.

    Bounded before anything walks it: the text of a huge integer takes minutes, or raises.
    """
    if isinstance(value, str):
        if len(value) > _LONGEST:
            raise FieldError(code, value=value[:80])
        return value.strip()
    if isinstance(value, int) and abs(value) >= _HUGE:
        raise FieldError(code, value="")
    if isinstance(value, (int, float, Decimal, date)):
        return str(value)
    raise FieldError(code, value=type(value).__name__)


def _clean(value: Any, most: int, *, newlines: bool) -> str:
    if not isinstance(value, str):
        if isinstance(value, bool) or not isinstance(value, int):
            raise FieldError("not_a_text")
        value = _written(value, "not_a_text")
    # Length first: a hostile value is refused before anything walks it.
    if len(value) > most + 1000:
        raise FieldError("too_long", max=most, length=len(value))
    text = unicodedata.normalize("NFC", value.replace("\r\n", "\n")).strip()
    if has_controls(text, allow="\n\t" if newlines else ""):
        raise FieldError("control_character")
    if not text:
        raise FieldError("empty")
    if len(text) > most:
        raise FieldError("too_long", max=most, length=len(text))
    return text


def longest(spec: FieldSpec) -> int:
    """Return how many characters a text field may have."""
    return spec.max or (PARAGRAPH_LENGTH if spec.type == "paragraph" else TEXT_LENGTH)


def _text(spec: FieldSpec, _: Calendar) -> Normalise:
    paragraph = spec.type == "paragraph"
    most = longest(spec)

    def normalise(value: Any) -> str:
        text = _clean(value, most, newlines=paragraph)
        if spec.min is not None and len(text) < spec.min:
            raise FieldError("too_short", min=spec.min, length=len(text))
        return text

    return normalise


def _integer(spec: FieldSpec, _: Calendar) -> Normalise:
    def normalise(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, (int, str)):
            raise FieldError("not_a_number")
        written = _number(value)
        if not re.fullmatch(r"[-+]?\d{1,15}", written, re.ASCII):
            raise FieldError("not_a_number")
        return int(_bounded(int(written), spec))

    return normalise


def _decimal(spec: FieldSpec, _: Calendar) -> Normalise:
    def normalise(value: Any) -> str:
        written = _number(value).replace(",", ".")
        if not re.fullmatch(r"[-+]?\d{1,15}(\.\d{1,10})?", written, re.ASCII):
            raise FieldError("not_a_number")
        try:
            number = Decimal(written)
        except InvalidOperation as error:  # pragma: no cover - the pattern admits numbers only
            raise FieldError("not_a_number") from error
        _bounded(number, spec)
        return format(abs(number) if number == 0 else number, "f")

    return normalise


def _number(value: Any) -> str:
    """Return a number as typed, without the spaces that part thousands."""
    return re.sub("[ \u00a0\u202f]", "", _written(value, "not_a_number"))


def _bounded(number: Any, spec: FieldSpec) -> Any:
    if spec.min is not None and number < spec.min:
        raise FieldError("too_small", min=spec.min)
    if spec.max is not None and number > spec.max:
        raise FieldError("too_large", max=spec.max)
    return number


def _boolean(_: FieldSpec, __: Calendar) -> Normalise:
    def normalise(value: Any) -> bool:
        if isinstance(value, bool):
            return value
        word = fold(_written(value, "not_a_boolean")[:10])
        if word not in _TRUE | _FALSE:
            raise FieldError("not_a_boolean")
        return word in _TRUE

    return normalise


def _date(_: FieldSpec, __: Calendar) -> Normalise:
    def normalise(value: Any) -> str:
        written = _written(value, "not_a_date")
        if not _ISO_DATE.fullmatch(written):
            raise FieldError("not_a_date")
        try:
            read = date.fromisoformat(written)
        except ValueError as error:
            raise FieldError("no_such_date", value=written) from error
        _check_year(read)
        return read.isoformat()

    return normalise


def _instant(_: FieldSpec, calendar: Calendar) -> Normalise:
    def normalise(value: Any) -> str:
        written = _written(value, "not_an_instant").replace(" h ", ":").replace("h", ":")
        try:
            read = datetime.fromisoformat(written).replace(microsecond=0)
        except ValueError as error:
            raise FieldError("not_an_instant") from error
        _check_year(read)
        if read.tzinfo is None:
            # An hour without an offset is the hour of the workspace.
            instant = calendar.instant(read.date(), read.time())
        else:
            instant = read.astimezone(UTC)
        _check_year(instant)
        return instant.isoformat()

    return normalise


def _check_year(day: date) -> None:
    if day.year < FIRST_YEAR:
        raise FieldError("too_small", min=f"{FIRST_YEAR}-01-01")
    if day.year > LAST_YEAR:
        raise FieldError("too_large", max=f"{LAST_YEAR}-12-31")


def _choice(spec: FieldSpec, _: Calendar) -> Normalise:
    options = spec.options or {}
    known = _by_words(options)

    def normalise(value: Any) -> str:
        written = _written(value, "not_an_option")
        word = fold(written)
        if (key := word.replace(" ", "_")) in options:
            return key
        meant = known.get(word, frozenset())
        if not meant:
            raise FieldError("not_an_option", value=written[:80])
        if len(meant) > 1:
            raise FieldError("ambiguous", value=written[:80], near=tuple(sorted(meant)))
        return next(iter(meant))

    return normalise


def _by_words(options: Mapping[str, Option]) -> dict[str, frozenset[str]]:
    """Return the keys that each folded label may mean: labels may repeat, keys do not."""
    known: dict[str, frozenset[str]] = {}
    for key, option in options.items():
        for word in {fold(option.fr), fold(option.en)}:
            known[word] = known.get(word, frozenset()) | {key}
    return known


def _choices(spec: FieldSpec, calendar: Calendar) -> Normalise:
    one = _choice(spec, calendar)
    order = list(spec.options or {})

    def normalise(value: Any) -> list[str]:
        given = value if isinstance(value, list) else _listed(value)
        if not given:
            raise FieldError("empty")
        return sorted({one(v) for v in given}, key=order.index)

    return normalise


def _listed(value: Any) -> list[str]:
    return [part for part in _written(value, "not_an_option").split(",") if part.strip()]


def _email(_: FieldSpec, __: Calendar) -> Normalise:
    def normalise(value: Any) -> str:
        text = _written(value, "not_an_email")
        if not is_email(text):
            raise FieldError("not_an_email", value=text[:80])
        return text

    return normalise


def _country(_: FieldSpec, __: Calendar) -> Normalise:
    def normalise(value: Any) -> str:
        written = _written(value, "not_a_country")[:80]
        code = _countries().get(fold(written))
        if code is None:
            raise FieldError("not_a_country", value=written)
        return code

    return normalise


@cache
def _countries() -> dict[str, str]:
    """Return every name of a country, folded, in French and English, and its code, to its code."""
    from babel import Locale

    known: dict[str, str] = {}
    for language in ("en", "fr"):
        for code, name in Locale(language).territories.items():
            if len(code) == 2 and code.isalpha() and code not in _NO_COUNTRY:  # noqa: PLR2004 - ISO 3166-1 alpha-2
                known[fold(name)] = code
                known[fold(code)] = code
    return known


def _reference(_: FieldSpec, __: Calendar) -> Normalise:
    def normalise(value: Any) -> Any:
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        return _clean(value, TEXT_LENGTH, newlines=False)

    return normalise


def _records(_: FieldSpec, __: Calendar) -> Normalise:
    def normalise(_: Any) -> Any:
        # A list is only ever added to, record by record, through the fields of its records.
        raise FieldError("not_a_text")

    return normalise


_KINDS: dict[str, Callable[[FieldSpec, Calendar], Normalise]] = {
    "text": _text,
    "paragraph": _text,
    "integer": _integer,
    "decimal": _decimal,
    "boolean": _boolean,
    "date": _date,
    "instant": _instant,
    "choice": _choice,
    "choices": _choices,
    "email": _email,
    "country": _country,
    "person": _reference,
    "member": _reference,
    "case": _reference,
    "records": _records,
}

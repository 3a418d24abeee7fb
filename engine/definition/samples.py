"""What a template may see: one shape, made from a case when a message is queued, and from generated

values when a definition is checked. Only the fields that the notification names are in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from engine.definition.compiled import (
        CompiledAction,
        CompiledDefinition,
        CompiledField,
        CompiledNotification,
    )
    from engine.ports import Reading


def facts_for(
    definition: CompiledDefinition,
    notification: CompiledNotification,
    data: Mapping[str, Any],
    *,
    number: str,
    title: str,
    state: str,
    opened: datetime,
    due: datetime | None,
    owner: Mapping[str, str] | None,
    note: str,
    action: CompiledAction | None,
    today: date,
    version: int = 1,
    said: Sequence[Mapping[str, Any]] = (),
    own: int = -1,
) -> dict[str, Any]:
    """Return the facts of a message, as JSON.

    Args:
        definition: The case's definition.
        notification: The message; only its `fields` are shown.
        data: The case's data, in stored form.
        number: The case's number.
        title: Its title.
        state: The state's key.
        opened: When it was opened (UTC).
        due: When its task is due (UTC), if it is.
        owner: `name` and `email` of its owner, if it has one.
        note: The note of the event, for messages that stay inside the staff.
        action: The action that sends it; None for a timer.
        today: The local date; a date field says how many `days` are left until it.
        version: The case's; a later invitation supersedes an earlier one (RFC 5545, 3.8.7.4).
        said: The records that messages about an earlier batch have said so far, this one's among them.
        own: Which of them is this one's.
    """
    return {
        "case": {
            "number": number,
            "title": title,
            "process": definition.key,
            "process_label": dict(definition.label),
            "state": state,
            "state_label": dict(definition.states[state].label),
            "opened": opened.isoformat(),
            "due": None if due is None else due.isoformat(),
            "owner": None if owner is None else dict(owner),
        },
        "fields": {
            name: _shown(definition.fields[name], _value(data, name), today)
            for name in notification.fields
        },
        "note": note,
        "action": None if action is None else dict(action.label),
        "calendar": _invitation(notification, data, number, version),
        "audience": {},
        **_said(definition, notification, said, own, today),
    }


def _said(
    definition: CompiledDefinition,
    notification: CompiledNotification,
    records: Sequence[Mapping[str, Any]],
    own: int,
    today: date,
) -> dict[str, Any]:
    """Return what a message says, and what has been said so far, field by field; nothing of one that

    says no record.
    """
    if notification.says is None:
        return {}
    fields = definition.fields[notification.says].of
    told = [
        {**{n: _shown(f, r.get(n), today) for n, f in fields.items()}, "at": r["at"]}
        for r in records
    ]
    return {"said": told[own], "told": told}


def _value(data: Mapping[str, Any], name: str) -> Any:
    """Return a value; None for a reason why there is none, which stays inside."""
    value = data.get(name)
    return None if isinstance(value, dict) and "missing" in value else value


def _shown(field: CompiledField, value: Any, today: date) -> dict[str, Any]:
    return {
        "label": dict(field.label),
        "type": field.type,
        "value": value,
        "options": {k: dict(v) for k, v in field.options.items()},
        "of": {k: _shown(f, None, today) for k, f in field.of.items()},
        "days": _days(field, value, today),
    }


def _days(field: CompiledField, value: Any, today: date) -> int | None:
    """Return how many days are left until a date; less than none once it has passed."""
    if field.type != "date" or not value:
        return None
    return (date.fromisoformat(value) - today).days


def _invitation(
    notification: CompiledNotification, data: Mapping[str, Any], number: str, version: int
) -> dict[str, Any] | None:
    rule = notification.calendar
    start = None if rule is None else _value(data, rule["start"])
    if rule is None or not start:
        return None
    return {
        "start": start,
        "minutes": rule["minutes"],
        "summary": dict(rule["summary"]),
        "location": _value(data, rule["location"] or ""),
        "uid": number,
        "sequence": version,
        "cancels": rule["cancels"],
    }


#: What a personal message may say of an earlier batch to one of its recipients (`{fr, en}` of words).
ATTESTATION: dict[str, Any] = {
    "case": "X-2026-0001", "message": {"fr": "Envoi", "en": "Batch"}, "newcomer": False, "sha256": "0" * 64, "issue": 1, "key_sha256": "0" * 64, "said": "29/29",
    "line": 1, "state": {"fr": "accepté", "en": "accepted"}, "at": "2026-03-31T16:00:00+00:00",
    "reply": "250 OK", "salt": "0" * 32, "command": "inbox diffusion verify",
}  # fmt: skip
#: Days before and after the generated instant: one left, several left, one and several gone.
_PAST_AND_COMING = ("2026-04-01", "2026-05-30", "2026-03-30", "2026-02-01")
#: What may be missing besides the fields, as it is said.
_REST = {
    "due": ("échéance", "a due date"),
    "owner": ("responsable", "an owner"),
    "note": ("note", "a note"),
    "action": ("action", "an action"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A case with which a template must render.

    Attributes:
        facts: What the template sees.
        fr: What is particular about it, in French.
        en: The same in English.
        lacks: The one field that is not there, if it is that.
    """

    facts: dict[str, Any]
    fr: str = ""
    en: str = ""
    lacks: str | None = None


def sample_facts(
    definition: CompiledDefinition,
    notification: CompiledNotification,
    state: str,
    *,
    empty: bool,
    but: str | None = None,
    values: Mapping[str, Any] | None = None,
    sure: frozenset[str] = frozenset(),
    said: Sequence[Mapping[str, Any]] | None = None,
) -> dict[str, Any]:
    """Return generated facts.

    Args:
        definition: The definition.
        notification: The message.
        state: Where the case is.
        empty: Nothing that may be absent is there; else everything is.
        but: The one field, or `due`, `owner`, `note` or `action`, with which it is the other way.
        values: Values to use instead of generated ones.
        sure: Fields that are there in any case.
        said: The records that were said, if it is of use which.
    """
    from datetime import UTC, datetime

    at = datetime(2026, 3, 31, 16, 0, tzinfo=UTC)
    there = {n for n in (*notification.fields, *_REST) if (n == but) == empty}
    data = {n: _sample(definition.fields[n]) for n in notification.fields if n in there | sure}
    if notification.calendar is not None:
        data[notification.calendar["start"]] = at.isoformat()
    own = {"attestation": ATTESTATION} if notification.personal else {}
    return own | facts_for(
        definition,
        notification,
        {**data, **(values or {})},
        number=f"{definition.prefix}-2026-0007",
        title="Titre – exemple « échantillon »",
        state=state,
        opened=at,
        due=at if "due" in there else None,
        owner={"name": "Conseillère A", "email": "a@example.org"} if "owner" in there else None,
        note="Une note." if "note" in there else "",
        action=definition.opening if "action" in there else None,
        today=at.date(),
        said=_records(definition, notification) if said is None else said,
    )


def _records(
    definition: CompiledDefinition, notification: CompiledNotification
) -> list[dict[str, Any]]:
    """Return a record of the list that a message says one of, with everything in it."""
    return [] if notification.says is None else list(_sample(definition.fields[notification.says]))


def variants(
    definition: CompiledDefinition,
    notification: CompiledNotification,
    state: str,
    sure: frozenset[str],
    read: Reading,
) -> Iterator[Case]:
    """Yield the cases with which a template must render.

    All there; each thing alone missing; nothing there; each thing alone there; each option, both answers,
    days gone and to come, and each record without what its form does not demand. Then each of the values
    that the template names, with each thing that may be missing.

    Args:
        definition: The definition.
        notification: The message.
        state: Where the case is.
        sure: Fields that are there wherever it leaves from: they are never missing.
        read: What the template says.
    """
    yield from _with_and_without(definition, notification, state, sure)
    yield from _saying_less(definition, notification, state)
    absent = [n for n in notification.fields if n not in sure and n in read.names]
    for name in notification.fields:
        field = definition.fields[name]
        for value in (*_other_values(definition, field), *_named_values(field, read)):
            lacking = [a for a in absent if a != name] if _is_apart(field, value, read) else []
            for but in (None, *lacking):
                facts = sample_facts(definition, notification, state, empty=False, but=but,
                                     values={name: value})  # fmt: skip
                yield _valued(facts, name, value, but)


def _saying_less(
    definition: CompiledDefinition, notification: CompiledNotification, state: str
) -> Iterator[Case]:
    """Yield the cases in which what is said lacks what its form does not demand, or is not known yet."""
    for full in _records(definition, notification):
        for name in definition.fields[str(notification.says)].of:
            if not _always_given(definition, str(notification.says), name):
                less = {k: v for k, v in full.items() if k != name}
                yield Case(facts=sample_facts(definition, notification, state, empty=False, said=[full, less]),
                           fr=f"sans « {name} »", en=f"without {name!r}")  # fmt: skip
        nothing = [{"at": full["at"]}]
        yield Case(facts=sample_facts(definition, notification, state, empty=False, said=nothing),
                   fr="sans rien de dit", en="with nothing said")  # fmt: skip


def _valued(facts: dict[str, Any], name: str, value: Any, but: str | None) -> Case:
    """Return a case in which a field has some value, and another may be missing."""
    shown = value if isinstance(value, (str, int)) else "…"
    fr, en = f"quand « {name} » vaut « {shown} »", f"when {name!r} is {shown!r}"
    if but is not None:
        fr, en = f"{fr}, sans « {but} »", f"{en}, without {but!r}"
    return Case(facts=facts, fr=fr, en=en)


def _is_apart(field: CompiledField, value: Any, read: Reading) -> bool:
    """Tell whether a template may say something else for a value of a field."""
    if field.type in {"choice", "choices"}:
        chosen = value if isinstance(value, list) else [value]
        return field.name in read.names and not read.values.isdisjoint(chosen)
    if field.type == "date":
        return field.name in read.names and "days" in read.names
    return field.name in read.names and field.type != "records"


def _with_and_without(
    definition: CompiledDefinition,
    notification: CompiledNotification,
    state: str,
    sure: frozenset[str],
) -> Iterator[Case]:
    def facts(but: str | None, *, empty: bool) -> dict[str, Any]:
        return sample_facts(
            definition, notification, state, empty=empty, but=but,
            sure=sure if empty else frozenset(),
        )  # fmt: skip

    yield Case(facts=facts(None, empty=False))
    absent = [n for n in notification.fields if n not in sure]
    for name in absent:
        yield Case(facts=facts(name, empty=False), fr=f"sans « {name} »", en=f"without {name!r}",
                   lacks=name)  # fmt: skip
    for name, (fr, en) in _REST.items():
        yield Case(facts=facts(name, empty=False), fr=f"sans {fr}", en=f"without {en}")
    yield Case(facts=facts(None, empty=True), fr="sans rien qui puisse manquer",
               en="without anything that may be missing")  # fmt: skip
    for name in (*absent, *_REST):
        fr, en = _REST.get(name, (f"« {name} »", repr(name)))
        yield Case(facts=facts(name, empty=True), fr=f"sans rien d'autre que {fr}",
                   en=f"without anything but {en}")  # fmt: skip


def _named_values(field: CompiledField, read: Reading) -> Iterator[Any]:
    """Yield what a template compares a field with, and what is beside it."""
    if field.name not in read.names:
        return
    if field.type in {"text", "paragraph", "email", "country", "person", "case"}:
        yield from sorted(v for v in read.values if isinstance(v, str))
    elif field.type == "integer":
        numbers = {int(v) for v in read.values if isinstance(v, int)}
        yield from sorted({n + d for n in numbers for d in (-1, 0, 1)})


def _other_values(definition: CompiledDefinition, field: CompiledField) -> Iterator[Any]:
    if field.type == "choice":
        yield from field.options
    elif field.type == "choices":
        yield from ([key] for key in field.options)
    elif field.type == "boolean":
        yield False
    elif field.type == "date":
        yield from _PAST_AND_COMING
    elif field.type == "records":
        full = _sample(field)[0]
        for name in field.of:
            if not _always_given(definition, field.name, name):
                yield [{k: v for k, v in full.items() if k != name}]


def _always_given(definition: CompiledDefinition, record: str, name: str) -> bool:
    """Tell whether every action that adds a record demands this field of it."""
    forms = [a.form for a in (definition.opening, *definition.actions.values())]
    adding = [form for form in forms if any(i.record == record for i in form)]
    return all(
        any(i.record == record and i.field.name == name and i.always for i in form)
        for form in adding
    )


def _sample(field: CompiledField) -> Any:
    if field.type == "records":
        record = {name: _sample(f) for name, f in field.of.items()}
        return [{**record, "by": "a", "at": "2026-03-31T16:00:00+00:00"}]
    options = list(field.options) or ["x"]
    return {
        "integer": 12,
        "decimal": "12.5",
        "boolean": True,
        "date": "2026-03-31",
        "instant": "2026-03-31T16:00:00+00:00",
        "choice": options[0],
        "choices": options[:2],
        "email": "a@example.org",
        "country": "MA",
        "person": "a",
        "member": 1,
        "case": "X-2026-0001",
    }.get(field.type, "Échantillon <b>&amp;</b> {{ texte }}")


def label_of(definition: CompiledDefinition, action: str) -> Mapping[str, str]:
    """Return the label of an action, the opening's too; its own name when there is none."""
    return definition.own_label(action) or {"fr": action, "en": action}

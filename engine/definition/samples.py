"""What a template may see: one shape, made from a case when a message is queued, and from generated

values when a definition is checked. Only the fields that the notification names are in it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from engine.definition.compiled import (
        CompiledAction,
        CompiledDefinition,
        CompiledField,
        CompiledNotification,
    )


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
            name: _shown(definition.fields[name], data.get(name)) for name in notification.fields
        },
        "note": note,
        "action": None if action is None else dict(action.label),
        "calendar": _invitation(notification, data, number),
        "audience": {},
    }


def _shown(field: CompiledField, value: Any) -> dict[str, Any]:
    if isinstance(value, dict) and "missing" in value:
        value = None  # why it is missing stays inside
    return {
        "label": dict(field.label),
        "type": field.type,
        "value": value,
        "options": {k: dict(v) for k, v in field.options.items()},
        "of": {k: _shown(f, None) for k, f in field.of.items()},
    }


def _invitation(
    notification: CompiledNotification, data: Mapping[str, Any], number: str
) -> dict[str, Any] | None:
    rule = notification.calendar
    if rule is None or not data.get(rule["start"]):
        return None
    return {
        "start": data[rule["start"]],
        "minutes": rule["minutes"],
        "summary": dict(rule["summary"]),
        "location": data.get(rule["location"] or ""),
        "uid": number,
        "cancels": rule["cancels"],
    }


def sample_facts(
    definition: CompiledDefinition, notification: CompiledNotification, state: str, *, empty: bool
) -> dict[str, Any]:
    """Return generated facts: every field with a value, or (`empty`) none that may be absent."""
    from datetime import UTC, datetime

    at = datetime(2026, 3, 31, 16, 0, tzinfo=UTC)
    data = {} if empty else {n: _sample(definition.fields[n]) for n in notification.fields}
    if notification.calendar is not None:
        data[notification.calendar["start"]] = at.isoformat()
    return facts_for(
        definition,
        notification,
        data,
        number=f"{definition.prefix}-2026-0007",
        title="Titre – exemple « échantillon »",
        state=state,
        opened=at,
        due=None if empty else at,
        owner=None if empty else {"name": "Conseillère A", "email": "a@example.org"},
        note="" if empty else "Une note.",
        action=None if empty else definition.opening,
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
    if action == definition.opening.name:
        return definition.opening.label
    found = definition.actions.get(action)
    return {"fr": action, "en": action} if found is None else found.label

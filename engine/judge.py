"""The judge: may this person do this now, with this form? All the reasons why not, at once.

Nothing here writes. A form is a mapping of field names, or `list.field` for the fields of a record
that the action adds, to what a person typed; `Form` is the same in stored form.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from engine.contact import has_controls
from engine.definition.compiled import FieldError
from engine.errors import Reason

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from engine.actor import Actor, File
    from engine.definition.compiled import (
        CompiledAction,
        CompiledDefinition,
        CompiledField,
        CompiledFormItem,
        Facts,
    )
    from engine.references import References

#: The longest note, in characters.
NOTE_LENGTH = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """A form in stored form: values by field, and the records to add by list."""

    values: Mapping[str, Any] = field(default_factory=dict)
    records: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    names: frozenset[str] = frozenset()  #: as typed, to know what was given

    def laid_over(self, data: Mapping[str, Any], stamp: Mapping[str, Any]) -> dict[str, Any]:
        """Return the case's data as this form would leave it; `stamp` goes into each record."""
        merged = {**data, **self.values}
        for name, record in self.records.items():
            merged[name] = [*data.get(name, []), {**record, **stamp}]
        return merged


def read_form(
    action: CompiledAction, raw: Mapping[str, Any], references: References
) -> tuple[Form, list[Reason]]:
    """Normalise what was typed; return the form and the reasons why parts cannot be read."""
    items = {item.name: item for item in action.form}
    reasons = [
        Reason(code="field_unknown", field=name, params={"fields": sorted(items)})
        for name in raw
        if name not in items
    ]
    values: dict[str, Any] = {}
    records: dict[str, dict[str, Any]] = {}
    for name, item in items.items():
        if name in raw and raw[name] is not None:
            try:
                stored = _stored(item.field, raw[name], references)
            except FieldError as error:
                reasons.append(_unreadable(item, error))
                continue
            target = values if item.record is None else records.setdefault(item.record, {})
            target[item.field.name] = stored
    return Form(values=values, records=records, names=frozenset(raw)), reasons


def answered_by_files(
    action: CompiledAction, raw: Mapping[str, Any], data: Mapping[str, Any], files: Sequence[File]
) -> dict[str, Any]:
    """Return a form as typed, its fields that files answer filled in where they would stay empty.

    Args:
        action: The action.
        raw: What was typed.
        data: The case's data: what has a value keeps it.
        files: The files that come with the action.
    """
    filled = dict(raw)
    for item in action.form if files else ():
        if item.field.from_files and item.name not in raw and not data.get(item.name):
            filled[item.name] = _names(files, item.field.from_files)
    return filled


def _names(files: Sequence[File], most: int) -> str:
    """Return the names of files, as many as there is room for."""
    said = ", ".join(dict.fromkeys(f.name for f in files))
    return said if len(said) <= most else f"{said[: most - 1]}…"


def _stored(spec: CompiledField, typed: Any, references: References) -> Any:
    if spec.type in references.kinds and not isinstance(typed, dict):
        typed = references.resolve(spec, typed)
    return spec.normalise(typed)


def _unreadable(item: CompiledFormItem, error: FieldError) -> Reason:
    params = {"label": dict(item.field.label), "type": item.field.type, **error.params}
    if item.field.options:
        params["options"] = {k: dict(v) for k, v in item.field.options.items()}
    return Reason(code=error.code, field=item.name, params=params)


def judge(
    definition: CompiledDefinition,
    action: CompiledAction,
    state: str,
    actor: Actor,
    facts: Facts,
    *,
    everything: bool = False,
) -> list[Reason]:
    """Return why the action is not possible here for this person, form apart; empty: it is.

    Args:
        definition: The case's definition.
        action: What they want to do.
        state: Where the case is.
        actor: Who.
        facts: The case as the form would leave it.
        everything: Judge the guards too where the state or the person is not the right one, but not
            those that look at what the action's own form is still to give.
    """
    reasons = _wrong_state(definition, action, state)
    reasons += _wrong_person(definition, action, actor, facts)
    if everything or not reasons:
        to_come = {i.record or i.field.name for i in action.form} if everything else set[str]()
        reasons += _unmet(definition, action, facts, to_come)
    return reasons


def judge_form(action: CompiledAction, form: Form, note: str, facts: Facts | None) -> list[Reason]:
    """Return what the form lacks; without facts, only what is required whatever the rest.

    Required means given with this action, even when the case has a value already: a new decision
    needs its own reason. A condition on being required is judged on the case with the form laid
    over it.
    """
    missing = [
        Reason(
            code="field_missing",
            field=item.name,
            params={
                "label": dict(item.field.label),
                "type": item.field.type,
                "options": {k: dict(v) for k, v in item.field.options.items()},
                "reason_if_missing": item.field.reason_if_missing,
            },
        )
        for item in action.form
        if not _given(item, form) and _is_required(item, facts)
    ]
    if action.note_required and not note.strip():
        missing.append(Reason(code="note_missing", field="note"))
    return missing + note_faults(note)


def nothing_given(action: CompiledAction, form: Form, files: Sequence[Any]) -> list[Reason]:
    """Return why a form that is empty is refused: a step that records nothing is a slip of the hand."""
    stays = all(branch.state is None for branch in action.branches)
    if not action.form or not stays or form.names or files or any(i.always for i in action.form):
        return []
    return [Reason(code="nothing_given", params={"fields": [i.name for i in action.form]})]


def note_faults(note: str) -> list[Reason]:
    """Return what is wrong with a note: too long, or with control characters."""
    if len(note) > NOTE_LENGTH:
        params = {"label": {"fr": "Note", "en": "Note"}, "max": NOTE_LENGTH, "length": len(note)}
        return [Reason(code="too_long", field="note", params=params)]
    if has_controls(note, allow="\n\t"):
        return [
            Reason(
                code="control_character",
                field="note",
                params={"label": {"fr": "Note", "en": "Note"}},
            )
        ]
    return []


def _given(item: CompiledFormItem, form: Form) -> bool:
    values = form.values if item.record is None else form.records.get(item.record, {})
    return item.field.name in values


def _is_required(item: CompiledFormItem, facts: Facts | None) -> bool:
    if item.always or item.required is None or facts is None:
        return item.always
    return item.required(facts)


def _wrong_state(
    definition: CompiledDefinition, action: CompiledAction, state: str
) -> list[Reason]:
    if action.automatic is not None:
        # Without a condition of its own, it is a timer that takes it.
        timed = definition.written.actions[action.name].automatic is None
        timers = [dict(t.label) for t in definition.timers.values() if t.action == action.name]
        params = {"label": dict(action.label), "timers": timers if timed else []}
        return [Reason(code="automatic", params=params)]
    if state in action.sources:
        return []
    because = definition.states[state].because
    return [
        Reason(
            code="wrong_state",
            message=because,
            params={
                "state": dict(definition.states[state].label),
                "sources": [dict(definition.states[s].label) for s in sorted(action.sources)],
            },
        )
    ]


def role_needed(definition: CompiledDefinition, wanted: frozenset[str]) -> Reason:
    """Return the reason that asks for one of these roles, with their labels."""
    labels = [dict(label) for role, label in definition.roles.items() if role in wanted]
    return Reason(code="role", params={"roles": labels, "keys": sorted(wanted)})


def _wrong_person(
    definition: CompiledDefinition, action: CompiledAction, actor: Actor, facts: Facts
) -> list[Reason]:
    reasons = []
    if action.roles and not action.roles & actor.roles:
        reasons.append(role_needed(definition, action.roles))
    if action.owner_only and not actor.is_or_replaces(facts.owner):
        reasons.append(Reason(code="not_owner", params={"owner": facts.owner}))
    return reasons


def _unmet(
    definition: CompiledDefinition,
    action: CompiledAction,
    facts: Facts,
    to_come: Collection[str],
) -> list[Reason]:
    reasons = []
    for requirement in action.requirements:
        if requirement.reads.isdisjoint(to_come) and not requirement.holds(facts):
            reasons.append(
                Reason(
                    code="requirement",
                    message=requirement.because,
                    remedy=requirement.remedy,
                    action=requirement.action,
                )
            )
            for name in requirement.checklists:
                reasons.extend(_undone(definition, name, facts))
    return reasons


def _undone(definition: CompiledDefinition, name: str, facts: Facts) -> list[Reason]:
    return [
        Reason(code="checklist_item", field=item, message=label, action=action)
        for item, (label, done, action) in definition.checklists[name].items.items()
        if not done(facts)
    ]


def with_last_event(reasons: list[Reason], last: Mapping[str, Any]) -> list[Reason]:
    """Add to a `wrong_state` who brought the case there, how and when: often that explains it."""
    return [
        replace(r, params={**r.params, "last": last}) if r.code == "wrong_state" else r
        for r in reasons
    ]

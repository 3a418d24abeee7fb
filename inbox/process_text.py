"""A process in words: its dates, what each action asks and demands, its tables, lists and fields.

Each part is made once, in the shape of `docs/cli.md`, and printed from that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from engine.definition import unfit
from engine.definition.samples import label_of
from engine.definition.walk import accepted_by, spec_of
from inbox import rules
from inbox.texts import _, n_, said, word

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engine.definition import model
    from engine.definition.compiled import CompiledDefinition


# --- parts, as JSON -----------------------------------------------------------------------------


def due(definition: model.Definition, state: str) -> str | None:
    """Return when the task of a state is due."""
    rule = definition.states[state].due
    return None if rule is None else rules.moment(rule, definition)


def opening(definition: model.Definition) -> dict[str, Any]:
    """Return how a case begins: what is asked, and how soon after its arrival it must be."""
    part = definition.opening
    return {
        "label": said(part.label),
        "by": list(part.by),
        "to": part.to,
        "asks": [asked(item, definition) for item in part.form],
        "sends": list(part.notify),
        "received": part.received,
        "lag": None if part.lag is None else rules.span(part.lag),
    }


def action(definition: model.Definition, name: str) -> dict[str, Any]:
    """Return what an action asks for, what it demands, and where it goes on what condition."""
    part = definition.actions[name]
    branches = [] if isinstance(part.to, str) else part.to
    return {
        "asks": [asked(item, definition) for item in part.form],
        "note_required": part.note == "required",
        "requires": [
            {
                "because": said(r.because),
                "condition": rules.condition(r.when, definition),
                "exception": r.exception,
            }
            for r in part.requires
        ],
        "goes": [{"to": b.state, "when": _condition(b.when, definition)} for b in branches],
        "automatic_when": _condition(part.automatic, definition),
        "sends": list(part.notify),
        "cancels": list(part.cancels),
        "recalls": list(part.recalls),
        "accepts": part.accepts and {"messages": accepted_by(part), "reason": part.accepts.reason},
    }


def asked(item: str | model.FormItem, definition: model.Definition) -> dict[str, Any]:
    """Return a field that a form asks for, and whether or when it is required."""
    name, required = (item, True) if isinstance(item, str) else (item.field, item.required)
    conditional = not isinstance(required, bool)
    return {
        "field": name,
        "label": said(spec_of(definition, name).label),
        "required": not conditional and required,
        "required_when": rules.condition(required, definition)
        if not isinstance(required, bool)
        else None,
    }


def _condition(part: model.Condition | None, definition: model.Definition) -> str | None:
    return None if part is None else rules.condition(part, definition)


def timer(definition: model.Definition, name: str) -> dict[str, Any]:
    """Return what a timer does, when, and in which states."""
    part = definition.timers[name]
    return {
        "timer": name,
        "label": said(part.label),
        "in": part.states if isinstance(part.states, list) else [part.states],
        "rule": rules.timer(part, definition),
        "sends": list(part.notify),
        "action": part.action,
        "late": part.late,
    }


def table(definition: model.Definition, name: str) -> dict[str, Any]:
    """Return a decision table, with the field that each of its values fills."""
    part, filled = definition.tables[name], _filled(definition, name)

    def given(output: str, written: object) -> dict[str, Any]:
        target = filled.get(output)
        spec = None if target is None else definition.fields[target]
        return {
            "output": output,
            "field": target,
            "label": output if spec is None else said(spec.label),
            "value": str(written) if spec is None else rules.value(spec, written),
        }

    return {
        "table": name,
        "label": said(part.label),
        "rows": [
            {
                "when": [
                    {
                        "field": key,
                        "label": said(definition.fields[key].label),
                        "value": rules.cell(definition.fields[key], cell),
                    }
                    for key, cell in row.when.items()
                ],
                "give": [given(output, written) for output, written in row.give.items()],
            }
            for row in part.rows
        ],
    }


def _filled(definition: model.Definition, table_name: str) -> dict[str, str]:
    """Return the field that each output of a table goes into."""
    sets = [definition.opening.sets, *(a.sets for a in definition.actions.values())]
    return {
        value.table.output: name
        for part in sets
        for name, value in part.items()
        if value.table is not None and value.table.table == table_name
    }


def checklist(definition: model.Definition, name: str) -> dict[str, Any]:
    """Return a checklist: when each item is done, and by which action."""
    part = definition.checklists[name]
    return {
        "checklist": name,
        "label": said(part.label),
        "items": [
            {
                "item": key,
                "label": said(item.label),
                "when": rules.condition(item.when, definition),
                "action": item.action,
            }
            for key, item in part.items.items()
        ],
    }


def message(definition: model.Definition, name: str) -> dict[str, Any]:
    """Return to whom a message goes, when it leaves, and the fields that it may show."""
    part = definition.notifications[name]
    return {
        "message": name,
        "label": said(part.label),
        "template": part.template,
        "to": rules.recipients(part.to, definition),
        "newcomers": part.newcomers
        and {
            "template": part.newcomers.template,
            "to": rules.newcomers(part, definition),
        },
        "when": _condition(part.when, definition),
        "batch": part.batch,
        "not_before": part.not_before,
        "fields": list(part.fields),
        "says": part.says,
    }


def field(spec: model.FieldSpec, name: str) -> dict[str, Any]:
    """Return a field, with its options and the fields of its records."""
    return {
        "field": name,
        "label": said(spec.label),
        "type": spec.type,
        "options": {key: said(option) for key, option in (spec.options or {}).items()},
        "min": spec.min,
        "max": spec.max,
        "internal": spec.internal,
        "reason_if_missing": spec.reason_if_missing,
        "from_files": spec.from_files,
        "of": [field(inner, key) for key, inner in (spec.of or {}).items()],
    }


def event(definition: CompiledDefinition, action: str) -> str:
    """Return what an event of the history is called: the action, or what the engine itself did."""
    from engine.change.move import BACK, MIGRATE

    own = {
        "take": _("Pris"),
        "release": _("Remis au bureau commun"),
        "assign": _("Confié"),
        "timer": _("Minuterie"),
        "merged": _("Fusion"),
        MIGRATE: _("Passé à une autre version"),
        BACK: _("Revenu à la version d'avant"),
    }
    return own.get(action) or word(label_of(definition, action))


# --- parts, as text -----------------------------------------------------------------------------


def sections(definition: model.Definition) -> Iterator[tuple[str, list[str]]]:
    """Yield the title and the lines of each part that the process has."""
    parts = (
        (_("Échéances"), _due_lines(definition)),
        (_("Rappels et délais"), _timer_lines(definition)),
        (_("Ce que chaque action demande"), _action_lines(definition)),
        (_("Courrier"), [line for n in definition.notifications for line in _message_lines(definition, n)]),
        (_("Tables de décision"), _table_lines(definition)),
        (_("Listes de contrôle"), _checklist_lines(definition)),
        (_("Champs"), [line for k, f in definition.fields.items() for line in _field_lines(field(f, k))]),
    )  # fmt: skip
    yield from ((title, lines) for title, lines in parts if lines)


def _pair(name: str, text: str) -> str:
    return f"{name}{_(' : ')}{text}"


def _due_lines(definition: model.Definition) -> list[str]:
    return [
        _pair(said(state.label), sentence)
        for name, state in definition.states.items()
        if (sentence := due(definition, name)) is not None
    ]


def _timer_lines(definition: model.Definition) -> list[str]:
    lines = []
    for name in definition.timers:
        part = timer(definition, name)
        lines.append(_pair(part["label"], part["rule"]))
        states = _("dans chaque état ouvert") if part["in"] == ["open"] else _(
            "dans : {states}", states=", ".join(said(definition.states[s].label) for s in part["in"])
        )  # fmt: skip
        done = [_sent(definition, part["sends"])] if part["sends"] else []
        if part["action"]:
            label = said(definition.actions[part["action"]].label)
            done.append(_("fait : {action}", action=label))
        lines.append("    " + " · ".join([states, *done, late()[part["late"]]]))
    return lines


def late() -> dict[str, str]:
    """Return what becomes of what a downtime made late, by policy."""
    return {
        "once": _("si le moment est passé : une seule fois"),
        "skip": _("si le moment est passé : pas du tout"),
        "all": _("si le moment est passé : chaque fois"),
    }


def _sent(definition: model.Definition, names: list[str]) -> str:
    sent = ", ".join(said(definition.notifications[n].label) for n in names)
    return _("courrier : {names}", names=sent)


def _action_lines(definition: model.Definition) -> list[str]:
    return [
        *_opening_lines(definition),
        *(
            line
            for name, part in definition.actions.items()
            for line in (f"{said(part.label)} ({name})", *_demands(definition, name))
        ),
    ]


def _opening_lines(definition: model.Definition) -> Iterator[str]:
    part = opening(definition)
    yield part["label"]
    yield "    " + _asks_text(part["asks"], note=False)
    if part["received"] and part["lag"]:
        yield "    " + _("délai permis : {span} après {field}", span=part["lag"],
                         field=rules.field(part["received"], definition))  # fmt: skip
    if part["sends"]:
        yield "    " + _sent(definition, part["sends"])


def _demands(definition: model.Definition, name: str) -> Iterator[str]:
    part = action(definition, name)
    if part["automatic_when"]:
        yield "    " + _("se fait tout seul quand {condition}", condition=part["automatic_when"])
    if part["asks"] or part["note_required"]:
        yield "    " + _asks_text(part["asks"], note=part["note_required"])
    for demand in part["requires"]:
        yield "    " + _("exige : {condition}", condition=demand["condition"])
        yield "        " + _("sinon : {because}", because=demand["because"])
        if demand["exception"]:
            yield "        " + _("sauf l'exception {field}",
                                 field=rules.field(demand["exception"], definition))  # fmt: skip
    for way in part["goes"]:
        state = said(definition.states[way["to"]].label)
        yield "    " + (_("mène à {state} si {condition}", state=state, condition=way["when"])
                        if way["when"] else _("sinon, mène à {state}", state=state))  # fmt: skip
    if part["sends"]:
        yield "    " + _sent(definition, part["sends"])
    if part["cancels"]:
        yield "    " + _("annule, tant que rien n'est parti : {names}",
                         names=_names(definition, part["cancels"]))  # fmt: skip
    if part["recalls"]:
        yield "    " + _("reprend tout ce qui n'est pas encore parti de : {names}",
                         names=_names(definition, part["recalls"]))  # fmt: skip
    if part["accepts"]:
        yield "    " + _("accepte que reste incomplet : {name}, motif public : {field}",
                         name=_names(definition, part["accepts"]["messages"]),
                         field=rules.field(part["accepts"]["reason"], definition))  # fmt: skip


def _names(definition: model.Definition, messages: list[str]) -> str:
    return ", ".join(said(definition.notifications[n].label) for n in messages)


def _asks_text(items: list[dict[str, Any]], *, note: bool) -> str:
    listed = [asked_text(item) for item in items] + ([_("une note")] if note else [])
    return _("demande : {fields}", fields=", ".join(listed))


def asked_text(item: dict[str, Any]) -> str:
    """Return such a field in words."""
    if item["required_when"]:
        return _("{label} (si {condition})", label=item["label"], condition=item["required_when"])
    return item["label"] if item["required"] else _("{label} (facultatif)", label=item["label"])


def _message_lines(definition: model.Definition, name: str) -> Iterator[str]:
    part = message(definition, name)
    yield f"{_pair(part['label'], part['to'])} ({name})"
    if part["when"]:
        yield "    " + _("seulement si {condition}", condition=part["when"])
    if part["not_before"]:
        yield "    " + _("rien ne part avant {field}, s'il est rempli",
                         field=rules.field(part["not_before"], definition))  # fmt: skip
    if part["says"]:
        yield "    " + _("dit ce qui s'ajoute à {field}; les nouveaux lisent tout ce qui y a été dit",
                         field=rules.field(part["says"], definition))  # fmt: skip
    if part["newcomers"]:
        yield "    " + _(
            "et, au même moment et avec un contenu à eux : {to}", to=part["newcomers"]["to"]
        )
        yield "    " + _("un seul envoi, deux contenus, une preuve par destinataire")
    elif part["batch"]:
        yield "    " + _("un seul envoi, le même contenu pour tous, une preuve par destinataire")


def _table_lines(definition: model.Definition) -> list[str]:
    lines = []
    for name in definition.tables:
        part = table(definition, name)
        lines.append(part["label"])
        for row in part["rows"]:
            when, give = (
                ", ".join(_pair(c["label"], c["value"]) for c in row[k]) for k in ("when", "give")
            )
            lines.append(f"    {when} → {give}")
    return lines


def _checklist_lines(definition: model.Definition) -> list[str]:
    lines = []
    for name in definition.checklists:
        part = checklist(definition, name)
        lines.append(part["label"])
        for item in part["items"]:
            action_name = item["action"]
            hint = f" → {said(definition.actions[action_name].label)}" if action_name else ""
            lines.append(f"    - {_pair(item['label'], item['when'])}{hint}")
    return lines


def _field_lines(part: dict[str, Any], margin: str = "") -> Iterator[str]:
    marks = [said(unfit.TYPES[part["type"]]), *_bounds(part)]
    marks += [_("interne")] if part["internal"] else []
    marks += [_("ou un motif s'il manque")] if part["reason_if_missing"] else []
    marks += [_("ou les fichiers joints")] if part["from_files"] else []
    yield f"{margin}{_pair(part['label'], ', '.join(marks))} ({part['field']})"
    for key, label in part["options"].items():
        yield f"{margin}    {key} — {label}"
    for inner in part["of"]:
        yield from _field_lines(inner, f"{margin}    ")


def _bounds(part: dict[str, Any]) -> Iterator[str]:
    if part["type"] in {"text", "paragraph"}:
        if part["max"] is not None:
            yield n_("{n} caractère au plus", "{n} caractères au plus", part["max"])
        return
    if part["min"] is not None:
        yield _("{n} au moins", n=part["min"])
    if part["max"] is not None:
        yield _("{n} au plus", n=part["max"])

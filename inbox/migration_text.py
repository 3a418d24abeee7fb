"""A migration in words: the plan, what becomes of each case, and the plan as a file to complete."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from engine.change.move import MIGRATE
from engine.change.plan import specs
from engine.errors import Refused
from inbox import dates, reasons
from inbox.holding import having, unfit
from inbox.texts import _, said, word
from inbox.values import shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from engine.change.move import Missing, Move
    from engine.change.plan import FieldMove, Plan, StateMove
    from engine.errors import Conflict, Reason
    from engine.register import Listed
    from inbox.app import App
    from inbox.holding import Case


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What became of one case, or would.

    Attributes:
        line: The case as it was listed.
        move: What the migration does to it; None for the way back.
        error: Why it was not done after all.
        written: It was done now.
        back: It was the way back.
        state: Where the way back led.
    """

    line: Listed
    move: Move | None = None
    error: Refused | Conflict | None = None
    written: bool = False
    back: bool = False
    state: str | None = None

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """Why it stays where it is."""
        if isinstance(self.error, Refused):
            return self.error.reasons
        return () if self.move is None else self.move.reasons

    @property
    def possible(self) -> bool:
        """Whether it would be done."""
        return not self.reasons and self.error is None and not (self.move and self.move.done)


# --- the plan -----------------------------------------------------------------------------------


def plan_lines(plan: Plan, cases: Sequence[Case]) -> Iterator[str]:
    """Yield what the plan decides beyond « the same », what it leaves to be decided, and for which cases.

    Args:
        plan: The plan.
        cases: The cases that are on its old version.
    """
    old, new = plan.old.definition, plan.new.definition
    for name, move in plan.states.items():
        if name != move.to:
            where = _("état {a} → {b}", a=_quoted(old.states[name].label, name),
                      b=_quoted(new.states[move.to].label, move.to))  # fmt: skip
            since = (
                _("y est depuis son entrée dans l'ancien") if move.kept else _("y entre maintenant")
            )
            yield f"{where} ({_how(move)}; {since})"
    for name, field in plan.fields.items():
        if field.to is None:
            yield _("champ {a} : abandonné, gardé dans l'historique ({how})",
                    a=_field(plan, name), how=_how(field))  # fmt: skip
        elif name != field.to and not _inherited(plan, name, field):
            label = said(specs(new.written)[field.to].label)
            yield _("champ {a} → {b} ({how})", a=_field(plan, name), how=_how(field),
                    b=_("« {label} » ({name})", label=label, name=field.to))  # fmt: skip
    for state in plan.undecided_states:
        yield _("à décider : où vont les dossiers de l'état {a} — states: {{{name}: …}}",
                a=_quoted(old.states[state].label, state), name=state)  # fmt: skip
    for name in plan.undecided_fields:
        yield _("à décider : le champ {a} n'est plus là — fields: {{{name}: …}} ou drop: [{name}]",
                a=_field(plan, name), name=name)  # fmt: skip
    for name, option in plan.undecided_options:
        yield _("à décider : l'option {a} du champ {b} n'est plus là — "
                "values: {{{name}: {{{option}: …}}}}",
                a=_option(plan, name, option), b=_field(plan, name), name=name,
                option=option)  # fmt: skip
        held = having(cases, old, name, option)
        yield f"  → {held.sentence}" if held.cases else _("  → aucun dossier n'a cette valeur")
    yield from _unfit_lines(plan, cases)


def _unfit_lines(plan: Plan, cases: Sequence[Case]) -> Iterator[str]:
    """Yield the values, options apart, that the new version does not take."""
    before, after = specs(plan.old.definition.written), specs(plan.new.definition.written)
    for name, move in plan.fields.items():
        if move.to is None or before[name].options or before[name].of or after[move.to].of:
            continue
        held = unfit(cases, plan.new.definition, name, move.to)
        if held:
            yield _(
                "à corriger : le champ {a} n'admet plus toutes les valeurs", a=_field(plan, name)
            )
            yield from (f"  → {one.sentence}" for one in held)


def _option(plan: Plan, field: str, option: str) -> str:
    options = specs(plan.old.definition.written)[field].options or {}
    return _("« {label} » ({name})", label=said(options[option]), name=option)


def _inherited(plan: Plan, name: str, move: FieldMove) -> bool:
    """Tell whether a record's field only follows its list."""
    record, _, inner = name.partition(".")
    return bool(inner) and move.how == "same" and record in plan.fields


def _field(plan: Plan, name: str) -> str:
    label = said(specs(plan.old.definition.written)[name].label)
    return _("« {label} » ({name})", label=label, name=name)


def _how(move: StateMove | FieldMove) -> str:
    return {
        "same": _("même nom"),
        "guessed": _("deviné : rien d'autre ne lui ressemble"),
        "given": _("décidé dans le fichier"),
    }[move.how]


def _quoted(label: Mapping[str, str], name: str) -> str:
    return _("« {label} » ({name})", label=word(label), name=name)


def plan_json(plan: Plan) -> dict[str, Any]:
    """Return a plan in its documented shape."""
    return {
        "process": plan.old.definition.key,
        "from": plan.old.definition.version,
        "to": plan.new.definition.version,
        "states": {
            n: {"to": m.to, "entered": "kept" if m.kept else "now", "how": m.how}
            for n, m in plan.states.items()
        },
        "fields": {n: {"to": m.to, "how": m.how} for n, m in plan.fields.items()},
        "undecided_states": plan.undecided_states,
        "undecided_fields": plan.undecided_fields,
        "undecided_options": [{"field": f, "option": o} for f, o in plan.undecided_options],
    }


def as_mapping(plans: Mapping[int, Plan]) -> str:
    """Return the plans as one mapping file: what was guessed stands in it, what is open is a comment."""
    lines = [_("# Le plan proposé. Complétez-le, puis : --mapping CE_FICHIER")]
    lines += _part("states", plans, _state_lines)
    lines += _part("fields", plans, _field_lines)
    lines += _value_lines(plans)
    lines += _part("defaults", plans, _default_lines)
    open_fields = dict.fromkeys(n for plan in plans.values() for n in plan.undecided_fields)
    lines += [f"# drop: [{', '.join(open_fields)}]"] if open_fields else []
    return "\n".join([*dict.fromkeys(lines), ""])


def _part(name: str, plans: Mapping[int, Plan], each: Any) -> list[str]:
    """Return one key of the mapping file, what several plans say of one name once: what is decided first."""
    found: dict[str, str] = {}
    for line in (line for plan in plans.values() for line in each(plan)):
        key = line.lstrip("# ").partition(":")[0]
        if key not in found or (found[key].startswith("#") and not line.startswith("#")):
            found[key] = line
    decided = any(not line.startswith("#") for line in found.values())
    head = [f"{name}:" if decided else f"# {name}:"] if found else []
    return [*head, *(line if line.startswith("#") else f"  {line}" for line in found.values())]


def _state_lines(plan: Plan) -> Iterator[str]:
    for name, move in plan.states.items():
        if name != move.to:
            yield f"{name}: {{to: {move.to}, entered: {'kept' if move.kept else 'now'}}}"
    for name in plan.undecided_states:
        known = ", ".join(s.name for s in plan.new.definition.states.values())
        yield f"#   {name}: …   # {known}"


def _field_lines(plan: Plan) -> Iterator[str]:
    for name, move in plan.fields.items():
        if move.to is not None and name != move.to and not _inherited(plan, name, move):
            yield f"{name}: {move.to}"
    for name in plan.undecided_fields:
        new = ", ".join(_new_fields(plan)) or "—"
        yield f"#   {name}: …   # {new}"


def _new_fields(plan: Plan) -> list[str]:
    taken = {move.to for move in plan.fields.values()}
    return [name for name in plan.new.definition.fields if name not in taken]


def _value_lines(plans: Mapping[int, Plan]) -> list[str]:
    """Return the options to translate: of one field all that several versions have."""
    gone: dict[str, dict[str, None]] = {}
    known: dict[str, dict[str, None]] = {}
    for plan in plans.values():
        after = specs(plan.new.definition.written)
        for name, option in plan.undecided_options:
            gone.setdefault(name, {})[option] = None
            options = after[plan.fields[name].to or ""].options or {}
            known.setdefault(name, {}).update(dict.fromkeys(options))
    lines = [
        f"#   {name}: {{{', '.join(f'{o}: …' for o in options)}}}   # {', '.join(known[name])}"
        for name, options in gone.items()
    ]
    return ["# values:", *lines] if lines else []


def _default_lines(plan: Plan) -> Iterator[str]:
    for name in _new_fields(plan):
        yield f"#   {name}: …   # {said(plan.new.definition.written.fields[name].label)}"


# --- each case ----------------------------------------------------------------------------------


def case_lines(app: App, result: Result, plan: Plan | None) -> Iterator[str]:
    """Yield what became, or would become, of one case."""
    move, line = result.move, result.line
    yield f"{line.number}  {line.title}"
    if move is not None and move.done:
        yield _("  déjà sur cette version")
        return
    if result.back and not result.reasons and result.error is None:
        yield _("  de nouveau : {state}", state=result.state) if result.state else _(
            "  peut être remis comme avant son passage")  # fmt: skip
    if move is not None and plan is not None:
        yield from (f"  {text}" for text in _move_lines(app, move, plan))
    action = result.error.action if result.error is not None and result.error.action else MIGRATE
    for reason in result.reasons:
        yield f"  {_('reste où il est')}{_(' : ')}{reasons.sentence(reason)}"
        mend = reasons.remedy(reason, line.number, action)
        if mend:
            yield f"    → {mend}"
    if result.error is not None and not result.reasons:
        yield _("  reste où il est : quelqu'un l'a changé entre-temps; refaites la commande")


def _move_lines(app: App, move: Move, plan: Plan) -> Iterator[str]:
    old, new = plan.old.definition, plan.new.definition
    before = word(old.states[move.before.state].label)
    if move.after is None:
        yield _("état : {a} → ?", a=before)
        return
    after = word(new.states[move.after.state].label)
    yield _("état : {a} → {b}", a=before, b=after)
    yield _("échéance : {a} → {b}", a=_day(app, move.before.due), b=_day(app, move.after.due))
    if move.before.desk != move.after.desk:
        yield _("bureau : {a} → {b}", a=move.before.desk or "—", b=move.after.desk or "—")
    for timer in move.timers:
        rule = new.timers.get(timer.name) or old.timers[timer.name]
        passed = _(" (son moment est passé)") if timer.passed else ""
        yield _("minuterie {label} : {a} → {b}{passed}", label=word(rule.label), passed=passed,
                a=_moment(app, timer.before), b=_moment(app, timer.after))  # fmt: skip
    yield from _change_lines(app, move, plan)
    for item in move.missing:
        yield _missing_line(move, item)
    if move.then:
        names = ", ".join(word(new.actions[name].label) for name in move.then)
        yield _("avancera aussitôt, sans retour : {actions}", actions=names)


def _change_lines(app: App, move: Move, plan: Plan) -> Iterator[str]:
    calendar = app.workspace.calendar
    for name, (before, after) in move.changes.items():
        for fields, value, sign in (
            (plan.old.definition.fields, before, "−"),
            (plan.new.definition.fields, after, "+"),
        ):
            if value is not None:
                text = shown(fields[name], value, calendar, {})
                yield f"{sign} {word(fields[name].label)} ({name}){_(' : ')}{text}"


def _missing_line(move: Move, item: Missing) -> str:
    hint = f" → inbox do {move.number} {item.action}" if item.action else ""
    return _("manquera à la liste : {label}", label=word(item.label)) + hint


def _day(app: App, at: Any) -> str:
    return _("aucune") if at is None else dates.day(app.workspace.calendar.today(at))


def _moment(app: App, at: Any) -> str:
    return _("aucune") if at is None else dates.moment(at, app.workspace.calendar)


def move_json(result: Result) -> dict[str, Any]:
    """Return what becomes of a case in its documented shape."""
    move, line = result.move, result.line
    told: dict[str, Any] = {"case": line.number, "title": line.title}
    if move is None:
        return {**told, "back": True, "state": result.state}
    return {
        **told,
        "already": move.done,
        "before": move.before,
        "after": move.after,
        "changes": {name: list(pair) for name, pair in move.changes.items()},
        "timers": [
            {"timer": t.name, "before": t.before, "after": t.after, "passed": t.passed}
            for t in move.timers
        ],
        "missing": [
            {"checklist": m.checklist, "item": m.item, "label": word(m.label), "action": m.action}
            for m in move.missing
        ],
        "then": list(move.then),
    }

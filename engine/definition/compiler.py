"""The compiler: a YAML text in, a proved and frozen `CompiledDefinition` out, or every finding.

text → `source.read` (places) → `mistakes.parse` (types) → `checks.check` (names, graph, data flow, tables)
→ the parts below → templates rendered with generated facts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from engine.chain import content_hash
from engine.definition import checks, mistakes, model, parts, source
from engine.definition.compiled import (
    CompiledAction,
    CompiledBranch,
    CompiledChecklist,
    CompiledDefinition,
    CompiledFormItem,
    CompiledNotification,
    CompiledRequirement,
    CompiledState,
    CompiledTimer,
)
from engine.definition.conditions import compile_condition, compile_moment, compile_value
from engine.definition.fields import compile_field, words
from engine.definition.flow import Flow, read_by
from engine.definition.rules import OPEN
from engine.definition.tables import compile_table
from engine.definition.templates import check_templates
from engine.definition.walk import (
    accepted_by,
    batches_of,
    fields_read,
    inner,
    looks_around,
    split_form,
    states_of,
    states_of_timer,
)
from engine.errors import InvalidDefinition

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from engine.calendar import Calendar
    from engine.definition.compiled import CompiledField, Facts, Predicate
    from engine.definition.tables import Table
    from engine.errors import Finding
    from engine.ports import TemplateChecker

#: The name of the first event of every case.
OPENING = "ouvrir"


def compile_definition(
    text: str,
    *,
    path: str,
    calendar: Calendar,
    templates: TemplateChecker | None,
    proved: bool = False,
) -> CompiledDefinition:
    """Return the compiled definition of a YAML text.

    Args:
        text: The file's text.
        path: The file, as findings are to name it.
        calendar: The workspace's calendar: local hours typed in forms are read in its zone.
        templates: What renders templates; None when they were checked before.
        proved: The text was installed, so it was checked: only build.

    Raises:
        InvalidDefinition: Every finding, in the order of the file.
    """
    if proved:
        read = source.read(text, path)
        return _Builder(mistakes.parse(read, model.Definition), calendar).build(content_hash(text))
    done = examine(text, path=path, calendar=calendar, templates=templates)
    if done.findings or done.compiled is None:
        raise InvalidDefinition(done.findings)
    return done.compiled


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """A text that was checked.

    Attributes:
        findings: Everything found, in the order of the file.
        unproved: What was not looked at, because there is too much of it; nothing is said to be wrong.
        followed: What can be followed of it, in the form in which it runs; None when nothing can be.
        flow: What is there at each state of what can be followed of it; None when nothing can be.
        source: The file as it was read; None when it is beyond the limits.
        definition: What the typed model made of it; None when it could not.
    """

    findings: tuple[Finding, ...]
    followed: CompiledDefinition | None
    flow: Flow | None
    source: source.Source | None
    definition: model.Definition | None = None
    unproved: tuple[Finding, ...] = ()

    @property
    def compiled(self) -> CompiledDefinition | None:
        """The definition; None when anything was found."""
        return None if self.findings else self.followed

    @property
    def process(self) -> object:
        """The name that the file gives its process, sound or not; None when it has none."""
        tree = None if self.source is None else self.source.tree
        return tree.get("process") if isinstance(tree, dict) else None


def examine(
    text: str,
    *,
    path: str,
    calendar: Calendar,
    templates: TemplateChecker | None,
    texts: Callable[[str], bool] | None = None,
) -> Examined:
    """Return everything that is found in a text; a mistake hides nothing that it does not make unknowable.

    Args:
        text: The file's text; `U+FFFD` for bytes that are not UTF-8.
        path: The file, as findings are to name it.
        calendar: The workspace's calendar.
        templates: What renders templates; None to leave them out.
        texts: Tells whether a text that it quotes is there, by its name; None to leave that out.
    """
    try:
        read = source.scan(text, path)
    except InvalidDefinition as error:
        return Examined(findings=in_order(error.findings), followed=None, flow=None, source=None)
    definition, found = mistakes.salvage(read, model.Definition)
    found = [*read.findings, *found]
    if definition is None:
        return Examined(findings=in_order(found), followed=None, flow=None, source=read)
    more, flow = checks.check(definition, read)
    found += more
    if texts is not None:
        found += _unquoted(definition, read, texts)
    if flow is None:
        return Examined(findings=in_order(found), followed=None, flow=None, source=read)
    compiled = _Builder(flow.d, calendar).build(content_hash(text))
    if templates is not None:
        found += check_templates(compiled, flow, templates)
    return Examined(
        findings=in_order(f for f in found if f.code not in OPEN), followed=compiled, flow=flow,
        source=read, definition=definition,
        unproved=in_order(f for f in found if f.code in OPEN),
    )  # fmt: skip


def _unquoted(
    definition: model.Definition, read: source.Source, texts: Callable[[str], bool]
) -> Iterable[Finding]:
    """Yield the adopted text when it is not there: whoever asks for it would be shown nothing."""
    name = definition.adopted.text
    if name is not None and not texts(name):
        yield read.finding(
            "missing-text", ("adopted", "text"),
            f"le texte adopté « {name} » n'est pas à côté de la définition, ou n'est pas en UTF-8.",
            f"the adopted text {name!r} is not beside the definition, or is not UTF-8.",
        )  # fmt: skip


def in_order(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return findings in the order of their file, each once; those of other files come after."""
    found = list(findings)
    files = {path: n for n, path in enumerate(dict.fromkeys(f.path for f in found))}
    once = {(files[f.path], f.line, f.column, f.code, f.messages["en"]): f for f in found}
    return tuple(once[key] for key in sorted(once))


class _Builder:
    """Builds the parts of one definition; the checks have proved that every name is there."""

    def __init__(self, definition: model.Definition, calendar: Calendar) -> None:
        self.definition = definition
        self.fields = {k: compile_field(k, s, calendar) for k, s in definition.fields.items()}
        self.tables: dict[str, Table] = {k: compile_table(t) for k, t in definition.tables.items()}
        self.acting = {k: a for k, a in definition.actions.items() if a.automatic}
        self.checklists: dict[str, CompiledChecklist] = {}
        for name, checklist in definition.checklists.items():
            self.checklists[name] = self._checklist(name, checklist)

    def build(self, sha256: str) -> CompiledDefinition:
        d = self.definition
        return CompiledDefinition(
            key=d.process,
            version=d.version,
            sha256=sha256,
            label=words(d.label),
            adopted={
                "on": d.adopted.on,
                "by": words(d.adopted.by),
                "reference": d.adopted.reference,
                "text": d.adopted.text,
            },
            prefix=d.numbering.prefix,
            title=tuple(d.title),
            roles={k: words(label) for k, label in d.roles.items()},
            fields=self.fields,
            checklists=self.checklists,
            opening=self._opening(),
            duplicates=tuple(d.opening.duplicates),
            received=d.opening.received,
            lag=d.opening.lag,
            states={k: self._state(k, s) for k, s in d.states.items()},
            actions={k: self._action(k, a) for k, a in d.actions.items()},
            timers={k: self._timer(k, t) for k, t in d.timers.items()},
            notifications={k: self._notification(k, n) for k, n in d.notifications.items()},
            outcomes=tuple(dict.fromkeys(s.end.outcome for s in d.states.values() if s.end)),
            written=d,
        )

    def _predicate(self, condition: model.Condition | None) -> Predicate | None:
        return None if condition is None else compile_condition(condition, self.checklists)

    def _checklist(self, name: str, checklist: model.Checklist) -> CompiledChecklist:
        return CompiledChecklist(
            name=name,
            label=words(checklist.label),
            items={
                key: (
                    words(item.label),
                    compile_condition(item.when, self.checklists),
                    item.action,
                )
                for key, item in checklist.items.items()
            },
        )

    def _opening(self) -> CompiledAction:
        opening = self.definition.opening
        return CompiledAction(
            name=OPENING,
            label=words(opening.label),
            help=None,
            sources=frozenset(),
            branches=(CompiledBranch(state=opening.to, when=None),),
            roles=frozenset(opening.by),
            owner_only=False,
            form=tuple(self._form_item(i) for i in opening.form),
            note_required=False,
            requirements=(),
            sets=self._sets(opening.sets),
            clears=(),
            opens=None,
            notify=tuple(opening.notify),
            cancels=(),
            recalls=(),
            accepts=None,
            automatic=None,
            confirm=False,
            hidden=False,
            looks_around=True,
        )

    def _state(self, name: str, state: model.State) -> CompiledState:
        d = self.definition
        return CompiledState(
            name=name,
            label=words(state.label),
            because=None if state.because is None else words(state.because),
            task=None if state.task is None else words(state.task.label),
            main=None if state.task is None else state.task.action,
            role=None if state.task is None else state.task.role,
            due=None if state.due is None else compile_moment(state.due),
            due_reads=frozenset() if state.due is None else frozenset(read_by(state.due)),
            waiting=state.waiting,
            outcome=None if state.end is None else state.end.outcome,
            redirect=None if state.end is None else state.end.redirect,
            timers=tuple(k for k, t in d.timers.items() if name in states_of_timer(d, t)),
            automatic=tuple(k for k, a in self.acting.items() if name in states_of(d, a)),
        )

    def _action(self, name: str, action: model.Action) -> CompiledAction:
        return CompiledAction(
            name=name,
            label=words(action.label),
            help=None if action.help is None else words(action.help),
            sources=frozenset(states_of(self.definition, action)),
            branches=self._branches(action.to),
            roles=frozenset(action.by),
            owner_only=action.owner_only,
            form=tuple(self._form_item(i) for i in action.form),
            note_required=action.note == "required",
            requirements=tuple(self._requirement(r) for r in action.requires),
            sets=self._sets(action.sets),
            clears=tuple(action.clears),
            opens=None if action.opens is None else parts.child(action.opens),
            notify=tuple(action.notify),
            cancels=tuple(action.cancels),
            recalls=tuple(action.recalls),
            accepts=None
            if action.accepts is None
            else (tuple(accepted_by(action)), action.accepts.reason),
            automatic=self._automatic(name, action),
            confirm=action.confirm,
            hidden=action.hidden,
            looks_around=looks_around(self.definition, action),
        )

    def _automatic(self, name: str, action: model.Action) -> Predicate | None:
        """Return when the engine takes the action by itself; never, for one that a timer takes."""
        if action.automatic is not None:
            return compile_condition(action.automatic, self.checklists)
        if any(t.action == name for t in self.definition.timers.values()) and not action.by:
            return lambda _: False
        return None

    def _branches(self, to: str | list[model.Branch]) -> tuple[CompiledBranch, ...]:
        if isinstance(to, str):
            return (CompiledBranch(state=None if to == "same" else to, when=None),)
        return tuple(CompiledBranch(state=b.state, when=self._predicate(b.when)) for b in to)

    def _form_item(self, item: str | model.FormItem) -> CompiledFormItem:
        item = model.FormItem(field=item) if isinstance(item, str) else item
        record, name = split_form(item.field)
        field: CompiledField = self.fields[record].of[name] if record else self.fields[name]
        conditional = isinstance(item.required, model.Condition)
        return CompiledFormItem(
            field=field,
            record=record,
            always=item.required is True,
            required=self._predicate(item.required) if conditional else None,  # type: ignore[arg-type]
        )

    def _requirement(self, requirement: model.Requirement) -> CompiledRequirement:
        holds = compile_condition(requirement.when, self.checklists)
        if requirement.exception is not None:
            holds = parts.or_exception(holds, requirement.exception)
        return CompiledRequirement(
            holds=holds,
            because=words(requirement.because),
            remedy=None if requirement.remedy is None else words(requirement.remedy),
            action=requirement.action,
            checklists=tuple(c.checklist for c in inner(requirement.when) if c.checklist),
            reads=frozenset(n for c in inner(requirement.when) for n in fields_read(c)),
        )

    def _sets(
        self, sets: Mapping[str, model.SetValue]
    ) -> tuple[tuple[str, Callable[[Facts], Any]], ...]:
        return tuple(
            (name, compile_value(value, self.definition.fields[name].type, self.tables))
            for name, value in sets.items()
        )

    def _timer(self, name: str, timer: model.Timer) -> CompiledTimer:
        return CompiledTimer(
            name=name,
            label=words(timer.label),
            states=frozenset(states_of_timer(self.definition, timer)),
            at=compile_moment(timer.at),
            next_after=parts.next_after(timer),
            only=self._predicate(timer.only),
            notify=tuple(timer.notify),
            action=timer.action,
            late=timer.late,
            of=timer.at.of,
            explain=timer.at.model_dump(exclude_none=True),
        )

    def _notification(self, name: str, part: model.Notification) -> CompiledNotification:
        kind, target = parts.target(part.to)
        return CompiledNotification(
            name=name,
            label=words(part.label),
            template=part.template,
            kind=kind,
            target=target,
            batches=tuple(batches_of(part.to)),
            newcomers=parts.newcomers(part.newcomers),
            without=part.to.without,
            untold=part.to.untold,
            not_before=part.not_before,
            people=tuple(part.to.people or ()),
            name_field=part.to.name,
            languages=self._languages(part.languages),
            available=parts.available(part.languages),
            fields=tuple(part.fields),
            says=part.says,
            when=self._predicate(part.when),
            batch=part.batch,
            rule=(part.rule or "all_or_nothing") if part.batch else None,
            personal=part.personal,
            calendar=parts.calendar(part.calendar),
            outside=kind in {"address", "roster", "recipients_of"},
        )

    def _languages(
        self, languages: list[Literal["fr", "en"] | model.Languages]
    ) -> Callable[[Facts], tuple[str, ...]]:
        if all(isinstance(part, str) for part in languages):
            fixed = tuple(str(part) for part in languages)
            return lambda _: fixed
        rules = [
            (self._predicate(part.when), tuple(part.use))
            for part in languages
            if isinstance(part, model.Languages)
        ]

        def chosen(facts: Facts) -> tuple[str, ...]:
            return next((use for when, use in rules if when is None or when(facts)), ("fr",))

        return chosen

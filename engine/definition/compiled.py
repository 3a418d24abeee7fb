"""The compiled definition: frozen, shared by every case of its version, and quick to run.

The compiler has proved names, targets and templates; what is here is only looked up and called.
`Facts` is all that a condition, a date or a value may see of a case.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from engine.calendar import Calendar
    from engine.definition import model

    Json = Any  # what json.loads gives back
    Words = Mapping[str, str]  # by language

#: The message that the engine itself sends when a case is given to somebody, in any state.
ASSIGNED = "attribution"


class ChildFact(Protocol):
    """What a join may know of a child case."""

    @property
    def process(self) -> str:
        """Its process."""

    @property
    def outcome(self) -> str | None:
        """The state it ended in; None while it is open."""

    @property
    def number(self) -> str | None:
        """Its number; None where it is only imagined."""


class Facts(Protocol):
    """What a condition, a date rule or a value may see; nothing here reaches outside the case."""

    data: Mapping[str, Json]  #: stored form of the fields: ISO strings, numbers, lists, booleans
    now: datetime  #: UTC
    opened: datetime
    entered: datetime
    due: datetime | None
    actor: str
    owner: str | None
    calendar: Calendar

    def children(self) -> Sequence[ChildFact]:
        """Return the child cases."""

    def message_state(self, name: str) -> frozenset[str]:
        """Return what holds of the messages of a name that count now (`engine.outbox.message_state`)."""

    def message_left(self, names: tuple[str, ...], recipient: str | None = None) -> datetime | None:
        """Return when the last message of a name left, for a recipient; None while none has."""

    def untold(self, name: str) -> bool:
        """Tell whether a message that tells each of its copy has somebody to tell."""

    def roster_state(self, name: str) -> tuple[int, tuple[str, ...]]:
        """Return the number of active members and the names of those without an address."""


if TYPE_CHECKING:
    Predicate = Callable[[Facts], bool]
    Value = Callable[[Facts], Json]
    Moment = Callable[[Facts], datetime | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledField:
    """A field: `normalise` takes what a person or a file gave and returns its stored form.

    It raises `FieldError(code, params)` on anything else. `show` is not here: the command formats.
    """

    name: str
    type: str
    label: Words
    normalise: Callable[[Json], Json]
    help: Words | None = None
    options: Mapping[str, Words] = field(default_factory=dict)
    of: Mapping[str, CompiledField] = field(default_factory=dict)
    roster: str | None = None
    internal: bool = False
    reason_if_missing: bool = False
    from_files: int = 0  #: how long the names of files may be that answer it; 0: they do not
    search: bool = False


class FieldError(ValueError):
    """A value does not fit its field."""

    def __init__(self, code: str, **params: object) -> None:
        """Take a stable code (`not_a_date`, `too_long`…) and what a sentence needs."""
        super().__init__(f"{code}: {params}")
        self.code = code
        self.params = params


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledFormItem:
    """A field an action asks for; `record` is the list it adds to, `required` judges the form."""

    field: CompiledField
    record: str | None
    always: bool  #: required whatever the rest
    required: Predicate | None  #: or required when this holds

    @property
    def name(self) -> str:
        """The name a person types: `field`, or `list.field`."""
        return self.field.name if self.record is None else f"{self.record}.{self.field.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledRequirement:
    """A guard with its words."""

    holds: Predicate
    because: Words
    remedy: Words | None
    action: str | None
    checklists: tuple[str, ...]  #: named in it, so that a refusal can list what is missing
    reads: frozenset[str]  #: fields and lists that it looks at, checklists apart


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledBranch:
    """A target and its condition (None: otherwise). `state` is None for « same »."""

    state: str | None
    when: Predicate | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledChild:
    """A child case to open."""

    process: str
    copy: Mapping[str, str]
    form: Mapping[str, str]
    for_each: str | None
    item: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledAction:
    """An action. `sources` are its states; the opening is an action without any."""

    name: str
    label: Words
    help: Words | None
    sources: frozenset[str]
    branches: tuple[CompiledBranch, ...]
    roles: frozenset[str]
    owner_only: bool
    form: tuple[CompiledFormItem, ...]
    note_required: bool
    requirements: tuple[CompiledRequirement, ...]
    sets: tuple[tuple[str, Value], ...]
    clears: tuple[str, ...]
    opens: CompiledChild | None
    notify: tuple[str, ...]
    cancels: tuple[str, ...]
    recalls: tuple[str, ...]  #: messages of which what has not left never does
    #: messages, and the field that says why they stay incomplete
    accepts: tuple[tuple[str, ...], str] | None
    automatic: Predicate | None
    confirm: bool
    hidden: bool
    looks_around: bool  #: reads or writes more than its own case row: needs a full transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledState:
    """A state."""

    name: str
    label: Words
    because: Words | None  #: why nothing more is changed here
    task: Words | None
    main: str | None  #: the action that does the task
    role: str | None  #: whose desk: a role, or None for the owner's
    due: Moment | None
    due_reads: frozenset[str]  #: the fields that the due date counts from
    waiting: bool
    outcome: str | None  #: set on an ending
    redirect: str | None
    timers: tuple[str, ...]  #: armed on entering
    automatic: tuple[str, ...]  #: automatic actions tried here, in the file's order


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledTimer:
    """A timer. `at` gives its first instant (None: its date is not known yet, so not armed).

    `next_after` gives the following instant of a repeating one from the previous one, and None when
    there is no further occurrence. `reads_data` and `reads_due` tell when it must be planned again.
    """

    name: str
    label: Words
    states: frozenset[str]
    at: Moment
    next_after: Callable[[datetime, int, Calendar], datetime | None]
    only: Predicate | None
    notify: tuple[str, ...]
    action: str | None
    late: Literal["once", "skip", "all"]
    of: str  #: `entered`, `opened`, `due`, or the field it counts from
    explain: Mapping[str, Json]  #: the rule as written, for « why »


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledNewcomers:
    """Those who are written to besides, at the same moment: they have not had what a batch is about."""

    roster: str
    template: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledNotification:
    """A message to queue."""

    name: str
    label: Words
    template: str
    kind: Literal["address", "people", "role", "roster", "recipients_of"]
    target: str  #: the field, role, roster or notification
    batches: tuple[str, ...]  #: whose recipients these are
    newcomers: CompiledNewcomers | None
    without: str | None  #: `list.field`: the members that have answered
    untold: bool  #: only those whom it has not told yet of their copy
    not_before: str | None  #: the field with the instant before which nothing leaves
    people: tuple[str, ...]
    name_field: str | None
    languages: Callable[[Facts], tuple[str, ...]]
    available: tuple[str, ...]  #: every language that it may be asked in: its templates are there
    fields: tuple[str, ...]
    says: str | None  #: the list of which it says the record that its action adds
    when: Predicate | None
    batch: bool
    rule: str | None  #: of a batch: all_or_nothing or proceed_and_remedy
    personal: bool
    calendar: Mapping[str, Json] | None
    outside: bool  #: leaves the staff

    @property
    def templates(self) -> tuple[str, ...]:
        """Every template that it is written with."""
        return (self.template, *(() if self.newcomers is None else (self.newcomers.template,)))


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledChecklist:
    """A checklist: item name -> (label, condition, action that does it)."""

    name: str
    label: Words
    items: Mapping[str, tuple[Words, Predicate, str | None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledDefinition:
    """One version of one process, proved and ready."""

    key: str
    version: int
    sha256: str
    label: Words
    adopted: Mapping[str, Json]
    prefix: str
    title: tuple[str, ...]
    roles: Mapping[str, Words]
    fields: Mapping[str, CompiledField]
    checklists: Mapping[str, CompiledChecklist]
    opening: CompiledAction
    duplicates: tuple[str, ...]
    received: str | None
    lag: str | None
    states: Mapping[str, CompiledState]
    actions: Mapping[str, CompiledAction]
    timers: Mapping[str, CompiledTimer]
    notifications: Mapping[str, CompiledNotification]
    outcomes: tuple[str, ...]
    written: model.Definition  #: as it was written, for who says it in words

    @property
    def tellers(self) -> Mapping[str, tuple[str, ...]]:
        """The messages that tell each of its copy, each with the batches that it tells of."""
        return {n.name: n.batches for n in self.notifications.values() if n.untold}

    def own_label(self, action: str) -> Words | None:
        """Return the label of an action or of the opening; None for what is the engine's own."""
        if action == self.opening.name:
            return self.opening.label
        found = self.actions.get(action)
        return None if found is None else found.label

    def sending(self, message: str, state: str) -> CompiledAction | None:
        """Return the action that sends a message, one that is taken in a state if any is."""
        found = [a for a in self.actions.values() if message in a.notify]
        return next((a for a in found if state in a.sources), found[0] if found else None)

    def taking_back(self, message: str, state: str) -> CompiledAction | None:
        """Return the action by which a person takes a message back in a state, if there is one."""
        found = (a for a in self.actions.values() if message in a.cancels and a.automatic is None)
        return next((a for a in found if state in a.sources), None)

    def accepting(self, message: str, state: str) -> CompiledAction | None:
        """Return the action by which a person accepts in a state that a message stays incomplete."""
        found = (a for a in self.actions.values() if a.accepts and message in a.accepts[0])
        return next((a for a in found if state in a.sources), None)

    def summary(self) -> dict[str, Json]:
        """Return the labels that a list needs, as plain JSON, so that a list compiles nothing."""
        return {
            "label": dict(self.label),
            "states": {
                s.name: {
                    "label": dict(s.label),
                    "task": None if s.task is None else dict(s.task),
                    "waiting": s.waiting,
                    "outcome": s.outcome,
                    "next": s.main,
                }
                for s in self.states.values()
            },
            "actions": {a.name: dict(a.label) for a in self.actions.values()},
        }

"""The definition language as a typed model: what a YAML file may say, and nothing else.

Every class refuses unknown keys. Positions are not kept here: a finding's path in this model
(`("actions", "orienter", "to")`) is mapped back to the file by `engine.definition.source`.
The language is documented for its users in `docs/definition-language.md`.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
)
from pydantic_core import PydanticCustomError

#: Identifiers are ASCII, lower case, and short enough to type.
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,47}$")]
#: A field, or `list.field` for the record being added, or else the last one.
FieldName = Annotated[
    str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,47}(\.[a-z][a-z0-9_]{0,47})?$")
]
#: `2 business days`, `1 month`, `08:30`.
Span = Annotated[
    str,
    StringConstraints(pattern=r"^\d{1,4} (business days?|days?|weeks?|months?|hours?|minutes?)$"),
]
Hour = Annotated[str, StringConstraints(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]
#: `demande/erratum`, of the templates' folder.
Template = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_/]*$")]


def _said(text: str) -> str:
    """Refuse a text that says nothing."""
    if not text.strip():
        raise PydanticCustomError("blank", "blank")
    return text


Text = Annotated[
    str, Field(max_length=2000, json_schema_extra={"minLength": 1}), AfterValidator(_said)
]
Language = Literal["fr", "en"]


def _day(written: Any) -> Any:
    """Read a day as it stands in the file, where it is text; leave the rest to be refused."""
    return date.fromisoformat(written) if isinstance(written, str) else written


#: `2026-03-31`.
Day = Annotated[date, BeforeValidator(_day)]


class Model(BaseModel):
    """A part of the language: frozen, and strict about unknown keys and types."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Label(Model):
    """Words that a person reads. French is required, English stands beside it."""

    fr: Text
    en: Text


class Option(Model):
    """One option of a `choice`, with an explanation where one helps."""

    fr: Text
    en: Text
    help: Label | None = None


FieldType = Literal[
    "text",
    "paragraph",
    "integer",
    "decimal",
    "boolean",
    "date",
    "instant",
    "choice",
    "choices",
    "email",
    "country",
    "person",
    "member",
    "case",
    "records",
]


class FieldSpec(Model):
    """A typed field of the case's form.

    `person` is a login of the staff, `member` an establishment of the roster `roster`, `case` the
    number of another case, `records` a list of records whose fields are `of` (an action's form names
    them `list.field`; each run of the action adds one record, to which the engine adds `by` and `at`).
    """

    type: FieldType
    label: Label
    help: Label | None = None
    options: dict[Name, Option] | None = None
    of: dict[Name, FieldSpec] | None = None
    roster: Name | None = None
    min: int | None = None
    max: int | None = None  #: length of a text, size of a number
    internal: bool = False  #: may never reach somebody outside the staff
    reason_if_missing: bool = False  #: accepts `{missing: reason}` instead of a value
    from_files: bool = False  #: a text: files that come with the action answer it by their names
    search: bool = False  #: part of what `search` looks in


class When(Model):
    """When something is: a span before or after a point in time.

    `of` is `now`, `opened`, `entered` (into the state), `due`, or the name of a date field; `else` is what
    it counts from while that field has no value. The span is fixed (`after`, `before`), or counted by an integer field (`after_field` with `unit`). `hour` puts it
    at that local hour; `on_business_day` moves it to a business day, backward or forward.
    """

    of: Name = "now"
    otherwise: Literal["now", "opened", "entered"] | None = Field(default=None, alias="else")
    after: Span | None = None
    before: Span | None = None
    after_field: Name | None = None
    unit: Literal["business days", "days", "weeks", "months"] = "business days"
    hour: Hour | None = None
    on_business_day: Literal["backward", "forward"] | None = None


class Compare(Model):
    """A condition on one field's value."""

    field: FieldName
    equals: str | int | bool | None = None
    not_equals: str | int | bool | None = None
    one_of: list[str | int] | None = None
    not_one_of: list[str | int] | None = None
    at_least: int | None = None
    at_most: int | None = None
    at_least_field: Name | None = None  #: the number that another field holds
    count_at_least: int | None = None  #: of `records` or `choices`
    count_at_least_field: Name | None = None
    before: When | Day | None = None
    not_before: When | Day | None = None


class Children(Model):
    """A condition on the child cases: the join."""

    process: Name | None = None
    all: Literal["ended", "open"] | None = None
    at_least: int | None = None
    outcome: Name | None = None  #: counts only those that ended so


class Message(Model):
    """A condition on the last message of a batch notification; of one about an earlier batch, on all of them.

    `accepted`: every recipient's server took it. `settled`: nothing more will happen by itself; `waiting`:
    something will. `stuck`: somebody's copy needs a person, and nobody has accepted that it stays so;
    `missing`: accepted or not. `begun`: somebody has it, or may have it.
    """

    message: Name
    state: Literal["accepted", "settled", "waiting", "stuck", "missing", "begun"] = Field(
        alias="is"
    )


class Audience(Model):
    """A condition on a roster: `reachable` when each active member has an address."""

    roster: Name
    state: Literal["reachable", "not_empty"] = Field(alias="is")


class Within(Model):
    """A condition on the instant that a field holds; false while it holds none."""

    calendar: Literal["business_day", "business_hours"]
    field: FieldName


class Ahead(Model):
    """A condition on a date or an instant: it is still to come, and no further than `at_most`."""

    field: FieldName
    at_most: Span | None = None


class Earlier(Model):
    """A condition on an instant: it came before a message left; a day alone is all of it.

    `than` is a batch, or it and those about it that give it to newcomers. With `member`, a field that names one,
    what counts is when it left for that member; else, and where it has not, when it left for the first.
    """

    field: FieldName
    than: Name | list[Name]
    member: FieldName | None = None


class Condition(Model):
    """Exactly one key: a closed vocabulary, so that a condition can be read and proved."""

    all: list[Condition] | None = None
    any: list[Condition] | None = None
    negation: Condition | None = Field(default=None, alias="not")
    present: FieldName | None = None  #: has a value, or a reason why it has none
    obtained: FieldName | None = None  #: has a value
    compare: Compare | None = None
    checklist: Name | None = None  #: is complete
    children: Children | None = None
    message: Message | None = None
    audience: Audience | None = None
    within: Literal["business_day", "business_hours"] | Within | None = None
    ahead: Ahead | None = None
    earlier: Earlier | None = None
    untold: Name | None = None  #: somebody is still to be told by this message, one with `untold`
    actor: Literal["owner", "not_owner"] | None = None
    owned: bool | None = None  #: somebody owns the case, or nobody does


class TableInput(Model):
    """One cell on the left of a decision table; exactly one key, or none for « any »."""

    equals: str | int | bool | None = None
    one_of: list[str | int] | None = None
    at_least: int | None = None
    at_most: int | None = None


class TableRow(Model):
    """One rule: when all its cells hold, it gives all its values."""

    when: dict[Name, TableInput]
    give: dict[Name, str | int | bool]


class DecisionTable(Model):
    """A decision table with the hit policy `unique`: exactly one row for any input."""

    label: Label
    reads: list[Name]
    gives: dict[Name, Literal["text", "integer", "boolean"]]
    rows: list[TableRow]


class ChecklistItem(Model):
    """One visible item: done when its condition holds; `action` is what does it."""

    label: Label
    when: Condition
    action: Name | None = None


class Checklist(Model):
    """A named list of items; complete when every item is done."""

    label: Label
    items: dict[Name, ChecklistItem]


class FormItem(Model):
    """A field that an action asks for. `required` is true, false, or a condition on the form."""

    field: str
    required: bool | Condition = True


class Requirement(Model):
    """A guard: when it does not hold, the action is refused, and says `because` and `remedy`."""

    when: Condition
    because: Label
    remedy: Label | None = None
    action: Name | None = None
    exception: Name | None = None  #: a boolean field: a named exception that stands in for it


class Branch(Model):
    """One way an action may go; branches are tried in order, the last one has no `when`."""

    when: Condition | None = None
    state: Name


class TableValue(Model):
    """The value that a decision table gives."""

    table: Name
    output: Name


class SetValue(Model):
    """What an action writes into a field by itself; exactly one key."""

    value: str | int | bool | None = None
    when: When | None = None  #: a date or an instant
    table: TableValue | None = None
    actor: Literal[True] | None = None
    today: Literal[True] | None = None
    now: Literal[True] | None = None


class Child(Model):
    """A child case that an action opens, with fields copied from this one."""

    process: Name
    copy_fields: dict[Name, Name] = Field(default_factory=dict, alias="copy")  #: child's: ours
    form: dict[Name, str] = Field(default_factory=dict)  #: child's field: dotted form field of ours
    for_each: Name | None = (
        None  #: a `choices` field: one child for each, in the child's field `item`
    )
    item: Name | None = None


class Acceptance(Model):
    """A person accepts that messages stay with those who have them; the field that says why is public."""

    message: Name | list[Name]
    reason: Name


class Action(Model):
    """A transition, by a person or (with `automatic`) by the engine as soon as its condition holds."""

    label: Label
    help: Label | None = None
    source: list[Name] | Literal["open", "ended"] = Field(alias="from")
    to: Name | list[Branch] | Literal["same"]
    by: list[Name] = []  #: roles; none for an automatic action
    owner_only: bool = False
    form: list[str | FormItem] = []
    note: Literal["optional", "required"] = "optional"
    requires: list[Requirement] = []
    sets: dict[Name, SetValue] = {}
    clears: list[Name] = []
    opens: Child | None = None
    notify: list[Name] = []
    cancels: list[Name] = []  #: messages taken back, whose instant (`not_before`) has not come
    recalls: list[Name] = []  #: messages of which what has not left never does
    accepts: Acceptance | None = None
    automatic: Condition | None = None
    confirm: bool = False  #: cannot be taken back: the command asks first
    hidden: bool = False  #: not proposed among next actions (corrections, notes…)


class Opening(Model):
    """How a case begins: the first event, which nothing may delay."""

    label: Label
    by: list[Name]
    form: list[str | FormItem]
    to: Name
    sets: dict[Name, SetValue] = {}
    notify: list[Name] = []
    duplicates: list[Name] = []  #: fields that, alike after folding, make a probable duplicate
    received: Name | None = None  #: the field that says when it really arrived
    lag: Span | None = None  #: registering later than this after `received` is flagged


class Task(Model):
    """What there is to do in a state, by which action, and for whom: the owner, or a whole role."""

    label: Label
    action: Name | None = None
    role: Name | None = None


class End(Model):
    """An ending. `redirect` names the `case` field that says where to look instead."""

    outcome: Name
    redirect: Name | None = None


class State(Model):
    """A state of the case: a task (with a due date) or an end.

    `because` says to whoever is refused here why the case is closed to changes.
    """

    label: Label
    because: Label | None = None
    task: Task | None = None
    due: When | None = None
    waiting: bool = False  #: waiting for somebody outside: ageing is paused
    end: End | None = None


class Repeat(Model):
    """A timer that fires again."""

    every: Span
    times: int = Field(ge=1, le=100)


class Timer(Model):
    """Something that time does: send a notification, or run an automatic action.

    `late` says what happens to occurrences missed during a downtime: `once` (the last one stands for
    all), `skip` (none), `all`.
    """

    label: Label
    states: list[Name] | Literal["open"] = Field(alias="in")
    at: When
    repeat: Repeat | None = None
    only: Condition | None = None  #: judged when it fires
    notify: list[Name] = []
    action: Name | None = None
    late: Literal["once", "skip", "all"] = "once"


class Languages(Model):
    """In which languages, and when."""

    when: Condition | None = None
    use: list[Language]


#: What a batch does when the server refuses somebody before anybody has anything: nobody has it, or
#: the others have it and the one who was refused is remedied at once.
Rule = Literal["all_or_nothing", "proceed_and_remedy"]


class Recipients(Model):
    """To whom: exactly one kind, and what narrows it.

    `name` goes with `address`. `without` goes with `recipients_of`: it takes away the members that records
    of the case name, as answered since the (first) batch.
    """

    address: Name | None = None  #: an email field of the case
    name: Name | None = None  #: the field with that person's name
    people: list[Literal["owner", "substitute", "actor"]] | None = None
    role: Name | None = None
    roster: Name | None = None  #: every member active when the action is taken
    #: those who had an earlier batch; of a list, the last of the first one, and later ones of the others
    recipients_of: Name | list[Name] | None = None
    without: FieldName | None = None  #: `list.field`, a member of the batch's roster
    untold: bool = False  #: only those whom this message has not told yet of their copy


class Invitation(Model):
    """A calendar invitation joined to a message."""

    start: Name
    minutes: int = Field(ge=5, le=1440)
    summary: Label
    location: Name | None = None
    cancels: bool = False


class Newcomers(Model):
    """Who a batch about an earlier one goes to besides, in the same release: those who have not had that."""

    roster: Name  #: its active members who have not; the one that the earlier batch went to
    template: Template  #: what they read instead, with the same fields


class Notification(Model):
    """A message: a template, the fields it may see, and to whom. Nothing else leaves."""

    label: Label
    template: Template
    to: Recipients
    newcomers: Newcomers | None = None  #: of a batch with `recipients_of`
    languages: list[Language | Languages] = ["fr"]
    fields: list[Name] = []
    says: Name | None = None  #: the list to which its action adds the record that it says
    when: Condition | None = None
    batch: bool = False  #: one message, many recipients, proven delivery by delivery
    rule: Rule | None = None  #: of a batch; `all_or_nothing` where nothing is said
    personal: bool = False  #: of a batch: words of its own for each, one transaction each
    not_before: Name | None = (
        None  #: an instant field: nothing leaves before it; at once without it
    )
    calendar: Invitation | None = None


class Adoption(Model):
    """Who decided this process, when; `text` is a file beside the definition, quoted exactly."""

    on: Annotated[str, StringConstraints(pattern=r"^\d{4}(-\d{2}(-\d{2})?)?$")]
    by: Label
    reference: Text
    text: str | None = None


class Numbering(Model):
    """`DI` numbers its cases DI-2026-0001, DI-2026-0002…"""

    prefix: Annotated[str, StringConstraints(pattern=r"^[A-Z]{1,6}$")]


class Definition(Model):
    """One version of one process."""

    arrimage: Literal[1]
    process: Name
    version: int = Field(ge=1)
    label: Label
    adopted: Adoption
    numbering: Numbering
    title: list[Name]
    roles: dict[Name, Label]
    fields: dict[Name, FieldSpec]
    tables: dict[Name, DecisionTable] = {}
    checklists: dict[Name, Checklist] = {}
    opening: Opening
    states: dict[Name, State]
    actions: dict[Name, Action]
    timers: dict[Name, Timer] = {}
    notifications: dict[Name, Notification] = {}

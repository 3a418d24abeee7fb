"""The scenario language as a typed model: what a scenario file may say, and nothing else.

Like the definition language's, every part refuses unknown keys and wrong types, and a finding's path
in this model is mapped back to its place in the file. The language is documented for its users in
`docs/scenarios.md`.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, StringConstraints

from engine.definition.fields import FIRST_YEAR, LAST_YEAR
from engine.definition.model import Day, Language, Model, Name, Text

Login = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]


def _dated(written: str) -> str:
    """Refuse a day that does not exist, or that no calendar reaches; a span has no day."""
    if written[4:5] == "-" and not FIRST_YEAR <= date.fromisoformat(written[:10]).year <= LAST_YEAR:
        msg = f"{written} is out of reach"
        raise ValueError(msg)
    return written


#: `2026-11-16 10:00`, local.
Moment = Annotated[
    str,
    StringConstraints(pattern=r"^\d{4}-\d\d-\d\d[ T]([01]\d|2[0-3]):[0-5]\d$"),
    AfterValidator(_dated),
]
#: A span (`10 business days`), a day, which keeps the hour that it is, or a moment.
Wait = Annotated[
    str,
    StringConstraints(
        pattern=r"^(\d{1,4} (business days?|days?|weeks?|months?|hours?|minutes?)"
        r"|\d{4}-\d\d-\d\d([ T]([01]\d|2[0-3]):[0-5]\d)?)$"
    ),
    AfterValidator(_dated),
]
#: A whole number: `DI-2026-0001`.
Number = Annotated[str, StringConstraints(pattern=r"^[A-Z]{1,6}-\d{4}-\d{4,}$")]


class Away(Model):
    """A stay away, both days included."""

    first: Day = Field(alias="from")
    last: Day = Field(alias="to")
    substitute: Login | None = None


class Person(Model):
    """Somebody of the staff."""

    roles: list[Name]
    name: Text | None = None
    email: Text | None = None
    languages: Literal["fr", "en", "fr+en", "en+fr"] = "fr"
    substitute: Login | None = None
    away: Away | None = None


class Given(Model):
    """What there is before the first step.

    `people` are logins with their roles; without any, there is one person a role, named like it.
    `rosters` are the establishments of each network, with their address, or null.
    """

    now: Moment | None = None
    people: dict[Login, list[Name] | Person] = Field(default_factory=dict)
    rosters: dict[Name, dict[Text, Text | None]] = Field(default_factory=dict)


class Letter(Model):
    """A message that left, or several alike.

    Without `to` and `times`, to however many. A subject is part of the subject. `newcomers`: of a batch that
    goes to newcomers too, their copies only, or those of the others only.
    """

    message: Text
    to: Text | list[Text] | None = None
    times: int | None = Field(default=None, ge=1)
    subject: Text | None = None
    languages: list[Language] | None = None
    newcomers: bool | None = None
    at: Moment | Day | None = None


class Expectation(Model):
    """What must be, after a step or at the end; only what is written is looked at."""

    case: Number | None = None
    state: Text | None = None
    owner: Login | None = None
    due: Day | None = None
    fields: dict[Text, Any] = Field(default_factory=dict)
    mail: list[Letter] | None = None
    timers: dict[Text, Moment | Day | bool] = Field(default_factory=dict)
    fired: list[Text] | None = None
    automatic: list[Text] | None = None
    children: dict[Number, Text] | None = None
    possible: list[Text] = Field(default_factory=list)
    impossible: list[Text] = Field(default_factory=list)
    duplicates: list[Number] | None = None
    late: bool | None = None
    replayed: bool | None = None
    can_end: bool | None = None


class Server(Model):
    """How the mail server behaves from now on: it takes everything but this."""

    refuses: list[Text] = Field(default_factory=list)
    uncertain: list[Text] = Field(default_factory=list)


class Decided(Model):
    """What a person decides of messages that did not leave, as `inbox outbox` does.

    `bounced`: another server reports that it could not deliver what the relay had taken.
    """

    retry: list[Text] = Field(default_factory=list)
    confirmed: list[Text] = Field(default_factory=list)
    resend: list[Text] = Field(default_factory=list)
    bounced: list[Text] = Field(default_factory=list)


class Step(Model):
    """One thing that happens: exactly one of the first eight keys."""

    open: Text | None = None
    do: Text | None = None
    take: Literal[True] | None = None
    release: Literal[True] | None = None
    assign: Login | None = None
    wait: Wait | None = None
    server: Server | None = None
    outbox: Decided | None = None
    case: Number | None = None
    by: Login | None = None
    data: dict[Text, Any] = Field(default_factory=dict, alias="with")
    note: str = ""
    key: Text | None = None
    refused: list[Text | dict[Text, Text]] | None = None
    then: Expectation | list[Expectation] | None = None


class Scenario(Model):
    """One story: what there is, what happens, what must be at the end.

    `after` is the title of a scenario above: its steps come first.
    """

    title: Text
    after: Text | None = None
    given: Given = Given()
    when: list[Step]
    then: Expectation | list[Expectation] | None = None


class File(Model):
    """A scenario file: the definitions that it is about, by their paths from this file."""

    arrimage: Literal[1]
    definitions: list[Text] = Field(min_length=1)
    given: Given = Given()
    scenarios: list[Scenario] = Field(min_length=1)


#: What a step may be.
DEEDS = ("open", "do", "take", "release", "assign", "wait", "server", "outbox")

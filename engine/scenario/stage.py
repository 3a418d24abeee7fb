"""Where scenarios are played: a throw-away institute, with a clock in the hand and a mail server.

The definitions are installed once; each scenario plays on a copy of that database, so that none sees
what another did.
"""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from engine import roster, simulation, staff
from engine.actor import Actor
from engine.cases import Engine
from engine.clock import ManualClock
from engine.database import Database
from engine.definition.samples import ATTESTATION
from engine.folding import fold
from engine.library import Library
from engine.scenario.model import Person
from engine.scenario.story import day_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import Connection

    from engine.calendar import Calendar
    from engine.definition.compiled import CompiledDefinition
    from engine.lease import Delivery, Leased
    from engine.library import Source
    from engine.ports import Renderer
    from engine.scenario.model import Given

#: Who sets the stage.
_HAND = "scenario"
_DOMAIN = "example.org"


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """A message that the server took, to one recipient."""

    at: datetime
    message: str
    recipient: str
    name: str
    addresses: tuple[str, ...]
    languages: tuple[str, ...]
    newcomer: bool
    subject: str

    def is_to(self, typed: str) -> bool:
        """Tell whether somebody is meant: by address, login, or name, accents and case aside."""
        return _is_to(typed, self.recipient, self.name, self.addresses)


class Unreadable(Exception):
    """A message could not be written."""


@dataclass(slots=True)
class Server:
    """A mail server that takes everything but what it was told not to; it reads what it takes."""

    renderer: Renderer
    clock: ManualClock
    refuses: Sequence[str] = ()
    uncertain: Sequence[str] = ()
    left: list[Left] = field(default_factory=list)
    broken: list[tuple[str, str]] = field(default_factory=list)

    def __call__(self, leased: Leased, delivery: Delivery) -> tuple[str, str]:
        """Return what becomes of a delivery (`engine.simulation.Postman`)."""
        if self._among(self.refuses, delivery):
            return "refused", "550 5.1.1 no such mailbox"
        if leased.rule == "all_or_nothing" and any(
            self._among(self.refuses, other) for other in leased.deliveries
        ):
            return "aborted", ""
        # No certificate is issued on this stage: what a personal message says of one is a sample.
        facts = {"attestation": ATTESTATION, **leased.facts} if leased.personal else leased.facts
        template = leased.template_for(delivery)
        try:
            content = self.renderer.render(template, delivery.languages, facts)
        except Exception as error:  # noqa: BLE001 - whatever a template does is a finding
            fault = self.renderer.fault(template, error)
            place = f"{fault.file}:{fault.line}" if fault.line else fault.file
            self.broken.append((f"{place} : {fault.fr}", f"{place}: {fault.en}"))
            return "refused", f"template {template}: {error}"
        if self._among(self.uncertain, delivery):
            return "uncertain", "no reply"
        self.left.append(
            Left(at=self.clock.now(), message=leased.name, recipient=delivery.recipient,
                 name=delivery.name, addresses=delivery.addresses, languages=delivery.languages,
                 newcomer=delivery.newcomer, subject=str(content["subject"]))
        )  # fmt: skip
        return "accepted", "250 2.0.0 ok"

    def _among(self, named: Sequence[str], delivery: Delivery) -> bool:
        return any(
            _is_to(typed, delivery.recipient, delivery.name, delivery.addresses) for typed in named
        )


def _is_to(typed: str, recipient: str, name: str, addresses: Sequence[str]) -> bool:
    return typed in addresses or recipient == f"staff:{typed}" or fold(typed) == fold(name)


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """An institute in which one scenario plays."""

    engine: Engine
    clock: ManualClock
    server: Server

    @property
    def database(self) -> Database:
        """Its database."""
        return self.engine.database

    @property
    def calendar(self) -> Calendar:
        """Its calendar."""
        return self.engine.calendar

    def actor(self, login: str) -> Actor:
        """Return somebody of the staff as the engine sees them today."""
        with self.database.read() as connection:
            person = staff.by_login(connection, login)
            others = staff.standing_in_for(connection, login, self.calendar.today(self.clock.now()))
        roles = frozenset[str]() if person is None else person.roles
        return Actor(login=login, roles=roles, stands_in_for=frozenset(others))

    def settle(self) -> None:
        """Let everything that is due now happen, mail included."""
        simulation.settle(self.engine, self.clock, self.server)

    def wait(self, until: datetime) -> None:
        """Move the clock, through everything that is due on the way, in its order."""
        for _ in simulation.play(self.engine, self.clock, until, postman=self.server):
            pass
        self.clock.set(until)


class Stage:
    """The definitions of one run, installed and ready."""

    def __init__(
        self, folder: Path, database: Database, library: Library, calendar: Calendar,
        renderer: Renderer,
    ) -> None:  # fmt: skip
        self._folder = folder
        self._database = database
        self._copies = 0
        self.library = library
        self.calendar = calendar
        self.renderer = renderer
        self.definitions: Mapping[str, CompiledDefinition] = {
            key: library.current(key).definition for key in library.keys()  # noqa: SIM118 - not a mapping
        }  # fmt: skip

    @contextmanager
    def world(self, given: Given) -> Iterator[World]:
        """Give an institute with what is given, removed at the end."""
        assert given.now is not None
        with self._copied(self._database) as database:
            world = self._world(database, self.calendar.instant(*_moment(given.now)))
            with database.write() as connection:
                _people(connection, given, self.definitions, world.clock.now())
                _rosters(connection, given, self.calendar, world.clock.now())
            yield world

    @contextmanager
    def twin(self, world: World) -> Iterator[World]:
        """Give a copy of a world as it is, in which something may be tried."""
        with self._copied(world.database) as database:
            made = self._world(database, world.clock.now())
            made.server.refuses = world.server.refuses
            made.server.uncertain = world.server.uncertain
            yield made

    def _world(self, database: Database, now: datetime) -> World:
        clock = ManualClock(now)
        # The library reads what was installed before the copies were made: the same in all of them.
        engine = Engine(database, self.library, self.calendar, clock, domain=_DOMAIN)
        return World(engine=engine, clock=clock, server=Server(self.renderer, clock))

    @contextmanager
    def _copied(self, source: Database) -> Iterator[Database]:
        self._copies += 1
        path = self._folder / f"{self._copies}.db"
        target = sqlite3.connect(path)
        with source.engine.connect() as connection:
            driver: Any = connection.connection.driver_connection
            driver.backup(target)
        target.close()
        made = Database.open(f"sqlite:///{path}", durable=False)
        try:
            yield made
        finally:
            made.close()
            path.unlink()


@contextmanager
def staged(
    sources: Sequence[Source], calendar: Calendar, renderer: Renderer, at: datetime
) -> Iterator[Stage]:
    """Install definitions in a throw-away database and give the stage.

    Args:
        sources: The definitions, with the child processes that they open.
        calendar: The institute's calendar.
        renderer: What makes the words of messages.
        at: When they are installed.

    Raises:
        InvalidDefinition: With the findings of all of them.
    """
    with (
        simulation.thrown_away() as database,
        TemporaryDirectory(prefix="arrimage-") as folder,
    ):
        library = Library(database, calendar, renderer)
        library.install(sources, actor=_HAND, at=at)
        yield Stage(Path(folder), database, library, calendar, renderer)


def _moment(text: str) -> tuple[Any, Any]:
    from datetime import time

    return day_of(text), time.fromisoformat(text[11:])


def _people(
    connection: Connection,
    given: Given,
    definitions: Mapping[str, CompiledDefinition],
    at: datetime,
) -> None:
    """Enter the staff; without any given, one person a role."""
    people = {
        login: p if isinstance(p, Person) else Person(roles=p) for login, p in given.people.items()
    } or {role: Person(roles=[role]) for d in definitions.values() for role in d.roles}
    for login, person in people.items():
        entered = staff.Person(
            login=login, name=person.name or login.replace("_", " ").title(),
            email=person.email or f"{login}@{_DOMAIN}", roles=frozenset(person.roles),
            languages=person.languages,
        )  # fmt: skip
        staff.add(connection, entered, actor=_HAND, at=at)
    for login, person in people.items():
        if person.substitute is not None:
            staff.change(connection, login, actor=_HAND, at=at, substitute=person.substitute)
        if person.away is not None:
            away = person.away
            staff.set_absence(connection, login, away.first, away.last, away.substitute,
                              actor=_HAND, at=at)  # fmt: skip


def _rosters(connection: Connection, given: Given, calendar: Calendar, at: datetime) -> None:
    for name, members in given.rosters.items():
        for member, address in members.items():
            contacts = () if address is None else (roster.Contact(email=address),)
            new = roster.NewMember(name=member, category="FP", contacts=contacts)
            roster.add(connection, name, new, joined_on=calendar.today(at), actor=_HAND, at=at)

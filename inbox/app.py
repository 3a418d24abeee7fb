"""What every command starts from: the workspace, the clock, the database, and who is asking.

Everything is opened when it is first needed, so that a list loads nothing that only a step needs.
"""

from __future__ import annotations

import getpass
import os
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import click

from engine.actor import Actor
from engine.clock import ManualClock, SystemClock
from engine.database import Database
from engine.errors import NotAllowed
from inbox import dates
from inbox import workspace as workspaces
from inbox.output import rehearsing, say
from inbox.texts import _, lang

if TYPE_CHECKING:
    from datetime import date, datetime
    from pathlib import Path
    from typing import Any

    from engine.cases import Engine
    from engine.errors import Finding
    from engine.lease import Delivery, Leased
    from engine.library import Library, Source
    from engine.ports import Clock
    from engine.staff import Person
    from inbox.attestation import Attestations
    from inbox.workspace import Workspace
    from notifications.bounces import Watch
    from notifications.rendering import Renderer
    from notifications.worker import Worker

NOW_VARIABLE = "INBOX_NOW"
#: Who may change the staff and the roster.
ADMINISTRATION = frozenset({"administration", "direction"})


@dataclass(slots=True)
class Common:
    """The options that every command has."""

    home: str | None = None
    json: bool = False
    act_as: str | None = None


class App:
    """One run of the command."""

    def __init__(self, common: Common, *, quiet: bool = False) -> None:
        """Take the common options, and whether nothing may be said (the shell is completing)."""
        self.common = common
        self._quiet = quiet

    @property
    def json(self) -> bool:
        """Whether JSON was asked for."""
        return self.common.json

    @cached_property
    def home(self) -> Path:
        """The folder of the workspace."""
        return workspaces.locate(self.common.home)

    @cached_property
    def workspace(self) -> Workspace:
        """The workspace; say at once when it is a rehearsal."""
        found = workspaces.load(self.home)
        dates.use(found.calendar)
        rehearsing(found.rehearsal)
        if found.rehearsal and not self.json and not self._quiet:
            shown = os.environ.get(NOW_VARIABLE)
            said = _("RÉPÉTITION — aucun courrier ne sort de cette machine")
            say(f"{said} ({shown})" if shown else said, err=True)
        return found

    @cached_property
    def clock(self) -> Clock:
        """The machine's clock; in a rehearsal, the instant of INBOX_NOW."""
        asked = os.environ.get(NOW_VARIABLE)
        if asked is None:
            return SystemClock()
        if not self.workspace.rehearsal:
            if not self._quiet:
                say(_("INBOX_NOW est ignoré : cet espace n'est pas une répétition."), err=True)
            return SystemClock()
        return ManualClock(self._instant(asked))

    def _instant(self, text: str) -> datetime:
        from datetime import datetime

        try:
            read = datetime.fromisoformat(text)
        except ValueError as error:
            raise click.UsageError(
                _("INBOX_NOW doit être un instant, comme 2026-11-20T10:00 : {text}", text=text)
            ) from error
        if read.tzinfo is not None:
            return read
        return self.workspace.calendar.instant(read.date(), read.time())

    @property
    def now(self) -> datetime:
        """The present instant (UTC)."""
        return self.clock.now()

    @property
    def today(self) -> date:
        """The present local date."""
        return self.workspace.calendar.today(self.now)

    @cached_property
    def database(self) -> Database:
        """The database."""
        return Database.open(self.workspace.database_url)

    # --- who ------------------------------------------------------------------------------------

    @cached_property
    def person(self) -> Person:
        """Who is acting: the account's person, or the one named by `--as` if that is allowed."""
        from engine import staff

        account = getpass.getuser()
        with self.database.read() as connection:
            real = staff.by_account(connection, account)
            if real is None:
                raise NotAllowed("unknown_account", account=account)
            self._refuse_who_left(real)
            asked = self.common.act_as
            if asked is None or asked == real.login:
                return real
            if not real.can_act_as:
                raise NotAllowed("may_not_act_as", login=asked)
            self._via = real.login
            other = staff.by_login(connection, asked)
            if other is None:
                raise NotAllowed("no_such_person", login=asked)
            self._refuse_who_left(other)
            return other

    def _refuse_who_left(self, person: Person) -> None:
        from engine import staff

        if not staff.is_staff(person, self.today):
            raise NotAllowed("has_left", login=person.login, on=person.left_on)

    _via: str | None = None

    @cached_property
    def actor(self) -> Actor:
        """The same, as the engine sees them."""
        from engine import staff

        person = self.person
        with self.database.read() as connection:
            others = staff.standing_in_for(connection, person.login, self.today)
        return Actor(
            login=person.login,
            roles=person.roles,
            via=self._via,
            stands_in_for=frozenset(others),
        )

    def administrator(self) -> str:
        """Return the login of somebody who may change staff and roster; refuse anybody else."""
        if not self.person.roles & ADMINISTRATION:
            raise NotAllowed("not_administration", login=self.person.login)
        return self.person.login

    # --- the engine -----------------------------------------------------------------------------

    @cached_property
    def renderer(self) -> Renderer:
        """What makes words of facts."""
        from notifications.rendering import Renderer

        settings = self.workspace.mail_settings()
        zone = str(self.workspace.calendar.zone)
        return Renderer(settings.institute, zone, [self.workspace.templates])

    @cached_property
    def library(self) -> Library:
        """The definitions: those shipped and the workspace's own are installed when they are new."""
        from engine.library import Library
        from inbox.versions import finds_texts

        texts = finds_texts([self.workspace.definitions])
        library = Library(self.database, self.workspace.calendar, self.renderer, texts)
        library.install(_shipped(), actor="system", at=self.now)
        self.findings = library.install_what_can_be(self._own(), actor="system", at=self.now)
        for finding in self.findings:
            # A draft that does not stand must not stop the work of everybody else.
            said = finding.messages[lang()]
            say(_("Non installé : {at} : {code} : {said}", code=finding.code, said=said,
                  at=f"{finding.path}:{finding.line}:{finding.column}"), err=True)  # fmt: skip
        return library

    #: What is wrong with the workspace's own definitions; known once `library` is.
    findings: tuple[Finding, ...] = ()

    def _own(self) -> list[Source]:
        """Return the workspace's own definitions."""
        from engine.library import Source

        own = sorted(self.workspace.definitions.glob("*.yaml"))
        return [Source(text=workspaces.definition_text(f), origin=str(f)) for f in own]

    @cached_property
    def engine(self) -> Engine:
        """The engine."""
        from engine.cases import Engine

        return Engine(
            self.database,
            self.library,
            self.workspace.calendar,
            self.clock,
            domain=self.workspace.mail_settings().domain,
        )

    def keep_plans(self) -> tuple[Finding, ...]:
        """Open the cycles whose day has come; return what is wrong with the plans that were not kept.

        Once an hour: the day changes at one, and a plan at fault is tried again without filling the log.
        """
        from inbox.plans import Plans
        from workflows.plan import keeper

        hour = self.now.replace(minute=0, second=0, microsecond=0)
        if self._kept_at == hour:
            return ()
        plans = Plans(self)
        kept = keeper.keep(self.engine, plans.all())
        self._kept_at = hour
        return (*plans.findings, *kept.findings)

    _kept_at: datetime | None = None

    def settle_interrupted(self) -> int:
        """Make known what a sender that died left in the middle; return how many copies are uncertain."""
        from engine import abandoned

        return abandoned.settle(self.database, self.now)

    @cached_property
    def worker(self) -> Worker:
        """What delivers mail."""
        from notifications.worker import Worker

        return Worker(
            database=self.database,
            renderer=self.renderer,
            settings=self.workspace.mail_settings(),
            clock=self.clock,
            own=self._own_words,
        )

    def _own_words(self, leased: Leased, delivery: Delivery) -> dict[str, Any]:
        """Return what a personal message says to one establishment of an earlier diffusion."""
        from inbox.attestation import Attestations

        if self._attestations is None:
            self._attestations = Attestations(self)
        return self._attestations.of(leased, delivery)

    _attestations: Attestations | None = None

    @cached_property
    def watch(self) -> Watch:
        """What reads the reports of what could not be delivered."""
        from notifications.bounces import Watch

        return Watch(self.database, self.workspace.bounce_settings())


def _shipped() -> list[Source]:
    """Return the definitions that come with the application."""
    import workflows
    from engine.library import Source

    return [Source(text=f.read_text(encoding="utf-8"), origin=f.name) for f in workflows.shipped()]

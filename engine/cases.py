"""The one way in: open a case, advance it, take it, give it; each in one transaction.

`Engine` is what the command and the clock call. A step is judged on the case as it is read, worked
out in a `Draft`, written by `store.write_step` under the version that was read, and only then told.
"""

from __future__ import annotations

import json
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError

from engine import (
    audience,
    conflict,
    desk,
    embargo,
    incomplete,
    merging,
    opening,
    replay,
    step,
)
from engine.actor import SYSTEM
from engine.change import back, move
from engine.definition.compiled import ASSIGNED
from engine.draft import Draft
from engine.errors import ArrimageError, Contended, NotFound, Refused
from engine.option import Outlook
from engine.outcome import Outcome
from engine.references import References
from engine.schema import cases, timers, to_micros
from engine.session import Session, connection_of, driver_of, existing
from engine.store import load_case, write_step

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sqlalchemy import Connection

    from engine.actor import Actor, File
    from engine.calendar import Calendar
    from engine.change.move import Move
    from engine.change.plan import Plan
    from engine.database import Database
    from engine.errors import Reason
    from engine.library import Library, Process
    from engine.option import Option
    from engine.ports import Clock
    from engine.store import CaseRow

#: More automatic actions in a row than this is a loop that the compiler could not prove away.
AUTOMATIC_LIMIT = 25


class _Undone(Exception):
    """What was only to be seen is rolled back."""


class Engine:
    """Runs the cases of one workspace."""

    def __init__(
        self,
        database: Database,
        library: Library,
        calendar: Calendar,
        clock: Clock,
        *,
        domain: str = "localhost",
    ) -> None:
        """Take the database, the definitions, the calendar, the clock and the mail domain."""
        self.database = database
        self.library = library
        self.calendar = calendar
        self.clock = clock
        self.domain = domain

    # --- opening --------------------------------------------------------------------------------

    def open(
        self,
        process: str,
        data: Mapping[str, Any],
        actor: Actor,
        *,
        note: str = "",
        files: Sequence[File] = (),
        idempotency_key: str | None = None,
        owner: str | None = None,
    ) -> Outcome:
        """Open a case: it has its number, its first event and its timers at once, or nothing is.

        Args:
            process: The process's key; its newest version is pinned.
            data: The opening form, as typed.
            actor: Who registers.
            note: A note for the history.
            files: Files to attach.
            idempotency_key: The same key again gives the same case.
            owner: On whose desk it begins (a login of the staff); nobody's when not given.

        Raises:
            NotFound: No such process.
            Refused: Every reason; no number was used.
        """
        ready = self.library.current(process)
        asked = replay.asked(ready.definition.opening.name, data, note, files, idempotency_key)
        try:
            with self.transaction() as session:
                known = opening.replayed(connection_of(session), idempotency_key)
                if known is not None:
                    return replay.replayed(
                        self, session, known, ready.definition.opening.name, asked
                    )
                outcome = opening.open_case(
                    self, session, ready, data, actor,
                    note=note, files=files, key=idempotency_key, parent_id=None, owner=owner,
                    extra=asked,
                )  # fmt: skip
        except IntegrityError:
            if idempotency_key is None:
                raise
            return self.open(
                process, data, actor, note=note, files=files, idempotency_key=idempotency_key,
                owner=owner,
            )  # fmt: skip
        self.settle(session.woken)
        return outcome

    def foresee(
        self, case_id: int, message: str, actor: Actor
    ) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """Return the outbox row and the deliveries of a message, were it queued now; write nothing.

        Args:
            case_id: The case.
            message: A notification of its definition.
            actor: Who asks.

        Raises:
            NotFound: No such case, or no action of its process sends such a message.
        """
        with suppress(_Undone), self.transaction() as session:
            row = existing(load_case(session.driver, self.database.dialect, case_id), case_id)
            draft = self.draft(row, self.library.get(row.process, row.definition_version), session)
            sending = draft.process.definition.sending(message, row.state)
            if sending is None:
                raise NotFound("message", message)
            draft.act(sending, actor, dict(draft.data))
            audience.queue_messages(draft, self.domain)
            found = [m for m in draft.messages if m[0]["name"] == message]
            raise _Undone
        if not found:
            raise NotFound("message", message)
        return found[0]

    # --- advancing ------------------------------------------------------------------------------

    def advance(
        self,
        case_id: int,
        action: str,
        data: Mapping[str, Any],
        actor: Actor,
        *,
        note: str = "",
        files: Sequence[File] = (),
        expected_version: int | None = None,
        idempotency_key: str | None = None,
    ) -> Outcome:
        """Take an action on a case.

        Args:
            case_id: The case.
            action: The action's key.
            data: The form, as typed: `field` or `list.field` to value.
            actor: Who acts.
            note: A note for the history.
            files: Files to attach.
            expected_version: Refuse unless the case is still as it was at that version; reminders
                that left meanwhile do not count.
            idempotency_key: The same key again on this case changes nothing and says what was done.

        Raises:
            NotFound: No such case or action.
            Refused: Every reason; nothing was written.
            Conflict: Somebody else was faster; nothing was written.
        """
        try:
            with self._session_for(case_id, action, files) as (session, row, process):
                asked = replay.asked(action, data, note, files, idempotency_key)
                if idempotency_key and replay.was_done(self, session, case_id, idempotency_key):
                    return replay.replayed(self, session, case_id, action, asked)
                conflict.expect(self, session, row, expected_version)
                draft = self.draft(row, process, session)
                step.act(
                    self, draft, action, data, actor, note, files, idempotency_key, session, asked
                )
                self.run_automatics(draft)
                outcome = self.finish(draft, session)
        except Contended as error:
            # Two cases that each lead to the other (merged both ways at once): the other step stands.
            with self.database.read() as connection:
                row = existing(
                    load_case(driver_of(connection), self.database.dialect, case_id), case_id
                )
                raise conflict.lost_to(
                    self, Session(driver_of(connection), connection), row
                ) from error
        self.settle(session.woken)
        return outcome

    def take(self, case_id: int, actor: Actor) -> Outcome:
        """Put a case of the common desk on one's own; refused when it is on somebody's desk."""
        with self._locked(case_id) as (session, draft):
            row = draft.row
            desk.refuse(draft, "take", desk.why_not_take(draft, actor))
            owner = row.owner or actor.login
            body = draft.give_to(owner, actor.login)
            if owner != actor.login:
                body["in_place_of"] = owner
            draft.record("take", actor, row.state, body)
            return self.finish(draft, session)

    def release(self, case_id: int, actor: Actor, note: str = "") -> Outcome:
        """Put a case back on the common desk."""
        with self._locked(case_id) as (session, draft):
            row = draft.row
            mine = actor.is_or_replaces(row.owner) or actor.is_or_replaces(row.desk)
            desk.refuse(
                draft, "release", [] if mine else [("not_owner", {"owner": row.owner})], note
            )
            body = draft.give_to(None, draft.unowned_desk())
            event = draft.record("release", actor, row.state, body, note)
            embargo.overtake(draft, ASSIGNED, event)
            return self.finish(draft, session)

    def assign(self, case_id: int, to_login: str, actor: Actor, note: str = "") -> Outcome:
        """Give a case to somebody of the staff who has one of the process's roles; tell them.

        Whoever was given it before and has not been told yet is not told any more.
        """
        with self._locked(case_id) as (session, draft):
            to = References(session.connection).person(to_login)
            roles = frozenset(draft.process.definition.roles)
            desk.refuse(draft, "assign", desk.why_not_assign(draft, actor, to, roles), note)
            body = draft.give_to(to.login, to.login)
            event = draft.record("assign", actor, draft.row.state, body, note)
            embargo.overtake(draft, ASSIGNED, event)
            if to.login != actor.login and ASSIGNED in draft.process.definition.notifications:
                draft.queue.append((ASSIGNED, event, None))
            return self.finish(draft, session)

    # --- another version of the process ---------------------------------------------------------

    def rehearse(self, case_id: int, plan: Plan, actor: Actor) -> Move:
        """Return what a migration would do to a case; nothing is written."""
        with self.database.read() as connection:
            session = Session(driver_of(connection), connection)
            row = existing(load_case(session.driver, self.database.dialect, case_id), case_id)
            return move.prepare(self, session, row, plan, actor)[1]

    def migrate(
        self, case_id: int, plan: Plan, actor: Actor, *, expected_version: int | None = None
    ) -> Move:
        """Put a case on another version of its process, as the plan says, or leave it as it is.

        Args:
            case_id: The case; one that is on that version already is left alone.
            plan: From the case's version.
            actor: Who migrates.
            expected_version: Refuse unless the case is still as it was then, reminders aside.

        Raises:
            Refused: Every reason why it stays; nothing was written.
            Conflict: Somebody else was faster; nothing was written.
        """
        with self._locked(case_id) as (session, found):
            row = found.row
            draft, done = move.prepare(self, session, row, plan, actor)
            if done.done:
                return done
            conflict.expect(self, session, row, expected_version)
            if row.definition_version != plan.old.definition.version:
                raise conflict.lost_to(self, session, row)
            if done.reasons:
                raise Refused(done.reasons, number=row.number, action=move.MIGRATE)
            self.finish(draft, session)
        self.settle(session.woken)
        return done

    def may_go_back(self, case_id: int) -> Reason | None:
        """Return why a case cannot go back from its last migration; None: it can."""
        with self.database.read() as connection:
            return back.last_migration(Session(driver_of(connection), connection), case_id)[1]

    def migrate_back(self, case_id: int, actor: Actor) -> Outcome:
        """Put a case back exactly as it was before its last migration, unless it has moved on since.

        Raises:
            Refused: It was not migrated, or has moved on; nothing was written.
        """
        with self._locked(case_id) as (session, draft):
            row = draft.row
            event, why_not = back.last_migration(session, case_id)
            if why_not is not None:
                raise Refused((why_not,), number=row.number, action=move.BACK)
            outcome = self.finish(back.take_back(self, session, row, event, actor), session)
        self.settle(session.woken)
        return outcome

    # --- looking --------------------------------------------------------------------------------

    def options(self, case_id: int, actor: Actor, *, ways: bool = True) -> tuple[Option, ...]:
        """Return every action, possible or not, with all the reasons; the automatic ones too.

        The form is not judged: what it lacks is asked when the action is taken.

        Args:
            case_id: The case.
            actor: Who looks.
            ways: Look for the ways too: they take far longer than the reasons.
        """
        with self.looking_at(case_id) as outlook:
            return outlook.options(actor, ways=ways)

    @contextmanager
    def looking_at(self, case_id: int) -> Iterator[Outlook]:
        """Give what can be done with a case, as long as it is looked at; ways are looked for once."""
        with self.database.read() as connection:
            yield self.outlook(connection, case_id)

    def outlook(self, connection: Connection, case_id: int) -> Outlook:
        """Return what can be done with a case, over a full connection."""
        session = Session(driver_of(connection), connection)
        row = existing(load_case(session.driver, self.database.dialect, case_id), case_id)
        process = self.library.get(row.process, row.definition_version)
        return Outlook(self, self.draft(row, process, session), connection)

    def explained(self, refused: Refused) -> Refused:
        """Return a refusal, its reasons with what is to be done first."""
        with self.database.read() as connection:
            found = connection.execute(
                select(cases.c.id).where(cases.c.number == refused.number)
            ).scalar()
            if found is None or refused.action is None:
                return refused
            outlook = self.outlook(connection, found)
            if not outlook.has(refused.action):
                return refused
            return Refused(outlook.mended(refused.reasons, refused.action), number=refused.number,
                           action=refused.action, label=refused.label)  # fmt: skip

    # --- the parts of a step, shared with timers and opening ------------------------------------

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """Give a session in a full write transaction."""
        with self.database.write() as connection:
            yield Session(driver_of(connection), connection)

    def draft(self, row: CaseRow, process: Process, session: Session) -> Draft:
        """Return a draft of a case as it was read."""
        return Draft(
            row,
            process,
            data=json.loads(row.data),
            now=self.clock.now(),
            calendar=self.calendar,
            connection=session.connection,
        )

    def run_automatics(self, draft: Draft) -> None:
        """Take the automatic actions whose condition holds, one after the other."""
        for _ in range(AUTOMATIC_LIMIT):
            action = draft.next_automatic()
            if action is None:
                return
            draft.act(action, SYSTEM, dict(draft.data))
        raise ArrimageError(f"{draft.row.number}: automatic actions go round in circles")

    def finish(self, draft: Draft, session: Session) -> Outcome:
        """Write a draft and everything that it asks for; return what it did."""
        embargo.take_back(draft)
        embargo.recall(draft)
        incomplete.accept(draft)
        audience.queue_messages(draft, self.domain)
        if not write_step(session.driver, self.database.dialect, draft.rows()):
            raise conflict.lost_to(self, session, draft.row)
        children = [
            number
            for action in draft.children
            for number in opening.open_children(self, session, draft, action)
        ]
        if draft.case.get("ended_at"):
            self._when_ended(draft, session)
        return Outcome(
            number=draft.row.number,
            version=draft.version,
            state=draft.state,
            actions=tuple(e["action"] for e in draft.events),
            queued=sum(len(recipients) for _, recipients in draft.messages),
            children=tuple(children),
        )

    def settle(self, woken: Sequence[int]) -> None:
        """Look again at cases that others' steps have woken; a crash before this loses nothing."""
        from engine.timers import run_case

        for case_id in woken:
            run_case(self, case_id)

    def wake(self, session: Session, case_id: int) -> None:
        """Ask, inside this transaction, that another case be looked at again."""
        assert session.connection is not None
        pending = select(timers.c.id).where(
            timers.c.case_id == case_id, timers.c.name == "wake", timers.c.status == "pending"
        )
        if session.connection.execute(pending).first() is None:
            session.connection.execute(
                insert(timers).values(
                    case_id=case_id,
                    name="wake",
                    status="pending",
                    fire_at=to_micros(self.clock.now()),
                )
            )
        session.woken.append(case_id)

    # --- inside ---------------------------------------------------------------------------------

    @contextmanager
    def _session_for(
        self, case_id: int, action: str, files: Sequence[File]
    ) -> Iterator[tuple[Session, CaseRow, Process]]:
        """Give the session that a step needs: a plain step only needs the driver's connection."""
        if not files:
            with self.database.hot() as driver:
                row = existing(load_case(driver, self.database.dialect, case_id), case_id)
                process = self.library.get(row.process, row.definition_version)
                if action in process.plain and row.parent_id is None:
                    yield Session(driver, None), row, process
                    return
        with self.transaction() as session:
            loaded = load_case(session.driver, self.database.dialect, case_id, lock="wait")
            row = existing(loaded, case_id)
            yield session, row, self.library.get(row.process, row.definition_version)

    @contextmanager
    def _locked(self, case_id: int) -> Iterator[tuple[Session, Draft]]:
        with self.transaction() as session:
            loaded = load_case(session.driver, self.database.dialect, case_id, lock="wait")
            row = existing(loaded, case_id)
            process = self.library.get(row.process, row.definition_version)
            yield session, self.draft(row, process, session)

    def _when_ended(self, draft: Draft, session: Session) -> None:
        state = draft.process.definition.states[draft.state]
        if state.redirect is not None:
            merging.redirect(self, draft, session, str(draft.data[state.redirect]))
        if draft.row.parent_id is not None:
            self.wake(session, draft.row.parent_id)

"""The one way in: open a case, advance it, take it, give it; each in one transaction.

`Engine` is what the command and the clock call. A step is judged on the case as it is read, worked
out in a `Draft`, written by `store.write_step` under the version that was read, and only then told.
"""

from __future__ import annotations

import json
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError

from engine import attachments, audience, embargo, incomplete, opening, outbox, register, staff
from engine.actor import SYSTEM
from engine.awaited import Around, Hindrance, blocked, is_lost
from engine.chain import content_hash, request_hash
from engine.change import back, move
from engine.draft import Draft
from engine.errors import ArrimageError, Conflict, Contended, NotFound, Refused
from engine.judge import (
    judge,
    judge_form,
    next_step,
    note_faults,
    nothing_given,
    read_form,
    with_last_event,
)
from engine.references import References
from engine.schema import cases, from_micros, timers, to_micros
from engine.store import load_case, write_step
from engine.ways import shortest_way

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sqlalchemy import Connection

    from engine.actor import Actor, File
    from engine.calendar import Calendar
    from engine.change.move import Move
    from engine.change.plan import Plan
    from engine.database import Database
    from engine.definition.compiled import CompiledAction, CompiledDefinition
    from engine.errors import Reason
    from engine.library import Library, Process
    from engine.ports import Clock
    from engine.store import CaseRow
    from engine.ways import Step

#: More automatic actions in a row than this is a loop that the compiler could not prove away.
AUTOMATIC_LIMIT = 25


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a step did.

    Attributes:
        number: The case.
        version: Its version now.
        state: Its state now.
        actions: The action asked for, then the automatic ones that it set off.
        queued: How many messages to one recipient were queued.
        children: Numbers of the child cases opened.
        probable_duplicates: Numbers of open cases that look like this one (opening only).
        late: Registered later after its reception than the definition allows (opening only).
        replayed: The same idempotency key had been used: nothing was written now.
    """

    number: str
    version: int
    state: str
    actions: tuple[str, ...]
    queued: int = 0
    children: tuple[str, ...] = ()
    probable_duplicates: tuple[str, ...] = ()
    late: bool = False
    replayed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """An action of a case, why it is not possible now (empty: it is), and what to do first.

    Attributes:
        action: The action.
        reasons: All of them: the state, the person, the guards.
        way: The steps that make it possible; None: nothing leads there from here.
        lost: It awaits child cases that have ended otherwise.
    """

    action: CompiledAction
    reasons: tuple[Reason, ...]
    way: tuple[Step, ...] | None
    lost: bool = False


@dataclass(slots=True)
class Session:
    """A transaction as a step needs it: the driver's connection, and SQLAlchemy's unless hot."""

    driver: Any
    connection: Connection | None
    woken: list[int] = field(default_factory=list)  #: cases to look at again after the commit
    generation: int = 0  #: of the child cases that this step is opening


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
        asked = _asked(ready.definition.opening.name, data, note, files, idempotency_key)
        try:
            with self.transaction() as session:
                known = opening.replayed(_of(session), idempotency_key)
                if known is not None:
                    return self._replayed(session, known, ready.definition.opening.name, asked)
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
            row = _found(load_case(session.driver, self.database.dialect, case_id), case_id)
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
                asked = _asked(action, data, note, files, idempotency_key)
                if idempotency_key and self._was_done(session, case_id, idempotency_key):
                    return self._replayed(session, case_id, action, asked)
                self._expect(session, row, expected_version)
                draft = self.draft(row, process, session)
                self._act(draft, action, data, actor, note, files, idempotency_key, session, asked)
                self.run_automatics(draft)
                outcome = self.finish(draft, session)
        except Contended as error:
            # Two cases that each lead to the other (merged both ways at once): the other step stands.
            with self.database.read() as connection:
                row = _found(
                    load_case(_driver(connection), self.database.dialect, case_id), case_id
                )
                raise self._conflict(Session(_driver(connection), connection), row) from error
        self.settle(session.woken)
        return outcome

    def take(self, case_id: int, actor: Actor) -> Outcome:
        """Put a case of the common desk on one's own; refused when it is on somebody's desk."""
        with self._locked(case_id) as (session, draft):
            row = draft.row
            _refuse(draft, "take", _why_not_take(draft, actor))
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
            _refuse(draft, "release", [] if mine else [("not_owner", {"owner": row.owner})], note)
            draft.record(
                "release", actor, row.state, draft.give_to(None, draft.unowned_desk()), note
            )
            return self.finish(draft, session)

    def assign(self, case_id: int, to_login: str, actor: Actor, note: str = "") -> Outcome:
        """Give a case to somebody of the staff who has one of the process's roles; tell them."""
        with self._locked(case_id) as (session, draft):
            to = References(session.connection).person(to_login)
            roles = frozenset(draft.process.definition.roles)
            _refuse(draft, "assign", _why_not_assign(draft, actor, to, roles), note)
            body = draft.give_to(to.login, to.login)
            event = draft.record("assign", actor, draft.row.state, body, note)
            if to.login != actor.login and "attribution" in draft.process.definition.notifications:
                draft.queue.append(("attribution", event, None))
            return self.finish(draft, session)

    # --- another version of the process ---------------------------------------------------------

    def rehearse(self, case_id: int, plan: Plan, actor: Actor) -> Move:
        """Return what a migration would do to a case; nothing is written."""
        with self.database.read() as connection:
            session = Session(_driver(connection), connection)
            row = _found(load_case(session.driver, self.database.dialect, case_id), case_id)
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
            self._expect(session, row, expected_version)
            if row.definition_version != plan.old.definition.version:
                raise self._conflict(session, row)
            if done.reasons:
                raise Refused(done.reasons, number=row.number, action=move.MIGRATE)
            self.finish(draft, session)
        self.settle(session.woken)
        return done

    def may_go_back(self, case_id: int) -> Reason | None:
        """Return why a case cannot go back from its last migration; None: it can."""
        with self.database.read() as connection:
            return back.last_migration(Session(_driver(connection), connection), case_id)[1]

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

    def options(self, case_id: int, actor: Actor) -> tuple[Option, ...]:
        """Return every action, possible or not, with all the reasons; the automatic ones too.

        The form is not judged: what it lacks is asked when the action is taken.
        """
        with self.database.read() as connection:
            row = _found(load_case(_driver(connection), self.database.dialect, case_id), case_id)
            process = self.library.get(row.process, row.definition_version)
            draft = self.draft(row, process, Session(_driver(connection), connection))
            definition = process.definition
            return tuple(
                _option(definition, action, draft, actor) for action in definition.actions.values()
            )

    def blocked(self, case_id: int) -> tuple[Hindrance, ...]:
        """Return why nobody and nothing can take an open case on any more; none while something may."""
        with self.database.read() as connection:
            row = _found(load_case(_driver(connection), self.database.dialect, case_id), case_id)
            process = self.library.get(row.process, row.definition_version)
            draft = self.draft(row, process, Session(_driver(connection), connection))
            people = staff.list_staff(connection, self.calendar.today(self.clock.now()))
            around = Around(
                roles=frozenset(role for person in people for role in person.roles),
                timers=frozenset(t["name"] for t in register.pending_timers(connection, case_id)),
                sent=outbox.names_sent(connection, case_id),
            )
            return blocked(process.definition, draft.state, draft.facts, around)

    def checklists(
        self, case_id: int
    ) -> list[tuple[Mapping[str, str], list[tuple[str, Mapping[str, str], bool, str | None]]]]:
        """Return each checklist: its label, and its items (key, label, done, next action towards it)."""
        with self.database.read() as connection:
            row = _found(load_case(_driver(connection), self.database.dialect, case_id), case_id)
            process = self.library.get(row.process, row.definition_version)
            facts = self.draft(row, process, Session(_driver(connection), connection)).facts
            return [
                (
                    checklist.label,
                    [
                        (key, label, done(facts), next_step(process.definition, row.state, action))
                        for key, (label, done, action) in checklist.items.items()
                    ],
                )
                for checklist in process.definition.checklists.values()
            ]

    # --- the parts of a step, shared with timers and opening ------------------------------------

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """Give a session in a full write transaction."""
        with self.database.write() as connection:
            yield Session(_driver(connection), connection)

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
        incomplete.accept(draft)
        audience.queue_messages(draft, self.domain)
        if not write_step(session.driver, self.database.dialect, draft.rows()):
            raise self._conflict(session, draft.row)
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
                row = _found(load_case(driver, self.database.dialect, case_id), case_id)
                process = self.library.get(row.process, row.definition_version)
                if action in process.plain and row.parent_id is None:
                    yield Session(driver, None), row, process
                    return
        with self.transaction() as session:
            loaded = load_case(session.driver, self.database.dialect, case_id, lock="wait")
            row = _found(loaded, case_id)
            yield session, row, self.library.get(row.process, row.definition_version)

    @contextmanager
    def _locked(self, case_id: int) -> Iterator[tuple[Session, Draft]]:
        with self.transaction() as session:
            loaded = load_case(session.driver, self.database.dialect, case_id, lock="wait")
            row = _found(loaded, case_id)
            process = self.library.get(row.process, row.definition_version)
            yield session, self.draft(row, process, session)

    def _act(
        self,
        draft: Draft,
        name: str,
        data: Mapping[str, Any],
        actor: Actor,
        note: str,
        files: Sequence[File],
        key: str | None,
        session: Session,
        asked: Mapping[str, Any],
    ) -> None:
        definition = draft.process.definition
        action = definition.actions.get(name)
        if action is None:
            raise NotFound("action", name, near=tuple(definition.actions))
        form, reasons = read_form(action, data, References(session.connection))
        reasons += nothing_given(action, form, files)
        draft.facts.actor = actor.login
        merged = form.laid_over(draft.data, {"by": actor.login, "at": draft.now.isoformat()})
        before, draft.facts.data = draft.facts.data, merged
        reasons += judge(definition, action, draft.state, actor, draft.facts)
        reasons += [
            r
            for r in judge_form(action, form, note, draft.facts)
            if not any(r.field == other.field for other in reasons)
        ]
        if reasons:
            reasons = with_last_event(reasons, self._last_event(session, draft.row))
            raise Refused(tuple(reasons), number=draft.row.number, action=name, label=action.label)
        draft.facts.data = before
        attached = attachments.store(session.connection, files) if files else []
        extra = {**asked, **({"files": attached} if attached else {})}
        draft.act(action, actor, merged, note=note, key=key, extra=extra)
        if attached and session.connection is not None:
            attachments.link(session.connection, draft.row.id, draft.version, attached)

    def _expect(self, session: Session, row: CaseRow, expected: int | None) -> None:
        if expected is None or expected == row.version:
            return
        since = session.driver.execute(
            _sql(self.database.dialect, "SELECT actor, action, at, from_state, to_state FROM history "
                 "WHERE case_id = :case_id AND seq > :seq ORDER BY seq"),
            {"case_id": row.id, "seq": expected},
        ).fetchall()  # fmt: skip
        others = [e for e in since if e[0] != SYSTEM.login or e[3] != e[4]]
        if expected > row.version or others:
            raise self._conflict(session, row)

    def _conflict(self, session: Session, row: CaseRow) -> Conflict:
        last = self._last_event(session, row)
        return Conflict(number=row.number, **last)

    def _last_event(self, session: Session, row: CaseRow) -> dict[str, Any]:
        found = session.driver.execute(
            _sql(self.database.dialect, "SELECT actor, action, at FROM history "
                 "WHERE case_id = :case_id ORDER BY seq DESC LIMIT 1"),
            {"case_id": row.id},
        ).fetchone()  # fmt: skip
        definition = self.library.get(row.process, row.definition_version).definition
        return {
            "actor": found[0],
            "action": found[1],
            "label": definition.own_label(found[1]),
            "at": from_micros(found[2]),
        }

    def _was_done(self, session: Session, case_id: int, key: str) -> bool:
        found = session.driver.execute(
            _sql(self.database.dialect, "SELECT 1 FROM history WHERE case_id = :case_id "
                 "AND idempotency_key = :key"),
            {"case_id": case_id, "key": key},
        )  # fmt: skip
        return found.fetchone() is not None

    def _replayed(
        self, session: Session, case_id: int, action: str, asked: Mapping[str, Any]
    ) -> Outcome:
        """Return what a key has done; refuse it for anything else, or what is asked would be lost."""
        rows = session.driver.execute(
            _sql(self.database.dialect, "SELECT body FROM history WHERE case_id = :case_id "
                 "AND idempotency_key IS NOT NULL"),
            {"case_id": case_id},
        ).fetchall()  # fmt: skip
        if not any(json.loads(row[0]).get("request") == asked["request"] for row in rows):
            row = _found(load_case(session.driver, self.database.dialect, case_id), case_id)
            raise Refused((opening.reason("key_reused", row.number),), number=None, action=action)
        return self._outcome_of(session, case_id)

    def _outcome_of(self, session: Session, case_id: int, *, replayed: bool = True) -> Outcome:
        row = _found(load_case(session.driver, self.database.dialect, case_id), case_id)
        return Outcome(
            number=row.number, version=row.version, state=row.state, actions=(), replayed=replayed
        )

    def _when_ended(self, draft: Draft, session: Session) -> None:
        state = draft.process.definition.states[draft.state]
        if state.redirect is not None:
            self._redirect(draft, session, str(draft.data[state.redirect]))
        if draft.row.parent_id is not None:
            self.wake(session, draft.row.parent_id)

    def _redirect(self, draft: Draft, session: Session, number: str) -> None:
        """Make the old number lead to the other case, and write it in that one's history too."""
        connection = _of(session)
        target = register.find(connection, number)
        if target.id == draft.row.id:
            reason = opening.reason("merge_into_itself", number)
            action = str(draft.events[0]["action"])
            label = draft.process.definition.own_label(action)
            raise Refused((reason,), number=number, action=action, label=label)
        connection.execute(
            cases.update().where(cases.c.id == draft.row.id).values(redirect_id=target.id)
        )
        loaded = load_case(session.driver, self.database.dialect, target.id, lock="wait")
        other = _found(loaded, target.id)
        process = self.library.get(other.process, other.definition_version)
        kept = self.draft(other, process, session)
        kept.record("merged", SYSTEM, other.state, {"merged": draft.row.number})
        self.finish(kept, session)


def _option(
    definition: CompiledDefinition, action: CompiledAction, draft: Draft, actor: Actor
) -> Option:
    reasons = judge(definition, action, draft.state, actor, draft.facts, everything=True)
    way = shortest_way(definition, draft.state, action, draft.facts) if reasons else ()
    lost = is_lost(definition, action, draft.state, draft.facts)
    return Option(action=action, reasons=tuple(reasons), way=way, lost=lost)


def _driver(connection: Connection) -> Any:
    return connection.connection.driver_connection


def _of(session: Session) -> Connection:
    if session.connection is None:
        raise ArrimageError("this step needs a full transaction")
    return session.connection


def _found(row: CaseRow | None, case_id: int) -> CaseRow:
    if row is None:
        raise NotFound("case", str(case_id))
    return row


def _sql(dialect: str, statement: str) -> str:
    """Return a statement with the driver's own named parameters."""
    if dialect == "sqlite":
        return statement
    import re

    return re.sub(r":(\w+)", r"%(\1)s", statement)


def _asked(
    action: str, data: Mapping[str, Any], note: str, files: Sequence[File], key: str | None
) -> dict[str, str]:
    """Return, for a step that has a key, the mark of what was asked for."""
    if key is None:
        return {}
    return {"request": request_hash(action, data, note, [content_hash(f.content) for f in files])}


def _refuse(
    draft: Draft, action: str, why: list[tuple[str, dict[str, Any]]], note: str = ""
) -> None:
    reasons = [*(opening.reason(code, **params) for code, params in why), *note_faults(note)]
    if reasons:
        raise Refused(tuple(reasons), number=draft.row.number, action=action)


def _why_not_take(draft: Draft, actor: Actor) -> list[tuple[str, dict[str, Any]]]:
    desk = draft.row.desk
    if desk is None:
        return [("ended", {})]
    if desk == actor.login:
        return [("already_yours", {})]
    if not desk.startswith("@"):
        return [] if actor.is_or_replaces(desk) else [("taken", {"owner": desk})]
    if desk[1:] in actor.roles:
        return []
    label = dict(draft.process.definition.roles.get(desk[1:], {}))
    return [("role", {"roles": [label], "keys": [desk[1:]]})]


def _why_not_assign(
    draft: Draft,
    actor: Actor,
    to: Any,
    roles: frozenset[str],
) -> list[tuple[str, dict[str, Any]]]:
    if draft.row.desk is None:
        return [("ended", {})]
    labels = [dict(label) for label in draft.process.definition.roles.values()]
    why: list[tuple[str, dict[str, Any]]] = []
    if not roles & actor.roles:
        why.append(("role", {"roles": labels, "keys": sorted(roles)}))
    if not roles & to.roles:
        why.append(("assignee_role", {"person": to.name, "roles": labels, "keys": sorted(roles)}))
    if to.left_on is not None:
        why.append(("assignee_left", {"person": to.name}))
    return why

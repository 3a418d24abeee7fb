"""The unit of work: what one step does to one case, worked out in memory, then written at once.

A draft starts from a case's row and takes actions one after the other (the one that was asked, then
the automatic ones that it sets off). It collects; `rows()` gives what is to be written. It judges
nothing and writes nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from engine import outbox
from engine.chain import canonical, event_hash
from engine.facts import CaseFacts
from engine.folding import fold
from engine.schema import from_micros, instant, to_micros
from engine.store import StepRows

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import Connection

    from engine.actor import Actor
    from engine.calendar import Calendar
    from engine.definition.compiled import CompiledAction, CompiledState, CompiledTimer
    from engine.library import Process
    from engine.store import CaseRow


class Draft:
    """One case under change.

    Attributes:
        row: The row as it was read; never changed.
        process: Its process.
        facts: The case as it is so far, for conditions.
        case: The columns that have changed.
        events: The history rows so far.
        queue: Notifications asked for, with the event that asks: (name, event row, action).
        cancels: Messages to take back, with the event that does: (name, event row).
        recalls: Messages of which what has not left never does, with the event that says so.
        accepts: The events that say of messages that they may stay incomplete.
        children: Child cases asked for: (action, data for the child).
    """

    def __init__(
        self,
        row: CaseRow,
        process: Process,
        *,
        data: dict[str, Any],
        now: datetime,
        calendar: Calendar,
        connection: Connection | None,
    ) -> None:
        """Take a case's row, its process, its data decoded, the instant and the calendar."""
        self.row = row
        self.process = process
        self.now = now
        self.micros = to_micros(now)
        self.state = row.state
        self.version = row.version
        self.head = row.head
        self.data = data
        self.case: dict[str, Any] = {}
        self.events: list[dict[str, Any]] = []
        self.cancelled: set[str] = set()
        self.armed: dict[str, dict[str, Any]] = {}
        self.retitled = False
        self.queue: list[tuple[str, dict[str, Any], CompiledAction | None]] = []
        self.cancels: list[tuple[str, dict[str, Any]]] = []
        self.recalls: list[tuple[str, dict[str, Any]]] = []
        self.accepts: list[dict[str, Any]] = []
        self.children: list[CompiledAction] = []
        self.messages: list[tuple[dict[str, Any], list[dict[str, Any]]]] = []
        self.facts = CaseFacts(
            case_id=row.id,
            data=data,
            now=now,
            opened=from_micros(row.opened_at),
            entered=from_micros(row.entered_at),
            due=instant(row.due_at),
            actor="",
            owner=row.owner,
            calendar=calendar,
            connection=connection,
            tellers=process.definition.tellers,
        )

    # --- what a step does -----------------------------------------------------------------------

    def act(
        self,
        action: CompiledAction,
        actor: Actor,
        data: dict[str, Any],
        *,
        note: str = "",
        key: str | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        """Take an action that was judged possible.

        Args:
            action: The action.
            actor: Who does it.
            data: The case's data with the form laid over it.
            note: The person's note.
            key: The idempotency key of this step.
            extra: More for the event's body (files).
        """
        before, was_due = self.data, self.case.get("due_at", self.row.due_at)
        self.facts.actor = actor.login
        self.facts.data = self.data = data
        self._set_values(action)
        # Branches see the case with the form and with what the action itself writes.
        target = self.process.machine.move(self.state, action.name, self.facts)
        source, self.state = self.state, target
        if target != source:
            self.settle(target, self.now)
        elif self._moves_due(before):
            self._set_due(self.process.definition.states[target])
        changes = _changes(before, self.data)
        timers = self._plan(source, changes, was_due)
        body = {**changes, **timers, **self._acceptance(action), **(extra or {})}
        self.record(action.name, actor, source, body, note, key)
        self._ask(action)

    def opened(
        self,
        actor: Actor,
        *,
        note: str,
        key: str | None,
        extra: Mapping[str, Any],
    ) -> None:
        """Record the opening: the first event of a case whose row is new."""
        action = self.process.definition.opening
        self.facts.actor = actor.login
        self._set_values(action)
        self.settle(self.state, self.now)
        changes = _changes({}, self.data)
        timers = self._plan(None, changes, None)
        self.record(action.name, actor, None, {**changes, **timers, **extra}, note, key)
        self._ask(action)

    def next_automatic(self) -> CompiledAction | None:
        """Return the automatic action that is now due in this state, or None."""
        definition = self.process.definition
        for name in definition.states[self.state].automatic:
            action = definition.actions[name]
            if action.automatic is not None and action.automatic(self.facts):
                return action
        return None

    def record(
        self,
        action: str,
        actor: Actor,
        source: str | None,
        body: Mapping[str, Any],
        note: str = "",
        key: str | None = None,
    ) -> dict[str, Any]:
        """Add one event to the history, chained to the one before; return its row."""
        self.version += 1
        full = {**body, "note": note} if note else body
        written = canonical(full)
        header = (
            self.row.id, self.version, self.micros, actor.login, actor.via, action,
            source, self.state, key,
        )  # fmt: skip
        digest = event_hash(self.head, header, written)
        event = {
            "seq": self.version,
            "at": self.micros,
            "actor": actor.login,
            "via": actor.via,
            "action": action,
            "from_state": source,
            "to_state": self.state,
            "idempotency_key": key,
            "prev_hash": self.head,
            "hash": digest,
            "body": written,
        }
        self.head = digest
        self.events.append(event)
        self.case["version"] = self.version
        self.case["head"] = digest
        return event

    def give_to(self, owner: str | None, desk: str | None) -> dict[str, Any]:
        """Change who owns the case and on whose desk it is; return the event's body."""
        before = {"owner": self.case.get("owner", self.row.owner), "desk": self.row.desk}
        self.case["owner"] = self.facts.owner = owner
        self.case["desk"] = desk
        return {"owner": [before["owner"], owner], "desk": [before["desk"], desk]}

    def unowned_desk(self) -> str | None:
        """Return the desk of this state when nobody owns the case."""
        role = self.process.desks[self.state]
        return None if role is None else f"@{role}"

    # --- the parts of it ------------------------------------------------------------------------

    def _set_values(self, action: CompiledAction) -> None:
        for field in action.clears:
            self.data.pop(field, None)
        for field, value in action.sets:
            self.data[field] = value(self.facts)

    def settle(self, target: str, entered: datetime) -> None:
        """Put the case in a state, entered at that instant: its due date, its desk, its pause, its end."""
        state = self.process.definition.states[target]
        self.case["state"] = self.state = target
        self.case["entered_at"] = to_micros(entered)
        self.facts.entered = entered
        self._end_or_reopen(state)
        self._pause_or_resume(state)
        self._set_due(state)
        self._set_desk(state)

    def _end_or_reopen(self, state: CompiledState) -> None:
        self.case["ended_at"] = self.micros if state.outcome else None
        if state.redirect is None:
            self.case["redirect_id"] = None

    def _pause_or_resume(self, state: CompiledState) -> None:
        since = self.case.get("waiting_since", self.row.waiting_since)
        if state.waiting and since is None:
            self.case["waiting_since"] = self.micros
        elif since is not None and not state.waiting:
            calendar = self.facts.calendar
            days = calendar.business_days_between(
                calendar.today(from_micros(since)), calendar.today(self.now)
            )
            self.case["waiting_since"] = None
            waited = self.case.get("waited_days", self.row.waited_days)
            self.case["waited_days"] = waited + days

    def _moves_due(self, before: Mapping[str, Any]) -> bool:
        """Tell whether a field that this state's due date counts from has changed."""
        reads = self.process.definition.states[self.state].due_reads
        return any(before.get(name) != self.data.get(name) for name in reads)

    def _set_due(self, state: CompiledState) -> None:
        moment = None if state.due is None else state.due(self.facts)
        if moment is not None:
            # A task is due on a day: until its end, in the workspace's zone.
            calendar = self.facts.calendar
            moment = calendar.end_of_day(calendar.today(moment))
        self.facts.due = moment
        self.case["due_at"] = None if moment is None else to_micros(moment)

    def _set_desk(self, state: CompiledState) -> None:
        owner = self.facts.owner
        if state.outcome:
            self.case["desk"] = None
        elif state.role is not None:
            self.case["desk"] = f"@{state.role}"
        else:
            self.case["desk"] = owner or self.unowned_desk()

    def _plan(
        self, source: str | None, changes: Mapping[str, Any], was_due: int | None
    ) -> dict[str, Any]:
        """Arm and cancel the timers that this step touches; return the event's part on them."""
        definition = self.process.definition
        old = () if source is None else definition.states[source].timers
        new = definition.states[self.state].timers
        stopped = {name for name in old if name not in new}
        moved = self.state != source
        touched = {*changes.get("changes", ()), *changes.get("added", ())}
        self.retitled |= not self.process.shown.isdisjoint(touched)
        if moved:
            # Another state is another task: what was planned for the last one's due date is not for it.
            touched |= {"entered", "due"}
        elif self.case.get("due_at", self.row.due_at) != was_due:
            touched.add("due")
        planned = {}
        for name in new:
            timer = definition.timers[name]
            if name in old and timer.of not in touched:
                continue
            at = timer.at(self.facts)
            if at is None or (at <= self.now and timer.explain.get("before")):
                # Not known yet, or a warning whose time had passed before there was one to give.
                stopped.update({name} & {*old})
            else:
                planned[name] = at
        return self._timers(stopped, planned)

    def _timers(self, stopped: set[str], planned: Mapping[str, datetime]) -> dict[str, Any]:
        for name, at in planned.items():
            self.arm(name, at)
        for name in stopped:
            self.cancel(name)
        body: dict[str, Any] = {}
        if planned:
            body["armed"] = {name: at.isoformat() for name, at in planned.items()}
        if stopped:
            body["cancelled"] = sorted(stopped)
        return body

    def arm(self, name: str, at: datetime, occurrence: int = 1) -> None:
        """Arm a timer, or move the pending one of that name."""
        self.cancelled.discard(name)
        self.armed[name] = {"name": name, "fire_at": to_micros(at), "occurrence": occurrence}

    def cancel(self, name: str) -> None:
        """Cancel the pending timer of that name, if there is one."""
        self.armed.pop(name, None)
        self.cancelled.add(name)

    def timer_rule(self, name: str) -> CompiledTimer | None:
        """Return a timer of the definition by name; None for the engine's own `wake`."""
        return self.process.definition.timers.get(name)

    def _acceptance(self, action: CompiledAction) -> dict[str, Any]:
        """Return the event's part on messages that stay incomplete: which, why, and which batches of them."""
        connection = self.facts.connection
        if action.accepts is None or connection is None:
            return {}
        names, field = action.accepts
        ids = [i for name in names for i in outbox.counting(connection, self.row.id, name)]
        batches = outbox.awaiting(connection, ids)
        return {"accepts": {"messages": names, "reason": self.data.get(field), "batches": batches}}

    def _ask(self, action: CompiledAction) -> None:
        event = self.events[-1]
        self.queue.extend((name, event, action) for name in action.notify)
        self.facts.asked.update(action.notify)
        self.cancels.extend((name, event) for name in action.cancels)
        self.recalls.extend((name, event) for name in action.recalls)
        if action.accepts is not None:
            self.accepts.append(event)
            self.facts.left.update(action.accepts[0])
        if action.opens is not None:
            self.children.append(action)

    # --- what is written ------------------------------------------------------------------------

    def rows(self) -> StepRows:
        """Return everything to write."""
        row = self.row
        if self.events:
            self.case["data"] = canonical(self.data)
            if self.retitled:
                self._retitle()
        changed = {k: v for k, v in self.case.items() if v != getattr(row, k)}
        # Timers may move without an event; the version is still what proves that nobody came between.
        changed = changed or {"version": row.version}
        return StepRows(
            case_id=row.id,
            expected_version=row.version,
            case=changed,
            events=self.events,
            cancelled=sorted(self.cancelled),
            armed=list(self.armed.values()),
            messages=self.messages,
            at=self.micros,
        )

    def _retitle(self) -> None:
        title, search = titled(self.process, self.data, self.row.number)
        self.case["title"], self.case["search"] = title, search


def titled(process: Process, data: Mapping[str, Any], number: str) -> tuple[str, str]:
    """Return a case's title, and the folded text that a search looks in."""
    definition = process.definition
    title = " – ".join(str(data[name]) for name in definition.title if data.get(name))
    words = [str(data[f]) for f, s in definition.fields.items() if s.search and data.get(f)]
    return title, fold(" ".join([number, title, *words]))


def _changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """Return what differs: `changes` field → [before, after], `added` list → its new records."""
    changes: dict[str, list[Any]] = {}
    added: dict[str, Sequence[Any]] = {}
    for name in {**before, **after}:
        old, new = before.get(name), after.get(name)
        if old == new:
            continue
        if _grew(old, new):
            added[name] = list(new or [])[len(old or []) :]
        else:
            changes[name] = [old, new]
    return {k: v for k, v in (("changes", changes), ("added", added)) if v}


def _grew(old: Any, new: Any) -> bool:
    """Tell whether a list of records has only been added to."""
    if not isinstance(new, list) or not new or not isinstance(new[0], dict):
        return False
    return new[: len(old or [])] == (old or [])

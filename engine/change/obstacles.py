"""What keeps a case where it is although its state and its form have a place in the new version."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from engine import outbox
from engine.definition import arrivals, model
from engine.definition.flow import Flow
from engine.definition.graph import Graph
from engine.definition.needs import Needs
from engine.definition.source import Source
from engine.definition.walk import states_of, targets_of, through_checklists
from engine.errors import Reason
from engine.schema import cases
from engine.schema import outbox as messages

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from sqlalchemy import Connection

    from engine.change.plan import Plan
    from engine.draft import Draft
    from engine.library import Library, Process


class Prover:
    """Proves a version again from where a case would stand in it, with what the case has.

    The checks have proved that what is read is there on every way from the opening. A migrated case did
    not come that way: the same proof is made for a definition whose opening leads straight to its
    state and fills in exactly what it holds, its child cases opened and its messages sent. Cases that
    stand alike share one proof.
    """

    def __init__(self, process: Process) -> None:
        """Take the new version."""
        self._written = process.definition.written
        # No place in a file is told here, only the way and the field.
        self._source = Source(process.definition.key, [])
        self._known: dict[tuple[str, frozenset[str], frozenset[str]], tuple[Reason, ...]] = {}

    def lacks(self, state: str, there: Iterable[str], left: Iterable[str]) -> tuple[Reason, ...]:
        """Return what may be absent later on for a case in that state.

        Args:
            state: Where it would stand.
            there: The fields that have a value.
            left: The child cases that it opened and the messages that it sent, as `flow` names them.
        """
        key = (state, frozenset(there), frozenset(left))
        if key not in self._known:
            self._known[key] = tuple(self._proved(*key))
        return self._known[key]

    def _proved(self, state: str, there: frozenset[str], left: frozenset[str]) -> Iterator[Reason]:
        filled = {name: model.SetValue(when=model.When(of="now")) for name in sorted(there)}
        nothing: dict[str, Any] = {"form": [], "notify": [], "duplicates": []}
        opening = self._written.opening.model_copy(
            update={**nothing, "to": state, "sets": filled, "received": None, "lag": None}
        )
        variant = self._written.model_copy(update={"opening": opening})
        flow = Flow(Graph(variant, self._source))
        flow.effects[None].leaves |= left & flow.everything
        for finding in Needs(flow, arrivals.of(flow)).check():
            yield Reason(code="migration_absent", message=finding.messages)


def left_by(connection: Connection, draft: Draft) -> set[str]:
    """Return the child cases that a case has opened and the messages that it has sent, as `flow` names them."""
    sent = outbox.names_sent(connection, draft.row.id)
    opened = {f"children:{child.process}" for child in draft.facts.children()}
    return opened | {f"message:{name}" for name in sent}


def edges_of(definition: model.Definition) -> dict[str, list[tuple[str, str]]]:
    """Return, for each state, the actions that leave it and where they may lead."""
    edges: dict[str, list[tuple[str, str]]] = {name: [] for name in definition.states}
    for name, action in definition.actions.items():
        for state in states_of(definition, action):
            edges[state] += [(name, target) for target in targets_of(action, state)]
    return edges


def elsewhere(
    connection: Connection, library: Library, plan: Plan, draft: Draft
) -> Iterator[Reason]:
    """Yield what children, a parent or mail under way make impossible."""
    yield from _joins(plan, draft)
    yield from _parent(connection, library, plan, draft)
    yield from _mail(connection, plan, draft)


def _joins(plan: Plan, draft: Draft) -> Iterator[Reason]:
    """Yield the joins that the child cases at hand could never satisfy, and that nothing could."""
    definition = plan.new.definition.written
    opened = {a.opens.process for a in _yet_to_come(definition, draft.state) if a.opens}
    have = [child.process for child in draft.facts.children()]
    for join in _joins_of(definition, draft.state):
        count = sum(join.process in (None, process) for process in have)
        wanted = join.at_least or 0
        if count < wanted and not (join.process in opened or (join.process is None and opened)):
            params = {"process": join.process or "*", "count": count, "wanted": wanted}
            yield Reason(code="migration_join", params=params)


def _joins_of(definition: model.Definition, state: str) -> Iterator[model.Children]:
    """Yield the joins that keep a case in this state."""
    for part in _awaited(definition, state):
        if part.children is not None:
            yield part.children


def _awaited(definition: model.Definition, state: str) -> Iterator[model.Condition]:
    """Yield the conditions that keep a case in a state: of its automatic actions and its guards."""
    for action in definition.actions.values():
        if state in states_of(definition, action):
            yield from _judged(definition, action)


def _judged(definition: model.Definition, action: model.Action) -> Iterator[model.Condition]:
    for root in [action.automatic, *(r.when for r in action.requires)]:
        if root is not None:
            yield from through_checklists(definition, root)


def _yet_to_come(
    definition: model.Definition, state: str, held: Collection[str] = ()
) -> list[model.Action]:
    """Return the actions that a case may yet take without leaving this state for good.

    A way back through an ending, by reopening, is not one that anybody counts on; nor one by an action
    that is held back.
    """
    ended = {name for name, part in definition.states.items() if part.end is not None}
    ways = {
        name: {to for action, to in edges if action not in held} - ended
        for name, edges in edges_of(definition).items()
    }
    back = {name for name in _reached(ways, state) if state in _reached(ways, name)} | {state}
    free = (a for n, a in definition.actions.items() if n not in held)
    return [a for a in free if back & {*states_of(definition, a)}]


def _reached(ways: dict[str, set[str]], state: str) -> set[str]:
    found: set[str] = set()
    waiting = [state]
    while waiting:
        more = ways[waiting.pop()] - found
        found |= more
        waiting += more
    return found


def _parent(connection: Connection, library: Library, plan: Plan, draft: Draft) -> Iterator[Reason]:
    """Yield the endings that the parent, on its own version, waits for and that would be no more."""
    if draft.row.parent_id is None:
        return
    wanted = select(cases.c.number, cases.c.process, cases.c.definition_version, cases.c.ended_at)
    parent = connection.execute(wanted.where(cases.c.id == draft.row.parent_id)).one()
    if parent.ended_at is not None:
        return
    waiting = library.get(parent.process, parent.definition_version).definition.written
    endings = {s.name for s in plan.new.definition.states.values() if s.outcome is not None}
    awaited = (part for action in waiting.actions.values() for part in _judged(waiting, action))
    joins = [part.children for part in awaited if part.children is not None]
    for outcome in {j.outcome for j in joins if j.process == draft.row.process} - {None, *endings}:
        params = {"parent": parent.number, "outcome": outcome}
        yield Reason(code="migration_parent", params=params)


def _mail(connection: Connection, plan: Plan, draft: Draft) -> Iterator[Reason]:
    """Yield the batches under way that the new version has no name for, and those it waits for in vain."""
    batches = select(messages.c.name).where(
        messages.c.case_id == draft.row.id, messages.c.batch == 1
    )
    sent = set(connection.execute(batches).scalars())
    for name in sorted(sent - {*plan.new.definition.notifications}):
        if "settled" not in outbox.message_state(connection, draft.row.id, name):
            yield Reason(code="migration_mail", params={"message": name})
    definition = plan.new.definition.written
    awaited = {p.message.message for p in _awaited(definition, draft.state) if p.message}
    for name in sorted(awaited - sent):
        # What awaits the message itself cannot be what sends it.
        held = {n for n, a in definition.actions.items() if _awaits(definition, a, name)}
        if not any(name in a.notify for a in _yet_to_come(definition, draft.state, held)):
            yield Reason(code="migration_unsent", params={"message": name})


def _awaits(definition: model.Definition, action: model.Action, message: str) -> bool:
    judged = (p.message for p in _judged(definition, action))
    return any(p is not None and p.message == message for p in judged)

"""Whether what a case awaits may still come: of its child cases, and of anybody or anything at all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import product
from types import SimpleNamespace
from typing import TYPE_CHECKING, Literal

from engine.definition import model
from engine.definition.conditions import compile_condition
from engine.definition.walk import split_form, through_checklists

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from engine.definition.compiled import ChildFact, CompiledAction, CompiledDefinition, Facts

#: How each of so many open child cases may end is looked at; of more, nothing is said.
_MAX_OPEN = 6


#: How a child case may end, with the actions by which it does.
Endings = Callable[[str, str | None], "Mapping[str, tuple[str, ...]] | None"]


def _unknown(_process: str, _number: str | None) -> None:
    """Return that nothing is known of how a child case may end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What there is around a case that may take it on.

    Attributes:
        roles: The roles that somebody has.
        timers: Those that are armed.
        sent: The messages that were sent: what becomes of them may still change.
        endings: How a child case may still end, and by which of its actions: of an open one by its
            process and number, of one to come by its process alone; None: it is not known.
    """

    roles: frozenset[str]
    timers: frozenset[str]
    sent: frozenset[str]
    endings: Endings = field(default=_unknown)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hindrance:
    """Why an action that would take a case on never will.

    Attributes:
        action: The action.
        why: `nobody` has a role that may take it; its `timer` will not come back; `condition`: what it
            asks for can never be so any more.
        condition: What it asks for.
    """

    action: CompiledAction
    why: Literal["nobody", "timer", "condition"]
    condition: model.Condition | None = None


def is_lost(
    definition: CompiledDefinition,
    action: CompiledAction,
    state: str,
    facts: Facts,
    around: Around,
) -> bool:
    """Tell whether an automatic action awaits child cases that have ended, or can only end, otherwise.

    False as long as there is a doubt: while one of them may end so, or may still be opened on some way from
    here. Reopening a child case that has ended may bring back what was lost.
    """
    written = definition.written.actions[action.name].automatic
    if written is None or state not in action.sources:
        return False
    hope = _Hope(definition, facts, around)
    for other in _to_come(definition, state, but=action.name):
        hope.give(other)
    return not hope.may(written)


def blocked(
    definition: CompiledDefinition, state: str, facts: Facts, around: Around
) -> tuple[Hindrance, ...]:
    """Return why each action that would take an open case on never will; none while one may.

    What somebody may still give, send or open without leaving the state counts, and so does whatever only
    time or people decide.
    """
    here = [a for a in definition.actions.values() if state in a.sources]
    on = [a for a in here if any(b.state is not None for b in a.branches)]
    hope = _Hope(definition, facts, around, changing=set(), sent=set(around.sent))
    known = -1
    while known != hope.size:
        known = hope.size
        found = {a.name: _hindrance(definition, a, state, around, hope) for a in here}
        if definition.states[state].outcome is not None or any(found[a.name] is None for a in on):
            return ()
        for action in here:
            if found[action.name] is None:
                hope.give(action)
    return tuple(h for a in on if (h := found[a.name]) is not None)


def joins_of(definition: CompiledDefinition, action: CompiledAction) -> list[model.Children]:
    """Return what an action asks of child cases, in its guards or to happen by itself."""
    part = definition.written.actions[action.name]
    roots = [r.when for r in part.requires]
    roots += [] if part.automatic is None else [part.automatic]
    found = (c.children for root in roots for c in through_checklists(definition.written, root))
    return [join for join in found if join is not None]


def _hindrance(
    definition: CompiledDefinition, action: CompiledAction, state: str, around: Around, hope: _Hope
) -> Hindrance | None:
    """Return why an action is never taken from here, None when it may be."""
    written = definition.written.actions[action.name]
    timers = [
        t for t in definition.timers.values() if t.action == action.name and state in t.states
    ]
    by_time = any(t.name in around.timers for t in timers)
    able = action.roles & around.roles
    by_hand = bool(able) or (action.owner_only and not action.roles)
    if written.automatic is not None:
        if not hope.may(written.automatic):
            return Hindrance(action=action, why="condition", condition=written.automatic)
    elif not by_hand and not by_time:
        return Hindrance(action=action, why="timer" if timers and not action.roles else "nobody")
    asked = {split_form(item.name)[0] or item.name for item in action.form}
    for part in written.requires:
        if part.exception is None and not hope.may(part.when, asked):
            return Hindrance(action=action, why="condition", condition=part.when)
    return None


def _to_come(definition: CompiledDefinition, state: str, *, but: str) -> list[CompiledAction]:
    """Return the actions that may be taken from a state on, before one of them is."""
    seen, waiting = {state}, [state]
    found: dict[str, CompiledAction] = {}
    while waiting:
        here = waiting.pop()
        for action in definition.actions.values():
            if here not in action.sources or action.name == but:
                continue
            found[action.name] = action
            targets = {b.state for b in action.branches if b.state is not None} - seen
            seen |= targets
            waiting += targets
    return [*found.values()]


class _Hope:
    """What may still be so of a case.

    Attributes:
        opened: The processes of which a child case may still be opened.
        changing: The fields that may still change; None: all of them, and all but child cases too.
        sent: The messages of which something may still come.
    """

    def __init__(
        self,
        definition: CompiledDefinition,
        facts: Facts,
        around: Around,
        *,
        changing: set[str] | None = None,
        sent: set[str] | None = None,
    ) -> None:
        self._definition = definition
        self._facts = facts
        self._around = around
        self.opened = set[str]()
        self.changing = changing
        self.sent = sent or set()

    @property
    def size(self) -> int:
        """How many things may change."""
        return len(self.opened) + len(self.changing or ()) + len(self.sent)

    def give(self, action: CompiledAction) -> None:
        """Count on what an action gives, as often as need be."""
        written = self._definition.written.actions[action.name]
        self.sent |= {*action.notify}
        self.opened |= {written.opens.process} if written.opens is not None else set()
        if self.changing is not None:
            self.changing |= {split_form(item.name)[0] or item.name for item in action.form}
            self.changing |= {*written.sets, *written.clears}

    def may(
        self, part: model.Condition, asked: set[str] | None = None, *, wanted: bool = True
    ) -> bool:
        """Tell whether a condition may hold one day, or may not when that is wanted.

        Args:
            part: The condition.
            asked: Fields that are given with what it is judged for.
            wanted: What it is to be.
        """
        if part.negation is not None:
            return self.may(part.negation, asked, wanted=not wanted)
        inner = part.all if part.all is not None else part.any
        if part.checklist is not None:
            items = self._definition.written.checklists[part.checklist].items.values()
            inner = [item.when for item in items]
        if inner is not None:
            every = (part.any is None) == wanted
            return (all if every else any)(self.may(p, asked, wanted=wanted) for p in inner)
        if part.children is not None:
            return wanted in self._joins(part.children)
        return self._changes(part, asked or set()) or (
            compile_condition(part, {})(self._facts) == wanted
        )

    def _changes(self, part: model.Condition, asked: set[str]) -> bool:
        """Tell whether a plain condition may be otherwise one day."""
        if self.changing is None:
            return True
        if part.message is not None:
            return part.message.message in self.sent
        read = {n.partition(".")[0] for n in _fields(part)}
        # Whatever depends on the day, on people or on a roster may change by itself.
        return not read or _is_timed(part) or not read.isdisjoint({*self.changing, *asked})

    def _joins(self, part: model.Children) -> set[bool]:
        """Return what a join may be one day: child cases that are open may end in any way."""
        here = [c for c in self._facts.children() if part.process in (None, c.process)]
        still = [c for c in here if c.outcome is None]
        more = bool(self.opened) if part.process is None else part.process in self.opened
        if more or len(still) > _MAX_OPEN:
            return {True, False}
        ended = [c for c in here if c.outcome is not None]
        test = compile_condition(model.Condition(children=part), {})
        found = set[bool]()
        for ways in product(*(self._ends(c, part) for c in still)):
            made = [SimpleNamespace(process=part.process, outcome=way) for way in ways]
            there = [*ended, *made]
            facts = SimpleNamespace(children=lambda there=there: there)
            found.add(test(facts))
        return found

    def _ends(self, child: ChildFact, part: model.Children) -> list[str | None]:
        """Return what may become of an open child case, as far as a join tells it apart."""
        known = self._around.endings(child.process, child.number)
        if known is None:
            return [None, part.outcome or "…", "…"]
        so = [part.outcome] if part.outcome in known else []
        return [None, *so, *(["…"] if {*known} - {*so} else [])]


def _fields(part: model.Condition) -> Iterator[str]:
    """Yield the fields that a plain condition reads."""
    yield from (n for n in (part.present, part.obtained) if n is not None)
    if part.compare is not None:
        compared = part.compare
        more = (compared.at_least_field, compared.count_at_least_field)
        yield from (n for n in (compared.field, *more) if n is not None)


def _is_timed(part: model.Condition) -> bool:
    compare = part.compare
    days = () if compare is None else (compare.before, compare.not_before)
    return any(isinstance(day, model.When) for day in days)

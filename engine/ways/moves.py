"""What can be done next on a way that is imagined, and what it makes of the case.

Only what is followed is told apart: the fewer things, the fewer places there are.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import islice, product
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NamedTuple

from engine.definition import model
from engine.definition.domains import OTHER, Domains, literals
from engine.definition.walk import conditions
from engine.ways.judging import CHILDREN, UNKNOWN, Child, Judge, Pool, So, message

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from engine.awaited import Around
    from engine.definition.compiled import (
        CompiledAction,
        CompiledDefinition,
        CompiledTimer,
        Facts,
    )

#: So many values of a field are tried, so many ways to fill in a form, and so many of them are gone on with.
_MAX_VALUES, _MAX_TRIES, _MAX_FORMS = 12, 2_000, 48
#: Fields that are given together where there are more of them than this.
_APART = 2
#: What a step costs: what is seldom meant, or only comes with time, is one where nothing else leads there.
DONE, AWAITED, ASKED = 1, 3, 8


class Place(NamedTuple):
    """Where a case is on a way: its state, what is followed, and whether it has never left its state."""

    state: str
    so: tuple[So, ...]
    stayed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """One thing that happens on a way.

    Attributes:
        action: What is done; None: a child case ends.
        branch: Which of its branches it takes.
        gives: What its form gives, as far as that is followed: by the name that is typed, its value.
        child: The child case that ends, with how.
        cost: What it costs.
    """

    action: CompiledAction | None
    branch: int = 0
    gives: Mapping[str, Any] = field(default_factory=dict)
    child: Child | None = None
    cost: int = DONE


class Ground:
    """A definition as one case stands in it: what is worked out once for all its ways."""

    def __init__(
        self, definition: CompiledDefinition, state: str, facts: Facts, around: Around
    ) -> None:
        self.definition, self.written = definition, definition.written
        self.state, self.facts, self.around = state, facts, around
        self.judge, self.pool = Judge(definition, facts), Pool()
        self.so = self.pool.so
        self.leaving = {
            name: [a for a in definition.actions.values() if name in a.sources and self._may(a)]
            for name in definition.states
        }
        every = [c for _, c in conditions(self.written)]
        compares = [c.compare for c in every if c.compare is not None]
        self.literal = {c.field for c in compares if any(True for _ in literals(c))}
        self.counted = max((c.count_at_least or 0 for c in compares), default=0) + 1
        self._domains = Domains(self.written, {}, [*compares, *self._cells()])
        self._values: dict[str, list[So]] = {}
        joins = [c.children for c in every if c.children is not None]
        self.outcomes = frozenset(j.outcome for j in joins if j.outcome is not None)
        self.most = max((j.at_least or 1 for j in joins), default=1)
        self._concerned: dict[str, frozenset[str]] = {}
        self.inner = {c.field.partition(".")[0]: c.field for c in compares if "." in c.field}

    def _may(self, action: CompiledAction) -> bool:
        """Tell whether there is anybody, or anything, that takes an action."""
        if action.automatic is not None or not action.roles:
            return action.automatic is not None or action.owner_only
        return bool(action.roles & self.around.roles)

    def _cells(self) -> Iterator[model.Compare]:
        for table in self.written.tables.values():
            for row in table.rows:
                for name, cell in row.when.items():
                    yield model.Compare.model_construct(field=name, **cell.model_dump())

    def values(self, name: str) -> list[So]:
        """Return what a form may give for a field, as far as any condition tells it apart."""
        if name not in self._values:
            found = [v for v in self._domains.values(name) if v is not None]
            kept = [v for v in found if not (isinstance(v, dict) and "missing" in v)][:_MAX_VALUES]
            dated = self._type(name) in {"date", "instant"} and kept == [OTHER]
            self._values[name] = (
                [self.so(UNKNOWN, given=True)] if dated else [self.so(v) for v in kept]
            )
        return self._values[name]

    def _type(self, name: str) -> str:
        record, _, inner = name.partition(".")
        fields = self.definition.fields
        return fields[record].of[inner].type if inner else fields[record].type

    def timers_of(self, action: CompiledAction, state: str) -> list[CompiledTimer]:
        """Return the timers that take an action in a state."""
        timers = self.definition.timers.values()
        return [t for t in timers if t.action == action.name and state in t.states]

    def timed_by(self, action: CompiledAction) -> bool:
        """Tell whether only a timer takes an action."""
        return action.automatic is not None and not self.is_automatic(action)

    def is_automatic(self, action: CompiledAction) -> bool:
        """Tell whether an action is taken as soon as its condition holds."""
        return self.written.actions[action.name].automatic is not None

    def concerns(self, action: CompiledAction) -> frozenset[str]:
        """Return what an action looks at or changes."""
        if action.name not in self._concerned:
            part = self.written.actions[action.name]
            changed = {i.record or i.name for i in action.form} | {*part.sets, *part.clears}
            changed |= {message(n) for n in (*part.notify, *part.cancels)}
            changed |= set() if part.opens is None else {CHILDREN}
            self._concerned[action.name] = self.reads(action) | changed
        return self._concerned[action.name]

    def reads(self, action: CompiledAction) -> frozenset[str]:
        """Return what an action looks at, and what decides what it writes, that can be followed."""
        part = self.written.actions[action.name]
        parts = [r.when for r in part.requires]
        parts += [] if part.automatic is None else [part.automatic]
        parts += (
            [b.when for b in part.to if b.when is not None] if isinstance(part.to, list) else []
        )
        parts += [
            i.required for i in part.form
            if isinstance(i, model.FormItem) and isinstance(i.required, model.Condition)
        ]  # fmt: skip
        found = {n for p in parts for n in self.judge.reads(p)}
        found |= {r.exception for r in part.requires if r.exception is not None}
        for value in part.sets.values():
            found |= set(self.written.tables[value.table.table].reads) if value.table else set()
        for name in part.notify:
            when = self.written.notifications[name].when
            found |= set() if when is None else self.judge.reads(when)
        for timer in self.definition.timers.values():
            if timer.action == action.name:
                found |= self._reads_of(self.written.timers[timer.name])
        return frozenset(found)

    def _reads_of(self, timer: model.Timer) -> set[str]:
        found = set() if timer.only is None else set(self.judge.reads(timer.only))
        return found | self.counted_from(timer)

    def counted_from(self, timer: model.Timer) -> set[str]:
        """Return the fields from which a timer counts."""
        names = (timer.at.of, timer.at.after_field)
        return {n for n in names if n is not None and n in self.definition.fields}


class Moves:
    """What can be done from place to place, with some things followed."""

    def __init__(self, ground: Ground, followed: frozenset[str]) -> None:
        self.ground, self.judge, self.so = ground, ground.judge, ground.pool.so
        self.things = tuple(sorted(followed))
        self._known: dict[Place, list[tuple[Move, Place]]] = {}
        self._forms: dict[
            tuple[str, tuple[So, ...]], list[tuple[dict[str, So], dict[str, Any]]]
        ] = {}
        self._judged: dict[Any, tuple[bool, bool]] = {}
        self._concerned: dict[str, tuple[int, ...]] = {}
        self._taken_known: dict[Any, list[tuple[Move, str, list[tuple[int, So]]]]] = {}

    # --- where it begins ------------------------------------------------------------------------

    def first(self) -> Place:
        """Return where the case is."""
        ground = self.ground
        return Place(ground.state, tuple(self._now(name) for name in self.things), stayed=True)

    def _now(self, name: str) -> So:
        facts, sent = self.ground.facts, self.ground.around.sent
        if name == CHILDREN:
            return self.ground.pool.brood(
                [Child(c.process, c.number, c.outcome) for c in facts.children()]
            )
        if name.startswith(message("")):
            return self.so(name.removeprefix(message("")) in sent)
        value = facts.data.get(name)
        return self.so(None if value in ("", []) else value)

    # --- what can be done -----------------------------------------------------------------------

    def view(self, place: Place) -> dict[str, So]:
        """Return what is followed, by name."""
        return dict(zip(self.things, place.so, strict=True))

    def steps(self, place: Place) -> list[tuple[Move, Place]]:
        """Return what may happen next, and where that leads; no ending is gone through."""
        if place not in self._known:
            self._known[place] = list(self._steps(place))
        return self._known[place]

    def _steps(self, place: Place) -> Iterator[tuple[Move, Place]]:
        for name in self.ground.definition.states[place.state].automatic:
            action = self.ground.definition.actions[name]
            may, sure = self.by_itself(action, place)
            if may:
                yield from self._placed(place, action, DONE if sure else AWAITED)
                if sure:
                    return  # nobody is faster
        for action in self.ground.leaving[place.state]:
            if self._matters(action, place) and not self.ground.is_automatic(action):
                if not self.ground.timed_by(action):
                    asked = action.confirm or action.hidden
                    yield from self._placed(place, action, ASKED if asked else DONE)
                elif self.is_armed(place, self.view(place), action):
                    yield from self._placed(place, action, AWAITED)
        yield from self._ended(place, self.view(place))

    def by_itself(self, action: CompiledAction, place: Place) -> tuple[bool, bool]:
        """Tell whether an automatic action may come in a place, and whether it surely does."""
        key = ("automatic", action.name, self._seen_by(action, place))
        if key not in self._judged:
            condition = self.ground.written.actions[action.name].automatic
            assert condition is not None
            view = self.view(place)
            may = self.judge.may(condition, view)
            self._judged[key] = may, may and not self.judge.may(condition, view, wanted=False)
        return self._judged[key]

    def _matters(self, action: CompiledAction, place: Place) -> bool:
        """Tell whether an action may change anything that is followed, the state first of all."""
        return bool(self._concerns(action)) or any(
            b.state not in {None, place.state} for b in action.branches
        )

    def _concerns(self, action: CompiledAction) -> tuple[int, ...]:
        """Return which of what is followed an action looks at or changes, by position."""
        found = self._concerned.get(action.name)
        if found is None:
            names = self.ground.concerns(action)
            found = tuple(i for i, name in enumerate(self.things) if name in names)
            self._concerned[action.name] = found
        return found

    def _seen_by(self, action: CompiledAction, place: Place) -> tuple[So, ...]:
        return tuple(place.so[i] for i in self._concerns(action))

    def _placed(
        self, place: Place, action: CompiledAction, cost: int
    ) -> Iterator[tuple[Move, Place]]:
        key = (action.name, place.state, cost, self._seen_by(action, place))
        if key not in self._taken_known:
            self._taken_known[key] = list(self._taken(place, action, cost))
        for move, to, changed in self._taken_known[key]:
            so = list(place.so)
            for i, after in changed:
                so[i] = after
            found = Place(to, tuple(so), stayed=place.stayed and to == place.state)
            if found != place:
                yield move, found

    def is_armed(self, place: Place, view: Mapping[str, So], action: CompiledAction) -> bool:
        """Tell whether a timer that takes an action may still fire in a place."""
        for timer in self.ground.timers_of(action, place.state):
            written = self.ground.written.timers[timer.name]
            counted = self.ground.counted_from(written)
            told = any(view[n].given for n in counted if n in view)
            armed = timer.name in self.ground.around.timers if place.stayed and not told else (
                written.at.otherwise is not None
                or all(n not in view or view[n].value is not None for n in counted)
            )  # fmt: skip
            if armed and (written.only is None or self.judge.may(written.only, view)):
                return True
        return False

    def _taken(
        self, place: Place, action: CompiledAction, cost: int
    ) -> Iterator[tuple[Move, str, list[tuple[int, So]]]]:
        """Yield how an action may be taken: the state it leads to, and what is otherwise then."""
        view = self.view(place)
        for given, gives in self.forms(action, place):
            after = self._written({**view, **given}, action)
            for i, state in self._branches(action, after):
                to = state or place.state
                if self.ground.definition.states[to].outcome is not None:
                    continue
                for so in self._left(after, action):
                    changed = [(n, x) for n, x in enumerate(so) if x != place.so[n]]
                    yield Move(action=action, branch=i, gives=gives, cost=cost), to, changed

    def _branches(
        self, action: CompiledAction, view: Mapping[str, So]
    ) -> Iterator[tuple[int, str | None]]:
        to = self.ground.written.actions[action.name].to
        for i, branch in enumerate(action.branches):
            when = to[i].when if isinstance(to, list) else None
            if when is None:
                yield i, branch.state
                return
            if self.judge.may(when, view):
                yield i, branch.state
            if not self.judge.may(when, view, wanted=False):
                return

    def may_lead(self, action: CompiledAction, place: Place, branch: int | None) -> bool:
        """Tell whether an action that can be taken in a place may take one of its branches there."""
        if branch is None:
            return True
        view = self.view(place)
        afters = (
            self._written({**view, **given}, action) for given, _ in self.forms(action, place)
        )
        return any(branch == i for after in afters for i, _ in self._branches(action, after))

    # --- the form -------------------------------------------------------------------------------

    def forms(
        self, action: CompiledAction, place: Place
    ) -> list[tuple[dict[str, So], dict[str, Any]]]:
        """Return how the form of an action may be filled in for its guards to hold.

        Each as what is laid over the case, and what is typed for it.
        """
        key = (action.name, self._seen_by(action, place))
        if key not in self._forms:
            every = self._filled(action, self.view(place))
            self._forms[key] = list(islice(every, _MAX_FORMS))
        return self._forms[key]

    def _filled(
        self, action: CompiledAction, view: Mapping[str, So]
    ) -> Iterator[tuple[dict[str, So], dict[str, Any]]]:
        for filled in islice(product(*self._choices(action, view)), _MAX_TRIES):
            given = {name: so for part in filled for name, so, _ in part}
            gives = {typed: so.value for part in filled for _, so, typed in part if typed}
            merged = {**view, **given}
            if self._complete(action, merged, gives) and self._guarded(action, merged):
                yield given, gives

    def _choices(
        self, action: CompiledAction, view: Mapping[str, So]
    ) -> Iterator[list[list[tuple[str, So, str]]]]:
        """Yield, for each field of a form or for some together, the ways to fill it in."""
        together: list[tuple[str, So, str]] = []
        lists: dict[str, bool] = {}
        plain = []
        for item in action.form:
            if item.record in view:
                lists[item.record or ""] = lists.get(item.record or "", False) or item.always
            elif item.record is None and item.name in view:
                values = self.ground.values(item.name)
                plain.append((item, values))
        free = [
            (i, v) for i, v in plain
            if not i.always and len(v) == 1 and view[i.name].value is None
        ]  # fmt: skip
        for item, values in plain:
            ways = [[(item.name, so, item.name)] for so in values]
            if len(free) > _APART and any(item is i for i, _ in free):
                together += ways[0]
            else:
                yield ways if item.always else [[], *ways]
        if together:
            yield [[], together]
        for name, always in lists.items():
            ways = [[(name, so, "")] for so in self._grown(name, view[name].value)]
            yield ways if always else [[], *ways]

    def _grown(self, name: str, value: Any) -> list[So]:
        """Return a list with one record more; only the last, and how many there are, are ever read."""
        before = value if isinstance(value, list) else []
        inner = self.ground.inner.get(name)
        last = [{}] if inner is None else [
            {inner.partition(".")[2]: so.value} for so in self.ground.values(inner)
        ]  # fmt: skip
        kept = before if len(before) < self.ground.counted else before[1:]
        return [self.so([*kept, record], given=True) for record in last]

    def _complete(
        self, action: CompiledAction, view: Mapping[str, So], gives: Mapping[str, Any]
    ) -> bool:
        """Tell whether a form may lack what it does not give."""
        for item in self.ground.written.actions[action.name].form:
            if isinstance(item, str) or not isinstance(item.required, model.Condition):
                continue
            asked = item.field in view and item.field not in gives
            if asked and not self.judge.may(item.required, view, wanted=False):
                return False
        return True

    def _guarded(self, action: CompiledAction, view: Mapping[str, So]) -> bool:
        for part in self.ground.written.actions[action.name].requires:
            waived = part.exception is not None and (
                part.exception not in view or view[part.exception].value is True
            )
            if not waived and not self.judge.may(part.when, view):
                return False
        return True

    # --- what it makes of the case --------------------------------------------------------------

    def _written(self, view: dict[str, So], action: CompiledAction) -> dict[str, So]:
        part = self.ground.written.actions[action.name]
        for name in part.clears:
            if name in view:
                view[name] = self.so(None)
        for name, value in action.sets:
            if name in view:
                view[name] = self._set(part.sets[name], value, view)
        for name in part.cancels:
            if message(name) in view:
                view[message(name)] = self.so(False)
        return view

    def _set(self, part: model.SetValue, value: Callable[..., Any], view: Mapping[str, So]) -> So:
        if part.table is not None:
            read = self.ground.written.tables[part.table.table].reads
            known = all(n in view and view[n].value not in (None, UNKNOWN) for n in read)
            if not known:
                return self.so(UNKNOWN, given=True)
            return self.so(value(SimpleNamespace(data={n: view[n].value for n in read})))
        return self.so(UNKNOWN, given=True) if part.value is None else self.so(part.value)

    def _left(self, view: Mapping[str, So], action: CompiledAction) -> Iterator[tuple[So, ...]]:
        """Yield what there is once what an action sends and opens has left."""
        ways = [self._afterwards(name, view, action) for name in self.things]
        yield from product(*ways)

    def _afterwards(self, name: str, view: Mapping[str, So], action: CompiledAction) -> list[So]:
        opens = action.opens
        if name == CHILDREN and opens is not None:
            options = 1 if opens.for_each is None else len(
                self.ground.definition.fields[opens.for_each].options)  # fmt: skip
            more = range(1, min(options, self.ground.most) + 1)
            return [
                self.ground.pool.brood([*view[name].value, *[Child(opens.process, None, None)] * n])
                for n in more
                if len(view[name].value) < 2 * self.ground.most + n
            ] or [view[name]]
        sent = name.removeprefix(message(""))
        if name != sent and sent in action.notify:
            when = self.ground.written.notifications[sent].when
            may = when is None or self.judge.may(when, view)
            may_not = when is not None and self.judge.may(when, view, wanted=False)
            return [*([self.so(True)] if may else []), *([view[name]] if may_not else [])]
        return [view[name]]

    # --- child cases ----------------------------------------------------------------------------

    def _ended(self, place: Place, view: Mapping[str, So]) -> Iterator[tuple[Move, Place]]:
        """Yield how each child case that is open may end."""
        if CHILDREN not in view:
            return
        at, tried = self.things.index(CHILDREN), set[Child]()
        for i, child in enumerate(view[CHILDREN].value):
            if child.outcome is not None or child in tried:
                continue
            tried.add(child)
            others = [c for j, c in enumerate(view[CHILDREN].value) if j != i]
            for outcome in self._outcomes(child):
                ended = Child(child.process, child.number, outcome)
                so = (*place.so[:at], self.ground.pool.brood([*others, ended]), *place.so[at + 1 :])
                yield Move(action=None, child=ended), Place(place.state, so, stayed=place.stayed)

    def _outcomes(self, child: Child) -> list[str]:
        """Return the endings that are told apart of those that a child case may have."""
        known = self.ground.around.endings(child.process, child.number)
        if known is None:
            return [*sorted(self.ground.outcomes), OTHER]
        others = sorted({*known} - self.ground.outcomes)
        return [*sorted({*known} & self.ground.outcomes), *others[:1]]

"""What a condition may come to on a way that is imagined, with what is followed of the case on it.

What is not followed may be anything, and so may what only time, people, other servers or a roster decide:
then both verdicts are possible.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from engine.definition import model
from engine.definition.conditions import compile_condition, only_key
from engine.definition.walk import fields_read, named_by, through_checklists

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from engine.definition.compiled import CompiledDefinition, Facts, Predicate

#: What is there although nobody knows yet what it is: a day, a person, an instant.
UNKNOWN = "\x00?"
#: The one thing that stands for all child cases.
CHILDREN = "children:"

_BOTH, _YES, _NO = frozenset({True, False}), frozenset({True}), frozenset({False})


@dataclass(frozen=True, slots=True, eq=False)
class So:
    """What one thing is, somewhere on a way; equal to itself only: `Pool` gives the same for the same.

    Attributes:
        value: Of a field, in stored form; of a message, whether it was sent; of the child cases, `Child`s.
        given: It was said on the way, so that a date in it may be any.
    """

    value: Any
    given: bool


class Pool:
    """Everything that is so on some way of one case, once each: places are told apart quickly."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._known: dict[tuple[str, bool], So] = {}

    def so(self, value: Any, *, given: bool = False) -> So:
        """Return what something is; of a list of records, only its length and its last one ever matter."""
        records = isinstance(value, list) and value and isinstance(value[0], dict)
        mark = repr((len(value), value[-1]) if records else value)
        if (mark, given) not in self._known:
            self._known[(mark, given)] = So(value, given)
        return self._known[(mark, given)]

    def brood(self, children: Iterable[Child]) -> So:
        """Return what the child cases are, in whatever order they come."""
        return self.so(
            sorted(children, key=lambda c: (c.process, c.number or "~", c.outcome or ""))
        )


@dataclass(frozen=True, slots=True)
class Child:
    """A child case on a way; `number` is None for one that is still to be opened."""

    process: str
    number: str | None
    outcome: str | None


def message(name: str) -> str:
    """Return how a message is called among what is followed."""
    return f"message:{name}"


class Judge:
    """Judges the conditions of one definition on ways from where a case is."""

    def __init__(self, definition: CompiledDefinition, facts: Facts) -> None:
        """Take the definition and the case as it is."""
        self._written = definition.written
        self._facts = facts
        self._tests: dict[int, Predicate] = {}
        self._read: dict[int, frozenset[str]] = {}
        self._kinds: dict[int, tuple[str, Any]] = {}

    def reads(self, root: model.Condition) -> frozenset[str]:
        """Return what a condition looks at that can be followed."""
        if id(root) not in self._read:
            parts = through_checklists(self._written, root)
            self._read[id(root)] = frozenset(n for part in parts for n in _read_by(part))
        return self._read[id(root)]

    def may(self, part: model.Condition, view: Mapping[str, So], *, wanted: bool = True) -> bool:
        """Tell whether a condition may come to what is wanted.

        Args:
            part: The condition.
            view: What is followed, by name.
            wanted: What it is to come to.
        """
        kind, what = self._kind(part)
        if kind == "negation":
            return self.may(what, view, wanted=not wanted)
        if kind == "checklist":
            items = self._written.checklists[what].items.values()
            return (all if wanted else any)(self.may(i.when, view, wanted=wanted) for i in items)
        if kind in {"all", "any"}:
            every = (kind == "all") == wanted
            return (all if every else any)(self.may(p, view, wanted=wanted) for p in what)
        return wanted in self._verdicts(kind, what, part, view)

    def _kind(self, part: model.Condition) -> tuple[str, Any]:
        found = self._kinds.get(id(part))
        if found is None:
            found = self._kinds[id(part)] = only_key(part)
        return found

    def _test(self, part: model.Condition) -> Predicate:
        found = self._tests.get(id(part))
        if found is None:
            found = self._tests[id(part)] = compile_condition(part, {})
        return found

    def _verdicts(
        self, kind: str, what: Any, part: model.Condition, view: Mapping[str, So]
    ) -> frozenset[bool]:
        if kind == "children":
            so = view.get(CHILDREN)
            return _BOTH if so is None else self._told(part, children=lambda: so.value)
        if kind == "message":
            sent = view.get(message(what.message))
            return _BOTH if sent is None or sent.value else _NO
        if kind in {"present", "obtained", "compare"}:
            return self._of_fields(kind, what, part, view)
        if kind == "earlier" and (left := view.get(message(named_by(what)[0]))) and not left.value:
            return _NO
        if kind in {"ahead", "earlier"} or (kind == "within" and not isinstance(what, str)):
            return self._of_date(kind, what.field, part, view)
        return _BOTH

    def _told(self, part: model.Condition, **facts: Any) -> frozenset[bool]:
        return _YES if self._test(part)(SimpleNamespace(**facts)) else _NO

    def _of_fields(
        self, kind: str, what: Any, part: model.Condition, view: Mapping[str, So]
    ) -> frozenset[bool]:
        names = list(fields_read(part))
        main = view.get(names[0])
        if main is not None and main.value is None:
            return _NO
        if main is None or any(n not in view for n in names):
            return _BOTH
        if any(view[n].value == UNKNOWN for n in names):
            return _BOTH if kind == "compare" else _YES
        if kind == "compare" and _rules(what):
            return self._of_moving_day(what, part, main)
        return self._told(part, data={n: view[n].value for n in names})

    def _of_moving_day(
        self, what: model.Compare, part: model.Condition, main: So
    ) -> frozenset[bool]:
        """Return what a comparison with a day that is counted may come to: only now goes on."""
        if main.given or any(rule.of != "now" for rule in _rules(what)):
            return _BOTH
        holds = self._test(part)(self._facts)
        # Once a day is before now it stays so; on or after it, it does not.
        return _BOTH if holds is (what.before is None) else _YES if holds else _NO

    def _of_date(
        self, kind: str, name: str, part: model.Condition, view: Mapping[str, So]
    ) -> frozenset[bool]:
        so = view.get(name.partition(".")[0])
        if so is None:
            return _BOTH
        if so.value is None:
            return _NO
        if so.given:
            return _BOTH
        if kind == "within":
            return _YES if self._test(part)(self._facts) else _NO
        return _BOTH if self._test(part)(self._facts) else _NO  # what is past is not ahead again


def _rules(what: model.Compare) -> list[model.When]:
    """Return the days, counted and not written, with which a comparison compares."""
    return [d for d in (what.before, what.not_before) if isinstance(d, model.When)]


def _read_by(part: model.Condition) -> Iterator[str]:
    yield from fields_read(part)
    if part.children is not None:
        yield CHILDREN
    if part.message is not None:
        yield message(part.message.message)
    if part.earlier is not None:
        yield from (message(name) for name in named_by(part.earlier))
    if part.untold is not None:
        yield message(part.untold)

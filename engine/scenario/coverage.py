"""What scenarios have reached of a definition, and by name what they have not.

Counted are the states that a case was in, the actions that were taken (by anybody, by the engine or
by a timer), the timers that took effect, the ways that an action with several may go, and the words
with which something was refused: the `because` of each guard, and that of each state closed to changes.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlalchemy import select

from engine.schema import cases, history

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from engine.database import Database
    from engine.definition.compiled import CompiledAction, CompiledDefinition, Words
    from engine.errors import Reason

#: What is counted, in the order in which it is told.
KINDS = ("states", "actions", "timers", "ways", "refusals")
#: A process, a kind, and the key of one thing of it.
Key = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Reached:
    """What was reached, over any number of scenarios."""

    keys: frozenset[Key] = frozenset()

    def __or__(self, other: Reached) -> Reached:
        """Return both together."""
        return Reached(self.keys | other.keys)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """How much of one kind was reached; `missing` are the rest, by key with their words."""

    kind: str
    total: int
    missing: Mapping[str, Words] = field(default_factory=dict)

    @property
    def reached(self) -> int:
        """How many were."""
        return self.total - len(self.missing)


def reached_in(database: Database, refusals: Sequence[tuple[str, str, Reason]]) -> Reached:
    """Return what the histories of a database have reached, and the refusals met beside."""
    wanted = select(cases.c.process, history.c.action, history.c.from_state, history.c.to_state,
                    history.c.body).join(cases, cases.c.id == history.c.case_id)  # fmt: skip
    keys: set[Key] = set()
    with database.read() as connection:
        for row in connection.execute(wanted):
            keys |= {(row.process, "states", row.to_state), (row.process, "actions", row.action)}
            keys.add((row.process, "ways", f"{row.action} → {row.to_state}"))
            timer = json.loads(row.body).get("timer")
            if timer is not None:
                keys.add((row.process, "timers", timer))
    keys |= {
        (process, "refusals", _refusal(where, reason.message["fr"]))
        for process, where, reason in refusals
        if reason.message is not None
    }
    return Reached(frozenset(keys))


def figures(definition: CompiledDefinition, reached: Reached) -> list[Figure]:
    """Return how much of each kind was reached of a definition."""
    things: dict[str, dict[str, Words]] = {
        "states": {k: s.label for k, s in definition.states.items()},
        "actions": {a.name: a.label for a in (definition.opening, *definition.actions.values())},
        "timers": {k: t.label for k, t in definition.timers.items()},
        "ways": dict(_ways(definition)),
        "refusals": dict(_refusals(definition)),
    }
    return [_figure(definition.key, kind, things[kind], reached) for kind in KINDS]


def _figure(process: str, kind: str, things: Mapping[str, Words], reached: Reached) -> Figure:
    missing = {k: label for k, label in things.items() if (process, kind, k) not in reached.keys}
    return Figure(kind=kind, total=len(things), missing=missing)


def _ways(definition: CompiledDefinition) -> Iterator[tuple[str, Words]]:
    """Yield the states to which an action with several ways may lead; two ways to one are one."""
    for action in definition.actions.values():
        for target in _targets(action):
            label = definition.states[target].label
            yield (
                f"{action.name} → {target}",
                {lang: f"{action.label[lang]} → {label[lang]}" for lang in ("fr", "en")},
            )


def _targets(action: CompiledAction) -> list[str]:
    targets = dict.fromkeys(b.state for b in action.branches if b.state is not None)
    return list(targets) if len(action.branches) > 1 else []


def _refusals(definition: CompiledDefinition) -> Iterator[tuple[str, Words]]:
    for action in definition.actions.values():
        for requirement in action.requirements:
            yield _named(action.name, action.label, requirement.because)
    for state in definition.states.values():
        if state.because is not None:
            yield _named(state.name, state.label, state.because)


def _named(where: str, label: Words, because: Words) -> tuple[str, Words]:
    words = {lang: f"{label[lang]} : {because[lang]}" for lang in ("fr", "en")}
    return _refusal(where, because["fr"]), words


def _refusal(where: str, because: str) -> str:
    return f"{where}: {because}"


def total(of: Iterable[Figure]) -> tuple[int, int]:
    """Return how many of all these were reached, and how many there are."""
    counted = list(of)
    return sum(f.reached for f in counted), sum(f.total for f in counted)

"""The plan of a migration: what becomes of each state, field and timer of a version in a newer one.

What has the same name stays itself; a rename is taken for one only where nothing else can be meant
(`renames`); the mapping decides the rest. What nobody has decided is no entry of the plan, and keeps
its cases where they are.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from engine.change.mapping import Mapping as Given
from engine.change.obstacles import Prover
from engine.change.renames import renames

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engine.definition import model
    from engine.library import Process

    How = Literal["same", "guessed", "given"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StateMove:
    """Where the cases of a state go; `kept`: they have been there since they entered the old one."""

    to: str
    kept: bool
    how: How


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldMove:
    """The field that takes the values of an old one; None: they are dropped, by name."""

    to: str | None
    how: How


@dataclass(frozen=True, kw_only=True)
class Plan:
    """From one version to another.

    Attributes:
        old: The version that the cases are on.
        new: The version they go to.
        states: By old state; one that is not here is undecided.
        fields: By old field, `list.field` for those of records; one that is not here is undecided.
        timers: The old timers that are in the new version, by their new names.
        given: The mapping.
    """

    old: Process
    new: Process
    states: Mapping[str, StateMove]
    fields: Mapping[str, FieldMove]
    timers: Mapping[str, str]
    given: Given = field(default_factory=Given)

    @cached_property
    def defaults(self) -> dict[str, Any]:
        """The default values, in stored form."""
        fields = self.new.definition.fields
        return {name: fields[name].normalise(v) for name, v in self.given.defaults.items()}

    @cached_property
    def prover(self) -> Prover:
        """What proves the new version again from where a case would stand in it."""
        return Prover(self.new)

    @property
    def undecided_states(self) -> list[str]:
        """The old open states that have no place in the new version yet."""
        states = self.old.definition.states.values()
        return [s.name for s in states if s.outcome is None and s.name not in self.states]

    @property
    def undecided_fields(self) -> list[str]:
        """The old fields that have no place in the new version yet."""
        return [name for name in specs(self.old.definition.written) if name not in self.fields]

    @property
    def undecided_options(self) -> list[tuple[str, str]]:
        """The old fields with their options that the new version does not have, as far as is known."""
        before, after = specs(self.old.definition.written), specs(self.new.definition.written)
        return [
            (name, option)
            for name, move in self.fields.items()
            if move.to in after and after[move.to].options
            for option in before[name].options or {}
            if option not in (after[move.to].options or {})
            and option not in self.given.values.get(name, {})
        ]


def specs(definition: model.Definition) -> dict[str, model.FieldSpec]:
    """Return the fields of a definition, those of records by `list.field`."""
    found = dict(definition.fields)
    for name, spec in definition.fields.items():
        found |= {f"{name}.{key}": inner for key, inner in (spec.of or {}).items()}
    return found


def propose(old: Process, new: Process, given: Given | None = None) -> Plan:
    """Return the plan from one version to another, completed by a mapping.

    Args:
        old: The version that cases are on.
        new: The version they are to go to.
        given: What the process's owner decided; names that `old` does not have are for another version.
    """
    given = given or Given()
    before, after = old.definition.written, new.definition.written
    return Plan(
        old=old,
        new=new,
        states=_states(before, after, given),
        fields=_fields(before, after, given),
        timers={new: old for old, new in _kept(before.timers, after.timers).items()},
        given=given,
    )


def _kept(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, str]:
    return {**{name: name for name in before if name in after}, **renames(before, after)}


def _states(
    before: model.Definition, after: model.Definition, given: Given
) -> dict[str, StateMove]:
    moves = {n: StateMove(to=n, kept=True, how="same") for n in before.states if n in after.states}
    for name, to in renames(before.states, after.states).items():
        moves[name] = StateMove(to=to, kept=True, how="guessed")
    for name, target in given.states.items():
        if name not in before.states:
            continue
        to = target if isinstance(target, str) else target.to
        # A state that was not there before is the old one under another name; another is entered now.
        kept = (name == to or to not in before.states) if isinstance(target, str) else (
            target.entered == "kept")  # fmt: skip
        moves[name] = StateMove(to=to, kept=kept, how="given")
    return moves


def _fields(
    before: model.Definition, after: model.Definition, given: Given
) -> dict[str, FieldMove]:
    moves: dict[str, FieldMove] = {}
    known = specs(before)
    # What is said of a field that this version does not have takes the place of none of its own.
    taken = {to for name, to in given.fields.items() if name in known}
    left = {n: s for n, s in before.fields.items() if n not in given.fields and n not in given.drop}
    free = {n: s for n, s in after.fields.items() if n not in taken}
    guessed = renames(left, free)
    for name in left:
        if name in free:
            moves[name] = FieldMove(to=name, how="same")
        elif name in guessed:
            moves[name] = FieldMove(to=guessed[name], how="guessed")
    moves |= {n: FieldMove(to=to, how="given") for n, to in given.fields.items() if n in known}
    moves |= {n: FieldMove(to=None, how="given") for n in given.drop if n in known}
    for name, spec in before.fields.items():
        moves |= _inner(name, spec, after, moves)
    return moves


def _inner(
    name: str, spec: model.FieldSpec, after: model.Definition, moves: Mapping[str, FieldMove]
) -> dict[str, FieldMove]:
    """Return what becomes of the fields of a list's records, where the mapping does not say it."""
    move = moves.get(name)
    if not spec.of or move is None:
        return {}
    names = [k for k in spec.of if f"{name}.{k}" not in moves]
    if move.to is None:
        return {f"{name}.{k}": FieldMove(to=None, how=move.how) for k in names}
    taken = {m.to for m in moves.values()}
    of = after.fields[move.to].of or {}
    there = {k: s for k, s in of.items() if f"{move.to}.{k}" not in taken}
    found = {f"{name}.{k}": FieldMove(to=f"{move.to}.{k}", how="same") for k in names if k in there}
    for key, to in renames(spec.of, there).items():
        if key in names:
            found[f"{name}.{key}"] = FieldMove(to=f"{move.to}.{to}", how="guessed")
    return found

"""A process and those that it opens: what a parent gives a child, and what it awaits of it.

A child whose opening would be refused would undo the parent's own step; a join that counts an ending that
the child does not have would wait for ever.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from engine.definition import arrivals, checks, paths, stuck
from engine.definition.compiler import in_order
from engine.definition.decide import Decider
from engine.definition.fields import longest
from engine.definition.flow import Flow
from engine.definition.graph import Graph, said
from engine.definition.possible import Possible
from engine.definition.walk import conditions, spec_of, split_form, states_of, targets_of
from engine.definition.worlds import Kin, kin_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from engine.definition import model
    from engine.definition.compiler import Examined
    from engine.definition.source import Path
    from engine.errors import Finding

#: A process that is there, with mistakes of its own: nothing is said of what is between it and others.
UNSOUND: Literal["unsound"] = "unsound"
Unsound = Literal["unsound"]

#: What a text may be filled from: all that is kept as one line of text.
_WORDS = frozenset({"text", "choice", "email", "country", "person", "case", "date", "decimal"})


def together(
    examined: Examined, process: Callable[[str], model.Definition | Unsound | None]
) -> tuple[Finding, ...]:
    """Return everything found in a process and between it and those that it opens, in the file's order.

    Args:
        examined: The process.
        process: Gives a process by its key; None when there is none of that name.
    """
    flow = examined.flow
    between = [] if flow is None else list(_Family(flow, process).check())
    unknown = [f for f in between if f.code == "unknown-process"]
    if flow is None or not unknown:
        return in_order([*examined.findings, *between])
    return in_order([*_apart_from(examined, flow, unknown), *between])


def _apart_from(examined: Examined, flow: Flow, unknown: list[Finding]) -> Iterator[Finding]:
    """Yield what is found whichever process was meant where none of the name is there."""
    assert examined.definition is not None
    assert examined.source is not None
    said = [str(f) for f in paths.check(flow)]
    others = [f for f in examined.findings if str(f) not in said]
    doubted = checks.follow(examined.definition, examined.source, [*others, *unknown])
    still = [] if doubted is None else [str(f) for f in paths.check(doubted)]
    yield from (f for f in examined.findings if str(f) not in said or str(f) in still)


class Given:
    """The processes of some files that were examined, before any other."""

    def __init__(
        self, examined: Iterable[Examined], others: Callable[[str], model.Definition | None]
    ) -> None:
        """Take those examined, and what gives any other by its key."""
        self._given = {str(e.process): e for e in examined}
        self._others = others

    def process(self, key: str) -> model.Definition | Unsound | None:
        """Return a process by its key; None when there is none."""
        if key not in self._given:
            return self._others(key)
        flow = self._given[key].flow
        return flow.d if flow is not None and flow.graph.doubts.none else UNSOUND


class _Family:
    """Compares one process with those that it opens."""

    def __init__(
        self, flow: Flow, process: Callable[[str], model.Definition | Unsound | None]
    ) -> None:
        self.flow = flow
        self.d = flow.d
        self.source = flow.graph.source
        self._process = process

    def process(self, key: str) -> model.Definition | Unsound | None:
        """Return a process by its key, this one too; None when there is none."""
        if key != self.d.process:
            return self._process(key)
        return self.d if self.flow.graph.doubts.none else UNSOUND

    def check(self) -> Iterator[Finding]:
        """Yield the findings."""
        if any(c.children is not None for _, c in conditions(self.d)):
            yield from stuck.check(_possible(self.flow), self._kin)
        yield from self._endless()
        for name, action in self.d.actions.items():
            if action.opens is not None:
                yield from self._opens(name, action, action.opens)
        for path, condition in conditions(self.d):
            if condition.children is not None:
                yield from self._awaits(path, condition.children)

    def _endless(self) -> Iterator[Finding]:
        """Yield what opens a case at once which opens another at once, and so on without an end."""
        if not any(a.opens and a.automatic for a in self.d.actions.values()):
            return
        for action, process in _born(self.flow):
            circle = self._back(process, (self.d.process,))
            if circle is not None:
                said = " → ".join(circle)
                yield self.source.finding(
                    "automatic-circle", ("actions", action),
                    f"« {action} » se fait dès l'ouverture et ouvre un dossier qui en ouvre un autre, sans fin : {said}.",
                    f"{action!r} is done as soon as a case opens, and opens one that opens another, for ever: {said}.",
                    of_key=True,
                )  # fmt: skip

    def _back(self, process: str, way: tuple[str, ...]) -> tuple[str, ...] | None:
        """Return the processes that open each other at once, from one back to this one."""
        if process == way[0]:
            return (*way, process)
        child = self.process(process)
        if process in way or child is None or isinstance(child, str):
            return None
        born = _born(Flow(Graph(child, self.source)))
        found = (self._back(following, (*way, process)) for _, following in born)
        return next((f for f in found if f is not None), None)

    def _kin(self, key: str) -> Kin | None:
        child = self.process(key)
        return None if child is None or isinstance(child, str) else kin_of(child)

    def _opens(self, name: str, action: model.Action, opens: model.Child) -> Iterator[Finding]:
        path: Path = ("actions", name, "opens")
        child = self.process(opens.process)
        if child is None:
            yield self.source.finding(
                "unknown-process", (*path, "process"),
                f"le processus « {opens.process} » n'existe pas ici; donnez son fichier aussi.",
                f"there is no process {opens.process!r} here; give its file too.",
            )  # fmt: skip
        elif not isinstance(child, str):
            yield from self._gives(path, opens, child)
            yield from self._demands(name, action, opens, child)

    def _gives(self, path: Path, opens: model.Child, child: model.Definition) -> Iterator[Finding]:
        """Yield what a child is given that it does not ask for, or that does not fit."""
        asked = {i if isinstance(i, str) else i.field for i in child.opening.form}
        for place, theirs, ours in _given(opens):
            if theirs not in asked or theirs not in child.fields:
                yield self.source.finding(
                    "unknown-field", (*path, *place),
                    f"l'ouverture de « {opens.process} » ne demande pas « {theirs} ».",
                    f"the opening of {opens.process!r} does not ask for {theirs!r}.", of_key=True,
                )  # fmt: skip
                continue
            mine = self._spec(ours)
            why = (
                None
                if mine is None
                else _misfit(mine, child.fields[theirs], item=place == ("item",))
            )
            if why is not None:
                yield self.source.finding(
                    "child-refused", (*path, *place),
                    f"« {ours} » peut ne pas convenir à « {theirs} » de « {opens.process} » : {why[0]}.",
                    f"{ours!r} may not fit {theirs!r} of {opens.process!r}: {why[1]}.",
                )  # fmt: skip

    def _spec(self, name: str) -> model.FieldSpec | None:
        if (
            split_form(name)[0] in self.flow.graph.doubts.fields
            or name in self.flow.graph.doubts.fields
        ):
            return None
        try:
            return spec_of(self.d, name)
        except KeyError:
            return None

    def _demands(
        self, name: str, action: model.Action, opens: model.Child, child: model.Definition
    ) -> Iterator[Finding]:
        """Yield what a child's opening demands that may not be there to give."""
        given = {theirs: (place, ours) for place, theirs, ours in _given(opens)}
        demanded = [i for i in child.opening.form if isinstance(i, str) or i.required is True]
        for theirs in (i if isinstance(i, str) else i.field for i in demanded):
            if theirs not in given:
                yield self.source.finding(
                    "child-refused", ("actions", name, "opens"),
                    f"l'ouverture de « {opens.process} » demande « {theirs} », qui n'est pas donné.",
                    f"the opening of {opens.process!r} demands {theirs!r}, which is not given.",
                )  # fmt: skip
                continue
            place, ours = given[theirs]
            if place[0] == "copy":
                yield from self._there(name, action, (*place,), ours)

    def _there(self, name: str, action: model.Action, place: Path, ours: str) -> Iterator[Finding]:
        for state in states_of(self.d, action):
            edge = next((e for e in self.flow.graph.out[state] if e.action == name), None)
            if edge is None or state not in self.flow.sure or ours in self.flow.after(edge):
                continue
            if ours in self.flow.graph.doubts.fields:
                continue
            edges = arrivals.of(self.flow).way_without(ours, state, edge)
            if edges is None:
                continue
            way = self.flow.graph.way(edges)
            yield self.source.finding(
                "may-be-absent", ("actions", name, "opens", *place),
                f"{said(way)} : le champ « {ours} » peut être absent, et le dossier enfant le demande.",
                f"{said(way)}: field {ours!r} may be absent, and the child case demands it.", way=way,
            )  # fmt: skip
            return

    def _awaits(self, path: Path, part: model.Children) -> Iterator[Finding]:
        child = None if part.process is None else self.process(part.process)
        if part.outcome is None or child is None or isinstance(child, str):
            return
        known = [s.end.outcome for s in child.states.values() if s.end is not None]
        if part.outcome not in known:
            yield self.source.finding(
                "unknown-outcome", (*path, "children", "outcome"),
                f"« {part.process} » ne finit jamais par « {part.outcome} » : {', '.join(known)}.",
                f"{part.process!r} never ends in {part.outcome!r}: {', '.join(known)}.",
            )  # fmt: skip


def _possible(flow: Flow) -> Possible:
    return Possible(flow, Decider(flow.d, flow.graph.doubts))


def _born(flow: Flow) -> Iterator[tuple[str, str]]:
    """Yield what opens a child case in the very step that opens a case, whatever the case, and which."""
    possible, state, passed = _possible(flow), flow.graph.first, set[str]()
    while state not in passed:
        passed.add(state)
        name = possible.at_once(state)
        if name is None:
            return
        action = flow.d.actions[name]
        opens = action.opens
        if opens is not None and (opens.for_each is None or opens.for_each in flow.sure[state]):
            yield name, opens.process
        targets = set(targets_of(action, state))
        state = targets.pop()
        if targets:
            return  # it depends on the case


def _given(opens: model.Child) -> Iterator[tuple[tuple[str, ...], str, str]]:
    """Yield what a child is given: where it is written, the child's field, ours."""
    for theirs, ours in opens.copy_fields.items():
        yield ("copy", theirs), theirs, ours
    for theirs, ours in opens.form.items():
        yield ("form", theirs), theirs, ours
    if opens.item is not None and opens.for_each is not None:
        yield ("item",), opens.item, opens.for_each


def _misfit(
    mine: model.FieldSpec, theirs: model.FieldSpec, *, item: bool
) -> tuple[str, str] | None:
    """Return why a value of one field may be refused by another."""
    kind = "choice" if item else mine.type
    if kind == theirs.type and kind in {"choice", "choices"}:
        strange = sorted(set(mine.options or {}) - set(theirs.options or {}))
        return (
            (f"« {strange[0]} » n'y est pas", f"{strange[0]!r} is not there") if strange else None
        )
    if kind != theirs.type and not (theirs.type in {"text", "paragraph"} and kind in _WORDS):
        return (f"« {kind} » n'est pas « {theirs.type} »", f"{kind} is not {theirs.type}")
    if theirs.type in {"text", "paragraph"} and kind in {"text", "paragraph"}:
        return _too_much(longest(mine), longest(theirs))
    if theirs.type == kind and kind in {"integer", "decimal"}:
        return _out_of_range(mine, theirs)
    return None


def _too_much(mine: int, theirs: int) -> tuple[str, str] | None:
    if mine <= theirs:
        return None
    return (
        f"jusqu'à {mine} caractères, {theirs} là-bas",
        f"up to {mine} characters, {theirs} there",
    )


def _out_of_range(mine: model.FieldSpec, theirs: model.FieldSpec) -> tuple[str, str] | None:
    low = theirs.min is not None and (mine.min is None or mine.min < theirs.min)
    high = theirs.max is not None and (mine.max is None or mine.max > theirs.max)
    return ("ses bornes sont plus larges", "its bounds are wider") if low or high else None

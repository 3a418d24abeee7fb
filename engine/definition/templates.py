"""Templates, rendered when a definition is compiled: none may fail at two in the morning."""

from __future__ import annotations

from dataclasses import replace
from functools import cache, partial
from typing import TYPE_CHECKING

from engine.definition import arrivals
from engine.definition.graph import said
from engine.definition.samples import sample_facts, variants
from engine.definition.sendings import sendings
from engine.errors import Finding, Place

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from engine.definition.arrivals import Arrivals
    from engine.definition.compiled import CompiledDefinition, CompiledNotification
    from engine.definition.flow import Flow
    from engine.definition.graph import Way
    from engine.definition.samples import Case
    from engine.definition.sendings import Sending
    from engine.definition.source import Path
    from engine.ports import Fault, TemplateChecker

#: The templates of a definition are rendered no more often than this: one that asks for more has very
#: many messages with very many fields, and is refused.
MAX_RENDERINGS = 20_000
_RULE = "template"


def check_templates(
    compiled: CompiledDefinition, flow: Flow, templates: TemplateChecker
) -> list[Finding]:
    """Return what is wrong with the templates of a definition.

    Each is read in all its branches, then rendered where it leaves from, with everything there, with
    nothing there but what surely is, with each other thing alone missing and alone there, with each option
    of each choice and with each value that it names.

    Args:
        compiled: The definition.
        flow: What is there at each of its states.
        templates: What renders.
    """
    found: dict[str, Finding] = {}
    left, ways = [MAX_RENDERINGS], cache(partial(arrivals.of, flow))
    for notification in compiled.notifications.values():
        if flow.graph.doubts.fields & {*notification.fields, notification.says}:
            continue
        for name, place in _written(notification):
            template = _Template(compiled, flow, templates, notification, name, place, left, ways)
            for finding in template.check():
                found[str(finding)] = finding
        if left[0] < 0:
            break
    return list(found.values())


def _written(notification: CompiledNotification) -> Iterator[tuple[str, Path]]:
    """Yield each template of a message, with its place in the definition."""
    path: Path = ("notifications", notification.name)
    yield notification.template, (*path, "template")
    if notification.newcomers is not None:
        yield notification.newcomers.template, (*path, "newcomers", "template")


class _Template:
    """Checks one template of one message."""

    def __init__(
        self,
        compiled: CompiledDefinition,
        flow: Flow,
        templates: TemplateChecker,
        notification: CompiledNotification,
        template: str,
        place: Path,
        left: list[int],
        arrivals: Callable[[], Arrivals],
    ) -> None:
        self.arrivals = arrivals
        self.left = left
        self.compiled = compiled
        self.flow = flow
        self.templates = templates
        self.message = notification
        self.template = template
        self.place = place
        self.places: list[Sending] = sendings(flow, notification.name)
        #: Where reading found a fault: rendering has nothing to add there.
        self.told: set[tuple[str, int]] = set()
        self.seen: dict[Fault, set[str | None]] = {}

    def check(self) -> Iterator[Finding]:
        """Yield what is wrong, one finding for each fault."""
        message, first = self.message, next(iter(self.compiled.states))
        whole = sample_facts(self.compiled, message, first, empty=False)
        read = self.templates.read(self.template, message.available, whole)
        for fault in read.faults:
            self.told.add((fault.file, fault.line))
            yield _in_place(fault)
        for state, places in self._states(first, read.names):
            everywhere = [p.sure for p in places] or [frozenset(message.fields)]
            sure = frozenset.intersection(*everywhere)
            for case in variants(self.compiled, message, state, sure, read):
                if self.left[0] < 0:
                    yield self._too_many()
                    return
                yield from self._render(case, places)

    def _states(self, first: str, names: frozenset[str]) -> Iterator[tuple[str, list[Sending]]]:
        """Yield the states to render for, each with the places that lead there.

        Facts have the same shape in every state: one stands for all, unless the template looks at it.
        """
        if names.isdisjoint({"state", "state_label"}) or not self.places:
            yield first, self.places
            return
        states: dict[str, list[Sending]] = {}
        for place in self.places:
            states.setdefault(place.there(self.flow), []).append(place)
        yield from states.items()

    def _render(self, case: Case, places: list[Sending]) -> Iterator[Finding]:
        self.left[0] -= 1
        found = self.templates.check(self.template, self.message.available, case.facts)
        for fault in dict.fromkeys(found):
            seen = self.seen.setdefault(fault, set())
            # The same words may be said of two fields: each is told.
            again = bool(seen & {None, case.lacks}) or (bool(seen) and case.lacks is None)
            seen.add(case.lacks)
            if again or (fault.file, fault.line) in self.told:
                continue
            if case.lacks is None:
                yield self._fault(fault, case, places)
            else:
                yield from self._absent(case.lacks, fault, places)

    def _absent(self, name: str, fault: Fault, places: list[Sending]) -> Iterator[Finding]:
        """Yield that a template needs a field, unless it is there wherever the message leaves from."""
        ways = (p.way_without(self.arrivals(), name) for p in places if name not in p.sure)
        way = next((w for w in ways if w is not None), None)
        if way is None:
            return
        fr, en = _at(fault)
        found = self.flow.graph.source.finding(
            "may-be-absent", self.place,
            f"{said(way)} : le champ « {name} » peut être absent dans le gabarit {fr} : {fault.fr}.",
            f"{said(way)}: field {name!r} may be absent in template {en}: {fault.en}.",
            way=way,
        )  # fmt: skip
        yield replace(found, related=_line(fault))

    def _fault(self, fault: Fault, case: Case, places: Sequence[Sending]) -> Finding:
        way = places[0].way(self.arrivals()) if places else ()
        fr, en = _at(fault)
        fr, en = f"gabarit {fr}", f"template {en}"
        if case.fr:
            fr, en = f"{fr}, {case.fr}", f"{en}, {case.en}"
        if way:
            fr, en = f"{said(way)} : {fr}", f"{said(way)}: {en}"
        found = self._finding(f"{fr} : {fault.fr}.", f"{en}: {fault.en}.", way)
        return replace(found, related=_line(fault))

    def _too_many(self) -> Finding:
        return self._finding(f"le gabarit « {self.template} » a trop de valeurs à essayer.",
                             f"template {self.template!r} has too many values to try.")  # fmt: skip

    def _finding(self, fr: str, en: str, way: Way = ()) -> Finding:
        return self.flow.graph.source.finding(_RULE, self.place, fr, en, way=way)


def _in_place(fault: Fault) -> Finding:
    """Return what is wrong with a template whatever the case: it is at its own place."""
    (place,) = _line(fault)
    return Finding(
        code=_RULE, path=place.path, line=place.line, excerpt=place.excerpt, column=place.column,
        messages={"fr": f"{fault.fr}.", "en": f"{fault.en}."},
    )  # fmt: skip


def _line(fault: Fault) -> tuple[Place, ...]:
    """Return the line of the template that a fault is on, if it is on one."""
    if not fault.path:
        return ()
    return (Place(path=fault.path, line=fault.line, excerpt=fault.excerpt),)


def _at(fault: Fault) -> tuple[str, str]:
    """Return where a fault is, in both languages."""
    if not fault.line:
        return fault.file, fault.file
    return f"{fault.file}, ligne {fault.line}", f"{fault.file}, line {fault.line}"

"""Templates, rendered when a definition is compiled: none may fail at two in the morning."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.definition.graph import said
from engine.definition.samples import sample_facts, variants
from engine.definition.sendings import sendings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engine.definition.compiled import CompiledDefinition, CompiledNotification
    from engine.definition.flow import Flow
    from engine.definition.sendings import Sending
    from engine.errors import Finding
    from engine.ports import TemplateChecker

#: The templates of a definition are rendered no more often than this: one that asks for more has very
#: many messages with very many fields, and is refused.
MAX_RENDERINGS = 20_000


def check_templates(
    compiled: CompiledDefinition, flow: Flow, templates: TemplateChecker
) -> list[Finding]:
    """Return what is wrong with the templates of a definition.

    Each is rendered with everything there, with nothing there but what surely is wherever the message
    leaves from, with each other thing alone missing and alone there, and with each option of each choice.
    Facts have the same shape in every state, so that one state stands for all.

    Args:
        compiled: The definition.
        flow: What is there at each of its states.
        templates: What renders.
    """
    found: dict[str, Finding] = {}
    left = [MAX_RENDERINGS]
    for notification in compiled.notifications.values():
        if flow.graph.doubts.fields & set(notification.fields):
            continue
        for finding in _Template(compiled, flow, templates, notification, left).check():
            found[str(finding)] = finding
        if left[0] < 0:
            break
    return list(found.values())


class _Template:
    """Checks the template of one message."""

    def __init__(
        self,
        compiled: CompiledDefinition,
        flow: Flow,
        templates: TemplateChecker,
        notification: CompiledNotification,
        left: list[int],
    ) -> None:
        self.left = left
        self.compiled = compiled
        self.flow = flow
        self.templates = templates
        self.message = notification
        self.places: list[Sending] = sendings(flow, notification.name)
        everywhere = [p.sure for p in self.places] or [frozenset(notification.fields)]
        self.sure = frozenset.intersection(*everywhere)

    def check(self) -> Iterator[Finding]:
        """Yield what is wrong, one finding for each fault."""
        state = next(iter(self.compiled.states))
        whole = sample_facts(self.compiled, self.message, state, empty=False)
        known = self._faults(whole)
        yield from (self._fault(f) for f in known)
        lacking: list[str] = []
        # The same words may be said of two fields: each is told.
        for name in (n for n in self.message.fields if n not in self.sure):
            facts = sample_facts(self.compiled, self.message, state, empty=False, but=name)
            for fault in [f for f in self._faults(facts) if f not in known]:
                lacking.append(fault)
                yield from self._absent(name, fault)
        known += lacking
        for facts in variants(self.compiled, self.message, self.sure):
            for fault in [f for f in self._faults(facts) if f not in known]:
                known.append(fault)
                yield self._fault(fault)
            if self.left[0] < 0:
                yield self._fault("trop de valeurs à essayer / too many values to try")
                return

    def _faults(self, facts: dict[str, object]) -> list[str]:
        self.left[0] -= 1
        checked = self.templates.check(self.message.template, self.message.available, facts)
        return list(dict.fromkeys(checked))

    def _absent(self, name: str, fault: str) -> Iterator[Finding]:
        """Yield that a template needs a field, unless it is there wherever the message leaves from."""
        place = next((p for p in self.places if name not in p.sure), None)
        if place is None:
            return
        way = place.way_without(self.flow, name)
        yield self.flow.graph.source.finding(
            "may-be-absent", ("notifications", self.message.name, "template"),
            f"{said(way)} : le champ « {name} » peut être absent dans le gabarit "
            f"« {self.message.template} » ({fault}).",
            f"{said(way)}: field {name!r} may be absent in template {self.message.template!r} ({fault}).",
            way=way,
        )  # fmt: skip

    def _fault(self, fault: str) -> Finding:
        return self.flow.graph.source.finding(
            "template", ("notifications", self.message.name, "template"),
            f"le gabarit « {self.message.template} » : {fault}",
            f"template {self.message.template!r}: {fault}",
        )  # fmt: skip

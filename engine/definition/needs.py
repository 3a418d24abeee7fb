"""What may be absent where it is needed, with a shortest way that shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.definition.flow import needed_by
from engine.definition.graph import said
from engine.definition.walk import batches_of, split_form, states_of, states_of_timer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engine.definition import model
    from engine.definition.arrivals import Arrivals
    from engine.definition.flow import Flow
    from engine.definition.graph import Edge, Way
    from engine.definition.source import Path
    from engine.errors import Finding


class Needs:
    """Finds what is needed where it may be absent."""

    def __init__(self, flow: Flow, arrivals: Arrivals) -> None:
        self.arrivals = arrivals
        self.flow = flow
        self.graph = flow.graph
        self.d = flow.d
        self.unknown = flow.graph.doubts.fields

    def check(self) -> Iterator[Finding]:
        """Yield every finding, one for each place and thing."""
        opening = self.d.opening
        if None not in self.graph.doubts.data:
            there = self.flow.effects[None].after(set())
            for i, name in enumerate(opening.notify):
                missing = self._for_message(name) - there
                way = self.graph.way([])
                for lacks in sorted(missing - self.unknown)[:1]:
                    yield self._absent(("opening", "notify", i), lacks, way, "message")
        for name, action in self.d.actions.items():
            if name not in self.graph.doubts.data:
                yield from self._in_action(name, action)
        yield from self._in_states()
        yield from self._in_timers()

    # --- actions --------------------------------------------------------------------------------

    def _in_action(self, name: str, action: model.Action) -> Iterator[Finding]:
        told: set[Path] = set()
        for state in states_of(self.d, action):
            edges = [e for e in self.graph.out[state] if e.action == name]
            if state not in self.flow.sure or not edges:
                continue
            for path, missing, why in self._lacking(name, action, edges):
                # The same lack from several states is one mistake.
                if path not in told:
                    found = [*self._without(path, missing, why, state, edges[0])]
                    told |= {path} if found else set()
                    yield from found
        yield from self._not_added(name, action)

    def _lacking(
        self, name: str, action: model.Action, edges: list[Edge]
    ) -> Iterator[tuple[Path, set[str], str]]:
        before = self.flow.sure[edges[0].source]
        # All ways lead past the message; what is there on each of them is there.
        there = set.intersection(*(self.flow.after(e) for e in edges))
        for i, notification in enumerate(action.notify):
            own = self._for_message(notification) - there
            yield ("actions", name, "notify", i), own, "message"
            earlier = self._earlier(notification) - before - there
            yield ("actions", name, "notify", i), earlier, "earlier"
        for edge in edges:
            end = self.d.states[edge.target].end
            if end is not None and end.redirect is not None:
                branch = () if edge.branch is None else (edge.branch, "state")
                missing = {end.redirect} - self.flow.after(edge)
                yield ("actions", name, "to", *branch), missing, "redirect"
        if action.opens is not None and action.opens.for_each is not None:
            given = self.flow.effects[name].asked(before) | self.flow.effects[name].told
            missing = {action.opens.for_each} - given
            yield ("actions", name, "opens", "for_each"), missing, "each"

    def _for_message(self, name: str) -> set[str]:
        """Return the fields without which a message cannot leave, unless its `when` asks for them."""
        part = self.d.notifications[name]
        needed = {part.to.address or "", part.calendar.start if part.calendar else ""} - {""}
        return needed - self.flow.told_by(part.when)

    def _earlier(self, name: str) -> set[str]:
        """Return the batch whose recipients a message goes to, when nothing tells that it was sent."""
        part = self.d.notifications[name]
        if part.when is not None:
            return set()
        return {f"message:{name}" for name in batches_of(part.to)[:1]}

    def _not_added(self, name: str, action: model.Action) -> Iterator[Finding]:
        """Yield a record's field handed to a child by an action that may add no record."""
        demanded = {
            split_form(i if isinstance(i, str) else i.field)[0]
            for i in action.form
            if isinstance(i, str) or i.required is True
        }
        for theirs, ours in (action.opens.form if action.opens else {}).items():
            record, _ = split_form(ours)
            if record is not None and record not in demanded:
                path = ("actions", name, "opens", "form", theirs)
                state = next((s for s in states_of(self.d, action) if s in self.flow.sure), None)
                if state is not None and record not in self.unknown:
                    yield self._absent(path, record, self.graph.way_to(state), "child")

    # --- states and timers ----------------------------------------------------------------------

    def _in_states(self) -> Iterator[Finding]:
        for name, state in self.d.states.items():
            if state.due is not None and name in self.flow.sure:
                missing = needed_by(state.due) - self.flow.sure[name]
                yield from self._without(("states", name, "due"), missing, "due", name)

    def _in_timers(self) -> Iterator[Finding]:
        for name, timer in self.d.timers.items():
            told = self.flow.told_by(timer.only)
            needs: list[tuple[Path, set[str], str]] = [
                (("timers", name, "notify", i), self._for_message(n) - told, "message")
                for i, n in enumerate(timer.notify)
            ]
            needs += [
                (("timers", name, "notify", i), self._earlier(n) - told, "earlier")
                for i, n in enumerate(timer.notify)
            ]
            needs.append((("timers", name, "at"), needed_by(timer.at) - told, "timer"))
            for path, needed, why in needs:
                yield from self._in_timer(name, timer, path, needed, why)

    def _in_timer(
        self, name: str, timer: model.Timer, path: Path, needed: set[str], why: str
    ) -> Iterator[Finding]:
        states = [s for s in states_of_timer(self.d, timer) if s in self.flow.sure]
        for state in states:
            missing = needed - self.flow.sure[state]
            found = [*self._without(path, missing, why, state, timer=name)]
            if found:
                yield from found
                return

    def _without(
        self,
        path: Path,
        missing: set[str],
        why: str,
        state: str,
        *then: Edge,
        timer: str | None = None,
    ) -> Iterator[Finding]:
        """Yield the first of what is missing that some way to a state leaves out."""
        for name in sorted(missing - self.unknown):
            edges = self.arrivals.way_without(name, state, *then)
            if edges is not None:
                last = () if timer is None else (self.graph.timer(timer),)
                yield self._absent(path, name, (*self.graph.way(edges), *last), why)
                return

    # --- words ----------------------------------------------------------------------------------

    def _absent(self, path: Path, missing: str, way: Way, why: str) -> Finding:
        name = missing.rpartition(":")[2]
        fr, en = _WHY[why]
        return self.graph.source.finding(
            "may-be-absent", path,
            f"{said(way)} : {fr.format(field=name)}.", f"{said(way)}: {en.format(field=name)}.",
            way=way,
        )  # fmt: skip


_FR, _EN = "le champ « {field} » peut être absent", "field {field!r} may be absent"
_WHY = {
    "message": (
        _FR + " quand ce message part; ajoutez « when: {{obtained: {field}}} »",
        _EN + " when this message leaves; add 'when: {{obtained: {field}}}'",
    ),
    "due": (_FR + " quand l'échéance se calcule", _EN + " when the due date is counted"),
    "timer": (
        _FR + " quand la minuterie s'arme; si c'est voulu, ajoutez « only: {{obtained: {field}}} »",
        _EN + " when the timer is armed; if that is meant, add 'only: {{obtained: {field}}}'",
    ),
    "redirect": (_FR + " alors que cette fin y renvoie", _EN + " although this ending leads to it"),
    "child": (
        _FR + " quand le dossier enfant s'ouvre : l'action peut n'y rien ajouter",
        _EN + " when the child case is opened: the action may add nothing to it",
    ),
    "each": (
        _FR + " : aucun dossier enfant ne s'ouvrirait",
        _EN + ": no child case would be opened",
    ),
    "earlier": (
        "l'envoi « {field} », dont ce message a les destinataires, peut n'avoir jamais eu lieu; ajoutez un « when »",
        "the batch {field!r}, whose recipients this message goes to, may never have been sent; add a 'when'",
    ),
}

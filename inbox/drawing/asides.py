"""What may happen in several states, each drawn once beside the blocks."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from inbox.drawing.graph import Aside, Node, Row
from inbox.drawing.parts import Parts
from inbox.texts import _, word

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engine.definition.compiled import CompiledAction, CompiledTimer


class Asides(Parts):
    """Makes the asides of one graph."""

    def all(self) -> Iterator[Aside]:
        """Yield them: what changes no state first, then endings, then what time does."""
        yield from self._staying_everywhere()
        for action in self.definition.actions.values():
            if action.name in self.wide and not self._is_plain(action) and self._taken(action):
                yield self._aside_of(action)
        for timer in self.definition.timers.values():
            if self.is_aside(timer):
                yield self._aside_of_timer(timer)

    def _staying_everywhere(self) -> Iterator[Aside]:
        """Yield one aside for all that leaves a case where it is in the same states."""
        groups: dict[tuple[str, ...], list[CompiledAction]] = {}
        for action in self.definition.actions.values():
            if action.name in self.wide and self._is_plain(action):
                groups.setdefault(tuple(self.sources(action)), []).append(action)
        for states, actions in groups.items():
            label = "; ".join(word(a.label) for a in actions)
            yield self._by_actions(actions, states, label, (), [label])

    def _aside_of(self, action: CompiledAction) -> Aside:
        name, label = _named(action), self.said(action, frozenset())
        nodes = self.on_the_way(action, name, action.branches[0].state or self.open[0])
        details = [label, *self.demands(self.written.actions[action.name])]
        return self._by_actions([action], tuple(self.sources(action)), label, nodes, details)

    def _by_actions(
        self, actions: list[CompiledAction], states: tuple[str, ...], label: str,
        nodes: tuple[Node, ...], details: list[str],
    ) -> Aside:  # fmt: skip
        """Return an aside that people begin; it interrupts when it leads to an ending."""
        names = tuple(action.name for action in actions)
        start = Node(kind="start", id=f"start.{_named(actions[0])}", name=label, refs=names,
                     interrupting=not self.stays(actions[0]))  # fmt: skip
        row = Row(id=_named(actions[0]), label=label, detail=" · ".join(details), actions=names,
                  nodes=nodes)  # fmt: skip
        return self._aside(row, states, start)

    def _aside_of_timer(self, timer: CompiledTimer) -> Aside:
        name = f"aside.timer.{timer.name}"
        start = self.timer_node(timer, f"start.{name}")
        nodes: tuple[Node, ...] = tuple(self.sends(timer.notify, name))
        actions: tuple[str, ...] = ()
        if timer.action is not None:
            action = self.definition.actions[timer.action]
            actions = (action.name,)
            nodes += self.goes(action, self.open[0], name)[0]
        row = Row(id=name, label=start.name, detail=start.detail, actions=actions, nodes=nodes)
        return self._aside(row, tuple(s for s in self.open if s in timer.states), start)

    def _aside(self, row: Row, states: tuple[str, ...], start: Node) -> Aside:
        """Return an aside, closed by a nameless end when it leads to no ending."""
        if not row.nodes or row.nodes[-1].kind != "end":
            row = replace(row, nodes=(*row.nodes, Node(kind="end", id=f"end.{row.id}")))
        return Aside(id=f"group.{row.id}", name=self._where(states), states=states, row=row,
                     start=start)  # fmt: skip

    def _where(self, states: tuple[str, ...]) -> str:
        """Return in which states, by those that are left out where they are the fewer."""
        rest = [s for s in self.open if s not in states]
        if not rest:
            return _("À toute étape")
        if len(rest) < len(states):
            return _("À toute étape, sauf : {states}", states=", ".join(map(self.label, rest)))
        return _("À ces étapes : {states}", states=", ".join(map(self.label, states)))

    def _taken(self, action: CompiledAction) -> bool:
        """Tell whether anything but a timer takes an action."""
        return bool(action.roles or self.written.actions[action.name].automatic)

    def _is_plain(self, action: CompiledAction) -> bool:
        return self.stays(action) and not self.nodes_needed(action)


def _named(action: CompiledAction) -> str:
    return f"aside.action.{action.name}"

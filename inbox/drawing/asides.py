"""What may happen in several states, each drawn once beside the blocks."""

from __future__ import annotations

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
            label = " ; ".join(word(a.label) for a in actions)
            names = tuple(a.name for a in actions)
            row = Row(id=f"aside.action.{names[0]}", label=label, detail=label, actions=names,
                      nodes=(Node(kind="end", id=f"end.aside.action.{names[0]}"),))  # fmt: skip
            yield self._aside(row, label, states, names, interrupting=False)

    def _aside_of(self, action: CompiledAction) -> Aside:
        name, target = f"aside.action.{action.name}", action.branches[0].state
        label = self.said(action, frozenset())
        nodes = self.on_the_way(action, name, target or self.open[0])
        if target is None:
            nodes = (*nodes, Node(kind="end", id=f"end.{name}"))
        details = [label, *self.demands(self.written.actions[action.name])]
        row = Row(id=name, label=label, detail=" · ".join(details),
                  actions=(action.name,), nodes=nodes)  # fmt: skip
        states = tuple(self.sources(action))
        return self._aside(row, word(action.label), states, (action.name,),
                           interrupting=target is not None)  # fmt: skip

    def _aside_of_timer(self, timer: CompiledTimer) -> Aside:
        name = f"aside.timer.{timer.name}"
        start = self.timer_node(timer, f"start.{name}")
        nodes: tuple[Node, ...] = tuple(self.sends(timer.notify, name))
        actions: tuple[str, ...] = ()
        if timer.action is not None:
            action = self.definition.actions[timer.action]
            actions = (action.name,)
            nodes += self.goes(action, self.open[0], name)[0]
        if not nodes or nodes[-1].kind != "end":
            nodes = (*nodes, Node(kind="end", id=f"end.{name}"))
        row = Row(id=name, label=start.name, detail=start.detail, actions=actions, nodes=nodes)
        states = tuple(s for s in self.open if s in timer.states)
        return Aside(id=f"group.{name}", name=self._where(states), states=states, row=row,
                     start=start)  # fmt: skip

    def _aside(
        self, row: Row, name: str, states: tuple[str, ...], refs: tuple[str, ...], *,
        interrupting: bool,
    ) -> Aside:  # fmt: skip
        start = Node(
            kind="start", id=f"start.{row.id}", name=name, refs=refs, interrupting=interrupting
        )
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

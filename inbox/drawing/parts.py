"""What blocks and asides are made of: what is on a way, timers, and the words of actions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.definition.walk import inner
from inbox import rules
from inbox.drawing.graph import Node
from inbox.texts import _, word

if TYPE_CHECKING:
    from collections.abc import Iterable

    from engine.definition import model
    from engine.definition.compiled import CompiledAction, CompiledDefinition, CompiledTimer

#: From this many states on, a thing is drawn once beside the rest instead of a line from each.
_MANY = 4


def state_id(state: str) -> str:
    """Return the block of a state. Names have no dot and no dash, so that no two ids are alike."""
    return f"state.{state}"


def choice_id(action: str) -> str:
    """Return the block of the ways that an action has from several states."""
    return f"choice.{action}"


def reopen_id(action: str) -> str:
    """Return the block where an action begins closed cases again."""
    return f"reopen.{action}"


class Parts:
    """Makes the small parts of one graph."""

    def __init__(self, definition: CompiledDefinition) -> None:
        self.definition = definition
        self.written = definition.written
        self.open = [s.name for s in definition.states.values() if s.outcome is None]
        self.wide = {a.name for a in definition.actions.values() if self._is_wide(a)}
        self.shared = {a.name for a in definition.actions.values() if self._is_shared(a)}

    def sources(self, action: CompiledAction) -> list[str]:
        """Return the open states that an action is possible in."""
        return [s for s in self.open if s in action.sources]

    def ended(self, action: CompiledAction) -> list[str]:
        """Return the endings that an action is possible in."""
        return [s for s in self.definition.states if s in action.sources and s not in self.open]

    def many(self, states: Iterable[str]) -> bool:
        """Tell whether states are too many for a line from each."""
        count = len([s for s in states if s in self.open])
        return count >= _MANY or (count == len(self.open) and count >= _MANY - 1)

    def _is_wide(self, action: CompiledAction) -> bool:
        """Tell whether an action is one of many states, and leads to no other open state."""
        goes = {b.state for b in action.branches}
        return self.many(action.sources) and len(goes) == 1 and not goes & set(self.open)

    def _is_shared(self, action: CompiledAction) -> bool:
        """Tell whether the ways of an action are drawn once for its several states."""
        return len(action.branches) > 1 and len(action.sources) > 1

    def stays(self, action: CompiledAction) -> bool:
        """Tell whether an action leaves a case where it is, wherever that is."""
        return [b.state for b in action.branches] == [None]

    def nodes_needed(self, action: CompiledAction) -> bool:
        """Tell whether an action sends, opens or waits for something."""
        return bool(action.notify or action.opens or self._join(action))

    def condition(self, branch: model.Branch | None) -> str:
        """Return when an action goes one way, in words."""
        if branch is None:
            return ""
        if branch.when is None:
            return _("sinon")
        return _("si {condition}", condition=rules.condition(branch.when, self.written))

    def demands(self, part: model.Action) -> list[str]:
        """Return what an action asks for, and when it happens by itself, a sentence each."""
        demands = [rules.condition(r.when, self.written) for r in part.requires]
        said = [_("exige : {condition}", condition=c) for c in demands]
        if part.automatic is not None:
            words = rules.condition(part.automatic, self.written)
            said.append(_("se fait tout seul quand {condition}", condition=words))
        return said

    def on_the_way(self, action: CompiledAction, row: str, target: str) -> tuple[Node, ...]:
        """Return what an action waits for, opens and sends, and the ending that it leads to."""
        nodes = []
        join = self._join(action)
        if join is not None:
            words = rules.condition(join, self.written)
            nodes.append(Node(kind="join", id=f"join.{row}", name=_("Attendre les dossiers enfants"),
                                    detail=words, refs=(action.name,)))  # fmt: skip
        if action.opens is not None:
            nodes.append(self._call(action, row))
        nodes += self.sends(action.notify, row)
        nodes += self._ending(target, row)
        return tuple(nodes)

    def _join(self, action: CompiledAction) -> model.Condition | None:
        """Return the condition on the child cases that an action waits for."""
        part = self.written.actions.get(action.name)
        if part is None:
            return None
        guards = [part.automatic, *(r.when for r in part.requires)]
        return next((g for g in guards if g and any(c.children for c in inner(g))), None)

    def _call(self, action: CompiledAction, row: str) -> Node:
        child = action.opens
        assert child is not None
        name = _("Ouvrir un dossier « {process} »", process=child.process)
        each = ""
        if child.for_each is not None:
            each = _("un pour chaque choix de {field}",
                     field=rules.field(child.for_each, self.written))  # fmt: skip
        return Node(kind="call", id=f"call.{row}", name=name, text=(each,) if each else (),
                          refs=(child.process,), called=child.process, many=bool(each))  # fmt: skip

    def sends(self, names: Iterable[str], row: str) -> list[Node]:
        """Return the one node of the messages that leave together, if any."""
        names = tuple(names)
        if not names:
            return []
        labels = list(dict.fromkeys(word(self.definition.notifications[n].label) for n in names))
        return [Node(kind="send", id=f"send.{row}", name="; ".join(labels), refs=names)]

    def _ending(self, state: str, row: str) -> list[Node]:
        if self.block(state) is not None:
            return []
        return [Node(kind="end", id=f"end.{row}", name=self.label(state), refs=(state,))]

    def goes(
        self, action: CompiledAction, state: str, row: str
    ) -> tuple[tuple[Node, ...], str | None]:
        """Return what follows when time takes an action in a state, and the block it leads to."""
        if action.name in self.shared:
            return (), choice_id(action.name)
        target = action.branches[0].state
        if target is None:
            return self.on_the_way(action, row, state), None
        return self.on_the_way(action, row, target), self.block(target)

    def timer_node(self, timer: CompiledTimer, name: str) -> Node:
        """Return a timer: it interrupts where it takes the case elsewhere."""
        rule = rules.timer(self.written.timers[timer.name], self.written)
        label = f"{word(timer.label)} — {rule}"
        leaves = False
        if timer.action is not None:
            action = self.definition.actions[timer.action]
            label += f" — {word(action.label)}"
            leaves = not self.stays(action)
        return Node(kind="timer", id=name, name=label, detail=rule, refs=(timer.name,),
                    interrupting=leaves)  # fmt: skip

    def is_aside(self, timer: CompiledTimer) -> bool:
        """Tell whether a timer is drawn once for its states."""
        action = timer.action
        return self.many(timer.states) and (action is None or action in self.wide)

    def label(self, state: str) -> str:
        """Return the words for a state."""
        return word(self.definition.states[state].label)

    def block(self, state: str) -> str | None:
        """Return the block of an open state; an ending has none."""
        return state_id(state) if state in self.open else None

    def lane_of(self, action: CompiledAction) -> str:
        """Return the first of an action's roles."""
        roles = self.definition.roles
        return next((r for r in roles if r in action.roles), next(iter(roles)))

    def said(self, action: CompiledAction, usual: frozenset[str]) -> str:
        """Return an action's label, and who takes it when it is not whose lane it stands in."""
        if not action.roles:
            return _("{label} (automatique)", label=word(action.label))
        if usual:
            return word(action.label)
        roles = [
            word(label) for role, label in self.definition.roles.items() if role in action.roles
        ]
        return _("{label} ({roles})", label=word(action.label), roles=", ".join(roles))

"""The blocks of a process: its opening, each state with its ways out, shared choices, reopenings."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from engine.library import prepare
from inbox import process_text
from inbox.drawing.graph import Block, Node, Row
from inbox.drawing.parts import Parts, choice_id, reopen_id, state_id
from inbox.texts import _, word

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engine.definition.compiled import CompiledAction, CompiledState

#: The block that a case begins in.
START = "start"


class Blocks(Parts):
    """Makes the blocks of one graph."""

    def all(self) -> Iterator[Block]:
        """Yield them in the order of the definition; the opening is the first."""
        self.desks = prepare(self.definition).desks
        yield self._start()
        for name in self.open:
            yield self._state(self.definition.states[name])
            yield from (self._choice(action) for action in self._shared_after(name))
        for action in self.definition.actions.values():
            if self.ended(action):
                yield self._reopening(action)

    def _shared_after(self, state: str) -> list[CompiledAction]:
        actions = self.definition.actions.values()
        return [a for a in actions if a.name in self.shared and self.sources(a)[:1] == [state]]

    def _drawn_at(self, action: CompiledAction, state: CompiledState) -> bool:
        """Tell whether an action has its line at a state: what does its task always has."""
        return state.name in action.sources and (
            action.name not in self.wide or action.name == state.main
        )

    def _start(self) -> Block:
        opening = self.definition.opening
        rule = process_text.opening(self.written)
        head = Node(kind="start", id=START, name=word(opening.label), refs=(opening.name,))
        target = opening.branches[0].state or ""
        row = Row(
            id="open",
            label="",
            detail=", ".join(item["label"] for item in rule["asks"]),
            actions=(opening.name,),
            nodes=self.on_the_way(opening, "open", target),
            target=self.block(target),
        )
        return Block(id=START, lane=self.lane_of(opening), head=head, fork=None, rows=(row,))

    def _state(self, state: CompiledState) -> Block:
        lane = self.desks[state.name] or next(iter(self.definition.roles))
        actions = self.definition.actions.values()
        here = [a for a in actions if self._drawn_at(a, state) and not self._by_timer(a, state)]
        here.sort(key=lambda a: a.name != state.main)
        rows = [*self._staying(state, here), *self._leaving(state, here, lane)]
        fork = None
        if len(rows) > 1 or any(row.loop for row in rows):
            fork = Node(kind="choice", id=f"fork.{state_id(state.name)}")
        timers = tuple(self._timers(state))
        return Block(
            id=state_id(state.name), lane=lane, head=self._task(state), fork=fork,
            rows=(*rows, *timers),
        )  # fmt: skip

    def _task(self, state: CompiledState) -> Node:
        due = process_text.due(self.written, state.name)
        text = [word(state.task)]
        if due is not None:
            text.append(_("échéance : {rule}", rule=due))
        if state.waiting:
            text.append(_("(on attend quelqu'un d'autre)"))
        return Node(kind="task", id=state_id(state.name), name=word(state.label), text=tuple(text),
                          detail=due or "", refs=(state.name,))  # fmt: skip

    def _by_timer(self, action: CompiledAction, state: CompiledState) -> bool:
        """Tell whether only a timer of this state takes the action there."""
        return not action.roles and any(
            self.definition.timers[t].action == action.name for t in state.timers
        )

    def _staying(self, state: CompiledState, here: list[CompiledAction]) -> Iterator[Row]:
        """Yield the one row of what leaves a case where it is, and sends and opens nothing."""
        plain = [a for a in here if self._comes_back(a, state)]
        if plain:
            label = "; ".join(word(a.label) for a in plain)
            yield Row(id=f"stay.{state.name}", label=label, detail=label, loop=True,
                      actions=tuple(a.name for a in plain), target=state_id(state.name))  # fmt: skip

    def _comes_back(self, action: CompiledAction, state: CompiledState) -> bool:
        """Tell whether an action leaves a case in a state, and neither sends nor opens anything."""
        goes = [b.state or state.name for b in action.branches]
        return goes == [state.name] and not self.nodes_needed(action)

    def _leaving(
        self, state: CompiledState, here: list[CompiledAction], lane: str
    ) -> Iterator[Row]:
        for action in here:
            if self._comes_back(action, state):
                continue
            name = f"{state_id(state.name)}-{action.name}"
            usual = action.roles & {lane}
            if action.name in self.shared:
                yield Row(id=name, label=self.said(action, usual), actions=(action.name,),
                          target=choice_id(action.name))  # fmt: skip
            else:
                yield from self._branches(action, name, state.name, self.said(action, usual))

    def _branches(
        self, action: CompiledAction, name: str, source: str | None, label: str
    ) -> Iterator[Row]:
        """Yield a row for each way that an action may go."""
        part = self.written.actions[action.name]
        written = part.to if isinstance(part.to, list) else [None]
        for n, (branch, rule) in enumerate(zip(action.branches, written, strict=True)):
            target = branch.state or source or ""
            row = f"{name}.{n}"
            words = " — ".join(w for w in (label, self.condition(rule)) if w)
            yield Row(
                id=row,
                label=words,
                detail=" · ".join([words, *self.demands(part)]),
                actions=(action.name,),
                nodes=self.on_the_way(action, row, target),
                target=self.block(target),
            )

    def _choice(self, action: CompiledAction) -> Block:
        name = choice_id(action.name)
        first = self.sources(action)[0]
        head = Node(kind="choice", id=name, name=word(action.label), refs=(action.name,))
        rows = tuple(self._branches(action, f"{name}-", None, ""))
        lane = self.desks[first] or next(iter(self.definition.roles))
        return Block(id=name, lane=lane, head=head, fork=None, rows=rows)

    def _reopening(self, action: CompiledAction) -> Block:
        """Return where a closed case begins again: nothing leaves an ending, in a drawing either."""
        name, lane = reopen_id(action.name), self.lane_of(action)
        states = ", ".join(self.label(s) for s in self.ended(action))
        head = Node(kind="start", id=name, name=self.said(action, frozenset({lane})),
                          refs=(action.name,))  # fmt: skip
        if action.name in self.shared and self.sources(action):
            rows = [Row(id=f"{name}-0", label="", target=choice_id(action.name),
                        actions=(action.name,))]  # fmt: skip
        else:
            rows = list(self._branches(action, f"{name}-", None, ""))
        fork = Node(kind="choice", id=f"fork.{name}") if len(rows) > 1 else None
        from_ = _("depuis : {states}", states=states)
        rows = [_prefixed(row, from_) for row in rows]
        return Block(id=name, lane=lane, head=head, fork=fork, rows=tuple(rows))

    def _timers(self, state: CompiledState) -> Iterator[Row]:
        for name in state.timers:
            timer = self.definition.timers[name]
            if self.is_aside(timer):
                continue
            row = f"timer.{name}.{state.name}"
            node = self.timer_node(timer, f"event.{row}")
            nodes: tuple[Node, ...] = tuple(self.sends(timer.notify, row))
            target = None
            actions: tuple[str, ...] = ()
            if timer.action is not None:
                action = self.definition.actions[timer.action]
                actions = (action.name,)
                goes = self.goes(action, state.name, row)
                nodes, target = (*nodes, *goes[0]), goes[1]
            yield Row(id=row, label=node.name, detail=node.detail, actions=actions, timer=node,
                      nodes=nodes, target=target)  # fmt: skip


def _prefixed(row: Row, words: str) -> Row:
    """Return a row whose words begin with others."""
    label = " — ".join(w for w in (words, row.label) if w)
    return replace(row, label=label, detail=f"{label} · {row.detail}")

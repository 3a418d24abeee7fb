"""What is there at each state: surely, whatever the way to it, and possibly, by some way.

A message without an address would silently not leave, a task without its date would never be late, a
guard that asks for what nobody ever gave would never open. Besides fields, it follows the child cases
that were opened (`children:process`) and the messages that were sent (`message:name`).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from engine.definition import model
from engine.definition.compiled import ASSIGNED
from engine.definition.domains import others
from engine.definition.walk import conditions, split_form, states_of_timer, timed_fields

if TYPE_CHECKING:
    from collections.abc import Callable

    from engine.definition.graph import Edge, Graph

#: Points in time that are always known; `due` may not be.
_KNOWN = frozenset({"now", "opened", "entered"})


def read_by(when: model.When) -> set[str]:
    """Return the fields that a date rule counts from."""
    of = set() if when.of in _KNOWN or when.of == "due" else {when.of}
    return of | ({when.after_field} if when.after_field is not None else set())


def needed_by(when: model.When) -> set[str]:
    """Return the fields that a date rule cannot do without."""
    return read_by(when) - ({when.of} if when.otherwise is not None else set())


@dataclass(slots=True)
class Effect:
    """What an action does to what is there.

    Attributes:
        gives: What is surely there after its form.
        may_give: What its form may give.
        unsure: What its form may replace by a reason why there is none.
        told: What its guards have made sure of.
        drops: What it empties.
        sets: What it writes, with what must be there for it to have a value.
        leaves: What it opens or sends, for those that come after.
        sends: What it sends under a condition, with what makes that hold; None when that cannot be said.
        all: It may give anything: nothing is known of it.
    """

    gives: set[str] = field(default_factory=set)
    may_give: set[str] = field(default_factory=set)
    unsure: set[str] = field(default_factory=set)
    told: set[str] = field(default_factory=set)
    drops: set[str] = field(default_factory=set)
    sets: dict[str, set[str] | None] = field(default_factory=dict)
    leaves: set[str] = field(default_factory=set)
    sends: dict[str, set[str] | None] = field(default_factory=dict)
    all: bool = False

    def asked(self, before: set[str]) -> set[str]:
        """Return what is surely there once the form is laid over."""
        return (before - self.unsure) | self.gives

    def after(self, before: set[str]) -> set[str]:
        """Return what is surely there after the action."""
        there = (self.asked(before) | self.told) - self.drops
        for name, needed in self.sets.items():
            if needed is not None and needed <= there:
                there.add(name)
            else:
                there.discard(name)
        sent = {m for m, needed in self.sends.items() if needed is not None and needed <= there}
        return there | self.leaves | sent

    def may_after(self, before: set[str]) -> set[str]:
        """Return what may be there after the action."""
        there = (before | self.may_give) - self.drops
        return there | set(self.sets) | self.leaves | set(self.sends)


class Flow:
    """What is there at each state of a graph.

    Attributes:
        sure: For each state that is reached, what is there whatever the way to it; empty before `spread`.
        may: For each state that is reached, what is there by some way.
        effects: What each action does; `None` is the opening.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.d = graph.d
        self._lists: dict[str, set[str]] = {}
        messages = {f"message:{n}" for n in self.d.notifications}
        opened = {a.opens.process for a in self.d.actions.values() if a.opens}
        # An action of which little is known may open what is awaited.
        awaited = {c.children.process for _, c in conditions(self.d) if c.children}
        self.everything = {
            *self.d.fields,
            *messages,
            *(f"children:{process}" for process in (opened | awaited) - {None}),
        }
        self.effects: dict[str | None, Effect] = {None: self._effect(None, self.d.opening)}
        self.effects |= {n: self._effect(n, a) for n, a in self.d.actions.items()}
        self.sure: dict[str, set[str]] = {}
        self.may: dict[str, set[str]] = {}
        #: For each state, the messages that may leave while a case is there, whatever anybody does.
        self.passing = {name: self._passing(name) for name in self.d.states}

    # --- what is there --------------------------------------------------------------------------

    def spread(self, taken: Callable[[Edge], bool]) -> None:
        """Work out what is there, from the opening on; going on where it stood when called again.

        Args:
            taken: Tells whether an edge can be taken, with what is there so far at its source. What is
                there surely only shrinks, and what may be only grows: what can be taken stays so.
        """
        opening = self.effects[None]
        if not self.sure:
            self.sure[self.graph.first] = self.sure_at_opening()
            may = self._all(opening) or opening.may_after(set())
            self.may[self.graph.first] = may | self.passing[self.graph.first]
        waiting = deque(self.sure)
        while waiting:
            here = waiting.popleft()
            for edge in self.graph.out[here]:
                if taken(edge) and self._arrive(edge):
                    waiting.append(edge.target)

    def sure_at_opening(self) -> set[str]:
        """Return what is surely there once a case is open."""
        opening = self.effects[None]
        return self._all(opening) or opening.after(set())

    def _arrive(self, edge: Edge) -> bool:
        """Carry what is there along an edge; tell whether its target changes."""
        sure, may = self.after(edge), self.may_after(edge) | self.passing[edge.target]
        known = edge.target in self.sure
        narrowed = self.sure[edge.target] & sure if known else sure
        widened = self.may[edge.target] | may if known else may
        if known and narrowed == self.sure[edge.target] and widened == self.may[edge.target]:
            return False
        self.sure[edge.target], self.may[edge.target] = narrowed, widened
        return True

    def after(self, edge: Edge) -> set[str]:
        """Return what is surely there after an edge was taken."""
        effect = self.effects[edge.action]
        if self._all(effect):
            return set(self.everything)
        return effect.after(self.sure[edge.source]) | self.branch_tells(edge)

    def may_after(self, edge: Edge) -> set[str]:
        """Return what may be there after an edge was taken."""
        effect = self.effects[edge.action]
        return self._all(effect) or effect.may_after(self.may[edge.source])

    def _all(self, effect: Effect) -> set[str]:
        return set(self.everything) if effect.all else set()

    def branch_tells(self, edge: Edge) -> set[str]:
        """Return what the condition of a branch has made sure of."""
        to = self.d.actions[edge.action].to
        if edge.branch is None or isinstance(to, str) or to[edge.branch].when is None:
            return set()
        return self.told_by(to[edge.branch].when)

    # --- what an action does --------------------------------------------------------------------

    def _effect(self, name: str | None, action: model.Action | model.Opening) -> Effect:
        effect = Effect(all=name in self.graph.doubts.data)
        for item in action.form:
            self._ask(item, effect)
        for message in action.notify:
            when = self.d.notifications[message].when
            if when is None:
                effect.leaves.add(f"message:{message}")
            else:
                effect.sends[f"message:{message}"] = self._asks_for(when)
        if isinstance(action, model.Action):
            for requirement in action.requires:
                if requirement.exception is None:
                    effect.told |= self.told_by(requirement.when)
            if action.automatic is not None:
                effect.told |= self.told_by(action.automatic)
            effect.drops = set(action.clears)
            if action.opens is not None:
                effect.leaves.add(f"children:{action.opens.process}")
        effect.sets = {name: self._needed(value) for name, value in action.sets.items()}
        return effect

    def _passing(self, state: str) -> set[str]:
        sent = {ASSIGNED} & set(self.d.notifications)
        for timer in self.d.timers.values():
            if state in states_of_timer(self.d, timer):
                sent |= set(timer.notify)
        return {f"message:{name}" for name in sent}

    def _asks_for(self, condition: model.Condition) -> set[str] | None:
        """Return the fields that make a condition hold by being there, None when it asks for more."""
        parts = [condition] if condition.all is None else condition.all
        names = [part.present or part.obtained for part in parts]
        if any(name is None or "." in name for name in names):
            return None
        return {str(name) for name in names}

    def _ask(self, item: str | model.FormItem, effect: Effect) -> None:
        name = item if isinstance(item, str) else item.field
        record, field_name = split_form(name)
        effect.may_give.add(record or field_name)
        if record is None and self.d.fields[field_name].reason_if_missing:
            # What was there may be replaced by a reason why it is not.
            effect.unsure.add(field_name)
        elif isinstance(item, str) or item.required is True:
            effect.gives.add(record or field_name)

    def _needed(self, value: model.SetValue) -> set[str] | None:
        """Return what must be there for a value to be written, None when it may not be even so."""
        if value.table is not None:
            # A table answers every input, once each of them is there.
            return set(self.d.tables[value.table.table].reads)
        if value.when is None:
            return set()
        return None if value.when.of == "due" else needed_by(value.when)

    def told_by(self, condition: model.Condition | None) -> set[str]:
        """Return the fields that surely have a value when a condition holds."""
        if condition is None:
            return set()
        if condition.all is not None:
            return set().union(*(self.told_by(c) for c in condition.all))
        if condition.any:
            return set.intersection(*(self.told_by(c) for c in condition.any))
        if condition.checklist is not None:
            return self._list_tells(condition.checklist)
        return self._one_tells(condition)

    def _list_tells(self, name: str) -> set[str]:
        if name in self.graph.doubts.checklists:
            return set(self.everything)
        if name not in self._lists:
            items = self.d.checklists[name].items.values()
            self._lists[name] = set().union(*(self.told_by(i.when) for i in items))
        return self._lists[name]

    def _one_tells(self, condition: model.Condition) -> set[str]:
        if condition.message is not None:
            return {f"message:{condition.message.message}"}
        children = condition.children
        if children is not None and children.process and children.at_least:
            return {f"children:{children.process}"}
        names = [condition.obtained or "", *timed_fields(condition)]
        if condition.compare is not None:
            names += [condition.compare.field, *others(condition.compare)]
        if condition.present is not None:
            if self.d.fields[condition.present.partition(".")[0]].reason_if_missing:
                return set()
            names.append(condition.present)
        return {name.partition(".")[0] for name in names} - {""}

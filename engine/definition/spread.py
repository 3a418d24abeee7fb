"""What a few fields of a case may be together at each state, whatever the way to it.

Forms give any value, guards and branches keep what they ask for, decision tables give what their rows
say: all of it is carried along every way until nothing new comes. What is not known is taken for possible,
so that what cannot be there surely is not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.definition import model
from engine.definition.masks import Grid, Judge
from engine.definition.walk import states_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from engine.definition.graph import Edge
    from engine.definition.masks import Values
    from engine.definition.possible import Possible


class Together:
    """The sets of what a few fields may be at each state.

    Attributes:
        grid: The combinations.
        there: For each state that is reached, what may be there on arrival.
        steps: How many ways were looked at.
    """

    def __init__(
        self, possible: Possible, values: Values, names: Iterable[str], free: frozenset[str]
    ) -> None:
        """Take what is followed.

        Args:
            possible: Which actions can be taken where, as far as each thing alone tells.
            values: What fields may be.
            names: Those that are followed.
            free: Actions that are taken to be possible whatever they ask for: that was said already.
        """
        self.possible, self.flow, self.d = possible, possible.flow, possible.d
        self.values = values
        self.grid = Grid({name: values.of[name] for name in names})
        self.judge = Judge(self.d, self.flow.graph.doubts, values, self.grid)
        self.free = free
        self.there: dict[str, int] = {}
        self.steps = 0
        self._new: dict[str, int] = {}
        self._guards: dict[str, int] = {}
        self._ways: dict[Edge, int] = {}
        self._states: dict[str, int] = {}
        self._stays: dict[tuple[str | None, str], int] = {}
        self._arrive(self.flow.graph.first, self._done(None, self._asked(None, self._nothing())))
        self._go_on()

    def open(self, name: str) -> None:
        """Take an action for possible from now on, whatever it asks for."""
        self.free |= {name}
        self._guards.pop(name, None)
        for state in states_of(self.d, self.d.actions[name]):
            self._new[state] = self.there.get(state, 0)
        self._go_on()

    # --- what can be asked of it ----------------------------------------------------------------

    def staying(self, state: str, name: str | None = None) -> int:
        """Return what may be there for as long as a case stays in a state, until an action is tried.

        Automatic actions are taken first; of those, in the order of the file.
        """
        if name in self.free:
            return self.there.get(state, 0)
        key = (name if self._acts(name) else None, state)
        if key not in self._stays:
            self._stays[key] = self.judge.fails(
                c for acting, c in self._before(key[0], state) if acting not in self.free
            )
        return self.there.get(state, 0) & self._stays[key]

    def judged(self, name: str, state: str) -> int:
        """Return what there is when an action is judged in a state."""
        return self._asked(name, self.staying(state, name))

    def allowed(self, name: str, state: str) -> int:
        """Return that of which an action can be taken in a state."""
        return self.judged(name, state) & self.guard(name)

    def chosen(self, edge: Edge) -> int:
        """Return that of which a way is taken."""
        return self._through(edge, self.there.get(edge.source, 0))

    def guard(self, name: str) -> int:
        """Return what an action asks for."""
        if name not in self._guards:
            free = name in self.free or name in self.possible.dead
            asked = [] if free else self._asks(name)
            read = self.possible.reads(("guards", name), asked) if asked else frozenset()
            known = not read.isdisjoint(self.grid.values)
            self._guards[name] = self.judge.holds(asked) if known else self.grid.every
        return self._guards[name]

    def _asks(self, name: str) -> list[model.Condition]:
        automatic = self.d.actions[name].automatic
        guards = self.possible.guards[name]
        # What an automatic action requires besides is not asked.
        return guards if automatic is None or not guards else [automatic]

    def way(self, edge: Edge) -> int:
        """Return what a way among several asks for."""
        if edge.branch is None:
            return self.grid.every
        if edge not in self._ways:
            asked, before = self.possible.branch(edge)
            key = ("branch", edge.action, edge.branch)
            read = self.possible.reads(key, [*asked, *before])
            known = not self.possible.told(edge) and not read.isdisjoint(self.grid.values)
            self._ways[edge] = (
                self.judge.holds(asked) & self.judge.fails(before) if known else self.grid.every
            )
        return self._ways[edge]

    # --- carrying it along ----------------------------------------------------------------------

    def _go_on(self) -> None:
        while self._new:
            # The one that waits longest: what comes later to it goes on together.
            state = next(iter(self._new))
            new = self._new.pop(state)
            for edge in self.flow.graph.out[state] if new else ():
                if edge not in self.possible.never:
                    self.steps += 1
                    self._arrive(edge.target, self._through(edge, new))

    def _arrive(self, state: str, those: int) -> None:
        if state not in self.flow.sure:
            return
        more = those & self._agreeing(state) & ~self.there.get(state, 0)
        if more:
            self.there[state] = self.there.get(state, 0) | more
            self._new[state] = self._new.get(state, 0) | more

    def _through(self, edge: Edge, those: int) -> int:
        those &= self.staying(edge.source, edge.action)
        given = self._asked(edge.action, those) & self.guard(edge.action)
        return self._done(edge.action, given) & self.way(edge)

    def _nothing(self) -> int:
        found = self.grid.every
        for name in self.grid.values:
            found &= self.grid.where(name, self.values.absent(name))
        return found

    def _agreeing(self, state: str) -> int:
        """Return what is possible in a state with what is surely there, and what may be."""
        if state not in self._states:
            doubted = bool(self.flow.graph.doubts.data)
            sure = set[str]() if doubted else self.flow.sure[state]
            may = self.flow.may[state]
            found = self.grid.every
            for name in self.grid.values:
                having = self.grid.where(name, self.values.having(name))
                found &= having if name in sure else self.grid.every
                found &= self.grid.every if name in may else ~having
            self._states[state] = found
        return self._states[state]

    def _acts(self, name: str | None) -> bool:
        return name is not None and self.d.actions[name].automatic is not None

    def _before(self, name: str | None, state: str) -> list[tuple[str, model.Condition]]:
        """Return the automatic actions that are tried before another one."""
        found = []
        for acting, condition in self.possible.acting(state):
            if acting == name:
                break
            # What is wrong with it is said elsewhere, or it is not known.
            if self.possible.guards[acting] and acting not in self.possible.dead:
                found.append((acting, condition))
        return found

    # --- what an action does --------------------------------------------------------------------

    def _asked(self, name: str | None, those: int) -> int:
        """Return what there may be once the form of an action, or of the opening, is laid over it."""
        effect = self.flow.effects[name]
        if not those or effect.all:
            return those and self.grid.every
        for field in effect.may_give & self.grid.values.keys():
            given = self.grid.put(field, those, self.values.there(field))
            demanded = field in effect.gives or field in effect.unsure
            those = given if demanded and self._always(name, field) else those | given
        return self._as_demanded(name, those)

    def _always(self, name: str | None, field: str) -> bool:
        """Tell whether a form cannot be sent without a field."""
        items = [i for i in self._acting(name).form if _field_of(i) == field]
        return any(isinstance(i, str) or i.required is True for i in items)

    def _as_demanded(self, name: str | None, those: int) -> int:
        """Leave out what lacks a field that the form demands under a condition which holds."""
        for item in self._acting(name).form:
            if isinstance(item, str) or not isinstance(item.required, model.Condition):
                continue
            if item.field in self.grid.values:
                lacking = self.grid.where(item.field, self.values.absent(item.field))
                those &= ~(lacking & ~self.judge.of(item.required)[1])
        return those

    def _done(self, name: str | None, those: int) -> int:
        """Return what there may be once an action has emptied and written what it does."""
        if not those or self.flow.effects[name].all:
            return those and self.grid.every
        acting = self._acting(name)
        for field in acting.clears if isinstance(acting, model.Action) else ():
            if field in self.grid.values:
                those = self.grid.put(field, those, self.values.absent(field))
        for field, value in acting.sets.items():
            if field in self.grid.values:
                those = self._written(field, value, those)
        return those

    def _written(self, field: str, value: model.SetValue, those: int) -> int:
        if value.value is not None:
            return self.grid.put(field, those, self.values.written(field, value.value))
        if value.table is not None:
            return self._answered(field, value.table, those)
        # A date, a person: any value, or none where what it counts from is not there.
        given = self.grid.put(field, those, self.values.having(field))
        return given | self.grid.put(field, those, self.values.absent(field))

    def _answered(self, field: str, asked: model.TableValue, those: int) -> int:
        """Return what there may be once a decision table has given a field its value."""
        table = self.d.tables[asked.table]
        found = 0
        for row in table.rows:
            hit = those
            for name in row.when.keys() & self.grid.values.keys():
                hit &= self.grid.where(name, self.values.accepted(name, row.when[name]))
            given = self.values.written(field, row.give.get(asked.output))
            found |= self.grid.put(field, hit, given)
        # An input that is not there has no answer, but in a row that does not look at it.
        lacking = 0
        for name in table.reads:
            having = 0
            if name in self.grid.values:
                having = self.grid.where(name, self.values.having(name))
            lacking |= those & ~having
        return found | self.grid.put(field, lacking, self.values.absent(field))

    def _acting(self, name: str | None) -> model.Action | model.Opening:
        return self.d.opening if name is None else self.d.actions[name]


def _field_of(item: str | model.FormItem) -> str:
    return (item if isinstance(item, str) else item.field).partition(".")[0]

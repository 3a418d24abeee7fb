"""Decision tables with the hit policy « unique » (DMN 1.5, 8.2.8): exactly one row for any input.

Gaps and overlaps are found, not sampled: choices and booleans are finite, and the bounds that a table
names cut the integers into finitely many stretches within which every row answers alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

from engine.definition.conditions import value_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from engine.definition import model
    from engine.definition.compiled import Facts

#: A table that takes more rows judged than this, and tables that together take more than so many times
#: as much, are refused as too large to prove.
MAX_JUDGED = 200_000
MAX_ALL_JUDGED = 5 * MAX_JUDGED


@dataclass(frozen=True, slots=True)
class Table:
    """A compiled table: `give` returns an output, None while an input has no value."""

    reads: tuple[str, ...]
    rows: tuple[tuple[Mapping[str, model.TableInput], Mapping[str, Any]], ...]

    def give(self, facts: Facts, output: str) -> Any:
        """Return the value of an output for the case's data."""
        inputs = {name: value_of(facts, name) for name in self.reads}
        for cells, values in self.rows:
            if all(cell_holds(cell, inputs[name]) for name, cell in cells.items()):
                return values[output]
        return None


def compile_table(table: model.DecisionTable) -> Table:
    """Return the compiled form of a table."""
    return Table(tuple(table.reads), tuple((dict(r.when), dict(r.give)) for r in table.rows))


def cell_holds(cell: model.TableInput, value: Any) -> bool:
    """Tell whether one cell accepts a value; an empty cell accepts any, even none."""
    if cell.equals is not None:
        return bool(value == cell.equals)
    if cell.one_of is not None:
        return value in cell.one_of
    if value is None:
        return cell.at_least is None and cell.at_most is None
    if cell.at_least is not None and value < cell.at_least:
        return False
    return cell.at_most is None or value <= cell.at_most


def cost(table: model.DecisionTable, fields: Mapping[str, model.FieldSpec]) -> int:
    """Return how many times a row is judged to prove a table; its types must have been checked."""
    combinations = 1
    for name in table.reads:
        combinations *= max(1, len(_stretches(name, table, fields[name])))
    return combinations * max(1, len(table.rows))


def faults(
    table: model.DecisionTable, fields: Mapping[str, model.FieldSpec]
) -> Iterator[tuple[str, dict[str, Any], tuple[int, ...]]]:
    """Yield what is wrong: its kind, an input that shows it, the rows concerned.

    The kinds are `gap`, `overlap`, `dead-row` (no input reaches it) and `too-large`. The types of
    inputs and cells must have been checked.
    """
    stretches = [_stretches(name, table, fields[name]) for name in table.reads]
    if cost(table, fields) > MAX_JUDGED:
        yield "too-large", {}, ()
        return
    told: set[tuple[int, ...]] = set()
    used: set[int] = set()
    for values in product(*stretches):
        inputs = dict(zip(table.reads, values, strict=True))
        hits = tuple(
            i
            for i, row in enumerate(table.rows)
            if all(cell_holds(c, inputs.get(n)) for n, c in row.when.items())
        )
        used.update(hits)
        # One input shows a fault; the others that show the same one say nothing more.
        if len(hits) != 1 and hits not in told:
            told.add(hits)
            yield ("overlap" if hits else "gap"), inputs, hits
    for i in range(len(table.rows)):
        if i not in used:
            yield "dead-row", {}, (i,)


def _stretches(
    name: str, table: model.DecisionTable, spec: model.FieldSpec
) -> Sequence[str | int | bool]:
    """Return one representative of every stretch of values that all rows treat alike."""
    if spec.type == "choice":
        return list(spec.options or {})
    if spec.type == "boolean":
        return [False, True]
    cells = [row.when[name] for row in table.rows if name in row.when]
    low = spec.min if spec.min is not None else -(10**9)
    high = spec.max if spec.max is not None else 10**9
    points = {low, high}
    for cell in cells:
        points |= _edges(cell)
    return sorted(p for p in points if low <= p <= high)


def _edges(cell: model.TableInput) -> set[int]:
    edges: set[int] = set()
    exact = [cell.equals] if isinstance(cell.equals, int) else []
    exact += [v for v in cell.one_of or [] if isinstance(v, int)]
    for value in exact:
        edges |= {value - 1, value, value + 1}
    if cell.at_least is not None:
        edges |= {cell.at_least - 1, cell.at_least}
    if cell.at_most is not None:
        edges |= {cell.at_most, cell.at_most + 1}
    return edges

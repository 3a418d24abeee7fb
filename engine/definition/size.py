"""How large a condition is once the checklists that it names are written out.

Lists of lists of lists double at each turn: what is short to write may take for ever to judge.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.definition.walk import conditions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engine.definition import model
    from engine.definition.source import Source
    from engine.errors import Finding

#: A condition of more parts than this is refused: it is judged at every step.
MAX_PARTS = 2_000


def check(definition: model.Definition, source: Source) -> Iterator[Finding]:
    """Yield the conditions that are too large, the outermost of each."""
    sizes = _Sizes(definition)
    told: list[tuple[str | int, ...]] = []
    for path, condition in conditions(definition):
        if any(path[: len(t)] == t for t in told) or sizes.of(condition) <= MAX_PARTS:
            continue
        told.append(path)
        yield source.finding(
            "condition-too-large", path,
            f"cette condition, listes comprises, a plus de {MAX_PARTS} parties.",
            f"this condition, with its checklists, has more than {MAX_PARTS} parts.",
        )  # fmt: skip


class _Sizes:
    """Measures conditions; each checklist once."""

    def __init__(self, definition: model.Definition) -> None:
        self._lists = definition.checklists
        self._known: dict[str, int] = {}

    def of(self, condition: model.Condition) -> int:
        """Return the number of parts of a condition; a list that waits for itself counts once."""
        parts = [*(condition.all or []), *(condition.any or [])]
        parts += [] if condition.negation is None else [condition.negation]
        return 1 + sum(self.of(p) for p in parts) + self._list(condition.checklist)

    def _list(self, name: str | None) -> int:
        if name is None or name not in self._lists:
            return 0
        if name not in self._known:
            self._known[name] = 0
            self._known[name] = sum(self.of(i.when) for i in self._lists[name].items.values())
        return self._known[name]

"""Whether the child cases that a join awaits can be there: that something opens them, and enough of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.definition.walk import conditions, states_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engine.definition import model
    from engine.definition.flow import Flow
    from engine.errors import Finding


def check(flow: Flow) -> Iterator[Finding]:
    """Yield the joins that no case can satisfy."""
    if flow.graph.doubts.anywhere or flow.graph.doubts.data:
        return  # an action of which little is known may open anything
    most = {
        p: _most(flow, p) for p in {a.opens.process for a in flow.d.actions.values() if a.opens}
    }
    for path, condition in conditions(flow.d):
        part = condition.children
        if part is None:
            continue
        if part.process is None:
            least, can = (
                part.at_least or 0,
                None if None in most.values() else sum(map(int, filter(None, most.values()))),
            )
        else:
            least, can = part.at_least or 0, most.get(part.process, 0)
        if not most or (part.process is not None and part.process not in most):
            name = part.process or "?"
            yield flow.graph.source.finding(
                "impossible-join", (*path, "children"),
                f"aucune action n'ouvre « {name} » : il n'y a rien à attendre.",
                f"no action opens {name!r}: there is nothing to wait for.",
            )  # fmt: skip
        elif can is not None and least > can:
            yield flow.graph.source.finding(
                "impossible-join", (*path, "children"),
                f"au plus {can} dossiers enfants peuvent s'ouvrir ; {least} sont attendus.",
                f"at most {can} child cases can be opened; {least} are awaited.",
            )  # fmt: skip


def _most(flow: Flow, process: str) -> int | None:
    """Return how many child cases of a process may be opened, None when there is no bound."""
    total = 0
    for name, action in flow.d.actions.items():
        if action.opens is None or action.opens.process != process:
            continue
        if _comes_back(flow, name, action):
            return None
        each = action.opens.for_each
        if each in flow.graph.doubts.fields:
            return None
        total += 1 if each is None else len(flow.d.fields[each].options or {})
    return total


def _comes_back(flow: Flow, name: str, action: model.Action) -> bool:
    """Tell whether an action can be taken twice in one case."""
    starts = set(states_of(flow.d, action))
    waiting = [e.target for s in starts for e in flow.graph.out[s] if e.action == name]
    seen: set[str] = set()
    while waiting:
        here = waiting.pop()
        if here in starts:
            return True
        if here not in seen:
            seen.add(here)
            waiting += [e.target for e in flow.graph.out[here]]
    return False

"""Whether the child cases that a join awaits can be there: that something opens them, and enough of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.definition.decide import Decider
from engine.definition.guards import judged
from engine.definition.walk import conditions, states_of, through_checklists

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engine.definition import model
    from engine.definition.flow import Flow
    from engine.definition.source import Path
    from engine.errors import Finding


def check(flow: Flow, decider: Decider) -> Iterator[Finding]:
    """Yield the joins that no case can satisfy.

    Args:
        flow: What is there at each state.
        decider: Decides conditions, however many child cases there are.
    """
    if flow.graph.doubts.anywhere or flow.graph.doubts.data:
        return  # an action of which little is known may open anything
    most = {
        p: _most(flow, p) for p in {a.opens.process for a in flow.d.actions.values() if a.opens}
    }
    alone = list(_alone(flow, most))
    yield from alone
    told = [f.where[:-1] for f in alone]
    bounded = Decider(flow.d, flow.graph.doubts, most)
    for path, asked in _asked_at_once(flow.d):
        joins = [c for root in asked for c in through_checklists(flow.d, root) if c.children]
        if len(joins) < 2 or any(t[: len(path)] == path for t in told):  # noqa: PLR2004 - several
            continue
        if decider.possible(asked) and not bounded.possible(asked):
            yield _together(flow, path, most, {c.children.process for c in joins if c.children})


def _asked_at_once(definition: model.Definition) -> Iterator[tuple[Path, list[model.Condition]]]:
    """Yield what is asked at once, with its place: each condition by itself, and all guards of an action."""
    for path, condition in judged(definition):
        yield path, [condition]
    for name, action in definition.actions.items():
        guards = [r.when for r in action.requires if r.exception is None]
        if len(guards) > 1:
            yield ("actions", name, "requires"), guards


def _together(
    flow: Flow, path: Path, most: dict[str, int | None], awaited: set[str | None]
) -> Finding:
    numbers = {p: most.get(p) for p in sorted(filter(None, awaited))}
    fr = ", ".join(f"au plus {n} de « {p} »" for p, n in numbers.items() if n is not None)
    en = ", ".join(f"at most {n} of {p!r}" for p, n in numbers.items() if n is not None)
    return flow.graph.source.finding(
        "impossible-join", path,
        f"les dossiers enfants attendus ici ne peuvent pas être là tous ensemble : il s'en ouvre {fr}.",
        f"the child cases awaited here cannot all be there at once: there may be {en}.",
    )  # fmt: skip


def _alone(flow: Flow, most: dict[str, int | None]) -> Iterator[Finding]:
    """Yield each join that cannot be satisfied by itself."""
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
                f"au plus {can} dossiers enfants peuvent s'ouvrir; {least} sont attendus.",
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

"""Conditions that decide nothing, ways that are never taken, and automatic actions that go in circles."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.definition import model
from engine.definition.walk import fields_read, states_of, targets_of, through_checklists

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engine.definition.decide import Decider
    from engine.definition.source import Path, Source
    from engine.errors import Finding

#: Circles of automatic actions longer than this are not looked for.
MAX_CIRCLE = 12
#: Nor are more ways than this: automatic actions that all lead to each other would make too many.
MAX_WAYS = 20_000


def check(definition: model.Definition, source: Source, decider: Decider) -> Iterator[Finding]:
    """Yield the findings of one definition whose names and types are right."""
    for path, condition in judged(definition):
        yield from _verdict(decider, source, path, condition)
    for name, notification in definition.notifications.items():
        yield from _to_nobody(decider, source, name, notification)
    for name, action in definition.actions.items():
        yield from _together(decider, source, name, action)
        yield from _shadowed(decider, source, name, action)
    yield from _circles(definition, decider, source)


def judged(definition: model.Definition) -> Iterator[tuple[Path, model.Condition]]:
    """Yield each condition that stands by itself, not as a part of another one."""
    for name, action in definition.actions.items():
        yield from _of_action(action, ("actions", name))
    yield from _demanded(definition.opening.form, ("opening", "form"))
    for name, checklist in definition.checklists.items():
        for key, item in checklist.items.items():
            yield ("checklists", name, "items", key, "when"), item.when
    for name, timer in definition.timers.items():
        if timer.only is not None:
            yield ("timers", name, "only"), timer.only
    for name, notification in definition.notifications.items():
        yield from _of_message(notification, ("notifications", name))


def _of_action(action: model.Action, path: Path) -> Iterator[tuple[Path, model.Condition]]:
    for i, requirement in enumerate(action.requires):
        yield (*path, "requires", i, "when"), requirement.when
    for i, branch in enumerate(action.to if isinstance(action.to, list) else []):
        if branch.when is not None:
            yield (*path, "to", i, "when"), branch.when
    if action.automatic is not None:
        yield (*path, "automatic"), action.automatic
    yield from _demanded(action.form, (*path, "form"))


def _demanded(
    form: list[str | model.FormItem], path: Path
) -> Iterator[tuple[Path, model.Condition]]:
    for i, item in enumerate(form):
        if isinstance(item, model.FormItem) and isinstance(item.required, model.Condition):
            yield (*path, i, "required"), item.required


def _of_message(
    notification: model.Notification, path: Path
) -> Iterator[tuple[Path, model.Condition]]:
    if notification.when is not None:
        yield (*path, "when"), notification.when
    for i, part in enumerate(notification.languages):
        if isinstance(part, model.Languages) and part.when is not None:
            yield (*path, "languages", i, "when"), part.when


def _verdict(
    decider: Decider, source: Source, path: Path, condition: model.Condition
) -> Iterator[Finding]:
    verdict = decider.verdict(condition)
    if verdict == "never":
        yield source.finding("never-true", path, "cette condition n'est jamais remplie.",
                             "this condition never holds.")  # fmt: skip
    elif verdict == "always" and path[-1] != "automatic":
        # An automatic action may be meant to follow at once, whatever the case.
        yield source.finding("always-true", path, "cette condition est toujours remplie : retirez-la.",
                             "this condition always holds: leave it out.")  # fmt: skip


_UNOWNED = model.Condition(owned=False)


def _to_nobody(
    decider: Decider, source: Source, name: str, part: model.Notification
) -> Iterator[Finding]:
    """Yield a message to the owner that only leaves while there is none."""
    if part.when is None or part.to.people is None or "actor" in part.to.people:
        return
    if decider.possible([part.when]) and not decider.possible([part.when], [_UNOWNED]):
        yield source.finding(
            "never-true", ("notifications", name, "when"),
            "cette condition ne tient que si personne n'a le dossier, et le message va à qui l'a.",
            "this condition only holds while nobody owns the case, and the message goes to the owner.",
        )  # fmt: skip


def _together(
    decider: Decider, source: Source, name: str, action: model.Action
) -> Iterator[Finding]:
    """Yield a finding when what an action requires can be had one by one, but never all at once."""
    guards = [r.when for r in action.requires if r.exception is None]
    if (
        len(guards) > 1
        and all(decider.possible([g]) for g in guards)
        and not decider.possible(guards)
    ):
        yield source.finding(
            "never-true", ("actions", name, "requires"),
            f"les conditions de « {name} » ne sont jamais remplies toutes ensemble.",
            f"what {name!r} requires never holds all at once.",
        )  # fmt: skip


def _shadowed(
    decider: Decider, source: Source, name: str, action: model.Action
) -> Iterator[Finding]:
    """Yield the ways that an earlier one always takes first."""
    earlier: list[model.Condition] = []
    for i, branch in enumerate(action.to if isinstance(action.to, list) else []):
        if branch.when is None:
            return
        if (
            earlier
            and decider.possible([branch.when])
            and not decider.possible([branch.when], earlier)
        ):
            yield source.finding(
                "dead-branch", ("actions", name, "to", i),
                f"« {branch.state} » n'est jamais choisi ici : une voie d'avant l'est toujours.",
                f"{branch.state!r} is never chosen here: an earlier way always is.",
            )  # fmt: skip
        earlier.append(branch.when)


# --- circles ------------------------------------------------------------------------------------

#: What an automatic step needs: action, target, what holds, and what does not.
_Step = tuple[str, str, list[model.Condition], list[model.Condition]]


def _circles(definition: model.Definition, decider: Decider, source: Source) -> Iterator[Finding]:
    """Yield automatic actions that would set each other off for ever.

    Nothing that a circle's conditions read may change on the way round; if it does, an end is possible
    and the engine's own limit watches over it.
    """
    acting = {n: a for n, a in definition.actions.items() if a.automatic is not None}
    steps = {name: list(_steps(definition, acting, name)) for name in definition.states}
    told: set[frozenset[str]] = set()
    left = [MAX_WAYS]
    for start in definition.states:
        for way in _round(steps, start, start, (), left):
            names = frozenset(step[0] for step in way)
            if names in told or not _turns(definition, decider, way):
                continue
            told.add(names)
            said = " → ".join([start, *(f"{action} → {target}" for action, target, _, _ in way)])
            yield source.finding(
                "automatic-circle", ("actions", way[0][0]),
                f"ces actions automatiques se relanceraient sans fin : {said}.",
                f"these automatic actions would set each other off for ever: {said}.", of_key=True,
            )  # fmt: skip


def _steps(
    definition: model.Definition, acting: dict[str, model.Action], state: str
) -> Iterator[_Step]:
    first: list[model.Condition] = []
    for name, action in acting.items():
        if action.automatic is None or state not in states_of(definition, action):
            continue
        if isinstance(action.to, str):
            yield name, targets_of(action, state)[0], [action.automatic], list(first)
        else:
            passed: list[model.Condition] = []
            for branch in action.to:
                when = [] if branch.when is None else [branch.when]
                yield name, branch.state, [action.automatic, *when], [*first, *passed]
                passed += when
        # The engine takes the first one, in the file's order, whose condition holds.
        first.append(action.automatic)


def _round(
    steps: dict[str, list[_Step]], here: str, start: str, way: tuple[_Step, ...], left: list[int]
) -> Iterator[tuple[_Step, ...]]:
    left[0] -= 1
    if len(way) == MAX_CIRCLE or left[0] < 0:
        return
    passed = {step[1] for step in way}
    for step in steps[here]:
        if step[1] == start:
            yield (*way, step)
        elif step[1] not in passed:
            yield from _round(steps, step[1], start, (*way, step), left)


def _turns(definition: model.Definition, decider: Decider, way: tuple[_Step, ...]) -> bool:
    read: set[str] = set()
    for _, _, holding, failing in way:
        for root in (*holding, *failing):
            for part in through_checklists(definition, root):
                read |= set(_read(part))
    written = {w for name, _, _, _ in way for w in _written(definition.actions[name])}
    if read & written:
        return False
    return decider.possible(
        [c for step in way for c in step[2]], [c for step in way for c in step[3]]
    )


def _read(part: model.Condition) -> Iterator[str]:
    """Yield what one part of a condition looks at, as `_written` names it."""
    yield from (f"field {name}" for name in fields_read(part))
    if part.message is not None:
        yield f"message {part.message.message}"
    if part.untold is not None:
        yield f"message {part.untold}"
    if part.children is not None:
        yield "children"


def _written(action: model.Action) -> Iterator[str]:
    yield from (f"field {name}" for name in (*action.sets, *action.clears))
    yield from (f"message {name}" for name in action.notify)
    if action.opens is not None:
        yield "children"

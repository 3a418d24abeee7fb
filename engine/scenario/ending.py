"""Whether a case can still end: looked for on copies of the world, the nearest ending first.

It is a search, not a proof: what is found is sure, what is not found within the tries is not. The
compiler proves that a way exists in the graph of states; here the guards, the data that the case has
and the child cases count too.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import count
from random import Random
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import select

from engine import outbox
from engine.errors import ArrimageError
from engine.resending import send_again
from engine.scenario import moves
from engine.schema import cases

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from engine.definition.compiled import CompiledDefinition
    from engine.register import Listed
    from engine.scenario.stage import Stage, World

T = TypeVar("T")
#: Steps tried before giving up, and forms tried for one action.
TRIES, FORMS = 250, 6
#: Farther than any ending.
_FAR = 1_000


@dataclass(slots=True)
class _Any:
    """Picks at random, the same each time."""

    random: Random

    def pick(self, among: Sequence[T]) -> T:
        return self.random.choice(among)


@dataclass(slots=True)
class _First:
    """Picks the plainest."""

    def pick(self, among: Sequence[T]) -> T:
        return among[0]


def can_end(stage: Stage, world: World, case_id: int) -> bool:
    """Tell whether some sequence of actions, waits and answers of the mail server ends a case."""
    return _Search(stage, case_id).run(world)


class _Search:
    """Best-first over worlds: each node is a copy, and each try takes one step on another copy."""

    def __init__(self, stage: Stage, case_id: int) -> None:
        self.stage = stage
        self.case_id = case_id
        self.tries = 0
        self.picker = _Any(Random(0))  # noqa: S311 - which forms to try, the same each time
        self.far = {key: distances(d) for key, d in stage.definitions.items()}

    def run(self, world: World) -> bool:
        order, seen = count(), {self._seen(world)}
        waiting: list[tuple[int, int, World]] = []
        with ExitStack() as kept:
            heappush(waiting, (self._distance(world), next(order), world))
            while waiting and self.tries < TRIES:
                distance, _, here = heappop(waiting)
                if distance == 0:
                    return True
                for step in self._steps(here):
                    following = self._tried(kept, here, step)
                    if following is None or self._seen(following) in seen:
                        continue
                    seen.add(self._seen(following))
                    distance = self._distance(following)
                    if distance == 0:
                        return True
                    heappush(waiting, (distance, next(order), following))
        return False

    def _tried(self, kept: ExitStack, here: World, step: Callable[[World], object]) -> World | None:
        """Return the world in which a step was taken, None when it is refused."""
        self.tries += 1
        if self.tries > TRIES:
            return None
        with ExitStack() as attempt:
            twin = attempt.enter_context(self.stage.twin(here))
            try:
                step(twin)
                twin.settle()
            except ArrimageError:
                return None
            kept.enter_context(attempt.pop_all())
            return twin

    def _family(self, world: World) -> list[Listed]:
        """Return the case and its open children."""
        return [
            c for c in moves.every_case(world)
            if c.id == self.case_id or (c.parent_id == self.case_id and c.ended_at is None)
        ]  # fmt: skip

    def _distance(self, world: World) -> int:
        family = self._family(world)
        mine = next(c for c in family if c.id == self.case_id)
        if mine.ended_at is not None:
            return 0
        return 1 + sum(self.far[c.process].get(c.state, _FAR) for c in family)

    def _seen(self, world: World) -> Any:
        with world.database.read() as connection:
            rows = connection.execute(select(cases.c.id, cases.c.state, cases.c.data))
            return tuple(sorted(tuple(r) for r in rows)), bool(moves.stuck(world))

    def _steps(self, world: World) -> Iterator[Callable[[World], object]]:
        yield from self._actions(world)
        if moves.stuck(world):
            yield _mended
        if moves.next_timer(world) is not None:
            yield _until_next

    def _actions(self, world: World) -> Iterator[Callable[[World], object]]:
        """Yield every action that somebody may take, those that lead nearest to an ending first."""
        logins = moves.people(world)
        offered: list[tuple[int, int, str, str]] = []
        for case in self._family(world):
            far = self.far[case.process]
            seen: set[str] = set()
            for login in logins:
                for option in world.engine.options(case.id, world.actor(login), ways=False):
                    name = option.action.name
                    codes = {r.code for r in option.reasons}
                    if name in seen or codes - {"requirement", "checklist_item"}:
                        continue
                    seen.add(name)
                    reach = [far.get(b.state or case.state, _FAR) for b in option.action.branches]
                    offered.append((min(reach), case.id, name, login))
        for _, case_id, name, login in sorted(offered):
            for nth in range(FORMS):
                yield _Act(case_id, name, login, _First() if nth == 0 else self.picker)


@dataclass(frozen=True, slots=True)
class _Act:
    """Takes an action with a form that is made up."""

    case_id: int
    name: str
    login: str
    picker: moves.Picker

    def __call__(self, world: World) -> None:
        case = next(c for c in moves.every_case(world) if c.id == self.case_id)
        definition = world.engine.library.get(case.process, case.definition_version).definition
        action = definition.actions[self.name]
        data = moves.form(definition, action, world, self.picker)
        world.engine.advance(self.case_id, self.name, data, world.actor(self.login), note="Essai")


def _mended(world: World) -> None:
    """Have the server take what it did not: a person has seen to it."""
    world.server.refuses = world.server.uncertain = ()
    decision = {"by": "scenario"}
    failed = moves.stuck(world)
    with world.database.write() as connection:
        send_again(world.engine, connection, [d.id for d in failed], decision=decision)
        for delivery in failed:
            outbox.resolve(connection, delivery.id, "confirmed", now=world.clock.now(),
                           decision=decision)  # fmt: skip


def _until_next(world: World) -> None:
    at = moves.next_timer(world)
    assert at is not None
    world.wait(at)


def distances(definition: CompiledDefinition) -> Mapping[str, int]:
    """Return how many actions each state is from an ending, guards aside."""
    far = {name: 0 for name, state in definition.states.items() if state.outcome is not None}
    frontier = set(far)
    steps = 0
    while frontier:
        steps += 1
        frontier = {
            source
            for action in definition.actions.values()
            if any(branch.state in frontier for branch in action.branches)
            for source in action.sources
            if source not in far
        }
        far |= dict.fromkeys(frontier, steps)
    return far

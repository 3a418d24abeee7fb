"""Random walks through a process, looking for what should never be; what is found is made small.

At each step a walk asks, like the command, what is possible for somebody, takes one of those actions
(or one that is not), lets time pass or the mail server misbehave, and holds what happened against what
must always be:

- nothing but « done » or « refused, for these reasons » comes of a step, and a refusal writes nothing;
- what is said to be impossible is refused, and what is said to be possible is only refused for its form;
- every message can be written;
- at the end, every case can still end, and its history is whole.

Hypothesis draws the walks and shrinks one that fails.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from math import inf
from tempfile import TemporaryDirectory
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeVar

from engine.definition.source import Source
from engine.errors import InvalidScenario
from engine.scenario import model, moves, reading
from engine.scenario.coverage import Reached
from engine.scenario.known import Known
from engine.scenario.run import Player, play
from engine.scenario.story import Story
from engine.scenario.walk import PATH, Walker

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine.scenario.failures import Failure
    from engine.scenario.stage import Stage

T = TypeVar("T")
_Kind = tuple[str, frozenset[str]]
#: How long a walk that failed is made smaller, in seconds of real time.
SHRINKING = 30.0
#: Where walks begin when nothing says it.
_BEGIN = "2026-11-16 10:00"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What exploring found: how many walks, what they reached, and the smallest failing one.

    Attributes:
        walks: How many were walked, those that made a failure smaller included.
        reached: What all of them reached together.
        given: What there was before the first step.
        steps: The steps of the failing one, as a scenario file writes them; none: nothing was found.
        then: What must be at its end.
        failures: What is not as it should be.
    """

    walks: int
    reached: Reached
    given: model.Given
    steps: Sequence[dict[str, Any]] = ()
    then: dict[str, Any] | None = None
    failures: Sequence[Failure] = ()


def explore(
    stage: Stage, given: model.Given, stories: Sequence[Story], examples: int, seed: int
) -> Found:
    """Walk at random, from nothing or from any step of a scenario.

    Args:
        stage: The definitions.
        stories: Scenarios that pass.
        given: What there is; networks that the definitions name and that are not given have two members.
        examples: How many walks.
        seed: The same seed walks the same ways.
    """
    import hypothesis
    from hypothesis import strategies
    from hypothesis.configuration import set_hypothesis_home_dir
    from hypothesis.errors import Flaky

    hunt = _Hunt(stage, [Story(path=PATH, title="", given=furnished(stage, given), deeds=(), checks=()),
                         *stories])  # fmt: skip
    settings = hypothesis.settings(
        max_examples=examples, database=None, deadline=None, print_blob=False,
        report_multiple_bugs=False, verbosity=hypothesis.Verbosity.quiet,
        phases=(hypothesis.Phase.generate, hypothesis.Phase.shrink),
        suppress_health_check=list(hypothesis.HealthCheck),
    )  # fmt: skip

    @hypothesis.seed(seed)
    @settings
    @hypothesis.given(strategies.data())
    def walk(data: Any) -> None:
        hunt.walk(_Drawn(data, strategies))

    with TemporaryDirectory(prefix="arrimage-") as folder, suppress(_Fault, Flaky):
        # Nothing is left behind in the folder where the command was typed.
        set_hypothesis_home_dir(folder)
        walk()
    return hunt.found()


def furnished(stage: Stage, given: model.Given) -> model.Given:
    """Return what there is, with an instant and two members for each network that has none."""
    named = {
        name
        for d in stage.definitions.values()
        for name in (*(f.roster for f in d.fields.values()),
                     *(i.roster for f in d.fields.values() for i in f.of.values()),
                     *(n.target for n in d.notifications.values() if n.kind == "roster"))
        if name is not None
    }  # fmt: skip
    members: dict[str, str | None] = {
        f"Établissement {n}": f"etablissement{n}@example.org" for n in (1, 2)
    }
    return model.Given(
        now=given.now or _BEGIN,
        people=given.people,
        rosters={**dict.fromkeys(sorted(named), members), **given.rosters},
    )


class _Fault(Exception):
    """A walk has found something."""


@dataclass(slots=True)
class _Drawn:
    """Picks what Hypothesis draws."""

    data: Any
    strategies: Any

    def pick(self, among: Sequence[T]) -> T:
        drawn: T = self.data.draw(self.strategies.sampled_from(among))
        return drawn


@dataclass(slots=True)
class _Hunt:
    """Walks, and keeps the last walk that failed: the smallest, once shrinking is done."""

    stage: Stage
    stories: Sequence[Story]
    walks: int = 0
    reached: Reached | None = None
    kind: _Kind | None = None
    until: float = inf
    last: tuple[Walker, list[Failure]] | None = None

    def walk(self, picker: moves.Picker) -> None:
        if monotonic() > self.until:
            return
        self.walks += 1
        story = picker.pick(self.stories)
        with self.stage.world(story.given) as world:
            walker = Walker(self.stage, Player(self.stage, world), picker, story)
            failures = walker.walk()
            reached = walker.player.reached()
            self.reached = reached if self.reached is None else self.reached | reached
            # Shrinking must not slip from one fault to another.
            if not failures or self.kind not in (None, _kind(failures[0])):
                return
            if self.kind is None:
                self.kind, self.until = _kind(failures[0]), monotonic() + SHRINKING
            self.last = walker, failures
        raise _Fault

    def found(self) -> Found:
        reached = self.reached or Reached()
        if self.last is None:
            return Found(walks=self.walks, reached=reached, given=self.stories[0].given)
        walker, failures = self.last
        return Found(walks=self.walks, reached=reached, given=walker.story.given,
                     steps=self._fewer(walker, _kind(failures[0])), then=walker.then,
                     failures=failures)  # fmt: skip

    def _fewer(self, walker: Walker, kind: _Kind) -> list[dict[str, Any]]:
        """Return the steps without those that the fault does without, the last ones first."""
        steps = walker.steps
        for i in reversed(range(len(steps))):
            fewer = [*steps[:i], *steps[i + 1 :]]
            if fewer and self._fails(walker, fewer, kind):
                steps = fewer
        return steps

    def _fails(self, walker: Walker, steps: list[dict[str, Any]], kind: _Kind) -> bool:
        scenario = {"title": "x", "when": steps, **({"then": walker.then} if walker.then else {})}
        file = model.File.model_validate(
            {"arrimage": 1, "definitions": ["x"], "scenarios": [scenario]}
        ).model_copy(update={"given": walker.story.given})
        try:
            (story,) = reading.stories(Source("", []), file, Known(self.stage.definitions))
        except InvalidScenario:
            return False
        return any(_kind(failure) == kind for failure in play(self.stage, story).failures)


def _kind(failure: Failure) -> _Kind:
    """Return what tells one fault from another: a refusal for other reasons is another one."""
    return failure.code, frozenset(r.code for r in failure.reasons)

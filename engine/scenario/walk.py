"""One random walk: each step is one of a scenario, taken by the same player and held to what must be."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from engine import register, roster
from engine.definition.fields import CODES as FIELD_CODES
from engine.definition.walk import fields_read, through_checklists
from engine.scenario import model, moves
from engine.scenario.expect import Since, judge
from engine.scenario.failures import Failure
from engine.scenario.story import Check, Deed, Story

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from engine.definition.compiled import CompiledAction, CompiledDefinition
    from engine.errors import Reason
    from engine.register import Listed
    from engine.scenario.run import Player
    from engine.scenario.stage import Stage, World

#: The longest walk, in steps.
LONGEST = 25
#: One chance in twenty to stop after each step.
_GO_ON = (False, *(True,) * 19)
#: What a form may be refused for, whatever was said to be possible.
_OF_FORM = frozenset(
    {*FIELD_CODES, "field_missing", "field_unknown", "note_missing", "nothing_given",
     "merge_into_itself"}
)  # fmt: skip
_OF_GUARD = frozenset({"requirement", "checklist_item"})
#: The place of the one scenario that a walk would make.
PATH = ("scenarios", 0)


@dataclass(slots=True)
class Walker:
    """One walk: the steps taken, as a file would write them."""

    stage: Stage
    player: Player
    picker: moves.Picker
    story: Story
    steps: list[dict[str, Any]] = field(default_factory=list)
    then: dict[str, Any] | None = None

    @property
    def world(self) -> World:
        """The world in which it walks."""
        return self.player.world

    def walk(self) -> list[Failure]:
        """Go from where a scenario has led, step by step; return what is not as it should be."""
        begun = self.story.deeds[: self.picker.pick(range(len(self.story.deeds) + 1))]
        for deed in begun:
            self.steps.append(_written(deed))
            if self.player.take(replace(deed, checks=())):
                return []  # the scenario itself fails, and says so
        failures = [] if moves.every_case(self.world) else self._open()
        longest = len(self.steps) + LONGEST
        while not failures and len(self.steps) < longest and self.picker.pick(_GO_ON):
            failures = self._step()
        return failures or self._end()

    def _step(self) -> list[Failure]:
        ways = [self._act, self._act, self._act, self._act, self._wait, self._wait, self._handle,
                self._server, self._open]  # fmt: skip
        if moves.stuck(self.world):
            ways += [self._decide, self._decide]
        return self.picker.pick(ways)()

    # --- the steps ------------------------------------------------------------------------------

    def _take(self, step: dict[str, Any]) -> list[Failure]:
        self.steps.append(step)
        deed = _deed(step, len(self.steps) - 1, self._process(step))
        return self.player.take(deed)

    def _process(self, step: dict[str, Any]) -> str:
        number = step.get("case", "")
        return next((c.process for c in moves.every_case(self.world) if c.number == number),
                    step.get("open", ""))  # fmt: skip

    def _open(self) -> list[Failure]:
        definition = self.stage.definitions[self.picker.pick(list(self.stage.definitions))]
        login = self.picker.pick(moves.people(self.world))
        data = moves.form(definition, definition.opening, self.world, self.picker)
        step = {"open": definition.key, "by": login, **({"with": data} if data else {})}
        return self._either(step, definition, definition.opening, None)

    def _act(self) -> list[Failure]:
        case = self._case()
        if case is None:
            return []
        login = self.picker.pick(moves.people(self.world))
        options = self.world.engine.options(case.id, self.world.actor(login), ways=False)
        able = [o for o in options if not o.reasons]
        option = self.picker.pick(
            (able or options) if self.picker.pick((True, True, True, False)) else options
        )
        definition = self.stage.library.get(case.process, case.definition_version).definition
        data = moves.form(definition, option.action, self.world, self.picker)
        step: dict[str, Any] = {"do": option.action.name, "case": case.number, "by": login}
        step |= {"with": data} if data else {}
        step |= {"note": "Une note"} if option.action.note_required else {}
        return self._either(step, definition, option.action, option.reasons)

    def _either(
        self,
        step: dict[str, Any],
        definition: CompiledDefinition,
        action: CompiledAction,
        said: Sequence[Reason] | None,
    ) -> list[Failure]:
        """Take a step that may be refused, and hold the refusal against what was said before it."""
        failures = self._take(step)
        refusal = failures[0] if failures and failures[0].code == "refused" else None
        codes = {r.code for r in refusal.reasons} if refusal else set()
        promised = [r for r in said or () if not _depends(definition, action, r)]
        if refusal is None and not failures and promised:
            step["refused"] = sorted({r.code for r in promised})
            return self._not_refused(step)
        if refusal is None:
            return failures
        if said == () and any(not _depends(definition, action, r) for r in refusal.reasons):
            return failures
        step["refused"] = sorted(codes)
        return []

    def _not_refused(self, step: dict[str, Any]) -> list[Failure]:
        said = ", ".join(step["refused"])
        return [Failure(path=(*PATH, "when", len(self.steps) - 1, "refused"), code="not-refused",
                        what=("l'action", "the action"), got=("faite", "done"),
                        expected=(f"refusée ({said})", f"refused ({said})"))]  # fmt: skip

    def _case(self) -> Listed | None:
        """Return one of the cases; of a merged one, that which its number leads to."""
        cases = moves.every_case(self.world)
        if not cases:
            return None
        number = self.picker.pick([c.number for c in reversed(cases)])
        with self.world.database.read() as connection:
            return register.listed(register.find(connection, number).row)

    def _wait(self) -> list[Failure]:
        waits = ["1 day", "3 business days", "1 month"]
        at = moves.next_timer(self.world)
        if at is not None:
            # Written to the minute, so never before it is due.
            local = self.world.calendar.local(at)
            later = local if not (local.second or local.microsecond) else None
            waits = [f"{later:%Y-%m-%d %H:%M}", *waits] if later else waits
        return self._take({"wait": self.picker.pick(waits)})

    def _handle(self) -> list[Failure]:
        case = self._case()
        if case is None:
            return []
        kind = self.picker.pick(("take", "release", "assign"))
        logins = moves.people(self.world)
        value: Any = self.picker.pick(logins) if kind == "assign" else True
        step = {kind: value, "case": case.number, "by": self.picker.pick(logins)}
        failures = self._take(step)
        if failures and failures[0].code == "refused":
            step["refused"] = sorted({r.code for r in failures[0].reasons})
            return []
        return failures

    def _server(self) -> list[Failure]:
        rosters = self._given_rosters()
        someone = [None, *(a for m in rosters.values() for a in m.values() if a)]
        address = self.picker.pick(someone)
        how = self.picker.pick(("refuses", "uncertain"))
        return self._take({"server": {} if address is None else {how: [address]}})

    def _given_rosters(self) -> dict[str, dict[str, str | None]]:
        today = self.world.calendar.today(self.world.clock.now())
        with self.world.database.read() as connection:
            return {
                name: {m.name: m.contacts[0].email for m in roster.active(connection, name, today)
                       if m.contacts}
                for d in self.stage.definitions.values()
                for name in {n.target for n in d.notifications.values() if n.kind == "roster"}
            }  # fmt: skip

    def _decide(self) -> list[Failure]:
        delivery = self.picker.pick(moves.stuck(self.world))
        how = self.picker.pick(("retry", "confirmed", "resend"))
        fits = {"uncertain": how != "retry"}.get(delivery.state, how == "retry")
        return self._take({"outbox": {how: [delivery.addresses[0]]}}) if fits else []

    # --- the end --------------------------------------------------------------------------------

    def _end(self) -> list[Failure]:
        """Hold the end against what must always be: each case can still end, its history is whole."""
        for case in moves.every_case(self.world):
            if case.ended_at is None and case.parent_id is None:
                then = {"case": case.number, "can_end": True}
                check = Check(path=(*PATH, "then"), process=case.process, written={},
                              wanted=model.Expectation.model_validate(then))  # fmt: skip
                failures = judge(self.stage, self.world, check, "", self.player.login, Since())
                if failures:
                    self.then = then
                    return failures
        return list(self.player.at_the_end(replace(self.story, path=PATH, checks=())))


def _written(deed: Deed) -> dict[str, Any]:
    """Return a step of a scenario as a file writes it, with keys only and nothing to check."""
    step = deed.step.model_dump(mode="json", by_alias=True, exclude_unset=True, exclude={"then"})
    return {**step, deed.kind: deed.name} if deed.name else step


def _deed(step: dict[str, Any], index: int, process: str) -> Deed:
    """Return a step that names everything by its key as a scenario's."""
    read = model.Step.model_validate(step)
    kind = next(k for k in model.DEEDS if getattr(read, k) is not None)
    name = str(step[kind]) if kind in {"open", "do", "assign"} else ""
    return Deed(path=(*PATH, "when", index), kind=kind, name=name, step=read, process=process,
                causes=None, checks=())  # fmt: skip


def _depends(definition: CompiledDefinition, action: CompiledAction, reason: Reason) -> bool:
    """Tell whether a reason comes of what the form says, which is not known before it is filled in."""
    if reason.code in _OF_FORM:
        return True
    if reason.code not in _OF_GUARD:
        return False
    return not _form_fields(action).isdisjoint(_read(definition, action))


def _form_fields(action: CompiledAction) -> set[str]:
    return {item.record or item.field.name for item in action.form}


def _read(definition: CompiledDefinition, action: CompiledAction) -> Iterator[str]:
    """Yield the fields that an action's guards read, through checklists too."""
    written = definition.written
    for requirement in written.actions[action.name].requires if action.sources else ():
        yield from (requirement.exception,) if requirement.exception else ()
        for part in through_checklists(written, requirement.when):
            yield from fields_read(part)

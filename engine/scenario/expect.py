"""Whether what should be is: every expectation of a check against the world, in words."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from engine import register
from engine.actor import SYSTEM
from engine.definition.compiled import FieldError
from engine.errors import NotFound
from engine.folding import fold
from engine.references import References
from engine.scenario import ending
from engine.scenario.causes import in_short
from engine.scenario.failures import NO, NOTHING, YES, Failure, listed, plain, quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime

    from engine.definition.compiled import CompiledDefinition, CompiledField
    from engine.outcome import Outcome
    from engine.register import Found
    from engine.scenario.failures import Both
    from engine.scenario.model import Letter
    from engine.scenario.stage import Left, Stage, World
    from engine.scenario.story import Check


@dataclass(frozen=True, slots=True, kw_only=True)
class Since:
    """What has happened since the beginning of a step, or of the scenario.

    Attributes:
        versions: The version of each case then, by its number.
        left: The messages that have left since.
        outcome: What the step did, where it did something to a case.
    """

    versions: Mapping[str, int] = field(default_factory=dict)
    left: Sequence[Left] = ()
    outcome: Outcome | None = None


class Judge:
    """Holds one check against the world."""

    def __init__(
        self, stage: Stage, world: World, check: Check, number: str, login: str, since: Since
    ) -> None:
        self.stage = stage
        self.world = world
        self.check = check
        self.wanted = check.wanted
        self.login = login
        self.since = since
        self.number = check.wanted.case or number
        self.case: Found = self._case()
        version = self.case.row.definition_version
        self.definition: CompiledDefinition = stage.library.get(
            self.case.row.process, version
        ).definition

    def _case(self) -> Found:
        with self.world.database.read() as connection:
            return register.find(connection, self.number, follow=False)

    def failures(self) -> Iterator[Failure]:
        """Yield everything that is not as it should be."""
        looks: dict[str, Callable[[], Iterator[Failure]]] = {
            "state": self._state, "owner": self._owner, "due": self._due, "fields": self._fields,
            "mail": self._mail, "timers": self._timers, "fired": self._fired,
            "automatic": self._automatic, "children": self._children, "possible": self._possible,
            "impossible": self._impossible, "duplicates": self._duplicates, "late": self._late,
            "replayed": self._replayed, "can_end": self._can_end,
        }  # fmt: skip
        for name, look in looks.items():
            if name in self.wanted.model_fields_set:
                yield from look()

    def _failure(
        self, code: str, what: Both, expected: Both, got: Both, *place: str | int
    ) -> Failure:
        said = f"{self.number}, {what[0]}", f"{self.number}, {what[1]}"
        return Failure(path=self.check.place(*(place or (code,))), code=code, what=said,
                       expected=expected, got=got, number=self.number)  # fmt: skip

    # --- the case itself ------------------------------------------------------------------------

    def _state(self) -> Iterator[Failure]:
        wanted = str(self.wanted.state)
        if self.case.row.state != wanted:
            yield self._failure("state", ("l'état", "the state"), self._state_said(wanted),
                                self._state_said(self.case.row.state))  # fmt: skip

    def _state_said(self, key: str) -> Both:
        return quoted(self.definition.states[key].label, key)

    def _owner(self) -> Iterator[Failure]:
        if self.case.row.owner != self.wanted.owner:
            yield self._failure("owner", ("la personne responsable", "the owner"),
                                plain(self.wanted.owner), plain(self.case.row.owner))  # fmt: skip

    def _due(self) -> Iterator[Failure]:
        due = register.listed(self.case.row).due_at
        got = None if due is None else self.world.calendar.today(due)
        if got != self.wanted.due:
            yield self._failure("due", ("l'échéance", "the due date"), plain(self.wanted.due),
                                plain(got))  # fmt: skip

    def _fields(self) -> Iterator[Failure]:
        for name, wanted in self.wanted.fields.items():
            spec, got = self._value(name)
            got = len(got or []) if spec.of else got  # of records, how many there are
            expected = self._stored(spec, wanted)
            if expected != got:
                what = f"le champ {spec.label['fr']}", f"the field {spec.label['en']}"
                yield self._failure("field", what, self._shown(spec, expected),
                                    self._shown(spec, got), "fields", name)  # fmt: skip

    def _value(self, name: str) -> tuple[CompiledField, Any]:
        """Return a field and what it holds; for `list.field`, what the last record says."""
        record, _, inner = name.rpartition(".")
        if record:
            records = self.case.data.get(record) or [{}]
            return self.definition.fields[record].of[inner], records[-1].get(inner)
        return self.definition.fields[name], self.case.data.get(name)

    def _stored(self, spec: CompiledField, wanted: Any) -> Any:
        """Return what a field would hold; what it could never hold stays as it is written."""
        if wanted is None or spec.of:
            return wanted
        with self.world.database.read() as connection:
            references = References(connection)
            try:
                if spec.type in references.kinds:
                    wanted = references.resolve(spec, wanted)
                return spec.normalise(wanted)
            except FieldError:
                return wanted

    def _shown(self, spec: CompiledField, value: Any) -> Both:
        if spec.of:
            return f"{value} consignés", f"{value} recorded"
        if isinstance(value, dict) and "missing" in value:
            return f"non obtenu : « {value['missing']} »", f"not obtained: “{value['missing']}”"
        keys = value if isinstance(value, list) else [value]
        if spec.options and value:
            return listed([quoted(spec.options.get(k), str(k)) for k in keys])
        return plain(value)

    # --- what is planned, what time and the engine did ------------------------------------------

    def _timers(self) -> Iterator[Failure]:
        with self.world.database.read() as connection:
            pending = {
                t["name"]: t["fire_at"] for t in register.pending_timers(connection, self.case.id)
            }
        for name, wanted in self.wanted.timers.items():
            at = pending.get(name)
            if not self._is_at(at, wanted):
                label = self.definition.timers[name].label
                what = f"la minuterie « {label['fr']} »", f"the timer “{label['en']}”"
                yield self._failure("timer", what, _planned(wanted), self._planned(at),
                                    "timers", name)  # fmt: skip

    def _is_at(self, at: datetime | None, wanted: Any) -> bool:
        if isinstance(wanted, bool):
            return (at is not None) == wanted
        if at is None:
            return False
        local = self.world.calendar.local(at)
        if isinstance(wanted, str):
            return f"{local:%Y-%m-%d %H:%M}" == wanted.replace("T", " ")
        return bool(local.date() == wanted)

    def _planned(self, at: datetime | None) -> Both:
        if at is None:
            return "pas armée", "not armed"
        return plain(f"{self.world.calendar.local(at):%Y-%m-%d %H:%M}")

    def _events(self) -> list[dict[str, Any]]:
        with self.world.database.read() as connection:
            events = register.events(connection, self.case.id)
        return [e for e in events if e["seq"] > self.since.versions.get(self.number, 0)]

    def _fired(self) -> Iterator[Failure]:
        labels = {k: t.label for k, t in self.definition.timers.items()}
        got = [e["body"]["timer"] for e in self._events() if "timer" in e["body"]]
        yield from self._same("fired", ("les minuteries échues", "the timers that fired"),
                              sorted(self.wanted.fired or []), sorted(set(got)), labels)  # fmt: skip

    def _automatic(self) -> Iterator[Failure]:
        labels = {k: a.label for k, a in self.definition.actions.items()}
        got = [
            e["action"] for e in self._events()
            if e["actor"] == SYSTEM.login and e["action"] in labels and "timer" not in e["body"]
        ]  # fmt: skip
        what = "ce qui s'est fait tout seul", "what happened by itself"
        yield from self._same("automatic", what, self.wanted.automatic or [], got, labels)

    def _same(
        self, code: str, what: Both, wanted: list[str], got: list[str], labels: Mapping[str, Any]
    ) -> Iterator[Failure]:
        if wanted != got:
            expected, found = (
                listed([quoted(labels[k], k) for k in keys]) for keys in (wanted, got)
            )
            yield self._failure(code, what, expected, found)

    def _children(self) -> Iterator[Failure]:
        with self.world.database.read() as connection:
            got = {c.number: c for c in register.children(connection, self.case.id)}
        wanted = self.wanted.children or {}
        for number in {**wanted, **got}:
            child = got.get(number)
            state = None if child is None else child.state
            if wanted.get(number) != state:
                what = f"le dossier {number}", f"the case {number}"
                yield self._failure("child", what, self._child_said(number, wanted.get(number)),
                                    self._child_said(number, state), "children", number)  # fmt: skip

    def _child_said(self, number: str, state: str | None) -> Both:
        prefix = number.partition("-")[0]
        found = (d.states for d in self.stage.definitions.values() if d.prefix == prefix)
        states = next(found, {})
        return NOTHING if state is None else quoted(states[state].label, state)

    # --- what may be done -----------------------------------------------------------------------

    def _possible(self) -> Iterator[Failure]:
        for i, name in enumerate(self.wanted.possible):
            reasons = self._reasons(name)
            if reasons:
                got = f"impossible ({in_short(reasons)})"
                yield self._failure("possible", self._action_said(name), ("possible", "possible"),
                                    (got, got), "possible", i)  # fmt: skip

    def _impossible(self) -> Iterator[Failure]:
        for i, name in enumerate(self.wanted.impossible):
            if not self._reasons(name):
                yield self._failure("impossible", self._action_said(name),
                                    ("impossible", "impossible"), ("possible", "possible"),
                                    "impossible", i)  # fmt: skip

    def _reasons(self, name: str) -> Sequence[Any]:
        actor = self.world.actor(self.login)
        found = self.world.engine.options(self.case.id, actor, ways=False)
        return next((o.reasons for o in found if o.action.name == name), ("automatic",))

    def _action_said(self, name: str) -> Both:
        fr, en = quoted(self.definition.actions[name].label, name)
        return f"{fr} pour {self.login}", f"{en} for {self.login}"

    def _can_end(self) -> Iterator[Failure]:
        got = ending.can_end(self.stage, self.world, self.case.id)
        if got != self.wanted.can_end:
            yield self._failure("can-end", ("peut encore finir", "can still end"),
                                YES if self.wanted.can_end else NO, YES if got else NO,
                                "can_end")  # fmt: skip

    # --- what a step said -----------------------------------------------------------------------

    def _duplicates(self) -> Iterator[Failure]:
        outcome = self.since.outcome
        got = list(outcome.probable_duplicates) if outcome else []
        if sorted(got) != sorted(self.wanted.duplicates or []):
            yield self._failure("duplicates", ("les doublons probables", "the probable duplicates"),
                                listed([plain(n) for n in self.wanted.duplicates or []]),
                                listed([plain(n) for n in got]))  # fmt: skip

    def _late(self) -> Iterator[Failure]:
        got = self.since.outcome is not None and self.since.outcome.late
        if got != self.wanted.late:
            yield self._failure("late", ("inscrit en retard", "registered late"),
                                plain(self.wanted.late), plain(got))  # fmt: skip

    def _replayed(self) -> Iterator[Failure]:
        got = self.since.outcome is not None and self.since.outcome.replayed
        if got != self.wanted.replayed:
            yield self._failure("replayed", ("déjà fait", "done already"),
                                plain(self.wanted.replayed), plain(got))  # fmt: skip

    # --- mail -----------------------------------------------------------------------------------

    def _mail(self) -> Iterator[Failure]:
        left = list(self.since.left)
        unexpected = list(left)
        for i, letter in enumerate(self.wanted.mail or []):
            found = [one for one in left if self._fits(letter, one)]
            unexpected = [one for one in unexpected if one not in found]
            missing = _missing(letter, found)
            if missing is not None:
                # What left under that name is told here, and not again as something besides.
                unexpected = [one for one in unexpected if one.message != letter.message]
                yield self._failure("mail", ("le courrier", "the mail"), self._letter(letter, missing),
                                    listed([self._one(m) for m in left]), "mail", i)  # fmt: skip
        if unexpected:
            yield self._failure("mail", ("le courrier en plus", "the mail besides"), NOTHING,
                                listed([self._one(m) for m in unexpected]), "mail")  # fmt: skip

    def _fits(self, letter: Letter, one: Left) -> bool:
        people = [letter.to] if isinstance(letter.to, str) else letter.to
        return (
            one.message == letter.message
            and (people is None or any(one.is_to(p) for p in people))
            and (letter.subject is None or fold(letter.subject) in fold(one.subject))
            and (letter.languages is None or tuple(letter.languages) == one.languages)
            and letter.newcomers in {None, one.newcomer}
            and (letter.at is None or self._is_at(one.at, letter.at))
        )

    def _letter(self, letter: Letter, missing: str) -> Both:
        fr, en = self._message(letter.message)
        wanted = [str(v) for v in (letter.subject, letter.at) if v is not None]
        rest = "".join(f", « {w} »" for w in wanted) + "".join(
            f", {lang}" for lang in letter.languages or ()
        )
        new_fr, new_en = ("", "") if letter.newcomers is None else _NEWCOMER[letter.newcomers]
        return f"{fr} {missing}{rest}{new_fr}", f"{en} {missing}{rest}{new_en}"

    def _one(self, one: Left) -> Both:
        fr, en = self._message(one.message)
        to, at = ", ".join(one.addresses), self.world.calendar.local(one.at)
        said = f"→ {to} ({one.subject}; {'+'.join(one.languages)}; {at:%Y-%m-%d %H:%M})"
        new_fr, new_en = _NEWCOMER[True] if one.newcomer else ("", "")
        return f"{fr} {said}{new_fr}", f"{en} {said}{new_en}"

    def _message(self, name: str) -> Both:
        for definition in self.stage.definitions.values():
            if name in definition.notifications:
                return quoted(definition.notifications[name].label, name)
        return plain(name)


#: Which copies of a batch that goes to newcomers too: those of the newcomers, or the others.
_NEWCOMER: dict[bool, Both] = {
    True: (", aux nouveaux", ", to newcomers"),
    False: (", aux autres que les nouveaux", ", to others than newcomers"),
}


def _missing(letter: Letter, found: Sequence[Left]) -> str | None:
    """Return what of a letter did not leave: to whom, or how many times; None: all of it did."""
    if isinstance(letter.to, list):
        without = [p for p in letter.to if not any(one.is_to(p) for one in found)]
        if without:
            return f"→ {', '.join(without)}"
    elif not found:
        return "" if letter.to is None else f"→ {letter.to}"
    if letter.times is not None and letter.times != len(found):
        return f"× {letter.times}"
    return None


def _planned(wanted: Any) -> Both:
    if wanted is True:
        return "armée", "armed"
    return ("pas armée", "not armed") if wanted is False else plain(wanted)


def judge(
    stage: Stage, world: World, check: Check, number: str, login: str, since: Since
) -> list[Failure]:
    """Return everything that is not as a check says.

    Args:
        stage: The stage.
        world: The world as it is now.
        check: What must be.
        number: The case, unless the check names another.
        login: Who would act.
        since: What has happened since the step, or the scenario, began.
    """
    try:
        return list(Judge(stage, world, check, number, login, since).failures())
    except NotFound as error:
        place = check.place("case") if check.wanted.case else check.path
        missing = ("introuvable", "not found")
        return [Failure(path=place, code="case", what=("le dossier", "the case"),
                        expected=plain(error.name), got=missing)]  # fmt: skip

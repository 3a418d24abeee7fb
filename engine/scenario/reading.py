"""A scenario file read: its names found in the definitions, and every mistake at its place.

What people call something is accepted beside its key: « En recherche » for the state `recherche`,
accents and case aside. What comes out has keys only.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from engine.definition import mistakes, source
from engine.definition.compiled import FieldError
from engine.errors import InvalidDefinition, InvalidScenario
from engine.folding import fold
from engine.scenario import model
from engine.scenario.causes import CODES, WORDED, Cause, said_words

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from engine.definition.compiled import (
        CompiledAction,
        CompiledDefinition,
        CompiledField,
        Words,
    )
    from engine.definition.source import Path, Source
    from engine.errors import Finding

#: What each kind of name is called.
_FRENCH = {
    "process": "le processus", "action": "l'action", "state": "l'état", "field": "le champ",
    "timer": "la minuterie", "message": "l'avis", "person": "la personne", "role": "le rôle",
    "reason": "le motif de refus", "scenario": "plus haut, le scénario",
}  # fmt: skip
_REFERENCES = frozenset({"person", "member", "case"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """What must be: an expectation whose names are keys, and where each was written."""

    path: Path
    process: str | None
    wanted: model.Expectation
    written: Mapping[tuple[str, str], str]

    def place(self, *parts: str | int) -> Path:
        """Return the path of a part, by the words that stand in the file."""
        if len(parts) > 1 and isinstance(parts[0], str):
            inner = self.written.get((parts[0], str(parts[1])), parts[1])
            return (*self.path, parts[0], inner, *parts[2:])
        return (*self.path, *parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """A step whose names are keys."""

    path: Path
    kind: str
    name: str  #: the process, the action or the login; else nothing
    step: model.Step
    process: str | None
    causes: tuple[Cause, ...] | None
    checks: tuple[Check, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """A scenario ready to be played."""

    path: Path
    title: str
    given: model.Given
    deeds: tuple[Deed, ...]
    checks: tuple[Check, ...]


def parse(text: str, path: str) -> tuple[Source, model.File]:
    """Return a scenario file as it stands; raise `InvalidScenario` with every mistake of form."""
    try:
        read = source.read(text, path)
        return read, mistakes.parse(read, model.File)
    except InvalidDefinition as error:
        raise InvalidScenario(error.findings) from error


def stories(
    read: Source, file: model.File, definitions: Mapping[str, CompiledDefinition]
) -> list[Story]:
    """Return the scenarios of a file; raise `InvalidScenario` with every name that nothing bears."""
    reader = _Reader(read, definitions)
    made = [
        reader.story(scenario, file.given, ("scenarios", i))
        for i, scenario in enumerate(file.scenarios)
    ]
    if reader.findings:
        raise InvalidScenario(tuple(sorted(reader.findings, key=lambda f: (f.line, f.column))))
    return made


def together(file: model.Given, own: model.Given) -> model.Given:
    """Return what a scenario has: its own, and for what it does not say, the file's."""
    return model.Given(
        now=own.now or file.now,
        people={**file.people, **own.people},
        rosters={**file.rosters, **own.rosters},
    )


def logins(given: model.Given, definitions: Mapping[str, CompiledDefinition]) -> list[str]:
    """Return the people that there are; without any, one a role, named like it."""
    if given.people:
        return list(given.people)
    return list(dict.fromkeys(role for d in definitions.values() for role in d.roles))


class _Reader:
    """Finds what the names of one file mean, and keeps what is wrong."""

    def __init__(self, read: Source, definitions: Mapping[str, CompiledDefinition]) -> None:
        self.source = read
        self.definitions = definitions
        self.findings: list[Finding] = []
        self.people: list[str] = []
        self.told: dict[str, Story] = {}

    # --- what a name means ----------------------------------------------------------------------

    def find(self, code: str, path: Path, fr: str, en: str, *, of_key: bool = False) -> None:
        self.findings.append(self.source.finding(code, path, fr, en, of_key=of_key))

    def named(
        self, kind: str, typed: str, known: Mapping[str, Words], path: Path, *, of_key: bool = False
    ) -> str:
        """Return the key of what is called so; the words themselves when nothing is."""
        if typed in known:
            return typed
        wanted = fold(typed)
        found = [k for k, label in known.items() if wanted in {fold(k), *said_words([label])}]
        if len(found) == 1:
            return found[0]
        if found:
            listed = ", ".join(found)
            self.find("ambiguous", path, f"« {typed} » peut désigner plusieurs choses : {listed}.",
                      f"{typed!r} may be {listed}.", of_key=of_key)  # fmt: skip
        else:
            self._unknown(kind, typed, known, path, of_key=of_key)
        return typed

    def _unknown(
        self, kind: str, typed: str, known: Mapping[str, Words], path: Path, *, of_key: bool
    ) -> None:
        words = {fold(text): text for k, label in known.items() for text in (k, *label.values())}
        near = get_close_matches(fold(typed), words, n=1, cutoff=0.6)
        fr, en = f"{_FRENCH[kind]} « {typed} » n'existe pas", f"there is no {kind} {typed!r}"
        if near:
            meant = words[near[0]]
            fr, en = f"{fr} ; vouliez-vous « {meant} » ?", f"{en}; did you mean {meant!r}?"
        self.find(f"unknown-{kind}", path, fr, en, of_key=of_key)

    def _person(self, login: str | None, path: Path) -> None:
        if login is not None:
            self.named("person", login, {p: {} for p in self.people}, path)

    # --- a scenario -----------------------------------------------------------------------------

    def story(self, scenario: model.Scenario, common: model.Given, path: Path) -> Story:
        before = self._before(scenario, path)
        given = together(before.given if before else common, scenario.given)
        self.people = logins(given, self.definitions)
        self._given(given, scenario, path)
        deeds = list(before.deeds) if before else []
        process = next((d.process for d in reversed(deeds) if d.kind == "open"), None)
        for i, step in enumerate(scenario.when):
            deed = self._deed(step, process, (*path, "when", i))
            if deed.kind == "open":
                process = deed.process
            deeds.append(deed)
        if before is None:
            self._needs_somebody(scenario, path)
        checks = tuple(self._checks(scenario.then, process, (*path, "then")))
        made = Story(
            path=path, title=scenario.title, given=given, deeds=tuple(deeds), checks=checks
        )
        if scenario.title in self.told:
            self.find("duplicate-key", (*path, "title"), "un scénario a déjà ce titre.",
                      "a scenario has this title already.")  # fmt: skip
        self.told[scenario.title] = made
        return made

    def _before(self, scenario: model.Scenario, path: Path) -> Story | None:
        """Return the scenario whose steps come first, if one is named."""
        if scenario.after is None:
            return None
        known: dict[str, Words] = {title: {} for title in self.told}
        return self.told.get(self.named("scenario", scenario.after, known, (*path, "after")))

    def _needs_somebody(self, scenario: model.Scenario, path: Path) -> None:
        for i, step in enumerate(scenario.when):
            if step.by is not None:
                return
            if not (step.wait or step.server or step.outbox):
                self.find("missing-key", (*path, "when", i), "il manque « by » : qui le fait ?",
                          "'by' is missing: who does it?")  # fmt: skip
                return

    def _given(self, given: model.Given, scenario: model.Scenario, path: Path) -> None:
        if given.now is None:
            self.find("missing-key", (*path, "given"), "il manque « now » : quand cela commence-t-il ?",
                      "'now' is missing: when does it begin?")  # fmt: skip
        roles = {k: v for d in self.definitions.values() for k, v in d.roles.items()}
        for login, person in given.people.items():
            own = login in scenario.given.people
            place: Path = (*path, "given", "people", login) if own else ("given", "people", login)
            held = person if isinstance(person, list) else person.roles
            inner = place if isinstance(person, list) else (*place, "roles")
            for i, role in enumerate(held):
                if role not in roles:
                    self._unknown("role", role, roles, (*inner, i), of_key=False)
            if isinstance(person, model.Person):
                self._person(person.substitute, (*place, "substitute"))

    # --- a step ---------------------------------------------------------------------------------

    def _deed(self, step: model.Step, process: str | None, path: Path) -> Deed:
        kinds = [k for k in model.DEEDS if getattr(step, k) is not None]
        if len(kinds) != 1:
            listed = ", ".join(model.DEEDS)
            self.find("one-key", path, f"exactement une de ces clés est attendue ici : {listed}.",
                      f"exactly one of these keys is needed here: {listed}.")  # fmt: skip
            return Deed(path=path, kind="wait", name="", step=step, process=process, causes=None,
                        checks=())  # fmt: skip
        kind = kinds[0]
        self._person(step.by, (*path, "by"))
        process = self._process(step, kind, process, path)
        definition = self.definitions.get(process or "")
        name, action = self._aim(step, kind, definition, path)
        asks = action is not None or kind not in {"open", "do"}
        data = self._form(step.data, action, (*path, "with")) if asks else dict(step.data)
        return Deed(
            path=path, kind=kind, name=name, process=process,
            step=step.model_copy(update={"data": data}),
            causes=self._causes(step, definition, action, (*path, "refused")),
            checks=tuple(self._checks(step.then, process, (*path, "then"))),
        )  # fmt: skip

    def _process(self, step: model.Step, kind: str, process: str | None, path: Path) -> str | None:
        if kind == "open":
            labels = {key: d.label for key, d in self.definitions.items()}
            return self.named("process", step.open or "", labels, (*path, "open"))
        if step.case is not None:
            return self._of_number(step.case, (*path, "case"))
        if process is None and kind in {"do", "take", "release", "assign"}:
            self.find("missing-key", path, "aucun dossier n'est encore ouvert : « open » vient avant.",
                      "no case has been opened yet: 'open' comes first.")  # fmt: skip
        return process

    def _of_number(self, number: str, path: Path) -> str | None:
        prefix = number.partition("-")[0]
        found = next((k for k, d in self.definitions.items() if d.prefix == prefix), None)
        if found is None:
            listed = ", ".join(sorted(d.prefix for d in self.definitions.values()))
            self.find("unknown-process", path, f"aucun processus ne numérote ainsi : {listed}.",
                      f"no process numbers its cases so: {listed}.")  # fmt: skip
        return found

    def _aim(
        self, step: model.Step, kind: str, definition: CompiledDefinition | None, path: Path
    ) -> tuple[str, CompiledAction | None]:
        if kind == "assign":
            self._person(step.assign, (*path, "assign"))
            return step.assign or "", None
        if definition is None or kind not in {"open", "do"}:
            return "", None
        if kind == "open":
            return definition.key, definition.opening
        labels = {k: a.label for k, a in definition.actions.items()}
        name = self.named("action", step.do or "", labels, (*path, "do"))
        return name, definition.actions.get(name)

    def _form(
        self, data: Mapping[str, Any], action: CompiledAction | None, path: Path
    ) -> dict[str, Any]:
        if action is None:
            if data:
                self.find("useless-key", path, "rien n'est demandé ici.", "nothing is asked here.",
                          of_key=True)  # fmt: skip
            return {}
        return {self._item(name, action, place): value for name, value, place in _flat(data, path)}

    def _item(self, typed: str, action: CompiledAction, path: Path) -> str:
        names = {item.name: item.field.label for item in action.form}
        short = [name for name in names if name.rpartition(".")[2] == typed]
        if typed not in names and len(short) == 1:
            return short[0]
        return self.named("field", typed, names, path, of_key=True)

    # --- why not --------------------------------------------------------------------------------

    def _causes(
        self,
        step: model.Step,
        definition: CompiledDefinition | None,
        action: CompiledAction | None,
        path: Path,
    ) -> tuple[Cause, ...] | None:
        if step.refused is None:
            return None
        if not step.refused:
            self.find(
                "empty-condition", path, "dites pourquoi c'est refusé.", "say why it is refused."
            )
        words = _worded(definition, action)
        return tuple(
            cause
            for i, item in enumerate(step.refused)
            for cause in self._cause(item, words, action, (*path, i))
        )

    def _cause(
        self,
        item: str | dict[str, str],
        words: Mapping[str, Words],
        action: CompiledAction | None,
        path: Path,
    ) -> Iterator[Cause]:
        if isinstance(item, str):
            if item in CODES:
                yield Cause(path=path, said=item, code=item)
            else:
                self.named("reason", item, {**words, **{c: {} for c in CODES}}, path)
                yield Cause(path=path, said=item, words=fold(item))
            return
        for code, detail in item.items():
            here = (*path, code)
            if code not in CODES:
                self._unknown("reason", code, {c: {} for c in CODES}, here, of_key=True)
            elif code in WORDED:
                self.named("reason", detail, words, here)
                yield Cause(path=here, said=f"{code} « {detail} »", code=code, words=fold(detail))
            else:
                name = (
                    detail
                    if action is None or detail == "note"
                    else self._item(detail, action, here)
                )
                yield Cause(path=here, said=f"{code} ({name})", code=code, field=name)

    # --- what must be ---------------------------------------------------------------------------

    def _checks(
        self,
        then: model.Expectation | Sequence[model.Expectation] | None,
        process: str | None,
        path: Path,
    ) -> Iterator[Check]:
        if then is None:
            return
        if isinstance(then, model.Expectation):
            yield self._check(then, process, path)
            return
        for i, one in enumerate(then):
            yield self._check(one, process, (*path, i))

    def _check(self, then: model.Expectation, process: str | None, path: Path) -> Check:
        if then.case is not None:
            process = self._of_number(then.case, (*path, "case"))
        written: dict[tuple[str, str], str] = {}
        changed = dict(self._mail(then, path))
        definition = self.definitions.get(process or "")
        if definition is not None:
            changed |= self._of_definition(then, definition, path, written)
        self._person(then.owner, (*path, "owner"))
        changed |= self._children(then, path)
        return Check(path=path, process=process, written=written,
                     wanted=then.model_copy(update=changed))  # fmt: skip

    def _of_definition(
        self,
        then: model.Expectation,
        definition: CompiledDefinition,
        path: Path,
        written: dict[tuple[str, str], str],
    ) -> Iterator[tuple[str, Any]]:
        kinds: dict[str, tuple[str, Mapping[str, Words]]] = {
            "timers": ("timer", {k: t.label for k, t in definition.timers.items()}),
            "fired": ("timer", {k: t.label for k, t in definition.timers.items()}),
            "automatic": ("action", {k: a.label for k, a in definition.actions.items()}),
            "possible": ("action", {k: a.label for k, a in definition.actions.items()}),
            "impossible": ("action", {k: a.label for k, a in definition.actions.items()}),
        }
        if then.state is not None:
            labels = {k: s.label for k, s in definition.states.items()}
            yield "state", self.named("state", then.state, labels, (*path, "state"))
        if then.fields:
            yield "fields", dict(self._fields(then.fields, definition, path, written))
        for key, (kind, known) in kinds.items():
            said = getattr(then, key)
            if isinstance(said, dict):
                keys = {self.named(kind, k, known, (*path, key, k), of_key=True): k for k in said}
                written.update({(key, k): typed for k, typed in keys.items()})
                yield key, {k: said[typed] for k, typed in keys.items()}
            elif said:
                yield key, [self.named(kind, v, known, (*path, key, i)) for i, v in enumerate(said)]

    def _fields(
        self,
        fields: Mapping[str, Any],
        definition: CompiledDefinition,
        path: Path,
        written: dict[tuple[str, str], str],
    ) -> Iterator[tuple[str, Any]]:
        known: dict[str, CompiledField] = dict(definition.fields)
        for name, field in definition.fields.items():
            known |= {f"{name}.{inner}": spec for inner, spec in field.of.items()}
        labels = {k: f.label for k, f in known.items() if "." not in k}
        for typed, value in fields.items():
            place = (*path, "fields", typed)
            name = (
                typed if typed in known else self.named("field", typed, labels, place, of_key=True)
            )
            if name in known:
                self._readable(known[name], value, place)
            written["fields", name] = typed
            yield name, value

    def _readable(self, field: CompiledField, value: Any, path: Path) -> None:
        """Find an expected value that the field could never hold; of records, how many there are."""
        if value is None or field.type in _REFERENCES:
            return
        if field.of:
            if not isinstance(value, int):
                self.find("wrong-value", path, "combien y en a-t-il ? Un nombre est attendu ici.",
                          "how many are there? A number is needed here.")  # fmt: skip
            return
        try:
            field.normalise(value)
        except FieldError as error:
            self.find("wrong-value", path, f"ce champ ne contient jamais cela ({error.code}).",
                      f"this field never holds that ({error.code}).")  # fmt: skip

    def _mail(self, then: model.Expectation, path: Path) -> Iterator[tuple[str, Any]]:
        labels = {
            n.name: n.label for d in self.definitions.values() for n in d.notifications.values()
        }
        if then.mail:
            yield "mail", [
                letter.model_copy(update={"message": self.named(
                    "message", letter.message, labels, (*path, "mail", i, "message"))})
                for i, letter in enumerate(then.mail)
            ]  # fmt: skip

    def _children(self, then: model.Expectation, path: Path) -> dict[str, Any]:
        found = {}
        for number, state in (then.children or {}).items():
            process = self._of_number(number, (*path, "children", number))
            if process is not None:
                labels = {k: s.label for k, s in self.definitions[process].states.items()}
                found[number] = self.named("state", state, labels, (*path, "children", number))
        return {"children": found} if found else {}


def _flat(data: Mapping[str, Any], path: Path) -> Iterator[tuple[str, Any, Path]]:
    """Yield each value given, `list: {field: …}` as `list.field`, with its place."""
    for key, value in data.items():
        if isinstance(value, dict) and set(value) != {"missing"}:
            yield from ((f"{key}.{k}", v, (*path, key, k)) for k, v in value.items())
        else:
            yield key, value, (*path, key)


def _worded(
    definition: CompiledDefinition | None, action: CompiledAction | None
) -> dict[str, Words]:
    """Return the words that an action may be refused with: its guards', and those of checklists."""
    if definition is None or action is None:
        return {}
    said = {r.because["fr"]: r.because for r in action.requirements}
    for requirement in action.requirements:
        for name in requirement.checklists:
            said |= {k: label for k, (label, _, _) in definition.checklists[name].items.items()}
    return said


def day_of(text: str) -> date:
    """Return the day of a day or a moment as a scenario writes it."""
    return date.fromisoformat(text[:10])

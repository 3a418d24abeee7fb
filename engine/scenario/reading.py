"""A scenario file read: its names found in the definitions, and every mistake at its place.

What people call something is accepted beside its key: « En recherche » for the state `recherche`,
accents and case aside. What comes out has keys only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from engine.contact import is_email
from engine.definition import mistakes, source
from engine.errors import InvalidDefinition, InvalidScenario
from engine.folding import fold
from engine.scenario import model
from engine.scenario.causes import CODES, WORDED, Cause
from engine.scenario.checks import Checks
from engine.scenario.story import Deed, Story, logins, together

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from engine.definition.compiled import (
        CompiledAction,
        CompiledDefinition,
        Words,
    )
    from engine.definition.source import Path, Source


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
        # What the file says for all of its scenarios is wrong once.
        found = {str(f): f for f in reader.findings}.values()
        raise InvalidScenario(tuple(sorted(found, key=lambda f: (f.line, f.column))))
    return made


class _Reader(Checks):
    """Reads the scenarios of one file."""

    def __init__(self, read: Source, definitions: Mapping[str, CompiledDefinition]) -> None:
        super().__init__(read, definitions)
        self.told: dict[str, Story] = {}

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
                self._of_person(login, person, place)
        for network, members in given.rosters.items():
            own = network in scenario.given.rosters
            place = (*path, "given", "rosters", network) if own else ("given", "rosters", network)
            for member, address in members.items():
                self._address(address, (*place, member))

    def _of_person(self, login: str, person: model.Person, place: Path) -> None:
        self._person(person.substitute, (*place, "substitute"))
        self._address(person.email, (*place, "email"))
        away = person.away
        if person.substitute == login or (away is not None and away.substitute == login):
            self.find("wrong-value", place, "personne n'est son propre substitut.",
                      "nobody is their own substitute.")  # fmt: skip
        if away is None:
            return
        self._person(away.substitute, (*place, "away", "substitute"))
        if away.substitute is None and person.substitute is None:
            self.find("missing-key", (*place, "away"), "il manque « substitute » : qui remplace ?",
                      "'substitute' is missing: who stands in?")  # fmt: skip
        if away.last < away.first:
            self.find("wrong-value", (*place, "away"), "le dernier jour vient avant le premier.",
                      "the last day comes before the first.")  # fmt: skip

    def _address(self, address: str | None, place: Path) -> None:
        if address is not None and not is_email(address):
            self.find("wrong-value", place, f"« {address} » n'est pas une adresse de courriel.",
                      f"{address!r} is not an e-mail address.")  # fmt: skip

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

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
    from collections.abc import Iterator, Mapping, Sequence

    from engine.definition.compiled import (
        CompiledAction,
        CompiledDefinition,
        Words,
    )
    from engine.definition.source import Path, Source
    from engine.errors import Finding
    from engine.scenario.known import Known

#: What stands for a part that must be there, and could not be read.
_STAND_INS: Mapping[str, Any] = {
    "arrimage": 1, "definitions": ["?"], "scenarios": [{"title": "?", "when": []}], "title": "?",
    "when": [], "message": "?", "roles": [],
}  # fmt: skip


def parse(text: str, path: str) -> tuple[Source, model.File | None, list[Finding]]:
    """Return a scenario file as it stands, what can be read of it, and every mistake of form."""
    try:
        read = source.scan(text, path)
    except InvalidDefinition as error:
        return source.Source(path, []), None, list(error.findings)
    file, found = mistakes.salvage(read, model.File, _STAND_INS)
    return read, file, [*read.findings, *found]


def stories(read: Source, file: model.File, known: Known) -> list[Story]:
    """Return the scenarios of a file; raise `InvalidScenario` with every name that nothing bears."""
    reader = _Reader(read, known)
    made = [
        reader.story(scenario, file.given, ("scenarios", i))
        for i, scenario in enumerate(file.scenarios)
    ]
    if reader.findings:
        # What the file says for all of its scenarios is wrong once.
        found = {str(f): f for f in reader.findings}.values()
        raise InvalidScenario(tuple(sorted(found, key=lambda f: (f.line, f.column))))
    return made


#: An action, with the definition that it is of.
_Taken = tuple["CompiledDefinition", "CompiledAction"]


class _Reader(Checks):
    """Reads the scenarios of one file."""

    def __init__(self, read: Source, known: Known) -> None:
        super().__init__(read, known)
        self.told: dict[str, Story] = {}
        #: Whether a case may have been opened by a step that could not be read.
        self.unsure_of_case = False

    # --- a scenario -----------------------------------------------------------------------------

    def story(self, scenario: model.Scenario, common: model.Given, path: Path) -> Story:
        before = self._before(scenario, path)
        given = together(before.given if before else common, scenario.given)
        self.people = logins(given, self.known.definitions)
        self.unsure_of_people = self._unsure_of_people(given, path)
        self.unsure_of_case = scenario.after is not None and before is None
        self._given(given, scenario, path)
        deeds = list(before.deeds) if before else []
        process = next((d.process for d in reversed(deeds) if d.kind == "open"), None)
        for i, step in enumerate(scenario.when):
            deed = self._deed(step, process, (*path, "when", i))
            if deed.kind == "open":
                process = deed.process
            deeds.append(deed)
        if scenario.after is None:
            self._needs_somebody(scenario, path)
        checks = tuple(self._checks(scenario.then, process, (*path, "then")))
        made = Story(
            path=path, title=scenario.title, given=given, deeds=tuple(deeds), checks=checks
        )
        if scenario.title in self.told and not self.source.is_lost((*path, "title")):
            self.find("duplicate-key", (*path, "title"), "un scénario a déjà ce titre.",
                      "a scenario has this title already.")  # fmt: skip
        self.told[scenario.title] = made
        return made

    def _before(self, scenario: model.Scenario, path: Path) -> Story | None:
        """Return the scenario whose steps come first, if one is named."""
        if scenario.after is None:
            return None
        known: dict[str, Words] = {title: {} for title in self.told}
        every = (("scenarios", i, "title") for i in range(int(path[-1])))
        proved = not self.source.has_lost(("scenarios",)) and not any(
            self.source.is_lost(title) for title in every
        )
        place = (*path, "after")
        return self.told.get(self.one_of("scenario", scenario.after, [known], place, proved=proved))

    def _unsure_of_people(self, given: model.Given, path: Path) -> bool:
        places: list[Path] = [("given", "people"), (*path, "given", "people")]
        lost = any(self.source.is_lost(p) or self.source.has_lost(p) for p in places)
        return lost or (not given.people and not self.known.proves("role"))

    def _needs_somebody(self, scenario: model.Scenario, path: Path) -> None:
        if self.source.has_lost((*path, "when")):
            return
        for i, step in enumerate(scenario.when):
            if step.by is not None or self.source.is_lost((*path, "when", i, "by")):
                return
            if not (step.wait or step.server or step.outbox):
                self.find("missing-key", (*path, "when", i), "il manque « by » : qui le fait?",
                          "'by' is missing: who does it?")  # fmt: skip
                return

    def _given(self, given: model.Given, scenario: model.Scenario, path: Path) -> None:
        lost = (self.source.is_lost((*p, "given", "now")) for p in ((), path))
        if given.now is None and not any(lost):
            self.find("missing-key", (*path, "given"), "il manque « now » : quand cela commence-t-il?",
                      "'now' is missing: when does it begin?")  # fmt: skip
        roles = {k: v for d in self.known.of(None) for k, v in d.roles.items()}
        for login, person in given.people.items():
            own = login in scenario.given.people
            place: Path = (*path, "given", "people", login) if own else ("given", "people", login)
            held = person if isinstance(person, list) else person.roles
            inner = place if isinstance(person, list) else (*place, "roles")
            for i, role in enumerate(held):
                if role not in roles and self.known.proves("role"):
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
        lost = (self.source.is_lost((*place, *p, "substitute")) for p in ((), ("away",)))
        if away.substitute is None and person.substitute is None and not any(lost):
            self.find("missing-key", (*place, "away"), "il manque « substitute » : qui remplace?",
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
        kind = self._kind(step, path)
        self._person(step.by, (*path, "by"))
        process = self._process(step, kind, process, path)
        among = self.known.of(process)
        name, taken = self._aim(step, kind, among, path)
        asks = bool(taken) or kind not in {"open", "do", ""}
        data = self._form(step.data, taken, (*path, "with")) if asks else dict(step.data)
        return Deed(
            path=path, kind=kind, name=name, process=process,
            step=step.model_copy(update={"data": data}),
            causes=self._causes(step, taken, (*path, "refused"), proved=asks),
            checks=tuple(self._checks(step.then, process, (*path, "then"))),
        )  # fmt: skip

    def _kind(self, step: model.Step, path: Path) -> str:
        """Return which kind of step it is; the first where there are several, none where none is."""
        kinds = [k for k in model.DEEDS if getattr(step, k) is not None]
        if not kinds and self.source.has_lost(path):
            self.unsure_of_case = True
            return ""
        if len(kinds) != 1:
            listed = ", ".join(model.DEEDS)
            self.find("one-key", path, f"exactement une de ces clés est attendue ici : {listed}.",
                      f"exactly one of these keys is needed here: {listed}.")  # fmt: skip
        return kinds[0] if kinds else ""

    def _process(self, step: model.Step, kind: str, process: str | None, path: Path) -> str | None:
        if kind == "open":
            there = {key: d.label for key, d in self.known.definitions.items()}
            return self.one_of("process", step.open or "", [there], (*path, "open"),
                               proved=self.known.proves("process"))  # fmt: skip
        if step.case is not None:
            return self._of_number(step.case, (*path, "case"))
        if self.source.is_lost((*path, "case")):
            return None
        unsure = self.unsure_of_case or self.source.has_lost(path[:-1])
        if process is None and not unsure and kind in {"do", "take", "release", "assign"}:
            self.find("missing-key", path, "aucun dossier n'est encore ouvert : « open » vient avant.",
                      "no case has been opened yet: 'open' comes first.")  # fmt: skip
        return process

    def _aim(
        self, step: model.Step, kind: str, among: Sequence[CompiledDefinition], path: Path
    ) -> tuple[str, list[_Taken]]:
        """Return the name of what is done, and the actions that it may be, each with its definition."""
        if kind == "assign":
            self._person(step.assign, (*path, "assign"))
            return step.assign or "", []
        if kind == "open":
            return among[0].key if among else "", [(d, d.opening) for d in among]
        if kind != "do":
            return "", []
        name = self.called("action", step.do or "", among, (*path, "do"))
        meant = [d for d in among if name in d.actions]
        return name, [(d, d.actions[name]) for d in meant]

    def _form(self, data: Mapping[str, Any], taken: list[_Taken], path: Path) -> dict[str, Any]:
        if not taken:
            if data:
                self.find("useless-key", path, "rien n'est demandé ici.", "nothing is asked here.",
                          of_key=True)  # fmt: skip
            return {}
        return {self._item(name, taken, place): value for name, value, place in _flat(data, path)}

    def _item(self, typed: str, taken: list[_Taken], path: Path) -> str:
        several = [{item.name: item.field.label for item in a.form} for _, a in taken]
        short = {name for names in several for name in names if name.rpartition(".")[2] == typed}
        if len(short) == 1:
            return short.pop()
        proved = self.known.proves("field", [d for d, _ in taken])
        return self.one_of("field", typed, several, path, of_key=True, proved=proved)

    # --- why not --------------------------------------------------------------------------------

    def _causes(
        self,
        step: model.Step,
        taken: list[_Taken],
        path: Path,
        *,
        proved: bool,
    ) -> tuple[Cause, ...] | None:
        if step.refused is None:
            return None
        if not step.refused:
            self.find(
                "empty-condition", path, "dites pourquoi c'est refusé.", "say why it is refused."
            )
        return tuple(
            cause
            for i, item in enumerate(step.refused)
            for cause in self._cause(item, taken, (*path, i), proved=proved)
        )

    def _cause(
        self,
        item: str | dict[str, str],
        taken: list[_Taken],
        path: Path,
        *,
        proved: bool,
    ) -> Iterator[Cause]:
        if isinstance(item, str):
            if item in CODES:
                yield Cause(path=path, said=item, code=item)
            else:
                self._reason(item, taken, CODES, path, proved=proved)
                yield Cause(path=path, said=item, words=fold(item))
            return
        for code, detail in item.items():
            here = (*path, code)
            if code not in CODES:
                self._unknown("reason", code, {c: {} for c in CODES}, here, of_key=True)
            elif code in WORDED:
                self._reason(detail, taken, (), here, proved=proved)
                yield Cause(path=here, said=f"{code} « {detail} »", code=code, words=fold(detail))
            else:
                name = detail if not taken or detail == "note" else self._item(detail, taken, here)
                yield Cause(path=here, said=f"{code} ({name})", code=code, field=name)

    def _reason(
        self, typed: str, taken: list[_Taken], codes: Sequence[str], path: Path, *, proved: bool
    ) -> None:
        """Find words with which nothing is refused here."""
        listed: dict[str, Words] = {c: {} for c in codes}
        several = [{**_worded(d, a), **listed} for d, a in taken] or [listed]
        proved = proved and self.known.proves("reason", [d for d, _ in taken] or None)
        self.one_of("reason", typed, several, path, proved=proved)


def _flat(data: Mapping[str, Any], path: Path) -> Iterator[tuple[str, Any, Path]]:
    """Yield each value given, `list: {field: …}` as `list.field`, with its place."""
    for key, value in data.items():
        if isinstance(value, dict) and set(value) != {"missing"}:
            yield from ((f"{key}.{k}", v, (*path, key, k)) for k, v in value.items())
        else:
            yield key, value, (*path, key)


def _worded(definition: CompiledDefinition, action: CompiledAction) -> dict[str, Words]:
    """Return the words that an action may be refused with: its guards', and those of checklists."""
    said = {r.because["fr"]: r.because for r in action.requirements}
    for requirement in action.requirements:
        for name in requirement.checklists:
            said |= {k: label for k, (label, _, _) in definition.checklists[name].items.items()}
    return said

"""What a name means: a key, or the label that people read, in either language."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from engine.folding import fold
from engine.scenario.causes import said_words
from engine.scenario.known import labels

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from engine.definition.compiled import CompiledDefinition, Words
    from engine.definition.source import Path, Source
    from engine.errors import Finding
    from engine.scenario.known import Known

#: What each kind of name is called.
_FRENCH = {
    "process": "le processus", "action": "l'action", "state": "l'état", "field": "le champ",
    "timer": "la minuterie", "message": "l'avis", "person": "la personne", "role": "le rôle",
    "reason": "le motif de refus", "scenario": "plus haut, le scénario",
}  # fmt: skip


class Names:
    """Finds what the names of one file mean, and keeps what is wrong."""

    def __init__(self, read: Source, known: Known) -> None:
        self.source = read
        self.known = known
        self.findings: list[Finding] = []
        self.people: list[str] = []
        #: Whether people that could not be read may bear the names that are not found.
        self.unsure_of_people = False

    def find(self, code: str, path: Path, fr: str, en: str, *, of_key: bool = False) -> None:
        """Keep something wrong."""
        self.findings.append(self.source.finding(code, path, fr, en, of_key=of_key))

    def called(
        self,
        kind: str,
        typed: str,
        among: Sequence[CompiledDefinition],
        path: Path,
        *,
        of_key: bool = False,
    ) -> str:
        """Return the key of what is called so in a process; one of several, when it is not known which."""
        several = [labels(kind, d) for d in among]
        return self.one_of(kind, typed, several, path, of_key=of_key,
                           proved=self.known.proves(kind, among))  # fmt: skip

    def one_of(
        self,
        kind: str,
        typed: str,
        several: Sequence[Mapping[str, Words]],
        path: Path,
        *,
        proved: bool,
        of_key: bool = False,
    ) -> str:
        """Return the key of what is called so in one of several lists of names.

        Args:
            kind: What it is a name of.
            typed: The name.
            several: Where it may be; more than one list when it is not known which is meant.
            path: Where it is written.
            proved: What is in none of them is nowhere.
            of_key: It is written as a key.
        """
        found = {key for known in several for key in _meant(typed, known)}
        if found and len(several) == 1:
            return self.named(kind, typed, several[0], path, of_key=of_key)
        if not found and proved:
            all_of_them = {k: words for known in several for k, words in known.items()}
            self._unknown(kind, typed, all_of_them, path, of_key=of_key)
        return found.pop() if len(found) == 1 else typed

    def named(
        self, kind: str, typed: str, known: Mapping[str, Words], path: Path, *, of_key: bool = False
    ) -> str:
        """Return the key of what is called so; the words themselves when nothing is."""
        found = _meant(typed, known)
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
            fr, en = f"{fr}; vouliez-vous « {meant} »?", f"{en}; did you mean {meant!r}?"
        self.find(f"unknown-{kind}", path, fr, en, of_key=of_key)

    def _person(self, login: str | None, path: Path) -> None:
        if login is not None and not self.unsure_of_people:
            self.named("person", login, {p: {} for p in self.people}, path)

    def _of_number(self, number: str, path: Path) -> str | None:
        prefix = number.partition("-")[0]
        there = self.known.definitions
        found = next((k for k, d in there.items() if d.prefix == prefix), None)
        if found is None and self.known.proves("process"):
            listed = ", ".join(sorted(d.prefix for d in there.values()))
            self.find("unknown-process", path, f"aucun processus ne numérote ainsi : {listed}.",
                      f"no process numbers its cases so: {listed}.")  # fmt: skip
        return found


def _meant(typed: str, known: Mapping[str, Words]) -> list[str]:
    """Return the keys that a name may mean."""
    if typed in known:
        return [typed]
    wanted = fold(typed)
    return [k for k, label in known.items() if wanted in {fold(k), *said_words([label])}]

"""What must be, as a scenario writes it, with keys for names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from engine.definition.compiled import FieldError
from engine.scenario import model
from engine.scenario.naming import Names
from engine.scenario.story import Check

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from engine.definition.compiled import CompiledDefinition, CompiledField, Words
    from engine.definition.source import Path

_REFERENCES = frozenset({"person", "member", "case"})


class Checks(Names):
    """Reads expectations."""

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

"""What must be, as a scenario writes it, with keys for names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from engine.definition import unfit
from engine.definition.compiled import FieldError
from engine.scenario import model
from engine.scenario.naming import Names
from engine.scenario.story import Check

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from engine.definition.compiled import CompiledDefinition, CompiledField, Words
    from engine.definition.source import Path

_REFERENCES = frozenset({"person", "member", "case"})
#: Of what the names are that an expectation lists.
_LISTS = {"timers": "timer", "fired": "timer", "automatic": "action", "possible": "action",
          "impossible": "action"}  # fmt: skip


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
        elif self.source.is_lost((*path, "case")):
            process = None
        written: dict[tuple[str, str], str] = {}
        changed = dict(self._mail(then, path))
        changed |= self._of_process(then, self.known.of(process), path, written)
        self._person(then.owner, (*path, "owner"))
        changed |= self._children(then, path)
        return Check(path=path, process=process, written=written,
                     wanted=then.model_copy(update=changed))  # fmt: skip

    def _of_process(
        self,
        then: model.Expectation,
        among: Sequence[CompiledDefinition],
        path: Path,
        written: dict[tuple[str, str], str],
    ) -> Iterator[tuple[str, Any]]:
        if then.state is not None:
            yield "state", self.called("state", then.state, among, (*path, "state"))
        if then.fields:
            yield "fields", dict(self._fields(then.fields, among, path, written))
        for key, kind in _LISTS.items():
            said = getattr(then, key)
            if isinstance(said, dict):
                keys = {self.called(kind, k, among, (*path, key, k), of_key=True): k for k in said}
                written.update({(key, k): typed for k, typed in keys.items()})
                yield key, {k: said[typed] for k, typed in keys.items()}
            elif said:
                yield (
                    key,
                    [self.called(kind, v, among, (*path, key, i)) for i, v in enumerate(said)],
                )

    def _fields(
        self,
        fields: Mapping[str, Any],
        among: Sequence[CompiledDefinition],
        path: Path,
        written: dict[tuple[str, str], str],
    ) -> Iterator[tuple[str, Any]]:
        inner = {f"{name}.{k}": spec for d in among for name, field in d.fields.items()
                 for k, spec in field.of.items()}  # fmt: skip
        for typed, value in fields.items():
            place = (*path, "fields", typed)
            name = typed
            if typed not in inner:
                name = self.called("field", typed, among, place, of_key=True)
            if len(among) == 1 and self.known.proves("field", among):
                known = {**among[0].fields, **inner}
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
                self.find("wrong-value", path, "combien y en a-t-il? Un nombre est attendu ici.",
                          "how many are there? A number is needed here.")  # fmt: skip
            return
        try:
            field.normalise(value)
        except FieldError as error:
            fr, en = unfit.why(error)
            self.find("wrong-value", path, f"ce champ ne contient jamais cela : {fr}.",
                      f"this field never holds that: {en}.")  # fmt: skip

    def _mail(self, then: model.Expectation, path: Path) -> Iterator[tuple[str, Any]]:
        labels = {n.name: n.label for d in self.known.of(None) for n in d.notifications.values()}
        if then.mail:
            yield "mail", [
                letter.model_copy(update={"message": self._message(
                    letter.message, labels, (*path, "mail", i, "message"))})
                for i, letter in enumerate(then.mail)
            ]  # fmt: skip

    def _message(self, typed: str, labels: Mapping[str, Words], path: Path) -> str:
        if self.source.is_lost(path):
            return typed
        return self.one_of("message", typed, [labels], path, proved=self.known.proves("message"))

    def _children(self, then: model.Expectation, path: Path) -> dict[str, Any]:
        found = {}
        for number, state in (then.children or {}).items():
            place = (*path, "children", number)
            among = self.known.of(self._of_number(number, place))
            found[number] = self.called("state", state, among, place)
        return {"children": found} if found else {}

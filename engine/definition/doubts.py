"""A definition with mistakes, as far as it can be followed: what is in doubt never proves anything.

The ways through the states and the data flow need names that exist. Whatever a finding says is wrong is
taken out or made neutral here, and noted: an action that may lead anywhere, an action that may have asked
for anything. What is then found is found whatever the correction turns out to be.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from engine.definition import model

if TYPE_CHECKING:
    from collections.abc import Iterable

    from engine.definition.source import Path, Source
    from engine.errors import Finding

M = TypeVar("M", bound=model.Model)

_SOME_FIELD = model.FieldSpec(type="text", label=model.Label(fr="?", en="?"))
#: What moves the data in an action or the opening.
_DATA = frozenset({"form", "requires", "sets", "clears", "opens", "automatic", "to", "from"})
#: What changes neither the ways nor the data.
_ASIDE = frozenset(
    {"label", "help", "by", "owner_only", "note", "confirm", "hidden", "notify", "duplicates",
     "received", "lag"}
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubts:
    """What is not known of a definition that has mistakes.

    Attributes:
        ways: Actions that may lead anywhere from where they start.
        data: Actions that may have given any field; `None` is the opening.
        fields: Fields of which nothing is known.
        checklists: Lists that may ask for anything.
        anywhere: An action may start anywhere: it is not known at all.
    """

    ways: frozenset[str] = frozenset()
    data: frozenset[str | None] = frozenset()
    fields: frozenset[str] = frozenset()
    checklists: frozenset[str] = frozenset()
    anywhere: bool = False

    @property
    def none(self) -> bool:
        """Whether everything is known."""
        return self == Doubts()


def followable(
    definition: model.Definition, source: Source, findings: Iterable[Finding]
) -> tuple[model.Definition, Doubts] | None:
    """Return a definition whose names all exist, and what is in doubt; None when nothing can be followed.

    Args:
        definition: What the typed model made of the file.
        source: The file.
        findings: Those in spite of which the rest cannot be read.
    """
    paths = [*(f.where for f in findings), *source.broken]
    if not paths:
        return definition, Doubts()
    if any(_lost(definition, p) for p in paths):
        return None
    return _Neutral(definition, source, paths).made()


def _lost(definition: model.Definition, path: Path) -> bool:
    """Tell whether nothing can be followed past this mistake: which states there are, where it begins."""
    if len(path) < 2:  # noqa: PLR2004 - a section and a name
        return path != ("title",)
    section, name, *rest = path
    if section == "states":
        known = str(name) in definition.states
        return not known or not rest or rest[0] not in {"due", "task", "label", "because"}
    if section == "opening":
        return name not in _DATA | _ASIDE or name == "to"
    return section not in {
        "actions", "fields", "tables", "checklists", "notifications", "timers", "roles", "title",
        "adopted", "numbering", "label",
    }  # fmt: skip


class _Neutral:
    """Makes neutral what is in doubt."""

    def __init__(self, definition: model.Definition, source: Source, paths: list[Path]) -> None:
        self.d = definition
        self.paths = paths
        self.named = {
            section: {str(p[1]) for p in paths if p[0] == section and not _says(p)}
            for section in ("fields", "tables", "checklists", "notifications", "timers")
        }
        for section in ("fields", "tables", "checklists"):
            self.named[section] |= source.declared(section) - set(getattr(definition, section))
        self.ways = {n for n in definition.actions if self._touched(n, {"from", "to"}, "when")}
        self.data = {
            n
            for n, a in definition.actions.items()
            if self._touched(n, None, None) or self._adds(a)
        }
        lost = source.declared("actions") - set(definition.actions)
        self.anywhere = bool(lost) or any(p == ("actions", "?") for p in paths)

    def made(self) -> tuple[model.Definition, Doubts]:
        """Return the definition and its doubts."""
        opening = self._adds(self.d.opening) or any(
            p[0] == "opening" and p[1] not in _ASIDE for p in self.paths
        )
        doubts = Doubts(
            ways=frozenset(self.ways),
            data=frozenset({*self.data, *self.ways, *({None} if opening else ())}),
            fields=frozenset(self.named["fields"]),
            checklists=frozenset(self.named["checklists"]),
            anywhere=self.anywhere,
        )
        d = self.d
        return d.model_copy(update={
            "title": [n for n in d.title if n in d.fields],
            "fields": {**d.fields, **dict.fromkeys(self.named["fields"], _SOME_FIELD)},
            "tables": {**d.tables, **{n: _no_table(d) for n in self.named["tables"]}},
            "checklists": {**d.checklists, **{n: _no_list(d) for n in self.named["checklists"]}},
            "notifications": self._notifications(),
            "timers": self._timers(),
            "opening": self._opening(neutral=opening),
            "states": {n: self._state(n, s) for n, s in d.states.items()},
            "actions": {n: self._action(n, a) for n, a in d.actions.items()},
        }), doubts  # fmt: skip

    def _touched(self, action: str, parts: set[str] | None, without: str | None) -> bool:
        """Tell whether a mistake of an action is in some parts of it; by default in any that matters."""
        mine = [p[2:] for p in self.paths if p[:2] == ("actions", action)]
        if parts is None:
            return any(not rest or not (rest[0] in _ASIDE or _says(rest)) for rest in mine)
        return any(not rest or (rest[0] in parts and without not in rest) for rest in mine)

    def _adds(self, action: model.Action | model.Opening) -> bool:
        """Tell whether a form adds a record of a list of which nothing is known."""
        asked = (i if isinstance(i, str) else i.field for i in action.form)
        return any(name.partition(".")[0] in self.named["fields"] for name in asked if "." in name)

    def _notifications(self) -> dict[str, model.Notification]:
        return {
            n: p for n, p in self.d.notifications.items() if n not in self.named["notifications"]
        }

    def _timers(self) -> dict[str, model.Timer]:
        sent = self._notifications()
        kept = {n: t for n, t in self.d.timers.items() if n not in self.named["timers"]}
        made = {n: _copy(t, notify=[m for m in t.notify if m in sent]) for n, t in kept.items()}
        return {n: t for n, t in made.items() if t.notify or t.action in self.d.actions}

    def _opening(self, *, neutral: bool) -> model.Opening:
        opening = self.d.opening
        update: dict[str, Any] = {
            "notify": [n for n in opening.notify if n in self._notifications()]
        }
        if neutral:
            update |= {"form": [], "sets": {}}
        return _copy(opening, **update)

    def _state(self, name: str, state: model.State) -> model.State:
        wrong = {p[:3] for p in self.paths}
        return _copy(
            state,
            **{k: None for k in ("due", "task") if ("states", name, k) in wrong},
        )

    def _action(self, name: str, action: model.Action) -> model.Action:
        states, update = self.d.states, dict[str, Any]()
        update["notify"] = [n for n in action.notify if n in self._notifications()]
        if name in self.data or name in self.ways:
            update |= {"form": [], "requires": [], "sets": {}, "clears": [], "opens": None}
            update |= {"automatic": None}
        if isinstance(action.source, list):
            update["source"] = [s for s in action.source if s in states]
        if name in self.ways:
            update["to"] = "same"
        elif name in self.data and isinstance(action.to, list):
            update["to"] = [_copy(b, when=None) for b in action.to]
        return _copy(action, **update)


def _says(rest: Path) -> bool:
    """Tell whether a part of a guard or of a list only says why, and what mends it."""
    return rest[0] in {"requires", "checklists"} and rest[-1] in {"because", "remedy", "action"}


def _copy(part: M, **update: Any) -> M:
    return part.model_copy(update=update)


def _no_table(definition: model.Definition) -> model.DecisionTable:
    return model.DecisionTable(label=definition.label, reads=[], gives={}, rows=[])


def _no_list(definition: model.Definition) -> model.Checklist:
    return model.Checklist(label=definition.label, items={})

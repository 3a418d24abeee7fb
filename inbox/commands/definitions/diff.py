"""`definitions diff`: what changes from a version to another, and for which open cases."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any

import click

from engine import register
from engine.change.touched import states_touched
from inbox import comparison_words
from inbox.command import command
from inbox.comparison import Change, compare, compare_texts
from inbox.holding import Case, Holders, holders, listed
from inbox.output import say, show_json, strong
from inbox.texts import _, clean, n_
from inbox.versions import Version, display, has_workspace, read_version, template_files

if TYPE_CHECKING:
    from inbox.app import App


@command(
    "diff",
    help=_(
        "Dire en mots ce qui change d'une version à l'autre, et quels dossiers ouverts sont touchés. "
        "Une version est un fichier, PROCESSUS (la plus récente) ou PROCESSUS@VERSION."
    ),
    examples=[
        "inbox definitions diff pret pret-2.yaml",
        "inbox definitions diff demande@1 demande@2 --json",
    ],
)
@click.argument("old")
@click.argument("new")
def diff(app: App, old: str, new: str) -> None:
    before, after = read_version(app, old), read_version(app, new)
    changes = compare(before.definition.written, after.definition.written)
    changes += compare_texts(_texts(before), _texts(after))
    touched = _Touched(app, before, after)
    if app.json:
        show_json({
            "old": _version_json(before), "new": _version_json(after),
            "changes": [_change_json(change, touched) for change in changes],
            "open_cases": touched.count,
        })  # fmt: skip
        return
    say(strong(f"{display(before.definition)} → {display(after.definition)}"))
    if not changes:
        say(_("Rien ne change."))
    for kind, group in groupby(changes, key=lambda change: change.kind):
        say()
        say(strong(_kinds()[kind]))
        for (key, label), parts in groupby(group, key=lambda change: (change.key, change.label)):
            _print_part(kind, key, label, list(parts), touched)


def _texts(version: Version) -> dict[str, str | None]:
    texts = {name: version.template(name) for name in template_files(version.definition)}
    if version.definition.adopted["text"] is not None:
        texts[_("texte adopté")] = version.adopted_text()
    return texts


class _Touched:
    """The open cases of the old version, and those that a change touches."""

    def __init__(self, app: App, old: Version, new: Version) -> None:
        self._old, self._new = old.definition, new.definition
        self._cases: list[Case] = []
        if has_workspace(app):
            with app.database.read() as connection:
                found = register.with_data(connection, self._old.key)
            self._cases = [
                Case(number=line.number, state=line.state, data=data)
                for line, data in found
                if line.ended_at is None and line.definition_version == self._old.version
            ]

    @property
    def count(self) -> int:
        """How many open cases are on the old version."""
        return len(self._cases)

    def cases(self, change: Change) -> list[str]:
        """Return the numbers of the open cases that a change touches."""
        if change.kind == "field":
            return list(dict.fromkeys(n for one in self.holders(change) for n in one.cases))
        states = self._states(change)
        return [case.number for case in self._cases if case.state in states]

    def holders(self, change: Change) -> list[Holders]:
        """Return the open cases that hold what a change of a field touches."""
        if change.kind != "field" or change.change == "added":
            return []
        return holders(self._cases, self._old, self._new, change.was, change.key, change.part)

    def _states(self, change: Change) -> set[str]:
        if change.kind == "text":
            users = {
                n.name
                for n in (*self._old.notifications.values(), *self._new.notifications.values())
                for template in n.templates
                if f"/{template}." in f"/{change.key.partition('/')[2]}"
            }
            return {s for name in users for s in self._of("notification", name, name)}
        return self._of(change.kind, change.was, change.key)

    def _of(self, kind: str, was: str, key: str) -> set[str]:
        return states_touched(self._old.written, kind, was) | states_touched(
            self._new.written, kind, key
        )


def _print_part(kind: str, key: str, label: str, parts: list[Change], touched: _Touched) -> None:
    name = label if kind in {"process", "opening", "text"} else f"{label} ({key})"
    whole = [p for p in parts if p.change in {"added", "removed", "renamed"}]
    verbs = {"added": _("ajouté"), "removed": _("retiré"),
             "renamed": _("renommé (c'était {was})", was=parts[0].was)}  # fmt: skip
    said = ", ".join(verbs[p.change] for p in whole) or _("changé")
    say(f"  {clean(name)}{_(' : ')}{said}")
    for part in parts:
        for line in [*part.after] if part.change == "added" else _sentences(part):
            say(clean(f"      {line}"))
        for held in touched.holders(part):
            say(clean(f"      → {held.sentence}"))
    if kind == "field":
        return
    numbers = list(dict.fromkeys(n for part in parts for n in touched.cases(part)))
    if numbers:
        say(f"      → {_numbers(numbers)}")


def _numbers(numbers: list[str]) -> str:
    return n_("{n} dossier ouvert touché : {numbers}", "{n} dossiers ouverts touchés : {numbers}",
              len(numbers), numbers=listed(numbers))  # fmt: skip


def _sentences(change: Change) -> list[str]:
    """Return what changes inside a part: « exige maintenant : … », « échéance : … → … »."""
    if change.part is None:
        return []
    if change.kind == "text":
        return [*(f"- {line}" for line in change.before), *(f"+ {line}" for line in change.after)]
    name = comparison_words.part_name(change.kind, change.part)
    if len(change.before) == len(change.after) == 1 and change.part not in _LISTS:
        return [f"{name}{_(' : ')}{change.before[0]} → {change.after[0]}"]
    now, no_more = _list_words().get(change.part, (_("ajouté"), _("retiré")))
    verbal = change.part in _list_words()
    gone = [f"{no_more}{_(' : ')}{line}" for line in change.before]
    come = [f"{now}{_(' : ')}{line}" for line in change.after]
    return [*gone, *come] if verbal else [f"{name}, {line}" for line in (*gone, *come)]


#: Parts that are lists, told by what is new in them and what is gone.
_LISTS = frozenset(
    {"requires", "form", "by", "notify", "options", "of", "items", "rows", "sets", "clears", "title",
     "source", "states", "fields", "duplicates", "reads", "gives"}
)  # fmt: skip


def _list_words() -> dict[str, tuple[str, str]]:
    return {
        "requires": (_("exige maintenant"), _("n'exige plus")),
        "form": (_("demande maintenant"), _("ne demande plus")),
        "by": (_("permis maintenant à"), _("n'est plus permis à")),
        "notify": (_("envoie maintenant"), _("n'envoie plus")),
        "sets": (_("inscrit maintenant de lui-même"), _("n'inscrit plus de lui-même")),
        "source": (_("possible maintenant dans"), _("n'est plus possible dans")),
    }


def _kinds() -> dict[str, str]:
    return {
        "process": _("Processus"), "opening": _("Ouverture"), "role": _("Rôles"),
        "state": _("États"), "action": _("Actions"), "field": _("Champs"),
        "timer": _("Rappels et délais"), "notification": _("Messages"),
        "checklist": _("Listes de contrôle"), "table": _("Tables de décision"),
        "text": _("Textes"),
    }  # fmt: skip


def _version_json(version: Version) -> dict[str, Any]:
    found = version.definition
    return {"process": found.key, "version": found.version, "sha256": found.sha256}


def _change_json(change: Change, touched: _Touched) -> dict[str, Any]:
    return {
        "kind": change.kind, "key": change.key, "was": change.was, "label": change.label,
        "change": change.change, "part": change.part, "before": list(change.before),
        "after": list(change.after), "sentences": _sentences(change), "cases": touched.cases(change),
        "holding": [{"value": h.value, "unfit": h.unfit, "cases": list(h.cases)}
                    for h in touched.holders(change)],
    }  # fmt: skip

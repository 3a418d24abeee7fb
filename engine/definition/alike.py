"""What reads alike although somebody has to tell it apart: options, states, actions, fields of a form.

Words are compared as answers are (`engine.folding`): accents, capitals and spaces aside.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.definition.walk import spec_of, states_of
from engine.folding import fold

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engine.definition import model
    from engine.definition.source import Path, Source
    from engine.errors import Finding

_LANGUAGES = ("fr", "en")
#: What stands for words that could not be read; that is a finding already.
_UNREAD = "?"


def check(definition: model.Definition, source: Source) -> Iterator[Finding]:
    """Yield what reads as something else does, beside which a person meets it."""
    for name, spec in definition.fields.items():
        yield from _options(source, ("fields", name), spec)
        for inner, part in (spec.of or {}).items():
            yield from _options(source, ("fields", name, "of", inner), part)
    yield from _states(definition, source)
    yield from _actions(definition, source)
    yield from _form(definition, source, definition.opening.form, ("opening", "form"))
    for name, action in definition.actions.items():
        yield from _form(definition, source, action.form, ("actions", name, "form"))


def _options(source: Source, path: Path, spec: model.FieldSpec) -> Iterator[Finding]:
    """Yield the options of which whoever types one cannot be told which was meant."""
    first: dict[str, str] = {}
    for key, option in (spec.options or {}).items():
        for words in (key, option.fr, option.en):
            other = first.setdefault(fold(words), key)
            if other != key:
                yield source.finding(
                    "same-label", (*path, "options", key),
                    f"« {words} » se lit comme « {other} » : une réponse ne dirait pas laquelle.",
                    f"{words!r} reads as {other!r} does: an answer would not say which.", of_key=True,
                )  # fmt: skip
                break


def _states(definition: model.Definition, source: Source) -> Iterator[Finding]:
    """Yield the states of one name in a language: nobody could tell where a case is."""
    for lang in _LANGUAGES:
        first: dict[str, str] = {}
        for name, state in definition.states.items():
            words = getattr(state.label, lang)
            other = first.setdefault(fold(words), name)
            if other != name and words != _UNREAD:
                yield source.finding(
                    "same-label", ("states", name, "label", lang),
                    f"« {words} » se lit comme le nom de l'état « {other} » : on ne saurait pas où en est un dossier.",
                    f"{words!r} reads as the name of state {other!r} does: nobody could tell where a case is.",
                )  # fmt: skip


def _actions(definition: model.Definition, source: Source) -> Iterator[Finding]:
    """Yield the actions that people take in one state under one name: nobody could tell which is which."""
    taken = {n: a for n, a in definition.actions.items() if a.by or a.owner_only}
    for lang in _LANGUAGES:
        earlier: dict[str, list[str]] = {}
        for name, action in taken.items():
            words = getattr(action.label, lang)
            others = earlier.setdefault(fold(words), [])
            here = states_of(definition, action) if others and words != _UNREAD else []
            met = ((o, s) for o in others for s in here if s in states_of(definition, taken[o]))
            found = next(met, None)
            if found is not None:
                other, state = found
                yield source.finding(
                    "same-label", ("actions", name, "label", lang),
                    f"« {words} » se lit comme le nom de l'action « {other} », qui part aussi de « {state} » : on ne saurait pas laquelle choisir.",
                    f"{words!r} reads as the name of action {other!r} does, which starts from {state!r} too: nobody could tell which to take.",
                )  # fmt: skip
            others.append(name)


def _form(
    definition: model.Definition, source: Source, form: list[str | model.FormItem], path: Path
) -> Iterator[Finding]:
    """Yield the fields that one form asks for in the same words; what is not known is passed over."""
    first: dict[tuple[str, str], str] = {}
    for i, item in enumerate(form):
        name = item if isinstance(item, str) else item.field
        try:
            label = spec_of(definition, name).label
        except KeyError:
            continue
        for lang in _LANGUAGES:
            words = getattr(label, lang)
            other = first.setdefault((lang, fold(words)), name)
            if other != name and words != _UNREAD:
                yield source.finding(
                    "same-label", (*path, i),
                    f"ce formulaire demande « {name} » et « {other} » dans les mêmes mots, « {words} » : on ne saurait pas où répondre.",
                    f"this form asks for {name!r} and {other!r} in the same words, {words!r}: nobody could tell where to answer.",
                )  # fmt: skip
                break

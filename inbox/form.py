"""What a person types for an action: `--set`, `--data`, `--attach`, and the questions asked."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from engine.actor import File
from engine.definition.compiled import FieldError
from engine.errors import Reason
from inbox import datafile, reasons
from inbox.errors import Declined
from inbox.lookup import SET
from inbox.output import say
from inbox.texts import _, lang, word

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from engine.definition.compiled import CompiledAction, CompiledFormItem

#: How « not obtained, because… » is typed after a field's name.
_MISSING = (".non_obtenu", ".not_obtained")
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


def options(function: Callable[..., None]) -> Callable[..., None]:
    """Declare what every form takes: `--set`, `--data`, `--attach`, `--note`."""
    for option in (
        click.option("--note", default="", help=_("Une note pour l'historique.")),
        click.option("--attach", "attachments", type=_FILE, multiple=True,
                     help=_("Joindre un fichier.")),
        click.option("--data", type=_FILE, help=_("Les valeurs d'un fichier .json ou .yaml.")),
        click.option("--set", "sets", type=SET, multiple=True, metavar="CHAMP=VALEUR",
                     help=_("La valeur d'un champ.")),
    ):  # fmt: skip
        function = option(function)
    return function


def read_values(action: CompiledAction, sets: Sequence[str], data: Path | None) -> dict[str, Any]:
    """Return the form as typed, by the full names that the engine knows.

    A field of a record may go by its short name when only one has it; the same `choices` field given
    twice adds up.
    """
    given: dict[str, Any] = {}
    names = {item.name: item for item in action.form}
    for key, value in [*_from_file(data), *(_split(pair) for pair in sets)]:
        missing = next((suffix for suffix in _MISSING if key.endswith(suffix)), None)
        name = _full_name(key.removesuffix(missing or ""), names)
        item = names.get(name)
        if missing:
            given[name] = {"missing": value}
        elif item is not None and item.field.type == "choices" and name in given:
            given[name] = f"{given[name]},{value}"
        else:
            given[name] = value
    return given


def _split(pair: str) -> tuple[str, str]:
    key, sign, value = pair.partition("=")
    if not sign or not key.strip():
        raise click.UsageError(_("--set s'écrit champ=valeur : {pair}", pair=pair[:80]))
    return key.strip(), value


def _from_file(path: Path | None) -> list[tuple[str, Any]]:
    """Return the values of a JSON or YAML file: one flat mapping, lists inside records apart."""
    flat: list[tuple[str, Any]] = []
    for key, value in ({} if path is None else datafile.values(path)).items():
        if isinstance(value, dict) and set(value) != {"missing"}:
            flat += [(f"{key}.{inner}", v) for inner, v in value.items()]
        else:
            flat.append((str(key), value))
    return flat


def _full_name(typed: str, names: Mapping[str, CompiledFormItem]) -> str:
    if typed in names:
        return typed
    short = [name for name in names if name.rpartition(".")[2] == typed]
    return short[0] if len(short) == 1 else typed


def read_files(paths: Sequence[Path]) -> list[File]:
    """Return the files to attach."""
    from mimetypes import guess_type

    return [
        File(
            name=path.name,
            media_type=guess_type(path.name)[0] or "application/octet-stream",
            content=path.read_bytes(),
        )
        for path in paths
    ]


def ask_missing(
    action: CompiledAction, values: dict[str, Any], note: str, *, optional: bool, files: bool
) -> tuple[dict[str, Any], str]:
    """Ask, one by one, for what is always required and was not given.

    With `optional`, whoever gave nothing is asked for everything, and may pass over the rest. What `files`
    answer is not required.
    """
    missing = {
        item.name
        for item in action.form
        if item.always and item.name not in values and not (files and item.field.from_files)
    }
    if optional and not values:
        values = ask(action, missing, values)
    else:
        values = _ask_for(action, missing, values)
    return values, ask_note(note) if action.note_required else note


def ask(action: CompiledAction, needed: Collection[str], values: dict[str, Any]) -> dict[str, Any]:
    """Ask for these fields and every other one that was not given, in the order of the form.

    What is needed may depend on what the others say, so the others are asked too; Enter passes over.
    """
    for item in action.form:
        if item.name not in values:
            typed = _ask(item, optional=item.name not in needed)
            if typed is not None:
                values = {**values, item.name: typed}
    return values


def _ask_for(
    action: CompiledAction, names: Collection[str], values: dict[str, Any]
) -> dict[str, Any]:
    asked = {item.name: _ask(item) for item in action.form if item.name in names}
    return {**values, **asked}


def ask_note(note: str) -> str:
    """Return the note, asked for until there is one."""
    while not note.strip():
        note = click.prompt(_("Note"))
    return note


def confirm(question: str) -> None:
    """Ask a question answered by yes or no in either language; raise `Declined` on no."""
    yes, no = ("o", "n") if lang() == "fr" else ("y", "n")
    answers = {
        "oui": True,
        "o": True,
        "yes": True,
        "y": True,
        "non": False,
        "no": False,
        "n": False,
    }
    while True:
        typed = click.prompt(f"{question} [{yes}/{no}]", default=no, show_default=False)
        answer = answers.get(typed.strip().lower())
        if answer is False:
            raise Declined
        if answer:
            return


def _ask(item: CompiledFormItem, *, optional: bool = False) -> Any:
    """Return what is typed for a field, asked again until it can be read; None: passed over."""
    field = item.field
    say(word(field.label) + (f" — {word(field.help)}" if field.help else ""))
    for key, label in field.options.items():
        say(f"    {key} — {word(label)}")
    if field.reason_if_missing:
        say(_("    (pas de réponse? tapez : non obtenu : le motif)"))
    while True:
        question = f"  {item.name}" + (_(" (Entrée pour passer)") if optional else "")
        typed = click.prompt(question, default="" if optional else None, show_default=False)
        if optional and not typed.strip():
            return None
        value = _not_obtained(typed) if field.reason_if_missing else typed
        if field.type in {"member", "person", "case"}:
            return value  # the engine knows whether it exists
        try:
            field.normalise(value)
        except FieldError as error:
            params = {"label": dict(field.label), **error.params}
            say("  " + reasons.sentence(Reason(code=error.code, field=item.name, params=params)))
            continue
        return value


def _not_obtained(typed: str) -> Any:
    before, sign, after = typed.partition(":")
    if sign and before.strip().lower() in {"non obtenu", "not obtained"}:
        return {"missing": after.strip()}
    return typed


def near_action(name: str, known: Sequence[str]) -> str | None:
    """Return the action that a slip of the hand most likely meant."""
    from engine.folding import fold

    folded = {fold(k).replace(" ", "_"): k for k in known}
    wanted = fold(name).replace(" ", "_").replace("-", "_")
    if wanted in folded:
        return folded[wanted]
    found = get_close_matches(wanted, list(folded), n=1)
    return folded[found[0]] if found else None

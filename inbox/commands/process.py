"""`process`: what was adopted, in its own words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from engine import register
from engine.errors import InvalidDefinition
from inbox import process_text
from inbox.command import LazyGroup, command
from inbox.lookup import PROCESS
from inbox.output import say, show_json, strong, table
from inbox.texts import _, clean, word
from inbox.versions import adopted_text

if TYPE_CHECKING:
    from engine.definition.compiled import CompiledDefinition
    from inbox.app import App

process_group = LazyGroup(
    "process",
    help=_("Les processus adoptés."),
    examples=["inbox process list", "inbox process show demande"],
)


@command("list", help=_("Lister les processus installés."), examples=["inbox process list"])
def list_(app: App) -> None:
    found = [app.library.current(key).definition for key in app.library.keys()]  # noqa: SIM118 - not a mapping
    if app.findings:
        raise InvalidDefinition(app.findings)
    with app.database.read() as connection:
        counts = {d.key: register.counts_by_outcome(connection, d.key) for d in found}
    if app.json:
        show_json({"processes": [
            {"process": d.key, "version": d.version, "label": word(d.label), "sha256": d.sha256,
             "adopted": d.adopted["on"], "cases_by_state": counts[d.key]} for d in found
        ]})  # fmt: skip
        return
    rows = [
        (d.key, d.version, word(d.label), d.adopted["on"], sum(counts[d.key].values()))
        for d in found
    ]
    table(rows, [_("Processus"), _("Version"), _("Nom"), _("Adopté"), _("Dossiers")])


@command(
    "show",
    help=_("Imprimer un processus : le texte adopté, puis ses états et ses actions."),
    examples=["inbox process show demande", "inbox process show demande --json"],
)
@click.argument("key", type=PROCESS)
def show(app: App, key: str) -> None:
    definition = app.library.current(key).definition
    with app.database.read() as connection:
        counts = register.counts_by_outcome(connection, key)
    text = _text(app, definition)
    if app.json:
        show_json({**_json(definition), "adopted_text": text, "cases_by_state": counts})
        return
    say(strong(_("{label}, version {v}", label=word(definition.label), v=definition.version)))
    say(_("Adopté : {on}, {by}. {ref}", on=definition.adopted["on"],
          by=word(definition.adopted["by"]), ref=definition.adopted["reference"]))  # fmt: skip
    if text:
        say()
        say(text.strip())
    say()
    rows = [
        (s.name, word(s.label), word(s.task) or _("(fin)"), counts.get(s.name, 0))
        for s in definition.states.values()
    ]
    table(rows, [_("État"), _("Nom"), _("À faire"), _("Dossiers")])
    say()
    table([_action(definition, a) for a in definition.actions.values()],
          [_("Action"), _("Nom"), _("Par"), _("De"), _("Vers")])  # fmt: skip
    for title, lines in process_text.sections(definition.written):
        say()
        say(strong(title))
        for line in lines:
            say(f"  {clean(line)}")


def _text(app: App, definition: CompiledDefinition) -> str | None:
    """Return the adopted text: the workspace's own beside its definition, else the packaged one."""
    return adopted_text(definition.adopted["text"], [app.workspace.definitions])


def _action(definition: CompiledDefinition, action: Any) -> tuple[str, ...]:
    by = ", ".join(word(definition.roles[r]) for r in definition.roles if r in action.roles)
    to = ", ".join(b.state or _("(reste)") for b in action.branches)
    every = len(action.sources) > 5  # noqa: PLR2004 - more would not fit in a table
    sources = _("{n} états", n=len(action.sources)) if every else ", ".join(sorted(action.sources))
    return action.name, word(action.label), by or _("automatique"), sources, to


def _json(definition: CompiledDefinition) -> dict[str, Any]:
    written = definition.written
    return {
        "process": definition.key,
        "version": definition.version,
        "sha256": definition.sha256,
        "label": word(definition.label),
        "adopted": dict(definition.adopted),
        "opening": process_text.opening(written),
        "states": [
            {"state": s.name, "label": word(s.label), "task": word(s.task), "outcome": s.outcome,
             "due": process_text.due(written, s.name)}
            for s in definition.states.values()
        ],
        "actions": [
            {"action": a.name, "label": word(a.label), "by": sorted(a.roles),
             "from": sorted(a.sources), "to": [b.state for b in a.branches],
             "form": [i.name for i in a.form], "automatic": a.automatic is not None,
             **process_text.action(written, a.name)}
            for a in definition.actions.values()
        ],
        "messages": [process_text.message(written, name) for name in written.notifications],
        "timers": [process_text.timer(written, name) for name in written.timers],
        "tables": [process_text.table(written, name) for name in written.tables],
        "checklists": [process_text.checklist(written, name) for name in written.checklists],
        "fields": [process_text.field(f, k) for k, f in written.fields.items()],
    }  # fmt: skip


for made in (list_, show):
    process_group.add_command(made)

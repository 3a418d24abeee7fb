"""What a definition declares and nothing uses: most often, a name that was forgotten somewhere else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.definition.compiled import ASSIGNED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engine.definition import model
    from engine.definition.flow import Flow
    from engine.definition.source import Path
    from engine.errors import Finding


def check(flow: Flow) -> Iterator[Finding]:
    """Yield what nothing uses, unless what might use it is in doubt."""
    if not flow.graph.doubts.none:
        return
    # What a timer that is in doubt sends is not known.
    untold = flow.graph.source.declared("timers") - set(flow.d.timers)
    for path, fr, en in _unused(flow.d):
        if untold and path[0] == "notifications":
            continue
        name = str(path[-1])
        yield flow.graph.source.finding(
            "unused", path, f"« {name} » : {fr}.", f"{name!r}: {en}.", of_key=True
        )


def _unused(definition: model.Definition) -> Iterator[tuple[Path, str, str]]:
    acting: list[model.Action | model.Opening] = [definition.opening, *definition.actions.values()]
    sent = {n for a in acting for n in a.notify}
    sent |= {n for t in definition.timers.values() for n in t.notify} | {ASSIGNED}
    for name in definition.notifications:
        if name not in sent:
            yield ("notifications", name), "rien n'envoie cet avis", "nothing sends this message"
    values = [v for a in acting for v in a.sets.values()]
    read = {v.table.table for v in values if v.table is not None}
    for name in definition.tables:
        if name not in read:
            yield ("tables", name), "rien ne lit cette table", "nothing reads this table"
    asked = {
        (i if isinstance(i, str) else i.field).partition(".")[0] for a in acting for i in a.form
    }
    written = {name for a in acting for name in a.sets}
    for name in definition.fields:
        if name not in asked | written:
            yield (
                ("fields", name),
                "rien ne demande ni n'écrit ce champ",
                "nothing asks for this field or writes it",
            )

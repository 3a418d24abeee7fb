"""The picture of a case, as a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine import outbox, register
from inbox.commands.export import form_of, write_atomically
from inbox.drawing import case as drawn
from inbox.drawing import svg

if TYPE_CHECKING:
    from pathlib import Path

    from inbox.app import App
    from inbox.lookup import Case


def draw_case(app: App, case: Case, file: Path) -> None:
    """Write the picture of a case."""
    form_of(file, {".svg": "svg"})
    with app.database.read() as connection:
        events = register.events(connection, case.id)
        sent = outbox.queued(connection, case.id)
    graph = drawn.graph(case, events, sent, app.now, app.workspace.calendar)
    write_atomically(file, svg.write(graph).encode())

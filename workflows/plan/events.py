"""What was logged follows to the open cycle that has its day, when a decision re-dates or replaces a case.

It keeps who logged it: the plan only writes it again.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any

from engine import attachments, register

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from engine.actor import Actor, File
    from engine.cases import Engine
    from workflows.plan.cases import CycleCase
    from workflows.plan.cycles import Cycle

    #: An event that was logged with files, and these.
    Joined = tuple[Mapping[str, Any], list[File]]

#: What is written again of an event.
_NAMES = ("titre", "le", "genre", "precision")


def move(
    engine: Engine,
    case: CycleCase,
    own: Cycle | None,
    others: Iterable[Cycle],
    home: Callable[[Cycle], int | None],
    keeper: Actor,
) -> None:
    """Log the events of a case that are not of its period any more in the open cycle of their day.

    Args:
        engine: The engine.
        case: The case, re-dated or about to be replaced.
        own: Its cycle as it is promised now; None when it is not any more.
        others: The cycles of its indicator that are promised.
        home: The id of a cycle's open case; None when it was answered.
        keeper: Who writes them again, in the name of who logged them.
    """
    strays = [e for e in case.events if own is None or not _covers(own, e)]
    if not strays:
        return
    joined = _joined(engine, case)
    moved: list[dict[str, Any]] = []
    for cycle in others:
        theirs = [e for e in strays if e not in moved and _covers(cycle, e)]
        case_id = home(cycle) if theirs else None
        if case_id is not None:
            _log(engine, case_id, theirs, joined, keeper)
            moved += theirs
    if not moved:
        return
    engine.advance(case.line.id, "deplacer_evenements", {}, keeper)
    if own is not None:
        _log(engine, case.line.id, [e for e in case.events if e not in moved], joined, keeper)


def _joined(engine: Engine, case: CycleCase) -> list[Joined]:
    """Return the events of a case that were logged with files, each with its own."""
    with engine.database.read() as connection:
        return [
            (event, [attachments.read(connection, said) for said in entry["body"]["files"]])
            for entry in register.events(connection, case.line.id)
            if "files" in entry["body"]
            for event in entry["body"].get("added", {}).get("evenements", ())
        ]


def _log(
    engine: Engine,
    case_id: int,
    events: Sequence[Mapping[str, Any]],
    joined: Sequence[Joined],
    keeper: Actor,
) -> None:
    for event in events:
        form = {f"evenements.{name}": event[name] for name in _NAMES if name in event}
        files = next((found for logged, found in joined if logged == event), ())
        author = replace(keeper, login=event["by"], via=keeper.login)
        engine.advance(case_id, "consigner", form, author, files=files)


def _covers(cycle: Cycle, event: Mapping[str, Any]) -> bool:
    return cycle.start <= date.fromisoformat(event["le"]) <= cycle.end

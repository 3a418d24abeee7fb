"""One person's action on one case: read, judged, taken, in a draft; nothing is written here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from engine import attachments, conflict
from engine.errors import NotFound, Refused
from engine.judge import (
    answered_by_files,
    judge,
    judge_form,
    nothing_given,
    read_form,
    with_last_event,
)
from engine.references import References

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from engine.actor import Actor, File
    from engine.cases import Engine
    from engine.draft import Draft
    from engine.session import Session


def act(
    engine: Engine,
    draft: Draft,
    name: str,
    data: Mapping[str, Any],
    actor: Actor,
    note: str,
    files: Sequence[File],
    key: str | None,
    session: Session,
    asked: Mapping[str, Any],
) -> None:
    """Judge an action on a draft, and take it.

    Args:
        engine: The engine.
        draft: The case, as it was read.
        name: The action.
        data: The form, as typed.
        actor: Who acts.
        note: Their note.
        files: Files to attach.
        key: The idempotency key.
        session: The transaction.
        asked: The mark of the request, when it has a key.

    Raises:
        NotFound: No such action.
        Refused: Every reason.
    """
    definition = draft.process.definition
    action = definition.actions.get(name)
    if action is None:
        raise NotFound("action", name, near=tuple(definition.actions))
    typed = answered_by_files(action, data, draft.data, files)
    form, reasons = read_form(action, typed, References(session.connection))
    reasons += nothing_given(action, form, files)
    draft.facts.actor = actor.login
    merged = form.laid_over(draft.data, {"by": actor.login, "at": draft.now.isoformat()})
    before, draft.facts.data = draft.facts.data, merged
    reasons += judge(definition, action, draft.state, actor, draft.facts)
    reasons += [
        r
        for r in judge_form(action, form, note, draft.facts)
        if not any(r.field == other.field for other in reasons)
    ]
    if reasons:
        reasons = with_last_event(reasons, conflict.last_event(engine, session, draft.row))
        raise Refused(tuple(reasons), number=draft.row.number, action=name, label=action.label)
    draft.facts.data = before
    attached = attachments.store(session.connection, files) if files else []
    extra = {**asked, **({"files": attached} if attached else {})}
    draft.act(action, actor, merged, note=note, key=key, extra=extra)
    if attached and session.connection is not None:
        attachments.link(session.connection, draft.row.id, draft.version, attached)

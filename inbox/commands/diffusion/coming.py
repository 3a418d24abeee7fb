"""The batch that is to leave: the one that is queued, else the one that the case's next action would queue."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine import lease
from engine.errors import Reason, Refused
from engine.outbox import message_numbered, standing_message
from inbox.lookup import find
from inbox.texts import _
from notifications.contents import Contents
from notifications.parcels import parcels

if TYPE_CHECKING:
    from engine.lease import Leased
    from inbox.app import App
    from inbox.lookup import Case
    from notifications.parcels import Parcel


def coming(app: App, reference: str, message: str, batch: int | None = None) -> tuple[Case, Leased]:
    """Return the case that is meant, and its batch, queued or to come, with everybody in it.

    Raises:
        NotFound: The case's process sends no such message, or has not sent that many.
    """
    case = find(app, reference)
    with app.database.read() as connection:
        queued = (
            standing_message(connection, case.id, message)
            if batch is None
            else message_numbered(connection, case.id, message, batch)
        )
        if queued is not None:
            return case, lease.look(connection, queued)
    return case, lease.foreseen(*app.engine.foresee(case.id, message, app.actor))


def written(app: App, leased: Leased) -> list[Parcel]:
    """Return the messages of a batch as they will leave, or have left.

    Raises:
        Refused: One cannot be rendered.
    """
    contents = Contents(app.database, app.renderer, [leased], app.worker.own)
    failed = contents.render()
    if failed:
        reason = Reason(code="unwritten", params={"message": failed[0][2]})
        raise Refused((reason,), number=leased.facts["case"]["number"], action=leased.name)
    return parcels(leased, contents, app.workspace.mail_settings())


def is_queued(leased: Leased) -> str:
    """Return, in words, whether this has been queued or is only foreseen."""
    if leased.case_id is None:
        return _(
            "Pas encore en file : l'identifiant et la date du message seront fixés à ce moment-là."
        )
    return _("En file : ce sont les octets mêmes.")

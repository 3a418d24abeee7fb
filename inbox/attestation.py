"""What each establishment is told of its own line in the certificate of a diffusion."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from engine.diffusion import account_of, batch_of
from inbox.commands.diffusion.batch import office, signing_key
from notifications.certificate.issuing import issue
from notifications.certificate.slip import slip

if TYPE_CHECKING:
    from engine.certificates import Certificate
    from engine.diffusion import Account
    from engine.lease import Delivery, Leased
    from inbox.app import App


class Attestations:
    """Issues the certificate that a message is about, once a message, and gives each its own line.

    Args:
        app: The run.
    """

    def __init__(self, app: App) -> None:
        self._app = app
        self._issued: dict[tuple[int, int], tuple[Account, Certificate]] = {}

    def of(self, leased: Leased, delivery: Delivery) -> dict[str, Any]:
        """Return `attestation`, what a template may say of it; nothing of a message about nothing.

        Args:
            leased: The message.
            delivery: Its recipient, and their copy of the batch that it tells of.
        """
        if delivery.copy is None:
            return {}
        with self._app.database.read() as connection:
            batch = batch_of(connection, delivery.copy)
        if (leased.id, batch) not in self._issued:
            self._issued[leased.id, batch] = self._issue(batch)
        account, certificate = self._issued[leased.id, batch]
        copy = next(c for c in account.copies if c.delivery == delivery.copy)
        return {"attestation": slip(account, copy, certificate)}

    def _issue(self, outbox_id: int) -> tuple[Account, Certificate]:
        app = self._app
        with app.database.read() as connection:
            account = account_of(connection, outbox_id)
        process = app.library.get(account.process, account.definition_version)
        made = issue(
            app.database, outbox_id, process.definition, office(app), signing_key(app), app.now
        )
        return account, made

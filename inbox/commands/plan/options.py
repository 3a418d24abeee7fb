"""What the commands of the plan have in common: the plan that is meant, the sound plans."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from inbox.plans import Plans
from inbox.texts import _

if TYPE_CHECKING:
    from inbox.app import App

plan_option = click.option(
    "--plan", "key", metavar="CLÉ", help=_("Un plan, s'il y en a plusieurs.")
)


def sound_plans(app: App) -> Plans:
    """Return the sound plans: whoever works on plans is told of a bad file at once."""
    return Plans(app).told()

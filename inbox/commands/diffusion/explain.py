"""`diffusion explain`: why a diffusion is equitable, or not entirely, in plain words and figures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from inbox.command import command
from inbox.commands.diffusion.batch import batch_option, explained, message_option, read
from inbox.lookup import CASE
from inbox.output import say, show_json, strong, wrapped
from inbox.texts import _, clean

if TYPE_CHECKING:
    from inbox.app import App


@command(
    "explain",
    help=_("Dire en clair pourquoi cette diffusion est équitable, ou ne l'est pas entièrement."),
    examples=["inbox diffusion explain 7", "inbox diffusion explain 7 --message erratum"],
)
@click.argument("case", type=CASE)
@message_option
@batch_option
def explain(app: App, case: str, message: str, batch: int | None) -> None:
    found, account = read(app, case, message, batch)
    made = explained(app, found, account)
    sections = made.sections()
    if app.json:
        beforehand, happened, equitable, means = (sentences for _heading, sentences in sections)
        show_json({
            "case": found.number, "message": message, "headline": made.headline(),
            "verdict": made.verdict, "window_us": made.outcome["window_us"],
            "shape": made.outcome["shape"], "beforehand": beforehand, "happened": happened,
            "equitable": equitable, "accepted_means": means,
        })  # fmt: skip
        return
    say(strong(wrapped(f"{found.number} — {made.headline()}")))
    for heading, sentences in sections:
        say()
        say(strong(heading))
        for sentence in sentences:
            say(wrapped(clean(sentence), "  "))

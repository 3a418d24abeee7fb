"""`diffusion status`: where a batch stands: one line to understand it, then the time line, then each one."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from engine import outbox
from engine.folding import fold
from engine.outbox import DONE, REFUSED
from inbox import mailwords
from inbox.command import command
from inbox.commands.diffusion.batch import (
    batch_option,
    explained,
    message_option,
    read,
    waits,
    ways_on,
    whole,
)
from inbox.commands.outbox import sought
from inbox.lookup import CASE
from inbox.output import say, show_json, strong, table, wrapped
from inbox.texts import _, clean
from notifications.certificate import timeline
from notifications.certificate.causes import cause
from notifications.certificate.words import NEWCOMER, STATES, micros_between

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from engine.diffusion import Account, Copy
    from inbox.app import App
    from inbox.lookup import Case
    from notifications.certificate.explanation import Explanation

#: The longest bar: the line stays within 80 columns.
_BAR = 40


@command(
    "status",
    help=_("Où en est une diffusion : l'essentiel en une ligne, la ligne du temps, puis chacun."),
    examples=["inbox diffusion status 7", "inbox diffusion status 7 --message erratum --json"],
)
@click.argument("case", type=CASE)
@message_option
@batch_option
def status(app: App, case: str, message: str, batch: int | None) -> None:
    found, account = read(app, case, message, batch)
    made = explained(app, found, account)
    todo = _next(app, found, account, made)
    if app.json:
        show_json(_as_json(account, made, todo))
        return
    say(strong(wrapped(f"{found.number} — {made.headline()}")))
    with app.database.read() as connection:
        named = outbox.messages_named(connection, found.id, message)
    if len(named) > 1:
        say(_("  Envoi {n} de {all} sous ce nom; pour un autre : --batch N",
              n=named.index(account.outbox_id) + 1, all=len(named)))  # fmt: skip
    for line in made.decisions():
        say(wrapped(clean(line), "  "))
    for line in todo:
        say(wrapped(f"→ {line}", "  "))
    _tell_instants(made)
    _tell_acceptances(made)
    _tell_each(account, made)
    for line in made.refusals():
        say(wrapped(clean(line)))
    say(
        wrapped(
            _("« Accepté » est la parole du relais de l'Institut; personne ne peut dire « reçu ».")
        )
    )


def _next(app: App, case: Case, account: Account, made: Explanation) -> list[str]:
    """Return what is to be done, most pressing first."""
    todo, states = [], set(made.outcome["states"])
    if "uncertain" in states:
        todo.append(_("Cherchez le Message-ID chez le destinataire ou au relais, puis tranchez :"))
        with app.database.read() as connection:
            todo += sought(
                outbox.list_deliveries(connection, outbox_id=account.outbox_id, limit=100_000)
            )
    refused = whole(account)
    if refused is not None:
        todo.append(_("Le relais ne prend l'envoi pour personne, quelles que soient les adresses : {reply}. Réglez "
                      "le serveur de courrier : inbox doctor", reply=mailwords.said(refused)))  # fmt: skip
    elif unwritten := {
        c.reply for c in account.copies if c.reply and cause(c.reply) == "unwritten"
    }:
        todo += [_("{fault}. Corrigez le modèle, puis reprenez l'envoi.", fault=mailwords.said(reply))
                 for reply in sorted(unwritten)]  # fmt: skip
    elif made.standing == "nobody" and made.refused_at_the_end:
        todo.append(_("Le relais prend les adresses, mais refuse le message : voyez sa réponse avec qui s'occupe du "
                      "relais, puis reprenez l'envoi ou corrigez la fiche."))  # fmt: skip
    elif states & {"refused", "refused_rcpt", "bounced"}:
        todo.append(
            _("Voyez ce qui ne va pas : inbox outbox {number} --failed", number=case.number)
        )
        todo.append(_("L'adresse se corrige par l'administration ou la direction : "
                      "inbox partners contact « NOM » ADRESSE"))  # fmt: skip
    if states & {*REFUSED}:
        todo += ways_on(app, case, account, nobody=made.standing == "nobody")
    return [*todo, *waits(app, case, account)]


def _tell_instants(made: Explanation) -> None:
    say()
    rows = [(i["name"], i["local"]) for i in timeline.instants(made.document, made.speech)]
    table(rows, [_("Ce qui arrive"), _("Heure locale")])


def _tell_acceptances(made: Explanation) -> None:
    events = timeline.acceptances(made.document)
    if not events:
        return
    say()
    say(_("La ligne du temps, depuis le premier point final :"))
    most = max(count for _start, _end, count in events)
    for start, end, count in events:
        bar = "*" * max(1, round(_BAR * count / most))
        at = made.speech.offset(end)
        span = at if start == end else _("{a} à {b}", a=made.speech.offset(start), b=at)
        say(f"  {span:>22} : {count:>4} {bar}")
    if made.outcome["shape"] == "one" and made.standing == "complete":
        say(_("  Une seule acceptation pour tous : 0 ms entre le premier servi et le dernier."))


def _tell_each(account: Account, made: Explanation) -> None:
    say()
    rows = [
        (made.speech.word(STATES, copy.state), _when(copy, made) or "—", _called(copy, made))
        for copy in sorted(account.copies, key=lambda c: fold(c.name))
    ]
    table(rows, [_("État"), _("Quand"), _("Établissement")])


def _called(copy: Copy, made: Explanation) -> str:
    """Return an establishment's name, with the mark of those who had not had what the batch is about."""
    return f"{copy.name} ({made.say(*NEWCOMER)})" if copy.newcomer else copy.name


def _when(copy: Copy, made: Explanation) -> str | None:
    """Return how long after the first dot it was settled."""
    start, settled = made.document["times"]["first_dot"], copy.settled_at
    if start is None or settled is None:
        return None
    passed = micros_between(start["utc"], settled.isoformat())
    return None if passed is None else made.speech.offset(passed)


def _as_json(account: Account, made: Explanation, todo: Sequence[str]) -> dict[str, Any]:
    outcome = made.outcome
    return {
        "case": account.case,
        "message": account.message,
        "headline": made.headline(),
        "standing": made.standing,
        **{k: outcome[k] for k in ("said", "accepted", "recipients", "complete", "states", "shape",
                                   "window_us")},
        "rule": account.rule,
        "roster_version": account.roster_version,
        "without_address": list(account.audience.get("without_address", ())),
        "contents": dict(account.contents),
        "times": made.document["times"],
        "acceptances": [
            {"from_us": start, "to_us": end, "accepted": count}
            for start, end, count in timeline.acceptances(made.document)
        ],
        "decisions": [asdict(d) for d in account.decisions],
        "next": list(todo),
        "runs": [_run(run, account) for run in made.document["runs"]],
        "deliveries": [_delivery(copy) for copy in account.copies],
    }  # fmt: skip


def _run(run: Mapping[str, Any], account: Account) -> dict[str, Any]:
    names = {copy.recipient: copy.name for copy in account.copies}
    reason = next(r.reason for r in account.runs if r.number == run["number"])
    refused = {names.get(key, key): reply for key, reply in reason.get("refused", {}).items()}
    return {**run, "refused": refused}


def _delivery(copy: Copy) -> dict[str, Any]:
    return {
        "id": copy.delivery,
        "name": copy.name,
        "addresses": list(copy.addresses),
        "newcomer": copy.newcomer,
        "state": copy.state,
        "accepted": copy.state in DONE,
        "staged_at": copy.staged_at,
        "released_at": copy.released_at,
        "settled_at": copy.settled_at,
        "reply": mailwords.said(copy.reply or "") or None,
        "message_id": copy.message_id,
        "resolution": copy.resolution,
    }

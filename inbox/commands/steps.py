"""`take`, `release`, `assign`, `do`: what moves a case on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from engine.errors import NotFound, Refused
from inbox import dates, form
from inbox.command import command
from inbox.lookup import ACTION, CASE, LOGIN, Case, find
from inbox.output import on_terminal, say, show_json, strong
from inbox.texts import _, clean, n_, word

if TYPE_CHECKING:
    from pathlib import Path

    from engine.definition.compiled import CompiledAction
    from engine.outcome import Outcome
    from inbox.app import App


@command("take", help=_("Prendre un dossier du bureau commun."), examples=["inbox take 7"])
@click.argument("case", type=CASE)
def take(app: App, case: str) -> None:
    tell(app, app.engine.take(find(app, case).id, app.actor))


@command(
    "release",
    help=_("Remettre un dossier au bureau commun."),
    examples=['inbox release 7 --note "je pars en congé"'],
)
@click.argument("case", type=CASE)
@click.option("--note", default="", help=_("Pourquoi."))
def release(app: App, case: str, note: str) -> None:
    tell(app, app.engine.release(find(app, case).id, app.actor, note))


@command(
    "assign",
    help=_("Confier un dossier à quelqu'un, qui en est avisé par courriel."),
    examples=["inbox assign 7 --to conseillere"],
)
@click.argument("case", type=CASE)
@click.option(
    "--to", "to_login", type=LOGIN, metavar="LOGIN", help=_("À qui (par défaut : à moi).")
)
@click.option("--note", default="", help=_("Un mot pour cette personne."))
def assign(app: App, case: str, to_login: str | None, note: str) -> None:
    to = to_login or app.person.login
    tell(app, app.engine.assign(find(app, case).id, to, app.actor, note))


@command(
    "do",
    help=_(
        "Faire une action. Sans les champs demandés, ils sont demandés un à un sur un terminal."
    ),
    examples=[
        'inbox do 7 rechercher --set source="Site du ministère" --set rien_trouve=oui',
        'inbox do 7 preciser --set besoins="Former 40 mineurs" --set ressources.non_obtenu="à venir"',
        "inbox do 7 preciser --data precisions.yaml --attach lettre.pdf",
    ],
)
@click.argument("case", type=CASE)
@click.argument("action", type=ACTION)
@form.options
@click.option(
    "--if-version",
    type=int,
    help=_("Seulement si le dossier est encore à cette révision (inbox show)."),
)
@click.option("--key", help=_("Clé d'idempotence : la même commande deux fois n'agit qu'une fois."))
@click.option("--yes", is_flag=True, help=_("Ne pas demander de confirmation."))
def do(
    app: App,
    case: str,
    action: str,
    sets: tuple[str, ...],
    data: Path | None,
    attachments: tuple[Path, ...],
    note: str,
    if_version: int | None,
    key: str | None,
    yes: bool,
) -> None:
    found = find(app, case)
    compiled = found.definition.actions.get(action)
    if compiled is None:
        known = [a.name for a in found.definition.actions.values() if a.automatic is None]
        near = form.near_action(action, known)
        raise NotFound("action", action, near=(near,) if near else tuple(known))
    values = form.read_values(compiled, sets, data)
    asks = on_terminal() and not app.json
    # What is not possible anyway asks nothing: the engine says every reason.
    if (asks or (compiled.confirm and not yes)) and _is_possible(app, found, action):
        if asks:
            values, note = form.ask_missing(
                compiled, values, note, optional=True, files=bool(attachments)
            )
        if compiled.confirm and not yes:
            _confirm(found, compiled, asks=asks)
    files = form.read_files(attachments)
    # What was read is what was judged by the person: somebody faster must not go unseen.
    version = if_version if if_version is not None else found.line.version
    while True:
        try:
            outcome = app.engine.advance(
                found.id, action, values, app.actor, note=note, files=files,
                expected_version=version, idempotency_key=key,
            )  # fmt: skip
        except Refused as refused:
            missing = {r.field for r in refused.reasons if r.code == "field_missing" and r.field}
            if not asks or len(missing) < len(refused.reasons):
                raise
            # Required only because of the other answers: known once the process has judged them.
            values = form.ask(compiled, [], values)
        else:
            tell(app, outcome)
            return


def _is_possible(app: App, case: Case, action: str) -> bool:
    return any(o.action.name == action and not o.reasons
               for o in app.engine.options(case.id, app.actor, ways=False))  # fmt: skip


def _confirm(case: Case, action: CompiledAction, *, asks: bool) -> None:
    """Ask before what is hard to take back; where nobody can be asked, `--yes` has to say it."""
    label = word(action.label)
    if not asks:
        raise click.UsageError(
            _("« {label} » demande une confirmation : ajoutez --yes.", label=label)
        )
    question = (
        _(
            "{number} : {label}. Cela ne se reprend pas. Continuer?",
            number=case.number,
            label=label,
        )
        if _is_final(case, action)
        else _("{number} : {label}. Continuer?", number=case.number, label=label)
    )
    form.confirm(question)


def _is_final(case: Case, action: CompiledAction) -> bool:
    """Tell whether nothing leads back: mail has left to many, or the case ends for good."""
    definition = case.definition
    leaves = {state for a in definition.actions.values() for state in a.sources}
    ends = [b.state for b in action.branches if b.state and definition.states[b.state].outcome]
    return any(definition.notifications[n].batch for n in action.notify) or any(
        state not in leaves for state in ends
    )


def tell(app: App, outcome: Outcome) -> None:
    """Say what a step did and what comes next."""
    case = find(app, outcome.number, follow=False)
    if app.json:
        show_json(outcome_json(outcome))
        return
    label = word(case.definition.states[outcome.state].label)
    if outcome.replayed:
        say(_("Déjà fait : {number} est « {state} ».", number=outcome.number, state=label))
        return
    say(f"{strong(outcome.number)} {clean(case.line.title)} — {label}")
    if not case.line.ended_at:
        due = dates.due(case.line.due_at, app.now, app.workspace.calendar)
        say(f"  {word(case.state.task)} ({due})")
    if outcome.queued:
        say(n_("  {n} message est prêt à partir.", "  {n} messages sont prêts à partir.",
               outcome.queued))  # fmt: skip
    for child in outcome.children:
        say(_("  Dossier ouvert : {number} → inbox show {number}", number=child))
    if case.state.main and not case.line.ended_at:
        say(f"  → inbox do {outcome.number} {case.state.main}")


def outcome_json(outcome: Outcome) -> dict[str, Any]:
    """Return what a step did in its documented shape."""
    return {
        "case": outcome.number,
        "version": outcome.version,
        "state": outcome.state,
        "actions": list(outcome.actions),
        "queued": outcome.queued,
        "children": list(outcome.children),
        "probable_duplicates": list(outcome.probable_duplicates),
        "late": outcome.late,
        "replayed": outcome.replayed,
    }

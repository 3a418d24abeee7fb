"""`history`: what happened in a case, each event told by the version of the process it happened under."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from engine import diffusion, register, roster
from engine.schema import instant
from inbox import dates, process_text, rules
from inbox.command import command
from inbox.lookup import CASE, find
from inbox.output import say, set_in, show_json, strong
from inbox.texts import _, clean, doer, lang, word
from inbox.values import records, shown
from notifications.certificate.words import RULES, Speech

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from engine.definition.compiled import CompiledDefinition, CompiledField
    from engine.diffusion import Decided
    from inbox.app import App
    from inbox.lookup import Case


@dataclass(frozen=True, slots=True, kw_only=True)
class _Under:
    """An event, and the versions of the process before and after it: the same but for a migration."""

    event: Mapping[str, Any]
    before: CompiledDefinition
    after: CompiledDefinition

    @property
    def body(self) -> Mapping[str, Any]:
        """What the event says."""
        body: Mapping[str, Any] = self.event["body"]
        return body

    def fields(self) -> dict[str, tuple[CompiledField, CompiledField]]:
        """Return every field as it was before and as it is after, in the order of the definition."""
        old, new = self.before.fields, self.after.fields
        return {n: (old.get(n) or new[n], new.get(n) or old[n]) for n in {**old, **new}}


@command(
    "history",
    help=_("Raconter un dossier : qui a fait quoi, quand, l'avant et l'après."),
    examples=["inbox history 7", "inbox history DI-2026-0007 --json"],
)
@click.argument("case", type=CASE)
def history(app: App, case: str) -> None:
    found = find(app, case)
    with app.database.read() as connection:
        events = register.events(connection, found.id)
        decisions = list(diffusion.decisions_of_case(connection, found.id))
        members = roster.names(connection)
    if app.json:
        show_json({"case": found.number, "events": events,
                   "mail_decisions": [asdict(d) for d in decisions]})  # fmt: skip
        return
    for under in _under(app, found, events):
        while decisions and decisions[0].at < under.event["at"]:
            _print_decision(app, decisions.pop(0))
        _print_event(app, under, members)
    for decided in decisions:
        _print_decision(app, decided)


def _under(app: App, case: Case, events: list[dict[str, Any]]) -> Iterator[_Under]:
    before = case.definition
    for event in events:
        key, version = event["body"].get("definition", (before.key, before.version))
        after = app.library.get(key, version).definition
        yield _Under(event=event, before=before if event["seq"] > 1 else after, after=after)
        before = after


def _print_decision(app: App, decided: Decided) -> None:
    what = {
        "abort": _("Diffusion arrêtée, avant que quiconque ait quoi que ce soit"),
        "depart": _("Écart à la règle de diffusion"),
        "retry": _("Courrier à renvoyer"),
        "confirmed": _("Courrier tenu pour arrivé"),
        "resend_authorised": _("Renvoi autorisé, au risque d'un double"),
    }[decided.action]
    when = dates.moment(decided.at, app.workspace.calendar)
    say(f"  –  {when}  {strong(what)}  {clean(decided.by)}")
    told = [] if decided.rule is None else [_("règle : {rule}", rule=_rule(decided.rule))]
    told += [_("motif : {why}", why=decided.reason)] if decided.reason else []
    for line in told:
        say(set_in(clean(f"     {line}"), "       "))


def _rule(rule: str) -> str:
    return Speech(lang()).word(RULES, rule)


def _print_event(app: App, under: _Under, members: Mapping[int, str]) -> None:
    event = under.event
    actor = doer(event["actor"])
    who = actor if event["via"] is None else _("{actor} (par {via})", actor=actor, via=event["via"])
    when = dates.moment(event["at"], app.workspace.calendar)
    what = process_text.event(under.after, event["action"])
    say(f"{event['seq']:>3}. {when}  {strong(what)}  {clean(who)}")
    if event["from_state"] != event["to_state"]:
        before = _state_label(under.before, event["from_state"])
        say(f"     {before} → {_state_label(under.after, event['to_state'])}")
    for line in _event_lines(app, under, members):
        say(set_in(f"     {line}", "       "))


def _event_lines(app: App, under: _Under, members: Mapping[int, str]) -> list[str]:
    body, definition = under.body, under.after
    lines = [*_migrated(app, under), *_values(app, under, members)]
    if "owner" in body:
        lines.append(
            _("responsable : {a} → {b}", a=body["owner"][0] or "—", b=body["owner"][1] or "—")
        )
    if "in_place_of" in body:
        lines.append(_("à la place de {who}", who=body["in_place_of"]))
    if body.get("note"):
        lines.append(_("note : {note}", note=body["note"]))
    lines += [_("pièce jointe : {name}", name=f["name"]) for f in body.get("files", [])]
    if "merged" in body:
        lines.append(_("{number} est fusionné ici", number=body["merged"]))
    if body.get("late") and definition.lag:
        lines.append(_("inscrite trop tard après sa réception ({span} au plus)",
                       span=rules.span(definition.lag)))  # fmt: skip
    if body.get("probable_duplicates"):
        lines.append(_("doublon probable de {n}", n=", ".join(body["probable_duplicates"])))
    if "timer" in body:
        planned = body.get("superseded", [])
        said = _(" (remplace : {names})", names=", ".join(planned)) if planned else ""
        lines.append(f"{word(definition.timers[body['timer']].label)}{said}")
    return lines


def _values(app: App, under: _Under, members: Mapping[int, str]) -> Iterator[str]:
    calendar, body = app.workspace.calendar, under.body
    for name, (was, now) in under.fields().items():
        if name in body.get("changes", {}):
            before, after = body["changes"][name]
            old = shown(was, before, calendar, members)
            new = shown(now, after, calendar, members) or _("(retiré)")
            arrow = f"{old} → " if old else ""
            yield f"{word(now.label)}{_(' : ')}{arrow}{new}"
    for name, (_was, now) in under.fields().items():
        for record in records(now, body.get("added", {}).get(name, []), calendar, members):
            yield f"{word(now.label)} + {record}"


def _migrated(app: App, under: _Under) -> Iterator[str]:
    """Yield what a migration changed beside the form: the version, the due date, the timers."""
    body, calendar = under.body, app.workspace.calendar
    if "migrated" not in body:
        return
    yield _("version {a} → version {b}", a=body["migrated"][0], b=body["migrated"][1])
    if "due_at" in body.get("columns", {}):
        was, now = (instant(at) for at in body["columns"]["due_at"])
        old, new = ("—" if at is None else dates.day(calendar.today(at)) for at in (was, now))
        yield _("échéance : {a} → {b}", a=old, b=new)
    for name, at in body.get("armed", {}).items():
        label = word(under.after.timers[name].label)
        yield _(
            "minuterie {label} : {when}", label=label, when=dates.here(datetime.fromisoformat(at))
        )
    for name in body.get("cancelled", []):
        yield _("minuterie {label} : arrêtée", label=word(under.before.timers[name].label))


def _state_label(definition: CompiledDefinition, state: str | None) -> str:
    return "—" if state is None else word(definition.states[state].label)

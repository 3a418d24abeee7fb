"""What is to come of a case by itself, and in vain: its timers, its automatic actions, its planned mail."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from engine import embargo, register
from inbox import dates, reasons, rules
from inbox.texts import _, n_, word

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engine.awaited import Hindrance
    from engine.option import Checklist, Option
    from inbox.app import App
    from inbox.lookup import Case


@dataclass(frozen=True, slots=True, kw_only=True)
class Ahead:
    """What is to come of a case by itself: when its timers fire, and what never will where it is blocked."""

    timers: Mapping[str, Any]
    hindrances: Mapping[str, Hindrance]


def look_at(app: App, case: Case) -> tuple[Ahead, tuple[Option, ...], list[Checklist]]:
    """Return what is to come by itself, every action, and each checklist."""
    with app.database.read() as connection:
        timers = {t["name"]: t["fire_at"] for t in register.pending_timers(connection, case.id)}
    with app.engine.looking_at(case.id) as outlook:
        hindrances = {h.action.name: h for h in outlook.blocked()}
        ahead = Ahead(timers=timers, hindrances=hindrances)
        return ahead, outlook.options(app.actor), outlook.checklists()


def waits(case: Case, option: Option, ahead: Ahead) -> str:
    """Return on what an automatic action waits, or that it waits in vain."""
    told = alone_json(case, option, ahead)
    if option.lost:
        if option.hopeless:
            return _(
                "« {label} » ne se fera plus. Il faudrait ceci : {condition}; mais {children}. "
                "Prenez une autre action.",
                label=told["label"], condition=told["when"], children=_hopeless(option),
            )  # fmt: skip
        return _(
            "« {label} » ne se fera plus. Il faudrait ceci : {condition}; mais ce que sont devenus les "
            "dossiers enfants ne le permet plus. Rouvrez-en un, ou prenez une autre action.",
            label=told["label"], condition=told["when"],
        )  # fmt: skip
    if option.action.name in ahead.hindrances:
        return hindered(case, ahead.hindrances[option.action.name])
    if option.way is None and told["when"]:
        return _("« {label} » ne se fera pas : rien ne mène d'ici à ceci : {condition}",
                 label=told["label"], condition=told["when"])  # fmt: skip
    if told["at"] is not None and not told["when"]:
        return _("attendez : « {label} » se fait tout seul le {at} (minuterie « {timer} »)",
                 label=told["label"], at=dates.here(told["at"]), timer=told["timer"])  # fmt: skip
    return by_itself(told)


def _hopeless(option: Option) -> str:
    """Return which child cases can no longer end as an action awaits."""
    return "; ".join(
        _("{number} ne peut plus finir ainsi : « {outcome} »", number=number, outcome=outcome)
        for number, outcome in option.hopeless
    )


def by_itself(told: Mapping[str, Any]) -> str:
    """Return what makes an action happen by itself: a timer's date, or its condition."""
    if not told["when"]:
        return _("attendez : « {label} » se fait tout seul, à la date de la minuterie « {timer} »",
                 label=told["label"], timer=told["timer"])  # fmt: skip
    return _("attendez : « {label} » se fait tout seul quand {condition}",
             label=told["label"], condition=told["when"])  # fmt: skip


def hindered(case: Case, hindrance: Hindrance) -> str:
    """Return why an action that would take the case on never will."""
    label, written = word(hindrance.action.label), case.definition.written
    if hindrance.condition is not None:
        return _("« {label} » demande ceci, qui ne peut plus arriver : {condition}", label=label,
                 condition=rules.condition(hindrance.condition, written))  # fmt: skip
    if hindrance.why == "timer":
        return _("« {label} » se faisait à une date, qui est passée", label=label)
    roles = ", ".join(word(case.definition.roles[r]) for r in sorted(hindrance.action.roles))
    return _("personne n'a le rôle qu'il faut pour « {label} » ({roles})", label=label, roles=roles)


def alone_json(case: Case, option: Option, ahead: Ahead) -> dict[str, Any]:
    written, name = case.definition.written, option.action.name
    automatic = written.actions[name].automatic
    armed = [
        ahead.timers[k] for k, t in written.timers.items() if t.action == name and k in ahead.timers
    ]
    return {
        "action": name,
        "label": word(option.action.label),
        "when": "" if automatic is None else rules.condition(automatic, written),
        "timer": ", ".join(reasons.timers_of(written, name)),
        "at": min(armed, default=None),
        "lost": option.lost or name in ahead.hindrances,
        "hopeless": [{"case": c, "outcome": outcome} for c, outcome in option.hopeless],
    }


def planned(app: App, case: Case) -> list[dict[str, Any]]:
    """Return the messages that are set for an instant to come, in their documented shape."""
    with app.database.read() as connection:
        found = embargo.planned(connection, case.id, app.now)
    return [
        {"message": p.message, "label": word(case.definition.notifications[p.message].label),
         "at": p.at, "decided_at": p.decided_at, "recipients": p.recipients}
        for p in found
    ]  # fmt: skip


def planned_lines(app: App, case: Case) -> list[str]:
    calendar = app.workspace.calendar
    return [
        n_("{label} : prévu le {at}, à {n} destinataire fixé le {decided}; rien ne part avant.",
           "{label} : prévu le {at}, à {n} destinataires fixés le {decided}; rien ne part avant.",
           p["recipients"], label=p["label"], at=dates.moment(p["at"], calendar),
           decided=dates.moment(p["decided_at"], calendar))
        for p in planned(app, case)
    ]  # fmt: skip

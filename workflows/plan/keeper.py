"""Keeps the cases of cycles in step with the plan: opens them ahead of time, replaces what was amended.

A cycle is opened `LEAD` days before its period begins, unless its entry was closed already when the plan
came into the workspace: a plan of ten years ago floods nobody. What a decision has changed is re-planned only
while it is open; what was adopted stays as it was.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from engine import register, staff
from engine.actor import Actor
from engine.errors import NotFound
from workflows.plan.cycles import Cycle, cycles
from workflows.plan.decisions import PROCESS, Standing, standing

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sqlalchemy import Connection

    from engine.calendar import Calendar
    from engine.cases import Engine
    from engine.register import Listed
    from workflows.plan.catalogue import Catalogue

#: How long before its period a cycle is opened, in days.
LEAD = 30
#: Who opens and replaces cycles: the plan itself. Its roles are those of the processes' own actions.
KEEPER = Actor(login="system", roles=frozenset({"direction", "conseiller"}))
#: States in which a cycle may still be re-planned.
_OPEN = frozenset({"a_faire", "a_declarer"})


@dataclass(frozen=True, slots=True, kw_only=True)
class CycleCase:
    """The case of a cycle."""

    line: Listed
    data: Mapping[str, Any]

    @property
    def key(self) -> str:
        """The key of the cycle it was opened for."""
        return str(self.data.get("cle", ""))

    @property
    def promise(self) -> tuple[str, str, str]:
        """What it stands for whatever the version: plan, indicator, due date."""
        return (
            str(self.data.get("plan")),
            str(self.data.get("indicateur")),
            str(self.data.get("echeance")),
        )


@dataclass(slots=True, kw_only=True)
class Kept:
    """What one pass did, by case number."""

    opened: list[str] = field(default_factory=list)
    replaced: list[str] = field(default_factory=list)
    moved: list[str] = field(default_factory=list)


def stand(connection: Connection, catalogues: Iterable[Catalogue]) -> list[Standing]:
    """Return the plans as they stand, with the decisions recorded in this database."""
    kept = {
        data.get("plan"): (line.number, data)
        for line, data in register.with_data(connection, PROCESS)
    }
    found = []
    for catalogue in catalogues:
        number, data = kept.get(catalogue.key, (None, None))
        found.append(standing(catalogue, data, number))
    return found


def cases_of(connection: Connection, process: str = "cycle") -> list[CycleCase]:
    """Return the cases of cycles, open and ended, in the order of their numbers."""
    return [
        CycleCase(line=line, data=data) for line, data in register.with_data(connection, process)
    ]


def keep(engine: Engine, plans: Sequence[Standing]) -> Kept:
    """Open the cycles whose time has come and re-plan those that a decision has changed."""
    done = Kept()
    today = engine.calendar.today(engine.clock.now())
    for plan in plans:
        promised = cycles(plan, engine.calendar)
        with engine.database.read() as connection:
            known = [c for c in cases_of(connection, plan.catalogue.plan.process)
                     if c.data.get("plan") == plan.catalogue.key]  # fmt: skip
        _replace(engine, plan, known, {c.key: c for c in promised}, done)
        # What was answered stands for its promise, whatever version of the target it answered.
        answered = {c.promise for c in known if c.line.state not in {*_OPEN, "remplace"}}
        keys = {c.key for c in known}
        for cycle in promised:
            ready = cycle.start - timedelta(days=LEAD) <= today <= cycle.enter_by
            promise = (cycle.plan, cycle.indicator, cycle.due.isoformat())
            if ready and cycle.key not in keys and promise not in answered:
                done.opened.append(open_cycle(engine, plan, cycle))
    return done


def opening_days(plans: Sequence[Standing], calendar: Calendar) -> list[date]:
    """Return the days on which a cycle opens, in order."""
    return sorted({c.start - timedelta(days=LEAD) for p in plans for c in cycles(p, calendar)})


def open_cycle(engine: Engine, plan: Standing, cycle: Cycle) -> str:
    """Open the case of a cycle, on its owner's desk; return its number, the same if it was open."""
    owner = plan.owners.get(cycle.indicator)
    today = engine.calendar.today(engine.clock.now())
    with engine.database.read() as connection:
        person = None if owner is None else staff.by_login(connection, owner)
    gone = person is None or (person.left_on is not None and person.left_on <= today.isoformat())
    outcome = engine.open(
        plan.catalogue.plan.process, _form(cycle), KEEPER, idempotency_key=cycle.key,
        owner=None if gone else owner,
    )  # fmt: skip
    return outcome.number


def _form(cycle: Cycle) -> dict[str, Any]:
    form: dict[str, Any] = {
        "plan": cycle.plan,
        "cle": cycle.key,
        "indicateur": cycle.indicator,
        "libelle": cycle.entry.indicator.title.fr,
        "objectif": cycle.entry.objective.title.fr,
        "cible": cycle.version.target,
        "exercice": cycle.fiscal_year,
        "debut": cycle.start.isoformat(),
        "fin": cycle.end.isoformat(),
        "echeance": cycle.due.isoformat(),
        "faire_avant": cycle.do_by.isoformat(),
        "saisie_avant": cycle.enter_by.isoformat(),
        "nature": {"target": "cible", "accountability": "reddition"}[cycle.nature],
        "forme": {"date": "date", "year": "annee", "count": "nombre", "continuous": "continu"}[
            cycle.kind
        ],
        "regle": cycle.rule,
    }
    return form if cycle.quantity is None else {**form, "quantite": cycle.quantity}


def _replace(
    engine: Engine,
    plan: Standing,
    known: Sequence[CycleCase],
    promised: Mapping[str, Cycle],
    done: Kept,
) -> None:
    for case in known:
        if case.line.state not in _OPEN:
            continue
        cycle = promised.get(case.key)
        if cycle is None:
            reason = _why_replaced(plan, case)
            engine.advance(case.line.id, "remplacer", {"motif_fin": reason}, KEEPER)
            done.replaced.append(case.line.number)
        elif case.data.get("faire_avant") != cycle.do_by.isoformat():
            days = {
                "faire_avant": cycle.do_by.isoformat(),
                "saisie_avant": cycle.enter_by.isoformat(),
            }
            engine.advance(case.line.id, "ajuster", days, KEEPER)
            done.moved.append(case.line.number)


def _why_replaced(plan: Standing, case: CycleCase) -> str:
    later = [v for v in plan.amended.get(str(case.data.get("indicateur")), ())
             if v.effective <= date.fromisoformat(str(case.data["echeance"]))]  # fmt: skip
    if later:
        return f"Remplacé par la résolution {later[-1].resolution}"
    if plan.chosen:
        return "Une autre lecture du plan a été choisie : " + ", ".join(sorted(plan.chosen))
    return "Le plan ne demande plus ce compte rendu"


def decide(
    engine: Engine, plan: Standing, action: str, form: Mapping[str, Any], actor: Actor
) -> str:
    """Record a decision in the plan's case, opened when it is the first; return its number.

    Raises:
        Refused: With every reason; nothing was written.
    """
    if plan.case is None:
        label = plan.catalogue.plan.label.fr
        key = f"plan:{plan.catalogue.key}"
        number = engine.open(
            PROCESS, {"plan": plan.catalogue.key, "titre": label}, KEEPER, idempotency_key=key
        ).number
    else:
        number = plan.case
    with engine.database.read() as connection:
        case_id = register.find(connection, number).id
    engine.advance(case_id, action, form, actor)
    return number


def hand_over(
    engine: Engine, plan: Standing, indicator: str, login: str, actor: Actor
) -> list[str]:
    """Give the open cycles of an indicator to its new owner; return their numbers."""
    with engine.database.read() as connection:
        open_ones = [
            c for c in cases_of(connection, plan.catalogue.plan.process)
            if c.data.get("plan") == plan.catalogue.key
            and c.data.get("indicateur") == indicator
            and c.line.ended_at is None
            and c.line.owner != login
        ]  # fmt: skip
    for case in open_ones:
        engine.assign(case.line.id, login, actor)
    return [c.line.number for c in open_ones]


def named(plans: Sequence[Standing], calendar: Calendar, reference: str) -> tuple[Standing, Cycle]:
    """Return the cycle that a person names: `E1-A3-O5-I1/2013-2014` or `E1-A3-O5-I1@2013-12-31`.

    Raises:
        NotFound: No plan promises it.
    """
    wanted = reference.upper()
    found = [
        (plan, cycle)
        for plan in plans
        for cycle in cycles(plan, calendar)
        if wanted in {cycle.name, f"{cycle.indicator}@{cycle.due}"}
    ]
    if not found:
        raise NotFound("cycle", reference, near=tuple(_near(plans, calendar, wanted)))
    return found[0]


def _near(plans: Sequence[Standing], calendar: Calendar, wanted: str) -> list[str]:
    indicator = wanted.replace("@", "/").partition("/")[0]
    return [c.name for p in plans for c in cycles(p, calendar) if c.indicator == indicator]


def case_of(cases: Iterable[CycleCase], cycle: Cycle) -> CycleCase | None:
    """Return the case that stands for a cycle: its own, else one that was kept for its promise."""
    listed = list(cases)
    own = next((c for c in listed if c.key == cycle.key), None)
    promise = (cycle.plan, cycle.indicator, cycle.due.isoformat())
    return own or next(
        (c for c in listed if c.promise == promise and c.line.state != "remplace"), None
    )


def events_of(case: CycleCase | None) -> list[dict[str, Any]]:
    """Return the events logged in a cycle, in the order of their days."""
    events = [] if case is None else list(case.data.get("evenements", ()))
    return sorted(events, key=lambda e: str(e["le"]))

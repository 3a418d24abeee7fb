"""Keeps the cases of cycles in step with the plan: opens them ahead of time, replaces what was amended.

A cycle is opened `LEAD` days before its period begins, unless its entry was closed already when the plan
came into the workspace: a plan of ten years ago floods nobody. What a decision has changed is re-planned only
while it is open; what was adopted stays as it was.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from engine import register, staff
from engine.actor import Actor
from engine.desk import unfit
from engine.errors import Conflict, Refused, Unavailable
from engine.judge import read_form, role_needed
from engine.opening import reason
from engine.references import References
from workflows.plan import events
from workflows.plan.cases import OPEN, CycleCase, cases_of, expected
from workflows.plan.cycles import Cycle, cycles
from workflows.plan.decisions import PROCESS, Standing, standing
from workflows.plan.owners import owner_on
from workflows.plan.proof import at_fault, prove
from workflows.plan.replacement import why
from workflows.plan.transcript import changed, opening_form

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection

    from engine.calendar import Calendar
    from engine.cases import Engine
    from engine.definition.compiled import CompiledDefinition
    from engine.errors import Finding
    from engine.register import Listed
    from workflows.plan.catalogue import Catalogue

#: The case that keeps a plan's decisions, as it was read, and its data in stored form.
Decided = tuple["Listed", "Mapping[str, Any]"]
#: The version of a case that was just opened.
_OPENED = 1
#: How long before its period a cycle is opened, in days.
LEAD = 30
#: The role under which the plan writes; nobody is ever given it.
ROLE = "plan"
#: Who may give an indicator to somebody, and bring a cycle of the past into the register.
TENDERS = frozenset({"conseiller", "direction"})
_TARGET = frozenset({"cle", "cible", "cadence", "nature", "forme"})
#: Who opens and replaces cycles: the plan itself. Its roles are those of the processes' own actions.
KEEPER = Actor(login="system", roles=frozenset({"direction", "conseiller", ROLE}))


@dataclass(slots=True, kw_only=True)
class Kept:
    """What one pass did, by case number, and the plans that it could not follow."""

    opened: list[str] = field(default_factory=list)
    replaced: list[str] = field(default_factory=list)
    moved: list[str] = field(default_factory=list)
    amended: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)


def decided(connection: Connection) -> dict[str, Decided]:
    """Return what was decided on each plan: the case that keeps it, and its data."""
    return {
        str(data.get("plan")): (line, data)
        for line, data in register.with_data(connection, PROCESS)
    }


def stand(catalogue: Catalogue, decisions: Mapping[str, Decided], calendar: Calendar) -> Standing:
    """Return a plan as it stands, with what was decided on it."""
    found = decisions.get(catalogue.key)
    if found is None:
        return standing(catalogue, calendar)
    line, data = found
    return standing(catalogue, calendar, data, line.number, line.version)


def keep(engine: Engine, plans: Sequence[Standing]) -> Kept:
    """Open the cycles whose time has come and re-plan those that a decision has changed.

    The plans are followed as they stand today, by the engine's clock: what a file says will be decided
    later changes nothing yet. What goes wrong with one plan is a finding, and stops neither the other plans
    nor the caller.
    """
    done, today = Kept(), engine.calendar.today(engine.clock.now())
    with engine.database.read() as connection:
        read = {key: line.version for key, (line, _data) in decided(connection).items()}
    # Who decides on a plan keeps it too: one that was read before is not gone back to.
    for plan in (p for p in plans if read.get(p.catalogue.key) == p.version):
        try:
            _keep_in_turn(engine, plan.on(today), done)
        except Unavailable:
            raise
        except Exception as error:  # noqa: BLE001 - a plan at fault stops no other one
            done.findings.append(at_fault(plan.catalogue, error))
    return done


def _keep_in_turn(engine: Engine, plan: Standing, done: Kept, lost: str | None = None) -> None:
    """Keep a plan, and again as long as another pass was faster with some case of it."""
    try:
        _keep_one(engine, plan, done)
    except (Conflict, Refused) as error:
        # Whatever was done meanwhile is not to be done any more: the same case again is at fault.
        if error.number == lost:
            raise
        _keep_in_turn(engine, plan, done, error.number)


def _keep_one(engine: Engine, plan: Standing, done: Kept) -> None:
    known = _known(engine, plan)
    _pass_on(engine, known)
    promised = expected(cycles(plan, engine.calendar), known)
    if _amend_late(engine, known, promised, done):
        known = _known(engine, plan)
    by_key = {c.key: c for c in promised}
    adjusted = _adjust(engine, known, by_key, done)
    _open(engine, plan, known, promised, done)
    gone = [c for c in known if c.line.state in OPEN and c.key not in by_key]
    for case in (*adjusted, *gone):
        others = [c for c in promised if c.indicator == case.data.get("indicateur")]
        home = partial(_home, engine, plan)
        events.move(engine, case, by_key.get(case.key), others, home, KEEPER)
    for case in gone:
        engine.advance(case.line.id, "remplacer", why(plan, case.cycle(plan)), KEEPER)
        done.replaced.append(case.line.number)


def _known(engine: Engine, plan: Standing) -> list[CycleCase]:
    """Return the cases of a plan's cycles."""
    with engine.database.read() as connection:
        found = cases_of(connection, plan.catalogue.plan.process)
    return [c for c in found if c.data.get("plan") == plan.catalogue.key]


def _amend_late(
    engine: Engine, known: Sequence[CycleCase], promised: Sequence[Cycle], done: Kept
) -> bool:
    """Give the open cases whose period has ended the target that was amended since; tell whether there are any.

    A late report stays on its owner's desk, under the target of the same day that replaced its own: whom its
    silence was told to are not told again.
    """
    today = engine.calendar.today(engine.clock.now())
    now = {c.promise: c for c in promised}
    late = [
        (case, cycle)
        for case in known
        if case.line.state in OPEN and today.isoformat() > case.promise[2]
        and (cycle := now.get(case.promise)) is not None and cycle.key != case.key
    ]  # fmt: skip
    for case, cycle in late:
        form = {name: value for name, value in opening_form(cycle).items() if name in _TARGET}
        note = cycle.version.resolution
        engine.advance(case.line.id, "changer_cible", form, KEEPER, note=note)
        done.amended.append(case.line.number)
    return bool(late)


def _pass_on(engine: Engine, known: Sequence[CycleCase]) -> None:
    """Give the open cycles of somebody who has left to whoever took over, if they can report them."""
    today = engine.calendar.today(engine.clock.now())
    held = [c for c in known if c.line.ended_at is None and c.line.owner is not None]
    with engine.database.read() as connection:
        logins = {str(c.line.owner) for c in held}
        now = {login: owner_on(connection, login, today) for login in logins}
        people = {p.login: p for p in staff.list_staff(connection)}
    for case in (c for c in held if now[str(c.line.owner)] != c.line.owner):
        heir = people.get(now[str(case.line.owner)] or "")
        process = engine.library.current(case.line.process).definition
        if heir is not None and not unfit(process, heir):
            engine.assign(case.line.id, heir.login, KEEPER)


def _open(
    engine: Engine,
    plan: Standing,
    known: Sequence[CycleCase],
    promised: Sequence[Cycle],
    done: Kept,
) -> None:
    today = engine.calendar.today(engine.clock.now())
    current = {c.key for c in known if c.line.state != "remplace"}
    former = {c.key: c for c in known}
    for cycle in promised:
        # What was replaced and is promised again comes back, even once its entry has closed.
        last = date.max if cycle.key in former else cycle.enter_by
        ready = cycle.start - timedelta(days=LEAD) <= today <= last
        if ready and cycle.key not in current:
            done.opened.append(_opened(engine, plan, cycle, former))


def _opened(engine: Engine, plan: Standing, cycle: Cycle, former: Mapping[str, CycleCase]) -> str:
    """Return the number of a cycle's case: opened, or restored as it is promised now."""
    case = former.get(cycle.key)
    if case is None:
        return open_cycle(engine, plan, cycle)
    if case.line.state == "remplace":
        engine.advance(case.line.id, "retablir", {}, KEEPER)
        _follow(engine, case, cycle)
    return case.line.number


def _follow(engine: Engine, case: CycleCase, cycle: Cycle) -> bool:
    """Have an open case say what the plan does, days and words; tell whether it said anything else."""
    form = changed(cycle, case.data)
    said = {name: value for name, value in form.items() if value is not None}
    if len(said) < len(form):
        engine.advance(case.line.id, "oublier_quantite", {}, KEEPER)
    if said:
        engine.advance(case.line.id, "ajuster", said, KEEPER)
    return bool(form)


def _home(engine: Engine, plan: Standing, cycle: Cycle) -> int | None:
    """Return the id of the open case of a cycle, opened if need be; None when it was answered."""
    with engine.database.read() as connection:
        cases = cases_of(connection, plan.catalogue.plan.process)
    known = [c for c in cases if c.promise == cycle.promise]
    if any(c.stands for c in known):
        return None
    return id_of(engine, _opened(engine, plan, cycle, {c.key: c for c in known}))


def opening_days(plans: Sequence[Standing], calendar: Calendar) -> list[date]:
    """Return the days on which a cycle opens or a decision changes what is promised, in order."""
    decisions = {day for plan in plans for day in plan.decision_days}
    stages = [
        plan.on(day) for plan in plans for day in {plan.catalogue.plan.starts, *plan.decision_days}
    ]
    return sorted(
        decisions | {c.start - timedelta(days=LEAD) for s in stages for c in cycles(s, calendar)}
    )


def open_cycle(engine: Engine, plan: Standing, cycle: Cycle) -> str:
    """Open the case of a cycle, on its owner's desk; return its number, the same if it was open."""
    owner = plan.owners.get(cycle.indicator)
    if owner is not None:
        today = engine.calendar.today(engine.clock.now())
        with engine.database.read() as connection:
            owner = owner_on(connection, owner, today)
    outcome = engine.open(
        plan.catalogue.plan.process,
        opening_form(cycle),
        KEEPER,
        idempotency_key=cycle.key,
        owner=owner,
    )
    return outcome.number


def id_of(engine: Engine, number: str) -> int:
    """Return the id of a case by its number."""
    with engine.database.read() as connection:
        return register.find(connection, number).id


def _adjust(
    engine: Engine, known: Sequence[CycleCase], promised: Mapping[str, Cycle], done: Kept
) -> list[CycleCase]:
    """Adjust the open cases that are promised with other days or in other words; return them."""
    adjusted = [
        case
        for case in known
        if case.line.state in OPEN
        and case.key in promised
        and _follow(engine, case, promised[case.key])
    ]
    done.moved += [c.line.number for c in adjusted if c.line.number not in done.amended]
    return adjusted


def behind(plan: Standing, cases: Sequence[CycleCase], calendar: Calendar) -> list[CycleCase]:
    """Return the open cases that do not say yet what a plan does: the next pass has them follow, or ends them.

    Args:
        plan: The plan as it stands today.
        cases: The cases of cycles, of this plan or others.
        calendar: Business days and fiscal years.
    """
    mine = [c for c in cases if c.data.get("plan") == plan.catalogue.key]
    promised = {c.key: c for c in expected(cycles(plan, calendar), mine)}
    return [
        case
        for case in mine
        if case.line.state in OPEN
        and (case.key not in promised or changed(promised[case.key], case.data))
    ]


def decide(
    engine: Engine,
    plan: Standing,
    action: str,
    form: Mapping[str, Any],
    actor: Actor,
    *,
    by: frozenset[str] = frozenset({"direction"}),
) -> str:
    """Record a decision in the plan's case, opened when it is the first; return its number.

    Args:
        engine: The engine.
        plan: The plan.
        action: The action of the process `plan`; what it writes has been checked.
        form: Its form.
        actor: Who decides.
        by: The roles that may.

    Raises:
        Refused: With every reason; nothing was written.
        InvalidDefinition: The plan could not be followed any more; nothing was written.
        Conflict: Somebody decided on this plan since it was read; nothing was written.
    """
    definition = engine.library.current(PROCESS).definition
    if not by & actor.roles:
        label = definition.actions[action].label
        raise Refused((role_needed(definition, by),), number=plan.case, action=action, label=label)
    _judge(engine, plan, definition, action, form)
    number, version = plan.case, plan.version
    if number is None:
        opening = {"plan": plan.catalogue.key, "titre": plan.catalogue.plan.label.fr}
        key = f"plan:{plan.catalogue.key}"
        number = engine.open(PROCESS, opening, KEEPER, idempotency_key=key).number
        version = _OPENED
    engine.advance(
        id_of(engine, number), action, form,
        # Nobody has that role: only what was checked here is written.
        replace(actor, roles=actor.roles | {ROLE}), expected_version=version,
    )  # fmt: skip
    return number


def _judge(
    engine: Engine,
    plan: Standing,
    definition: CompiledDefinition,
    action: str,
    form: Mapping[str, Any],
) -> None:
    """Refuse a decision whose form cannot be read before the case that would keep it is opened."""
    with engine.database.read() as connection:
        asked = definition.actions[action]
        _form, reasons = read_form(asked, form, References(connection))
    if reasons:
        raise Refused(tuple(reasons), number=plan.case, action=action, label=asked.label)
    _prove_with(engine, plan, form)


def _prove_with(engine: Engine, plan: Standing, form: Mapping[str, Any]) -> None:
    """Prove a plan as it would stand with one more decision, as it is typed: `list.field` to value."""
    with engine.database.read() as connection:
        found = decided(connection).get(plan.catalogue.key)
    data = {} if found is None else found[1]
    name = next(iter(form)).partition(".")[0]
    record = {key.partition(".")[2]: value for key, value in form.items()}
    record["at"] = engine.clock.now().isoformat()
    tried = standing(plan.catalogue, engine.calendar, {**data, name: [*data.get(name, ()), record]})
    process = engine.library.current(plan.catalogue.plan.process).definition
    prove(tried, engine.calendar, process)


def confide(
    engine: Engine, plan: Standing, indicator: str, login: str, actor: Actor
) -> tuple[str, Kept]:
    """Give an indicator to somebody, with its open cycles, each of which they are told of.

    The plan is kept first, as it stood: what was to be open already, and is not yet, goes along too.

    Returns:
        The number of the plan's case, and what was done: the cycles that went along have moved.

    Raises:
        Refused: As `decide`, or they have left, or have no role in the process; nothing was written.
    """
    process = engine.library.current(plan.catalogue.plan.process).definition
    with engine.database.read() as connection:
        to = References(connection).person(login)
    reasons = tuple(reason(code, **params) for code, params in unfit(process, to))
    if reasons:
        label = engine.library.current(PROCESS).definition.actions["confier"].label
        raise Refused(reasons, number=plan.case, action="confier", label=label)
    record = {"responsables.indicateur": indicator, "responsables.personne": login}
    kept = keep(engine, [plan]) if TENDERS & actor.roles else Kept()
    number = decide(engine, plan, "confier", record, actor, by=TENDERS)
    kept.moved += _hand_over(engine, plan, indicator, login, actor)
    return number, kept


def _hand_over(
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

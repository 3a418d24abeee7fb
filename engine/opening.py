"""How a case comes to be: its number, its row, its first event; and child cases of another."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, select
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from engine import attachments
from engine.actor import Actor
from engine.chain import GENESIS
from engine.errors import Reason, Refused
from engine.folding import fold
from engine.judge import Form, answered_by_files, judge_form, read_form, role_needed
from engine.reception import reception
from engine.references import References
from engine.register import open_alike
from engine.schema import cases, openings, sequences, to_micros
from engine.store import CASE_COLUMNS, CaseRow

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sqlalchemy import Connection

    from engine.actor import File
    from engine.cases import Engine
    from engine.definition.compiled import CompiledAction, CompiledDefinition
    from engine.draft import Draft
    from engine.library import Process
    from engine.outcome import Outcome
    from engine.session import Session

#: A step opens child cases, which open theirs, down to so many generations.
MAX_GENERATIONS = 8
#: A probable duplicate is looked for among this many of the newest open cases that share a word.
DUPLICATE_LIMIT = 5


def open_case(
    engine: Engine,
    session: Session,
    process: Process,
    data: Mapping[str, Any],
    actor: Actor,
    *,
    note: str,
    files: Sequence[File],
    key: str | None,
    parent_id: int | None,
    owner: str | None = None,
    extra: Mapping[str, Any] | None = None,
) -> Outcome:
    """Open a case inside a transaction; see `Engine.open`. A child is opened by its parent's step."""
    connection = session.connection
    assert connection is not None
    typed = answered_by_files(process.definition.opening, data, {}, files)
    form = _judged(process, typed, actor, note, connection, is_child=parent_id is not None)
    row = _new_row(engine, connection, process, parent_id)
    draft = engine.draft(row, process, session)
    draft.data = draft.facts.data = form.laid_over(
        {}, {"by": actor.login, "at": draft.now.isoformat()}
    )
    _check_required(process, form, note, draft)
    alike = _probable_duplicates(connection, process.definition, draft)
    attached = attachments.store(connection, files) if files else []
    more: dict[str, Any] = {"definition": [process.definition.key, process.definition.version]}
    more |= extra or {}
    more |= {"files": attached} if attached else {}
    more |= {"probable_duplicates": list(alike)} if alike else {}
    arrived = reception(process.definition, draft.data, draft.now, engine.calendar)
    late = arrived is not None and arrived.late
    more |= {"late": True} if late else {}
    if owner is not None:
        more["owner"] = [None, owner]
        draft.case["owner"] = draft.facts.owner = owner
    draft.opened(actor, note=note, key=key, extra=more)
    if attached:
        attachments.link(connection, row.id, draft.version, attached)
    if key is not None:
        connection.execute(insert(openings).values(idempotency_key=key, case_id=row.id))
    engine.run_automatics(draft)
    outcome = engine.finish(draft, session)
    return replace(outcome, probable_duplicates=alike, late=late)


def open_children(
    engine: Engine, session: Session, draft: Draft, action: CompiledAction
) -> Iterator[str]:
    """Open the child cases that an action asks for, in the parent's transaction; yield numbers."""
    child = action.opens
    assert child is not None
    process = engine.library.current(child.process)
    event = next(e for e in reversed(draft.events) if e["action"] == action.name)
    # The child is opened by whoever took the action; the opening's roles were the parent's matter.
    roles = process.definition.opening.roles
    actor = Actor(login=event["actor"], roles=roles, via=event["via"])
    items = [None] if child.for_each is None else list(draft.data.get(child.for_each, []))
    for item in items:
        data = {ours: draft.data.get(theirs) for ours, theirs in child.copy.items()}
        data |= {ours: _given(draft, name) for ours, name in child.form.items()}
        if child.item is not None:
            data[child.item] = item
        with _generation(session, action):
            yield open_case(
                engine, session, process, data, actor,
                note="", files=(), key=None, parent_id=draft.row.id, owner=draft.facts.owner,
            ).number  # fmt: skip


@contextmanager
def _generation(session: Session, action: CompiledAction) -> Iterator[None]:
    """Count one more generation of child cases in a step, and refuse one too many."""
    if session.generation == MAX_GENERATIONS:
        why = reason("generations", limit=MAX_GENERATIONS)
        raise Refused((why,), number=None, action=action.name, label=action.label)
    session.generation += 1
    yield
    session.generation -= 1


def _given(draft: Draft, name: str) -> Any:
    """Return what the action's form gave: a field, or a field of the record just added."""
    record, _, field = name.rpartition(".")
    if not record:
        return draft.data.get(field)
    return draft.data[record][-1].get(field)


def replayed(connection: Connection, key: str | None) -> int | None:
    """Return the case that was opened with this idempotency key, if one was."""
    if key is None:
        return None
    wanted = select(openings.c.case_id).where(openings.c.idempotency_key == key)
    return connection.execute(wanted).scalar()


def reason(code: str, *values: object, **params: object) -> Reason:
    """Return a reason with a code and parameters; a positional one is the `number` concerned."""
    return Reason(code=code, params={**({"number": values[0]} if values else {}), **params})


def next_number(connection: Connection, prefix: str, year: int) -> str:
    """Return the next number of a sequence; it is used up when, and only when, this commits."""
    dialect_insert = postgresql_insert if connection.dialect.name == "postgresql" else sqlite_insert
    statement = (
        dialect_insert(sequences)
        .values(prefix=prefix, year=year, last=1)
        .on_conflict_do_update(
            index_elements=["prefix", "year"], set_={"last": sequences.c.last + 1}
        )
        .returning(sequences.c.last)
    )
    return f"{prefix}-{year}-{connection.execute(statement).scalar_one():04d}"


def _judged(
    process: Process,
    data: Mapping[str, Any],
    actor: Actor,
    note: str,
    connection: Connection,
    *,
    is_child: bool,
) -> Form:
    definition, action = process.definition, process.definition.opening
    form, reasons = read_form(action, data, References(connection))
    if not is_child and not action.roles & actor.roles:
        reasons.append(role_needed(definition, action.roles))
    # Before there is a case, only what is required whatever the rest can be judged.
    reasons += [r for r in judge_form(action, form, note, None) if r.field not in data]
    if reasons:
        raise Refused(tuple(reasons), number=None, action=action.name, label=action.label)
    return form


def _check_required(process: Process, form: Form, note: str, draft: Draft) -> None:
    lacking = judge_form(process.definition.opening, form, note, draft.facts)
    if lacking:
        opening = process.definition.opening
        raise Refused(tuple(lacking), number=None, action=opening.name, label=opening.label)


def _new_row(
    engine: Engine, connection: Connection, process: Process, parent_id: int | None
) -> CaseRow:
    definition, now = process.definition, engine.clock.now()
    year = engine.calendar.today(now).year
    values: dict[str, Any] = {
        "number": next_number(connection, definition.prefix, year),
        "process": definition.key,
        "definition_version": definition.version,
        "opened_at": to_micros(now),
        "parent_id": parent_id,
        "title": "",
        "search": "",
        "version": 0,
        "state": definition.opening.branches[0].state,
        "entered_at": to_micros(now),
        "waited_days": 0,
        "head": GENESIS,
        "data": "{}",
    }
    case_id = connection.execute(insert(cases).values(values)).inserted_primary_key[0]  # type: ignore[index]
    return CaseRow(**{**dict.fromkeys(CASE_COLUMNS), **values, "id": case_id})


def _probable_duplicates(
    connection: Connection, definition: CompiledDefinition, draft: Draft
) -> tuple[str, ...]:
    """Return open cases whose `duplicates` fields read alike once accents and case are folded."""
    wanted = {name: fold(str(draft.data.get(name) or "")) for name in definition.duplicates}
    if not wanted or not all(wanted.values()):
        return ()
    return open_alike(connection, definition.key, draft.row.id, wanted, DUPLICATE_LIMIT)

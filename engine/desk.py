"""On whose desk a case is: who may take it, put it back, or give it, and why not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from engine import opening
from engine.errors import Refused
from engine.judge import note_faults

if TYPE_CHECKING:
    from engine.actor import Actor
    from engine.definition.compiled import CompiledDefinition
    from engine.draft import Draft
    from engine.staff import Person


def refuse(
    draft: Draft, action: str, why: list[tuple[str, dict[str, Any]]], note: str = ""
) -> None:
    """Refuse, with every reason, what may not be done with a desk; a bad note is one."""
    reasons = [*(opening.reason(code, **params) for code, params in why), *note_faults(note)]
    if reasons:
        raise Refused(tuple(reasons), number=draft.row.number, action=action)


def why_not_take(draft: Draft, actor: Actor) -> list[tuple[str, dict[str, Any]]]:
    """Return why somebody may not take a case: codes with their parameters."""
    desk = draft.row.desk
    if desk is None:
        return [("ended", {})]
    if desk == actor.login:
        return [("already_yours", {})]
    if not desk.startswith("@"):
        return [] if actor.is_or_replaces(desk) else [("taken", {"owner": desk})]
    if desk[1:] in actor.roles:
        return []
    label = dict(draft.process.definition.roles.get(desk[1:], {}))
    return [("role", {"roles": [label], "keys": [desk[1:]]})]


def why_not_assign(
    draft: Draft,
    actor: Actor,
    to: Person,
    roles: frozenset[str],
) -> list[tuple[str, dict[str, Any]]]:
    """Return why a case may not be given to somebody: codes with their parameters."""
    if draft.row.desk is None:
        return [("ended", {})]
    definition = draft.process.definition
    labels = [dict(label) for label in definition.roles.values()]
    mine: list[tuple[str, dict[str, Any]]] = []
    if not roles & actor.roles:
        mine.append(("role", {"roles": labels, "keys": sorted(roles)}))
    return [*mine, *unfit(definition, to)]


def unfit(definition: CompiledDefinition, to: Person) -> list[tuple[str, dict[str, Any]]]:
    """Return why somebody can be given no case of a process: codes with their parameters."""
    roles = definition.roles
    why: list[tuple[str, dict[str, Any]]] = []
    if not roles.keys() & to.roles:
        labels = [dict(label) for label in roles.values()]
        why.append(("assignee_role", {"person": to.name, "roles": labels, "keys": sorted(roles)}))
    if to.left_on is not None:
        why.append(("assignee_left", {"person": to.name}))
    return why

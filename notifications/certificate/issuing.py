"""Issuing: the certificate of a diffusion as it stands, a new issue only when there is something new."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import IntegrityError

from engine import certificates, verify
from engine.certificates import Certificate
from engine.chain import canonical, content_hash
from engine.diffusion import account_of
from notifications.certificate.document import Context, document, same_facts
from notifications.certificate.signing import seal

if TYPE_CHECKING:
    from datetime import datetime

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from sqlalchemy import Connection

    from engine.database import Database
    from engine.definition.compiled import CompiledDefinition
    from engine.diffusion import Account


@dataclass(frozen=True, slots=True, kw_only=True)
class Office:
    """Who issues: the institute's name, the zone of its local times."""

    institute: str
    zone: str


def issue(
    database: Database,
    outbox_id: int,
    definition: CompiledDefinition,
    office: Office,
    key: Ed25519PrivateKey,
    now: datetime,
) -> Certificate:
    """Return the certificate of a batch as it stands: the last issue when nothing has changed since.

    Args:
        database: The database.
        outbox_id: The batch.
        definition: The version that the case is pinned to.
        office: Who issues.
        key: The workspace's, which signs.
        now: The workspace's clock.
    """
    register = register_head(database)
    with database.write() as connection:
        last = certificates.newest(connection, outbox_id)
        account = account_of(connection, outbox_id)
        context = _context(connection, account, definition, office, now, last, register)
        made = seal(document(account, context), key)
        if last is not None and _still_holds(json.loads(last.document), made):
            return last
        text = canonical(made)
        certificate = Certificate(
            outbox_id=outbox_id,
            issue=context.issue,
            made_at=now,
            sha256=content_hash(text),
            document=text,
        )
        try:
            with connection.begin_nested():
                certificates.keep(connection, certificate)
        except IntegrityError:
            # Somebody issued at the same moment: theirs says the same.
            return certificates.issued(connection, outbox_id, context.issue)
    return certificate


def facts(
    database: Database,
    account: Account,
    definition: CompiledDefinition,
    office: Office,
    now: datetime,
) -> dict[str, Any]:
    """Return what a certificate issued now would say, without issuing one."""
    with database.read() as connection:
        last = certificates.newest(connection, account.outbox_id)
        context = _context(connection, account, definition, office, now, last, {})
    return document(account, context)


def register_head(database: Database) -> dict[str, Any]:
    """Return the register as it stands: the hash of every chain's head, counts, and faults found."""
    found = verify.verify(database)
    return {
        "head": found.head,
        "cases": found.cases,
        "events": found.events,
        "faults": len(found.faults),
    }


def _still_holds(last: dict[str, Any], made: dict[str, Any]) -> bool:
    return same_facts(last, made) and last["signature"]["key"] == made["signature"]["key"]


def _context(
    connection: Connection,
    account: Account,
    definition: CompiledDefinition,
    office: Office,
    now: datetime,
    last: Certificate | None,
    register: dict[str, Any],
) -> Context:
    return Context(
        institute=office.institute,
        zone=office.zone,
        definition_sha256=definition.sha256,
        installed_at=certificates.installed_at(
            connection, account.process, account.definition_version
        ),
        adopted=definition.adopted,
        label=definition.label,
        message_label=definition.notifications[account.message].label,
        issue=1 if last is None else last.issue + 1,
        made_at=now,
        previous=None if last is None else last.sha256,
        register=register,
    )

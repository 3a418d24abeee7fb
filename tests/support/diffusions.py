"""Diffusions for tests: as an account in the hand, or as rows of a database written as a worker would."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, select, update

from engine import diffusion
from engine.chain import content_hash
from engine.diffusion import Account, Copy, Decided, Run, Transmission
from engine.schema import deliveries, outbox, renderings, to_micros
from notifications.certificate.document import Context, document
from notifications.certificate.signing import seal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from engine.database import Database

QUEUED = datetime(2026, 11, 16, 15, 0, tzinfo=UTC)  # 10 h in Québec
DOT = QUEUED + timedelta(seconds=2)
SHA = "ab" * 32
OK = "250 2.0.0 Ok: queued as 4XyZ"
NAMES = ("Cégep de l'Été", "École « Ñandú »", "Université 大学", "Centre de formation 🎓")


def ms(count: float) -> timedelta:
    return timedelta(milliseconds=count)


def key(number: int = 1) -> Ed25519PrivateKey:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32)


def copies(count: int) -> tuple[Copy, ...]:
    return tuple(
        Copy(
            delivery=n + 1, recipient=f"member:{n + 100}", name=f"{NAMES[n % len(NAMES)]} {n:04d}",
            addresses=(f"courriel{n:04d}@partenaire{n:04d}.example.org",), languages=("fr",),
            newcomer=False, salt=content_hash(f"{n}")[:32], position=count - 1 - n,
            message_id="<DI-2026-0001.abcdef@example.org>", state="accepted", attempts=1,
            staged_at=DOT - ms(400), released_at=DOT, settled_at=DOT + ms(3), reply=OK,
            resolution=None, transmission=1, returned=(),
        )
        for n in range(count)
    )  # fmt: skip


def transmission(number: int = 1, recipients: int = 1, **other: Any) -> Transmission:
    known = {
        "id": number, "wave": 1, "position": number, "method": "BDAT",
        "message_id": "<DI-2026-0001.abcdef@example.org>", "sha256": SHA, "size": 4096,
        "recipients": recipients, "staged_at": DOT - ms(400), "dot_at": DOT,
        "replied_at": DOT + ms(3), "state": "accepted", "reply": OK,
    }  # fmt: skip
    return Transmission(**{**known, **other})


def run(sent: Sequence[Transmission], **other: Any) -> Run:
    known = {
        "number": 1, "rule": "all_or_nothing",
        "server": {"name": "relais.institut.example", "chunking": True, "pipelining": True,
                   "size": 10_240_000, "recipients": None, "connections": 1},
        "shape": "one", "began_at": DOT - ms(600), "staged_at": DOT - ms(100),
        "decided_at": DOT - ms(50), "decision": "released", "reason": {}, "first_dot_at": DOT,
        "last_reply_at": DOT + ms(3), "window": 3100, "transmissions": tuple(sent),
    }  # fmt: skip
    return Run(**{**known, **other})


def account(count: int = 29, **other: Any) -> Account:
    """Return a diffusion that one transaction carried, identical for all."""
    made = copies(count)
    known = {
        "outbox_id": 1, "case": "DI-2026-0001", "title": "Organisation secrète – Sujet",
        "process": "demande", "definition_version": 1, "message": "diffusion",
        "rule": "all_or_nothing", "personal": False, "newcomers": False, "queued_at": QUEUED, "not_before": QUEUED,
        "roster_version": 34, "audience": {"active": count, "without_address": [], "sha256": "cd" * 32},
        "contents": {"fr": "ef" * 32}, "copies": made,
        "runs": (run([transmission(recipients=count)]),) if count else (),
        "decisions": (),
    }  # fmt: skip
    return Account(**{**known, **other})


def refused(given: Account, line: int, reply: str) -> Account:
    """Return a diffusion in which the recipient of a line was refused before the dot, the others served."""
    by_line = sorted(given.copies, key=lambda c: c.position)
    who = by_line[line - 1]
    out = replace(who, state="refused_rcpt", released_at=None, transmission=None, reply=reply,
                  settled_at=DOT - ms(100))  # fmt: skip
    made = tuple(out if c is who else c for c in given.copies)
    first = replace(
        given.runs[0], rule="proceed_and_remedy", reason={"refused": {who.recipient: reply}}
    )
    departed = Decided(action="depart", by="directrice", at=QUEUED, reason="fermé pour travaux",
                       rule="proceed_and_remedy", deliveries=None)  # fmt: skip
    return replace(
        given, rule="proceed_and_remedy", copies=made, runs=(first,), decisions=(departed,)
    )


def each(count: int, **other: Any) -> Account:
    """Return a diffusion of personal content: one transmission a recipient, released together."""
    base = account(count)
    made = tuple(
        replace(c, transmission=n, settled_at=DOT + ms(n), reply=f"{OK}{n}",
                message_id=f"<DI-2026-0001.{n:04x}@example.org>")
        for n, c in enumerate(base.copies, 1)
    )  # fmt: skip
    sent = [
        transmission(n, replied_at=DOT + ms(n), sha256=f"{n:064x}", message_id=c.message_id)
        for n, c in enumerate(made, 1)
    ]
    ran = run(sent, shape="each", window=count * 1000, last_reply_at=DOT + ms(count))
    contents = {f"fr@{c.delivery}": f"{c.delivery:064x}" for c in made}
    return replace(base, copies=made, runs=(ran,), personal=True, contents=contents, **other)


def context(**other: Any) -> Context:
    known = {
        "institute": "Institut d'essai", "zone": "America/Toronto", "definition_sha256": "12" * 32,
        "installed_at": QUEUED - timedelta(days=30),
        "adopted": {"on": "2016", "reference": "Résolution", "by": {"fr": "CA"}, "text": None},
        "label": {"fr": "Demande de l'étranger", "en": "Request from abroad"},
        "message_label": {"fr": "Diffusion de la fiche", "en": "Diffusion of the sheet"},
        "issue": 1, "made_at": QUEUED + timedelta(hours=1), "previous": None,
        "register": {"head": "34" * 32, "cases": 1, "events": 12, "faults": 0},
    }  # fmt: skip
    return Context(**{**known, **other})


def sealed(given: Account, number: int = 1, **other: Any) -> dict[str, Any]:
    return seal(document(given, context(**other)), key(number))


# --- as rows ------------------------------------------------------------------------------------


def newest_batch(database: Database) -> int:
    with database.read() as connection:
        return int(connection.execute(select(outbox.c.id).where(outbox.c.batch == 1)
                                      .order_by(outbox.c.id.desc()).limit(1)).scalar_one())  # fmt: skip


def carry(
    database: Database,
    outbox_id: int,
    *,
    at: datetime = DOT,
    refused: Mapping[str, str] | None = None,
    decision: str = "released",
) -> None:
    """Write what a worker writes of one transaction for all that are due, but for those refused.

    Args:
        database: The database.
        outbox_id: The batch.
        at: The final dot.
        refused: Address -> the server's reply.
        decision: `released` or `aborted`.
    """
    told = refused or {}
    with database.write() as connection:
        rows = connection.execute(
            select(deliveries)
            .where(deliveries.c.outbox_id == outbox_id, deliveries.c.state != "accepted")
            .order_by(deliveries.c.position)
        ).all()
        out = {r.recipient: told[json.loads(r.addresses)[0]] for r in rows if json.loads(r.addresses)[0] in told}  # fmt: skip
        going = [r for r in rows if r.recipient not in out]
        ran = diffusion.begin(connection, outbox_id, rule="all_or_nothing", at=at - ms(600))
        sent = diffusion.add_transmission(connection, ran, {
            "wave": 1, "position": 1, "method": "BDAT", "message_id": rows[0].message_id,
            "sha256": SHA, "size": 4096, "recipients": len(going), "state": "staged",
            "staged_at": to_micros(at - ms(400)),
        })  # fmt: skip
        values: dict[str, Any] = {
            "server": {"name": "relais.example", "chunking": True}, "shape": "one",
            "staged_at": to_micros(at - ms(100)), "decided_at": to_micros(at - ms(50)),
            "decision": decision, "reason": {"refused": out, "deferred": {}},
        }  # fmt: skip
        if decision == "released":
            diffusion.write_transmission(connection, sent, {
                "state": "accepted", "dot_at": to_micros(at), "replied_at": to_micros(at + ms(3)), "reply": OK,
            })  # fmt: skip
            values |= {
                "first_dot_at": to_micros(at),
                "last_reply_at": to_micros(at + ms(3)),
                "window": 3100,
            }
        diffusion.write_run(connection, ran, values)
        for row in rows:
            connection.execute(
                update(deliveries).where(deliveries.c.id == row.id)
                .values(_settled(row, out, sent, at, decision))
            )  # fmt: skip
        connection.execute(renderings.delete().where(renderings.c.outbox_id == outbox_id))
        connection.execute(insert(renderings).values(
            outbox_id=outbox_id, variant="fr", rendered_at=to_micros(at), sha256="ef" * 32, content="{}"))  # fmt: skip


def _settled(row: Any, out: Mapping[str, str], sent: int, at: datetime, decision: str) -> dict[str, Any]:  # fmt: skip
    if row.recipient in out:
        return {"state": "refused_rcpt", "reply": out[row.recipient], "next_attempt_at": None,
                "settled_at": to_micros(at - ms(100)), "attempts": 1}  # fmt: skip
    if decision == "aborted":
        return {"state": "aborted", "staged_at": to_micros(at - ms(400)), "next_attempt_at": None,
                "settled_at": to_micros(at), "attempts": 1}  # fmt: skip
    return {"state": "accepted", "staged_at": to_micros(at - ms(400)), "released_at": to_micros(at),
            "settled_at": to_micros(at + ms(3)), "reply": OK, "attempts": 1, "transmission_id": sent,
            "next_attempt_at": None}  # fmt: skip

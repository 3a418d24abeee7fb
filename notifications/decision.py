"""What is decided, by a rule fixed beforehand, once the server has said whom it takes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from engine.lease import Move
from engine.outbox import BACKOFF
from notifications.certificate.causes import cause

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from engine.lease import Delivery, Leased
    from notifications.outcome import Outcome

#: What the server will not take back: waiting does not help.
FINAL = ("refused", "refused_rcpt")
#: Before the end of a message: what the server answers to the sending, not to a recipient of it.
SENDING = ("refused", "staging_failed", "lost_before_dot")


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether a batch is released, and what becomes of those who will not have it now.

    Attributes:
        verdict: `released`, `aborted` (nobody has anything, a person is needed) or `put_off` (nobody
            has anything, everybody is tried again together).
        moves: What becomes of recipients; everybody's unless it is released.
        reason: Recipient keys → what the server said, for the record.
    """

    verdict: Literal["released", "aborted", "put_off"]
    moves: tuple[Move, ...]
    reason: Mapping[str, Any] = field(default_factory=dict)


def decide(
    rule: str, leased: Leased, refused: Mapping[int, tuple[Delivery, Outcome]], now: int
) -> Decision:
    """Return what the rule says.

    `all_or_nothing`: one refusal, and nobody has anything. `proceed_and_remedy`: the others have it,
    those who were refused are remedied at once; when nobody is left, as the other rule.

    Args:
        rule: One of these two.
        leased: The batch.
        refused: By delivery, those whom the server does not take, with what it said.
        now: In microseconds.
    """
    reason = _reason(refused)
    nobody = len(refused) == len(leased.deliveries)
    if not refused or (rule == "proceed_and_remedy" and not nobody):
        moves = tuple(
            Move(leased=leased, delivery=d, state=o.state, reply=o.reply)
            for d, o in refused.values()
        )
        return Decision("released", moves, reason)
    tries = max(d.attempts for d in leased.deliveries)
    if any(o.state in FINAL for _, o in refused.values()) or tries >= len(BACKOFF):
        return Decision("aborted", tuple(_aborted(leased, refused)), reason)
    again = now + int(BACKOFF[tries].total_seconds() * 1_000_000)
    return Decision("put_off", tuple(_put_off(leased, refused, again)), reason)


def _reason(refused: Mapping[int, tuple[Delivery, Outcome]]) -> dict[str, Any]:
    """Return whom the server refused, for good or for now, or why it was not reached at all.

    `states` are those of whom it was not the recipient that was refused, but the sending.
    """
    said: dict[str, Any] = {}
    for delivery, outcome in refused.values():
        if outcome.state == "deferred":
            return {"fault": outcome.reply}
        kind = "refused" if outcome.state in FINAL else "deferred"
        said.setdefault(kind, {})[delivery.recipient] = outcome.reply
        if outcome.state in SENDING:
            said.setdefault("states", {})[delivery.recipient] = outcome.state
    return said


def refused_whole(answers: Iterable[tuple[str, str | None]]) -> str | None:
    """Return the one answer by which the server takes a sending for nobody; None when it is not so.

    Args:
        answers: For everybody, the state before the end of the message and the server's reply.
    """
    said = {*answers}
    state, reply = said.pop() if len(said) == 1 else ("", None)
    return reply if state in SENDING and cause(reply) != "unwritten" else None


def stopped(leased: Leased, now: int) -> Decision:
    """Return the decision of a worker that has to stop: everybody waits, together."""
    return Decision("put_off", tuple(_put_off(leased, {}, now)), {"stopped": True})


def _aborted(leased: Leased, refused: Mapping[int, tuple[Delivery, Outcome]]) -> list[Move]:
    moves = []
    for delivery in leased.deliveries:
        _, outcome = refused.get(delivery.id, (delivery, None))
        state = outcome.state if outcome is not None and outcome.state in FINAL else "aborted"
        # The relay said nothing of who was stopped by another's refusal.
        reply = outcome.reply if outcome is not None else ""
        moves.append(Move(leased=leased, delivery=delivery, state=state, reply=reply))
    return moves


def _put_off(
    leased: Leased, refused: Mapping[int, tuple[Delivery, Outcome]], again: int
) -> list[Move]:
    """Return everybody as waiting for one and the same instant."""
    moves = []
    for delivery in leased.deliveries:
        _, outcome = refused.get(delivery.id, (delivery, None))
        moves.append(
            Move(
                leased=leased,
                delivery=delivery,
                state=outcome.state if outcome is not None else "queued",
                reply=outcome.reply if outcome is not None else None,
                again_at=again,
            )
        )
    return moves

"""A cycle of the board: how far it is, and its documented shapes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inbox.plan_words import given_json, rule
from inbox.texts import n_, said, word
from inbox.values import figure
from workflows.plan import board

if TYPE_CHECKING:
    from workflows.plan.board import Row
    from workflows.plan.cycles import Cycle


def progress(row: Row) -> str:
    """Return how many of the events promised were logged, as the end of a line."""
    if row.cycle.quantity is None:
        return n_(" · {n} événement", " · {n} événements", len(row.events)) if row.events else ""
    return f" · {figure(row.count)}/{figure(row.cycle.quantity)}"


def row_json(row: Row) -> dict[str, Any]:
    """Return a row of the board in its documented shape."""
    return {
        **cycle_json(row.cycle),
        "title": said(row.cycle.entry.indicator.title),
        "target": row.cycle.version.target,
        "case": None if row.case is None else row.case.line.number,
        "state": None if row.case is None else row.case.line.state,
        "status": row.status,
        "status_label": word(board.STATUSES[row.status]),
        "status_given": given_json(row.given),
        "replaced_by": None
        if row.successor is None
        else {"target": row.successor.target, "resolution": row.successor.resolution},
        "count": row.count,
        "owner": row.owner,
        "business_days_left": row.days_left,
        "missing": list(row.missing),
        "received": row.answered,
        "on_time": row.on_time,
    }


def cycle_json(cycle: Cycle) -> dict[str, Any]:
    """Return a cycle in its documented shape."""
    return {
        "plan": cycle.plan, "indicator": cycle.indicator, "fiscal_year": cycle.fiscal_year,
        "period_start": cycle.start, "period_end": cycle.end, "due": cycle.due,
        "do_by": cycle.do_by, "enter_by": cycle.enter_by, "quantity": cycle.quantity,
        "nature": cycle.nature, "rule": rule(cycle.version.cadence), "resolution": cycle.version.resolution,
    }  # fmt: skip

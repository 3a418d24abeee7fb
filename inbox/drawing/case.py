"""One case on the picture of its process: where it has been, when, by whom; where it is, until when."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from inbox import dates, process_text
from inbox.drawing import process
from inbox.drawing.blocks import START
from inbox.drawing.parts import choice_id, reopen_id, state_id
from inbox.texts import _, clean, n_, word

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from collections.abc import Set as AbstractSet
    from datetime import datetime

    from engine.calendar import Calendar
    from inbox.drawing.graph import Aside, Block, Graph, Mark, Node, Row
    from inbox.lookup import Case

    Event = dict[str, Any]  # as `engine.register.events` gives it


@dataclass(frozen=True, slots=True, kw_only=True)
class _Visit:
    """One stay in a state."""

    state: str
    at: datetime
    who: str


def graph(
    case: Case, events: Sequence[Event], sent: AbstractSet[str], now: datetime, calendar: Calendar
) -> Graph:
    """Return the graph of a case's process with the case on it.

    Args:
        case: The case, with the version of its process that it is pinned to.
        events: Its whole history, in order.
        sent: The messages that it sent.
        now: The instant (UTC) that « in three days » counts from.
        calendar: The workspace's, whose local days are shown.
    """
    return _Teller(case, events, sent, now, calendar).graph()


class _Teller:
    """Puts one case on its picture."""

    def __init__(
        self,
        case: Case,
        events: Sequence[Event],
        sent: AbstractSet[str],
        now: datetime,
        calendar: Calendar,
    ) -> None:
        self.sent = sent
        self.case, self.events, self.now, self.calendar = case, events, now, calendar
        self.plain = process.graph(case.definition)
        self.visits = [
            _Visit(state=e["to_state"], at=e["at"], who=_who(e))
            for e in events
            if e["from_state"] != e["to_state"]
        ]
        self.taken: set[str] = set()
        #: The row that led to where the case is: the last one that changed its state.
        self.last = ""
        for event in events:
            self._follow(event)

    def graph(self) -> Graph:
        label = word(self.case.definition.label)
        return replace(
            self.plain,
            title=clean(f"{self.case.number} {self.case.line.title} — {label}"),
            legend=_("Trait épais et « ✓ » : par où le dossier est passé. Cadre très épais et « ► » : où il est."),
            blocks=tuple(self._block(block) for block in self.plain.blocks),
            asides=tuple(self._aside(aside) for aside in self.plain.asides),
            story=tuple(self._story()),
        )  # fmt: skip

    # --- by which ways --------------------------------------------------------------------------

    def _follow(self, event: Event) -> None:
        """Note the ways that one event of the history went."""
        rows = self._rows(event)
        self.taken.update(row.id for row in rows)
        if rows and event["from_state"] != event["to_state"]:
            self.last = rows[-1].id

    def _rows(self, event: Event) -> list[Row]:
        source, action = event["from_state"], event["action"]
        here = {START, state_id(source or ""), reopen_id(action)}
        for block in self.plain.blocks:
            if block.id in here:
                found = [row for row in block.rows if self._is_way(row, event)]
                if found:
                    return [found[0], *self._beyond(found[0], event)]
        return [a.row for a in self.plain.asides if source in a.states and _names(a, event)]

    def _beyond(self, row: Row, event: Event) -> list[Row]:
        """Return the way out of a gateway that several states share."""
        shared = [b for b in self.plain.blocks if b.id == row.target == choice_id(event["action"])]
        return [r for b in shared for r in b.rows if self._is_way(r, event)]

    def _is_way(self, row: Row, event: Event) -> bool:
        if event["action"] == "timer":
            # A reminder leaves the case where it is: its row is known by its timer alone.
            return row.timer is not None and event["body"].get("timer") in row.timer.refs
        to = event["to_state"]
        ends = row.nodes[-1].refs if row.nodes and row.nodes[-1].kind == "end" else ()
        return event["action"] in row.actions and (
            row.target in {state_id(to), choice_id(event["action"])} or to in ends
        )

    # --- the marks ------------------------------------------------------------------------------

    def _block(self, block: Block) -> Block:
        taken = any(row.id in self.taken and not row.timer for row in block.rows)
        fork = replace(block.fork, mark="past") if block.fork and taken else block.fork
        rows = tuple(self._row(row) for row in block.rows)
        return replace(block, head=self._head(block), fork=fork, rows=rows)

    def _head(self, block: Block) -> Node:
        if block.head.kind == "task":
            state = block.head.refs[0]
            text, mark = tuple(self._said_of(state)), self._mark(state)
            return replace(block.head, text=(*block.head.text, *text), mark=mark)
        taken = any(row.id in self.taken for row in block.rows)
        return replace(block.head, mark="past" if taken else "")

    def _mark(self, state: str) -> Mark:
        if state == self.case.line.state:
            return "here"
        return "past" if any(v.state == state for v in self.visits) else ""

    def _said_of(self, state: str) -> Iterator[str]:
        """Yield what the picture says in a state: the stays there, and what is due now."""
        stays = [v for v in self.visits if v.state == state]
        if state == self.case.line.state:
            yield from self._here(stays[-1])
        elif stays:
            yield _("✓ le {day}, par {who}", day=self._day(stays[-1].at), who=stays[-1].who)
        if len(stays) > 1:
            yield n_("({n} passage)", "({n} passages)", len(stays))

    def _here(self, stay: _Visit) -> Iterator[str]:
        yield _("► ICI depuis le {day}, par {who}", day=self._day(stay.at), who=stay.who)
        line = self.case.line
        if line.ended_at is None:
            yield _("responsable : {owner}", owner=line.owner or _("personne"))
            due = dates.due(line.due_at, self.now, self.calendar)
            day = "" if line.due_at is None else f"{self._day(line.due_at)}, "
            yield f"→ {day}{due}"

    def _row(self, row: Row) -> Row:
        """Return a row with what the case did of it, its ending told with its date."""
        if row.id not in self.taken:
            return row
        nodes = tuple(self._passed(node, row) for node in row.nodes)
        timer = None if row.timer is None else replace(row.timer, mark="past")
        return replace(row, nodes=nodes, timer=timer, mark="past")

    def _passed(self, node: Node, row: Row) -> Node:
        if node.kind == "send" and self.sent.isdisjoint(node.refs):
            return node  # nothing left: its condition did not hold, or nobody was to have it
        if node.kind != "end" or not node.refs:
            return replace(node, mark="past")
        if row.id == self.last and self.case.line.state in node.refs:
            stay = self.visits[-1]
            return replace(node, mark="here", text=tuple(self._here(stay)))
        text = tuple(self._said_of(node.refs[0])) if self.case.line.state not in node.refs else ()
        return replace(node, mark="past", text=text)

    def _aside(self, aside: Aside) -> Aside:
        if aside.row.id not in self.taken:
            return aside
        start = replace(aside.start, mark="past")
        return replace(aside, row=self._row(aside.row), start=start, mark="past")

    # --- words ----------------------------------------------------------------------------------

    def _story(self) -> Iterator[str]:
        """Yield what happened, an event a sentence, then where the case is."""
        states = self.case.definition.states
        for event in self.events:
            what = process_text.event(self.case.definition, event["action"])
            yield _("{n}. {when} : {what} ({who}) → {state}", n=event["seq"],
                    when=dates.moment(event["at"], self.calendar), what=what, who=_who(event),
                    state=word(states[event["to_state"]].label))  # fmt: skip
        yield f"{word(self.case.state.label)} — {', '.join(self._here(self.visits[-1]))}"

    def _day(self, at: datetime) -> str:
        return dates.day(self.calendar.today(at))


def _names(aside: Aside, event: Event) -> bool:
    if event["action"] == "timer":
        return event["body"].get("timer") in aside.start.refs
    return event["action"] in aside.row.actions


def _who(event: Event) -> str:
    if event["via"] is None:
        return str(event["actor"])
    return _("{actor} (par {via})", actor=event["actor"], via=event["via"])

"""The time line of a diffusion, as figures for a drawing: prepared, released, accepted, line by line.

Two scales side by side, since a preparation takes seconds and a release milliseconds: on the left what
came before the first final dot, on the right what came after. Lines that one transmission carried are
one row: they are one event. More than `MOST` rows are gathered, each from its first to its last.
The terminal counts acceptances at each instant instead.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import groupby
from math import ceil, floor, log10
from typing import TYPE_CHECKING, Any

from engine.outbox import DONE
from notifications.certificate.words import micros_between

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from notifications.certificate.words import Speech

    Line = Mapping[str, Any]

MOST = 100
#: How many instants a terminal shows one by one.
FEW = 12
#: Where things stand in the drawing, in its own units.
WIDTH, ROW, TOP, FOOT = 760, 16, 42, 44
BEFORE, AFTER = (150, 360), (400, 720)


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """What one line, or several carried together, went through; microseconds from the first dot.

    Attributes:
        first: The first line's number.
        last: The last line's number.
        count: How many lines.
        staged: When the relay held all but the end.
        released: When the end was written.
        settled: When the relay replied, and when it replied last.
        accepted: How many lines it accepted.
    """

    first: int
    last: int
    count: int
    staged: int | None
    released: int | None
    settled: tuple[int, int] | None
    accepted: int


def passages(document: Mapping[str, Any]) -> list[Passage]:
    """Return the rows of the time line, in the order that was drawn; none before a first dot."""
    start = document["times"]["first_dot"]
    if start is None:
        return []
    rows = _rows(document, start["utc"])
    return rows if len(rows) <= MOST else _gathered(rows)


def _rows(document: Mapping[str, Any], start: str) -> list[Passage]:
    sent = {t["number"]: t for run in document["runs"] for t in run["transmissions"]}
    return [_passage(lines, sent, start) for lines in _carried(document["lines"])]


def _carried(lines: Sequence[Line]) -> list[list[Line]]:
    """Return lines by transmission, those that none carried each alone, the first line first."""

    def key(line: Line) -> tuple[int, int]:
        return (line["transmission"] or 0, 0 if line["transmission"] else line["line"])

    groups = [list(g) for _key, g in groupby(sorted(lines, key=key), key)]
    return sorted(groups, key=lambda g: int(g[0]["line"]))


def _passage(lines: Sequence[Line], sent: Mapping[int, Mapping[str, Any]], start: str) -> Passage:
    one = lines[0]
    carrier = sent.get(one["transmission"], {})
    replied = micros_between(start, carrier.get("replied") or one["settled"])
    return Passage(
        first=one["line"],
        last=lines[-1]["line"],
        count=len(lines),
        staged=micros_between(start, carrier.get("staged") or one["staged"]),
        released=micros_between(start, carrier.get("dot") or one["released"]),
        settled=None if replied is None else (replied, replied),
        accepted=sum(line["state"] in DONE for line in lines),
    )


def _gathered(rows: Sequence[Passage]) -> list[Passage]:
    size = ceil(len(rows) / MOST)
    return [_joined(rows[n : n + size]) for n in range(0, len(rows), size)]


def _joined(rows: Sequence[Passage]) -> Passage:
    settled = [at for row in rows if row.settled for at in row.settled]
    return Passage(
        first=rows[0].first,
        last=rows[-1].last,
        count=sum(row.count for row in rows),
        staged=min((r.staged for r in rows if r.staged is not None), default=None),
        released=min((r.released for r in rows if r.released is not None), default=None),
        settled=(min(settled), max(settled)) if settled else None,
        accepted=sum(row.accepted for row in rows),
    )


def acceptances(document: Mapping[str, Any]) -> list[tuple[int, int, int]]:
    """Return when the relay accepted how many: from, to (microseconds from the first dot), how many.

    Each instant of its own while there are few; else as many equal spans.
    """
    start = document["times"]["first_dot"]
    rows = [] if start is None else _rows(document, start["utc"])
    counted: Counter[int] = Counter()
    for row in rows:
        if row.accepted and row.settled:
            counted[row.settled[1]] += row.accepted
    if len(counted) <= FEW:
        return [(at, at, counted[at]) for at in sorted(counted)]
    first, span = min(counted), (max(counted) - min(counted)) / FEW
    spans: Counter[int] = Counter()
    for at, count in counted.items():
        spans[min(int((at - first) / span), FEW - 1)] += count
    return [
        (round(first + n * span), round(first + (n + 1) * span), spans[n]) for n in sorted(spans)
    ]


def instants(document: Mapping[str, Any], speech: Speech) -> list[dict[str, str]]:
    """Return the instants of the diffusion: `name` in words, `local` time, `utc`."""
    names = {
        "queued": ("Décision de diffuser", "Decision to diffuse"),
        "set_for": ("Envoi fixé à", "Set for"),
        "staged": ("Tout est chez le relais, retenu", "All is at the relay, held"),
        "first_dot": ("Premier point final : l'envoi", "First final dot: it leaves"),
        "last_reply": ("Dernière acceptation du relais", "Last acceptance by the relay"),
    }
    return [
        {
            "name": speech.say(*said),
            "local": speech.precisely(document["times"][key]),
            "utc": document["times"][key]["utc"],
        }
        for key, said in names.items()
        if document["times"][key] is not None
    ]


# --- the drawing --------------------------------------------------------------------------------


def drawing(document: Mapping[str, Any], speech: Speech) -> dict[str, Any] | None:
    """Return what the drawing's template needs, None where there is nothing to draw."""
    rows = passages(document)
    if not rows:
        return None
    before = _Scale(BEFORE, min((r.staged for r in rows if r.staged is not None), default=0), 0)
    after = _Scale(AFTER, 0, max(max(r.settled or (0, 0)) for r in rows))
    height = TOP + ROW * len(rows) + FOOT
    return {
        "width": WIDTH,
        "height": height,
        "top": TOP,
        "bottom": TOP + ROW * len(rows),
        # The first dot ends the one scale and begins the other: its mark stands once.
        "ticks": [
            *(t for t in before.ticks(speech, 2) if t["x"] != BEFORE[1]),
            *after.ticks(speech, 3),
        ],
        "middles": [sum(BEFORE) // 2, sum(AFTER) // 2],
        "rows": [
            {**_row(n, row, before, after), "label": label(row, speech, alone=len(rows) == 1)}
            for n, row in enumerate(rows)
        ],
    }


def _row(n: int, row: Passage, before: _Scale, after: _Scale) -> dict[str, Any]:
    # A refusal comes before the dot, on the left.
    span = (
        None
        if row.settled is None
        else [(after if at >= 0 else before).place(at) for at in row.settled]
    )
    return {
        "y": TOP + ROW * n + ROW // 2,
        "staged": None if row.staged is None else before.place(min(row.staged, 0)),
        "released": None if row.released is None else after.place(max(row.released, 0)),
        "settled": span,
        "accepted": row.accepted == row.count,
    }


def label(row: Passage, speech: Speech, *, alone: bool) -> str:
    """Return what a row is about: « ligne 3 », « lignes 1 à 10 », « 29 lignes »."""
    if row.count == 1:
        return speech.say("ligne {n}", "line {n}", n=row.first)
    if row.last - row.first + 1 == row.count and not alone:
        return speech.say("lignes {a} à {b}", "lines {a} to {b}", a=row.first, b=row.last)
    return speech.say("{n} lignes", "{n} lines", n=row.count)


class _Scale:
    """Microseconds to a place on the page."""

    def __init__(self, span: tuple[int, int], first: int, last: int) -> None:
        self.left, self.right = span
        self.first, self.last = (first, last) if last > first else (first, first + 1000)
        if last <= first and first == 0 and span == BEFORE:
            self.first, self.last = -1000, 0

    def place(self, at: int) -> float:
        """Return where an instant stands, to a tenth."""
        part = (min(max(at, self.first), self.last) - self.first) / (self.last - self.first)
        return round(self.left + part * (self.right - self.left), 1)

    def ticks(self, speech: Speech, most: int) -> list[dict[str, Any]]:
        """Return round marks (1, 2, 5 × a power of ten), so many at most and the first."""
        step = _round_step((self.last - self.first) / most)
        marks = range(ceil(self.first / step), floor(self.last / step) + 1)
        return [{"x": self.place(n * step), "label": _mark(n * step, speech)} for n in marks]


def _round_step(least: float) -> int:
    # The labels of shorter steps would be written over one another.
    unit: float = 10 ** floor(log10(max(least, 1)))
    return int(next(s * unit for s in (1, 2, 5, 10) if s * unit >= least))


def _mark(at: int, speech: Speech) -> str:
    return "0" if at == 0 else speech.offset(at)

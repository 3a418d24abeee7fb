"""Seeded faults: twenty-two kinds of mistakes that people make, put into sound definitions one at a time.

Each is a change of the text, made where a seeded choice says; it knows the lines on one of which it should
be found: those that were changed, and those that depend on them (who reads a field that is no longer asked
for).
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One mistake: its kind, the file, the text with it, the lines to find it on, what was done."""

    kind: str
    file: str
    text: str
    lines: frozenset[int]
    said: str


def _swap(pattern: str, replace: Callable[[re.Match[str], random.Random], str | None]):  # noqa: ANN202
    """Return a change of one match on a line."""

    def change(
        lines: list[str], at: int, chance: random.Random
    ) -> tuple[list[str], set[int]] | None:
        found = list(re.finditer(pattern, lines[at]))
        if not found or lines[at].lstrip().startswith("#"):
            return None
        match = chance.choice(found)
        new = replace(match, chance)
        if new is None:
            return None
        line = lines[at][: match.start()] + new + lines[at][match.end() :]
        return [*lines[:at], line, *lines[at + 1 :]], {at + 1}

    return change


def _slip(name: str) -> str:
    """Return a name with a slip of the hand: two letters the other way round, or one twice."""
    middle = len(name) // 2
    return name[:middle] + name[middle] + name[middle:]


def _in_list(key: str):  # noqa: ANN202
    """Return a change that misspells one name of a list `key: [a, b]`."""

    def slip(match: re.Match[str], chance: random.Random) -> str | None:
        names = re.findall(r"\b[a-z][a-z0-9_]+\b", match[2])
        if not names:
            return None
        name = chance.choice(names)
        return match[1] + re.sub(rf"\b{name}\b", _slip(name), match[2], count=1) + match[3]

    return _swap(rf"((?:^|\s|{{){key}: \[)([a-z0-9_, ]+)(\])", slip)


def _word(pattern: str):  # noqa: ANN202
    """Return a change that misspells the one name that a pattern holds."""
    return _swap(pattern, lambda m, _: m[1] + _slip(m[2]))


def _section(lines: list[str], name: str) -> tuple[int, int]:
    """Return the first line in a section and the first after it (0-based)."""
    if f"{name}:" not in lines:
        return (0, 0)
    start = lines.index(f"{name}:")
    end = next(
        (i for i in range(start + 1, len(lines)) if re.match(r"[a-z]", lines[i])), len(lines)
    )
    return start + 1, end


def _entry_end(lines: list[str], at: int) -> int:
    """Return the line after an entry at two spaces."""
    return next(
        (i for i in range(at + 1, len(lines)) if re.match(r" {0,2}[a-z]", lines[i])), len(lines)
    )


def _no_entry(section: str, said_by: str):  # noqa: ANN202
    """Return a change that takes an entry out; it is found wherever its name is used."""

    def change(lines: list[str], at: int, _: random.Random) -> tuple[list[str], set[int]] | None:
        first, end = _section(lines, section)
        head = re.match(r"  ([a-z0-9_]+):", lines[at])
        if head is None or not first <= at < end:
            return None
        left = lines[:at] + lines[_entry_end(lines, at) :]
        users = {i for i, t in enumerate(left, 1) if re.search(said_by.format(head[1]), t)
                 and not t.lstrip().startswith("#")}  # fmt: skip
        return (left, users) if users else None

    return change


def _new_state(lines: list[str], at: int, _: random.Random) -> tuple[list[str], set[int]] | None:
    """Add a state that nothing leads to."""
    first, end = _section(lines, "states")
    if not (first <= at < end and re.match(r"  [a-z0-9_]+:", lines[at])):
        return None
    added = "  oubliee: {label: {fr: Oubliée, en: Forgotten}, end: {outcome: oubliee}}"
    return [*lines[:at], added, *lines[at:]], {at + 1}


def _no_end(lines: list[str], at: int, _: random.Random) -> tuple[list[str], set[int]] | None:
    """Make an ending an open state, with something to do and no way out."""
    changed = re.sub(r"end: \{outcome: [a-z_]+\}", "task: {label: {fr: Finir, en: End}}", lines[at])
    if changed == lines[at] or "redirect" in lines[at]:
        return None
    heads = (i for i in range(at, 0, -1) if re.match(r"  [a-z0-9_]+:", lines[i]))
    return [*lines[:at], changed, *lines[at + 1 :]], {at + 1, next(heads) + 1}


def _doubled(lines: list[str], at: int, _: random.Random) -> tuple[list[str], set[int]] | None:
    """Write a line twice: a key that stands twice."""
    if not re.match(r" {4}[a-z_]+: [^|>]+$", lines[at]) or lines[at].count("{") != lines[at].count(
        "}"
    ):
        return None
    return [*lines[: at + 1], lines[at], *lines[at + 1 :]], {at + 2}


def _no_row(lines: list[str], at: int, _: random.Random) -> tuple[list[str], set[int]] | None:
    """Take a row of a decision table out: a gap is said of the table."""
    first, end = _section(lines, "tables")
    if not first <= at < end or not re.match(r"      - \{when: ", lines[at]):
        return None
    heads = [i for i in range(at, 0, -1) if re.match(r"  [a-z0-9_]+:", lines[i])]
    return lines[:at] + lines[at + 1 :], set(range(heads[0] + 1, at + 2))


def _same_row(lines: list[str], at: int, _: random.Random) -> tuple[list[str], set[int]] | None:
    """Write a row of a decision table twice: the rows overlap."""
    made = _no_row(lines, at, _)
    return (
        None
        if made is None
        else ([*lines[: at + 1], lines[at], *lines[at + 1 :]], made[1] | {at + 2})
    )


def _unclosed(match: re.Match[str], _: random.Random) -> str:
    return match[0][:-1]


def _never(match: re.Match[str], _: random.Random) -> str:
    inside = match[1]
    return f"when: {{all: [{inside}, {{not: {inside}}}]}}"


#: Given the lines and one of them, return the lines with the mistake and those to find it on; or nothing.
KINDS = {
    "a state misspelled in « from »": _in_list("from"),
    "a state misspelled in « to »": _word(r"( to: )(?!same\b)([a-z_]{4,})(?=\s*$)"),
    "a field misspelled in a form": _in_list("form"),
    "a field misspelled in a condition": _word(r"((?:field|present|obtained): )([a-z_]{4,})"),
    "a role misspelled": _in_list("by"),
    "an option misspelled": _word(r"(equals: )(?!true|false)([a-z_]{4,})"),
    "a message misspelled": _in_list("notify"),
    "a table or list misspelled": _word(r"((?:table|checklist): )(?!\{)([a-z_]{4,})"),
    "a key misspelled": _word(r"(^ {4})(label|from|form|task|template|requires|sets)(?=:)"),
    "English left out": _swap(r", en: [^,{}]+\}", lambda _m, _: "}"),
    "a bracket not closed": _swap(r"\[[a-z_, ]+\]$", _unclosed),
    "a span of time misspelled": _swap(
        r"(?<=[:\[,] )(\d+) (business days?|months?|days?)\b", lambda m, _: f"{m[1]} jours"
    ),
    "a field of which the type is misspelled": _word(
        r"(type: )(text|paragraph|date|choice|integer|boolean)\b"
    ),
    "a state left out": _no_entry(
        "states", r"\b(?:from|to|state|in): .*\b{0}\b|\[.*\b{0}\b.*\]|state: {0}\b"
    ),
    "a field left out": _no_entry("fields", r"\b{0}\b"),
    "a message left out": _no_entry(
        "notifications", r"notify: .*\b{0}\b|(?:message|recipients_of): {0}\b"
    ),
    "a state that nothing leads to": _new_state,
    "an ending that ends nothing": _no_end,
    "a line written twice": _doubled,
    "a row of a table taken out": _no_row,
    "a row of a table written twice": _same_row,
    "a condition that never holds": _swap(r"when: (\{(?:present|obtained): [a-z_]+\})", _never),
}


def seeded(texts: Mapping[str, str], count: int, *, seed: int) -> Iterator[Fault]:
    """Yield so many faults, each kind in turn, in files and lines that a seed chooses.

    Args:
        texts: Sound definitions, by file.
        count: How many.
        seed: Of the choices; the same seed gives the same faults.
    """
    chance, kinds, made = random.Random(seed), list(KINDS), 0
    told: set[tuple[str, str]] = set()
    while made < count:
        kind = kinds[made % len(kinds)]
        fault = next((f for f in _tries(texts, kind, chance) if (f.file, f.text) not in told), None)
        if fault is None:
            kinds.remove(kind)
            continue
        told.add((fault.file, fault.text))
        made += 1
        yield fault


def _tries(texts: Mapping[str, str], kind: str, chance: random.Random) -> Iterator[Fault]:
    places = [(name, at) for name, text in texts.items() for at in range(len(text.splitlines()))]
    chance.shuffle(places)
    for name, at in places:
        lines = texts[name].splitlines()
        done = KINDS[kind](lines, at, chance)
        if done is not None:
            changed, expected = done
            yield Fault(kind=kind, file=name, text="\n".join(changed) + "\n",
                        lines=frozenset(expected), said=f"{name}:{at + 1}: {lines[at].strip()[:90]}")  # fmt: skip


#: Found only where nothing else leads out of the state: another action may make an ending a stage.
NOT_ALWAYS_A_MISTAKE = frozenset({"an ending that ends nothing"})

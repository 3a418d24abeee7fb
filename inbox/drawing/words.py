"""How much room words take: an estimate on the safe side, since the reader's fonts are not known."""

from __future__ import annotations

#: Widths of a sans-serif face, in parts of its size; the letters that are not named take `_USUAL`.
_USUAL = 0.58
_WIDTHS = {
    **dict.fromkeys("ijlI.,:;'’|!()[]/·-", 0.33),
    **dict.fromkeys('ftr \u00a0\u202f«»"', 0.38),
    **dict.fromkeys("mwMW—…@%", 0.95),
    **dict.fromkeys("ABCDEFGHJKLNOPQRSTUVXYZÀÂÇÉÈÊÎÔÛ", 0.74),
}


def width(text: str, size: float) -> float:
    """Return how wide a line of text may be, in the unit of its size."""
    return sum(_WIDTHS.get(c, _USUAL) for c in text) * size


def wrap(text: str, room: float, size: float, most: int = 99) -> tuple[str, ...]:
    """Return a text as lines that fit.

    Args:
        text: The words; only plain spaces part them, a no-break space holds.
        room: The width of a line.
        size: The size of the letters.
        most: How many lines there may be; the last one then ends with « … ».
    """
    lines: list[str] = []
    for word in text.split(" "):
        joined = f"{lines[-1]} {word}" if lines else word
        if lines and width(joined, size) <= room:
            lines[-1] = joined
        else:
            lines += _broken(word, room, size)
    if len(lines) > most:
        lines = [*lines[: most - 1], _shortened(lines[most - 1], room, size)]
    return tuple(lines)


def cut(text: str, room: float, size: float) -> str:
    """Return a text as one line that fits, which ends with « … » where it was cut."""
    return text if width(text, size) <= room else _shortened(text, room, size)


def _broken(word: str, room: float, size: float) -> list[str]:
    """Return a word in as many pieces as it needs."""
    pieces = [""]
    for letter in word:
        if width(pieces[-1] + letter, size) > room:
            pieces.append("")
        pieces[-1] += letter
    return pieces


def _shortened(line: str, room: float, size: float) -> str:
    while line and width(f"{line} …", size) > room:
        line = line[:-1]
    return f"{line.rstrip()} …"

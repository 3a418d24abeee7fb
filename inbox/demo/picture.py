"""The picture of the inbox in the README, made from a real run: `make picture`."""

from __future__ import annotations

import os
import subprocess
import sys
from html import escape
from pathlib import Path

_LINE, _CHAR, _MARGIN = 20, 8.4, 16


def svg(text: str, title: str) -> str:
    """Return a terminal's text as an SVG picture that screen readers can read."""
    lines = text.rstrip().splitlines()
    width = int(max(map(len, lines)) * _CHAR + 2 * _MARGIN)
    height = len(lines) * _LINE + 2 * _MARGIN
    rows = "\n".join(
        f'<text x="{_MARGIN}" y="{_MARGIN + 14 + i * _LINE}" xml:space="preserve"'
        f'{_weight(line)}>{escape(line)}</text>'
        for i, line in enumerate(lines)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'role="img" aria-labelledby="t"><title id="t">{escape(title)}</title>\n'
        f'<rect width="100%" height="100%" rx="8" fill="#1b1f24"/>\n'
        f'<g font-family="DejaVu Sans Mono, Menlo, Consolas, monospace" font-size="14" fill="#f0f3f6">\n'
        f"{rows}\n</g></svg>\n"
    )


def _weight(line: str) -> str:
    bold = line.startswith("$") or (line[:1].strip() and line[0] != " ")
    return ' font-weight="bold"' if bold else ""


def main() -> None:
    """Draw the inbox of the demonstration's workspace."""
    home, target = Path(sys.argv[1]), Path(sys.argv[2])
    done = subprocess.run(
        [sys.executable, "-m", "inbox", "--as", "conseillere"],
        env={**os.environ, "INBOX_HOME": str(home.resolve()), "INBOX_NOW": "2026-11-24T14:00"},
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    target.write_text(svg(f"$ inbox\n{done.stdout}", "L'inbox d'une conseillère"), encoding="utf-8")


if __name__ == "__main__":
    main()

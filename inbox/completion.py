"""Completion in bash: words that hold a space or an `=`.

Bash cuts the line at every `=` and takes a completion as typed words; the other shells do neither.
"""

from __future__ import annotations

import re
from typing import Any

from click.shell_completion import BashComplete, CompletionItem, add_completion_class

#: What bash would take for more than a letter.
_SPECIAL = re.compile(r"""([\s'"()&;|<>$`\\!*?\[\]#])""")
_KEEP = "COMPREPLY+=($value)"


class Bash(BashComplete):
    """Bash, with `field=value` taken for one word, and names with spaces."""

    # `field=` is half a word: no space may follow it.
    source_template = BashComplete.source_template.replace(
        _KEEP, f"[[ $value == *= ]] && compopt -o nospace\n            {_KEEP}"
    )

    def get_completion_args(self) -> tuple[list[str], str]:
        """Return the words before, and the one half typed, whole again around its `=`."""
        args, incomplete = super().get_completion_args()
        self._before = ""
        if incomplete == "=" and args:
            self._before, incomplete = f"{args.pop()}=", ""
        elif len(args) > 1 and args[-1] == "=":
            self._before = f"{args[-2]}="
            args = args[:-2]
        return _glued(args), self._before + incomplete

    def format_completion(self, item: CompletionItem[Any]) -> str:
        """Return a word as bash is to type it: after the `=`, and with its spaces escaped."""
        # Escaped twice: the script that bash runs reads one of them away.
        typed = _SPECIAL.sub(r"\\\\\1", str(item.value).removeprefix(self._before))
        return f"{item.type},{typed}"


def _glued(words: list[str]) -> list[str]:
    """Return the words with each `a`, `=`, `b` put together again."""
    found: list[str] = []
    for typed in words:
        if found and (typed == "=" or found[-1].endswith("=")):
            found[-1] += typed
        else:
            found.append(typed)
    return found


def register() -> None:
    """Make bash complete our way."""
    add_completion_class(Bash, "bash")

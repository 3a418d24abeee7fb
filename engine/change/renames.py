"""What was probably given another name between two versions: only where nothing else can be meant."""

from __future__ import annotations

from difflib import SequenceMatcher
from typing import TYPE_CHECKING

from engine.folding import fold

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engine.definition import model

    Named = model.State | model.FieldSpec | model.Timer | model.Action | model.Notification

#: Names that are alike to this degree may be one name, where all else is the same.
_ALIKE = 0.6


def renames(old: Mapping[str, Named], new: Mapping[str, Named]) -> dict[str, str]:
    """Return the names of `old` that `new` has under another name.

    Two are taken for one when they have the same label, or when they say the same but for the label
    and their names are alike; and when neither could be another one. Fields are of the same type.
    """
    gone = [name for name in old if name not in new]
    come = [name for name in new if name not in old]
    pairs = [(a, b) for a in gone for b in come if _may_be(a, old[a], b, new[b])]
    return {
        a: b
        for a, b in pairs
        if sum(x == a for x, _ in pairs) == 1 and sum(y == b for _, y in pairs) == 1
    }


def _may_be(name: str, before: Named, other: str, after: Named) -> bool:
    if getattr(before, "type", None) != getattr(after, "type", None):
        return False
    if fold(before.label.fr) == fold(after.label.fr):
        return True
    alike = SequenceMatcher(None, name, other).ratio() >= _ALIKE
    return alike and before.model_copy(update={"label": after.label}) == after

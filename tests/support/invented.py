"""Definitions that nobody wrote: sound ones of any shape and size, with words that are hard to quote."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

#: Words with whatever a format may take for its own.
HARD = ('Dire "oui" & <non>', "a;b#c`d`", "[x]{y}|z|", "%% --> ---", "end", "Très-long-" * 12,
        "日本語 🙂", "l'état « vu »", "\\n \\ /", "-- x", "1. liste", "#quot;")  # fmt: skip
WORDS = st.one_of(
    st.sampled_from(HARD),
    st.text("abc éÀ'\"<>&#;`|{}[]()%-_*~\\/.:,!?", min_size=1, max_size=60).filter(str.strip),
)


def label(words: str) -> dict[str, str]:
    return {"fr": words, "en": words}


@st.composite
def definitions(draw: st.DrawFn, most: int = 12) -> str:
    """Draw a chain of states with anything added that keeps it sound."""
    count = draw(st.integers(1, most))
    roles = [f"role{n}" for n in range(draw(st.integers(1, 3)))]
    some = st.lists(st.sampled_from(roles), min_size=1, max_size=2, unique=True)
    states = [f"etat{n}" for n in range(count)]
    made = chain(states, roles, draw)
    any_states = st.lists(st.sampled_from(states), min_size=1, unique=True)
    for n in range(draw(st.integers(0, 6))):
        made["actions"][f"autre{n}"] = {
            "label": label(f"{draw(WORDS)} a{n}"), "from": draw(st.one_of(any_states, st.just("open"))),
            "to": draw(st.sampled_from([*states, "fini", "same", "ways"])), "by": draw(some),
            "notify": draw(st.sampled_from([[], ["avis"], ["avis", "copie"]])),
        }  # fmt: skip
        if made["actions"][f"autre{n}"]["to"] == "ways":
            made["actions"][f"autre{n}"]["to"] = [
                {"when": {"compare": {"field": "choix", "equals": "a"}},
                 "state": draw(st.sampled_from([*states, "fini"]))},
                {"state": draw(st.sampled_from([*states, "fini"]))},
            ]  # fmt: skip
    for n in range(draw(st.integers(0, 4))):
        made["timers"][f"delai{n}"] = {
            "label": label(draw(WORDS)), "in": draw(st.one_of(any_states, st.just("open"))),
            "at": {"of": "entered", "after": "3 business days"}, "notify": ["avis"],
        }  # fmt: skip
    if draw(st.booleans()):
        made["actions"]["rouvrir"] = {
            "label": label(f"{draw(WORDS)} b"), "from": "ended", "to": draw(st.sampled_from(states)),
            "by": draw(some),
        }  # fmt: skip
    return json.dumps(made, ensure_ascii=False)


def chain(states: list[str], roles: list[str], draw: Any = None) -> dict[str, Any]:
    """Return a definition that goes from state to state, then ends."""

    def words(plain: str, apart: object = "") -> dict[str, str]:
        return label(plain if draw is None else f"{draw(WORDS)} {apart}".rstrip())

    after = [*states[1:], "fini"]
    return {
        "arrimage": 1, "process": "invente", "version": 1, "label": words("Inventé"),
        "adopted": {"on": "2026", "by": label("Essais"), "reference": "essai"},
        "numbering": {"prefix": "IN"}, "title": ["objet"],
        "roles": {role: words(role) for role in roles},
        "fields": {
            "objet": {"type": "text", "label": words("Objet", 1)},
            "choix": {"type": "choice", "label": words("Choix", 2),
                      "options": {"a": label("A"), "b": label("B")}},
        },
        "opening": {"label": words("Ouvrir"), "by": [roles[0]], "form": ["objet", "choix"],
                    "to": states[0]},
        "states": {
            **{s: {"label": words(s, n), "task": {"label": words(f"Faire {s}"), "action": f"finir_{s}",
                                               "role": roles[n % len(roles)]}}
               for n, s in enumerate(states)},
            "fini": {"label": words("Fini"), "end": {"outcome": "fini"}},
        },
        "actions": {
            f"finir_{s}": {"label": words(f"Finir {s}", n), "from": [s], "to": to, "by": roles}
            for n, (s, to) in enumerate(zip(states, after, strict=True))
        },
        "timers": {},
        "notifications": {
            name: {"label": words(name), "template": "reminder", "to": {"people": ["owner"]}}
            for name in ("avis", "copie")
        },
    }  # fmt: skip

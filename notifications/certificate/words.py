"""How a certificate speaks, in French and in English: figures, instants, states, one sentence at a time.

Both languages stand side by side, as they say the same of the same facts; what the command itself says
is in its own catalogue.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from notifications import words

if TYPE_CHECKING:
    from collections.abc import Mapping

NBSP = words.NBSP
#: The language tag of a page, by language.
TAGS = {"fr": "fr-CA", "en": "en-CA"}
_SECOND = 1_000_000

STATES = {
    "queued": ("en file", "queued"),
    "releasing": ("en cours d'envoi", "being sent"),
    "accepted": ("accepté", "accepted"),
    "deferred": ("remis à plus tard", "put off"),
    "deferred_rcpt": ("remis à plus tard avant tout envoi", "put off before anything left"),
    "refused": ("refusé", "refused"),
    "refused_rcpt": ("refusé avant tout envoi", "refused before anything left"),
    "uncertain": ("incertain", "uncertain"),
    "staging_failed": ("pas encore pris", "not taken yet"),
    "aborted": ("rien n'est parti", "nothing left"),
    "lost_before_dot": ("interrompu, rien n'est parti", "interrupted, nothing left"),
    "confirmed": ("confirmé par une personne", "confirmed by a person"),
    "resend_authorised": ("renvoi autorisé", "to be sent again"),
    "cancelled": ("retiré, rien n'est parti", "taken back, nothing left"),
    "bounced": ("accepté, puis retourné", "accepted, then returned"),
    "delayed": ("accepté, en retard plus loin", "accepted, delayed further on"),
}
RULES = {
    "all_or_nothing": ("tous ou personne", "all or nobody"),
    "proceed_and_remedy": ("avancer et remédier", "proceed and remedy"),
}
REMEDIES = {
    "accepted": ("accepté ensuite", "accepted afterwards"),
    "left": (
        "une personne accepte qu'il ne l'ait pas",
        "a person accepts that it does not have it",
    ),
    "person": ("une personne doit intervenir", "a person has to act"),
    "waiting": ("un nouvel essai est prévu", "another attempt will follow"),
}


#: Whoever has not had what a batch is about, by the table's line.
NEWCOMER = ("nouveau", "new")


class Speech:
    """Speaks one language."""

    def __init__(self, lang: str) -> None:
        """Take `fr` or `en`."""
        self.lang = lang

    def say(self, fr: str, en: str, **values: object) -> str:
        """Return one of two sentences that say the same, with its values in place."""
        return (words.typography(fr) if self.lang == "fr" else en).format(**values)

    def count(self, number: int, fr: tuple[str, str], en: tuple[str, str], **values: object) -> str:
        """Return a sentence in the singular or the plural; in French zero is singular."""
        many = number != 1 and not (number == 0 and self.lang == "fr")
        return self.say(fr[many], en[many], n=number, **values)

    def word(self, table: Mapping[str, tuple[str, str]], key: str) -> str:
        """Return the words of a key; the key itself where there are none."""
        return self.say(*table[key]) if key in table else key

    def label(self, words_: Mapping[str, str]) -> str:
        """Return a label of the definition."""
        return words_[self.lang]

    # --- figures ----------------------------------------------------------------------------------

    def figure(self, value: float, places: int = 1) -> str:
        """Return a number, its needless zeros left out: « 3,1 »."""
        text = f"{value:.{places}f}"
        text = text.rstrip("0").rstrip(".") if "." in text else text
        return text.replace(".", ",") if self.lang == "fr" else text

    def duration(self, micros: int) -> str:
        """Return a duration: « 3,1 ms », « 1,25 s », « 2 min 5 s », « 3 h 20 min », « 2 j 4 h »."""
        if micros < _SECOND:
            return f"{self.figure(micros / 1000)}{NBSP}ms"
        if micros < 60 * _SECOND:
            return f"{self.figure(micros / 1e6, 2)}{NBSP}s"
        seconds = round(micros / 1e6)
        days = {"fr": "j", "en": "d"}[self.lang]
        units = ((86400, days), (3600, "h"), (60, "min"), (1, "s"))
        first = next(i for i, (size, _unit) in enumerate(units) if seconds >= size)
        parts = []
        for size, unit in units[first : first + 2]:
            number, seconds = divmod(seconds, size)
            parts += [f"{number}{NBSP}{unit}"] if number else []
        return " ".join(parts)

    # --- instants ---------------------------------------------------------------------------------

    def moment(self, both: Mapping[str, str]) -> str:
        """Return a local date and hour: « 16 novembre 2026 à 10 h 00 »."""
        local = datetime.fromisoformat(both["local"])
        hour = f"{local:%H:%M}" if self.lang == "en" else f"{local.hour}{NBSP}h{NBSP}{local:%M}"
        return f"{words.day(local.date(), self.lang)}{self.say(' à ', ' at ')}{hour}"

    def precisely(self, both: Mapping[str, str]) -> str:
        """Return the same to the millisecond: « 16 novembre 2026, 10:00:00,412 »."""
        local = datetime.fromisoformat(both["local"])
        point = "," if self.lang == "fr" else "."
        clock = f"{local:%H:%M:%S}{point}{local.microsecond // 1000:03d}"
        return f"{words.day(local.date(), self.lang)}, {clock}"

    def offset(self, micros: int) -> str:
        """Return how long after (+) or before (−) the first final dot."""
        sign = "−" if micros < 0 else "+" * bool(micros)
        return f"{sign}{self.duration(abs(micros))}"


def micros_between(start: str | None, end: str | None) -> int | None:
    """Return microseconds from one UTC instant of a certificate to another; None when one is absent."""
    if start is None or end is None:
        return None
    passed = datetime.fromisoformat(end) - datetime.fromisoformat(start)
    return round(passed.total_seconds() * 1_000_000)

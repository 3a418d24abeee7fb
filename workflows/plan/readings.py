"""What a plan's text leaves open: each question, its choices, and the one taken by default.

Sources of the defaults: docs/plans.md. A choice is a decision of the institute, recorded in the plan's case.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

Words = dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One question that a text leaves open; the first choice is the default."""

    key: str
    quoted: str  #: the words of the plan
    question: Words
    choices: Mapping[str, Words]

    @property
    def default(self) -> str:
        """The choice taken when nobody has decided."""
        return next(iter(self.choices))


READINGS: dict[str, Reading] = {
    r.key: r
    for r in (
        Reading(
            key="a_compter_du",
            quoted="à compter du",
            question={"fr": "Le premier compte rendu est-il dû ce jour-là?", "en": "Is the first report due on that day?"},
            choices={
                "same_day": {"fr": "oui, puis à chaque anniversaire", "en": "yes, then on each anniversary"},
                "next_year": {"fr": "non, un an plus tard : la première année commence ce jour-là", "en": "no, a year later: the first year begins on that day"},
            },
        ),
        Reading(
            key="en_annee",
            quoted="en 2016",
            question={"fr": "Jusqu'à quand?", "en": "Until when?"},
            choices={
                "fiscal_year_end": {"fr": "le 31 mars de cette année, à la fin de l'exercice", "en": "31 March of that year, the end of the fiscal year"},
                "calendar_year_end": {"fr": "le 31 décembre de cette année", "en": "31 December of that year"},
            },
        ),
        Reading(
            key="periodique",
            quoted="Publication périodique",
            question={"fr": "À quel rythme en rendre compte?", "en": "How often is it accounted for?"},
            choices={
                "yearly": {"fr": "une fois par exercice", "en": "once a fiscal year"},
                "half_yearly": {"fr": "deux fois par exercice", "en": "twice a fiscal year"},
                "quarterly": {"fr": "quatre fois par exercice", "en": "four times a fiscal year"},
            },
        ),
        Reading(
            key="annuel_debut",
            quoted="Annuel",
            question={"fr": "Quel est le premier exercice?", "en": "Which is the first fiscal year?"},
            choices={
                "first_year": {"fr": "le premier du plan", "en": "the plan's first"},
                "second_year": {"fr": "le deuxième, le premier servant à se préparer", "en": "the second: the first one is for preparing"},
            },
        ),
        Reading(
            key="estimations",
            quoted="Estimations disponibles – Annuel",
            question={"fr": "Sont-elles attendues avant le modèle dont elles dépendent?", "en": "Are they due before the model that they depend on?"},
            choices={
                "every_year": {"fr": "oui, chaque exercice", "en": "yes, every fiscal year"},
                "once_ready": {"fr": "non, à partir de l'exercice où le modèle est dû", "en": "no, from the fiscal year in which the model is due"},
            },
        ),
    )
}  # fmt: skip


def defaults() -> dict[str, str]:
    """Return the choice of every reading when nobody has decided."""
    return {key: reading.default for key, reading in READINGS.items()}

"""Every rule that a definition is held to: its code, and what it says, in French and in English.

`docs/definition-language.md` shows each with an example that fails.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


def _nothing_named(fr: str, en: str) -> tuple[str, str]:
    return f"Rien ne porte ce nom : {fr}", f"Nothing has that name: {en}"


_WORDS: dict[str, tuple[str, str]] = {
    "unknown-state": _nothing_named("un état", "a state"),
    "unknown-action": _nothing_named("une action", "an action"),
    "unknown-role": _nothing_named("un rôle", "a role"),
    "unknown-field": _nothing_named("un champ", "a field"),
    "unknown-option": _nothing_named("une option", "an option"),
    "unknown-table": _nothing_named("une table", "a table"),
    "unknown-output": _nothing_named("une sortie de table", "an output of a table"),
    "unknown-checklist": _nothing_named("une liste", "a checklist"),
    "unknown-notification": _nothing_named("un avis", "a notification"),
    "unknown-process": _nothing_named("un processus", "a process"),
    "unknown-outcome": _nothing_named("une fin d'un dossier enfant", "an ending of a child case"),
    "unknown-key": _nothing_named("une clé du langage", "a key of the language"),
    "reserved-name": ("Ce nom sert au moteur", "The engine uses that name itself"),
    "duplicate-key": ("La même chose est écrite deux fois", "The same thing stands twice"),
    "version-already-installed": ("Cette version a déjà un autre texte", "This version has another text already"),
    "missing-key": ("Il manque une clé", "A key is missing"),
    "missing-label": ("Il manque des mots dans une langue", "Words are missing in a language"),
    "wrong-type": ("Une valeur d'une autre sorte est attendue", "A value of another kind is needed"),
    "bad-form": ("La valeur n'a pas la forme attendue", "The value does not have the form needed"),
    "one-key": ("Une clé, et une seule, est attendue", "Exactly one key is needed"),
    "empty-condition": ("La condition ne demande rien", "The condition asks for nothing"),
    "useless-key": ("La clé ne sert à rien ici", "The key does nothing here"),
    "incomplete-field": ("Une clé en demande une autre", "A key needs another one"),
    "yaml": ("Le YAML est illisible", "The YAML cannot be read"),
    "alias": ("Ni ancre, ni alias, ni fusion", "No anchor, alias or merge"),
    "tag": ("Pas d'étiquette de type", "No type tag"),
    "key": ("Une clé est un mot", "A key is a word"),
    "empty": ("Le fichier est vide", "The file is empty"),
    "control-character": ("Un caractère invisible n'est pas permis", "An invisible character is not allowed"),
    "not-utf8": ("Le fichier n'est pas en UTF-8", "The file is not UTF-8"),
    "too-large": ("Le fichier dépasse ce qui se lit", "The file is beyond what is read"),
    "nested-records": ("Une fiche ne contient que des champs simples", "A record holds plain fields"),
    "whole-records": ("Une fiche s'ajoute par ses champs", "A record is added by its fields"),
    "empty-range": ("« min » dépasse « max »", "'min' is more than 'max'"),
    "wrong-field-type": ("Il faut un champ d'un autre type", "A field of another type is needed"),
    "wrong-comparison": ("Ce type ne se compare pas ainsi", "That type is not compared so"),
    "wrong-value": ("La valeur n'est jamais celle que le champ garde", "The value is never what the field keeps"),
    "unbounded-span": ("Un nombre de jours doit être borné", "A number of days must be bounded"),
    "lost-answer": ("Une réponse est demandée, puis effacée", "An answer is asked for, then lost"),
    "date-stands-still": ("Une date n'avance pas", "A date does not move on"),
    "same-label": ("Deux choses que l'on doit distinguer se lisent de la même façon", "Two things that must be told apart read alike"),
    "table-gap": ("Aucune ligne de la table ne répond", "No row of the table answers"),
    "table-overlap": ("Plusieurs lignes de la table répondent", "Several rows of the table answer"),
    "table-dead-row": ("Une ligne de la table ne sert jamais", "A row of the table is never used"),
    "table-too-large": ("La table est trop grande pour être prouvée", "The table is too large to be proved"),
    "never-true": ("La condition n'est jamais remplie", "The condition never holds"),
    "always-true": ("La condition est toujours remplie", "The condition always holds"),
    "dead-branch": ("Une voie n'est jamais choisie", "A way is never taken"),
    "checklist-circle": ("Une liste s'attend elle-même", "A checklist waits for itself"),
    "condition-too-large": ("La condition est trop grande, listes écrites", "The condition is too large, checklists written out"),
    "automatic-circle": ("Des actions automatiques se relancent sans fin", "Automatic actions set each other off for ever"),
    "unreachable-state": ("Aucune suite d'actions ne mène à l'état", "No sequence of actions leads to the state"),
    "dead-action": ("L'action n'est jamais possible", "The action is never possible"),
    "not-proved": ("Trop de valeurs vont ensemble : ce n'est pas prouvé",
                   "Too many values go together: it is not proved"),
    "no-way-out": ("Aucune fin ne peut être atteinte", "No ending can be reached"),
    "may-not-end": ("Un dossier peut ne jamais finir", "A case may never end"),
    "branches": ("Seule la dernière voie est sans condition", "Only the last way has no condition"),
    "same-from-ended": ("Un dossier fermé se rouvre d'abord", "A case that ended is reopened first"),
    "no-task": ("Un état ouvert dit quoi faire", "An open state says what there is to do"),
    "nobody-may": ("Personne ne peut faire l'action", "Nobody may take the action"),
    "automatic-asks": ("Une action automatique ne demande rien", "An automatic action asks for nothing"),
    "timer-never-armed": ("La minuterie ne s'arme jamais", "The timer is never armed"),
    "wrong-state": ("La minuterie agit où son action ne part pas", "The timer acts where its action does not start"),
    "already-past": ("L'échéance est passée d'avance", "The due date has passed before it begins"),
    "may-be-absent": ("Ce qui est lu peut être absent", "What is read may be absent"),
    "impossible-join": ("Les dossiers enfants attendus ne peuvent pas être là", "The child cases awaited cannot be there"),
    "child-refused": ("L'ouverture du dossier enfant peut être refusée", "The child case's opening may be refused"),
    "internal-field-leaves": ("Un champ interne sort de l'Institut", "An internal field leaves the institute"),
    "unused": ("Rien ne s'en sert", "Nothing uses it"),
    "wrong-answers": ("Ce champ ne dit pas qui a répondu", "That field does not say who has answered"),
    "wrong-newcomers": ("Ces nouveaux venus ne sont pas du même répertoire", "Those newcomers are not of the same roster"),
    "missing-text": ("Le texte adopté n'est pas là", "The adopted text is not there"),
    "template": ("Le gabarit ne peut pas être rendu", "The template cannot be rendered"),
}  # fmt: skip

RULES: Mapping[str, Mapping[str, str]] = {
    code: {"fr": f"{fr}.", "en": f"{en}."} for code, (fr, en) in _WORDS.items()
}

#: Rules that find no mistake: they say what was not looked at.
OPEN = frozenset({"not-proved"})

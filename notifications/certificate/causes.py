"""What happened instead of a relay's reply: our own words, told apart from the relay's.

What is stored of a delivery is the relay's reply, which begins with its three digits, or our own word in
English, which may name a host. A certificate holds the one as it came and of the other a code alone.
"""

from __future__ import annotations

import re

#: Code -> what happened, in French and in English.
CAUSES = {
    "connection_refused": ("rien ne répond à son adresse", "nothing answers at its address"),
    "unknown_host": ("son nom est inconnu", "its name is unknown"),
    "timed_out": ("pas de réponse à temps", "no answer in time"),
    "connection_lost": ("la connexion a été coupée", "the connection was lost"),
    "tls_failed": ("le chiffrement n'a pas pu s'établir", "encryption could not be set up"),
    "authentication_refused": (
        "il refuse l'identifiant ou le mot de passe",
        "it refuses the login or the password",
    ),
    "not_encrypted": ("le courrier doit être chiffré", "mail must be encrypted"),
    "rehearsal": (
        "une répétition n'écrit qu'à un serveur de la même machine",
        "a rehearsal only sends to the same machine",
    ),
    "sender_stopped": (
        "l'envoi s'est arrêté au moment où partait la fin du message",
        "the sender stopped as the end of the message was to leave",
    ),
    "called_off": ("une personne a arrêté l'envoi", "a person called it off"),
    "not_ascii": (
        "le relais n'accepte pas cette forme d'adresse",
        "the relay does not take this form of address",
    ),
    "given_up": ("abandonné après le dernier essai prévu", "given up after the last attempt"),
    "other": ("autre empêchement", "another hindrance"),
}
#: How our own words begin -> their code (`notifications.outcome.FAULTS`, `engine.lease`…).
_OURS = {
    "connection refused": "connection_refused",
    "unknown host": "unknown_host",
    "timed out": "timed_out",
    "connection lost": "connection_lost",
    "TLS failed": "tls_failed",
    "authentication refused": "authentication_refused",
    "mail must be encrypted": "not_encrypted",
    "a rehearsal only sends": "rehearsal",
    "the sender stopped": "sender_stopped",
    "called off": "called_off",
    "not an ASCII address": "not_ascii",
    "given up": "given_up",
}
_OWN = re.compile(rf"(?:\S+:\d+: )?({'|'.join(_OURS)})")
#: A reply's three digits (RFC 5321, 4.2), whatever we say before the last one that there was.
_REPLY = re.compile(r"(?:given up after .*?; the last reply: )?([2-5]\d\d(?: .*)?)", re.DOTALL)


def relayed(stored: str | None) -> str | None:
    """Return the relay's own words of what was stored, None where there are none."""
    found = _REPLY.fullmatch(stored or "")
    return None if found is None else found[1]


def cause(stored: str | None) -> str | None:
    """Return the code of what happened instead of a reply, None where the relay's words are all."""
    if not stored:
        return None
    found = _OWN.match(stored)
    if found is not None:
        return _OURS[found[1]]
    return None if relayed(stored) else "other"

"""What happened instead of a server's reply: our own words, told apart from the server's.

What is stored and logged of a delivery is the server's reply, which begins with its three digits, or our
own words in English, which may name a host. A certificate holds the one as it came and of the other a
code alone; people read both in their language. This is the one table of these words.
"""

from __future__ import annotations

import re

#: Code -> what happened, in French and in English.
CAUSES = {
    "connection_refused": ("rien ne répond à cette adresse", "nothing answers at that address"),
    "unknown_host": ("ce nom de serveur est inconnu", "that server name is unknown"),
    "timed_out": ("le serveur n'a pas répondu à temps", "the server did not answer in time"),
    "connection_lost": ("la connexion a été coupée", "the connection was cut"),
    "tls_failed": (
        "le chiffrement (TLS) n'a pas pu s'établir",
        "encryption (TLS) could not be set up",
    ),
    "authentication_refused": (
        "le serveur refuse l'identifiant ou le mot de passe",
        "the server refuses the login or the password",
    ),
    "not_encrypted": (
        "le courrier doit être chiffré : starttls ou tls",
        "mail must be encrypted: starttls or tls",
    ),
    "rehearsal": (
        "une répétition n'écrit qu'à un serveur de la même machine",
        "a rehearsal only sends to a server on the same machine",
    ),
    "rehearsal_reads": (
        "une répétition ne lit que sur un serveur de la même machine",
        "a rehearsal only reads from a server on the same machine",
    ),
    "no_file": ("il n'y a pas de fichier à cet endroit", "there is no file there"),
    "no_maildir": (
        "ce dossier n'est pas un Maildir : il n'a ni cur ni new",
        "this folder is no Maildir: it has neither cur nor new",
    ),
    "sender_stopped": (
        "l'envoi s'est arrêté au moment où partait la fin du message",
        "the sender stopped as the end of the message was to leave",
    ),
    "called_off": (
        "une personne a arrêté l'envoi, personne n'a rien",
        "a person called it off, nobody has anything",
    ),
    "not_ascii": (
        "le serveur n'accepte pas cette forme d'adresse",
        "the server does not take this form of address",
    ),
    "unwritten": ("notre message n'a pas pu être rédigé", "our message could not be written"),
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
    "mail must be encrypted: starttls or tls": "not_encrypted",
    "a rehearsal only sends to this machine": "rehearsal",
    "a rehearsal only reads from this machine": "rehearsal_reads",
    "no such file": "no_file",
    "not a Maildir folder: no cur and new in it": "no_maildir",
    "the sender stopped after the end of the message was to be sent": "sender_stopped",
    "called off before anybody had it": "called_off",
    "not an ASCII address": "not_ascii",
    "template": "unwritten",
}
_OWN = re.compile(rf"(?P<where>\S+:\d+: )?(?P<kind>{'|'.join(_OURS)})")
#: What stands before the last reply that there was.
_GIVEN_UP = re.compile(r"given up after \d+ tries; the last reply: ")
#: A reply's three digits (RFC 5321, 4.2).
_REPLY = re.compile(r"[2-5]\d\d(?: .*)?", re.DOTALL)


def told(stored: str) -> tuple[str, str | None, str]:
    """Return what was stored in three: what comes before our own words, their code, and the rest.

    The code is None where nothing of it is ours: the rest is then all of it.
    """
    given_up = _GIVEN_UP.match(stored)
    if given_up is not None:
        return "", "given_up", stored[given_up.end() :]
    own = _OWN.match(stored)
    if own is None:
        return "", None, stored
    return own["where"] or "", _OURS[own["kind"]], stored[own.end() :]


def relayed(stored: str | None) -> str | None:
    """Return the relay's own words of what was stored, None where there are none."""
    _before, code, rest = told(stored or "")
    return rest if code in {None, "given_up"} and _REPLY.fullmatch(rest) else None


def cause(stored: str | None) -> str | None:
    """Return the code of what happened instead of a reply, None where the relay's words are all."""
    if not stored:
        return None
    code = told(stored)[1]
    return code if code is not None or relayed(stored) else "other"

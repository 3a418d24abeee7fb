"""Faults of the mail server, in words.

What is stored and logged is English, with the kind of fault first (`notifications.outcome.FAULTS`);
here it becomes a sentence in the language of the run, the library's own detail in parentheses.
"""

from __future__ import annotations

import re

from inbox.texts import _

_FAULTS = {
    "connection refused": "rien ne répond à cette adresse",
    "unknown host": "ce nom de serveur est inconnu",
    "timed out": "le serveur n'a pas répondu à temps",
    "connection lost": "la connexion a été coupée",
    "TLS failed": "le chiffrement (TLS) n'a pas pu s'établir",
    "authentication refused": "le serveur refuse l'identifiant ou le mot de passe",
    "a rehearsal only sends to this machine": "une répétition n'écrit qu'à un serveur de cette machine",
    "a rehearsal only reads from this machine": "une répétition ne lit que sur un serveur de cette "
    "machine",
    "no such file": "il n'y a pas de fichier à cet endroit",
    "not a Maildir folder: no cur and new in it": "ce dossier n'est pas un Maildir : il n'a ni cur ni "
    "new",
    "mail must be encrypted: starttls or tls": "le courrier doit être chiffré : starttls ou tls",
    "the sender stopped after the end of the message was to be sent": "l'envoi s'est arrêté au "
    "moment où partait la fin du message",
    "called off before anybody had it": "une personne a arrêté l'envoi, personne n'a rien",
    "not an ASCII address": "le serveur n'accepte pas cette forme d'adresse",
}
_GIVEN_UP = re.compile(r"given up after (?P<n>\d+) tries; the last reply: (?P<reply>.*)", re.DOTALL)
_FAULT = re.compile(
    rf"(?P<where>\S+:\d+: )?(?P<kind>{'|'.join(_FAULTS)})(?P<detail> \(.*\))?", re.DOTALL
)


def said(detail: str) -> str:
    """Return a stored fault in words; what is not one of ours, such as a server's reply, as it is."""
    last = _GIVEN_UP.fullmatch(detail)
    if last is not None:
        return _("abandonné après {n} essais ; la dernière réponse : {reply}", n=last["n"],
                 reply=said(last["reply"]))  # fmt: skip
    found = _FAULT.fullmatch(detail)
    if found is None:
        return detail
    return f"{found['where'] or ''}{_(_FAULTS[found['kind']])}{found['detail'] or ''}"

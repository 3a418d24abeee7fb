"""Faults of the mail server, in the language of the run; what a server says, as it said it."""

from __future__ import annotations

from inbox.texts import _, lang
from notifications.certificate.causes import CAUSES, told
from notifications.certificate.words import Speech


def said(detail: str) -> str:
    """Return a stored fault in words; what is not one of ours, such as a server's reply, as it is."""
    before, code, rest = told(detail)
    if code is None:
        return detail
    own = Speech(lang()).word(CAUSES, code)
    if code == "given_up":
        return _("{own}; la dernière réponse : {reply}", own=own, reply=said(rest))
    if code == "unwritten":
        return _("{own} (modèle {detail})", own=own, detail=rest.strip())
    return f"{before}{own}{rest}"

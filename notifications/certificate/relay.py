"""What the mail relay said that it can do, in words: why a diffusion went as it did."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from notifications.certificate.words import NBSP

if TYPE_CHECKING:
    from collections.abc import Mapping

    from notifications.certificate.words import Speech


def abilities(document: Mapping[str, Any], speech: Speech) -> list[tuple[str, str]]:
    """Return what the relay can do, and whether or how much, as it said last; nothing if it was never asked."""
    known = [run["server"] for run in document["runs"] if run["server"]]
    if not known:
        return []
    server, say = known[-1], speech.say
    return [
        (say("Son nom", "Its name"), server.get("name") or "—"),
        (say("Retenir un message reçu en entier, avant sa fin (CHUNKING)",
             "Hold a message that it has whole, before its end (CHUNKING)"),
         _yes(server.get("chunking"), speech)),
        (say("Recevoir plusieurs commandes à la fois (PIPELINING)",
             "Take several commands at once (PIPELINING)"), _yes(server.get("pipelining"), speech)),
        (say("Taille d'un message, au plus (SIZE)", "Size of a message, at most (SIZE)"),
         _size(server.get("size"), speech)),
        (say("Destinataires d'un envoi, au plus (LIMITS RCPTMAX)",
             "Recipients of a transmission, at most (LIMITS RCPTMAX)"),
         _most(server.get("recipients"), say("il n'en dit rien", "it does not say"))),
        (say("Connexions retenues ensemble, au plus", "Connections held together, at most"),
         _most(server.get("connections"), say("aucune limite atteinte", "no limit was met"))),
    ]  # fmt: skip


def _yes(can: Any, speech: Speech) -> str:
    return speech.say("oui", "yes") if can else speech.say("non", "no")


def _size(octets: int | None, speech: Speech) -> str:
    if octets is None:
        return speech.say("il n'en dit rien", "it does not say")
    grouped = f"{octets:,}" if speech.lang == "en" else f"{octets:,}".replace(",", NBSP)
    return speech.say("{n} octets", "{n} bytes", n=grouped)


def _most(number: int | None, unknown: str) -> str:
    return unknown if number is None else str(number)

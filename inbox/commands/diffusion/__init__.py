"""`diffusion`: where a batch stands, why it is equitable, and the certificate that anybody can check."""

from __future__ import annotations

from inbox.command import LazyGroup
from inbox.texts import _

diffusion = LazyGroup(
    "diffusion",
    lazy={
        "preview": ("diffusion.preview", "preview", _("Voir les octets mêmes qui partiront, et à qui")),
        "rehearse": (
            "diffusion.rehearse",
            "rehearse",
            _("Répéter avec le vrai relais, sans que personne ne reçoive rien"),
        ),
        "send": ("diffusion.send", "send", _("Diffuser, ou reprendre après un refus")),
        "abort": ("diffusion.abort", "abort", _("Arrêter tant que personne n'a rien")),
        "status": ("diffusion.status", "status", _("Où en est une diffusion, et ce qu'il reste à faire")),
        "explain": ("diffusion.explain", "explain", _("Pourquoi elle est équitable, chiffres à l'appui")),
        "interest": ("diffusion.interest", "interest", _("Qui a répondu, et consigner une réponse")),
        "certificate": (
            "diffusion.certificate",
            "certificate",
            _("Délivrer l'attestation signée (.json ou .html)"),
        ),
        "verify": ("diffusion.verify", "verify", _("Vérifier une attestation, sans rien d'autre que le fichier")),
    },
    help=_("La diffusion au réseau : où elle en est, et son attestation."),
    examples=[
        "inbox diffusion status 7",
        "inbox diffusion certificate 7 attestation.html",
        "inbox diffusion verify attestation.html --key institut.pem",
    ],
)  # fmt: skip

"""`diffusion`: where a batch stands, why it is equitable, and the certificate that anybody can check."""

from __future__ import annotations

from inbox.command import LazyGroup
from inbox.texts import _

diffusion = LazyGroup(
    "diffusion",
    lazy={
        "status": ("diffusion.status", "status", _("Où en est une diffusion, et ce qu'il reste à faire")),
        "explain": ("diffusion.explain", "explain", _("Pourquoi elle est équitable, chiffres à l'appui")),
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

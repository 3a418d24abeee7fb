"""What a follow-up message tells one partner of its own line, so that it can check it by itself."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING, Any

from notifications.certificate.words import STATES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engine.certificates import Certificate
    from engine.diffusion import Account, Copy


#: Where a partner keeps the certificate and the institute's public key, in the command of its slip.
FILES = ("attestation.json", "institut.pem")


def slip(account: Account, copy: Copy, certificate: Certificate) -> Mapping[str, Any]:
    """Return the `attestation.…` of a follow-up message to one partner: its own line, nobody else's.

    Args:
        account: The diffusion.
        copy: The partner's copy of it.
        certificate: The issue that the partner can check.
    """
    document = json.loads(certificate.document)
    order = sorted(account.copies, key=lambda c: (c.position, c.delivery))
    line = document["lines"][order.index(copy)]
    words = STATES.get(line["state"], (line["state"], line["state"]))
    return {
        "case": account.case,
        "message": document["case"]["message_label"],
        "newcomer": copy.newcomer,
        "sha256": certificate.sha256,
        "issue": certificate.issue,
        "key_sha256": document["signature"]["key_sha256"],
        "said": document["outcome"]["said"],
        "line": line["line"],
        "state": {"fr": words[0], "en": words[1]},
        "at": line["settled"],
        "reply": line["reply"],
        "salt": copy.salt,
        "command": _command(copy),
    }


def _command(copy: Copy) -> str:
    """Return what to type to find this line in what the institute's key signed, ready for a shell."""
    file, key = FILES
    addresses = [word for address in copy.addresses for word in ("--address", address)]
    return shlex.join(
        ["inbox", "diffusion", "verify", file, "--key", key, "--salt", copy.salt,
         "--name", copy.name, *addresses]
    )  # fmt: skip

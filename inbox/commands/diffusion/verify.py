"""`diffusion verify`: is this certificate still what was signed? Nothing but the file is needed."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import click

from inbox import workspace as workspaces
from inbox.command import command
from inbox.main import REFUSED, USAGE
from inbox.output import say, show_json, strong, wrapped
from inbox.texts import _, clean, lang, n_
from notifications.certificate import checking, page
from notifications.certificate.checking import Unreadable, check
from notifications.certificate.signing import fingerprint, public_key
from notifications.certificate.summary import Summary
from notifications.certificate.words import Speech

if TYPE_CHECKING:
    from collections.abc import Mapping

    from inbox.app import App
    from notifications.certificate.checking import Change, Checked


@command(
    "verify",
    help=_(
        "Vérifier une attestation (.json ou .html), sans réseau ni espace de travail. Sort 0 si elle est "
        "intacte, 1 si elle a été changée (l'endroit est nommé), 2 si elle est illisible. Avec --salt, "
        "--name et --address : trouver sa propre ligne."
    ),
    examples=[
        "inbox diffusion verify attestation.html",
        "inbox diffusion verify attestation.json --key institut.pem",
        'inbox diffusion verify a.html --key institut.pem --salt SEL --name "Cégep A" --address a@example.org',
    ],
)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--key", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help=_("La clé publique que l'Institut vous a donnée, en PEM (son keys/signing.pub.pem)."))  # fmt: skip
@click.option("--salt", help=_("Le sel de votre message de suivi."))
@click.option("--name", help=_("Le nom de votre établissement, tel que l'Institut l'écrit."))
@click.option("--address", "addresses", multiple=True,
              help=_("L'adresse où l'Institut vous écrit; à répéter s'il y en a plusieurs."))  # fmt: skip
def verify(
    app: App,
    file: Path,
    key: Path | None,
    salt: str | None,
    name: str | None,
    addresses: tuple[str, ...],
) -> None:
    asked = (salt, name, addresses)
    if any(asked) and not all(asked):
        raise click.UsageError(_("Il faut les trois : --salt, --name et --address."))
    given = None if key is None else _key(key)
    try:
        checked = check(file.read_bytes(), given)
    except Unreadable as error:
        _tell_unreadable(app, file, error)
        raise click.exceptions.Exit(USAGE) from error
    mine = checking.own_line(checked.document, salt, name, addresses) if salt and name else None
    signer = _signer(app, checked, given)
    if app.json:
        show_json(_as_json(file, checked, signer, mine, sought=salt is not None))
    else:
        _tell(file, checked, signer)
        if salt:
            _tell_line(mine, checked.document, whole=not checked.changes)
    if checked.changes or (salt and mine is None):
        raise click.exceptions.Exit(REFUSED)


def _key(path: Path) -> bytes:
    try:
        return public_key(path.read_bytes())
    except ValueError as error:
        raise click.UsageError(
            _("{file} n'est pas une clé publique Ed25519 en PEM.", file=path)
        ) from error


def _signer(app: App, checked: Checked, given: bytes | None) -> str:
    """Return whose key it is: `given` (by --key), `workspace`, `other_workspace`, or `unknown`."""
    if given is not None:
        return "given"
    path = workspaces.locate(app.common.home) / "keys" / "signing.pub.pem"
    try:
        ours = fingerprint(public_key(path.read_bytes()))
    except (OSError, ValueError):
        return "unknown"
    signature = checked.document.get("signature")
    named = signature.get("key_sha256") if isinstance(signature, dict) else None
    return "workspace" if named == ours else "other_workspace"


def _tell(file: Path, checked: Checked, signer: str) -> None:
    if not checked.changes:
        say(strong(_("Intacte : {file} est telle qu'elle a été signée.", file=file)))
        for line in _said(checked, signer):
            say(wrapped(clean(line), "  "))
        return
    if {change.code for change in checked.changes} == {"page_edition"}:
        say(strong(_("Non vérifiable : ce que montre {file} ne peut être comparé ici.", file=file)))
        say(wrapped(clean(f"{sentence(checked.changes[0])}."), "  "))
        say(wrapped(_("Ne vous fiez pas à la page seule : demandez à l'Institut l'attestation en .json, ou la page "
                      "refaite."), "  "))  # fmt: skip
        return
    count = len(checked.changes)
    say(strong(n_("Changée : {n} endroit de {file} n'est pas ce qui a été signé.",
                  "Changée : {n} endroits de {file} ne sont pas ce qui a été signé.", count, file=file)))  # fmt: skip
    for change in checked.changes:
        say(
            wrapped(clean(f"{change.place}{_part(change.place)}{_(' : ')}{sentence(change)}"), "  ")
        )


def _said(checked: Checked, signer: str) -> list[str]:
    document = checked.document
    return [
        _("{case}, attestation n° {n} : {said}", case=document["case"]["number"],
          n=document["about"]["issue"], said=Summary(document, Speech(lang())).headline()),
        _("Empreinte SHA-256 : {sha256}", sha256=checked.sha256),
        _("Empreinte SHA-256 de la clé publique : {sha256}", sha256=document["signature"]["key_sha256"]),
        *([] if checked.same_bytes else [_("Le texte a été remis en forme; il dit la même chose.")]),
        {
            "given": _("Signée par la clé que vous avez donnée."),
            "workspace": _("Signée par la clé de cet espace de travail."),
            "other_workspace": _("Attention : ce n'est pas la clé de cet espace de travail."),
            "unknown": _("Rien n'a été changé depuis la signature; pour savoir qui a signé, comparez "
                         "l'empreinte de la clé à celle de votre message de suivi, ou demandez à l'Institut "
                         "sa clé publique (keys/signing.pub.pem de son espace de travail) et donnez-la : --key"),
        }[signer],
    ]  # fmt: skip


def _part(place: str) -> str:
    """Return what a place is about, in parentheses; nothing where the place says it itself."""
    _root, name, *deeper = [*place.split("/"), ""]
    if name == "lines" and deeper[0].isdigit():
        return _(" (ligne {n})", n=int(deeper[0]) + 1)
    said = {
        "about": _("l'émission"), "case": _("le dossier"), "rule": _("la règle"),
        "content": _("le contenu"), "recipients": _("les destinataires"), "times": _("les instants"),
        "runs": _("les essais"), "decisions": _("les décisions"), "outcome": _("le bilan"), "refusals": _("les refus"),
        "lines": _("les lignes"), "digests": _("les empreintes"), "signature": _("le sceau"),
    }.get(name)  # fmt: skip
    return "" if said is None else f" ({said})"


def sentence(change: Change) -> str:
    """Return what is not as it was signed, in words."""
    if change.code == "page":
        return _("sous « {heading} », la page dit « {found} »; le document signé dit « {expected} »",
                 heading=change.heading, found=change.found or "—", expected=change.expected or "—")  # fmt: skip
    return {
        "changed": _("ce n'est plus ce qui a été signé"),
        "missing": _("il manque"),
        "unknown": _("ajouté; la signature ne le couvre pas"),
        "digest": _("cette empreinte a été changée; la partie qu'elle résume est intacte"),
        "hash": _("l'empreinte de cette ligne a été changée"),
        "previous": _("cette ligne ne suit plus celle d'avant : une ligne ôtée, ajoutée ou déplacée"),
        "algorithm": _("cet algorithme n'est pas celui de la signature"),
        "key": _("la clé a été changée, ou son empreinte"),
        "key_sha256": _("l'empreinte de la clé a été changée"),
        "signature": _("la signature n'est pas celle de ce qui est écrit"),
        "other_key": _("ce n'est pas la clé que vous avez donnée : quelqu'un d'autre a signé"),
        "page_hidden": _("le texte est le même, mais la page est faite autrement (style, balises)"),
        "page_edition": _("cette page vient d'une autre version d'Arrimage : le document qu'elle porte est "
                          "intact, mais ce qu'elle montre ne peut être comparé ici"),
    }[change.code]  # fmt: skip


def _tell_line(mine: Mapping[str, Any] | None, document: Mapping[str, Any], *, whole: bool) -> None:
    if mine is None:
        say(_("Aucune ligne n'est la vôtre, avec ce sel, ce nom et ces adresses."))
        return
    speech = Speech(lang())
    say(_("Votre ligne est la {n} : {state}.", n=mine["line"], state=page.state(mine, speech)))
    for label, key in (
        (_("préparé"), "staged"),
        (_("libéré"), "released"),
        (_("réglé"), "settled"),
    ):
        say(_("  {label} : {at}", label=label, at=_local(mine[key], document, speech)))
    say(_("  réponse du relais : {reply}", reply=mine["reply"] or "—"))
    if not whole:
        say(_("  Mais le fichier a été changé : ne vous y fiez pas."))


def _local(at: Any, document: Mapping[str, Any], speech: Speech) -> str:
    """Return an instant in the institute's own time, as the follow-up message says it.

    What was changed may hold anything: it is then shown as it stands.
    """
    try:
        zone = ZoneInfo(document["about"]["zone"])
        local = datetime.fromisoformat(at).astimezone(zone).isoformat()
    except (KeyError, TypeError, ValueError):
        return str(at or "—")
    return f"{speech.precisely({'local': local})} ({zone.key})"


def _tell_unreadable(app: App, file: Path, error: Unreadable) -> None:
    said = {
        "utf8": _("ce n'est pas du texte en UTF-8"),
        "json": _("ce n'est pas du JSON"),
        "duplicate": _("un même nom s'y trouve deux fois"),
        "page": _("cette page ne porte pas d'attestation"),
        "other": _("ce n'est pas une attestation"),
    }[error.code]
    place = f"{file}:{error.line}:{error.column}" if error.line else str(file)
    if app.json:
        show_json({"error": "Unreadable", "exit": USAGE, "message": said, "code": error.code,
                   "file": str(file), "line": error.line, "column": error.column})  # fmt: skip
        return
    say(_("Illisible : {place} : {said}", place=place, said=said), err=True)


def _as_json(
    file: Path, checked: Checked, signer: str, mine: Mapping[str, Any] | None, *, sought: bool
) -> dict[str, Any]:
    signature = checked.document.get("signature")
    return {
        "file": str(file),
        "whole": not checked.changes,
        "form": checked.form,
        "sha256": checked.sha256,
        "same_bytes": checked.same_bytes,
        "key_sha256": signature.get("key_sha256") if isinstance(signature, dict) else None,
        "signer": signer,
        "changes": [{**asdict(c), "message": sentence(c)} for c in checked.changes],
        **({"line": mine} if sought else {}),
    }

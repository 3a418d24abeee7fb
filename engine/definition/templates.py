"""Templates, rendered when a definition is compiled: none may fail at two in the morning."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.definition.samples import variants

if TYPE_CHECKING:
    from engine.definition.compiled import CompiledDefinition, CompiledNotification
    from engine.definition.source import Source
    from engine.errors import Finding
    from engine.ports import TemplateChecker


def check_templates(
    compiled: CompiledDefinition, read: Source, templates: TemplateChecker
) -> list[Finding]:
    """Return what is wrong with the templates of a definition.

    Each is rendered with everything there, with nothing there, with each thing alone missing and alone
    there, and with each option of each choice. Facts have the same shape in every state, so that one
    state stands for all.

    Args:
        compiled: The definition.
        read: Its source, for places.
        templates: What renders.
    """
    found: dict[str, Finding] = {}
    for name, notification in compiled.notifications.items():
        languages = _languages(notification, read)
        for facts in variants(compiled, notification):
            for fault in templates.check(notification.template, languages, facts):
                finding = read.finding(
                    "template",
                    ("notifications", name, "template"),
                    f"le gabarit « {notification.template} » : {fault}",
                    f"template {notification.template!r}: {fault}",
                )
                found[str(finding)] = finding
    return list(found.values())


def _languages(notification: CompiledNotification, read: Source) -> list[str]:
    """Return the languages a message may be asked in."""
    if notification.kind != "address":
        # Members and staff each have their own languages, whatever the definition says.
        return ["fr", "en"]
    written = read.tree["notifications"][notification.name].get("languages", ["fr"])
    used = [w for part in written for w in (part["use"] if isinstance(part, dict) else [part])]
    # No rule holding, it is French.
    return list(dict.fromkeys(["fr", *used]))

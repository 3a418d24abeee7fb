"""Templates, rendered when a definition is compiled: none may fail at two in the morning."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.definition.samples import variants

if TYPE_CHECKING:
    from engine.definition.compiled import CompiledDefinition
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
        for facts in variants(compiled, notification):
            for fault in templates.check(notification.template, notification.available, facts):
                finding = read.finding(
                    "template",
                    ("notifications", name, "template"),
                    f"le gabarit « {notification.template} » : {fault}",
                    f"template {notification.template!r}: {fault}",
                )
                found[str(finding)] = finding
    return list(found.values())

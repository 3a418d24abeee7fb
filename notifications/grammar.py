"""What a template may say: a small part of Jinja, walked before anything is rendered.

The sandbox keeps a template from what is not its own; this keeps it small. Nothing here can grow faster
than what it is given: no macro, an include by its plain name and of one level only, no operator or filter that makes much of little, and a loop
inside a loop only over what the outer one is at, so that all the turns together are no more than the parts
of the facts. Whatever a template needs beyond that belongs in the definition.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jinja2 import TemplateSyntaxError, nodes

if TYPE_CHECKING:
    from collections.abc import Iterator

#: A template of more characters than this is refused unread.
LONGEST_SOURCE = 100_000
#: What a template may call.
FUNCTIONS = frozenset({"show", "day", "moment"})
_FILTERS = frozenset(
    {"capitalize", "default", "first", "join", "last", "length", "lower", "trim", "upper"}
)
_TESTS = frozenset(
    {"boolean", "defined", "even", "false", "none", "number", "odd", "string", "true", "undefined"}
)
_ALLOWED = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Const, nodes.Getattr,
    nodes.Getitem, nodes.If, nodes.For, nodes.CondExpr, nodes.Compare, nodes.Operand, nodes.And,
    nodes.Or, nodes.Not, nodes.Neg, nodes.Add, nodes.Sub, nodes.Call, nodes.Filter, nodes.Test,
    nodes.Assign, nodes.List, nodes.Include,
)  # fmt: skip


def faults(template: nodes.Template, name: str | None) -> Iterator[TemplateSyntaxError]:
    """Yield everything that a template says and may not, at its line, to be raised or told."""
    for node, loops in _walk(template, ()):
        fault = refused(node, loops)
        if fault is not None:
            yield TemplateSyntaxError(f"{fault} is not allowed in a template", node.lineno, name)


def _walk(
    node: nodes.Node, loops: tuple[str | None, ...]
) -> Iterator[tuple[nodes.Node, tuple[str | None, ...]]]:
    """Yield every node, with the variables of the loops that it stands in."""
    yield node, loops
    inside = loops
    if isinstance(node, nodes.For):
        inside = (*loops, node.target.name if isinstance(node.target, nodes.Name) else None)
    for child in node.iter_child_nodes():
        yield from _walk(child, inside)


def refused(node: nodes.Node, loops: tuple[str | None, ...] = ()) -> str | None:
    """Return what a part of a template says and may not, None where it may.

    Args:
        node: The part, without those that it is made of.
        loops: The variables of the loops that it stands in.
    """
    kind = type(node).__name__
    if not isinstance(node, _ALLOWED):
        return f"{getattr(node, 'operator', None) or kind}"
    if isinstance(node, nodes.Getattr) and node.attr.startswith("_"):
        return f"{node.attr} (unsafe)"
    if isinstance(node, nodes.Call):
        return _call(node)
    if isinstance(node, (nodes.Filter, nodes.Test)):
        return _filter(node)
    if isinstance(node, nodes.List) and not all(isinstance(i, nodes.Const) for i in node.items):
        return "a list of values"
    if isinstance(node, nodes.For):
        return _loop(node, loops)
    if isinstance(node, nodes.Include):
        plain = part_of(node) is not None and not loops
        return None if plain else "a computed or repeated include"
    return None


def part_of(node: nodes.Include) -> str | None:
    """Return the template that one includes by its plain name, None where that is computed."""
    name = node.template.value if isinstance(node.template, nodes.Const) else None
    return name if isinstance(name, str) else None


def included(template: nodes.Template) -> list[tuple[str, int]]:
    """Return the templates that one includes, each with the line where it does."""
    return [
        (name, node.lineno)
        for node in template.find_all(nodes.Include)
        if (name := part_of(node)) is not None
    ]


def _call(node: nodes.Call) -> str | None:
    called = node.node
    if isinstance(called, nodes.Name) and called.name in FUNCTIONS:
        return None
    return f"calling {getattr(called, 'name', None) or getattr(called, 'attr', 'this')}"


def _filter(node: nodes.Filter | nodes.Test) -> str | None:
    if isinstance(node, nodes.Test):
        return None if node.name in _TESTS else f"the test {node.name}"
    if node.name not in _FILTERS:
        return f"the filter {node.name}"
    if node.kwargs or not all(isinstance(a, nodes.Const) for a in node.args):
        return f"a computed argument of {node.name}"
    return None


def _loop(node: nodes.For, loops: tuple[str | None, ...]) -> str | None:
    if node.recursive:
        return "a recursive loop"
    if not loops:
        return None
    root: nodes.Node = node.iter
    while isinstance(root, (nodes.Getattr, nodes.Getitem)):
        root = root.node
    # The loop just around, whose variable nothing else may be given to.
    inner = isinstance(root, nodes.Name) and root.name == loops[-1] and root is not node.iter
    return None if inner else "a loop inside another over something else"

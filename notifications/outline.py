"""Every branch of a template read against the facts that it will have, whether or not a case takes it.

Rendering tries the branches that some case takes; this one finds, in the others too, the names that are
never there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jinja2 import nodes

from notifications import grammar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

#: Something of which nothing is known.
_ANY = object()
Scope = dict[str, Any]
#: What a field is known by.
_FIELD = {"type", "value", "options"}
#: What writes, counts, compares or asks about what it is given.
_OF_VALUES = (
    nodes.Output, nodes.Add, nodes.Sub, nodes.Neg, nodes.Compare, nodes.Operand, nodes.And, nodes.Or,
    nodes.Not, nodes.Filter, nodes.Test,
)  # fmt: skip


class Outline:
    """Reads a template and those that it includes.

    Args:
        name: The template's file.
        parsed: What returns a template parsed, by its file.
        includes: What it includes is read too; one that is included may include none.
    """

    def __init__(
        self, name: str, parsed: Callable[[str], nodes.Template], *, includes: bool = True
    ) -> None:
        self._includes = includes
        self.name = name
        self.parsed = parsed
        #: The fields that are used where only their value makes sense: the file, the line, the name.
        self.whole: list[tuple[str, int, str]] = []
        #: The names that are not there: the file, the line, and what was read.
        self.missing: list[tuple[str, int, str]] = []
        #: The names that it reads, and the values that it compares with.
        self.names: set[str] = set()
        self.values: set[str | int] = set()

    def read(self, facts: Mapping[str, Any]) -> None:
        """Read the whole template; in the facts, all that may be there is."""
        template = self.parsed(self.name)
        self.names |= {node.attr for node in template.find_all(nodes.Getattr)}
        self.values |= {
            const.value
            for node in template.find_all(nodes.Compare)
            for const in node.find_all(nodes.Const)
            if isinstance(const.value, (str, int))
        }
        self._block(template.body, dict(facts))

    def _block(self, block: Iterable[nodes.Node], scope: Scope) -> Scope:
        """Read statements one after the other; return the names that there are after them."""
        for node in block:
            scope = self._statement(node, scope)
        return scope

    def _statement(self, node: nodes.Node, scope: Scope) -> Scope:
        if isinstance(node, nodes.If):
            return self._choice(node, scope)
        if isinstance(node, nodes.For):
            self._loop(node, scope)
        elif isinstance(node, nodes.Assign) and isinstance(node.target, nodes.Name):
            return {**scope, node.target.name: self._value(node.node, scope)}
        elif isinstance(node, nodes.Include):
            self._include(node, scope)
        else:
            self._values(node, scope)
        return scope

    def _include(self, node: nodes.Include, scope: Scope) -> None:
        name = grammar.part_of(node) if self._includes else None
        if name is None:
            return
        part = Outline(name, self.parsed, includes=False)
        part.read(scope)
        self.missing += part.missing
        self.whole += part.whole
        self.names |= part.names
        self.values |= part.values

    def _choice(self, node: nodes.If, scope: Scope) -> Scope:
        """Read each branch; only the names that all of them give are there afterwards."""
        self._plain(node.test, scope)
        ends = [self._block(node.body, scope)]
        for other in node.elif_:
            self._plain(other.test, scope)
            ends.append(self._block(other.body, scope))
        ends.append(self._block(node.else_, scope))
        common = [n for n in ends[0] if all(n in end for end in ends)]
        return {n: ends[0][n] if all(e[n] is ends[0][n] for e in ends) else _ANY for n in common}

    def _loop(self, node: nodes.For, scope: Scope) -> None:
        over = self._plain(node.iter, scope)
        one = over[0] if isinstance(over, list) and over else _ANY
        inside = {**scope, "loop": _ANY}
        if isinstance(node.target, nodes.Name):
            inside[node.target.name] = one
        if node.test is not None:
            self._plain(node.test, inside)
        self._block(node.body, inside)
        self._block(node.else_, scope)

    def _values(self, node: nodes.Node, scope: Scope) -> None:
        read = self._plain if isinstance(node, _OF_VALUES) else self._value
        for child in node.iter_child_nodes():
            read(child, scope)

    def _plain(self, node: nodes.Node, scope: Scope) -> Any:
        """Return what an expression is, where a field stands for nothing: its value would."""
        value = self._value(node, scope)
        if isinstance(value, dict) and value.keys() >= _FIELD:
            self.whole.append((self.name, node.lineno, _said(node)))
        return value

    def _value(self, node: nodes.Node, scope: Scope) -> Any:
        """Return what an expression is when all is there, `_ANY` when that is not known."""
        if isinstance(node, nodes.Const):
            return node.value
        if isinstance(node, nodes.Name):
            return self._known(node.name, scope, node.name, node.lineno)
        part = _part(node)
        if part is not None:
            whole = self._value(part[0], scope)
            return self._known(part[1], whole, _said(node), node.lineno)
        asked = _asked_for(node)
        if asked is not None:
            # `x is defined`, `x|default(…)`: only what `x` is a part of must be there.
            inner = _part(asked)
            if inner is not None:
                self._value(inner[0], scope)
            return _ANY
        self._values(node, scope)
        return _ANY

    def _known(self, name: str, whole: Any, said: str, line: int) -> Any:
        if whole is _ANY or whole is None:
            return _ANY
        if isinstance(whole, dict):
            if name in whole:
                return whole[name]
        elif hasattr(whole, name):
            return getattr(whole, name)
        self.missing.append((self.name, line, said))
        return _ANY


def _part(node: nodes.Node) -> tuple[nodes.Node, str] | None:
    """Return what a name is read of, and the name, for `a.b` and `a["b"]`."""
    if isinstance(node, nodes.Getattr):
        return node.node, node.attr
    if isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Const):
        return (node.node, node.arg.value) if isinstance(node.arg.value, str) else None
    return None


def _said(node: nodes.Node) -> str:
    """Return a name as it is written: `fields.montant`."""
    part = _part(node)
    if part is None:
        return node.name if isinstance(node, nodes.Name) else "…"
    return f"{_said(part[0])}.{part[1]}"


def _asked_for(node: nodes.Node) -> nodes.Node | None:
    """Return what an expression asks whether it is there."""
    if isinstance(node, nodes.Test) and node.name in {"defined", "undefined"}:
        return node.node
    return node.node if isinstance(node, nodes.Filter) and node.name == "default" else None

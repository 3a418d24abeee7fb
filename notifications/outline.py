"""Every branch of a template read against the facts that it will have, whether or not a case takes it.

Rendering tries the branches that some case takes; this one finds, in the others too, the names that are
never there, and what is done with a value of a kind that does not bear it (`kinds`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from jinja2 import nodes

from notifications import grammar, kinds
from notifications.kinds import ANY as _ANY
from notifications.kinds import FIELD as _FIELD

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

Scope = dict[str, Any]
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
        #: What is done with a value of another kind: the file, the line, what is wrong.
        self.misused: list[tuple[str, int, kinds.Wrong]] = []
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
        self._block(template.body, kinds.marked(facts))

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
        self.misused += part.misused
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
        self._note(node, kinds.gone_through(over))
        one = over[0] if isinstance(over, list) and over else _ANY
        inside = {**scope, "loop": _LOOP}
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
        if _is_field(value):
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
            wrong = kinds.part(whole, part[1])
            self._note(node, wrong)
            return _ANY if wrong else self._known(part[1], whole, _said(node), node.lineno)
        asked = _asked_for(node)
        if asked is not None:
            # `x is defined`, `x|default(…)`: only what `x` is a part of must be there.
            inner = _part(asked)
            if inner is not None:
                self._value(inner[0], scope)
            return _ANY
        made = self._MADE.get(type(node))
        if made is not None:
            return made(self, node, scope)
        self._values(node, scope)
        return _ANY

    # --- what is made of values -----------------------------------------------------------------

    def _note(self, node: nodes.Node, wrong: kinds.Wrong | None) -> None:
        # What may not be said at all is told as such.
        if wrong is not None and grammar.refused(node) is None:
            self.misused.append((self.name, node.lineno, wrong))

    def _element(self, node: nodes.Getitem, scope: Scope) -> Any:
        whole = self._plain(node.node, scope)
        at = self._value(node.arg, scope)
        if _is_field(whole):
            return _ANY
        self._note(node, kinds.element(whole, at))
        return whole[0] if isinstance(whole, list) and whole else _ANY

    def _counted(self, node: nodes.BinExpr | nodes.UnaryExpr, scope: Scope) -> Any:
        values = [self._plain(child, scope) for child in node.iter_child_nodes()]
        self._note(
            node, kinds.counted([v for v in values if not _is_field(v)], node.operator or "")
        )
        return 1

    def _compared(self, node: nodes.Compare, scope: Scope) -> Any:
        first = self._plain(node.expr, scope)
        for operand in node.ops:
            second = self._plain(operand.expr, scope)
            self._note(node, kinds.compared(first, operand.op, second))
            first = second
        return True

    def _called(self, node: nodes.Call, scope: Scope) -> Any:
        values = [self._value(arg, scope) for arg in node.args]
        plainly = not (node.kwargs or node.dyn_args or node.dyn_kwargs)
        if isinstance(node.node, nodes.Name) and node.node.name in grammar.FUNCTIONS:
            self._note(node, kinds.called(node.node.name, values, plainly=plainly))
        return "…"

    def _filtered(self, node: nodes.Filter, scope: Scope) -> Any:
        value = _ANY if node.node is None else self._plain(node.node, scope)
        if not _is_field(value):
            self._note(node, kinds.filtered(node, value))
        return kinds.of_filter(node, value)

    def _tested(self, node: nodes.Test, scope: Scope) -> Any:
        value = self._plain(node.node, scope)
        if node.name in {"odd", "even"}:
            self._note(node, kinds.counted([value], node.name))
        return True

    def _one_of(self, node: nodes.CondExpr, scope: Scope) -> Any:
        self._plain(node.test, scope)
        ways = [node.expr1] if node.expr2 is None else [node.expr1, node.expr2]
        return _common([self._value(way, scope) for way in ways])

    def _either(self, node: nodes.BinExpr, scope: Scope) -> Any:
        return _common([self._plain(node.left, scope), self._plain(node.right, scope)])

    def _listed(self, node: nodes.List, _: Scope) -> Any:
        return [item.value for item in node.items if isinstance(item, nodes.Const)]

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

    #: What makes a value of others, by the kind of its node.
    _MADE: ClassVar[Mapping[type[nodes.Node], Callable[[Outline, Any, Scope], Any]]] = {
        nodes.Getitem: _element,
        nodes.Add: _counted,
        nodes.Sub: _counted,
        nodes.Neg: _counted,
        nodes.Compare: _compared,
        nodes.Call: _called,
        nodes.Filter: _filtered,
        nodes.Test: _tested,
        nodes.CondExpr: _one_of,
        nodes.And: _either,
        nodes.Or: _either,
        nodes.List: _listed,
    }


#: What a loop tells of its turn.
_LOOP = {
    **dict.fromkeys(("index", "index0", "revindex", "revindex0", "length", "depth", "depth0"), 1),
    **dict.fromkeys(("first", "last"), True),
}  # fmt: skip


def _is_field(value: Any) -> bool:
    return isinstance(value, dict) and value.keys() >= _FIELD


def _common(values: list[Any]) -> Any:
    """Return a sample of what is one value or another: of their kind, if they have one."""
    of = {kinds.kind(v) for v in values}
    fullest = max(values, key=lambda v: len(v) if isinstance(v, list) else 0)
    return fullest if len(of) == 1 and None not in of else _ANY


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

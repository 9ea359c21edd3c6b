"""What Jinja2 compiles to plain Python without asking its sandbox, turned into filters, which count."""
# ruff: noqa: N802, N815 - the names of a visitor's methods are those of Jinja2's nodes

from jinja2 import nodes
from jinja2.visitor import NodeTransformer

# Names of filters that no template can write.
EACH, SPEND, LITERAL = "each member", "spend units", "new value"
COMPARE, CONCAT, SLICE = "comparison with", "concatenated with", "slice of"


class Rewrite(NodeTransformer):
    """Turns what Jinja2 compiles to plain Python into filters, which count."""

    def visit_For(self, node: nodes.For) -> nodes.Node:
        units = _size(node)
        self.generic_visit(node)
        node.iter = _filter(node.iter, EACH, nodes.Const(units))
        return node

    def visit_Macro(self, node: nodes.Macro) -> nodes.Node:
        units = _size(node)
        self.generic_visit(node)
        node.body.insert(0, nodes.ExprStmt(_filter(nodes.Const(""), SPEND, nodes.Const(units))))
        return node

    visit_CallBlock = visit_Block = visit_Macro

    def visit_Compare(self, node: nodes.Compare) -> nodes.Node:
        self.generic_visit(node)
        args = [part for operand in node.ops for part in (nodes.Const(operand.op), operand.expr)]
        return _filter(node.expr, COMPARE, *args)

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:
        self.generic_visit(node)
        return _filter(node.nodes[0], CONCAT, *node.nodes[1:])

    def visit_Getitem(self, node: nodes.Getitem) -> nodes.Node:
        self.generic_visit(node)
        if not isinstance(node.arg, nodes.Slice):
            return node
        ends = (node.arg.start, node.arg.stop, node.arg.step)
        return _filter(node.node, SLICE, *(end or nodes.Const(None) for end in ends))

    def visit_List(self, node: nodes.List) -> nodes.Node:
        self.generic_visit(node)
        return _filter(node, LITERAL)

    visit_Dict = visit_List

    def visit_Tuple(self, node: nodes.Tuple) -> nodes.Node:
        self.generic_visit(node)
        return node if node.ctx == "store" else _filter(node, LITERAL)


def _filter(node: nodes.Node, name: str, *args: nodes.Expr) -> nodes.Filter:
    return nodes.Filter(node, name, list(args), [], None, None, lineno=node.lineno)


def _size(node: nodes.Node) -> int:
    """What its body costs each time, all else aside."""
    return 40 + sum(10 + len(getattr(inner, "data", "")) for inner in node.find_all(nodes.Node))

"""Drop the top bits of sums and products that no output depends on."""

from __future__ import annotations

from collections.abc import Mapping

from hgq_rtl.ir.graph import Graph
from hgq_rtl.ir.node import Builder, Node
from hgq_rtl.ir.ops import ADD, DOT, MUL, cast, constant, restrict
from hgq_rtl.passes.demand import demanded_bits


def narrow(graph: Graph) -> Graph:
    """Compute sums and products only as wide as somebody looks at them.

    Modulo 2^w the low w bits of a sum depend on the low w bits of its operands alone, so both
    operands and the result are cast to the demanded width (a cast is wiring).
    """
    masks = demanded_bits(graph)
    build = graph.builder

    def replacement(node: Node, new: Mapping[Node, Node]) -> Node:
        args = [new[arg] for arg in node.args]
        if node.type.is_zero:
            # It has no bit that could be demanded, and yet those who read it need the zero.
            return constant(build, 0, 0)
        if node.op in (ADD, MUL, DOT):
            return _narrowed(build, node, args, masks[node].bit_length())
        return build.rebuild(node, tuple(args))

    return graph.replaced(replacement)


def _narrowed(build: Builder, node: Node, args: list[Node], width: int) -> Node:
    """A node that agrees with ``node`` modulo 2^width, and altogether if that is its width."""
    t = node.type
    if width == 0:
        return constant(build, 0, 0)
    if node.op is ADD and width < t.width:
        args = [cast(build, x, t.exp, width, x.type.signed) for x in args]
    result = build.make(node.op, tuple(args), node.attrs)
    if width == t.width:
        # A narrowed operand agrees with its original only modulo some power of two, which covers
        # this width: read as the original was, the result is the same number again.
        return restrict(build, result, t)
    return cast(build, result, t.exp, width, result.type.signed and _fits(result, t.exp, width))


def _fits(node: Node, exp: int, width: int) -> bool:
    """Whether ``width`` signed bits from 2^exp hold every value of the node."""
    t = node.type
    return t.is_zero or t.width + t.exp - exp <= width

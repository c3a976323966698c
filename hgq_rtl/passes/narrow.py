"""Drop the top bits of sums and products that no output depends on."""

from __future__ import annotations

from hgq_rtl.ir.graph import Graph
from hgq_rtl.ir.node import Builder, Node
from hgq_rtl.ir.ops import ADD, MUL, cast, constant
from hgq_rtl.passes.demand import demanded_bits


def narrow(graph: Graph) -> Graph:
    """Compute sums and products only as wide as somebody looks at them.

    Modulo 2^w the low w bits of a sum depend on the low w bits of its operands alone, so both
    operands and the result are cast to the demanded width (a cast is wiring).
    """
    masks = demanded_bits(graph)
    build = graph.builder
    new: dict[Node, Node] = {node: node for node in graph.inputs}
    for node in graph.nodes:
        if node in new:
            continue
        build.set_origin(build.origins.get(node, ""))
        args = [new[arg] for arg in node.args]
        width = masks[node].bit_length()
        if node.op in (ADD, MUL) and width < node.type.width:
            new[node] = _narrowed(build, node, args, width)
        else:
            new[node] = build.make(node.op, tuple(args), node.attrs)
    build.set_origin("")
    return graph.with_outputs(new[node] for node in graph.outputs)


def _narrowed(build: Builder, node: Node, args: list[Node], width: int) -> Node:
    if width == 0:
        return constant(build, 0, 0)
    exp = node.type.exp
    if node.op is ADD:
        args = [cast(build, x, exp, width, x.type.signed) for x in args]
    result = build.make(node.op, tuple(args), node.attrs)
    # Unsigned: the value modulo 2^width, unless the true value fits as it is.
    return cast(build, result, exp, width, result.type.signed and _fits(result, exp, width))


def _fits(node: Node, exp: int, width: int) -> bool:
    """Whether ``width`` signed bits from 2^exp hold every value of the node."""
    t = node.type
    return t.is_zero or t.width + t.exp - exp <= width

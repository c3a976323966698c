"""Analysis: which bits of every node can reach an output."""

from __future__ import annotations

from hgq_rtl.ir.graph import Graph
from hgq_rtl.ir.node import Node


def demanded_bits(graph: Graph) -> dict[Node, int]:
    """For each node a mask over its type's bits; a bit not in it may take any value.

    One backward walk: outputs demand all their bits, and each op says what it needs of its
    arguments (``Op.demand``).
    """
    masks = dict.fromkeys(graph.nodes, 0)
    for node in graph.outputs:
        masks[node] |= (1 << node.type.width) - 1
    for node in reversed(graph.nodes):
        if node.args and masks[node]:
            for arg, mask in zip(node.args, node.op.demand(node, masks[node]), strict=True):
                masks[arg] |= mask
    return masks

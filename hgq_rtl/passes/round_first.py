"""Move rounding in front of ReLU and into the sum, where its constant joins the neuron's bias."""

from __future__ import annotations

from collections.abc import Mapping

from hgq_rtl.ir.graph import Graph
from hgq_rtl.ir.node import Builder, Node
from hgq_rtl.ir.ops import DOT, MAX, ROUND, constant

HALF_ADDERS = ("RND", "RND_MIN_INF")
"""Modes that add a constant and truncate. The others look at the sign or at the result, which is
cheaper behind ReLU."""


def round_first(graph: Graph) -> Graph:
    """Round before ReLU, and let the half LSB that rounding adds merge with the bias.

    round(max(x, 0)) = max(round(x), 0), since rounding is monotone and keeps 0. That saves an adder
    per activation and makes ReLU narrower. Only where nothing else reads the unrounded value.
    """
    users = graph.users
    private = {node for node, by in users.items() if len(by) == 1} - set(graph.outputs)
    build = graph.builder

    def replacement(node: Node, new: Mapping[Node, Node]) -> Node:
        same = build.rebuild(node, tuple([new[arg] for arg in node.args]))
        if node.op is not ROUND or node.attrs[1] not in HALF_ADDERS:
            return same
        (x,) = node.args
        if x not in private:
            return same
        if not _is_relu(x):
            return _into_sum(build, same)
        inner = build.make(ROUND, (new[x].args[0],), node.attrs)
        inner = _into_sum(build, inner) if x.args[0] in private else inner
        return build(MAX, inner, constant(build, 0, 0))

    return graph.replaced(replacement)


def _is_relu(node: Node) -> bool:
    return node.op is MAX and node.args[1].type.is_zero


def _into_sum(build: Builder, node: Node) -> Node:
    """The rounding of a neuron as constant and cast, before its matrix is solved."""
    if node.args[0].op is not DOT or ROUND.expand is None:
        return node
    return ROUND.expand(build, node)

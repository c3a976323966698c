"""Rebuild the ops that no backend emits out of smaller ones."""

from __future__ import annotations

from hgq_rtl.ir.graph import Graph
from hgq_rtl.ir.node import Builder, Node
from hgq_rtl.ir.ops import DOT, ROUND


def expand(graph: Graph) -> Graph:
    """Replace every op that has an ``expand`` rule; what remains has an RTL rule."""

    def rule(build: Builder, node: Node) -> Node | None:
        return node.op.expand(build, node) if node.op.expand else None

    return graph.rebuild(rule)


def is_expanded(graph: Graph) -> bool:
    """Whether no sum of products and no rounding is left, so that grids and times are final."""
    return not any(node.op in (DOT, ROUND) for node in graph.nodes)

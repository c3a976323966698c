"""Nodes that are functions of one other node, such as a comparison of x with 0 of x."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from hgq_rtl.fixed import exact_integers
from hgq_rtl.ir.evaluate import evaluate_nodes
from hgq_rtl.ir.node import Node
from hgq_rtl.lowering.elements import Floats
from hgq_rtl.lowering.table import LARGEST

REACH = 64
"""How many nodes back a common source is looked for."""


def _cone(node: Node) -> list[Node]:
    """The node and those it depends on, nearest first, without constants; at most ``REACH``."""
    found = {node: None}
    queue = [node]
    while queue and len(found) < REACH:
        for arg in queue.pop(0).args:
            if arg not in found and not arg.type.is_const:
                found[arg] = None
                queue.append(arg)
    return list(found)


def _depends_only_on(node: Node, source: Node) -> bool:
    stack, done = [node], {source}
    while stack and len(done) <= REACH:
        node = stack.pop()
        if node in done or node.type.is_const:
            continue
        if not node.args:
            return False
        done.add(node)
        stack.extend(node.args)
    return not stack


def common_source(nodes: Sequence[Node]) -> Node | None:
    """The nearest node, small enough for a table, that all ``nodes`` are functions of alone."""
    for candidate in _cone(nodes[0]):
        small = candidate.type.hi - candidate.type.lo < LARGEST
        if small and all(_depends_only_on(node, candidate) for node in nodes):
            return candidate
    return None


def in_terms_of(source: Node, node: Node) -> Callable[[Floats], Floats] | None:
    """The value of ``node`` as a function of that of ``source``; None where they are the same."""
    if node is source:
        return None

    def run(v: Floats) -> Floats:
        n = evaluate_nodes({source: exact_integers(v, source.type.exp)}, [node])[node]
        return np.ldexp(n.astype(np.float64), node.type.exp)

    return run

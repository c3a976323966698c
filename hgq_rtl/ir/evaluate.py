"""Evaluate a graph in exact integers with NumPy: the reference of everything downstream."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from hgq_rtl.errors import IRError
from hgq_rtl.fixed import INT64_BITS, Ints, common_exp
from hgq_rtl.ir.graph import Graph, toposort
from hgq_rtl.ir.interface import Interface
from hgq_rtl.ir.node import Node
from hgq_rtl.ir.ops import CAST, DOT, INPUT

Observer = Callable[[Node, Sequence[Ints], Ints], None]
"""Is shown every node that is computed, with the integers of its arguments and its own."""


def _needs_big(node: Node) -> bool:
    """Whether int64 could overflow while this node is computed."""
    types = (node.type, *(arg.type for arg in node.args))
    exp = common_exp(*types)
    bits = max((t.width + t.exp - exp for t in types if not t.is_zero), default=0)
    if node.op is DOT:
        # The partial sums of a dot can exceed its result: bound them by the sum of magnitudes.
        bits += len(node.args).bit_length() + max(abs(w).bit_length() for w in node.attrs[0])
    if node.op is CAST:
        bits = max(bits, node.attrs[1])  # the mask is that wide, whatever it is applied to
    return bits > INT64_BITS


def evaluate_nodes(
    feeds: Mapping[Node, Ints], wanted: Iterable[Node], observe: Observer | None = None
) -> dict[Node, Ints]:
    """The integers of the ``wanted`` nodes. ``feeds``: node to integers, all of one shape.

    Inputs must be fed; any other node may be. Values are freed after their last use, so the
    memory is that of the widest cut and not of the whole graph.
    """
    wanted = list(wanted)
    order = toposort(wanted, feeds)
    last: dict[Node, Node] = {}
    for node in order:
        for arg in node.args:
            last[arg] = node
    keep = set(wanted)
    shape = next((np.shape(n) for n in feeds.values()), ())
    values: dict[Node, Ints] = dict(feeds)
    for node in order:
        if node.op is INPUT:
            raise IRError(f"input '{node.attrs[0]}' was given no value")
        args = [values[arg] for arg in node.args]
        big = _needs_big(node) or any(a.dtype == object for a in args)
        if big:
            args = [a.astype(object) for a in args]
        value = np.asarray(node.op.evaluate(node, *args))
        if value.shape != shape:
            value = np.broadcast_to(value, shape)
        if value.dtype == object and node.type.width <= INT64_BITS:
            value = value.astype(np.int64)
        values[node] = value
        if observe is not None:
            observe(node, args, value)
        for arg in set(node.args):
            if last[arg] is node and arg not in keep:
                del values[arg]
    return {node: values[node] for node in wanted}


def evaluate(graph: Graph, inputs: Ints, observe: Observer | None = None) -> Ints:
    """Output integers of shape (samples, outputs) from input integers (samples, inputs).

    Column j holds integers at the exponent of ``graph.inputs[j].type`` (or of the output). Raises
    IRError where an input lies outside its interval.
    """
    inputs = np.asarray(inputs)
    if inputs.ndim != 2 or inputs.shape[1] != len(graph.inputs):
        raise IRError(
            "the input array does not fit the graph",
            received=f"shape {inputs.shape}, expected (samples, {len(graph.inputs)})",
        )
    feeds = {}
    for j, node in enumerate(graph.inputs):
        column = inputs[:, j]
        outside = (column < node.type.lo) | (column > node.type.hi)
        if outside.any():
            sample = int(np.argmax(outside))
            raise IRError(
                f"input '{node.attrs[0]}' is outside its interval {node.type}",
                received=f"{int(column[sample])} in sample {sample}",
            )
        feeds[node] = column
    values = evaluate_nodes(feeds, graph.outputs, observe)
    big = any(v.dtype == object for v in values.values())
    out = np.empty((len(inputs), len(graph.outputs)), dtype=object if big else np.int64)
    for j, node in enumerate(graph.outputs):
        out[:, j] = values[node]
    return out


def output_integers(
    graph: Graph,
    interface: Interface,
    inputs: Ints,
    observe: Observer | None = None,
) -> Ints:
    """Output port integers of the graph: a port may have a finer exponent than its node."""
    n = evaluate(graph, inputs, observe)
    types = [t for port in interface.outputs for t in port.types]
    for j, (node, port) in enumerate(zip(graph.outputs, types, strict=True)):
        if not node.type.is_zero and node.type.exp != port.exp:
            n = n.astype(object) if port.width > INT64_BITS else n
            n[:, j] <<= node.type.exp - port.exp
    return n

"""The area of a graph: what its nodes need, less what LUTs of adders take in."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from hgq_rtl.ir.graph import Graph
from hgq_rtl.ir.node import Node
from hgq_rtl.ir.ops import ADD, CAST, MAX, SHIFT, TABLE
from hgq_rtl.timing.model import DelayModel

LUT_INPUTS = {"xilinx-us+": 6, "xilinx-7": 6}
"""Inputs of the LUT in front of each carry; other targets are not known to absorb anything."""


def luts(graph: Graph, device: DelayModel) -> float:
    """LUTs of a native graph on a device."""
    absorbed = absorbed_by_adders(graph.nodes, graph.outputs, device)
    return sum(
        device.cost(node, graph.origin(node)) for node in graph.nodes if node not in absorbed
    )


def absorbed_by_adders(
    nodes: Iterable[Node], outputs: Collection[Node], device: DelayModel
) -> set[Node]:
    """The nodes whose logic goes into the LUTs of the adders that read them, so that it is free.

    The LUT of an adder bit computes a XOR b, and the carry needs one of them itself; the other may
    be any function of the remaining inputs. Which one it is the tools decide, but for a difference,
    where it is the subtrahend; only these count here. ``nodes``: in topological order;
    ``outputs``: read by others as well.
    """
    room = LUT_INPUTS.get(device.target, 0) - 1
    visible = set(outputs)
    free: set[Node] = set()
    order = list(nodes)
    for node in order:
        small = node.op is TABLE and node.args[0].type.width <= room
        if small or (node.op is MAX and room >= 2 and node.args[1].type.is_zero):
            free.add(node)
    for node in reversed(order):
        if node in visible:
            _seen(node, free)
        if node.op in (SHIFT, CAST):
            if node in visible:
                _seen(node.args[0], free)
            continue
        absorbing = node.op is ADD and node.attrs[0] and not node.args[0].type.is_const
        for position, arg in enumerate(node.args):
            if not (absorbing and position == 1):
                _seen(arg, free)
    return free


def _seen(node: Node, free: set[Node]) -> None:
    """Something needs this value on wires."""
    while node.op in (SHIFT, CAST):
        node = node.args[0]
    free.discard(node)

"""The places of a graph where vectors should do all that can happen, node by node."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hgq_rtl.fixed import Ints
from hgq_rtl.ir.graph import Graph
from hgq_rtl.ir.interface import Interface
from hgq_rtl.ir.node import Node
from hgq_rtl.ir.ops import COMPARE, LOOKUP, MAX, MIN, MUX, REG, TABLE
from hgq_rtl.ir.ops.common import aligned, on_one_grid, pair

KINDS = ("output bits", "table entries", "saturations", "choices")
"""Each output bit 0 and 1; each entry of a table looked up; a value beyond the limit of a ``max``
or ``min`` with a constant, ReLU included, and one within it; either of two different values
chosen."""
UNSEEN = -1
"""No point, in ``Place.hits``; no vector yet, among first vectors."""

Indices = NDArray[np.int64]
Distances = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Place:
    """One node whose behaviour falls into numbered points that vectors should reach.

    ``hits(probes)`` gives the point of each vector, or several in columns, or -1, from the
    integers of the nodes in ``probes``. ``distance(points, probes)`` says how far each vector is
    from the point of the same row: 0 where it is reached.
    """

    kind: str
    name: str
    label: Callable[[int], str]
    reachable: NDArray[np.bool_]
    """What the intervals of the arguments do not rule out."""
    probes: tuple[Node, ...]
    hits: Callable[[Sequence[Ints]], Indices]
    distance: Callable[[Indices, Sequence[Ints]], Distances]


def places(graph: Graph, interface: Interface) -> Iterator[Place]:
    """The bits of the outputs, and the tables, limits and choices on the way to them."""
    yield from _output_bits(graph, interface)
    for node in graph.nodes:
        name = graph.origin(node) or node.op.name
        if node.op in (TABLE, LOOKUP):
            yield _entries(node, name)
        elif node.op in (MAX, MIN):
            yield _extremum(node, name)
        elif node.op is MUX:
            yield _mux(node, name)


def _output_bits(graph: Graph, interface: Interface) -> Iterator[Place]:
    """Points 2i and 2i + 1 of an output: its bit i is 0, and is 1."""
    names = [port.element_name(j) for port in interface.outputs for j in range(port.size)]
    types = [t for port in interface.outputs for t in port.types]
    for node, name, t in zip(graph.outputs, names, types, strict=True):
        if t.width:
            yield _bits(node, name, t.width, 0 if node.type.is_zero else node.type.exp - t.exp)


def _bits(node: Node, name: str, width: int, shift: int) -> Place:
    lo, hi = node.type.lo, node.type.hi
    reachable = []
    for bit in range(width):
        blocks = range(lo >> bit - shift, (hi >> bit - shift) + 1)[:2] if bit >= shift else range(1)
        reachable += [any(b & 1 == v for b in blocks) for v in (0, 1)]

    def hits(probes: Sequence[Ints]) -> Indices:
        (n,) = probes
        bits = [((n >> max(b - shift, 0)) & int(b >= shift)).astype(np.int64) for b in range(width)]
        return np.stack([2 * b + value for b, value in enumerate(bits)], axis=1)

    def distance(points: Indices, probes: Sequence[Ints]) -> Distances:
        (n,) = probes
        bit = np.maximum(points // 2 - shift, 0)
        rest = n & ((1 << bit) - 1)
        away = np.minimum(rest + 1, (1 << bit) - rest)
        return np.where((n >> bit) & 1 == points % 2, 0, away).astype(np.float64)

    return Place(
        "output bits",
        name,
        lambda point: f"bit {point // 2} is {point % 2}",
        np.array(reachable),
        (node,),
        hits,
        distance,
    )


def _entries(node: Node, name: str) -> Place:
    (arg,) = node.args
    entries, lo, step, _ = node.attrs[:4]
    reachable = np.zeros(len(entries), dtype=bool)
    t = arg.type.at(step)
    reachable[t.lo - lo : t.hi - lo + 1 : 1 << (0 if t.is_zero else arg.type.exp - step)] = True

    def hits(probes: Sequence[Ints]) -> Indices:
        return np.asarray(aligned(arg, step, probes[0]) - lo).astype(np.int64)

    return Place(
        "table entries",
        name,
        lambda point: str(point + lo),
        reachable,
        (arg,),
        hits,
        lambda points, probes: np.abs(hits(probes) - points).astype(np.float64),
    )


def _extremum(node: Node, name: str) -> Place:
    """Point 0: the first argument alone is the result; point 1: the second alone is."""
    sign = 1 if node.op is MAX else -1
    a, b = on_one_grid(tuple(arg.type for arg in node.args))
    const = [arg.type.is_const for arg in node.args]
    words = ("first", "second")
    if any(const):
        words = ("limited", "within") if const[0] else ("within", "limited")

    def excess(probes: Sequence[Ints]) -> Ints:
        x, y = pair(node, probes[0], probes[1])
        return sign * (x - y)

    def hits(probes: Sequence[Ints]) -> Indices:
        more = excess(probes)
        return np.where(more > 0, 0, np.where(more < 0, 1, UNSEEN)).astype(np.int64)

    def distance(points: Indices, probes: Sequence[Ints]) -> Distances:
        more = excess(probes).astype(np.float64)
        return np.asarray(np.maximum(0.0, 1 - np.where(points == 0, more, -more)))

    greater, less = a.hi > b.lo, a.lo < b.hi
    return Place(
        "saturations" if any(const) else "choices",
        name,
        words.__getitem__,
        np.array([greater, less] if sign > 0 else [less, greater]),
        node.args,
        hits,
        distance,
    )


def _mux(node: Node, name: str) -> Place:
    """Point 0: the first value is chosen; point 1: the second; while they differ."""
    condition = node.args[0]
    while condition.op is REG:
        condition = condition.args[0]
    # How far a comparison is from turning guides the search; other conditions are all or nothing.
    guide = condition.args if condition.op is COMPARE else ()

    def hits(probes: Sequence[Ints]) -> Indices:
        c, a, b = probes[:3]
        x, y = (
            aligned(arg, node.type.exp, n) for arg, n in zip(node.args[1:], (a, b), strict=True)
        )
        return np.where(x == y, UNSEEN, np.where(c.astype(bool), 0, 1)).astype(np.int64)

    def distance(points: Indices, probes: Sequence[Ints]) -> Distances:
        reached = hits(probes) == points
        wrong = probes[0] != (points == 0)
        away = np.ones(len(points))
        if guide:
            x, y = pair(condition, probes[3], probes[4])
            less = (x - y).astype(np.float64)
            if condition.attrs[0] == "eq":
                away = np.maximum(np.abs(less), 1)
            else:
                away = np.where(points == 0, less + 1, -less)
        return np.asarray(np.where(reached, 0.0, np.where(wrong, away, 0.0) + 0.5))

    return Place(
        "choices",
        name,
        ("first", "second").__getitem__,
        np.ones(2, dtype=bool),
        (*node.args, *guide),
        hits,
        distance,
    )

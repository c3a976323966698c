"""Sorting networks: sort, argsort, the largest few, and where an extremum is.

An element and its position are kept together as one number, the position below the element's
least significant bit; minima and maxima of these then decide ties by the position, as a stable
sort does, and no comparison needs a multiplexer of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hgq_rtl.errors import LoweringError
from hgq_rtl.fixed import common_exp
from hgq_rtl.ir.node import Builder, Node
from hgq_rtl.ir.ops import ADD, MAX, MIN, SHIFT, TABLE, XOR, cast, constant
from hgq_rtl.lowering.array import FixedArray
from hgq_rtl.lowering.functions.reductions import Axis, axes_of, grouped, reduced, tree
from hgq_rtl.lowering.functions.scalar import extremum
from hgq_rtl.lowering.quantize import floor_to
from hgq_rtl.lowering.registry import implements


def comparators(n: int) -> Iterator[tuple[int, int]]:
    """Batcher's odd-even merge sort of n elements, as pairs to be brought in order.

    Knuth, The Art of Computer Programming 3, algorithm 5.2.2M; n need not be a power of two.

    >>> list(comparators(3))
    [(0, 2), (0, 1), (1, 2)]
    """
    top = 1 << max(0, (n - 1).bit_length() - 1)
    p = top
    while p > 0:
        q, r, d = top, 0, p
        while d > 0:
            for i in range(n - d):
                if i & p == r:
                    yield i, i + d
            d, q, r = q - p, q >> 1, p
        p >>= 1


def network(build: Builder, nodes: list[Node]) -> list[Node]:
    """The nodes in rising order."""
    smaller: Any = extremum(MIN)
    larger: Any = extremum(MAX)
    for i, j in comparators(len(nodes)):
        pair = nodes[i], nodes[j]
        nodes[i], nodes[j] = smaller(build, *pair), larger(build, *pair)
    return nodes


def position_bits(n: int) -> int:
    """Bits of a position among n."""
    return (n - 1).bit_length()


def marked(build: Builder, nodes: list[Node], *, falling: bool) -> tuple[list[Node], int]:
    """Every node with its position below its bits, and the exponent of the nodes' own grid.

    ``falling``: the first of equal elements counts as the largest, else as the smallest.
    """
    exp, bits = common_exp(*(node.type for node in nodes)), position_bits(len(nodes))
    out = []
    for n, node in enumerate(nodes):
        mark = constant(build, len(nodes) - 1 - n if falling else n, exp - bits)
        out.append(mark if node.type.is_zero else build(ADD, node, mark, sub=False))
    return out, exp


def position(build: Builder, node: Node, exp: int, count: int, *, falling: bool) -> Node:
    """The position in a marked node, as an integer."""
    bits = position_bits(count)
    low = cast(build, node, exp - bits, bits, False)
    place = build(SHIFT, low, bits=bits - exp) if bits != exp and not low.type.is_zero else low
    if count == 1 << bits:
        return build(XOR, place, constant(build, count - 1, 0)) if falling and bits else place
    # A table of as many bits as a LUT has says what arithmetic cannot: that it is a position.
    last = count - 1
    entries = tuple(max(last - n, 0) if falling else min(n, last) for n in range(1 << bits))
    return build(TABLE, place, entries=entries, lo=0, step=0, exp=0)


# --- extrema -------------------------------------------------------------------------------------


def _one_axis(name: str, axis: int | None) -> Axis:
    if isinstance(axis, tuple):
        raise LoweringError(f"{name} takes one axis, or None for all", received=f"axis={axis}")
    return axis


@implements(np.argmax)
def argmax(a: FixedArray, axis: int | None = None, *, keepdims: bool = False) -> FixedArray:
    """Where the largest element is; the first of several."""

    def first(build: Builder, nodes: list[Node]) -> Node:
        found, exp = marked(build, nodes, falling=True)
        winner = tree(extremum(MAX))(build, found)
        return position(build, winner, exp, len(nodes), falling=True)

    return reduced("argmax", first, a, _one_axis("numpy.argmax", axis), keepdims)


@implements(np.argmin)
def argmin(a: FixedArray, axis: int | None = None, *, keepdims: bool = False) -> FixedArray:
    """Where the smallest element is; the first of several."""

    def first(build: Builder, nodes: list[Node]) -> Node:
        found, exp = marked(build, nodes, falling=False)
        winner = tree(extremum(MIN))(build, found)
        return position(build, winner, exp, len(nodes), falling=False)

    return reduced("argmin", first, a, _one_axis("numpy.argmin", axis), keepdims)


# --- order ---------------------------------------------------------------------------------------


def _rows(name: str, a: FixedArray, axis: int | None, order: Any) -> NDArray[Any]:
    """Every row along ``axis`` replaced by ``order`` of its nodes."""
    if axis is None:
        a, axis = a.ravel(), 0
    (axis,) = axes_of(a, axis)
    nodes = grouped(a, axis).nodes(name)
    rows = np.empty(nodes.shape[:-1], dtype=object)
    for index in np.ndindex(rows.shape):
        with a.build.within("_".join([name, *map(str, index)])):
            rows[index] = order(a.build, list(nodes[index]))
    length = len(rows.flat[0]) if rows.size else 0
    out = np.empty((*rows.shape, length), dtype=object)
    for index in np.ndindex(rows.shape):
        out[index] = rows[index]
    return np.moveaxis(out, -1, axis)


@implements(np.sort)
def sort(
    a: FixedArray, axis: int | None = -1, kind: Any = None, *, stable: Any = None
) -> FixedArray:
    """In rising order along an axis (None: flat); ``kind`` says nothing about hardware."""
    return a.like(_rows("sort", a, axis, network))


@implements(np.argsort)
def argsort(
    a: FixedArray, axis: int | None = -1, kind: Any = None, *, stable: Any = None
) -> FixedArray:
    """The positions in rising order; equal elements keep their order."""
    if kind != "stable" and not stable:
        raise LoweringError(
            "numpy.argsort leaves the order of equal elements open, and hardware must not",
            received=f"kind={kind!r}",
            hint="Use numpy.argsort(x, kind='stable')",
        )

    def order(build: Builder, nodes: list[Node]) -> list[Node]:
        found, exp = marked(build, nodes, falling=False)
        ranked = network(build, found)
        return [position(build, node, exp, len(nodes), falling=False) for node in ranked]

    return FixedArray(a.build, _rows("argsort", a, axis, order))


def top_k(x: FixedArray, k: int) -> tuple[FixedArray, FixedArray]:
    """The k largest elements of the last axis, falling, and where they are; the first of equals."""
    if not 1 <= k <= x.shape[-1]:
        raise LoweringError("top_k takes from 1 to all elements of the last axis",
                            received=f"k={k} of {x.shape[-1]}")  # fmt: skip

    def order(build: Builder, nodes: list[Node]) -> list[Node]:
        found, exp = marked(build, nodes, falling=True)
        best = network(build, found)[::-1][:k]
        places = [position(build, node, exp, len(nodes), falling=True) for node in best]
        return [floor_to(build, node, exp) for node in best] + places

    both = _rows("top_k", x, -1, order)
    return FixedArray(x.build, both[..., :k]), FixedArray(x.build, both[..., k:])


@implements(np.median)
def median(a: FixedArray, axis: int | None = None, *, keepdims: bool = False) -> Any:
    """The middle one, or the mean of the middle two."""
    rows = sort(grouped(a, axis))
    n = rows.shape[-1]
    y: Any = (rows[..., (n - 1) // 2] + rows[..., n // 2]) / 2 if n % 2 == 0 else rows[..., n // 2]
    if keepdims:
        y = y.reshape([1 if m in axes_of(a, axis) else s for m, s in enumerate(a.shape)])
    return y


@implements(np.partition)
def partition(a: FixedArray, kth: Any, axis: int | None = -1) -> FixedArray:
    """Fully sorted, which is a partition for every ``kth``."""
    return sort(a, axis)

"""Look-up tables of a FixedArray: any function of one value, entry by entry."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hgq_rtl.errors import LoweringError
from hgq_rtl.fixed import exact_integers
from hgq_rtl.ir.node import Node
from hgq_rtl.ir.ops import TABLE, constant

if TYPE_CHECKING:
    from hgq_rtl.lowering.array import FixedArray

LARGEST = 1 << 16
"""Most entries of one table. A wide input is a mistake far more often than a wish."""
CHUNK = 1 << 20
"""Values that the function is given at once."""

Function = Callable[[NDArray[np.float64]], NDArray[np.float64]]


def table(x: FixedArray, function: Function) -> FixedArray:
    """``function`` of every element of ``x``, computed now for all values the element can have.

    ``function``: float64 array (rows, *x.shape) to one of the same shape; entry j of a row must
    depend on entry j of its argument alone. Row r holds the r-th value of every element, counted
    from the lowest (the highest where an element has fewer).
    Raises LoweringError for an element of more than ``LARGEST`` values.
    """
    nodes = x._nodes("a table")
    flat: list[Node] = list(nodes.flat)
    counts = [node.type.hi - node.type.lo + 1 for node in flat]
    if max(counts, default=0) > LARGEST:
        at = counts.index(max(counts))
        index = tuple(int(n) for n in np.unravel_index(at, nodes.shape))
        raise LoweringError(
            f"a table of more than {LARGEST} entries",
            received=f"{counts[at]} values of element {index}, of type {flat[at].type}",
            hint="Quantize its input to 16 bits or less (with sign), "
            "or train with a larger beta, which makes widths cost more",
        )
    values = _evaluate(flat, counts, nodes.shape, function)

    def one(node: Node, at: Any) -> Node:
        column = values[: counts[at], at]
        exp = common_exponent(column)
        entries = tuple(int(n) for n in exact_integers(column, exp))
        if min(entries) == max(entries):
            return constant(x.build, entries[0], exp)
        t = node.type
        return x.build(TABLE, node, entries=entries, lo=t.lo, step=t.exp, exp=exp)

    return x._map("table", one, nodes, np.arange(len(flat)).reshape(nodes.shape))


def _evaluate(
    nodes: list[Node], counts: list[int], shape: tuple[int, ...], function: Function
) -> NDArray[np.float64]:
    """Values of the function, (rows, elements)."""
    rows = max(counts, default=1)
    lo, exp = (np.array([getattr(n.type, a) for n in nodes], np.int64) for a in ("lo", "exp"))
    last = np.array(counts, np.int64) - 1
    # All chunks have one shape, so that the function is compiled once.
    step = max(1, min(rows, CHUNK // max(1, len(nodes))))
    parts = []
    for start in range(0, rows, step):
        r = np.arange(start, start + step)[:, None]
        grid = np.ldexp((lo + np.minimum(r, last)).astype(np.float64), exp.astype(np.int32))
        parts.append(function(grid.reshape(step, *shape)).reshape(step, len(nodes)))
    return np.concatenate(parts)


def common_exponent(values: NDArray[np.float64]) -> int:
    """The largest exp of which all ``values`` are multiples of 2^exp; 0 for zeros."""
    values = values[values != 0]
    if not len(values):
        return 0
    mantissa, exponent = np.frexp(values)
    n = np.ldexp(mantissa, 53).astype(np.int64)
    zeros = np.frexp((n & -n).astype(np.float64))[1] - 1
    return int((exponent - 53 + zeros).min())

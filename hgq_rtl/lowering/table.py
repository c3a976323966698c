"""Look-up tables: any function of one value, entry by entry."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hgq_rtl.errors import LoweringError
from hgq_rtl.fixed import Fixed, exact_integers, quantize_float
from hgq_rtl.ir.node import Builder, Node
from hgq_rtl.ir.ops import TABLE, constant
from hgq_rtl.lowering.elements import SHORT, Element, Pending, Real
from hgq_rtl.lowering.inputs import Unquantized

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
    nodes = x.nodes("a table")
    flat: list[Node] = list(nodes.flat)
    counts = [node.type.hi - node.type.lo + 1 for node in flat]
    for at, count in enumerate(counts):
        if count > LARGEST:
            index = tuple(int(n) for n in np.unravel_index(at, nodes.shape))
            raise _too_large(f"{count} values of element {index}, of type {flat[at].type}")
    values = _evaluate(flat, counts, nodes.shape, function)

    def one(node: Node, at: Any) -> Node:
        column = values[: counts[at], at]
        exp = common_exponent(column)
        return fill(x.build, node, tuple(int(n) for n in exact_integers(column, exp)), exp)

    return x.map("table", one, nodes, np.arange(len(flat)).reshape(nodes.shape))


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


def fill(build: Builder, source: Node, entries: tuple[int, ...], exp: int) -> Node:
    """The table of ``entries``·2^exp, one for each value of ``source`` from the lowest up."""
    if min(entries) == max(entries):
        return constant(build, entries[0], exp)
    t = source.type
    return build(TABLE, source, entries=entries, lo=t.lo, step=t.exp, exp=exp)


Format = tuple[int, int, int, str, str]
Entries = tuple[tuple[int, ...], int]


def entries(x: Pending, form: Format | None, known: dict[Any, Any]) -> Entries:
    """Integers and exponent of a function's values, quantized to ``form`` or (None) as they are.

    ``known`` remembers what was computed, for arrays of many equal tables. Raises LoweringError
    for too many values, values that are not finite, and unquantized ones that are too long.
    """
    key = (x.function, x.source.type, form)
    if key not in known:
        known[key] = _entries(x, form)
    return known[key]


def _entries(x: Pending, form: Format | None) -> Entries:
    t = x.source.type
    if t.hi - t.lo >= LARGEST:
        raise _too_large(f"'{x.name}' of a value of type {t}")
    grid = np.ldexp(np.arange(t.lo, t.hi + 1, dtype=np.float64), t.exp)
    with np.errstate(all="ignore"):
        values = np.asarray(x.function(grid), dtype=np.float64)
    if not np.isfinite(values).all():
        at = int(np.argmin(np.isfinite(values)))
        raise LoweringError(
            f"'{x.name}' is not finite for every value that its argument can have",
            received=f"{values[at]} at {grid[at]}, of type {t}",
            hint="Limit the argument first, with numpy.maximum or numpy.clip",
        )
    if form is not None:
        k, i, f, rounding, overflow = form
        n = quantize_float(values, k, i, f, rounding, overflow)
        return tuple(int(v) for v in n), -f
    exp = common_exponent(values)
    n = exact_integers(values, exp)
    width = Fixed(int(n.min()), int(n.max()), exp).width
    if width > SHORT:
        raise LoweringError(
            f"the results of '{x.name}' fit no fixed-point format of {SHORT} bits or less",
            received=f"values of {width} bits, such as {values[np.argmax(n % 2)]}",
            hint="Quantize them, with hgq_rtl.quantize(x, k, i, f) or a Quantizer layer behind it",
        )
    return tuple(int(v) for v in n), exp


def resolved(build: Builder, element: Element, doing: str, known: dict[Any, Any]) -> Node:
    """The node of an element. Raises LoweringError where there is none; see FixedArray.nodes."""
    if isinstance(element, Unquantized):
        raise LoweringError(
            f"{doing} needs a quantized input",
            received=f"element '{element.name}' of input '{element.port.name}', "
            "which has no width yet",
            hint="Put a Quantizer before it (a layer with enable_iq=True has one), "
            "or declare the input's format with inputs=",
        )
    if isinstance(element, Real):
        raise LoweringError(
            f"{doing} takes constants of {SHORT} significant bits or less",
            received=repr(element.value),
            hint="Use a fraction of a power of two, such as 13/128 for 0.1, "
            "or quantize it with hgq_rtl.quantize",
        )
    if isinstance(element, Pending):
        return fill(build, element.source, *entries(element, None, known))
    return element


def _too_large(received: str) -> LoweringError:
    return LoweringError(
        f"a table of more than {LARGEST} entries",
        received=received,
        hint="Quantize its input to 16 bits or less (with sign), "
        "or train with a larger beta, which makes widths cost more",
    )


def check_size(what: str, nodes: Iterable[Node]) -> None:
    """Raise LoweringError for a function inside a layer of values that no table can hold."""
    for t in (node.type for node in nodes):
        if t.hi - t.lo >= LARGEST:
            raise LoweringError(
                f"{what} would be a table of more than {LARGEST} entries",
                received=f"values of type {t}",
                hint="Leave it out of this layer, and put a QUnaryFunctionLUT behind: its input "
                "quantizer gives the table its width",
            )


def common_exponent(values: NDArray[np.float64]) -> int:
    """The largest exp of which all ``values`` are multiples of 2^exp; 0 for zeros."""
    values = values[values != 0]
    if not len(values):
        return 0
    mantissa, exponent = np.frexp(values)
    n = np.ldexp(mantissa, 53).astype(np.int64)
    zeros = np.frexp((n & -n).astype(np.float64))[1] - 1
    return int((exponent - 53 + zeros).min())

"""Sums, products, extrema, means, conditions over axes, and running sums."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from hgq_rtl.errors import LoweringError
from hgq_rtl.ir.node import Builder, Node, Op
from hgq_rtl.ir.ops import AND, DOT, OR, XOR, constant
from hgq_rtl.lowering.array import FixedArray
from hgq_rtl.lowering.functions.bits import bitwise
from hgq_rtl.lowering.functions.conditions import logical, truth
from hgq_rtl.lowering.functions.ufuncs import EXACT
from hgq_rtl.lowering.registry import UFUNCS, implements

Axis = int | tuple[int, ...] | None
Reduce = Callable[[Builder, list[Node]], Node]


def axes_of(x: Any, axis: Axis) -> tuple[int, ...]:
    """The axes, counted from the front; None is all. Raises LoweringError for unknown ones."""
    given = range(x.ndim) if axis is None else (axis,) if isinstance(axis, int) else tuple(axis)
    if any(not -x.ndim <= a < x.ndim for a in given):
        raise LoweringError("an axis that the array does not have",
                            received=f"axis={axis} of shape {x.shape}")  # fmt: skip
    return tuple(sorted({int(a) % x.ndim for a in given}))


def grouped(x: FixedArray, axis: Axis) -> FixedArray:
    """The array with the elements of ``axis`` side by side on a new last axis."""
    axes = axes_of(x, axis)
    kept = [a for a in range(x.ndim) if a not in axes]
    length = int(np.prod([x.shape[a] for a in axes], dtype=np.int64))
    return x.transpose(*kept, *axes).reshape(*(x.shape[a] for a in kept), length)


def reduced(
    name: str, reduce: Reduce, x: FixedArray, axis: Axis, keepdims: bool, *, is_bool: bool = False
) -> FixedArray:
    """``reduce`` of every group of elements along the axes."""
    rows = grouped(x, axis)
    nodes = rows.nodes(f"'{name}'")
    out = np.empty(nodes.shape[:-1], dtype=object)
    for index in np.ndindex(out.shape):
        with x.build.within("_".join([name, *map(str, index)])):
            out[index] = reduce(x.build, list(nodes[index]))
    if keepdims:
        axes = axes_of(x, axis)
        out = out.reshape([1 if a in axes else n for a, n in enumerate(x.shape)])
    return FixedArray(x.build, out, is_bool=is_bool)


def tree(rule: Callable[..., Any]) -> Reduce:
    """Combine in pairs, and pairs of pairs: the shallowest tree of an associative function."""

    def reduce(build: Builder, nodes: list[Node]) -> Node:
        if not nodes:
            raise LoweringError("a reduction of no elements has no value")
        while len(nodes) > 1:
            merged = [rule(build, a, b) for a, b in zip(nodes[::2], nodes[1::2], strict=False)]
            nodes = merged + nodes[len(merged) * 2 :]
        return nodes[0]

    return reduce


def distinct(reduce: Reduce) -> Reduce:
    """The same for functions where a repeated element decides nothing."""
    return lambda build, nodes: reduce(build, list(dict.fromkeys(nodes)))


def total(build: Builder, nodes: list[Node]) -> Node:
    """The sum as one linear form, which later passes share and arrange."""
    if not nodes:
        return constant(build, 0, 0)
    return build.make(DOT, tuple(nodes), ((1,) * len(nodes), 0, 0, 0))


@implements(np.sum)
def sum_(a: FixedArray, axis: Axis = None, *, keepdims: bool = False) -> FixedArray:
    """The sum; of truth values, their number."""
    return reduced("sum", total, a, axis, keepdims)


@implements(np.count_nonzero)
def count_nonzero(a: FixedArray, axis: Axis = None, *, keepdims: bool = False) -> FixedArray:
    """How many elements are not 0."""
    return sum_(a != 0, axis, keepdims=keepdims)


@implements(np.prod)
def prod(a: FixedArray, axis: Axis = None, *, keepdims: bool = False) -> FixedArray:
    """The product."""
    return reduced("prod", tree(EXACT[np.multiply]), a, axis, keepdims)


@implements(np.max, np.amax)
def max_(a: FixedArray, axis: Axis = None, *, keepdims: bool = False) -> FixedArray:
    """The largest element."""
    rule = logical(OR) if a.is_bool else EXACT[np.maximum]
    return reduced("max", distinct(tree(rule)), a, axis, keepdims, is_bool=a.is_bool)


@implements(np.min, np.amin)
def min_(a: FixedArray, axis: Axis = None, *, keepdims: bool = False) -> FixedArray:
    """The smallest element."""
    rule = logical(AND) if a.is_bool else EXACT[np.minimum]
    return reduced("min", distinct(tree(rule)), a, axis, keepdims, is_bool=a.is_bool)


@implements(np.ptp)
def ptp(a: FixedArray, axis: Axis = None, *, keepdims: bool = False) -> Any:
    """The largest less the smallest element."""
    return max_(a, axis, keepdims=keepdims) - min_(a, axis, keepdims=keepdims)


def _condition(op: Op) -> Reduce:
    def reduce(build: Builder, nodes: list[Node]) -> Node:
        if not nodes:
            return constant(build, int(op is AND), 0)
        return distinct(tree(logical(op)))(build, [truth(build, node) for node in nodes])

    return reduce


@implements(np.all)
def all_(a: FixedArray, axis: Axis = None, *, keepdims: bool = False) -> FixedArray:
    """Whether no element is 0."""
    return reduced("all", _condition(AND), a, axis, keepdims, is_bool=True)


@implements(np.any)
def any_(a: FixedArray, axis: Axis = None, *, keepdims: bool = False) -> FixedArray:
    """Whether some element is not 0."""
    return reduced("any", _condition(OR), a, axis, keepdims, is_bool=True)


def _bitwise_reduction(op: Op) -> Callable[..., FixedArray]:
    def run(a: FixedArray, axis: Axis = None, *, keepdims: bool = False) -> FixedArray:
        rule = logical(op) if a.is_bool else bitwise(op)
        return reduced(op.name, tree(rule), a, axis, keepdims, is_bool=a.is_bool)

    return run


@implements(np.mean)
def mean(a: FixedArray, axis: Axis = None, *, keepdims: bool = False) -> Any:
    """The sum divided by the number of elements: exact for a power of two, else see ``Pending``."""
    return sum_(a, axis, keepdims=keepdims) / _count(a, axis)


def _count(a: FixedArray, axis: Axis) -> int:
    return int(np.prod([a.shape[n] for n in axes_of(a, axis)], dtype=np.int64))


@implements(np.average)
def average(
    a: FixedArray, axis: int | None = None, weights: Any = None, *, keepdims: bool = False
) -> Any:
    """The mean, with constant weights."""
    if weights is None:
        return mean(a, axis, keepdims=keepdims)
    if isinstance(weights, FixedArray):
        raise LoweringError(
            "numpy.average takes constant weights, since it divides by their sum",
            hint="Write numpy.sum(a * weights), and divide by hgq_rtl.quantize(1 / sum, k, i, f)",
        )
    weights = np.asarray(weights, dtype=np.float64)
    if weights.ndim == 1 and axis is not None and a.ndim > 1:
        weights = weights.reshape([-1 if n == axis % a.ndim else 1 for n in range(a.ndim)])
    total_weight = np.broadcast_to(weights, a.shape).sum(axis=axis, keepdims=keepdims)
    return np.sum(a * weights, axis=axis, keepdims=keepdims) / total_weight


@implements(np.var)
def var(a: FixedArray, axis: Axis = None, *, ddof: int = 0, keepdims: bool = False) -> Any:
    """The mean square of the differences to the mean."""
    difference = a - mean(a, axis, keepdims=True)
    return sum_(np.square(difference), axis, keepdims=keepdims) / (_count(a, axis) - ddof)


@implements(np.std)
def std(a: FixedArray, axis: Axis = None, *, ddof: int = 0, keepdims: bool = False) -> Any:
    """The square root of the variance."""
    return np.sqrt(var(a, axis, ddof=ddof, keepdims=keepdims))


# --- running -------------------------------------------------------------------------------------


def running(name: str, rule: Callable[..., Any], a: FixedArray, axis: int | None) -> FixedArray:
    """``rule`` of the first n elements for every n, in a tree of depth log2 (Sklansky's adder).

    Sklansky, Conditional-sum addition logic, IRE Trans. Electronic Computers 9 (1960).
    """
    if axis is None:
        a, axis = a.ravel(), 0
    (axis,) = axes_of(a, axis)
    nodes = np.moveaxis(a.nodes(f"'{name}'"), axis, 0).copy()
    step = 1
    while step < len(nodes):
        for n in range(len(nodes)):
            if n & step:
                last = (n & ~(2 * step - 1)) + step - 1
                for inner in np.ndindex(nodes.shape[1:]):
                    with a.build.within("_".join([name, *map(str, (n, *inner))])):
                        nodes[n, *inner] = rule(a.build, nodes[last, *inner], nodes[n, *inner])
        step *= 2
    return FixedArray(a.build, np.moveaxis(nodes, 0, axis))


@implements(np.cumsum)
def cumsum(a: FixedArray, axis: int | None = None) -> FixedArray:
    """Running sums."""
    return running("cumsum", EXACT[np.add], a, axis)


@implements(np.cumulative_sum)
def cumulative_sum(x: FixedArray, *, axis: int | None = None) -> FixedArray:
    """Running sums."""
    return cumsum(x, axis)


@implements(np.cumprod)
def cumprod(a: FixedArray, axis: int | None = None) -> FixedArray:
    """Running products."""
    return running("cumprod", EXACT[np.multiply], a, axis)


@implements(np.cumulative_prod)
def cumulative_prod(x: FixedArray, *, axis: int | None = None) -> FixedArray:
    """Running products."""
    return cumprod(x, axis)


@implements(np.diff)
def diff(a: Any, n: int = 1, axis: int = -1) -> Any:
    """Differences of neighbours, n times."""
    (axis,) = axes_of(a, axis)
    for _ in range(n):
        later, earlier = [slice(None)] * a.ndim, [slice(None)] * a.ndim
        later[axis], earlier[axis] = slice(1, None), slice(None, -1)
        a = np.subtract(a[tuple(later)], a[tuple(earlier)])
    return a


# --- methods of ufuncs ----------------------------------------------------------------------

_REDUCE: dict[np.ufunc, Callable[..., Any]] = {
    np.add: sum_,
    np.multiply: prod,
    np.maximum: max_,
    np.minimum: min_,
    np.logical_and: all_,
    np.logical_or: any_,
    np.bitwise_and: _bitwise_reduction(AND),
    np.bitwise_or: _bitwise_reduction(OR),
    np.bitwise_xor: _bitwise_reduction(XOR),
}


def _reduce(ufunc: np.ufunc, a: FixedArray, axis: Axis = 0, *, keepdims: bool = False) -> Any:
    if a.is_bool and ufunc is np.add:
        ufunc = np.logical_or
    return _REDUCE[ufunc](a, axis, keepdims=keepdims)


def _accumulate(ufunc: np.ufunc, a: FixedArray, axis: int = 0) -> FixedArray:
    return running(ufunc.__name__, EXACT[ufunc], a, axis)


def _outer(ufunc: np.ufunc, a: Any, b: Any) -> Any:
    return ufunc(np.reshape(a, (*np.shape(a), *(1,) * np.ndim(b))), b)


for _ufunc in _REDUCE:
    UFUNCS[_ufunc, "reduce"] = _reduce
for _ufunc in (np.add, np.multiply, np.maximum, np.minimum):
    UFUNCS[_ufunc, "accumulate"] = _accumulate
UFUNCS[None, "outer"] = _outer


@implements(np.outer)
def outer(a: Any, b: Any) -> Any:
    """All products of two flat arrays."""
    return np.multiply(np.ravel(a)[:, None], np.ravel(b))

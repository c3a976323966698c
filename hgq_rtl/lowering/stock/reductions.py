"""Operations of ``keras.ops`` over axes: sums, extrema, order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from keras import ops

from hgq_rtl.errors import LoweringError
from hgq_rtl.lowering.array import FixedArray
from hgq_rtl.lowering.functions.sorting import top_k
from hgq_rtl.lowering.stock.elementwise import X
from hgq_rtl.lowering.stock.rules import class_of, lowers, number, positive_axis, without_batch

REDUCTIONS: dict[str, Callable[..., Any]] = {
    "sum": np.sum, "mean": np.mean, "prod": np.prod, "max": np.max, "min": np.min,
    "amax": np.max, "amin": np.min, "any": np.any, "all": np.all, "var": np.var, "std": np.std,
    "median": np.median, "ptp": np.ptp, "count_nonzero": np.count_nonzero,
}  # fmt: skip
"""Over one axis or several, by their name in ``keras.ops``."""
ALONG: dict[str, Callable[..., Any]] = {
    "argmax": np.argmax, "argmin": np.argmin, "sort": np.sort, "cumsum": np.cumsum,
    "cumprod": np.cumprod, "flip": np.flip,
    "argsort": lambda x, **axis: np.argsort(x, kind="stable", **axis),
}  # fmt: skip
"""Along one axis, which must be given."""


def _register(name: str, function: Callable[..., Any]) -> None:
    @lowers(class_of(getattr(ops, name)(X, axis=1)))
    def rule(layer: Any, x: FixedArray) -> Any:
        if getattr(layer, "initial", None) is not None:
            raise LoweringError("an extremum with an initial value has no lowering",
                                received=f"initial={layer.initial}",
                                hint="Use keras.ops.maximum or minimum behind it")  # fmt: skip
        axes: Any = without_batch(layer.axis, x.ndim + 1, f"'{name}'")
        if name == "median" and len(axes) == 1:
            (axes,) = axes
        keepdims = {"keepdims": True} if getattr(layer, "keepdims", False) else {}
        return function(x, axis=axes, **keepdims)


def _register_along(name: str, function: Callable[..., Any]) -> None:
    @lowers(class_of(getattr(ops, name)(X, axis=1)))
    def rule(layer: Any, x: FixedArray) -> Any:
        if layer.axis is None:
            raise LoweringError(f"'{name}' of the flat tensor would mix up samples",
                                received="axis=None", hint="Give an axis of 1 or more")  # fmt: skip
        keepdims = {"keepdims": True} if getattr(layer, "keepdims", False) else {}
        return function(x, axis=positive_axis(layer.axis, x.ndim + 1, f"'{name}'"), **keepdims)


for _name, _function in REDUCTIONS.items():
    if hasattr(ops, _name):  # the set has grown with Keras's versions
        _register(_name, _function)
for _name, _function in ALONG.items():
    _register_along(_name, _function)


@lowers(class_of(ops.average(X, axis=1)))
def _average(layer: Any, x: FixedArray, weights: Any = None) -> Any:
    axis = positive_axis(layer.axis, x.ndim + 1, "'average'")
    if weights is not None:
        weights = number(weights, x.ndim, "average")
    return np.average(x, axis=axis, weights=weights)


@lowers(class_of(ops.top_k(X, 1)))
def _top_k(layer: Any, x: FixedArray) -> tuple[FixedArray, FixedArray]:
    return top_k(x, layer.k)


@lowers(class_of(ops.diff(X)))
def _diff(layer: Any, a: FixedArray) -> Any:
    axis = positive_axis(layer.axis, a.ndim + 1, "'diff'")
    return np.diff(a, n=layer.n, axis=axis)

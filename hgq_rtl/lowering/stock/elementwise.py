"""Operations of ``keras.ops`` on single elements: NumPy's ufuncs, or functions as tables."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from hgq_rtl.errors import LoweringError
from hgq_rtl.lowering.array import FixedArray
from hgq_rtl.lowering.floats import of_keras
from hgq_rtl.lowering.functions.elementwise import evaluate, unary
from hgq_rtl.lowering.stock.rules import class_of, lowers, number, operand

X = keras.KerasTensor((None, 2, 2))
INTEGERS = keras.KerasTensor((None, 2, 2), dtype="int32")

UNARY: dict[str, Callable[..., Any]] = {
    "negative": np.negative, "absolute": np.absolute, "abs": np.absolute, "square": np.square,
    "sign": np.sign, "floor": np.floor, "ceil": np.ceil, "trunc": np.trunc,
    "logical_not": np.logical_not, "isfinite": np.isfinite, "isnan": np.isnan, "isinf": np.isinf,
    "signbit": np.signbit, "relu": FixedArray.relu,
    "relu6": lambda x: np.minimum(x.relu(), 6), "stop_gradient": lambda x: x,
    "zeros_like": np.zeros_like, "ones_like": np.ones_like,
}  # fmt: skip
"""Exact functions of one tensor, by their name in ``keras.ops``."""
BINARY: dict[str, np.ufunc] = {
    "add": np.add, "subtract": np.subtract, "multiply": np.multiply, "maximum": np.maximum,
    "minimum": np.minimum, "divide": np.divide, "true_divide": np.divide, "power": np.power,
    "floor_divide": np.floor_divide, "mod": np.remainder, "less": np.less,
    "less_equal": np.less_equal, "greater": np.greater, "greater_equal": np.greater_equal,
    "equal": np.equal, "not_equal": np.not_equal, "logical_and": np.logical_and,
    "logical_or": np.logical_or, "logical_xor": np.logical_xor, "arctan2": np.arctan2,
    "hypot": np.hypot, "logaddexp": np.logaddexp,
}  # fmt: skip
BITWISE: dict[str, np.ufunc] = {
    "bitwise_and": np.bitwise_and, "bitwise_or": np.bitwise_or, "bitwise_xor": np.bitwise_xor,
    "bitwise_left_shift": np.left_shift, "left_shift": np.left_shift,
    "bitwise_right_shift": np.right_shift, "right_shift": np.right_shift,
}  # fmt: skip
"""Exact functions of two tensors, or of a tensor and a constant."""
TABLES = (
    "exp", "expm1", "exp2", "log", "log1p", "log2", "log10", "sqrt", "rsqrt", "reciprocal",
    "cbrt", "sin", "cos", "tan", "arcsin", "arccos", "arctan", "sinh", "cosh", "tanh", "arcsinh",
    "arccosh", "arctanh", "erf", "erfinv", "sinc", "deg2rad", "rad2deg", "sigmoid", "log_sigmoid",
    "hard_sigmoid", "hard_tanh", "hard_silu", "silu", "softplus", "softsign", "elu", "selu",
    "celu", "gelu", "hard_shrink", "soft_shrink", "tanh_shrink", "squareplus", "sparse_plus",
    "sparse_sigmoid", "nan_to_num",
)  # fmt: skip
"""Functions of one value that become look-up tables; their classes know their parameters."""


def both(doing: str, a: Any, b: Any) -> tuple[Any, Any]:
    """Two operands without batch axis, at least one of them a FixedArray."""
    rank = max(v.ndim for v in (a, b) if isinstance(v, FixedArray))
    a, b = operand(a, rank, doing), operand(b, rank, doing)
    if isinstance(a, FixedArray) and isinstance(b, FixedArray) and a.ndim != b.ndim:
        # NumPy would align the batch axis of one with an axis of the other.
        raise LoweringError(
            f"{doing} of arrays with different numbers of axes mixes up samples",
            received=f"{a.ndim + 1} and {b.ndim + 1} axes",
            hint="Reshape one of them first, or use a merge layer such as Add",
        )
    return a, b


def _register_unary(name: str, function: Callable[..., Any]) -> None:
    @lowers(class_of(getattr(ops, name)(X)))
    def rule(layer: Any, x: FixedArray) -> Any:
        return function(x)


def _register_binary(name: str, ufunc: np.ufunc, sample: Any) -> None:
    second = sample if name not in ("left_shift", "right_shift") else 1

    @lowers(class_of(getattr(ops, name)(sample, second)))
    def rule(layer: Any, a: Any, b: Any) -> Any:
        return ufunc(*both(f"'{name}'", a, b))


def _register_table(name: str) -> None:
    if not hasattr(ops, name):  # the set has grown with Keras's versions
        return

    @lowers(class_of(getattr(ops, name)(X)))
    def rule(layer: Any, x: FixedArray) -> FixedArray:
        return unary(name, of_keras(layer.call), x)


for _name, _function in UNARY.items():
    _register_unary(_name, _function)
for _name, _ufunc in BINARY.items():
    _register_binary(_name, _ufunc, X)
for _name, _ufunc in BITWISE.items():
    _register_binary(_name, _ufunc, INTEGERS)
for _name in TABLES:
    _register_table(_name)


@lowers(class_of(ops.bitwise_not(INTEGERS)), class_of(ops.bitwise_invert(INTEGERS)))
def _invert(layer: Any, x: FixedArray) -> Any:
    return ~x


@lowers(class_of(ops.clip(X, 0, 1)))
def _clip(layer: Any, x: FixedArray) -> Any:
    lo, hi = (number(v, x.ndim, "clip") for v in (layer.x_min, layer.x_max))
    return np.clip(x, lo, hi)


@lowers(class_of(ops.round(X)))
def _round(layer: Any, x: FixedArray) -> Any:
    return np.round(x, layer.decimals)


@lowers(class_of(ops.cast(X, "int32")))
def _cast(layer: Any, x: Any) -> Any:
    return np.astype(x, layer.dtype)


@lowers(class_of(ops.where(INTEGERS, X, X)))
def _where(layer: Any, condition: Any, x1: Any = None, x2: Any = None) -> Any:
    if x1 is None or x2 is None:
        raise LoweringError("a where without alternatives has a result of unknown length",
                            hint="Give all three arguments")  # fmt: skip
    arrays = [v for v in (condition, x1, x2) if isinstance(v, FixedArray)]
    for v in arrays[1:]:
        both("'where'", arrays[0], v)
    rank = arrays[0].ndim
    return np.where(*(operand(v, rank, "where") for v in (condition, x1, x2)))


@lowers(class_of(ops.select([INTEGERS > 0], [X], 0)))
def _select(layer: Any, conditions: list[Any], choices: list[Any], default: Any = 0) -> Any:
    y = default
    for condition, choice in zip(reversed(conditions), reversed(choices), strict=True):
        y = _where(layer, condition, choice, y)
    return y


@lowers(class_of(ops.digitize(X, np.array([0.0]))))
def _digitize(layer: Any, x: FixedArray, bins: Any) -> Any:
    return sum((x >= edge).astype(int) for edge in number(bins, 1, "bins"))


@lowers(class_of(ops.full_like(X, 2)))
def _full_like(layer: Any, x: FixedArray, fill_value: Any) -> Any:
    return np.full_like(x, number(fill_value, x.ndim, "full_like"))


@lowers(class_of(ops.leaky_relu(X)))
def _leaky_relu(layer: Any, x: FixedArray) -> FixedArray:
    return rectifier(x, layer.negative_slope)


@lowers(class_of(keras.activations.relu(X)))
def _relu_activation(layer: Any, x: FixedArray) -> FixedArray:
    return rectifier(x, layer.negative_slope, layer.max_value, layer.threshold)


def rectifier(
    x: FixedArray, negative_slope: Any = 0.0, max_value: Any = None, threshold: Any = 0.0
) -> Any:
    """As ``keras.activations.relu``; slopes that are no power of two make it a function."""
    slopes = np.asarray(0.0 if negative_slope is None else negative_slope, dtype=np.float64)
    threshold = float(threshold or 0.0)
    if not threshold and not slopes.any():
        y: Any = x.relu()
    else:
        # A long slope stays part of a function of x, where a product would have to be exact.
        exact = all(math.frexp(abs(v))[0] in (0.0, 0.5) for v in slopes.flat)
        below = (x - threshold) * slopes if exact else _product(x, threshold, slopes)
        y = np.where(x > threshold, x, below)
    return y if max_value is None else np.minimum(y, number(max_value, 0, "max_value"))


def _product(x: FixedArray, offset: Any, factor: Any) -> Any:
    """(x - offset)·factor as a function of x alone, to be tabulated."""
    return evaluate("product", lambda v, o, f: (v - o) * f, None, (x, offset, factor))

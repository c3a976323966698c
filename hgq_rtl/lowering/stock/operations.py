"""Operations of ``keras.ops``, as they occur in functional models."""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np
from keras import ops

from hgq_rtl.errors import LoweringError
from hgq_rtl.layers.equation import Equation
from hgq_rtl.lowering.array import FixedArray
from hgq_rtl.lowering.stock.arithmetic import check_mean, relu
from hgq_rtl.lowering.stock.rules import lowers, number, operand, power_of_two, without_batch


def _class(result: Any) -> type:
    """The operation class behind a symbolic result: Keras does not export these classes."""
    return type(keras.tree.flatten(result)[0]._keras_history.operation)


_X = keras.KerasTensor((None, 2, 2))


# --- elementwise -----------------------------------------------------------------------------


def _both(doing: str, a: Any, b: Any) -> tuple[Any, Any]:
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


@lowers(_class(ops.add(_X, _X)))
def _add(layer: Any, a: Any, b: Any) -> Any:
    a, b = _both("addition", a, b)
    return a + b


@lowers(_class(ops.subtract(_X, _X)))
def _subtract(layer: Any, a: Any, b: Any) -> Any:
    a, b = _both("subtraction", a, b)
    return a - b


@lowers(_class(ops.multiply(_X, _X)))
def _multiply(layer: Any, a: Any, b: Any) -> Any:
    a, b = _both("multiplication", a, b)
    return a * b


@lowers(_class(ops.true_divide(_X, 2.0)), _class(ops.divide(_X, 2.0)))
def _divide(layer: Any, a: Any, b: Any) -> Any:
    if isinstance(b, FixedArray):
        raise LoweringError("a division by a variable has no hardware form")
    divisor = number(b, a.ndim, "division")
    if not all(power_of_two(abs(v)) for v in divisor.flat):
        raise LoweringError(
            "a division has an exact fixed-point result only for powers of two",
            received=f"{divisor.ravel()[0]}",
            hint="Multiply by a fraction of a power of two in its place",
        )
    return a * (1 / divisor)


@lowers(_class(ops.maximum(_X, _X)))
def _maximum(layer: Any, a: Any, b: Any) -> Any:
    a, b = _both("maximum", a, b)
    return a.maximum(b) if isinstance(a, FixedArray) else b.maximum(a)


@lowers(_class(ops.minimum(_X, _X)))
def _minimum(layer: Any, a: Any, b: Any) -> Any:
    a, b = _both("minimum", a, b)
    return a.minimum(b) if isinstance(a, FixedArray) else b.minimum(a)


@lowers(_class(ops.negative(_X)))
def _negative(layer: Any, x: FixedArray) -> FixedArray:
    return -x


@lowers(_class(ops.absolute(_X)), _class(ops.abs(_X)))
def _absolute(layer: Any, x: FixedArray) -> FixedArray:
    return x.maximum(-x)


@lowers(_class(ops.square(_X)))
def _square(layer: Any, x: FixedArray) -> FixedArray:
    return x * x


@lowers(_class(ops.clip(_X, 0, 1)))
def _clip(layer: Any, x: FixedArray) -> FixedArray:
    lo, hi = (number(v, x.ndim, "clip") for v in (layer.x_min, layer.x_max))
    return x.maximum(lo).minimum(hi)


@lowers(_class(ops.relu(_X)))
def _relu(layer: Any, x: FixedArray) -> FixedArray:
    return x.relu()


@lowers(_class(ops.relu6(_X)))
def _relu6(layer: Any, x: FixedArray) -> FixedArray:
    return x.relu().minimum(6)


@lowers(_class(ops.leaky_relu(_X)))
def _leaky_relu(layer: Any, x: FixedArray) -> FixedArray:
    return relu(x, layer.negative_slope)


@lowers(_class(keras.activations.relu(_X)))
def _relu_activation(layer: Any, x: FixedArray) -> FixedArray:
    return relu(x, layer.negative_slope, layer.max_value, layer.threshold)


# --- shape -----------------------------------------------------------------------------------


@lowers(_class(_X[:, 0]))
def _getitem(layer: Any, x: FixedArray, key: Any) -> FixedArray:
    keys = list(key) if isinstance(key, tuple) else [key]
    if any(not isinstance(k, int | slice | type(None) | type(...)) for k in keys):
        raise LoweringError("an index must consist of integers and slices", received=repr(key),
                            hint="Use keras.ops.take or split the tensor")  # fmt: skip
    if Ellipsis in keys:
        at = keys.index(Ellipsis)
        missing = x.ndim + 1 - sum(k is not None for k in keys) + 1
        keys[at : at + 1] = [slice(None)] * missing
    if keys[0] != slice(None):
        raise LoweringError(
            "an index that selects samples has no hardware form",
            received=repr(key),
            hint="Start it with a colon for the batch axis, as in x[:, 0]",
        )
    return x[tuple(keys[1:])]


@lowers(_class(ops.concatenate([_X, _X])))
def _concatenate(layer: Any, arrays: list[FixedArray]) -> Any:
    (axis,) = without_batch(layer.axis, arrays[0].ndim + 1, "concatenation")
    return np.concatenate(arrays, axis)


@lowers(_class(ops.stack([_X, _X])))
def _stack(layer: Any, arrays: list[FixedArray]) -> Any:
    (axis,) = without_batch(layer.axis, arrays[0].ndim + 2, "stacking")
    return np.stack(arrays, axis)


@lowers(_class(ops.reshape(_X, (-1, 4))))
def _reshape(layer: Any, x: FixedArray) -> FixedArray:
    """The first entry of the new shape is the batch size, or -1 for it."""
    batch, *shape = layer.newshape
    if batch not in (-1, None):
        raise LoweringError("a reshape must leave the batch axis alone",
                            received=f"newshape={tuple(layer.newshape)}",
                            hint="Put -1 first")  # fmt: skip
    if -1 not in shape and math.prod(shape) != x.size:
        raise LoweringError(
            "a reshape must not move elements between samples",
            received=f"{x.size} elements per sample to the shape {tuple(shape)}",
        )
    return x.reshape(shape)


@lowers(_class(ops.transpose(_X, (0, 2, 1))))
def _transpose(layer: Any, x: FixedArray) -> FixedArray:
    axes = layer.axes or tuple(range(x.ndim, -1, -1))
    if axes[0] % (x.ndim + 1) != 0:
        raise LoweringError("a transpose must leave the batch axis first",
                            received=f"axes={tuple(axes)}")  # fmt: skip
    return x.transpose([a % (x.ndim + 1) - 1 for a in axes[1:]])


@lowers(_class(ops.expand_dims(_X, 1)))
def _expand_dims(layer: Any, x: FixedArray) -> FixedArray:
    axis = layer.axis if isinstance(layer.axis, int) else tuple(layer.axis)
    count = 1 if isinstance(axis, int) else len(axis)
    axes = without_batch(axis, x.ndim + 1 + count, "a new axis")
    return x.like(np.expand_dims(x.elements, axes))


@lowers(_class(ops.squeeze(keras.KerasTensor((None, 1, 2)), 1)))
def _squeeze(layer: Any, x: FixedArray) -> Any:
    if layer.axis is None:
        axes = tuple(a for a, n in enumerate(x.shape) if n == 1)
    else:
        axes = without_batch(layer.axis, x.ndim + 1, "squeezing")
    return x.like(np.squeeze(x.elements, axes))


# --- reductions ------------------------------------------------------------------------------


def _reduced(layer: Any, x: FixedArray, doing: str, function: Any) -> Any:
    """``function`` of an array and one axis, over the axes of the operation."""
    axes = without_batch(layer.axis, x.ndim + 1, doing)
    kept = [a for a in range(x.ndim) if a not in axes]
    y = function(x.transpose(*kept, *axes).reshape(*(x.shape[a] for a in kept), -1), -1)
    if layer.keepdims:
        y = y.reshape([1 if a in axes else n for a, n in enumerate(x.shape)])
    return y


@lowers(_class(ops.sum(_X, 1)))
def _sum(layer: Any, x: FixedArray) -> Any:
    return _reduced(layer, x, "a sum", np.sum)


@lowers(_class(ops.mean(_X, 1)))
def _mean(layer: Any, x: FixedArray) -> Any:
    axes = without_batch(layer.axis, x.ndim + 1, "a mean")
    n = math.prod(x.shape[a] for a in axes)
    check_mean(n, "mean", "QGlobalAveragePooling or QMeanPow2")
    return _reduced(layer, x, "a mean", np.sum) * (1 / n)


@lowers(_class(ops.max(_X, 1)))
def _max(layer: Any, x: FixedArray) -> Any:
    _check_initial(layer)
    return _reduced(layer, x, "a maximum", np.max)


@lowers(_class(ops.min(_X, 1)))
def _min(layer: Any, x: FixedArray) -> Any:
    _check_initial(layer)
    return _reduced(layer, x, "a minimum", np.min)


def _check_initial(layer: Any) -> None:
    if layer.initial is not None:
        raise LoweringError("an extremum with an initial value has no lowering",
                            received=f"initial={layer.initial}",
                            hint="Use keras.ops.maximum or minimum behind it")  # fmt: skip


# --- products --------------------------------------------------------------------------------


@lowers(_class(ops.matmul(_X, _X)))
def _matmul(layer: Any, a: Any, b: Any) -> Any:
    if isinstance(a, FixedArray) and isinstance(b, FixedArray):
        if a.ndim != b.ndim or a.ndim < 2:
            raise LoweringError(
                "a matmul of two variables takes stacks of matrices of equal rank",
                received=f"{a.ndim + 1} and {b.ndim + 1} axes",
            )
        stacked = "".join(chr(ord("d") + n) for n in range(a.ndim - 2))
        return a.einsum(f"{stacked}ab,{stacked}bc->{stacked}ac", b)
    if isinstance(a, FixedArray):
        weights = _matrix(b)
        return a @ weights
    if b.ndim != 2:
        raise LoweringError("a matmul of a constant matrix takes one matrix per sample",
                            received=f"{b.ndim + 1} axes")  # fmt: skip
    return _matrix(a) @ b


def _matrix(value: Any) -> Any:
    weights = number(value, 2, "matmul")
    if weights.ndim != 2:
        raise LoweringError("a constant operand of matmul must be a matrix",
                            received=f"shape {weights.shape}")  # fmt: skip
    return weights


@lowers(_class(ops.einsum("abc,abc->abc", _X, _X)))
def _einsum(layer: Any, *operands: Any) -> Any:
    if len(operands) != 2:
        raise LoweringError("an einsum takes two operands here", received=f"{len(operands)}",
                            hint="Split it into einsums of two operands")  # fmt: skip
    a, b = operands
    text = layer.subscripts.replace(" ", "")
    if not isinstance(a, FixedArray):
        left, _, out = text.partition("->")
        text, (a, b) = f"{','.join(reversed(left.split(',')))}->{out}", (b, a)
    variable = isinstance(b, FixedArray)
    b = b if variable else number(b, np.ndim(b), "einsum")
    equation = Equation.parse(text, (a.ndim + 1, b.ndim + variable))
    equation.check_batch(layer.subscripts, both=variable)
    return a.einsum(equation.without_batch(), b)

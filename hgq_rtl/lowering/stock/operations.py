"""Operations of ``keras.ops`` that move elements, or multiply matrices."""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np
from keras import ops

from hgq_rtl.errors import LoweringError
from hgq_rtl.layers.equation import Equation
from hgq_rtl.lowering.array import FixedArray
from hgq_rtl.lowering.stock.arithmetic import entry
from hgq_rtl.lowering.stock.elementwise import INTEGERS, X, both
from hgq_rtl.lowering.stock.rules import (
    class_of,
    lowers,
    number,
    operand,
    positive_axis,
    without_batch,
)


@lowers(class_of(X[:, 0]))
def _getitem(layer: Any, x: FixedArray, key: Any) -> Any:
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


# --- joins and parts -----------------------------------------------------------------------------


@lowers(class_of(ops.concatenate([X, X])))
def _concatenate(layer: Any, arrays: list[Any]) -> Any:
    axis = positive_axis(layer.axis, arrays[0].ndim + 1, "concatenation")
    return np.concatenate(arrays, axis)


@lowers(class_of(ops.append(X, X, 1)))
def _append(layer: Any, x1: Any, x2: Any) -> Any:
    if layer.axis is None:
        raise LoweringError("'append' of flat tensors would mix up samples",
                            received="axis=None", hint="Give an axis of 1 or more")  # fmt: skip
    return np.concatenate([x1, x2], positive_axis(layer.axis, x1.ndim + 1, "'append'"))


@lowers(class_of(ops.stack([X, X])))
def _stack(layer: Any, arrays: list[Any]) -> Any:
    return np.stack(arrays, positive_axis(layer.axis, arrays[0].ndim + 2, "stacking"))


@lowers(class_of(ops.split(X, 2, axis=1)), class_of(ops.array_split(X, 2, axis=1)))
def _split(layer: Any, x: FixedArray) -> Any:
    axis = positive_axis(layer.axis, x.ndim + 1, "a split")
    return np.array_split(x, layer.indices_or_sections, axis)


@lowers(class_of(ops.unstack(X, axis=1)))
def _unstack(layer: Any, x: FixedArray) -> Any:
    return np.unstack(x, axis=positive_axis(layer.axis, x.ndim + 1, "'unstack'"))


# --- shapes --------------------------------------------------------------------------------------


@lowers(class_of(ops.reshape(X, (-1, 4))))
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


@lowers(class_of(ops.transpose(X, (0, 2, 1))))
def _transpose(layer: Any, x: FixedArray) -> FixedArray:
    axes = layer.axes or tuple(range(x.ndim, -1, -1))
    if axes[0] % (x.ndim + 1) != 0:
        raise LoweringError("a transpose must leave the batch axis first",
                            received=f"axes={tuple(axes)}")  # fmt: skip
    return x.transpose([a % (x.ndim + 1) - 1 for a in axes[1:]])


@lowers(class_of(ops.swapaxes(X, 1, 2)))
def _swapaxes(layer: Any, x: FixedArray) -> Any:
    axes = [positive_axis(a, x.ndim + 1, "'swapaxes'") for a in (layer.axis1, layer.axis2)]
    return np.swapaxes(x, *axes)


@lowers(class_of(ops.moveaxis(X, 1, 2)))
def _moveaxis(layer: Any, x: Any) -> Any:
    pairs = [
        [positive_axis(a, x.ndim + 1, "'moveaxis'") for a in np.atleast_1d(axes)]
        for axes in (layer.source, layer.destination)
    ]
    return np.moveaxis(x, *pairs)


@lowers(class_of(ops.expand_dims(X, 1)))
def _expand_dims(layer: Any, x: FixedArray) -> Any:
    axis = layer.axis if isinstance(layer.axis, int) else tuple(layer.axis)
    count = 1 if isinstance(axis, int) else len(axis)
    return np.expand_dims(x, without_batch(axis, x.ndim + 1 + count, "a new axis"))


@lowers(class_of(ops.squeeze(keras.KerasTensor((None, 1, 2)), 1)))
def _squeeze(layer: Any, x: FixedArray) -> Any:
    if layer.axis is None:
        axes = tuple(a for a, n in enumerate(x.shape) if n == 1)
    else:
        axes = without_batch(layer.axis, x.ndim + 1, "squeezing")
    return np.squeeze(x, axes)


@lowers(class_of(ops.roll(X, 1, 1)))
def _roll(layer: Any, x: FixedArray) -> Any:
    if layer.axis is None:
        raise LoweringError("'roll' of the flat tensor would mix up samples",
                            received="axis=None", hint="Give an axis of 1 or more")  # fmt: skip
    return np.roll(x, layer.shift, without_batch(layer.axis, x.ndim + 1, "'roll'"))


@lowers(class_of(ops.repeat(X, 2, 1)))
def _repeat(layer: Any, x: FixedArray) -> Any:
    if layer.axis is None:
        raise LoweringError("'repeat' of the flat tensor would mix up samples",
                            received="axis=None", hint="Give an axis of 1 or more")  # fmt: skip
    return np.repeat(x, layer.repeats, positive_axis(layer.axis, x.ndim + 1, "'repeat'"))


@lowers(class_of(ops.tile(X, (1, 1, 2))))
def _tile(layer: Any, x: FixedArray) -> Any:
    repeats = tuple(np.atleast_1d(layer.repeats))
    if len(repeats) > x.ndim and (len(repeats) > x.ndim + 1 or repeats[0] != 1):
        raise LoweringError("'tile' must leave the batch axis alone",
                            received=f"repeats={tuple(map(int, repeats))}")  # fmt: skip
    return np.tile(x, repeats[-x.ndim :])


@lowers(class_of(ops.broadcast_to(X, (1, 2, 2))))
def _broadcast_to(layer: Any, x: FixedArray) -> Any:
    if len(layer.shape) != x.ndim + 1:
        raise LoweringError("'broadcast_to' must keep the number of axes",
                            received=f"shape={layer.shape}",
                            hint="Use keras.ops.expand_dims first")  # fmt: skip
    return np.broadcast_to(x, layer.shape[1:])


@lowers(class_of(ops.pad(X, ((0, 0), (1, 1), (0, 0)))))
def _pad(layer: Any, x: FixedArray, constant_values: Any = None) -> Any:
    widths = np.broadcast_to(np.asarray(layer.pad_width), (x.ndim + 1, 2))
    if widths[0].any():
        raise LoweringError("'pad' must leave the batch axis alone",
                            received=f"pad_width={layer.pad_width}")  # fmt: skip
    if layer.mode != "constant":
        return np.pad(x, widths[1:], layer.mode)
    value = number(0 if constant_values is None else constant_values, 0, "padding")
    return np.pad(x, widths[1:], constant_values=value)


@lowers(class_of(ops.tril(X)))
def _tril(layer: Any, x: FixedArray) -> Any:
    return np.tril(x, layer.k)


@lowers(class_of(ops.triu(X)))
def _triu(layer: Any, x: FixedArray) -> Any:
    return np.triu(x, layer.k)


@lowers(class_of(ops.diagonal(X, 0, 1, 2)))
def _diagonal(layer: Any, x: FixedArray) -> Any:
    axes = [positive_axis(a, x.ndim + 1, "'diagonal'") for a in (layer.axis1, layer.axis2)]
    return np.diagonal(x, layer.offset, *axes)


# --- choices -------------------------------------------------------------------------------------


@lowers(class_of(ops.take(X, 0, axis=1)))
def _take(layer: Any, x: Any, indices: Any) -> Any:
    if not isinstance(x, FixedArray):
        table = np.asarray(keras.ops.convert_to_numpy(x), dtype=np.float64)
        if table.ndim != 1 or layer.axis not in (None, 0):
            raise LoweringError("a constant to take from must be a vector",
                                received=f"shape {table.shape}, axis={layer.axis}")  # fmt: skip
        return entry(table, indices)
    if layer.axis is None:
        raise LoweringError("'take' from the flat tensor would mix up samples",
                            received="axis=None", hint="Give an axis of 1 or more")  # fmt: skip
    if isinstance(indices, FixedArray):
        raise LoweringError("'take' from a tensor by a computed index would mix up samples",
                            hint="Use keras.ops.take_along_axis")  # fmt: skip
    axis = positive_axis(layer.axis, x.ndim + 1, "'take'")
    return np.take(x, np.asarray(indices, dtype=np.int64), axis)


@lowers(class_of(ops.take_along_axis(X, INTEGERS, axis=1)))
def _take_along_axis(layer: Any, x: FixedArray, indices: Any) -> Any:
    axis = positive_axis(layer.axis, x.ndim + 1, "'take_along_axis'")
    if not isinstance(indices, FixedArray):
        indices = number(indices, x.ndim, "an index").astype(np.int64)
    return np.take_along_axis(x, indices, axis)


@lowers(class_of(ops.one_hot(INTEGERS, 3)))
def _one_hot(layer: Any, x: FixedArray) -> Any:
    axis = layer.axis if layer.axis < 0 else layer.axis - 1
    y = x[..., None] == np.arange(layer.num_classes)
    return np.moveaxis(np.astype(y, float), -1, axis)


# --- products ------------------------------------------------------------------------------------


@lowers(class_of(ops.matmul(X, X)))
def _matmul(layer: Any, a: Any, b: Any) -> Any:
    if isinstance(a, FixedArray) and isinstance(b, FixedArray) and a.ndim != b.ndim:
        raise LoweringError(
            "a matmul of two variables takes stacks of matrices of equal rank",
            received=f"{a.ndim + 1} and {b.ndim + 1} axes",
        )
    if isinstance(b, FixedArray) and b.ndim < 2:
        raise LoweringError("a matmul with a vector per sample mixes up samples",
                            received=f"{b.ndim + 1} axes", hint="Use keras.ops.einsum")  # fmt: skip
    rank = max(2, *(v.ndim for v in (a, b) if isinstance(v, FixedArray)))
    return np.matmul(operand(a, rank, "matmul"), operand(b, rank, "matmul"))


@lowers(class_of(ops.einsum("abc,abc->abc", X, X)))
def _einsum(layer: Any, *operands: Any) -> Any:
    """Of two operands with ellipsis; of several with the batch axis' letter in all variables."""
    text = layer.subscripts.replace(" ", "")
    if len(operands) != 2:
        return _einsum_of_many(text, operands)
    a, b = operands
    if not isinstance(a, FixedArray):
        left, _, out = text.partition("->")
        text, (a, b) = f"{','.join(reversed(left.split(',')))}->{out}", (b, a)
    variable = isinstance(b, FixedArray)
    b = b if variable else number(b, np.ndim(b), "einsum")
    equation = Equation.parse(text, (a.ndim + 1, b.ndim + variable))
    equation.check_batch(layer.subscripts, both=variable)
    return a.einsum(equation.without_batch(), b)


def _einsum_of_many(text: str, operands: Any) -> Any:
    left, arrow, out = text.partition("->")
    terms = left.split(",")
    variables = [t for t, v in zip(terms, operands, strict=True) if isinstance(v, FixedArray)]
    batch = variables[0][:1]
    if not arrow or "." in text or any(t[:1] != batch for t in (*variables, out)):
        raise LoweringError("the first letter of all variables and of the result is the batch axis",
                            received=repr(text), hint="Write it as 'bi,bj,bk->bijk'")  # fmt: skip
    values = [v if isinstance(v, FixedArray) else number(v, np.ndim(v), "einsum") for v in operands]
    return np.einsum(f"{left.replace(batch, '')}->{out.replace(batch, '')}", *values)


@lowers(class_of(ops.tensordot(X, X, 1)), class_of(ops.dot(X, X)))
def _dot(layer: Any, a: Any, b: Any) -> Any:
    if (
        isinstance(a, FixedArray)
        and not isinstance(b, FixedArray)
        and getattr(layer, "axes", 1) == 1
    ):
        return np.tensordot(a, number(b, np.ndim(b), "a product"), 1)
    raise LoweringError(
        "a product of two variables over any axes mixes up samples",
        hint="Use keras.ops.matmul or einsum, which keep the batch axis",
    )


@lowers(class_of(ops.outer(X, X)), class_of(ops.vdot(X, X)), class_of(ops.inner(X, X)))
def _mixed(layer: Any, a: Any, b: Any) -> Any:
    both("a product", a, b)
    raise LoweringError("this product mixes up samples",
                        hint="Use keras.ops.einsum, which keeps the batch axis")  # fmt: skip

"""Merges, activations and scaling."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any

import keras
import numpy as np

from hgq_rtl.errors import LoweringError
from hgq_rtl.layers.lut import elementwise
from hgq_rtl.lowering.array import FixedArray
from hgq_rtl.lowering.floats import of_keras
from hgq_rtl.lowering.functions.elementwise import evaluate, unary
from hgq_rtl.lowering.stock.elementwise import rectifier
from hgq_rtl.lowering.stock.rules import RULES, lowers, number, positive_axis

Merge = Callable[[Any, Any], Any]


def _aligned(arrays: list[FixedArray]) -> list[FixedArray]:
    """Arrays of one rank; missing axes come first, behind the batch axis, as in Keras."""
    rank = max(x.ndim for x in arrays)
    return [x.reshape((1,) * (rank - x.ndim) + x.shape) for x in arrays]


def _merged(merge: Merge, arrays: list[FixedArray]) -> Any:
    """Combine in pairs, and pairs of pairs: the shallowest tree."""
    arrays = _aligned(arrays)
    while len(arrays) > 1:
        pairs = [merge(a, b) for a, b in zip(arrays[::2], arrays[1::2], strict=False)]
        arrays = pairs + arrays[len(pairs) * 2 :]
    return arrays[0]


@lowers(keras.layers.Add)
def _add(layer: Any, arrays: list[FixedArray]) -> Any:
    return _merged(np.add, arrays)


@lowers(keras.layers.Subtract)
def _subtract(layer: Any, arrays: list[FixedArray]) -> Any:
    return reduce(lambda a, b: a - b, _aligned(arrays))


@lowers(keras.layers.Multiply)
def _multiply(layer: Any, arrays: list[FixedArray]) -> Any:
    return _merged(np.multiply, arrays)


@lowers(keras.layers.Maximum)
def _maximum(layer: Any, arrays: list[FixedArray]) -> Any:
    return _merged(np.maximum, arrays)


@lowers(keras.layers.Minimum)
def _minimum(layer: Any, arrays: list[FixedArray]) -> Any:
    return _merged(np.minimum, arrays)


@lowers(keras.layers.Average)
def _average(layer: Any, arrays: list[FixedArray]) -> Any:
    return _merged(np.add, arrays) / len(arrays)


@lowers(keras.layers.Dot)
def _dot(layer: Any, arrays: list[FixedArray]) -> Any:
    if layer.normalize:
        raise LoweringError(
            "a Dot with normalize=True has no hardware form",
            hint="Multiply by a quantized function of the sum of squares",
        )
    a, b = arrays
    axes = (layer.axes, layer.axes) if isinstance(layer.axes, int) else tuple(layer.axes)
    first, second = (positive_axis(n, x.ndim + 1, "Dot") for n, x in zip(axes, arrays, strict=True))
    y = np.tensordot(a, b, axes=(first, second))
    return y.reshape(1) if y.ndim == 0 else y


# --- activations ---------------------------------------------------------------------------------


@lowers(keras.layers.ReLU)
def _relu(layer: Any, x: FixedArray) -> Any:
    return rectifier(x, layer.negative_slope, layer.max_value, layer.threshold)


@lowers(keras.layers.LeakyReLU)
def _leaky_relu(layer: Any, x: FixedArray) -> Any:
    return rectifier(x, layer.negative_slope)


@lowers(keras.layers.PReLU)
def _prelu(layer: Any, x: FixedArray) -> Any:
    return rectifier(x, number(layer.alpha, x.ndim, "PReLU"))


@lowers(keras.layers.ELU)
def _elu(layer: Any, x: FixedArray) -> Any:
    return unary("elu", of_keras(layer.call), x)


@lowers(keras.layers.Activation)
def _activation(layer: Any, x: FixedArray) -> Any:
    """A look-up table; for the activations of ``keras.ops`` by the operation's own rule."""
    function = layer.activation
    if function is keras.activations.linear:
        return x
    if isinstance(function, keras.layers.Layer) and type(function) in RULES:
        return RULES[type(function)](function, x)
    exact = {"relu": rectifier, "relu6": lambda v: np.minimum(v.relu(), 6)}
    name = getattr(function, "__name__", type(function).__name__)
    if getattr(keras.activations, name, None) is function and name in exact:
        return exact[name](x)
    return unary(name, of_keras(elementwise(function)), x)


# --- scaling -------------------------------------------------------------------------------------


@lowers(keras.layers.Rescaling)
def _rescaling(layer: Any, x: FixedArray) -> Any:
    if np.ndim(layer.scale) and keras.config.image_data_format() == "channels_first":
        raise LoweringError(
            "a Rescaling per channel has a hardware form for channels_last only",
            hint="Use one scale for all channels",
        )
    scale, offset = (number(v, x.ndim, "scaling") for v in (layer.scale, layer.offset))
    y = x * scale
    return y if not offset.any() else y + offset


@lowers(keras.layers.Normalization)
def _normalization(layer: Any, x: FixedArray) -> Any:
    if layer.mean is None:
        raise LoweringError("the mean and variance of the layer are not known",
                            hint="Call layer.adapt(data), or give mean and variance")  # fmt: skip
    mean, variance = (number(v, x.ndim, "normalization") for v in (layer.mean, layer.variance))
    deviation = np.maximum(np.sqrt(variance), keras.config.epsilon())
    if layer.invert:
        return evaluate("normalized", lambda v, m, s: m + v * s, None, (x, mean, deviation))
    return evaluate("normalized", lambda v, m, s: (v - m) / s, None, (x, mean, deviation))


@lowers(keras.layers.Embedding)
def _embedding(layer: Any, x: FixedArray) -> Any:
    """One table per output, read by the same index."""
    if layer.mask_zero:
        raise LoweringError("an Embedding with mask_zero=True has no hardware form",
                            hint="Multiply by (index != 0) instead of masking")  # fmt: skip
    table = number(layer.embeddings, 2, "embedding")
    return np.stack([entry(table[:, n], x) for n in range(table.shape[1])], axis=-1)


def entry(values: Any, index: FixedArray) -> FixedArray:
    """``values[index]`` of a constant vector, as a look-up table."""
    for node in index.nodes("an index").flat:
        if node.type.exp < 0 or node.type.lo < 0 or node.type.hi << node.type.exp >= len(values):
            raise LoweringError(
                f"an index of a table of {len(values)} entries must be in it for every input",
                received=f"type {node.type}",
                hint="Declare the input's format with inputs={name: (0, bits, 0)}, and give the "
                "table 2^bits entries",
            )
    return unary("entry", lambda v: values[v.astype(np.int64)], index)

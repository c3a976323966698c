"""Merges, activations and scaling."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any

import keras
import numpy as np

from hgq_rtl.errors import LoweringError
from hgq_rtl.lowering.array import FixedArray
from hgq_rtl.lowering.stock.rules import lowers, number, power_of_two

Merge = Callable[[FixedArray, FixedArray], FixedArray]


def _merge(merge: Merge, arrays: list[FixedArray]) -> FixedArray:
    """Combine in pairs, and pairs of pairs; missing axes come first, behind the batch axis."""
    while len(arrays) > 1:
        pairs = [merge(a, b) for a, b in zip(arrays[::2], arrays[1::2], strict=False)]
        arrays = pairs + arrays[len(pairs) * 2 :]
    return arrays[0]


@lowers(keras.layers.Add)
def _add(layer: Any, arrays: list[FixedArray]) -> FixedArray:
    return _merge(lambda a, b: a + b, arrays)


@lowers(keras.layers.Subtract)
def _subtract(layer: Any, arrays: list[FixedArray]) -> FixedArray:
    return reduce(lambda a, b: a - b, arrays)


@lowers(keras.layers.Multiply)
def _multiply(layer: Any, arrays: list[FixedArray]) -> FixedArray:
    return _merge(lambda a, b: a * b, arrays)


@lowers(keras.layers.Maximum)
def _maximum(layer: Any, arrays: list[FixedArray]) -> FixedArray:
    return _merge(lambda a, b: a.maximum(b), arrays)


@lowers(keras.layers.Minimum)
def _minimum(layer: Any, arrays: list[FixedArray]) -> FixedArray:
    return _merge(lambda a, b: a.minimum(b), arrays)


@lowers(keras.layers.Average)
def _average(layer: Any, arrays: list[FixedArray]) -> FixedArray:
    check_mean(len(arrays), "average", "QAverage")
    return _merge(lambda a, b: a + b, arrays) * (1 / len(arrays))


def check_mean(n: int, what: str, instead: str) -> None:
    """Raise LoweringError where a division by ``n`` has no exact fixed-point result."""
    if not power_of_two(n):
        raise LoweringError(
            f"the {what} of {n} values has no exact fixed-point result",
            hint=f"Use {instead}, which multiplies by a rounded 1/{n} in training too, "
            "or a number of values that is a power of two",
        )


def relu(
    x: FixedArray, negative_slope: Any = 0.0, max_value: Any = None, threshold: Any = 0.0
) -> FixedArray:
    """A rectifier as ``keras.activations.relu``."""
    slope = float(negative_slope or 0.0)
    if threshold:
        raise LoweringError(
            "a ReLU with a threshold has no lowering",
            received=f"threshold={threshold}",
            hint="Subtract the threshold in the bias of the layer before it",
        )
    if slope and not power_of_two(slope):
        raise LoweringError(
            "the slope of a rectifier must be a power of two",
            received=f"negative_slope={slope}",
            hint="Use 1/8 or 1/4 in its place",
        )
    if not slope:
        y = x.relu()
    else:
        y = x.maximum(x * slope) if slope <= 1 else x.minimum(x * slope)
    return y if max_value is None else y.minimum(number(max_value, 0, "max_value"))


@lowers(keras.layers.ReLU)
def _relu(layer: Any, x: FixedArray) -> FixedArray:
    return relu(x, layer.negative_slope, layer.max_value, layer.threshold)


@lowers(keras.layers.LeakyReLU)
def _leaky_relu(layer: Any, x: FixedArray) -> FixedArray:
    return relu(x, layer.negative_slope)


@lowers(keras.layers.Activation)
def _activation(layer: Any, x: FixedArray) -> FixedArray:
    if layer.activation is keras.activations.linear:
        return x
    if layer.activation is keras.activations.relu:
        return x.relu()
    name = getattr(layer.activation, "__name__", type(layer.activation).__name__)
    raise LoweringError(
        f"the activation {name!r} has no hardware form", hint="Use 'relu' or 'linear'"
    )


@lowers(keras.layers.Rescaling)
def _rescaling(layer: Any, x: FixedArray) -> FixedArray:
    if np.ndim(layer.scale) and keras.config.image_data_format() == "channels_first":
        raise LoweringError(
            "a Rescaling per channel has a hardware form for channels_last only",
            hint="Use one scale for all channels",
        )
    scale, offset = (number(v, x.ndim, "scaling") for v in (layer.scale, layer.offset))
    y = x * scale
    return y if not offset.any() else y + offset

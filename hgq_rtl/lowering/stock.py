"""How Keras's own layers and operations lower: one small function each.

A rule gets the layer, then its arguments with tensors replaced by FixedArrays (no batch axis).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras

from hgq_rtl.errors import LoweringError
from hgq_rtl.lowering.array import FixedArray

Rule = Callable[..., Any]
RULES: dict[type, Rule] = {}


def lowers(*classes: type) -> Callable[[Rule], Rule]:
    """Register a function as the lowering of exactly these classes (not of subclasses)."""

    def register(rule: Rule) -> Rule:
        for cls in classes:
            RULES[cls] = rule
        return rule

    return register


@lowers(
    keras.layers.Dropout,
    keras.layers.SpatialDropout1D,
    keras.layers.SpatialDropout2D,
    keras.layers.SpatialDropout3D,
    keras.layers.GaussianNoise,
    keras.layers.GaussianDropout,
    keras.layers.ActivityRegularization,
    keras.layers.Identity,
)
def _identity(layer: Any, x: FixedArray, training: Any = None) -> FixedArray:
    return x


@lowers(keras.layers.Flatten)
def _flatten(layer: Any, x: FixedArray) -> FixedArray:
    if layer.data_format == "channels_first" and x.ndim > 1:
        # Keras moves the channels to the end before it flattens.
        x = x.transpose(*range(1, x.ndim), 0)
    return x.ravel()


@lowers(keras.layers.Reshape)
def _reshape(layer: Any, x: FixedArray) -> FixedArray:
    return x.reshape(layer.target_shape)


@lowers(keras.layers.ReLU)
def _relu(layer: Any, x: FixedArray) -> FixedArray:
    if layer.negative_slope or layer.threshold:
        raise LoweringError(
            "a ReLU with a slope or a threshold has no lowering yet",
            received=f"negative_slope={layer.negative_slope}, threshold={layer.threshold}",
            hint="Use a plain ReLU, optionally with max_value",
        )
    y = x.relu()
    return y if layer.max_value is None else y.minimum(float(layer.max_value))

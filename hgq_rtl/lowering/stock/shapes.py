"""Layers that only move, repeat, drop or pad elements, and those that do nothing at inference."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from hgq_rtl.errors import LoweringError
from hgq_rtl.lowering.array import FixedArray
from hgq_rtl.lowering.stock.rules import lowers, spatial_axes, without_batch


@lowers(
    keras.layers.Dropout,
    keras.layers.SpatialDropout1D,
    keras.layers.SpatialDropout2D,
    keras.layers.SpatialDropout3D,
    keras.layers.GaussianNoise,
    keras.layers.GaussianDropout,
    keras.layers.ActivityRegularization,
    keras.layers.AlphaDropout,
    keras.layers.Identity,
)
def _identity(layer: Any, x: Any) -> Any:
    return x


@lowers(keras.layers.Flatten)
def _flatten(layer: Any, x: Any) -> Any:
    if layer.data_format == "channels_first" and x.ndim > 1:
        # Keras moves the channels to the end before it flattens.
        x = x.transpose(*range(1, x.ndim), 0)
    return x.ravel()


@lowers(keras.layers.Reshape)
def _reshape(layer: Any, x: Any) -> Any:
    return x.reshape(layer.target_shape)


@lowers(keras.layers.Permute)
def _permute(layer: Any, x: Any) -> Any:
    return x.transpose([d - 1 for d in layer.dims])


@lowers(keras.layers.RepeatVector)
def _repeat_vector(layer: Any, x: Any) -> Any:
    return np.repeat(x[None], layer.n, axis=0)


@lowers(keras.layers.Concatenate)
def _concatenate(layer: Any, arrays: list[FixedArray]) -> Any:
    (axis,) = without_batch(layer.axis, arrays[0].ndim + 1, "concatenation")
    return np.concatenate(arrays, axis)


def _pairs(value: Any) -> list[tuple[int, int]]:
    """One pair (before, after) per spatial axis; layers of one axis have just the pair."""
    return [tuple(value)] if isinstance(value[0], int) else [tuple(pair) for pair in value]


@lowers(keras.layers.ZeroPadding1D, keras.layers.ZeroPadding2D, keras.layers.ZeroPadding3D)
def _zero_padding(layer: Any, x: Any) -> Any:
    pairs = _pairs(layer.padding)
    widths = dict(zip(spatial_axes(layer, len(pairs)), pairs, strict=True))
    return np.pad(x, [widths.get(axis, (0, 0)) for axis in range(x.ndim)])


@lowers(keras.layers.Cropping1D)
def _cropping_1d(layer: Any, x: Any) -> Any:
    return _crop(x, (0,), _pairs(layer.cropping))


@lowers(keras.layers.Cropping2D, keras.layers.Cropping3D)
def _cropping(layer: Any, x: Any) -> Any:
    pairs = _pairs(layer.cropping)
    return _crop(x, spatial_axes(layer, len(pairs)), pairs)


def _crop(x: Any, axes: tuple[int, ...], pairs: list[tuple[int, int]]) -> Any:
    key = [slice(None)] * x.ndim
    for axis, (before, after) in zip(axes, pairs, strict=True):
        key[axis] = slice(before, x.shape[axis] - after)
    return x[tuple(key)]


@lowers(keras.layers.UpSampling1D)
def _up_sampling_1d(layer: Any, x: Any) -> Any:
    return np.repeat(x, layer.size, axis=0)


@lowers(keras.layers.UpSampling2D, keras.layers.UpSampling3D)
def _up_sampling(layer: Any, x: Any) -> Any:
    if getattr(layer, "interpolation", "nearest") != "nearest":
        raise LoweringError(
            "only the nearest interpolation has a hardware form",
            received=f"interpolation={layer.interpolation!r}",
            hint="Use interpolation='nearest'",
        )
    for axis, n in zip(spatial_axes(layer, len(layer.size)), layer.size, strict=True):
        x = np.repeat(x, n, axis=axis)
    return x

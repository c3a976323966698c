"""Pooling layers of Keras: the largest value, or the mean."""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from hgq_rtl.layers.windows import Windows, without_padding
from hgq_rtl.lowering.array import FixedArray
from hgq_rtl.lowering.stock.rules import class_of, lowers, spatial_axes

IMAGE = keras.KerasTensor((None, 4, 4, 1))


def _flat(layer: Any, x: FixedArray) -> FixedArray:
    """An array (positions, channels)."""
    if layer.data_format == "channels_last":
        return x.reshape(-1, x.shape[-1])
    return x.reshape(x.shape[0], -1).transpose(1, 0)


def _arranged(layer: Any, y: FixedArray, lengths: tuple[int, ...]) -> FixedArray:
    """An array (positions, channels) in the channel order of the layer."""
    if layer.data_format == "channels_last":
        return y.reshape(*lengths, -1)
    return y.transpose(1, 0).reshape(-1, *lengths)


def _index(layer: Any, x: FixedArray) -> NDArray[np.int64]:
    """Flat positions of the cells of every window, -1 for padding: (*lengths, *size)."""
    size = _size(layer, x)
    strides = size if layer.strides is None else np.broadcast_to(layer.strides, len(size))
    windows = Windows(size, tuple(map(int, strides)), (1,) * len(size), layer.padding)
    index: NDArray[np.int64] = windows.index([x.shape[a] for a in spatial_axes(layer, len(size))])
    return index


def _size(layer: Any, x: FixedArray) -> tuple[int, ...]:
    """The window of a layer or operation, which for the latter can be one number for all axes."""
    return tuple(map(int, np.broadcast_to(layer.pool_size, x.ndim - 1)))


@lowers(
    keras.layers.MaxPooling1D,
    keras.layers.MaxPooling2D,
    keras.layers.MaxPooling3D,
    class_of(keras.ops.max_pool(IMAGE, 2)),
)
def _max_pooling(layer: Any, x: FixedArray) -> FixedArray:
    index = _index(layer, x)
    rank = x.ndim - 1
    places = without_padding(index, rank).reshape(-1, math.prod(_size(layer, x)))
    return _arranged(layer, _flat(layer, x).gather(places).max(axis=1), index.shape[:rank])


@lowers(
    keras.layers.AveragePooling1D,
    keras.layers.AveragePooling2D,
    keras.layers.AveragePooling3D,
    class_of(keras.ops.average_pool(IMAGE, 2)),
)
def _average_pooling(layer: Any, x: FixedArray) -> FixedArray:
    index = _index(layer, x)
    rank = x.ndim - 1
    places = index.reshape(-1, math.prod(_size(layer, x)))
    counts = (places >= 0).sum(axis=1)
    mean = _flat(layer, x).gather(places).sum(axis=1) / counts[:, None]
    return _arranged(layer, mean, index.shape[:rank])


@lowers(
    keras.layers.GlobalMaxPooling1D,
    keras.layers.GlobalMaxPooling2D,
    keras.layers.GlobalMaxPooling3D,
)
def _global_max(layer: Any, x: FixedArray) -> FixedArray:
    y = _flat(layer, x).max(axis=0)
    return _arranged(layer, y.reshape(1, -1), (1,) * (x.ndim - 1)) if layer.keepdims else y


@lowers(
    keras.layers.GlobalAveragePooling1D,
    keras.layers.GlobalAveragePooling2D,
    keras.layers.GlobalAveragePooling3D,
)
def _global_average(layer: Any, x: FixedArray) -> FixedArray:
    y = _flat(layer, x).mean(axis=0)
    return _arranged(layer, y.reshape(1, -1), (1,) * (x.ndim - 1)) if layer.keepdims else y

"""Depthwise and separable convolutions: the battery."""

import keras
import numpy as np

from hgq_rtl.layers import (
    QDepthwiseConv1D,
    QDepthwiseConv2D,
    QSeparableConv1D,
    QSeparableConv2D,
)
from tests.battery.layer import Case, LayerBattery
from tests.layers.spatial import correlate


def depthwise(layer, x, kernel):
    """A grouped convolution with one group per channel; x and result channels last."""
    *size, channels, multiplier = kernel.shape
    kernel = kernel.reshape(*size, 1, channels * multiplier)
    w = layer.windows
    return correlate(x, kernel, w.strides, w.dilation, w.padding, channels)


def finished(layer, battery, y):
    if layer.use_bias:
        y = y + battery.quantized(layer.bq, layer.bias)
    y = y if layer.is_channels_last else np.moveaxis(y, -1, 1)
    return y if layer.activation is keras.activations.linear else np.maximum(y, 0)


class DepthwiseBattery(LayerBattery):
    def maths(self, layer, x):
        x = x if layer.is_channels_last else np.moveaxis(x, 1, -1)
        return finished(layer, self, depthwise(layer, x, self.quantized(layer.kq, layer.kernel)))


class TestQDepthwiseConv1D(DepthwiseBattery):
    layer, plain = QDepthwiseConv1D, keras.layers.DepthwiseConv1D
    cases = (
        Case(
            {"kernel_size": 3, "strides": 2, "depth_multiplier": 2},
            (6, 2),
            ebops=2 * 3 * 4 * 64 + 2 * 4 * 8,
        ),
    )


class TestQDepthwiseConv2D(DepthwiseBattery):
    layer, plain = QDepthwiseConv2D, keras.layers.DepthwiseConv2D
    cases = (
        Case(
            {"kernel_size": 2, "data_format": "channels_first", "dilation_rate": 2,
             "use_bias": False, "padding": "same"},
            (2, 3, 3),
            ebops=(2 + 2) ** 2 * 2 * 64,
        ),
        Case(
            {"kernel_size": (1, 2), "depth_multiplier": 3, "activation": "relu",
             "parallelization_factor": 2},
            (2, 3, 2),
            ebops=2 * (2 * 6 * 64 + 6 * 8),
        ),
    )  # fmt: skip


class SeparableBattery(LayerBattery):
    quantizers = ("iq", "kq", "bq", "mq", "pq")
    tolerance = 1e-5  # Keras multiplies the channels as a convolution

    def maths(self, layer, x):
        x = x if layer.is_channels_last else np.moveaxis(x, 1, -1)
        y = depthwise(layer, x, self.quantized(layer.kq, layer.kernel))
        y = y if layer.is_channels_last else np.moveaxis(y, -1, 1)
        y = self.quantized(layer.mq, y)
        y = y if layer.is_channels_last else np.moveaxis(y, 1, -1)
        return finished(layer, self, y @ self.quantized(layer.pq, layer.pointwise))

    def plain_weights(self, layer):
        return [layer.kernel, layer.pointwise, *([layer.bias] if layer.use_bias else [])]


class TestQSeparableConv1D(SeparableBattery):
    layer, plain = QSeparableConv1D, keras.layers.SeparableConv1D
    cases = (
        Case(
            {"filters": 3, "kernel_size": 2, "depth_multiplier": 2, "use_bias": False},
            (4, 2),
            ebops=3 * (2 * 4 * 64 + 4 * 3 * 64),
        ),
    )


class TestQSeparableConv2D(SeparableBattery):
    layer, plain = QSeparableConv2D, keras.layers.SeparableConv2D
    cases = (
        Case(
            {"filters": 3, "kernel_size": 2, "data_format": "channels_first"},
            (2, 3, 2),
            ebops=2 * (4 * 2 * 64 + 2 * 3 * 64 + 3 * 8),
        ),
        Case(
            {"filters": 2, "kernel_size": 2, "strides": 2, "activation": "relu"},
            (3, 4, 2),
            ebops=2 * (4 * 2 * 64 + 2 * 2 * 64 + 2 * 8),
        ),
    )

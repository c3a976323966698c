"""Sums over axes: the battery, and errors."""

import keras
import numpy as np
import pytest

from hgq_rtl.errors import ConfigError
from hgq_rtl.layers import QMeanPow2, QSum
from tests.battery.layer import Case, LayerBattery


class Sum(keras.layers.Layer):
    """What the layers compute, as Keras would: there is no such stock layer."""

    def __init__(self, axes=-1, scale=1.0, keepdims=False):
        super().__init__()
        self.axes, self.scale, self.keepdims = axes, scale, keepdims

    def build(self, input_shape):
        """Nothing to create."""

    def call(self, x):
        return keras.ops.sum(x, axis=self.axes, keepdims=self.keepdims) * self.scale


class Mean(Sum):
    def call(self, x):
        return keras.ops.mean(x, axis=self.axes, keepdims=self.keepdims)


class TestQSum(LayerBattery):
    layer, plain, quantizers = QSum, Sum, ("iq",)
    cases = (
        Case({"axes": 1, "scale": 0.25, "keepdims": True}, (2, 3), ebops=0.65 * (48 - 24)),
        Case({"axes": (-1, 1)}, (2, 3), ebops=0.65 * (48 - 8)),
        Case({"axes": (1, 3)}, (2, 3, 2), ebops=0.65 * (96 - 24)),
    )

    def maths(self, layer, x):
        return x.sum(layer.axes, keepdims=layer.keepdims) * layer.scale


class TestQMeanPow2(LayerBattery):
    layer, plain, quantizers = QMeanPow2, Mean, ("iq",)
    cases = (Case({"axes": (1, 2), "keepdims": True}, (2, 4, 2), ebops=0.65 * (128 - 16)),)

    def maths(self, layer, x):
        return x.mean(layer.axes, keepdims=layer.keepdims)


def test_mean_of_three_is_a_quarter_of_the_sum():
    assert np.array_equal(QMeanPow2()(np.ones((1, 3), np.float32), training=True), [0.75])


def test_errors():
    with pytest.raises(ConfigError) as error:
        QSum(scale=3)
    assert str(error.value) == "scale must be a power of two.\n  Received: 3."
    with pytest.raises(ConfigError) as error:
        QSum(axes=(0, 1)).build((None, 3))
    assert str(error.value) == (
        "axes must be axes of the input other than the batch axis.\n"
        "  Received: axes (0, 1) of an input with 2 axes."
    )

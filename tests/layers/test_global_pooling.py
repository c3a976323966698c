"""Pooling of all positions: the battery."""

import keras
import numpy as np
import pytest

from hgq_rtl import layers
from hgq_rtl.layers.reciprocal import reciprocal
from tests.battery.layer import Case, LayerBattery


class GlobalBattery(LayerBattery):
    quantizers = ("iq",)

    def maths(self, layer, x):
        return x.max(layer.axes, keepdims=layer.keepdims)


class GlobalMeanBattery(GlobalBattery):
    tolerance = 5e-3

    def maths(self, layer, x):
        n = np.prod([x.shape[a] for a in layer.axes])
        return x.sum(layer.axes, keepdims=layer.keepdims) * reciprocal(int(n))


class TestQGlobalMaxPooling1D(GlobalBattery):
    layer, plain = layers.QGlobalMaxPooling1D, keras.layers.GlobalMaxPooling1D
    cases = (Case({"data_format": "channels_first"}, (2, 5), ebops=80),)


class TestQGlobalMaxPooling2D(GlobalBattery):
    layer, plain = layers.QGlobalMaxPooling2D, keras.layers.GlobalMaxPooling2D
    cases = (Case({"keepdims": True}, (2, 3, 2), ebops=96),)


class TestQGlobalAveragePooling1D(GlobalMeanBattery):
    layer, plain = layers.QGlobalAveragePooling1D, keras.layers.GlobalAveragePooling1D
    cases = (Case({}, (5, 2), ebops=80),)


class TestQGlobalAveragePooling2D(GlobalMeanBattery):
    layer, plain = layers.QGlobalAveragePooling2D, keras.layers.GlobalAveragePooling2D
    cases = (Case({"keepdims": True, "data_format": "channels_first"}, (2, 3, 1), ebops=48),)


@pytest.mark.parametrize("kind", ["Max", "Average"])
def test_three_spatial_axes(kind):
    layer = getattr(layers, f"QGlobal{kind}Pooling3D")()
    layer.build((None, 2, 2, 1, 3))
    assert layer.compute_output_shape((None, 2, 2, 1, 3)) == (None, 3)
    assert float(layer.compute_ebops()) == 12 * 8

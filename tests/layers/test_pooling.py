"""Pooling of windows: the battery."""

import keras
import numpy as np
import pytest

from hgq_rtl import layers
from hgq_rtl.errors import ConfigError
from hgq_rtl.layers.reciprocal import reciprocal
from tests.battery.layer import Case, LayerBattery
from tests.layers.spatial import lengths, windows


class WindowBattery(LayerBattery):
    quantizers = ("iq",)

    def maths(self, layer, x):
        w = layer.windows
        first = layer.data_format == "channels_first"
        x = np.moveaxis(x, 1, -1) if first else x
        geometry = (x.shape[1:-1], w.size, w.strides, (1,) * layer.rank, w.padding)
        y = np.zeros((len(x), *lengths(*geometry), x.shape[-1]))
        for position, cells in windows(*geometry):
            values = np.stack([x[(slice(None), *place)] for _, place in cells])
            y[(slice(None), *position)] = self.reduce(layer, values)
        return np.moveaxis(y, -1, 1) if first else y

    def reduce(self, layer, values):
        return values.max(0)


class MeanBattery(WindowBattery):
    tolerance = 5e-3  # Keras divides

    def reduce(self, layer, values):
        return values.sum(0) * reciprocal(len(values), layer.reciprocal_bits)


class TestQMaxPooling1D(WindowBattery):
    layer, plain = layers.QMaxPooling1D, keras.layers.MaxPooling1D
    cases = (Case({"pool_size": 3, "strides": 2, "padding": "same"}, (6, 2), ebops=96),)


class TestQMaxPooling2D(WindowBattery):
    layer, plain = layers.QMaxPooling2D, keras.layers.MaxPooling2D
    cases = (
        Case({"data_format": "channels_first"}, (2, 4, 4), ebops=32 * 8),
        Case(
            {"pool_size": (2, 3), "strides": 1, "parallelization_factor": 1},
            (3, 4, 1),
            ebops=12 * 8 / 4,
        ),
    )


class TestQMaxPooling3D(WindowBattery):
    layer, plain = layers.QMaxPooling3D, keras.layers.MaxPooling3D
    cases = (Case({"pool_size": (1, 2, 2), "padding": "same"}, (2, 3, 2, 1), ebops=96),)


class TestQAveragePooling1D(MeanBattery):
    layer, plain = layers.QAveragePooling1D, keras.layers.AveragePooling1D
    cases = (
        Case({"pool_size": 3, "strides": 2, "padding": "same"}, (6, 2), ebops=96),
        Case({"pool_size": 5, "reciprocal_bits": 4}, (5, 2), ebops=80),
    )
    tolerance = 0.2  # of 4 bits


class TestQAveragePooling2D(MeanBattery):
    layer, plain = layers.QAveragePooling2D, keras.layers.AveragePooling2D
    cases = (
        Case({"pool_size": 3, "padding": "same"}, (4, 4, 1), ebops=128),
        Case({"pool_size": (3, 2), "data_format": "channels_first"}, (2, 3, 4), ebops=24 * 8),
    )


class TestQAveragePooling3D(MeanBattery):
    layer, plain = layers.QAveragePooling3D, keras.layers.AveragePooling3D
    cases = (Case({"pool_size": 2}, (2, 2, 2, 2), ebops=128),)
    tolerance = 1e-6


def test_short_names():
    for n in (1, 2, 3):
        for short, name in (("Max", "Max"), ("Avg", "Average")):
            for place in ("", "Global"):
                alias = getattr(layers, f"Q{place}{short}Pool{n}D")
                assert alias is getattr(layers, f"Q{place}{name}Pooling{n}D")


def test_errors():
    with pytest.raises(ConfigError) as error:
        layers.QAveragePooling2D(2, reciprocal_bits=0)
    assert str(error.value) == "reciprocal_bits must be a positive integer.\n  Received: 0."
    with pytest.raises(ConfigError) as error:
        layers.QMaxPooling2D(2, padding="causal")
    assert str(error.value) == ("unknown padding.\n  Received: 'causal'.\n  Known: valid, same.")
    with pytest.raises(ConfigError) as error:
        layers.QGlobalMaxPooling1D().build((None, 2, 2, 2))
    assert str(error.value) == (
        "the input needs 3 axes: batch, 1 spatial, channels.\n  Received: shape (None, 2, 2, 2)."
    )

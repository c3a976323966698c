"""Merges of several inputs: the battery, and what is particular to them."""

from functools import reduce

import keras
import numpy as np
import pytest

from hgq_rtl import layers
from hgq_rtl.config import QuantizerConfig
from hgq_rtl.errors import ConfigError
from hgq_rtl.layers.reciprocal import reciprocal
from tests.battery.layer import Case, LayerBattery


class MergeBattery(LayerBattery):
    quantizers = ("iqs",)

    def maths(self, layer, x):
        rank = max(v.ndim for v in x)
        x = [v.reshape(v.shape[0], *(1,) * (rank - v.ndim), *v.shape[1:]) for v in x]
        return self.merge(layer, x)


class TestQAdd(MergeBattery):
    layer, plain = layers.QAdd, keras.layers.Add
    cases = (
        Case({}, [(2, 3), (3,)], ebops=0.65 * 6 * 8),
        Case({}, [(3,), (3,), (3,)], ebops=0.65 * 3 * 16),
    )

    def merge(self, layer, x):
        return sum(x)


class TestQSubtract(MergeBattery):
    layer, plain = layers.QSubtract, keras.layers.Subtract
    cases = (Case({}, [(3,), (3,)], ebops=24),)

    def merge(self, layer, x):
        return x[0] - x[1]


class TestQMultiply(MergeBattery):
    layer, plain = layers.QMultiply, keras.layers.Multiply
    cases = (Case({}, [(2, 1), (1, 3)], ebops=6 * 64),)

    def merge(self, layer, x):
        return x[0] * x[1]


class TestQMaximum(MergeBattery):
    layer, plain = layers.QMaximum, keras.layers.Maximum
    cases = (Case({}, [(3,), (3,), (3,)], ebops=48),)

    def merge(self, layer, x):
        return reduce(np.maximum, x)


class TestQMinimum(MergeBattery):
    layer, plain = layers.QMinimum, keras.layers.Minimum
    cases = (Case({}, [(3,), (3,)], ebops=24),)

    def merge(self, layer, x):
        return np.minimum(*x)


class TestQAverage(MergeBattery):
    layer, plain = layers.QAverage, keras.layers.Average
    tolerance = 2e-2  # Keras divides; 1/3 of 8 bits
    cases = (
        Case({}, [(3,), (3,)], ebops=0.65 * 24),
        Case({"reciprocal_bits": 8}, [(2,), (2,), (2,)], ebops=0.65 * 32),
    )

    def merge(self, layer, x):
        return sum(x) * reciprocal(len(x), layer.reciprocal_bits)


class TestQAveragePow2(MergeBattery):
    layer, plain = layers.QAveragePow2, keras.layers.Average
    cases = (Case({}, [(3,), (3,)], ebops=0.65 * 24),)

    def merge(self, layer, x):
        return sum(x) / 2


def test_average_of_three_by_a_shift_is_a_quarter_of_the_sum():
    x = [np.full((1, 2), v, np.float32) for v in (1, 1, 1)]
    layer = layers.QAveragePow2(iq_confs=QuantizerConfig("dummy"))
    assert np.array_equal(layer(x), np.full((1, 2), 0.75))


def test_configs_are_captured_where_the_layer_is_made():
    from hgq_rtl.config import QuantizerConfigScope

    with QuantizerConfigScope(place="datalane", f0=3):
        one = layers.QAdd()
        two = layers.QAdd(iq_confs=[QuantizerConfig(f0=1), QuantizerConfig(f0=2)])
    for layer in (one, two):
        layer.build([(None, 2), (None, 2)])
    assert [iq.config["f0"] for iq in one.iqs] == [3, 3]
    assert [iq.config["f0"] for iq in two.iqs] == [1, 2]
    again = layers.QAdd.from_config(two.get_config())
    assert [conf["f0"] for conf in again.iq_confs] == [1, 2]


def test_errors():
    def message(call):
        with pytest.raises(ConfigError) as error:
            call()
        return str(error.value)

    assert message(lambda: layers.QSubtract().build([(None, 2)] * 3)) == (
        "QSubtract needs a list of 2 inputs.\n  Received: 3."
    )
    assert message(lambda: layers.QAdd().build((None, 2))) == (
        "QAdd needs a list of two or more inputs.\n  Received: 1."
    )
    confs = [QuantizerConfig()] * 3
    assert message(lambda: layers.QAdd(iq_confs=confs).build([(None, 2)] * 2)) == (
        "iq_confs needs one config per input.\n  Received: 3 for 2 inputs."
    )
    assert message(lambda: layers.QAdd().build([(None, 2), (None, 3)])) == (
        "the shapes of the inputs do not broadcast.\n  Received: (None, 2), (None, 3)."
    )

"""Signature: data on the declared grid pass unchanged, and it is the format of the port."""

import keras
import numpy as np
import pytest

from hgq_rtl.errors import ConfigError
from hgq_rtl.layers import QDense, Signature
from hgq_rtl.lowering.model import lower
from hgq_rtl.lowering.reference import Reference, check_layers


def model():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((3,), name="x")
    x = Signature(1, 5, 2, name="format")(inputs)
    return keras.Model(inputs, QDense(2, enable_iq=False)(x))


def test_the_port_has_the_declared_format():
    lowered = lower(model())
    (port,) = lowered.interface.inputs
    assert [(t.lo, t.hi, t.exp) for t in port.types] == [(-32, 31, -3)] * 3
    assert check_layers(Reference(model()), lowered, 200) > 0


def test_data_pass_unchanged_and_none_of_it_trains():
    layer = Signature(1, 5, 2)
    x = np.arange(-32, 32).reshape(-1, 2) / 8
    assert np.array_equal(layer(x), x)
    assert np.array_equal(layer(x, training=True), x)
    assert np.array_equal(layer(np.array([[-9.0, 9.0, 0.3]])), [[-4, 3.875, 0.25]])
    assert not layer.trainable_variables
    again = Signature.from_config(layer.get_config())
    assert again.get_config() == layer.get_config()


def test_one_bit():
    layer = Signature(0, 1, 1)
    assert np.array_equal(layer(np.array([[0.0, 1.0]])), [[0, 1]])


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # keras's own
def test_saved_and_loaded(tmp_path):
    model().save(tmp_path / "m.keras")
    loaded = keras.models.load_model(tmp_path / "m.keras")
    assert loaded.layers[1].get_config() == model().layers[1].get_config()


def test_errors():
    with pytest.raises(ConfigError):
        Signature(2, 5, 2)
    with pytest.raises(ConfigError):
        Signature(1, -1, 2)

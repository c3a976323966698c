"""Names of ports and of their elements."""

import keras
from keras import layers

from hgq_rtl.lowering.model import lower
from hgq_rtl.lowering.naming import port_names
from tests.battery.stock import quantizer as q


def test_names_that_are_taken_are_numbered():
    assert port_names([("x", ()), ("x", ()), ("x-1", ())]) == ["x", "x_1", "x_1_1"]


def test_no_two_ports_have_an_element_of_one_name():
    assert port_names([("y", (2, 2)), ("y_1", (2,))]) == ["y", "y_1_2"]
    assert port_names([("y_1", (2,)), ("y", (2, 2))]) == ["y_1", "y_2"]
    assert port_names([("y_0", ()), ("y", (1,))]) == ["y_0", "y_1"]


def test_outputs_of_such_layers_become_ports():
    x = keras.Input((2, 2), name="x")
    y = layers.ReLU(name="y")(q()(x))
    lowered = lower(keras.Model(x, [y, layers.Flatten(name="y_1")(y)]))
    assert [port.name for port in lowered.interface.outputs] == ["y", "y_1_2"]
    assert len(set(lowered.graph.output_names)) == 8

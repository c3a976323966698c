"""Names of ports and of their elements."""

import keras
import numpy as np
from keras import layers

import hgq_rtl as hr
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


def test_a_dictionary_of_outputs_names_ports_and_predictions():
    x = keras.Input((2,), name="x")
    y = q()(x)
    model = keras.Model(x, {"score": layers.ReLU(name="r")(y), "all": y, "x": -y})
    design = hr.compile(model, clock_ns=5)
    assert [port.name for port in design.interface.outputs] == ["all", "score", "x_2"]
    data = np.array([[-0.5, 0.25]], np.float32)
    found, expected = design.predict(data), model.predict(data, verbose=0)
    assert {key: y.tolist() for key, y in found.items()} == {
        "all": [[-0.5, 0.25]],
        "score": [[0, 0.25]],
        "x": [[0.5, -0.25]],
    }
    assert all((found[key] == expected[key]).all() for key in expected)

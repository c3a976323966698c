"""Double precision inside Keras is double precision."""

import keras
import numpy as np
from keras import ops

from hgq_rtl.lowering.floats import of_keras, precision

X = np.arange(-8, 8) / 3


def test_functions_are_computed_in_doubles():
    assert np.abs(of_keras(keras.activations.tanh)(X) - np.tanh(X)).max() < 2.0**-50
    assert np.abs(of_keras(keras.activations.sigmoid)(X) - 1 / (1 + np.exp(-X))).max() < 2.0**-50
    assert of_keras(keras.activations.relu)(0.25).shape == ()  # as for a constant


def test_operations_stay_in_doubles_inside_only():
    with precision(True):
        x = ops.convert_to_tensor(X, "float64")
        for y in (ops.add(x, x), ops.matmul(x, x), ops.einsum("i,i->", x, x), ops.mean(x), x * 3.0):
            assert keras.backend.standardize_dtype(y.dtype) == "float64"
    assert keras.backend.result_type("float64", float) == "float32"
    with precision(False):
        assert keras.backend.result_type("float64", float) == "float32"

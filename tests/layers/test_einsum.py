"""QEinsumDense, QEinsum and QDot: the battery, and equations that are refused."""

import keras
import numpy as np
import pytest

from hgq_rtl.errors import ConfigError
from hgq_rtl.layers import QDot, QEinsum, QEinsumDense
from hgq_rtl.layers.equation import Equation
from tests.battery.layer import Case, LayerBattery


class TestQEinsumDense(LayerBattery):
    layer, plain = QEinsumDense, keras.layers.EinsumDense
    cases = (
        Case(
            {"equation": "bij,ijk->bik", "output_shape": (2, 3), "bias_axes": "ik"},
            (2, 4),
            ebops=2 * 4 * 3 * 64 + 6 * 8,
        ),
        Case(
            {"equation": "...ab,bc->...ac", "output_shape": (None, 2)},
            (2, 3, 2),
            ebops=6 * 2 * 2 * 64,
        ),
        Case(
            {"equation": "ab...,bc->ac...", "output_shape": 3, "bias_axes": "c",
             "activation": "relu", "parallelization_factor": 1},
            (2, 2),
            ebops=2 * 3 * 64 + 3 * 8,
        ),
        Case(
            {"equation": "Babc,bcd->Bbad", "output_shape": (2, 2, 3), "bias_axes": "ad"},
            (2, 2, 2),
            ebops=8 * 3 * 64 + 2 * 6 * 8,
        ),
    )  # fmt: skip
    tolerance = 1e-5

    def maths(self, layer, x):
        y = np.einsum(layer.equation, x, self.quantized(layer.kq, layer.kernel))
        if layer.use_bias:
            y = y + self.quantized(layer.bq, layer.bias)
        return y if layer.activation is keras.activations.linear else np.maximum(y, 0)


class Einsum(keras.layers.Layer):
    def __init__(self, equation):
        super().__init__()
        self.equation = equation

    def build(self, input_shape):
        """Nothing to create."""

    def call(self, x):
        return keras.ops.einsum(self.equation, *x)


class TestQEinsum(LayerBattery):
    layer, plain, quantizers = QEinsum, Einsum, ("iqs",)
    tolerance = 1e-5
    cases = (
        Case({"equation": "bij,bjk->bki"}, [(2, 3), (3, 2)], ebops=12 * 64),
        Case({"equation": "bi,bi->b"}, [(3,), (3,)], ebops=3 * 64),
        Case({"equation": "...ij,...kj->...ik"}, [(2, 2, 1), (2, 1, 1)], ebops=4 * 64),
    )

    def maths(self, layer, x):
        return np.einsum(layer.equation, *x)


class TestQDot(LayerBattery):
    layer, plain, quantizers = QDot, keras.layers.Dot, ("iqs",)
    tolerance = 1e-5
    cases = (
        Case({"axes": -1}, [(3,), (3,)], ebops=3 * 64),
        Case({"axes": (2, 1)}, [(2, 3), (3, 2)], ebops=12 * 64),
        Case({"axes": (1, -1)}, [(2, 3), (2,)], ebops=6 * 64),
    )

    def maths(self, layer, x):
        a, b = x
        rows = [
            np.tensordot(u, v, [[axis - (axis > 0)] for axis in layer.axes])
            for u, v in zip(a, b, strict=True)
        ]
        y = np.stack(rows)
        return y[:, None] if y.ndim == 1 else y


def message(call):
    with pytest.raises(ConfigError) as error:
        call()
    return str(error.value)


def test_ellipsis_letters_are_the_same_in_every_run_and_not_in_use():
    equation = Equation.parse("...ab,...bc->...ac", (4, 3))
    assert equation.text == "edab,dbc->edac"


def test_errors():
    assert message(lambda: QEinsumDense("ab,bc", 3).build((None, 2))) == (
        "an equation has the form 'ab,bc->ac' or '...b,bc->...c'.\n  Received: 'ab,bc'."
    )
    assert message(lambda: QEinsumDense("abb,bc->ac", 3).build((None, 2, 2))) == (
        "a letter occurs twice in one term of an equation.\n  Received: 'abb,bc->ac'."
    )
    assert message(lambda: QEinsumDense("ab,bc->az", 3).build((None, 2))) == (
        "the letter 'z' of the result is in no operand.\n  Received: 'ab,bc->az'."
    )
    assert message(lambda: QEinsumDense("ab,bc->ac", 3).build((None, 2, 2))) == (
        "the equation does not fit the operands.\n  Received: 'ab,bc->ac'; operand 0 has 3 axes."
    )
    assert message(lambda: QEinsumDense("ab,...bc->ac", 3).build((None, 2))) == (
        "the equation does not fit the operands.\n"
        "  Received: 'ab,...bc->ac'; the kernel cannot have an ellipsis."
    )
    assert message(lambda: QEinsumDense("ab,bc->ca", (3,)).build((None, 2))) == (
        "the first letter of the input (but not of the kernel) and of the result must be the "
        "batch axis.\n  Received: 'ab,bc->ca'."
    )
    assert message(lambda: QEinsumDense("ab,bc->ac", (3, 4)).build((None, 2))) == (
        "output_shape needs one number per letter of 'c'.\n  Received: (3, 4)."
    )
    assert message(lambda: QEinsumDense("ab,bc->acb", (4, 3)).build((None, 2))) == (
        "output_shape contradicts the input along 'b'.\n  Received: 3, but the input has 2."
    )
    assert message(lambda: QEinsumDense("ab,bc->ac", (None,)).build((None, 2))) == (
        "the size along 'c' is not known.\n  Received: input (None, 2), output_shape (None,)."
    )
    assert message(lambda: QEinsumDense("ab,bc->ac", 3, bias_axes="b").build((None, 2))) == (
        "the bias axis 'b' is no axis of the result.\n  Received: 'ab,bc->ac'."
    )
    assert message(lambda: QEinsum("ab,cb->ac").build([(None, 2), (None, 2)])) == (
        "the first letter of both operands and of the result must be the batch axis.\n"
        "  Received: 'ab,cb->ac'."
    )
    assert message(lambda: QEinsum("ab,ab->a").build([(None, 2), (None, 3)])) == (
        "the inputs do not fit along 'b'.\n  Received: (None, 2), (None, 3)."
    )
    assert message(lambda: QDot(axes=0).build([(None, 2), (None, 2)])) == (
        "axes must name one axis of each input, other than the batch axis.\n"
        "  Received: axes=(0, 0) for (None, 2) and (None, 2)."
    )
    assert message(lambda: QDot(normalize=True)) == (
        "QDot cannot normalize.\n  Received: normalize=True.\n"
        "  Normalize before quantizing, outside of the layer."
    )

"""QSoftmax: the battery, masks and errors."""

import keras
import numpy as np
import pytest

from hgq_rtl.config import QuantizerConfig
from hgq_rtl.errors import ConfigError, LoweringError
from hgq_rtl.layers import QSoftmax, Quantizer
from hgq_rtl.lowering.model import lower
from hgq_rtl.lowering.reference import Reference, check_layers
from hgq_rtl.passes.pipeline import run
from hgq_rtl.utils import trace_minmax
from tests.battery.equivalence import assert_equivalent
from tests.battery.layer import Case, LayerBattery

TABLES = 1e-4 * 256 * 8
"""EBOPs of one pair of tables per element: of 8 bits to 8 bits."""


def maths(quantized, layer, x):
    """QSoftmax of float64 values, in NumPy; ``quantized`` as in LayerBattery."""
    axes = tuple(a % x.ndim for a in layer.axis)
    d, sign = (x.max(axes, keepdims=True) - x, -1) if layer.stable else (x, 1)
    exp, inv = layer.exp_table, layer.inv_table
    e = np.exp(sign * layer.input_scaler * quantized(exp.iq, d))
    e = quantized(exp.oq, e.astype(np.float32))
    total = quantized(inv.iq, e.sum(axes, keepdims=True))
    with np.errstate(over="ignore"):
        r = quantized(inv.oq, (1 / (total + 1e-7)).astype(np.float32))
    return e * r


class TestQSoftmax(LayerBattery):
    layer, plain = QSoftmax, keras.layers.Softmax
    quantizers = ("iq", "exp_iq", "exp_oq", "inv_iq", "inv_oq")
    tolerance = 1e-6
    cases = (
        Case({"enable_iq": True}, (4,), ebops=4 * 8 + 3 * 8 + 4 * 64 + 5 * TABLES),
        Case(
            {"axis": (1, 3), "stable": False, "input_scaler": 0.5, "enable_iq": True},
            (2, 3, 2), ebops=9 * 8 + 12 * 64 + 15 * TABLES,
        ),
        Case(
            {"axis": -2, "allow_heterogeneous_table": True, "parallelization_factor": 1,
             "exp_oq_conf": QuantizerConfig("kif", "table", homogeneous_axis=(0,)),
             "enable_iq": True},
            (3, 2), ebops=(6 * 8 + 4 * 8 + 6 * 64 + 8 * TABLES) / 2,
        ),
    )  # fmt: skip

    def maths(self, layer, x):
        return maths(self.quantized, layer, x)

    def test_without_quantization_it_is_the_keras_layer(self):
        cases = self.cases
        self.cases = (cases[0], cases[2])  # the plain layer has no input_scaler
        super().test_without_quantization_it_is_the_keras_layer()


def model_of(mask=None, shape=(2, 4), **arguments):
    keras.backend.clear_session()
    keras.utils.set_random_seed(0)
    inputs = keras.Input(shape)
    x = Quantizer("kif", f0=3, i0=2, overflow_mode="SAT")(inputs)
    model = keras.Model(inputs, QSoftmax(name="softmax", **arguments)(x, mask=mask))
    trace_minmax(model, np.random.default_rng(0).normal(0, 2, (500, *shape)))
    return model


@pytest.mark.parametrize("stable", [True, False])
def test_masks_that_are_constant(stable):
    """What is masked is 0 and takes no part; a group without elements is 0."""
    mask = np.array([[[False, True, False, True], [False] * 4]])
    for constant in (mask, mask[0]):
        model = model_of(constant, stable=stable)
        lowered = lower(model)
        for float64 in (False, True):
            assert check_layers(Reference(model, float64=float64), lowered, 200)
    x = np.random.default_rng(1).normal(0, 1, (20, 2, 4)).astype(np.float32)
    y = model.predict(x, verbose=0)
    assert (y[:, ~mask[0]] == 0).all()
    x[:, 0, 0] = 99
    assert np.array_equal(model.predict(x, verbose=0), y)
    assert np.abs(y[:, 0].sum(-1) - 1).max() < 0.2


@pytest.mark.parametrize("stable", [True, False])
def test_masks_that_are_inputs(stable):
    """Together with a constant one; also where nothing is left."""
    keras.utils.set_random_seed(0)
    inputs, mask = keras.Input((2, 4), name="x"), keras.Input((1, 4), name="m")
    x = Quantizer("kif", f0=3, i0=2, overflow_mode="SAT")(inputs)
    model = keras.Model([inputs, mask], QSoftmax(name="softmax", stable=stable)(x, mask=mask))
    rng = np.random.default_rng(0)
    trace_minmax(model, [rng.normal(0, 2, (500, 2, 4)), rng.random((500, 1, 4)) < 0.6])
    lowered = lower(model, inputs={"m": (0, 1, 0)})
    assert check_layers(Reference(model), lowered, 200)
    assert_equivalent(lowered.graph, run(lowered.graph)[0], 200)


def test_masked_elements_widen_no_range():
    layer = model_of(np.array([[[True, False, True, True]]])).layers[-1]
    k, i, _ = layer.exp_table.iq.format.frozen()
    assert (k.max(), i.max()) == (0, 3)


def test_without_input_quantizer_ebops_are_counted():
    layer = model_of().layers[-1]
    assert layer.ebops == float(layer.compute_ebops()) > 0


def test_axes_is_another_name_for_axis():
    assert QSoftmax(axes=(1, 2)).get_config()["axis"] == (1, 2)


def test_errors():
    def message(kind, call):
        with pytest.raises(kind) as error:
            call()
        return str(error.value)

    assert message(ConfigError, lambda: QSoftmax(axis=0).build((None, 3))) == (
        "axes must be axes of the input other than the batch axis.\n"
        "  Received: axes (0,) of an input with 2 axes."
    )

    def variable():
        inputs, mask = keras.Input((3,)), keras.Input((3,), name="mask")
        model = keras.Model([inputs, mask], QSoftmax(name="s", enable_iq=True)(inputs, mask=mask))
        trace_minmax(model, [np.arange(6.0).reshape(2, 3), np.ones((2, 3))])
        lower(model, inputs={"mask": (0, 2, 0)})

    assert message(LoweringError, variable) == (
        "layer 's' (QSoftmax): a mask in hardware is made of bits.\n"
        "  Received: values of type u2@0 [0, 3].\n"
        "  Put Quantizer('kif', k0=0, i0=1, f0=0, trainable=False) before it, or declare the "
        "format (0, 1, 0) of an input with inputs=."
    )
    several = np.ones((2, 2, 4), bool)
    inputs = keras.Input((2, 4), batch_size=2)
    model = keras.Model(inputs, QSoftmax(name="s", enable_iq=True)(inputs, mask=several))
    trace_minmax(model, np.arange(16.0).reshape(2, 2, 4))
    assert message(LoweringError, lambda: lower(model)) == (
        "layer 's' (QSoftmax): a mask must be the same for all samples.\n"
        "  Received: shape (2, 2, 4)."
    )

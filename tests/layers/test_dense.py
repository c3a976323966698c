"""QDense: the battery, and what is particular to it."""

import keras
import numpy as np
import pytest

from hgq_rtl.config import QuantizerConfig, QuantizerConfigScope
from hgq_rtl.errors import ConfigError, LoweringError
from hgq_rtl.layers import QDense
from hgq_rtl.quantizers.exact import to_numpy
from hgq_rtl.utils import trace_minmax
from tests.battery.layer import Case, LayerBattery


class TestQDense(LayerBattery):
    layer, plain = QDense, keras.layers.Dense
    cases = (
        Case({"units": 3}, (4,), ebops=4 * 3 * 8 * 8 + 8 * 3),
        Case(
            {"units": 3, "use_bias": False, "parallelization_factor": 1}, (2, 4), ebops=4 * 3 * 64
        ),
        Case({"units": 5, "activation": "relu"}, (4,), ebops=4 * 5 * 64 + 8 * 5),
    )

    def maths(self, layer, x):
        y = x @ self.quantized(layer.kq, layer.kernel)
        if layer.use_bias:
            y = y + self.quantized(layer.bq, layer.bias)
        return y if layer.activation is keras.activations.linear else np.maximum(y, 0)


@pytest.mark.parametrize("q_type", ["kif", "kbi"])
@pytest.mark.parametrize("overflow", ["WRAP", "SAT", "SAT_SYM"])
def test_types_and_modes(q_type, overflow):
    battery = TestQDense()
    case = Case({"units": 3}, (6,), ebops=0)
    with QuantizerConfigScope(default_q_type=q_type, overflow_mode=overflow, round_mode="RND_CONV"):
        model, layer = battery.model(case)
        x = battery.data(case)
        y = trace_minmax(model, x, return_results=True)
        assert np.array_equal(y, battery.maths(layer, battery.quantized(layer.iq, x)))
        assert np.array_equal(y, np.asarray(model(x)))


def test_hand_computed_ebops():
    layer = QDense(3, ebops_factor=0.5)
    layer.build((None, 4))
    assert to_numpy(layer.update_ebops()) == layer.ebops == 792 / 2
    middle = QDense(3, parallelization_factor=2)  # 2 of 10 positions at a time
    middle.build((None, 5, 2, 4))
    assert float(to_numpy(middle.compute_ebops())) == pytest.approx(792 * 2)
    eight = {"b0": 8, "i0": 2}
    signed = QDense(3, kq_conf=QuantizerConfig("kbi", "weight", overflow_mode="SAT", **eight))
    signed.build((None, 4))
    assert (
        float(to_numpy(signed.compute_ebops())) == 4 * 3 * 8 * 9 + 8 * 3
    )  # the sign counts in SAT
    layer = QDense(2)
    layer.build((None, 2))
    layer.kq.format._b.assign([[3.0, 0.0], [1.4, 2.0]])
    layer.iq.format._f.assign([[1.0, -5.0]])  # 3 bits, and none
    layer.bq.format._b.assign([0.0, 4.0])
    assert float(np.asarray(layer.compute_ebops())) == 3 * (3 + 0) + 0 * (1 + 2) + 4


def test_large_ebops_do_not_overflow():
    layer = QDense(8, ebops_factor=2.0**40)
    layer.build((None, 8))
    assert to_numpy(layer.update_ebops()) == layer.ebops == 2.0**40 * (8 * 8 * 64 + 64)


def test_loss_term_in_training_only():
    layer = QDense(3, beta0=0.25)
    x = np.zeros((2, 4), np.float32)
    layer(x)
    assert sum(float(to_numpy(v)) for v in layer.losses) < 1e-3  # width regularizers alone
    layer(x, training=True)
    assert float(to_numpy(layer.losses[0])) == 0.25 * 792
    off = QDense(3, enable_iq=False)
    off(x, training=True)
    assert (off.enable_ebops, off.ebops, off.beta) == (False, 0.0, 1e-5)


class Spy:
    """Records what lower does to a FixedArray."""

    shape = (4,)

    def __init__(self, log=()):
        self.log = list(log)

    def _then(self, *entry):
        return Spy([*self.log, entry])

    def quantize(self, k, i, f, rounding, overflow):
        return self._then("quantize", k.shape, rounding, overflow)

    def __matmul__(self, w):
        return self._then("@", w)

    def __add__(self, b):
        return self._then("+", b)

    def relu(self):
        return self._then("relu")


def test_lower():
    battery = TestQDense()
    model, layer = battery.model(battery.cases[2])
    trace_minmax(model, battery.data(battery.cases[2]))
    quantize, matmul, add, relu = layer.lower(Spy()).log
    assert quantize == ("quantize", (4,), "RND", "WRAP")
    assert matmul[1].dtype == add[1].dtype == np.float64
    assert np.array_equal(matmul[1], battery.quantized(layer.kq, layer.kernel))
    assert np.array_equal(add[1], battery.quantized(layer.bq, layer.bias))
    assert relu == ("relu",)


def message(call, kind):
    with pytest.raises(kind) as error:
        call()
    return str(error.value)


def test_errors():
    layer = QDense(3, enable_iq=False)
    layer.build((None, 4))
    kernel = np.zeros((4, 3))
    kernel[2, 1] = np.nan
    layer.kernel.assign(kernel)
    assert message(lambda: layer.lower(Spy()), LoweringError) == (
        "the kernel has values that are not finite.\n"
        "  Received: nan at index (2, 1).\n"
        "  The training has diverged; go back to an earlier checkpoint."
    )
    assert message(lambda: QDense(0), ConfigError) == (
        "units must be a positive integer.\n  Received: 0."
    )
    assert message(lambda: QDense(3, kq_conf={"b0": 3}), ConfigError) == (
        "a quantizer configuration must be a QuantizerConfig.\n  Received: dict."
    )
    assert message(lambda: QDense(3).build((None, None)), ConfigError) == (
        "the last axis of the input must have a known size.\n  Received: shape (None, None)."
    )

"""The estimate of LUTs: digits, gradients, the loss, totals."""

import keras
import numpy as np
import pytest

from hgq_rtl.config import LayerConfigScope, QuantizerConfig
from hgq_rtl.errors import ConfigError
from hgq_rtl.layers import QAdd, QDense, QUnaryFunctionLUT
from hgq_rtl.layers.luts import SATURATION
from hgq_rtl.quantizers import Quantizer
from hgq_rtl.quantizers.exact import signed_digits, to_numpy
from hgq_rtl.utils import total_ebops, total_luts
from tests.quantizers.helpers import differentiated


def test_signed_digits():
    n = np.arange(-2048, 2048)
    canonical = [bin(abs(3 * int(v)) ^ abs(int(v))).count("1") for v in n]
    for scale in (2.0**-30, 1.0, 2.0**20):
        assert np.array_equal(np.asarray(signed_digits(np.float32(n * scale))), canonical)
    widest = np.float32([2**24 - 1, 2**23 + 1, 11184810])
    assert np.asarray(signed_digits(widest)).tolist() == [2, 2, 12]


def dense(bits, kernel, **arguments):
    """A dense layer of inputs of ``bits`` bits and an exactly representable kernel."""
    iq = QuantizerConfig("kif", k0=0, i0=bits, f0=0, overflow_mode="SAT_SYM", trainable=False)
    layer = QDense(kernel.shape[1], iq_conf=iq, use_bias=False, **arguments)
    layer.build((None, len(kernel)))
    layer.kernel.assign(kernel)
    return layer


def test_digits_and_not_bits_of_weights_count():
    rng = np.random.default_rng(0)
    few = rng.choice([0.25, -0.5, 1.0], (8, 4))
    many = rng.choice([0.671875, -0.828125], (8, 4))
    cheap, dear = dense(4, few), dense(4, many)
    assert np.array_equal(cheap.compute_ebops(), dear.compute_ebops())
    assert 0 < 2 * cheap.luts < dear.luts
    assert dense(4, 0 * few).luts < 0.01 * cheap.luts + 2 * 8 * 4  # the saturating inputs
    assert cheap.luts < dense(6, few).luts


def test_gradient_reaches_all_widths():
    layer = dense(4, np.full((3, 2), 0.6875))
    (b,) = (v for v in layer.kq.trainable_variables if v.name == "b")
    _, (gradient,), _ = differentiated(layer.compute_luts, [b], (), np.float32(1))
    assert (gradient > 0).all()


def test_tables_double_with_each_bit_beyond_six():
    def luts(bits):
        iq = QuantizerConfig("kif", k0=0, i0=bits, f0=0, overflow_mode="SAT_SYM", trainable=False)
        oq = QuantizerConfig("kif", "table", i0=0, f0=3, overflow_mode="SAT")
        layer = QUnaryFunctionLUT("tanh", iq_conf=iq, oq_conf=oq)
        layer.build((None, 2))
        return layer.luts

    saturation = [2 * SATURATION * n for n in (6, 7, 9)]
    tables = [2 * 4 * n for n in (1, 2, 8)]
    assert [luts(n) for n in (6, 7, 9)] == pytest.approx(np.add(tables, saturation))
    assert luts(3) - 2 * SATURATION * 3 == pytest.approx(2 * 4 / 2)


def test_loss_of_the_chosen_resource():
    x = np.ones((4, 3), np.float32)
    losses = {}
    for resource in ("ebops", "luts"):
        keras.utils.set_random_seed(0)
        with LayerConfigScope(resource=resource, beta0=1.0):
            layer = QDense(2, use_bias=False)
        assert layer.get_config()["resource"] == resource
        model = keras.Sequential([keras.Input((3,)), layer])
        model(x, training=True)
        losses[resource] = sum(float(to_numpy(v)) for v in model.losses)
    assert losses["ebops"] == pytest.approx(total_ebops(model), rel=1e-3)
    assert losses["luts"] == pytest.approx(total_luts(model), rel=1e-3)
    assert losses["luts"] < losses["ebops"]


def test_layers_called_twice_count_twice():
    inner = keras.Sequential([keras.Input((3,)), QDense(3)])
    x = keras.Input((3,))
    y = inner(inner(x))
    model = keras.Model(x, QAdd()([x, y]))
    model(np.ones((2, 3), np.float32), training=True)
    dense, add = inner.layers[0], model.layers[-1]
    assert total_ebops(model) == pytest.approx(2 * dense.ebops + add.ebops)
    assert total_luts(model) == pytest.approx(2 * dense.luts + add.luts)


def test_bad_resource():
    for make in (lambda: LayerConfigScope(resource="dsp"), lambda: QDense(2, resource="dsp")):
        with pytest.raises(ConfigError) as error:
            make()
        assert str(error.value) == "unknown resource.\n  Received: 'dsp'.\n  Known: ebops, luts."


def test_digits_need_a_known_format():
    q = Quantizer(QuantizerConfig("dummy", "weight"))
    q.build((2,))
    assert np.asarray(q.digits(np.float32([0.5, 3]))).tolist() == [0, 0]

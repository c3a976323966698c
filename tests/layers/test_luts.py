"""The estimate of LUTs: digits, gradients, the loss, totals."""

import keras
import numpy as np
import pytest

from hgq_rtl.config import LayerConfigScope, QuantizerConfig, QuantizerConfigScope
from hgq_rtl.errors import ConfigError
from hgq_rtl.layers import QAdd, QDense, QUnaryFunctionLUT
from hgq_rtl.layers.luts import LIMIT
from hgq_rtl.layers.merge import ADDER
from hgq_rtl.layers.sums import sum_bits
from hgq_rtl.quantizers import Quantizer
from hgq_rtl.quantizers.exact import signed_digits, to_numpy
from hgq_rtl.timing.load import load_device
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


def table(bits, activation="tanh", **out):
    """Two tables of inputs of ``bits`` bits without sign; ``out``: the format of their entries."""
    iq = QuantizerConfig("kif", k0=0, i0=bits, f0=0, overflow_mode="SAT_SYM", trainable=False)
    oq = QuantizerConfig("kif", "table", **{"k0": 0, "i0": 0, "f0": 3, **out}, overflow_mode="SAT")
    layer = QUnaryFunctionLUT(activation, iq_conf=iq, oq_conf=oq)
    layer.build((None, 2))
    return layer


def test_tables_double_with_each_bit_beyond_six():
    sizes = {1: 0, 2: 1, 5: 1, 6: 1, 7: 2, 9: 8}  # LUTs for each output bit, as the devices have
    device = load_device("xcvu13p-2")
    assert {n: device.table_luts[n] for n in sizes} == sizes
    for n, size in sizes.items():
        assert table(n).luts == pytest.approx(2 * 3 * size + 2 * LIMIT * n)


@pytest.mark.parametrize(
    ("activation", "bits"),
    # Of 0 to 63, in eighths, kept below 16; the arc cosine has no value at most places.
    [("tanh", 4), ("sigmoid", 4), ("linear", 7), (keras.ops.arccos, 8)],
)
def test_bits_that_a_function_leaves_constant_are_no_tables(activation, bits):
    layer = table(6, activation, k0=1, i0=4)
    assert layer.luts == pytest.approx(2 * bits + 2 * LIMIT * 6)


def test_gradient_of_tables_of_few_bits():
    layer = QUnaryFunctionLUT("tanh")
    layer.build((None, 2))
    for f in (0.0, 2.0, 6.0):
        layer.iq.format._f.assign(np.full(layer.iq.format._f.shape, f))
        variables = [layer.iq.format._f, layer.oq.format._b]
        _, gradients, _ = differentiated(layer.compute_luts, variables, (), np.float32(1))
        assert all((np.asarray(g) > 0).all() for g in gradients), f


def limits(mode, *between, activation="relu"):
    """A layer behind one of three units and other layers, and behind these alone."""
    with QuantizerConfigScope(place="datalane", overflow_mode=mode, k0=1, i0=2, f0=3):
        last = QDense(2)
        first = [] if activation is None else [QDense(3, activation=activation)]
        keras.Sequential([keras.Input((3,)), *first, *between, last])
    return last


def test_limits_take_luts_for_each_kept_bit():
    """Of three inputs of a sign and five bits; ReLU takes the sign away."""
    moved = keras.layers.Reshape((3, 1)), keras.layers.Flatten()
    for mode in ("WRAP", "SAT", "SAT_SYM"):
        for between in ((), moved, (keras.layers.Dropout(0.5),)):
            behind = limits(mode, *between)
            assert np.sum(to_numpy(behind.signal_bits())) == 3 * 5
            assert float(to_numpy(behind.front_luts())) == pytest.approx(LIMIT * 3 * 5)
        for between in ((), (keras.layers.ReLU(negative_slope=0.5),)):
            linear = limits(mode, *between, activation="linear")
            assert np.sum(to_numpy(linear.signal_bits())) == 3 * 6
            expected = 0 if mode == "WRAP" else LIMIT * 3 * 6
            assert float(to_numpy(linear.front_luts())) == pytest.approx(expected)
        assert (
            float(to_numpy(limits(mode, *moved, activation=None).front_luts())) == 0
        )  # the host's
    relu = limits("WRAP", keras.layers.ReLU(), activation="linear")
    assert float(to_numpy(relu.front_luts())) == pytest.approx(LIMIT * 3 * 5)


def test_a_relu_is_shared_by_its_readers():
    x = keras.Input((3,))
    y = QDense(3, activation="relu")(x)
    add = QAdd()
    keras.Model(x, add([y, QDense(3)(y)]))
    bits = np.sum(to_numpy(add.iqs[0].true_bits((1, 3), positive=True)) * np.ones((1, 3)))
    assert add.luts - float(to_numpy(add.compute_ebops())) / ADDER == pytest.approx(
        LIMIT * bits / 2
    )


def summed(activation, **out):
    """Three sums of halves, of 5, 7 and 0 bits, and a layer that reads them in 4 bits."""
    iq = QuantizerConfig("kif", k0=0, i0=4, f0=0, overflow_mode="SAT_SYM")
    kq = QuantizerConfig("kif", "weight", k0=1, i0=1, f0=1)
    sums = QDense(3, activation, iq_conf=iq, kq_conf=kq, use_bias=False, **out)
    with QuantizerConfigScope(place="datalane", overflow_mode="SAT", k0=1, i0=0, f0=3):
        reader = QDense(2)
        keras.Sequential([keras.Input((3,)), sums, keras.layers.Flatten(), reader])
    sums.kernel.assign([[0.5, 1.5, 0], [0.5, -1.5, 0], [0, 1, 0]])
    return sums, reader


def test_an_activation_is_a_table_of_what_reads_it():
    sums, reader = summed("tanh")
    linear, behind = summed(None)
    assert np.array_equal(to_numpy(sum_bits(sums)), [[5, 7, 0]])
    assert float(to_numpy(reader.front_luts())) == pytest.approx(4 * 1 + 4 * 2)
    assert float(to_numpy(behind.front_luts())) == pytest.approx(LIMIT * 3 * 4)
    assert sums.luts == pytest.approx(linear.luts)
    variables = [sums.iq.format._i, sums.kq.format._f]
    _, gradients, _ = differentiated(reader.front_luts, variables, (), np.float32(1))
    assert (gradients[0] > 0).all()
    assert ((gradients[1] > 0) == (np.asarray(sums.kernel) != 0)).all()


def test_an_activation_with_an_output_quantizer_has_its_own_table():
    oq = QuantizerConfig("kif", k0=1, i0=0, f0=6, overflow_mode="SAT", heterogeneous_axis=())
    sums, reader = summed("tanh", oq_conf=oq, enable_oq=True)
    assert sums.luts - summed(None)[0].luts == pytest.approx(7 * 1 + 7 * 2)
    assert float(to_numpy(reader.front_luts())) == pytest.approx(LIMIT * 3 * 4)


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

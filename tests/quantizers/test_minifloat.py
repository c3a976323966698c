"""Minifloats against a table of all their codes, and their gradients against closed forms."""

import keras
import numpy as np
import pytest

from hgq_rtl.errors import LoweringError
from hgq_rtl.layers import QDense
from hgq_rtl.quantizers import MonoL1, Quantizer, QuantizerConfig
from tests.quantizers.helpers import gradients

LN2 = np.log(2.0)


def codes(m, e, e0):
    """All values without sign, in order: binade after binade, subnormals first."""
    half = max(2.0 ** (e - 1), 1.0)
    low, high = int(e0 - half + 1), int(e0 + half - 1)
    values = [n * 2.0 ** (low - m) for n in range(2 ** (m + 1))]
    for exponent in range(low + 1, high + 1):
        values += [n * 2.0 ** (exponent - m) for n in range(2**m, 2 ** (m + 1))]
    return np.array(values)


def nearest(x, m, e, e0):
    """The nearest code; of two equally near ones that with the even significand.

    That is the code at the even place in the table, except for m = 0: normal significands are then
    all 1, so the tie 1.5 becomes 2, the next binade.
    """
    table = codes(m, e, e0)
    gap = np.abs(np.abs(x)[:, None] - table)
    best = gap.min(axis=1, keepdims=True)
    place = np.arange(len(table))
    even = np.where(place % 2, 2.0, 1.0) if m else np.where(place, 1.0 / (place + 1), 0.0)
    return np.sign(x) * table[np.argmin(np.where(gap == best, even, 9.0), axis=1)]


def make(shape, m, e, e0, **params):
    q = Quantizer(QuantizerConfig("float", "weight", mc=None, ec=None, e0c=None, **params))
    q.build(shape)
    for name, value in (("_m", m), ("_e", e), ("_e0", e0)):
        getattr(q.format, name).assign(np.broadcast_to(value, q.format.width_shape))
    return q


FORMATS = [(2, 2, 0), (1, 3, 0), (2, 4, 0), (0, 3, -2), (3, 1, 1), (3, 0, 1), (5, 4, 3), (8, 2, -9)]


def samples(m, e, e0, n=400, seed=0):
    rng = np.random.default_rng(seed)
    table = codes(m, e, e0)
    ties = (table[1:] + table[:-1]) / 2
    x = np.concatenate([rng.choice(table, n // 2), rng.choice(ties, n // 4),
                        table.max() * rng.uniform(0.9, 4, n // 8)])  # fmt: skip
    x = np.concatenate([x, rng.uniform(0, 1.2, n - len(x)) * table.max()])
    return (x * rng.choice([-1, 1], n)).astype(np.float32)


def test_known_formats():
    assert codes(2, 2, 0)[[0, 1, -1]].tolist() == [0, 0.125, 3.5]
    assert (codes(1, 3, 0).max(), codes(2, 4, 0).max()) == (12, 224)
    assert all(len(codes(m, e, 0)) == 2 ** (m + e) for m in range(4) for e in range(1, 4))


def test_values_and_limits():
    """All formats in one tensor, a row each."""
    x = np.stack([samples(*fmt, seed=n) for n, fmt in enumerate(FORMATS)])
    m, e, e0 = (np.array(v)[:, None] for v in zip(*FORMATS, strict=True))
    q = make(x.shape, m + 0.3, e - 0.3, e0 + 0.2, heterogeneous_axis=(0,))
    want = np.stack([nearest(row, *fmt) for row, fmt in zip(x, FORMATS, strict=True)])
    assert np.array_equal(np.asarray(q(x)), want)
    for n, fmt in enumerate(FORMATS):  # also at e = 0
        table = codes(*fmt)
        assert (q.min[n], q.max[n], q.epsilon[n]) == (-table.max(), table.max(), table[1])
    assert np.asarray(q.bits(x.shape))[:, 0].tolist() == [5, 5, 7, 4, 5, 5, 10, 11]


def test_no_mantissa_is_zero():
    q = make((3,), -1.0, 3, 0)
    assert np.array_equal(np.asarray(q(np.float32([-3, 0.2, 9]))), [0, 0, 0])
    assert np.array_equal(np.asarray(q.bits((3,))), [0, 0, 0])
    assert (q.min.max(), q.max.max()) == (0, 0)


def test_gradients():
    fmt = (2, 3, 0)
    x = np.concatenate([samples(*fmt), np.float32([0.03, -0.01])])
    upstream = np.random.default_rng(2).normal(1, 1, len(x)).astype(np.float32)
    q = make(x.shape, *fmt)
    y, grads = gradients(q, x, upstream)
    assert np.array_equal(y, nearest(x, *fmt))
    off = LN2 * (x - y)
    above, below = np.abs(x) > codes(*fmt).max(), np.abs(x) < 2.0**-3
    assert above.any()
    assert below.any()
    near = {"rtol": 1e-5, "atol": 1e-6}
    np.testing.assert_array_equal(grads["x"], upstream)
    np.testing.assert_allclose(grads["m"], np.where(above, 0, off) * upstream, **near)
    np.testing.assert_allclose(
        grads["e"], np.where(above | below, LN2 * 4 * off, 0) * upstream, **near
    )
    np.testing.assert_allclose(grads["e0"], (1.0 * above - 1.0 * below) * off * upstream, **near)


def test_defaults():
    for place, axes in (("weight", ()), ("bias", ()), ("datalane", None), ("table", None)):
        conf = QuantizerConfig("float", place)
        assert (conf["m0"], conf["e0"], conf["e00"]) == (2, 4, 0)
        assert (conf["mc"].min_value, conf["mc"].max_value, conf["ec"].max_value) == (-1, 8, 4)
        assert (conf["e0c"].min_value, conf["e0c"].max_value) == (-16, 16)
        assert conf["mr"].l1 == conf["er"].l1 == 1e-8
        assert conf["homogeneous_axis"] == axes
    assert Quantizer("float", trainable=False).format.trainable is False


def test_trains_and_loads(tmp_path):
    keras.utils.set_random_seed(0)
    kq, iq = (QuantizerConfig("float", p, mr=MonoL1(1e-3)) for p in ("weight", "datalane"))
    model = keras.Sequential([keras.Input((4,)), QDense(3, kq_conf=kq, iq_conf=iq)])
    model.compile(keras.optimizers.SGD(0.1), "mse")
    layer = model.layers[0]
    before = np.asarray(layer.kq.format._m)
    x = np.random.default_rng(0).normal(size=(32, 4)).astype(np.float32)
    model.fit(x, x[:, :3], verbose=0)
    assert layer.ebops > 0
    assert np.all(np.asarray(layer.kq.format._m) != before)
    model.save(tmp_path / "m.keras")
    loaded = keras.models.load_model(tmp_path / "m.keras")
    assert np.array_equal(np.asarray(loaded(x)), np.asarray(model(x)))


def test_hardware_refuses():
    q = make((3,), 2, 2, 0)
    with pytest.raises(LoweringError) as error:
        q.lower(type("Spy", (), {"shape": (3,)})())
    assert str(error.value) == (
        "a minifloat quantizer (q_type 'float') has no hardware form.\n"
        "  Train with q_type 'kif' or 'kbi' to build hardware."
    )
    with pytest.raises(LoweringError) as error:
        q.frozen((3,))
    assert str(error.value) == "a float quantizer has no widths k, i, f."

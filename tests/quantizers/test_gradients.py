"""Surrogate gradients against their closed forms."""

import numpy as np
import pytest

from hgq_rtl.fixed import quantize_float
from tests.quantizers.helpers import differentiated, gradients, make, set_widths

LN2 = np.log(2.0)
N = 400


def case(seed):
    rng = np.random.default_rng(seed)
    i, f = rng.integers(-2, 4, N), rng.integers(-1, 5, N)
    f = np.maximum(f, -i)  # widths of zero and up
    x = rng.normal(0, 3.0, N).astype(np.float32)
    x[:40] = np.exp2(i[:40]) - np.exp2(-f[:40])  # exactly the upper bound counts as inside
    upstream = rng.normal(1, 1, N).astype(np.float32)
    jitter = rng.uniform(-0.4, 0.4, (2, N))  # raw widths; the integers nearby are used
    return i, f, x, upstream, jitter


def closed_form(x, k, i, f, overflow):
    """Output and (dy/dx, dy/df, dy/di), from the table in fixed_point.py."""
    y = np.ldexp(quantize_float(x, k, i, f, "RND", overflow), -f)
    step, top = np.exp2(-f), np.exp2(i)
    hi = top - step
    lo = -k * (hi if overflow == "SAT_SYM" else top)
    above, below = x > hi, x < lo
    dx = np.where(above | below, 0.0, 1.0)
    df_below = -k * LN2 * step if overflow == "SAT_SYM" else 0.0
    df = np.where(above, LN2 * step, np.where(below, df_below, LN2 * (x - y)))
    di = np.where(above, LN2 * top, np.where(below, -k * LN2 * top, 0.0))
    return y, dx, df, di


@pytest.mark.parametrize("overflow", ["SAT", "SAT_SYM"])
@pytest.mark.parametrize("k", [0, 1])
@pytest.mark.parametrize("q_type", ["kif", "kbi"])
def test_saturating(q_type, k, overflow):
    i, f, x, upstream, jitter = case(3)
    q = make(q_type, (N,), overflow, k0=k)
    set_widths(q, i + jitter[0], f + (jitter[1] if q_type == "kif" else -jitter[0]))
    y, grads = gradients(q, x, upstream)
    want, dx, df, di = closed_form(x, k, i, f, overflow)
    assert np.array_equal(y, want)
    near = {"rtol": 1e-5, "atol": 1e-6}
    np.testing.assert_array_equal(grads["x"], dx * upstream)
    if q_type == "kif":
        np.testing.assert_allclose(grads["f"], df * upstream, **near)
        np.testing.assert_allclose(grads["i"], di * upstream, **near)
    else:
        np.testing.assert_allclose(grads["b"], df * upstream, **near)
        np.testing.assert_allclose(grads["i"], (di - df) * upstream, **near)


@pytest.mark.parametrize("q_type", ["kif", "kbi"])
def test_wrapping(q_type):
    _, f, x, upstream, jitter = case(4)
    q = make(q_type, (N,), "WRAP", "datalane", homogeneous_axis=())
    set_widths(q, 9.0, f + (jitter[1] if q_type == "kif" else 0))
    y, grads = gradients(q, x, upstream)
    if q_type == "kbi":  # i follows the batch at once, and the grid follows i
        settled = np.asarray(q.format.needed(x, x))
        f = np.rint(9.0 + f - np.maximum(9.0 - 0.01, settled).round()).astype(int)
    assert np.array_equal(y, np.floor(np.ldexp(np.float64(x), f) + 0.5) * np.exp2(-f))
    np.testing.assert_array_equal(grads["x"], upstream)
    name = "f" if q_type == "kif" else "b"
    np.testing.assert_allclose(grads[name], LN2 * (x - y) * upstream, rtol=1e-5, atol=1e-6)
    assert set(grads) == {"x", name}


def test_shared_width_sums_gradients():
    _, _, x, upstream, _ = case(5)
    q = make("kif", (20, 20), "SAT", "datalane", homogeneous_axis=(0,))
    set_widths(q, 2.0, 3.0)
    _, grads = gradients(q, x.reshape(20, 20), upstream.reshape(20, 20))
    _, _, df, _ = closed_form(x, 1, np.full(N, 2), np.full(N, 3), "SAT")
    want = (df * upstream).reshape(20, 20).sum(0, keepdims=True)
    np.testing.assert_allclose(grads["f"], want, rtol=1e-4, atol=1e-5)


def test_noise_scales_width_gradients():
    x = np.linspace(-1, 1, N, dtype=np.float32)
    plain, noisy = (
        gradients(make("kif", (N,), "SAT", qnoise_factor=q), x, np.ones(N, np.float32))
        for q in (None, 0.25)
    )
    np.testing.assert_allclose(noisy[1]["f"], 0.25 * plain[1]["f"], rtol=1e-6)
    np.testing.assert_allclose(noisy[0], x + 0.25 * (plain[0] - x), rtol=1e-6)


def test_noise_with_scaler_keeps_grid_points():
    q = make("kif", (1,), "SAT", qnoise_factor=0.5, scaler=4.0)
    assert np.asarray(q(np.ones(1, np.float32), training=True)).tolist() == [1.0]


def test_infinite_input_saturates_in_training():
    q = make("kif", (2,), "SAT", i0=1, f0=1)
    y = q(np.array([np.inf, -np.inf], np.float32), training=True)
    assert np.array_equal(np.asarray(y), [1.5, -2.0])


@pytest.mark.parametrize(("q_type", "live"), [("kif", 0.0), ("kbi", 1.0)])
def test_bits_gradient(q_type, live):
    q = make(q_type, (2,), "SAT_SYM")
    set_widths(q, np.array([2.0, -1.0]), np.array([3.2, 1.0]))
    variables = q.trainable_variables
    bits, found, _ = differentiated(lambda: q.bits((2,)), variables, (), np.ones(2, np.float32))
    grads = dict(zip([v.name for v in variables], found, strict=True))
    assert np.array_equal(bits, [5, 0])
    name = "f" if q_type == "kif" else "b"  # at zero width, kif stops and kbi rests on b >= 0
    assert np.array_equal(grads[name], [1.0, live])

"""Stochastic rounding: unbiased, on the grid, seeded, in training only."""

import keras
import numpy as np
import pytest

from hgq_rtl.quantizers import Quantizer, QuantizerConfig
from tests.quantizers.helpers import gradients, make

N = 20000


@pytest.mark.parametrize("mode", ["S_RND", "S_RND_CONV"])
@pytest.mark.parametrize("overflow", ["SAT_SYM", "WRAP"])
def test_training_is_random_and_inference_is_not(mode, overflow):
    keras.utils.set_random_seed(4)
    x = np.float32([0.3, -0.3, 0.5, -1.0, 3.125, 9.0, -9.0])[:, None] * np.ones(N, np.float32)
    q = make("kif", x.shape, overflow, "datalane", round_mode=mode, f0=1, i0=2,
             heterogeneous_axis=(0,))  # fmt: skip
    y = np.asarray(q(x, training=True))
    inside = np.clip(x, -3.5, 3.5) if overflow == "SAT_SYM" else x
    u = inside * 2
    assert np.all((y * 2 == np.floor(u)) | (y * 2 == np.ceil(u)))  # neighbours only
    assert np.array_equal(y[[2, 3]], x[[2, 3]])  # on the grid: not moved
    # The mean of N draws is x, within five standard deviations of at most 1/4.
    assert np.abs(y.mean(axis=1) - inside[:, 0]).max() < 5 * 0.25 / N**0.5
    assert y[0].min() != y[0].max()
    plain = make("kif", x.shape, overflow, "datalane", round_mode=mode[2:], f0=1, i0=2,
                 heterogeneous_axis=(0,))  # fmt: skip
    plain.format._i.assign(q.format._i)
    plain.format._k.assign(q.format._k) if overflow == "WRAP" else None
    assert np.array_equal(np.asarray(q(x)), np.asarray(plain(x)))
    assert q.round_mode == mode[2:]  # what the hardware does
    assert q.config["round_mode"] == mode


def test_seeded_and_advancing():
    x = np.full(200, 0.3, np.float32)
    runs = []
    for seed in (1, 1, 2):
        keras.utils.set_random_seed(seed)
        q = make("kif", (200,), "SAT", round_mode="S_RND", f0=1)
        runs.append([np.asarray(q(x, training=True)) for _ in range(2)])
    assert np.array_equal(runs[0], runs[1])
    assert not np.array_equal(runs[0], runs[2])
    assert not np.array_equal(*runs[0])


def test_gradients_and_compiled_training():
    keras.utils.set_random_seed(3)
    x = np.linspace(-0.9, 0.9, 50, dtype=np.float32)
    q = make("kif", (50,), "SAT", round_mode="S_RND", f0=2)
    y, grads = gradients(q, x, np.ones(50, np.float32))
    assert not np.array_equal(y, np.asarray(q(x)))
    np.testing.assert_array_equal(grads["x"], 1)
    np.testing.assert_allclose(grads["f"], np.log(2) * (x - y), rtol=1e-5, atol=1e-7)
    lane = Quantizer(QuantizerConfig("kif", round_mode="S_RND", f0=0))
    model = keras.Sequential([keras.Input((50,)), lane])
    model.compile(keras.optimizers.SGD(0.0), "mse")
    data = np.broadcast_to(np.abs(x), (1, 50))
    losses = {model.train_on_batch(data, data) for _ in range(4)}
    assert len(losses) > 1  # each step draws anew

"""scaler, affine and noise around the number format, custom mappers, and their hardware."""

import keras
import numpy as np
import pytest

from hgq_rtl.errors import ConfigError, LoweringError
from hgq_rtl.fixed import quantize_float
from hgq_rtl.ir.evaluate import evaluate
from hgq_rtl.layers import QDense
from hgq_rtl.lowering.model import lower
from hgq_rtl.quantizers import HardSigmoidConfig, Quantizer, QuantizerConfig
from hgq_rtl.utils import trace_minmax
from tests.quantizers.helpers import make

X = np.random.default_rng(0).normal(0, 3, (200, 3)).astype(np.float32)


@pytest.mark.parametrize(
    ("scaler", "affine", "noise"),
    [
        (None, (0.5, -3.0), None),
        (0.75, None, 1),
        (4.0, None, 0.25),
        (None, (0.5, -3.0), 0.25),
        (-2.0, (0.5, -3.0), 0.25),
    ],
)
def test_formula(scaler, affine, noise):
    q = make("kif", X.shape, "SAT", scaler=scaler, affine=affine, qnoise_factor=noise, f0=2)
    s, (a, c) = scaler or 1.0, affine or (1.0, 0.0)
    y = s * quantize_float(X / np.float32(s), 1, 2, 2, "RND", "SAT") / 4
    np.testing.assert_allclose(np.asarray(q(X)), a * y + c, rtol=1e-6, atol=1e-6)
    mixed = X + (1.0 if noise is None else noise) * (y - X)
    np.testing.assert_allclose(np.asarray(q(X, training=True)), a * mixed + c, rtol=1e-5, atol=1e-5)


def quantized(first, *confs):
    """A model of an input quantizer and more quantizers."""
    layers = [Quantizer(conf, name=f"q{n}") for n, conf in enumerate((first, *confs))]
    return keras.Sequential([keras.Input((3,), name="x"), *layers])


def hardware_equals_keras(model):
    trace_minmax(model, X)
    x = 3 * X  # beyond the traced ranges too
    lowered = lower(model)
    n = evaluate(lowered.graph, lowered.interface.input_integers([x]))
    (y,) = lowered.interface.output_floats(n)
    assert np.array_equal(y, model.predict(x, verbose=0))
    return lowered


FIRST = QuantizerConfig("kif", f0=5)


@pytest.mark.parametrize("overflow", ["WRAP", "SAT", "SAT_SYM"])
@pytest.mark.parametrize("scaler", [0.25, 8.0, -1.0, -4.0])
def test_scaler_in_hardware(scaler, overflow):
    conf = QuantizerConfig("kif", f0=2, overflow_mode=overflow, scaler=scaler, round_mode="RND")
    lowered = hardware_equals_keras(quantized(FIRST, conf))
    if scaler > 0:  # no more operations than without a scaler
        plain = hardware_equals_keras(
            quantized(FIRST, QuantizerConfig("kif", f0=2, overflow_mode=overflow))
        )
        assert len(lowered.graph.nodes) <= len(plain.graph.nodes)


def test_scaler_on_a_model_input_and_affine_in_hardware():
    hardware_equals_keras(quantized(QuantizerConfig("kif", f0=3, scaler=0.5)))
    hardware_equals_keras(quantized(QuantizerConfig("kif", f0=3, affine=(-0.75, 1.25))))
    hardware_equals_keras(quantized(FIRST, HardSigmoidConfig(f0=3)))
    hardware_equals_keras(quantized(FIRST, QuantizerConfig("dummy", affine=(2.0, 0.5))))
    hardware_equals_keras(
        quantized(FIRST, QuantizerConfig("kif", f0=1, scaler=-2.0, affine=(1.0, 3.0)))
    )


@pytest.mark.parametrize(
    ("conf", "text"),
    [
        (
            QuantizerConfig("kif", overflow_mode="SAT", scaler=3.0),
            "in hardware, scaler must be a power of two.\n  Received: scaler=3.0.\n"
            "  Set it to the nearest one, and let the weights of the next layer do the rest.",
        ),
        (
            QuantizerConfig("kif", overflow_mode="SAT", affine=(0.1, 0)),
            "the constants of affine must be exact in float32.\n  Received: affine=(0.1, 0).\n"
            "  Use a few binary digits, such as 0.25 or 1.5.",
        ),
    ],
)
def test_refused_in_hardware(conf, text):
    with pytest.raises(LoweringError) as error:
        lower(quantized(conf))
    assert str(error.value).endswith(text)


def test_limits():
    q = make("kif", (3,), "SAT", k0=1)
    q.format._i.assign([1.0, -3.0, 0.0])
    q.format._f.assign([2.0, 1.0, 4.0])
    assert (q.min.tolist(), q.max.tolist()) == ([-2, 0, -1], [1.75, 0, 1 - 2**-4])
    assert q.epsilon.tolist() == [0.25, 0.5, 2**-4]
    assert make("kif", (1,), "SAT_SYM", i0=1, f0=1).min.tolist() == [-1.5]
    with pytest.raises(ConfigError) as error:
        _ = Quantizer("dummy").min
    assert str(error.value) == (
        "limits exist once a quantizer is built, and not for a dummy.\n  Received: q_type 'dummy'."
    )


@keras.saving.register_keras_serializable(package="tests")
class Pairs:
    """Neighbours on the last axis share a width: a mapper that no choice of axes can express."""

    def width_shape(self, shape):
        return (*(1 for _ in shape[:-1]), shape[-1] // 2)

    def to_tensor(self, widths, shape):
        return keras.ops.repeat(widths, 2, axis=-1)

    def extrema(self, x, width_shape):
        x = keras.ops.reshape(x, (-1, width_shape[-1], 2))
        lo, hi = keras.ops.min(x, (0, 2)), keras.ops.max(x, (0, 2))
        return tuple(keras.ops.reshape(v, width_shape) for v in (lo, hi))

    def get_config(self):
        return {}

    @classmethod
    def from_config(cls, config):
        return cls()


def test_custom_mapper(tmp_path):
    keras.utils.set_random_seed(0)
    conf = QuantizerConfig("kif", f0=3, bw_mapper=Pairs())
    model = keras.Sequential([keras.Input((4,), name="x"), QDense(2, iq_conf=conf)])
    model.compile(keras.optimizers.SGD(0.05), "mse")
    x = np.random.default_rng(0).normal(0, 1, (64, 4)).astype(np.float32) * [1, 1, 8, 8]
    iq = model.layers[0].iq
    assert iq.format.width_shape == (1, 2)
    model.fit(x, x[:, :2], verbose=0)
    assert np.ptp(np.asarray(iq.format._f)) > 0
    total = trace_minmax(model, x)
    _, i, _ = iq.frozen((4,))
    assert i[0] == i[1] < i[2] == i[3]
    assert total == model.layers[0].ebops > 0
    lowered = lower(model)
    n = evaluate(lowered.graph, lowered.interface.input_integers([x]))
    (y,) = lowered.interface.output_floats(n)
    assert np.array_equal(y, model.predict(x, verbose=0))
    model.save(tmp_path / "m.keras")
    loaded = keras.models.load_model(tmp_path / "m.keras")
    assert np.array_equal(loaded.predict(x, verbose=0), y)

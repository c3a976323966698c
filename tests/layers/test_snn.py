"""QSimpleSNN and QLIF: the battery, surrogate gradients, errors."""

import keras
import numpy as np
import pytest

from hgq_rtl.config import QuantizerConfig
from hgq_rtl.errors import ConfigError
from hgq_rtl.layers import QLIF, QSimpleSNN
from hgq_rtl.lowering.model import lower
from hgq_rtl.lowering.reference import Reference, check_layers
from hgq_rtl.utils import trace_minmax
from tests.battery.layer import Case
from tests.battery.recurrent import SequenceBattery


class SpikingBattery(SequenceBattery):
    quantizers = ("iq", "sq", "threshold_q", "graded_spikes_factor_q")

    def model(self, case, seed=0, least=2, **more):
        model, layer = super().model(case, seed, least, **more)
        for name, value in {"threshold": 0.6, "graded_spikes_factor": 2.2, "beta": 0.7}.items():
            if name in layer.numbers:
                getattr(layer, f"{name}_weight").assign(value)
        return model, layer

    def weights(self, layer):
        return {
            name: float(self.quantized(q, getattr(layer, f"{name}_weight")))
            for name, q in layer.number_quantizers.items()
        }

    def step(self, layer, x, states, weights):
        u = weights.get("beta", 1) * states[0] + x
        spike = 1.0 * (u > weights["threshold"])
        if layer.inhibition:
            spike *= np.arange(u.shape[1]) == np.argmax(u, 1)[:, None]
        reset = {"subtract": weights["threshold"], "zero": u, "none": 0}[layer.reset_mechanism]
        return self.quantized(layer.sq, u - spike * reset), spike * weights["graded_spikes_factor"]

    def emitted(self, layer, states):
        return states[1]

    def test_without_quantization_it_is_the_keras_layer(self):
        """Keras has none: without leak, reset and threshold in reach, the state is a sum."""
        layer = self.layer(
            2, threshold=9.0, reset_mechanism="none", return_state=True, enable_sq=False,
            enable_iq=False, **({"beta": 1.0} if self.layer is QLIF else {}),
        )  # fmt: skip
        x = np.random.default_rng(0).integers(-2, 3, (4, 3, 2)).astype(np.float32)
        assert np.array_equal(layer(x)[1], x.sum(1))


class TestQSimpleSNN(SpikingBattery):
    layer = QSimpleSNN
    cases = (
        # 8 bits of input and state make 9 of the accumulator
        Case({"units": 3, "return_sequences": True}, (3, 3), ebops=3 * 3 * (3 * 0.65 * 9 + 8)),
        Case(
            {"units": 3, "inhibition": True, "reset_mechanism": "zero", "enable_sq": False,
             "learn_threshold": True, "learn_graded_spikes_factor": True, "threshold": 0.75,
             "graded_spikes_factor": 0.5, "return_sequences": True, "parallelization_factor": 1},
            (3, 3), ebops=3 * ((2 * 0.65 + 1) * 10 + 8),
        ),
    )  # fmt: skip


class TestQLIF(SpikingBattery):
    layer = QLIF
    cases = (
        Case(
            {"units": 2, "beta": 0.75, "learn_beta": True, "learn_threshold": True,
             "learn_graded_spikes_factor": True, "return_sequences": True, "go_backwards": True,
             "reset_mechanism": "none", "detach_reset": False},
            (3, 2), ebops=3 * 2 * (2 * 0.65 * 9 + 8 + 64),
        ),
    )  # fmt: skip


def test_surrogate_gradients():
    import jax

    def slope(u, **more):
        layer = QSimpleSNN(1, enable_iq=False, **more)
        layer.build((None, 1, 1))
        return float(jax.grad(lambda x: layer(x.reshape(1, 1, 1)).sum())(np.float32(u)))

    for u in (0.0, 1.0, 1.3):
        assert slope(u) == pytest.approx(1 / (1 + (np.pi * (u - 1)) ** 2), rel=1e-6)
    assert slope(1.3, surrogate_disable=True) == 0
    assert slope(1.3, spike_grad="relu") == pytest.approx(0.3, rel=1e-6)


def test_at_the_threshold_it_does_not_spike():
    """Integers meet the threshold of 1 often, in Keras and in hardware."""
    inputs = keras.Input((2, 1))
    whole = QuantizerConfig(f0=0, i0=2, overflow_mode="SAT")
    layer = QSimpleSNN(1, iq_conf=whole, sq_conf=whole, return_sequences=True)
    model = keras.Model(inputs, layer(inputs))
    x = np.array([[[1.0], [0.0]], [[2.0], [1.0]]])
    assert np.array_equal(trace_minmax(model, x, return_results=True)[..., 0], [[0, 0], [1, 1]])
    assert check_layers(Reference(model), lower(model), 100) > 0


def message(call):
    with pytest.raises(ConfigError) as error:
        call()
    return str(error.value)


def test_errors():
    assert message(lambda: QLIF(2, reset_mechanism="half")) == (
        "unknown reset_mechanism.\n  Received: 'half'.\n  Known: subtract, zero, none."
    )
    assert message(lambda: QSimpleSNN(3).build((None, 4, 2))) == (
        "a spiking layer has one unit per feature.\n  Received: 3 units for 2 features.\n"
        "  Put a QDense before it."
    )

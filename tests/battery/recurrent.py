"""The battery of layers that go over sequences; subclasses state one step in NumPy."""

from typing import Any, ClassVar

import keras
import numpy as np
import pytest

from hgq_rtl.config import QuantizerConfig
from hgq_rtl.layers import Quantizer
from hgq_rtl.lowering.model import lower
from hgq_rtl.lowering.reference import Reference, check_layers
from hgq_rtl.quantizers.exact import to_numpy
from hgq_rtl.utils import trace_minmax
from tests.battery.layer import LayerBattery, weights


class SequenceBattery(LayerBattery):
    states = 1

    def step(self, layer, x, states, weights):
        """The next states from quantized input, states and quantized weights, all float64."""
        raise NotImplementedError

    def weights(self, layer):
        """Quantized weights, as ``step`` takes them."""
        raise NotImplementedError

    def emitted(self, layer, states):
        """The output of a step from what ``step`` returned."""
        return states[0]

    def expected(self, layer, x):
        states = (np.zeros((len(x), layer.units)),) * self.states
        steps = np.stack([self.quantized(layer.iq, x[:, t]) for t in range(x.shape[1])])
        outputs, quantized = [], self.weights(layer)
        for v in steps[::-1] if layer.go_backwards else steps:
            states = self.step(layer, v, states, quantized)
            outputs.append(self.emitted(layer, states))
        y = np.stack(outputs, 1) if layer.return_sequences else outputs[-1]
        return self.quantized(layer.oq, y)

    # Unrolled steps take long to compile; the rest of the battery is fast enough.

    @pytest.mark.slow
    def test_float64_policy_is_exact(self):
        super().test_float64_policy_is_exact()

    @pytest.mark.slow
    def test_serialization(self, tmp_path):
        super().test_serialization(tmp_path)

    @pytest.mark.slow
    def test_training_step_changes_what_it_should(self):
        super().test_training_step_changes_what_it_should()

    @pytest.mark.slow
    def test_states(self):
        """In and out, in hardware too; given states of zero change nothing."""
        case = self.cases[0]
        keras.utils.set_random_seed(0)
        layer = self.layer(**{**case.arguments, "return_state": True})
        fine = QuantizerConfig(f0=3, i0=1, overflow_mode="SAT")
        inputs = [keras.Input(case.shape)]
        inputs += [keras.Input((layer.units,)) for _ in range(self.states)]
        x, *s = (keras.layers.Identity()(v) for v in inputs)
        s = [Quantizer(fine)(v) for v in s]
        model = keras.Model(inputs, layer(x, initial_state=s))
        assert [len(v.shape) for v in model.outputs[1:]] == [2] * self.states
        rng = np.random.default_rng(1)
        data = [rng.normal(0, 1, (50, *v.shape[1:])).astype("float32") for v in inputs]
        trace_minmax(model, data)
        assert check_layers(Reference(model), lower(model), 64) > 0
        data[1:] = [0 * v for v in data[1:]]
        for y, want in zip(layer(data[0], initial_state=data[1:]), layer(data[0]), strict=True):
            assert np.array_equal(y, want)


class RecurrentBattery(SequenceBattery):
    """Layers that Keras has too: equal, to the last bit, without quantization."""

    activations: ClassVar[dict[str, Any]] = {"activation": "tanh"}

    def weights(self, layer):
        return (
            self.quantized(layer.kq, layer.kernel),
            self.quantized(layer.rkq, layer.recurrent_kernel),
            self.quantized(layer.bq, layer.bias)
            if layer.use_bias
            else 0 * np.zeros(layer.bias_shape),
        )

    def test_without_quantization_it_is_the_keras_layer(self):
        off = {f"{q}_conf": QuantizerConfig("dummy") for q in self.quantizers}
        for case in self.cases:
            arguments = {**case.arguments, **self.activations}
            layer = self.layer(**{**arguments, **off, "enable_oq": False})
            known = ("activation", "recurrent_activation", "use_bias", "reset_after", "units",
                     "return_sequences", "go_backwards")  # fmt: skip
            plain = self.plain(**{k: v for k, v in arguments.items() if k in known}, unroll=True)
            for each in (layer, plain):
                each.build(case.built)
            rng = np.random.default_rng(0)
            for v, w in zip(weights(layer), plain.trainable_variables, strict=True):
                v.assign(rng.normal(0, 1, v.shape))
                w.assign(v)
            x = self.data(case)
            assert np.array_equal(to_numpy(layer(x)), to_numpy(plain(x))), case
            mask = rng.random(x.shape[:2]) > 0.5
            mask[0] = False
            masked = to_numpy(layer(x, mask=mask))
            assert np.array_equal(masked, to_numpy(plain(x, mask=mask))), case
            assert not masked[0].any()

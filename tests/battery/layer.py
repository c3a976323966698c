"""What every quantized layer must satisfy. Subclass, name the layer and its cases, state the maths.

A new layer writes about ten lines::

    class TestQDense(LayerBattery):
        layer, plain = QDense, keras.layers.Dense
        cases = (Case({"units": 3}, (4,), ebops=792),)

        def maths(self, layer, x):
            return x @ self.quantized(layer.kq, layer.kernel) + self.quantized(layer.bq, layer.bias)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import keras
import numpy as np
import pytest

from hgq_rtl.fixed import quantize_float
from hgq_rtl.quantizers import Quantizer, QuantizerConfig
from hgq_rtl.quantizers.exact import to_numpy
from hgq_rtl.quantizers.fixed_point import FixedPoint
from hgq_rtl.utils import trace_minmax

SAMPLES = 24


@dataclass(frozen=True)
class Case:
    """Constructor arguments, input shape without batch, and EBOPs with the default widths."""

    arguments: dict[str, Any]
    shape: tuple[int, ...]
    ebops: float


class LayerBattery:
    """The tests; comparison is equality throughout."""

    layer: ClassVar[type]
    plain: ClassVar[type]
    """The Keras layer that this one equals when quantization is off."""
    cases: ClassVar[tuple[Case, ...]]
    quantizers: ClassVar[tuple[str, ...]] = ("iq", "kq", "bq")
    """Quantizer arguments, without _conf, that ``plain`` does not have."""

    def maths(self, layer: Any, x: np.ndarray) -> np.ndarray:
        """The layer on quantized float64 inputs, in plain NumPy."""
        raise NotImplementedError

    # -- helpers ---------------------------------------------------------------------------------

    def quantized(self, q: Quantizer, x: Any) -> np.ndarray:
        """``x`` quantized by the integer definition, as float64; WRAP weights only rounded."""
        x = to_numpy(x).astype(np.float64)
        if q.is_dummy:
            return x
        k, i, f = q.frozen(x.shape if q.format.is_weight else x.shape[1:])
        if q.format.is_weight and q.overflow_mode == "WRAP":
            i = np.full_like(i, 12)
        return np.ldexp(quantize_float(x, k, i, f, q.round_mode, q.overflow_mode), -f)

    def model(self, case: Case, seed: int = 0, **more: Any) -> tuple[Any, Any]:
        """A model of one layer with irregular widths and random weights."""
        keras.utils.set_random_seed(seed)
        rng = np.random.default_rng(seed)
        layer = self.layer(**{**case.arguments, **more})
        model = keras.Sequential([keras.Input(case.shape, dtype=layer.compute_dtype), layer])
        for sub in layer._flatten_layers():
            if isinstance(sub, FixedPoint):
                width = sub._f if hasattr(sub, "_f") else sub._b
                width.assign(rng.integers(2, 7, width.shape))
        for v in layer.trainable_variables:
            if v.path.split("/")[-2] != "format":
                v.assign(rng.normal(0, 1, v.shape))
        return model, layer

    def data(self, case: Case) -> np.ndarray:
        """Random inputs; float32, as all inputs of models are."""
        return np.random.default_rng(5).normal(0, 2, (SAMPLES, *case.shape)).astype(np.float32)

    # -- tests -----------------------------------------------------------------------------------

    def test_forward_equals_the_integer_definition(self):
        for case in self.cases:
            model, layer = self.model(case)
            x = self.data(case)
            y = trace_minmax(model, x, return_results=True)
            want = self.maths(layer, self.quantized(layer.iq, x))
            assert np.array_equal(y, want), case

    def test_float64_policy_is_exact(self):
        import jax

        case = self.cases[0]
        with jax.enable_x64(True):
            model, layer = self.model(case, dtype="float64")
            x = self.data(case).astype(np.float64)
            y = trace_minmax(model, x, return_results=True)
            assert y.dtype == np.float64
            assert np.array_equal(y, self.maths(layer, self.quantized(layer.iq, x)))

    def test_without_quantization_it_is_the_keras_layer(self):
        off = {f"{q}_conf": QuantizerConfig("dummy") for q in self.quantizers}
        for case in self.cases:
            model, layer = self.model(case, **off)
            drop = set(layer.__init__.__kwdefaults__ or ())  # our own arguments
            plain = self.plain(**{k: v for k, v in case.arguments.items() if k not in drop})
            x = self.data(case)
            plain.build(x.shape)
            weights = [v for v in layer.trainable_variables if v.path.split("/")[-2] != "format"]
            for v, w in zip(plain.trainable_variables, weights, strict=True):
                v.assign(w)
            assert np.array_equal(to_numpy(model(x)), to_numpy(plain(x))), case

    def test_ebops(self):
        for case in self.cases:
            layer = self.layer(**case.arguments)
            layer.build((None, *case.shape))
            assert float(layer.compute_ebops()) == case.ebops, case
            assert layer.ebops == 0.0
            layer.update_ebops()
            assert layer.ebops == case.ebops

    @pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # keras's own
    def test_serialization(self, tmp_path):
        case = self.cases[-1]
        model, layer = self.model(case)
        x = self.data(case)
        y = trace_minmax(model, x, return_results=True)
        model.save(tmp_path / "m.keras")
        model.save_weights(tmp_path / "m.weights.h5")
        whole = keras.models.load_model(tmp_path / "m.keras")  # in safe mode
        fresh, _ = self.model(case, seed=1)
        fresh.load_weights(tmp_path / "m.weights.h5")
        for other in (whole, fresh):
            assert np.array_equal(to_numpy(other(x)), y)
            name = {"name": layer.name}
            assert {**other.layers[-1].get_config(), **name} == layer.get_config()
            assert other.layers[-1].ebops == layer.ebops > 0
            assert other.layers[-1].iq.is_settled

    def test_training_step_changes_what_it_should(self):
        case = self.cases[-1]
        model, layer = self.model(case)
        x = self.data(case)
        trace_minmax(model, x)
        layer.beta = 1e-3
        model.compile(keras.optimizers.SGD(0.05), "mse")
        before = {v.path: to_numpy(v).copy() for v in layer.variables}
        model.fit(x, np.ones(model(x).shape), batch_size=SAMPLES, epochs=1, verbose=0)
        after = {v.path: to_numpy(v) for v in layer.variables}
        same = {p.split("/", 2)[2] for p in after if np.array_equal(before[p], after[p])}
        assert not [v.path for v in layer.trainable_variables if v.path.split("/", 2)[2] in same]
        assert not layer.iq.is_settled
        assert layer.ebops > 0
        assert np.isfinite(np.concatenate([v.ravel() for v in after.values()])).all()

"""What every quantized layer must satisfy. Subclass, name the layer and its cases, state the maths.

A new layer writes about ten lines::

    class TestQDense(LayerBattery):
        layer, plain = QDense, keras.layers.Dense
        cases = (Case({"units": 3}, (4,), ebops=792),)

        def maths(self, layer, x):
            return x @ self.quantized(layer.kq, layer.kernel) + self.quantized(layer.bq, layer.bias)
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any, ClassVar

import keras
import numpy as np
import pytest

from hgq_rtl.fixed import quantize_float
from hgq_rtl.lowering.exactness import exactness
from hgq_rtl.lowering.model import lower
from hgq_rtl.lowering.naming import input_names
from hgq_rtl.lowering.reference import Reference, check_layers
from hgq_rtl.passes.pipeline import run
from hgq_rtl.quantizers import Quantizer, QuantizerConfig
from hgq_rtl.quantizers.constraints import Constant
from hgq_rtl.quantizers.exact import to_numpy
from hgq_rtl.quantizers.fixed_point import FixedPoint
from hgq_rtl.utils import trace_minmax
from tests.battery.equivalence import assert_equivalent

SAMPLES = 24


@dataclass(frozen=True)
class Case:
    """Constructor arguments, input shape without batch, and EBOPs with the default widths."""

    arguments: dict[str, Any]
    shape: tuple[int, ...] | list[tuple[int, ...]]
    """Of the input, or a list with the shape of every input."""
    ebops: float

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        """Shapes of all inputs."""
        return self.shape if isinstance(self.shape, list) else [self.shape]

    @property
    def built(self) -> Any:
        """What Keras passes to build."""
        shapes = [(None, *shape) for shape in self.shapes]
        return shapes if isinstance(self.shape, list) else shapes[0]


class LayerBattery:
    """The tests; comparison is equality throughout, unless a class sets ``tolerance``."""

    layer: ClassVar[type]
    plain: ClassVar[type]
    """The Keras layer that this one equals when quantization is off."""
    cases: ClassVar[tuple[Case, ...]]
    quantizers: ClassVar[tuple[str, ...]] = ("iq", "kq", "bq")
    """Quantizer arguments, without _conf, that ``plain`` does not have."""
    declared: ClassVar[tuple[int, int, int] | None] = None
    """Format (k, i, f) of every input, for layers that quantize one in several ways."""
    narrowest: ClassVar[int] = -3
    """Least width given to quantizers where hardware is compared."""
    tolerance: ClassVar[float] = 0.0
    """How far the unquantized layer may be from ``plain``, which computes in another order."""

    def maths(self, layer: Any, x: Any) -> np.ndarray:
        """The layer on quantized float64 inputs (a list, for layers of several), in NumPy."""
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
        scale, shift = q.config["affine"] or (1, 0)
        y = np.ldexp(quantize_float(x, k, i, f, q.round_mode, q.overflow_mode), -f)
        return y * scale + shift

    def model(self, case: Case, seed: int = 0, least: int = 2, **more: Any) -> tuple[Any, Any]:
        """A model of one layer with irregular widths, from ``least`` up, and random weights."""
        keras.utils.set_random_seed(seed)
        rng = np.random.default_rng(seed)
        layer = self.layer(**{**case.arguments, **more})
        inputs = [keras.Input(shape, dtype=layer.compute_dtype) for shape in case.shapes]
        inputs = inputs if isinstance(case.shape, list) else inputs[0]
        model = keras.Model(inputs, self.applied(layer, inputs))
        for sub in layer._flatten_layers():
            if isinstance(sub, FixedPoint):
                width = sub._f if hasattr(sub, "_f") else sub._b
                # A WRAP bias of no bits is still rounded, to 0 or -1; other weights become zero.
                lowest = least if hasattr(sub, "_f") else max(least, int(sub.is_wrap))
                width.assign(rng.integers(lowest, 7, width.shape))
        for v in weights(layer):
            v.assign(rng.normal(0, 1, v.shape))
        return model, layer

    def applied(self, layer: Any, inputs: Any) -> Any:
        """The layer called with the inputs of a case; for layers that take several arguments."""
        return layer(inputs)

    def build(self, layer: Any, case: Case) -> Any:
        """The layer, built for a case."""
        layer.build(case.built)
        return layer

    def data(self, case: Case) -> Any:
        """Random inputs; float32, as all inputs of models are."""
        rng = np.random.default_rng(5)
        x = [rng.normal(0, 2, (SAMPLES, *shape)).astype(np.float32) for shape in case.shapes]
        return x if isinstance(case.shape, list) else x[0]

    def input_quantizers(self, layer: Any) -> list[Quantizer]:
        """The input quantizer of every input."""
        return layer.iqs if hasattr(layer, "iqs") else [layer.iq]

    def expected(self, layer: Any, x: Any) -> np.ndarray:
        """The layer by the integer definition."""
        many = isinstance(x, list)
        q = [
            self.quantized(iq, v)
            for iq, v in zip(self.input_quantizers(layer), x if many else [x], strict=True)
        ]
        return self.maths(layer, q if many else q[0])

    # -- tests -----------------------------------------------------------------------------------

    @pytest.mark.filterwarnings("ignore:quantized to nothing but zeros")  # as intended here
    def test_keras_equals_the_integer_definition_and_the_hardware(self):
        """With zero and negative widths among the others; the graph before and after passes."""
        for n, case in enumerate(self.cases):
            model, layer = self.model(case, seed=n, least=self.narrowest)
            # Keras runs a model with an unbuilt part op by op at first, which takes minutes.
            assert all(part.built for part in model._flatten_layers())
            x = self.data(case)
            y = trace_minmax(model, x, return_results=True)
            assert y.shape[1:] == model.output.shape[1:], case
            assert np.array_equal(y, self.expected(layer, x)), case
            lowered = lower(
                model, self.declared and dict.fromkeys(input_names(model), self.declared)
            )
            reference = Reference(model, float64=not all(e.float32 for e in exactness(lowered)))
            assert check_layers(reference, lowered, 64) > 0, case
            assert_equivalent(lowered.graph, run(lowered.graph)[0], 200)

    @pytest.mark.skipif(keras.backend.backend() == "torch", reason="float32 only, see exact.py")
    def test_float64_policy_is_exact(self):
        import jax

        case = self.cases[0]
        with jax.enable_x64(True):
            model, layer = self.model(case, dtype="float64")
            x = keras.tree.map_structure(lambda v: v.astype(np.float64), self.data(case))
            y = trace_minmax(model, x, return_results=True)
            assert y.dtype == np.float64
            assert np.array_equal(y, self.expected(layer, x))

    def test_without_quantization_it_is_the_keras_layer(self):
        off = {f"{q}_conf": QuantizerConfig("dummy") for q in self.quantizers}
        if "iqs" in self.quantizers:
            off["iq_confs"] = off.pop("iqs_conf")
        for case in self.cases:
            model, layer = self.model(case, **off)
            plain = self.build(self.plain(**self.plain_arguments(case)), case)
            x = self.data(case)
            pairs = zip(plain.trainable_variables, self.plain_weights(layer), strict=True)
            for v, w in pairs:
                v.assign(np.reshape(w, v.shape))
            y, want = to_numpy(model(x)), to_numpy(self.applied(plain, x))
            assert np.allclose(y, want, rtol=0, atol=self.tolerance), case

    def plain_weights(self, layer: Any) -> list[Any]:
        """The weights in the order of the Keras layer."""
        return weights(layer)

    def plain_arguments(self, case: Case) -> dict[str, Any]:
        """The arguments that the Keras layer has too."""
        known = inspect.signature(self.plain.__init__).parameters
        return {k: v for k, v in case.arguments.items() if k in known}

    def test_ebops(self):
        for case in self.cases:
            layer = self.build(self.layer(**case.arguments), case)
            counted = float(to_numpy(layer.evaluated(layer.compute_ebops)))
            assert counted == pytest.approx(case.ebops, rel=1e-6), case
            assert layer.ebops == 0.0
        layer.update_ebops()
        assert layer.ebops == pytest.approx(counted, rel=1e-6)
        assert 0 < layer.luts < np.inf

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
            assert all(q.is_settled for q in self.input_quantizers(other.layers[-1]))

    def test_every_argument_is_saved(self):
        """Each constructor argument of each case comes back from the saved configuration."""
        for case in self.cases:
            layer = self.layer(**case.arguments)
            again = self.layer.from_config(layer.get_config())
            assert again.get_config() == layer.get_config()
            assert set(case.arguments) <= set(layer.get_config())

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
        same = {path for path in after if np.array_equal(before[path], after[path])}
        held = {v.path for v in layer.variables if isinstance(v.constraint, Constant)}
        assert not (same - held) & {v.path for v in layer.trainable_variables}
        assert not any(q.is_settled for q in self.input_quantizers(layer))
        assert layer.ebops > 0
        assert np.isfinite(np.concatenate([v.ravel() for v in after.values()])).all()


def weights(layer: Any) -> list[Any]:
    """Trainable variables that are not widths."""
    return [v for v in layer.trainable_variables if v.path.split("/")[-2] != "format"]

"""Function tables: the battery, bits that depend on nothing but the value, and errors."""

import jax
import keras
import numpy as np
import pytest
from keras import ops

from hgq_rtl.config import QuantizerConfig
from hgq_rtl.errors import ConfigError, LoweringError
from hgq_rtl.layers import QAffinedUnaryFunctionLUT, QUnaryFunctionLUT
from hgq_rtl.layers.lut import reproducible
from hgq_rtl.lowering.model import lower
from hgq_rtl.lowering.reference import Reference, check_layers
from hgq_rtl.utils import trace_minmax
from tests.battery.layer import Case, LayerBattery

PER_ELEMENT = QuantizerConfig("kif", "table", homogeneous_axis=(0,))


def rounded(y):
    return y.astype(np.float32).astype(np.float64)


class TestQUnaryFunctionLUT(LayerBattery):
    layer, plain = QUnaryFunctionLUT, keras.layers.Activation
    quantizers = ("iq", "oq")
    tolerance = 1e-6  # Keras computes in float32
    cases = (
        Case({"activation": "tanh"}, (3,), ebops=1e-4 * 3 * 256 * 8),
        Case(
            {"activation": "sigmoid", "override_oq_k0_to_0": True, "oq_conf": PER_ELEMENT},
            (2, 3), ebops=1e-4 * 6 * 256 * 8,
        ),
        Case(
            {"activation": "tanh", "allow_heterogeneous_input": False,
             "allow_heterogeneous_table": False, "oq_conf": PER_ELEMENT},
            (4,), ebops=1e-4 * 4 * 256 * 8,
        ),
    )  # fmt: skip

    def maths(self, layer, x):
        name = layer.activation.__name__
        y = np.tanh(x) if name == "tanh" else 1 / (1 + np.exp(-x))
        return self.quantized(layer.oq, rounded(y))


class TestQAffinedUnaryFunctionLUT(LayerBattery):
    layer, plain = QAffinedUnaryFunctionLUT, keras.layers.Activation
    quantizers = ("iq", "oq")
    cases = (Case({"activation": "tanh"}, (3,), ebops=1e-4 * 3 * 256 * 8),)

    def maths(self, layer, x):
        scale, bias = (float(v) for v in (layer.scale.value, layer.bias.value))
        return self.quantized(layer.oq, rounded(np.tanh(x * scale + bias)))

    def test_without_quantization_it_is_the_keras_layer(self):
        off = {f"{q}_conf": QuantizerConfig("dummy") for q in self.quantizers}
        model, layer = self.model(self.cases[0], **off)
        x = self.data(self.cases[0])
        y = np.tanh(float(layer.scale.value) * x + float(layer.bias.value))
        assert np.allclose(model(x), y, rtol=0, atol=1e-6)


FUNCTIONS = ["exponential", "gelu", "softplus", "softsign"]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_result_depends_on_the_value_alone(name):
    """Not on the shape, the position, compilation, what is fused, or the dtype of the layer."""
    function = getattr(keras.activations, name)

    def f(x):
        return reproducible(function, x)

    x = (np.arange(-512, 512) / 64).astype(np.float32)
    want = np.asarray(f(ops.convert_to_tensor(x)))
    assert want.dtype == np.float32
    jitted = jax.jit(f)
    for size in (3, 7, 64):
        got = np.concatenate([jitted(x[n : n + size]) for n in range(0, len(x), size)])
        assert np.array_equal(got, want)
    fused = jax.jit(lambda x: f(ops.broadcast_to((x - 0.5) + 0.5, (5, 1024))).T)
    assert np.array_equal(fused(x)[:, 3], want)
    with jax.enable_x64(True):
        double = jax.jit(f)(x.astype(np.float64))
        assert double.dtype == np.float64
        assert np.array_equal(double, want)


@keras.saving.register_keras_serializable()
def waves(x):
    return ops.exp(x) * ops.cos(3 * x)


@pytest.mark.parametrize(
    "function", ["gelu", "hard_silu", waves], ids=["gelu", "hard_silu", "waves"]
)
def test_any_function_becomes_a_table_equal_to_keras(function):
    keras.utils.set_random_seed(1)
    inputs = keras.Input((3,))
    conf = QuantizerConfig("kif", "table", i0=3, f0=9)
    model = keras.Model(inputs, QUnaryFunctionLUT(function, oq_conf=conf)(inputs))
    trace_minmax(model, np.random.default_rng(0).normal(0, 3, (500, 3)))
    lowered = lower(model)
    assert {n.op.name for n in lowered.graph.outputs} == {"table"}
    for float64 in (False, True):
        assert check_layers(Reference(model, float64=float64), lowered, 500) == 1500


def test_inference_rounds_a_double_once():
    """With an output as fine as float32, whose own exponential would differ in many places."""
    conf = QuantizerConfig("kif", "table", i0=3, f0=20)
    layer = QUnaryFunctionLUT("exponential", enable_iq=False, oq_conf=conf)
    x = (np.arange(-900, 600) / 300).astype(np.float32)
    want = np.floor(rounded(np.exp(x.astype(np.float64))) * 2.0**20 + 0.5) / 2.0**20
    for size in (1500, 3):
        y = np.concatenate([layer(x[n : n + size, None]) for n in range(0, 300, size)])
        assert np.array_equal(y[:, 0], want[: len(y)])


def test_modes_of_the_output_quantizer():
    for mode in ("WRAP", "SAT"):
        conf = QuantizerConfig("kif", "table", f0=3, i0=1, overflow_mode=mode, round_mode="TRN")
        inputs = keras.Input((2,))
        model = keras.Model(inputs, QUnaryFunctionLUT("exponential", oq_conf=conf)(inputs))
        trace_minmax(model, np.random.default_rng(0).normal(0, 1, (50, 2)))
        assert check_layers(Reference(model), lower(model), 300) == 600


def test_it_trains_without_output_quantizer():
    model = keras.Sequential(
        [keras.Input((3,)), QUnaryFunctionLUT("tanh", enable_oq=False, name="lut")]
    )
    model.compile("sgd", "mse")
    x = np.ones((8, 3))
    model.fit(x, x, verbose=0)
    assert message(LoweringError, lambda: lower(model)) == (
        "layer 'lut' (QUnaryFunctionLUT): a table needs an output quantizer.\n"
        "  Received: oq of type dummy.\n"
        "  Give it a config of type kbi or kif, and let it be enabled."
    )


def message(kind, call):
    keras.backend.clear_session()
    with pytest.raises(kind) as error:
        call()
    return str(error.value)


def test_errors():
    assert message(ConfigError, lambda: QUnaryFunctionLUT("softmax")) == (
        "the activation 'softmax' is no function of one value.\n"
        "  QSoftmax is the layer for softmax."
    )
    assert message(ConfigError, lambda: QUnaryFunctionLUT(keras.layers.ReLU())) == (
        "a table takes a function, not a layer.\n  Received: ReLU.\n"
        "  Use a name such as 'tanh', or a function written in keras.ops."
    )

    def lowered(traced=True, name="lut", **more):
        inputs = keras.Input((2,))
        model = keras.Model(inputs, QUnaryFunctionLUT("tanh", name=name, **more)(inputs))
        if traced:
            trace_minmax(model, np.ones((2, 2)))
        return lower(model)

    wide = QuantizerConfig("kif", f0=16, i0=1, overflow_mode="SAT")
    assert message(LoweringError, lambda: lowered(iq_conf=wide)) == (
        "layer 'lut' (QUnaryFunctionLUT): a table of more than 65536 entries.\n"
        "  Received: 262144 values of element (0,), of type s18@-16 [-131072, 131071].\n"
        "  Quantize its input to 16 bits or less (with sign), "
        "or train with a larger beta, which makes widths cost more."
    )
    wrap = QuantizerConfig("kif", "table", overflow_mode="WRAP")
    assert "the range of a WRAP quantizer is not known" in message(
        LoweringError, lambda: lowered(traced=False, oq_conf=wrap)
    )
    assert message(LoweringError, lambda: lowered(enable_iq=False)) == (
        "layer 'lut' (QUnaryFunctionLUT): a table needs a quantized input.\n"
        "  Received: element 'keras_tensor_0' of input 'keras_tensor', which has no width yet.\n"
        "  Put a Quantizer before it (a layer with enable_iq=True has one), "
        "or declare the input's format with inputs=."
    )

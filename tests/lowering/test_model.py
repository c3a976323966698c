"""Keras models become graphs that compute the same integers, or a named refusal."""

import keras
import numpy as np
import pytest

from hgq_rtl.errors import LoweringError, NumberError
from hgq_rtl.ir.evaluate import evaluate
from hgq_rtl.layers import QDense
from hgq_rtl.lowering.exactness import exactness
from hgq_rtl.lowering.model import ebops, lower
from hgq_rtl.lowering.naming import identifier
from hgq_rtl.lowering.reference import Reference, check_layers, random_inputs
from hgq_rtl.quantizers import Quantizer, QuantizerConfig
from hgq_rtl.utils import total_ebops, trace_minmax

RNG = np.random.default_rng(5)


def traced(model, seed=0):
    """The model with seeded weights and traced ranges."""
    rng = np.random.default_rng(seed)
    data = [rng.normal(size=(64, *t.shape[1:])).astype("float32") for t in model.inputs]
    trace_minmax(model, data if len(data) > 1 else data[0])
    return model, data


def sequential():
    keras.utils.set_random_seed(1)
    return keras.Sequential(
        [
            keras.Input((4, 3), name="x"),
            keras.layers.Flatten(),
            keras.layers.Dropout(0.5),
            QDense(6, activation="relu", name="first"),
            keras.layers.Reshape((2, 3)),
            QDense(2, name="second"),
            keras.layers.ReLU(max_value=2.5),
        ],
        name="chain",
    )


def shared_and_nested():
    keras.utils.set_random_seed(2)
    inner_in = keras.Input((5,))
    inner = keras.Model(inner_in, QDense(4, activation="relu", name="deep")(inner_in), name="inner")
    shared = QDense(3, name="shared", enable_oq=True)
    a, b = keras.Input((5,), name="a"), keras.Input((4,), name="b")
    left = shared(inner(a))
    right = shared(QDense(4, name="other")(b))
    return keras.Model([a, b], [left, right], name="two_ways")


@pytest.mark.parametrize("make", [sequential, shared_and_nested])
def test_graph_equals_keras(make):
    model, data = traced(make())
    lowered = lower(model)
    n = evaluate(lowered.graph, lowered.interface.input_integers(data))
    want = keras.tree.flatten(model.predict(data if len(data) > 1 else data[0], verbose=0))
    for y, reference in zip(lowered.interface.output_floats(n), want, strict=True):
        assert (y == reference).all()
    assert check_layers(Reference(model), lowered, samples=64) > 0
    assert all(e.float32 for e in exactness(lowered))


def test_names_lead_back_to_the_layers():
    lowered = lower(traced(shared_and_nested())[0])
    assert [layer.path for layer in lowered.layers] == [
        "inner/deep", "inner", "shared", "other", "shared_call_1",
    ]  # fmt: skip
    assert [port.name for port in lowered.interface.inputs] == ["a", "b"]
    assert [port.name for port in lowered.interface.outputs] == [
        "shared",
        "shared_3",
    ]  # elements: shared_0 to 2
    origins = {lowered.graph.origin(node) for node in lowered.graph.nodes}
    assert {"inner/deep/neuron_0", "shared/neuron_2", "other/relu_0"} & origins >= {
        "inner/deep/neuron_0",
        "shared/neuron_2",
    }


def test_ebops_of_a_layer_called_twice_are_counted_twice():
    model, _ = traced(shared_and_nested())
    found = ebops(lower(model))
    assert set(found) == {"inner/deep", "other", "shared", "shared_call_1"}
    assert found["shared"] == found["shared_call_1"] > 0
    assert sum(found.values()) == total_ebops(model)


def test_float64_copy_computes_the_same():
    model, data = traced(shared_and_nested())
    single, double = Reference(model)(data), Reference(model, float64=True)(data)
    assert all((a == b).all() for a, b in zip(single, double, strict=True))


def test_wide_sums_are_declared_inexact_in_float32_and_exact_in_float64():
    keras.utils.set_random_seed(3)
    wide = QuantizerConfig("kif", i0=3, f0=12, place="datalane")
    fine = QuantizerConfig("kif", i0=2, f0=12, place="weight")
    model = keras.Sequential(
        [keras.Input((8,)), QDense(4, iq_conf=wide, kq_conf=fine, name="wide")], name="wide_net"
    )
    model, data = traced(model)
    lowered = lower(model)
    (layer,) = exactness(lowered)
    assert layer.bits > 24
    assert not layer.float32
    assert layer.float64
    assert str(layer) == (
        f"wide: needs {layer.bits} significant bits, float32 can round; verified in float64, "
        "which is exact"
    )
    assert check_layers(Reference(model, float64=True), lowered) > 0
    n = evaluate(lowered.graph, lowered.interface.input_integers(data))
    (want,) = Reference(model, float64=True)(data)
    assert (lowered.interface.output_floats(n)[0] == want).all()


def test_declared_inputs_need_no_quantizer_in_front():
    inputs = keras.Input((4,), name="x")
    y = QDense(2, enable_iq=False, name="plain")(keras.layers.ReLU()(inputs))
    model, _ = traced(keras.Model(inputs, y, name="declared"))
    lowered = lower(model, {"x": (1, 2, 3)})
    assert lowered.interface.inputs[0].quantization is None
    assert check_layers(Reference(model), lowered) > 0
    with pytest.raises(NumberError) as error:
        lowered.interface.input_integers([[1, 2, 3, 4.5]])
    assert str(error.value) == (
        "input 'x_3' is outside its range [-4.0, 3.875].\n  Received: 4.5 in sample 0."
    )
    with pytest.raises(NumberError) as error:
        lowered.interface.input_integers([[1, 2, 3, 0.3]])
    assert str(error.value) == "input 'x_3' takes multiples of 2^-3.\n  Received: 0.3."


def two_quantizers(left, right):
    inputs = keras.Input((3,), name="x")
    outputs = [QDense(2, iq_conf=left, name="left")(inputs), QDense(2, iq_conf=right)(inputs)]
    return traced(keras.Model(inputs, outputs))[0]


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ({"f0": 3}, {"f0": 5, "round_mode": "TRN"}),
        ({"f0": 4, "k0": 0, "overflow_mode": "SAT"}, {"f0": 1, "overflow_mode": "SAT_SYM"}),
        ({"f0": 3, "round_mode": "TRN", "heterogeneous_axis": ()}, {"f0": 3}),
    ],
)
def test_two_quantizers_on_one_input_share_a_finer_port(left, right):
    model = two_quantizers(QuantizerConfig(**left), QuantizerConfig(**right))
    lowered = lower(model)
    finest = max(left["f0"] + ("round_mode" not in left), right["f0"] + ("round_mode" not in right))
    assert max(lowered.interface.inputs[0].quantization.f) == finest
    assert check_layers(Reference(model), lowered, samples=2000) > 0
    x = np.random.default_rng(5).normal(0, 4, (2000, 3)).astype(np.float32)
    n = evaluate(lowered.graph, lowered.interface.input_integers(x))
    for y, expected in zip(lowered.interface.output_floats(n), model(x), strict=True):
        assert np.array_equal(y, expected)


def test_two_quantizers_that_no_port_can_serve_need_a_declaration():
    confs = QuantizerConfig(f0=3), QuantizerConfig(f0=5, round_mode="RND_CONV")
    model = two_quantizers(*confs)
    with pytest.raises(LoweringError) as error:
        lower(model)
    assert "element 0 of input 'x' is quantized in two ways.\n" in str(error.value)
    lowered = lower(model, {"x": (1, 3, 6)})
    assert check_layers(Reference(model), lowered) > 0


@keras.saving.register_keras_serializable(package="tests")
class Wrong(keras.layers.Layer):
    """A layer whose two halves disagree."""

    def call(self, x):
        return x + 1

    def compute_output_shape(self, shape):
        return shape

    def lower(self, x):
        return x + 1.5


@keras.saving.register_keras_serializable(package="tests")
class Misshapen(keras.layers.Layer):
    def call(self, x):
        return x

    def lower(self, x):
        return x[1:]


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (Wrong, "layer 'bad' (Wrong): the lowered layer differs from Keras in float32, element "
                "(0,), random sample 0.\n  Received: {} lowered, {} in Keras.\n"
                "  This is a defect of hgq_rtl or of the layer's lower(); please report it with "
                "the model."),
        (Misshapen, "layer 'bad' (Misshapen): the lowered layer has another shape than in Keras.\n"
                    "  Received: (2,) lowered, (3,) in Keras.\n"
                    "  This is a defect of hgq_rtl or of the layer's lower(); please report it "
                    "with the model."),
    ],
)  # fmt: skip
def test_a_wrong_lowering_is_an_error(layer, message):
    model = keras.Sequential([keras.Input((3,)), Quantizer(overflow_mode="SAT"), layer(name="bad")])
    lowered = lower(model)
    with pytest.raises(LoweringError) as error:
        check_layers(Reference(model), lowered)
    received = str(error.value).split("Received: ")[1].split(" lowered")[0]
    value = received if layer is Misshapen else float(received)
    assert str(error.value) == message.format(value, value if layer is Misshapen else value - 0.5)


def test_random_inputs_reach_beyond_the_range():
    model, _ = traced(sequential())
    lowered = lower(model)
    (x,) = random_inputs(lowered.interface, 200, seed=0)
    port = lowered.interface.inputs[0]
    hi = np.array([t.hi * 2.0**t.exp for t in port.types]).reshape(port.shape)
    assert (x > hi).any()
    assert (x == hi).any()
    assert ((x < hi) & (x > 0)).any()


def untraced():
    return keras.Sequential([keras.Input((3,)), QDense(2, name="fresh")], name="m")


def not_a_number():
    model, _ = traced(untraced())
    kernel = model.layers[0].kernel
    kernel.assign(np.full(kernel.shape, np.nan))
    return model


def masked():
    x = keras.Input((4, 3))
    y = QDense(2, enable_oq=True)(x)
    y = keras.layers.GlobalAveragePooling1D(name="mean")(y, mask=np.ones((1, 4), bool))
    return traced(keras.Model(x, y, name="m"))[0]


def unbuilt():
    return keras.Sequential([QDense(2)], name="m")


def dynamic():
    inputs = keras.Input((None, 3), name="x")
    y = QDense(2, iq_conf=QuantizerConfig(heterogeneous_axis=()))(inputs)
    return keras.Model(inputs, y, name="m")


def tanh_inside():
    keras.utils.set_random_seed(2)
    return traced(keras.Sequential([keras.Input((3,)), QDense(2, "tanh", name="d")], name="m"))[0]


def nothing_quantizes():
    inputs = keras.Input((3,), name="x")
    return keras.Model(inputs, keras.layers.Flatten(name="flat")(inputs), name="m")


def not_quantized():
    inputs = keras.Input((3,), name="x")
    return keras.Model(inputs, keras.layers.ReLU(name="act")(inputs), name="m")


ERRORS = [
    (untraced, "layer 'fresh' (QDense): the range of a WRAP quantizer is not known.\n"
     "  Received: a model that was never traced, or was trained after its last trace.\n"
     "  Call trace_minmax(model, data) with data that cover all inputs, then retry."),
    (not_a_number, "layer 'fresh' (QDense): the kernel has values that are not finite.\n"
     "  Received: nan at index (0, 0).\n"
     "  The training has diverged; go back to an earlier checkpoint."),
    (masked, "layer 'mean' (GlobalAveragePooling1D): a mask has no hardware form here.\n"
     "  Leave the mask out of the call."),
    (unbuilt, "model 'm': the model has no known input shape.\n  Received: Sequential.\n"
     "  Use a functional or Sequential model, and start it with keras.Input(shape) or call "
     "model.build((None, ...))."),
    (dynamic, "model 'm': hardware needs fixed shapes.\n"
     "  Received: input 'x' of shape (None, None, 3).\n  Give keras.Input the full shape."),
    (tanh_inside, "layer 'd' (QDense): the activation 'tanh' would be a table of more than 65536 "
     "entries.\n  Received: values of type s17@-12 [-40131, 40320].\n  Leave it out of this layer, "
     "and put a QUnaryFunctionLUT behind: its input quantizer gives the table its width."),
    (nothing_quantizes, "output 'flat' is an input of the model that nothing quantizes.\n"
     "  Put a Quantizer between the Input and the output."),
    (not_quantized, "layer 'act' (ReLU): relu needs a quantized input.\n"
     "  Received: element 'x_0' of input 'x', which has no width yet.\n"
     "  Put a Quantizer before it (a layer with enable_iq=True has one), or declare the input's "
     "format with inputs=."),
]  # fmt: skip


@pytest.mark.parametrize(("make", "message"), ERRORS, ids=lambda v: getattr(v, "__name__", ""))
def test_bad_models(make, message):
    with pytest.raises(LoweringError) as error:
        lower(make())
    assert str(error.value) == message


def test_unknown_declared_input():
    with pytest.raises(LoweringError) as error:
        lower(traced(sequential())[0], {"y": (1, 1, 1)})
    assert str(error.value) == (
        "inputs= names an input that the model does not have.\n  Received: 'y'.\n"
        "  Inputs of the model: x."
    )


@pytest.mark.parametrize(
    ("name", "clean"), [("a/b-c", "a_b_c"), ("3x", "_3x"), ("", "_"), ("été", "_t_")]
)
def test_identifiers(name, clean):
    assert identifier(name) == clean

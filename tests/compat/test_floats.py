"""quantize_model: the same network of quantized layers."""

import keras
import numpy as np
import pytest

from hgq_rtl import quantize_model
from hgq_rtl.config import QuantizerConfigScope
from hgq_rtl.errors import ConversionError, LoweringError
from hgq_rtl.lowering.model import lower

LAYERS = keras.layers


def on_a_grid(model, rng):
    """Give all weights few bits, so that float32 computes exactly; then y == y is no accident."""
    for v in model.variables:
        if v.path.endswith("moving_variance"):
            v.assign(np.full(v.shape, 0.75))  # and epsilon is 0.25
        elif "seed_generator" not in v.path:
            v.assign(rng.integers(-7, 8, v.shape) / 4)
    return model


def functional():
    x = keras.Input((6, 6, 2), name="image")
    y = LAYERS.Conv2D(4, 3, padding="same", groups=2, activation="relu", name="conv")(x)
    y = LAYERS.BatchNormalization(epsilon=0.25, name="norm")(y)
    y = LAYERS.AveragePooling2D(2, name="pool")(y)
    z = LAYERS.SeparableConv2D(3, 2, depth_multiplier=2, name="separable")(y)
    w = LAYERS.DepthwiseConv2D((2, 2), use_bias=False, name="depthwise")(y)
    z = keras.ops.concatenate([z, w], axis=-1)
    z = LAYERS.Dropout(0.5, name="drop")(LAYERS.Flatten(name="flat")(z))
    return keras.Model(x, {"a": LAYERS.Dense(3, name="a")(z), "b": LAYERS.ReLU(name="b")(z)})


def sequential():
    shared = LAYERS.Dense(5, "relu", name="shared")
    inner = keras.Sequential([keras.Input((5,)), shared, shared], name="inner")
    dense = LAYERS.EinsumDense("bij,jk->bik", (2, 5), bias_axes="k", name="einsum")
    return keras.Sequential([keras.Input((2, 3)), dense, LAYERS.GlobalMaxPooling1D(), inner])


@pytest.mark.parametrize("make", [functional, sequential])
def test_the_weights_come_along_and_wide_quantizers_change_nothing(make):
    rng = np.random.default_rng(1)
    model = on_a_grid(make(), rng)
    x = (rng.integers(-8, 9, (64, *model.inputs[0].shape[1:])) / 8).astype(np.float32)
    with QuantizerConfigScope(place="datalane", f0=14):
        converted = quantize_model(model, x)
    y, expected = converted(x), model(x)
    keras.tree.assert_same_structure(y, expected)
    for a, b in zip(keras.tree.flatten(y), keras.tree.flatten(expected), strict=True):
        assert np.array_equal(a, b)
    assert [layer.name for layer in converted.layers] == [layer.name for layer in model.layers]
    assert lower(converted).graph.outputs


def test_activations_and_odd_means_get_layers_of_their_own():
    x = keras.Input((6, 6, 1))
    y = LAYERS.Conv2D(2, 1, activation="tanh", name="conv")(x)
    y = LAYERS.AveragePooling2D(3, name="pool")(y)
    y = LAYERS.Activation("silu", name="silu")(y)
    y = LAYERS.LeakyReLU(0.1, name="leaky")(LAYERS.LeakyReLU(0.25, name="quarter")(y))
    y = LAYERS.Dense(3, "softmax", name="scores")(LAYERS.Flatten(name="flat")(y))
    converted = quantize_model(keras.Model(x, LAYERS.Softmax(name="soft")(y)))
    found = {layer.name: type(layer).__name__ for layer in converted.layers[1:]}
    assert found == {
        "conv": "QConv2D", "conv_tanh": "QUnaryFunctionLUT", "pool": "QAveragePooling2D",
        "silu": "QUnaryFunctionLUT", "quarter": "LeakyReLU", "leaky_quantizer": "Quantizer",
        "leaky": "LeakyReLU", "flat": "Flatten", "scores": "QDense",
        "scores_softmax": "QSoftmax", "soft": "QSoftmax",
    }  # fmt: skip


def test_attention_takes_the_weights_of_its_projections():
    x = keras.Input((3, 4))
    model = keras.Model(x, LAYERS.MultiHeadAttention(2, 2, name="attention")(x, x))
    converted = quantize_model(model).get_layer("attention")
    for name in ("query_dense", "key_dense", "value_dense", "output_dense"):
        old, new = getattr(model.get_layer("attention"), name), getattr(converted, name)
        assert np.array_equal(old.kernel, new.kernel)
        assert name == "key_dense" or np.array_equal(old.bias, new.bias)


@pytest.mark.parametrize("name", ["SimpleRNN", "GRU", "LSTM"])
def test_recurrent_layers_take_the_weights_of_their_cells(name):
    model = keras.Sequential([keras.Input((2, 3)), getattr(LAYERS, name)(2, name="r", dropout=0.1)])
    new, cell = quantize_model(model).get_layer("r"), model.get_layer("r").cell
    assert type(new).__name__ == f"Q{name}"
    for weight in ("kernel", "recurrent_kernel", "bias"):
        assert np.array_equal(getattr(new, weight), getattr(cell, weight))
    assert new.activation is keras.activations.linear


def test_wrapped_layers_are_converted_inside_of_their_wrapper():
    rng = np.random.default_rng(3)
    cell = LAYERS.SimpleRNN(2, activation="linear", return_sequences=True)
    model = keras.Sequential(
        [
            keras.Input((3, 2)),
            LAYERS.TimeDistributed(LAYERS.Dense(4, "relu", name="dense"), name="steps"),
            LAYERS.Bidirectional(cell, merge_mode="sum", name="both"),
            LAYERS.TimeDistributed(LAYERS.Dense(2, "softmax", name="score"), name="scores"),
        ]
    )
    x = (rng.integers(-4, 5, (32, 3, 2)) / 4).astype(np.float32)
    with QuantizerConfigScope(place="datalane", f0=8):
        converted = quantize_model(on_a_grid(model, rng), x)
    assert [layer.name for layer in converted.layers] == [
        "steps", "both", "scores", "score_softmax"
    ]  # fmt: skip
    steps, both, scores, _ = converted.layers
    assert type(steps.layer).__name__ == "QDense"
    assert type(both.backward_layer).__name__ == "QSimpleRNN"
    assert np.array_equal(steps(x), model.layers[0](x))
    for new, old in (
        (both.forward_layer, model.layers[1].forward_layer.cell),
        (both.backward_layer, model.layers[1].backward_layer.cell),
        (scores.layer, model.layers[2].layer),
    ):
        assert np.array_equal(new.kernel, old.kernel)
    assert lower(converted).graph.outputs


@pytest.mark.parametrize("q_type", ["kbi", "kif"])
@pytest.mark.parametrize("scale", [0.01, 0.9, 40.0])
def test_kernels_of_any_size_are_rounded_to_eight_bits_of_their_largest(q_type, scale):
    model = keras.Sequential([keras.Input((6,)), LAYERS.Dense(5)])
    kernel = np.random.default_rng(2).uniform(-scale, scale, (6, 5)).astype(np.float32)
    model.layers[0].kernel.assign(kernel)
    with QuantizerConfigScope(place="weight", default_q_type=q_type):
        layer = quantize_model(model).layers[0]
    lsb = 2.0 ** (np.frexp(np.abs(kernel).max())[1] - 8)
    error = np.abs(np.asarray(layer.qkernel) - kernel)
    assert (error[np.abs(kernel) < np.abs(kernel).max() - lsb] <= lsb / 2).all()
    assert error.max() <= lsb


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (
            lambda: keras.Sequential([keras.Input((3,)), LAYERS.LayerNormalization(name="n")]),
            "layer 'n' (LayerNormalization): this layer has weights and no quantized form.\n",
        ),
        (
            lambda: keras.Sequential([keras.Input((3,)), LAYERS.Lambda(abs, name="n")]),
            "layer 'n' (Lambda): a Lambda layer hides its computation in Python code.\n",
        ),
        (
            lambda: keras.Sequential([LAYERS.Dense(3)], name="m"),
            "model 'm': only functional and Sequential models with known inputs can be converted.",
        ),
        (lambda: 3, "model 'int': only functional and Sequential models"),
    ],
)
def test_refusals(make, text):
    with pytest.raises(ConversionError) as error:
        quantize_model(make())
    assert str(error.value).startswith(text)


def test_compile_refuses_float_weights_and_says_what_to_do():
    with pytest.raises(LoweringError) as error:
        lower(keras.Sequential([keras.Input((3,)), LAYERS.Dense(2, name="plain")]))
    assert str(error.value) == (
        "layer 'plain' (Dense): this layer has no lowering.\n"
        "  Received: keras.src.layers.core.dense.Dense.\n"
        "  QDense takes its place; hgq_rtl.quantize_model(model) makes quantized layers of a whole "
        "Keras model, to be fine-tuned."
    )

"""Keras's own layers and operations: integer equality with Keras, and refusals."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from hgq_rtl.errors import LoweringError
from hgq_rtl.lowering.exactness import exactness
from hgq_rtl.lowering.model import lower
from hgq_rtl.lowering.reference import Reference, check_layers
from hgq_rtl.quantizers import Quantizer, QuantizerConfig


def quantizer():
    """Fixed irregular formats without training: four values of one width each."""
    return Quantizer(
        QuantizerConfig("kif", i0=2, f0=2, overflow_mode="SAT", heterogeneous_axis=(),
                        homogeneous_axis=None, trainable=False)
    )  # fmt: skip


def network(function, *shapes):
    inputs = [keras.Input(shape) for shape in shapes]
    outputs = function(*(quantizer()(x) for x in inputs))
    return keras.Model(inputs if len(inputs) > 1 else inputs[0], outputs)


def matches(function, *shapes):
    lowered = lower(network(function, *shapes))
    reference = Reference(
        network(function, *shapes), float64=not all(e.float32 for e in exactness(lowered))
    )
    assert check_layers(reference, lowered, 32) > 0
    return lowered


# Many cases in one model: compiling a model takes longer than anything else here.
LAYERS = {
    "merges": (
        lambda a, b, c: [
            layers.Add()([a, b, c]),
            layers.Subtract()([a, b]),
            layers.Multiply()([a, b]),
            layers.Maximum()([a, b, c]),
            layers.Minimum()([a, b, c]),
            layers.Average()([a, b]),
            layers.Average()([a, b, c, a]),
            layers.Concatenate(axis=-1)([a, b]),
            layers.Concatenate(axis=1)([a, b, c]),
            layers.Concatenate(axis=2)([a, b]),
            layers.Add()([a, layers.Flatten()(b)[:, :3]]),
        ],
        (2, 3), (2, 3), (2, 3),
    ),
    "one axis": (
        lambda x: [
            layers.Permute((2, 1))(x),
            layers.RepeatVector(3)(layers.Flatten()(x)),
            layers.ZeroPadding1D((1, 2))(x),
            layers.ZeroPadding1D(1, data_format="channels_first")(x),
            layers.Cropping1D((1, 2))(x),
            layers.UpSampling1D(2)(x),
            layers.MaxPooling1D(2)(x),
            layers.MaxPooling1D(3, 2, padding="same")(x),
            layers.AveragePooling1D(2, 1)(x),
            layers.AveragePooling1D(2, 2, padding="same", data_format="channels_first")(x),
            layers.GlobalMaxPooling1D()(x),
            layers.GlobalAveragePooling1D(data_format="channels_first", keepdims=True)(x),
        ],
        (5, 2),
    ),
    "two axes": (
        lambda x: [
            layers.ZeroPadding2D(((1, 0), (2, 1)))(x),
            layers.ZeroPadding2D(1, data_format="channels_first")(x),
            layers.Cropping2D(((1, 0), (0, 2)))(x),
            layers.Cropping2D(((0, 1), (1, 0)), data_format="channels_first")(x),
            layers.UpSampling2D((2, 1))(x),
            layers.UpSampling2D((1, 2), data_format="channels_first")(x),
            layers.MaxPooling2D((2, 3), 1, padding="same")(x),
            layers.MaxPooling2D(2, data_format="channels_first")(x),
            layers.AveragePooling2D(2, padding="same")(x),
            layers.GlobalMaxPooling2D(keepdims=True)(x),
            layers.GlobalAveragePooling2D(data_format="channels_first")(x),
        ],
        (3, 4, 2),
    ),
    "three axes": (
        lambda x: [
            layers.ZeroPadding3D((1, 0, 2))(x),
            layers.Cropping3D(((0, 1), (1, 0), (0, 0)))(x),
            layers.UpSampling3D((2, 1, 1), data_format="channels_first")(x),
            layers.MaxPooling3D(2)(x),
            layers.AveragePooling3D((2, 1, 2))(x),
            layers.GlobalMaxPooling3D()(x),
            layers.GlobalAveragePooling3D()(x),
        ],
        (2, 2, 2, 2),
    ),
    "activations": (
        lambda x: [
            layers.ReLU()(x),
            layers.ReLU(max_value=1.5)(x),
            layers.ReLU(max_value=1.0, negative_slope=0.25)(x),
            layers.LeakyReLU(0.125)(x),
            layers.LeakyReLU(2.0)(x),
            layers.Activation("relu")(x),
            layers.Activation("linear")(x),
            layers.Rescaling(0.75, -0.5)(x),
            layers.Rescaling(2.0)(x),
            layers.Rescaling([1.0, 0.5, -3.0], [0.0, 1.0, 2.0])(x),
            layers.Dropout(0.5)(x),
        ],
        (3,),
    ),
}  # fmt: skip
OPERATIONS = {
    "elementwise": (
        lambda a, b: [
            a + b, a + 1.5, 2 - a, a - b, a * b, a * -0.75, a / 4.0, -a, abs(a),
            a + np.array([[[1.0], [2.0]]], np.float32),
            ops.maximum(a, b), ops.maximum(0.5, a), ops.minimum(a, 1), ops.absolute(b),
            ops.square(a), ops.clip(a, -1, 0.5), ops.relu(a), ops.relu6(a * 4.0),
            ops.leaky_relu(a, 0.25), keras.activations.relu(a, max_value=2.0),
        ],
        (2, 3), (2, 3),
    ),
    "shape": (
        lambda a, b: [
            a[:, 0], a[:, 1:, ::2], a[..., -1], a[:, None], a[:, ..., 1:2],
            ops.concatenate([a, b], axis=1), ops.concatenate([a, b], axis=-1),
            ops.stack([a, b], axis=1), ops.stack([a, b], axis=-1),
            ops.reshape(a, (-1, 6)), ops.reshape(a, (-1, 3, 2)),
            ops.transpose(a, (0, 2, 1)), ops.expand_dims(a, 1), ops.expand_dims(a, -1),
            ops.squeeze(a[:, :1], 1),
        ],
        (2, 3), (2, 3),
    ),
    "reductions": (
        lambda x: [
            ops.sum(x, axis=1), ops.sum(x, axis=(1, 3)), ops.sum(x, axis=-1, keepdims=True),
            ops.mean(x, axis=(1, 2)), ops.max(x, axis=2), ops.max(x, axis=(2, 1), keepdims=True),
            ops.min(x, axis=-1),
        ],
        (2, 2, 3),
    ),
    "products": (
        lambda a, b: [
            ops.matmul(a, b),
            ops.matmul(a, np.array([[1.0, -2.0], [0.5, 0.0], [3.0, 1.0]], np.float32)),
            ops.matmul(np.array([[1.0, -2.0]], np.float32), a),
            ops.matmul(ops.stack([a, a], 1), ops.stack([b, b], 1)),
            ops.einsum("bij,bjk->bki", a, b),
            ops.einsum("bij,jk->bik", a, np.array([[1.0], [2.0], [-0.5]], np.float32)),
            ops.einsum("kj,...ij->...ik", np.array([[1.0, 2.0, -0.5]], np.float32), a),
        ],
        (2, 3), (3, 2),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", LAYERS)
def test_layers_equal_keras(name):
    matches(*LAYERS[name])


@pytest.mark.parametrize("name", OPERATIONS)
def test_operations_equal_keras(name):
    matches(*OPERATIONS[name])


def refusal(function, *shapes):
    with pytest.raises(LoweringError) as error:
        lower(network(function, *shapes))
    return str(error.value).partition("): ")[2]


REFUSED = [
    (lambda x: layers.Average()([x, x, x]), (3,),
     "the average of 3 values has no exact fixed-point result.\n"
     "  Use QAverage, which multiplies by a rounded 1/3 in training too, or a number of values "
     "that is a power of two."),
    (lambda x: layers.AveragePooling2D(3)(x), (3, 3, 1),
     "the mean of 9 values has no exact fixed-point result.\n"
     "  Use QAveragePooling2D, which multiplies by a rounded 1/9 in training too, or a number of "
     "values that is a power of two."),
    (lambda x: layers.AveragePooling1D(3, padding="same")(x), (5, 1),
     "the mean of 3 values has no exact fixed-point result.\n"
     "  Use QAveragePooling1D, which multiplies by a rounded 1/3 in training too, or a number of "
     "values that is a power of two."),
    (lambda x: layers.GlobalAveragePooling1D()(x), (5, 1),
     "the mean of 5 values has no exact fixed-point result.\n"
     "  Use QGlobalAveragePooling1D, which multiplies by a rounded 1/5 in training too, or a "
     "number of values that is a power of two."),
    (lambda x: ops.mean(x, axis=1), (3,),
     "the mean of 3 values has no exact fixed-point result.\n"
     "  Use QGlobalAveragePooling or QMeanPow2, which multiplies by a rounded 1/3 in training "
     "too, or a number of values that is a power of two."),
    (lambda x: layers.LeakyReLU(0.3)(x), (3,),
     "the slope of a rectifier must be a power of two.\n  Received: negative_slope=0.3.\n"
     "  Use 1/8 or 1/4 in its place."),
    (lambda x: layers.ReLU(threshold=1.0)(x), (3,),
     "a ReLU with a threshold has no lowering.\n  Received: threshold=1.0.\n"
     "  Subtract the threshold in the bias of the layer before it."),
    (lambda x: layers.Activation("tanh")(x), (3,),
     "the activation 'tanh' has no hardware form.\n  Use 'relu' or 'linear'."),
    (lambda x: layers.Rescaling(1 / 255)(x), (3,),
     "a constant must be a number that float32 holds exactly.\n"
     f"  Received: {1 / 255!r}.\n"
     "  Use a fraction of a power of two, such as 13/128 for 0.1."),
    (lambda x: layers.UpSampling2D(2, interpolation="bilinear")(x), (2, 2, 1),
     "only the nearest interpolation has a hardware form.\n  Received: interpolation='bilinear'.\n"
     "  Use interpolation='nearest'."),
    (lambda x: layers.Dropout(0.5)(x, training=True), (3,),
     "a layer that is called with training=True has no hardware form.\n"
     "  Leave training out of the call; fit sets it."),
    (lambda x: x * 0.1, (3,),
     "a constant must be a number that float32 holds exactly.\n  Received: 0.1.\n"
     "  Use a fraction of a power of two, such as 13/128 for 0.1."),
    (lambda x: x / 3.0, (3,),
     "a division has an exact fixed-point result only for powers of two.\n  Received: 3.0.\n"
     "  Multiply by a fraction of a power of two in its place."),
    (lambda x: x / x, (3,), "a division by a variable has no hardware form."),
    (lambda x: x + x[:, 0], (3, 3),
     "addition of arrays with different numbers of axes mixes up samples.\n"
     "  Received: 3 and 2 axes.\n  Reshape one of them first, or use a merge layer such as Add."),
    (lambda x: ops.sum(x, axis=(0, 1)), (3,),
     "a sum over the batch axis has no hardware form: samples are independent.\n"
     "  Received: axis=(0, 1).\n  Name the other axes, which are 1 and up."),
    (lambda x: x[1:, :], (3,),
     "an index that selects samples has no hardware form.\n"
     "  Received: (slice(1, None, None), slice(None, None, None)).\n"
     "  Start it with a colon for the batch axis, as in x[:, 0]."),
    (lambda x: ops.reshape(x, (3, -1)), (3,),
     "a reshape must leave the batch axis alone.\n  Received: newshape=(3, -1).\n  Put -1 first."),
    (lambda x: ops.reshape(x, (-1, 2)), (4,),
     "a reshape must not move elements between samples.\n"
     "  Received: 4 elements per sample to the shape (2,)."),
    (lambda x: ops.transpose(x, (1, 0)), (3,),
     "a transpose must leave the batch axis first.\n  Received: axes=(1, 0)."),
    (lambda x: ops.max(x, axis=1, initial=0.0), (3,),
     "an extremum with an initial value has no lowering.\n  Received: initial=0.0.\n"
     "  Use keras.ops.maximum or minimum behind it."),
    (lambda x: ops.einsum("bi,bi,bi->b", x, x, x), (3,),
     "an einsum takes two operands here.\n  Received: 3.\n"
     "  Split it into einsums of two operands."),
    (lambda x: x + np.ones((2, 3), np.float32), (3,),
     "a constant cannot differ between samples.\n  Received: shape (2, 3)."),
]  # fmt: skip


@pytest.mark.parametrize(("function", "shape", "message"), REFUSED)
def test_refusals(function, shape, message):
    assert refusal(function, shape) == message


def test_shape_layers_work_before_the_first_quantizer():
    x = keras.Input((2, 2, 1))
    y = layers.ZeroPadding2D(1)(layers.Permute((2, 1, 3))(x))
    model = keras.Model(x, quantizer()(layers.Flatten()(y)))
    lowered = lower(model)
    assert len(lowered.graph.inputs) == 4
    assert check_layers(Reference(model), lowered, 16) == 16 * 16

"""Keras's own layers and operations: integer equality with Keras, and refusals."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from hgq_rtl.config import QuantizerConfigScope
from hgq_rtl.errors import LoweringError
from hgq_rtl.layers import QDense, QSimpleRNN
from hgq_rtl.lowering.exactness import exactness
from hgq_rtl.lowering.model import lower
from hgq_rtl.lowering.reference import Reference, check_layers
from tests.battery.stock import StockBattery, network
from tests.battery.stock import quantizer as q

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
            ops.max_pool(x, (2, 2), (1, 1), padding="same"),
            ops.average_pool(x, (1, 2), (1, 2)),
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


def wrapped(x):
    with QuantizerConfigScope(place="datalane", overflow_mode="SAT", heterogeneous_axis=(), f0=2):
        return [
            layers.TimeDistributed(layers.ReLU())(x),
            layers.TimeDistributed(QDense(2, "relu"))(x),
            layers.TimeDistributed(layers.Reshape((2, 1)))(x),
            layers.Bidirectional(QSimpleRNN(2, return_sequences=True))(x),
            layers.Bidirectional(QSimpleRNN(1), merge_mode="sum")(x),
        ]


WRAPPED = {"of steps and directions": (wrapped, (3, 2))}
OPERATIONS = {
    "elementwise": (
        lambda a, b: [
            a + b, a + 1.5, 2 - a, a - b, a * b, a * -0.75, a / 4.0, -a, abs(a),
            a + np.array([[[1.0], [2.0]]], np.float32),
            ops.maximum(a, b), ops.maximum(0.5, a), ops.minimum(a, 1), ops.absolute(b),
            ops.square(a), ops.clip(a, -1, 0.5), ops.relu(a), ops.relu6(a * 4.0),
            ops.leaky_relu(a, 0.25), keras.activations.relu(a, max_value=2.0),
            ops.select([a > 1, b > 0], [a, b], -1.0), ops.digitize(a, np.array([-1.0, 0.0, 1.5])),
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
            a[:, 0] @ np.array([[1.0, 0.5], [-2.0, 0.0], [0.0, 3.0]], np.float32),
            ops.matmul(ops.stack([a, a], 1), ops.stack([b, b], 1)),
            ops.einsum("bij,bjk->bki", a, b),
            ops.einsum("bij,jk->bik", a, np.array([[1.0], [2.0], [-0.5]], np.float32)),
            ops.einsum("kj,...ij->...ik", np.array([[1.0, 2.0, -0.5]], np.float32), a),
        ],
        (2, 3), (3, 2),
    ),
}  # fmt: skip


FUNCTIONS = {
    "tables": (
        lambda x: [
            q(0, 5)(layers.Activation("tanh")(x)), q(0, 6, 0)(layers.Activation("sigmoid")(x)),
            layers.Activation("hard_tanh")(x), layers.Activation("relu6")(x),
            q(2, 3)(layers.ELU()(x)),
            q(2, 3)(ops.exp(x) * 0.1), q(2, 4)(x / 3.0), q(2, 3)(ops.silu(x)), q(2, 3)(ops.gelu(x)),
            q(2, 4)(layers.Rescaling(1 / 255, 0.1)(x)), q(1, 5)(ops.mean(x, axis=1)),
            q(2, 4)(layers.Normalization(mean=[0.1, 0.2, 0.3], variance=[1.0, 2.0, 3.0])(x)),
            q(2, 3)(layers.LeakyReLU(0.3)(x)), layers.ReLU(threshold=1.0)(x),
            q(2, 4)(layers.PReLU(keras.initializers.RandomUniform(-0.5, 0.5, seed=1))(x)),
            layers.PReLU(keras.initializers.Constant(0.25))(x),
            q(2, 3)(layers.GlobalAveragePooling1D()(layers.Reshape((3, 1))(x))),
            q(2, 3)(layers.AveragePooling1D(3, 1, padding="same")(layers.Reshape((3, 1))(x))),
        ],
        (3,),
    ),
    "conditions and bits": (
        lambda a, b: [
            ops.cast(a > b, "float32"), ops.where(a > 0, a, b), ops.logical_and(a > 0, b > 0),
            ops.sign(a), ops.floor(a), ops.ceil(a), ops.round(a), ops.trunc(a), a <= b,
            ops.cast(a, "int32"), ops.mod(a, 2.0), ops.floor_divide(a, 0.5), ops.power(a, 2),
            ops.cast(a, "int32") & ops.cast(b, "int32"), ops.logical_not(a), ops.equal(a, b),
            ops.bitwise_xor(ops.cast(a, "int32"), ops.cast(b, "int32")),
            ops.right_shift(ops.cast(a, "int32"), 1), ops.bitwise_not(ops.cast(a, "int32")),
        ],
        (2, 3), (2, 3),
    ),
    "order": (
        lambda x: [
            ops.argmax(x, axis=1), ops.argmin(x, axis=-1), ops.sort(x, axis=1),
            ops.argsort(x, axis=-1), *ops.top_k(x, 2), ops.cumsum(x, axis=1), ops.flip(x, 1),
            ops.prod(x, axis=1), ops.any(x > 0, axis=1), ops.all(x > 0, axis=2),
            ops.var(x, axis=2), ops.count_nonzero(x, axis=1), ops.diff(x, axis=1),
            ops.median(x, axis=1), ops.average(x, axis=2),
        ],
        (3, 2),
    ),
    "moves": (
        lambda x: [
            *ops.split(x, 3, axis=1), *ops.unstack(x, axis=2), ops.roll(x, 1, 1),
            ops.repeat(x, 2, 1), ops.tile(x, (1, 1, 2)), ops.swapaxes(x, 1, 2),
            ops.moveaxis(x, 1, 2), ops.pad(x, ((0, 0), (1, 1), (0, 2))), ops.tril(x),
            ops.pad(x, ((0, 0), (1, 0), (0, 0)), constant_values=1.5), ops.append(x, x, 1),
            ops.pad(x, ((0, 0), (1, 1), (0, 0)), mode="reflect"), ops.take(x, [2, 0], axis=1),
            ops.diagonal(x, 0, 1, 2), ops.full_like(x, 2.0) + x,
            ops.one_hot(ops.cast(ops.argmax(x, axis=1), "int32"), 3),
            ops.take_along_axis(x, ops.expand_dims(ops.argmax(x, axis=1), 1), axis=1),
        ],
        (3, 2),
    ),
    "dots": (
        lambda a, b: [
            layers.Dot(axes=1)([a, b]), layers.Dot(axes=1)([a[:, 0], b[:, 0]]),
            layers.Dot(axes=(2, 1))([a, layers.Permute((2, 1))(b)]),
            ops.einsum("bij,bij,bij->bi", a, b, a), layers.Add()([a, b[:, :1]]),
            q(2, 3)(layers.Average()([a, b, a])), ops.tensordot(a, np.ones((3, 2), "float32"), 1),
        ],
        (2, 3), (2, 3),
    ),
}  # fmt: skip


class TestLayers(StockBattery):
    cases = LAYERS


class TestWrappers(StockBattery):
    cases = WRAPPED


class TestOperations(StockBattery):
    cases = OPERATIONS


class TestFunctions(StockBattery):
    cases = FUNCTIONS


def test_an_embedding_is_a_table_per_output():
    keras.utils.set_random_seed(0)
    index = keras.Input((3,), dtype="int32", name="index")
    model = keras.Model(index, q(0, 6)(layers.Embedding(8, 2, name="embed")(index)))
    lowered = lower(model, {"index": (0, 3, 0)})
    assert str(exactness(lowered)[0]) == (
        "embed: a function of floats, tabulated and verified in float64"
    )
    assert check_layers(Reference(model, float64=True), lowered, 64) > 0
    with pytest.raises(LoweringError) as error:
        lower(model, {"index": (0, 4, 0)})
    assert str(error.value) == (
        "layer 'embed' (Embedding): an index of a table of 8 entries must be in it for every "
        "input.\n  Received: type u4@0 [0, 15].\n  Declare the input's format with "
        "inputs={name: (0, bits, 0)}, and give the table 2^bits entries."
    )


def refusal(function, *shapes):
    with pytest.raises(LoweringError) as error:
        lower(network(function, *shapes))
    return str(error.value).partition("): ")[2]


TOO_LONG = (
    "the results of '{}' fit no fixed-point format of 32 bits or less.\n"
    "  Received: values of {} bits, such as {}.\n"
    "  Quantize them, with hgq_rtl.quantize(x, k, i, f) or a Quantizer layer behind it."
)
REFUSED = [
    (lambda x: layers.Average()([x, x, x]), (3,),
     TOO_LONG.format("divide", 59, -0.08333333333333333)),
    (lambda x: layers.LeakyReLU(0.3)(x), (3,), TOO_LONG.format("where", 59, -0.075)),
    (lambda x: layers.Activation("tanh")(x), (3,),
     TOO_LONG.format("tanh", 56, -0.2449186624037091)),
    (lambda x: x * 0.1, (3,), TOO_LONG.format("mul", 57, -0.025)),
    (lambda x: x / 3.0, (3,), TOO_LONG.format("divide", 58, -0.08333333333333333)),
    (lambda x: layers.Activation("softmax")(x), (3,),
     "the activation 'softmax' is no function of one value.\n  QSoftmax is the layer for softmax."),
    (lambda x: ops.sort(x, axis=0), (3,),
     "'sort' over the batch axis has no hardware form: samples are independent.\n"
     "  Received: axis=0.\n  Name the other axes, which are 1 and up."),
    (lambda x: ops.take(x, [0]), (3,),
     "'take' from the flat tensor would mix up samples.\n  Received: axis=None.\n"
     "  Give an axis of 1 or more."),
    (lambda x: layers.UpSampling2D(2, interpolation="bilinear")(x), (2, 2, 1),
     "only the nearest interpolation has a hardware form.\n  Received: interpolation='bilinear'.\n"
     "  Use interpolation='nearest'."),
    (lambda x: layers.Dropout(0.5)(x, training=True), (3,),
     "a layer that is called with training=True has no hardware form.\n"
     "  Leave training out of the call; fit sets it."),
    (lambda x: x / x[:, ::-1], (3,),
     "'divide' of two variables has no hardware form.\n  Make one of them a constant, or a "
     "quantized function of one value, such as hgq_rtl.quantize(1 / x, k, i, f); or join short "
     "ones in one integer, for a lookup."),
    (lambda x: x * np.float32(np.inf), (3,), "a constant must be finite.\n  Received: inf."),
    (lambda x: x + x[:, 0], (3, 3),
     "'add' of arrays with different numbers of axes mixes up samples.\n"
     "  Received: 3 and 2 axes.\n  Reshape one of them first, or use a merge layer such as Add."),
    (lambda x: ops.sum(x, axis=(0, 1)), (3,),
     "'sum' over the batch axis has no hardware form: samples are independent.\n"
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
    (lambda x: ops.einsum("bi,bi,bi->i", x, x, x), (3,),
     "the first letter of all variables and of the result is the batch axis.\n"
     "  Received: 'bi,bi,bi->i'.\n  Write it as 'bi,bj,bk->bijk'."),
    (lambda x: x + np.ones((2, 3), np.float32), (3,),
     "a constant cannot differ between samples.\n  Received: shape (2, 3)."),
]  # fmt: skip


@pytest.mark.parametrize(("function", "shape", "message"), REFUSED)
def test_refusals(function, shape, message):
    assert refusal(function, shape) == message


def test_shape_layers_work_before_the_first_quantizer():
    x = keras.Input((2, 2, 1))
    y = layers.ZeroPadding2D(1)(layers.Permute((2, 1, 3))(x))
    model = keras.Model(x, q()(layers.Flatten()(y)))
    lowered = lower(model)
    assert len(lowered.graph.inputs) == 4
    assert check_layers(Reference(model), lowered, 16) == 16 * 16

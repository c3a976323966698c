"""Models that cannot become hardware: the whole message, with the layer and the way out."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from hgq_rtl.errors import LoweringError
from hgq_rtl.lowering.model import lower
from hgq_rtl.lowering.reference import Reference, check_layers
from hgq_rtl.lowering.stock import supported
from tests.battery.stock import quantizer as q


def model(function, *shapes, name="m"):
    inputs = [keras.Input(shape, name=f"x{n}") for n, shape in enumerate(shapes)]
    return keras.Model(inputs, function(*inputs), name=name)


def same_names():
    def network(x):
        y = layers.ReLU(name="act-1")(q()(x))
        return layers.ReLU(name="act_1")(y)

    return model(network, (3,))


def same_names_inside():
    inner = model(lambda x: layers.ReLU(name="b_")(layers.ReLU(name="b.")(x)), (3,), name="inner")
    return model(lambda x: inner(q()(x)), (3,))


def unused():
    return model(lambda x, y: q()(x), (3,), (2,))


def unused_inside():
    x, y = keras.Input((3,), name="x"), keras.Input((3,), name="y")
    inner = keras.Model([x, y], layers.ReLU()(x), name="inner")
    a, b = keras.Input((3,), name="a"), keras.Input((3,), name="b")
    return keras.Model([a, b], inner([q()(a), q()(b)]), name="m")


def integers():
    n = keras.Input((3,), dtype="int32", name="n")
    return keras.Model(n, q()(n))


def wide():
    return model(
        lambda x: q(2, 2, name="out")(layers.Activation("tanh", name="act")(q(9, 8)(x))), (3,)
    )


class Twice(layers.Layer):
    """A layer of a user who has not read that it needs a ``lower``."""

    def call(self, x):
        return x * 2


SAFE = "letters, digits and _ only"
CASES = [
    (lambda: model(q(), (None, 3)),
     "model 'm': hardware needs fixed shapes.\n"
     "  Received: input 'x0' of shape (None, None, 3).\n  Give keras.Input the full shape."),
    (lambda: model(lambda x: layers.Lambda(lambda v: v + 1, name="plus")(q()(x)), (3,)),
     "layer 'plus' (Lambda): a Lambda layer hides its computation in Python code.\n"
     "  Received: Lambda.\n  Write the computation with keras.ops in the functional model, or as "
     "a layer with call and lower."),
    (lambda: model(lambda x: layers.Masking(name="mask")(q()(x)), (3, 2)),
     "layer 'mask' (Masking): a mask that depends on the data has no hardware form.\n"
     "  Received: Masking.\n  Give all sequences the full length, or multiply by a tensor of "
     "zeros and ones."),
    (lambda: model(lambda x: layers.Embedding(4, 2, mask_zero=True, name="e")(x), (3,)),
     "layer 'e' (Embedding): an Embedding with mask_zero=True has no hardware form.\n"
     "  Multiply by (index != 0) instead of masking."),
    (lambda: model(lambda x: layers.Dropout(0.5, name="d")(q()(x), training=True), (3,)),
     "layer 'd' (Dropout): a layer that is called with training=True has no hardware form.\n"
     "  Leave training out of the call; fit sets it."),
    (unused, "model 'm': no output depends on input 'x1'.\n"
     "  Make a model without it: keras.Model(inputs, outputs)."),
    (unused_inside, "model 'inner': no output depends on input 'y'.\n"
     "  Make a model without it: keras.Model(inputs, outputs)."),
    (same_names, "layer 'act_1': two layers have the same name.\n"
     "  Received: 'act-1' (ReLU) and 'act_1' (ReLU), both 'act_1' in hardware.\n"
     f"  Give one of them another name; hardware knows {SAFE}."),
    (same_names_inside, "layer 'inner/b_': two layers have the same name.\n"
     "  Received: 'b.' (ReLU) and 'b_' (ReLU), both 'inner/b_' in hardware.\n"
     f"  Give one of them another name; hardware knows {SAFE}."),
    (wide, "layer 'out' (Quantizer): a table of more than 65536 entries.\n"
     "  Received: 'tanh' of a value of type s18@-8 [-131072, 131071].\n"
     "  Quantize its input to 16 bits or less (with sign), or train with a larger beta, which "
     "makes widths cost more."),
    (lambda: model(lambda x: layers.Softmax(name="s")(q()(x)), (3,)),
     "layer 's' (Softmax): this layer has no lowering.\n"
     "  Received: keras.src.layers.activations.softmax.Softmax.\n  QSoftmax takes its place; "
     "hgq_rtl.quantize_model(model) makes quantized layers of a whole Keras model, to be "
     "fine-tuned."),
    (lambda: model(lambda x: layers.UnitNormalization(name="u")(q()(x)), (3,)),
     "layer 'u' (UnitNormalization): this layer has no lowering.\n"
     "  Received: keras.src.layers.normalization.unit_normalization.UnitNormalization.\n"
     "  Multiply by a quantized function of the sum of squares."),
    (lambda: model(lambda x: ops.rot90(q()(x), axes=(1, 2)), (3, 3)),
     "layer 'rot90' (Rot90): this layer has no lowering.\n"
     "  Received: keras.src.ops.numpy.Rot90.\n"
     f"  docs/lowering.md names all {len(supported())} layers and operations that have one."),
    (lambda: model(lambda x: Twice(name="twice")(q()(x)), (3,)),
     f"layer 'twice' (Twice): this layer has no lowering.\n  Received: {__name__}.Twice.\n"
     "  A layer of your own needs a method lower(x) beside call(x): the same computation on "
     "FixedArrays, in NumPy functions."),
    (lambda: model(lambda x: layers.TimeDistributed(layers.Dense(2, name="d"), name="t")(q()(x)),
                   (3, 2)),
     "layer 'd' (Dense): this layer has no lowering.\n"
     "  Received: keras.src.layers.core.dense.Dense.\n  QDense takes its place; "
     "hgq_rtl.quantize_model(model) makes quantized layers of a whole Keras model, to be "
     "fine-tuned."),
    (integers,
     "input 'n' is an integer in Keras, but its quantizer keeps fractions.\n"
     "  Received: dtype int32, and 2 fraction bits.\n  Make it keras.Input(shape) of floats, or "
     "declare its format with inputs={'n': (k, i, 0)}."),
]  # fmt: skip


@pytest.mark.parametrize(("make", "message"), CASES)
def test_refusals(make, message):
    with pytest.raises(LoweringError) as error:
        lower(make())
    assert str(error.value) == message


def test_a_shape_of_one_sample_is_named():
    one = model(lambda x: ops.broadcast_to(q()(x), (1, 3)), (3,), name="one")
    with pytest.raises(LoweringError) as error:
        check_layers(Reference(one), lower(one))
    text = str(error.value)
    assert text.startswith("model 'functional")
    assert "Keras itself cannot compute the model for several samples.\n  Received: " in text
    assert text.endswith("Shapes in it must leave the batch axis open, with -1 or None.")


@pytest.mark.parametrize(("samples", "many"), [(1, "one sample"), (3, "several samples")])
def test_a_number_of_samples_in_a_shape_is_named(samples, many):
    two = model(lambda x: ops.reshape(q()(x), (2, 3)), (3,), name="two")
    with pytest.raises(LoweringError) as error:
        Reference(two).one_batch([np.zeros((samples, 3))])
    text = str(error.value)
    said = f"model 'two': Keras itself cannot compute the model for {many}.\n  Received: "
    assert text.startswith(said)
    assert text.endswith("Shapes in it must leave the batch axis open, with -1 or None.")


def test_keras_itself_refuses_outputs_that_no_input_reaches():
    x, y = keras.Input((3,)), keras.Input((3,))
    with pytest.raises(ValueError, match="connected"):
        keras.Model(x, layers.ReLU()(y))


def test_a_constant_mask_of_values_is_the_way_out():
    keep = np.array([1.0, 0.0, 1.0], np.float32)
    lowered = lower(model(lambda x: ops.multiply(q()(x), keep), (3,)))
    assert lowered.graph.outputs[1].type.is_zero

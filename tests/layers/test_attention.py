"""QMultiHeadAttention: the battery, masks, fused inputs, totals of EBOPs and errors."""

import keras
import numpy as np
import pytest

import hgq_rtl as hr
from hgq_rtl.config import LayerConfigScope, QuantizerConfig, QuantizerConfigScope
from hgq_rtl.errors import ConfigError
from hgq_rtl.layers import QMultiHeadAttention, Quantizer
from hgq_rtl.lowering.model import lower
from hgq_rtl.lowering.reference import Reference, check_layers
from hgq_rtl.passes.pipeline import run
from hgq_rtl.utils import total_ebops, trace_minmax
from tests.battery.equivalence import assert_equivalent
from tests.battery.layer import Case, LayerBattery
from tests.layers.test_softmax import TABLES
from tests.layers.test_softmax import maths as softmax_maths


def softmax_ebops(elements, groups, stable=True):
    """With 8 bits everywhere; without stability the exponential's input has a sign."""
    linear = elements * 8 - groups * 8 + elements * 64 + (elements * 8 if stable else 0)
    return linear + TABLES * (elements * (1 if stable else 2) + groups)


class AttentionBattery(LayerBattery):
    plain = keras.layers.MultiHeadAttention
    quantizers = (
        "qkvo_iq", "qkvo_kq", "qkvo_bq", "qkvo_oq", "softmax_exp_iq", "softmax_exp_oq",
        "softmax_inv_iq", "softmax_inv_oq", "softmax_oq", "oq",
    )  # fmt: skip
    declared = (1, 3, 6)
    narrowest = 1  # one table of no bits makes the whole layer a constant
    tolerance = 2e-5

    def applied(self, layer, inputs):
        inputs = inputs if isinstance(inputs, list) else [inputs, inputs]
        if isinstance(layer, self.plain):  # without scores, it has no value_dim of its own
            return layer(*inputs, return_attention_scores=True)[0]
        return layer(*inputs)

    def build(self, layer, case):
        shapes = case.built
        layer.build(*(shapes if isinstance(shapes, list) else (shapes, shapes)))
        return layer

    def input_quantizers(self, layer):
        return [layer.query_dense.iq, layer.key_dense.iq, layer.value_dense.iq]

    def plain_weights(self, layer):
        found = []
        for dense in (layer.query_dense, layer.key_dense, layer.value_dense, layer.output_dense):
            found.append(dense.kernel)
            if layer.use_bias:
                found.append(dense.bias if dense.use_bias else np.zeros(dense.kernel.shape[1:]))
        return found

    def project(self, dense, x):
        y = np.einsum(dense.resolved.text, self.quantized(dense.iq, x),
                      self.quantized(dense.kq, dense.kernel))  # fmt: skip
        if dense.use_bias:
            y = y + self.quantized(dense.bq, dense.bias)
        return self.quantized(dense.oq, y)

    def key_and_value(self, layer, value):
        """What is projected to keys and to values, from the argument ``value``."""
        return value, value

    def expected(self, layer, x):
        query, value = x if isinstance(x, list) else (x, x)
        q = self.project(layer.query_dense, query)
        key, value = self.key_and_value(layer, value)
        k, v = self.project(layer.key_dense, key), self.project(layer.value_dense, value)
        s = np.einsum(layer.axes.dot.text, k, q)
        p = self.quantized(layer.softmax.oq, softmax_maths(self.quantized, layer.softmax, s))
        y = self.project(layer.output_dense, np.einsum(layer.axes.context.text, p, v))
        return self.quantized(layer.oq, y)


# Tables of 8 bits whose random widths leave something of exponentials and reciprocals below 1.
FINE = {
    f"softmax_{name}_conf": QuantizerConfig("kif", "table", i0=1, f0=7)
    for name in ("exp_oq", "inv_oq")
}


class TestQMultiHeadAttention(AttentionBattery):
    layer = QMultiHeadAttention
    cases = (
        Case(
            {"num_heads": 1, "key_dim": 2, "fuse": "qkv", **FINE}, (2, 2, 3),
            ebops=4 * 24 * 64 + (8 + 8 + 12) * 8 + 2 * 32 * 64 + softmax_ebops(16, 4),
        ),
    )  # fmt: skip

    @pytest.mark.slow
    def test_float64_policy_is_exact(self):
        super().test_float64_policy_is_exact()


@pytest.mark.slow
class TestOtherCases(AttentionBattery):
    layer = QMultiHeadAttention
    cases = (
        Case(
            {"num_heads": 1, "key_dim": 2, "value_dim": 3, "use_bias": False, **FINE,
             "output_shape": (2, 1), "stable_softmax": False, "parallelization_factor": 1},
            [(2, 3), (3, 2)],
            ebops=((12 + 12 + 18 + 12 + 12 + 18) * 64 + softmax_ebops(6, 2, stable=False)) / 2,
        ),
        Case(
            {"num_heads": 2, "key_dim": 2, **FINE}, (3, 4),
            ebops=4 * 48 * 64 + 3 * 12 * 8 + 2 * 36 * 64 + softmax_ebops(18, 6),
        ),
        Case(
            {"num_heads": 2, "key_dim": 1, "attention_axes": (2,), "enable_oq": True,
             "fuse": "kv", **FINE},
            (2, 2, 3),
            ebops=4 * 24 * 64 + (8 + 8 + 12) * 8 + 2 * 16 * 64 + softmax_ebops(16, 8),
        ),
    )  # fmt: skip


def source(shape=(3, 4), name="x"):
    inputs = keras.Input(shape, name=name)
    return inputs, Quantizer("kif", i0=1, f0=2, overflow_mode="SAT")(inputs)


def traced(inputs, outputs):
    model = keras.Model(inputs, outputs)
    rng = np.random.default_rng(0)
    data = [rng.normal(0, 1, (200, *t.shape[1:])) for t in model.inputs]
    trace_minmax(model, data if len(data) > 1 else data[0])
    return model


def small(**arguments):
    with QuantizerConfigScope(place="all", i0=1, f0=3):
        return QMultiHeadAttention(num_heads=2, key_dim=2, **arguments)


def test_calls_by_name_masks_and_scores_in_hardware():
    """One model of several calls, every layer of it equal to Keras, before and after passes."""
    keras.utils.set_random_seed(0)
    inputs, x = source()
    allowed = np.array([[[True, False, True], [False] * 3, [True, True, True]]])
    named = small(fuse="kv")(query=x, key=x, value=x, use_causal_mask=True)
    fixed, scores = small(stable_softmax=False, sliding_window=3)(
        x, attention_mask=allowed, return_attention_scores=True
    )
    model = traced(inputs, [named, fixed, scores])
    lowered = lower(model)
    assert check_layers(Reference(model), lowered, 50) > 0
    assert_equivalent(lowered.graph, run(lowered.graph)[0], 100)
    p = model.predict(np.random.default_rng(1).normal(0, 1, (8, 3, 4)), verbose=0)[2]
    assert (p.shape, scores.shape) == ((8, 2, 3, 3), (None, 2, 3, 3))
    assert (p[..., ~allowed[0]] == 0).all()
    assert (p[..., allowed[0]] != 0).any()


@pytest.mark.slow
def test_masks_that_are_inputs():
    """Of positions and of pairs, with a fixed one on top."""
    inputs, x = source()
    positions, pairs = keras.Input((3,), name="p"), keras.Input((3, 3), name="a")
    y = small(sliding_window=2)(x, value_mask=positions, attention_mask=pairs)
    model = keras.Model([inputs, positions, pairs], y)
    rng = np.random.default_rng(0)
    some = [rng.random((200, *shape)) < 0.7 for shape in ((3,), (3, 3))]
    trace_minmax(model, [rng.normal(0, 1, (200, 3, 4)), *some])
    lowered = lower(model, inputs={"p": (0, 1, 0), "a": (0, 1, 0)})
    assert check_layers(Reference(model), lowered, 100) > 0
    assert_equivalent(lowered.graph, run(lowered.graph)[0], 100)


def test_masks_are_those_of_keras():
    """Of positions and of pairs, alone and together, with quantization off."""
    off = QuantizerConfig("dummy")
    arguments = {"num_heads": 1, "key_dim": 2}
    layer = QMultiHeadAttention(
        **arguments, **{f"{q}_conf": off for q in AttentionBattery.quantizers}
    )
    plain = keras.layers.MultiHeadAttention(**arguments)
    rng = np.random.default_rng(0)
    query, value = rng.normal(0, 1, (4, 3, 2)), rng.normal(0, 1, (4, 5, 2))
    layer(query, value)
    plain(query, value)
    for v, w in zip(
        plain.trainable_variables, AttentionBattery().plain_weights(layer), strict=True
    ):
        v.assign(w)
    # Keras spreads a row without any key evenly, this layer gives zeros: no such row here.
    pairs = rng.random((4, 3, 5)) < 0.6
    pairs[..., 0] = True
    positions = rng.random((4, 5)) < 0.5
    positions[:, 0] = True
    for masks in (
        {"attention_mask": pairs},
        {"value_mask": positions},
        {"key_mask": positions, "attention_mask": pairs, "use_causal_mask": True},
        {"use_causal_mask": True},
    ):
        y, want = layer(query, value, **masks), plain(query, value, **masks)
        assert np.allclose(y, want, rtol=0, atol=1e-5), masks
    query_mask = rng.random((4, 3)) < 0.5
    out = layer(query, value, query_mask=query_mask)
    assert np.allclose(out[query_mask], plain(query, value)[query_mask], atol=1e-5)


def test_fixed_masks_of_two_axes():
    axes = small()
    axes.build((None, 2, 2, 3))
    mask = axes.axes.fixed_mask(axes.score_shape, True, None)
    assert np.array_equal(mask.reshape(4, 4), np.tri(4) > 0)
    near = axes.axes.fixed_mask(axes.score_shape, False, 1)
    assert np.array_equal(near.reshape(4, 4), np.eye(4) > 0)


def test_fused_projections_share_one_quantizer():
    layer = small(fuse="qkv")
    layer.build((None, 3, 4))
    assert layer.query_dense.iq is layer.key_dense.iq is layer.value_dense.iq
    assert layer.output_dense.iq is not layer.value_dense.iq
    assert len({v.path for v in layer.variables}) == len(layer.variables)
    layer = small(fuse="kv")
    layer.build((None, 3, 4), (None, 2, 4))
    assert layer.query_dense.iq is not layer.key_dense.iq is layer.value_dense.iq


def test_every_part_is_counted_once():
    inputs, x = source()
    with LayerConfigScope(beta0=1e-3):
        layer = small()
    model = traced(inputs, layer(x, x))
    parts = (layer.query_dense, layer.key_dense, layer.value_dense, layer.output_dense)
    inside = float(
        layer.evaluated(lambda: sum(part.compute_ebops() for part in (*parts, layer.softmax)))
    )
    assert total_ebops(model) == layer.ebops > inside > 0
    assert all(part.ebops == 0 for part in (*parts, layer.softmax))
    assert layer.beta == pytest.approx(1e-3)
    keys = [v.path for v in model.variables if v.path.endswith("/beta")]
    assert len(keys) == 1


def test_kernels_of_one_shape_start_different():
    layer = small()
    layer.build((None, 3, 4))
    assert not np.array_equal(layer.query_dense.kernel, layer.key_dense.kernel)


def test_dropout_is_for_training_alone():
    x = np.ones((4, 3, 4), "float32")
    layer = small(dropout=0.5, seed=1)
    layer.build(x.shape)
    quiet, loud = (
        layer.evaluated(lambda t=training: layer(x, x, training=t)) for training in (False, True)
    )
    layer.dropout = 0.0
    assert np.array_equal(layer.evaluated(lambda: layer(x, x, training=False)), quiet)
    assert not np.array_equal(loud, quiet)


@pytest.mark.cosim
def test_in_the_simulator(tmp_path):
    keras.utils.set_random_seed(0)
    inputs, x = source((2, 2))
    with QuantizerConfigScope(place="all", i0=1, f0=2):
        layer = QMultiHeadAttention(1, 1, enable_oq=True)
    model = traced(inputs, layer(x, x))
    data = np.random.default_rng(2).normal(0, 1, (100, 2, 2)).astype("float32")
    design = hr.compile(model, clock_ns=5.0)
    result = design.write(tmp_path / "attention").verify(data)
    assert (result.data, result.keras) == (100, 100)


def message(call):
    with pytest.raises(ConfigError) as error:
        call()
    return str(error.value)


def test_errors():
    assert message(lambda: small(fuse="qk")) == ("fuse is one of none, kv, qkv.\n  Received: 'qk'.")
    assert message(lambda: small(use_gate=True)) == (
        "QMultiHeadAttention has no use_gate.\n  Received: use_gate=True."
    )
    assert message(lambda: QMultiHeadAttention(0, 2)) == (
        "num_heads must be a positive integer.\n  Received: 0."
    )
    assert message(lambda: small(iq_conf=QuantizerConfig())) == (
        "QMultiHeadAttention has no iq_conf.\n  qkvo_iq_conf is the argument for its inputs."
    )
    assert message(lambda: small().build((None, 4))) == (
        "query, value and key need the same number of axes: batch, positions, channels.\n"
        "  Received: value (None, 4), key (None, 4), query (None, 4)."
    )
    assert message(lambda: small().build((None, 2, 4), (None, 3, 4), (None, 2, 4))) == (
        "value and key need the same positions.\n"
        "  Received: value (None, 3, 4), key (None, 2, 4), query (None, 2, 4)."
    )
    assert message(lambda: small(fuse="qkv").build((None, 2, 4), (None, 3, 4))) == (
        "fuse='qkv' shares a quantizer between inputs of different shapes.\n"
        "  Received: value (None, 3, 4), key (None, 3, 4), query (None, 2, 4).\n"
        "  Use fuse='none'."
    )
    assert message(lambda: small(attention_axes=2).build((None, 2, 4))) == (
        "attention_axes must be different axes between batch and channels.\n"
        "  Received: (2,) of an input with 3 axes."
    )
    layer, x = small(), np.ones((1, 2, 4), "float32")
    assert ("attention_mask needs 2 to 4 axes.\n  Received: shape (2,).") in message(
        lambda: layer(x, attention_mask=np.ones(2))
    )
    assert (
        "value_mask needs the axes of value but for the channels.\n  Received: shape (1, 2, 4)."
    ) in message(lambda: layer(x, value_mask=np.ones((1, 2, 4))))

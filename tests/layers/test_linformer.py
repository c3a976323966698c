"""QLinformerAttention: the battery of attention, tables, masks and errors."""

import keras
import numpy as np
import pytest

from hgq_rtl.errors import ConfigError
from hgq_rtl.layers import QLinformerAttention
from hgq_rtl.lowering.model import lower
from hgq_rtl.lowering.reference import Reference, check_layers
from tests.battery.layer import Case
from tests.layers.test_attention import FINE, AttentionBattery, softmax_ebops, source, traced


class Plain(keras.layers.MultiHeadAttention):
    """Keras's attention behind two matrices along the positions."""

    def __init__(self, lin_kv_proj_dim, share_kv_proj=False, **kwargs):
        super().__init__(**kwargs)
        self.sizes, self.share = lin_kv_proj_dim, share_kv_proj

    def build(self, query_shape, value_shape):
        several = isinstance(self.sizes, tuple)
        equation = "abcd,bcef->aefd" if several else "abc,bd->adc"
        sizes = (*self.sizes, value_shape[-1]) if several else (self.sizes, value_shape[-1])
        self.value_length = keras.layers.EinsumDense(equation, sizes)
        self.key_length = self.value_length
        if not self.share:
            self.key_length = keras.layers.EinsumDense(equation, sizes)
            self.key_length.build(value_shape)
        self.value_length.build(value_shape)
        super().build(query_shape, (value_shape[0], *sizes))

    def call(self, query, value, return_attention_scores):
        v, k = self.value_length(value), self.key_length(value)
        return super().call(query, v, k, return_attention_scores=return_attention_scores)


@pytest.mark.slow
class TestQLinformerAttention(AttentionBattery):
    layer, plain = QLinformerAttention, Plain
    cases = (
        Case(
            {"num_heads": 1, "lin_kv_proj_dim": 2, "key_dim": 2, **FINE}, (3, 2),
            ebops=(2 * 12 + 12 + 8 + 8 + 12 + 24) * 64 + (6 + 4 + 6) * 8 + softmax_ebops(6, 3),
        ),
        Case(
            {"num_heads": 1, "lin_kv_proj_dim": (1, 2), "key_dim": 1, "share_kv_proj": True,
             **FINE},
            (2, 2, 2),
            ebops=(16 + 8 + 4 + 4 + 8 + 16) * 64 + (4 + 2 + 8) * 8 + softmax_ebops(8, 4),
        ),
    )  # fmt: skip

    def plain_arguments(self, case):
        known = ("num_heads", "key_dim", "lin_kv_proj_dim", "share_kv_proj")
        return {k: v for k, v in case.arguments.items() if k in known}

    def plain_weights(self, layer):
        lengths = [layer.value_length.kernel]
        if not layer.share_kv_proj:
            lengths.append(layer.key_length.kernel)
        return [*lengths, *super().plain_weights(layer)]

    def length(self, dense, x):
        return np.einsum(dense.resolved.text, self.quantized(dense.iq, x),
                         self.quantized(dense.kq, dense.kernel))  # fmt: skip

    def key_and_value(self, layer, value):
        return self.length(layer.key_length, value), self.length(layer.value_length, value)


def test_shared_products_are_counted_as_often_as_they_are_built():
    layer = QLinformerAttention(1, 2, 1, share_kv_proj=True)
    layer.build((None, 3, 2))
    assert layer.key_length is layer.value_length
    assert len(layer.parts()) == 6
    a, b = keras.Input((3, 2)), keras.Input((3, 2))
    layer(a, a)
    assert len(layer.parts()) == 6
    layer(a, a, b)
    assert len(layer.parts()) == 7


@pytest.mark.slow
def test_tables_in_place_of_matrices():
    keras.utils.set_random_seed(0)
    inputs, x = source((3, 2))
    y = QLinformerAttention(1, 2, 1, lin_kv_proj_mode="dense_t", share_kv_proj=True, **FINE)(x)
    model = traced(inputs, y)
    assert check_layers(Reference(model, float64=True), lower(model), 50) > 0


def message(call):
    with pytest.raises(ConfigError) as error:
        call()
    return str(error.value)


def test_errors():
    assert message(lambda: QLinformerAttention(1, 0, 2)) == (
        "lin_kv_proj_dim must be a positive integer.\n  Received: 0."
    )
    assert message(lambda: QLinformerAttention(1, 2, 2, lin_kv_proj_mode="t")) == (
        "lin_kv_proj_mode is one of dense, dense_t.\n  Received: 't'."
    )
    assert message(lambda: QLinformerAttention(1, (2, 2), 2).build((None, 3, 2))) == (
        "lin_kv_proj_dim needs one number, or one for each attended axis.\n"
        "  Received: (2, 2) for the axes (1,)."
    )
    shared = QLinformerAttention(1, 2, 2, share_kv_proj=True)
    assert message(lambda: shared.build((None, 3, 2), (None, 3, 2), (None, 3, 4))) == (
        "share_kv_proj needs value and key of one shape.\n"
        "  Received: (None, 3, 2) and (None, 3, 4)."
    )
    layer = QLinformerAttention(1, 2, 1)
    assert (
        "attention to mixtures of positions has no masks of positions.\n"
        "  Received: a mask other than query_mask, or sliding_window.\n"
        "  Use QMultiHeadAttention."
    ) in message(lambda: layer(np.ones((1, 3, 2), "float32"), use_causal_mask=True))

"""Multi-head attention: four projections, products of variables, and a softmax of tables."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from inspect import signature
from typing import TYPE_CHECKING, Any

import keras
from keras import ops

from hgq_rtl.layers.attention_parts import AttentionParts
from hgq_rtl.layers.layer import QLayer
from hgq_rtl.layers.products import product

if TYPE_CHECKING:
    from hgq_rtl.lowering.array import FixedArray


@keras.saving.register_keras_serializable(package="hgq_rtl")
class QMultiHeadAttention(AttentionParts):
    """``keras.layers.MultiHeadAttention`` of quantized values.

    With Q, K, V = query, key and value, each a QEinsumDense with an output quantizer::

        S = einsum(K, Q),  P = QSoftmax(S / sqrt(key_dim)),  output = O(einsum(P, V))

    and O a QEinsumDense too. Inputs ``query`` (batch, ..., c), ``value``, ``key`` (default: value)
    of the same rank; output (batch, ..., *output_shape), by default of the query's shape. K has no
    bias, which would add the same to all scores of a query and change nothing. 1/sqrt(key_dim) is
    part of the exponential's table.

    ``qkvo_iq_conf, qkvo_kq_conf, qkvo_bq_conf, qkvo_oq_conf``: quantizers of input, kernel and
    bias of all four projections, and of the output of Q, K, V. ``softmax_exp_iq_conf,
    softmax_exp_oq_conf, softmax_inv_iq_conf, softmax_inv_oq_conf``: see QSoftmax;
    ``softmax_iq_conf``: of the scores, which only a softmax that is not stable has;
    ``softmax_oq_conf``: of P. ``softmax_allow_heterogeneous_table, stable_softmax``: see QSoftmax.
    ``fuse``: which projections share an input quantizer, that of V: "kv", "qkv" or "none".
    ``parallelization_factor``: how many of the query positions are computed in parallel; it scales
    EBOPs by its ratio to their number. ``oq_conf`` with ``enable_oq`` quantizes the output;
    ``enable_iq`` is about the inputs of Q, K, V alone. Further arguments: those of QLayer and of
    the Keras layer, but for ``use_gate`` and ``flash_attention``.

    EBOPs: all products of scores and context, all projections and the softmax. This layer counts
    them as a whole; its parts count none.

    Masks: as in Keras, but a query without any key to attend to gives zeros. Those that are
    constant (``use_causal_mask``, ``sliding_window``, arrays) cost no hardware; others must be
    made of bits there.
    """

    def call(
        self,
        query: Any,
        value: Any = None,
        key: Any = None,
        query_mask: Any = None,
        value_mask: Any = None,
        key_mask: Any = None,
        attention_mask: Any = None,
        return_attention_scores: bool = False,
        training: bool = False,
        use_causal_mask: bool = False,
    ) -> Any:
        """Compute the layer in floats; with ``return_attention_scores`` also P."""
        value = query if value is None else value
        key = value if key is None else key
        masks = self.masks(query_mask, value_mask, key_mask, attention_mask, use_causal_mask)
        mask = reduce(ops.logical_and, masks) if masks else None
        q = self.query_dense(query, training=training)
        k = self.key_dense(key, training=training)
        v = self.value_dense(value, training=training)
        s = product(self.axes.dot, k, q)
        p = self.softmax(s, mask=mask, training=training)
        dropped = training and self.dropout > 0
        kept = keras.random.dropout(p, self.dropout, seed=self.noise) if dropped else p
        c = product(self.axes.context, kept, v)
        y = self.finish(self.output_dense(c, training=training), training)
        return (y, p) if return_attention_scores else y

    def lower(
        self,
        query: FixedArray,
        value: FixedArray | None = None,
        key: FixedArray | None = None,
        query_mask: Any = None,
        value_mask: Any = None,
        key_mask: Any = None,
        attention_mask: Any = None,
        return_attention_scores: bool = False,
        training: bool | None = False,
        use_causal_mask: bool = False,
    ) -> Any:
        """Compute the layer in exact symbolic integers."""
        value = query if value is None else value
        key = value if key is None else key
        masks = self.masks(query_mask, value_mask, key_mask, attention_mask, use_causal_mask)
        within = query.build.within
        with within("query"):
            q = self.query_dense.lower(query)
        with within("key"):
            k = self.key_dense.lower(key)
        with within("value"):
            v = self.value_dense.lower(value)
        with within("scores"):
            s = k.einsum(self.axes.dot.without_batch(), q)
        with within("softmax"):
            p = self.softmax.lower(s, masks or None)
        with within("context"):
            c = p.einsum(self.axes.context.without_batch(), v)
        with within("output"):
            y = self.oq.lower(self.output_dense.lower(c))
        return (y, p) if return_attention_scores else y

    def masks(self, query: Any, value: Any, key: Any, attention: Any, causal: bool) -> list[Any]:
        """All masks of a call, each with the axes of the scores."""
        given = {"query": query, "value": value, "key": key, "attention": attention}
        masks = [self.axes.laid_out(kind, m) for kind, m in given.items() if m is not None]
        fixed = self.axes.fixed_mask(self.score_shape, causal, self.sliding_window)
        return masks if fixed is None else [*masks, fixed]

    def compute_ebops(self) -> Any:
        """Both products of variables, the projections and the softmax."""
        return self._cost(lambda part: part.compute_ebops())

    def compute_luts(self) -> Any:
        """The same, with the LUTs of the parts."""
        return self._cost(lambda part: part.compute_luts())

    def _cost(self, of: Callable[[QLayer], Any]) -> Any:
        q, k, v = (
            self._bits(getattr(self, f"{name}_dense"), self.head_shapes[name])
            for name in ("query", "key", "value")
        )
        p = self._bits(self.softmax, self.score_shape)
        ebops = ops.einsum(self.axes.dot.total, k, q) + ops.einsum(self.axes.context.total, p, v)
        for part in self.parts():
            ebops = ebops + of(part)
        parallel = self.parallelization_factor
        positions = self.axes.positions(self.head_shapes["query"])
        return ebops * (1.0 if parallel < 0 else parallel / positions)

    def parts(self) -> list[Any]:
        """The layers that this one is made of, once for each use."""
        return [self.query_dense, self.key_dense, self.value_dense, self.output_dense, self.softmax]

    @staticmethod
    def _bits(layer: QLayer, shape: Any) -> Any:
        shape = (1, *(n or 1 for n in shape[1:]))
        return ops.broadcast_to(layer.oq.bits(shape), shape)

    def compute_output_spec(self, query: Any, *args: Any, **kwargs: Any) -> Any:
        """Return the symbolic output, or output and P."""
        given = signature(self.call).bind(query, *args, **kwargs).arguments
        y = keras.KerasTensor(self.compute_output_shape(query.shape), self.compute_dtype)
        if not given.get("return_attention_scores"):
            return y
        return y, keras.KerasTensor(self.score_shape, self.compute_dtype)

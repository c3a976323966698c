"""Attention to a few mixtures of all positions: cost linear in their number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import keras

from hgq_rtl.errors import ConfigError
from hgq_rtl.layers.attention import QMultiHeadAttention
from hgq_rtl.layers.einsum_table import QEinsumDenseT
from hgq_rtl.layers.scores import ScoreAxes
from hgq_rtl.layers.weighted import positive

if TYPE_CHECKING:
    from hgq_rtl.lowering.array import FixedArray

MODES = ("dense", "dense_t")


@keras.saving.register_keras_serializable(package="hgq_rtl")
class QLinformerAttention(QMultiHeadAttention):
    """QMultiHeadAttention to linear combinations of the positions of key and value.

    A matrix without bias maps the attended axes of key and value to ``lin_kv_proj_dim`` new
    positions (one number for all attended axes, or one for each), before they are projected to
    heads; see Wang et al., Linformer, arXiv 2006.04768. ``share_kv_proj``: one matrix serves
    both. ``lin_kv_proj_mode``: "dense", a QEinsumDense, or "dense_t", a QEinsumDenseT, with
    ``qkvo_iq_conf`` and ``qkvo_kq_conf``. Further arguments: those of QMultiHeadAttention.

    A mixture of positions cannot be masked: of all masks, the layer takes ``query_mask`` alone.
    """

    made_inside = ("key", "value")

    def __init__(
        self,
        num_heads: int,
        lin_kv_proj_dim: int | Sequence[int],
        key_dim: int,
        *args: Any,
        share_kv_proj: bool = False,
        lin_kv_proj_mode: str = "dense",
        **kwargs: Any,
    ) -> None:
        super().__init__(num_heads, key_dim, *args, **kwargs)
        several = isinstance(lin_kv_proj_dim, list | tuple)
        sizes = lin_kv_proj_dim if several else (lin_kv_proj_dim,)
        self.lin_kv_proj_dim = tuple(positive("lin_kv_proj_dim", n) for n in sizes)
        if lin_kv_proj_mode not in MODES:
            raise ConfigError(f"lin_kv_proj_mode is one of {', '.join(MODES)}",
                              received=repr(lin_kv_proj_mode))  # fmt: skip
        self.share_kv_proj, self.lin_kv_proj_mode = share_kv_proj, lin_kv_proj_mode
        self._is_one_product = share_kv_proj

    def build(self, query_shape: Any, value_shape: Any = None, key_shape: Any = None) -> None:
        """Make the projections along the positions, then all else behind them."""
        value_shape = query_shape if value_shape is None else value_shape
        key_shape = value_shape if key_shape is None else key_shape
        self.check_shapes({"value": value_shape, "key": key_shape, "query": query_shape})
        if self.share_kv_proj and tuple(value_shape) != tuple(key_shape):
            raise ConfigError("share_kv_proj needs value and key of one shape",
                              received=f"{tuple(value_shape)} and {tuple(key_shape)}")  # fmt: skip
        axes = ScoreAxes.of(len(query_shape), self.attention_axes)
        sizes = self.lin_kv_proj_dim
        if len(sizes) == 1:
            sizes = sizes * len(axes.attended)
        if len(sizes) != len(axes.attended):
            raise ConfigError(
                "lin_kv_proj_dim needs one number, or one for each attended axis",
                received=f"{self.lin_kv_proj_dim} for the axes {axes.attended}",
            )
        new = dict(zip(axes.attended, sizes, strict=True))
        made = tuple(new.get(a) for a in range(1, len(query_shape)))
        self.value_length = self._length("value_length", axes, made)
        self.key_length = self.value_length
        if not self.share_kv_proj:
            self.key_length = self._length("key_length", axes, made)
            self.key_length.build(key_shape)
        self.value_length.build(value_shape)
        shapes = (
            tuple(new.get(a, n) for a, n in enumerate(shape)) for shape in (value_shape, key_shape)
        )
        super().build(query_shape, *shapes)

    def _length(self, name: str, axes: ScoreAxes, made: tuple[int | None, ...]) -> Any:
        equation = axes.length_projection()
        if self.lin_kv_proj_mode == "dense":
            return self.projection(
                name, equation, "", made, iq_conf=self.qkvo_confs["iq"],
                enable_iq=self.enable_iq, enable_oq=False,
            )  # fmt: skip
        layer = QEinsumDenseT(
            equation, made, iq_conf=self.qkvo_confs["iq"], enable_iq=True, enable_oq=False,
            enable_ebops=False, name=name, dtype=self.dtype_policy,
        )  # fmt: skip
        layer.supports_masking = True
        return layer

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
        self._is_one_product = self._is_one(value, key)
        v = self.value_length(value, training=training)
        k = v if self._is_one_product else self.key_length(key, training=training)
        return super().call(
            query, v, k, query_mask, value_mask, key_mask, attention_mask,
            return_attention_scores, training, use_causal_mask,
        )  # fmt: skip

    def lower(
        self,
        query: FixedArray,
        value: FixedArray | None = None,
        key: FixedArray | None = None,
        *args: Any,
        **kwargs: Any,
    ) -> Any:
        """Compute the layer in exact symbolic integers."""
        value = query if value is None else value
        key = value if key is None else key
        with query.build.within("value_length"):
            v = self.value_length.lower(value)
        with query.build.within("key_length"):
            k = v if self._is_one(value, key) else self.key_length.lower(key)
        return super().lower(query, v, k, *args, **kwargs)

    def _is_one(self, value: Any, key: Any) -> bool:
        """Whether key and value are one tensor, multiplied with one matrix."""
        return self.share_kv_proj and (key is None or key is value)

    def compute_output_spec(
        self, query: Any, value: Any = None, key: Any = None, *args: Any, **kwargs: Any
    ) -> Any:
        """Return the symbolic output, or output and P."""
        self._is_one_product = self._is_one(value, key)
        return super().compute_output_spec(query, value, key, *args, **kwargs)

    def masks(self, query: Any, value: Any, key: Any, attention: Any, causal: bool) -> list[Any]:
        """The query's mask, with the axes of the scores; ConfigError for any other one."""
        if causal or self.sliding_window or not all(m is None for m in (value, key, attention)):
            raise ConfigError(
                "attention to mixtures of positions has no masks of positions",
                received="a mask other than query_mask, or sliding_window",
                hint="Use QMultiHeadAttention",
            )
        return super().masks(query, None, None, None, False)

    def parts(self) -> list[Any]:
        """All projections, one along the positions for each use, and the softmax."""
        lengths = [self.value_length] + [self.key_length] * (not self._is_one_product)
        return [*lengths, *super().parts()]

    def get_config(self) -> dict[str, Any]:
        """Return the constructor arguments."""
        return {
            **super().get_config(),
            "lin_kv_proj_dim": self.lin_kv_proj_dim,
            "share_kv_proj": self.share_kv_proj,
            "lin_kv_proj_mode": self.lin_kv_proj_mode,
        }

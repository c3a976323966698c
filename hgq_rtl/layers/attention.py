"""Multi-head attention: four projections, products of variables, and a softmax of tables."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import reduce
from inspect import signature
from typing import TYPE_CHECKING, Any, ClassVar

import keras
from keras import ops

from hgq_rtl.errors import ConfigError
from hgq_rtl.layers.einsum_dense import QEinsumDense
from hgq_rtl.layers.layer import QLayer, exact_products
from hgq_rtl.layers.scores import ScoreAxes
from hgq_rtl.layers.softmax import QSoftmax
from hgq_rtl.layers.weighted import SERIALIZED, positive
from hgq_rtl.quantizers import QuantizerConfig, as_config

if TYPE_CHECKING:
    from hgq_rtl.lowering.array import FixedArray

FUSED: dict[str, tuple[str, ...]] = {"none": (), "kv": ("key",), "qkv": ("key", "query")}
"""What shares the input quantizer of the value, by the argument ``fuse``."""


@keras.saving.register_keras_serializable(package="hgq_rtl")
class QMultiHeadAttention(QLayer):
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

    made_inside: ClassVar[tuple[str, ...]] = ()
    """Which of query, key and value are no inputs of the layer, but computed by it."""

    def __init__(
        self,
        num_heads: int,
        key_dim: int,
        value_dim: int | None = None,
        dropout: float = 0.0,
        use_bias: bool = True,
        output_shape: int | Sequence[int] | None = None,
        attention_axes: int | Sequence[int] | None = None,
        *,
        sliding_window: int | None = None,
        flash_attention: bool | None = None,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        use_gate: bool = False,
        seed: int | None = None,
        fuse: str = "none",
        qkvo_iq_conf: QuantizerConfig | None = None,
        qkvo_kq_conf: QuantizerConfig | None = None,
        qkvo_bq_conf: QuantizerConfig | None = None,
        qkvo_oq_conf: QuantizerConfig | None = None,
        softmax_iq_conf: QuantizerConfig | None = None,
        softmax_exp_iq_conf: QuantizerConfig | None = None,
        softmax_exp_oq_conf: QuantizerConfig | None = None,
        softmax_inv_iq_conf: QuantizerConfig | None = None,
        softmax_inv_oq_conf: QuantizerConfig | None = None,
        softmax_oq_conf: QuantizerConfig | None = None,
        stable_softmax: bool = True,
        softmax_allow_heterogeneous_table: bool = False,
        parallelization_factor: int = -1,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        for name, value in (("use_gate", use_gate), ("flash_attention", flash_attention)):
            if value:
                raise ConfigError(f"QMultiHeadAttention has no {name}", received=f"{name}={value}")
        if fuse not in FUSED:
            raise ConfigError(f"fuse is one of {', '.join(FUSED)}", received=repr(fuse))
        self.num_heads, self.key_dim = (
            positive("num_heads", num_heads),
            positive("key_dim", key_dim),
        )
        self.value_dim = positive("value_dim", key_dim if value_dim is None else value_dim)
        self.dropout, self.seed = float(dropout), seed
        self.use_bias, self.fuse = use_bias, fuse
        self.partial_output_shape = _sizes(output_shape)
        self.attention_axes = _sizes(attention_axes)
        self.sliding_window = sliding_window and positive("sliding_window", sliding_window)
        self.weight_arguments = {
            "kernel_initializer": keras.initializers.get(kernel_initializer),
            "bias_initializer": keras.initializers.get(bias_initializer),
            "kernel_regularizer": keras.regularizers.get(kernel_regularizer),
            "bias_regularizer": keras.regularizers.get(bias_regularizer),
            "activity_regularizer": keras.regularizers.get(activity_regularizer),
            "kernel_constraint": keras.constraints.get(kernel_constraint),
            "bias_constraint": keras.constraints.get(bias_constraint),
        }
        self.qkvo_confs = {
            "iq": as_config(qkvo_iq_conf, "datalane"),
            "kq": as_config(qkvo_kq_conf, "weight"),
            "bq": as_config(qkvo_bq_conf, "bias"),
            "oq": as_config(qkvo_oq_conf, "datalane"),
        }
        if softmax_exp_iq_conf is None:
            softmax_exp_iq_conf = _of_distances(signed=not stable_softmax)
        self.softmax_confs = {
            "iq": None if softmax_iq_conf is None else as_config(softmax_iq_conf, "datalane"),
            "exp_iq": as_config(softmax_exp_iq_conf, "datalane"),
            "exp_oq": as_config(softmax_exp_oq_conf, "table"),
            "inv_iq": as_config(softmax_inv_iq_conf, "datalane"),
            "inv_oq": as_config(softmax_inv_oq_conf, "table"),
            "oq": as_config(softmax_oq_conf, "datalane"),
        }
        self.stable_softmax = stable_softmax
        self.softmax_allow_heterogeneous_table = softmax_allow_heterogeneous_table
        self.parallelization_factor = parallelization_factor
        self.noise = keras.random.SeedGenerator(seed) if dropout else None

    def make_input_quantizers(self, conf: Any) -> None:
        """None: the projections have them."""
        if conf is not None:
            raise ConfigError("QMultiHeadAttention has no iq_conf",
                              hint="qkvo_iq_conf is the argument for its inputs")  # fmt: skip

    def build_input_quantizers(self, input_shape: Any) -> None:
        """None: the projections have them."""

    def input_config(self) -> dict[str, Any]:
        """Return nothing: the projections have the input quantizers."""
        return {}

    # -- building ----------------------------------------------------------------------------------

    def build(self, query_shape: Any, value_shape: Any = None, key_shape: Any = None) -> None:
        """Make and build projections and softmax."""
        value_shape = query_shape if value_shape is None else value_shape
        key_shape = value_shape if key_shape is None else key_shape
        shapes = {"value": value_shape, "key": key_shape, "query": query_shape}
        self.check_shapes(shapes)
        self.axes = axes = ScoreAxes.of(len(query_shape), self.attention_axes)
        inward, bias_axes = axes.projection(1, 2)
        kept = (None,) * (len(query_shape) - 2)
        self.head_shapes = {}
        for name, shape in shapes.items():
            channels = self.value_dim if name == "value" else self.key_dim
            fused = name in FUSED[self.fuse]
            dense = self.projection(
                f"{name}_dense", inward, "" if name == "key" else bias_axes,
                (*kept, self.num_heads, channels),
                iq_conf=self.value_dense.iq if fused else self.qkvo_confs["iq"],
                enable_iq=self.enable_iq or name in self.made_inside, enable_oq=True,
            )  # fmt: skip
            setattr(self, f"{name}_dense", dense)
            dense.build(shape)
            self.head_shapes[name] = (*shape[:-1], self.num_heads, channels)
        self.score_shape = axes.shape(self.head_shapes["query"], self.head_shapes["key"])
        self.softmax = self._softmax()
        self.softmax.build(self.score_shape)
        out = self.partial_output_shape or (query_shape[-1],)
        self.output_dense = self.projection(
            "output_dense", *axes.projection(2, len(out)), (*kept, *out),
            iq_conf=self.qkvo_confs["iq"], enable_iq=True, enable_oq=False,
        )  # fmt: skip
        self.output_dense.build((*query_shape[:-1], self.num_heads, self.value_dim))
        super().build(query_shape)

    def projection(
        self, name: str, equation: str, bias_axes: str, made: tuple[int | None, ...], **kwargs: Any
    ) -> QEinsumDense:
        """A projection to the shape ``made``; ``iq_conf`` may be the quantizer of another one."""
        dense = QEinsumDense(
            equation, made, bias_axes=(self.use_bias and bias_axes) or None,
            **{f"{key}_conf": self.qkvo_confs[key] for key in ("kq", "bq", "oq")},
            **{key: _fresh(value) for key, value in self.weight_arguments.items()},
            enable_ebops=False, name=name, dtype=self.dtype_policy, **kwargs,
        )  # fmt: skip
        dense.supports_masking = True  # Keras warns otherwise; masks are used on the scores
        return dense

    def _softmax(self) -> QSoftmax:
        confs = {f"{key}_conf": conf for key, conf in self.softmax_confs.items()}
        return QSoftmax(
            self.axes.softmax, stable=self.stable_softmax,
            input_scaler=1.0 / math.sqrt(self.key_dim),
            allow_heterogeneous_table=self.softmax_allow_heterogeneous_table,
            enable_iq=confs["iq_conf"] is not None, enable_oq=True, enable_ebops=False,
            name="softmax", dtype=self.dtype_policy, **confs,
        )  # fmt: skip

    def check_shapes(self, shapes: dict[str, Any]) -> None:
        """Raise ConfigError unless query, value and key fit together."""
        received = ", ".join(f"{name} {tuple(shape)}" for name, shape in shapes.items())
        ranks = {len(shape) for shape in shapes.values()}
        if len(ranks) > 1 or min(ranks) < 3:
            raise ConfigError(
                "query, value and key need the same number of axes: batch, positions, channels",
                received=received,
            )
        if shapes["value"][1:-1] != shapes["key"][1:-1]:
            raise ConfigError("value and key need the same positions", received=received)
        if len({tuple(shapes[name]) for name in (*FUSED[self.fuse], "value")}) > 1:
            raise ConfigError(
                f"fuse={self.fuse!r} shares a quantizer between inputs of different shapes",
                received=received,
                hint="Use fuse='none'",
            )

    # -- the layer ---------------------------------------------------------------------------------

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
        with exact_products():
            s = ops.einsum(self.axes.dot.text, k, q)
        p = self.softmax(s, mask=mask, training=training)
        dropped = training and self.dropout > 0
        kept = keras.random.dropout(p, self.dropout, seed=self.noise) if dropped else p
        with exact_products():
            c = ops.einsum(self.axes.context.text, kept, v)
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

    # -- shapes and saving -------------------------------------------------------------------------

    def compute_output_shape(
        self, query_shape: Any, value_shape: Any = None, key_shape: Any = None
    ) -> tuple[int | None, ...]:
        """Return the query's shape with the last axis replaced by ``output_shape``."""
        return (*query_shape[:-1], *(self.partial_output_shape or query_shape[-1:]))

    def compute_output_spec(self, query: Any, *args: Any, **kwargs: Any) -> Any:
        """Return the symbolic output, or output and P."""
        given = signature(self.call).bind(query, *args, **kwargs).arguments
        y = keras.KerasTensor(self.compute_output_shape(query.shape), self.compute_dtype)
        if not given.get("return_attention_scores"):
            return y
        return y, keras.KerasTensor(self.score_shape, self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor arguments."""
        confs = {f"qkvo_{key}_conf": conf for key, conf in self.qkvo_confs.items()}
        confs |= {f"softmax_{key}_conf": conf for key, conf in self.softmax_confs.items()}
        return {
            **super().get_config(),
            "num_heads": self.num_heads,
            "key_dim": self.key_dim,
            "value_dim": self.value_dim,
            "dropout": self.dropout,
            "use_bias": self.use_bias,
            "output_shape": self.partial_output_shape,
            "attention_axes": self.attention_axes,
            "sliding_window": self.sliding_window,
            "seed": self.seed,
            "fuse": self.fuse,
            "stable_softmax": self.stable_softmax,
            "softmax_allow_heterogeneous_table": self.softmax_allow_heterogeneous_table,
            "parallelization_factor": self.parallelization_factor,
            **{
                name: None
                if value is None
                else SERIALIZED[name.rpartition("_")[2]].serialize(value)
                for name, value in self.weight_arguments.items()
            },
            **{key: keras.saving.serialize_keras_object(conf) for key, conf in confs.items()},
        }


def _of_distances(signed: bool) -> QuantizerConfig:
    """Of the argument of the exponential: beyond its range, a wrapped one would be far off."""
    conf = QuantizerConfig(place="datalane")
    changes = {"overflow_mode": "SAT", "k0": int(signed)}
    return conf.replace(**{key: value for key, value in changes.items() if key in conf})


def _fresh(value: Any) -> Any:
    """A copy of an initializer, as equal ones without seed would give equal weights."""
    if isinstance(value, keras.initializers.Initializer):
        return value.clone()
    return value


def _sizes(value: int | Sequence[int] | None) -> tuple[int, ...] | None:
    return (value,) if isinstance(value, int) else value and tuple(int(n) for n in value)

"""What attention is made of: projections to heads, a softmax of tables, and their quantizers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import keras

from hgq_rtl.errors import ConfigError
from hgq_rtl.layers.config import checked_parallel
from hgq_rtl.layers.einsum_dense import QEinsumDense
from hgq_rtl.layers.layer import QLayer
from hgq_rtl.layers.scores import ScoreAxes
from hgq_rtl.layers.softmax import QSoftmax
from hgq_rtl.layers.weighted import SERIALIZED, positive
from hgq_rtl.quantizers import QuantizerConfig, as_config

FUSED: dict[str, tuple[str, ...]] = {"none": (), "kv": ("key",), "qkv": ("key", "query")}
"""What shares the input quantizer of the value, by the argument ``fuse``."""


class AttentionParts(QLayer):
    """The arguments and the parts of QMultiHeadAttention, which says how they work together."""

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
        self.parallelization_factor = checked_parallel(parallelization_factor)
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

    # -- shapes and saving -------------------------------------------------------------------------

    def compute_output_shape(
        self, query_shape: Any, value_shape: Any = None, key_shape: Any = None
    ) -> tuple[int | None, ...]:
        """Return the query's shape with the last axis replaced by ``output_shape``."""
        return (*query_shape[:-1], *(self.partial_output_shape or query_shape[-1:]))

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

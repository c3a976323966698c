"""What recurrent layers with weights share: kernels, bias, dropout, and their cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import keras
from keras import ops

from hgq_rtl.layers.config import layer_default
from hgq_rtl.layers.luts import constant_product_luts
from hgq_rtl.layers.sequence import SequenceLayer
from hgq_rtl.layers.weighted import QWeighted, check_activation, known_size
from hgq_rtl.quantizers import QuantizerConfig
from hgq_rtl.quantizers.presets import HardTanhConfig


@dataclass(frozen=True)
class Weights:
    """Quantized weights of a recurrent layer; tensors or float64 arrays. ``bias`` may be None.

    ``kept``: what recurrent dropout leaves of the state, as a factor.
    """

    kernel: Any
    recurrent: Any
    bias: Any
    kept: Any = None

    def remember(self, h: Any) -> Any:
        """The state as the recurrent kernel sees it."""
        return h if self.kept is None else h * self.kept


class QRecurrent(SequenceLayer, QWeighted):
    """Kernel, recurrent kernel and bias, as Keras's SimpleRNN, GRU and LSTM have them.

    ``activation``: of the output or the candidate, linear by default because ``paq`` is a hard
    tanh. ``sq_conf``: of the state as the step reads it, used with ``enable_sq``; ``rkq_conf``: of
    the recurrent kernel; ``paq_conf``: next to the activation, default HardTanhConfig. ``dropout,
    recurrent_dropout``: shares of the inputs, of the state, dropped in training, the same ones at
    all steps. Further arguments: see SequenceLayer and QWeighted.
    """

    gates: ClassVar[int]

    def __init__(
        self,
        units: int,
        activation: Any = "linear",
        use_bias: bool = True,
        *,
        recurrent_initializer: Any = "orthogonal",
        recurrent_regularizer: Any = None,
        recurrent_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        sq_conf: QuantizerConfig | None = None,
        rkq_conf: QuantizerConfig | None = None,
        paq_conf: QuantizerConfig | None = None,
        enable_sq: bool | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(units, activation, use_bias, **kwargs)
        self.recurrent_initializer = keras.initializers.get(recurrent_initializer)
        self.recurrent_regularizer = keras.regularizers.get(recurrent_regularizer)
        self.recurrent_constraint = keras.constraints.get(recurrent_constraint)
        self.dropout, self.recurrent_dropout = float(dropout), float(recurrent_dropout)
        self.seed = seed
        self.noise = keras.random.SeedGenerator(seed) if dropout or recurrent_dropout else None
        self.enable_sq = layer_default("enable_sq", enable_sq)
        self.sq = self.quantizer("sq", sq_conf, "datalane", self.enable_sq)
        self.rkq = self.quantizer("rkq", rkq_conf, "weight")
        self.paq = self.quantizer("paq", paq_conf or HardTanhConfig(), "datalane")

    def build(self, sequences_shape: Any, initial_state_shape: Any = None) -> None:
        """Create kernel (features, gates·units), recurrent kernel (units, gates·units), bias."""
        features, width = known_size(sequences_shape, -1, "last axis"), self.gates * self.units
        self.kernel = self.weight("kernel", (features, width))
        self.recurrent_shape = (self.units, width)
        self.recurrent_kernel = self.weight("recurrent_kernel", self.recurrent_shape, "recurrent")
        bias = self.bias_built_shape()
        if self.use_bias:
            self.bias = self.weight("bias", bias)
        self.build_weight_quantizers((features, width), bias)
        self.rkq.build(self.recurrent_shape)
        for q in (self.sq, self.paq):
            q.build((sequences_shape[0], self.units))
        super().build(sequences_shape, initial_state_shape)

    def bias_built_shape(self) -> tuple[int, ...]:
        """The shape of the bias."""
        return (self.gates * self.units,)

    def quantized_weights(self, training: bool = False) -> Weights:
        """The weights, quantized once for all steps."""
        kept = None
        if training and self.recurrent_dropout:
            ones = ops.ones((1, self.units), self.compute_dtype)
            kept = keras.random.dropout(ones, self.recurrent_dropout, seed=self.noise)
        return Weights(
            self.kq(self.kernel, training=training),
            self.rkq(self.recurrent_kernel, training=training),
            self.bq(self.bias, training=training) if self.use_bias else None,
            kept,
        )

    def dropped(self, x: Any, training: bool) -> Any:
        """The quantized input, some of its features dropped in training."""
        if not (training and self.dropout):
            return x
        ones = ops.ones_like(x[:, :1])
        return x * keras.random.dropout(ones, self.dropout, seed=self.noise)

    def exact_weights(self) -> Weights:
        """The weights as exact numbers."""
        self.check_activations()
        w = self.evaluated(lambda: vars(self.quantized_weights()))
        names = ("kernel", "recurrent", "bias")
        return Weights(*(None if w[n] is None else self.exact(w[n], n) for n in names))

    @property
    def has_table(self) -> bool:
        """No: hardware has exact activations only."""
        return False

    def check_activations(self) -> None:
        """Raise LoweringError for activations that have no hardware form."""
        check_activation(
            self.activation, "Use activation='linear': paq_conf=HardTanhConfig() is a hard tanh"
        )

    def state_bits(self) -> Any:
        """Bits of the state as the step reads it; without ``sq``, of what makes it."""
        return self.bits(self.sq if self.enable_sq else self.paq, self.units)

    def product_ebops(self) -> Any:
        """EBOPs of both matrix products and of the bias."""
        x, h = self.bits(self.iq, self.kernel_shape[0]), self.state_bits()
        ebops = ops.sum(ops.matmul(x, self.bits(self.kq, *self.kernel_shape)))
        ebops = ebops + ops.sum(ops.matmul(h, self.bits(self.rkq, *self.recurrent_shape)))
        return ebops + (ops.sum(self.bits(self.bq, *self.bias_shape)) if self.use_bias else 0.0)

    def compute_luts(self) -> Any:
        """Sums of inputs and states times weights, and one LUT per EBOP of all other products."""
        digits = [
            q.digits(q(kernel))
            for q, kernel in ((self.kq, self.kernel), (self.rkq, self.recurrent_kernel))
        ]
        bits = self.bits(self.iq, self.kernel_shape[0]), self.state_bits()
        pairs = list(zip(bits, digits, strict=True))
        luts = constant_product_luts(
            sum(ops.sum(ops.matmul(b, d)) for b, d in pairs),
            sum(
                ops.sum(ops.matmul(ops.cast(ops.stop_gradient(b) > 0, d.dtype), d))
                for b, d in pairs
            ),
            self.kernel_shape[0] + self.units,
            self.gates * self.units,
        )
        return (luts + self.step_ebops() - self.product_ebops()) * self.parallel_steps

    def get_config(self) -> dict[str, Any]:
        """Return the constructor arguments."""
        return {
            **super().get_config(),
            **self.saved("recurrent_initializer", "recurrent_regularizer", "recurrent_constraint"),
            **self.saved("dropout", "recurrent_dropout", "seed", "enable_sq"),
            "sq_conf": self.saved_conf(self.sq),
            "rkq_conf": self.saved_conf(self.rkq),
            "paq_conf": self.saved_conf(self.paq),
        }

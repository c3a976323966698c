"""What recurrent layers share: steps over a sequence, states, and quantizers used at every step.

A recurrent layer states one step, once, for floats and for exact symbolic integers::

    def step(self, x, states, weights, on):
        z = x @ weights.kernel + on.quantize(self.sq, states[0]) @ weights.recurrent
        return (on.quantize(self.paq, z),)

where ``on`` is the arithmetic: ``Floats`` in training, ``Integers`` while lowering.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import keras
import numpy as np
from keras import ops

from hgq_rtl.errors import ConfigError
from hgq_rtl.layers.arithmetic import Floats, Integers
from hgq_rtl.layers.config import layer_default
from hgq_rtl.layers.layer import QLayer, exact_products
from hgq_rtl.layers.luts import constant_product_luts
from hgq_rtl.layers.weighted import QWeighted, check_activation, known_size, positive
from hgq_rtl.quantizers import Quantizer, QuantizerConfig
from hgq_rtl.quantizers.presets import HardTanhConfig
from hgq_rtl.quantizers.recording import continuing

if TYPE_CHECKING:
    from hgq_rtl.lowering.array import FixedArray

Step = tuple[Any, ...]


class SequenceLayer(QLayer):
    """A layer that goes over the steps of a sequence (batch, length, features) with states.

    ``return_sequences``: the output of every step, (batch, length, units), else of the last one,
    (batch, units). ``return_state``: also the last states, each (batch, units). ``go_backwards``:
    from the last step to the first; outputs are in this order too. Initial states are zero, or
    ``initial_state=`` of the call, one tensor or a list. ``iq`` and all other quantizers are
    shared by all steps. ``parallelization_factor``: how many of the steps are computed in
    parallel; EBOPs scale with it. -1 is all.

    The steps are always unrolled, whatever ``unroll`` says: quantizers that track ranges cannot
    do so inside a compiled loop. ``stateful`` is not supported, nor are masks. Hardware needs a
    sequence of fixed length.
    """

    state_count: ClassVar[int] = 1
    stateful: ClassVar[bool] = False  # what Keras's Bidirectional asks of a layer

    def __init__(
        self,
        units: int,
        *args: Any,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.units = positive("units", units)
        if stateful:
            raise ConfigError(
                "recurrent layers keep no state between calls",
                received="stateful=True",
                hint="Take the state with return_state=True, and give it as initial_state=",
            )
        self.return_sequences, self.return_state = bool(return_sequences), bool(return_state)
        self.go_backwards, self.unroll = bool(go_backwards), unroll

    def build(self, sequences_shape: Any, initial_state_shape: Any = None) -> None:
        """Build the quantizers."""
        if len(sequences_shape) != 3:
            raise ConfigError("a recurrent layer takes (batch, length, features)",
                              received=f"shape {tuple(sequences_shape)}")  # fmt: skip
        super().build(sequences_shape)

    def build_input_quantizers(self, input_shape: Any) -> None:
        """Build ``iq``, for one step."""
        self.iq.build((input_shape[0], known_size(input_shape, -1, "last axis")))

    def build_output_quantizer(self, input_shape: Any) -> None:
        """Build ``oq``, for the output without states."""
        self.oq.build(self._output(input_shape))

    # -- what a layer says -------------------------------------------------------------------------

    def step(self, x: Any, states: Step, weights: Any, on: Any) -> Step:
        """One step; input (..., features) and states (..., units) to the next states.

        The first of them is also the output, unless ``emitted`` says otherwise.
        """
        raise NotImplementedError

    def emitted(self, states: Step) -> Any:
        """The output of a step, from what ``step`` returned."""
        return states[0]

    def quantized_weights(self, training: bool = False) -> Any:
        """What ``step`` takes as ``weights``, in floats."""
        raise NotImplementedError

    def exact_weights(self) -> Any:
        """The same as float64 arrays. Raises LoweringError where hardware has no form of them."""
        raise NotImplementedError

    def step_ebops(self) -> Any:
        """EBOPs of one step."""
        raise NotImplementedError

    # -- the layer ---------------------------------------------------------------------------------

    def call(self, sequences: Any, initial_state: Any = None, training: bool = False) -> Any:
        """Compute the layer in floats."""
        length, features = sequences.shape[1:]
        x = self.iq(ops.reshape(sequences, (-1, features)), training=training)
        x = self.dropped(ops.reshape(x, (-1, length, features)), training)
        states = self._initial(initial_state)
        if not states:
            zeros = ops.zeros((ops.shape(x)[0], self.units), x.dtype)
            states = (zeros,) * self.state_count
        weights, on, outputs = self.quantized_weights(training), Floats(training), []
        for t in self._order(length):
            with continuing(bool(outputs)), exact_products():
                states = self.step(x[:, t], states, weights, on)
            outputs.append(self.emitted(states))
        y = ops.stack(outputs, axis=1) if self.return_sequences else outputs[-1]
        y = self.finish(y, training)
        return (y, *states[: self.state_count]) if self.return_state else y

    def lower(self, sequences: FixedArray, initial_state: Any = None) -> Any:
        """Unroll the steps in exact symbolic integers."""
        x, outputs = sequences, []
        states = self._initial(initial_state) or (
            (x[0].gather(np.full(self.units, -1)),) * self.state_count
        )
        weights, on = self.exact_weights(), Integers()
        for t in self._order(len(x)):
            with x.build.within(f"step_{t}"):
                states = self.step(self.iq.lower(x[t]), states, weights, on)
            outputs.append(self.emitted(states))
        y = outputs[-1]
        if self.return_sequences:
            y = y.like(np.stack([v.elements for v in outputs]))
        y = self.oq.lower(y)
        return (y, *states[: self.state_count]) if self.return_state else y

    def dropped(self, x: Any, training: bool) -> Any:
        """The quantized input, some of it dropped in training."""
        return x

    def _order(self, length: int) -> range:
        return range(length - 1, -1, -1) if self.go_backwards else range(length)

    def _initial(self, given: Any) -> Step:
        states = tuple(given) if isinstance(given, list | tuple) else (given,)
        if given is None or all(s is None for s in states):
            return ()
        if len(states) != self.state_count:
            raise ConfigError(f"initial_state needs {self.state_count} tensors",
                              received=f"{len(states)}")  # fmt: skip
        return states

    def compute_ebops(self) -> Any:
        """EBOPs of all steps, or of the parallel ones."""
        return self.step_ebops() * self.parallel_steps

    @property
    def parallel_steps(self) -> int:
        """How many steps have hardware of their own."""
        parallel = self.parallelization_factor
        return parallel if parallel >= 0 else self.input_shape_built[1] or 1

    def bits(self, q: Quantizer, *shape: int) -> Any:
        """Bits of a quantizer of weights, or of activations without batch axis."""
        full = shape if q.config.get("is_weight") else (1, *shape)
        return ops.reshape(ops.broadcast_to(q.bits(full), full), shape)

    def _output(self, shape: Any) -> tuple[Any, ...]:
        steps = (shape[1],) if self.return_sequences else ()
        return (shape[0], *steps, self.units)

    def compute_output_shape(self, sequences_shape: Any, initial_state_shape: Any = None) -> Any:
        """Return the shape of the output; with ``return_state``, of the states too."""
        y = self._output(sequences_shape)
        states = ((sequences_shape[0], self.units),) * self.state_count
        return (y, *states) if self.return_state else y

    def get_config(self) -> dict[str, Any]:
        """Return the constructor arguments."""
        plain = "units return_sequences return_state go_backwards unroll"
        return {**super().get_config(), **{name: getattr(self, name) for name in plain.split()}}


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
        self.enable_sq = bool(layer_default("enable_sq", enable_sq))
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
        ebops = ops.sum(x @ self.bits(self.kq, *self.kernel_shape))
        ebops = ebops + ops.sum(h @ self.bits(self.rkq, *self.recurrent_shape))
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
            sum(ops.sum(b @ d) for b, d in pairs),
            sum(ops.sum(ops.cast(ops.stop_gradient(b) > 0, d.dtype) @ d) for b, d in pairs),
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

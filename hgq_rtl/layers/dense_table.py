"""A dense layer whose every connection is a look-up table, trained as a tiny network."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from keras import ops

from hgq_rtl.errors import ConfigError, LoweringError
from hgq_rtl.layers.layer import QLayer, exact_products
from hgq_rtl.layers.lut import check_output, elementwise, reproducible, tabulated
from hgq_rtl.layers.weighted import known_size, positive
from hgq_rtl.quantizers import Quantizer, QuantizerConfig

if TYPE_CHECKING:
    from hgq_rtl.lowering.array import FixedArray


@keras.saving.register_keras_serializable(package="hgq_rtl")
class QDenseT(QLayer):
    """activation(Σ over inputs i of Q(f_ij(Q(x_i)))): one table per input i and output j.

    Input (batch, ..., n), output (batch, ..., n_out). Each f_ij is a network of one input and one
    output with ``n_hl`` hidden layers of ``d_hl`` units, ``subnn_activation`` and biases if
    ``use_bias``. Both quantizers, ``iq`` and the tables' ``toq`` (``toq_conf``, default: place
    table, one width for all), see tensors of shape (batch, ..., n, n_out). Inputs quantized per
    connection need a Quantizer between the model's Input and this layer.

    ``batch_norm`` normalizes each output's tables to mean 0 and variance 1/n, over samples,
    positions and inputs, then scales and shifts them by trained numbers (``bn_scale``,
    ``bn_center``), with ``bn_momentum`` and ``bn_epsilon`` as in Keras; the tables absorb it all.

    EBOPs as in HGQ2, with (B, b) = ``table_idxs``, for tables of B-input look-up elements: a table
    of w input bits (sign included) costs, per output bit, 2^(w-B) if w >= b, else 2^(b-B)·w/b; one
    more EBOP per output bit is for the sum. ``parallelization_factor``: how many of the N
    positions in the middle axes are computed in parallel; EBOPs scale with its ratio to N.

    Hardware has the activations None and relu. Further arguments: those of QLayer.
    """

    def __init__(
        self,
        n_out: int,
        n_hl: int = 1,
        d_hl: int = 8,
        subnn_activation: Any = "tanh",
        activation: Any = None,
        *,
        toq_conf: QuantizerConfig | None = None,
        use_bias: bool = True,
        batch_norm: bool = False,
        bn_momentum: float = 0.99,
        bn_epsilon: float = 1e-3,
        bn_center: bool = True,
        bn_scale: bool = True,
        table_idxs: tuple[int, int] = (6, 5),
        parallelization_factor: int = -1,
        enable_iq: bool | None = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(enable_iq=enable_iq, **kwargs)
        self.n_out, self.d_hl = positive("n_out", n_out), positive("d_hl", d_hl)
        if n_hl < 0:
            raise ConfigError("n_hl must be zero or more", received=repr(n_hl))
        self.n_hl = n_hl
        self.subnn_activation = elementwise(subnn_activation)
        self.activation = keras.activations.get(activation)
        self.use_bias, self.batch_norm = use_bias, batch_norm
        self.bn_momentum, self.bn_epsilon = float(bn_momentum), float(bn_epsilon)
        self.bn_center, self.bn_scale = bn_center, bn_scale
        self.table_idxs = (int(table_idxs[0]), int(table_idxs[1]))
        self.parallelization_factor = parallelization_factor
        self.toq = self.quantizer("toq", toq_conf, "table")

    def build_input_quantizers(self, input_shape: Any) -> None:
        """Build the quantizers of all connections."""
        self.iq.build((*input_shape, self.n_out))
        self.toq.build((*input_shape, self.n_out))

    def build(self, input_shape: Any) -> None:
        """Create the networks: weights (n, n_out, units before, units after)."""
        n = self.n_in = known_size(input_shape, -1, "last axis")
        sizes = [1, *[self.d_hl] * self.n_hl, 1]
        self.kernels, self.biases = [], []
        for j, (before, after) in enumerate(pairwise(sizes)):
            limit = math.sqrt(6 / (before + after))  # Glorot and Bengio 2010, for one connection
            self.kernels.append(
                self.add_weight(
                    (n, self.n_out, before, after),
                    keras.initializers.RandomUniform(-limit, limit),
                    name=f"kernel_{j}",
                )
            )
            if self.use_bias:
                self.biases.append(
                    self.add_weight((n, self.n_out, after), "zeros", name=f"bias_{j}")
                )
        if self.batch_norm:
            shape = (self.n_out,)
            self.gamma = self.add_weight(shape, "ones", trainable=self.bn_scale, name="gamma")
            self.beta_bn = self.add_weight(shape, "zeros", trainable=self.bn_center, name="beta_bn")
            self.mean = self.add_weight(shape, "zeros", trainable=False, name="moving_mean")
            self.variance = self.add_weight(shape, "ones", trainable=False, name="moving_variance")
        super().build(input_shape)

    def networks(self, x: Any, *weights: Any) -> Any:
        """Every network on its own input, (..., n, n_out); ``weights``: kernels, then biases."""
        count = self.n_hl + 1
        h = x[..., None]
        for j in range(count):
            kernel = weights[j]
            # The first and last layer are products, or sums of products, without a matrix.
            if kernel.shape[2] == 1:
                h = h * kernel[:, :, 0, :]
            elif kernel.shape[3] == 1:
                h = ops.sum(h * kernel[..., 0], axis=-1, keepdims=True)
            else:
                h = ops.einsum("...ijk,ijkl->...ijl", h, kernel)
            if self.use_bias:
                h = h + weights[count + j]
            if j < self.n_hl:
                h = self.subnn_activation(h)
        return h[..., 0]

    def tables(self, x: Any, *weights: Any) -> Any:
        """What the tables hold, before rounding, at inference."""
        if not self.batch_norm:
            return self.networks(x, *weights)
        *weights, gamma, beta, mean, variance = weights
        return self._normalized(self.networks(x, *weights), gamma, beta, mean, variance)

    def _normalized(self, t: Any, gamma: Any, beta: Any, mean: Any, variance: Any) -> Any:
        scale = gamma / ops.sqrt(variance + self.bn_epsilon)
        return ((t - mean) * scale + beta) * (1 / math.sqrt(self.n_in))

    def _parameters(self) -> list[Any]:
        norm = [self.gamma, self.beta_bn, self.mean, self.variance] if self.batch_norm else []
        return [ops.convert_to_tensor(v) for v in (*self.kernels, *self.biases, *norm)]

    def _trained(self, x: Any) -> Any:
        """The tables in training: in the dtype of the layer, normalized by the batch."""
        weights = self._parameters()
        with exact_products():
            if not self.batch_norm:
                return self.networks(x, *weights)
            *weights, gamma, beta, mean, variance = weights
            t = self.networks(x, *weights)
        batch_mean, batch_variance = ops.moments(t, axes=tuple(range(len(t.shape) - 1)))
        for moving, before, now in (
            (self.mean, mean, batch_mean),
            (self.variance, variance, batch_variance),
        ):
            moving.assign(before * self.bn_momentum + now * (1 - self.bn_momentum))
        return self._normalized(t, gamma, beta, batch_mean, batch_variance)

    def call(self, x: Any, training: bool = False) -> Any:
        """Compute the layer in floats."""
        x = self.iq(ops.repeat(x[..., None], self.n_out, axis=-1), training=training)
        t = self._trained(x) if training else reproducible(self.tables, x, *self._parameters())
        t = self.toq(t, training=training)
        return self.finish(self.activation(ops.sum(t, axis=-2)), training)

    def lower(self, x: FixedArray) -> FixedArray:
        """Look up every connection's table, and add up."""
        self._check_activation()
        check_output(self.toq, "toq")
        x = x.like(np.repeat(x.elements[..., None], self.n_out, axis=-1))

        def entries(v: Any) -> Any:
            return self.toq(reproducible(self.tables, v, *self._parameters()))

        y = self.iq.lower(x).table(tabulated(self, entries)).sum(axis=-2)
        return self.oq.lower(y.relu() if self.activation is keras.activations.relu else y)

    def _check_activation(self) -> None:
        if self.activation not in (keras.activations.linear, keras.activations.relu):
            name = getattr(self.activation, "__name__", type(self.activation).__name__)
            raise LoweringError(
                f"the activation {name!r} has no hardware form inside this layer",
                hint="Use activation=None or 'relu', or a QUnaryFunctionLUT after it",
            )

    def compute_ebops(self) -> Any:
        """Look-up elements of all tables and bits of all sums, times the parallel share."""
        shape = (1, *(n or 1 for n in self.input_shape_built[1:]), self.n_out)
        w, out = (ops.broadcast_to(true_bits(q, shape), shape) for q in (self.iq, self.toq))
        size, low = self.table_idxs
        entries = ops.where(w >= low, ops.power(2.0, ops.maximum(w, low) - low), w / low)
        ebops = 2.0 ** (low - size) * ops.sum(entries * out) + ops.sum(out)
        parallel = self.parallelization_factor
        return ebops * (1.0 if parallel < 0 else parallel / math.prod(shape[1:-2]))

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the input shape with ``n_out`` last."""
        return (*input_shape[:-1], self.n_out)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor arguments."""
        plain = (
            "n_out n_hl d_hl use_bias batch_norm bn_momentum bn_epsilon bn_center bn_scale "
            "table_idxs parallelization_factor"
        )
        return {
            **super().get_config(),
            **{name: getattr(self, name) for name in plain.split()},
            "subnn_activation": keras.activations.serialize(self.subnn_activation),
            "activation": keras.activations.serialize(self.activation),
            "toq_conf": self.saved_conf(self.toq),
        }


def true_bits(q: Quantizer, shape: tuple[int, ...]) -> Any:
    """Bits with sign: the width of an address. ``Quantizer.bits`` counts signs for SAT only."""
    bits = q.bits(shape)
    if q.is_dummy or "k0" not in q.config or q.overflow_mode == "SAT":
        return bits
    sign = q.format._sign()
    if sign.shape:
        sign = q.format.mapper.to_tensor(sign, shape)
    return bits + ops.where(bits > 0, sign, 0.0)

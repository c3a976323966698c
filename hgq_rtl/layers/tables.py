"""What dense, einsum and convolution layers of look-up tables share.

Every product of a linear layer, x_i·w_ij, becomes a table f_ij(x_i), trained as a tiny network of
one input and one output. A layer of this family says which tables there are with an einsum
equation "left,right->out": one for each entry of the ``right`` operand, used once for each
position, that is for each entry of the tensor with the letters of ``left`` and then those of
``right`` alone. This tensor, called the connections, is what quantizers see; its letters that are
not in ``out`` are summed.
"""

from __future__ import annotations

import math
import string
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from keras import ops

from hgq_rtl.errors import ConfigError
from hgq_rtl.layers.config import checked_parallel
from hgq_rtl.layers.equation import Equation
from hgq_rtl.layers.layer import QLayer, exact_products
from hgq_rtl.layers.lut import check_output, elementwise, reproducible, tabulated
from hgq_rtl.layers.weighted import check_activation, positive
from hgq_rtl.quantizers import QuantizerConfig

if TYPE_CHECKING:
    from hgq_rtl.lowering.array import FixedArray


class TableLayer(QLayer):
    """activation(Σ Q(f(Q(x)))), with one table f per connection of an equation.

    Each f is a network with ``n_hl`` hidden layers of ``d_hl`` units, ``subnn_activation`` and
    biases if ``use_bias``. Both quantizers, ``iq`` and the tables' ``toq`` (``toq_conf``, default:
    place table, one width for all), see tensors of connections. Inputs quantized per connection
    need a Quantizer between the model's Input and this layer.

    ``batch_norm`` normalizes the tables of each output to mean 0 and variance 1/n, over samples,
    positions and the n that are summed, then scales and shifts them by trained numbers
    (``bn_scale``, ``bn_center``), with ``bn_momentum`` and ``bn_epsilon`` as in Keras; the tables
    absorb it all.

    EBOPs as in HGQ2, with (B, b) = ``table_idxs``, for tables of B-input look-up elements: a table
    of w input bits (sign included) costs, per output bit, 2^(w-B) if w >= b, else 2^(b-B)·w/b; one
    more EBOP per output bit is for the sum. ``parallelization_factor``: how many of the N
    positions that share tables are computed in parallel; EBOPs scale with its ratio to N.

    Hardware has the activations None and relu. Further arguments: those of QLayer.
    """

    def __init__(
        self,
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
        self.d_hl = positive("d_hl", d_hl)
        if n_hl < 0:
            raise ConfigError("n_hl must be zero or more", received=repr(n_hl))
        self.n_hl = n_hl
        self.subnn_activation = elementwise(subnn_activation)
        self.activation = keras.activations.get(activation)
        self.use_bias, self.batch_norm = use_bias, batch_norm
        self.bn_momentum, self.bn_epsilon = float(bn_momentum), float(bn_epsilon)
        self.bn_center, self.bn_scale = bn_center, bn_scale
        self.table_idxs = (int(table_idxs[0]), int(table_idxs[1]))
        self.parallelization_factor = checked_parallel(parallelization_factor)
        self.toq = self.quantizer("toq", toq_conf, "table")

    # -- what a layer says -------------------------------------------------------------------------

    def resolve(self, input_shape: Any) -> tuple[Equation, dict[str, Any]]:
        """The equation for an input shape, and the size of every letter."""
        raise NotImplementedError

    def columns(self, x: Any) -> Any:
        """The left operand of the equation, in floats, with batch axis."""
        return x

    def lower_columns(self, x: FixedArray) -> FixedArray:
        """The left operand of the equation, in exact symbolic integers."""
        return x

    def normalized_letters(self) -> str:
        """Letters of the result that have moments of their own in batch normalization."""
        return "".join(c for c in self.equation_built.out if c in self.equation_built.right)

    # -- the layer ---------------------------------------------------------------------------------

    def build_input_quantizers(self, input_shape: Any) -> None:
        """Build the quantizers of all connections."""
        shape = tuple(self.sizes[c] for c in self.connections)
        self.iq.build(shape)
        self.toq.build(shape)

    def build(self, input_shape: Any) -> None:
        """Create the networks: weights (*letters of right, units before, units after)."""
        equation, self.sizes = self.resolve(input_shape)
        self.equation_built = equation
        self.connections = equation.left + "".join(
            c for c in equation.right if c not in equation.left
        )
        self.summed = [c for c in self.connections if c not in equation.out]
        tables = self._shape(equation.right)
        units = [1, *[self.d_hl] * self.n_hl, 1]
        self.kernels, self.biases = [], []
        for j, (before, after) in enumerate(pairwise(units)):
            limit = math.sqrt(6 / (before + after))  # Glorot and Bengio 2010, for one connection
            self.kernels.append(
                self.add_weight(
                    (*tables, before, after),
                    keras.initializers.RandomUniform(-limit, limit),
                    name=f"kernel_{j}",
                )
            )
            if self.use_bias:
                self.biases.append(self.add_weight((*tables, after), "zeros", name=f"bias_{j}"))
        if self.batch_norm:
            self.normalized = self.normalized_letters()
            shape = self._shape(self.normalized)
            self.gamma = self.add_weight(shape, "ones", trainable=self.bn_scale, name="gamma")
            self.beta_bn = self.add_weight(shape, "zeros", trainable=self.bn_center, name="beta_bn")
            self.mean = self.add_weight(shape, "zeros", trainable=False, name="moving_mean")
            self.variance = self.add_weight(shape, "ones", trainable=False, name="moving_variance")
        super().build(input_shape)

    def _shape(self, letters: Any) -> tuple[int, ...]:
        return tuple(int(self.sizes[c]) for c in letters)

    def _aligned(self, w: Any, letters: str) -> Any:
        """``w`` with axes for ``letters``, and maybe one more, so that it broadcasts."""
        present = [c for c in self.connections[1:] if c in letters]
        extra = list(range(len(letters), len(w.shape)))
        w = ops.transpose(w, [letters.index(c) for c in present] + extra)
        ones = [self.sizes[c] if c in letters else 1 for c in self.connections[1:]]
        return ops.reshape(w, (*ones, *(w.shape[n] for n in extra)))

    def networks(self, x: Any, *weights: Any) -> Any:
        """Every network on its own input, a tensor of connections; ``weights``: kernels, biases."""
        count, right = self.n_hl + 1, self.equation_built.right
        inner, outer = [c for c in string.ascii_letters if c not in self.connections][:2]
        product = f"{self.connections}{inner},{right}{inner}{outer}->{self.connections}{outer}"
        h = x[..., None]
        for j in range(count):
            kernel = weights[j]
            # The first and last layer are products, or sums of products, without a matrix.
            if kernel.shape[-2] == 1:
                h = h * self._aligned(kernel[..., 0, :], right)
            elif kernel.shape[-1] == 1:
                h = ops.sum(h * self._aligned(kernel[..., 0], right), axis=-1, keepdims=True)
            else:
                h = ops.einsum(product, h, kernel)
            if self.use_bias:
                h = h + self._aligned(weights[count + j], right)
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
        beta, mean, scale = (self._aligned(v, self.normalized) for v in (beta, mean, scale))
        return ((t - mean) * scale + beta) * (1 / math.sqrt(math.prod(self._shape(self.summed))))

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
        kept = [c for c in self.connections if c in self.normalized]
        axes = [n for n, c in enumerate(self.connections) if c not in kept]
        moments = []
        for moving, before, now in zip(
            (self.mean, self.variance), (mean, variance), ops.moments(t, axes=axes), strict=True
        ):
            now = ops.transpose(now, [kept.index(c) for c in self.normalized])
            moving.assign(before * self.bn_momentum + now * (1 - self.bn_momentum))
            moments.append(now)
        return self._normalized(t, gamma, beta, *moments)

    def call(self, x: Any, training: bool = False) -> Any:
        """Compute the layer in floats."""
        x = self.columns(x)
        for c in self.connections[len(x.shape) :]:
            x = ops.repeat(x[..., None], self.sizes[c], axis=-1)
        x = self.iq(x, training=training)
        t = self._trained(x) if training else reproducible(self.tables, x, *self._parameters())
        t = self.toq(t, training=training)
        y = ops.sum(t, axis=[self.connections.index(c) for c in self.summed])
        return self.finish(self.activation(ops.transpose(y, self._order())), training)

    def lower(self, x: FixedArray) -> FixedArray:
        """Look up every connection's table, and add up."""
        check_activation(
            self.activation, "Use activation=None or 'relu', or a QUnaryFunctionLUT after it"
        )
        check_output(self.toq, "toq")
        x = self.lower_columns(x)
        shape = self._shape(self.connections[1:])
        elements = x.elements.reshape(x.shape + (1,) * (len(shape) - x.ndim))
        x = x.like(np.broadcast_to(elements, shape))

        def entries(v: Any) -> Any:
            return self.toq(reproducible(self.tables, v, *self._parameters()))

        t = self.iq.lower(x).table(tabulated(self, entries))
        letters = self.connections[1:]
        last = [letters.index(c) for c in self.summed]
        first = [n for n in range(len(letters)) if n not in last]
        kept = tuple(shape[n] for n in first)
        y = t.transpose(*first, *last).reshape(*kept, -1).sum(axis=-1)
        y = y.transpose(*(n - 1 for n in self._order()[1:]))
        return self.oq.lower(y.relu() if self.activation is keras.activations.relu else y)

    def _order(self) -> list[int]:
        """The axes of the sum in the order of the result."""
        kept = [c for c in self.connections if c in self.equation_built.out]
        return [kept.index(c) for c in self.equation_built.out]

    def compute_ebops(self) -> Any:
        """Look-up elements of all tables and bits of all sums, times the parallel share."""
        shape = (1, *(self.sizes[c] or 1 for c in self.connections[1:]))
        w, out = (ops.broadcast_to(q.true_bits(shape), shape) for q in (self.iq, self.toq))
        size, low = self.table_idxs
        entries = ops.where(w >= low, ops.power(2.0, ops.maximum(w, low) - low), w / low)
        ebops = 2.0 ** (low - size) * ops.sum(entries * out) + ops.sum(out)
        parallel = self.parallelization_factor
        return ebops * (1.0 if parallel < 0 else parallel / self.positions)

    @property
    def positions(self) -> int:
        """How many times one inference uses each table."""
        right = self.equation_built.right
        return math.prod(self.sizes[c] or 1 for c in self.connections[1:] if c not in right)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the result, batch axis included."""
        equation, sizes = self.resolve(input_shape)
        return tuple(sizes[c] for c in equation.out)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor arguments."""
        plain = (
            "n_hl d_hl use_bias batch_norm bn_momentum bn_epsilon bn_center bn_scale "
            "table_idxs parallelization_factor"
        )
        return {
            **super().get_config(),
            **{name: getattr(self, name) for name in plain.split()},
            "subnn_activation": keras.activations.serialize(self.subnn_activation),
            "activation": keras.activations.serialize(self.activation),
            "toq_conf": self.saved_conf(self.toq),
        }

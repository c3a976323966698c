"""What dense, convolution and einsum layers share: a kernel, a bias and an activation.

A layer of this family says how its kernel multiplies, three times one below the other::

    def product(self, x, kernel):  # floats, with batch axis
        return ops.matmul(x, kernel)


    def lower_product(self, x, kernel):  # exact integers, without batch axis
        return x @ kernel


    def product_bits(self, x, kernel):  # EBOPs of the product, from widths
        return ops.sum(ops.matmul(x, kernel))
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from keras import ops

from hgq_rtl.errors import ConfigError, LoweringError
from hgq_rtl.layers.config import checked_parallel
from hgq_rtl.layers.layer import QLayer, exact_products
from hgq_rtl.layers.lut import elementwise, reproducible
from hgq_rtl.layers.luts import constant_product_luts, table_luts
from hgq_rtl.layers.sums import sum_bits
from hgq_rtl.quantizers import QuantizerConfig

if TYPE_CHECKING:
    from hgq_rtl.lowering.array import FixedArray

SERIALIZED = {
    "activation": keras.activations,
    "initializer": keras.initializers,
    "regularizer": keras.regularizers,
    "constraint": keras.constraints,
}
"""Kinds of Keras objects among layer arguments, by the last word of the argument's name."""

EXACT = (keras.activations.linear, keras.activations.relu)
"""Activations that are exact in floats; all others are tables in hardware."""


class QWeighted(QLayer):
    """activation(product(Q(x), Q(kernel)) + Q(bias)).

    ``kq_conf, bq_conf``: configs of the kernel and bias quantizers. ``parallelization_factor``:
    how many of the N positions that share the kernel are computed in parallel; it scales EBOPs by
    its ratio to N and changes no value. -1 is N. Further arguments: those of QLayer and of Keras's
    dense and convolution layers. An ``activation`` other than None and relu becomes a table in
    hardware for sums of up to 16 bits, with a quantizer behind it.
    """

    def __init__(
        self,
        activation: Any = None,
        use_bias: bool = True,
        *,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        kq_conf: QuantizerConfig | None = None,
        bq_conf: QuantizerConfig | None = None,
        parallelization_factor: int = -1,
        **kwargs: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.activation = keras.activations.get(activation)
        self.use_bias = use_bias
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        self.bias_regularizer = keras.regularizers.get(bias_regularizer)
        self.kernel_constraint = keras.constraints.get(kernel_constraint)
        self.bias_constraint = keras.constraints.get(bias_constraint)
        self.parallelization_factor = checked_parallel(parallelization_factor)
        self.kq = self.quantizer("kq", kq_conf, "weight")
        self.bq = self.quantizer("bq", bq_conf, "bias", enabled=use_bias)

    # -- what a layer says -------------------------------------------------------------------------

    def product(self, x: Any, kernel: Any) -> Any:
        """Multiply in floats, with batch axis."""
        raise NotImplementedError

    def lower_product(self, x: FixedArray, kernel: Any) -> FixedArray:
        """Multiply in exact symbolic integers, without batch axis."""
        raise NotImplementedError

    def product_bits(self, x: Any, kernel: Any) -> Any:
        """Sum of products of input and kernel bits (a scalar), over all multiplications."""
        raise NotImplementedError

    def spread(self, bias: Any) -> Any:
        """Shape the bias, a tensor or array, so that it broadcasts against the output."""
        return bias

    @property
    def positions(self) -> int:
        """How many times one inference uses the kernel."""
        return 1

    # -- the layer ---------------------------------------------------------------------------------

    def add_weights(self, kernel: tuple[int, ...], bias: tuple[int, ...]) -> None:
        """Create kernel and bias of these shapes, with their quantizers."""
        self.kernel = self.weight("kernel", kernel)
        if self.use_bias:
            self.bias = self.weight("bias", bias)
        self.build_weight_quantizers(kernel, bias)

    def build_weight_quantizers(self, kernel: tuple[int, ...], bias: tuple[int, ...]) -> None:
        """Build the quantizers for what ``folded`` returns."""
        self.kernel_shape, self.bias_shape = kernel, bias
        self.kq.build(kernel)
        # Also where there is none: Keras runs a model with an unbuilt part op by op at first.
        self.bq.build(bias)

    def folded(self, x: Any, training: bool) -> tuple[Any, Any]:
        """Kernel and bias before quantization, for the quantized input ``x``.

        Outside of training they depend on no input, and ``x`` may be None.
        """
        return self.kernel, self.bias if self.use_bias else None

    def weight(self, name: str, shape: tuple[int, ...], prefix: str = "") -> Any:
        """Create a trainable weight with the initializer, regularizer and constraint of its name.

        These are attributes, such as ``kernel_initializer``; ``prefix`` replaces the name in them.
        """
        prefix = prefix or name
        return self.add_weight(
            shape,
            getattr(self, f"{prefix}_initializer"),
            regularizer=getattr(self, f"{prefix}_regularizer"),
            constraint=getattr(self, f"{prefix}_constraint"),
            name=name,
        )

    @property
    def qkernel(self) -> Any:
        """The quantized kernel."""
        return self.kq(self.folded(None, False)[0])

    @property
    def qbias(self) -> Any:
        """The quantized bias, or None."""
        return self.bq(self.folded(None, False)[1]) if self.use_bias else None

    def call(self, x: Any, training: bool = False) -> Any:
        """Compute the layer in floats."""
        x = self.iq(x, training=training)
        kernel, bias = self.folded(x, training)
        kernel = self.kq(kernel, training=training)
        with exact_products():
            y = self.product(x, kernel)
        if self.use_bias:
            y = y + self.spread(self.bq(bias, training=training))
        return self.finish(self.activated(y, training), training)

    def lower(self, x: FixedArray) -> FixedArray:
        """Compute the layer in exact symbolic integers."""
        kernel, bias = self.evaluated(lambda: (self.qkernel, self.qbias))
        y = self.lower_product(self.iq.lower(x), self.exact(kernel, "kernel"))
        if self.use_bias:
            y = y + self.spread(self.exact(bias, "bias"))
        return self.oq.lower(self.lower_activation(y))

    def activated(self, y: Any, training: bool) -> Any:
        """The activation of ``y``; in inference with the values that a table of it has."""
        if training or self.activation in EXACT:
            return self.activation(y)
        return reproducible(elementwise(self.activation), y)

    def lower_activation(self, y: FixedArray) -> FixedArray:
        """Apply the activation: ReLU, or a table of its values for every value of ``y``."""
        if self.activation in EXACT:
            return y.relu() if self.activation is keras.activations.relu else y
        function = elementwise(self.activation)
        name = getattr(function, "__name__", "activation")
        return y.function(name, lambda v: reproducible(function, v))

    def compute_ebops(self) -> Any:
        """Bits of all products and of all additions of a bias, times the parallel share."""
        kernel = self.kernel_shape
        ebops = self.product_bits(
            self.quantized_input_bits(), ops.broadcast_to(self.kq.bits(kernel), kernel)
        )
        if self.use_bias:
            bias = self.bias_shape
            out = self.compute_output_shape(self.input_shape_built)
            times = math.prod(n or 1 for n in out[1:]) // math.prod(bias)
            ebops = ebops + times * ops.sum(ops.broadcast_to(self.bq.bits(bias), bias))
        parallel = self.parallelization_factor
        return ebops * (1.0 if parallel < 0 else parallel / self.positions)

    def compute_luts(self) -> Any:
        """Adders for every nonzero digit of the kernel, fewer by what they share; tables."""
        kernel = self.qkernel
        digits = self.kq.digits(ops.convert_to_tensor(kernel))
        bits = self.signal_bits()
        live = ops.cast(ops.stop_gradient(bits) > 0, bits.dtype)
        outputs = math.prod(self.bias_shape) * self.positions
        luts = constant_product_luts(
            self.product_bits(bits, digits),
            self.product_bits(live, digits),
            math.prod(bits.shape),
            outputs,
        )
        parallel = self.parallelization_factor
        luts = luts * (1.0 if parallel < 0 else parallel / self.positions)
        if self.has_table and not self.oq.is_dummy:
            out = (1, *(n or 1 for n in self.compute_output_shape(self.input_shape_built)[1:]))
            luts = luts + self.activation_luts(ops.broadcast_to(self.oq.true_bits(out), out))
        return luts + self.front_luts()

    @property
    def has_table(self) -> bool:
        """Whether the activation is a table in hardware."""
        return self.activation not in EXACT

    def activation_luts(self, bits: Any) -> Any:
        """LUTs of the tables of the activation, from the ``bits`` of their entries.

        Nothing where these have passed a layer that chooses some of them.
        """
        address = sum_bits(self)
        if address is None or math.prod(address.shape) != math.prod(bits.shape):
            return 0.0
        return table_luts(ops.reshape(address, bits.shape), bits)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor arguments."""
        return {
            **super().get_config(),
            **self.saved("activation", "activity_regularizer", "use_bias"),
            **self.saved("kernel_initializer", "kernel_regularizer", "kernel_constraint"),
            **self.saved("bias_initializer", "bias_regularizer", "bias_constraint"),
            **self.saved("parallelization_factor"),
            "kq_conf": self.saved_conf(self.kq),
            "bq_conf": self.saved_conf(self.bq),
        }

    def saved(self, *names: str) -> dict[str, Any]:
        """The attributes of these names in the form that Keras saves."""
        values = {}
        for name in names:
            value, module = getattr(self, name), SERIALIZED.get(name.rpartition("_")[2])
            values[name] = value if module is None or value is None else module.serialize(value)
        return values


def check_activation(activation: Any, hint: str) -> None:
    """Raise LoweringError for an activation that has no hardware form."""
    if activation not in EXACT:
        name = getattr(activation, "__name__", type(activation).__name__)
        raise LoweringError(
            f"the activation {name!r} has no hardware form inside this layer", hint=hint
        )


def reshaped(values: Any, shape: tuple[int, ...]) -> Any:
    """An array or tensor in another shape; tensors of TensorFlow have no method for it."""
    return (
        np.reshape(values, shape) if isinstance(values, np.ndarray) else ops.reshape(values, shape)
    )


def positive(what: str, value: Any) -> int:
    """``value`` if it is a positive integer; else ConfigError."""
    if not isinstance(value, int | np.integer) or value <= 0:
        raise ConfigError(f"{what} must be a positive integer", received=repr(value))
    return int(value)


def known_size(shape: tuple[int | None, ...], axis: int, name: str) -> int:
    """The length of an axis of an input shape; ConfigError where it is not known."""
    if shape[axis] is None:
        raise ConfigError(f"the {name} of the input must have a known size",
                          received=f"shape {tuple(shape)}")  # fmt: skip
    return int(shape[axis])

"""Fully connected layer."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import keras
from keras import ops

from hgq_rtl.errors import ConfigError, LoweringError
from hgq_rtl.layers.layer import QLayer, exact_products
from hgq_rtl.quantizers import QuantizerConfig

if TYPE_CHECKING:
    from hgq_rtl.lowering.array import FixedArray


@keras.saving.register_keras_serializable(package="hgq_rtl")
class QDense(QLayer):
    """activation(Q(x) @ Q(kernel) + Q(bias)), on the last axis of x, as ``keras.layers.Dense``.

    Input (batch, ..., n), output (batch, ..., units). ``kq_conf, bq_conf``: configs of the kernel
    and bias quantizers. ``parallelization_factor``: how many of the N positions (the middle axes)
    are computed in parallel; it scales EBOPs by its ratio to N and changes no value. -1 is N.
    Further arguments: those of QLayer and of ``keras.layers.Dense``.

    Any Keras activation trains; hardware exists for None and relu.
    """

    def __init__(
        self,
        units: int,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        *,
        kq_conf: QuantizerConfig | None = None,
        bq_conf: QuantizerConfig | None = None,
        parallelization_factor: int = -1,
        **kwargs: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        if not isinstance(units, int) or units <= 0:
            raise ConfigError("units must be a positive integer", received=repr(units))
        self.units = units
        self.activation = keras.activations.get(activation)
        self.use_bias = use_bias
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        self.bias_regularizer = keras.regularizers.get(bias_regularizer)
        self.kernel_constraint = keras.constraints.get(kernel_constraint)
        self.bias_constraint = keras.constraints.get(bias_constraint)
        self.parallelization_factor = parallelization_factor
        self.kq = self.quantizer("kq", kq_conf, "weight")
        self.bq = self.quantizer("bq", bq_conf, "bias", enabled=use_bias)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create kernel (n, units) and bias (units,)."""
        if input_shape[-1] is None:
            raise ConfigError("the last axis of the input must have a known size",
                              received=f"shape {tuple(input_shape)}")  # fmt: skip
        self.kernel = self.add_weight(
            (input_shape[-1], self.units),
            self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
            name="kernel",
        )
        self.kq.build(self.kernel.shape)
        if self.use_bias:
            self.bias = self.add_weight(
                (self.units,),
                self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
                name="bias",
            )
            self.bq.build(self.bias.shape)
        super().build(input_shape)

    @property
    def qkernel(self) -> Any:
        """The quantized kernel."""
        return self.kq(self.kernel)

    @property
    def qbias(self) -> Any:
        """The quantized bias, or None."""
        return self.bq(self.bias) if self.use_bias else None

    def call(self, x: Any, training: bool = False) -> Any:
        """Compute the layer in floats."""
        x, kernel = self.iq(x, training=training), self.kq(self.kernel, training=training)
        with exact_products():
            y = ops.matmul(x, kernel)
        if self.use_bias:
            y = y + self.bq(self.bias, training=training)
        return self.finish(self.activation(y), training)

    def lower(self, x: FixedArray) -> FixedArray:
        """Compute the layer in exact symbolic integers."""
        if self.activation not in (keras.activations.linear, keras.activations.relu):
            name = getattr(self.activation, "__name__", type(self.activation).__name__)
            raise LoweringError(
                f"the activation {name!r} has no hardware form inside a dense layer",
                hint="Use activation=None or 'relu'",
            )
        y = self.iq.lower(x) @ self.exact(self.qkernel, "kernel")
        if self.use_bias:
            y = y + self.exact(self.qbias, "bias")
        if self.activation is keras.activations.relu:
            y = y.relu()
        return self.oq.lower(y)

    def compute_ebops(self) -> Any:
        """Sum of products of input and kernel bits, plus bias bits, over all positions."""
        positions = math.prod(n or 1 for n in self.input_shape_built[1:-1])
        x_bits = self.quantized_input_bits()
        x_bits = ops.sum(x_bits, axis=tuple(range(len(x_bits.shape) - 1)))
        shape = tuple(self.kernel.shape)
        w_bits = ops.sum(ops.broadcast_to(self.kq.bits(shape), shape), axis=1)
        ebops = ops.sum(x_bits * w_bits)
        if self.use_bias:
            b_bits = ops.broadcast_to(self.bq.bits((self.units,)), (self.units,))
            ebops = ebops + positions * ops.sum(b_bits)
        parallel = self.parallelization_factor
        return ebops * (1.0 if parallel < 0 else parallel / positions)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the input shape with ``units`` last."""
        return (*input_shape[:-1], self.units)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor arguments."""
        serialize = keras.saving.serialize_keras_object
        return {
            **super().get_config(),
            "units": self.units,
            "activation": keras.activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "kernel_initializer": serialize(self.kernel_initializer),
            "bias_initializer": serialize(self.bias_initializer),
            "kernel_regularizer": serialize(self.kernel_regularizer),
            "bias_regularizer": serialize(self.bias_regularizer),
            "activity_regularizer": serialize(self.activity_regularizer),
            "kernel_constraint": serialize(self.kernel_constraint),
            "bias_constraint": serialize(self.bias_constraint),
            "kq_conf": self.saved_conf(self.kq),
            "bq_conf": self.saved_conf(self.bq),
            "parallelization_factor": self.parallelization_factor,
        }

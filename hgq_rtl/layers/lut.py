"""Functions of one value as look-up tables, and how training and hardware compute one function.

A table holds the function at every value that the quantized input can have, so Keras must give the
same output for a value wherever it stands. In float32 it does not: ``exp`` and others differ in
their last bit with the shape of the tensor and with what XLA fuses, which moves a result that is
close to the middle between two outputs. Inference therefore computes the function in double
precision and rounds it to float32 (``reproducible``), and the table is filled by that very
computation: its errors, about 2^-50, are too small to move anything but results that lie this
close to a rounding boundary of both, about one of 2^40 entries of 8 bits. A function's rounding is
then the same on every device, in every batch, and for a float64 policy. Training, which needs no
such care, stays in the dtype of the layer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from keras import ops

from hgq_rtl.errors import ConfigError, LoweringError
from hgq_rtl.layers.doubles import doubles
from hgq_rtl.layers.layer import QLayer
from hgq_rtl.layers.luts import table_luts
from hgq_rtl.quantizers import Quantizer, QuantizerConfig, as_config

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hgq_rtl.lowering.array import FixedArray

COST = 1e-4
"""EBOPs of one bit of one table entry, as in HGQ2, which calls it a placeholder."""
PLACES = 9
"""How many values of the input are looked at for the range of a function."""


def reproducible(function: Callable[..., Any], *tensors: Any) -> Any:
    """``function(*tensors)`` in double precision, rounded to float32, in the first tensor's dtype.

    The result depends on the values of the tensors only, not on their shape or dtype or on what
    surrounds the call. ``function`` must keep to the dtype it is given.
    """
    dtype = keras.backend.standardize_dtype(tensors[0].dtype)
    with doubles():
        y = function(*(ops.cast(t, "float64") for t in tensors))
        if keras.backend.backend() == "jax":
            import jax

            # XLA may drop a conversion to float32 and back, but not this.
            y = jax.lax.reduce_precision(y, exponent_bits=8, mantissa_bits=23)
        y = ops.cast(y, "float32")
    return ops.cast(y, dtype)


def tabulated(layer: QLayer, function: Callable[[Any], Any]) -> Callable[[Any], NDArray[Any]]:
    """``function``, of a tensor and of variables of ``layer``, as ``FixedArray.table`` takes it."""
    variables, dtype = layer.variables, layer.compute_dtype

    def run(values: list[Any], x: Any) -> Any:
        with keras.StatelessScope(state_mapping=list(zip(variables, values, strict=True))):
            return function(x)

    if keras.backend.backend() == "jax":
        import jax

        run = jax.jit(run)  # with x as an argument: a constant would be folded, slowly
    values = [v.value for v in variables]
    return lambda x: layer.exact(run(values, ops.convert_to_tensor(x, dtype)), "table")


def check_output(oq: Quantizer, argument: str) -> None:
    """Raise LoweringError unless ``oq`` puts the entries of a table on a known grid."""
    if oq.is_dummy:
        raise LoweringError(
            "a table needs an output quantizer",
            received=f"{argument} of type dummy",
            hint="Give it a config of type kbi or kif, and let it be enabled",
        )
    if not oq.is_settled:
        raise LoweringError(
            "the range of a WRAP quantizer is not known",
            received="a model that was never traced, or was trained after its last trace",
            hint="Call trace_minmax(model, data) with data that cover all inputs, then retry",
        )


def elementwise(activation: Any) -> Any:
    """The Keras activation; ConfigError if it is known to be no function of one value."""
    function = keras.activations.get(activation)
    name = getattr(function, "__name__", type(function).__name__)
    if name in ("softmax", "log_softmax", "sparsemax", "glu"):
        raise ConfigError(f"the activation {name!r} is no function of one value",
                          hint="QSoftmax is the layer for softmax")  # fmt: skip
    if isinstance(function, keras.layers.Layer):
        raise ConfigError(
            "a table takes a function, not a layer",
            received=name,
            hint="Use a name such as 'tanh', or a function written in keras.ops",
        )
    return function


def shared(conf: QuantizerConfig | None, place: str, allow: bool) -> QuantizerConfig:
    """``conf`` with one width for the whole tensor, unless others are allowed."""
    conf = as_config(conf, place)
    return conf if allow or "heterogeneous_axis" not in conf else conf.replace(
        heterogeneous_axis=()
    )  # fmt: skip


@keras.saving.register_keras_serializable(package="hgq_rtl")
class QUnaryFunctionLUT(QLayer):
    """Q(activation(Q(x))), elementwise: one table per element. Output of the input's shape.

    ``activation``: name of a Keras activation, or a function written in ``keras.ops`` (registered
    with Keras, if the model is to be saved), that maps one value to one value.
    ``allow_heterogeneous_input, allow_heterogeneous_table``: if False, all elements share the
    widths of the input, of the output, whatever ``iq_conf`` and ``oq_conf`` (default: place table)
    say. ``override_oq_k0_to_0``: the output has no sign, as for sigmoid. Further arguments: those
    of QLayer. Without output quantizer the layer trains, but has no hardware form.

    EBOPs: 1e-4·2^(input bits)·(output bits) per element, the formula of HGQ2.
    Raises ConfigError for activations that mix elements, and for layers as activation.
    """

    def __init__(
        self,
        activation: Any,
        *,
        allow_heterogeneous_input: bool = True,
        allow_heterogeneous_table: bool = True,
        override_oq_k0_to_0: bool = False,
        iq_conf: QuantizerConfig | None = None,
        oq_conf: QuantizerConfig | None = None,
        enable_iq: bool | None = True,
        enable_oq: bool | None = True,
        **kwargs: Any,
    ) -> None:
        oq_conf = shared(oq_conf, "table", allow_heterogeneous_table)
        if override_oq_k0_to_0 and "k0" in oq_conf:
            oq_conf = oq_conf.replace(k0=0)
        super().__init__(
            iq_conf=shared(iq_conf, "datalane", allow_heterogeneous_input),
            oq_conf=oq_conf, enable_iq=enable_iq, enable_oq=enable_oq, **kwargs,
        )  # fmt: skip
        self.activation = elementwise(activation)
        self.supports_masking = True
        self.allow_heterogeneous_input = allow_heterogeneous_input
        self.allow_heterogeneous_table = allow_heterogeneous_table
        self.override_oq_k0_to_0 = override_oq_k0_to_0

    def parameters(self) -> tuple[Any, ...]:
        """Tensors that ``function`` takes after the input."""
        return ()

    def function(self, x: Any, *parameters: Any) -> Any:
        """The function in floats, in the dtype of its arguments."""
        return self.activation(x)

    def call(self, x: Any, training: bool = False) -> Any:
        """Compute the layer in floats."""
        x = self.iq(x, training=training)
        if training:
            y = self.function(x, *(ops.convert_to_tensor(p) for p in self.parameters()))
        else:
            y = reproducible(self.function, x, *self.parameters())
        return self.finish(y, training)

    def lower(self, x: FixedArray) -> FixedArray:
        """Compute the function for every value of each element of the quantized input."""
        check_output(self.oq, "oq")
        return self.iq.lower(x).table(
            tabulated(self, lambda v: self.oq(reproducible(self.function, v, *self.parameters())))
        )

    def compute_ebops(self) -> Any:
        """Entries times their bits."""
        bits = self.quantized_input_bits()
        out = ops.broadcast_to(self.oq.bits(bits.shape), bits.shape)
        return COST * ops.sum(ops.power(2.0, bits) * out)

    def compute_luts(self) -> Any:
        """One table per element, and what stands in front of it."""
        address = self.signal_bits()
        out = ops.broadcast_to(self.oq.true_bits(address.shape), address.shape)
        constant = ops.stop_gradient(ops.maximum(out - self.value_bits(address.shape, out), 0.0))
        return table_luts(address, out - constant) + self.front_luts()

    def value_bits(self, shape: tuple[int, ...], declared: Any) -> Any:
        """Output bits that the function can set, by its values in a few places; else ``declared``.

        Of what the quantizer can hold, tanh leaves integer bits constant, and sigmoid the sign.
        """
        ends, grid = self.iq.ends(shape), self.oq.ends(shape)
        if ends is None or grid is None:
            return declared
        (lo, hi, _), (_, _, step) = ends, grid
        places = np.linspace(0.0, 1.0, PLACES).reshape(-1, *(1,) * (len(shape) - 1))
        x = ops.broadcast_to(lo + (hi - lo) * ops.cast(places, lo.dtype), (PLACES, *shape[1:]))
        y = self.oq(self.function(x, *(ops.convert_to_tensor(p) for p in self.parameters())))
        top, low = (ops.max(v, axis=0, keepdims=True) / step for v in (y, -y))
        width = ops.ceil(ops.log2(ops.maximum(ops.maximum(top + 1.0, low), 1.0)))
        width = width + ops.cast(low > 0, width.dtype)
        return ops.where(width >= 0, width, declared)  # not where the function has no value

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the input shape."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Return the constructor arguments."""
        return {
            **super().get_config(),
            "activation": keras.activations.serialize(self.activation),
            "allow_heterogeneous_input": self.allow_heterogeneous_input,
            "allow_heterogeneous_table": self.allow_heterogeneous_table,
            "override_oq_k0_to_0": self.override_oq_k0_to_0,
        }


@keras.saving.register_keras_serializable(package="hgq_rtl")
class QAffinedUnaryFunctionLUT(QUnaryFunctionLUT):
    """Q(activation(scale·Q(x) + bias)), with two trained numbers that cost no hardware."""

    def build(self, input_shape: Any) -> None:
        """Create scale and bias."""
        self.scale = self.add_weight((), "ones", name="scale")
        self.bias = self.add_weight((), "zeros", name="bias")
        super().build(input_shape)

    def parameters(self) -> tuple[Any, ...]:
        """Scale and bias."""
        return self.scale, self.bias

    def function(self, x: Any, *parameters: Any) -> Any:
        """The function of a straight line."""
        scale, bias = parameters
        return self.activation(x * scale + bias)

"""The public quantizer layer."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from keras import ops

from hgq_rtl.errors import ConfigError, LoweringError
from hgq_rtl.quantizers.config import QuantizerConfig, as_config
from hgq_rtl.quantizers.exact import bounds, pow2, signed_digits, to_numpy
from hgq_rtl.quantizers.fixed_point import FixedPoint
from hgq_rtl.quantizers.minifloat import Minifloat
from hgq_rtl.quantizers.parametrizations import KBI, KIF
from hgq_rtl.quantizers.recording import Records, active_records

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hgq_rtl.lowering.array import FixedArray

_FORMATS: dict[str, Any] = {"kbi": KBI, "kif": KIF, "float": Minifloat}
_LAYER_ARGUMENTS = ("name", "dtype")


@keras.saving.register_keras_serializable(package="hgq_rtl")
class Quantizer(keras.layers.Layer):
    """Quantize a tensor with trainable widths.

    Built from a QuantizerConfig, or from its arguments. Usable alone in a model, where it costs
    no EBOPs, and used by every layer for its inputs, weights and outputs.

    Around the number format Q, with ``scaler`` s, ``affine`` (a, c) and ``qnoise_factor`` q, each
    of which may be None (s = 1, no affine map, q = 1):

        y = s·Q(x/s),    z = x + q·(y - x) in training, else y,    output = a·z + c

    so the noise x - y is mixed in the unit of x, before the affine map. A dummy quantizer applies
    the affine map alone.

    ``round_mode`` and ``overflow_mode`` are those of ``hgq_rtl.fixed``, which defines the result.

    >>> q = Quantizer("kif", i0=1, f0=1, overflow_mode="SAT")
    >>> [float(v) for v in q(np.array([[-9.0, 0.3, 0.75]]))[0]]
    [-2.0, 0.5, 1.0]
    """

    def __init__(self, config: QuantizerConfig | str | None = None, **kwargs: Any) -> None:
        layer = {key: kwargs.pop(key) for key in _LAYER_ARGUMENTS if key in kwargs}
        if config is None or isinstance(config, str):
            kwargs.setdefault("q_type", config or "default")
            config, kwargs = QuantizerConfig(**kwargs), {}
        elif "trainable" in kwargs:  # of this layer, as when loading; the widths have their own
            layer["trainable"] = kwargs.pop("trainable")
        if kwargs:
            raise ConfigError(
                f"give {min(kwargs)!r} inside the config, or no config",
                hint="config.replace(...) makes a changed copy",
            )
        config = as_config(config, "datalane")
        super().__init__(**layer)
        self.supports_masking = True
        self.config = config
        # A preset as what it stands for. Kept, because Keras takes two objects of the same address,
        # one after the other, for one object that is saved twice.
        self.plain_config = config.replace()
        self.format: FixedPoint | Minifloat | None = None
        if config.q_type in _FORMATS:
            self.format = _FORMATS[config.q_type](config, name="format", dtype=self.dtype_policy)

    @property
    def round_mode(self) -> str:
        """Rounding mode at inference, a name of ``fixed.ROUNDINGS``: RND for S_RND."""
        return self.config["round_mode"].removeprefix("S_")

    @property
    def overflow_mode(self) -> str:
        """Overflow mode, a name of ``fixed.OVERFLOWS``."""
        return self.config["overflow_mode"]

    @property
    def is_dummy(self) -> bool:
        """Whether this quantizer passes values through."""
        return self.format is None

    def build(self, shape: tuple[int | None, ...]) -> None:
        """Create the widths for a tensor of ``shape``, batch axis included if it has one."""
        if self.format is not None:
            self.format.build(shape)

    def call(self, x: Any, training: bool = False) -> Any:
        """Quantize ``x``."""
        scaler, affine, q = (self.config[n] for n in ("scaler", "affine", "qnoise_factor"))
        y = x
        if self.format is not None:
            y = self.format(x if scaler is None else x / scaler, training=training)
            if scaler is not None:
                y = y * scaler
            if training and q is not None and q != 1:
                y = x + q * (y - x)
            records = active_records()
            if records is not None:
                records.live.append((self, self._is_live(y, records)))
        return y if affine is None else y * affine[0] + affine[1]

    def _is_live(self, y: Any, records: Records) -> Any:
        """Whether any of the values is not zero; told by the extrema where these are known."""
        if records and records[-1][0] is self.format and not self.format.is_weight:
            y = self.format.rounded(ops.stack(records[-1][1:]))
        return ops.any(y != 0)

    def evaluate(self, x: Any) -> Any:
        """Quantize ``x`` at inference, compiled as one step where the backend can.

        Op by op, JAX compiles each of some thirty operations for every new shape.
        """
        if keras.backend.backend() != "jax":
            return self(x)
        import jax

        return jax.jit(self)(ops.convert_to_tensor(x))

    def lower(self, x: FixedArray) -> FixedArray:
        """Quantize symbolically. Raises LoweringError where hardware and training could differ."""
        if self.format is not None:
            x = self._lower_format(x)
        if self.config["affine"] is None:
            return x
        scale, shift = (self._exact_constant(v) for v in self.config["affine"])
        return x * scale + shift

    def _lower_format(self, x: FixedArray) -> FixedArray:
        if isinstance(self.format, Minifloat):
            raise LoweringError(
                "a minifloat quantizer (q_type 'float') has no hardware form",
                hint="Train with q_type 'kif' or 'kbi' to build hardware",
            )
        if not self.is_settled:
            raise LoweringError(
                "the range of a WRAP quantizer is not known",
                received="a model that was never traced, or was trained after its last trace",
                hint="Call trace_minmax(model, data) with data that cover all inputs, then retry",
            )
        k, i, f = self.frozen(x.shape)
        scaler = 1.0 if self.config["scaler"] is None else float(self.config["scaler"])
        mantissa, exponent = math.frexp(abs(scaler))
        if mantissa != 0.5:
            raise LoweringError(
                "in hardware, scaler must be a power of two",
                received=f"scaler={scaler!r}",
                hint="Set it to the nearest one, and let the weights of the next layer do the rest",
            )
        if scaler < 0:
            # Rounding and saturation are not symmetric: this one needs the negation.
            return (x * (1 / scaler)).quantize(
                k, i, f, self.round_mode, self.overflow_mode
            ) * scaler
        # s·Q(x/s) for s = 2^n is Q with n more integer and n fewer fraction bits: no operation,
        # and also right for a model input, whose port gets this format.
        n = exponent - 1
        return x.quantize(k, i + n, f - n, self.round_mode, self.overflow_mode)

    def _exact_constant(self, value: float) -> float:
        """``value`` if training computes with exactly this number."""
        if float(np.dtype(self.compute_dtype).type(value)) != value:
            raise LoweringError(
                f"the constants of affine must be exact in {self.compute_dtype}",
                received=f"affine={self.config['affine']!r}",
                hint="Use a few binary digits, such as 0.25 or 1.5",
            )
        return float(value)

    @property
    def is_settled(self) -> bool:
        """Whether the integer bits are final: always, except for WRAP before tracing.

        A quantizer that is not built has no integer bits; ``frozen`` refuses it.
        """
        fmt = self.format
        if fmt is None or not self.built or fmt.is_fixed or fmt.is_weight or not fmt.is_wrap:
            return True
        return bool(to_numpy(fmt.traced))

    def frozen(
        self, shape: tuple[int, ...]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Integer widths (k, i, f), int64, each of ``shape`` (a tensor without batch axis).

        A total width k + i + f of zero or less is the constant zero. Raises LoweringError for NaN
        widths, for widths that differ along the batch axis, and for a dummy quantizer.
        """
        if not isinstance(self.format, FixedPoint):
            raise LoweringError(f"a {self.config.q_type} quantizer has no widths k, i, f")
        if not self.built:
            raise LoweringError(
                "a quantizer was never built",
                hint="Give the model an Input, or call it on data once",
            )
        if not self.format.variables_finite():
            raise LoweringError(
                "a bit width is NaN or infinite",
                hint="The training has diverged; go back to an earlier checkpoint",
            )
        batched = len(self.format.width_shape) == len(shape) + 1
        full = (1, *shape) if batched else tuple(shape)
        widths = []
        for v in self.format.frozen():
            v = np.asarray(self.format.mapper.to_tensor(v, full))
            if batched and v.ndim == len(full) and v.shape[0] != 1:
                raise LoweringError("widths differ along the batch axis",
                                    hint="Add axis 0 to homogeneous_axis")  # fmt: skip
            widths.append(np.broadcast_to(v, full).reshape(shape))
        return widths[0], widths[1], widths[2]

    @property
    def min(self) -> NDArray[np.float64]:
        """Smallest value of the number format, of the shape of the widths; without scaler."""
        return self._limits()[0]

    @property
    def max(self) -> NDArray[np.float64]:
        """Largest value of the number format."""
        return self._limits()[1]

    @property
    def epsilon(self) -> NDArray[np.float64]:
        """Step of the number format; the smallest one of a minifloat."""
        return self._limits()[2]

    def _limits(self) -> tuple[NDArray[np.float64], ...]:
        if self.format is None or not self.built:
            raise ConfigError("limits exist once a quantizer is built, and not for a dummy",
                              received=f"q_type {self.config.q_type!r}")  # fmt: skip
        return self.format.limits()

    def bits(self, shape: tuple[int, ...]) -> Any:
        """Bits that count for EBOPs, broadcastable to ``shape``; zero for a dummy quantizer.

        The sign counts in overflow mode SAT only: SAT_SYM and WRAP use the sign's codes fully.
        """
        if self.format is None:
            return ops.zeros((1,) * len(shape), self.compute_dtype)
        return self.format.bits(shape)

    def true_bits(self, shape: tuple[int, ...], positive: bool = False) -> Any:
        """As ``bits``, but with every sign: the bits of a signal in hardware.

        ``positive``: what is quantized has no negative values, so that the sign is a constant.
        """
        bits = self.bits(shape)
        if self.is_dummy or "k0" not in self.config:
            return bits
        counted = self.overflow_mode == "SAT"
        if counted != positive:
            return bits
        sign = self.format._sign()
        if sign.shape:
            sign = self.format.mapper.to_tensor(sign, shape)
        sign = ops.where(bits > 0, sign, 0.0)
        return bits - sign if positive else bits + sign

    def ends(self, shape: tuple[int, ...]) -> tuple[Any, Any, Any] | None:
        """Least and largest value and step, to broadcast to ``shape``; None unless fixed-point."""
        fmt = self.format
        if not isinstance(fmt, FixedPoint):
            return None
        i = ops.round(fmt._i)
        widths = fmt._sign(), i, fmt.fraction(i)
        k, i, f = (fmt.mapper.to_tensor(v, shape) if v.shape else v for v in widths)
        lo, hi = bounds(k, ops.maximum(i, -f), f, self.overflow_mode, self.compute_dtype)
        return lo, hi, pow2(-f, self.compute_dtype)

    def digits(self, x: Any) -> Any:
        """Nonzero signed digits of each element of ``x``, a tensor that is quantized already.

        The gradient, with respect to the widths alone, is that of a constant density of digits.
        """
        x = ops.convert_to_tensor(x)
        bits = ops.broadcast_to(self.bits(x.shape), x.shape)
        count = ops.cast(signed_digits(ops.stop_gradient(x)), bits.dtype)
        return bits * ops.stop_gradient(count / ops.maximum(bits, 1.0))

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return ``shape``."""
        return shape

    def get_config(self) -> dict[str, Any]:
        """Return the constructor arguments."""
        base = super().get_config()
        return {**base, "config": keras.saving.serialize_keras_object(self.config)}

"""Minifloat quantizers: a sign, m mantissa bits and e exponent bits, all of them trainable.

With E = max(2^(e-1), 1), exponents run from lo = e0 - E + 1 to hi = e0 + E - 1. A value x gets
the exponent floor(log2 abs(x)), clipped to [lo, hi], and the step 2^(exponent - m); its
significand is x/step rounded half to even. Values beyond the largest, (2^(m+1) - 1)·2^(hi-m),
saturate. There are subnormal numbers (below 2^lo), and neither NaN nor infinity. That makes
2^(m+e) codes without sign for e >= 1; e = 0 is the same format as e = 1. m = -1 has no
significand at all: its only value is zero, and it costs no bits.

The widths m, e and e0 are floats, rounded half to even on use. Surrogate gradients, with y the
result, "above" the values beyond the largest and "below" those under 2^lo:

===========  ===============  ==================  ================
derivative   normal           below               above
===========  ===============  ==================  ================
dy/dx        1                1                   1
dy/dm        ln2·(x-y)        ln2·(x-y)           0
dy/de        0                ln2²·E·(x-y)        ln2²·E·(x-y)
dy/de0       0                -ln2·(x-y)          ln2·(x-y)
===========  ===============  ==================  ================
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from hgq_rtl.quantizers.config import QuantizerConfig
from hgq_rtl.quantizers.exact import check_dtype, floor_log2, pow2, to_numpy
from hgq_rtl.quantizers.gradients import LN2, attach
from hgq_rtl.quantizers.widths import add_width


class Minifloat(keras.layers.Layer):
    """The number format of q_type 'float'. ``config``: a QuantizerConfig of that type."""

    is_wrap = False
    is_weight = False

    def __init__(self, config: QuantizerConfig, **kwargs: Any) -> None:
        super().__init__(trainable=config["trainable"], **kwargs)
        self.supports_masking = True
        self.config = config
        self.is_fixed = not config["trainable"]
        self.mapper = config.mapper()

    def build(self, shape: tuple[int | None, ...]) -> None:
        """Create the width variables for a tensor of ``shape``."""
        check_dtype(self.compute_dtype)
        self.width_shape = self.mapper.width_shape(shape)
        conf, trains = self.config, not self.is_fixed
        self._m = add_width(self, "m", conf["m0"], conf["mc"], conf["mr"], trains)
        self._e = add_width(self, "e", conf["e0"], conf["ec"], conf["er"], trains)
        self._e0 = add_width(self, "e0", conf["e00"], conf["e0c"], conf["e0r"], trains)

    def _exponents(self) -> tuple[Any, Any, Any]:
        """Lowest and highest exponent, and E."""
        e, e0 = ops.round(self._e), ops.round(self._e0)
        half = ops.maximum(pow2(e - 1, self.compute_dtype), 1.0)
        return e0 - half + 1, e0 + half - 1, half

    def call(self, x: Any, training: bool = False) -> Any:
        """Quantize ``x``; see the module docstring."""
        dtype, shape = self.compute_dtype, x.shape
        low, high, half, m = (
            self.mapper.to_tensor(v, shape) for v in (*self._exponents(), ops.round(self._m))
        )
        empty, m = m < 0, ops.maximum(m, 0.0)
        size = ops.abs(x)
        top = (pow2(m + 1, dtype) - 1) * pow2(high - m, dtype)
        exponent = floor_log2(ops.maximum(size, pow2(low, dtype)), dtype)
        exponent = ops.minimum(exponent, high)
        y = ops.round(x * pow2(m - exponent, dtype)) * pow2(exponent - m, dtype)
        y = ops.where(empty, 0.0, ops.clip(y, -top, top))
        if self.is_fixed:
            return attach(y, x, None)
        above, below = size > top, size < pow2(low, dtype)
        off = x - y
        sides = ops.cast(above, dtype) - ops.cast(below, dtype)
        raw_m, raw_e, raw_e0 = (
            self.mapper.to_tensor(ops.convert_to_tensor(v), shape)
            for v in (self._m, self._e, self._e0)
        )
        clipped = ops.logical_or(above, below)
        return attach(
            y,
            x,
            None,
            (raw_m, ops.where(above, 0.0, off), 1.0),
            (raw_e, ops.where(clipped, LN2 * half * off, 0.0), 1.0),
            (raw_e0, sides * off, 1.0),
        )

    def bits(self, shape: tuple[int, ...]) -> Any:
        """Bits that count for EBOPs: sign, mantissa and exponent; e = 0 counts as e = 1."""
        m, e = ops.round(self._m), ops.round(self._e)
        live = m >= 0
        bits = ops.where(live, m + ops.maximum(e, 1.0) + 1, 0.0)
        raw_e = ops.where(e > 1, ops.convert_to_tensor(self._e), 1.0)
        return self.mapper.to_tensor(attach(bits, self._m + raw_e, live), shape)

    def limits(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Smallest value, largest value and smallest step, float64, of the width shape."""
        low, high, _ = (to_numpy(v).astype(np.int32) for v in self._exponents())
        m = to_numpy(ops.round(self._m)).astype(np.int32)
        top = np.where(m < 0, 0.0, np.ldexp(np.exp2(m + 1.0) - 1, high - m))
        return -top, top, np.ldexp(1.0, low - np.maximum(m, 0))

    def variables_finite(self) -> bool:
        """Whether no width is NaN or infinite."""
        return all(np.isfinite(to_numpy(v)).all() for v in self.variables)

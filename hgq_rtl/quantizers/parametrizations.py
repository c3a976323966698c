"""The two parametrizations of fixed-point widths: KIF has ``f`` beside ``i``, KBI ``b`` = i + f."""

from __future__ import annotations

from typing import Any

import numpy as np
from keras import ops

from hgq_rtl.quantizers.exact import bounds, ceil_log2, floor_log2, pow2, round_to, to_numpy
from hgq_rtl.quantizers.fixed_point import FixedPoint
from hgq_rtl.quantizers.gradients import attach, straight_through


class KIF(FixedPoint):
    """``i`` and ``f`` are the variables (``i`` is tracked in WRAP mode)."""

    def build(self, shape: tuple[int | None, ...]) -> None:
        """Create k, i and f."""
        super().build(shape)
        self._f = self._width("f")

    def fraction(self, i: Any) -> Any:
        """Round f."""
        return ops.round(self._f)

    def frozen_fraction(self, i: np.ndarray) -> np.ndarray:
        """Round f."""
        return np.rint(to_numpy(self._f))

    def trained(self) -> tuple[Any, Any]:
        """The variables i and f."""
        return ops.convert_to_tensor(self._i), ops.convert_to_tensor(self._f)

    def width(self) -> Any:
        """max(0, i + f), with the sign where it counts; no gradient at zero."""
        signs = self._sign() if self.overflow_mode == "SAT" else 0.0
        bits = ops.round(self._i) + ops.round(self._f) + signs
        live = bits > 0
        return attach(ops.where(live, bits, 0.0), self._i + self._f, live)

    def needed(self, lo: Any, hi: Any) -> Any:
        """Integer bits for the rounded extrema; -f, that is width zero, where both are zero."""
        dtype, f = self.compute_dtype, ops.round(self._f)
        lo, hi = (round_to(v, f, self.round_mode, dtype) for v in (lo, hi))
        one = pow2(-f, dtype)
        up = floor_log2(ops.maximum(hi, one), dtype) + 1
        down = ceil_log2(ops.maximum(-lo, one), dtype)
        if self.is_weight:  # the least negative value takes a bit, not a sign alone: it has a cost
            down = ops.maximum(down, 1 - f)
        return ops.maximum(
            ops.where(hi > 0, up, -f),
            ops.where(lo < 0, down, -f),
        )


class KBI(FixedPoint):
    """``b`` and ``i`` are the variables; f = b - i, so a larger ``i`` is a coarser grid."""

    _LEAST = -23.0  # integer bits where nothing but zeros was seen

    def build(self, shape: tuple[int | None, ...]) -> None:
        """Create k, i and b."""
        super().build(shape)
        self._b = self._width("b")

    def fraction(self, i: Any) -> Any:
        """B - i."""
        return ops.round(self._b) - i

    def frozen_fraction(self, i: np.ndarray) -> np.ndarray:
        """B - i."""
        return np.rint(to_numpy(self._b)) - i

    def trained(self) -> tuple[Any, Any]:
        """The variable i, and b - i; b alone where i follows from the data."""
        i, b = ops.convert_to_tensor(self._i), ops.convert_to_tensor(self._b)
        return i, b if self.is_wrap else b - i

    def width(self) -> Any:
        """B, with the sign where it counts."""
        b = ops.round(self._b)
        bits = ops.where(b > 0, b, 0.0) + (self._sign() if self.overflow_mode == "SAT" else 0.0)
        return straight_through(bits, ops.convert_to_tensor(self._b))

    def needed(self, lo: Any, hi: Any) -> Any:
        """Integer bits such that the extrema, rounded to the grid these bits imply, fit.

        The answer is one of three neighbours of the exponent of the larger magnitude: rounding
        may carry into the next power of two, or pull a negative value back to one.
        """
        dtype, b = self.compute_dtype, ops.maximum(ops.round(self._b), 1.0)
        least = pow2(ops.full_like(b, self._LEAST), dtype)
        e = floor_log2(ops.maximum(ops.maximum(hi, -lo), least), dtype)

        def fits(i: Any) -> Any:
            low, high = bounds(1.0, i, b - i, "WRAP", dtype)
            up = round_to(hi, b - i, self.round_mode, dtype) <= high
            return ops.logical_and(up, round_to(lo, b - i, self.round_mode, dtype) >= low)

        return ops.where(fits(e), e, ops.where(fits(e + 1), e + 1, e + 2))

    def signs(self, lo: Any, i: Any) -> Any:
        """As for KIF, but zero bits have no sign."""
        return super().signs(lo, i) * ops.cast(ops.round(self._b) > 0, "uint8")

"""Fixed-point quantizers with trainable widths: the numerics and the WRAP state machine.

Widths: ``k`` sign bits (0 or 1), ``i`` integer bits without sign, ``f`` fraction bits; KBI trains
``b`` = i + f in place of ``f``. They are floats, rounded half to even on use, with gradient one.

With s = 2^f, x' = x clamped to the range and y the result, the surrogate gradients are

=============  ==========  ===========  ===============  ===================
derivative     inside      above        below, SAT       below, SAT_SYM
=============  ==========  ===========  ===============  ===================
dy/dx          1           0            0                0
dy/df          ln2·(x-y)   ln2·2^-f     0                -k·ln2·2^-f
dy/di          0           ln2·2^i      -k·ln2·2^i       -k·ln2·2^i
=============  ==========  ===========  ===============  ===================

and in WRAP mode dy/dx = 1, dy/df = ln2·(x-y) everywhere, with ``i`` tracked instead of trained:

=========  ==========================================  =============  =========================
phase      i                                           k              output
=========  ==========================================  =============  =========================
training   max(i - i_decay_speed, needed by batch)     or (any x<0)   rounded
recording  set afterwards, from ``settle``             likewise       rounded
inference  unchanged                                   unchanged      rounded, then wrapped
=========  ==========================================  =============  =========================

Stochastic rounding (S_RND, S_RND_CONV) rounds x up with the probability of its fraction, so that
its mean is x; in training only. Values on the grid stay there.

Weights in WRAP mode (``is_weight``) are known completely: ``i`` is derived from them on every
call, and they never wrap. Those of no bits without sign, which cost no EBOPs, are zero.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from hgq_rtl.quantizers.config import QuantizerConfig
from hgq_rtl.quantizers.exact import (
    bounds,
    check_dtype,
    computed_once,
    pow2,
    round_randomly,
    round_to,
    to_numpy,
    wrap,
)
from hgq_rtl.quantizers.gradients import attach
from hgq_rtl.quantizers.noise import Noisy
from hgq_rtl.quantizers.recording import active_records, is_continuing
from hgq_rtl.quantizers.widths import add_width, initializer


class FixedPoint(Noisy):
    """What KIF and KBI share; these say where the fraction bits come from.

    ``config``: a QuantizerConfig of the subclass's type. The layer is built from the shape of the
    tensor to quantize, batch axis included if it has one.
    """

    def __init__(self, config: QuantizerConfig, **kwargs: Any) -> None:
        super().__init__(trainable=config["trainable"], **kwargs)
        self.supports_masking = True
        self.config = config
        mode: str = config["round_mode"]
        self.round_mode = mode.removeprefix("S_")  # of inference, and of hardware
        self.noise = keras.random.SeedGenerator() if mode.startswith("S_") else None
        self.overflow_mode: str = config["overflow_mode"]
        self.is_weight: bool = config["is_weight"]
        self.is_wrap = self.overflow_mode == "WRAP"
        self.is_fixed = not config["trainable"]  # widths given by the user, never derived
        self.mapper = config.mapper()

    def build(self, shape: tuple[int | None, ...]) -> None:
        """Create the width variables for a tensor of ``shape``."""
        check_dtype(self.compute_dtype)
        self.width_shape = self.mapper.width_shape(shape)
        k0 = self.config["k0"]
        # A sign that never changes is a constant: one buffer less in every training step.
        self._k: Any = k0
        if self.is_wrap or not isinstance(k0, int):
            self._k = self.add_weight(
                self.width_shape, initializer(k0), "uint8", trainable=False, name="k"
            )
        self._i = self._width("i", trainable=not self.is_wrap)
        if self.is_wrap and not self.is_weight:
            self.traced = self.add_weight((), "zeros", "uint8", trainable=False, name="traced")

    def _width(self, name: str, trainable: bool = True) -> Any:
        """Add one width variable, inside its constraint from the start."""
        start, constraint, regularizer = (self.config[name + end] for end in "0cr")
        return add_width(
            self, name, start, constraint, regularizer, trainable and not self.is_fixed
        )

    # -- what the two parametrizations define ---------------------------------------------------

    def fraction(self, i: Any) -> Any:
        """Integer-valued fraction bits that go with integer-valued ``i``."""
        raise NotImplementedError

    def frozen_fraction(self, i: np.ndarray) -> np.ndarray:
        """The same from an array, as an array."""
        raise NotImplementedError

    def trained(self) -> tuple[Any, Any]:
        """Tensors with the gradients of ``i`` and of ``f``, before any rounding."""
        raise NotImplementedError

    def width(self) -> Any:
        """Bits without sign, never negative, with the gradient of the trained variables."""
        raise NotImplementedError

    def needed(self, lo: Any, hi: Any) -> Any:
        """Fewest integer bits that hold ``lo`` and ``hi`` after rounding, two's complement."""
        raise NotImplementedError

    # -- forward ---------------------------------------------------------------------------------

    def call(self, x: Any, training: bool = False) -> Any:
        """Quantize ``x``; see the table in the module docstring."""
        return self._wrapping(x, training) if self.is_wrap else self._saturating(x, training)

    def _saturating(self, x: Any, training: bool) -> Any:
        dtype, to = self.compute_dtype, self._to_tensor(x)
        k, i = to(self._sign()), ops.round(self._i)
        i, f = to(i), to(self.fraction(i))
        # A width below zero is treated as zero here, so that its gradient can bring it back.
        reach = ops.maximum(i, -f)
        lo, hi = bounds(k, reach, f, self.overflow_mode, dtype)
        clipped = ops.clip(x, lo, hi)
        y = self._rounded(clipped, f, training)
        y = ops.where(k + i + f > 0, y, 0.0)
        above, below = x > hi, x < lo
        inside = ops.logical_not(ops.logical_or(above, below))
        y = self._shared(y)
        if self.is_fixed:
            return attach(y, x, inside)
        step, top = pow2(-f, dtype), pow2(reach, dtype)
        raw_i, raw_f = (to(w) for w in self.trained())
        beyond = ops.cast(above, dtype)
        terms = [(raw_f, ops.where(inside, x - y, 0.0), 1.0), (raw_i, beyond, top)]
        if self.config["k0"] != 0:
            signed = beyond - k * ops.cast(below, dtype)
            terms[1] = (raw_i, signed, top)
            beyond = signed if self.overflow_mode == "SAT_SYM" else beyond
        return attach(y, x, inside, *terms, (raw_f, beyond, step))

    def _wrapping(self, x: Any, training: bool) -> Any:
        dtype, to = self.compute_dtype, self._to_tensor(x)
        tracked = training and self.trainable
        records = None if self.is_fixed else active_records()
        i = ops.round(self._i)
        if not self.is_fixed and (tracked or self.is_weight or records is not None):
            lo, hi = (ops.stop_gradient(v) for v in self.mapper.extrema(x, self.width_shape))
            if records is not None:
                records.append((self, lo, hi))
            if tracked or self.is_weight:
                i = self.needed(lo, hi)
                if not self.is_weight:
                    decay = 0.0 if is_continuing() else self.config["i_decay_speed"]
                    i = ops.maximum(i, self._i - decay)
                i = self._constrained(i)
                if tracked:
                    self._i.assign(i)
                i = ops.round(i)
            if tracked and not self.is_weight:
                self._k.assign(ops.maximum(self._k, self.signs(lo, i)))
                self.traced.assign(0)
        k, f = to(self._sign()), to(self.fraction(i))
        i = to(i)
        y = self._rounded(x, f, training)
        if not (training or self.is_weight or records is not None):
            y = ops.where(k + i + f > 0, wrap(y, k, i, dtype), 0.0)
        elif self.is_weight and not self.is_fixed:
            y = ops.where(i + f > 0, y, 0.0)  # where it counts no bits, it is zero
        y = self._shared(y)
        if self.is_fixed:
            return attach(y, x, None)
        return attach(y, x, None, (to(self.trained()[1]), x - y, 1.0))

    def settle(self, lo: Any, hi: Any) -> tuple[Any, Any]:
        """The (k, i) for recorded extrema, in tensors."""
        i = ops.round(self._constrained(self.needed(lo, hi)))
        return self.signs(lo, i), i

    def assign_range(self, k: np.ndarray, i: np.ndarray) -> bool:
        """Store traced widths and mark them as traced; whether they are new."""
        k_before, i_before, _ = self.frozen()
        self._k.assign(k.astype(np.uint8))
        self._i.assign(i)
        if not self.is_weight:
            self.traced.assign(1)
        return not (np.array_equal(k, k_before) and np.array_equal(i, i_before))

    def assign_widths(self, k: Any, i: Any) -> None:
        """Store k and i of a WRAP quantizer."""
        self._k.assign(ops.cast(k, "uint8"))
        self._i.assign(i)

    def signs(self, lo: Any, i: Any) -> Any:
        """Sign bits (uint8) needed for values of ``lo`` and up, given integer bits ``i``."""
        below = round_to(lo, self.fraction(i), self.round_mode, self.compute_dtype) < 0
        return ops.cast(below, "uint8")

    def rounded(self, v: Any) -> Any:
        """Values of the width shape, rounded to the present grid."""
        f = self.fraction(ops.round(self._i))
        return round_to(v, f, self.round_mode, self.compute_dtype)

    # -- read-out --------------------------------------------------------------------------------

    def bits(self, shape: tuple[int, ...]) -> Any:
        """Bits that count for EBOPs, expanded for ``shape``: the sign counts in SAT mode only."""
        return self.mapper.to_tensor(self.width(), shape)

    def frozen(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The integer widths (k, i, f) as int64 arrays of the width shape.

        In NumPy: each operation of a backend would be compiled for each new shape.
        """
        i = np.rint(to_numpy(self._i))
        arrays = to_numpy(self._k), i, self.frozen_fraction(i)
        k, i, f = (np.broadcast_to(a, self.width_shape).astype(np.int64) for a in arrays)
        return k, i, f

    def variables_finite(self) -> bool:
        """Whether no width is NaN or infinite."""
        return all(np.isfinite(to_numpy(v)).all() for v in self.variables)

    def limits(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Smallest value, largest value and step, float64, of the width shape."""
        k, i, f = (a.astype(np.int32) for a in self.frozen())
        live, step = k + i + f > 0, np.ldexp(1.0, -f)
        top = np.where(live, np.ldexp(1.0, np.maximum(i, -f)) - step, 0.0)
        extra = 0.0 if self.overflow_mode == "SAT_SYM" else step
        return np.where(live, -k * (top + extra), 0.0), top, step

    # -- helpers ---------------------------------------------------------------------------------

    def _shared(self, y: Any) -> Any:
        """The result, computed once where it is added to all samples."""
        return computed_once(y) if self.config.place == "bias" else y

    def _rounded(self, x: Any, f: Any, training: bool) -> Any:
        if training and self.noise is not None:
            noise = keras.random.uniform(ops.shape(x), dtype=x.dtype, seed=self.noise)
            return round_randomly(x, f, noise, self.compute_dtype)
        return round_to(x, f, self.round_mode, self.compute_dtype)

    def _sign(self) -> Any:
        return ops.cast(self._k, self.compute_dtype)

    def _to_tensor(self, x: Any) -> Any:
        shape = x.shape
        return lambda widths: self.mapper.to_tensor(widths, shape) if widths.shape else widths

    def _constrained(self, i: Any) -> Any:
        constraint = self.config["ic"]
        return i if constraint is None else constraint(i)

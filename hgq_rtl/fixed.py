"""Exact fixed-point numbers: intervals, rounding and overflow, in integers.

This module is the definition. The Keras-side quantizer and the hardware are tested against it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hgq_rtl.errors import NumberError

Ints = NDArray[Any]
"""An array of integers: int64, or Python integers (dtype object) where 62 bits do not do."""

ROUNDINGS = ("TRN", "RND", "RND_CONV", "TRN_ZERO", "RND_ZERO", "RND_MIN_INF", "RND_INF")
OVERFLOWS = ("WRAP", "SAT", "SAT_SYM")
INT64_BITS = 62
"""Widths up to this many bits are evaluated in int64: two bits of headroom for sums."""


@dataclass(frozen=True, slots=True)
class Fixed:
    """The value set {n·2^exp : lo ≤ n ≤ hi}, with exact Python integers.

    Sign, width and the k/i/f widths of the training side are derived, never stored.

    >>> t = Fixed(-8, 7, -2)
    >>> t.signed, t.width, t.kif
    (True, 4, (1, 1, 2))
    >>> print(t)
    s4@-2 [-8, 7]
    """

    lo: int
    hi: int
    exp: int

    def __post_init__(self) -> None:
        if self.lo > self.hi:
            raise NumberError("an interval needs lo <= hi", received=f"{self.lo}, {self.hi}")

    @staticmethod
    def from_kif(k: int, i: int, f: int, *, symmetric: bool = False) -> Fixed:
        """Interval of ``k`` sign, ``i`` integer and ``f`` fraction bits (each may be negative).

        A total width of zero or less is the constant zero. ``symmetric`` leaves out the most
        negative value, as overflow mode SAT_SYM does.
        """
        if k not in (0, 1):
            raise NumberError("the number of sign bits must be 0 or 1", received=f"k={k}")
        if k + i + f <= 0:
            return Fixed(0, 0, -f)
        top = 1 << (i + f)
        return Fixed(-k * (top - 1 if symmetric else top), top - 1, -f)

    @property
    def signed(self) -> bool:
        """Whether negative values occur."""
        return self.lo < 0

    @property
    def width(self) -> int:
        """Bits needed, sign included; 0 for the constant zero."""
        if self.lo < 0:
            return max((~self.lo).bit_length(), max(self.hi, 0).bit_length()) + 1
        return self.hi.bit_length()

    @property
    def kif(self) -> tuple[int, int, int]:
        """Sign, integer and fraction bits of the narrowest format that holds the interval."""
        k = int(self.signed)
        return k, self.width - k + self.exp, -self.exp

    @property
    def is_const(self) -> bool:
        """Whether the set has one value."""
        return self.lo == self.hi

    @property
    def is_zero(self) -> bool:
        """Whether the only value is zero, which every exponent represents."""
        return self.lo == self.hi == 0

    def contains(self, other: Fixed) -> bool:
        """Whether every value of ``other`` is a value of this set."""
        if other.is_zero:
            return self.lo <= 0 <= self.hi
        shift = other.exp - self.exp
        if shift < 0:
            return False
        return self.lo <= other.lo << shift and other.hi << shift <= self.hi

    def at(self, exp: int) -> Fixed:
        """The same interval with a finer (or equal) exponent; zero takes any exponent."""
        shift = self.exp - exp
        if self.is_zero:
            return Fixed(0, 0, exp)
        if shift < 0:
            raise NumberError("an interval can only be refined", received=f"{self} at exp {exp}")
        return Fixed(self.lo << shift, self.hi << shift, exp)

    def hull(self, other: Fixed) -> Fixed:
        """The smallest interval that holds both, at the finer exponent."""
        exp = common_exp(self, other)
        a, b = self.at(exp), other.at(exp)
        return Fixed(min(a.lo, b.lo), max(a.hi, b.hi), exp)

    def __str__(self) -> str:
        return f"{'s' if self.signed else 'u'}{self.width}@{self.exp} [{self.lo}, {self.hi}]"


def common_exp(*types: Fixed) -> int:
    """The finest exponent among the types, zeros not counted; 0 if all are zero."""
    return min((t.exp for t in types if not t.is_zero), default=0)


def check_modes(rounding: str, overflow: str, where: str = "") -> None:
    """Raise NumberError unless both mode names are known."""
    if rounding not in ROUNDINGS:
        known = ", ".join(ROUNDINGS)
        raise NumberError(
            "unknown rounding mode", received=repr(rounding), where=where, hint=f"Known: {known}"
        )
    if overflow not in OVERFLOWS:
        known = ", ".join(OVERFLOWS)
        raise NumberError(
            "unknown overflow mode", received=repr(overflow), where=where, hint=f"Known: {known}"
        )


def _round_up(mode: str, odd: Any, negative: Any, twice: Any, one: Any) -> Any:
    """Whether to add one to the floor, given the dropped fraction doubled and the number 1.

    Written with exact comparisons only, so that integers and floats share it.
    """
    if mode == "TRN":
        return twice < 0
    if mode == "RND":
        return twice >= one
    if mode == "RND_CONV":
        return (twice > one) | ((twice == one) & odd)
    if mode == "TRN_ZERO":
        return (twice > 0) & negative
    if mode == "RND_ZERO":
        return (twice > one) | ((twice == one) & negative)
    if mode == "RND_MIN_INF":
        return twice > one
    if mode == "RND_INF":
        return (twice > one) | ((twice == one) & ~negative)
    raise NumberError("unknown rounding mode", received=repr(mode))


def round_integer(n: Any, shift: int, rounding: str) -> Any:
    """Round n·2^-shift to an integer. ``n``: int or integer array. ``shift``: int, any sign.

    >>> [round_integer(n, 1, "RND_CONV") for n in (-5, -3, -1, 1, 3, 5)]
    [-2, -2, 0, 0, 2, 2]
    """
    if shift <= 0:
        return n << -shift
    floor = n >> shift
    twice = (n - (floor << shift)) << 1
    if isinstance(n, int):
        up = _round_up(rounding, bool(floor & 1), np.bool_(n < 0), twice, 1 << shift)
        return floor + int(up)
    up = _round_up(rounding, (floor & 1) == 1, n < 0, twice, 1 << shift)
    return floor + up


def wrap_integer(n: Any, signed: bool, width: int) -> Any:
    """Keep the ``width`` low bits of ``n`` and read them as signed or unsigned."""
    if width <= 0:
        return n * 0
    low = n & ((1 << width) - 1)
    if not signed:
        return low
    sign = 1 << (width - 1)
    return (low ^ sign) - sign


def quantize_integer(n: Any, exp: int, k: int, i: int, f: int, rounding: str, overflow: str) -> Any:
    """Quantize n·2^exp to ``k`` sign, ``i`` integer and ``f`` fraction bits; result at 2^-f.

    ``n``: int or integer array of any shape. Saturation clamps after rounding, which gives the
    same values as clamping first (the bounds are on the grid and rounding is monotone).
    """
    check_modes(rounding, overflow)
    bounds = Fixed.from_kif(k, i, f, symmetric=overflow == "SAT_SYM")
    if k + i + f <= 0:
        return n * 0
    n = round_integer(n, -f - exp, rounding)
    if overflow == "WRAP":
        return wrap_integer(n, bool(k), k + i + f)
    if isinstance(n, int):
        return min(max(n, bounds.lo), bounds.hi)
    return np.minimum(np.maximum(n, bounds.lo), bounds.hi)


def quantize_float(x: Any, k: Any, i: Any, f: Any, rounding: str, overflow: str) -> Ints:
    """Quantize finite floats exactly; the integers n of n·2^-f (int64).

    ``x``: float array. ``k``, ``i``, ``f``: integer arrays that broadcast against ``x``;
    total widths up to 52 bits. Raises NumberError on NaN or infinity.
    """
    check_modes(rounding, overflow)
    x = np.asarray(x, dtype=np.float64)
    if not np.isfinite(x).all():
        raise NumberError("NaN or infinite values cannot be quantized", received=_bad(x))
    k, i, f = (np.asarray(v, dtype=np.int64) for v in (k, i, f))
    width = k + i + f
    if (width > 52).any():
        raise NumberError(
            "formats of more than 52 bits are not supported for float data",
            received=f"{int(width.max())} bits",
        )
    u = np.ldexp(x, f.astype(np.int32))
    # u - floor(u) can round up to a tie; the distance to the nearest integer is exact.
    nearest = np.rint(u)
    distance = u - nearest
    floor = nearest - (distance < 0)
    odd = np.fmod(floor, 2.0) != 0
    side = np.where(distance < 0, 1.5, np.sign(distance) * 0.5)  # above, below half, or zero
    twice = np.where(np.abs(distance) == 0.5, 1.0, side)
    n = floor + _round_up(rounding, odd, u < 0, twice, 1.0)
    live = np.maximum(width, 1)
    if overflow == "WRAP":
        # fmod is exact, and keeps the sum with the sign weight inside 53 bits.
        low = np.fmod(n, np.ldexp(1.0, live.astype(np.int32))).astype(np.int64)
        low &= (np.int64(1) << live) - 1
        sign = np.where(k == 1, np.int64(1) << (live - 1), 0)
        q = (low ^ sign) - sign
    else:
        top = np.int64(1) << np.maximum(live - k, 0)
        lo = -k * (top - 1 if overflow == "SAT_SYM" else top)
        q = np.clip(n, lo.astype(np.float64), (top - 1).astype(np.float64)).astype(np.int64)
    return np.asarray(np.where(width > 0, q, 0))


def exact_integers(x: Any, exp: int) -> Ints:
    """The integers n with x = n·2^exp. Raises NumberError where a value is not on that grid."""
    x = np.asarray(x, dtype=np.float64)
    if not np.isfinite(x).all():
        raise NumberError("NaN or infinite values have no fixed-point value", received=_bad(x))
    u = np.ldexp(x, -exp)
    off = u != np.floor(u)
    if off.any():
        value = float(x[off][0]) if x.ndim else float(x)
        raise NumberError(f"a value is not a multiple of 2^{exp}", received=repr(value))
    if (np.abs(u) < 2.0**INT64_BITS).all():
        return np.asarray(u.astype(np.int64))
    return np.array([int(v) for v in u.ravel()], dtype=object).reshape(u.shape)


def dyadic(x: float) -> tuple[int, int]:
    """The pair (n, exp) with x = n·2^exp and n odd; (0, 0) for zero."""
    if x == 0:
        return 0, 0
    num, den = float(x).as_integer_ratio()
    trailing = (num & -num).bit_length() - 1
    return num >> trailing, trailing - (den.bit_length() - 1)


def _bad(x: NDArray[np.float64]) -> str:
    where = np.argwhere(~np.isfinite(x))[0]
    return f"{x[tuple(where)]} at index {tuple(int(w) for w in where)}"

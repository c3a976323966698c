"""The number that stands for 1/n, in training and in hardware.

A mean is a sum times 1/n. Where n is no power of two, no fixed-point number is 1/n; both the
training side and the hardware then multiply by ``reciprocal(n, reciprocal_bits)``, which is 1/n
rounded to so many significant bits, so that the two agree exactly. The relative error of the mean
is at most 2^-reciprocal_bits.
"""

from __future__ import annotations

import math
from fractions import Fraction

RECIPROCAL_BITS = 10
"""Enough for an error below that of 8-bit data, few enough for float32 to stay exact."""


def reciprocal(n: int, bits: int = RECIPROCAL_BITS) -> float:
    """1/n rounded to ``bits`` significant bits; exact for powers of two.

    >>> reciprocal(4), reciprocal(3, 2), reciprocal(3) * 3 - 1 == 2**-11
    (0.25, 0.375, True)
    """
    scale = 1 << (bits - 1 + (n - 1).bit_length())
    return round(Fraction(scale, n)) / scale


def nearest_power(n: int) -> float:
    """2 to the power of log2(1/n), rounded."""
    return 2.0 ** round(math.log2(1 / n))

"""The C++ integers that hold values, and how numbers are written in C++."""

from __future__ import annotations

from hgq_rtl.errors import EmulatorError
from hgq_rtl.fixed import Fixed

LANES = (16, 32, 64, 128)
"""Bits of ``i16`` to ``i128``. Eight bits are left out: vector units shift no bytes."""
INT_BITS = 32
"""Bits of C++'s ``int``, in which narrower operands are computed."""


def lane(*types: Fixed) -> int:
    """Bits of the narrowest signed integer that holds every ``n`` of the types.

    Raises EmulatorError if there is none.
    """
    width = max(t.width + (not t.signed) for t in types)
    for bits in LANES:
        if width <= bits:
            return bits
    raise EmulatorError(
        f"a value of {width} bits is wider than the integers of C++ compilers",
        hint=f"The emulator computes in up to {LANES[-1]} bits; predict with engine='graph'",
    )


def name(bits: int) -> str:
    """The type's name in the header."""
    return f"i{bits}"


def literal(n: int) -> str:
    """``n`` in C++, in parentheses where it needs them.

    >>> literal(5), literal(-5), literal(1 << 40)
    ('5', '(-5)', '1099511627776LL')
    """
    if -(1 << 31) < n < 1 << 31:
        text = str(n)
    elif -(1 << 63) < n < 1 << 63:
        text = f"{n}LL"
    else:
        # C++ has no literals of 128 bits, and none for the least number of 64.
        high, low = n >> 64, n & ((1 << 64) - 1)
        return f"(i128({high}LL) * (i128(1) << 64) + i128({low}ULL))"
    return f"({text})" if n < 0 else text


def power(exp: int) -> str:
    """2^exp as an exact double."""
    return f"0x1p{exp}"

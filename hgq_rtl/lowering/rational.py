"""Multiples of a value by a fraction, rounded: exact, without a table and without a divider.

floor(n·P/Q) is a multiplication by a rounded-up P/Q and a shift, if enough bits are kept: Granlund
and Montgomery, Division by invariant integers using multiplication, PLDI 1994. Here for negative n
too, where a constant keeps the result from falling below a whole number.
"""

from __future__ import annotations

from fractions import Fraction

from hgq_rtl.ir.node import Builder, Node
from hgq_rtl.ir.ops import ADD, COMPARE, DOT, SHIFT, XOR, constant
from hgq_rtl.lowering.quantize import floor_to, quantize

TABLE_BITS = 9
"""Up to so many bits of argument a table is smaller than the adders of a multiplication."""


def is_long(x: Node) -> bool:
    """Whether a table of every value of ``x`` is larger than a multiplication."""
    return x.type.width > TABLE_BITS


def floor_of(build: Builder, x: Node, ratio: Fraction) -> Node:
    """floor(x·ratio) for every value of ``x``. ``ratio``: positive or negative, not 0."""
    t = x.type
    scaled = ratio * Fraction(2) ** t.exp  # of the integer n behind x
    if scaled < 0:
        # Only positive multipliers are rounded up.
        return floor_of(build, build(ADD, constant(build, 0, 0), x, sub=True), -ratio)
    multiplier, bias, bits = magic(t.lo, t.hi, scaled)
    product = build(DOT, x, weights=(multiplier,), exp=-bits - t.exp, bias=bias, bias_exp=-bits)
    return floor_to(build, product, 0)


def magic(lo: int, hi: int, ratio: Fraction) -> tuple[int, int, int]:
    """(M, B, S) with floor((n·M + B)/2^S) = floor(n·ratio) for all integers lo <= n <= hi.

    With e = M·Q - P·2^S the left side is floor(n·P/Q + (n·e + B·Q)/(Q·2^S)), which is right if
    0 <= n·e + B·Q < 2^S, as n·P/Q lies at least 1/Q below the next integer.

    >>> magic(0, 255, Fraction(1, 3))
    (171, 0, 9)
    """
    p, q = ratio.numerator, ratio.denominator
    bits = 0
    while True:
        m = -(-(p << bits) // q)
        e = m * q - (p << bits)
        b = -(-max(0, -lo * e) // q)
        if hi * e + b * q < 1 << bits:
            return m, b, bits
        bits += 1


def quantized(
    build: Builder, x: Node, ratio: Fraction, k: int, i: int, f: int, rounding: str, overflow: str
) -> Node:
    """``x``·``ratio`` in a fixed-point format; see ``quantize``.

    Half a unit of the result decides a rounding, and in most modes whether anything is left
    below: that becomes one more bit.
    """
    if rounding == "TRN":
        y = _at(build, floor_of(build, x, ratio * Fraction(2) ** f), -f)
    else:
        fine = ratio * Fraction(2) ** (f + 1)
        half = floor_of(build, x, fine)
        y = _at(build, half, -f - 1)
        if rounding != "RND":
            same = build(
                COMPARE,
                _times(build, half, fine.denominator),
                _times(build, x, fine.numerator),
                kind="eq",
            )
            rest = build(XOR, same, constant(build, 1, 0))
            y = build(ADD, y, _at(build, rest, -f - 2), sub=False)
    return quantize(build, y, k, i, f, rounding, overflow)


def _at(build: Builder, x: Node, exp: int) -> Node:
    return build(SHIFT, x, bits=exp) if exp else x


def _times(build: Builder, x: Node, n: int) -> Node:
    return build(DOT, x, weights=(n,), exp=0, bias=0, bias_exp=0)

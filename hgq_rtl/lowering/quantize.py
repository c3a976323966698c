"""Rounding and overflow of one value, as nodes."""

from __future__ import annotations

from hgq_rtl.fixed import Fixed, check_modes
from hgq_rtl.ir.node import Builder, Node
from hgq_rtl.ir.ops import MAX, MIN, ROUND, cast, constant


def quantize(build: Builder, x: Node, k: int, i: int, f: int, rounding: str, overflow: str) -> Node:
    """``x`` in ``k`` sign, ``i`` integer and ``f`` fraction bits; see ``fixed.quantize_integer``.

    Emits nothing where ``x`` fits already.
    """
    check_modes(rounding, overflow)
    target = Fixed.from_kif(k, i, f, symmetric=overflow == "SAT_SYM")
    if k + i + f <= 0 or x.type.is_zero:
        return constant(build, 0, 0)
    if x.type.exp < -f:
        if rounding == "TRN":
            x = floor_to(build, x, -f)
        else:
            x = build(ROUND, x, exp=-f, rounding=rounding)
    if x.type.is_zero:  # what it was rounded to
        return constant(build, 0, 0)
    if overflow == "WRAP":
        return cast(build, x, -f, k + i + f, bool(k))
    fits = x.type.at(min(x.type.exp, -f))
    if fits.lo < target.at(fits.exp).lo:
        x = build(MAX, x, constant(build, target.lo, target.exp))
    if fits.hi > target.at(fits.exp).hi:
        x = build(MIN, x, constant(build, target.hi, target.exp))
    return x


def floor_to(build: Builder, x: Node, exp: int) -> Node:
    """``x`` rounded down to a multiple of 2^exp."""
    if x.type.is_zero or x.type.exp >= exp:
        return x
    drop = exp - x.type.exp
    floor = Fixed(x.type.lo >> drop, x.type.hi >> drop, exp)
    return cast(build, x, exp, floor.width, floor.signed)

"""Fewer bits: cast and round."""

from __future__ import annotations

import numpy as np

from hgq_rtl.errors import IRError
from hgq_rtl.fixed import ROUNDINGS, Fixed, Ints, round_integer, wrap_integer
from hgq_rtl.ir.node import Attrs, Builder, Masks, Node, Op
from hgq_rtl.ir.ops.choice import COMPARE, MUX
from hgq_rtl.ir.ops.common import Types, full, through
from hgq_rtl.ir.ops.linear import ADD, SHIFT
from hgq_rtl.ir.ops.sources import constant


def cast_window(t: Fixed, attrs: Attrs) -> tuple[int, int]:
    """Exponent and width of what a cast keeps of an argument, whose grid may be coarser."""
    exp, width, _ = attrs
    start = exp if t.is_zero else max(exp, t.exp)
    return start, width - (start - exp)


def _cast_infer(types: Types, attrs: Attrs) -> Fixed:
    (t,), (_, width, signed) = types, attrs
    if width < 1:
        raise IRError("a cast keeps at least one bit", received=f"{width}")
    start, kept = cast_window(t, attrs)
    if kept < 1 or t.is_zero:
        return Fixed(0, 0, start)
    lo, hi = t.lo >> (start - t.exp), t.hi >> (start - t.exp)
    room = Fixed.from_kif(int(signed), kept - signed, 0)
    inside = room.lo <= lo and hi <= room.hi
    return Fixed(lo, hi, start) if inside else Fixed(room.lo, room.hi, start)


def _cast_evaluate(node: Node, a: Ints) -> Ints:
    t = node.args[0].type
    start, kept = cast_window(t, node.attrs)
    if t.is_zero:
        return a * 0
    return np.asarray(wrap_integer(a >> (start - t.exp), node.attrs[2], kept))


def _cast_demand(node: Node, mask: int) -> Masks:
    (arg,) = node.args
    start, kept = cast_window(arg.type, node.attrs)
    if kept < 1 or arg.type.is_zero:
        return (0,)
    # Bits at and above the cast's own width are copies of its top bit.
    sign = 1 << (kept - 1) if mask >> kept else 0
    low = (mask & full(kept)) | sign
    return (through(low << (start - arg.type.exp), arg.type.exp, arg),)


CAST = Op("cast", 1, ("exp", "width", "signed"), _cast_infer, _cast_evaluate, _cast_demand)
"""Keep ``width`` bits from 2^exp upwards, read as signed or not: the only op that drops bits."""


def _round_infer(types: Types, attrs: Attrs) -> Fixed:
    (t,), (exp, rounding) = types, attrs
    if rounding not in ROUNDINGS or rounding == "TRN":
        raise IRError("a round has a mode other than TRN", received=rounding)
    if t.is_zero or exp <= t.exp:
        return t
    lo, hi = (round_integer(n, exp - t.exp, rounding) for n in (t.lo, t.hi))
    return Fixed(lo, hi, exp)


def _round_evaluate(node: Node, a: Ints) -> Ints:
    return np.asarray(round_integer(a, _rounded_bits(node), node.attrs[1]))


def _rounded_bits(node: Node) -> int:
    """How many bits a round drops; none where the argument is on the grid already."""
    t = node.args[0].type
    return 0 if t.is_zero else max(0, node.attrs[0] - t.exp)


def _round_expand(build: Builder, node: Node) -> Node:
    """Add what makes truncation round, then truncate."""
    (x,), (exp, rounding) = node.args, node.attrs
    if not _rounded_bits(node):
        return x
    low = x.type.exp
    half, lsb = 1 << (exp - low - 1), constant(build, 1, low)
    negative = build(COMPARE, x, constant(build, 0, 0), kind="lt")
    one_if_negative = build(SHIFT, negative, bits=low) if low else negative

    def plus(a: Node, n: int) -> Node:
        return build(ADD, a, constant(build, n, low), sub=False) if n else a

    if rounding == "RND":
        total = plus(x, half)
    elif rounding == "RND_MIN_INF":
        total = plus(x, half - 1)
    elif rounding == "RND_CONV":
        # A tie goes up exactly if the truncated result would be odd.
        odd = build(CAST, x, exp=exp, width=1, signed=False)
        total = build(ADD, plus(x, half - 1), build(SHIFT, odd, bits=low - exp), sub=False)
    elif rounding == "TRN_ZERO":
        fill = constant(build, 2 * half - 1, low)
        total = build(ADD, x, build(MUX, negative, fill, constant(build, 0, 0)), sub=False)
    elif rounding == "RND_ZERO":
        total = build(ADD, plus(x, half - 1), one_if_negative, sub=False)
    else:  # RND_INF
        total = build(ADD, plus(x, half - 1), build(ADD, lsb, one_if_negative, sub=True), sub=False)
    # The interval of the sum ignores that the summands depend on x; the node's own does not.
    # A result that is always zero must stay a zero of no grid: others' grids follow from it.
    return restrict(build, total, node.type)


def _round_demand(node: Node, mask: int) -> Masks:
    (arg,), rounding = node.args, node.attrs[1]
    below = full(mask.bit_length() + _rounded_bits(node)) & full(arg.type.width)
    sign = arg.type.signed and rounding in ("TRN_ZERO", "RND_ZERO", "RND_INF")
    return ((below | (1 << (arg.type.width - 1) if sign else 0)) if mask else 0,)


ROUND = Op(
    "round", 1, ("exp", "rounding"), _round_infer, _round_evaluate, _round_demand, _round_expand
)
"""Round to a multiple of 2^exp in any mode but TRN, which is a cast."""


def cast(build: Builder, x: Node, exp: int, width: int, signed: bool) -> Node:
    """``x`` wrapped into ``width`` bits from 2^exp upwards; no node where nothing is dropped."""
    if not x.type.is_zero and x.type.exp > exp:
        width -= x.type.exp - exp
        exp = x.type.exp
    if width <= 0 or x.type.is_zero:
        return constant(build, 0, 0)
    room = Fixed.from_kif(int(signed), width - signed + exp, -exp)
    if x.type.exp == exp and room.contains(x.type):
        return x
    return build(CAST, x, exp=exp, width=width, signed=signed)


def restrict(build: Builder, x: Node, t: Fixed) -> Node:
    """``x`` in the width and grid of ``t``, given that all its values are values of ``t``."""
    return constant(build, 0, 0) if t.is_zero else cast(build, x, t.exp, t.width, t.signed)

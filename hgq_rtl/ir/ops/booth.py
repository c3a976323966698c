"""A row of a multiplier: a number plus a signed digit times another number.

Booth's recoding (Q. J. Mech. Appl. Math. 4, 1951), two bits at a time: with the bit below them, two
bits of a factor say which of -2, -1, 0, 1, 2 times the other factor to add.
"""

from __future__ import annotations

import numpy as np

from hgq_rtl.errors import IRError
from hgq_rtl.fixed import Fixed, Ints, common_exp
from hgq_rtl.ir.node import Attrs, Builder, Masks, Node, Op
from hgq_rtl.ir.ops.common import Types, aligned, full, through
from hgq_rtl.ir.ops.linear import ADD, MUL
from hgq_rtl.ir.ops.logic import TABLE

DIGITS = (0, 1, 1, 2, -2, -1, -1, 0)
"""The digit for each code: bits 1, 0 and -1 of a factor, weighted -2, 1 and 1."""


def _booth_infer(types: Types, attrs: Attrs) -> Fixed:
    a, x, d = types
    if not d.is_zero and (d.exp < 0 or d.lo < 0 or d.at(0).hi >= len(DIGITS)):
        raise IRError("a digit is coded as an integer from 0 to 7", received=f"{d}")
    digits = DIGITS[d.at(0).lo : d.at(0).hi + 1 : 1 if d.is_zero else 1 << d.exp]
    exp = common_exp(a, x)
    a, x = a.at(exp), x.at(exp)
    products = [digit * n for digit in digits for n in (x.lo, x.hi)]
    return Fixed(a.lo + min(products), a.hi + max(products), exp)


def _booth_evaluate(node: Node, a: Ints, x: Ints, d: Ints) -> Ints:
    exp, (start, factor, code) = node.type.exp, node.args
    digit = np.asarray(DIGITS)[aligned(code, 0, d).astype(np.int64)]
    return np.asarray(aligned(start, exp, a) + digit * aligned(factor, exp, x))


def _booth_demand(node: Node, mask: int) -> Masks:
    a, x, d = node.args
    below = full(mask.bit_length())
    return (
        through(below, node.type.exp, a),
        through(below, node.type.exp, x),
        full(d.type.width) if mask else 0,
    )


def _booth_expand(build: Builder, node: Node) -> Node:
    a, x, d = node.args
    digit = build(TABLE, d, entries=DIGITS, lo=0, step=0, exp=0)
    return build(ADD, a, build(MUL, x, digit), sub=False)


BOOTH = Op("booth", 3, (), _booth_infer, _booth_evaluate, _booth_demand, _booth_expand)
"""a + DIGITS[d]·x, where a target does that at one LUT per bit."""

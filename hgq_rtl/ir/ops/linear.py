"""Sums and products: shift, add, dot, mul."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Any

import numpy as np

from hgq_rtl.errors import IRError
from hgq_rtl.fixed import Fixed, Ints, common_exp
from hgq_rtl.ir.node import Attrs, Builder, Masks, Node, Op
from hgq_rtl.ir.ops.common import Types, aligned, demand_below, full
from hgq_rtl.ir.ops.sources import constant


def _shift_infer(types: Types, attrs: Attrs) -> Fixed:
    (t,) = types
    return Fixed(t.lo, t.hi, t.exp + attrs[0])


SHIFT = Op("shift", 1, ("bits",), _shift_infer, lambda node, a: a, lambda node, mask: (mask,))
"""a·2^bits: another reading of the same wires, no hardware."""


def _add_infer(types: Types, attrs: Attrs) -> Fixed:
    exp = common_exp(*types)
    a, b = (t.at(exp) for t in types)
    return (
        Fixed(a.lo - b.hi, a.hi - b.lo, exp) if attrs[0] else Fixed(a.lo + b.lo, a.hi + b.hi, exp)
    )


def _add_evaluate(node: Node, a: Ints, b: Ints) -> Ints:
    a, b = (aligned(x, node.type.exp, n) for x, n in zip(node.args, (a, b), strict=True))
    return a - b if node.attrs[0] else a + b


ADD = Op("add", 2, ("sub",), _add_infer, _add_evaluate, demand_below)
"""a + b, or a - b where ``sub``."""


def sum3_signs(attrs: Attrs) -> tuple[int, int, int]:
    """+1 or -1 for each argument of a sum3."""
    sub = attrs[0]
    if sub not in (0, 1, 2):
        raise IRError("a sum3 subtracts its last 0, 1 or 2 arguments", received=repr(sub))
    return 1, -1 if sub == 2 else 1, -1 if sub else 1


def sum3_grid(types: Types, attrs: Attrs) -> tuple[int, int]:
    """The exponent of a sum3 and its bias in that unit."""
    _, bias, bias_exp = attrs[:3]
    exp = common_exp(*types, *([Fixed(bias, bias, bias_exp)] if bias else []))
    return exp, bias << (bias_exp - exp) if bias else 0


def _sum3_infer(types: Types, attrs: Attrs) -> Fixed:
    exp, bias = sum3_grid(types, attrs)
    lo = hi = bias
    for t, sign in zip(types, sum3_signs(attrs), strict=True):
        t = t.at(exp)
        lo += t.lo if sign > 0 else -t.hi
        hi += t.hi if sign > 0 else -t.lo
    return Fixed(lo, hi, exp)


def sum3_value(node: Node, args: Sequence[Ints]) -> Ints:
    """What a sum3 adds up to, from the integers of its first three arguments."""
    added = node.args[:3]
    exp, bias = sum3_grid(tuple([arg.type for arg in added]), node.attrs)
    a, b, c = (aligned(x, exp, n) for x, n in zip(added, args, strict=True))
    sub = node.attrs[0]
    b = a - b if sub == 2 else a + b
    return (b - c if sub else b + c) + bias


def sum3_tree(build: Builder, args: Sequence[Node], attrs: Attrs) -> Node:
    """What a sum3 adds up to, as sums of two."""
    (a, b, c), (sub, bias, bias_exp) = args, attrs
    total = build(ADD, build(ADD, a, b, sub=sub == 2), c, sub=sub > 0)
    return build(ADD, total, constant(build, bias, bias_exp), sub=False) if bias else total


SUM3 = Op(
    "sum3",
    3,
    ("sub", "bias", "bias_exp"),
    _sum3_infer,
    lambda node, *args: sum3_value(node, args),
    demand_below,
    lambda build, node: sum3_tree(build, node.args, node.attrs),
)
"""a + b + c + bias, the last ``sub`` arguments subtracted, where a target adds three at once."""


def dot_terms(types: Types, attrs: Attrs) -> tuple[int, list[int], int]:
    """A dot as (result exponent, integer coefficient of every argument's n, integer constant)."""
    weights, wexp, bias, bias_exp = attrs
    exps = [
        t.exp + wexp + ((w & -w).bit_length() - 1)
        for t, w in zip(types, weights, strict=True)
        if w and not t.is_zero
    ]
    if bias:
        exps.append(bias_exp)
    exp = min(exps, default=0)
    coefficients = []
    for t, w in zip(types, weights, strict=True):
        up = t.exp + wexp - exp
        coefficients.append(0 if t.is_zero else w << up if up >= 0 else w >> -up)
    return exp, coefficients, bias << (bias_exp - exp) if bias else 0


def _dot_infer(types: Types, attrs: Attrs) -> Fixed:
    if len(types) != len(attrs[0]):
        raise IRError(
            "a dot has one weight per argument", received=f"{len(attrs[0])} for {len(types)}"
        )
    exp, coefficients, lo = dot_terms(types, attrs)
    hi = lo
    for t, c in zip(types, coefficients, strict=True):
        lo += c * (t.lo if c > 0 else t.hi)
        hi += c * (t.hi if c > 0 else t.lo)
    return Fixed(lo, hi, exp)


def _dot_evaluate(node: Node, *args: Ints) -> Ints:
    _, coefficients, total = dot_terms(tuple(a.type for a in node.args), node.attrs)
    start: Any = np.array(total)
    return reduce(
        lambda acc, ca: acc + ca[0] * ca[1] if ca[0] else acc,
        zip(coefficients, args, strict=True),
        start,
    )


def _dot_demand(node: Node, mask: int) -> Masks:
    below = full(mask.bit_length())
    _, coefficients, _ = dot_terms(tuple(a.type for a in node.args), node.attrs)
    return tuple(
        (below >> ((c & -c).bit_length() - 1)) & full(a.type.width) if c else 0
        for a, c in zip(node.args, coefficients, strict=True)
    )


def csd(n: int) -> list[tuple[int, int]]:
    """Canonical signed digits of ``n``: pairs (bit, ±1), no two bits adjacent, LSB first.

    Reitwiesner's recoding (Advances in Computers 1, 1960): the fewest non-zero digits.

    >>> csd(7)
    [(0, -1), (3, 1)]
    """
    digits, bit = [], 0
    while n:
        if n & 1:
            digit = 2 - (n & 3)
            digits.append((bit, digit))
            n -= digit
        n >>= 1
        bit += 1
    return digits


def _dot_expand(build: Builder, node: Node) -> Node:
    """A balanced tree over the signed digits of all weights: correct, shares nothing."""
    weights, wexp, bias, bias_exp = node.attrs
    terms = [
        (build(SHIFT, arg, bits=bit + wexp) if bit + wexp else arg, sign < 0)
        for arg, w in zip(node.args, weights, strict=True)
        for bit, sign in csd(w)
    ]
    if bias:
        terms.append((constant(build, bias, bias_exp), False))
    return sum_tree(build, terms)


def sum_tree(build: Builder, terms: list[tuple[Node, bool]]) -> Node:
    """The sum of ``terms``, each negated where its flag is set, as a balanced tree of adds."""
    if not terms:
        return constant(build, 0, 0)
    while len(terms) > 1:
        merged = []
        for (a, a_neg), (b, b_neg) in zip(terms[::2], terms[1::2], strict=False):
            if a_neg and not b_neg:
                merged.append((build(ADD, b, a, sub=True), False))
            else:
                merged.append((build(ADD, a, b, sub=a_neg != b_neg), a_neg))
        terms = merged + terms[len(merged) * 2 :]
    node, negated = terms[0]
    return build(ADD, constant(build, 0, 0), node, sub=True) if negated else node


DOT = Op(
    "dot",
    None,
    ("weights", "exp", "bias", "bias_exp"),
    _dot_infer,
    _dot_evaluate,
    _dot_demand,
    _dot_expand,
)
"""Σ weights[j]·2^exp·args[j] + bias·2^bias_exp: the linear form that layers lower to."""


def _mul_infer(types: Types, attrs: Attrs) -> Fixed:
    a, b = types
    corners = [x * y for x in (a.lo, a.hi) for y in (b.lo, b.hi)]
    return Fixed(min(corners), max(corners), a.exp + b.exp)


def _mul_demand(node: Node, mask: int) -> Masks:
    below = full(mask.bit_length())
    return tuple(below & full(arg.type.width) for arg in node.args)


MUL = Op("mul", 2, (), _mul_infer, lambda node, a, b: a * b, _mul_demand)
"""a·b of two variables."""

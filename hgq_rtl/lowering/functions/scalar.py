"""Exact arithmetic on single nodes: what each ufunc builds.

A rule gets nodes and returns the result's node, or None where it has no exact form (a division
by 3, say): the ufunc's values then become a look-up table.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from hgq_rtl.ir.node import Builder, Node, Op
from hgq_rtl.ir.ops import ADD, DOT, MAX, MUL, ROUND, SHIFT, cast, constant
from hgq_rtl.ir.ops.common import on_one_grid
from hgq_rtl.lowering.elements import is_whole
from hgq_rtl.lowering.functions.conditions import less
from hgq_rtl.lowering.quantize import floor_to
from hgq_rtl.lowering.rational import floor_of, is_long

Rule = Callable[..., Node | None]


def add(build: Builder, a: Node, b: Node) -> Node:
    """a + b; a constant joins the linear form of a neuron as its bias, and keeps its name."""
    if a.type.is_const:
        a, b = b, a
    if b.type.is_zero:
        return a
    if a.op is DOT and b.type.is_const and a.attrs[2] == 0:
        weights, exp, _, _ = a.attrs
        with build.at(build.origins.get(a, "")):
            return build.make(DOT, a.args, (weights, exp, b.type.lo, b.type.exp))
    return build(ADD, a, b, sub=False)


def subtract(build: Builder, a: Node, b: Node) -> Node:
    """a - b."""
    return a if b.type.is_zero else build(ADD, a, b, sub=True)


def negative(build: Builder, a: Node) -> Node:
    """-a."""
    return subtract(build, constant(build, 0, 0), a)


def multiply(build: Builder, a: Node, b: Node) -> Node:
    """a·b; by a constant as a linear form, by a power of two as other wires."""
    if a.type.is_const:
        a, b = b, a
    if not b.type.is_const:
        product = build(MUL, a, b)
        # Interval arithmetic does not see that a square is never negative.
        return as_unsigned(build, product) if a is b else product
    n, exp = b.type.lo, b.type.exp
    if n == 1:
        return build(SHIFT, a, bits=exp) if exp else a
    return build(DOT, a, weights=(n,), exp=exp, bias=0, bias_exp=0)


def divide(build: Builder, a: Node, b: Node) -> Node | None:
    """a/b for a power of two b."""
    t = b.type
    if not t.is_const or abs(t.lo) != 1:
        return None
    return multiply(build, a, constant(build, t.lo, -t.exp))


def floor_divide(build: Builder, a: Node, b: Node) -> Node | None:
    """floor(a/b) for a constant b; where a table is smaller, by one."""
    quotient = divide(build, a, b)
    if quotient is not None:
        return floor(build, quotient)
    if not b.type.is_const or b.type.is_zero or not is_long(a):
        return None
    return floor_of(build, a, 1 / (b.type.lo * Fraction(2) ** b.type.exp))


def remainder(build: Builder, a: Node, b: Node) -> Node | None:
    """a - b·floor(a/b) for a positive constant b; for a power of two, the low bits of a."""
    t = b.type
    if not t.is_const or t.lo <= 0:
        return None
    if t.lo != 1:
        whole = floor_divide(build, a, b)
        if whole is None:
            return None
        rest = subtract(build, a, multiply(build, whole, b))
        largest = t.at(min(t.exp, rest.type.exp)).lo - 1
        return cast(build, rest, rest.type.exp, largest.bit_length(), False)
    if a.type.is_zero or a.type.exp >= t.exp:
        return constant(build, 0, 0)
    return cast(build, a, a.type.exp, t.exp - a.type.exp, False)


def power(build: Builder, a: Node, b: Node) -> Node | None:
    """a to the power of a constant 0, 1, 2 ... 16, as products."""
    t = b.type
    if not (t.is_const and is_whole(t)) or not 0 <= (n := t.lo << max(t.exp, 0)) <= 16:
        return None
    result, square = constant(build, 1, 0), a
    while n:
        if n & 1:
            result = multiply(build, result, square)
        n >>= 1
        if n:
            square = multiply(build, square, square)
    return result


def square(build: Builder, a: Node) -> Node:
    """a·a."""
    return multiply(build, a, a)


def extremum(op: Op) -> Rule:
    """The larger or the smaller of two nodes; no hardware where their intervals decide."""

    def rule(build: Builder, a: Node, b: Node) -> Node:
        if a is b:
            return a
        x, y = on_one_grid((a.type, b.type))
        if x.lo >= y.hi:
            return a if op is MAX else b
        if y.lo >= x.hi:
            return b if op is MAX else a
        return build(op, a, b)

    return rule


def absolute(build: Builder, a: Node) -> Node:
    """|a|, never negative: one bit less than interval arithmetic says."""
    if a.type.lo >= 0:
        return a
    if a.type.hi <= 0:
        return negative(build, a)
    return as_unsigned(build, build(MAX, a, negative(build, a)))


def as_unsigned(build: Builder, a: Node) -> Node:
    """The same wires without the sign, for values that are never negative."""
    return cast(build, a, a.type.exp, a.type.hi.bit_length(), False)


def sign(build: Builder, a: Node) -> Node:
    """-1, 0 or 1."""
    zero = constant(build, 0, 0)
    return subtract(build, less(build, zero, a), less(build, a, zero))


# --- rounding ------------------------------------------------------------------------------------


def floor(build: Builder, a: Node) -> Node:
    """The largest integer that is not above a."""
    return floor_to(build, a, 0)


def ceil(build: Builder, a: Node) -> Node:
    """The smallest integer that is not below a."""
    return a if is_whole(a.type) else negative(build, floor(build, negative(build, a)))


def rounded(rounding: str) -> Rule:
    """a rounded to an integer, in a mode of ``fixed.ROUNDINGS``."""
    return lambda build, a: a if is_whole(a.type) else build(ROUND, a, exp=0, rounding=rounding)

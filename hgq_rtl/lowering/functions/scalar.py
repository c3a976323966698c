"""Exact elementwise functions, one node at a time: what each ufunc builds.

A rule gets nodes and returns the result's node, or None where it has no exact form (a division
by 3, say): the ufunc's values then become a look-up table.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from hgq_rtl.errors import LoweringError
from hgq_rtl.ir.node import Builder, Node, Op
from hgq_rtl.ir.ops import (
    ADD,
    AND,
    COMPARE,
    DOT,
    MAX,
    MIN,
    MUL,
    MUX,
    OR,
    ROUND,
    SHIFT,
    XOR,
    cast,
    constant,
)
from hgq_rtl.ir.ops.common import on_one_grid
from hgq_rtl.lowering.elements import is_whole
from hgq_rtl.lowering.quantize import floor_to

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
    """floor(a/b) for a power of two b."""
    quotient = divide(build, a, b)
    return None if quotient is None else floor(build, quotient)


def remainder(build: Builder, a: Node, b: Node) -> Node | None:
    """a - b·floor(a/b) for a positive power of two b: the low bits of a."""
    t = b.type
    if not t.is_const or t.lo != 1:
        return None
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


# --- conditions ----------------------------------------------------------------------------------


def inverted(build: Builder, bit: Node) -> Node:
    """1 - bit."""
    return build(XOR, bit, constant(build, 1, 0))


def less(build: Builder, a: Node, b: Node) -> Node:
    """a < b."""
    return build(COMPARE, a, b, kind="lt")


def greater(build: Builder, a: Node, b: Node) -> Node:
    """a > b."""
    return less(build, b, a)


def less_equal(build: Builder, a: Node, b: Node) -> Node:
    """a <= b."""
    return inverted(build, less(build, b, a))


def greater_equal(build: Builder, a: Node, b: Node) -> Node:
    """a >= b."""
    return inverted(build, less(build, a, b))


def equal(build: Builder, a: Node, b: Node) -> Node:
    """a == b."""
    return build(COMPARE, a, b, kind="eq")


def not_equal(build: Builder, a: Node, b: Node) -> Node:
    """a != b."""
    return inverted(build, equal(build, a, b))


def truth(build: Builder, a: Node) -> Node:
    """a != 0; nothing to do for a bit."""
    t = a.type
    if (t.lo, t.hi, t.exp) == (0, 1, 0) or t.is_zero:
        return a
    return not_equal(build, a, constant(build, 0, 0))


def logical_not(build: Builder, a: Node) -> Node:
    """a == 0."""
    return inverted(build, truth(build, a))


def logical(op: Op) -> Rule:
    """and, or, xor of truth values."""
    return lambda build, a, b: build(op, truth(build, a), truth(build, b))


def choose(build: Builder, condition: Node, a: Node, b: Node) -> Node:
    """a where the condition is not 0, else b."""
    bit = truth(build, condition)
    if a is b or bit.type.is_const:
        return b if bit.type.is_zero and a is not b else a
    return build(MUX, bit, a, b)


# --- bits ----------------------------------------------------------------------------------------


def bitwise(op: Op) -> Rule:
    """and, or, xor of integers, bit by bit."""

    def rule(build: Builder, a: Node, b: Node) -> Node:
        check_whole(f"a bitwise '{op.name}'", a, b)
        return build(op, a, b)

    return rule


def invert(build: Builder, a: Node) -> Node:
    """-a - 1: every bit of a signed integer inverted."""
    check_whole("an inversion of bits", a)
    return build(XOR, a, constant(build, -1, 0))


def left_shift(build: Builder, a: Node, b: Node) -> Node:
    """a·2^b."""
    check_whole("a shift", a, b)
    if b.type.lo < 0:
        raise LoweringError("a shift by a negative number of bits", received=f"type {b.type}")
    return _shifted(build, a, b, lambda x, n: build(SHIFT, x, bits=n) if n else x)


def right_shift(build: Builder, a: Node, b: Node) -> Node:
    """floor(a/2^b)."""
    check_whole("a shift", a, b)
    if b.type.lo < 0:
        raise LoweringError("a shift by a negative number of bits", received=f"type {b.type}")
    return _shifted(build, a, b, lambda x, n: floor(build, build(SHIFT, x, bits=-n)) if n else x)


def ldexp(build: Builder, a: Node, b: Node) -> Node:
    """a·2^b for a constant integer b."""
    if not b.type.is_const or not is_whole(b.type):
        raise LoweringError("numpy.ldexp takes a constant integer exponent")
    bits = b.type.lo << b.type.exp
    return build(SHIFT, a, bits=bits) if bits else a


def _shifted(build: Builder, a: Node, b: Node, by: Callable[[Node, int], Node]) -> Node:
    """A barrel shifter: one layer of muxes per bit of the distance; none for a constant."""
    t = b.type.at(0)
    if t.is_const:
        return by(a, t.lo)
    for bit in range(t.width):
        chosen = cast(build, build(SHIFT, b, bits=-bit) if bit else b, 0, 1, False)
        if not chosen.type.is_zero:
            a = build(MUX, chosen, by(a, 1 << bit), a)
    return a


def check_whole(doing: str, *nodes: Node) -> None:
    """Raise LoweringError unless all values of the nodes are integers, as in NumPy."""
    for node in nodes:
        if not is_whole(node.type):
            raise LoweringError(
                f"{doing} takes integers, as in NumPy",
                received=f"a value of type {node.type}",
                hint="Multiply it by a power of two, then use astype(int) or numpy.floor",
            )


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


EXACT: dict[np.ufunc, Rule] = {
    np.add: add,
    np.subtract: subtract,
    np.multiply: multiply,
    np.divide: divide,
    np.floor_divide: floor_divide,
    np.remainder: remainder,
    np.power: power,
    np.float_power: power,
    np.square: square,
    np.negative: negative,
    np.positive: lambda build, a: a,
    np.conjugate: lambda build, a: a,
    np.absolute: absolute,
    np.fabs: absolute,
    np.sign: sign,
    np.maximum: extremum(MAX),
    np.minimum: extremum(MIN),
    np.fmax: extremum(MAX),
    np.fmin: extremum(MIN),
    np.less: less,
    np.greater: greater,
    np.less_equal: less_equal,
    np.greater_equal: greater_equal,
    np.equal: equal,
    np.not_equal: not_equal,
    np.logical_not: logical_not,
    np.logical_and: logical(AND),
    np.logical_or: logical(OR),
    np.logical_xor: logical(XOR),
    np.bitwise_and: bitwise(AND),
    np.bitwise_or: bitwise(OR),
    np.bitwise_xor: bitwise(XOR),
    np.invert: invert,
    np.left_shift: left_shift,
    np.right_shift: right_shift,
    np.ldexp: ldexp,
    np.floor: floor,
    np.ceil: ceil,
    np.trunc: rounded("TRN_ZERO"),
    np.rint: rounded("RND_CONV"),
}
"""The ufuncs with exact results."""

OF_INTEGERS = frozenset(
    {
        np.bitwise_and, np.bitwise_or, np.bitwise_xor, np.invert, np.left_shift, np.right_shift,
        np.ldexp,
    }
)  # fmt: skip
"""Ufuncs that NumPy does not have for floats."""

CONDITIONS = frozenset(
    {
        np.less, np.greater, np.less_equal, np.greater_equal, np.equal, np.not_equal,
        np.logical_not, np.logical_and, np.logical_or, np.logical_xor,
        np.isfinite, np.isnan, np.isinf, np.signbit,
    }
)  # fmt: skip
"""Ufuncs whose results are truth values."""

WHOLE = frozenset(
    {*CONDITIONS, np.floor, np.ceil, np.trunc, np.rint, np.sign, np.floor_divide, np.heaviside}
)
"""Ufuncs whose results are few: as functions of a float they become tables at once."""

OF_CONDITIONS: dict[np.ufunc, np.ufunc | None] = {
    np.add: np.logical_or,
    np.multiply: np.logical_and,
    np.maximum: np.logical_or,
    np.minimum: np.logical_and,
    np.bitwise_and: np.logical_and,
    np.bitwise_or: np.logical_or,
    np.bitwise_xor: np.logical_xor,
    np.invert: np.logical_not,
    np.absolute: np.positive,
    np.subtract: None,
    np.negative: None,
    np.positive: None,
    np.sign: None,
}
"""What NumPy does where all operands are truth values; None is its TypeError."""

"""Bitwise operators and shifts of single nodes, which are integers as in NumPy."""

from __future__ import annotations

from collections.abc import Callable

from hgq_rtl.errors import LoweringError
from hgq_rtl.ir.node import Builder, Node, Op
from hgq_rtl.ir.ops import MUX, SHIFT, XOR, cast, constant
from hgq_rtl.lowering.elements import is_whole
from hgq_rtl.lowering.functions.scalar import absolute, add, floor
from hgq_rtl.lowering.table import fill

COUNTED = 6
"""Bits whose ones one table counts: the inputs of a LUT."""


def bitwise(op: Op) -> Callable[..., Node]:
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


def count_ones(build: Builder, a: Node) -> Node:
    """The ones in the binary digits of |a|, by tables of few bits that are added up."""
    check_whole("numpy.bitwise_count", a)
    a = absolute(build, a)
    total = constant(build, 0, 0)
    for low in range(0, a.type.at(0).width, COUNTED):
        part = cast(build, build(SHIFT, a, bits=-low) if low else a, 0, COUNTED, False)
        ones = tuple(n.bit_count() for n in range(part.type.lo, part.type.hi + 1))
        total = add(build, total, fill(build, part, ones, 0))
    return total


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

"""Truth values of single nodes: comparisons, logic, and the choice between two."""

from __future__ import annotations

from collections.abc import Callable

from hgq_rtl.ir.node import Builder, Node, Op
from hgq_rtl.ir.ops import COMPARE, MUX, XOR, constant


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


def logical(op: Op) -> Callable[..., Node]:
    """and, or, xor of truth values."""
    return lambda build, a, b: build(op, truth(build, a), truth(build, b))


def choose(build: Builder, condition: Node, a: Node, b: Node) -> Node:
    """a where the condition is not 0, else b."""
    bit = truth(build, condition)
    if a is b or bit.type.is_const:
        return b if bit.type.is_zero and a is not b else a
    return build(MUX, bit, a, b)

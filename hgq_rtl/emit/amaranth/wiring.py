"""Where rules build, and values of the width, grid and sign that an operator needs.

Shifts are concatenations, because ``<<`` costs a cell of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

from amaranth.hdl import Cat, Const, Module, Value

from hgq_rtl.fixed import Fixed, common_exp
from hgq_rtl.ir.node import Node


@dataclass(frozen=True)
class Site:
    """Where rules build: the module of a layer, and the name of the core that it is a part of."""

    m: Module
    top: str


def as_sign(value: Value, signed: bool) -> Value:
    """The same bits, read as a signed or an unsigned number."""
    return value.as_signed() if signed else value.as_unsigned()


def aligned(value: Value, type: Fixed, exp: int) -> Value:
    """The value as an integer at the finer exponent ``exp``: zeros appended."""
    if type.is_zero or type.exp == exp:
        return value
    return as_sign(Cat(Const(0, type.exp - exp), value), type.signed)


def fit(value: Value, width: int) -> Value:
    """Exactly ``width`` low bits, extended by the value's own sign."""
    if len(value) >= width:
        return value[:width]
    if not value.shape().signed:
        return Cat(value, Const(0, width - len(value)))
    return Cat(value, value[-1].replicate(width - len(value)))


def pair(node: Node, a: Value, b: Value) -> tuple[Value, Value]:
    """The last two arguments of a node as integers of one grid."""
    ta, tb = (arg.type for arg in node.args[-2:])
    exp = common_exp(ta, tb)
    return aligned(a, ta, exp), aligned(b, tb, exp)


def modular(node: Node, a: Value, b: Value) -> tuple[Value, Value]:
    """Operands no wider than the result, of which + - and * only need the low bits."""
    width = node.type.width
    mixed = a.shape().signed != b.shape().signed
    # Amaranth writes a constant of the other sign at the operator's own, greater width.
    constant = mixed and any(arg.type.is_const for arg in node.args)
    if constant or any(len(x) + (mixed and not x.shape().signed) > width for x in (a, b)):
        return fit(a, width), fit(b, width)
    return a, b

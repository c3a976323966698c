"""Which row of a device describes a node, and how many bits that row counts."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from hgq_rtl.ir.node import Node, Op
from hgq_rtl.ir.ops import (
    ADD,
    AND,
    BOOTH,
    CAST,
    COMPARE,
    CONST,
    INPUT,
    LOOKUP,
    MASKED_SUM3,
    MAX,
    MIN,
    MUL,
    MUX,
    OR,
    REG,
    SHIFT,
    SUM3,
    TABLE,
    XOR,
    sum3_form,
)
from hgq_rtl.ir.ops.lookup import LUT_INPUTS

WIRING = frozenset({INPUT, CONST, SHIFT, CAST, REG})
"""Ops without logic of their own: bits are renamed, dropped or stored. They take no time and no
LUTs on any device."""

FREE = ("", 0)
"""The size of a node whose types leave only wiring."""


def _span(node: Node) -> int:
    """Bits from the lowest to the highest of all arguments, aligned by value."""
    live = [arg.type for arg in node.args if not arg.type.is_zero]
    if not live:
        return 0
    return max(t.exp + t.width for t in live) - min(t.exp for t in live)


def adder_bits(node: Node) -> int:
    """Bits of an ``add`` that need an adder; 0 where it only concatenates or copies.

    Below the coarser operand the finer one is copied, unless it is the one subtracted.
    """
    (a, b), (sub,) = (arg.type for arg in node.args), node.attrs
    if b.is_zero or (a.is_zero and not sub):
        return 0
    if a.is_zero:
        return node.type.width
    gap = abs(a.exp - b.exp)
    finer = a if a.exp < b.exp else b
    if sub:
        return node.type.width - gap if finer is a else node.type.width
    if not finer.signed and finer.width <= gap:
        return 0
    return node.type.width - gap


def adder_luts(node: Node) -> int:
    """Bits of an ``add`` at which both operands have a bit of their own, copies of signs included.

    Elsewhere the carry passes a bit that one operand alone decides, which takes no LUT before it.
    """
    (a, b), (sub,) = (arg.type for arg in node.args), node.attrs
    if a.is_const or b.is_const:
        return 0
    low = max(a.exp, b.exp)
    tops = sorted((t.exp + t.width, t.signed) for t in (a, b))
    shorter_is_signed = tops[0][1] if tops[0][0] < tops[1][0] else a.signed or b.signed
    return max(0, tops[shorter_is_signed][0] - low) + int(sub)


def _add(node: Node) -> tuple[str, int]:
    bits = adder_bits(node)
    if not bits:
        return FREE
    if node.attrs[0] and not node.args[1].type.is_const:
        return "sub", bits
    return ("add.const" if any(arg.type.is_const for arg in node.args) else "add"), bits


def _sum3(node: Node) -> tuple[str, int]:
    form = sum3_form(node)
    bits = node.type.width - (form.copied if form else 0)
    if not bits:
        return FREE
    return ("sum3.pairs" if form and form.pairs else "sum3"), bits


def sum3_luts(node: Node) -> int:
    """LUTs of a ``sum3``; where no form of three operands exists, those of two additions."""
    form = sum3_form(node)
    return form.luts if form else 2 * node.type.width


def _booth(node: Node) -> tuple[str, int]:
    """Every bit from the lowest of the factor on takes a LUT; those below are copied."""
    factor, code = (arg.type for arg in node.args[1:])
    if factor.is_zero or code.is_zero:
        return FREE
    return "booth", max(0, node.type.width - factor.exp + node.type.exp)


def _extremum(node: Node) -> tuple[str, int]:
    types = [arg.type for arg in node.args]
    if any(t.is_zero for t in types):
        # The sign bit masks the others; without a sign there is nothing to decide.
        return ("max.zero", node.type.width) if any(t.signed for t in types) else FREE
    return ("max.const" if any(t.is_const for t in types) else "max"), _span(node)


def _mux(node: Node) -> tuple[str, int]:
    constants = sum(arg.type.is_const for arg in node.args[1:])
    if constants == 2 or node.args[0].type.is_const:
        return FREE  # every bit is 0, 1, the condition or its inverse
    return ("mux.const" if constants else "mux"), node.type.width


def _compare(node: Node) -> tuple[str, int]:
    (a, b), (kind,) = node.args, node.attrs
    if kind == "lt" and b.type.is_zero:
        return FREE  # the sign bit
    constant = a.type.is_const or b.type.is_const
    return f"compare.{kind}{'.const' if constant else ''}", _span(node)


def _mul(node: Node) -> tuple[str, int]:
    a, b = (arg.type for arg in node.args)
    if any(t.width == 1 and not t.signed for t in (a, b)):
        return "mul.bit", node.type.width
    return "mul", a.width + b.width


def _logic(node: Node) -> tuple[str, int]:
    return node.op.name, node.type.width


SIZES: Mapping[Op, Callable[[Node], tuple[str, int]]] = {
    ADD: _add,
    SUM3: _sum3,
    MASKED_SUM3: _sum3,
    BOOTH: _booth,
    MAX: _extremum,
    MIN: _extremum,
    MUX: _mux,
    COMPARE: _compare,
    MUL: _mul,
    TABLE: lambda node: ("table", node.args[0].type.width),
    LOOKUP: lambda node: ("lookup", LUT_INPUTS),
    AND: _logic,
    OR: _logic,
    XOR: _logic,
}
"""For each op with logic: the row that describes a node, and the bits that row counts."""

ROWS = (
    *("add", "add.const", "sub", "sum3", "sum3.pairs"),
    *("max", "max.const", "max.zero", "mux", "mux.const"),
    *("compare.lt", "compare.lt.const", "compare.eq", "compare.eq.const"),
    *("mul", "mul.bit", "booth", "and", "or", "xor"),
)
"""Every row of base and per-bit numbers that a device must have; ``table`` has lists instead."""

"""The ops of the IR, one block each. Their meaning in words: docs/ir.md.

A node's integer n stands for the value n·2^exp with exp from its type. Types are the exact
result intervals of the arguments' intervals; nothing is extended or cut implicitly. Every op is a
function of its arguments' values, never of the type they happen to have: a pass may replace an
argument by another node of the same value, on another grid or in a tighter interval.
"""

from __future__ import annotations

from hgq_rtl.ir.node import Op
from hgq_rtl.ir.ops.booth import BOOTH, DIGITS
from hgq_rtl.ir.ops.choice import COMPARE, MAX, MIN, MUX
from hgq_rtl.ir.ops.common import BIT, aligned
from hgq_rtl.ir.ops.cut import CAST, ROUND, cast, cast_window, restrict
from hgq_rtl.ir.ops.linear import ADD, DOT, MUL, SHIFT, SUM3, csd, dot_terms, sum_tree
from hgq_rtl.ir.ops.logic import AND, OR, TABLE, XOR
from hgq_rtl.ir.ops.lookup import LOOKUP
from hgq_rtl.ir.ops.masked import MASKED_SUM3
from hgq_rtl.ir.ops.sources import CONST, INPUT, REG, constant
from hgq_rtl.ir.ops.sum3 import Sum3Form, sum3_bias, sum3_form

OPS: dict[str, Op] = {
    op.name: op
    for op in (
        INPUT,
        CONST,
        SHIFT,
        ADD,
        SUM3,
        MASKED_SUM3,
        DOT,
        MUL,
        BOOTH,
        MAX,
        MIN,
        MUX,
        COMPARE,
        CAST,
        ROUND,
        TABLE,
        LOOKUP,
        AND,
        OR,
        XOR,
        REG,
    )
}
"""Every op by name."""

__all__ = [
    "ADD",
    "AND",
    "BIT",
    "BOOTH",
    "CAST",
    "COMPARE",
    "CONST",
    "DIGITS",
    "DOT",
    "INPUT",
    "LOOKUP",
    "MASKED_SUM3",
    "MAX",
    "MIN",
    "MUL",
    "MUX",
    "OPS",
    "OR",
    "REG",
    "ROUND",
    "SHIFT",
    "SUM3",
    "TABLE",
    "XOR",
    "Sum3Form",
    "aligned",
    "cast",
    "cast_window",
    "constant",
    "csd",
    "dot_terms",
    "restrict",
    "sum3_bias",
    "sum3_form",
    "sum_tree",
]

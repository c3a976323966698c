"""One of two values: max, min, mux, and what decides: compare."""

from __future__ import annotations

import numpy as np

from hgq_rtl.errors import IRError
from hgq_rtl.fixed import Fixed, Ints, common_exp
from hgq_rtl.ir.node import Attrs, Masks, Node, Op
from hgq_rtl.ir.ops.common import BIT, Types, aligned, full, pair, through


def _max_infer(types: Types, attrs: Attrs) -> Fixed:
    exp = common_exp(*types)
    a, b = (t.at(exp) for t in types)
    return Fixed(max(a.lo, b.lo), max(a.hi, b.hi), exp)


def _min_infer(types: Types, attrs: Attrs) -> Fixed:
    exp = common_exp(*types)
    a, b = (t.at(exp) for t in types)
    return Fixed(min(a.lo, b.lo), min(a.hi, b.hi), exp)


def _extremum_demand(node: Node, mask: int) -> Masks:
    """Against zero only the sign decides, so bits nobody wants need not be computed."""
    if not any(arg.type.is_zero for arg in node.args):
        return tuple(full(arg.type.width) for arg in node.args)
    return tuple(
        through(mask, node.type.exp, arg) | (1 << (arg.type.width - 1) if arg.type.signed else 0)
        for arg in node.args
    )


MAX = Op(
    "max", 2, (), _max_infer, lambda node, a, b: np.maximum(*pair(node, a, b)), _extremum_demand
)
"""The larger of two values; max(a, 0) is ReLU."""

MIN = Op(
    "min", 2, (), _min_infer, lambda node, a, b: np.minimum(*pair(node, a, b)), _extremum_demand
)
"""The smaller of two values."""


def _mux_infer(types: Types, attrs: Attrs) -> Fixed:
    if not BIT.contains(types[0]):
        raise IRError("the condition of a mux is one bit", received=f"{types[0]}")
    return types[1].hull(types[2])


def _mux_evaluate(node: Node, c: Ints, a: Ints, b: Ints) -> Ints:
    exp = node.type.exp
    return np.where(c.astype(bool), aligned(node.args[1], exp, a), aligned(node.args[2], exp, b))


def _mux_demand(node: Node, mask: int) -> Masks:
    _, a, b = node.args
    return (1 if mask else 0), through(mask, node.type.exp, a), through(mask, node.type.exp, b)


MUX = Op("mux", 3, (), _mux_infer, _mux_evaluate, _mux_demand)
"""a where the condition (first argument) is 1, else b."""


def _compare_infer(types: Types, attrs: Attrs) -> Fixed:
    if attrs[0] not in ("lt", "eq"):
        raise IRError("a compare is 'lt' or 'eq'", received=repr(attrs[0]))
    return BIT


def _compare_evaluate(node: Node, a: Ints, b: Ints) -> Ints:
    a, b = pair(node, a, b)
    return np.asarray(a < b if node.attrs[0] == "lt" else a == b).astype(np.int64)


def _compare_demand(node: Node, mask: int) -> Masks:
    a, b = node.args
    if node.attrs[0] == "lt" and b.type.is_zero:
        return (1 << (a.type.width - 1) if a.type.signed else 0), 0
    return full(a.type.width), full(b.type.width)


COMPARE = Op("compare", 2, ("kind",), _compare_infer, _compare_evaluate, _compare_demand)
"""One bit: a < b (kind ``lt``) or a = b (kind ``eq``)."""

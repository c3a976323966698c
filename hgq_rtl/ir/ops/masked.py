"""A sum of three of which one bit may hide an argument: ReLU inside of the sum that reads it."""

from __future__ import annotations

import numpy as np

from hgq_rtl.errors import IRError
from hgq_rtl.fixed import Fixed, Ints
from hgq_rtl.ir.node import Attrs, Builder, Masks, Node, Op
from hgq_rtl.ir.ops.choice import MUX
from hgq_rtl.ir.ops.common import BIT, Types, full, through
from hgq_rtl.ir.ops.linear import SUM3, sum3_tree, sum3_value
from hgq_rtl.ir.ops.sources import constant

PLACES = (0, 1, 2)
"""Numbers of the arguments that may be hidden."""


def _infer(types: Types, attrs: Attrs) -> Fixed:
    *added, hide = types
    place = attrs[3]
    if place not in PLACES:
        raise IRError("a masked sum3 hides argument 0, 1 or 2", received=repr(place))
    if not BIT.contains(hide):
        raise IRError("what hides an argument of a masked sum3 is one bit", received=f"{hide}")
    t = added[place]
    added[place] = Fixed(min(t.lo, 0), max(t.hi, 0), t.exp)
    return SUM3.infer(tuple(added), attrs[:3])


def _evaluate(node: Node, *args: Ints) -> Ints:
    *added, hide = args
    place = node.attrs[3]
    added[place] = np.where(hide.astype(bool), 0, added[place])
    return sum3_value(node, added)


def _demand(node: Node, mask: int) -> Masks:
    below = full(mask.bit_length())
    added = [through(below, node.type.exp, arg) for arg in node.args[:3]]
    return *added, 1 if mask else 0


def _expand(build: Builder, node: Node) -> Node:
    *added, hide = node.args
    place = node.attrs[3]
    added[place] = build(MUX, hide, constant(build, 0, 0), added[place])
    return sum3_tree(build, added, node.attrs[:3])


MASKED_SUM3 = Op(
    "masked_sum3",
    4,
    (*SUM3.fields, "place"),
    _infer,
    _evaluate,
    _demand,
    _expand,
)
"""A sum3 of the first three arguments; that in ``place`` counts as 0 where the last one is 1."""

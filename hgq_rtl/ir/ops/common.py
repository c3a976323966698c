"""What the definitions of ops share: alignment, and demanded bits."""

from __future__ import annotations

from hgq_rtl.fixed import Fixed, Ints, common_exp
from hgq_rtl.ir.node import Masks, Node

Types = tuple[Fixed, ...]
BIT = Fixed(0, 1, 0)
"""The type of conditions and comparison results."""


def aligned(node: Node, exp: int, n: Ints) -> Ints:
    """Integers ``n`` of ``node`` as integers at the finer exponent ``exp``."""
    return n if node.type.is_zero else n << (node.type.exp - exp)


def full(width: int) -> int:
    """A mask of ``width`` ones."""
    return (1 << width) - 1


def through(mask: int, exp: int, arg: Node) -> int:
    """The bits of ``arg`` behind ``mask``, given at exponent ``exp``, sign copies included."""
    if arg.type.is_zero:
        return 0
    width = arg.type.width
    mask >>= arg.type.exp - exp
    sign = 1 << (width - 1) if arg.type.signed and mask >> width else 0
    return (mask & full(width)) | sign


def demand_bitwise(node: Node, mask: int) -> Masks:
    """Each bit of the result depends on the bits of that weight alone."""
    return tuple(through(mask, node.type.exp, arg) for arg in node.args)


def demand_below(node: Node, mask: int) -> Masks:
    """Carries only travel upwards: all bits up to the highest one demanded."""
    return demand_bitwise(node, full(mask.bit_length()))


def pair(node: Node, a: Ints, b: Ints) -> list[Ints]:
    """The integers of a node's two arguments on their common grid."""
    exp = common_exp(*(arg.type for arg in node.args))
    return [aligned(x, exp, n) for x, n in zip(node.args, (a, b), strict=True)]


def on_one_grid(types: Types) -> tuple[Fixed, Fixed]:
    """Two intervals at their common exponent."""
    exp = common_exp(*types)
    a, b = (t.at(exp) for t in types)
    return a, b

"""Limits without comparisons: bits above a power of two, and one limit behind a whole maximum."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from hgq_rtl.ir.graph import Graph
from hgq_rtl.ir.node import Builder, Node
from hgq_rtl.ir.ops import (
    COMPARE,
    MAX,
    MIN,
    MUX,
    OR,
    SHIFT,
    TABLE,
    cast,
    constant,
    restrict,
)
from hgq_rtl.passes.expand import is_expanded
from hgq_rtl.passes.target import Target

LUT_INPUTS = 6
"""Bits above the limit that are looked at as one table."""

Area = Callable[[Node], float]


def clamps(graph: Graph, target: Target) -> Graph:
    """Clamp by the bits above a limit, and the largest of several values once instead of each.

    Saturation to k bits compares with −2^k and 2^k − 1, a carry chain each. Whether a value is
    beyond is in the bits from 2^k on alone, and its sign tells at which end. ReLU and other limits
    are monotone: max(max(a, c), max(b, c)) = max(max(a, b), c). Both where they take less area.
    """
    # Before expansion a value may still change its grid, which tables would not survive.
    if not is_expanded(graph):
        return graph
    build, area = graph.builder, target.device.cost
    alone = {node for node, users in graph.users.items() if len(users) == 1} - set(graph.outputs)

    def replacement(node: Node, new: Mapping[Node, Node]) -> Node:
        made = build.rebuild(node, tuple([new[arg] for arg in node.args]))
        if node.op in (MAX, MIN):
            private = {new[arg] for arg in node.args if arg in alone}
            made = _limit_last(build, made, private, area)
            made = _by_bits(build, made, private, area)
        return made

    return graph.replaced(replacement)


def _limit_last(build: Builder, node: Node, private: set[Node], area: Area) -> Node:
    """max(max(a, c), max(b, c)) as max(max(a, b), c), and the same of minima."""
    op, (x, y) = node.op, node.args
    first, second = (_limit(arg, op) if arg in private else None for arg in (x, y))
    if first is None or second is None or first[1] is not second[1]:
        return node
    (a, limit), (b, _) = first, second
    whole = build(op, a, b)
    last = build(op, whole, limit)
    if area(whole) + area(last) >= area(x) + area(y) + area(node):
        return node
    return last


def _limit(node: Node, op: object) -> tuple[Node, Node] | None:
    """The argument and the constant limit of a maximum or minimum."""
    if node.op is op:
        for x, limit in (node.args, node.args[::-1]):
            if limit.type.is_const and not x.type.is_const:
                return x, limit
    return None


def _by_bits(build: Builder, node: Node, private: set[Node], area: Area) -> Node:
    """A value within limits that its upper bits tell, if that is cheaper than comparing."""
    outer = _limit(node, node.op)
    if outer is None:
        return node
    x, limits, before = outer[0], {node.op: outer[1]}, area(node)
    other = MIN if node.op is MAX else MAX
    inner = _limit(x, other)
    if inner is not None:
        before += area(x) if x in private else 0
        x, limits[other] = inner
    t = x.type
    lo, hi = t.lo, t.hi
    for op, limit in limits.items():
        if not limit.type.is_zero and limit.type.exp < t.exp:
            return node
        n = 0 if limit.type.is_zero else limit.type.at(t.exp).lo
        lo, hi = (n, hi) if op is MAX else (lo, n)
    made = _clamped(build, x, lo, hi)
    if not made or sum(map(area, made)) >= before:
        return node
    return restrict(build, made[-1], node.type)


def _clamped(build: Builder, x: Node, lo: int, hi: int) -> list[Node]:
    """What clamps x to [lo, hi], in units of its grid, the result last.

    Nothing if its bits do not tell: they do if each limit that x exceeds is the end of what some
    number of bits holds, with a sign or without.
    """
    t = x.type
    if lo > hi:
        return []
    over, under = t.hi > hi, t.lo < lo
    bits = hi.bit_length() if over else (-lo - 1).bit_length() if lo < 0 else 0
    signed = t.lo < 0 and lo < 0
    least, most = (-(1 << bits) if signed else 0), (1 << bits) - 1
    if not bits or not (over or under) or (over and hi != most) or (under and lo != least):
        return []
    if min(t.hi, hi) > most or max(t.lo, lo) < least:
        return []
    top = cast(build, x, t.exp + bits, t.width - bits, t.signed)
    inside = _is_one_of(build, top, (0, -1) if signed else (0,))
    low = cast(build, x, t.exp, bits + signed, signed)
    made = [*inside, low]
    if over and under:
        sign = build(SHIFT, cast(build, x, t.exp + t.width - 1, 1, True), bits=1 - t.exp - t.width)
        limit = build(TABLE, sign, entries=(least, most), lo=-1, step=0, exp=t.exp)
        made.append(limit)
    else:
        limit = constant(build, most if over else least, t.exp)
    return [*made, build(MUX, inside[-1], low, limit)]


def _is_one_of(build: Builder, x: Node, values: tuple[int, ...]) -> list[Node]:
    """One bit, last in the list: whether x is one of a few values in units of its grid."""
    t = x.type
    if t.width <= LUT_INPUTS:
        entries = tuple(int(n in values) for n in range(t.lo, t.hi + 1))
        return [build(TABLE, x, entries=entries, lo=t.lo, step=t.exp, exp=0)]
    equal = [build(COMPARE, x, constant(build, n, t.exp), kind="eq") for n in values]
    return equal if len(equal) == 1 else [*equal, build(OR, *equal)]

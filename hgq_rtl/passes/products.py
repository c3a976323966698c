"""Multiply variables by rows of adders that select their own multiples, or by tables."""

from __future__ import annotations

from collections.abc import Callable

from hgq_rtl.fixed import Fixed
from hgq_rtl.ir.graph import Graph
from hgq_rtl.ir.node import Builder, Node
from hgq_rtl.ir.ops import ADD, BOOTH, MUL, SHIFT, TABLE, cast, constant, restrict
from hgq_rtl.passes.target import Target

TABLE_BITS = 8
"""Most bits of both factors together for a product as one table."""

Area = Callable[[Node], float]


def products(graph: Graph, target: Target) -> Graph:
    """Build products of variables from rows of one LUT per bit, where the target has these."""
    if not target.device.has_lut6:
        return graph

    def rule(build: Builder, node: Node) -> Node | None:
        return product(build, node, target.device.cost) if node.op is MUL else None

    return graph.rebuild(rule)


def product(build: Builder, node: Node, area: Area) -> Node | None:
    """The value of a ``mul`` at the least area; None where a factor is one bit or a constant."""
    a, b = node.args
    if any(x.type.is_const or (x.type.width == 1 and not x.type.signed) for x in (a, b)):
        return None
    ways = [_rows(build, a, b), _rows(build, b, a)]
    if a is b and a.type.width <= TABLE_BITS:
        ways.append([_table(build, a, [n * n for n in range(a.type.lo, a.type.hi + 1)])])
    elif a.type.width + b.type.width <= TABLE_BITS:
        ways.append([_product_table(build, a, b)])
    best = min(ways, key=lambda made: sum(map(area, made)))
    return restrict(build, best[-1], node.type)


def _rows(build: Builder, x: Node, factor: Node) -> list[Node]:
    """x times ``factor`` as a row for every two bits of the factor, the last one their sum."""
    t = factor.type
    bits = t.width + (not t.signed)
    total = constant(build, 0, 0)
    made = []
    for low in range(0, bits, 2):
        # The two bits, and the one below them, as the code of a digit.
        start = t.exp + low - (low > 0)
        code = cast(build, factor, start, 3 if low else 2, False)
        code = _shifted(build, code, int(low == 0) - start)
        row = build(BOOTH, total, _shifted(build, x, t.exp + low), code)
        made.append(row)
        # So far it is x times the bits below as a number of their own.
        limit = 1 << min(low + 2, bits) - 1
        total = restrict(build, row, _times(x.type, Fixed(-limit, limit - 1, t.exp)))
        made += [total] if total is not row else []
    return made


def _times(a: Fixed, b: Fixed) -> Fixed:
    corners = [m * n for m in (a.lo, a.hi) for n in (b.lo, b.hi)]
    return Fixed(min(corners), max(corners), a.exp + b.exp)


def _shifted(build: Builder, x: Node, bits: int) -> Node:
    return build(SHIFT, x, bits=bits) if bits and not x.type.is_zero else x


def _table(build: Builder, x: Node, entries: list[int]) -> Node:
    """entries[n - lo] for x = n·2^exp, on the grid of the square of x."""
    t = x.type
    return build(TABLE, x, entries=tuple(entries), lo=t.lo, step=t.exp, exp=2 * t.exp)


def _product_table(build: Builder, a: Node, b: Node) -> Node:
    """The product of two short numbers, looked up at the bits of both."""
    (low, high), (ta, tb) = (
        [_shifted(build, cast(build, x, x.type.exp, x.type.width, False), -x.type.exp)
         for x in (a, b)],
        (a.type, b.type),
    )  # fmt: skip
    address = build(ADD, low, _shifted(build, high, ta.width), sub=False)
    entries = [
        _number(n, ta) * _number(n >> ta.width, tb)
        for n in range(address.type.lo, address.type.hi + 1)
    ]
    lo = address.type.lo
    return build(TABLE, address, entries=tuple(entries), lo=lo, step=0, exp=ta.exp + tb.exp)


def _number(bits: int, t: Fixed) -> int:
    """The low bits as a number of the type, or any number of its width where it has no such."""
    n = bits & ((1 << t.width) - 1)
    return n - (1 << t.width) if t.signed and n >> (t.width - 1) else n

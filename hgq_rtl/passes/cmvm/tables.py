"""Sums of a few narrow values as one look-up table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import accumulate

import numpy as np

from hgq_rtl.fixed import Ints, common_exp
from hgq_rtl.ir.node import Builder, Node
from hgq_rtl.ir.ops import ADD, SHIFT, TABLE, cast, constant


def sum_table(build: Builder, args: Sequence[Node], weights: Sequence[int]) -> Node:
    """Σ weights[j]·args[j], looked up; the address is all arguments side by side."""
    live = [(x, w) for x, w in zip(args, weights, strict=True) if w and not x.type.is_zero]
    if not live:
        return constant(build, 0, 0)
    nodes = [x for x, _ in live]
    exp = common_exp(*(x.type for x in nodes))
    scale = [w << (x.type.exp - exp) for x, w in live]
    index = address(build, nodes)
    columns = values_at(nodes, range(index.type.lo, index.type.hi + 1))
    entries = np.zeros(len(columns[0]), dtype=object)  # Python integers: weights may be wide
    for s, column in zip(scale, columns, strict=True):
        entries += s * column.astype(object)
    return table_of(build, index, entries.tolist(), exp)


def table_of(build: Builder, index: Node, entries: Sequence[int], exp: int) -> Node:
    """The table of ``entries``, one for each value from the lowest of ``index``, times 2^exp."""
    if min(entries) == max(entries):
        return constant(build, entries[0], exp)
    zeros = min((n & -n).bit_length() - 1 for n in entries if n)
    return build(
        TABLE,
        index,
        entries=tuple(n >> zeros for n in entries),
        lo=index.type.lo,
        step=index.type.exp,
        exp=exp + zeros,
    )


def address(build: Builder, nodes: Sequence[Node]) -> Node:
    """All bits of ``nodes`` side by side, the first lowest: one unsigned number. Only wiring.

    A single node is its own address.
    """
    if len(nodes) == 1:
        return nodes[0]
    total: Node | None = None
    for x, offset in zip(nodes, _offsets(nodes), strict=True):
        t = x.type
        field = cast(build, x, t.exp, t.width, False)
        if offset != t.exp:
            field = build(SHIFT, field, bits=offset - t.exp)
        total = field if total is None else build(ADD, field, total, sub=False)
    assert total is not None
    return total


def values_at(nodes: Sequence[Node], addresses: Iterable[int]) -> list[Ints]:
    """For each node the integers that it has at the given values of its ``address``.

    Where the bits are none of its values the nearest one is taken: such addresses do not occur.
    """
    at = np.array(list(addresses), dtype=np.int64)
    if len(nodes) == 1:
        return [at]
    columns = []
    for x, offset in zip(nodes, _offsets(nodes), strict=True):
        t = x.type
        bits = (at >> offset) & ((1 << t.width) - 1)
        if t.signed:
            bits = bits - ((bits >> (t.width - 1)) << t.width)
        columns.append(np.clip(bits, t.lo, t.hi))
    return columns


def _offsets(nodes: Sequence[Node]) -> list[int]:
    return [0, *accumulate(x.type.width for x in nodes)][: len(nodes)]

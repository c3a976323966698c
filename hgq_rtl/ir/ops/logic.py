"""Lookup tables and bitwise logic."""

from __future__ import annotations

import numpy as np

from hgq_rtl.errors import IRError
from hgq_rtl.fixed import Fixed, Ints
from hgq_rtl.ir.node import Attrs, Node, Op
from hgq_rtl.ir.ops.common import Types, aligned, demand_bitwise, full, on_one_grid, pair


def _table_infer(types: Types, attrs: Attrs) -> Fixed:
    (t,), (entries, lo, step, exp) = types, attrs
    index = t.at(step)
    if index.lo < lo or index.hi >= lo + len(entries):
        raise IRError(
            "a table has an entry for every input",
            received=f"{len(entries)} from {lo}·2^{step} for {t}",
        )
    live = entries[index.lo - lo : index.hi - lo + 1 : 1 << (0 if t.is_zero else t.exp - step)]
    return Fixed(min(live), max(live), exp)


def _table_evaluate(node: Node, a: Ints) -> Ints:
    entries, lo, step, _ = node.attrs[:4]
    values: Ints = np.asarray(entries, dtype=np.int64 if node.type.width <= 62 else object)
    return np.asarray(values[(aligned(node.args[0], step, a) - lo).astype(np.int64)])


def _table_fit(types: Types, attrs: Attrs) -> Attrs:
    """Entries for all of a wider interval: copies of the first and of the last one."""
    (t,), (entries, lo, step, exp) = types, attrs
    index = t.at(step)
    below, above = max(0, lo - index.lo), max(0, index.hi - lo - len(entries) + 1)
    padded = entries[:1] * below + entries + entries[-1:] * above
    return padded, lo - below, step, exp


TABLE = Op(
    "table", 1, ("entries", "lo", "step", "exp"), _table_infer, _table_evaluate, fit=_table_fit
)
"""entries[n - lo]·2^exp for the argument n·2^step; the argument's own grid may be coarser."""


def _and_infer(types: Types, attrs: Attrs) -> Fixed:
    a, b = on_one_grid(types)
    if a.signed and b.signed:
        return Fixed(-(1 << (max(a.width, b.width) - 1)), max(a.hi, b.hi, 0), a.exp)
    return Fixed(0, min(t.hi for t in (a, b) if not t.signed), a.exp)


def _or_infer(types: Types, attrs: Attrs) -> Fixed:
    a, b = on_one_grid(types)
    if not a.signed and not b.signed:
        return Fixed(0, full(max(a.width, b.width)), a.exp)
    top = 1 << max(t.width - t.signed for t in (a, b))
    return Fixed(-top, top - 1, a.exp)


AND = Op(
    "and", 2, (), _and_infer, lambda node, a, b: np.bitwise_and(*pair(node, a, b)), demand_bitwise
)
"""Bitwise and of two's complement numbers, aligned by value."""

OR = Op("or", 2, (), _or_infer, lambda node, a, b: np.bitwise_or(*pair(node, a, b)), demand_bitwise)
"""Bitwise or, as ``and``."""

XOR = Op(
    "xor", 2, (), _or_infer, lambda node, a, b: np.bitwise_xor(*pair(node, a, b)), demand_bitwise
)
"""Bitwise exclusive or, as ``and``."""

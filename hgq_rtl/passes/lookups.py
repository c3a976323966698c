"""Tables of seven to nine address bits as two levels of LUTs, where these are fewer."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import numpy as np

from hgq_rtl.errors import PassError
from hgq_rtl.ir.graph import Graph
from hgq_rtl.ir.node import Builder, Node
from hgq_rtl.ir.ops import ADD, LOOKUP, TABLE, restrict
from hgq_rtl.ir.ops.lookup import LUT_INPUTS, SHARED_AT, Lut, lookup_bits
from hgq_rtl.passes.expand import is_expanded
from hgq_rtl.passes.luts import two_levels
from hgq_rtl.passes.target import Target
from hgq_rtl.timing.timeline import Timeline, deadlines

PAYS = 0.8
"""Most LUTs for each that the table is estimated to take: synthesis, too, finds some structure."""
WIDEST = 16
"""Bits of a result; more have too little in common."""
LOW = 2
"""Lowest bits of a result that may stay a table."""


def lookups(graph: Graph, target: Target) -> Graph:
    """Look up by shared bits wherever that takes fewer LUTs and is in time."""
    device, cuts, build = target.device, target.cuts, graph.builder
    if not device.has_lut6 or not is_expanded(graph):
        return graph
    arrival = Timeline(device, cuts)
    late = deadlines(graph, device, cuts) if cuts is not None else None

    def replacement(node: Node, new: Mapping[Node, Node]) -> Node:
        same = build.make(node.op, tuple([new[arg] for arg in node.args]), node.attrs)
        made = _looked_up(build, same) if node.op is TABLE else []
        if not made or sum(map(device.cost, made)) > PAYS * device.cost(node):
            return same
        return made[-1] if late is None or arrival(made[-1]).by(late[node]) else same

    return graph.replaced(replacement)


def _looked_up(build: Builder, node: Node) -> list[Node]:
    """What gives the entries of a table, the result last; nothing if no such LUTs are found.

    The lowest bits of steep functions are hardly smoother than noise: up to ``LOW`` stay a table.
    """
    (x,), (entries, lo, step, exp) = node.args, node.attrs
    t, width = x.type, node.type.width
    if not LUT_INPUTS < t.width <= SHARED_AT or width > WIDEST:
        return []
    stride = 1 << (t.exp - step)
    first = t.lo * stride - lo
    live = entries[first : t.hi * stride - lo + 1 : stride]
    index = {"lo": t.lo, "step": t.exp}
    for low in range(min(LOW + 1, width)):
        high = tuple([n >> low for n in live])
        found = _luts(high, t.lo, t.width, width - low)
        if found is None:
            continue
        shared, bits = found
        top = build(LOOKUP, x, entries=high, **index, exp=exp + low, shared=shared, bits=bits)
        if not low:
            return [top]
        rest = tuple([n & ((1 << low) - 1) for n in live])
        bottom = build(TABLE, x, entries=rest, **index, exp=exp)
        return [top, bottom, restrict(build, build(ADD, top, bottom, sub=False), node.type)]
    return []


@lru_cache(maxsize=1 << 12)
def _luts(
    entries: tuple[int, ...], lo: int, address: int, width: int
) -> tuple[tuple[Lut, ...], tuple[Lut, ...]] | None:
    """LUTs for the bits of a table whose first entry is for the address ``lo``."""
    at = np.arange(lo, lo + len(entries))
    # Addresses that do not occur have the entry of a neighbour.
    every = np.arange(1 << address)
    if lo < 0:
        every = np.where(every >> (address - 1), every - (1 << address), every)
    values = np.array(entries)[np.clip(every, at[0], at[-1]) - lo]
    found = two_levels(values >> np.arange(width)[:, None] & 1, address)
    if found is None:
        return None
    if ((lookup_bits(at, *found) ^ values[at & ((1 << address) - 1)]) & ((1 << width) - 1)).any():
        raise PassError(
            "LUTs differ from the table that they are made of",
            hint="This is a defect of hgq_rtl; please report it with the model",
        )
    return found

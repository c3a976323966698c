"""The fewest register bits for a given number of stages: a linear program.

Stages are integers with constraints on their differences only, so the matrix is totally unimodular
and the program's vertices are integral: the optimum is a schedule (Leiserson and Saxe, Retiming
synchronous circuitry, Algorithmica 6, 1991, sections 7 and 8). Values, not edges, are stored: each
costs its width from the stage that computes it to the last stage that reads it.
"""

from __future__ import annotations

from dataclasses import replace
from heapq import heappop, heappush
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog
from scipy.sparse import csr_array

from hgq_rtl.ir.graph import Graph
from hgq_rtl.ir.node import Node
from hgq_rtl.ir.ops import INPUT, SHIFT
from hgq_rtl.schedule.schedule import Schedule
from hgq_rtl.timing.model import DelayModel

LARGEST = 2_000_000
"""Most pairs of nodes to look at; a larger graph keeps the schedule it has."""

Pairs = list[tuple[int, int]]
Vector = NDArray[Any]


def fewest_registers(graph: Graph, model: DelayModel, period: int, start: Schedule) -> Schedule:
    """A schedule with the stages of ``start`` and no more register bits, or ``start`` itself.

    ``period``: the clock in ps. ``start``: a schedule with every node as early as can be, such as
    ``greedy.schedule`` makes. The result is optimal among all schedules of that latency; where
    the graph is too large for that (``LARGEST``), ``start`` is returned.
    """
    nodes = [node for node in graph.nodes if node in start.stage]
    late = _too_far(nodes, graph, model, period - model.register_overhead)
    if late is None or not nodes:
        return start
    stage = _solve(nodes, graph, late, start)
    if stage is None:
        return start
    better = replace(start, stage=stage)
    better.check(graph, model, period)
    bits = [schedule.register_bits(graph) for schedule in (better, start)]
    return better if bits[0] < bits[1] else start


def _too_far(nodes: list[Node], graph: Graph, model: DelayModel, budget: int) -> Pairs | None:
    """Pairs (u, v) that need different stages since the path from u through v is too slow.

    A pair that follows from a later u is left out, and what lies behind v follows from v. None if
    there is too much to look at.
    """
    position = {node: j for j, node in enumerate(nodes)}
    transfers = [model.transfer(n, graph.origin(n)) for n in nodes]
    users = [[position[u] for u in graph.users[node]] for node in nodes]
    found: list[list[int]] = []
    looked = 0
    for u in range(len(nodes)):
        # Latest arrivals of the arguments' lowest and highest bits, over paths from u.
        low, high, heap, far = {u: 0}, {u: 0}, [u], []
        while heap:
            v = heappop(heap)  # in topological order, so its arrivals are final
            looked += 1
            cell, carry, whole = transfers[v]
            first = low[v]
            last = max(first + carry, high[v]) + cell
            if last > budget:
                far.append(v)
                continue
            first = last if whole else first + cell
            for w in users[v]:
                if w not in high:
                    low[w], high[w] = first, last
                    heappush(heap, w)
                    continue
                if low[w] < first:
                    low[w] = first
                if high[w] < last:
                    high[w] = last
        if looked > LARGEST:
            return None
        found.append(far)
    pairs: Pairs = []
    for u, far in enumerate(found):
        later = set().union(*(found[v] for v in users[u]))
        pairs.extend((u, v) for v in far if v not in later)
    return pairs


def _solve(nodes: list[Node], graph: Graph, late: Pairs, start: Schedule) -> dict[Node, int] | None:
    """The stages of an optimal schedule. Variables: a stage s and a last read m for each node."""
    count = len(nodes)
    position = {node: j for j, node in enumerate(nodes)}
    # A shift is its argument's wires: it is computed with it and read off it.
    base = list(range(count))
    for j, node in enumerate(nodes):
        if node.op is SHIFT:
            base[j] = base[position[node.args[0]]]
    rows: list[tuple[int, int, int]] = []  # (a, b, c): x[a] - x[b] <= c
    rows.extend((base[u], base[v], -1) for u, v in late if base[u] != base[v])
    for j, node in enumerate(nodes):
        if node.op is SHIFT:
            continue
        rows.append((j, count + j, 0))
        for arg in node.args:
            if arg in position:
                a = base[position[arg]]
                rows.append((a, j, 0))
                rows.append((j, count + a, 0))
    width = np.array([0 if n.op is SHIFT else n.type.width for n in nodes], dtype=float)
    low = np.full(2 * count, float(start.first))
    high = np.concatenate([np.full(count, float(start.last)), np.full(count, float(start.latency))])
    for j, node in enumerate(nodes):
        if node.op is INPUT:
            low[j] = high[j] = 0.0
            low[count + j] = 0.0
    for node in graph.outputs:
        if node in position:
            low[count + base[position[node]]] = start.latency
    first, second, most = (np.array(column) for column in zip(*rows, strict=True))
    # The greedy schedule has every node as early as can be.
    low[:count] = np.maximum(low[:count], [start.stage[node] for node in nodes])
    _tighten(low, high, first, second, most, count)
    binding = high[first] - low[second] > most
    first, second, most = first[binding], second[binding], most[binding]
    index = np.arange(len(first))
    matrix = csr_array(
        (np.concatenate([np.ones(len(first)), -np.ones(len(first))]),
         (np.concatenate([index, index]), np.concatenate([first, second]))),
        shape=(len(first), 2 * count),
    )  # fmt: skip
    found = linprog(
        np.concatenate([-width, width]),
        A_ub=matrix,
        b_ub=most,
        bounds=np.stack([low, high], axis=1),
        method="highs-ds",
    )
    if found.status != 0:
        return None
    stages = np.rint(found.x[:count]).astype(int)
    # A shift of an input is no part of stage 0, where nothing but inputs may be.
    begin = {node: 0 if node.op is INPUT else start.first for node in nodes}
    return {node: max(int(stages[base[j]]), begin[node]) for j, node in enumerate(nodes)}


def _tighten(
    low: Vector, high: Vector, first: Vector, second: Vector, most: Vector, count: int
) -> None:
    """Bound each stage from above, and each last read from both sides, in place.

    ``low`` holds the earliest stages already. Where the bounds meet nothing is left to solve, and
    most constraints then hold by themselves: without this the program took 5 to 8 times as long.
    """
    latest = high.tolist()
    order = np.argsort(-first, kind="stable")  # users first: nodes are in topological order
    columns = (column[order].tolist() for column in (first, second, most))
    for a, b, c in zip(*columns, strict=True):
        if b < count:
            latest[a] = min(latest[a], latest[b] + c)
    high[:count] = latest[:count]
    reads = second >= count
    np.maximum.at(low, second[reads], low[first[reads]])
    # Nothing is stored longer than its last possible reader, or an output, asks.
    last = low.copy()
    np.maximum.at(last, second[reads], high[first[reads]])
    high[count:] = last[count:]

"""Edges that cross stages become registers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hgq_rtl.ir.graph import Graph
from hgq_rtl.ir.node import Node
from hgq_rtl.ir.ops import CAST, REG, SHIFT

if TYPE_CHECKING:
    from hgq_rtl.schedule.schedule import Schedule

Plan = dict[Node, tuple[int, int]]
"""For each node that is stored: (p, s) where registers hold it in stages p+1 to s."""


def register_plan(graph: Graph, schedule: Schedule) -> Plan:
    """Which values are stored, and how long: each once, however many users read it.

    Wires need not be stored twice. A shift is read off its stored argument, and a cast too, as far
    as the argument is stored anyway; beyond that the cast's fewer bits are stored, unless the casts
    of one argument together have more bits than the argument itself.
    """
    stage = schedule.stage
    needed = dict(stage)
    for node in graph.outputs:
        if node in stage:
            needed[node] = schedule.latency
    start = dict(stage)
    casts: dict[Node, list[Node]] = {}
    for node in reversed(graph.nodes):
        if node not in stage:
            continue
        if node in casts:
            _share(node, casts[node], needed, start)
        when = needed[node] if node.op is SHIFT else stage[node]
        for arg in node.args:
            if arg in stage:
                needed[arg] = max(needed[arg], when)
        if node.op is CAST:
            casts.setdefault(node.args[0], []).append(node)
    return {
        node: (start[node], end)
        for node, end in needed.items()
        if end > start[node] and node.op is not SHIFT
    }


def _share(node: Node, casts: list[Node], needed: dict[Node, int], start: dict[Node, int]) -> None:
    """Decide until when the casts of ``node`` are read off the stored ``node``."""
    own = needed[node]
    separate = sum(max(0, needed[c] - max(own, start[c])) * c.type.width for c in casts)
    latest = max(own, *(needed[c] for c in casts))
    if (latest - own) * node.type.width < separate:
        own = needed[node] = latest
    for c in casts:
        start[c] = max(start[c], min(own, needed[c]))


def insert_registers(graph: Graph, schedule: Schedule) -> Graph:
    """The graph with ``reg`` nodes, in which every output belongs to clock ``schedule.latency``.

    The name of the layer that computes a value goes to its registers too.
    """
    build, stage = graph.builder, schedule.stage
    plan = register_plan(graph, schedule)
    wanted = _last_reads(graph, schedule, plan)
    # at[n][k]: the node that carries n's value in stage stage[n] + k.
    at: dict[Node, list[Node]] = {}

    def read(node: Node, when: int) -> Node:
        return at[node][when - stage[node]] if node in stage else at[node][0]

    for node in graph.nodes:
        build.set_origin(graph.origin(node))
        if node not in stage:
            at[node] = [build.make(node.op, tuple([at[a][0] for a in node.args]), node.attrs)]
            continue
        begin = stage[node]
        stored_from = plan[node][0] if node in plan else wanted[node]
        chain = at[node] = []
        for when in range(begin, wanted[node] + 1):
            if when > stored_from:
                chain.append(build.make(REG, (chain[-1],), ()))
            elif when == begin and not node.args:
                chain.append(node)
            else:
                args = tuple([read(arg, when) for arg in node.args])
                chain.append(build.make(node.op, args, node.attrs))
    build.set_origin("")
    return graph.with_outputs(read(node, schedule.latency) for node in graph.outputs)


def _last_reads(graph: Graph, schedule: Schedule, plan: Plan) -> dict[Node, int]:
    """The last stage in which each node's value, stored or read off another, is wanted."""
    stage = schedule.stage
    last = dict(stage)
    for node in graph.outputs:
        if node in stage:
            last[node] = schedule.latency
    for node in reversed(graph.nodes):
        if node not in stage:
            continue
        when = stage[node]
        if node.op in (SHIFT, CAST):
            when = min(last[node], plan[node][0]) if node in plan else last[node]
        for arg in node.args:
            if arg in stage:
                last[arg] = max(last[arg], when)
    return last

"""Why a stage is as slow as it is: the operations on its slowest path, and the path of each."""

from __future__ import annotations

from dataclasses import dataclass

from hgq_rtl.ir.graph import Graph
from hgq_rtl.ir.node import Node
from hgq_rtl.schedule.schedule import Schedule
from hgq_rtl.timing.arrival import AT_ONCE, Arrival, latest
from hgq_rtl.timing.model import DelayModel


@dataclass(frozen=True)
class Step:
    """An operation on a path: where in the model it comes from, and its share of the delay.

    Net included. Operations that begin with the low bits of the one before have a small share.
    """

    origin: str
    op: str
    width: int
    delay_ps: int


def critical_path(graph: Graph, schedule: Schedule, model: DelayModel, stage: int) -> list[Step]:
    """The slowest path of a stage from its first to its last operation; wiring is left out."""
    # Of each node the arrival of its lowest (0) and highest bit (1), and for both what came last:
    # a node and which of its bits.
    arrival: dict[Node, Arrival] = {}
    before: dict[tuple[Node, int], tuple[Node, int] | None] = {}
    for node in graph.nodes:
        if schedule.stage.get(node) != stage:
            continue
        args = [a for a in node.args if a in arrival]
        low, high = latest(arrival[a] for a in args)
        transfer = model.transfer(node, graph.origin(node))
        arrival[node] = transfer.after(low, high)
        last = [
            next(((a, end) for a in args if arrival[a][end] == when), None)
            for end, when in enumerate((low, high))
        ]
        before[node, 1] = last[high >= low + transfer.carry]
        before[node, 0] = before[node, 1] if transfer.whole else last[0]
    slowest = max(arrival, key=lambda node: arrival[node].high, default=None)
    at = (slowest, 1) if slowest is not None else None
    steps: list[Step] = []
    while at is not None:
        (node, end), at = at, before[at]
        takes = arrival[node][end] - (arrival[at[0]][at[1]] if at is not None else 0)
        if takes:
            steps.append(Step(graph.origin(node), node.op.name, node.type.width, takes))
    return steps[::-1]


def slowest_through(graph: Graph, schedule: Schedule, model: DelayModel) -> dict[Node, int]:
    """Picoseconds of the slowest path of its stage that each operation is on, registers apart."""
    arrival: dict[Node, Arrival] = {}
    # How long it takes from the lowest and from the highest bit of a value to the stage's end.
    rest: dict[Node, Arrival] = dict.fromkeys(graph.nodes, AT_ONCE)
    placed = [node for node in graph.nodes if node in schedule.stage]
    inside = {
        node: [a for a in node.args if schedule.stage.get(a) == schedule.stage[node]]
        for node in placed
    }
    for node in placed:
        start = latest(arrival[a] for a in inside[node])
        arrival[node] = model.transfer(node, graph.origin(node)).after(*start)
    for node in reversed(placed):
        before = model.transfer(node, graph.origin(node)).before(*rest[node])
        for arg in inside[node]:
            rest[arg] = latest((rest[arg], before))
    return {
        node: max(arrival[node].low + rest[node].low, arrival[node].high + rest[node].high)
        for node in placed
    }

"""Why a stage is as slow as it is: the operations on its slowest path."""

from __future__ import annotations

from dataclasses import dataclass

from hgq_rtl.ir.graph import Graph
from hgq_rtl.ir.node import Node
from hgq_rtl.schedule.schedule import Schedule
from hgq_rtl.timing.model import DelayModel


@dataclass(frozen=True)
class Step:
    """An operation on a path: where in the model it comes from, and its delay, net included."""

    origin: str
    op: str
    width: int
    delay_ps: int


def critical_path(graph: Graph, schedule: Schedule, model: DelayModel, stage: int) -> list[Step]:
    """The slowest path of a stage from its first to its last operation; wiring is left out."""
    arrival: dict[Node, int] = {}
    before: dict[Node, Node | None] = {}
    for node in graph.nodes:
        if schedule.stage.get(node) != stage:
            continue
        last = max((a for a in node.args if a in arrival), key=arrival.__getitem__, default=None)
        start = arrival[last] if last is not None else 0
        arrival[node], before[node] = start + model.delay(node, graph.origin(node)), last
    steps: list[Step] = []
    at = max(arrival, key=arrival.__getitem__, default=None)
    while at is not None:
        if delay := model.delay(at, graph.origin(at)):
            steps.append(Step(graph.origin(at), at.op.name, at.type.width, delay))
        at = before[at]
    return steps[::-1]

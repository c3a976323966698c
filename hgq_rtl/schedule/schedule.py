"""Schedule: which stage computes each node. A side table with its own check."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hgq_rtl.errors import ScheduleError
from hgq_rtl.ir.graph import Graph
from hgq_rtl.ir.node import Node
from hgq_rtl.ir.ops import INPUT
from hgq_rtl.schedule.registers import register_plan
from hgq_rtl.timing.arrival import Arrival, latest
from hgq_rtl.timing.model import DelayModel


@dataclass(frozen=True, eq=False)
class Schedule:
    """The stage of every node that depends on an input.

    A node of stage s is computed combinationally in stage s. Inputs arrive in stage 0; with
    ``register_inputs`` nothing else is in stage 0. A value of stage p read in stage s crosses
    s - p registers. Outputs are read in stage ``latency``, in clocks after the inputs; with
    ``register_outputs`` nothing is computed in that stage, so every output leaves a register.
    Nodes that depend on constants alone belong to every stage and have no entry.
    """

    stage: Mapping[Node, int]
    latency: int
    register_inputs: bool = False
    register_outputs: bool = True

    @property
    def first(self) -> int:
        """The first stage that may compute."""
        return int(self.register_inputs)

    @property
    def last(self) -> int:
        """The last stage that may compute."""
        return self.latency - self.register_outputs

    def stage_delays(self, graph: Graph, model: DelayModel) -> list[int]:
        """Picoseconds of each stage's slowest path, registers included; one per stage that may
        compute, counted from stage 0. To be compared with the clock period.
        """
        worst = [0] * (self.last + 1)
        arrival: dict[Node, Arrival] = {}
        for node in graph.nodes:
            stage = self.stage.get(node)
            if stage is None:
                continue
            start = latest(arrival[a] for a in node.args if self.stage.get(a) == stage)
            arrival[node] = model.transfer(node, graph.origin(node)).after(*start)
            worst[stage] = max(worst[stage], arrival[node].high)
        return [delay + model.register_overhead for delay in worst]

    def check(self, graph: Graph, model: DelayModel, clock_ps: int) -> None:
        """Raise ScheduleError unless values flow forward in time and every stage fits the clock."""
        for node in graph.nodes:
            timed = [arg for arg in node.args if arg in self.stage]
            if (node.op is INPUT or bool(timed)) != (node in self.stage):
                _broken(graph, node, "has a stage" if node in self.stage else "has no stage")
            if node not in self.stage:
                continue
            stage = self.stage[node]
            if node.op is INPUT:
                if stage != 0:
                    _broken(graph, node, f"is an input in stage {stage}")
            elif any(self.stage[arg] > stage for arg in timed):
                _broken(graph, node, f"of stage {stage} reads a value of a later stage")
            elif not self.first <= stage <= self.last:
                _broken(
                    graph, node, f"of stage {stage} is outside stages {self.first} to {self.last}"
                )
        for stage, delay in enumerate(self.stage_delays(graph, model)):
            if delay > clock_ps:
                raise ScheduleError(
                    f"stage {stage} takes {delay} ps, the clock allows {clock_ps} ps"
                )

    def register_bits(self, graph: Graph) -> int:
        """Flip-flops of the data path: the width of every value times the registers it crosses."""
        plan = register_plan(graph, self)
        return sum(node.type.width * (end - start) for node, (start, end) in plan.items())


def _broken(graph: Graph, node: Node, what: str) -> None:
    raise ScheduleError(f"op '{node.op.name}' {what}", where=graph.where(node))

"""The fewest stages: every node as early as its arguments and the clock allow."""

from __future__ import annotations

import math
from numbers import Integral

from hgq_rtl.errors import ScheduleError
from hgq_rtl.ir.graph import Graph
from hgq_rtl.ir.node import Node
from hgq_rtl.ir.ops import INPUT
from hgq_rtl.schedule.schedule import Schedule
from hgq_rtl.timing.model import DelayModel
from hgq_rtl.timing.timeline import NEVER, Step, arrive, stage_of


def clock_ps(clock_ns: float) -> int:
    """The clock period in whole picoseconds. Raises ScheduleError unless it is positive.

    >>> clock_ps(2.2)
    2200
    """
    if not (math.isfinite(clock_ns) and round(clock_ns * 1000) > 0):
        raise ScheduleError(
            "the clock period must be a positive number of ns", received=f"{clock_ns}"
        )
    return round(clock_ns * 1000)


def check_wanted(
    clock_ns: float | None, stages: int | None = None, max_latency_ns: float | None = None
) -> None:
    """Raise ScheduleError for what no design can have, whatever it computes."""
    if clock_ns is None and stages is None:
        raise ScheduleError(
            "neither a clock period nor a number of stages is given",
            hint="Give clock_ns (--clock-ns), stages (--stages) or both",
        )
    if clock_ns is not None:
        clock_ps(clock_ns)
    if stages is not None and not (isinstance(stages, Integral) and stages >= 1):
        raise ScheduleError("a design has one stage or more", received=f"stages={stages}")
    if max_latency_ns is not None and not max_latency_ns > 0:
        raise ScheduleError(
            "the latency allowed must be a positive number of ns",
            received=f"max_latency_ns={max_latency_ns}",
        )


def schedule(
    graph: Graph,
    model: DelayModel,
    clock_ns: float,
    *,
    stages: int | None = None,
    register_inputs: bool = False,
    register_outputs: bool = True,
) -> Schedule:
    """A schedule with the fewest possible stages for this clock, one operation after the other.

    Every node gets the smallest stage, and in it the earliest arrival of its bits, that its
    arguments permit, which is also what its users need, so no schedule has fewer stages.
    ``stages``: how many there shall be, if more than the fewest. Raises ScheduleError if one
    operation alone is slower than a stage, or ``stages`` are not enough.
    """
    period = clock_ps(clock_ns)
    budget = period - model.register_overhead
    steps = _steps(graph, model)
    _check_feasible(graph, model, period, steps)
    lows: dict[Node, int] = {}
    highs: dict[Node, int] = {}
    arrive(steps, budget, lows, highs)
    first = int(register_inputs)
    stage: dict[Node, int] = {}
    for node in graph.nodes:
        if node.op is INPUT:
            stage[node] = 0
        elif any(arg in stage for arg in node.args):
            stage[node] = first + stage_of(highs[node], budget)
    last = max([first, *(stage[node] for node in graph.outputs if node in stage)])
    if stages is not None:
        if last - first + 1 > stages:
            best = shortest_clock(graph, model, stages)
            named = "1 stage" if stages == 1 else f"{stages} stages"
            raise ScheduleError(
                f"{named} cannot hold it at a clock of {period / 1000:g} ns",
                received=f"the fewest are {last - first + 1}",
                hint=f"The fastest clock with {named} on '{model.name}' is {best / 1000:g} ns",
            )
        last = first + stages - 1
    # Nodes that no output needs do not exist in graph.nodes, except inputs.
    return Schedule(stage, last + register_outputs, register_inputs, register_outputs)


def shortest_clock(graph: Graph, model: DelayModel, stages: int) -> int:
    """The shortest period in ps for which ``stages`` stages are enough, registers included."""
    check_wanted(None, stages)
    steps = _steps(graph, model)

    def last(budget: int) -> int:
        highs: dict[Node, int] = {}
        arrive(steps, budget, {}, highs)
        return max([highs[node] for node in graph.outputs], default=0)

    slowest = max([transfer.cell + transfer.carry for _, _, transfer in steps], default=0)
    # One stage holds everything; no stages hold more than their budgets together.
    high = max(slowest, last(NEVER - 1))
    low = max(slowest, -(-high // stages))
    while low < high:
        middle = (low + high) // 2
        if stage_of(last(middle), middle) < stages:
            high = middle
        else:
            low = middle + 1
    return low + model.register_overhead


def _steps(graph: Graph, model: DelayModel) -> list[Step]:
    return [(node, node.args, model.transfer(node, graph.origin(node))) for node in graph.nodes]


def _check_feasible(graph: Graph, model: DelayModel, period: int, steps: list[Step]) -> None:
    delays = {node: transfer.cell + transfer.carry for node, _, transfer in steps}
    if model.register_overhead + max(delays.values(), default=0) > period:
        # Only where there is an error to explain, and split needs schedules itself.
        from hgq_rtl.schedule.split import slowest

        node, fastest = slowest(graph, model)
        worst = delays[node]
        raise ScheduleError(
            f"op '{node.op.name}' of {node.type.width} bits takes {worst} ps, "
            f"more than one stage of {period} ps can hold",
            received=f"a clock of {period / 1000} ns, of which registers take "
            f"{model.register_overhead} ps",
            where=graph.where(node),
            hint=f"The fastest clock for this design on '{model.name}' is "
            f"{(fastest + model.register_overhead) / 1000} ns",
        )

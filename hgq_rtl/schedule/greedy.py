"""The fewest stages: every node as early as its arguments and the clock allow."""

from __future__ import annotations

import math

from hgq_rtl.errors import ScheduleError
from hgq_rtl.ir.graph import Graph
from hgq_rtl.ir.node import Node
from hgq_rtl.ir.ops import INPUT
from hgq_rtl.schedule.schedule import Schedule
from hgq_rtl.timing.arrival import AT_ONCE, Arrival, Transfer, latest
from hgq_rtl.timing.model import DelayModel


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
    _check_feasible(graph, model, period)
    first = int(register_inputs)
    stage: dict[Node, int] = {}
    ready: dict[Node, Arrival] = {}
    for node in graph.nodes:
        if node.op is INPUT:
            stage[node], ready[node] = 0, AT_ONCE
            continue
        args = [arg for arg in node.args if arg in stage]
        if not args:
            continue
        at = max(max(stage[arg] for arg in args), first)
        transfer = model.transfer(node, graph.origin(node))
        arrival = transfer.after(*latest(ready[arg] for arg in args if stage[arg] == at))
        if arrival.high > budget:
            at, arrival = at + 1, transfer.after(*AT_ONCE)
        stage[node], ready[node] = at, arrival
    last = max([first, *(stage[node] for node in graph.outputs if node in stage)])
    if stages is not None:
        if last - first + 1 > stages:
            best = shortest_clock(graph, model, stages)
            raise ScheduleError(
                f"{stages} stages are not enough for a clock of {period / 1000:g} ns",
                received=f"the fewest are {last - first + 1}",
                hint=f"The fastest clock with {stages} stages on '{model.name}' is "
                f"{best / 1000:g} ns",
            )
        last = first + stages - 1
    # Nodes that no output needs do not exist in graph.nodes, except inputs.
    return Schedule(stage, last + register_outputs, register_inputs, register_outputs)


def shortest_clock(graph: Graph, model: DelayModel, stages: int) -> int:
    """The shortest period in ps for which ``stages`` stages are enough, registers included."""
    if stages < 1:
        raise ScheduleError("a design has at least one stage", received=f"stages={stages}")
    position: dict[Node, int] = {}
    transfers: list[Transfer] = []
    above: list[list[int]] = []
    for node in graph.nodes:
        args = [position[arg] for arg in node.args if arg in position]
        if node.op is INPUT or args:
            position[node] = len(transfers)
            transfers.append(model.transfer(node, graph.origin(node)))
            above.append(args)
    ends = [position[node] for node in graph.outputs if node in position]

    def fits(budget: int) -> bool:
        # Both ends' (stage, arrival) as one number; an earlier stage's arrival is before all here.
        unit = budget + 1
        lows, highs = [0] * len(transfers), [0] * len(transfers)
        for j, ((cell, carry, whole), args) in enumerate(zip(transfers, above, strict=True)):
            if not args:
                continue
            high = max([highs[a] for a in args])
            begin = high - high % unit
            low = max(begin, max([lows[a] for a in args]))
            high = max(low + carry, high) + cell
            if high - begin > budget:
                low = begin + unit
                high = low + carry + cell
            lows[j], highs[j] = high if whole else low + cell, high
        return all(highs[j] // unit < stages for j in ends)

    low = max([cell + carry for cell, carry, _ in transfers], default=0)
    high = sum(cell + carry for cell, carry, _ in transfers)
    while low < high:
        middle = (low + high) // 2
        if fits(middle):
            high = middle
        else:
            low = middle + 1
    return low + model.register_overhead


def _check_feasible(graph: Graph, model: DelayModel, period: int) -> None:
    delays = [(model.delay(node, graph.origin(node)), node) for node in graph.nodes]
    worst, node = max(delays, key=lambda pair: pair[0], default=(0, None))
    fastest = worst + model.register_overhead
    if node is not None and fastest > period:
        raise ScheduleError(
            f"op '{node.op.name}' of {node.type.width} bits takes {worst} ps, "
            f"more than one stage of {period} ps can hold",
            received=f"a clock of {period / 1000} ns, of which registers take "
            f"{model.register_overhead} ps",
            where=graph.where(node),
            hint=f"The fastest clock for this design on '{model.name}' is {fastest / 1000} ns",
        )

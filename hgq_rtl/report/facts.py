"""What there is to say about a design, as plain data that JSON can hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from hgq_rtl.ir.graph import Graph
from hgq_rtl.ir.interface import Interface, Port
from hgq_rtl.ir.ops import REG
from hgq_rtl.schedule.critical import critical_path, slowest_through
from hgq_rtl.schedule.schedule import Schedule
from hgq_rtl.timing.model import DelayModel


def facts(
    name: str,
    graph: Graph,
    scheduled: Graph,
    schedule: Schedule,
    device: DelayModel,
    interface: Interface,
    clock_ns: float,
    notes: Mapping[str, Any],
) -> dict[str, Any]:
    """The report's data: LUT estimates, flip-flops, stages and ports.

    LUTs are the device model's estimate, rounded per layer; flip-flops are counted exactly (the
    valid pipeline adds one per clock of latency). Delays are in ps.
    """
    period = round(clock_ns * 1000)
    delays = schedule.stage_delays(graph, device)
    worst = max(range(len(delays)), key=delays.__getitem__)
    layers = _layers(graph, scheduled, schedule, device)
    return {
        "name": name,
        "device": device.name,
        "clock_ns": clock_ns,
        "latency_clocks": schedule.latency,
        "latency_ns": schedule.latency * clock_ns,
        "initiation_interval": 1,
        "luts": round(sum(layer["luts"] for layer in layers.values())),
        "flip_flops": sum(layer["flip_flops"] for layer in layers.values()) + schedule.latency,
        "nodes": len(graph.nodes),
        "stage_delays_ps": delays,
        "worst_stage": {
            "stage": worst,
            "delay_ps": delays[worst],
            "slack_ps": period - delays[worst],
            "registers_ps": device.register_overhead,
            "path": [asdict(step) for step in critical_path(graph, schedule, device, worst)],
        },
        "layers": [{"name": layer, **numbers} for layer, numbers in layers.items()],
        "inputs": [_port(port) for port in interface.inputs],
        "outputs": [_port(port) for port in interface.outputs],
        **notes,
    }


def _layers(
    graph: Graph, scheduled: Graph, schedule: Schedule, device: DelayModel
) -> dict[str, dict[str, Any]]:
    """Numbers by layer, in order of computation; "" collects what belongs to none.

    ``widths``: how many results of operations have so many bits. ``stages``: the first and the
    last stage in which the layer computes. ``stage_ps``: the slowest path of a stage that an
    operation of the layer is on, registers included.
    """
    through = slowest_through(graph, schedule, device)
    layers: dict[str, dict[str, Any]] = {}

    def of(origin: str) -> dict[str, Any]:
        empty: dict[str, Any] = {"luts": 0.0, "flip_flops": 0, "operations": 0}
        empty |= {"stages": None, "stage_ps": 0, "widths": Counter()}
        return layers.setdefault(origin.partition("/")[0], empty)

    for node in graph.nodes:
        if device.delay(node, graph.origin(node)):
            layer = of(graph.origin(node))
            layer["luts"] += device.cost(node, graph.origin(node))
            layer["operations"] += 1
            layer["widths"][node.type.width] += 1
            if (stage := schedule.stage.get(node)) is not None:
                first, last = layer["stages"] or (stage, stage)
                layer["stages"] = [min(first, stage), max(last, stage)]
                path = through[node] + device.register_overhead
                layer["stage_ps"] = max(layer["stage_ps"], path)
    for node in scheduled.nodes:
        if node.op is REG:
            source = node
            while source.op is REG:
                source = source.args[0]
            of(graph.origin(source))["flip_flops"] += node.type.width
    for layer in layers.values():
        layer["luts"] = round(layer["luts"], 1)
        layer["widths"] = [list(pair) for pair in sorted(layer["widths"].items())]
    return layers


def _port(port: Port) -> dict[str, Any]:
    values = [t for t in port.types if t.width]
    low = min((t.lo * 2.0**t.exp for t in values), default=0.0)
    high = max((t.hi * 2.0**t.exp for t in values), default=0.0)
    return {
        "name": port.name,
        "shape": list(port.shape),
        "bits": port.width,
        "elements_in_use": len(values),
        "range": [low, high],
        "outside_range": _outside(port),
    }


def _outside(port: Port) -> str:
    """What happens to a value beyond the range of an input."""
    if port.quantization is None:
        return "refused"
    return "wraps" if port.quantization.overflow == "WRAP" else "saturates"

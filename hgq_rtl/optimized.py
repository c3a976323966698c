"""Optimised and scheduled graphs on disk, by everything that they depend on.

The same model for the same clock and device, again, needs no pass and no linear program. What is
read back was verified before it was written.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import astuple, dataclass
from typing import Any

from hgq_rtl import cache
from hgq_rtl.ir.graph import Graph
from hgq_rtl.ir.text import from_text, to_text
from hgq_rtl.passes.pipeline import PassRecord
from hgq_rtl.passes.target import Target
from hgq_rtl.schedule.schedule import Schedule
from hgq_rtl.timing.model import DelayModel

KIND = "optimized"


@dataclass(frozen=True)
class Optimized:
    """A graph after all passes, its schedule, the clock in ns and what the passes did."""

    graph: Graph
    schedule: Schedule
    clock_ns: float
    passes: tuple[PassRecord, ...]


def entry(lowered: Graph, model: DelayModel, options: Any) -> str:
    """The name of an entry. ``options``: what else was asked for, as JSON can hold it."""
    code = cache.code("da4ml", "numpy", "scipy")
    return cache.digest(code, Target(model).fingerprint, json.dumps(options), to_text(lowered))


def kept(name: str, compute: Callable[[], Optimized]) -> Optimized:
    """What is stored under a name; if there is nothing, or not all of it, what is computed now.

    A new result comes back as it will be read the next time, so that names do not depend on what
    else its builder has made.
    """
    text = cache.read(KIND, name)
    if text is None:
        text = _encode(compute())
        cache.write(KIND, name, text)
    return _decode(text)


def _encode(found: Optimized) -> bytes:
    stage, plan = found.schedule.stage, found.schedule
    data = {
        "graph": to_text(found.graph),
        "stages": [stage.get(node) for node in found.graph.nodes],
        "ends": [plan.latency, plan.register_inputs, plan.register_outputs],
        "clock_ns": found.clock_ns,
        "passes": [astuple(record) for record in found.passes],
    }
    return json.dumps(data).encode()


def _decode(text: bytes) -> Optimized:
    data = json.loads(text)
    graph = from_text(data["graph"])
    stages = zip(graph.nodes, data["stages"], strict=True)
    stage = {node: number for node, number in stages if number is not None}
    passes = tuple(PassRecord(*record) for record in data["passes"])
    return Optimized(graph, Schedule(stage, *data["ends"]), data["clock_ns"], passes)

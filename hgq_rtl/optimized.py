"""Optimised and scheduled graphs on disk, by everything that they depend on.

The same model for the same clock and device, again, needs no pass and no linear program. What is
read back was verified before it was written, and is checked by its own hash.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import astuple, dataclass
from functools import cache as once
from importlib.metadata import version
from pathlib import Path
from typing import Any

from hgq_rtl import cache
from hgq_rtl.errors import HgqRtlError
from hgq_rtl.ir.graph import Graph
from hgq_rtl.ir.text import from_text, to_text
from hgq_rtl.passes.pipeline import PassRecord
from hgq_rtl.passes.target import Target
from hgq_rtl.schedule.schedule import Schedule
from hgq_rtl.timing.model import DelayModel

KIND = "optimized"
_CODE = ("fixed.py", "ir", "optimize.py", "optimized.py", "passes", "schedule", "timing")


@dataclass(frozen=True)
class Optimized:
    """A graph after all passes, its schedule, the clock in ns and what the passes did."""

    graph: Graph
    schedule: Schedule
    clock_ns: float
    passes: tuple[PassRecord, ...]


def entry(lowered: Graph, model: DelayModel, options: Any) -> str:
    """The name of an entry. ``options``: what else was asked for, as JSON can hold it."""
    return cache.digest(_code(), Target(model).fingerprint, json.dumps(options), to_text(lowered))


def kept(name: str, compute: Callable[[], Optimized]) -> Optimized:
    """What is stored under a name; if there is nothing, or not all of it, what is computed now.

    A new result comes back as it will be read the next time, so that names do not depend on what
    else its builder has made.
    """
    check, _, text = (cache.read(KIND, name) or b"").partition(b"\n")
    if cache.digest(text).encode() == check:
        try:
            return _decode(text)
        except (HgqRtlError, KeyError, TypeError, ValueError):
            pass  # another program's entry: computed anew
    text = _encode(compute())
    cache.write(KIND, name, cache.digest(text).encode() + b"\n" + text)
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


@once
def _code() -> str:
    """A hash of all code that the result depends on, and of the libraries that it uses."""
    package = Path(__file__).parent
    files = [f for name in _CODE for f in (package / name).rglob("*") if f.suffix in (".py", ".cc")]
    files += [package / name for name in _CODE if name.endswith(".py")]
    versions = [f"{name} {version(name)}" for name in ("da4ml", "numpy", "scipy")]
    return cache.digest(*versions, *[file.read_bytes() for file in sorted(files)])

"""Holds one vector still until the pipeline is full of it, and reads every named signal."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import cocotb
from bench import Bench
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge

PERIOD_NS = 8


@cocotb.test()
async def read_signals(dut: Any) -> None:
    """Write the bits of each signal, by the id of its node in graph.ir."""
    bench = Bench(dut)
    signals = json.loads(Path(os.environ["HGQ_RTL_SIGNALS"]).read_text())
    bench.clk.value = 0
    bench.drive(True, bench.stimuli[int(os.environ["HGQ_RTL_PROBE"])])
    Clock(bench.clk, PERIOD_NS, "ns").start(start_high=True)
    for _ in range(bench.latency + 2):
        await FallingEdge(bench.clk)
    values: dict[str, str] = {}
    for node, signal in signals.items():
        found = lookup(dut, signal["path"].split("."))
        # A signal that the simulator does not show is left out: the host counts those.
        if found is not None:
            values[node] = str(found.value)
    Path(os.environ["HGQ_RTL_RESULT"]).write_text(json.dumps({"values": values}) + "\n")


def lookup(handle: Any, path: list[str]) -> Any:
    """The object at a hierarchical path, or None."""
    for name in path:
        try:
            handle = handle[name]
        except (AttributeError, IndexError, KeyError, TypeError):
            return None
    return handle

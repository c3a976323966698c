"""What users import into their own cocotb regression. The only modules that import cocotb."""

from __future__ import annotations

from hgq_rtl.cosim.bench.ends import SampleDriver, SampleMonitor, StreamDriver, StreamMonitor
from hgq_rtl.cosim.bench.handshake import bursts
from hgq_rtl.cosim.bench.scoreboard import Scoreboard

__all__ = [
    "SampleDriver",
    "SampleMonitor",
    "Scoreboard",
    "StreamDriver",
    "StreamMonitor",
    "bursts",
]

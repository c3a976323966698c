"""Co-simulation: the Verilog against the graph, bit by bit, with cocotb on Verilator.

The drivers, monitors and the scoreboard are for regressions of the user's own; they import
cocotb, and nothing here imports Keras.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from hgq_rtl.cosim.regression import simulate
from hgq_rtl.cosim.subject import Signal, Subject
from hgq_rtl.cosim.verify import VerifyResult, verify

if TYPE_CHECKING:
    from hgq_rtl.cosim.bench import (
        SampleDriver,
        SampleMonitor,
        Scoreboard,
        StreamDriver,
        StreamMonitor,
        bursts,
    )

__all__ = [
    "SampleDriver",
    "SampleMonitor",
    "Scoreboard",
    "Signal",
    "StreamDriver",
    "StreamMonitor",
    "Subject",
    "VerifyResult",
    "bursts",
    "simulate",
    "verify",
]


def __getattr__(name: str) -> Any:
    """cocotb is imported with the first of its users: verifying needs it in the simulator only."""
    if name not in __all__:
        raise AttributeError(f"module 'hgq_rtl.cosim' has no attribute {name!r}")
    return getattr(import_module("hgq_rtl.cosim.bench"), name)

"""Co-simulation: the Verilog against the graph, bit by bit, with cocotb on Verilator."""

from __future__ import annotations

from hgq_rtl.cosim.subject import Signal, Subject
from hgq_rtl.cosim.verify import VerifyResult, verify

__all__ = ["Signal", "Subject", "VerifyResult", "verify"]

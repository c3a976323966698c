"""What a project folder offers beside the core: one file per tool, one line here."""

from __future__ import annotations

from hgq_rtl.project.tools import (
    cocotb,
    emulator,
    fusesoc,
    ip,
    quartus,
    records,
    stream,
    testbenches,
    vhdl,
    vivado,
    yosys,
    zynq,
)

TOOLS = (
    vhdl.TOOL,
    records.TOOL,
    stream.TOOL,
    cocotb.TOOL,
    testbenches.TOOL,
    emulator.TOOL,
    vivado.TOOL,
    ip.TOOL,
    zynq.TOOL,
    quartus.TOOL,
    yosys.TOOL,
    fusesoc.TOOL,
)
"""In the order of the folder's README."""

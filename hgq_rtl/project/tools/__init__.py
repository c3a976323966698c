"""What a project folder offers beside the core: one file per tool, one line here."""

from __future__ import annotations

from hgq_rtl.project.tools import cocotb, ip, records, stream, vivado, zynq

TOOLS = (records.TOOL, stream.TOOL, cocotb.TOOL, vivado.TOOL, ip.TOOL, zynq.TOOL)
"""In the order of the folder's README."""

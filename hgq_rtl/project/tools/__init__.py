"""What a project folder offers beside the core: one file per tool, one line here."""

from __future__ import annotations

from hgq_rtl.project.tools import cocotb, stream, vivado

TOOLS = (stream.TOOL, cocotb.TOOL, vivado.TOOL)
"""In the order of the folder's README."""

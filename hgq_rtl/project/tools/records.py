"""Wrappers with a record per tensor, in SystemVerilog and VHDL."""

from __future__ import annotations

from hgq_rtl.emit.records import systemverilog, vhdl
from hgq_rtl.project.core import Core
from hgq_rtl.project.tools.tool import Tool


def _files(core: Core) -> dict[str, str]:
    top, known = core.emitted.top, (core.emitted, core.interface, core.info)
    return {
        f"rtl/{top}_sv.sv": systemverilog(*known),
        f"rtl/{top}_vhdl.vhd": vhdl(*known),
    }


def _guide(core: Core) -> str:
    top = core.emitted.top
    return (
        f"`rtl/{top}_sv.sv` (module `{top}_sv`, package `{top}_sv_types`) and\n"
        f"`rtl/{top}_vhdl.vhd` (entity `{top}_vhdl`, package `{top}_vhdl_types`, VHDL-2008) wrap\n"
        "the packed top: a struct or record per tensor, whose fields are the elements as signed\n"
        "or unsigned numbers.\n"
    )


TOOL = Tool("SystemVerilog and VHDL", _files, _guide)

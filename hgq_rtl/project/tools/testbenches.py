"""Testbenches without Python, on the vectors of the regression."""

from __future__ import annotations

from hgq_rtl.emit.records import records
from hgq_rtl.project.core import Core
from hgq_rtl.project.templates import fill
from hgq_rtl.project.tools.tool import Tool, values


def _files(core: Core) -> dict[str, str]:
    tensors = [
        {
            "bus": one.bus,
            "way": one.way,
            "type": one.type,
            "width": one.width,
            "range": f"[{one.width - 1}:0] " if one.width > 1 else "",
            "digits": 2 * -(-one.width // 8),  # of a number in a file of vectors
            "format": "%h",
        }
        for one in records(core.emitted, core.interface)
    ]
    known = {
        **values(core),
        "vhdl": list(core.vhdl),
        "ins": [one for one in tensors if one["way"] == "in"],
        "outs": [one for one in tensors if one["way"] == "out"],
    }
    return {
        "sim/sources.mk": fill("sim/sources.mk", **known),
        f"sim/{core.emitted.top}_tb.v": fill("sim/testbench.v", **known),
        f"sim/{core.emitted.top}_tb.vhd": fill("sim/testbench.vhd", **known),
    }


def _guide(core: Core) -> str:
    return fill("sim/testbenches.md", **values(core))


TOOL = Tool(
    "Testbenches in Verilog and VHDL",
    _files,
    _guide,
    ("sim/xsim.dir/*", "sim/*.log", "sim/*.jou", "sim/*.pb", "sim/*.wdb"),
)

"""The core in VHDL-2008."""

from __future__ import annotations

from hgq_rtl.project.core import Core
from hgq_rtl.project.tools.tool import Tool


def _files(core: Core) -> dict[str, str]:
    return {f"vhdl/{name}": text for name, text in core.vhdl.items()}


def _guide(core: Core) -> str:
    top = core.emitted.top
    return (
        f"`vhdl/` holds the same core in VHDL-2008 on `ieee.numeric_std`: `{top}_packed`, and\n"
        f"`{top}`, whose ports are `signed` and `unsigned` numbers. Layers, signals, ports and\n"
        "latency are those of the Verilog: take the one or the other, not both into one library.\n"
        "It has no vendor primitives; a sum of three is written `a + b + c`.\n"
    )


TOOL = Tool("The core in VHDL", _files, _guide)

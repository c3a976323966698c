"""Constraints and scripts for AMD Vivado."""

from __future__ import annotations

from hgq_rtl.project.core import Core
from hgq_rtl.project.templates import fill
from hgq_rtl.project.tools.tool import Tool, values

SCRIPTS = ("common.tcl", "synth.tcl", "project.tcl")
OUTPUTS = (
    *("vivado/reports/*", "vivado/project/*"),
    *("*vivado*.jou", "*vivado*.log", "*.Xil/*"),
)


def _files(core: Core) -> dict[str, str]:
    known = values(core)
    files = {f"vivado/{name}": fill(f"vivado/{name}", **known) for name in SCRIPTS}
    files["constraints/clock.xdc"] = fill("constraints/clock.xdc", **known)
    if core.delivery.place:
        files["constraints/floorplan.xdc"] = fill("constraints/floorplan.xdc", **known)
    return files


def _guide(core: Core) -> str:
    return fill("vivado/README.md", **values(core))


TOOL = Tool("Vivado", _files, _guide, OUTPUTS)

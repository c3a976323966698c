"""Constraints and scripts for AMD Vivado."""

from __future__ import annotations

from hgq_rtl.project.core import Core
from hgq_rtl.project.templates import fill
from hgq_rtl.project.tools.tool import Tool, values


def _files(core: Core) -> dict[str, str]:
    known = values(core)
    return {
        "constraints/clock.xdc": fill("constraints/clock.xdc", **known),
        "vivado/synth.tcl": fill("vivado/synth.tcl", **known),
    }


def _guide(core: Core) -> str:
    return fill("vivado/README.md", **values(core))


TOOL = Tool("Vivado", _files, _guide)

"""Constraints and a project script for Intel Quartus."""

from __future__ import annotations

from hgq_rtl.project.core import Core
from hgq_rtl.project.templates import fill
from hgq_rtl.project.tools.tool import Tool, values

OUTPUTS = ("quartus/output_files/*", "quartus/*db/*", "quartus/*.qpf", "quartus/*.qsf")


def _files(core: Core) -> dict[str, str]:
    known = values(core)
    return {
        "constraints/clock.sdc": fill("quartus/clock.sdc", **known),
        "quartus/project.tcl": fill("quartus/project.tcl", **known),
    }


def _guide(core: Core) -> str:
    return (
        "    quartus_sh -t quartus/project.tcl -device AGFB014R24A2E2V\n\n"
        "compiles the core alone, its ports as virtual pins; the estimates of this report are for\n"
        f"{core.device}, not for that device.\n"
    )


TOOL = Tool("Quartus", _files, _guide, OUTPUTS)

"""Scripts for open tools: synthesis with Yosys, place and route with nextpnr."""

from __future__ import annotations

from collections.abc import Collection

from hgq_rtl.project.core import Core
from hgq_rtl.project.templates import fill
from hgq_rtl.project.tools.tool import Tool, values

FAMILIES = {
    "xilinx-us+": ("xilinx", "xcup"),
    "xilinx-7": ("xilinx", "xc7"),
    "ecp5": ("ecp5", ""),
    "generic": ("xilinx", "xcup"),
}
"""Architecture and family that Yosys synthesizes for, by the target of the device."""
SYNTH = {
    "xilinx": "synth_xilinx -family {family} -flatten -noiopad -nodsp",
    "ecp5": "synth_ecp5 -nobram -nodsp",
}
"""The one command of each architecture. DSP blocks are left out: logic is what is counted."""


OUTPUTS = tuple(
    f"yosys/{start}{end}"
    for start in ("", "ecp5_")
    for end in ("netlist.v", "netlist.json", "stat.json", "synth.log", "route.json")
)


def script(
    files: Collection[str],
    top: str,
    architecture: str,
    family: str,
    *,
    keep: Collection[str] = (),
    defer: bool = False,
    out: str = "",
) -> str:
    """A Yosys script that leaves ``stat.json``, ``netlist.v`` and ``netlist.json`` at ``out``.

    ``keep``: modules that are not flattened into their parent. ``defer``: elaborate modules only
    with the parameters that they are used with. What is written in cells of AMD devices for
    synthesis is read as it is for simulation where the architecture is another.
    """
    command = SYNTH[architecture].format(family=family)
    known = {"files": files, "top": top, "command": command, "portable": architecture != "xilinx"}
    return fill("yosys/synth.ys", **known, keep=keep, defer=defer, out=out)


def _files(core: Core) -> dict[str, str]:
    files, top = [f"rtl/{name}" for name in core.emitted.files], f"{core.emitted.top}_packed"
    return {
        "yosys/synth.ys": script(files, top, *FAMILIES[core.target], out="yosys/"),
        "yosys/ecp5.ys": script(files, top, *FAMILIES["ecp5"], out="yosys/ecp5_"),
        "yosys/run.sh": fill("yosys/run.sh", **values(core)),
    }


def _guide(core: Core) -> str:
    return (
        "    sh yosys/run.sh\n"
        "    sh yosys/run.sh route\n\n"
        f"synthesize the packed top with Yosys for {core.target}, and place and route it with\n"
        "nextpnr on an ECP5. `hgq-rtl synth` does the same, checks the netlist on the vectors and\n"
        "shows the numbers beside the estimates.\n"
    )


TOOL = Tool("Yosys and nextpnr", _files, _guide, OUTPUTS)

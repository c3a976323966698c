"""A FuseSoC core file, so that the design is a dependency like any other."""

from __future__ import annotations

from hgq_rtl.project.core import Core
from hgq_rtl.project.templates import fill
from hgq_rtl.project.tools.ip import description
from hgq_rtl.project.tools.tool import Tool, values


def _vlnv(core: Core) -> str:
    known = description(core)
    return f"{known['vendor']}:{known['library']}:{core.emitted.top}:{known['version']}"


def _files(core: Core) -> dict[str, str]:
    text = fill(
        "fusesoc/core.core",
        **values(core),
        vhdl=list(core.vhdl),
        vlnv=_vlnv(core),
        description=description(core)["description"],
    )
    return {f"{core.emitted.top}.core": text}


def _guide(core: Core) -> str:
    return (
        f"`{core.emitted.top}.core` describes the design as `{_vlnv(core)}`:\n\n"
        f"    fusesoc --cores-root=. run --target=sim {_vlnv(core)}\n\n"
        "Targets: `sim` (Icarus), `sim_vhdl` (GHDL), `lint`, `synth` (Vivado), `quartus`;\n"
        "`default`, `systemverilog` and `vhdl` are the sources alone, to depend on.\n"
    )


TOOL = Tool("FuseSoC", _files, _guide)

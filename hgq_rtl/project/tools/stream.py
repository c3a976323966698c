"""The AXI4-Stream shell of the core, and its regression."""

from __future__ import annotations

from hgq_rtl.assets import asset_folder, package_source
from hgq_rtl.emit.axis import axis_latency, axis_shell
from hgq_rtl.project.core import Core
from hgq_rtl.project.templates import fill
from hgq_rtl.project.tools.tool import Tool, values


def _files(core: Core) -> dict[str, str]:
    axis = core.axis
    return {
        f"rtl/{axis.module}.v": axis_shell(axis, core.emitted, core.interface, core.info),
        "sim/axis.py": (asset_folder("sim") / "axis.py").read_text(),
        "sim/handshake.py": package_source("cosim/bench/handshake.py"),
    }


def _guide(core: Core) -> str:
    return fill(
        "stream/README.md", **values(core), axis_latency=axis_latency(core.axis, core.latency)
    )


TOOL = Tool("AXI4-Stream", _files, _guide)

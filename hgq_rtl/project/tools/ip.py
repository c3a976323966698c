"""rtl/ as an IP core: its IP-XACT description, and a script that packages it with Vivado."""

from __future__ import annotations

from typing import Any

from hgq_rtl.project.core import Core
from hgq_rtl.project.templates import fill
from hgq_rtl.project.tools.tool import Tool, values

FAMILIES = (
    *("artix7", "kintex7", "virtex7", "zynq"),
    *("kintexu", "virtexu", "kintexuplus", "virtexuplus", "virtexuplusHBM", "zynquplus"),
    *("zynquplusRFSOC", "artixuplus", "versal"),
)
"""As Vivado spells them."""


def description(core: Core) -> dict[str, Any]:
    """What IP-XACT calls the core."""
    vendor, library, version = "hgq-rtl", "networks", "1.0"
    return {
        "vendor": vendor,
        "library": library,
        "version": version,
        "vlnv": f"{vendor}:{library}:{core.axis.module}:{version}",
        "title": f"{core.name} (AXI4-Stream)",
        "description": f"{core.name}, compiled by hgq_rtl {core.info.version} for {core.device} "
        f"at {core.clock_ns:g} ns from model {core.model_hash[:16]}; latency {core.latency} clocks",
        "families": FAMILIES,
    }


def _files(core: Core) -> dict[str, str]:
    known = {**values(core), "ip": description(core)}
    return {
        "rtl/component.xml": fill("ip/component.xml", **known),
        "vivado/package_ip.tcl": fill("vivado/package_ip.tcl", **known),
    }


def _guide(core: Core) -> str:
    return fill("ip/README.md", **values(core), ip=description(core))


TOOL = Tool("IP core", _files, _guide, ("vivado/ip/*", "vivado/package/*"))

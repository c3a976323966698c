"""A Zynq system with a DMA around the core, and a PYNQ driver for it."""

from __future__ import annotations

import re

from hgq_rtl.assets import package_source
from hgq_rtl.emit.axis import WIDEST_DEFAULT
from hgq_rtl.project.core import Core
from hgq_rtl.project.ports import to_json
from hgq_rtl.project.templates import fill, json_text
from hgq_rtl.project.tools.ip import description
from hgq_rtl.project.tools.tool import Tool, values

OUTPUTS = (
    *("zynq/project/*", "zynq/*.bit", "zynq/*.hwh", "zynq/*.xsa"),
    "zynq/*__pycache__/*",
)
SHARED = ("hgq_rtl.ir.packing", "hgq_rtl.project.ports")
"""Modules that the driver carries along with all they import: one definition of every number."""
_IMPORT = re.compile(r"^from (hgq_rtl\.(?:\w+\.)*)(\w+) import", re.MULTILINE)


def carried() -> dict[str, str]:
    """The modules of SHARED and below, as a package ``exact`` without the rest of hgq_rtl."""
    files: dict[str, str] = {}
    waiting = list(SHARED)
    while waiting:
        module = waiting.pop()
        name = module.rpartition(".")[2]
        if f"{name}.py" in files:
            continue
        text = package_source(f"{module.removeprefix('hgq_rtl.').replace('.', '/')}.py")
        waiting += ["".join(parts) for parts in _IMPORT.findall(text)]
        files[f"{name}.py"] = _IMPORT.sub(r"from exact.\2 import", text)
    return files


def supported(core: Core) -> bool:
    """Whether AMD's DMA can feed the beats: powers of two of 8 to 1024 bits."""
    widths = (core.axis.in_beat, core.axis.out_beat)
    return all(8 <= w <= WIDEST_DEFAULT and w & (w - 1) == 0 for w in widths)


def _files(core: Core) -> dict[str, str]:
    if not supported(core):
        return {}
    files = {"zynq/exact/__init__.py": '"""Parts of hgq_rtl, as they were for this core."""\n'}
    files |= {f"zynq/exact/{name}": text for name, text in carried().items()}
    axis = core.axis
    facts = {
        **to_json(core.interface, core.emitted.packed),
        "in_beat": axis.in_beat,
        "in_beats": axis.in_beats,
        "out_beat": axis.out_beat,
        "out_beats": axis.out_beats,
    }
    files["zynq/ports.json"] = json_text(facts)
    known = {**values(core), "ip": description(core)}
    files["zynq/block_design.tcl"] = fill("zynq/block_design.tcl", **known)
    files["zynq/driver.py"] = fill("zynq/driver.py", **known)
    return files


def _guide(core: Core) -> str:
    return fill("zynq/README.md", **values(core), supported=supported(core))


TOOL = Tool("Zynq and PYNQ", _files, _guide, OUTPUTS)

"""The text of every file of a project folder, by its path in the folder."""

from __future__ import annotations

from typing import Any

from hgq_rtl.errors import ProjectError
from hgq_rtl.ir.text import node_ids, to_text
from hgq_rtl.ir.verify import register_depths
from hgq_rtl.project import manifest
from hgq_rtl.project.core import Core
from hgq_rtl.project.ports import to_json
from hgq_rtl.project.templates import fill, json_text
from hgq_rtl.project.tools import TOOLS
from hgq_rtl.project.tools.tool import values

INSTANCE = "core"
"""The per-element top inside the packed wrapper."""


def contents(core: Core) -> dict[str, str]:
    """All files, the manifest last."""
    files = {f"rtl/{name}": text for name, text in core.emitted.files.items()}
    files["graph.ir"] = to_text(core.graph)
    if core.optimized is not None:
        files["optimized.ir"] = to_text(core.optimized)
    files["ports.json"] = json_text(to_json(core.interface, core.emitted.packed))
    files["signals.json"] = json_text(_signals(core))
    files["report.json"] = json_text(core.report)
    if core.report_page:
        files["report.html"] = core.report_page
    for tool in TOOLS:
        for path, text in tool.files(core).items():
            if path in files:
                raise ProjectError(
                    f"two parts of the project are called '{path}'",
                    where=f"design '{core.name}'",
                    hint="Give the design or the layer another name",
                )
            files[path] = text
    guides = [(tool.name, tool.guide(core)) for tool in TOOLS]
    files["README.md"] = fill(
        "README.md",
        **values(core),
        guides=[(name, text.strip("\n")) for name, text in guides if text.strip()],
        optimized=core.optimized is not None,
    )
    files[manifest.FILE] = json_text(manifest.build_manifest(_facts(core), files))
    return files


def _facts(core: Core) -> dict[str, Any]:
    delivery = core.delivery
    return {
        "name": core.name,
        "top": core.emitted.top,
        "latency": core.latency,
        "clock_ns": core.clock_ns,
        "device": core.device,
        "part": core.part,
        "target": core.target,
        "model_hash": core.model_hash,
        "inputs": dict(core.inputs),
        "options": {
            **core.options,
            "in_beat": core.axis.in_beat,
            "out_beat": core.axis.out_beat,
            "global_retiming": delivery.global_retiming,
            "place": dict(delivery.place),
        },
    }


def _signals(core: Core) -> dict[str, Any]:
    """Path below the packed top and pipeline stage of each node, by its id in graph.ir."""
    stages = register_depths(core.graph)
    return {
        name: {
            "path": f"{INSTANCE}.{core.emitted.signals[node]}",
            "stage": stages.get(node, 0),
            "origin": core.graph.origin(node),
        }
        for node, name in node_ids(core.graph).items()
        if node in core.emitted.signals
    }

"""The text of every file of a project folder, by its path in the folder."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from hgq_rtl.cosim.vectors import corner_vectors, hex_lines, input_types, random_vectors
from hgq_rtl.cosim.verify import output_integers
from hgq_rtl.errors import ProjectError
from hgq_rtl.ir.text import node_ids, to_text
from hgq_rtl.ir.verify import register_depths
from hgq_rtl.project import manifest
from hgq_rtl.project.assets import asset_folder
from hgq_rtl.project.core import Core
from hgq_rtl.project.ports import buses, to_json
from hgq_rtl.project.templates import fill

INSTANCE = "core"
"""The per-element top inside the packed wrapper."""
VECTORS = 1000
"""Random vectors of the regression in the folder; the corner vectors come on top."""
SIM_FILES = ("Makefile", "bench.py", "probe.py", "run.py", "simulator.py", "testbench.py")


def contents(core: Core) -> dict[str, str]:
    """All files, the manifest last."""
    files = {f"rtl/{name}": text for name, text in core.emitted.files.items()}
    files["graph.ir"] = to_text(core.graph)
    if core.optimized is not None:
        files["optimized.ir"] = to_text(core.optimized)
    files["ports.json"] = to_json_text(to_json(core.interface, core.emitted.packed))
    files["signals.json"] = to_json_text(_signals(core))
    files["report.json"] = to_json_text(core.report)
    files.update(_regression(core))
    files.update(_texts(core))
    facts = {
        "name": core.name,
        "top": core.emitted.top,
        "latency": core.latency,
        "clock_ns": core.clock_ns,
        "device": core.device,
        "part": core.part,
        "target": core.target,
        "options": dict(core.options),
    }
    files[manifest.FILE] = to_json_text(manifest.build_manifest(facts, files))
    return files


def to_json_text(data: Any) -> str:
    """JSON as a person reads it."""
    try:
        return json.dumps(data, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    except (TypeError, ValueError) as error:
        raise ProjectError("a report or option cannot be written", received=str(error)) from None


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


def _regression(core: Core) -> dict[str, str]:
    """The folder sim/: programs, a description of the buses, vectors and expectations."""
    home = asset_folder("sim")
    files = {f"sim/{name}": (home / name).read_text() for name in SIM_FILES}
    packed = core.emitted.packed
    files["sim/bench.json"] = to_json_text(
        {
            "top": f"{core.emitted.top}_packed",
            "sources": [f"../rtl/{name}" for name in core.emitted.files],
            "latency": core.latency,
            "inputs": buses(core.interface.inputs, packed),
            "outputs": buses(core.interface.outputs, packed),
        }
    )
    types = input_types(core.interface)
    inputs = np.concatenate([corner_vectors(types), random_vectors(types, VECTORS, seed=0)])
    outputs = output_integers(core.graph, core.interface, inputs)
    files["sim/vectors/inputs.hex"] = hex_lines(core.interface.inputs, inputs)
    files["sim/vectors/outputs.hex"] = hex_lines(core.interface.outputs, outputs)
    return files


def _texts(core: Core) -> dict[str, str]:
    ports = to_json(core.interface, core.emitted.packed)
    values = {
        "name": core.name,
        "top": core.emitted.top,
        "version": manifest.tool_version(),
        "clock_ns": f"{core.clock_ns:.6g}",
        "device": core.device,
        "part": core.part,
        "latency": core.latency,
        "nodes": len(core.graph.nodes),
        "inputs": ports["inputs"],
        "outputs": ports["outputs"],
        "sources": list(core.emitted.files),
        "optimized": core.optimized is not None,
    }
    return {
        "constraints/clock.xdc": fill("clock.xdc", **values),
        "vivado/synth.tcl": fill("synth.tcl", **values),
        "README.md": fill("README.md", **values),
    }

"""The folder sim/: programs, a description of the buses, vectors and expectations."""

from __future__ import annotations

import numpy as np

from hgq_rtl.assets import asset_folder
from hgq_rtl.cosim.vectors import corner_vectors, hex_lines, input_types, random_vectors
from hgq_rtl.cosim.verify import output_integers
from hgq_rtl.emit.axis import axis_latency
from hgq_rtl.project.core import Core
from hgq_rtl.project.ports import buses
from hgq_rtl.project.templates import fill, json_text
from hgq_rtl.project.tools.tool import Tool, values

VECTORS = 1000
"""Random vectors of the regression in the folder; the corner vectors come on top."""
PROGRAMS = ("Makefile", "bench.py", "probe.py", "run.py", "simulator.py", "testbench.py")


def _files(core: Core) -> dict[str, str]:
    home = asset_folder("sim")
    files = {f"sim/{name}": (home / name).read_text() for name in PROGRAMS}
    packed, axis = core.emitted.packed, core.axis
    files["sim/bench.json"] = json_text(
        {
            "top": f"{core.emitted.top}_packed",
            "sources": [f"../rtl/{name}" for name in core.emitted.files],
            "latency": core.latency,
            "inputs": buses(core.interface.inputs, packed),
            "outputs": buses(core.interface.outputs, packed),
            "axis": {
                "top": axis.module,
                "source": f"../rtl/{axis.module}.v",
                "in_beat": axis.in_beat,
                "in_beats": axis.in_beats,
                "out_beat": axis.out_beat,
                "out_beats": axis.out_beats,
                "latency": axis_latency(axis, core.latency),
            },
        }
    )
    types = input_types(core.interface)
    inputs = np.concatenate([corner_vectors(types), random_vectors(types, VECTORS, seed=0)])
    outputs = output_integers(core.graph, core.interface, inputs)
    files["sim/vectors/inputs.hex"] = hex_lines(core.interface.inputs, inputs)
    files["sim/vectors/outputs.hex"] = hex_lines(core.interface.outputs, outputs)
    return files


def _guide(core: Core) -> str:
    return fill("sim/README.md", **values(core))


TOOL = Tool("Simulate", _files, _guide, ("sim/sim_build/*", "sim/__pycache__/*", "sim/results.xml"))

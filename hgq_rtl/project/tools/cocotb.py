"""The folder sim/: programs, a description of the buses, vectors and expectations."""

from __future__ import annotations

import hashlib
import json

from hgq_rtl.assets import asset_folder
from hgq_rtl.cosim.coverage import sentence
from hgq_rtl.cosim.golden import Golden
from hgq_rtl.cosim.vectors import hex_lines
from hgq_rtl.emit.axis import axis_latency
from hgq_rtl.project.core import Core
from hgq_rtl.project.ports import buses
from hgq_rtl.project.templates import fill, json_text
from hgq_rtl.project.tools.tool import Tool, values

PROGRAMS = (
    *("Makefile", "bench.py", "judge.py", "junit.awk", "probe.py", "run.py"),
    *("simulator.py", "testbench.py"),
)


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
    golden = core.vectors
    inputs = hex_lines(core.interface.inputs, golden.inputs)
    files["sim/vectors/inputs.hex"] = inputs
    files["sim/vectors/outputs.hex"] = hex_lines(core.interface.outputs, golden.outputs)
    files["sim/vectors/coverage.json"] = _coverage(golden, inputs)
    return files


def _coverage(golden: Golden, inputs: str) -> str:
    """What each vector is, and the first that reaches each point; a line per place."""
    facts = {
        "inputs_sha256": hashlib.sha256(inputs.encode()).hexdigest(),
        "vectors": golden.counts,
        "counts": golden.coverage.counts(),
        "first": "the vector that reaches each point first; -1: none does, -2: none can",
    }
    lines = [json.dumps(row) for row in golden.coverage.rows()]
    places = ",\n".join(lines)
    return f'{json.dumps(facts, indent=1)[:-2]},\n "places": [\n{places}\n]}}\n'


def _guide(core: Core) -> str:
    return fill(
        "sim/README.md",
        **values(core),
        vectors=core.vectors.counts,
        coverage=sentence(core.vectors.coverage.counts()),
    )


TOOL = Tool("Simulate", _files, _guide, ("sim/sim_build/*", "sim/__pycache__/*", "sim/junit/*"))

"""The device models against the tools, on small random networks: scatter plots and median errors.

LUT and FF of xcvu13p-2 and LUT of ecp5-6 against Yosys, the slowest stage of ecp5-6 against
nextpnr.
A run that is cut short goes on where it was: what the tools said is kept in build/calibration.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import json
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from da4ml.cmvm import solve

from benchmarks.tables import machine, markdown, replace
from hgq_rtl.design import Design
from hgq_rtl.fixed import Fixed
from hgq_rtl.ir.graph import toposort
from hgq_rtl.ir.node import Builder
from hgq_rtl.ir.ops import INPUT
from hgq_rtl.passes.cmvm.da4ml_engine import solve_with_da4ml
from hgq_rtl.project.tools.yosys import FAMILIES
from hgq_rtl.synth.nextpnr import route
from hgq_rtl.synth.slowest import slowest_path
from hgq_rtl.synth.yosys import synthesize
from hgq_rtl.timing.load import load_device
from tests.synth.chain import chain

ROOT = Path(__file__).parents[1]
HOME = ROOT / "build" / "calibration"
SHAPES = ((6, 5), (8, 8), (12, 6), (5, 7, 4), (8, 8, 4), (10, 5, 5), (16, 8, 4), (6, 6, 6, 3))
DENSITIES = (0.25, 0.5)
STAGES = (1, 2, 3)
MATRICES = ((8, 16), (16, 16), (32, 16), (16, 32), (32, 32))
"""Outputs and inputs of matrices as in small networks on sets of particles."""
PUBLISHED = ("0.97", "1.05", "1.13")
"""Of 20 post-route reports of JEDI-linear on an xcvu13p, made with da4ml (arXiv 2508.15468)."""


def networks() -> list[dict[str, Any]]:
    """Arguments of ``chain`` for every network: shapes, densities and numbers of stages."""
    return [
        {"sizes": sizes, "density": density, "stages": stages, "seed": seed}
        for seed, ((sizes, density), stages) in enumerate(
            zip(itertools.product(SHAPES, DENSITIES), itertools.cycle(STAGES), strict=False)
        )
    ] + [
        {"sizes": sizes, "density": 0.4, "stages": stages, "seed": 100 + seed}
        for seed, (sizes, stages) in enumerate(itertools.product(SHAPES, STAGES))
        if (seed + stages) % 3
    ]


def _design(network: dict[str, Any], device: str) -> Design:
    options = {k: network[k] for k in ("seed", "density", "stages")}
    return chain(network["sizes"], clock_ns=None, device=device, register_inputs=True, **options)


def _tools(design: Design, *, place: bool) -> dict[str, float]:
    """Cells and the slowest stage in ps, kept under the hash of the Verilog.

    ``place``: the stage after placement and routing on an ECP5, else that of a Xilinx netlist.
    """
    files = dict(design.emitted.files)
    text = json.dumps([files, design.device.target, place], sort_keys=True)
    path = HOME / f"{hashlib.sha256(text.encode()).hexdigest()[:20]}.json"
    if not path.exists():
        top = f"{design.emitted.top}_packed"
        architecture, family = FAMILIES[design.device.target]
        cells = synthesize(files, top, HOME / "work", architecture=architecture, family=family)[top]
        row = {"luts": cells.luts, "ff": cells.flip_flops + cells.shift_registers}
        if place:
            row["stage"] = round(1e6 / route(HOME / "work", [1]).median_mhz)
        else:
            row["stage"] = slowest_path(HOME / "work" / "netlist.json", top)[0]
        part = path.with_suffix(".part")
        part.write_text(json.dumps(row))
        part.replace(path)
    found: dict[str, float] = json.loads(path.read_text())
    return found


def measure(network: dict[str, Any]) -> dict[str, float]:
    """Estimates and what the tools say, for one network."""
    small, slow = _design(network, "xcvu13p-2"), _design(network, "ecp5-6")
    facts, slow_facts = small.report().facts, slow.report().facts
    synthesized, placed = _tools(small, place=False), _tools(slow, place=True)
    return {
        "LUT estimate": facts["luts"],
        "LUT": synthesized["luts"],
        "FF estimate": facts["flip_flops"],
        "FF": synthesized["ff"],
        "LUT4 estimate": slow_facts["luts"],
        "LUT4": placed["luts"],
        "netlist estimate": facts["worst_stage"]["delay_ps"],
        "netlist": synthesized["stage"],
        "stage estimate": slow_facts["worst_stage"]["delay_ps"],
        "stage": placed["stage"],
    }


def scatter(rows: Sequence[dict[str, float]], name: str, unit: str, file: str) -> float:
    """Plot estimates over measurements; the median of the relative errors."""
    x = [row[name] for row in rows]
    y = [row[f"{name} estimate"] for row in rows]
    figure, axes = plt.subplots(figsize=(4.2, 4.2))
    top = 1.05 * max(*x, *y)
    axes.plot([0, top], [0, top], color="0.6", linewidth=1)
    axes.scatter(x, y, s=14)
    axes.set(xlabel=f"{name} {unit}, tools", ylabel=f"{name} {unit}, estimate")
    axes.set(xlim=(0, top), ylim=(0, top), aspect="equal")
    figure.tight_layout()
    figure.savefig(ROOT / "docs" / file, metadata={"Date": None})
    plt.close(figure)
    return statistics.median(abs(b - a) / a for a, b in zip(x, y, strict=True))


def adder_graphs() -> str:
    """LUTs for each unit of da4ml's cost: the model on da4ml's graphs, Vivado on published ones."""
    device = load_device("xcvu13p-2")
    rows = [["Vivado, 20 published designs", *PUBLISHED]]
    for bits in (3, 5, 7):
        found = []
        for seed, shape in enumerate(MATRICES):
            rng = np.random.default_rng(seed)
            matrix = rng.integers(-(2 ** (bits - 1)), 2 ** (bits - 1), shape)
            inputs = [Fixed(-128, 127, 0)] * shape[1]
            intervals = [(-128.0, 127.0, 1.0)] * shape[1]
            kernel = np.ascontiguousarray(matrix.T.astype(np.float32))
            cost = solve(kernel, hard_dc=2, qintervals=intervals, adder_size=1).cost
            build = Builder()
            nodes = [build(INPUT, name=f"x{j}", lo=-128, hi=127, exp=0) for j in range(shape[1])]
            program = solve_with_da4ml(matrix.tolist(), inputs)
            luts = sum(device.cost(node) for node in toposort(program.build(build, nodes)))
            found.append(luts / cost)
        numbers = (min(found), statistics.median(found), max(found))
        rows.append([f"model, {len(found)} random matrices of {bits} bits",
                     *(f"{number:.2f}" for number in numbers)])  # fmt: skip
    return markdown(["LUT for each unit of da4ml's cost", "least", "median", "most"], rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=32, help="number of networks")
    args = parser.parse_args()
    plt.rcParams["svg.hashsalt"] = "calibration"  # the same bytes for the same numbers
    HOME.mkdir(parents=True, exist_ok=True)
    rows = []
    for network in networks()[: args.count]:
        rows.append(measure(network))
        print(network, rows[-1], file=sys.stderr, flush=True)
    plots = (
        ("LUT", "", "LUT, xcvu13p-2, Yosys synth_xilinx", "±10 %"),
        ("FF", "", "FF, xcvu13p-2, Yosys synth_xilinx", ""),
        ("LUT4", "", "LUT, ecp5-6, Yosys synth_ecp5", "±10 %"),
        ("netlist", "(ps)", "slowest stage, xcvu13p-2, netlist with one usual net a hop", ""),
        ("stage", "(ps)", "slowest stage, ecp5-6, nextpnr-ecp5", "±15 %"),
    )
    table = []
    for name, unit, what, goal in plots:
        file = f"calibration-{name.lower()}.svg"
        error = scatter(rows, name, unit, file)
        bias = statistics.median(row[f"{name} estimate"] / row[name] for row in rows)
        table.append([f"[{what}]({file})", f"{100 * error:.1f} %", f"{bias:.2f}", goal])
    header = ["estimate", "median error", "median of estimate / tool", "goal"]
    replace(
        "calibration",
        f"{len(rows)} random dense networks. Machine: {machine()}.\n\n"
        + markdown(header, table)
        + "\n\n"
        + adder_graphs(),
    )


if __name__ == "__main__":
    main()

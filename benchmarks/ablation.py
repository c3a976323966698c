"""Every pass off in turn: what each is worth in LUTs, flip-flops and stages.

``python -m benchmarks.ablation [MODEL.keras ...]``: models of this project or of HGQ 2; random
networks where none is given.
"""

from __future__ import annotations

import itertools
import sys
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from rich.console import Console

from benchmarks.tables import markdown, replace
from hgq_rtl.design import build_design
from hgq_rtl.ir.graph import Graph
from hgq_rtl.ir.interface import Interface, Port
from hgq_rtl.ir.node import Builder
from hgq_rtl.lowering.array import FixedArray
from hgq_rtl.lowering.inputs import InputPort
from hgq_rtl.passes.pipeline import DEFAULT

CLOCK_NS = 3.5
NEEDED = "expand"
"""The pass that no backend can do without."""


def dense(seed: int, sizes: tuple[int, ...], bits: int, density: float) -> Graph:
    """Layers of random weights, each element of its own width, with rounding and ReLU."""
    rng = np.random.default_rng(seed)
    build = Builder()
    port = InputPort(build, "x", (sizes[0],))
    x = FixedArray(build, port.elements())
    for layer, (n_in, n_out) in enumerate(itertools.pairwise(sizes)):
        with build.at(f"dense_{layer}"):
            widths = rng.integers(0, bits, n_in), rng.integers(1, bits, n_in)
            x = x.quantize(layer == 0, *widths, "RND", "WRAP")
            live = rng.random((n_in, n_out)) < density
            weights = rng.integers(-(1 << bits), (1 << bits) + 1, (n_in, n_out)) * live / 8
            x = (x @ weights + rng.integers(-16, 17, n_out) / 8).relu()
    _, nodes = port.finish()
    outputs = tuple(x.elements)
    return Graph(build, tuple(nodes), outputs, tuple(f"y_{j}" for j in range(len(outputs))))


def load(path: Path) -> Graph:
    from hgq_rtl.compat.hgq2 import from_hgq2
    from hgq_rtl.errors import HgqRtlError
    from hgq_rtl.lowering import model as models

    try:
        model = models.load(path)
    except HgqRtlError:
        model = from_hgq2(path)
    return models.lower(model).graph


def measure(graph: Graph, skip: tuple[str, ...]) -> dict[str, float]:
    ports = [
        Port(name, (len(nodes),), tuple(node.type for node in nodes))
        for name, nodes in (("x", graph.inputs), ("y", graph.outputs))
    ]
    interface = Interface((ports[0],), (ports[1],))
    design = build_design(graph, interface, name="net", clock_ns=CLOCK_NS, skip=skip)
    facts: dict[str, Any] = design.report().facts
    return {
        "LUT": facts["luts"],
        "FF": facts["flip_flops"],
        "stages": design.latency,
    }


def main() -> None:
    networks = {
        "dense 24-16-8, 3 bits": dense(1, (24, 16, 8), 3, 0.5),
        "dense 32-32-16, 4 bits": dense(2, (32, 32, 16), 4, 0.4),
    }
    if sys.argv[1:]:
        networks = {Path(name).stem: load(Path(name)) for name in sys.argv[1:]}
    # Numbered repetitions of a pass go together.
    families: dict[str, list[str]] = {}
    for name, _ in DEFAULT:
        families.setdefault(name.rstrip("0123456789").rstrip("-"), []).append(name)
    whole, rows = {}, []
    console = Console(stderr=True)
    with console.status("") as status:
        for name, graph in networks.items():
            status.update(f"{name}: all passes")
            whole[name] = measure(graph, ())
        for family, members in families.items():
            if family == NEEDED:
                continue
            ratios: dict[str, list[float]] = {}
            for name, graph in networks.items():
                status.update(f"{name} without {family}")
                for what, value in measure(graph, tuple(members)).items():
                    ratios.setdefault(what, []).append(value / whole[name][what])
            rows.append(
                [
                    family,
                    *(f"{median(r):.3f} ({min(r):.2f} to {max(r):.2f})" for r in ratios.values()),
                ]
            )
    sizes = [[name, *(f"{value:.0f}" for value in facts.values())] for name, facts in whole.items()]
    command = " ".join(
        ["python -m benchmarks.ablation", *(f"{n}.keras" for n in networks if sys.argv[1:])]
    )
    replace(
        "ablation",
        f"`{command}`, at {CLOCK_NS} ns, LUTs estimated:\n\n"
        + markdown(["network", "LUT", "FF", "stages"], sizes)
        + "\n\nWithout one pass, relative to all, median (least to most):\n\n"
        + markdown(["without", "LUT", "FF", "stages"], rows),
    )


if __name__ == "__main__":
    main()

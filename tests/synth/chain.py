"""Chains of random dense layers without Keras: networks for synthesis in tests and benchmarks."""

import itertools

import numpy as np

from hgq_rtl.design import Design, build_design
from hgq_rtl.ir.graph import Graph
from hgq_rtl.ir.interface import Interface, Port
from hgq_rtl.ir.node import Builder
from hgq_rtl.lowering.array import FixedArray
from hgq_rtl.lowering.inputs import InputPort


def chain(sizes, *, seed=0, density=0.4, **options) -> Design:
    """Dense layers of ``sizes`` outputs, ReLU between them; ``options`` go to build_design."""
    rng = np.random.default_rng(seed)
    build = Builder()
    port = InputPort(build, "x", (sizes[0],))
    x = FixedArray(build, port.elements())
    for layer, (rows, columns) in enumerate(itertools.pairwise(sizes)):
        with build.at(f"dense_{layer}"):
            x = x.quantize(
                layer == 0, rng.integers(0, 3, rows), rng.integers(1, 4, rows), "RND", "WRAP"
            )
            weights = rng.integers(-8, 9, (rows, columns)) * (rng.random((rows, columns)) < density)
            x = x @ (weights / 8) + rng.integers(-16, 17, columns) / 8
            if layer < len(sizes) - 2:
                x = x.relu()
    in_port, nodes = port.finish()
    outputs = tuple(x.elements)
    interface = Interface(
        (in_port,), (Port("y", (sizes[-1],), tuple(node.type for node in outputs)),)
    )
    names = tuple(f"y_{j}" for j in range(sizes[-1]))
    graph = Graph(build, tuple(nodes), outputs, names)
    return build_design(graph, interface, **{"name": "chain", "clock_ns": 2.0, **options})

"""LUTs of random smooth tables, as a case for each entry and with shared bits, in Yosys.

``python -m benchmarks.lookups``: curves of random slopes and heights, by address bits.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.tables import markdown, replace
from hgq_rtl.design import build_design
from hgq_rtl.fixed import Ints
from hgq_rtl.ir.graph import Graph
from hgq_rtl.ir.interface import Interface, Port
from hgq_rtl.ir.node import Builder
from hgq_rtl.ir.ops import INPUT, TABLE
from hgq_rtl.synth.yosys import synthesize

COUNT, SEED = 6, 0
Random = np.random.Generator


def tanh(rng: Random, n: int) -> Ints:
    slope, offset, height = rng.uniform(0.3, 3), rng.uniform(-1, 1), rng.uniform(2, 30)
    x = np.arange(-(1 << n - 1), 1 << n - 1) / (1 << n - 2)
    return np.round(height * np.tanh(slope * x + offset)).astype(int)


def exp(rng: Random, n: int) -> Ints:
    slope, height = rng.uniform(0.5, 3), rng.uniform(4, 60)
    return np.round(height * np.exp(-slope * np.arange(1 << n) / (1 << n - 2))).astype(int)


def lines(rng: Random, n: int) -> Ints:
    ends = int(rng.integers(3, 7))
    x, y = np.sort(rng.uniform(0, 1 << n, ends)), np.cumsum(rng.normal(0, 6, ends))
    return np.round(np.interp(np.arange(1 << n), x, y)).astype(int)


CURVES: tuple[Callable[[Random, int], Ints], ...] = (tanh, exp, lines)


def tables(curve: Callable[[Random, int], Ints], n: int) -> tuple[Graph, Interface]:
    """``COUNT`` tables of one kind, each of its own input."""
    rng, build, ins, outs = np.random.default_rng(SEED), Builder(), [], []
    for j in range(COUNT):
        lo = -(1 << n - 1)
        ins.append(build(INPUT, name=f"x{j}", lo=lo, hi=-lo - 1, exp=0))
        entries = tuple(curve(rng, n).tolist())
        outs.append(build(TABLE, ins[-1], entries=entries, lo=lo, step=0, exp=0))
    graph = Graph(build, tuple(ins), tuple(outs), tuple(f"y{j}" for j in range(COUNT)))
    x, y = (
        Port(name, (COUNT,), tuple(node.type for node in nodes))
        for name, nodes in (("x", ins), ("y", outs))
    )
    return graph, Interface((x,), (y,))


def luts(graph: Graph, interface: Interface, skip: tuple[str, ...]) -> int:
    design = build_design(
        graph, interface, name="tables", stages=1, register_inputs=True, skip=skip
    )
    top = f"{design.emitted.top}_packed"
    with tempfile.TemporaryDirectory() as folder:
        return synthesize(design.emitted.files, top, Path(folder))[top].luts


def main() -> None:
    rows = []
    for n in (7, 8, 9):
        for curve in CURVES:
            graph, interface = tables(curve, n)
            before, after = (luts(graph, interface, skip) for skip in (("lookups",), ()))
            rows.append([n, curve.__name__, before, after, f"{after / before:.2f}"])
    header = ["address bits", "curve", "LUT, as cases", "LUT, with shared bits", "ratio"]
    replace("lookups", f"{COUNT} tables in each row:\n\n{markdown(header, rows)}")


if __name__ == "__main__":
    main()

"""What is emitted equals the graph before any pass, for every input: proven by SAT in Yosys.

The two graphs become one, whose outputs say where they agree; Yosys reads its Verilog and proves
that they are never 0.
"""

import numpy as np
import pytest

from hgq_rtl.design import build_design
from hgq_rtl.errors import SynthError
from hgq_rtl.ir.evaluate import evaluate
from hgq_rtl.ir.graph import Graph
from hgq_rtl.ir.interface import Interface, Port
from hgq_rtl.ir.node import Builder
from hgq_rtl.ir.ops import COMPARE, DOT, INPUT, MAX, MIN, ROUND, cast, constant
from hgq_rtl.passes.pipeline import DEFAULT, run
from hgq_rtl.synth import tools
from hgq_rtl.synth.tools import place_files
from tests.battery.equivalence import vectors

LONGEST = 64
"""Input bits of a graph that is proven."""


def network(seed):
    """Two layers of neurons with rounding, ReLU and wrapping, as lowering makes them."""
    rng = np.random.default_rng(seed)
    build = Builder()
    x = []
    for j in range(int(rng.integers(3, 7))):
        width, sign, exp = (int(n) for n in rng.integers((1, 0, -2), (5, 2, 2)))
        lo = -(1 << (width - 1)) if sign else 0
        x.append(build(INPUT, name=f"x{j}", lo=lo, hi=lo + (1 << width) - 1, exp=exp))
    values = x
    for layer in range(2):
        sums = []
        for j in range(3):
            with build.at(f"layer_{layer}/neuron_{j}"):
                weights = tuple(int(w) for w in rng.integers(-7, 8, len(values)))
                bias = int(rng.integers(-9, 10))
                y = build.make(DOT, tuple(values), (weights, -2, bias, -3))
                mode = str(rng.choice(["RND", "RND_CONV", "TRN_ZERO"]))
                y = build(ROUND, y, exp=int(rng.integers(-1, 2)), rounding=mode)
                if layer == 0 or j == 1:
                    y = build(MAX, y, constant(build, 0, 0))
                if rng.random() < 0.3:
                    y = build(MIN, y, constant(build, 7, 0))
                sums.append(cast(build, y, y.type.exp, int(rng.integers(2, 6)), y.type.signed))
        values = sums
    return Graph(build, tuple(x), tuple(values), ("a", "b", "c"))


def agreement(graph, other):
    """A graph of one bit per output: whether the two have the same value there."""
    build = graph.builder
    pairs = zip(graph.outputs, other.outputs, strict=True)
    return graph.with_outputs([build(COMPARE, u, v, kind="eq") for u, v in pairs])


def proven(graph, folder):
    """Whether Yosys proves every output of the emitted ``graph`` to be 1."""
    ports = [
        Port(name, (len(nodes),), tuple(node.type for node in nodes))
        for name, nodes in (("x", graph.inputs), ("y", graph.outputs))
    ]
    design = build_design(
        graph,
        Interface((ports[0],), (ports[1],)),
        name="agree",
        clock_ns=1e6,
        skip=[name for name, _ in DEFAULT if name != "expand"],
        register_outputs=False,
    )
    assert design.latency == 0
    names = [f"y_{j}" for j, node in enumerate(design.graph.outputs) if not node.type.is_const]
    always = all(node.type.lo == 1 for node in design.graph.outputs if node.type.is_const)
    if not names:
        return always
    files = {name: text for name, text in design.emitted.files.items() if name.endswith(".v")}
    wanted = " ".join(f"-prove {name} 1" for name in names)
    place_files(folder, files)
    script = f"read_verilog {' '.join(files)}\nhierarchy -check -top agree\nproc\nflatten\n"
    script += f"opt -full\nsat -verify {wanted} agree\n"
    (folder / "prove.ys").write_text(script)
    try:
        tools.run("yosys", ["-q", "prove.ys"], folder)
    except SynthError as error:
        if "proof did fail" not in str(error):
            raise
        return False
    return always


def assert_proven(seed, folder):
    graph = network(seed)
    assert sum(node.type.width for node in graph.inputs) <= LONGEST
    assert proven(agreement(graph, run(graph)[0]), folder)


@pytest.mark.parametrize("seed", [1, 2])
def test_the_pipeline_is_proven(seed, tmp_path):
    assert_proven(seed, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, *range(3, 20)])
def test_many_are_proven(seed, tmp_path):
    assert_proven(seed, tmp_path)


def test_a_wrong_graph_is_not_proven(tmp_path):
    graph = network(1)
    build = graph.builder
    first, *others = run(graph)[0].outputs
    # Wrong only where the output is as large as it gets.
    largest = int(evaluate(run(graph)[0], vectors(graph))[:, 0].max())
    bad = build(MIN, first, constant(build, largest - 1, first.type.exp))
    assert not proven(agreement(graph, graph.with_outputs([bad, *others])), tmp_path)

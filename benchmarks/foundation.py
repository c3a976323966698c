"""The demo network from file to Verilog to simulation, and the cost per node of every station."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from rich.console import Console

from benchmarks.tables import machine, markdown, replace

if TYPE_CHECKING:
    from hgq_rtl.ir.graph import Graph
    from hgq_rtl.ir.interface import Interface

ROUNDS = 3
LAYERS = {"1k": 1, "10k": 12, "50k": 62}
"""Dense 32x32 layers that make about so many nodes."""


def train_digits(folder: Path) -> None:
    import numpy as np

    from examples import digits
    from hgq_rtl.utils import trace_minmax
    from hgq_rtl.utils.sugar import BetaScheduler

    digits.keras.utils.set_random_seed(1)
    x_train, y_train, x_test, _ = digits.data()
    model = digits.network()
    loss = digits.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(digits.keras.optimizers.Adam(5e-3), loss)
    # The same network and final beta as the demo; the size is what matters here.
    callback = BetaScheduler(lambda epoch: 1e-7 * 1000 ** (epoch / 150))
    model.fit(x_train, y_train, batch_size=128, epochs=150, callbacks=[callback], verbose=0)
    trace_minmax(model, x_train)
    model.save(folder / "digits.keras")
    np.save(folder / "x.npy", x_test)


def digits_once(folder: Path) -> dict[str, float]:
    """Run in a process of its own, so that nothing is warm."""
    start = perf_counter()
    import numpy as np

    import hgq_rtl as hr
    from hgq_rtl.lowering import model as models  # noqa: F401  Keras and JAX

    imported = perf_counter()
    design = hr.compile(folder / "digits.keras", clock_ns=3.0)
    compiled = perf_counter()
    with tempfile.TemporaryDirectory() as out:
        project = design.write(Path(out) / "digits")
        written = perf_counter()
        result = project.verify(np.load(folder / "x.npy"))
    return {
        "import": imported - start,
        "compile": compiled - imported,
        "write": written - compiled,
        "file to Verilog": written - imported,
        "simulator build": result.build_s,
        "simulation": result.run_s,
        "co-simulation": perf_counter() - written,
        "nodes": len(design.graph.nodes),
        "vectors": result.vectors,
        "memory": peak_mib(),
    }


def chain(layers: int) -> tuple[Graph, Interface]:
    """A chain of random dense 32x32 layers, lowered."""
    import numpy as np

    from hgq_rtl.ir.graph import Graph
    from hgq_rtl.ir.interface import Interface, Port
    from hgq_rtl.ir.node import Builder
    from hgq_rtl.lowering.array import FixedArray
    from hgq_rtl.lowering.inputs import InputPort

    rng = np.random.default_rng(layers)
    build = Builder()
    port = InputPort(build, "x", (32,))
    x = FixedArray(build, port.elements())
    for layer in range(layers):
        with build.at(f"dense_{layer}"):
            x = x.quantize(
                layer == 0, rng.integers(0, 3, 32), rng.integers(1, 4, 32), "RND", "WRAP"
            )
            weights = rng.integers(-12, 13, (32, 32)) * (rng.random((32, 32)) < 0.4) / 8
            x = (x @ weights + rng.integers(-16, 17, 32) / 8).relu()
    in_port, nodes = port.finish()
    outputs = tuple(x.elements)
    interface = Interface((in_port,), (Port("y", (32,), tuple(n.type for n in outputs)),))
    return Graph(build, tuple(nodes), outputs, tuple(f"y_{j}" for j in range(32))), interface


class Laps:
    """Seconds by station; ``passes`` is a progress callback that times what it names."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._clock = perf_counter()
        self._running = ""

    def lap(self, name: str) -> None:
        """Everything since the last lap was ``name``."""
        now = perf_counter()
        self.seconds[name] = self.seconds.get(name, 0.0) + now - self._clock
        self._clock = now

    def passes(self, name: str) -> None:
        """``name`` begins, and what was running has ended; the empty name only ends."""
        if self._running:
            self.lap(self._running)
        self._running = name


def scaling_once(layers: int) -> dict[str, float]:
    """Every station on a chain of random dense layers; seconds, nodes and peak memory."""
    import numpy as np

    from hgq_rtl.design import build_design
    from hgq_rtl.ir.evaluate import evaluate
    from hgq_rtl.ir.text import from_text, to_text
    from hgq_rtl.ir.verify import verify

    laps = Laps()
    lowered, interface = chain(layers)
    laps.lap("lower")
    design = build_design(lowered, interface, name="chain", clock_ns=2.0, progress=laps.passes)
    laps.passes("")
    verify(design.graph)
    laps.lap("verify, once")
    text = to_text(design.graph)
    from_text(text)
    laps.lap("print and parse")
    low = np.array([node.type.lo for node in lowered.inputs])
    evaluate(design.graph, np.random.default_rng(0).integers(0, 2, (1000, 32)) + low)
    laps.lap("evaluate 1000 vectors")
    _ = design.emitted
    laps.lap("emit")
    return {"nodes": len(design.graph.nodes), "memory": peak_mib(), **laps.seconds}


def peak_mib() -> float:
    """Peak resident memory of this process; getrusage would count the parent's before exec."""
    status = Path("/proc/self/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if "VmHWM" in line)) / 1024


def in_a_process(module: str, *arguments: object) -> dict[str, float]:
    """What ``python -m module arguments`` prints last, as JSON; nothing is kept from before."""
    command = [sys.executable, "-m", module, *map(str, arguments)]
    with tempfile.TemporaryDirectory() as cache:
        env = os.environ | {"HGQ_RTL_CACHE": cache}
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=env)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def per_node(scaling: dict[str, dict[str, float]]) -> str:
    """A table of µs per node of every station, and of peak memory, over the size of the graph."""
    runs = scaling.values()
    steps = [s for s in next(iter(runs)) if s not in ("nodes", "memory")]
    rows = [[s, *(f"{run[s] / run['nodes'] * 1e6:.0f}" for run in runs)] for s in steps]
    total = [f"{sum(run[s] for s in steps) / run['nodes'] * 1e6:.0f}" for run in runs]
    memory = [f"{run['memory']:.0f}" for run in runs]
    rows += [["**all**", *total], ["peak memory, MiB", *memory]]
    return markdown(["station", *(f"{run['nodes']:.0f} nodes" for run in runs)], rows)


def main() -> None:
    console = Console(stderr=True)
    with tempfile.TemporaryDirectory() as name, console.status("training digits") as status:
        folder = Path(name)
        train_digits(folder)
        runs = []
        for number in range(ROUNDS):
            status.update(f"digits, run {number + 1} of {ROUNDS}")
            runs.append(in_a_process("benchmarks.foundation", "digits", folder))
        scaling = {}
        for size, layers in LAYERS.items():
            status.update(f"{size} nodes")
            scaling[size] = in_a_process("benchmarks.foundation", "scaling", layers)
    rows = [
        [step, *(f"{f([run[step] for run in runs]):.2f}" for f in (min, statistics.median, max))]
        for step in runs[0]
        if step not in ("nodes", "vectors", "memory")
    ]
    replace(
        "foundation",
        f"Machine: {machine()}.\n\n"
        f"The digits network of the demo ({runs[0]['nodes']:.0f} nodes), {ROUNDS} cold processes, "
        f"seconds; {runs[0]['vectors']:.0f} vectors simulated; peak memory "
        f"{max(run['memory'] for run in runs):.0f} MiB:\n\n"
        + markdown(["step", "min", "median", "max"], rows)
        + "\n\nCost of each station on chains of random dense 32x32 layers, one run each, µs per "
        "node of the optimised graph:\n\n" + per_node(scaling),
    )


if __name__ == "__main__":
    if len(sys.argv) == 1:
        main()
    elif sys.argv[1] == "digits":
        print(json.dumps(digits_once(Path(sys.argv[2]))))
    else:
        print(json.dumps(scaling_once(int(sys.argv[2]))))

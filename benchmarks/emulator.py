"""Samples per second of the C++ emulator, beside alkaid's interpreter on the same network.

``python -m benchmarks.emulator --models FOLDER --peers BIN [--only NAME]``. FOLDER: models saved by
HGQ2. BIN: programs of the environment of ``benchmarks.peers``. One thread; CPU time, so that other
work on the machine does not count.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import tempfile
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import numpy as np

from benchmarks import peers
from benchmarks.tables import machine, markdown, replace

SAMPLES = 100_000
ROUNDS = 5
PEER = """
import gzip, json, sys, time
import numpy as np
from alkaid.types import CombLogic
net = CombLogic.load(sys.argv[1])
x = np.load(sys.argv[2])
net.predict(x[:1000], n_threads=1)
start = time.process_time()
y = net.predict(x, n_threads=1)
print(json.dumps([time.process_time() - start, len(net.ops), float(np.sum(y))]))
"""


def seconds(action: Any) -> tuple[float, Any]:
    """CPU seconds of a call in this process, and what it returned."""
    start = process_time()
    value = action()
    return process_time() - start, value


def peer(programs: Path, folder: Path, x: Path) -> tuple[float, int, float]:
    """CPU seconds of alkaid's interpreter in a process of its own, its operations, a checksum."""
    command = [programs / "python", "-c", PEER, folder / "model" / "comb.json.gz", x]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "JAX_PLATFORMS": "cpu"}
    environment.pop("PYTHONPATH", None)
    done = subprocess.run(
        [*map(str, command)], env=environment, check=True, stdout=subprocess.PIPE, text=True
    )
    elapsed, operations, total = json.loads(done.stdout.splitlines()[-1])
    return elapsed, operations, total


def measure(path: Path, programs: Path) -> list[Any]:
    """The row of one model."""
    import hgq_rtl as hr
    from hgq_rtl.compat.hgq2 import from_hgq2

    design = hr.compile(from_hgq2(path), clock_ns=2.0, name="model", check_samples=0)
    shapes = [port.shape for port in design.interface.inputs]
    size = sum(port.size for port in design.interface.inputs)
    rng = np.random.default_rng(0)
    flat = (rng.integers(-256, 256, (SAMPLES, size)) / 64).astype(np.float32)
    x, start = [], 0
    for shape in shapes:
        end = start + int(np.prod(shape))
        x.append(flat[:, start:end].reshape(SAMPLES, *shape))
        start = end
    started = perf_counter()
    native = design.emulator
    build = perf_counter() - started
    n = design.interface.input_integers([a[:1000] for a in x])
    n = np.tile(n, (SAMPLES // 1000, 1)).astype(native.input_dtype)
    graph, y = seconds(lambda: design.predict([a[:5000] for a in x]))
    ours, whole, theirs = [], [], []
    operations, total = 0, 0.0
    peers.convert("alkaid", path, programs)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "x.npy"
        np.save(file, flat.astype(np.float64))
        for _ in range(ROUNDS):
            took, predicted = seconds(lambda: design.predict(x, engine="native"))
            whole.append(took)
            ours.append(seconds(lambda: native.integers(n))[0])
            took, operations, total = peer(
                programs, peers.HOME / "out" / f"{path.stem}-alkaid", file
            )
            theirs.append(took)
    first = predicted[0] if isinstance(predicted, list) else predicted
    assert (first[:5000] == (y[0] if isinstance(y, list) else y)).all()
    same = isinstance(predicted, np.ndarray) and float(np.sum(predicted)) == total
    medians = [SAMPLES / statistics.median(t) / 1e6 for t in (whole, ours, theirs)]
    return [
        path.stem,
        operations,
        len(design.graph.nodes),
        f"{5000 / graph / 1e6:.3f}",
        *(f"{m:.2f}" for m in medians),
        f"{medians[0] / medians[2]:.1f}",
        f"{medians[1] / medians[2]:.1f}",
        "yes" if same else "no",
        f"{build:.1f}",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=Path, required=True, help="folder of HGQ2's .keras files")
    parser.add_argument("--peers", type=Path, required=True, help="folder of the peers' programs")
    parser.add_argument("--only", action="append", help="name of a model (repeatable)")
    args = parser.parse_args()
    models = [
        p for p in sorted(args.models.glob("*.keras")) if not args.only or p.stem in args.only
    ]
    rows = [measure(path, args.peers.absolute()) for path in models]
    replace(
        "emulator",
        f"Machine: {machine()}. {SAMPLES} samples, one thread, medians of {ROUNDS} alternating "
        "rounds, millions of samples per second of CPU time:\n\n"
        + markdown(
            ["model", "alkaid operations", "our nodes", "graph", "native, floats",
             "native, integers", "alkaid 0.8.2", "ratio, floats", "ratio, integers",
             "same outputs", "build, s"],
            rows,
        ),
    )  # fmt: skip


if __name__ == "__main__":
    main()

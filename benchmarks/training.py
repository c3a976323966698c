"""Training steps and calibration, side by side with HGQ2: `make bench-training`.

    python -m benchmarks.training --peer PYTHON [--rounds 9]

PYTHON is the interpreter of an environment with HGQ2. Both libraries train the same networks, each
in its own process; rounds alternate between them, so that a busy machine slows both alike.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from benchmarks.tables import machine, markdown, replace

WORKER = Path(__file__).with_name("training_worker.py")
STEPS = [("mlp", 256), ("mlp", 4096), ("conv", 64), ("conv", 512), ("attention", 512)]
TRACES = [("mlp", 1024), ("conv", 1024), ("attention", 1024)]


@dataclass
class Worker:
    """A library in a process of its own."""

    python: str
    library: str
    process: subprocess.Popen[str] = field(init=False)

    def __post_init__(self) -> None:
        self.process = subprocess.Popen(
            [self.python, str(WORKER), self.library],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def seconds(self, what: str, network: str, batch: int) -> float:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps([what, network, batch]) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise SystemExit(f"{self.library} failed; its message is above")
        return float(json.loads(answer))


def row(name: str, batch: int, unit: float, ours: list[float], peer: list[float]) -> list[str]:
    """Medians and the median of the ratios of each round."""
    ratio = statistics.median(a / b for a, b in zip(ours, peer, strict=True))
    cells = (f"{statistics.median(t) / unit:.2f}" for t in (ours, peer))
    return [name, str(batch), *cells, f"{ratio:.2f}"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer", required=True, help="interpreter of an environment with HGQ2")
    parser.add_argument("--rounds", type=int, default=9)
    arguments = parser.parse_args()
    workers = [Worker(sys.executable, "hgq_rtl"), Worker(arguments.peer, "hgq")]
    console = Console(stderr=True)
    steps, traces = [], []
    with console.status("") as status:
        for name, batch in STEPS:
            for what, label in (("alone", name), ("step", f"{name}, in `fit`")):
                status.update(f"steps of {name}, batch {batch}")
                rounds = [
                    [w.seconds(what, name, batch) for w in workers]
                    for _ in range(arguments.rounds + 1)
                ][1:]  # the first one warms up
                steps.append(row(label, batch, 1e-3, *map(list, zip(*rounds, strict=True))))
        stock = [workers[0].seconds("alone", "stock mlp", 256) for _ in range(arguments.rounds + 1)]
        for name, batch in TRACES:
            status.update(f"trace of {name}")
            first, *later = ([w.seconds("trace", name, batch) for w in workers] for _ in range(4))
            traces.append(row(f"{name}, first", batch, 1, [first[0]], [first[1]]))
            traces.append(row(f"{name}, again", batch, 1, *map(list, zip(*later, strict=True))))
    replace(
        "training",
        f"Machine: {machine()}. Medians of {arguments.rounds} alternating rounds, JAX on CPU, "
        "default configurations, Adam, compiled before; ratios are medians over rounds. In `fit`, "
        "a step includes what Keras does around it, the same for both.\n\n"
        + markdown(["training step", "batch", "hgq_rtl, ms", "HGQ2 0.2.0, ms", "ratio"], steps)
        + "\n\nThe MLP of stock Keras layers, without any quantizer, at a batch of 256: "
        f"{statistics.median(stock[1:]) * 1e3:.2f} ms.\n\n`trace_minmax` over 20000 samples, "
        "compilation included: the first call in a process, and calls after it:\n\n"
        + markdown(["trace", "batch", "hgq_rtl, s", "HGQ2 0.2.0, s", "ratio"], traces),
    )


if __name__ == "__main__":
    main()

"""Accuracy against EBOPs on MNIST pooled to 7x7, beside HGQ2: `make bench-pareto MNIST=FILE`.

    python -m benchmarks.pareto --peer PYTHON --mnist FILE

FILE: an .npz with x_train, y_train, x_test, y_test, as Keras has them. Both libraries train the
same network with the same optimizer, batches and rising weight of EBOPs, from five seeds. Every few
epochs a copy of the model is calibrated on the training data, as it would be for hardware (without
it, WRAP quantizers wrap what the last batches did not show, which blurs every accuracy). A run's
front is the best test accuracy of all these copies within a budget of EBOPs.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from benchmarks.tables import FILE, machine, markdown, replace

WORKER = Path(__file__).with_name("pareto_worker.py")
SEEDS, EPOCHS, EVERY, SAMPLES = 8, 120, 3, 20_000
BETA = 1e-6, 3e-4
"""At the first and the last epoch, with a constant ratio between epochs."""
LEARNING_RATE = 5e-3
PLOT = FILE.with_name("pareto.svg")
BUDGETS = (4000, 6000, 8000, 12000, 16000, 32000, 64000)


def runs(python: str, library: str, data: Path) -> Any:
    """EBOPs and accuracies, (seed, 2, copy)."""
    settings = map(str, (SEEDS, EPOCHS, EVERY, SAMPLES, *BETA, LEARNING_RATE))
    command = [python, str(WORKER), library, str(data), *settings]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return np.array(json.loads(done.stdout.splitlines()[-1]))


def fronts(found: Any, budgets: Any) -> Any:
    """Best accuracy within each budget, in percent, (seed, budget); NaN where there is none."""
    fits = found[:, 0, None, :] <= np.asarray(budgets)[None, :, None]
    best = np.where(fits, found[:, 1, None, :], -1.0).max(axis=-1)
    return np.where(best < 0, np.nan, 100 * best)


def plot(found: dict[str, Any]) -> None:
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "pareto"  # the same file from the same numbers
    from matplotlib import pyplot

    budgets = np.geomspace(1500, 100000, 80)
    figure, axes = pyplot.subplots(figsize=(5, 4))
    for (name, run), color in zip(found.items(), ("tab:blue", "tab:orange"), strict=True):
        best = fronts(run, budgets)
        known = ~np.isnan(best).any(axis=0)
        mean, spread = best[:, known].mean(axis=0), best[:, known].std(axis=0)
        axes.semilogx(budgets[known], mean, color=color, label=name)
        axes.fill_between(budgets[known], mean - spread, mean + spread, color=color, alpha=0.25)
    axes.set(xlabel="EBOPs", ylabel="test accuracy, %")
    axes.legend()
    figure.tight_layout()
    figure.savefig(PLOT, metadata={"Date": None})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer", required=True, help="interpreter of an environment with HGQ2")
    parser.add_argument("--mnist", required=True, type=Path, help="the data, an .npz")
    arguments = parser.parse_args()
    interpreters = {"hgq_rtl": sys.executable, "hgq": arguments.peer}
    names = {"hgq_rtl": "hgq_rtl", "hgq": "HGQ2 0.2.0"}
    found = {}
    with Console(stderr=True).status("") as status:
        for library, python in interpreters.items():
            status.update(f"{SEEDS} seeds with {library}")
            found[names[library]] = runs(python, library, arguments.mnist)
    plot(found)
    rows = []
    for name, run in found.items():
        best = fronts(run, BUDGETS)
        cells = zip(best.mean(axis=0), best.std(axis=0), strict=True)
        rows.append([name, *("—" if np.isnan(m) else f"{m:.2f} ± {s:.2f}" for m, s in cells)])
    replace(
        "pareto",
        f"49-32-32-10, {SAMPLES} training images, {EPOCHS} epochs, Adam at {LEARNING_RATE:g}, "
        f"default configurations, β from {BETA[0]:g} to {BETA[1]:g}, {SEEDS} seeds; calibrated and "
        f"tested every {EVERY} epochs. Best test accuracy (%) within a budget of EBOPs, mean and "
        "standard deviation:\n\n"
        + markdown(["EBOPs", *map(str, BUDGETS)], rows)
        + f"\n\n![accuracy against EBOPs]({PLOT.name})\n\nMachine: {machine()}.",
    )


if __name__ == "__main__":
    main()

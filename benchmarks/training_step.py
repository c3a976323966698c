"""Time of a training step: QDense against plain Dense, the same network, batch and optimizer.

    python -m benchmarks.training_step [--batch 1024] [--rounds 15]

Prints milliseconds per step (jit warm, on the present Keras backend) as the median over rounds
that alternate between the networks, so that a busy machine slows all of them alike.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import hgq_rtl  # noqa: F401  (chooses the Keras backend before keras is imported)

# isort: split
import keras
import numpy as np

from hgq_rtl.config import QuantizerConfigScope
from hgq_rtl.layers import QDense

WIDTHS = (64, 32, 32, 5)
STEPS = 20
"""Steps per measurement: one epoch of this many batches."""


def network(dense: Callable[..., Any]) -> Any:
    """A 16-64-32-32-5 network, compiled."""
    keras.utils.set_random_seed(0)
    hidden = [dense(n, activation="relu") for n in WIDTHS[:-1]]
    model = keras.Sequential([keras.Input((16,)), *hidden, dense(WIDTHS[-1])])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(1e-3), loss, jit_compile=True)
    return model


def networks() -> dict[str, Any]:
    """What is compared."""
    made = {"Dense": network(keras.layers.Dense), "QDense": network(QDense)}
    with QuantizerConfigScope(default_q_type="kif", overflow_mode="SAT"):
        made["QDense, kif SAT"] = network(QDense)
    return made


def measure(models: dict[str, Any], batch: int, rounds: int) -> dict[str, float]:
    """Milliseconds per step of each model, the median of ``rounds``."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(batch * STEPS, 16)).astype(np.float32)
    y = rng.integers(0, WIDTHS[-1], batch * STEPS)
    times: dict[str, list[float]] = {name: [] for name in models}
    for n in range(rounds + 1):
        for name, model in models.items():
            start = time.perf_counter()
            model.fit(x, y, batch_size=batch, epochs=1, verbose=0, shuffle=False)
            if n:  # the first round compiles
                times[name].append((time.perf_counter() - start) / STEPS * 1e3)
    return {name: statistics.median(t) for name, t in times.items()}


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batch", type=int, nargs="+", default=[256, 1024, 8192])
    parser.add_argument("--rounds", type=int, default=15)
    arguments = parser.parse_args()
    models = networks()
    print(f"16-{'-'.join(map(str, WIDTHS))}, ms per step, {keras.backend.backend()}")
    for batch in arguments.batch:
        result = measure(models, batch, arguments.rounds)
        row = ", ".join(f"{k} {v:.2f} ({v / result['Dense']:.2f}x)" for k, v in result.items())
        print(f"batch {batch}: {row}")


if __name__ == "__main__":
    main()

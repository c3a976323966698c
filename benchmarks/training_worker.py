"""One library's side of benchmarks/training.py: builds a network and times it on request.

    python training_worker.py LIBRARY     (hgq_rtl or hgq, the import name of HGQ2)

Runs in the environment of its library and imports nothing else of this project. Reads one JSON
list per line, [what, network, batch], and answers with seconds: "step" is one training step of
`fit` (the mean of an epoch, compiled before), "alone" the compiled step without what Keras does
around it, "trace" one trace_minmax over TRACED samples.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from typing import Any

os.environ["KERAS_BACKEND"] = "jax"
LIBRARY = sys.argv[1]
importlib.import_module(LIBRARY)  # before keras, whose backend it chooses

import jax  # noqa: E402
import keras  # noqa: E402
import numpy as np  # noqa: E402

layers = importlib.import_module(f"{LIBRARY}.layers")
trace_minmax = importlib.import_module(f"{LIBRARY}.utils").trace_minmax

TRACED = 20_000
SECONDS = 0.4
"""About how long one measurement of steps lasts."""


def mlp() -> Any:
    """16-64-32-32-5."""
    hidden = [layers.QDense(n, activation="relu") for n in (64, 32, 32)]
    return keras.Sequential([keras.Input((16,)), *hidden, layers.QDense(5)])


def stock_mlp() -> Any:
    """The same of stock Keras layers, without quantizers."""
    hidden = [keras.layers.Dense(n, activation="relu") for n in (64, 32, 32)]
    return keras.Sequential([keras.Input((16,)), *hidden, keras.layers.Dense(5)])


def conv() -> Any:
    """16x16x1, two convolutions, a dense layer of ten."""
    return keras.Sequential(
        [
            keras.Input((16, 16, 1)),
            layers.QConv2D(8, 3, activation="relu"),
            keras.layers.MaxPooling2D(2),
            layers.QConv2D(16, 3, activation="relu"),
            keras.layers.Flatten(),
            layers.QDense(10),
        ]
    )


def attention() -> Any:
    """Eight tokens of eight features, two heads of four, a dense layer of five."""
    x = keras.Input((8, 8))
    y = layers.QMultiHeadAttention(2, 4)(x, x)
    return keras.Model(x, layers.QDense(5)(keras.layers.Flatten()(y)))


NETWORKS = {"mlp": mlp, "stock mlp": stock_mlp, "conv": conv, "attention": attention}


class Subject:
    """A compiled network and its data."""

    def __init__(self, name: str) -> None:
        keras.utils.set_random_seed(0)
        self.model = NETWORKS[name]()
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        self.model.compile(keras.optimizers.Adam(1e-3), loss, jit_compile=True)
        self.rng = np.random.default_rng(0)
        self.steps: dict[int, int] = {}
        self.state: Any = None
        self.compiled = jax.jit(self.model.train_step, donate_argnums=0)

    def data(self, rows: int) -> tuple[Any, Any]:
        shape = (rows, *self.model.input_shape[1:])
        x = self.rng.normal(size=shape).astype(np.float32)
        return x, self.rng.integers(0, self.model.output_shape[-1], rows)

    def step(self, batch: int) -> float:
        if batch not in self.steps:
            self.epoch(batch, 2)
            self.steps[batch] = max(3, min(300, int(SECONDS / self.epoch(batch, 10))))
        return self.epoch(batch, self.steps[batch])

    def alone(self, batch: int) -> float:
        self.step(batch)
        if self.state is None:
            kinds = ("trainable", "non_trainable", "optimizer", "metrics")
            names = {f"{kind}_variables": True for kind in kinds}
            state = self.model._get_jax_state(**names)
            self.state = jax.tree.map(lambda v: v + 0, state)  # a copy, which steps may overwrite
        data = (*map(jax.numpy.asarray, self.data(batch)), None)
        for n in (3, self.steps[batch]):
            start = time.perf_counter()
            for _ in range(n):
                _, self.state = self.compiled(self.state, data)
            jax.block_until_ready(self.state)
        return (time.perf_counter() - start) / n

    def epoch(self, batch: int, steps: int) -> float:
        x, y = self.data(batch * steps)
        start = time.perf_counter()
        self.model.fit(x, y, batch_size=batch, epochs=1, verbose=0, shuffle=False)
        return (time.perf_counter() - start) / steps

    def trace(self, batch: int) -> float:
        x, _ = self.data(TRACED)
        start = time.perf_counter()
        trace_minmax(self.model, x, batch_size=batch)
        return time.perf_counter() - start


def main() -> None:
    subjects: dict[str, Subject] = {}
    for line in sys.stdin:
        what, name, batch = json.loads(line)
        if name not in subjects:
            subjects[name] = Subject(name)
        print(json.dumps(getattr(subjects[name], what)(batch)), flush=True)


if __name__ == "__main__":
    main()

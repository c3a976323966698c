"""One library's side of benchmarks/pareto.py: accuracy and EBOPs after every epoch, as JSON.

python pareto_worker.py LIBRARY MNIST.npz     (hgq_rtl or hgq, the import name of HGQ2)
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from typing import Any

os.environ["KERAS_BACKEND"] = "jax"
LIBRARY = sys.argv[1]
SEEDS, EPOCHS, SAMPLES = map(int, sys.argv[3:6])
FIRST, LAST = map(float, sys.argv[6:8])
importlib.import_module(LIBRARY)  # before keras, whose backend it chooses

import keras  # noqa: E402
import numpy as np  # noqa: E402

layers = importlib.import_module(f"{LIBRARY}.layers")
sugar = importlib.import_module(f"{LIBRARY}.utils.sugar")


def pooled(images: Any) -> Any:
    """28x28 pixels, averaged to 7x7, of values up to 1, flat."""
    blocks = images.reshape(-1, 7, 4, 7, 4).mean((2, 4)) / 255
    return blocks.reshape(len(images), 49).astype(np.float32)


def network() -> Any:
    """49-32-32-10."""
    hidden = [layers.QDense(32, activation="relu") for _ in range(2)]
    return keras.Sequential([keras.Input((49,)), *hidden, layers.QDense(10)])


def beta(epoch: int) -> float:
    return float(FIRST * (LAST / FIRST) ** (epoch / (EPOCHS - 1)))


def main() -> None:
    with np.load(sys.argv[2], allow_pickle=False) as file:
        x, y = pooled(file["x_train"][:SAMPLES]), file["y_train"][:SAMPLES]
        test = pooled(file["x_test"]), file["y_test"]
    model = network()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(5e-3), loss, metrics=["accuracy"])
    runs = []
    for seed in range(SEEDS):
        keras.utils.set_random_seed(seed)
        model.set_weights(network().get_weights())  # compiled once for all seeds
        for variable in model.optimizer.variables if seed else ():
            if "learning_rate" not in variable.path:
                variable.assign(np.zeros(variable.shape))
        callbacks = [sugar.FreeEBOPs(), sugar.BetaScheduler(beta)]
        history = model.fit(
            x, y, batch_size=500, epochs=EPOCHS, validation_data=test, callbacks=callbacks,
            verbose=0, validation_batch_size=len(test[0]),
        ).history  # fmt: skip
        runs.append([[float(v) for v in history[n]] for n in ("ebops", "val_accuracy")])
    print(json.dumps(runs))


if __name__ == "__main__":
    main()

"""One library's side of benchmarks/pareto.py: EBOPs and accuracy of calibrated models, as JSON.

    python pareto_worker.py LIBRARY MNIST.npz SEEDS EPOCHS EVERY SAMPLES BETA BETA LEARNING_RATE

LIBRARY: hgq_rtl or hgq, the import name of HGQ2. After EVERY epochs a copy of the model is
calibrated on the training data and tested.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from typing import Any

os.environ["KERAS_BACKEND"] = "jax"
LIBRARY = sys.argv[1]
SEEDS, EPOCHS, EVERY, SAMPLES = map(int, sys.argv[3:7])
FIRST, LAST, LEARNING_RATE = map(float, sys.argv[7:10])
importlib.import_module(LIBRARY)  # before keras, whose backend it chooses

import keras  # noqa: E402
import numpy as np  # noqa: E402

layers = importlib.import_module(f"{LIBRARY}.layers")
trace_minmax = importlib.import_module(f"{LIBRARY}.utils").trace_minmax
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


def traced(model: Any, x: Any, test: Any) -> list[float]:
    """EBOPs and test accuracy after calibration on ``x``; the model stays as it was."""
    before = model.get_weights()
    ebops = trace_minmax(model, x, batch_size=len(x))
    accuracy = model.evaluate(*test, batch_size=len(test[0]), verbose=0, return_dict=True)
    model.set_weights(before)
    return [float(ebops), float(accuracy["accuracy"])]


def main() -> None:
    with np.load(sys.argv[2], allow_pickle=False) as file:
        x, y = pooled(file["x_train"][:SAMPLES]), file["y_train"][:SAMPLES]
        test = pooled(file["x_test"]), file["y_test"]
    model = network()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(LEARNING_RATE), loss, metrics=["accuracy"])
    runs = []
    for seed in range(SEEDS):
        keras.utils.set_random_seed(seed)
        model.set_weights(network().get_weights())  # compiled once for all seeds
        for variable in model.optimizer.variables if seed else ():
            if "learning_rate" not in variable.path:
                variable.assign(np.zeros(variable.shape))
        points = []
        for epoch in range(0, EPOCHS, EVERY):
            model.fit(
                x, y, batch_size=500, initial_epoch=epoch, epochs=epoch + EVERY, verbose=0,
                callbacks=[sugar.BetaScheduler(beta)],
            )  # fmt: skip
            points.append(traced(model, x, test))
        runs.append(np.transpose(points).tolist())
    print(json.dumps(runs))


if __name__ == "__main__":
    main()

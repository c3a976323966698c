"""Time and memory of lowering with passes, for convolutional networks and over the graph's size.

``python -m benchmarks.lowering [--models DIR]``: DIR holds conv_mnist14.keras, trained with HGQ 2;
without it that row is left out.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from time import perf_counter
from typing import Any

from rich.console import Console

from benchmarks.foundation import Laps, chain, in_a_process, peak_mib, per_node
from benchmarks.tables import machine, markdown, replace

DENSE_LAYERS = {"1k": 1, "10k": 12, "50k": 62, "200k": 250}
"""Dense 32x32 layers that make about so many nodes."""


def convolutions() -> Any:
    """28×28, two 3×3 convolutions of 8 and 16 channels, pooling, dense 10; random weights."""
    import keras  # hgq_rtl is there already, and has chosen the backend
    import numpy as np

    from hgq_rtl.config import QuantizerConfigScope
    from hgq_rtl.layers import QConv2D, QDense, QMaxPooling2D
    from hgq_rtl.utils import trace_minmax

    keras.utils.set_random_seed(1)
    with (
        QuantizerConfigScope(place="datalane", f0=3, heterogeneous_axis=()),
        QuantizerConfigScope(place=("weight", "bias"), b0=4, i0=0),
    ):
        model = keras.Sequential(
            [
                keras.Input((28, 28, 1)),
                QConv2D(8, 3, activation="relu", name="conv_1"),
                QConv2D(16, 3, activation="relu", name="conv_2"),
                QMaxPooling2D(4, name="pool"),
                keras.layers.Flatten(),
                QDense(10, name="scores", enable_oq=True),
            ],
            name="conv28",
        )
    trace_minmax(model, np.random.default_rng(0).uniform(0, 1, (64, 28, 28, 1)).astype("float32"))
    return model


def once(what: str) -> dict[str, float]:
    """Lower and optimise one network, in a process of its own; seconds, nodes, peak memory."""
    from hgq_rtl.compat.hgq2 import from_hgq2
    from hgq_rtl.lowering.model import lower
    from hgq_rtl.passes.pipeline import run

    model = convolutions() if what == "conv28" else from_hgq2(Path(what))
    start = perf_counter()
    lowered = lower(model)
    middle = perf_counter()
    graph, _ = run(lowered.graph)
    return {
        "lower": middle - start,
        "passes": perf_counter() - middle,
        "lowered": len(lowered.graph.nodes),
        "nodes": len(graph.nodes),
        "memory": peak_mib(),
    }


def chain_once(layers: int) -> dict[str, float]:
    """Lower and optimise a chain of dense layers; seconds by station, nodes, peak memory."""
    from hgq_rtl.passes.pipeline import run

    laps = Laps()
    lowered, _ = chain(layers)
    laps.lap("lower")
    graph, _ = run(lowered, progress=laps.passes)
    laps.passes("")
    return {"nodes": len(graph.nodes), "memory": peak_mib(), **laps.seconds}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--models", type=Path)
    parser.add_argument("--once")
    parser.add_argument("--chain", type=int)
    options = parser.parse_args()
    if options.once or options.chain:
        print(json.dumps(once(options.once) if options.once else chain_once(options.chain)))
        return
    wanted = {"28×28, conv 8, conv 16, pool, dense 10": "conv28"}
    if options.models:
        wanted = {"conv_mnist14": str(options.models / "conv_mnist14.keras"), **wanted}
    rows, scaling = [], {}
    with Console(stderr=True).status("") as status:
        for title, what in wanted.items():
            status.update(f"lowering {title}")
            run = in_a_process("benchmarks.lowering", "--once", what)
            counts = [f"{run[key]:.0f}" for key in ("lowered", "nodes", "memory")]
            rows.append([title, *counts, f"{run['lower']:.1f}", f"{run['passes']:.1f}"])
        for size, layers in DENSE_LAYERS.items():
            status.update(f"a dense chain of {size} nodes")
            scaling[size] = in_a_process("benchmarks.lowering", "--chain", layers)
    header = ["network", "nodes lowered", "after passes", "peak MiB", "lower, s", "passes, s"]
    replace(
        "lowering",
        f"Machine: {machine()}. One run each, in a process of its own, with a cold cache.\n\n"
        + markdown(header, rows)
        + "\n\nCost of each station on chains of random dense 32x32 layers, µs per node of the "
        "optimised graph:\n\n" + per_node(scaling),
    )


if __name__ == "__main__":
    main()

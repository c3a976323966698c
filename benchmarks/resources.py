"""Predicted against compiled LUTs of small networks: `make bench-resources`.

    python -m benchmarks.resources

For each network: the estimate that training can lower (`resource="luts"`), the EBOPs, and the
LUTs that the compiler reports. Random networks have random widths and weights, as training leaves
them: some inputs dead, many weights zero. Trained ones learn the bundled digits under a rising
weight of EBOPs. The constants of the estimate were fitted to networks of the same kinds with other
random numbers.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hgq_rtl as hr  # before keras, whose backend it chooses

# isort: split
import keras
import numpy as np
from rich.progress import track

from benchmarks.tables import FILE, machine, markdown, replace
from hgq_rtl.config import QuantizerConfig, QuantizerConfigScope
from hgq_rtl.layers import QAdd, QConv2D, QDense, QUnaryFunctionLUT
from hgq_rtl.utils import total_ebops, total_luts, trace_minmax
from hgq_rtl.utils.sugar import BetaScheduler

PLOT = FILE.with_name("resources.svg")
Model = Any


def randomized(model: Model, rng: Any, weights: tuple[int, int], lanes: tuple[int, int]) -> Model:
    """Random widths: bits of weights up to a most, with a share of zeros; fractions of lanes.

    Every hidden neuron is read by some other, as training leaves no other for long.
    """
    for layer in model.layers:
        for name, (least, most) in (("kq", weights), ("iq", lanes)):
            quantizer = getattr(layer, name, None)
            if quantizer is None or quantizer.is_dummy or not quantizer.config["trainable"]:
                continue
            fmt = quantizer.format
            n = rng.integers(least, most + 1, fmt.width_shape)
            if name == "kq":
                fmt._b.assign(n * (rng.random(fmt.width_shape) < rng.uniform(0.25, 0.95)))
                fmt._i.assign(np.ones(fmt.width_shape))
                layer.kernel.assign(rng.normal(0, 0.6, layer.kernel.shape))
                if layer is not model.layers[0]:
                    read_all(layer, rng)
            else:
                fmt._f.assign(n)
    return model


def read_all(layer: Any, rng: Any) -> None:
    """Give each input of ``layer`` a weight that is not zero."""
    dead = ~np.asarray(layer.qkernel).reshape(-1, layer.kernel.shape[-1]).any(axis=1)
    kernel, bits = (np.array(v).reshape(len(dead), -1) for v in (layer.kernel, layer.kq.format._b))
    for row in np.flatnonzero(dead):
        column = rng.integers(kernel.shape[1])
        kernel[row, column], bits[row, column] = 1.0, 2
    layer.kernel.assign(kernel.reshape(layer.kernel.shape))
    layer.kq.format._b.assign(bits.reshape(layer.kernel.shape))


def dense(sizes: tuple[int, ...], activation: str = "relu") -> Model:
    hidden = [QDense(n, activation=activation) for n in sizes[1:-1]]
    return keras.Sequential([keras.Input((sizes[0],)), *hidden, QDense(sizes[-1])])


def conv(size: int, channels: int, filters: int) -> Model:
    return keras.Sequential(
        [
            keras.Input((size, size, channels)),
            QConv2D(filters, 3, activation="relu"),
            keras.layers.Flatten(),
            QDense(4),
        ]
    )


def tables(n: int) -> Model:
    iq = QuantizerConfig("kif", i0=2, f0=3, overflow_mode="SAT")
    lut = QUnaryFunctionLUT("tanh", iq_conf=iq)
    return keras.Sequential([keras.Input((n,)), QDense(n), lut, QDense(3)])


def residual(n: int) -> Model:
    x = keras.Input((n,))
    y = QDense(n, activation="relu")(x)
    return keras.Model(x, QDense(3)(QAdd()([y, QDense(n)(y)])))


def random_networks() -> Iterator[tuple[str, Model]]:
    rng = np.random.default_rng(12)
    dense_sizes = [(6, 6, 3), (10, 12, 4), (16, 8, 8), (12, 24, 5), (20, 10, 2), (8, 20, 20, 4)]
    for number, sizes in enumerate(dense_sizes):
        for weights, lanes in (((1, 3), (1, 3)), ((3, 6), (2, 5))):
            name = (
                f"dense {'-'.join(map(str, sizes))}, weights of {weights[0]} to {weights[1]} bits"
            )
            with QuantizerConfigScope(
                place="datalane", overflow_mode="SAT" if number % 3 == 2 else "WRAP"
            ):
                yield name, randomized(dense(sizes), rng, weights, lanes)
    for size, channels, filters in ((5, 1, 3), (5, 2, 4), (4, 4, 6)):
        name = f"conv {size}×{size}×{channels}, {filters} filters"
        yield name, randomized(conv(size, channels, filters), rng, (1, 5), (1, 4))
    for n in (5, 10):
        yield f"tanh tables of {n}", randomized(tables(n), rng, (1, 5), (2, 4))
        yield f"residual of {n}", randomized(residual(n), rng, (1, 5), (1, 4))
    for sizes in ((6, 5, 3), (4, 10, 4)):
        name = f"tanh inside of dense {'-'.join(map(str, sizes))}"
        yield name, randomized(dense(sizes, "tanh"), rng, (1, 3), (1, 3))


def trained_networks() -> Iterator[tuple[str, Model]]:
    from examples import digits

    x, y, _, _ = digits.data()
    x = x.reshape(-1, 8, 8)[:, ::2, ::2].reshape(len(x), -1)
    for width, last in ((8, 1e-6), (8, 1e-5), (16, 1e-5), (16, 1e-4)):
        keras.utils.set_random_seed(100 + width)
        model = dense((16, width, 10))
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(keras.optimizers.Adam(1e-2), loss)
        beta = BetaScheduler(lambda epoch, last=last: 1e-8 * (last / 1e-8) ** (epoch / 60))
        model.fit(x, y, batch_size=256, epochs=60, callbacks=[beta], verbose=0)
        trace_minmax(model, x)
        yield f"trained 16-{width}-10, β to {last:g}", model


def main() -> None:
    warnings.simplefilter("ignore")
    rows: list[tuple[str, float, float, float]] = []
    networks = [*random_networks(), *trained_networks()]
    for name, model in track(networks):
        if not name.startswith("trained"):
            rng = np.random.default_rng(len(name))
            trace_minmax(model, rng.normal(0, 1, (500, *model.input_shape[1:])).astype(np.float32))
        compiled = hr.compile(model, clock_ns=5.0).report().facts["luts"]
        rows.append((name, total_ebops(model), total_luts(model), compiled))
        print(*rows[-1], flush=True)
    ebops, luts, compiled = (np.array([row[n] for row in rows]) for n in (1, 2, 3))
    quality = [
        [name, f"{np.corrcoef(p, compiled)[0, 1]:.3f}",
         f"{np.corrcoef(np.log(p), np.log(compiled))[0, 1]:.3f}",
         f"{np.exp(np.mean(np.log(p / compiled))):.2f}",
         f"{100 * (np.exp(np.std(np.log(p / compiled))) - 1):.0f} %"]
        for name, p in (("estimate", luts), ("EBOPs", ebops))
    ]  # fmt: skip
    plot(ebops, luts, compiled)
    replace(
        "resources",
        f"{len(rows)} networks, device xcvu13p-2, 5 ns. LUTs as the compiler's report has them.\n\n"
        + markdown(
            ["", "correlation", "of the logarithms", "mean ratio to compiled", "spread about it"],
            quality,
        )
        + f"\n\n![predicted against compiled LUTs]({PLOT.name})\n\n"
        + markdown(
            ["network", "EBOPs", "estimate", "compiled", "estimate/compiled"],
            [[n, f"{e:.0f}", f"{p:.0f}", f"{c:.0f}", f"{p / c:.2f}"] for n, e, p, c in rows],
        )
        + f"\n\nMachine: {machine()}.",
    )


def plot(ebops: Any, luts: Any, compiled: Any) -> None:
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "resources"  # the same file from the same numbers
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(5, 4))
    axes.loglog(compiled, ebops, "x", color="tab:gray", label="EBOPs")
    axes.loglog(compiled, luts, "o", color="tab:blue", label="estimate")
    ends = [compiled.min() / 1.5, compiled.max() * 1.5]
    axes.loglog(ends, ends, color="black", linewidth=0.7)
    axes.set(xlabel="compiled LUTs", ylabel="predicted")
    axes.legend()
    figure.tight_layout()
    figure.savefig(Path(PLOT), metadata={"Date": None})


if __name__ == "__main__":
    main()

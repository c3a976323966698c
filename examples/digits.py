"""Train a small network on handwritten digits, turn it into Verilog, and prove it in a simulator.

Real data (scikit-learn's bundled 8x8 digits, 1797 images), no download. Run it with
``make demo`` or ``python examples/digits.py``; the project is written to build/digits.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path
from time import perf_counter

import hgq_rtl as hr  # first: it picks the Keras backend

import keras  # isort: skip
import numpy as np
from rich.console import Console
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from hgq_rtl.config import LayerConfigScope, QuantizerConfig, QuantizerConfigScope
from hgq_rtl.layers import QDense
from hgq_rtl.utils import trace_minmax
from hgq_rtl.utils.sugar import BetaScheduler, FreeEBOPs, PBar, PieceWiseSchedule


def data() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Pixels in [0, 1] in steps of 1/16, and labels, split into train and test."""
    digits = load_digits()
    x = (digits.data / 16).astype("float32")
    x_train, x_test, y_train, y_test = train_test_split(
        x, digits.target, test_size=0.25, random_state=7, stratify=digits.target
    )
    return x_train, y_train, x_test, y_test


def network() -> keras.Model:
    """64-24-16-10 with a trainable width for every weight and every activation."""
    with (
        QuantizerConfigScope(place="weight", overflow_mode="SAT_SYM", b0=5, i0=1),
        QuantizerConfigScope(place="datalane", overflow_mode="WRAP", i0=1, f0=4),
        LayerConfigScope(enable_ebops=True, beta0=1e-6),
    ):
        return keras.Sequential(
            [
                keras.Input((64,), name="pixels"),
                QDense(24, activation="relu", name="hidden_1"),
                QDense(16, activation="relu", name="hidden_2"),
                QDense(
                    10,
                    name="scores",
                    enable_oq=True,
                    oq_conf=QuantizerConfig(fr=keras.regularizers.L1(1e-3)),
                ),
            ],
            name="digits",
        )


def main() -> None:
    """Run the whole way, from pixels to a proven circuit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=300)
    parser.add_argument("--clock-ns", type=float, default=3.0)
    parser.add_argument("--device", default="xcvu13p-2")
    parser.add_argument("--out", type=Path, default=Path("build/digits"))
    args = parser.parse_args()
    console = Console()
    start = perf_counter()

    keras.utils.set_random_seed(1)
    x_train, y_train, x_test, y_test = data()
    model = network()
    batch_size = 128
    steps = args.epochs * -(-len(x_train) // batch_size)
    model.compile(
        optimizer=keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(5e-3, steps)),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    # Beta weighs the resources against the accuracy: low at first, then ever higher.
    beta = PieceWiseSchedule([(0, 1e-7, "log"), (args.epochs, 1e-4, "constant")])
    model.fit(
        x_train,
        y_train,
        batch_size=batch_size,
        epochs=args.epochs,
        callbacks=[FreeEBOPs(), BetaScheduler(beta), PBar()],
        verbose=0,
    )
    ebops = trace_minmax(model, x_train)
    accuracy = float(np.mean(model.predict(x_test, verbose=0).argmax(-1) == y_test))
    console.print(f"trained in {perf_counter() - start:.0f} s")

    with console.status("compiling") as status:
        design = hr.compile(
            model, clock_ns=args.clock_ns, device=args.device, progress=status.update
        )
        status.update("writing Verilog")
        if (args.out / "manifest.json").exists():
            shutil.rmtree(args.out)
        project = design.write(args.out)
    console.print(design.report())
    result = project.verify(x_test)

    facts = design.report().facts
    worst = facts["worst_stage"]
    console.rule("digits: from pixels to a proven circuit")
    for label, value in {
        "test accuracy": f"{accuracy:.1%} (of the hardware too: it computes the same)",
        "EBOPs": f"{ebops:.0f}",
        "LUT estimate": f"{facts['luts']}",
        "flip-flops": f"{facts['flip_flops']} bits",
        "latency": f"{facts['latency_clocks']} clocks = {facts['latency_ns']:g} ns, II = 1",
        "worst stage": f"{worst['delay_ps']} ps of {args.clock_ns * 1000:.0f} ps",
        "co-simulated": f"{result.data} test images, {result.vectors} vectors in all",
        "mismatches": "0",
        "files": str(project.path),
        "time": f"{perf_counter() - start:.0f} s",
    }.items():
        console.print(f"  {label:<14} {value}", highlight=False)


if __name__ == "__main__":
    main()

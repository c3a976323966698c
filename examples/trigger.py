"""A trigger decision around a trained tagger: the network, a sum, thresholds, one Verilog design.

Three jets enter as integers; a small network tags each of them, and the event is kept if a tagged
jet is hard, or if there is much energy in all. Run it with ``python examples/trigger.py``; the
project is written to build/trigger and proven in a simulator.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import hgq_rtl as hr  # first: it picks the Keras backend

import keras  # isort: skip
import numpy as np

from hgq_rtl.layers import QDense
from hgq_rtl.utils import trace_minmax

JETS, FEATURES = 3, 4


def tagger(x: np.ndarray) -> keras.Model:
    """A network of four features and one score, calibrated on ``x`` (training is left out)."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((FEATURES,), name="features"),
            QDense(6, activation="relu", name="hidden"),
            QDense(1, name="score", enable_oq=True),
        ],
        name="tagger",
    )
    trace_minmax(model, x)
    return model


def design(clock_ns: float = 3.0) -> tuple[hr.Design, dict[str, np.ndarray]]:
    """The trigger, and events to check it with."""
    rng = np.random.default_rng(1)
    features = rng.normal(size=(200, JETS, FEATURES))
    events = {
        "features": np.round(features * 8) / 8,
        "pt": rng.integers(0, 256, (200, JETS)),
    }
    net = hr.as_function(tagger(events["features"].reshape(-1, FEATURES).astype("float32")))

    def trigger(features, pt):  # type: ignore[no-untyped-def]
        scores = np.concatenate([net(jet) for jet in features])
        tagged = (scores > 0.5) & (pt > 40)
        total = np.sum(np.where(pt > 20, pt, 0))
        return {
            "accept": np.any(tagged) | (total > 500),
            "tags": np.count_nonzero(tagged),
            "leading": {"pt": np.max(pt), "jet": np.argmax(pt)},
        }

    inputs = {
        "features": hr.FixedInput((JETS, FEATURES), (1, 3, 3), "RND", "SAT"),
        "pt": hr.FixedInput((JETS,), (0, 8, 0)),
    }
    return hr.trace(trigger, inputs, clock_ns=clock_ns), events


def main() -> None:
    """Compile, write and prove."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("build/trigger"))
    parser.add_argument("--random", type=int, default=1000, help="random vectors to simulate")
    args = parser.parse_args()
    trigger, events = design()
    print(trigger.report())
    decisions = trigger.predict(events)
    print(f"accepted {decisions['accept'].mean():.0%} of {len(decisions['accept'])} events")
    print(trigger.write(args.out, force=True).verify(events, random=args.random))


if __name__ == "__main__":
    main()
